//! What the benchmarks put around the real stations: a journal in a directory, no past, no texts.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ids::{BookIndex, EntryNo, KindCode, Position};
use crate::jobs::JobData;
use crate::jobs::catalogue::kind_name;
use crate::journal::file::disk::OsDisk;
use crate::journal::file::{Evidence, Fault, FileJournal, FrameHead, Options};
use crate::journal::{Journal, JournalFault, Room, record};
use crate::ledger::Commit;
use crate::ledger::plan::PastEntry;
use crate::pipeline::decode::{Sealer, Subject};
use crate::pipeline::observe::Observer;
use crate::pipeline::post::Past;
use crate::telemetry::{Known, Metrics};
use crate::time::SystemClock;
use crate::vault::VaultFault;

/// Kind of the frames: commits.
const KIND_COMMIT: u8 = 1;

/// What a journal has done, seen from outside while a station owns it.
#[derive(Debug, Default)]
pub struct Tally {
    /// Groups made durable.
    pub syncs: AtomicU64,
    /// Bytes of commits.
    pub bytes: AtomicU64,
}

/// Commits as frames of a file journal, one each, and nothing beside: no index, no snapshots.
#[derive(Debug)]
pub struct Frames {
    file: FileJournal<OsDisk>,
    bytes: Vec<u8>,
    tally: Arc<Tally>,
}

impl Frames {
    /// A journal in an empty directory.
    pub fn create(dir: &Path, segment_bytes: u64, tally: Arc<Tally>) -> Result<Self, Fault> {
        let options = Options { segment_bytes };
        let (file, _new) = FileJournal::open(OsDisk::new(dir), options, Evidence::default())?;
        Ok(Self {
            file,
            bytes: Vec::new(),
            tally,
        })
    }
}

fn io(fault: &Fault) -> JournalFault {
    JournalFault::Io(fault.to_string())
}

impl Journal for Frames {
    fn append(&mut self, commit: &Commit) -> Result<(), JournalFault> {
        self.bytes.clear();
        record::encode(commit, &mut self.bytes)?;
        let head = FrameHead {
            kind: KIND_COMMIT,
            first_position: commit.first.0,
            count: u32::try_from(commit.records.len()).unwrap_or(u32::MAX),
        };
        self.file
            .append(head, &self.bytes)
            .map_err(|fault| io(&fault))?;
        let bytes = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        self.tally.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn flush(&mut self) -> Result<Position, JournalFault> {
        self.tally.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(Position(
            self.file.flush().map_err(|fault| io(&fault))?.position,
        ))
    }

    fn rest(&mut self) -> Result<(), JournalFault> {
        self.file.seal().map_err(|fault| io(&fault)).map(drop)
    }

    fn room(&mut self) -> Room {
        match self.file.space() {
            Ok(_enough) => Room::Enough,
            Err(fault) => Room::Exhausted {
                reason: fault.to_string(),
            },
        }
    }

    fn written_bytes(&self) -> u64 {
        self.tally.bytes.load(Ordering::Relaxed)
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
