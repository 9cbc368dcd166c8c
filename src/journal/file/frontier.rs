//! How far the journal is durable, in memory and as a small file for readers.
//!
//! ```text
//! byte   0        4         6          8          16      24           32        36
//!        magic    version   reserved   position   group   last frame   segment   offset
//!        "KFRT"   1         00
//!       40                                        56         60
//!        first 16 bytes of the last frame's hash   reserved   CRC of bytes 0 to 59
//! ```
//!
//! The file is written after every sync of a segment and not synced itself. So it never says too
//! much, may say too little after a power cut, and when torn its checksum fails and it is ignored.

use std::io;

use super::bytes::{Fields, Layout, first, on_disk};
use super::disk::{Disk, DiskFile};
use super::fault::Fault;
use super::frame::{Chain, Hash, Location, checksum};

pub(super) const FILE_NAME: &str = "frontier";
const FILE_BYTES: usize = 64;
const MAGIC: [u8; 4] = *b"KFRT";
const VERSION: u16 = 1;
const HASH_BYTES: usize = 16;
/// Readings of a file that is being written: the second nearly always meets it whole.
const READS_MAX: u32 = 8;

/// Everything up to here is on stable storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frontier {
    /// The last durable position; 0 before the first.
    pub position: u64,
    /// The last durable group; it has the number of its first frame as its name.
    pub group: u64,
    /// Number of the last durable frame; 0 before the first.
    pub frame: u64,
    /// Behind the last durable frame: where the next one stands, if it fits in this segment.
    pub end: Location,
    /// The first half of the hash of the last frame, enough to tell journals apart.
    pub hash: [u8; HASH_BYTES],
}

/// The most that any other durable file of the same partition says about the journal.
///
/// Whatever it names was durable, so it must be found: a bad frame at or below it is damage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The highest position named; 0 for none.
    pub position: u64,
    /// The highest frame or group named; 0 for none.
    pub frame: u64,
}

impl Evidence {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            position: self.position.max(other.position),
            frame: self.frame.max(other.frame),
        }
    }
}

impl From<Frontier> for Evidence {
    fn from(frontier: Frontier) -> Self {
        Self {
            position: frontier.position,
            frame: frontier.frame,
        }
    }
}

impl Frontier {
    /// Everything the chain has stepped over.
    pub(super) fn of(chain: &Chain, end: Location) -> Self {
        Self {
            position: chain.position.saturating_sub(1),
            group: chain.group,
            frame: chain.number.saturating_sub(1),
            end,
            hash: half(&chain.hash),
        }
    }

    /// Whether the last frame is the same: then so is everything before it.
    pub fn is_same_frame(&self, other: &Self) -> bool {
        (self.frame, self.position, self.hash) == (other.frame, other.position, other.hash)
    }

    /// What the file in the directory says; `None` if there is none or it was torn.
    pub fn read<D: Disk>(disk: &D) -> Result<Option<Self>, Fault> {
        let fault = |action, error| Fault::io(action, &disk.describe(FILE_NAME), error);
        let file = match disk.open_to_read(FILE_NAME) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault("open", error)),
        };
        if file.length().map_err(|error| fault("measure", error))? < on_disk(FILE_BYTES) {
            return Ok(None);
        }
        let mut bytes = [0; FILE_BYTES];
        for _ in 0..READS_MAX {
            file.read_exact_at(&mut bytes, 0)
                .map_err(|error| fault("read", error))?;
            if let Some(frontier) = Self::parse(&bytes) {
                return Ok(Some(frontier));
            }
        }
        Ok(None)
    }

    fn parse(bytes: &[u8; FILE_BYTES]) -> Option<Self> {
        let covered = first(bytes, FILE_BYTES - 4);
        let crc = Fields(bytes.get(covered.len()..)?).u32()?;
        let mut fields = Fields(bytes);
        if crc != crc32c::crc32c(covered) || fields.take()? != MAGIC || fields.u16()? != VERSION {
            return None;
        }
        fields.take::<2>()?;
        Some(Self {
            position: fields.u64()?,
            group: fields.u64()?,
            frame: fields.u64()?,
            end: Location {
                segment: u64::from(fields.u32()?),
                offset: u64::from(fields.u32()?),
            },
            hash: fields.take()?,
        })
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        let small = |number: u64| u32::try_from(number).map_err(io::Error::other);
        let mut out = Vec::with_capacity(FILE_BYTES);
        Layout(&mut out)
            .bytes(&MAGIC)
            .u16(VERSION)
            .u16(0)
            .u64(self.position)
            .u64(self.group)
            .u64(self.frame)
            .u32(small(self.end.segment)?)
            .u32(small(self.end.offset)?)
            .bytes(&self.hash)
            .u32(0);
        checksum(0, &mut out);
        Ok(out)
    }
}

/// The first half of a hash.
fn half(hash: &Hash) -> [u8; HASH_BYTES] {
    hash.first_chunk().copied().unwrap_or_default()
}

/// The file that says it to readers.
#[derive(Debug)]
pub(super) struct FrontierFile<F> {
    file: F,
    path: String,
}

impl<F: DiskFile> FrontierFile<F> {
    /// Opens the file or makes one. Its name need not be durable: without it readers see less.
    pub(super) fn open<D: Disk<File = F>>(disk: &D) -> Result<Self, Fault> {
        let path = disk.describe(FILE_NAME);
        let file = match disk.open(FILE_NAME) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create(FILE_NAME),
            opened => opened,
        };
        match file {
            Ok(file) => Ok(Self { file, path }),
            Err(error) => Err(Fault::io("open", &path, error)),
        }
    }

    pub(super) fn write(&self, frontier: &Frontier) -> Result<(), Fault> {
        let bytes = frontier
            .bytes()
            .map_err(|error| Fault::io("write", &self.path, error))?;
        self.file
            .write_all_at(&bytes, 0)
            .map_err(|error| Fault::io("write", &self.path, error))
    }
}
