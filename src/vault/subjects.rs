//! The file of the data subjects' keys, `subjects.keys`.
//!
//! ```text
//! head     offset 0  magic      8 bytes   "kontorV" 0x01
//!                 8  check     16 bytes   keyed hash, tells whether the key-encrypting key fits
//!                24  reserved   4 bytes   0
//!                28  checksum   u32       CRC-32C of all before
//!                32  records, one after the other
//!
//! record   offset 0  state      1 byte    1 key, 2 erased, 3 seal
//!                 1  version    1 byte    1
//!                 2  reserved   2 bytes   0
//!                 4  batch      u32       place of the first record appended with this one
//!                 8  subject   16 bytes   keyed hash of the data subject
//!                24  key       72 bytes   nonce, encrypted key, tag; zeros once erased
//!                96  checksum   u32       CRC-32C of all before
//! ```
//!
//! Numbers are little endian. Records are appended in batches, each synced before anything is
//! encrypted with its keys. After a crash a batch may be there in part, in any part: its records
//! name its beginning, so a bad record with only records of its own batch behind it is a torn
//! tail and is cut; one with a later batch behind it was durable once and is damage. A seal is a
//! batch without a subject, written when the file is opened, so that what runs before left behind
//! is never taken for torn.
//!
//! A run that did not end in order may have ended by a failed sync, after which the page cache
//! shows records that are not on the disk. So after such a run the whole records are written anew
//! into another file before any of them is used.
//!
//! Erasing writes the whole file anew without the key and puts it in the old one's place. What the
//! old blocks held is gone from every file; what the disk itself keeps is beyond us, and of no use
//! without the key-encrypting key.

use std::collections::BTreeMap;
use std::io;

use super::cipher::Wrapped;
use super::secret::Key;
use super::{SUBJECTS_FILE, SubjectId, VaultFault, disk};
use crate::journal::file::disk::{Disk, DiskFile};

const MAGIC: [u8; 8] = *b"kontorV\x01";
const HEAD_BYTES: usize = 32;
const RECORD_BYTES: usize = 100;
/// Records read at once.
const RECORDS_READ: usize = 4_096;
const VERSION: u8 = 1;
const STATE_KEY: u8 = 1;
const STATE_ERASED: u8 = 2;
const STATE_SEAL: u8 = 3;

/// Where a subject's key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the record of this number.
    Record(u32),
    /// Nowhere any more.
    Erased,
}

/// What stands in a record.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) subject: SubjectId,
    /// `None` once erased.
    pub(super) key: Option<Wrapped>,
}

/// A file as it was found.
pub(super) struct Loaded<F> {
    pub(super) file: F,
    pub(super) places: BTreeMap<SubjectId, Place>,
    /// Records that are whole; the next one gets this number.
    pub(super) records: u32,
    /// Bytes of a batch that a crash tore, behind the whole records.
    pub(super) torn_bytes: u64,
    /// Whether nothing of it can be taken for torn.
    pub(super) sealed: bool,
}

/// Make the file, empty.
pub(super) fn create<D: Disk>(disk: &D, kek: &Key) -> Result<(), VaultFault> {
    write_anew(disk, kek, &[])
}

/// Read the file. Nothing is changed, not even a torn tail cut.
pub(super) fn load<D: Disk>(
    disk: &D,
    kek: &Key,
    writable: bool,
) -> Result<Loaded<D::File>, VaultFault> {
    let at = |doing: &'static str| move |fault| VaultFault::io(doing, disk, SUBJECTS_FILE, fault);
    let file = if writable {
        disk.open(SUBJECTS_FILE)
    } else {
        disk.open_to_read(SUBJECTS_FILE)
    };
    let file = file.map_err(at("open"))?;
    if !disk.is_private(SUBJECTS_FILE).map_err(at("look at"))? {
        return Err(VaultFault::OpenToOthers {
            path: disk.describe(SUBJECTS_FILE).into(),
        });
    }
    let length = file.length().map_err(at("look at"))?;
    check_head(disk, &file, length, kek)?;
    let scan = scan(disk, &file, length)?;
    let records = scan.whole();
    let torn_bytes = length.saturating_sub(offset_of(records));
    Ok(Loaded {
        file,
        places: scan.places,
        records,
        torn_bytes,
        sealed: scan.sealed,
    })
}

