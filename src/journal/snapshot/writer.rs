//! Writing a snapshot piece by piece.

use super::new_file::NewFile;
use super::{Head, KIND_END, KIND_HEAD, KIND_PLACES, KIND_STATE, NEW_NAME, SnapshotFault};
use super::{PIECE_BYTES_MAX, PIECE_HEADER_BYTES, file_name};
use crate::ids::Position;
use crate::journal::file::bytes::{Layout, on_disk};
use crate::journal::file::disk::Disk;
use crate::journal::record;
use crate::journal::waypoints::{ROWS_BYTES, Waypoints};
use crate::ledger::Commit;

/// A snapshot under construction.
#[derive(Debug)]
pub struct Writer<D: Disk> {
    file: NewFile<D>,
    position: Position,
    /// The payload being made; kept between pieces.
    payload: Vec<u8>,
}

impl<D: Disk> Writer<D> {
    /// Begin a snapshot.
    pub fn create(disk: &D, head: &Head) -> Result<Self, SnapshotFault> {
        let mut file = NewFile::create(disk, NEW_NAME)?;
        file.put(&head.header())?;
        let mut writer = Self {
            file,
            position: head.position,
            payload: Vec::new(),
        };
        writer.piece(KIND_HEAD, &head.payload())?;
        Ok(writer)
    }

    /// Add a part of the books: a commit of beginnings with their effects.
    pub fn put_state(&mut self, commit: &Commit) -> Result<(), SnapshotFault> {
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        record::encode(commit, &mut payload)?;
        let put = self.piece(KIND_STATE, &payload);
        self.payload = payload;
        put
    }

    /// Add the places of the journal.
    pub fn put_places(&mut self, waypoints: &Waypoints) -> Result<(), SnapshotFault> {
        for rows in waypoints.rows().chunks(ROWS_BYTES) {
            self.piece(KIND_PLACES, rows)?;
        }
        Ok(())
    }

    /// Make it durable and give it its name; how many bytes it has.
    pub fn finish(mut self) -> Result<u64, SnapshotFault> {
        let hash = self.file.hash();
        self.piece(KIND_END, &hash)?;
        let bytes = self.file.bytes();
        self.file.finish(&file_name(self.position))?;
        Ok(bytes)
    }

    fn piece(&mut self, kind: u8, payload: &[u8]) -> Result<(), SnapshotFault> {
        if payload.len() > PIECE_BYTES_MAX {
            let bytes = payload.len();
            return Err(SnapshotFault::PieceTooLarge { bytes });
        }
        let header = header(kind, payload);
        self.file.put(&header)?;
        self.file.put(payload)
    }
}

fn header(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(PIECE_HEADER_BYTES);
    let length = u32::try_from(on_disk(payload.len())).unwrap_or(u32::MAX);
    Layout(&mut out).u8(kind).bytes(&[0; 3]).u32(length);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&out), payload);
    Layout(&mut out).u32(crc).u32(0);
    out
}
