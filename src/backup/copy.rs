//! Bytes from one directory into another, hashed on the way and durable in pieces.

use std::io;

use super::{BackupFault, FileRow};
use crate::journal::file::disk::{Disk, DiskFile};

/// Bytes copied at once.
const PIECE_BYTES: u64 = 1 << 20;
/// Bytes between two syncs: what a disk writes without anybody else waiting for long.
const SYNCED_BYTES: u64 = 8 << 20;

/// A file that is copied from or to, with its name for faults.
#[derive(Debug)]
pub(super) struct Named<F> {
    pub(super) file: F,
    pub(super) path: String,
}

/// A file being copied, and what was read of it so far.
#[derive(Debug, Default)]
pub(super) struct Copied {
    hasher: blake3::Hasher,
    bytes: u64,
    piece: Vec<u8>,
}

impl<F: DiskFile> Named<F> {
    pub(super) fn open<D: Disk<File = F>>(disk: &D, name: &str) -> Result<Self, BackupFault> {
        let path = disk.describe(name);
        match disk.open_to_read(name) {
            Ok(file) => Ok(Self { file, path }),
            Err(error) => Err(BackupFault::io("open", &path, &error)),
        }
    }

    pub(super) fn open_to_write<D: Disk<File = F>>(
        disk: &D,
        name: &str,
    ) -> Result<Self, BackupFault> {
        let path = disk.describe(name);
        match disk.open(name) {
            Ok(file) => Ok(Self { file, path }),
            Err(error) => Err(BackupFault::io("open", &path, &error)),
        }
    }

    /// An empty file, in place of one that nobody names.
    pub(super) fn create<D: Disk<File = F>>(disk: &D, name: &str) -> Result<Self, BackupFault> {
        let path = disk.describe(name);
        let removed = disk.remove(name);
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(BackupFault::io("remove", &path, &error));
            }
            Ok(()) | Err(_) => {}
        }
        match disk.create(name) {
            Ok(file) => Ok(Self { file, path }),
            Err(error) => Err(BackupFault::io("create", &path, &error)),
        }
    }

    pub(super) fn length(&self) -> Result<u64, BackupFault> {
        let length = self.file.length();
        length.map_err(|error| BackupFault::io("measure", &self.path, &error))
    }

    pub(super) fn sync(&self) -> Result<(), BackupFault> {
        let synced = self.file.sync();
        synced.map_err(|error| BackupFault::io("sync", &self.path, &error))
    }

    /// Make it as long as it says of itself, with zeros that nobody has written.
    pub(super) fn lengthen(&self, length: u64) -> Result<(), BackupFault> {
        let Some(last) = length.checked_sub(1) else {
            return Ok(());
        };
        let written = self.file.write_all_at(&[0], last);
        written.map_err(|error| BackupFault::io("write", &self.path, &error))
    }
}

impl Copied {
    /// Read on up to a byte, without writing it anywhere.
    pub(super) fn read<F: DiskFile>(
        &mut self,
        from: &Named<F>,
        end: u64,
    ) -> Result<(), BackupFault> {
        self.go::<F, F>(from, None, end)
    }

    /// Read on up to a byte, and write it to the same place; durable when it returns.
    pub(super) fn copy<F: DiskFile, G: DiskFile>(
        &mut self,
        from: &Named<F>,
        to: &Named<G>,
        end: u64,
    ) -> Result<(), BackupFault> {
        self.go(from, Some(to), end)?;
        to.sync()
    }

    fn go<F: DiskFile, G: DiskFile>(
        &mut self,
        from: &Named<F>,
        to: Option<&Named<G>>,
        end: u64,
    ) -> Result<(), BackupFault> {
        let mut unsynced = 0_u64;
        while self.bytes < end {
            let length = end.saturating_sub(self.bytes).min(PIECE_BYTES);
            self.piece
                .resize(usize::try_from(length).unwrap_or_default(), 0);
            match from.file.read_exact_at(&mut self.piece, self.bytes) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(BackupFault::damaged(&from.path, "it ends early"));
                }
                Err(error) => return Err(BackupFault::io("read", &from.path, &error)),
            }
            self.hasher.update(&self.piece);
            if let Some(to) = to {
                to.file
                    .write_all_at(&self.piece, self.bytes)
                    .map_err(|error| BackupFault::io("write", &to.path, &error))?;
                unsynced = unsynced.saturating_add(length);
                if unsynced >= SYNCED_BYTES {
                    unsynced = 0;
                    to.sync()?;
                }
            }
            self.bytes = self.bytes.saturating_add(length);
        }
        Ok(())
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Hash of them.
    pub(super) fn hash(&self) -> blake3::Hash {
        self.hasher.finalize()
    }

    /// What a manifest says of them.
    pub(super) fn row(&self, name: &str) -> FileRow {
        FileRow {
            name: name.to_owned(),
            bytes: self.bytes,
            hash: self.hash(),
        }
    }
}

/// Text that grows at its end, durable once finished.
#[derive(Debug)]
pub(super) struct Lines<F> {
    to: Named<F>,
    waiting: Vec<u8>,
    written: u64,
}

impl<F: DiskFile> Lines<F> {
    pub(super) fn create<D: Disk<File = F>>(disk: &D, name: &str) -> Result<Self, BackupFault> {
        Ok(Self {
            to: Named::create(disk, name)?,
            waiting: Vec::new(),
            written: 0,
        })
    }

    /// Where the next line is put.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.waiting
    }

    /// A line is whole.
    pub(super) fn put(&mut self) -> Result<(), BackupFault> {
        self.waiting.push(b'\n');
        let length = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        if length >= PIECE_BYTES {
            self.write()?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), BackupFault> {
        self.write()?;
        self.to.sync()
    }

    fn write(&mut self) -> Result<(), BackupFault> {
        self.to
            .file
            .write_all_at(&self.waiting, self.written)
            .map_err(|error| BackupFault::io("write", &self.to.path, &error))?;
        let length = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        self.written = self.written.saturating_add(length);
        self.waiting.clear();
        Ok(())
    }
}
