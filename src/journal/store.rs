//! Commits in the file journal: one frame a commit.

use std::sync::Arc;

use super::file::disk::Disk;
use super::file::{Fault, FileJournal, FrameHead, Frontier, Reader, Space, Until};
use super::{Journal, JournalFault, Room, record};
use crate::ids::Position;
use crate::ledger::Commit;

/// Kind of the frames that hold commits.
const KIND_COMMIT: u8 = 1;

impl From<Fault> for JournalFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Damaged(_) => Self::Damaged(fault.to_string()),
            other => Self::Io(other.to_string()),
        }
    }
}

/// A file journal that takes commits.
#[derive(Debug)]
pub struct Store<D: Disk> {
    file: FileJournal<D>,
    payload: Vec<u8>,
    written: u64,
}

impl<D: Disk> Store<D> {
    /// A store over an open journal.
    pub fn new(file: FileJournal<D>) -> Self {
        Self {
            file,
            payload: Vec::new(),
            written: 0,
        }
    }
}

impl<D: Disk> Journal for Store<D> {
    fn append(&mut self, commit: &Commit) -> Result<(), JournalFault> {
        self.payload.clear();
        record::encode(commit, &mut self.payload)?;
        let count = u32::try_from(commit.records.len()).unwrap_or(u32::MAX);
        let head = FrameHead {
            kind: KIND_COMMIT,
            first_position: commit.first.0,
            count,
        };
        self.file.append(head, &self.payload)?;
        self.written += u64::try_from(self.payload.len()).unwrap_or_default();
        Ok(())
    }

    fn flush(&mut self) -> Result<Position, JournalFault> {
        Ok(Position(self.file.flush()?.position))
    }

    fn rest(&mut self) -> Result<(), JournalFault> {
        self.file.seal()?;
        Ok(())
    }

    fn room(&mut self) -> Room {
        match self.file.space() {
            Ok(Space::Exhausted) => Room::Exhausted {
                reason: "the disk of the journal is full".into(),
            },
            Ok(_) => Room::Enough,
            Err(fault) => Room::Exhausted {
                reason: fault.to_string(),
            },
        }
    }

    fn written_bytes(&self) -> u64 {
        self.written
    }
}

/// Reads commits one after the other.
pub struct Commits<D: Disk>(Reader<D>);

impl<D: Disk> Commits<D> {
    /// From a position up to a frontier.
    pub fn from(disk: D, position: Position, frontier: Frontier) -> Result<Self, JournalFault> {
        Ok(Self(Reader::from_position(
            disk,
            position.0,
            Until::Frontier(frontier),
        )?))
    }

    /// The next commit.
    pub fn next_commit(&mut self) -> Result<Option<Arc<Commit>>, JournalFault> {
        match self.0.next()? {
            Some(frame) => Ok(Some(Arc::new(record::decode(frame.payload)?))),
            None => Ok(None),
        }
    }
}
