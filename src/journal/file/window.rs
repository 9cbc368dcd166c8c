//! Reading frames from a file through a piece of it in memory.

use std::io;

use super::bytes::{in_memory, on_disk};
use super::disk::DiskFile;
use super::fault::Finding;
use super::frame::{Found, HEADER_BYTES, Header, Location, PAYLOAD_BYTES_MAX};
use super::segment::header_fits;

/// Bytes read at once: enough that the call costs little beside the hashing.
const READ_AHEAD: usize = 256 << 10;

/// A piece of a file.
#[derive(Debug, Default)]
pub(super) struct Window {
    start: u64,
    bytes: Vec<u8>,
}

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A frame whose checksums hold.
    Frame(Header),
    /// Zeros, or too little room for a frame.
    Nothing,
    /// A whole header of a later release.
    VersionUnknown(u16),
    /// Anything else.
    Bad(Finding),
}

impl Window {
    /// Forgets what was read: the file may have changed.
    pub(super) fn forget(&mut self) {
        self.bytes.clear();
    }

    /// The bytes from `offset` on, read ahead up to `limit`; `None` if that is less than `length`.
    pub(super) fn get<F: DiskFile>(
        &mut self,
        file: &F,
        offset: u64,
        length: usize,
        limit: u64,
    ) -> io::Result<Option<&[u8]>> {
        if self.held(offset, length).is_none() {
            let available = in_memory(limit.saturating_sub(offset));
            if available < length {
                return Ok(None);
            }
            self.bytes.clear();
            // A large frame is rare; its memory is given back with the next read.
            self.bytes.shrink_to(length.max(READ_AHEAD));
            self.bytes.resize(length.max(READ_AHEAD).min(available), 0);
            self.start = offset;
            let read = file.read_exact_at(&mut self.bytes, offset);
            if read.is_err() {
                self.forget();
            }
            read?;
        }
        Ok(self.held(offset, length))
    }

    /// The bytes, if they are in memory.
    pub(super) fn held(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let from = in_memory(offset.checked_sub(self.start)?);
        self.bytes.get(from..from.checked_add(length)?)
    }

    /// What stands at a place; nothing is believed from `limit` on.
    pub(super) fn look<F: DiskFile>(
        &mut self,
        file: &F,
        place: Location,
        limit: u64,
    ) -> io::Result<Look> {
        if !header_fits(limit, place.offset) {
            return Ok(Look::Nothing);
        }
        let Some(bytes) = self.get(file, place.offset, HEADER_BYTES, limit)? else {
            return Ok(Look::Nothing);
        };
        let header = match Header::read(bytes) {
            Found::Header(header) => header,
            Found::Nothing => return Ok(Look::Nothing),
            Found::VersionUnknown(version) => return Ok(Look::VersionUnknown(version)),
            Found::Bad(what) => return Ok(Look::Bad(what)),
        };
        let impossible = header.payload_bytes() > PAYLOAD_BYTES_MAX
            || limit.saturating_sub(place.offset) < header.frame_bytes();
        if impossible {
            return Ok(Look::Bad(Finding::LengthImpossible));
        }
        let length = HEADER_BYTES + header.payload_bytes();
        match self.get(file, place.offset, length, limit)? {
            Some(frame) if header.matches(frame) => Ok(Look::Frame(header)),
            _ => Ok(Look::Bad(Finding::FrameChecksum)),
        }
    }

    /// A frame that was looked at: its header and payload.
    pub(super) fn frame(&self, offset: u64, header: &Header) -> &[u8] {
        self.held(offset, HEADER_BYTES + header.payload_bytes())
            .unwrap_or_default()
    }

    /// Its payload.
    pub(super) fn payload(&self, offset: u64, header: &Header) -> &[u8] {
        self.held(offset + on_disk(HEADER_BYTES), header.payload_bytes())
            .unwrap_or_default()
    }
}
