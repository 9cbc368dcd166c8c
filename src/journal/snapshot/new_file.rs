//! A file that is written once, in synced pieces, and gets its name when it is whole.

use std::io;

use super::SnapshotFault;
use crate::journal::file::bytes::on_disk;
use crate::journal::file::disk::{Disk, DiskFile};

/// Bytes between two syncs: what a disk writes in well under the time of a group commit's patience.
const SYNCED_BYTES: usize = 1 << 20;

/// The file under construction.
#[derive(Debug)]
pub(super) struct NewFile<D: Disk> {
    disk: D,
    name: &'static str,
    path: String,
    file: D::File,
    waiting: Vec<u8>,
    written: u64,
    hasher: blake3::Hasher,
}

impl<D: Disk> NewFile<D> {
    /// Begin under a name that nobody reads.
    pub(super) fn create(disk: &D, name: &'static str) -> Result<Self, SnapshotFault> {
        let path = disk.describe(name);
        match disk.remove(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(SnapshotFault::io("remove", &path, &error));
            }
            Ok(()) | Err(_) => {}
        }
        let file = disk
            .create(name)
            .map_err(|error| SnapshotFault::io("create", &path, &error))?;
        Ok(Self {
            disk: disk.clone(),
            name,
            path,
            file,
            waiting: Vec::with_capacity(SYNCED_BYTES),
            written: 0,
            hasher: blake3::Hasher::new(),
        })
    }

    /// Put bytes behind the others.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), SnapshotFault> {
        self.hasher.update(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = SYNCED_BYTES.saturating_sub(self.waiting.len());
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.waiting.extend_from_slice(now);
            rest = later;
            if self.waiting.len() >= SYNCED_BYTES {
                self.sync()?;
            }
        }
        Ok(())
    }

    /// Hash of everything put so far.
    pub(super) fn hash(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }

    /// Bytes put so far.
    pub(super) fn bytes(&self) -> u64 {
        self.written.saturating_add(on_disk(self.waiting.len()))
    }

    /// Make it durable and give it its name, in place of an older file.
    pub(super) fn finish(mut self, name: &str) -> Result<(), SnapshotFault> {
        self.sync()?;
        let named = self.disk.rename(self.name, name);
        named
            .and_then(|()| self.disk.sync_directory())
            .map_err(|error| SnapshotFault::Uncertain {
                file: self.disk.describe(name),
                reason: error.to_string(),
            })
    }

    fn sync(&mut self) -> Result<(), SnapshotFault> {
        self.file
            .write_all_at(&self.waiting, self.written)
            .map_err(|error| SnapshotFault::io("write", &self.path, &error))?;
        self.file
            .sync()
            .map_err(|error| SnapshotFault::io("sync", &self.path, &error))?;
        self.written = self.bytes();
        self.waiting.clear();
        Ok(())
    }
}
