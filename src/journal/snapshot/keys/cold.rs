//! All keys up to a position, in files: what the engine does not hold any more.

use std::sync::Arc;

use super::blocks::KeyRow;
use super::{KeyFile, OpenKeyFile};
use crate::ids::{Hash128, Position};
use crate::journal::file::JournalId;
use crate::journal::file::disk::Disk;
use crate::journal::snapshot::SnapshotFault;

/// The key files of a snapshot, open.
#[derive(Clone, Debug, Default)]
pub struct ColdKeys {
    files: Vec<Arc<OpenKeyFile>>,
    through: Position,
}

impl ColdKeys {
    /// Open files that together hold every key up to a position. Those that are open already are
    /// taken over from `before`.
    pub fn open<D: Disk>(
        disk: &D,
        journal: JournalId,
        files: &[KeyFile],
        through: Position,
        before: &Self,
    ) -> Result<Self, SnapshotFault> {
        let open = |named: &KeyFile| {
            let known = before.files.iter().find(|open| open.named == *named);
            known.map_or_else(
                || OpenKeyFile::open(disk, named, journal).map(Arc::new),
                |open| Ok(Arc::clone(open)),
            )
        };
        Ok(Self {
            files: files.iter().map(open).collect::<Result<_, _>>()?,
            through,
        })
    }

    /// Up to where every key is here.
    pub fn through(&self) -> Position {
        self.through
    }

    /// How many keys there are.
    pub fn len(&self) -> u64 {
        let counts = self.files.iter().map(|file| file.named.count);
        counts.fold(0, u64::saturating_add)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many files there are.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.files.iter().map(|file| file.bytes()).sum()
    }

    /// What is known of a key; `page` is memory to read into, kept between calls.
    pub fn find(&self, key: Hash128, page: &mut Vec<u8>) -> Result<Option<KeyRow>, SnapshotFault> {
        for file in &self.files {
            if let Some(row) = file.find(key, page)? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}
