//! The one writer of a journal: gathers frames into a group, makes the group durable with one sync.
//!
//! Frames wait in a buffer that is reused; `flush` hands it to the system in one write per segment
//! and syncs once. A failed write or sync poisons the journal: nobody can say what is on the disk,
//! a second sync would claim success for bytes the first one dropped, so every later call gives the
//! first fault again and only the recovery of a new process decides.

use std::time::{Duration, Instant};

use super::bytes::on_disk;
use super::disk::{Disk, DiskFile};
use super::fault::Fault;
use super::frame::frame_bytes;
use super::frame::{Chain, FrameHead, JournalId, KIND_SEAL, Location, PAYLOAD_BYTES_MAX};
use super::frontier::{Evidence, Frontier, FrontierFile};
use super::lock::Lock;
use super::recovery::{Recovered, Tail, recover};
use super::segment::{self, FRAMES_AT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SegmentHeader};
use super::spare::{self, Space, Spare};

/// Bytes that wait in memory: a group that is larger is written in pieces, still under one sync.
const BUFFER_BYTES_MAX: usize = 8 << 20;

/// How a journal is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of a segment. A start copies one; a roll, which costs three syncs, happens once each.
    pub segment_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
        }
    }
}

/// The writer's side of a journal in a directory.
#[derive(Debug)]
pub struct FileJournal<D: Disk> {
    disk: D,
    segment_bytes: u64,
    /// Behind the last frame appended.
    chain: Chain,
    active: Active<D::File>,
    /// Frames that stand behind what was written to the active segment.
    buffer: Vec<u8>,
    /// The group that was begun, by the number of its first frame.
    group: Option<u64>,
    /// Whether the last frame is a seal.
    sealed: bool,
    frontier: Frontier,
    frontier_file: FrontierFile<D::File>,
    spare: Spare<D>,
    stored_bytes: u64,
    last_sync: Option<Duration>,
    fault: Option<Fault>,
    // Last, so that nothing here still writes when another process gets the lock.
    _lock: Lock<D>,
}

/// The segment that is written to.
#[derive(Debug)]
struct Active<F> {
    file: F,
    path: String,
    number: u64,
    length: u64,
    /// Bytes that were handed to the system.
    written: u64,
}

impl<D: Disk> FileJournal<D> {
    /// Takes the lock and opens the journal of a directory, or begins one if it is empty.
    pub fn open(disk: D, options: Options, evidence: Evidence) -> Result<(Self, Recovered), Fault> {
        let lock = Lock::take(&disk)?;
        Self::open_locked(disk, lock, options, evidence)
    }

    /// Opens a journal whose lock was taken before, so that the evidence could be read under it.
    pub fn open_locked(
        disk: D,
        lock: Lock<D>,
        options: Options,
        evidence: Evidence,
    ) -> Result<(Self, Recovered), Fault> {
        let Options { segment_bytes } = options;
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&segment_bytes) {
            let (min, max) = (SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
            return Err(Fault::SegmentSize {
                bytes: segment_bytes,
                min,
                max,
            });
        }
        // First, so that a full disk has the room of the old spare for the copy of the recovery.
        let mut spare = Spare::new(&disk)?;
        let (tail, recovered) = recover(&disk, segment_bytes, evidence)?;
        let frontier_file = FrontierFile::open(&disk)?;
        frontier_file.write(&recovered.frontier)?;
        spare.prepare(segment_bytes)?;
        let Tail {
            file,
            header,
            chain,
            offset,
            sealed,
            stored_bytes,
        } = tail;
        let journal = Self {
            active: Active::new(&disk, file, &header, offset),
            disk,
            segment_bytes,
            chain,
            buffer: Vec::new(),
            group: None,
            sealed,
            frontier: recovered.frontier,
            frontier_file,
            spare,
            stored_bytes,
            last_sync: None,
            fault: None,
            _lock: lock,
        };
        Ok((journal, recovered))
    }

    /// Puts a frame behind all earlier ones and says where. It is not durable on return.
    pub fn append(&mut self, head: FrameHead, payload: &[u8]) -> Result<Location, Fault> {
        self.guarded(|journal| {
            if head.kind == KIND_SEAL {
                return Err(Fault::KindReserved { kind: head.kind });
            }
            if head.first_position != journal.chain.position {
                let (expected, given) = (journal.chain.position, head.first_position);
                return Err(Fault::PositionNotNext { expected, given });
            }
            if payload.len() > PAYLOAD_BYTES_MAX {
                let (bytes, max) = (on_disk(payload.len()), on_disk(PAYLOAD_BYTES_MAX));
                return Err(Fault::PayloadTooLarge { bytes, max });
            }
            journal.put(head, payload)
        })
    }

    /// Makes everything appended durable and says how far the journal now reaches.
    pub fn flush(&mut self) -> Result<Frontier, Fault> {
        self.guarded(Self::end_group)
    }

    /// Makes the journal end with a seal, a synced frame of its own: the group before it can then
    /// never be taken for a torn tail. To be called after some idle time and at a clean stop; does
    /// nothing if there is a seal already.
    pub fn seal(&mut self) -> Result<Frontier, Fault> {
        self.guarded(|journal| {
            let frontier = journal.end_group()?;
            if journal.sealed {
                return Ok(frontier);
            }
            let head = FrameHead {
                kind: KIND_SEAL,
                first_position: journal.chain.position,
                count: 0,
            };
            journal.put(head, &[])?;
            journal.end_group()
        })
    }

