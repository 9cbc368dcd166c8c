//! The file journal: the book of original entry in a directory of this machine.
//!
//! ```text
//! p0/
//!   lock                   who holds the directory (flock)
//!   frontier               how far readers may read; a hint, written after each sync
//!   segment-0000000001     header, frames, zeros up to the end; synced whole
//!   segment-0000000002     header, frames, zeros …            the last one is written to
//!   spare                  zeros, synced: becomes the next segment by a rename
//! archive/p0/
//!   segment-…              older ones, if there is an archive: moved there, read there
//! ```
//!
//! [`FileJournal`] is the one writer, [`Reader`] reads beside it without a lock. A *frame* carries
//! what the caller gives it, unread: bytes in, the same bytes out. A *group* is everything under
//! one sync; a group is never begun before the sync of the one before it has returned, and that is
//! what lets the recovery tell a torn tail, which is cut, from damage, which is refused.
//!
//! Everything is written into space that was filled with zeros and synced before, so that a sync
//! never has to change the metadata of a file. The layout of the bytes is drawn in
//! `docs/journal-format.md`; the only way to the operating system is [`disk::Disk`].
//!
//! What this folder does not do: it does not know what a commit is, it does not take snapshots, and
//! it never repairs anything but the torn tail of the last group.

pub mod disk;
pub(super) mod bytes;
mod fault;
mod frame;
mod segment;
mod window;
mod frontier;
mod lock;
mod spare;
mod recovery;
mod writer;
mod reader;
mod priority;
mod proven;
mod copying;
mod archive;

pub use archive::{Moved, archive, check_archive, has_archived};
pub use copying::{
    SegmentFile, begins_with, oldest_segment, open_segment, segment_number, tell_readers,
};
pub use fault::{Damage, Fault, Finding};
pub use frame::{FrameHead, JournalId, KIND_SEAL, Location, PAYLOAD_BYTES_MAX};
pub use frontier::{Evidence, Frontier};
pub use lock::Lock;
pub use priority::{Yield, give_way};
pub use proven::known;
pub use reader::{Frame, Lookup, Reader, Until};
pub use recovery::{Cut, Recovered};
pub use spare::Space;
pub use writer::{FileJournal, Options};

#[cfg(test)]
mod tests;
