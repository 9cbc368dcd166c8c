//! Writing a key file: the keys since the snapshot before, and those of younger files that are
//! small.
//!
//! A file is merged into the new one as long as it is less than twice as large as what comes behind
//! it. So each file is more than twice as large as the next one, their number grows with the
//! logarithm of the keys, and a key is written anew only as often.

use std::sync::atomic::{AtomicBool, Ordering};

use super::blocks::{BLOCK_BYTES, Blocks, KeyRow, ROWS, Rows, write as write_block};
use super::filter::Filter;
use super::{KeyFile, NEW_NAME, file_name, header, tail};
use crate::ids::{Hash128, Position};
use crate::journal::file::JournalId;
use crate::journal::file::bytes::{Layout, in_memory, on_disk};
use crate::journal::file::disk::Disk;
use crate::journal::snapshot::SnapshotFault;
use crate::journal::snapshot::new_file::NewFile;

/// Where keys come from.
#[derive(Debug)]
pub struct Source<'a> {
    /// Those in memory, sorted by hash.
    pub young: &'a [KeyRow],
    /// Those in older files.
    pub files: &'a [KeyFile],
}

/// The first of the files, oldest first, that is to be merged with so many new keys and with all
/// behind it; as many as there are files if none is.
pub fn first_to_merge(files: &[KeyFile], young: u64) -> usize {
    let mut total = young;
    let mut first = files.len();
    for file in files.iter().rev() {
        if file.count >= total.saturating_mul(2) {
            break;
        }
        total = total.saturating_add(file.count);
        first = first.saturating_sub(1);
    }
    first
}

/// Write the keys of a range of positions into one file.
pub fn write<D: Disk>(
    disk: &D,
    journal: JournalId,
    (first, last): (Position, Position),
    source: &Source<'_>,
    stop: &AtomicBool,
) -> Result<KeyFile, SnapshotFault> {
    let olds = source.files.iter().map(|file| file.count);
    let count = olds.fold(on_disk(source.young.len()), u64::saturating_add);
    let open = |named: &KeyFile| Blocks::open(disk, named, journal);
    let files: Vec<Blocks> = source.files.iter().map(open).collect::<Result<_, _>>()?;
    let mut merged = Merged::of(source.young, &files)?;

    let mut file = NewFile::create(disk, NEW_NAME)?;
    file.put(&header(journal, (first, last), count))?;
    let mut filter = Filter::for_keys(count);
    let mut index = Vec::with_capacity(in_memory(count).div_ceil(ROWS));
    let mut rows = Vec::with_capacity(ROWS);
    let mut page = Vec::with_capacity(BLOCK_BYTES);
    loop {
        rows.clear();
        merged.take(&mut rows, ROWS)?;
        if rows.is_empty() {
            break;
        }
        rows.iter().for_each(|row: &KeyRow| filter.add(row.key));
        page.clear();
        index.push(write_block(on_disk(index.len()), &rows, &mut page));
        file.put(&page)?;
        if stop.load(Ordering::Acquire) {
            return Err(SnapshotFault::GivenUp);
        }
    }
    if merged.taken != count {
        return Err(SnapshotFault::damaged(
            &disk.describe(&file_name(first, last)),
            "its sources have other keys than they say",
        ));
    }
    let filter_crc = put_all(&mut file, filter.pieces())?;
    let pieces = index.chunks(PIECE_ROWS).map(|heads| {
        let mut bytes = Vec::new();
        heads.iter().for_each(|high| {
            Layout(&mut bytes).u64(*high);
        });
        bytes
    });
    let index_crc = put_all(&mut file, pieces)?;
    file.put(&tail(filter_crc, index_crc))?;
    let hash = file.hash();
    file.finish(&file_name(first, last))?;
    Ok(KeyFile {
        first,
        last,
        count,
        hash,
    })
}

/// Rows of the index that are written at once.
const PIECE_ROWS: usize = 32_768;

/// Put pieces into a file; the checksum of all of them.
fn put_all<D: Disk>(
    file: &mut NewFile<D>,
    pieces: impl Iterator<Item = Vec<u8>>,
) -> Result<u32, SnapshotFault> {
    let mut crc = 0;
    for piece in pieces {
        crc = crc32c::crc32c_append(crc, &piece);
        file.put(&piece)?;
    }
    Ok(crc)
}

/// Rows of many sources in one order.
struct Merged<'a> {
    young: std::slice::Iter<'a, KeyRow>,
    files: Vec<Rows<'a>>,
    /// The next row of each source; the first is that of the young ones.
    heads: Vec<Option<KeyRow>>,
    last: Option<Hash128>,
    taken: u64,
}

impl<'a> Merged<'a> {
    fn of(young: &'a [KeyRow], files: &'a [Blocks]) -> Result<Self, SnapshotFault> {
        let mut young = young.iter();
        let mut files: Vec<Rows<'a>> = files.iter().map(Blocks::rows).collect();
        let mut heads = vec![young.next().copied()];
        for rows in &mut files {
            heads.push(rows.next()?);
        }
        Ok(Self {
            young,
            files,
            heads,
            last: None,
            taken: 0,
        })
    }

    /// Take up to so many rows.
    fn take(&mut self, into: &mut Vec<KeyRow>, count: usize) -> Result<(), SnapshotFault> {
        while into.len() < count {
            let heads = self.heads.iter().enumerate();
            let lowest = heads
                .filter_map(|(at, head)| Some((head.as_ref()?.key, at)))
                .min();
            let Some((key, at)) = lowest else { break };
            let next = match at.checked_sub(1) {
                None => self.young.next().copied(),
                Some(file) => match self.files.get_mut(file) {
                    Some(rows) => rows.next()?,
                    None => None,
                },
            };
            if let Some(head) = self.heads.get_mut(at) {
                into.extend(std::mem::replace(head, next));
            }
            // A key has one first outcome, so it is in one source.
            if self.last.is_some_and(|last| last >= key) {
                let what = "a key stands in two places or out of order";
                return Err(SnapshotFault::damaged(NEW_NAME, what));
            }
            self.last = Some(key);
            self.taken = self.taken.saturating_add(1);
        }
        Ok(())
    }
}
