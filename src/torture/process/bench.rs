//! What stands behind `post`, and how batches come there.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::Disk;
use crate::journal::{JournalFault, Store};
use crate::pipeline::observe::Observer;
use crate::pipeline::parcel::Batch;
use crate::pipeline::persist::{Group, Persist, Persisted};
use crate::pipeline::post::Next;
use crate::pipeline::stations::{StationFault, persist};
use crate::torture::sabotage::{Early, Sabotage};

/// What stands behind `post`: the batches that wait, and the journal.
pub(super) struct Bench {
    pub(super) persist: Persist<Early<Store<Disk>>>,
    pub(super) batches: VecDeque<Batch>,
    /// Batches that found no room.
    pub(super) group: Option<Group>,
    /// Whether nothing more can come in, so that waiting for room is over.
    pub(super) is_ending: bool,
    pub(super) persisted: VecDeque<Persisted>,
    pub(super) observer: Observer,
    pub(super) sabotage: Option<Sabotage>,
}

impl Bench {
    /// Make some batches durable with one sync. What has no room waits, until there is some or the
    /// process ends.
    pub(super) fn persist(&mut self, most: usize) -> Result<(), StationFault> {
        let most = most.min(self.batches.len());
        let group = self
            .group
            .get_or_insert_with(|| self.batches.drain(..most).collect::<Vec<_>>().into());
        match persist(&mut self.persist, group, &self.observer) {
            Err(JournalFault::NoRoom(_)) if !self.is_ending => return Ok(()),
            persisted => self.persisted.push_back(persisted?),
        }
        self.group = None;
        Ok(())
    }

    /// Whether there is something to persist.
    pub(super) fn has_work(&self) -> bool {
        self.group.is_some() || !self.batches.is_empty()
    }

    /// Whether what is to be persisted waits for room.
    pub(super) fn waits_for_room(&self) -> bool {
        self.group.is_some()
    }
}

/// Takes batches from `post`.
pub(super) struct ToBench<'a>(pub(super) &'a RefCell<Bench>);

impl Next for ToBench<'_> {
    fn hand_on(&mut self, mut batch: Batch) -> bool {
        let mut bench = self.0.borrow_mut();
        let changed = batch
            .commit
            .as_deref()
            .and_then(|commit| match bench.sabotage {
                Some(Sabotage::LoseLeg) => Sabotage::without_leg(commit),
                Some(Sabotage::ForgetDecided) => Sabotage::without_decided(commit),
                Some(_) | None => None,
            });
        if changed.is_some() {
            batch.commit = changed;
        }
        bench.batches.push_back(batch);
        true
    }
}
