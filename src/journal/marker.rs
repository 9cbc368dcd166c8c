//! The marker: which job is being tried alone, in a small file that tells after a fall.
//!
//! ```text
//! byte   0        4         6       7         8          24     28     44      60
//!        magic    version   state   strikes   message    line   boot   zeros   CRC of 0 to 59
//!        "KMRK"   1
//! ```
//!
//! Each slot has a sector of its own: one for reading, one for posting, the rest for what is
//! condemned and for what has a strike. A job is written down right before it is tried and crossed
//! out right after, without a sync: what the marker must outlive is the process. When the machine
//! goes down, every job that was open would be under suspicion, and what the disk then has of the
//! marker may be old: a name that was long crossed out, a marker that was removed. So each slot
//! names the boot it was written in, and one of another boot says nothing.
//!
//! How a process ended says what its slots are worth:
//!
//! - *fell*: it panicked in the middle of the job, or met a fault that only the job can have
//!   caused. The job is condemned: the next start sets it aside.
//! - *trying*: it ended in the middle of the job without a word. That may be the job (memory, an
//!   endless loop and the watchdog) or a kill from outside, so it counts as a strike; the second
//!   one condemns it, unless it was posted well in between. Others may fall in between: two such
//!   jobs that come by turns are found both.
//! - *resting*: it ended elsewhere.
//!
//! A write to the marker that fails is the disk's fault: the job is crossed out before the process
//! ends for it, and where that fails too the marker is removed.
//!
//! It is not in the journal, because what panics can no longer append to one.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::JournalFault;
use super::file::bytes::{Fields, Layout, first};
use super::file::disk::{Boot, Disk, DiskFile};
use crate::ids::Hash128;

#[cfg(test)]
mod tests;

const FILE_NAME: &str = "marker";
const NEW_NAME: &str = "marker.new";
const MAGIC: [u8; 4] = *b"KMRK";
const VERSION: u16 = 1;
const SLOT_BYTES: usize = 64;
const CRC_AT: usize = 60;
/// A sector each, so that no write touches two.
const SLOT_STEP: u64 = 512;
/// Slots of the two stations.
const STATIONS: usize = 2;
/// Condemned jobs that are remembered until they come: one start finds one, rarely two.
const CONDEMNED_MAX: usize = 6;
/// Jobs with a strike that are remembered.
const SUSPECTS_MAX: usize = 16;
const SLOTS: usize = STATIONS + CONDEMNED_MAX + SUSPECTS_MAX;
/// Strikes that condemn a job.
const STRIKES_MAX: u8 = 2;

/// A job, by the message it came in and its place there: 0 for the message as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Hash of the message.
    pub message: Hash128,
    /// Line or item in it.
    pub line: u32,
}

/// Where a job can fell the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Station {
    /// Reading its bytes and sealing its texts.
    Reading,
    /// Posting it.
    Posting,
}

