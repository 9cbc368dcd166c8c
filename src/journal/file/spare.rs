//! The next segment, made ahead of use so that a full disk is known before a write would break.
//!
//! A spare is a file of zeros, synced. Making one is slow, so it is done on the side while the
//! segment in use fills. A spare left by an earlier process is not trusted: it may be half written.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::bytes::{ZEROS, first, in_memory, on_disk};
use super::disk::{Disk, DiskFile, Errand};
use super::fault::Fault;

pub(super) const FILE_NAME: &str = "spare";
/// Bytes written between two syncs, so that a sync of the segment in use waits behind few of them.
const SYNC_EVERY: u64 = 8 << 20;

/// Whether there is room to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// The next segment is there.
    Ready,
    /// The next segment is being made.
    Preparing,
    /// The disk is full. What fits in the segment in use can still be written: stop the intake now.
    Exhausted,
}

/// The next segment, at some stage of its making.
#[derive(Debug)]
pub(super) struct Spare<D: Disk> {
    disk: D,
    stage: Stage<D::File>,
}

#[derive(Debug)]
enum Stage<F> {
    None,
    Preparing {
        length: u64,
        errand: Errand<io::Result<F>>,
        cancelled: Arc<AtomicBool>,
    },
    Ready {
        length: u64,
        file: F,
    },
    Exhausted,
}

impl<D: Disk> Spare<D> {
    /// Removes what an earlier process left.
    pub(super) fn new(disk: &D) -> Result<Self, Fault> {
        remove_if_there(disk, FILE_NAME)?;
        Ok(Self {
            disk: disk.clone(),
            stage: Stage::None,
        })
    }

    /// Begins to make one, unless one is there or being made.
    pub(super) fn prepare(&mut self, length: u64) -> Result<Space, Fault> {
        if matches!(self.stage, Stage::None | Stage::Exhausted) {
            let cancelled = Arc::new(AtomicBool::new(false));
            let (disk, stop) = (self.disk.clone(), Arc::clone(&cancelled));
            let errand = self
                .disk
                .errand(move || make(&disk, FILE_NAME, length, &stop))
                .map_err(|error| self.fault("prepare", error))?;
            self.stage = Stage::Preparing {
                length,
                errand,
                cancelled,
            };
        }
        self.poll()
    }

    /// How far it is.
    pub(super) fn poll(&mut self) -> Result<Space, Fault> {
        match std::mem::replace(&mut self.stage, Stage::None) {
            Stage::Preparing { length, errand, .. } if errand.is_done() => {
                self.finish(length, errand)
            }
            stage @ Stage::Preparing { .. } => {
                self.stage = stage;
                Ok(Space::Preparing)
            }
            stage @ Stage::Ready { .. } => {
                self.stage = stage;
                Ok(Space::Ready)
            }
            Stage::None | Stage::Exhausted => {
                self.stage = Stage::Exhausted;
                Ok(Space::Exhausted)
            }
        }
    }

    /// The spare, with its length; waits for it, and makes another if it is too short.
    pub(super) fn take(&mut self, length: u64) -> Result<(D::File, u64), Fault> {
        for _ in 0..2 {
            self.prepare(length)?;
            if let Stage::Preparing { .. } = self.stage
                && let Stage::Preparing { length, errand, .. } =
                    std::mem::replace(&mut self.stage, Stage::None)
            {
                self.finish(length, errand)?;
            }
            match std::mem::replace(&mut self.stage, Stage::None) {
                Stage::Ready {
                    length: found,
                    file,
                } if found >= length => {
                    return Ok((file, found));
                }
                Stage::Ready { .. } => remove_if_there(&self.disk, FILE_NAME)?,
                Stage::None | Stage::Preparing { .. } | Stage::Exhausted => break,
            }
        }
        self.stage = Stage::Exhausted;
        Err(Fault::SpaceExhausted {
            directory: self.disk.describe(""),
            bytes: length,
        })
    }

    fn finish(&mut self, length: u64, errand: Errand<io::Result<D::File>>) -> Result<Space, Fault> {
        match errand.wait() {
            Some(Ok(file)) => {
                self.stage = Stage::Ready { length, file };
                Ok(Space::Ready)
            }
            Some(Err(error)) if is_full(&error) => {
                self.stage = Stage::Exhausted;
                Ok(Space::Exhausted)
            }
            Some(Err(error)) => Err(self.fault("prepare", error)),
            None => Err(self.fault("prepare", io::Error::other("the thread panicked"))),
        }
    }

    fn fault(&self, action: &'static str, error: io::Error) -> Fault {
        Fault::io(action, &self.disk.describe(FILE_NAME), error)
    }
}

impl<D: Disk> Drop for Spare<D> {
    fn drop(&mut self) {
        if let Stage::Preparing { cancelled, .. } = &self.stage {
            cancelled.store(true, Ordering::Relaxed);
        }
    }
}

/// Makes a file of zeros and syncs it. A file that did not get its room gives back what it took.
fn make<D: Disk>(disk: &D, name: &str, length: u64, stop: &AtomicBool) -> io::Result<D::File> {
    let file = disk.create(name)?;
    match fill(&file, 0, length, stop) {
        Ok(()) => Ok(file),
        Err(error) if is_full(&error) => {
            disk.remove(name)?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// Fills a file with zeros up to its length and syncs it.
pub(super) fn fill<F: DiskFile>(
    file: &F,
    mut from: u64,
    length: u64,
    stop: &AtomicBool,
) -> io::Result<()> {
    let mut unsynced = 0;
    while from < length {
        if stop.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let piece = first(ZEROS, in_memory(length - from));
        file.write_all_at(piece, from)?;
        from += on_disk(piece.len());
        unsynced += on_disk(piece.len());
        if unsynced >= SYNC_EVERY {
            file.sync()?;
            unsynced = 0;
        }
    }
    file.sync()
}

/// Whether the error says that the disk, or the part of it we may use, is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Removes a file that need not be there.
pub(super) fn remove_if_there<D: Disk>(disk: &D, name: &str) -> Result<(), Fault> {
    match disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Fault::io("remove", &disk.describe(name), error))
        }
        _ => Ok(()),
    }
}
