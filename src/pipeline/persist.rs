//! Persist: commits to stable storage, many with one sync.
//!
//! Takes every commit that waits, appends them, syncs once and moves the durable frontier. Only
//! then does anything of them go on: this file alone can make the proof that acknowledging and
//! publishing ask for. A fault of the journal ends the process; nothing of the batch has left by
//! then.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::parcel::Batch;
use crate::ids::Position;
use crate::journal::{Journal, JournalFault, Room};

/// Proof that everything up to a position is on stable storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable(Position);

impl Durable {
    /// Up to where.
    pub fn position(self) -> Position {
        self.0
    }

    #[cfg(test)]
    pub(super) fn for_test(position: Position) -> Self {
        Self(position)
    }
}

/// The durable frontier as other threads see it.
#[derive(Clone, Debug, Default)]
pub struct Frontier(Arc<AtomicU64>);

impl Frontier {
    /// A frontier that stands at what recovery found.
    pub fn at(position: Position) -> Self {
        Self(Arc::new(AtomicU64::new(position.0)))
    }

    /// Up to where everything is durable.
    pub fn position(&self) -> Position {
        Position(self.0.load(Ordering::Acquire))
    }
}

/// Batches whose commits are durable, with the proof.
#[derive(Debug)]
pub struct Persisted {
    /// The proof.
    pub proof: Durable,
    /// The batches, in order.
    pub batches: Vec<Batch>,
}

/// What one flush did, for metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flushed {
    /// Bytes appended.
    pub bytes: u64,
    /// How long appending and syncing took.
    pub took: Duration,
}

/// The station.
#[derive(Debug)]
pub struct Persist<J> {
    journal: J,
    durable: Durable,
    frontier: Frontier,
    /// Whether nothing was appended since the journal rested.
    rested: bool,
}

impl<J: Journal> Persist<J> {
    /// A station whose journal is durable up to a position.
    pub fn new(journal: J, durable: Position, frontier: Frontier) -> Self {
        Self {
            journal,
            durable: Durable(durable),
            frontier,
            rested: true,
        }
    }

    /// The frontier that the station moves.
    pub fn frontier(&self) -> Frontier {
        self.frontier.clone()
    }

    /// The journal.
    pub fn journal(&mut self) -> &mut J {
        &mut self.journal
    }

    /// Make the commits of all batches durable with one sync.
    pub fn persist(&mut self, batches: Vec<Batch>) -> Result<Persisted, JournalFault> {
        self.persist_when(batches, &mut |_reason| false)
    }

    /// The same; where there is no room for a commit, `wait` says whether to try again.
    pub fn persist_when(
        &mut self,
        batches: Vec<Batch>,
        wait: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Persisted, JournalFault> {
        let mut appended = false;
        for commit in batches.iter().filter_map(|batch| batch.commit.as_deref()) {
            self.rested = false;
            loop {
                match self.journal.append(commit) {
                    Err(JournalFault::NoRoom(reason)) if wait(&reason) => {}
                    other => break other?,
                }
            }
            appended = true;
        }
        if appended {
            self.durable = Durable(self.journal.flush()?);
            self.frontier.0.store(self.durable.0.0, Ordering::Release);
        }
        Ok(Persisted {
            proof: self.durable,
            batches,
        })
    }

    /// Whether the end of the journal has been sealed since the last commit.
    pub fn has_rested(&self) -> bool {
        self.rested
    }

    /// To be called when nothing has come for a while, and at the end.
    pub fn rest(&mut self) -> Result<(), JournalFault> {
        self.journal.rest()?;
        self.rested = true;
        Ok(())
    }

    /// Whether the journal has room for more.
    pub fn room(&mut self) -> Result<Room, JournalFault> {
        self.journal.room()
    }
}
