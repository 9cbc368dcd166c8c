//! Jobs that end the process: which of them may be set aside for it, which must be by now, and when
//! jobs go one at a time.
//!
//! After two runs in a row that did not end in order jobs go alone, if the second of them recorded
//! less than one window, or if it ended in the middle of a job that went alone. There a fall with a
//! panic's last word condemns the job; one without a word is a strike, and two do, unless it was
//! tried well in between. So a job that panics has felled the process once among others, once more
//! for the second run, and once alone: at the fourth start it is aside. Verdicts count within one
//! boot of the machine, and as long as jobs go alone. The marker's bytes and the journal's runs are
//! read here once more.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checked, Witness, finding};
use crate::ledger::{Commit, Record};

/// Hash of a message, and a line in it.
type Mark = (u128, u32);

const SLOT_STEP: usize = 512;
/// So many verdicts are remembered.
const FOUND_MAX: usize = 6;
/// So many strikes are.
const STRUCK_MAX: usize = 16;

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    jobs: u64,
    stopped: bool,
}

/// Strikes in this boot.
#[derive(Debug, Default)]
pub(super) struct Strikes {
    weights: BTreeMap<Mark, u64>,
    /// Jobs that must not fell a process any more.
    found: BTreeSet<Mark>,
    /// Jobs with a strike.
    struck: BTreeSet<Mark>,
    runs: Vec<Run>,
}

impl Witness {
    /// The records of a commit, in the sense of runs.
    pub(super) fn runs(&mut self, commit: &Commit) {
        let runs = &mut self.strikes.runs;
        for record in &commit.records {
            match (record, runs.last_mut()) {
                (Record::Start(_), _) => runs.push(Run::default()),
                (Record::Job(job), Some(run)) if job.event.is_none() => {
                    run.jobs = run.jobs.saturating_add(1);
                }
                (Record::Stop, Some(run)) => run.stopped = true,
                (Record::Cut(_), _) => runs.clear(),
                _ => {}
            }
        }
    }

    /// A run has begun whose window has so many messages; with what the marker said before it, if
    /// nobody has damaged that. It takes messages one at a time or all at once.
    pub fn runs_alone(&mut self, alone: bool, window: u64, named: Option<bool>) -> Checked {
        let strikes = &mut self.strikes;
        let nowhere = match strikes.runs.as_slice() {
            [.., before, last, _this] => !before.stopped && !last.stopped && last.jobs < window,
            _ => false,
        };
        if !alone {
            strikes.forget();
        }
        let Some(named) = named else {
            // Whoever damages the marker may have taken a verdict away.
            strikes.found.clear();
            strikes.struck.clear();
            return Ok(());
        };
        if alone == (nowhere || named) {
            return Ok(());
        }
        finding(format!(
            "jobs go alone: {alone}; two runs before got nowhere: {nowhere}, the last one ended \
             in the middle of a job that went alone: {named}"
        ))
    }

    /// The process has ended in the middle of a step, perhaps over a job, and leaves this marker.
    pub fn falls(&mut self, marker: &[u8], over_a_job: bool) -> Checked {
        let strikes = &mut self.strikes;
        for (weight, mark) in named(marker) {
            if over_a_job && strikes.found.contains(&mark) {
                return finding(format!(
                    "line {} of a message fells the process, and was found to do so before",
                    mark.1
                ));
            }
            let known = strikes.weights.entry(mark).or_default();
            *known = known.saturating_add(weight);
            let again = !strikes.struck.insert(mark);
            // What ends every process that tries it was not tried well in between.
            if weight > 1 || over_a_job && again {
                strikes.found.insert(mark);
            }
        }
        if strikes.found.len() > FOUND_MAX || strikes.struck.len() > STRUCK_MAX {
            strikes.found.clear();
            strikes.struck.clear();
        }
        Ok(())
    }

    /// Nothing that was known of jobs before counts any more.
    pub fn forgets_falls(&mut self) {
        self.strikes.forget();
    }

    /// Whether a part of a message may be set aside for ending the process.
    pub(super) fn may_be_condemned(&self, body: &[u8], line: u32) -> bool {
        let mark = (crate::broker::message_hash(body), line);
        let weight = self.strikes.weights.get(&mark).copied();
        weight.unwrap_or_default() >= 2
    }
}

impl Strikes {
    fn forget(&mut self) {
        self.weights.clear();
        self.found.clear();
        self.struck.clear();
    }
}

/// The jobs that a marker says were being tried, and what that weighs.
fn named(marker: &[u8]) -> impl Iterator<Item = (u64, Mark)> {
    let slots = [0, SLOT_STEP].into_iter();
    slots.filter_map(|slot| tried(marker.get(slot..)?))
}

/// Whether a marker names a job that was being tried in this boot.
pub fn names_a_job(marker: &[u8], boot: u128) -> bool {
    let slots = [0, SLOT_STEP].into_iter();
    let mut slots = slots.filter_map(|slot| marker.get(slot..));
    slots.any(|slot| tried(slot).is_some() && slot.get(28..44) == Some(&boot.to_le_bytes()))
}

/// The job that a slot says was being tried, and what that weighs. A slot that was half written
/// says nothing.
fn tried(slot: &[u8]) -> Option<(u64, Mark)> {
    let sum = u32::from_le_bytes(slot.get(60..64)?.try_into().ok()?);
    if sum != checksum(slot.get(..60)?) {
        return None;
    }
    let weight = match slot.get(6)? {
        1 => 1,
        2 => 2,
        _ => return None,
    };
    let message = slot.get(8..24)?.try_into().ok()?;
    let line = slot.get(24..28)?.try_into().ok()?;
    Some((
        weight,
        (u128::from_le_bytes(message), u32::from_le_bytes(line)),
    ))
}

/// CRC-32 of Castagnoli, bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum % 2 == 1 {
                (sum >> 1) ^ 0x82f6_3b78
            } else {
                sum >> 1
            }
        })
    });
    !sum
}
