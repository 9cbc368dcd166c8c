//! The journal: the durable book of original entry.
//!
//! Commits go in, in order; a commit that was flushed is there after any crash. Two things are kept
//! apart: what a commit is as bytes ([`record`]) and how bytes become durable (the implementations
//! of [`Journal`]).

pub mod record;
pub mod file;
pub mod ending;
pub mod waypoints;
pub mod commits;
pub mod history;
pub mod store;
pub mod cursor;
pub mod marker;
pub mod snapshot;
#[cfg(test)]
mod testing;

pub use commits::{Commits, Found};
pub use cursor::{Cursor, Told};
pub use history::History;
pub use store::Store;

use crate::ids::Position;
use crate::ledger::Commit;

/// Keeps commits in order and never loses one it has called durable.
///
/// - `append` queues a commit behind all earlier ones; it is not durable when it returns.
/// - `flush` makes everything appended durable with one sync and says up to which position. When it
///   returns `Ok`, the commits survive a crash of the process, the system and the machine's power.
/// - After any fault the journal refuses every further call: what the disk holds is not known any
///   more, and only opening it again finds out.
pub trait Journal {
    /// Queue a commit.
    fn append(&mut self, commit: &Commit) -> Result<(), JournalFault>;

    /// Make everything appended durable.
    fn flush(&mut self) -> Result<Position, JournalFault>;

    /// Called when nothing has come for a while: the end of what is durable may be sealed, so that
    /// later damage to it is not taken for an unfinished write.
    fn rest(&mut self) -> Result<(), JournalFault>;

    /// Whether there is room for more; if not, intake stops before a write would break.
    fn room(&mut self) -> Result<Room, JournalFault>;

    /// Bytes written so far, for metrics.
    fn written_bytes(&self) -> u64;

    /// How long the sync of the last flush took, for metrics; none if nothing had to be synced.
    fn last_sync(&self) -> Option<std::time::Duration>;
}

/// Whether a journal has room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    /// It has.
    Enough,
    /// It will not take much more.
    Exhausted {
        /// What an operator reads.
        reason: String,
    },
}

/// A journal that may not be believed any more: the process ends with 74, or 65 for damage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalFault {
    /// Reading or writing failed, or the lock is held.
    #[error("{0}")]
    Io(String),
    /// There is no room for it. Nothing was written, and it can be tried again.
    #[error("{0}")]
    NoRoom(String),
    /// What is there is not what was written.
    #[error("{0}")]
    Damaged(String),
    /// A commit could not be put into bytes.
    #[error("a commit could not be written as a record: {0}")]
    Record(#[from] record::RecordFault),
}
