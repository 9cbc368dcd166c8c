//! Which jobs may be condemned for ending the process: those that a process ended in the middle of.
//!
//! A fall with a panic's last word condemns; one without a word is a strike, and two do. They count
//! within one boot of the machine. The marker's bytes are read here once more.

use std::collections::BTreeMap;

use super::Witness;

/// Hash of a message, and a line in it.
type Mark = (u128, u32);

const SLOT_STEP: usize = 512;

/// Strikes in this boot.
#[derive(Debug, Default)]
pub(super) struct Strikes(BTreeMap<Mark, u64>);

impl Witness {
    /// The process has ended in the middle of a step, and leaves this marker.
    pub fn falls(&mut self, marker: &[u8]) {
        for slot in [0, SLOT_STEP] {
            let Some((weight, mark)) = marker.get(slot..).and_then(tried) else {
                continue;
            };
            let strikes = self.strikes.0.entry(mark).or_default();
            *strikes = strikes.saturating_add(weight);
        }
    }

    /// Nothing that was known of jobs before counts any more.
    pub fn machine_went_down(&mut self) {
        self.strikes.0.clear();
    }

    /// Whether a part of a message may be set aside for ending the process.
    pub(super) fn may_be_condemned(&self, body: &[u8], line: u32) -> bool {
        let mark = (crate::broker::message_hash(body), line);
        let strikes = self.strikes.0.get(&mark).copied();
        strikes.unwrap_or_default() >= 2
    }
}

/// The job that a slot says was being tried, and what that weighs.
fn tried(slot: &[u8]) -> Option<(u64, Mark)> {
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
