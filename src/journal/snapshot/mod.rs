//! Snapshots: a position of the journal as effects that rebuild the books from nothing.
//!
//! ```text
//! byte   0        4         6          8            24         32       40      60
//!        magic    version   reserved   journal id   position   frame    zeros   CRC of 0 to 59
//!        "KSNP"   1         00
//!       64       pieces, one behind the other:
//!   +0           +4        +8          +12         +16
//!    kind, 000   length    CRC of      reserved    payload …
//!                          0 to 7 and payload
//! ```
//!
//! The first piece is the head; then come records of the books' beginnings as the journal writes
//! them, one after the other up to about a MiB each; then places in the journal; the last piece is
//! the BLAKE3 of everything before it. All numbers are little-endian.
//!
//! A snapshot gets its name when it is whole and synced. It is written in pieces of a MiB, each
//! synced before the next, so that a sync of the journal never waits behind a large dirty cache. It
//! never replaces the journal: a damaged one costs time, nothing else.
//!
//! Not here: when a snapshot is taken, and how the books get into it and out of it.

pub mod keys;
mod new_file;
mod reader;
mod writer;

pub use keys::{KeyFile, KeyRow};
pub use reader::{Piece, Reader};
pub use writer::Writer;

use std::io;

use super::ending::Ending;
use super::file::bytes::{Fields, Layout, first};
use super::file::disk::{Disk, DiskFile};
use super::file::{Evidence, JournalId};
use super::record::RecordFault;
use crate::ids::{Lineage, Position};
use crate::ledger::StateDigest;
use crate::ledger::digest::DIGEST_VERSION;
use crate::time::Timestamp;

const MAGIC: [u8; 4] = *b"KSNP";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 64;
const CRC_AT: usize = 60;
const PIECE_HEADER_BYTES: usize = 16;
/// Bytes of a piece's payload; a larger length is damage.
const PIECE_BYTES_MAX: usize = 64 << 20;
const KIND_HEAD: u8 = 1;
const KIND_STATE: u8 = 2;
const KIND_PLACES: u8 = 3;
const KIND_END: u8 = 255;
const PREFIX: &str = "snapshot-";
const NEW_NAME: &str = "snapshot.new";

/// A snapshot that cannot be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotFault {
    /// The operating system refused.
    #[error("could not {doing} {file}: {reason}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        file: String,
        /// Why not.
        reason: String,
    },
    /// The bytes are not what was written.
    #[error("{file} is damaged: {what}")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A file of keys is gone: the snapshot that names it cannot be used any more.
    #[error("{file} is missing, and a snapshot names it")]
    KeysMissing {
        /// The file.
        file: String,
    },
    /// A later release wrote it.
    #[error("{file} has version {version}, this release reads up to {VERSION}")]
    Version {
        /// The file.
        file: String,
        /// Its version.
        version: u16,
    },
    /// It was whole, and whether its name is durable is not known: nothing may be built on it.
    #[error("{file} may or may not have its name after a power cut: {reason}; check the disk")]
    Uncertain {
        /// The file.
        file: String,
        /// What the system said.
        reason: String,
    },
    /// A part of the books is larger than a piece may be.
    #[error("a part of the books takes {bytes} bytes, more than a piece of a snapshot holds")]
    PieceTooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// Another process is at it.
    #[error("{holder} is taking a snapshot in {directory}; try again when it is done")]
    Busy {
        /// The directory.
        directory: String,
        /// What the other one wrote about itself.
        holder: String,
    },
    /// The process ends before it was done.
    #[error("the snapshot was given up, because the process ends")]
    GivenUp,
    /// A piece could not be put into bytes.
    #[error(transparent)]
    Record(#[from] RecordFault),
}

impl SnapshotFault {
    /// Whether trying again would not be honest: the process ends.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Uncertain { .. })
    }

    /// Whether the bytes are not what this release can read: trying again does not help.
    pub fn is_damage(&self) -> bool {
        let this_release = self.is_loss();
        this_release || matches!(self, Self::Version { .. })
    }

    /// Whether no release can read it any more.
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::KeysMissing { .. })
    }

    /// What the operating system said.
    pub fn io(doing: &'static str, file: &str, error: &io::Error) -> Self {
        Self::Io {
            doing,
            file: file.to_owned(),
            reason: error.to_string(),
        }
    }

    fn damaged(file: &str, what: &'static str) -> Self {
        Self::Damaged {
            file: file.to_owned(),
            what,
        }
    }
}

