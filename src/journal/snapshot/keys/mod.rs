//! Key files: the keys of a range of positions, sorted, never changed once written.
//!
//! ```text
//! byte   0        4         6          8            24      32     40      48      60
//!        magic    version   reserved   journal id   first   last   count   zeros   CRC of 0 to 59
//!        "KKEY"   1         00
//!     4096       blocks of 4096 bytes, each with up to 127 rows:
//!   +0        rows of 32 bytes, ascending by hash of the key, zeros behind the last:
//!       +0           +16                     +24
//!        hash of      first half of the       position of the
//!        the key      content's fingerprint   first outcome
//!   +4064     number of the block, u64; rows in it, u32; zeros; CRC of 0 to 4091 at +4092
//!        …       filter: blocks of 32 bytes, one for every 16 keys or part of them
//!        …       index: the high 64 bits of each block's first key
//!        …       tail:
//!   +0           +4        +6         +8              +12            +16    +60
//!    magic "KEND" version   reserved   CRC of filter   CRC of index   zeros  CRC of 0 to 59
//! ```
//!
//! Every length follows from the count. All numbers are little-endian; a hash is a number of 128
//! bits. A key is looked up in the filter first, which is in memory and right about nearly every
//! key that is not there; then the index, also in memory, names the one block to read.
//!
//! The snapshot that needs a key file names it with the BLAKE3 of all its bytes. It holds hashes
//! under the journal's secret, never a key, and can always be made again from the journal.

mod blocks;
mod cold;
mod filter;
mod merge;

pub use blocks::KeyRow;
pub use cold::ColdKeys;
pub use merge::{Source, first_to_merge, write};

use self::blocks::{BLOCK_BYTES, Blocks, ROWS, rows_of};
use self::filter::Filter;
use super::{CRC_AT, SnapshotFault, names};
use crate::ids::{Hash128, Position};
use crate::journal::file::JournalId;
use crate::journal::file::bytes::{Fields, Layout, first, in_memory, on_disk};
use crate::journal::file::disk::Disk;

const MAGIC: [u8; 4] = *b"KKEY";
const TAIL_MAGIC: [u8; 4] = *b"KEND";
const VERSION: u16 = 1;
const TAIL_BYTES: usize = 64;
const INDEX_ROW_BYTES: usize = 8;
/// Where the first block stands: the header has a page of its own.
const BLOCKS_AT: u64 = 4_096;
const PREFIX: &str = "keys-";
const NEW_NAME: &str = "keys.new";

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

    /// Check that the file is there, as long as it must be, and of the journal; not its bytes.
    pub fn check<D: Disk>(&self, disk: &D, journal: JournalId) -> Result<(), SnapshotFault> {
        Blocks::open(disk, self, journal).map(|_blocks| ())
    }

    /// Check all of its bytes, and that every key in it is found.
    pub fn verify<D: Disk>(&self, disk: &D, journal: JournalId) -> Result<(), SnapshotFault> {
        let open = OpenKeyFile::open(disk, self, journal)?;
        let path = &open.blocks.path;
        let mut before = None;
        let mut count = 0_u64;
        let mut rows = open.blocks.rows();
        while let Some(row) = rows.next()? {
            if before.is_some_and(|before| before >= row.key) {
                return Err(SnapshotFault::damaged(path, "its keys are out of order"));
            }
            before = Some(row.key);
            count = count.saturating_add(1);
            if !open.filter.may_hold(row.key) {
                return Err(SnapshotFault::damaged(path, "its filter denies a key"));
            }
        }
        if count != self.count || open.blocks.hash()? != self.hash {
            let what = "it is not the file that the snapshot names";
            return Err(SnapshotFault::damaged(path, what));
        }
        Ok(())
    }
}

/// A key file with its filter and index in memory.
#[derive(Debug)]
struct OpenKeyFile {
    named: KeyFile,
    blocks: Blocks,
    filter: Filter,
    /// High half of the first key of each block.
    index: Vec<u64>,
}