    /// How far the journal is durable.
    pub fn frontier(&self) -> Frontier {
        self.frontier
    }

    /// How long the sync of the last flush took; none if nothing had to be synced.
    pub fn last_sync(&self) -> Option<Duration> {
        self.last_sync
    }

    /// The journal's name.
    pub fn id(&self) -> JournalId {
        self.chain.journal
    }

    /// The position that the next record gets.
    pub fn next_position(&self) -> u64 {
        self.chain.position
    }

    /// Whether the next segment is there already. Asked often, by whoever decides about the intake.
    pub fn space(&mut self) -> Result<Space, Fault> {
        self.guarded(|journal| journal.spare.poll())
    }

    /// Tries again to make the next segment after the disk was full.
    pub fn reserve(&mut self) -> Result<Space, Fault> {
        self.guarded(|journal| journal.spare.prepare(journal.segment_bytes))
    }

    /// Bytes that can be written without asking for more space than is there.
    pub fn free_bytes(&self) -> Result<u64, Fault> {
        let free = self
            .disk
            .free_bytes()
            .map_err(|error| Fault::io("measure", &self.disk.describe(""), error))?;
        Ok(free.saturating_add(self.room_bytes()))
    }

    /// Bytes left in the segment in use.
    pub fn room_bytes(&self) -> u64 {
        self.active.length.saturating_sub(self.end().offset)
    }

    /// Bytes of all segments in the directory.
    pub fn size_bytes(&self) -> u64 {
        self.stored_bytes
    }

    /// Runs one call, unless an earlier one failed; remembers its fault if it is final.
    fn guarded<T>(&mut self, call: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let result = call(self);
        if let Err(fault) = &result
            && !fault.is_recoverable()
        {
            self.fault = Some(fault.clone());
        }
        result
    }

    /// Where the next frame stands, if it fits.
    fn end(&self) -> Location {
        let offset = self.active.written + on_disk(self.buffer.len());
        Location {
            segment: self.active.number,
            offset,
        }
    }

    fn put(&mut self, head: FrameHead, payload: &[u8]) -> Result<Location, Fault> {
        let payload_length = on_disk(payload.len());
        if self.room_bytes() < frame_bytes(payload_length) {
            self.roll(payload_length)?;
        }
        let location = self.end();
        let group = *self.group.get_or_insert(self.chain.number);
        self.chain
            .write(head, group, location, payload, &mut self.buffer);
        self.sealed = head.kind == KIND_SEAL;
        if self.buffer.len() >= BUFFER_BYTES_MAX {
            self.write_out()?;
        }
        Ok(location)
    }

    fn end_group(&mut self) -> Result<Frontier, Fault> {
        self.last_sync = None;
        if self.group.is_some() {
            self.write_out()?;
            let began = Instant::now();
            self.active.sync()?;
            self.last_sync = Some(began.elapsed());
            self.frontier = Frontier::of(&self.chain, self.end());
            self.group = None;
            self.frontier_file.write(&self.frontier)?;
        }
        Ok(self.frontier)
    }

    fn write_out(&mut self) -> Result<(), Fault> {
        self.active.write(&self.buffer)?;
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES_MAX);
        Ok(())
    }

    /// Ends the segment and begins the next one, large enough for the payload.
    fn roll(&mut self, payload_length: u64) -> Result<(), Fault> {
        let length = segment::length_for(self.segment_bytes, payload_length);
        // Before anything changes: if there is no room, the call can be made again later.
        let (file, length) = self.spare.take(length)?;
        // The next segment's name says that this one is durable to its end.
        self.write_out()?;
        self.active.sync()?;
        let header = SegmentHeader {
            number: self.active.number + 1,
            length,
            before: self.chain,
        };
        let mut next = Active::new(&self.disk, file, &header, 0);
        next.write(&header.write())?;
        next.sync()?;
        self.disk
            .rename(spare::FILE_NAME, &segment::file_name(next.number))
            .map_err(|error| Fault::io("rename", &next.path, error))?;
        self.disk
            .sync_directory()
            .map_err(|error| Fault::io("sync", &self.disk.describe(""), error))?;
        self.active = next;
        self.stored_bytes += length;
        self.spare.prepare(self.segment_bytes)?;
        Ok(())
    }
}

impl<F: DiskFile> Active<F> {
    fn new<D: Disk>(disk: &D, file: F, header: &SegmentHeader, written: u64) -> Self {
        let path = disk.describe(&segment::file_name(header.number));
        Self {
            file,
            path,
            number: header.number,
            length: header.length,
            written,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if !bytes.is_empty() {
            self.file
                .write_all_at(bytes, self.written)
                .map_err(|error| Fault::io("write", &self.path, error))?;
            self.written += on_disk(bytes.len());
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Fault> {
        self.file
            .sync()
            .map_err(|error| Fault::io("sync", &self.path, error))
    }
}

// The header of a segment stands before its frames and is written through the same counter.
const _: () = assert!(
    FRAMES_AT == 128,
    "Active::write of a header ends where frames begin"
);
