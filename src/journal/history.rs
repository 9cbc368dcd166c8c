//! What the journal holds, read beside its writer: commits in order, one by its position, an entry
//! by its number. Durable commits only.
//!
//! A lookup reads the frames of one stretch, about 64 KiB; the commits read last are kept, because
//! duplicates of one message ask for neighbours. Handles are cheap to clone and may be used from
//! any thread; they share where things stand and how far the journal is durable.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use super::JournalFault;
use super::commits::{Commits, commit_of};
use super::file::disk::Disk;
use super::file::{Frontier, KIND_SEAL, Location, Lookup, Until};
use super::waypoints::Waypoints;
use crate::ids::{AccountIndex, BookIndex, EntryNo, Position};
use crate::ledger::plan::{Movement, PastEntry};
use crate::ledger::{Commit, Effect, JobRecord, Movements, Record};

/// Commits that are kept after they were read.
const KEPT_COMMITS_MAX: usize = 8;

/// What the writer tells the readers, and what they tell each other.
#[derive(Debug)]
pub(super) struct Shared {
    waypoints: RwLock<Waypoints>,
    shore: Mutex<Shore>,
    moved: Condvar,
    kept: Mutex<VecDeque<Arc<Commit>>>,
    /// Bytes of records appended since the journal was opened.
    appended: AtomicU64,
    /// Bytes of all segments.
    stored: AtomicU64,
    /// Bytes of segments that went to the archive since.
    archived: AtomicU64,
    /// Bytes left in the segment in use.
    room: AtomicU64,
}

/// How far the journal is durable, and whether it can become more so.
#[derive(Clone, Copy, Debug)]
struct Shore {
    durable: Frontier,
    closed: bool,
}

impl Shared {
    pub(super) fn new(waypoints: Waypoints, durable: Frontier) -> Self {
        let closed = false;
        Self {
            waypoints: RwLock::new(waypoints),
            shore: Mutex::new(Shore { durable, closed }),
            moved: Condvar::new(),
            kept: Mutex::new(VecDeque::new()),
            appended: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            archived: AtomicU64::new(0),
            room: AtomicU64::new(0),
        }
    }

    /// The segments have so many bytes, and so many of them can still be written.
    pub(super) fn measured(&self, stored: u64, room: u64) {
        self.stored.store(stored, Ordering::Relaxed);
        self.room.store(room, Ordering::Relaxed);
    }

    /// A commit was appended, with so many bytes.
    pub(super) fn note(&self, commit: &Commit, location: Location, bytes: u64) {
        self.appended.fetch_add(bytes, Ordering::Relaxed);
        let waypoints = self.waypoints.write();
        waypoints
            .unwrap_or_else(PoisonError::into_inner)
            .note(commit, location);
    }

    /// Everything up to here became durable.
    pub(super) fn move_to(&self, frontier: Frontier) {
        self.shore().durable = frontier;
        self.moved.notify_all();
    }

    /// The writer is gone: nothing more becomes durable.
    pub(super) fn close(&self) {
        self.shore().closed = true;
        self.moved.notify_all();
    }

    fn shore(&self) -> MutexGuard<'_, Shore> {
        self.shore.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<Commit>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look<T>(&self, question: impl FnOnce(&Waypoints) -> T) -> T {
        let waypoints = self.waypoints.read();
        question(&waypoints.unwrap_or_else(PoisonError::into_inner))
    }
}

/// A reader of durable commits.
#[derive(Clone, Debug)]
pub struct History<D> {
    disk: D,
    shared: Arc<Shared>,
}

impl<D: Disk> History<D> {
    pub(super) fn new(disk: D, shared: Shared) -> Self {
        let shared = Arc::new(shared);
        Self { disk, shared }
    }

