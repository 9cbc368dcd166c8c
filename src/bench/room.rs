//! A directory of a run's own, removed when it is dropped.

use std::io;
use std::path::{Path, PathBuf};

use crate::journal::file::disk::{Disk as _, OsDisk};

/// The directory.
#[derive(Debug)]
pub struct Room(PathBuf);

impl Room {
    /// Make one in another directory.
    pub fn make(parent: &Path) -> io::Result<Self> {
        let mut name = [0_u8; 8];
        OsDisk::new(parent).random(&mut name)?;
        let dir = parent.join(format!("kontor-bench-{:016x}", u64::from_le_bytes(name)));
        std::fs::create_dir(&dir).map_err(|error| {
            let what = format!("cannot make the directory {}: {error}", dir.display());
            io::Error::new(error.kind(), what)
        })?;
        Ok(Self(dir))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // What cannot be removed is found by its name.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
