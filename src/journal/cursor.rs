//! How far outcomes are confirmed: a small file with two slots that are written in turn.
//!
//! ```text
//! byte   0        4         6          8            24        32         40      60
//!        magic    version   reserved   journal id   count     position   zeros   CRC of 0 to 59
//!        "KCUR"   1         00
//! ```
//!
//! The second slot begins at byte 512, so that no torn sector takes both. The valid slot with the
//! higher count is the cursor. Between two syncs only one slot is written, so that the other one,
//! synced, stands whatever happens. An older cursor after a power cut means that some outcomes are
//! published again. It is never ahead of the journal, and recovery takes it as evidence of what was
//! durable.

use std::io;

use super::JournalFault;
use super::file::bytes::{Fields, Layout, first};
use super::file::disk::{Disk, DiskFile};
use super::file::{Evidence, JournalId};
use crate::ids::Position;

const FILE_NAME: &str = "cursor";
const NEW_NAME: &str = "cursor.new";
const MAGIC: [u8; 4] = *b"KCUR";
const VERSION: u16 = 1;
const SLOT_BYTES: usize = 64;
const CRC_AT: usize = 60;
const SECOND_SLOT_AT: u64 = 512;

/// What a slot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    journal: JournalId,
    count: u64,
    position: Position,
}

/// The cursor as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    journal: JournalId,
    count: u64,
    offset: u64,
    /// Up to where outcomes are confirmed.
    pub position: Position,
}

impl Told {
    /// The journal must have at least what the cursor names.
    pub fn evidence(&self) -> Evidence {
        Evidence {
            position: self.position.0,
            frame: 0,
        }
    }
}

/// The cursor of the publisher.
#[derive(Debug)]
pub struct Cursor<D: Disk> {
    file: D::File,
    path: String,
    slot: Slot,
    /// The slot that is written until the next sync.
    offset: u64,
}

impl<D: Disk> Cursor<D> {
    /// What the file says; none if there is no file or no slot is whole.
    pub fn read(disk: &D) -> Result<Option<Told>, JournalFault> {
        let fault = |doing, error| io_fault(doing, &disk.describe(FILE_NAME), &error);
        let file = match disk.open_to_read(FILE_NAME) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault("open", error)),
        };
        let mut told: Option<Told> = None;
        for offset in [0, SECOND_SLOT_AT] {
            let mut bytes = [0; SLOT_BYTES];
            match file.read_exact_at(&mut bytes, offset) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
                Err(error) => return Err(fault("read", error)),
            }
            let newer =
                Slot::parse(&bytes).filter(|slot| told.is_none_or(|told| told.count < slot.count));
            if let Some(Slot {
                journal,
                count,
                position,
            }) = newer
            {
                told = Some(Told {
                    journal,
                    count,
                    offset,
                    position,
                });
            }
        }
        Ok(told)
    }

    /// Go on behind what was found, or begin a file at `otherwise`.
    pub fn open(
        disk: &D,
        journal: JournalId,
        told: Option<Told>,
        otherwise: Position,
    ) -> Result<Self, JournalFault> {
        let path = disk.describe(FILE_NAME);
        if let Some(told) = told.filter(|told| told.journal != journal) {
            return Err(JournalFault::Damaged(format!(
                "{path} belongs to another journal than the one beside it ({:02x?}); put back \
                 the directory as it was",
                told.journal.0
            )));
        }
        let count = told.map_or(0, |told| told.count);
        let position = told.map_or(otherwise, |told| told.position);
        let slot = Slot {
            journal,
            count,
            position,
        };
        if told.is_none() {
            begin(disk, slot).map_err(|error| io_fault("begin", &path, &error))?;
        }
        let file = disk
            .open(FILE_NAME)
            .map_err(|error| io_fault("open", &path, &error))?;
        let offset = told.map_or(SECOND_SLOT_AT, |told| told.offset);
        let mut cursor = Self {
            file,
            path,
            slot,
            offset,
        };
        cursor.sync()?;
        Ok(cursor)
    }

    /// Up to where outcomes are confirmed.
    pub fn position(&self) -> Position {
        self.slot.position
    }

    /// Everything up to here is confirmed. Not synced.
    pub fn advance(&mut self, position: Position) -> Result<(), JournalFault> {
        if position == self.slot.position {
            return Ok(());
        }
        self.slot.count = self.slot.count.saturating_add(1);
        self.slot.position = position;
        self.file
            .write_all_at(&self.slot.bytes(), self.offset)
            .map_err(|error| io_fault("write", &self.path, &error))
    }

    /// Make the cursor durable: now and then, and at a clean stop.
    pub fn sync(&mut self) -> Result<(), JournalFault> {
        self.file
            .sync()
            .map_err(|error| io_fault("sync", &self.path, &error))?;
        self.offset = if self.offset == 0 { SECOND_SLOT_AT } else { 0 };
        Ok(())
    }
}