impl Station {
    /// Where its slot stands.
    fn offset(self) -> u64 {
        match self {
            Self::Reading => 0,
            Self::Posting => SLOT_STEP,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Resting,
    Trying,
    Fell,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slot {
    state: State,
    strikes: u8,
    mark: Mark,
}

/// The marker of a run in which jobs go alone.
#[derive(Debug)]
pub struct Markers {
    file: Arc<dyn Sheet>,
    path: String,
    boot: Boot,
    /// Jobs that must not be tried again.
    condemned: Vec<Mark>,
    /// Jobs with a strike.
    suspects: Vec<Mark>,
}

impl Markers {
    /// Read what the run before has left, draw the conclusions and write them down.
    pub fn begin<D: Disk>(disk: &D) -> Result<Self, JournalFault> {
        let path = disk.describe(FILE_NAME);
        let fault = |doing, error: &io::Error| io_fault(doing, &path, error);
        let boot = disk.boot();
        let slots = read(disk, boot).map_err(|error| fault("read", &error))?;
        let mut condemned = marks(&slots, |strikes| strikes >= STRIKES_MAX);
        let mut suspects = marks(&slots, |strikes| (1..STRIKES_MAX).contains(&strikes));
        suspects.retain(|suspect| !condemned.contains(suspect));
        condemned.drain(..condemned.len().saturating_sub(CONDEMNED_MAX));
        suspects.drain(..suspects.len().saturating_sub(SUSPECTS_MAX));
        let file = write_anew(disk, boot, &suspects, &condemned);
        let file = file.map_err(|error| fault("write", &error))?;
        Ok(Self {
            file: Arc::new(Paper {
                disk: disk.clone(),
                file,
            }),
            path,
            boot,
            condemned,
            suspects,
        })
    }

    /// Jobs that must not be tried again, but set aside.
    pub fn condemned(&self) -> &[Mark] {
        &self.condemned
    }

    /// The pen of a station; each writes in a slot of its own.
    pub fn pen(&self, station: Station) -> Pen {
        Pen {
            file: Arc::clone(&self.file),
            path: self.path.clone(),
            boot: self.boot,
            station,
            suspects: self
                .suspects
                .iter()
                .copied()
                .zip(suspect_places())
                .collect(),
            slot: Slot::default(),
        }
    }
}

/// Whether the run before ended in the middle of a job that went alone.
pub fn names_a_job<D: Disk>(disk: &D) -> Result<bool, JournalFault> {
    let slots = read(disk, disk.boot())
        .map_err(|error| io_fault("read", &disk.describe(FILE_NAME), &error))?;
    Ok(slots.iter().any(|slot| slot.state != State::Resting))
}

/// Forget the marker: the jobs of this run do not go alone.
pub fn forget<D: Disk>(disk: &D) -> Result<(), JournalFault> {
    match disk.remove(FILE_NAME) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_fault("remove", &disk.describe(FILE_NAME), &error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes in the slot of one station.
#[derive(Debug)]
pub struct Pen {
    file: Arc<dyn Sheet>,
    path: String,
    boot: Boot,
    station: Station,
    /// Jobs with a strike, and where each stands.
    suspects: Vec<(Mark, u64)>,
    slot: Slot,
}

impl Pen {
    /// This job is about to be tried.
    pub fn trying(&mut self, mark: Mark) -> Result<(), JournalFault> {
        let strikes = u8::from(self.suspects(mark));
        let trying = Slot {
            state: State::Trying,
            strikes,
            mark,
        };
        self.put(trying).inspect_err(|_disk| self.cross_out())?;
        let fell = Slot {
            state: State::Fell,
            ..self.slot
        };
        let (file, offset) = (Arc::clone(&self.file), self.station.offset());
        let bytes = fell.bytes(self.boot);
        // Whatever the disk says now is said to nobody: the process ends.
        let alarm = Box::new(move || drop(file.write(&bytes, offset)));
        ALARM.with(|slot| slot.replace(Some(alarm)));
        Ok(())
    }

    /// The job has been tried, and the process lives.
    pub fn done(&mut self) -> Result<(), JournalFault> {
        ALARM.with(|slot| slot.replace(None));
        let mark = self.slot.mark;
        let mut done = self.put(Slot::default());
        if let Some(offset) = self.absolve(mark)
            // What was read well has still to be posted.
            && self.station == Station::Posting
        {
            done = done.and_then(|()| self.write(&Slot::default(), offset));
        }
        done.inspect_err(|_disk| self.cross_out())
    }

    /// The message as a whole, which is never posted, did no harm: its lines are at hand.
    pub fn passed(&mut self, message: Hash128) -> Result<(), JournalFault> {
        let Some(offset) = self.absolve(Mark { message, line: 0 }) else {
            return Ok(());
        };
        let passed = self.write(&Slot::default(), offset);
        passed.inspect_err(|_disk| self.cross_out())
    }

    /// A job has no strike any more; where that stood, if it had one.
    fn absolve(&mut self, mark: Mark) -> Option<u64> {
        let mut suspects = self.suspects.iter();
        let at = suspects.position(|(suspect, _)| *suspect == mark)?;
        let (_, offset) = self.suspects.swap_remove(at);
        Some(offset)
    }

    fn suspects(&self, mark: Mark) -> bool {
        self.suspects.iter().any(|(suspect, _)| *suspect == mark)
    }

    /// The job is left for a moment: whatever ends the process now, it is not the job. It has not
    /// been tried well by that: a strike stays where it stands.
    pub fn pause(&mut self) -> Result<(), JournalFault> {
        ALARM.with(|slot| slot.replace(None));
        let put = self.put(Slot::default());
        put.inspect_err(|_disk| self.cross_out())
    }

    /// The process is about to end, and not for the job that is named. Where nothing can be written
    /// any more the whole marker goes, verdicts with it: who fells the process is found again.
    fn cross_out(&self) {
        let nothing = Slot::default().bytes(self.boot);
        let crossed_out = self.file.write(&nothing, self.station.offset());
        // What the disk says after that is said to nobody.
        drop(crossed_out.or_else(|_| self.file.remove()));
    }

    /// The job is why the process ends.
    pub fn fell(&mut self) -> Result<(), JournalFault> {
        ALARM.with(|slot| slot.replace(None));
        let state = State::Fell;
        self.put(Slot { state, ..self.slot })
    }

    fn put(&mut self, slot: Slot) -> Result<(), JournalFault> {
        self.slot = slot;
        self.write(&slot, self.station.offset())
    }

    fn write(&self, slot: &Slot, offset: u64) -> Result<(), JournalFault> {
        self.file
            .write(&slot.bytes(self.boot), offset)
            .map_err(|error| io_fault("write", &self.path, &error))
    }
}

/// The jobs of these slots that have as many strikes as asked for.
fn marks(slots: &[Slot], wanted: impl Fn(u8) -> bool) -> Vec<Mark> {
    let mut marks = Vec::new();
    for slot in slots {
        let strikes = match slot.state {
            State::Fell => STRIKES_MAX,
            State::Trying => slot.strikes.saturating_add(1),
            State::Resting => slot.strikes,
        };
        if wanted(strikes) && !marks.contains(&slot.mark) {
            marks.push(slot.mark);
        }
    }
    marks
}

/// The file of the marker, on whichever disk.
trait Sheet: fmt::Debug + Send + Sync {
    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Take the marker away.
    fn remove(&self) -> io::Result<()>;
}

struct Paper<D: Disk> {
    disk: D,
    file: D::File,
}

impl<D: Disk> fmt::Debug for Paper<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}

impl<D: Disk> Sheet for Paper<D> {
    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn remove(&self) -> io::Result<()> {
        self.disk.remove(FILE_NAME)
    }
}

thread_local! {
    /// Writes that this thread's job felled the process; there while one is being tried.
    static ALARM: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
}

/// To be called by the hook of panics, on the thread that panics: names the job that was being
/// tried there, if one was.
pub fn report_panic() {
    // A thread that is being taken down, or that panicked while it was writing, tries nothing.
    let _nothing_tried = ALARM.try_with(|slot| {
        if let Ok(slot) = slot.try_borrow()
            && let Some(alarm) = &*slot
        {
            alarm();
        }
    });
}

fn read<D: Disk>(disk: &D, boot: Boot) -> io::Result<Vec<Slot>> {
    let file = match disk.open_to_read(FILE_NAME) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut slots = Vec::new();
    for offset in offsets() {
        let mut bytes = [0; SLOT_BYTES];
        match file.read_exact_at(&mut bytes, offset) {
            // A slot that is not whole, or of another boot, says nothing.
            Ok(()) => slots.push(Slot::parse(&bytes, boot).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
    }
    // What was condemned before stands behind, and comes first.
    let stations = STATIONS.min(slots.len());
    slots.rotate_left(stations);
    Ok(slots)
}

/// Makes the file with everything that is known, whole and synced before it has its name.
fn write_anew<D: Disk>(
    disk: &D,
    boot: Boot,
    suspects: &[Mark],
    condemned: &[Mark],
) -> io::Result<D::File> {
    match disk.remove(NEW_NAME) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let resting = |mark: &Mark, strikes| Slot {
        state: State::Resting,
        strikes,
        mark: *mark,
    };
    let mut slots = vec![Slot::default(); STATIONS];
    slots.extend(condemned.iter().map(|mark| resting(mark, STRIKES_MAX)));
    slots.resize(STATIONS.saturating_add(CONDEMNED_MAX), Slot::default());
    slots.extend(suspects.iter().map(|mark| resting(mark, 1)));
    slots.resize(SLOTS, Slot::default());
    let file = disk.create(NEW_NAME)?;
    for (slot, offset) in slots.iter().zip(offsets()) {
        file.write_all_at(&slot.bytes(boot), offset)?;
    }
    file.sync()?;
    disk.rename(NEW_NAME, FILE_NAME)?;
    disk.sync_directory()?;
    Ok(file)
}

/// Stations, then what is condemned, then what has a strike.
fn offsets() -> impl Iterator<Item = u64> {
    (0..)
        .map(|number: u64| number.saturating_mul(SLOT_STEP))
        .take(SLOTS)
}

fn suspect_places() -> impl Iterator<Item = u64> {
    offsets().skip(STATIONS.saturating_add(CONDEMNED_MAX))
}

impl Slot {
    fn bytes(&self, Boot(boot): Boot) -> Vec<u8> {
        let mut out = Vec::with_capacity(SLOT_BYTES);
        Layout(&mut out)
            .bytes(&MAGIC)
            .u16(VERSION)
            .u8(match self.state {
                State::Resting => 0,
                State::Trying => 1,
                State::Fell => 2,
            })
            .u8(self.strikes)
            .bytes(&self.mark.message.0.to_le_bytes())
            .u32(self.mark.line)
            .bytes(&boot.to_le_bytes());
        out.resize(CRC_AT, 0);
        let crc = crc32c::crc32c(&out);
        Layout(&mut out).u32(crc);
        out
    }

    fn parse(bytes: &[u8; SLOT_BYTES], boot: Boot) -> Option<Self> {
        let covered = first(bytes, CRC_AT);
        let crc = Fields(bytes.get(CRC_AT..)?).u32()?;
        let mut fields = Fields(bytes);
        if crc != crc32c::crc32c(covered) || fields.take()? != MAGIC || fields.u16()? != VERSION {
            return None;
        }
        let state = match fields.u8()? {
            0 => State::Resting,
            1 => State::Trying,
            2 => State::Fell,
            _other => return None,
        };
        let strikes = fields.u8()?;
        let message = Hash128(u128::from_le_bytes(fields.take()?));
        let line = fields.u32()?;
        if Boot(u128::from_le_bytes(fields.take()?)) != boot {
            return None;
        }
        Some(Self {
            state,
            strikes,
            mark: Mark { message, line },
        })
    }
}

fn io_fault(doing: &str, path: &str, error: &io::Error) -> JournalFault {
    JournalFault::Io(format!("could not {doing} {path}: {error}; check the disk"))
}