/// Open the file to copy it, and say how many of its bytes are whole records: those that come
/// meanwhile are not needed by anything durable before.
pub(super) fn whole<D: Disk>(disk: &D) -> Result<(D::File, u64), VaultFault> {
    let at = |doing: &'static str| move |fault| VaultFault::io(doing, disk, SUBJECTS_FILE, fault);
    let file = disk.open_to_read(SUBJECTS_FILE).map_err(at("open"))?;
    let length = file.length().map_err(at("look at"))?;
    let records = scan(disk, &file, length)?.whole();
    Ok((file, offset_of(records).min(length)))
}

/// Go through all records.
fn scan<D: Disk>(disk: &D, file: &D::File, length: u64) -> Result<Scan, VaultFault> {
    let mut scan = Scan {
        sealed: true,
        ..Scan::default()
    };
    let mut offset = offset_of(0);
    let mut bytes = vec![0; RECORD_BYTES.saturating_mul(RECORDS_READ)];
    while offset < length {
        let left = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX);
        bytes.truncate(left);
        file.read_exact_at(&mut bytes, offset)
            .map_err(|fault| VaultFault::io("read", disk, SUBJECTS_FILE, fault))?;
        for record in bytes.chunks(RECORD_BYTES) {
            scan.take(record).map_err(|problem| problem.in_file(disk))?;
        }
        let read = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        offset = offset.saturating_add(read);
    }
    Ok(scan)
}

fn check_head<D: Disk>(disk: &D, file: &D::File, length: u64, kek: &Key) -> Result<(), VaultFault> {
    let path = || disk.describe(SUBJECTS_FILE).into();
    let mut head = [0; HEAD_BYTES];
    let is_whole = length >= offset_of(0);
    if is_whole {
        file.read_exact_at(&mut head, 0)
            .map_err(|fault| VaultFault::io("read", disk, SUBJECTS_FILE, fault))?;
    }
    if !is_whole || !has_checksum(&head) || !head.starts_with(&MAGIC) {
        return Err(VaultFault::Damaged {
            path: path(),
            record: None,
        });
    }
    if head != head_for(kek) {
        return Err(VaultFault::WrongKek { path: path() });
    }
    Ok(())
}

/// Append records behind the whole ones and make them durable.
pub(super) fn append<F: DiskFile>(file: &F, records: u32, batch: &[Record]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(batch.len() * RECORD_BYTES);
    for record in batch {
        bytes.extend_from_slice(&encode(Some(record), records));
    }
    file.write_all_at(&bytes, offset_of(records))?;
    file.sync()
}

/// Append a seal behind the whole records and make it durable.
pub(super) fn seal<F: DiskFile>(file: &F, records: u32) -> io::Result<()> {
    file.write_all_at(&encode(None, records), offset_of(records))?;
    file.sync()
}

/// The key in a record, if it still is the subject's.
pub(super) fn key_at<F: DiskFile>(
    file: &F,
    number: u32,
    subject: SubjectId,
) -> io::Result<Option<Wrapped>> {
    let mut bytes = [0; RECORD_BYTES];
    file.read_exact_at(&mut bytes, offset_of(number))?;
    let record = decode(&bytes).and_then(|(record, _)| record);
    Ok(record
        .filter(|record| record.subject == subject)
        .and_then(|record| record.key))
}

/// All records in order.
pub(super) fn read_all<F: DiskFile>(file: &F, records: u32) -> io::Result<Vec<Record>> {
    let mut all = Vec::new();
    for number in 0..records {
        let mut bytes = [0; RECORD_BYTES];
        file.read_exact_at(&mut bytes, offset_of(number))?;
        // Read before without a fault, so this is the disk changing its mind.
        let (record, _) = decode(&bytes).ok_or(io::ErrorKind::InvalidData)?;
        all.extend(record);
    }
    Ok(all)
}

/// Write the whole file anew and put it in the old one's place.
pub(super) fn write_anew<D: Disk>(
    disk: &D,
    kek: &Key,
    records: &[Record],
) -> Result<(), VaultFault> {
    disk::replace(disk, SUBJECTS_FILE, |file| {
        file.put(&head_for(kek))?;
        // Each its own batch: all of them are durable before the file counts.
        let seal = (!records.is_empty()).then_some(None);
        (0..)
            .zip(records.iter().map(Some).chain(seal))
            .try_for_each(|(number, record)| file.put(&encode(record, number)))
    })
    .map_err(|fault| VaultFault::io("write", disk, SUBJECTS_FILE, fault))
}

/// Goes through the records of a file.
#[derive(Default)]
struct Scan {
    places: BTreeMap<SubjectId, Place>,
    /// Records seen, whole or not.
    count: u32,
    /// The first one that is not whole.
    bad: Option<u32>,
    /// Whether the last whole one is a seal, or there is none at all.
    sealed: bool,
}

