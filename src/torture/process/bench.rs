//! What stands behind `post`, and how batches come there.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::Disk;
use crate::journal::Store;
use crate::pipeline::observe::Observer;
use crate::pipeline::parcel::Batch;
use crate::pipeline::persist::{Persist, Persisted};
use crate::pipeline::post::Next;
use crate::pipeline::stations::{StationFault, persist};
use crate::torture::sabotage::{Early, Sabotage};

/// What stands behind `post`: the batches that wait, and the journal.
pub(super) struct Bench {
    pub(super) persist: Persist<Early<Store<Disk>>>,
    pub(super) batches: VecDeque<Batch>,
    pub(super) persisted: VecDeque<Persisted>,
    pub(super) observer: Observer,
    pub(super) sabotage: Option<Sabotage>,
}

impl Bench {
    /// Make some batches durable with one sync.
    pub(super) fn persist(&mut self, most: usize) -> Result<(), StationFault> {
        let some = self.batches.drain(..most.min(self.batches.len())).collect();
        let persisted = persist(&mut self.persist, some, &self.observer)?;
        self.persisted.push_back(persisted);
        Ok(())
    }
}

/// Takes batches from `post`.
pub(super) struct ToBench<'a>(pub(super) &'a RefCell<Bench>);

impl Next for ToBench<'_> {
    fn hand_on(&mut self, mut batch: Batch) -> bool {
        let mut bench = self.0.borrow_mut();
        if bench.sabotage == Some(Sabotage::LoseLeg)
            && let Some(commit) = batch.commit.as_deref().and_then(Sabotage::without_leg)
        {
            batch.commit = Some(commit);
        }
        bench.batches.push_back(batch);
        true
    }
}