/// Makes the file with both slots, whole and synced before it has its name.
fn begin<D: Disk>(disk: &D, slot: Slot) -> io::Result<()> {
    match disk.remove(NEW_NAME) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let file = disk.create(NEW_NAME)?;
    file.write_all_at(&slot.bytes(), 0)?;
    file.write_all_at(&slot.bytes(), SECOND_SLOT_AT)?;
    file.sync()?;
    disk.rename(NEW_NAME, FILE_NAME)?;
    disk.sync_directory()
}

impl Slot {
    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SLOT_BYTES);
        Layout(&mut out)
            .bytes(&MAGIC)
            .u16(VERSION)
            .u16(0)
            .bytes(&self.journal.0)
            .u64(self.count)
            .u64(self.position.0);
        out.resize(CRC_AT, 0);
        let crc = crc32c::crc32c(&out);
        Layout(&mut out).u32(crc);
        out
    }

    fn parse(bytes: &[u8; SLOT_BYTES]) -> Option<Self> {
        let covered = first(bytes, CRC_AT);
        let crc = Fields(bytes.get(CRC_AT..)?).u32()?;
        let mut fields = Fields(bytes);
        if crc != crc32c::crc32c(covered) || fields.take()? != MAGIC || fields.u16()? != VERSION {
            return None;
        }
        fields.u16()?;
        Some(Self {
            journal: JournalId(fields.take()?),
            count: fields.u64()?,
            position: Position(fields.u64()?),
        })
    }
}

fn io_fault(doing: &str, path: &str, error: &io::Error) -> JournalFault {
    JournalFault::Io(format!("could not {doing} {path}: {error}; check the disk"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::disk::SimulatedDisk;

    const ID: JournalId = JournalId([7; 16]);

    fn opened(disk: &SimulatedDisk) -> Cursor<SimulatedDisk> {
        let told = Cursor::read(disk).unwrap();
        Cursor::open(disk, ID, told, Position(0)).unwrap()
    }

    #[test]
    fn the_last_position_written_comes_back() {
        let disk = SimulatedDisk::new(1);
        let mut cursor = opened(&disk);
        for position in [3, 9, 10] {
            cursor.advance(Position(position)).unwrap();
            assert_eq!(opened(&disk).position(), Position(position));
        }
    }

    #[test]
    fn a_power_cut_leaves_what_was_synced_or_something_later() {
        for seed in 0..200 {
            let disk = SimulatedDisk::new(seed);
            let mut cursor = opened(&disk);
            cursor.advance(Position(5)).unwrap();
            cursor.sync().unwrap();
            cursor.advance(Position(6)).unwrap();
            cursor.advance(Position(7)).unwrap();
            let position = opened(&disk.restart()).position();
            assert!((5..=7).contains(&position.0), "{position} from seed {seed}");
        }
    }

    #[test]
    fn a_cursor_of_another_journal_is_refused() {
        let disk = SimulatedDisk::new(1);
        drop(opened(&disk));
        let told = Cursor::read(&disk).unwrap();
        let fault = Cursor::open(&disk, JournalId([8; 16]), told, Position(0)).unwrap_err();
        assert!(matches!(fault, JournalFault::Damaged(_)));
    }
}
