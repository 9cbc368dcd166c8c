//! The claim on a partition: its directory and the lock, which one process at a time has.
//!
//! Whoever has no claim reads nothing and consumes nothing. A claim is given up by the system when
//! its process ends, however that ends; a process that merely stands still keeps it.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::{OpenFault, archive_of, directory, disk_of, io};
use crate::journal::JournalFault;
use crate::journal::file::disk::{Disk, OsDisk, network_of};
use crate::journal::file::{Lock, has_archived};
use crate::settings::Settings;

/// What a directory has that is a backup and no state directory.
pub const MANIFEST_FILE: &str = "manifest";

/// A partition's directory, made and not claimed.
#[derive(Debug)]
pub struct Place {
    partition: u16,
    disk: OsDisk,
}

/// The right to write in a partition's directory; dropping it gives the right up.
#[derive(Debug)]
pub struct Claim<D: Disk = OsDisk> {
    pub(super) partition: u16,
    pub(super) disk: D,
    pub(super) lock: Lock<D>,
}

impl Place {
    /// Make the directory of a partition, if it is not there.
    pub fn of(settings: &Settings, partition: u16) -> Result<Self, OpenFault> {
        make_directory(&directory(settings, partition))?;
        let disk = disk_of(settings, partition);
        if let Some(archive) = archive_of(settings, partition)
            && !has_archived(&disk).map_err(JournalFault::from)?
        {
            // Once something is in it, it is not made anew: then a mount is missing.
            make_directory(&archive)?;
        }
        Ok(Self { partition, disk })
    }

    /// Claim it; [`OpenFault::Locked`] names who has it.
    pub fn claim(&self) -> Result<Claim, OpenFault> {
        Claim::on(self.disk.clone(), self.partition)
    }
}

impl Claim {
    /// Make and claim the directory of a partition.
    pub fn take(settings: &Settings, partition: u16) -> Result<Self, OpenFault> {
        Place::of(settings, partition)?.claim()
    }
}

impl<D: Disk> Claim<D> {
    /// Claim a directory that is there.
    pub fn on(disk: D, partition: u16) -> Result<Self, OpenFault> {
        if disk.open_to_read(MANIFEST_FILE).is_ok() {
            let path = disk.describe("").into();
            return Err(OpenFault::Backup { path });
        }
        let lock = Lock::take(&disk)?;
        Ok(Self {
            partition,
            disk,
            lock,
        })
    }

    /// The partition.
    pub fn partition(&self) -> u16 {
        self.partition
    }
}

/// Make the directory for its owner alone; durable in the one above, and so are those that had to
/// be made for it.
fn make_directory(dir: &Path) -> Result<(), OpenFault> {
    let missing = dir.ancestors().take_while(|above| !above.exists()).count();
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(dir);
    made.map_err(|source| io("make", dir, source))?;
    for above in dir.ancestors().skip(1).take(missing.max(1)) {
        let above = if above.as_os_str().is_empty() {
            Path::new(".")
        } else {
            above
        };
        let synced = std::fs::File::open(above).and_then(|above| above.sync_all());
        synced.map_err(|source| io("sync", above, source))?;
    }
    match network_of(dir) {
        Ok(None) => Ok(()),
        Ok(Some(system)) => Err(OpenFault::NotLocal {
            path: dir.to_owned(),
            system,
        }),
        Err(source) => Err(io("look at the file system of", dir, source)),
    }
}
