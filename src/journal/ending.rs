//! How the runs before this one ended, as the journal tells it.
//!
//! A run begins with a start record and, if it ends in order, closes with a stop record. What a
//! restart must know to find a poison job: how often the daemon began and got nowhere, and which
//! job was being tried alone.

use crate::ids::{Hash128, Lineage};
use crate::ledger::{Commit, Record};

/// The end of the journal, in the sense of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Whether the last run closed with a stop record; so does a journal without any run.
    pub clean: bool,
    /// Runs that began since the last job was recorded or a run stopped in order.
    pub starts_without_progress: u32,
    /// The job that was tried alone and never recorded: hash of its message, line in it.
    pub marker: Option<(Hash128, u32)>,
    /// The lineage that a restore began and nobody has accepted yet.
    pub cut: Option<Lineage>,
}

impl Default for Ending {
    fn default() -> Self {
        Self {
            clean: true,
            starts_without_progress: 0,
            marker: None,
            cut: None,
        }
    }
}

impl Ending {
    /// Go on with the records of a commit.
    pub fn note(&mut self, commit: &Commit) {
        for record in &commit.records {
            match record {
                Record::Job(_) | Record::Duplicate(_) => {
                    self.clean = false;
                    self.starts_without_progress = 0;
                    self.marker = None;
                }
                Record::Start(_) => {
                    self.clean = false;
                    self.starts_without_progress = self.starts_without_progress.saturating_add(1);
                }
                Record::Marker { message, line } => self.marker = Some((*message, *line)),
                Record::Stop => {
                    *self = Self {
                        cut: self.cut,
                        ..Self::default()
                    };
                }
                // What the runs before the cut came to is past: these books begin anew.
                Record::Cut(cut) => {
                    *self = Self {
                        cut: Some(cut.lineage),
                        ..Self::default()
                    };
                }
                Record::Accepted { .. } => self.cut = None,
                Record::Setup(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Position;
    use crate::ledger::commit::{CutRecord, StartRecord};

    fn after(records: Vec<Record>) -> Ending {
        let mut ending = Ending::default();
        ending.note(&Commit {
            records,
            ..Commit::default()
        });
        ending
    }

    fn start() -> Record {
        Record::Start(StartRecord {
            version: "1".into(),
            build: "x".into(),
            after_unclean_stop: false,
        })
    }

    fn marker() -> Record {
        Record::Marker {
            message: Hash128(7),
            line: 3,
        }
    }

    #[test]
    fn starts_are_counted_until_something_was_recorded() {
        assert!(after(vec![]).clean);
        let thrice = after(vec![start(), start(), start()]);
        assert_eq!((thrice.clean, thrice.starts_without_progress), (false, 3));
        let ended = after(vec![start(), start(), Record::Stop]);
        assert_eq!(ended, Ending::default());
    }

    #[test]
    fn a_marker_outlives_the_crash_that_followed_it() {
        assert_eq!(after(vec![start(), marker()]).marker, Some((Hash128(7), 3)));
        let restarted = after(vec![start(), marker(), start()]);
        assert_eq!(restarted.marker, Some((Hash128(7), 3)));
        assert_eq!(after(vec![marker(), Record::Stop]).marker, None);
    }

    #[test]
    fn a_cut_forgets_the_runs_before_it_and_waits_to_be_accepted() {
        let lineage = Lineage(1);
        let cut = || {
            Record::Cut(CutRecord {
                lineage,
                kept: Position(5),
                known: Position(5),
                missing: 0,
            })
        };
        let ending = after(vec![start(), start(), marker(), cut()]);
        let expected = Ending {
            cut: Some(lineage),
            ..Ending::default()
        };
        assert_eq!(ending, expected);
        assert_eq!(after(vec![cut(), Record::Stop]).cut, Some(lineage));
        assert_eq!(after(vec![cut(), Record::Accepted { lineage }]).cut, None);
    }
}
