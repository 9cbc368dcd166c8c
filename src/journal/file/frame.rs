//! A frame: a fixed header and the caller's bytes.
//!
//! ```text
//! byte   0         4         6         8      9          12         16             24
//!        magic     version   length    kind   reserved   payload    number         group: number
//!        "KFRM"    1         128              000        length     of the frame   of its first
//!       32         40        44        48               56
//!        first     count     reserved  segment          offset in
//!        position            0000      it stands in     the segment
//!       64                   80                         112        120            124
//!        journal id          hash of the frame before   reserved   header CRC     frame CRC
//!      128
//!        payload …           zeros up to a multiple of 64
//! ```
//!
//! All numbers are little-endian. The header CRC32C covers bytes 0 to 119 and stands at the same
//! place in every version to come, so that a frame of a later release is known as such and never
//! mistaken for a torn one. The frame CRC32C covers bytes 0 to 123 and the payload. The hash of a
//! frame is BLAKE3 over its 128 header bytes and its payload; it is what the next frame names.
//!
//! Frames are numbered from 1 without a gap. A group has the number of its first frame as its name:
//! that alone answers whether a frame found behind a bad one belongs to the same group or proves
//! that the bad one had been synced. Segment and offset are part of the header so that bytes
//! which look like a frame inside a payload are none.

use super::bytes::{Fields, Layout, first, in_memory, on_disk};
use super::fault::Finding;

/// Bytes of a header.
pub(super) const HEADER_BYTES: usize = 128;
/// Frames begin at multiples of this, so that a search for them touches few places.
pub(super) const ALIGNMENT: u64 = 64;
/// Version of the frames this program writes, and the latest it reads.
pub(super) const VERSION: u16 = 1;
/// Bytes of a payload; a larger length is damage, not a request for memory.
pub const PAYLOAD_BYTES_MAX: usize = 64 << 20;
/// The kind of the journal's own frames, which say that everything before them was synced.
pub const KIND_SEAL: u8 = 255;

pub(super) const MAGIC: [u8; 4] = *b"KFRM";
const HEADER_CRC_AT: usize = 120;
const FRAME_CRC_AT: usize = 124;

/// Names a journal; made once, random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalId(pub [u8; 16]);

/// BLAKE3 of a frame.
pub(super) type Hash = [u8; 32];

/// What a frame carries, decided by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// What kind of thing the payload is; every value but [`KIND_SEAL`] is the caller's.
    pub kind: u8,
    /// Position of the first record in the payload.
    pub first_position: u64,
    /// Number of records in the payload; each has a position.
    pub count: u32,
}

/// A place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// Number of the segment.
    pub segment: u64,
    /// Byte in the segment.
    pub offset: u64,
}

/// Everything the header of a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) head: FrameHead,
    pub(super) payload_length: u32,
    pub(super) number: u64,
    pub(super) group: u64,
    pub(super) journal: JournalId,
    pub(super) location: Location,
    pub(super) previous: Hash,
    frame_crc: u32,
}

/// What stands where a header could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Header(Header),
    /// Zeros: nothing was written here.
    Nothing,
    /// A header of a later release, whole.
    VersionUnknown(u16),
    Bad(Finding),
}

/// Bytes that a frame takes on disk, with the zeros behind it.
pub(super) fn frame_bytes(payload_length: u64) -> u64 {
    (on_disk(HEADER_BYTES) + payload_length).next_multiple_of(ALIGNMENT)
}

impl Header {
    /// Reads what stands in the first 128 of `bytes`.
    pub(super) fn read(bytes: &[u8]) -> Found {
        let bytes = first(bytes, HEADER_BYTES);
        if bytes.iter().all(|byte| *byte == 0) {
            return Found::Nothing;
        }
        Self::parse(bytes).unwrap_or(Found::Bad(Finding::HeaderMissing))
    }

