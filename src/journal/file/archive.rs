//! Old segments move to another directory, perhaps on another file system.
//!
//! ```text
//! p0/segment-0000000007  ──copied──▶  archive/p0/archiving           synced, read again, compared
//!                                     archive/p0/segment-0000000007  renamed, directory synced
//! p0/                    ◀─removed──  only now
//! ```
//!
//! Whatever ends this on its way, each segment is here, or there, or in both as the same bytes; a
//! copy that was not finished has no name that anybody reads. A segment goes when everything in it
//! was read once more and ends where the next one begins. Readers look here first and there then.
//!
//! Not here: when that is done, and for which segments somebody vouches.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::bytes::{ZEROS, in_memory, on_disk};
use super::disk::{Disk, DiskFile};
use super::fault::{Damage, Fault, Finding};
use super::reader::segment_of;
use super::recovery::walk;
use super::segment;
use super::spare::remove_if_there;

/// A copy until it is whole.
const COPY_NAME: &str = "archiving";
/// Bytes copied at once.
const PIECE: usize = ZEROS.len();
/// Bytes between two syncs of a copy: the journal's own sync does not wait behind more.
const SYNCED_BYTES: u64 = 8 << 20;

/// What was moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Moves the segments to the archive that nobody needs who begins to read at a position; none if
/// there is no archive. It may be given up between two of them.
pub fn archive<D: Disk>(disk: &D, position: u64, stop: &AtomicBool) -> Result<Moved, Fault> {
    let mut moved = Moved::default();
    let Some(archive) = disk.archive() else {
        return Ok(moved);
    };
    check_archive(disk)?;
    let needed = segment_of(disk, position)?;
    for number in segment::list(disk)? {
        if number >= needed || stop.load(Ordering::Acquire) {
            break;
        }
        let bytes = copy(disk, &archive, number)?;
        let name = segment::file_name(number);
        disk.remove(&name)
            .map_err(|error| Fault::io("remove", &disk.describe(&name), error))?;
        // One by one: of two names that go at once the power could bring back the older one alone.
        disk.sync_directory()
            .map_err(|error| Fault::io("sync", &disk.describe(""), error))?;
        moved.segments += 1;
        moved.bytes += bytes;
    }
    Ok(moved)
}

/// Refuses if segments that are not here any more are in no archive.
pub fn check_archive<D: Disk>(disk: &D) -> Result<(), Fault> {
    match segment::list(disk)?.first() {
        Some(oldest) => segment::archived(disk, *oldest).map(drop),
        None => Ok(()),
    }
}

/// Whether anything was moved to an archive so far.
pub fn has_archived<D: Disk>(disk: &D) -> Result<bool, Fault> {
    Ok(segment::list(disk)?
        .first()
        .is_some_and(|oldest| *oldest > 1))
}

/// Puts a segment into the archive, whole and durable with its name; its bytes.
fn copy<D: Disk>(disk: &D, archive: &D, number: u64) -> Result<u64, Fault> {
    let (file, header) = segment::open_here(disk, number)?;
    let (_, next) = segment::open_here(disk, number + 1)?;
    let read = walk(disk, number)?;
    let name = segment::file_name(number);
    if read.chain != next.before {
        return Err(Fault::Damaged(Damage {
            file: disk.describe(&name),
            offset: read.offset,
            what: Finding::SegmentNotNext,
        }));
    }
    let source = Named {
        file,
        path: disk.describe(&name),
        length: header.length,
    };
    let target = archive.describe(&name);
    let action = |action, error| Fault::io(action, &target, error);
    match archive.open_to_read(&name) {
        Ok(known) => {
            let known = Named::of(known, archive, &name)?;
            if known.length != source.length || known.hash()? != source.hash()? {
                return Err(Fault::ArchiveForeign { file: target });
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let hash = source.copy_to(archive)?;
            let copied = archive.open_to_read(COPY_NAME);
            let copied = copied.map_err(|error| action("open", error))?;
            if Named::of(copied, archive, COPY_NAME)?.hash()? != hash {
                return Err(Fault::Damaged(Damage {
                    file: archive.describe(COPY_NAME),
                    offset: 0,
                    what: Finding::ChainBroken,
                }));
            }
            let named = archive.rename(COPY_NAME, &name);
            named.map_err(|error| action("rename", error))?;
        }
        Err(error) => return Err(action("open", error)),
    }
    // Its name may be of a life in which this sync was not reached.
    archive
        .sync_directory()
        .map_err(|error| Fault::io("sync", &archive.describe(""), error))?;
    Ok(header.length)
}

/// An open file with its name for faults.
struct Named<F> {
    file: F,
    path: String,
    length: u64,
}

impl<F: DiskFile> Named<F> {
    fn of<D: Disk<File = F>>(file: F, disk: &D, name: &str) -> Result<Self, Fault> {
        let path = disk.describe(name);
        let length = file.length();
        let length = length.map_err(|error| Fault::io("measure", &path, error))?;
        Ok(Self { file, path, length })
    }

    /// Reads everything, piece by piece.
    fn each(&self, mut take: impl FnMut(&[u8], u64) -> Result<(), Fault>) -> Result<(), Fault> {
        let (mut piece, mut offset) = (vec![0; PIECE], 0);
        while offset < self.length {
            let length = in_memory(self.length - offset).min(PIECE);
            let bytes = piece.get_mut(..length).unwrap_or_default();
            self.file
                .read_exact_at(bytes, offset)
                .map_err(|error| Fault::io("read", &self.path, error))?;
            take(bytes, offset)?;
            offset += on_disk(length);
        }
        Ok(())
    }

    fn hash(&self) -> Result<blake3::Hash, Fault> {
        let mut hasher = blake3::Hasher::new();
        self.each(|bytes, _| {
            hasher.update(bytes);
            Ok(())
        })?;
        Ok(hasher.finalize())
    }

    /// Copies it under a passing name, durable but for that; the hash of what was read.
    fn copy_to<D: Disk<File = F>>(&self, archive: &D) -> Result<blake3::Hash, Fault> {
        remove_if_there(archive, COPY_NAME)?;
        let path = archive.describe(COPY_NAME);
        let fault = |action, error| Fault::io(action, &path, error);
        let copy = archive.create(COPY_NAME);
        let copy = copy.map_err(|error| fault("create", error))?;
        let (mut hasher, mut unsynced) = (blake3::Hasher::new(), 0);
        self.each(|bytes, offset| {
            hasher.update(bytes);
            let written = copy.write_all_at(bytes, offset);
            written.map_err(|error| fault("write", error))?;
            unsynced += on_disk(bytes.len());
            if unsynced >= SYNCED_BYTES {
                unsynced = 0;
                copy.sync().map_err(|error| fault("sync", error))?;
            }
            Ok(())
        })?;
        copy.sync().map_err(|error| fault("sync", error))?;
        Ok(hasher.finalize())
    }
}
