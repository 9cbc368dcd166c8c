//! How the runs before this one ended, as the journal tells it.
//!
//! A run begins with a start record and, if it ends in order, closes with a stop record. From these
//! a start knows whether the daemon has fallen twice without having got anywhere in between: then a
//! job may be what it falls over, and they are taken one at a time (see
//! [`marker`](super::marker)).

use crate::ids::Lineage;
use crate::ledger::{Commit, Record};

/// The end of the journal, in the sense of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Whether the last run closed with a stop record; so does a journal without any run.
    pub clean: bool,
    /// Whether the last run began after one that had not.
    pub after_unclean: bool,
    /// Jobs of messages that the last run recorded for the first time.
    pub recorded: u64,
    /// The lineage that a restore began and nobody has accepted yet.
    pub cut: Option<Lineage>,
}

impl Default for Ending {
    fn default() -> Self {
        Self {
            clean: true,
            after_unclean: false,
            recorded: 0,
            cut: None,
        }
    }
}

impl Ending {
    /// Go on with the records of a commit.
    pub fn note(&mut self, commit: &Commit) {
        for record in &commit.records {
            match record {
                Record::Job(job) if job.event.is_none() => {
                    self.clean = false;
                    self.recorded = self.recorded.saturating_add(1);
                }
                // What came again, and what the engine did by itself, took nothing off the queue.
                Record::Job(_) | Record::Duplicate(_) => self.clean = false,
                Record::Start(start) => {
                    *self = Self {
                        clean: false,
                        after_unclean: start.after_unclean_stop,
                        recorded: 0,
                        cut: self.cut,
                    };
                }
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
                Record::Setup(_) | Record::Letters(_) => {}
            }
        }
    }

    /// Whether the last two stops were no stops in order, with less than one window of jobs
    /// recorded between them. What was open at the first of them is then still to come, and one of
    /// these jobs may have been the reason both times. A run that recorded more than was open has
    /// passed it.
    pub fn got_nowhere(&self, window: u64) -> bool {
        !self.clean && self.after_unclean && self.recorded < window
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{BookIndex, Position};
    use crate::journal::testing::entry_commit;
    use crate::ledger::Reply;
    use crate::ledger::commit::{CutRecord, DuplicateRecord, StartRecord};

    fn start(after_unclean_stop: bool) -> Record {
        Record::Start(StartRecord {
            version: "1".into(),
            build: "x".into(),
            after_unclean_stop,
        })
    }

    /// Runs that recorded so many jobs each and fell; what the start after them finds.
    fn fallen(runs: &[u64]) -> Ending {
        let mut ending = Ending::default();
        for jobs in runs {
            let records = vec![start(!ending.clean)];
            let begun = Commit {
                records,
                ..Commit::default()
            };
            ending.note(&begun);
            (0..*jobs).for_each(|job| ending.note(&entry_commit(job + 1, job + 1)));
        }
        ending
    }

    #[test]
    fn two_falls_with_less_than_a_window_between_them_got_nowhere() {
        for (runs, nowhere) in [
            (&[][..], false),
            (&[0][..], false),
            (&[1_000][..], false),
            (&[0, 0][..], true),
            // How long it ran before the first fall does not matter.
            (&[1_000, 99][..], true),
            (&[0, 100][..], false),
            (&[0, 0, 0, 0][..], true),
            (&[0, 0, 100][..], false),
            (&[0, 100, 0][..], true),
        ] {
            assert_eq!(fallen(runs).got_nowhere(100), nowhere, "{runs:?}");
        }
    }

    #[test]
    fn what_came_again_is_no_progress() {
        let mut ending = fallen(&[0, 0]);
        let mut again = entry_commit(1, 1);
        for record in &mut again.records {
            if let Record::Job(job) = record {
                job.event = Some("hold.expired".into());
            }
        }
        let reply = Reply {
            to: "shop".into(),
            correlation_id: None,
        };
        again
            .records
            .push(Record::Duplicate(Box::new(DuplicateRecord {
                book: BookIndex(0),
                key: "k".into(),
                first: Position(1),
                reply,
            })));
        (0..200).for_each(|_| ending.note(&again));
        assert!(ending.got_nowhere(100));
    }

    #[test]
    fn a_stop_in_order_ends_the_matter() {
        let mut ending = fallen(&[0, 0]);
        ending.note(&Commit {
            records: vec![Record::Stop],
            ..Commit::default()
        });
        assert_eq!(ending, Ending::default());
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
        let after = |records: Vec<Record>| {
            let mut ending = fallen(&[0, 0]);
            ending.note(&Commit {
                records,
                ..Commit::default()
            });
            ending
        };
        let expected = Ending {
            cut: Some(lineage),
            ..Ending::default()
        };
        assert_eq!(after(vec![cut()]), expected);
        assert_eq!(after(vec![cut(), start(false)]).cut, Some(lineage));
        assert_eq!(after(vec![cut(), Record::Stop]).cut, Some(lineage));
        assert_eq!(after(vec![cut(), Record::Accepted { lineage }]).cut, None);
    }
}
