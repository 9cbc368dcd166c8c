//! The rows of a key file: read one block at a known place, or all of them in order.

use std::io;

use super::{BLOCKS_AT, KeyFile, Lengths, MAGIC, VERSION, high, unsealed};
use crate::ids::{Hash128, Position};
use crate::journal::file::JournalId;
use crate::journal::file::bytes::{Fields, Layout, first, on_disk};
use crate::journal::file::disk::{Disk, DiskFile};
use crate::journal::snapshot::{HEADER_BYTES, SnapshotFault};

pub(super) const BLOCK_BYTES: usize = 4_096;
const ROW_BYTES: usize = 32;
/// Rows of a full block.
pub(super) const ROWS: usize = 127;
const TRAILER_AT: usize = ROWS * ROW_BYTES;
const BLOCK_CRC_AT: usize = BLOCK_BYTES - 4;
/// Blocks read at once when all of them are.
const BLOCKS_READ: u64 = 64;

/// A key as remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Hash of book and key.
    pub key: Hash128,
    /// First half of the fingerprint of the first content.
    pub fingerprint: u64,
    /// Where the first outcome stands.
    pub position: Position,
}

/// An open key file, as far as its rows go.
#[derive(Debug)]
pub(super) struct Blocks {
    pub(super) path: String,
    file: Box<dyn DiskFile>,
    length: u64,
    blocks: u64,
}

impl Blocks {
    /// Open a file and check that it is the one that was named, as far as its header tells.
    pub(super) fn open<D: Disk>(
        disk: &D,
        named: &KeyFile,
        journal: JournalId,
    ) -> Result<Self, SnapshotFault> {
        let name = named.name();
        let path = disk.describe(&name);
        let file = match disk.open_to_read(&name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SnapshotFault::KeysMissing { file: path });
            }
            Err(error) => return Err(SnapshotFault::io("open", &path, &error)),
        };
        let found = file
            .length()
            .map_err(|error| SnapshotFault::io("measure", &path, &error))?;
        let lengths = Lengths::of(named.count);
        let blocks = Self {
            path,
            file: Box::new(file),
            length: found,
            blocks: named.count.div_ceil(on_disk(ROWS)),
        };
        let mut header = [0; HEADER_BYTES];
        blocks.read(&mut header, 0)?;
        let damaged = |what| Err(SnapshotFault::damaged(&blocks.path, what));
        let Some((version, mut fields)) = unsealed(&header, MAGIC) else {
            return damaged("its header is not whole");
        };
        if version != VERSION {
            let file = blocks.path;
            return Err(SnapshotFault::Version { file, version });
        }
        let of_journal = fields.take() == Some(journal.0);
        let says = (fields.u64(), fields.u64(), fields.u64());
        let (first, last, count) = (named.first.0, named.last.0, named.count);
        if !of_journal || says != (Some(first), Some(last), Some(count)) {
            return damaged("it is not the file that the snapshot names");
        }
        if found != lengths.whole() {
            return damaged("it has another length than its header says");
        }
        Ok(blocks)
    }

    /// The rows of a block, as bytes.
    pub(super) fn block<'p>(
        &self,
        number: u64,
        page: &'p mut Vec<u8>,
    ) -> Result<&'p [u8], SnapshotFault> {
        page.resize(BLOCK_BYTES, 0);
        self.read(page, at(number))?;
        self.checked(number, page)
    }

    /// The rows of a block that was read, if it is the block it must be.
    fn checked<'p>(&self, number: u64, page: &'p [u8]) -> Result<&'p [u8], SnapshotFault> {
        parse(number, page)
            .ok_or_else(|| SnapshotFault::damaged(&self.path, "a block of keys is not whole"))
    }

    /// All rows in order.
    pub(super) fn rows(&self) -> Rows<'_> {
        Rows {
            blocks: self,
            next: 0,
            pages: Vec::new(),
            rows: Vec::new(),
            taken: 0,
        }
    }

    /// BLAKE3 of the whole file.
    pub(super) fn hash(&self) -> Result<[u8; 32], SnapshotFault> {
        const PIECE: u64 = 1 << 20;
        let mut hasher = blake3::Hasher::new();
        let mut bytes = Vec::new();
        let mut offset = 0;
        while offset < self.length {
            let length = PIECE.min(self.length.saturating_sub(offset));
            bytes.resize(usize::try_from(length).unwrap_or_default(), 0);
            self.read(&mut bytes, offset)?;
            hasher.update(&bytes);
            offset = offset.saturating_add(length);
        }
        Ok(*hasher.finalize().as_bytes())
    }

    pub(super) fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), SnapshotFault> {
        match self.file.read_exact_at(bytes, offset) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(SnapshotFault::damaged(&self.path, "it is too short"))
            }
            Err(error) => Err(SnapshotFault::io("read", &self.path, &error)),
        }
    }
}