/// What a snapshot says about itself besides the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The journal it is of.
    pub journal: JournalId,
    /// The last position in it: the last one of a commit.
    pub position: Position,
    /// Number of that commit's frame.
    pub frame: u64,
    /// Hash of that frame.
    pub hash: [u8; 32],
    /// When that commit was recorded.
    pub recorded_at: Timestamp,
    /// Digest of the books, as in that commit.
    pub digest: StateDigest,
    /// The lineage of that commit.
    pub lineage: Lineage,
    /// How the runs before had ended by then.
    pub ending: Ending,
    /// The files that hold the keys, oldest first.
    pub key_files: Vec<KeyFile>,
}

impl Head {
    fn header(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        Layout(&mut out)
            .bytes(&MAGIC)
            .u16(VERSION)
            .u16(0)
            .bytes(&self.journal.0)
            .u64(self.position.0)
            .u64(self.frame);
        out.resize(CRC_AT, 0);
        let crc = crc32c::crc32c(&out);
        Layout(&mut out).u32(crc);
        out
    }

    fn payload(&self) -> Vec<u8> {
        let mut out = Vec::new();
        Layout(&mut out)
            .bytes(&self.hash)
            .bytes(&self.recorded_at.0.to_le_bytes())
            .u16(DIGEST_VERSION)
            .bytes(&self.digest.0.to_le_bytes())
            .u32(self.lineage.0)
            .u32(self.ending.cut.unwrap_or_default().0)
            .u8(u8::from(self.ending.clean))
            .u8(u8::from(self.ending.after_unclean))
            .u64(self.ending.recorded)
            .u32(u32::try_from(self.key_files.len()).unwrap_or(u32::MAX));
        for file in &self.key_files {
            Layout(&mut out)
                .u64(file.first.0)
                .u64(file.last.0)
                .u64(file.count)
                .bytes(&file.hash);
        }
        out
    }

    fn parse(header: Header, payload: &[u8]) -> Option<Self> {
        let mut fields = Fields(payload);
        let hash = fields.take()?;
        let recorded_at = Timestamp(i64::from_le_bytes(fields.take()?));
        if fields.u16()? != DIGEST_VERSION {
            return None;
        }
        let digest = StateDigest(u128::from_le_bytes(fields.take()?));
        let lineage = Lineage(fields.u32()?);
        let cut = Some(Lineage(fields.u32()?)).filter(|cut| *cut != Lineage::default());
        let ending = Ending {
            clean: fields.u8()? != 0,
            after_unclean: fields.u8()? != 0,
            recorded: fields.u64()?,
            cut,
        };
        let mut key_files = Vec::new();
        for _ in 0..fields.u32()? {
            key_files.push(KeyFile {
                first: Position(fields.u64()?),
                last: Position(fields.u64()?),
                count: fields.u64()?,
                hash: fields.take()?,
            });
        }
        fields.0.is_empty().then_some(Self {
            journal: header.journal,
            position: header.position,
            frame: header.frame,
            hash,
            recorded_at,
            digest,
            lineage,
            ending,
            key_files,
        })
    }
}

/// What stands in front of the pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    journal: JournalId,
    position: Position,
    frame: u64,
}

impl Header {
    fn read<F: DiskFile>(file: &F, path: &str) -> Result<Self, SnapshotFault> {
        let mut bytes = [0; HEADER_BYTES];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(SnapshotFault::damaged(path, "it is too short"));
            }
            Err(error) => return Err(SnapshotFault::io("read", path, &error)),
        }
        match Self::parse(&bytes) {
            Some((VERSION, header)) => Ok(header),
            Some((version, _)) => Err(SnapshotFault::Version {
                file: path.to_owned(),
                version,
            }),
            None => Err(SnapshotFault::damaged(path, "its header is not whole")),
        }
    }

    fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<(u16, Self)> {
        let covered = first(bytes, CRC_AT);
        let crc = Fields(bytes.get(CRC_AT..)?).u32()?;
        let mut fields = Fields(bytes);
        if crc != crc32c::crc32c(covered) || fields.take()? != MAGIC {
            return None;
        }
        let version = fields.u16()?;
        fields.u16()?;
        let journal = JournalId(fields.take()?);
        let (position, frame) = (Position(fields.u64()?), fields.u64()?);
        Some((
            version,
            Self {
                journal,
                position,
                frame,
            },
        ))
    }
}

/// Name of the snapshot at a position.
pub fn file_name(position: Position) -> String {
    format!("{PREFIX}{:020}", position.0)
}

