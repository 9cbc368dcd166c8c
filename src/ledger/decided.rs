//! Jobs that belong to another one: the one that it carries inside, and the one that it decides.

use super::effect::KeptJob;
use super::plan::{Asserted, Plan};
use super::rejection::Rejection;
use crate::ids::Hash128;

/// What is known of a job that came inside another one.
#[derive(Clone, Copy, Debug)]
pub struct Inside<'a> {
    /// Its fingerprint, as if it had come by itself.
    pub fingerprint: Hash128,
    /// Its content, in binary form with sealed texts.
    pub content: &'a [u8],
    /// Whether its key came before, or waits for an outcome.
    pub key_taken: bool,
}

/// A job with a key of its own that a plan decides: what becomes of it is an outcome of its own,
/// right behind that of the job that decides.
#[derive(Debug)]
pub struct Decided {
    /// The job.
    pub job: KeptJob,
    /// Why it is not done.
    pub refusal: Option<Rejection>,
    /// If it is done, the effects of the plan behind so many are its own.
    pub effects: usize,
}

impl Plan {
    /// Take in the plan of another job behind this one's own effects: the outcome is that of the
    /// other, and what this one shows follows.
    pub fn take_in(&mut self, other: Self) {
        let (legs, effects) = (self.legs_end(), self.effects.len());
        self.legs.extend(other.legs);
        let shifted = other.effects.into_iter().map(|effect| effect.shifted(legs));
        self.effects.extend(shifted);
        self.asserted
            .extend(other.asserted.into_iter().map(|one| Asserted {
                effects: one.effects.saturating_add(effects),
                ..one
            }));
        (self.status, self.waive_limits) = (other.status, other.waive_limits);
        (self.booking_date, self.value_date) = (other.booking_date, other.value_date);
        let own = std::mem::replace(&mut self.members, other.members);
        self.members.extend(own);
        self.expected.extend(other.expected);
    }
}