/// Why a scan cannot go on.
enum Problem {
    Damaged(u32),
    TooMany,
}

impl Problem {
    fn in_file<D: Disk>(self, disk: &D) -> VaultFault {
        let path = disk.describe(SUBJECTS_FILE).into();
        match self {
            Self::Damaged(record) => VaultFault::Damaged {
                path,
                record: Some(record),
            },
            Self::TooMany => VaultFault::TooManySubjects,
        }
    }
}

impl Scan {
    /// How many records are whole.
    fn whole(&self) -> u32 {
        self.bad.unwrap_or(self.count)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        let number = self.count;
        self.count = number.checked_add(1).ok_or(Problem::TooMany)?;
        let record = <&[u8; RECORD_BYTES]>::try_from(bytes).ok().and_then(decode);
        match (record, self.bad) {
            (None, None) => {
                self.bad = Some(number);
                self.sealed = false;
            }
            // Of the batch that was torn, or bad itself.
            (None, Some(_)) => {}
            (Some((_, batch)), Some(bad)) if batch <= bad => {}
            (Some(_), Some(bad)) => return Err(Problem::Damaged(bad)),
            (Some((None, batch)), None) if batch == number => self.sealed = true,
            (Some((None, _)), None) => return Err(Problem::Damaged(number)),
            (Some((Some(record), batch)), None) => {
                self.sealed = false;
                let place = record.key.map_or(Place::Erased, |_| Place::Record(number));
                if batch > number || self.places.insert(record.subject, place).is_some() {
                    return Err(Problem::Damaged(number));
                }
            }
        }
        Ok(())
    }
}

fn offset_of(record: u32) -> u64 {
    // Both constants are far below 2^32, so neither the widening nor the product can overflow.
    const HEAD: u64 = 32;
    const RECORD: u64 = 100;
    HEAD + RECORD * u64::from(record)
}

fn head_for(kek: &Key) -> [u8; HEAD_BYTES] {
    let check = blake3::keyed_hash(kek, b"kontor: is this the key?");
    let mut head = [0; HEAD_BYTES];
    for (to, from) in head
        .iter_mut()
        .zip(MAGIC.iter().chain(check.as_bytes().iter().take(16)))
    {
        *to = *from;
    }
    put_checksum(&mut head);
    head
}

/// A record, or a seal.
fn encode(record: Option<&Record>, batch: u32) -> [u8; RECORD_BYTES] {
    let (state, subject, key) = match record {
        None => (STATE_SEAL, SubjectId([0; 16]), [0; 72]),
        Some(Record { subject, key: None }) => (STATE_ERASED, *subject, [0; 72]),
        Some(Record {
            subject,
            key: Some(key),
        }) => (STATE_KEY, *subject, *key),
    };
    let mut bytes = [0; RECORD_BYTES];
    let parts = [state, VERSION, 0, 0]
        .into_iter()
        .chain(batch.to_le_bytes());
    for (to, from) in bytes.iter_mut().zip(parts.chain(subject.0).chain(key)) {
        *to = from;
    }
    put_checksum(&mut bytes);
    bytes
}

/// The record, none if it is a seal, and the beginning of its batch.
fn decode(bytes: &[u8; RECORD_BYTES]) -> Option<(Option<Record>, u32)> {
    if !has_checksum(bytes) {
        return None;
    }
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    let (batch, rest) = rest.split_first_chunk::<4>()?;
    let (subject, rest) = rest.split_first_chunk::<16>()?;
    let (key, _) = rest.split_first_chunk::<72>()?;
    let subject = SubjectId(*subject);
    let record = match *head {
        [STATE_KEY, VERSION, 0, 0] => Some(Record {
            subject,
            key: Some(*key),
        }),
        [STATE_ERASED, VERSION, 0, 0] => Some(Record { subject, key: None }),
        [STATE_SEAL, VERSION, 0, 0] => None,
        _ => return None,
    };
    Some((record, u32::from_le_bytes(*batch)))
}

fn put_checksum(bytes: &mut [u8]) {
    if let Some((checked, checksum)) = bytes.split_last_chunk_mut::<4>() {
        *checksum = crc32c::crc32c(checked).to_le_bytes();
    }
}

fn has_checksum(bytes: &[u8]) -> bool {
    bytes
        .split_last_chunk::<4>()
        .is_some_and(|(checked, sum)| crc32c::crc32c(checked) == u32::from_le_bytes(*sum))
}
