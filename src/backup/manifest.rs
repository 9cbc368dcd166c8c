//! What a backup holds, as lines of text that say of themselves whether they are whole.
//!
//! ```text
//! kontor backup 1
//! journal 8f0e…                        name of the journal
//! taken_at 2026-11-26T14:00:00.000000000Z
//! position 1234                        last record
//! recorded_at 2026-11-26T13:59:59.…Z   of that record
//! digest 5ac1…                         of the books behind it
//! lineage 0
//! published 1200                       up to where outcomes were confirmed
//! frame 55 50                          last frame and its group
//! end 3 40960 77ab…                    segment, byte behind the frame, half of its hash
//! file segment-0000000001 67108864 …   name, bytes that count, BLAKE3 of these
//! …
//! checksum …                           BLAKE3 of the lines above
//! ```
//!
//! It is written beside the one before and takes its place with one rename, after everything that
//! it names is durable: so a backup is the one of before or the new one, never something between.

use std::fmt::{self, Write as _};
use std::io;
use std::str::Lines;

use super::BackupFault;
use crate::ids::{Lineage, Position};
use crate::journal::file::disk::{Disk, DiskFile};
use crate::journal::file::{Frontier, JournalId, Location};
use crate::ledger::StateDigest;
use crate::partition::MANIFEST_FILE;
use crate::time::Timestamp;

const TITLE: &str = "kontor backup 1";
pub(super) const NEW_NAME: &str = "manifest.new";
/// Bytes of a manifest at the most: a line for each of a million segments.
const BYTES_MAX: u64 = 128 << 20;

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// Its name.
    pub name: String,
    /// Bytes from its beginning that count.
    pub bytes: u64,
    /// BLAKE3 of these.
    pub hash: blake3::Hash,
}

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The journal it is of.
    pub journal: JournalId,
    /// When it was begun: what was durable by then is in it.
    pub taken_at: Timestamp,
    /// How far it goes.
    pub frontier: Frontier,
    /// When its last commit was recorded.
    pub recorded_at: Timestamp,
    /// Digest of the books after that commit.
    pub digest: StateDigest,
    /// The lineage of that commit.
    pub lineage: Lineage,
    /// Up to where outcomes were confirmed.
    pub published: Position,
    /// Its files.
    pub files: Vec<FileRow>,
}

impl Manifest {
    /// That of a backup which was begun and holds nothing yet.
    pub fn begun(journal: JournalId) -> Self {
        Self {
            journal,
            taken_at: Timestamp(0),
            frontier: Frontier {
                position: 0,
                group: 0,
                frame: 0,
                end: Location {
                    segment: 0,
                    offset: 0,
                },
                hash: [0; 16],
            },
            recorded_at: Timestamp(0),
            digest: StateDigest(0),
            lineage: Lineage(0),
            published: Position(0),
            files: Vec::new(),
        }
    }

    /// The last position in it; 0 if it was begun and never finished.
    pub fn position(&self) -> Position {
        Position(self.frontier.position)
    }

