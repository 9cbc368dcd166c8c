//! Key files: the keys of a range of positions, sorted, never changed once written.
//!
//! ```text
//! byte   0        4         6          8            24      32     40      48      60
//!        magic    version   reserved   journal id   first   last   count   zeros   CRC of 0 to 59
//!        "KKEY"   1         00
//!       64       rows of 40 bytes, ascending by hash of the key:
//!   +0           +16           +32
//!    hash of      fingerprint   position of the
//!    the key      of content    first outcome
//! ```
//!
//! The snapshot that needs a key file names it with the BLAKE3 of all its bytes. It holds hashes
//! under the journal's secret, never a key, and can always be made again from the journal.

use std::io;

use super::new_file::NewFile;
use super::{CRC_AT, HEADER_BYTES, SnapshotFault, names};
use crate::ids::{Hash128, Position};
use crate::journal::file::JournalId;
use crate::journal::file::bytes::{Fields, Layout, in_memory, on_disk};
use crate::journal::file::disk::{Disk, DiskFile};

const MAGIC: [u8; 4] = *b"KKEY";
const VERSION: u16 = 1;
const ROW_BYTES: usize = 40;
const ROWS_READ: usize = 25_000;
const PREFIX: &str = "keys-";
const NEW_NAME: &str = "keys.new";

/// A key as remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Hash of book and key.
    pub key: Hash128,
    /// Fingerprint of the first content.
    pub fingerprint: Hash128,
    /// Where the first outcome stands.
    pub position: Position,
}

/// A key file as a snapshot names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// First position it covers.
    pub first: Position,
    /// Last position it covers.
    pub last: Position,
    /// How many keys it has.
    pub count: u64,
    /// BLAKE3 of its bytes.
    pub hash: [u8; 32],
}

impl KeyFile {
    /// Its name.
    pub fn name(&self) -> String {
        file_name(self.first, self.last)
    }

    /// Read it, checking that it is the file that was named. What was given out before a fault must
    /// be forgotten.
    pub fn read<D: Disk>(
        &self,
        disk: &D,
        mut each: impl FnMut(KeyRow),
    ) -> Result<(), SnapshotFault> {
        let name = self.name();
        let path = disk.describe(&name);
        let file = disk
            .open_to_read(&name)
            .map_err(|error| SnapshotFault::io("open", &path, &error))?;
        let mut hasher = blake3::Hasher::new();
        let mut bytes = vec![0; HEADER_BYTES];
        read(&file, &mut bytes, 0, &path)?;
        hasher.update(&bytes);
        let mut offset = on_disk(HEADER_BYTES);
        let mut left = in_memory(self.count);
        while left > 0 {
            let rows = left.min(ROWS_READ);
            bytes.resize(rows.saturating_mul(ROW_BYTES), 0);
            read(&file, &mut bytes, offset, &path)?;
            hasher.update(&bytes);
            bytes.chunks(ROW_BYTES).filter_map(row).for_each(&mut each);
            offset = offset.saturating_add(on_disk(bytes.len()));
            left = left.saturating_sub(rows);
        }
        if *hasher.finalize().as_bytes() != self.hash {
            let what = "it is not the file that the snapshot names";
            return Err(SnapshotFault::damaged(&path, what));
        }
        Ok(())
    }
}

/// Write the keys of a range of positions, sorted by hash.
pub fn write<D: Disk>(
    disk: &D,
    journal: JournalId,
    (first, last): (Position, Position),
    rows: &[KeyRow],
) -> Result<KeyFile, SnapshotFault> {
    let count = on_disk(rows.len());
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    Layout(&mut bytes)
        .bytes(&MAGIC)
        .u16(VERSION)
        .u16(0)
        .bytes(&journal.0)
        .u64(first.0)
        .u64(last.0)
        .u64(count);
    bytes.resize(CRC_AT, 0);
    let crc = crc32c::crc32c(&bytes);
    Layout(&mut bytes).u32(crc);
    let mut file = NewFile::create(disk, NEW_NAME)?;
    file.put(&bytes)?;
    for rows in rows.chunks(ROWS_READ) {
        bytes.clear();
        for row in rows {
            Layout(&mut bytes)
                .bytes(&row.key.0.to_le_bytes())
                .bytes(&row.fingerprint.0.to_le_bytes())
                .u64(row.position.0);
        }
        file.put(&bytes)?;
    }
    let hash = file.hash();
    file.finish(&file_name(first, last))?;
    Ok(KeyFile {
        first,
        last,
        count,
        hash,
    })
}

pub(super) fn file_name(first: Position, last: Position) -> String {
    format!("{PREFIX}{:020}-{:020}", first.0, last.0)
}

/// The ranges of all key files in the directory.
pub(super) fn list<D: Disk>(disk: &D) -> Result<Vec<(Position, Position)>, SnapshotFault> {
    let range = |name: &String| {
        let (first, last) = name.strip_prefix(PREFIX)?.split_once('-')?;
        let range = (Position(first.parse().ok()?), Position(last.parse().ok()?));
        (file_name(range.0, range.1) == *name).then_some(range)
    };
    Ok(names(disk)?.iter().filter_map(range).collect())
}

fn row(bytes: &[u8]) -> Option<KeyRow> {
    let mut fields = Fields(bytes);
    Some(KeyRow {
        key: Hash128(u128::from_le_bytes(fields.take()?)),
        fingerprint: Hash128(u128::from_le_bytes(fields.take()?)),
        position: Position(fields.u64()?),
    })
}

fn read<F: DiskFile>(
    file: &F,
    bytes: &mut [u8],
    offset: u64,
    path: &str,
) -> Result<(), SnapshotFault> {
    match file.read_exact_at(bytes, offset) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(SnapshotFault::damaged(path, "it is too short"))
        }
        Err(error) => Err(SnapshotFault::io("read", path, &error)),
    }
}
