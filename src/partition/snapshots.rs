//! Takes snapshots while jobs are posted, without touching the engine that posts them.
//!
//! A snapshot is built from the one before and the journal behind it, through the same code as a
//! restart: so each is a replay test, and its digest is that of the commit it ends with. The work
//! runs on a thread that lets others go first, the less so the more it is overdue, and costs memory
//! for a second copy of the books while it lasts; keys are not part of the copy.
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
use super::load::{KeysWanted, LoadFault, Loaded, load};
use super::secrets::Secrets;
use crate::ids::{BookIndex, Position};
use crate::journal::file::disk::Disk;
use crate::journal::file::{Frontier, JournalId, Moved, Until, Yield, archive, give_way};
use crate::journal::snapshot::keys::ColdKeys;
use crate::journal::snapshot::{self, Head, KeyFile, Reader, SnapshotFault, Writer};
use crate::journal::snapshot::{file_name, tidy};
use crate::journal::{History, JournalFault};
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

impl Schedule {
    /// Whether one is due after so many positions and bytes.
    fn is_due(&self, jobs: u64, bytes: u64) -> bool {
        jobs > 0 && (jobs >= self.jobs || bytes >= self.bytes)
    }

    /// How much the next one lets others go first: the less, the more lies behind the last one.
    /// Under a load that wants every core for hours it would else come ever later.
    fn how_to_yield(&self, (jobs, bytes): (u64, u64)) -> Yield {
        let overdue = |times: u64| {
            let reached = |owed: u64, step: u64| owed >= step.saturating_mul(times);
            reached(jobs, self.jobs) || reached(bytes, self.bytes)
        };
        match (overdue(2), overdue(4)) {
            (false, _) => Yield::Most,
            (true, false) => Yield::Some,
            (true, true) => Yield::Little,
        }
    }
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
        /// The segments that moved to the archive behind it, or why they stay.
        archived: Result<Moved, JournalFault>,
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
    build_with(disk, secrets, durable, stop, |_rebuilt| {})
}

fn build_with<D: Disk>(
    disk: &D,
    secrets: &Secrets,
    durable: Frontier,
    stop: &AtomicBool,
    between: fn(&mut Loaded),
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
    between(&mut loaded);
    Ok(write_down(disk, &mut loaded, stop)?)
}

/// Write the snapshot of rebuilt books, by whoever may build; none if it is there already. The keys
/// that they held are in files afterwards.
fn write_down<D: Disk>(
    disk: &D,
    loaded: &mut Loaded,
    stop: &AtomicBool,
) -> Result<Option<Built>, SnapshotFault> {
    if loaded.snapshot == Some(loaded.last.position) || loaded.last.position == Position(0) {
        return Ok(None);
    }
    let position = loaded.last.position;
    let keys = put_keys(disk, loaded, stop)?;
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
    remove_lost(disk, loaded)?;
    tidy(disk, KEPT)?;
    Ok(Some(Built {
        journal: loaded.journal,
        position,
        bytes,
        keys,
        key_files: loaded.key_files.clone(),
    }))
}

/// Remove the snapshots that nobody can use any more, once there is one in their place.
fn remove_lost<D: Disk>(disk: &D, loaded: &mut Loaded) -> Result<(), SnapshotFault> {
    for position in loaded.lost.drain(..) {
        if position != loaded.last.position {
            let name = file_name(position);
            disk.remove(&name)
                .map_err(|error| SnapshotFault::io("remove", &disk.describe(&name), &error))?;
        }
    }
    Ok(())
}

