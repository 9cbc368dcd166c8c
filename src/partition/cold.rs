//! Keys of the past: put into files when a snapshot is taken, looked up there before the engine.
//!
//! ```text
//!   taker of snapshots ──writes──▶ keys-… ◀──reads── decode ──job and answer──▶ post
//!            └──────────────▶ shelf ──────newest files──▲
//! ```

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::load::Loaded;
use crate::engine::keys::KeyEntry;
use crate::ids::{BookIndex, Hash128, Position};
use crate::jobs::job::KnownKey;
use crate::journal::file::disk::Disk;
use crate::journal::snapshot::SnapshotFault;
use crate::journal::snapshot::keys::{ColdKeys, KeyRow, Source, first_to_merge, write};
use crate::journal::{History, JournalFault};
use crate::ledger::Record;
use crate::pipeline::cold::ColdFiles;

/// The newest key files, between whoever writes them and whoever looks keys up.
#[derive(Debug, Default)]
pub struct Shelf {
    through: AtomicU64,
    keys: Mutex<Arc<ColdKeys>>,
}

impl Shelf {
    /// With files on it.
    pub fn holding(keys: ColdKeys) -> Self {
        let shelf = Self::default();
        shelf.put(keys);
        shelf
    }

    /// The files that lie there.
    pub fn current(&self) -> Arc<ColdKeys> {
        Arc::clone(&self.lock())
    }

    /// Put newer ones in their place.
    pub fn put(&self, keys: ColdKeys) {
        let through = keys.through().0;
        *self.lock() = Arc::new(keys);
        self.through.store(through, Ordering::Release);
    }

    fn through(&self) -> Position {
        Position(self.through.load(Ordering::Acquire))
    }

    fn lock(&self) -> MutexGuard<'_, Arc<ColdKeys>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks keys up for the station before the engine.
#[derive(Clone, Debug)]
pub struct KeyLookup<D: Disk> {
    shelf: Arc<Shelf>,
    seen: Arc<ColdKeys>,
    history: History<D>,
    /// Memory for a block of keys, kept between jobs.
    page: Vec<u8>,
}

impl<D: Disk> KeyLookup<D> {
    /// In the files of a shelf; what they lead to is read from the journal.
    pub fn new(shelf: Arc<Shelf>, history: History<D>) -> Self {
        Self {
            seen: shelf.current(),
            shelf,
            history,
            page: Vec::new(),
        }
    }

    /// Hold what a file says against the key as it was journaled: a hash alone is not believed.
    fn confirm(&self, book: BookIndex, key: &str, position: Position) -> Result<(), JournalFault> {
        let commit = self.history.commit_at(position)?;
        let record = commit.as_ref().and_then(|commit| {
            let place = position.0.checked_sub(commit.first.0)?;
            let record = commit.records.get(usize::try_from(place).ok()?)?;
            Record::as_job(record)
        });
        let same = record.is_some_and(|record| record.book == book && *record.envelope.key == *key);
        if same {
            return Ok(());
        }
        Err(JournalFault::Damaged(format!(
            "a key file leads to position {position}, where the journal has no outcome of that \
             key; run `kontor journal verify`, which names the file, and remove it: the next start \
             makes it again from the journal"
        )))
    }
}

impl<D: Disk> ColdFiles for KeyLookup<D> {
    fn renew(&mut self) -> Position {
        if self.shelf.through() > self.seen.through() {
            self.seen = self.shelf.current();
        }
        self.seen.through()
    }

    fn key(
        &mut self,
        book: BookIndex,
        key: &str,
        hash: Hash128,
    ) -> Result<Option<KnownKey>, JournalFault> {
        let found = self.seen.find(hash, &mut self.page);
        let Some(row) = found.map_err(|fault| unreadable(&fault))? else {
            return Ok(None);
        };
        let known = entry(row).known;
        self.confirm(book, key, known.position)?;
        Ok(Some(known))
    }
}

/// A key file that cannot be read, as a fault of the process.
fn unreadable(fault: &SnapshotFault) -> JournalFault {
    match fault {
        SnapshotFault::Damaged { .. }
        | SnapshotFault::KeysMissing { .. }
        | SnapshotFault::Version { .. } => JournalFault::Damaged(format!(
            "{fault}; remove it, and the next start makes the keys again from the journal, with a \
             new snapshot"
        )),
        SnapshotFault::Io { .. }
        | SnapshotFault::Uncertain { .. }
        | SnapshotFault::PieceTooLarge { .. }
        | SnapshotFault::Busy { .. }
        | SnapshotFault::GivenUp
        | SnapshotFault::Record(_) => JournalFault::Io(fault.to_string()),
    }
}

/// Put the keys that the engine of a rebuilt partition holds into a file, and name it in the place
/// of those that it takes in; how many keys these were.
pub(super) fn put_keys<D: Disk>(
    disk: &D,
    loaded: &mut Loaded,
    stop: &AtomicBool,
) -> Result<u64, SnapshotFault> {
    let count = loaded.engine.keys().len();
    let through = loaded.last.position;
    if count > 0 {
        let sorted = loaded.engine.keys().sorted();
        let young: Vec<KeyRow> = sorted.into_iter().map(row).collect();
        let at = first_to_merge(&loaded.key_files, count);
        let files = loaded.key_files.get(at..).unwrap_or_default();
        let first = files
            .first()
            .map_or(loaded.keys_through.next(), |file| file.first);
        let source = Source {
            young: &young,
            files,
        };
        let file = write(disk, loaded.journal, (first, through), &source, stop)?;
        loaded.key_files.truncate(at);
        loaded.key_files.push(file);
        loaded.engine.take_keys();
    }
    loaded.keys_through = through;
    Ok(count)
}

fn row(entry: KeyEntry) -> KeyRow {
    let KeyEntry { key, known } = entry;
    let KnownKey {
        fingerprint,
        position,
    } = known;
    KeyRow {
        key,
        fingerprint,
        position,
    }
}

fn entry(row: KeyRow) -> KeyEntry {
    let KeyRow {
        key,
        fingerprint,
        position,
    } = row;
    KeyEntry {
        key,
        known: KnownKey {
            fingerprint,
            position,
        },
    }
}
