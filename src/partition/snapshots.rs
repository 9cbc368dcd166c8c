//! Takes snapshots while jobs are posted, without touching the engine that posts them.
//!
//! A snapshot is built from the one before and the journal behind it, through the same code as a
//! restart: so each is a replay test, and its digest is that of the commit it ends with. The work
//! runs on a thread of the least priority and costs memory for a second copy of the books while it
//! lasts; keys are not part of the copy.
//!
//! A snapshot that cannot be written is tried again later. Books that cannot be rebuilt are a fault
//! of the whole process: what the engine holds may not be believed any more.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::building::Building;
use super::carried;
use super::cold::{Shelf, put_keys};
use super::load::{KeysWanted, LoadFault, load};
use super::secrets::Secrets;
use crate::ids::{BookIndex, Position};
use crate::journal::History;
use crate::journal::file::disk::{Disk, give_way};
use crate::journal::file::{Frontier, JournalId, Until};
use crate::journal::snapshot::keys::ColdKeys;
use crate::journal::snapshot::{Head, KeyFile, Reader, SnapshotFault, Writer, tidy};
use crate::time::Clock;

/// Snapshots that stay: the newest, and one to fall back to.
const KEPT: usize = 2;
/// How often the taker looks whether one is due.
const LOOK: Duration = Duration::from_millis(500);
/// Pause after one that could not be written.
const PATIENCE: Duration = Duration::from_mins(1);

/// When a snapshot is due, counted from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Positions.
    pub jobs: u64,
    /// Bytes of records.
    pub bytes: u64,
}