/// Write the snapshot that is owed when a start has rebuilt the books, before anything is posted. A
/// process that ends while it takes one gives it up; without this a daemon that is restarted
/// often would replay more at every start. One is owed as well in the place of one that is lost.
/// The newest snapshot and the bytes of records behind it.
pub(super) fn catch_up<D: Disk>(
    disk: &D,
    loaded: &mut Loaded,
    schedule: Schedule,
) -> Result<(Option<Position>, u64), LoadFault> {
    let newest = (loaded.snapshot, loaded.replayed_bytes);
    let due = schedule.is_due(loaded.behind(), loaded.replayed_bytes);
    if !due && loaded.lost.is_empty() {
        return Ok(newest);
    }
    let written = write_down(disk, loaded, &AtomicBool::new(false));
    // Whatever came of it: the keys may be in a file by now, and nowhere else in memory.
    let (journal, through) = (loaded.journal, loaded.keys_through);
    loaded.cold = ColdKeys::open(disk, journal, &loaded.key_files, through, &loaded.cold)?;
    match written {
        Ok(_built) => Ok((Some(loaded.last.position), 0)),
        Err(fault) if fault.is_final() => Err(fault.into()),
        Err(fault) => {
            let words = format!("{fault}; it is tried again while jobs are posted");
            loaded.passed_over.push(words);
            Ok(newest)
        }
    }
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
    /// What happens to books between rebuilding them and writing them down.
    between: fn(&mut Loaded),
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
            between: |_rebuilt| {},
        }
    }

    /// Make a mistake between rebuilding books and writing them down, which a simulation must find.
    #[must_use]
    pub fn with_mistake(mut self, between: fn(&mut Loaded)) -> Self {
        self.between = between;
        self
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
            .name("kontor-snap-due".to_owned())
            .spawn(move || self.run(&*clock, &stopped, &mut tell))?;
        Ok(Taker {
            stop,
            thread: Some(thread),
        })
    }

    fn run(mut self, clock: &dyn Clock, stop: &AtomicBool, tell: &mut dyn FnMut(Event)) {
        while !stop.load(Ordering::Acquire) {
            std::thread::park_timeout(LOOK);
            if !self.due(clock) {
                continue;
            }
            let how = self.schedule.how_to_yield(self.owed());
            // What gave way once cannot take it back: each snapshot has a thread of its own.
            let taken = std::thread::scope(|scope| {
                let take = || {
                    if let Err(fault) = give_way(how) {
                        tracing::warn!(%fault, "a snapshot is taken at full priority");
                    }
                    self.take(clock, stop)
                };
                let name = "kontor-snapshot".to_owned();
                let begun = std::thread::Builder::new().name(name);
                begun
                    .spawn_scoped(scope, take)
                    .map(std::thread::ScopedJoinHandle::join)
            });
            let event = match taken {
                Ok(Ok(Some(event))) => event,
                Ok(Ok(None)) => continue,
                // A panic there has been reported by the hook, which ends the process.
                Ok(Err(_panicked)) => return,
                Err(fault) => {
                    tracing::warn!(%fault, "no thread for a snapshot");
                    continue;
                }
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
        if self.due(clock) {
            self.take(clock, stop)
        } else {
            None
        }
    }

    /// Take a snapshot of what is durable now; none if there is nothing behind the last one, or if
    /// it was given up.
    pub fn take(&mut self, clock: &dyn Clock, stop: &AtomicBool) -> Option<Event> {
        let appended = self.history.appended_bytes();
        let durable = self.history.durable();
        let begun = clock.elapsed();
        let (disk, secrets) = (self.history.disk(), &self.secrets);
        match build_with(disk, secrets, durable, stop, self.between) {
            Ok(Some(built)) => {
                self.last = built.position;
                self.behind_bytes = 0;
                self.appended_before = appended;
                let took = clock.elapsed().saturating_sub(begun);
                Some(match self.open_keys(&built) {
                    Ok(()) => Event::Taken {
                        built,
                        took,
                        archived: self.archive(stop),
                    },
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

    /// Move what no start needs any more: the segments before the oldest snapshot that stays.
    fn archive(&self, stop: &AtomicBool) -> Result<Moved, JournalFault> {
        let disk = self.history.disk();
        if disk.archive().is_none() {
            return Ok(Moved::default());
        }
        let kept = snapshot::list(disk).map_err(|fault| JournalFault::Io(fault.to_string()))?;
        let Some(oldest) = kept.iter().take(KEPT).next_back() else {
            return Ok(Moved::default());
        };
        let moved = archive(disk, oldest.0, stop)?;
        self.history.archived(moved.bytes);
        Ok(moved)
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

    fn due(&self, clock: &dyn Clock) -> bool {
        let (jobs, bytes) = self.owed();
        clock.elapsed() >= self.not_before && self.schedule.is_due(jobs, bytes)
    }

    /// Positions and bytes behind the last snapshot.
    fn owed(&self) -> (u64, u64) {
        let appended = self.history.appended_bytes();
        let bytes = appended.saturating_sub(self.appended_before);
        let durable = self.history.durable().position;
        (
            durable.saturating_sub(self.last.0),
            self.behind_bytes.saturating_add(bytes),
        )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_a_snapshot_is_owed_the_less_it_lets_others_go_first() {
        let schedule = Schedule {
            jobs: 100,
            bytes: 1000,
        };
        for (owed, how) in [
            ((100, 0), Yield::Most),
            ((199, 1999), Yield::Most),
            ((200, 0), Yield::Some),
            ((1, 3999), Yield::Some),
            ((400, 0), Yield::Little),
            ((1, 4000), Yield::Little),
        ] {
            assert_eq!(schedule.how_to_yield(owed), how, "{owed:?}");
        }
        assert!(!schedule.is_due(0, 5000), "nothing to take");
    }
}
