//! A disk whose syncs lie: what may be expected of it.

use super::fault::Fault;
use super::world::World;
use crate::simulator::disk::Accident;

/// What the syncs of a disk were worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Syncs {
    /// What they said was so.
    True,
    /// One has lied.
    Lied,
    /// One that lied has cost so much that no start will do: somebody has to restore.
    LostTheJournal,
}

impl World {
    /// Remember if a sync has lied.
    pub(super) fn look_for_lies(&mut self) {
        if !self.has_lied() && self.disk.met().contains_key(&Accident::Lie) {
            self.syncs = Syncs::Lied;
            self.reader = None;
        }
    }

    /// Whether a sync has lied.
    pub(super) fn has_lied(&self) -> bool {
        self.syncs >= Syncs::Lied
    }

    /// Whether the sync of the journal has lied and what tells how far it was durable may be gone
    /// as well, by another lie, with its name, or because it is not synced itself: then nobody can
    /// know what the power took.
    pub(super) fn nobody_can_know(&self) -> bool {
        let lies = self.disk.met().get(&Accident::Lie).copied();
        let lost_a_name = self.tally.contains_key(&Fault::LostName);
        lies.is_some_and(|lies| lies > 1 || lost_a_name || !self.left_proof)
    }

    /// Whether no start will do any more.
    pub(super) fn is_lost(&self) -> bool {
        self.syncs == Syncs::LostTheJournal
    }
}
