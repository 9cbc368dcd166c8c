//! Files that are there as a whole or not at all.

use std::io;

use crate::journal::file::disk::{Disk, DiskFile};

/// Bytes gathered before they are written.
const PIECE_BYTES: usize = 64 << 10;

/// A file under construction.
pub(super) struct Pieces<'a, F> {
    file: &'a F,
    waiting: Vec<u8>,
    written: u64,
}

impl<F: DiskFile> Pieces<'_, F> {
    /// Put bytes behind the others.
    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= PIECE_BYTES {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.waiting, self.written)?;
        let length = u64::try_from(self.waiting.len()).map_err(io::Error::other)?;
        self.written = self.written.saturating_add(length);
        self.waiting.clear();
        Ok(())
    }
}

/// Write a file beside the one of this name, make it durable, then put it in its place.
pub(super) fn replace<D: Disk>(
    disk: &D,
    name: &str,
    write: impl FnOnce(&mut Pieces<'_, D::File>) -> io::Result<()>,
) -> io::Result<()> {
    let next = format!("{name}.new");
    // A crash may have left one; its content is of no use.
    match disk.remove(&next) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
        _ => {}
    }
    let file = disk.create(&next)?;
    let mut pieces = Pieces {
        file: &file,
        waiting: Vec::new(),
        written: 0,
    };
    write(&mut pieces)?;
    pieces.write()?;
    file.sync()?;
    disk.rename(&next, name)?;
    disk.sync_directory()
}
