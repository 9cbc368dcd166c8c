//! The journal in files: commits as frames, one sync for as many as wait.
//!
//! [`Store`] writes, on one thread; [`History`](super::History) reads beside it. Both know how far
//! the journal is durable and where things stand in it. The files themselves, recovery and the lock
//! are [`file`](super::file)'s.

use super::commits::KIND_COMMIT;
use super::file::disk::Disk;
use super::file::{Fault, FileJournal, FrameHead, Frontier, Space};
use super::history::{History, Shared};
use super::waypoints::Waypoints;
use super::{Journal, JournalFault, Room, record};
use crate::ids::Position;
use crate::ledger::Commit;

/// Keeps commits in the frames of a file journal.
#[derive(Debug)]
pub struct Store<D: Disk> {
    file: FileJournal<D>,
    history: History<D>,
    /// Bytes of the commit that is being written; kept between commits.
    record: Vec<u8>,
    free_bytes_min: u64,
}

impl<D: Disk> Store<D> {
    /// A store behind an open journal whose commits have been read once. `free_bytes_min` is what
    /// the disk must have free for intake to go on.
    pub fn new(file: FileJournal<D>, disk: D, waypoints: Waypoints, free_bytes_min: u64) -> Self {
        let shared = Shared::new(waypoints, file.frontier());
        shared.measured(file.size_bytes(), file.room_bytes());
        Self {
            file,
            history: History::new(disk, shared),
            record: Vec::new(),
            free_bytes_min,
        }
    }

    /// A reader beside this writer; for any thread.
    pub fn history(&self) -> History<D> {
        self.history.clone()
    }

    /// Tell the readers what became durable, and what the segments take and have left.
    fn tell(&self, frontier: Frontier) {
        let shared = self.history.shared();
        shared.measured(self.file.size_bytes(), self.file.room_bytes());
        shared.move_to(frontier);
    }
}

impl<D: Disk> Journal for Store<D> {
    fn append(&mut self, commit: &Commit) -> Result<(), JournalFault> {
        self.record.clear();
        record::encode(commit, &mut self.record)?;
        let head = FrameHead {
            kind: KIND_COMMIT,
            first_position: commit.first.0,
            count: u32::try_from(commit.records.len()).unwrap_or(u32::MAX),
        };
        let location = self.file.append(head, &self.record)?;
        let bytes = u64::try_from(self.record.len()).unwrap_or(u64::MAX);
        self.history.shared().note(commit, location, bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<Position, JournalFault> {
        let frontier = self.file.flush()?;
        self.tell(frontier);
        Ok(Position(frontier.position))
    }

    fn rest(&mut self) -> Result<(), JournalFault> {
        let frontier = self.file.seal()?;
        self.tell(frontier);
        Ok(())
    }

    fn room(&mut self) -> Result<Room, JournalFault> {
        let space = match self.file.space()? {
            Space::Exhausted => self.file.reserve()?,
            space @ (Space::Ready | Space::Preparing) => space,
        };
        let (free, min) = (self.file.free_bytes()?, self.free_bytes_min);
        let reason = match space {
            Space::Exhausted => {
                "there is no room for the journal's next segment; free some space".to_owned()
            }
            Space::Ready | Space::Preparing if free < min => {
                format!("the disk has {free} bytes left, journal.free_bytes_min is {min}")
            }
            Space::Ready | Space::Preparing => return Ok(Room::Enough),
        };
        Ok(Room::Exhausted { reason })
    }

    fn written_bytes(&self) -> u64 {
        self.history.appended_bytes()
    }

    fn last_sync(&self) -> Option<std::time::Duration> {
        self.file.last_sync()
    }
}

impl<D: Disk> Drop for Store<D> {
    fn drop(&mut self) {
        self.history.shared().close();
    }
}

impl From<Fault> for JournalFault {
    fn from(fault: Fault) -> Self {
        let text = fault.to_string();
        match fault {
            Fault::Damaged(_) | Fault::VersionUnknown { .. } => Self::Damaged(text),
            Fault::SpaceExhausted { .. } => Self::NoRoom(text),
            Fault::Locked { .. }
            | Fault::Io { .. }
            | Fault::PayloadTooLarge { .. }
            | Fault::PositionNotNext { .. }
            | Fault::KindReserved { .. }
            | Fault::SegmentSize { .. }
            | Fault::JournalMissing { .. }
            | Fault::PositionArchived { .. }
            | Fault::ArchiveMissing { .. }
            | Fault::ArchiveForeign { .. } => Self::Io(text),
        }
    }
}

#[cfg(test)]
mod tests;
