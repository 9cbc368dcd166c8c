//! What the journal holds, read beside its writer: commits in order, one by its position, an entry by
//! its number. Durable commits only.
//!
//! A lookup reads the frames of one stretch, about 64 KiB; the commits read last are kept, because
//! duplicates of one message ask for neighbours. Handles are cheap to clone and each thread has its
//! own; what they share is where things stand and how far the journal is durable.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::JournalFault;
use super::commits::{Commits, KIND_COMMIT, commit_of};
use super::file::disk::Disk;
use super::file::{Frontier, Location, Lookup, Until};
use super::waypoints::Waypoints;
use crate::ids::{BookIndex, EntryNo, Position};
use crate::ledger::plan::PastEntry;
use crate::ledger::{Commit, Effect, Record};

/// Commits that a handle keeps after it read them.
const KEPT_COMMITS_MAX: usize = 8;
/// How often a handle that waits looks whether it should stop.
const STOP_LOOK: Duration = Duration::from_millis(50);

/// What the writer tells the readers.
#[derive(Debug)]
pub(super) struct Shared {
    waypoints: RwLock<Waypoints>,
    durable: Mutex<Frontier>,
    moved: Condvar,
}

impl Shared {
    pub(super) fn new(waypoints: Waypoints, durable: Frontier) -> Self {
        Self {
            waypoints: RwLock::new(waypoints),
            durable: Mutex::new(durable),
            moved: Condvar::new(),
        }
    }

    /// A commit was appended.
    pub(super) fn note(&self, commit: &Commit, location: Location) {
        let mut waypoints = self
            .waypoints
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        waypoints.note(commit, location);
    }

    /// Everything up to here became durable.
    pub(super) fn move_to(&self, frontier: Frontier) {
        *self.durable.lock().unwrap_or_else(PoisonError::into_inner) = frontier;
        self.moved.notify_all();
    }

    fn durable(&self) -> Frontier {
        *self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look<T>(&self, question: impl FnOnce(&Waypoints) -> T) -> T {
        question(
            &self
                .waypoints
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

/// A reader of durable commits.
#[derive(Debug)]
pub struct History<D: Disk> {
    disk: D,
    shared: Arc<Shared>,
    lookup: Lookup<D>,
    kept: VecDeque<Arc<Commit>>,
}

impl<D: Disk> Clone for History<D> {
    fn clone(&self) -> Self {
        Self::of(self.disk.clone(), Arc::clone(&self.shared))
    }
}

impl<D: Disk> History<D> {
    pub(super) fn new(disk: D, shared: Shared) -> Self {
        Self::of(disk, Arc::new(shared))
    }

    /// The history of a journal that somebody else writes or nobody does, as far as it was read.
    pub fn read_only(disk: D, waypoints: Waypoints, durable: Frontier) -> Self {
        Self::new(disk, Shared::new(waypoints, durable))
    }

    fn of(disk: D, shared: Arc<Shared>) -> Self {
        Self {
            lookup: Lookup::new(disk.clone()),
            disk,
            shared,
            kept: VecDeque::new(),
        }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// How far the journal is durable.
    pub fn durable(&self) -> Frontier {
        self.shared.durable()
    }

    /// Bytes that the index of places takes.
    pub fn index_bytes(&self) -> usize {
        self.shared.look(Waypoints::bytes)
    }

    /// Wait until a position is durable; `false` if told to stop before.
    pub fn wait_for(&self, position: Position, stop: &AtomicBool) -> bool {
        let mut durable = self
            .shared
            .durable
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while durable.position < position.0 {
            if stop.load(Ordering::Acquire) {
                return false;
            }
            let waited = self.shared.moved.wait_timeout(durable, STOP_LOOK);
            durable = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// All commits from a position up to what is durable now.
    pub fn commits_from(&self, position: Position) -> Result<Commits<D>, JournalFault> {
        let until = Until::Frontier(self.durable());
        Commits::from_position(self.disk.clone(), position, until)
    }

    /// The commit that holds a position; none if that is not durable.
    pub fn commit_at(&mut self, position: Position) -> Result<Option<Arc<Commit>>, JournalFault> {
        let holds =
            |commit: &Commit| (commit.first..=commit.last()).contains(&position);
        if let Some(kept) = self.kept.iter().find(|commit| holds(commit)) {
            return Ok(Some(Arc::clone(kept)));
        }
        let Some(place) = self.shared.look(|stops| stops.of_position(position)) else {
            return Ok(None);
        };
        self.walk(place, |commit| holds(commit))
    }

    /// An entry of a book; none if the book has no such entry among what is durable.
    pub fn entry(
        &mut self,
        book: BookIndex,
        entry: EntryNo,
    ) -> Result<Option<PastEntry>, JournalFault> {
        let Some(place) = self.shared.look(|stops| stops.of_entry(book, entry)) else {
            return Ok(None);
        };
        let found = self.walk(place, |commit| entry_in(commit, book, entry).is_some())?;
        Ok(found.and_then(|commit| entry_in(&commit, book, entry)))
    }

    /// Read frames from a place on, in its segment, until a commit is the one looked for.
    fn walk(
        &mut self,
        place: Location,
        is_it: impl Fn(&Commit) -> bool,
    ) -> Result<Option<Arc<Commit>>, JournalFault> {
        let end = self.durable().end;
        let mut place = place;
        while place < end {
            let frame = self.lookup.read_at(place)?;
            place = frame.end();
            if frame.head.kind != KIND_COMMIT && frame.head.count == 0 {
                continue;
            }
            let commit = commit_of(&frame)?;
            if is_it(&commit) {
                let commit = Arc::new(commit);
                self.kept.truncate(KEPT_COMMITS_MAX.saturating_sub(1));
                self.kept.push_front(Arc::clone(&commit));
                return Ok(Some(commit));
            }
        }
        Ok(None)
    }
}

/// An entry of a book in a commit, with its legs alone.
fn entry_in(commit: &Commit, book: BookIndex, entry: EntryNo) -> Option<PastEntry> {
    let jobs = commit.records.iter().filter_map(|record| match record {
        Record::Job(job) if job.book == book => Some(job),
        _ => None,
    });
    let post = jobs
        .flat_map(|job| commit.effects(&job.effects))
        .filter_map(Effect::as_post)
        .find(|post| post.number == entry && !post.opening)?;
    let legs = commit.legs(&post.legs).to_vec();
    let mut post = post.clone();
    post.legs = 0..u32::try_from(legs.len()).unwrap_or(u32::MAX);
    Some(PastEntry { post, legs })
}
