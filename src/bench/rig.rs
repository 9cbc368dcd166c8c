//! What the benchmarks put around the real stations: a journal in a directory, no past, no texts.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ids::{AccountIndex, BookIndex, EntryNo, KindCode, Position};
use crate::jobs::JobData;
use crate::jobs::catalogue::kind_name;
use crate::journal::file::disk::OsDisk;
use crate::journal::file::{Evidence, Fault, FileJournal, Options};
use crate::journal::store::Store;
use crate::journal::waypoints::Waypoints;
use crate::journal::{History, Journal, JournalFault, Room};
use crate::ledger::Commit;
use crate::ledger::plan::{Movement, PastEntry};
use crate::pipeline::decode::{Sealer, Subject};
use crate::pipeline::observe::Observer;
use crate::pipeline::post::Past;
use crate::telemetry::{Known, Metrics};
use crate::time::SystemClock;
use crate::vault::VaultFault;

/// What a journal has done, seen from outside while a station owns it.
#[derive(Debug, Default)]
pub struct Tally {
    /// Groups made durable.
    pub syncs: AtomicU64,
    /// Bytes of commits appended.
    pub bytes: AtomicU64,
}

impl Tally {
    /// A new one, for whoever owns the journal and whoever looks at it.
    pub fn shared() -> Arc<Self> {
        Arc::new(Self::default())
    }
}

/// The daemon's store in a directory, counted.
#[derive(Debug)]
pub struct Tallied {
    store: Store<OsDisk>,
    tally: Arc<Tally>,
}

impl Tallied {
    /// A journal in an empty directory.
    pub fn create(dir: &Path, segment_bytes: u64, tally: Arc<Tally>) -> Result<Self, Fault> {
        let (options, disk) = (Options { segment_bytes }, OsDisk::new(dir));
        let (file, _new) = FileJournal::open(disk.clone(), options, Evidence::default())?;
        let store = Store::new(file, disk, Waypoints::default(), 0);
        Ok(Self { store, tally })
    }
}

impl Tallied {
    /// A reader beside it.
    pub fn history(&self) -> History<OsDisk> {
        self.store.history()
    }
}

impl Journal for Tallied {
    fn append(&mut self, commit: &Commit) -> Result<(), JournalFault> {
        self.store.append(commit)
    }

    fn flush(&mut self) -> Result<Position, JournalFault> {
        let durable = self.store.flush()?;
        self.tally.syncs.fetch_add(1, Ordering::Relaxed);
        let bytes = self.store.written_bytes();
        self.tally.bytes.store(bytes, Ordering::Relaxed);
        Ok(durable)
    }

    fn rest(&mut self) -> Result<(), JournalFault> {
        self.store.rest()
    }

    fn room(&mut self) -> Result<Room, JournalFault> {
        self.store.room()
    }

    fn written_bytes(&self) -> u64 {
        self.store.written_bytes()
    }

    fn last_sync(&self) -> Option<std::time::Duration> {
        self.store.last_sync()
    }
}

/// No job of the load asks for an entry of the past.
#[derive(Clone, Copy, Debug)]
pub struct NoPast;

impl Past for NoPast {
    fn entry(
        &mut self,
        _: BookIndex,
        _: EntryNo,
        _: Position,
    ) -> Result<Option<PastEntry>, String> {
        Ok(None)
    }

    fn movements(
        &mut self,
        _: BookIndex,
        _: AccountIndex,
        _: Position,
    ) -> Result<Vec<Movement>, String> {
        Ok(Vec::new())
    }
}

/// No job of the load has personal texts.
#[derive(Clone, Copy, Debug)]
pub struct NoTexts;

impl Sealer for NoTexts {
    type Fault = VaultFault;

    fn ensure(&mut self, _: &[Subject]) -> Result<(), VaultFault> {
        Ok(())
    }

    fn seal(&mut self, _: &Subject, _: &str, plain: &[u8]) -> Result<Vec<u8>, VaultFault> {
        Ok(plain.to_vec())
    }
}

/// An observer with every metric of the daemon, because counting is part of the cost.
pub fn observer() -> Observer {
    let known = Known {
        version: env!("CARGO_PKG_VERSION"),
        commit: "bench",
        started: std::time::Duration::ZERO,
        partitions: vec![0],
        kinds: JobData::BUILT
            .iter()
            .filter_map(|code| kind_name(KindCode(*code)))
            .collect(),
        dead_letter_codes: Vec::new(),
    };
    Observer::new(
        Arc::new(Metrics::new(&known)),
        Arc::new(SystemClock::new()),
        0,
    )
}