impl OpenKeyFile {
    fn open<D: Disk>(disk: &D, named: &KeyFile, journal: JournalId) -> Result<Self, SnapshotFault> {
        let blocks = Blocks::open(disk, named, journal)?;
        let lengths = Lengths::of(named.count);
        let mut tail = [0; TAIL_BYTES];
        blocks.read(&mut tail, lengths.tail_at())?;
        let damaged = |what| SnapshotFault::damaged(&blocks.path, what);
        let (filter_crc, index_crc) =
            parse_tail(&tail).ok_or_else(|| damaged("its tail is not whole"))?;

        let mut bytes = vec![0; in_memory(lengths.filter)];
        blocks.read(&mut bytes, lengths.filter_at())?;
        if crc32c::crc32c(&bytes) != filter_crc {
            return Err(damaged("the checksum of its filter does not match"));
        }
        let filter = Filter::of_bytes(&bytes);
        bytes.resize(in_memory(lengths.index), 0);
        blocks.read(&mut bytes, lengths.index_at())?;
        if crc32c::crc32c(&bytes) != index_crc {
            return Err(damaged("the checksum of its index does not match"));
        }
        let row = |row: &[u8]| Fields(row).u64();
        let index = bytes.chunks(INDEX_ROW_BYTES).filter_map(row).collect();
        Ok(Self {
            named: *named,
            blocks,
            filter,
            index,
        })
    }

    /// What the file says about a key; `page` is memory to read a block into.
    fn find(&self, key: Hash128, page: &mut Vec<u8>) -> Result<Option<KeyRow>, SnapshotFault> {
        if !self.filter.may_hold(key) {
            return Ok(None);
        }
        let high = high(key);
        // A key can stand in the last block that begins below it; if blocks begin with its own high
        // half, in those as well.
        let from = self.index.partition_point(|first| *first < high);
        let to = self.index.partition_point(|first| *first <= high);
        for number in from.saturating_sub(1)..to {
            let rows = self.blocks.block(on_disk(number), page)?;
            if let Some(row) = rows_of(rows).find(|row| row.key >= key)
                && row.key == key
            {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// Bytes in memory.
    fn bytes(&self) -> usize {
        let index = self.index.capacity().saturating_mul(INDEX_ROW_BYTES);
        self.filter.bytes().saturating_add(index)
    }
}

/// The parts of a file with so many keys.
#[derive(Clone, Copy, Debug)]
struct Lengths {
    blocks: u64,
    filter: u64,
    index: u64,
}

impl Lengths {
    fn of(count: u64) -> Self {
        let blocks = count.div_ceil(on_disk(ROWS));
        Self {
            blocks: blocks.saturating_mul(on_disk(BLOCK_BYTES)),
            filter: Filter::bytes_for(count),
            index: blocks.saturating_mul(on_disk(INDEX_ROW_BYTES)),
        }
    }

    fn filter_at(self) -> u64 {
        BLOCKS_AT.saturating_add(self.blocks)
    }

    fn index_at(self) -> u64 {
        self.filter_at().saturating_add(self.filter)
    }

    fn tail_at(self) -> u64 {
        self.index_at().saturating_add(self.index)
    }

    /// Of the whole file.
    fn whole(self) -> u64 {
        self.tail_at().saturating_add(on_disk(TAIL_BYTES))
    }
}

/// The header's page.
fn header(journal: JournalId, (first, last): (Position, Position), count: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(in_memory(BLOCKS_AT));
    Layout(&mut bytes)
        .bytes(&MAGIC)
        .u16(VERSION)
        .u16(0)
        .bytes(&journal.0)
        .u64(first.0)
        .u64(last.0)
        .u64(count);
    sealed(&mut bytes);
    bytes.resize(in_memory(BLOCKS_AT), 0);
    bytes
}

fn tail(filter_crc: u32, index_crc: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(TAIL_BYTES);
    Layout(&mut bytes)
        .bytes(&TAIL_MAGIC)
        .u16(VERSION)
        .u16(0)
        .u32(filter_crc)
        .u32(index_crc);
    sealed(&mut bytes);
    bytes
}

/// Zeros up to the checksum at byte 60, and the checksum.
fn sealed(bytes: &mut Vec<u8>) {
    bytes.resize(CRC_AT, 0);
    let crc = crc32c::crc32c(bytes);
    Layout(bytes).u32(crc);
}

/// The fields behind the magic and the version, if the checksum at byte 60 holds.
fn unsealed(bytes: &[u8], magic: [u8; 4]) -> Option<(u16, Fields<'_>)> {
    let covered = first(bytes, CRC_AT);
    let crc = Fields(bytes.get(CRC_AT..)?).u32()?;
    let mut fields = Fields(covered);
    if crc != crc32c::crc32c(covered) || fields.take()? != magic {
        return None;
    }
    let version = fields.u16()?;
    fields.u16()?;
    Some((version, fields))
}

fn parse_tail(bytes: &[u8; TAIL_BYTES]) -> Option<(u32, u32)> {
    let (version, mut fields) = unsealed(bytes, TAIL_MAGIC)?;
    (version == VERSION).then_some((fields.u32()?, fields.u32()?))
}

/// The high half of a hash.
fn high(key: Hash128) -> u64 {
    u64::try_from(key.0 >> 64).unwrap_or_default()
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

#[cfg(test)]
mod tests;