/// Reads all rows of a file.
#[derive(Debug)]
pub(super) struct Rows<'b> {
    blocks: &'b Blocks,
    /// Number of the block to read next.
    next: u64,
    pages: Vec<u8>,
    rows: Vec<KeyRow>,
    taken: usize,
}

impl Rows<'_> {
    /// The next row.
    pub(super) fn next(&mut self) -> Result<Option<KeyRow>, SnapshotFault> {
        if self.taken == self.rows.len() {
            self.fill()?;
        }
        let row = self.rows.get(self.taken).copied();
        self.taken = self.taken.saturating_add(1);
        Ok(row)
    }

    fn fill(&mut self) -> Result<(), SnapshotFault> {
        (self.taken, self.next) = (0, self.next);
        self.rows.clear();
        let end = self
            .next
            .saturating_add(BLOCKS_READ)
            .min(self.blocks.blocks);
        let count = usize::try_from(end.saturating_sub(self.next)).unwrap_or_default();
        self.pages.resize(count.saturating_mul(BLOCK_BYTES), 0);
        self.blocks.read(&mut self.pages, at(self.next))?;
        for (number, page) in (self.next..end).zip(self.pages.chunks(BLOCK_BYTES)) {
            let rows = self.blocks.checked(number, page)?;
            self.rows.extend(rows_of(rows));
        }
        self.next = end;
        Ok(())
    }
}

/// Where a block stands.
fn at(number: u64) -> u64 {
    BLOCKS_AT.saturating_add(number.saturating_mul(on_disk(BLOCK_BYTES)))
}

/// A block of rows, and what the index says of it.
pub(super) fn write(number: u64, rows: &[KeyRow], out: &mut Vec<u8>) -> u64 {
    let start = out.len();
    for row in rows {
        Layout(out)
            .bytes(&row.key.0.to_le_bytes())
            .u64(row.fingerprint)
            .u64(row.position.0);
    }
    out.resize(start.saturating_add(TRAILER_AT), 0);
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    Layout(out).u64(number).u32(count);
    out.resize(start.saturating_add(BLOCK_CRC_AT), 0);
    let crc = crc32c::crc32c(out.get(start..).unwrap_or_default());
    Layout(out).u32(crc);
    rows.first().map_or(u64::MAX, |row| high(row.key))
}

/// The rows of a block, if it is whole and the one it must be.
fn parse(number: u64, page: &[u8]) -> Option<&[u8]> {
    let crc = Fields(page.get(BLOCK_CRC_AT..)?).u32()?;
    if crc != crc32c::crc32c(first(page, BLOCK_CRC_AT)) {
        return None;
    }
    let mut trailer = Fields(page.get(TRAILER_AT..)?);
    let its_own = trailer.u64()? == number;
    let count = usize::try_from(trailer.u32()?).ok()?;
    let rows = page.get(..count.checked_mul(ROW_BYTES)?)?;
    (its_own && count <= ROWS).then_some(rows)
}

/// Rows from the bytes of some.
pub(super) fn rows_of(bytes: &[u8]) -> impl Iterator<Item = KeyRow> {
    bytes.chunks(ROW_BYTES).filter_map(row)
}

fn row(bytes: &[u8]) -> Option<KeyRow> {
    let mut fields = Fields(bytes);
    Some(KeyRow {
        key: Hash128(u128::from_le_bytes(fields.take()?)),
        fingerprint: fields.u64()?,
        position: Position(fields.u64()?),
    })
}
