//! A segment: a file of fixed length that begins with a header and holds frames.
//!
//! ```text
//! byte   0        4       6        8            16        24             32
//!        magic    version length   number       length    first frame    first position
//!        "KSEG"   1       128      of segment   of file
//!       40              48            64                              96         120    124
//!        group before    journal id    hash of the frame before it     reserved   CRC    reserved
//!      128
//!        frames …
//! ```
//!
//! The header is synced before the file gets its name, so a file with the name of a segment has a
//! whole header or is damaged. "Group before" is the group of the frame before the segment: a
//! group may go on into the next segment. The CRC32C covers bytes 0 to 119.

use std::io;

use super::bytes::{Fields, Layout, first, on_disk};
use super::disk::{Disk, DiskFile};
use super::fault::{Damage, Fault, Finding};
use super::frame::{Chain, HEADER_BYTES, JournalId, VERSION, checksum, frame_bytes};

/// Where the first frame of a segment stands.
pub(super) const FRAMES_AT: u64 = 128;
/// Bytes of a segment at the least: its header and one frame with something in it.
pub(super) const SEGMENT_BYTES_MIN: u64 = 4 << 10;
/// Bytes of a segment at the most, unless one frame needs more: what a start copies in a second.
pub(super) const SEGMENT_BYTES_MAX: u64 = 1 << 30;

const MAGIC: [u8; 4] = *b"KSEG";
const PREFIX: &str = "segment-";
const CRC_AT: usize = 120;

/// What the header of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) number: u64,
    /// Bytes of the file.
    pub(super) length: u64,
    /// What its first frame follows.
    pub(super) before: Chain,
}

/// The name of a segment's file.
pub(super) fn file_name(number: u64) -> String {
    format!("{PREFIX}{number:010}")
}

/// The number in the name of a segment's file.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?;
    let number = digits.parse().ok()?;
    (file_name(number) == name).then_some(number)
}

/// Bytes of a segment that can hold a frame with such a payload.
pub(super) fn length_for(segment_bytes: u64, payload_length: u64) -> u64 {
    segment_bytes.max(FRAMES_AT + frame_bytes(payload_length))
}

/// The numbers of the segments in the directory, ascending and without a gap.
pub(super) fn list<D: Disk>(disk: &D) -> Result<Vec<u64>, Fault> {
    let numbers = numbers(disk).map_err(|error| Fault::io("list", &disk.describe(""), error))?;
    let gap = numbers
        .iter()
        .zip(numbers.iter().skip(1))
        .find(|(a, b)| **a + 1 != **b);
    if let Some((before, _)) = gap {
        return Err(Fault::Damaged(Damage {
            file: disk.describe(&file_name(before + 1)),
            offset: 0,
            what: Finding::SegmentMissing { number: before + 1 },
        }));
    }
    Ok(numbers)
}

/// The numbers of the segments in a directory, ascending.
fn numbers<D: Disk>(disk: &D) -> io::Result<Vec<u64>> {
    let names = disk.list()?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| number_of(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The numbers of the segments that were moved to the archive before the oldest one that is still
/// in the directory, ascending: all of them.
pub(super) fn archived<D: Disk>(disk: &D, oldest: u64) -> Result<Vec<u64>, Fault> {
    let missing = |segment, why: &str| missing(disk, segment, why);
    let last = oldest.saturating_sub(1);
    if last == 0 {
        return Ok(Vec::new());
    }
    let Some(archive) = disk.archive() else {
        return Err(missing(last, "no archive is named"));
    };
    // Whoever moves a segment puts it there before it goes from here.
    let mut numbers = match numbers(&archive) {
        Ok(numbers) => numbers,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(missing(last, "there is no such directory"));
        }
        Err(error) => return Err(Fault::io("list", &archive.describe(""), error)),
    };
    numbers.retain(|number| *number < oldest);
    let gap = (1..=last).rev().zip(numbers.iter().rev());
    let gap = gap.map(|(wanted, found)| (wanted != *found).then_some(wanted));
    let gap = gap.flatten().next();
    let first = numbers.first().copied().unwrap_or(oldest);
    match gap.or((first > 1).then_some(first - 1)) {
        Some(number) => Err(missing(number, "that directory does not have it")),
        None => Ok(numbers),
    }
}

fn missing<D: Disk>(disk: &D, segment: u64, why: &str) -> Fault {
    let archive = disk.archive().map(|archive| archive.describe(""));
    Fault::ArchiveMissing {
        segment,
        directory: disk.describe(""),
        archive: archive.unwrap_or_default(),
        why: why.to_owned(),
    }
}

/// Whether there is a segment, here or in the archive.
pub(super) fn is_there<D: Disk>(disk: &D, number: u64) -> Result<bool, Fault> {
    let name = file_name(number);
    for place in [Some(disk.clone()), disk.archive()].into_iter().flatten() {
        match place.open_to_read(&name) {
            Ok(_) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Fault::io("open", &place.describe(&name), error)),
        }
    }
    Ok(false)
}