    /// A file of it.
    pub fn file(&self, name: &str) -> Option<&FileRow> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Read the one of a directory; none if there is none.
    pub fn read<D: Disk>(disk: &D) -> Result<Option<Self>, BackupFault> {
        let path = disk.describe(MANIFEST_FILE);
        let file = match disk.open_to_read(MANIFEST_FILE) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BackupFault::io("open", &path, &error)),
        };
        let length = file
            .length()
            .map_err(|error| BackupFault::io("measure", &path, &error))?;
        let damaged = |what| BackupFault::damaged(&path, what);
        if length > BYTES_MAX {
            return Err(damaged("it is too long"));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        file.read_exact_at(&mut bytes, 0)
            .map_err(|error| BackupFault::io("read", &path, &error))?;
        let text = std::str::from_utf8(&bytes).map_err(|_fault| damaged("it is no text"))?;
        if !text.starts_with(TITLE) {
            return Err(damaged("it is none, or of a later release"));
        }
        let parsed = Self::parse(text);
        parsed
            .map(Some)
            .ok_or_else(|| damaged("it is not what was written"))
    }

    /// Put it in the place of the one before, durably.
    pub fn write<D: Disk>(&self, disk: &D) -> Result<(), BackupFault> {
        let path = disk.describe(NEW_NAME);
        let fault = |doing, error: io::Error| BackupFault::io(doing, &path, &error);
        match disk.remove(NEW_NAME) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(fault("remove", error));
            }
            Ok(()) | Err(_) => {}
        }
        let file = disk
            .create(NEW_NAME)
            .map_err(|error| fault("create", error))?;
        file.write_all_at(self.to_string().as_bytes(), 0)
            .map_err(|error| fault("write", error))?;
        file.sync().map_err(|error| fault("sync", error))?;
        disk.rename(NEW_NAME, MANIFEST_FILE)
            .and_then(|()| disk.sync_directory())
            .map_err(|error| fault("rename", error))
    }

    fn parse(text: &str) -> Option<Self> {
        let (said, checksum) = text.rsplit_once("checksum ")?;
        let expected = blake3::Hash::from_hex(checksum.strip_suffix('\n')?).ok()?;
        if blake3::hash(said.as_bytes()) != expected {
            return None;
        }
        let mut lines = said.lines();
        if lines.next()? != TITLE {
            return None;
        }
        let journal = JournalId(hex_128(member(&mut lines, "journal")?)?.to_be_bytes());
        let taken_at = Timestamp::parse(member(&mut lines, "taken_at")?)?;
        let position = member(&mut lines, "position")?.parse().ok()?;
        let recorded_at = Timestamp::parse(member(&mut lines, "recorded_at")?)?;
        let digest = StateDigest(hex_128(member(&mut lines, "digest")?)?);
        let lineage = Lineage(member(&mut lines, "lineage")?.parse().ok()?);
        let published = Position(member(&mut lines, "published")?.parse().ok()?);
        let (frame, group) = member(&mut lines, "frame")?.split_once(' ')?;
        let (segment, rest) = member(&mut lines, "end")?.split_once(' ')?;
        let (offset, hash) = rest.split_once(' ')?;
        let frontier = Frontier {
            position,
            group: group.parse().ok()?,
            frame: frame.parse().ok()?,
            end: Location {
                segment: segment.parse().ok()?,
                offset: offset.parse().ok()?,
            },
            hash: hex_128(hash)?.to_be_bytes(),
        };
        let mut files = Vec::new();
        for line in lines {
            let (name, rest) = line.strip_prefix("file ")?.split_once(' ')?;
            let (bytes, hash) = rest.split_once(' ')?;
            files.push(FileRow {
                name: name.to_owned(),
                bytes: bytes.parse().ok()?,
                hash: blake3::Hash::from_hex(hash).ok()?,
            });
        }
        Some(Self {
            journal,
            taken_at,
            frontier,
            recorded_at,
            digest,
            lineage,
            published,
            files,
        })
    }

    fn lines(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        let Frontier {
            position,
            group,
            frame,
            end,
            hash,
        } = self.frontier;
        writeln!(text, "{TITLE}")?;
        writeln!(text, "journal {:032x}", u128::from_be_bytes(self.journal.0))?;
        writeln!(text, "taken_at {}", self.taken_at)?;
        writeln!(text, "position {position}")?;
        writeln!(text, "recorded_at {}", self.recorded_at)?;
        writeln!(text, "digest {:032x}", self.digest.0)?;
        writeln!(text, "lineage {}", self.lineage)?;
        writeln!(text, "published {}", self.published)?;
        writeln!(text, "frame {frame} {group}")?;
        let (segment, offset) = (end.segment, end.offset);
        let half = u128::from_be_bytes(hash);
        writeln!(text, "end {segment} {offset} {half:032x}")?;
        for FileRow { name, bytes, hash } in &self.files {
            writeln!(text, "file {name} {bytes} {hash}")?;
        }
        Ok(text)
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines()?;
        let checksum = blake3::hash(lines.as_bytes());
        writeln!(f, "{lines}checksum {checksum}")
    }
}

/// What a line says behind its name.
fn member<'t>(lines: &mut Lines<'t>, name: &str) -> Option<&'t str> {
    lines.next()?.strip_prefix(name)?.strip_prefix(' ')
}

fn hex_128(text: &str) -> Option<u128> {
    let whole = text.len() == 32 && !text.starts_with('+');
    whole.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::disk::SimulatedDisk;

    fn manifest() -> Manifest {
        let frontier = Frontier {
            position: 9,
            group: 3,
            frame: 4,
            end: Location {
                segment: 2,
                offset: 640,
            },
            hash: [7; 16],
        };
        let file = |name: &str| FileRow {
            name: name.to_owned(),
            bytes: 640,
            hash: blake3::hash(name.as_bytes()),
        };
        Manifest {
            taken_at: Timestamp(1_700_000_000_000_000_000),
            frontier,
            recorded_at: Timestamp(1_699_999_999_000_000_001),
            digest: StateDigest(u128::MAX - 1),
            lineage: Lineage(2),
            published: Position(8),
            files: vec![file("secret"), file("segment-0000000001")],
            ..Manifest::begun(JournalId([0xa5; 16]))
        }
    }

    #[test]
    fn what_was_written_comes_back() {
        let disk = SimulatedDisk::new(1);
        assert_eq!(Manifest::read(&disk).unwrap(), None);
        for written in [Manifest::begun(JournalId([0; 16])), manifest()] {
            written.write(&disk).unwrap();
            assert_eq!(Manifest::read(&disk).unwrap(), Some(written));
        }
        assert_eq!(manifest().file("secret").unwrap().bytes, 640);
        assert_eq!(manifest().file("kek"), None);
    }

    #[test]
    fn no_flipped_bit_is_read_as_something_else() {
        let text = manifest().to_string();
        let read = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).ok()?;
            Manifest::parse(text)
        };
        assert_eq!(read(text.as_bytes()), Some(manifest()));
        for place in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                let same = read(&bytes).is_none_or(|read| read == manifest());
                assert!(same, "byte {place}, bit {bit}");
            }
            assert_eq!(read(&text.as_bytes()[..place]), None, "cut at {place}");
        }
    }
}
