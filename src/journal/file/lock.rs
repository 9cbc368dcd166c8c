//! The exclusive lock on a journal's directory.
//!
//! It is an `flock` on the file `lock`, which the system gives up when the process ends however it
//! ends. A POSIX record lock would not do: closing any other handle of the file drops it.

use super::disk::Disk;
use super::fault::Fault;

/// The right to write in a directory; dropping it gives the right up.
#[derive(Debug)]
pub struct Lock<D: Disk> {
    _held: D::Lock,
}

impl<D: Disk> Lock<D> {
    /// Takes the lock, or says at once who has it.
    ///
    /// Whoever reads other durable files first, to give them as [`Evidence`](super::Evidence),
    /// takes the lock before reading: until then another process may still be writing them.
    pub fn take(disk: &D) -> Result<Self, Fault> {
        match disk.lock("lock") {
            Ok(Ok(lock)) => Ok(Self { _held: lock }),
            Ok(Err(holder)) => Err(Fault::Locked {
                directory: disk.describe(""),
                holder,
            }),
            Err(error) => Err(Fault::io("lock", &disk.describe("lock"), error)),
        }
    }
}