/// Why a snapshot was not taken.
#[derive(Debug, thiserror::Error)]
pub enum BuildFault {
    /// The books could not be rebuilt: the process may not go on.
    #[error("a snapshot could not be built: {0}")]
    Load(#[from] LoadFault),
    /// It could not be written: the process may.
    #[error("a snapshot could not be written: {0}")]
    Write(#[from] SnapshotFault),
}

/// A snapshot that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The journal it is of.
    pub journal: JournalId,
    /// The position it is of.
    pub position: Position,
    /// Bytes of the file.
    pub bytes: u64,
    /// Keys that were in no file before.
    pub keys: u64,
    /// The files with all keys up to its position.
    pub key_files: Vec<KeyFile>,
}

/// What the taker tells the daemon.
#[derive(Debug)]
pub enum Event {
    /// One was taken.
    Taken {
        /// Which.
        built: Built,
        /// How long it took.
        took: Duration,
    },
    /// One could not be written; it will be tried again.
    Failed(SnapshotFault),
    /// The books cannot be rebuilt, or the disk may not be believed any more: end the process.
    Fault(BuildFault),
}

/// Build the snapshot of a durable position; none if there is nothing behind the one before. It may
/// be done beside the process that writes the journal.
pub fn build<D: Disk>(
    disk: &D,
    secrets: &Secrets,
    durable: Frontier,
    stop: &AtomicBool,
) -> Result<Option<Built>, BuildFault> {
    let _building = Building::begin(disk)?;
    let until = Until::Frontier(durable);
    let mut tell = |_at| {
        if stop.load(Ordering::Acquire) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let mut loaded = load(disk, secrets, until, KeysWanted::Named, &mut tell)?;
    if loaded.snapshot == Some(loaded.last.position) || loaded.last.position == Position(0) {
        return Ok(None);
    }
    let position = loaded.last.position;
    let keys = put_keys(disk, &mut loaded, stop)?;
    let head = Head {
        journal: loaded.journal,
        position,
        frame: loaded.last.frame,
        hash: loaded.last.hash,
        recorded_at: loaded.engine.last_recorded_at(),
        digest: loaded.engine.digest(),
        lineage: loaded.engine.lineage(),
        ending: loaded.ending,
        key_files: loaded.key_files.clone(),
    };
    let mut writer = Writer::create(disk, &head)?;
    let books = loaded.engine.books().iter().zip((0..).map(BookIndex));
    for ((book, index), file_hash) in books.zip(&loaded.setups) {
        carried::write(book, index, *file_hash, &mut writer, stop)?;
    }
    writer.put_places(&loaded.waypoints)?;
    let bytes = writer.finish()?;
    // Read again before it takes the place of an older one.
    Reader::open(disk, position)?.verify()?;
    tidy(disk, KEPT)?;
    Ok(Some(Built {
        journal: loaded.journal,
        position,
        bytes,
        keys,
        key_files: loaded.key_files,
    }))
}

/// What the taker of snapshots needs, before it is started.
#[derive(Debug)]
pub struct Snapshots<D> {
    history: History<D>,
    secrets: Secrets,
    schedule: Schedule,
    /// Where the newest key files go.
    shelf: Arc<Shelf>,
    last: Position,
    /// Bytes of records between the last snapshot and the start.
    behind_bytes: u64,
    /// Bytes that had been appended since the start when the last one was begun.
    appended_before: u64,
    /// After one that could not be written.
    not_before: Duration,
}

impl<D: Disk> Snapshots<D> {
    /// For a journal without snapshots.
    pub fn new(
        history: History<D>,
        secrets: Secrets,
        schedule: Schedule,
        shelf: Arc<Shelf>,
    ) -> Self {
        Self {
            history,
            secrets,
            schedule,
            shelf,
            last: Position(0),
            behind_bytes: 0,
            appended_before: 0,
            not_before: Duration::ZERO,
        }
    }

    /// After a start that began with a snapshot and read so many bytes behind it.
    #[must_use]
    pub fn behind(mut self, snapshot: Option<Position>, bytes: u64) -> Self {
        self.last = snapshot.unwrap_or_default();
        self.behind_bytes = bytes;
        self
    }

    /// Take snapshots on a thread until the handle goes.
    pub fn start(
        self,
        clock: Arc<dyn Clock>,
        mut tell: impl FnMut(Event) + Send + 'static,
    ) -> io::Result<Taker> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("kontor-snapshot".to_owned())
            .spawn(move || self.run(&*clock, &stopped, &mut tell))?;
        Ok(Taker {
            stop,
            thread: Some(thread),
        })
    }

    fn run(mut self, clock: &dyn Clock, stop: &AtomicBool, tell: &mut dyn FnMut(Event)) {
        if let Err(fault) = give_way() {
            tracing::warn!(%fault, "snapshots are taken at full priority");
        }
        while !stop.load(Ordering::Acquire) {
            std::thread::park_timeout(LOOK);
            let Some(event) = self.look(clock, stop) else {
                continue;
            };
            let over = matches!(event, Event::Fault(_));
            tell(event);
            if over {
                return;
            }
        }
    }

    /// Take a snapshot if one is due. After a fault there is nothing more to take.
    pub fn look(&mut self, clock: &dyn Clock, stop: &AtomicBool) -> Option<Event> {
        let appended = self.history.appended_bytes();
        let bytes = appended.saturating_sub(self.appended_before);
        let waits = clock.elapsed() < self.not_before;
        if waits || !self.is_due(self.history.durable(), bytes) {
            return None;
        }
        self.take(clock, stop)
    }

    /// Take a snapshot of what is durable now; none if there is nothing behind the last one, or if
    /// it was given up.
    pub fn take(&mut self, clock: &dyn Clock, stop: &AtomicBool) -> Option<Event> {
        let appended = self.history.appended_bytes();
        let durable = self.history.durable();
        let begun = clock.elapsed();
        match build(self.history.disk(), &self.secrets, durable, stop) {
            Ok(Some(built)) => {
                self.last = built.position;
                self.behind_bytes = 0;
                self.appended_before = appended;
                let took = clock.elapsed().saturating_sub(begun);
                Some(match self.open_keys(&built) {
                    Ok(()) => Event::Taken { built, took },
                    // The engine goes on holding what the files before it do not.
                    Err(fault) => Event::Failed(fault),
                })
            }
            Ok(None)
            | Err(
                BuildFault::Write(SnapshotFault::GivenUp) | BuildFault::Load(LoadFault::GivenUp),
            ) => None,
            Err(BuildFault::Write(fault)) if !fault.is_final() => {
                self.not_before = clock.elapsed().saturating_add(PATIENCE);
                Some(Event::Failed(fault))
            }
            Err(fault) => Some(Event::Fault(fault)),
        }
    }

    /// Have keys looked up in the files of a new snapshot from now on.
    fn open_keys(&self, built: &Built) -> Result<(), SnapshotFault> {
        let Built {
            journal,
            position,
            key_files,
            ..
        } = built;
        let before = self.shelf.current();
        let disk = self.history.disk();
        let keys = ColdKeys::open(disk, *journal, key_files, *position, &before)?;
        self.shelf.put(keys);
        Ok(())
    }

    fn is_due(&self, durable: Frontier, appended: u64) -> bool {
        let jobs = durable.position.saturating_sub(self.last.0);
        let bytes = self.behind_bytes.saturating_add(appended);
        jobs > 0 && (jobs >= self.schedule.jobs || bytes >= self.schedule.bytes)
    }
}

/// The running taker. Dropping it ends it, in the middle of a snapshot too.
#[derive(Debug)]
pub struct Taker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there has been reported by the hook.
            drop(thread.join());
        }
    }
}
