//! The right to write snapshots and key files of a directory.
//!
//! The daemon takes snapshots, and so does a command beside it. Both write under the same passing
//! names and remove what the newest snapshots do not need, so one of them goes at a time. It is not
//! the lock of the journal: whoever builds reads the journal and writes nothing of it.

use crate::journal::file::disk::Disk;
use crate::journal::snapshot::SnapshotFault;

const LOCK_NAME: &str = "building";

/// The right; dropping it gives it up.
#[derive(Debug)]
pub(super) struct Building<D: Disk> {
    _held: D::Lock,
}

impl<D: Disk> Building<D> {
    /// Take it, or say who has it.
    pub(super) fn begin(disk: &D) -> Result<Self, SnapshotFault> {
        match disk.lock(LOCK_NAME) {
            Ok(Ok(held)) => Ok(Self { _held: held }),
            Ok(Err(holder)) => Err(SnapshotFault::Busy {
                directory: disk.describe(""),
                holder,
            }),
            Err(error) => Err(SnapshotFault::io("lock", &disk.describe(LOCK_NAME), &error)),
        }
    }
}