/// Opens a segment to read, here or in the archive, and reads its header.
pub(super) fn open<D: Disk>(disk: &D, number: u64) -> Result<(D::File, SegmentHeader), Fault> {
    let is_gone = |fault: &Fault| {
        matches!(fault, Fault::Io { action: "open", source, .. }
            if source.kind() == io::ErrorKind::NotFound)
    };
    match (open_here(disk, number), disk.archive()) {
        (Err(fault), Some(archive)) if is_gone(&fault) => match open_here(&archive, number) {
            Err(fault) if is_gone(&fault) => {
                Err(missing(disk, number, "that directory does not have it"))
            }
            archived => archived,
        },
        (here, _) => here,
    }
}

/// Opens a segment of the directory itself.
pub(super) fn open_here<D: Disk>(disk: &D, number: u64) -> Result<(D::File, SegmentHeader), Fault> {
    let name = file_name(number);
    let path = disk.describe(&name);
    let file = disk
        .open_to_read(&name)
        .map_err(|error| Fault::io("open", &path, error))?;
    let found = file
        .length()
        .map_err(|error| Fault::io("measure", &path, error))?;
    let damaged = |what| Damage {
        file: path.clone(),
        offset: 0,
        what,
    };
    if found < FRAMES_AT {
        let what = Finding::Truncated {
            expected: FRAMES_AT,
            found,
        };
        return Err(damaged(what).into());
    }
    let mut bytes = [0; HEADER_BYTES];
    file.read_exact_at(&mut bytes, 0)
        .map_err(|error| Fault::io("read", &path, error))?;
    let header = match SegmentHeader::read(&bytes) {
        Ok(header) => header,
        Err(Unread::Version(version)) => {
            return Err(Fault::VersionUnknown {
                file: path,
                offset: 4,
                version,
                known: VERSION,
            });
        }
        Err(Unread::Bad(what)) => return Err(damaged(what).into()),
    };
    if header.number != number {
        let what = Finding::PlaceForeign {
            segment: header.number,
            offset: 0,
        };
        return Err(damaged(what).into());
    }
    if found != header.length {
        let what = Finding::Truncated {
            expected: header.length,
            found,
        };
        return Err(Damage {
            file: path,
            offset: found.min(header.length),
            what,
        }
        .into());
    }
    Ok((file, header))
}

/// Why a header was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    Version(u16),
    Bad(Finding),
}

impl SegmentHeader {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        Layout(&mut out)
            .bytes(&MAGIC)
            .u16(VERSION)
            .u16(128)
            .u64(self.number)
            .u64(self.length)
            .u64(self.before.number)
            .u64(self.before.position)
            .u64(self.before.group)
            .bytes(&self.before.journal.0)
            .bytes(&self.before.hash)
            .bytes(&[0; 24]);
        checksum(0, &mut out);
        Layout(&mut out).u32(0);
        out
    }

    fn read(bytes: &[u8]) -> Result<Self, Unread> {
        Self::parse(bytes).unwrap_or(Err(Unread::Bad(Finding::HeaderMissing)))
    }

    fn parse(bytes: &[u8]) -> Option<Result<Self, Unread>> {
        let mut fields = Fields(bytes);
        if fields.take()? != MAGIC {
            return None;
        }
        let version = fields.u16()?;
        let crc = Fields(bytes.get(CRC_AT..)?).u32()?;
        if crc32c::crc32c(first(bytes, CRC_AT)) != crc {
            return Some(Err(Unread::Bad(Finding::HeaderChecksum)));
        }
        if version != VERSION {
            return Some(Err(Unread::Version(version)));
        }
        let _header_length = fields.u16()?;
        let segment = fields.u64()?;
        let length = fields.u64()?;
        let number = fields.u64()?;
        let position = fields.u64()?;
        let group = fields.u64()?;
        let journal = JournalId(fields.take()?);
        let hash = fields.take()?;
        let before = Chain {
            journal,
            number,
            position,
            group,
            hash,
        };
        Some(Ok(Self {
            number: segment,
            length,
            before,
        }))
    }
}

/// Bytes from `offset` on that can hold frames.
pub(super) fn room(length: u64, offset: u64) -> u64 {
    length.saturating_sub(offset)
}

/// Whether a header fits between `offset` and the end.
pub(super) fn header_fits(length: u64, offset: u64) -> bool {
    room(length, offset) >= on_disk(HEADER_BYTES)
}
