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

/// Batches on their way to the disk under one sync, and how far they have come.
#[derive(Debug, Default)]
pub struct Group {
    batches: Vec<Batch>,
    /// So many of them need not be appended any more.
    begun: usize,
    /// Whether a commit of them was.
    appended: bool,
}

impl From<Vec<Batch>> for Group {
    fn from(batches: Vec<Batch>) -> Self {
        Self {
            batches,
            begun: 0,
            appended: false,
        }
    }
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

    /// Make the commits of a group durable with one sync. After [`JournalFault::NoRoom`] the same
    /// group may be handed in again, and goes on where it stopped.
    pub fn persist(&mut self, group: &mut Group) -> Result<Persisted, JournalFault> {
        let left = group.batches.iter().skip(group.begun);
        for commit in left.map(|batch| batch.commit.as_deref()) {
            if let Some(commit) = commit {
                self.rested = false;
                self.journal.append(commit)?;
                group.appended = true;
            }
            group.begun = group.begun.saturating_add(1);
        }
        if group.appended {
            self.durable = Durable(self.journal.flush()?);
            self.frontier.0.store(self.durable.0.0, Ordering::Release);
            group.appended = false;
        }
        group.begun = 0;
        Ok(Persisted {
            proof: self.durable,
            batches: std::mem::take(&mut group.batches),
        })
    }

    /// Whether the end of the journal has been sealed since the last commit.
    pub fn has_rested(&self) -> bool {
        self.rested
    }

    /// To be called when nothing has come for a while, and at the end. Where there is no room for a
    /// seal the end stays as it is: what is durable needs none.
    pub fn rest(&mut self) -> Result<(), JournalFault> {
        match self.journal.rest() {
            Ok(()) => self.rested = true,
            Err(JournalFault::NoRoom(_)) => {}
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    /// Whether the journal has room for more.
    pub fn room(&mut self) -> Result<Room, JournalFault> {
        self.journal.room()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::books;
    use crate::engine::Engine;
    use crate::journal::file::{Evidence, FileJournal, Options, Until};
    use crate::journal::waypoints::Waypoints;
    use crate::journal::{Commits, Store};
    use crate::ledger::Record;
    use crate::simulator::disk::SimulatedDisk;
    use crate::time::Timestamp;

    type OnDisk = Persist<Store<SimulatedDisk>>;

    /// A station over a disk.
    fn station(segment_bytes: u64) -> (OnDisk, Engine, SimulatedDisk) {
        let disk = SimulatedDisk::new(1);
        let options = Options { segment_bytes };
        let (file, _new) = FileJournal::open(disk.clone(), options, Evidence::default()).unwrap();
        let store = Store::new(file, disk.clone(), Waypoints::default(), 0);
        let station = Persist::new(store, Position(0), Frontier::default());
        (station, books::empty(), disk)
    }

    fn batch(engine: &mut Engine) -> Batch {
        let mut commit = engine.begin(Timestamp(1));
        engine.note(Record::Stop, &mut commit);
        engine.finish(&mut commit);
        Batch {
            commit: Some(Arc::new(commit)),
            posted: Vec::new(),
            again: Vec::new(),
        }
    }

    /// Fill the disk, and segments by groups of so many commits, until one has no room.
    fn filled(
        commits: usize,
        (station, engine, disk): (&mut OnDisk, &mut Engine, &SimulatedDisk),
    ) -> Group {
        disk.set_capacity(disk.used_bytes());
        for _ in 0..1_000 {
            let batches: Vec<Batch> = (0..commits).map(|_| batch(engine)).collect();
            let mut group = Group::from(batches);
            match station.persist(&mut group) {
                Ok(_) => {}
                Err(JournalFault::NoRoom(_)) => return group,
                Err(fault) => panic!("{fault}"),
            }
        }
        panic!("there was always room");
    }

    #[test]
    fn a_group_without_room_goes_on_where_it_stopped() {
        // With room for none, one and two of the three commits of the last group.
        for more in 0..12 {
            let (mut station, mut engine, disk) = station((4 << 10) + 64 * more);
            let mut group = filled(3, (&mut station, &mut engine, &disk));
            for _ in 0..3 {
                let again = station.persist(&mut group);
                assert!(matches!(again, Err(JournalFault::NoRoom(_))), "{again:?}");
            }
            disk.set_capacity(u64::MAX);
            let persisted = station.persist(&mut group).unwrap();
            let last = Position(engine.next_position().0 - 1);
            let found = (persisted.proof.position(), persisted.batches.len());
            assert_eq!(found, (last, 3));
            // Each commit stands there once: the reader would miss or find a position otherwise.
            let disk = disk.restart();
            let mut commits = Commits::from_position(disk, Position(1), Until::End).unwrap();
            let mut found = Position(0);
            while let Some(next) = commits.next().unwrap() {
                found = next.commit.last();
            }
            assert_eq!(found, last);
        }
    }

    #[test]
    fn no_room_for_a_seal_is_no_fault() {
        let mut found = 0;
        for more in 0..12 {
            let (mut station, mut engine, disk) = station((4 << 10) + 64 * more);
            drop(filled(1, (&mut station, &mut engine, &disk)));
            station.rest().unwrap();
            if !station.has_rested() {
                found += 1;
                disk.set_capacity(u64::MAX);
                assert_eq!(station.room().unwrap(), Room::Enough);
                station.rest().unwrap();
                assert!(station.has_rested());
            }
        }
        assert!(found > 0, "every seal had room");
    }
}