/// The positions of all snapshots in the directory, newest first.
pub fn list<D: Disk>(disk: &D) -> Result<Vec<Position>, SnapshotFault> {
    let names = names(disk)?;
    let position = |name: &String| {
        let position = Position(name.strip_prefix(PREFIX)?.parse().ok()?);
        (file_name(position) == *name).then_some(position)
    };
    let mut positions: Vec<Position> = names.iter().filter_map(position).collect();
    positions.sort_unstable();
    positions.reverse();
    Ok(positions)
}

/// What snapshots and key files say the journal must have.
pub fn evidence<D: Disk>(disk: &D) -> Result<Evidence, SnapshotFault> {
    let mut evidence = Evidence::default();
    for position in list(disk)? {
        let name = file_name(position);
        let path = disk.describe(&name);
        let file = disk
            .open_to_read(&name)
            .map_err(|error| SnapshotFault::io("open", &path, &error))?;
        // The name alone proves its position, whatever became of the bytes.
        evidence.position = evidence.position.max(position.0);
        if let Ok(header) = Header::read(&file, &path) {
            evidence.frame = evidence.frame.max(header.frame);
        }
    }
    for (_, last) in keys::list(disk)? {
        evidence.position = evidence.position.max(last.0);
    }
    Ok(evidence)
}

/// Remove all snapshots but the newest `kept`, and the key files that none of those names.
pub fn tidy<D: Disk>(disk: &D, kept: usize) -> Result<(), SnapshotFault> {
    let positions = list(disk)?;
    let mut named = Vec::new();
    for position in positions.iter().take(kept) {
        match Reader::open(disk, *position) {
            Ok(reader) => named.extend(reader.head().key_files.iter().map(KeyFile::name)),
            // What it names is not known, so nothing is removed.
            Err(_damaged) => return Ok(()),
        }
    }
    let fault = |doing, name: &str, error: io::Error| {
        SnapshotFault::io(doing, &disk.describe(name), &error)
    };
    let remove = |name: &String| {
        disk.remove(name)
            .map_err(|error| fault("remove", name, error))
    };
    let old = positions.iter().skip(kept);
    let old: Vec<String> = old.map(|position| file_name(*position)).collect();
    old.iter().try_for_each(remove)?;
    let keys = keys::list(disk)?.into_iter();
    let keys = keys.map(|(first, last)| keys::file_name(first, last));
    let unnamed: Vec<String> = keys.filter(|name| !named.contains(name)).collect();
    if !unnamed.is_empty() {
        // A power cut must not bring a snapshot back whose keys are gone.
        disk.sync_directory()
            .map_err(|error| fault("sync", "", error))?;
    }
    unnamed.iter().try_for_each(remove)
}

fn names<D: Disk>(disk: &D) -> Result<Vec<String>, SnapshotFault> {
    disk.list()
        .map_err(|error| SnapshotFault::io("list", &disk.describe(""), &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::disk::SimulatedDisk;

    fn keys() -> KeyFile {
        KeyFile {
            first: Position(1),
            last: Position(10),
            count: 1,
            hash: [1; 32],
        }
    }

    fn put(disk: &SimulatedDisk, position: u64, key_files: Vec<KeyFile>) {
        let head = Head {
            journal: JournalId([7; 16]),
            position: Position(position),
            frame: position,
            hash: [2; 32],
            recorded_at: Timestamp(1),
            digest: StateDigest::default(),
            lineage: Lineage::default(),
            ending: Ending::default(),
            key_files,
        };
        Writer::create(disk, &head).unwrap().finish().unwrap();
    }

    /// A snapshot that is of no use was removed, and then the keys that no other one names.
    #[test]
    fn no_power_cut_brings_a_snapshot_back_whose_keys_are_gone() {
        for seed in 0..200 {
            let disk = SimulatedDisk::new(seed);
            disk.create(&keys().name()).unwrap().sync().unwrap();
            put(&disk, 10, vec![keys()]);
            put(&disk, 16, Vec::new());
            disk.remove(&file_name(Position(10))).unwrap();
            tidy(&disk, 2).unwrap();
            assert_eq!(list(&disk).unwrap(), [Position(16)]);
            assert!(!disk.names().contains(&keys().name()));

            let disk = disk.restart();
            let names = disk.names();
            let came_back = names.contains(&file_name(Position(10)));
            assert!(!came_back || names.contains(&keys().name()), "seed {seed}");
        }
    }
}