    /// The history of a journal that somebody else writes or nobody does, as far as it was read.
    pub fn read_only(disk: D, waypoints: Waypoints, durable: Frontier) -> Self {
        Self::new(disk, Shared::new(waypoints, durable))
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// How far the journal is durable.
    pub fn durable(&self) -> Frontier {
        self.shared.shore().durable
    }

    /// Bytes of records appended since the journal was opened.
    pub fn appended_bytes(&self) -> u64 {
        self.shared.appended.load(Ordering::Relaxed)
    }

    /// Bytes of all segments in the directory, as the writer last said.
    pub fn size_bytes(&self) -> u64 {
        let stored = self.shared.stored.load(Ordering::Relaxed);
        stored.saturating_sub(self.shared.archived.load(Ordering::Relaxed))
    }

    /// Segments of so many bytes are not in the directory any more.
    pub fn archived(&self, bytes: u64) {
        self.shared.archived.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that can still be written: in the segment in use, and on the disk as it is now.
    pub fn free_bytes(&self) -> std::io::Result<u64> {
        let room = self.shared.room.load(Ordering::Relaxed);
        Ok(self.disk.free_bytes()?.saturating_add(room))
    }

    /// The files.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// Bytes that the index of places takes.
    pub fn index_bytes(&self) -> usize {
        self.shared.look(Waypoints::bytes)
    }

    /// Wait until a position is durable; `false` if the writer has ended before.
    pub fn wait_for(&self, position: Position) -> bool {
        let mut shore = self.shared.shore();
        while shore.durable.position < position.0 {
            if shore.closed {
                return false;
            }
            let waited = self.shared.moved.wait(shore);
            shore = waited.unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// All commits from a position up to what is durable now.
    pub fn commits_from(&self, position: Position) -> Result<Commits<D>, JournalFault> {
        let until = Until::Frontier(self.durable());
        Commits::from_position(self.disk.clone(), position, until)
    }

    /// The commit that holds a position; none if that is not durable.
    pub fn commit_at(&self, position: Position) -> Result<Option<Arc<Commit>>, JournalFault> {
        let holds = |commit: &Commit| (commit.first..=commit.last()).contains(&position);
        if let Some(kept) = self.shared.kept().iter().find(|commit| holds(commit)) {
            return Ok(Some(Arc::clone(kept)));
        }
        let Some(place) = self.shared.look(|stops| stops.of_position(position)) else {
            return Ok(None);
        };
        self.walk(place, holds)
    }

    /// An entry of a book; none if the book has no such entry among what is durable.
    pub fn entry(
        &self,
        book: BookIndex,
        entry: EntryNo,
    ) -> Result<Option<PastEntry>, JournalFault> {
        let Some(place) = self.shared.look(|stops| stops.of_entry(book, entry)) else {
            return Ok(None);
        };
        let found = self.walk(place, |commit| entry_in(commit, book, entry).is_some())?;
        Ok(found.and_then(|commit| entry_in(&commit, book, entry)))
    }

    /// What moved on an account of a book by value date, openings included, up to a position that
    /// is durable. The whole journal is read for it.
    pub fn movements(
        &self,
        book: BookIndex,
        account: AccountIndex,
        until: Position,
    ) -> Result<Vec<Movement>, JournalFault> {
        let mut movements = Movements::of(account);
        let mut commits = self.commits_from(Position(1))?;
        while let Some(found) = commits.next()? {
            if found.commit.first > until {
                break;
            }
            let commit = &found.commit;
            commit.entries_of(book, &mut |post, legs| movements.add(post, legs));
        }
        Ok(movements.list())
    }

    /// Read frames from a place on, in its segment, until a commit is the one looked for.
    fn walk(
        &self,
        place: Location,
        is_it: impl Fn(&Commit) -> bool,
    ) -> Result<Option<Arc<Commit>>, JournalFault> {
        let end = self.durable().end;
        let mut lookup = Lookup::new(self.disk.clone());
        let mut place = place;
        while place < end {
            let frame = lookup.read_at(place)?;
            place = frame.end();
            if frame.head.kind == KIND_SEAL {
                continue;
            }
            let commit = commit_of(&frame)?;
            if is_it(&commit) {
                let commit = Arc::new(commit);
                let mut kept = self.shared.kept();
                kept.truncate(KEPT_COMMITS_MAX.saturating_sub(1));
                kept.push_front(Arc::clone(&commit));
                return Ok(Some(commit));
            }
        }
        Ok(None)
    }
}

/// An entry of a book in a commit, with its legs alone.
fn entry_in(commit: &Commit, book: BookIndex, entry: EntryNo) -> Option<PastEntry> {
    let of_book = |job: &&JobRecord| job.book == book;
    let jobs = commit
        .records
        .iter()
        .filter_map(Record::as_job)
        .filter(of_book);
    let post = jobs
        .flat_map(|job| commit.effects(&job.effects))
        .filter_map(Effect::as_post)
        .find(|post| post.number == entry && !post.opening)?;
    let legs = commit.legs(&post.legs).to_vec();
    let mut post = post.clone();
    post.legs = 0..u32::try_from(legs.len()).unwrap_or(u32::MAX);
    Some(PastEntry { post, legs })
}