    fn parse(bytes: &[u8]) -> Option<Found> {
        let mut fields = Fields(bytes);
        if fields.take()? != MAGIC {
            return Some(Found::Bad(Finding::HeaderMissing));
        }
        let version = fields.u16()?;
        let crc = Fields(bytes.get(HEADER_CRC_AT..)?).u32()?;
        if crc32c::crc32c(first(bytes, HEADER_CRC_AT)) != crc {
            return Some(Found::Bad(Finding::HeaderChecksum));
        }
        if version != VERSION {
            return Some(Found::VersionUnknown(version));
        }
        let _header_length = fields.u16()?;
        let kind = fields.u8()?;
        fields.take::<3>()?;
        let payload_length = fields.u32()?;
        let number = fields.u64()?;
        let group = fields.u64()?;
        let first_position = fields.u64()?;
        let count = fields.u32()?;
        fields.take::<4>()?;
        let segment = fields.u64()?;
        let offset = fields.u64()?;
        let journal = JournalId(fields.take()?);
        let previous = fields.take()?;
        fields.take::<8>()?;
        let _header_crc = fields.u32()?;
        let frame_crc = fields.u32()?;
        Some(Found::Header(Self {
            head: FrameHead {
                kind,
                first_position,
                count,
            },
            payload_length,
            number,
            group,
            journal,
            location: Location { segment, offset },
            previous,
            frame_crc,
        }))
    }

    /// Bytes the frame takes on disk.
    pub(super) fn frame_bytes(&self) -> u64 {
        frame_bytes(u64::from(self.payload_length))
    }

    /// Bytes of the payload.
    pub(super) fn payload_bytes(&self) -> usize {
        in_memory(u64::from(self.payload_length))
    }

    /// Whether header and payload are what was written; `frame` begins with both.
    pub(super) fn matches(&self, frame: &[u8]) -> bool {
        let payload = frame.get(HEADER_BYTES..HEADER_BYTES + self.payload_bytes());
        payload.is_some_and(|payload| {
            let crc = crc32c::crc32c(first(frame, FRAME_CRC_AT));
            crc32c::crc32c_append(crc, payload) == self.frame_crc
        })
    }
}

/// Where the journal stands: what the next frame must follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) journal: JournalId,
    /// Number of the next frame.
    pub(super) number: u64,
    /// Position of the next record.
    pub(super) position: u64,
    /// Group of the last frame.
    pub(super) group: u64,
    /// Hash of the last frame.
    pub(super) hash: Hash,
}

impl Chain {
    /// Before the first frame of a new journal.
    pub(super) fn new(journal: JournalId) -> Self {
        Self {
            journal,
            number: 1,
            position: 1,
            group: 0,
            hash: [0; 32],
        }
    }

    /// Appends a frame to `out` and steps over it. The payload is at most [`PAYLOAD_BYTES_MAX`].
    pub(super) fn write(
        &mut self,
        head: FrameHead,
        group: u64,
        location: Location,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        let payload_length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        Layout(out)
            .bytes(&MAGIC)
            .u16(VERSION)
            .u16(128)
            .u8(head.kind)
            .bytes(&[0; 3])
            .u32(payload_length)
            .u64(self.number)
            .u64(group)
            .u64(head.first_position)
            .u32(head.count)
            .u32(0)
            .u64(location.segment)
            .u64(location.offset)
            .bytes(&self.journal.0)
            .bytes(&self.hash)
            .bytes(&[0; 8]);
        checksum(start, out);
        let crc = crc32c::crc32c(out.get(start..).unwrap_or_default());
        Layout(out)
            .u32(crc32c::crc32c_append(crc, payload))
            .bytes(payload);
        self.step(head, group, out.get(start..).unwrap_or_default());
        let padded = start + in_memory(frame_bytes(u64::from(payload_length)));
        out.resize(padded, 0);
    }

    /// Whether the frame follows; its checksums hold already.
    pub(super) fn follows(&self, header: &Header, location: Location) -> Result<(), Finding> {
        if header.journal != self.journal {
            return Err(Finding::JournalForeign);
        }
        if header.location != location {
            let Location { segment, offset } = header.location;
            return Err(Finding::PlaceForeign { segment, offset });
        }
        let group_follows = header.group == header.number
            || (header.group == self.group && header.group < header.number);
        let chained = header.number == self.number
            && header.head.first_position == self.position
            && header.previous == self.hash
            && group_follows;
        if chained {
            Ok(())
        } else {
            Err(Finding::ChainBroken)
        }
    }

    /// Steps over a frame; `frame` is its header and payload.
    pub(super) fn step(&mut self, head: FrameHead, group: u64, frame: &[u8]) {
        self.number += 1;
        self.position += u64::from(head.count);
        self.group = group;
        self.hash = *blake3::hash(frame).as_bytes();
    }
}

/// Appends the CRC32C of everything from `start` on.
pub(super) fn checksum(start: usize, out: &mut Vec<u8>) {
    let crc = crc32c::crc32c(out.get(start..).unwrap_or_default());
    Layout(out).u32(crc);
}
