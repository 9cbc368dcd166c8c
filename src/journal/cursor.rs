//! How far outcomes are confirmed: a small file with two slots that are written in turn.
//!
//! ```text
//! byte   0        4         6          8            24        32         40      60
//!        magic    version   reserved   journal id   count     position   zeros   CRC of 0 to 59
//!        "KCUR"   1         00
//! ```
//!
//! The second slot begins at byte 512, so that no torn sector takes both. The valid slot with the
//! higher count is the cursor. Each is synced before the other is written, so that one stands
//! whatever happens. An older cursor after a power cut means that some outcomes are published
//! again. It is never ahead of the journal, and recovery takes it as evidence of what was durable.
//!
//! After a failed write or sync the cursor is not written any more: what the disk holds is not
//! known. For the same reason every start puts what it read into a new file before it goes on.

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
    /// The journal it is of.
    pub journal: JournalId,
    count: u64,
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
    /// Where the next slot is written.
    offset: u64,
    fault: Option<JournalFault>,
}

impl<D: Disk> Cursor<D> {
    /// What the file says; none if there is no file.
    pub fn read(disk: &D) -> Result<Option<Told>, JournalFault> {
        let path = disk.describe(FILE_NAME);
        let fault = |doing, error| io_fault(doing, &path, &error);
        let file = match disk.open_to_read(FILE_NAME) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault("open", error)),
        };
        let mut told: Option<Slot> = None;
        for offset in [0, SECOND_SLOT_AT] {
            let mut bytes = [0; SLOT_BYTES];
            match file.read_exact_at(&mut bytes, offset) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
                Err(error) => return Err(fault("read", error)),
            }
            let newer = |slot: &Slot| told.is_none_or(|told| told.count < slot.count);
            told = Slot::parse(&bytes).filter(newer).or(told);
        }
        let Some(Slot {
            journal,
            count,
            position,
        }) = told
        else {
            return Err(JournalFault::Damaged(format!(
                "{path} is damaged; restore it, or remove it if every outcome ever recorded may \
                 be published again"
            )));
        };
        Ok(Some(Told {
            journal,
            count,
            position,
        }))
    }

    /// Go on behind what was found, or begin at `otherwise`; in a new file either way.
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
        let slot = Slot {
            journal,
            count: told.map_or(0, |told| told.count),
            position: told.map_or(otherwise, |told| told.position),
        };
        let file = begin(disk, slot).map_err(|error| io_fault("begin", &path, &error))?;
        Ok(Self {
            file,
            path,
            slot,
            offset: 0,
            fault: None,
        })
    }

    /// Up to where outcomes are confirmed.
    pub fn position(&self) -> Position {
        self.slot.position
    }

    /// Everything up to here is confirmed; durable when this returns.
    pub fn save(&mut self, position: Position) -> Result<(), JournalFault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        if position == self.slot.position {
            return Ok(());
        }
        self.slot.count = self.slot.count.saturating_add(1);
        self.slot.position = position;
        let written = self
            .file
            .write_all_at(&self.slot.bytes(), self.offset)
            .map_err(|error| io_fault("write", &self.path, &error))
            .and_then(|()| {
                let synced = self.file.sync();
                synced.map_err(|error| io_fault("sync", &self.path, &error))
            });
        self.offset = SECOND_SLOT_AT.saturating_sub(self.offset);
        self.fault = written.clone().err();
        written
    }
}

/// Makes the file with both slots, whole and synced before it has its name.
fn begin<D: Disk>(disk: &D, slot: Slot) -> io::Result<D::File> {
    match disk.remove(NEW_NAME) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let file = disk.create(NEW_NAME)?;
    file.write_all_at(&slot.bytes(), 0)?;
    file.write_all_at(&slot.bytes(), SECOND_SLOT_AT)?;
    file.sync()?;
    disk.rename(NEW_NAME, FILE_NAME)?;
    disk.sync_directory()?;
    Ok(file)
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
    use crate::simulator::disk::{Accident, SimulatedDisk};

    const ID: JournalId = JournalId([7; 16]);

    fn opened(disk: &SimulatedDisk) -> Cursor<SimulatedDisk> {
        let told = Cursor::read(disk).unwrap();
        Cursor::open(disk, ID, told, Position(0)).unwrap()
    }

    #[test]
    fn the_last_position_saved_comes_back() {
        let mut disk = SimulatedDisk::new(1);
        for position in [3, 9, 10] {
            opened(&disk).save(Position(position)).unwrap();
            disk = disk.kill();
            assert_eq!(opened(&disk).position(), Position(position));
        }
    }

    #[test]
    fn a_power_cut_at_any_call_leaves_what_was_saved_or_the_one_after() {
        let calls = {
            let disk = SimulatedDisk::new(1);
            lives(&disk);
            disk.calls()
        };
        for call in 1..=calls {
            for seed in 0..20 {
                let disk = SimulatedDisk::new(seed);
                disk.plan([(call, Accident::PowerCut)]);
                let saved = lives(&disk);
                let found = opened(&disk.restart()).position().0;
                assert!(
                    (saved..=saved + 1).contains(&found),
                    "{found} instead of {saved}, call {call}, seed {seed}"
                );
            }
        }
    }

    /// Opens a cursor twice and saves positions; the last one that was durable.
    fn lives(disk: &SimulatedDisk) -> u64 {
        let mut saved = 0;
        for _ in 0..2 {
            let told = Cursor::read(disk);
            let cursor = told.and_then(|told| Cursor::open(disk, ID, told, Position(0)));
            let Ok(mut cursor) = cursor else { break };
            for _ in 0..3 {
                if cursor.save(Position(saved + 1)).is_err() {
                    return saved;
                }
                saved += 1;
            }
        }
        saved
    }

    #[test]
    fn after_a_failed_sync_neither_this_run_nor_the_next_believes_the_page_cache() {
        let disk = SimulatedDisk::new(1);
        let mut cursor = opened(&disk);
        cursor.save(Position(5)).unwrap();
        disk.plan([(2, Accident::Error)]);
        let fault = cursor.save(Position(6)).unwrap_err();
        assert_eq!(cursor.save(Position(7)), Err(fault), "not tried again");
        // The process ends; its successor saves twice and the power goes during the second.
        let disk = disk.kill();
        let mut cursor = opened(&disk);
        cursor.save(Position(8)).unwrap();
        disk.plan([(2, Accident::PowerCut)]);
        cursor.save(Position(9)).unwrap_err();
        let found = opened(&disk.restart()).position().0;
        assert!((8..=9).contains(&found), "{found}");
    }

    #[test]
    fn a_cursor_that_is_there_and_cannot_be_read_is_damage() {
        let disk = SimulatedDisk::new(1);
        drop(opened(&disk));
        assert!(disk.flip("cursor", 30, 1));
        assert!(Cursor::read(&disk).unwrap().is_some(), "one slot is enough");
        assert!(disk.flip("cursor", SECOND_SLOT_AT + 30, 1));
        assert!(matches!(Cursor::read(&disk), Err(JournalFault::Damaged(_))));
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
