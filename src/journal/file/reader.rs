//! Reading a journal beside its writer, without a lock.
//!
//! Every frame's checksums and its link to the frame before are checked on the way, so what comes
//! out is what was appended. A reader stops at the frontier it was given; bytes behind it are the
//! writer's and mean nothing. Before a reader calls anything damage it opens the file again,
//! because a restart of the daemon may have put a copy in its place.

use super::bytes::on_disk;
use super::disk::Disk;
use super::fault::{Damage, Fault, Finding};
use super::frame::{Chain, Found, FrameHead, HEADER_BYTES, Header, JournalId, KIND_SEAL};
use super::frame::{Location, VERSION, frame_bytes};
use super::frontier::Frontier;
use super::segment::{self, FRAMES_AT, SegmentHeader};
use super::window::{Look, Window};

/// How far to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Up to here; everything before must be there.
    Frontier(Frontier),
    /// As far as the last segment has whole frames: for a journal that nobody writes to.
    End,
}

/// A frame as it was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the caller said about it.
    pub head: FrameHead,
    /// Its number, counted from 1; the journal's own frames count too.
    pub number: u64,
    /// The group it was synced with, by the number of its first frame.
    pub group: u64,
    /// Where it stands.
    pub location: Location,
    /// BLAKE3 of its header and payload, which the next frame names.
    pub hash: [u8; 32],
    /// The caller's bytes.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Where the frame behind it stands, if it stands in the same segment.
    pub fn end(&self) -> Location {
        let bytes = frame_bytes(on_disk(self.payload.len()));
        Location {
            segment: self.location.segment,
            offset: self.location.offset.saturating_add(bytes),
        }
    }
}

/// Reads frames one after the other.
#[derive(Debug)]
pub struct Reader<D: Disk> {
    disk: D,
    file: D::File,
    header: SegmentHeader,
    /// Behind the last frame read.
    chain: Chain,
    offset: u64,
    window: Window,
    from: u64,
    until: Until,
    /// Behind the last frame that something read later proves to be synced.
    proven: Frontier,
}

impl<D: Disk> Reader<D> {
    /// Begins with the frame that holds a position, or with the next one after it.
    pub fn from_position(disk: D, position: u64, until: Until) -> Result<Self, Fault> {
        let from = position.max(1);
        let (file, header) = find_segment(&disk, from)?;
        let begin = Location {
            segment: header.number,
            offset: FRAMES_AT,
        };
        Ok(Self {
            disk,
            proven: Frontier::of(&header.before, begin),
            file,
            header,
            chain: header.before,
            offset: FRAMES_AT,
            window: Window::default(),
            from,
            until,
        })
    }

    /// Reads on to the end and says how far what was read proves to be synced.
    pub(super) fn prove(mut self) -> Result<Frontier, Fault> {
        while self.next()?.is_some() {}
        Ok(self.proven)
    }

    /// Moves the point to stop at; the reader goes on where it is.
    pub fn read_until(&mut self, until: Until) {
        self.until = until;
    }

    /// The journal's name.
    pub fn id(&self) -> JournalId {
        self.chain.journal
    }

    /// Everything read so far, as a frontier.
    pub fn frontier(&self) -> Frontier {
        Frontier::of(&self.chain, self.place())
    }

    /// The next frame of the caller's; `None` at the point to stop at.
    #[expect(
        clippy::should_implement_trait,
        reason = "the frame borrows from the reader"
    )]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, Fault> {
        let Some((header, hash)) = self.advance()? else {
            return Ok(None);
        };
        Ok(Some(Frame {
            head: header.head,
            number: header.number,
            group: header.group,
            location: header.location,
            hash,
            payload: self.window.payload(header.location.offset, &header),
        }))
    }

    fn advance(&mut self) -> Result<Option<(Header, [u8; 32])>, Fault> {
        // Before anything is called damage it is looked at again, with this known from before.
        let mut has_successor = None;
        while !self.is_at_stop() {
            match self.look()? {
                Look::Frame(header) => {
                    has_successor = None;
                    self.step(&header)?;
                    let behind = self.chain.position > self.from
                        || (header.head.count == 0 && header.head.first_position >= self.from);
                    if header.head.kind != KIND_SEAL && behind {
                        return Ok(Some((header, self.chain.hash)));
                    }
                }
                Look::VersionUnknown(version) => {
                    let (file, offset) = (self.path(), self.offset + 4);
                    return Err(Fault::VersionUnknown {
                        file,
                        offset,
                        version,
                        known: VERSION,
                    });
                }
                Look::Nothing if self.enter_next_segment(has_successor == Some(true))? => {
                    has_successor = None;
                }
                Look::Nothing | Look::Bad(_) if has_successor.is_none() => {
                    has_successor = Some(self.open_again()?);
                }
                Look::Nothing => return self.nothing_more(),
                Look::Bad(what) => return self.bad(what, has_successor == Some(true)),
            }
        }
        Ok(None)
    }

    fn is_at_stop(&self) -> bool {
        match self.until {
            Until::Frontier(frontier) => self.chain.number > frontier.frame,
            Until::End => false,
        }
    }

    /// What stands next, with the link to the frame before checked.
    fn look(&mut self) -> Result<Look, Fault> {
        let limit = match self.until {
            Until::Frontier(stop) if stop.end.segment == self.header.number => stop.end.offset,
            Until::Frontier(_) | Until::End => self.header.length,
        };
        let place = self.place();
        let look = self
            .window
            .look(&self.file, place, limit.min(self.header.length))
            .map_err(|error| Fault::io("read", &self.path(), error))?;
        if let Look::Frame(header) = &look
            && let Err(what) = self.chain.follows(header, place)
        {
            return Ok(Look::Bad(what));
        }
        Ok(look)
    }

    fn step(&mut self, header: &Header) -> Result<(), Fault> {
        if header.group == header.number {
            self.proven = self.frontier();
        }
        let frame = self.window.frame(self.offset, header);
        self.chain.step(header.head, header.group, frame);
        self.offset += header.frame_bytes();
        if let Until::Frontier(stop) = self.until
            && stop.frame == header.number
            && stop.hash != self.frontier().hash
        {
            return Err(self.damage(header.location.offset, Finding::ChainBroken));
        }
        Ok(())
    }

    /// Goes on to the next segment if there is one. If it does not follow, the writer may have
    /// filled this one since we looked, unless this one had been `complete` before.
    fn enter_next_segment(&mut self, complete: bool) -> Result<bool, Fault> {
        let number = self.header.number + 1;
        if !segment::is_there(&self.disk, number)? {
            return Ok(false);
        }
        let (file, header) = segment::open(&self.disk, number)?;
        if header.before == self.chain {
            self.proven = self.frontier();
            self.file = file;
            self.header = header;
            self.offset = FRAMES_AT;
            self.window.forget();
            return Ok(true);
        }
        if complete {
            return Err(self.damage(self.offset, Finding::SegmentNotNext));
        }
        Ok(false)
    }

    /// Opens the segment again, and says whether it had a successor before: then nothing is written
    /// to it any more, and what is read next is what it holds.
    fn open_again(&mut self) -> Result<bool, Fault> {
        let has_successor = segment::is_there(&self.disk, self.header.number + 1)?;
        self.window.forget();
        let (file, header) = segment::open(&self.disk, self.header.number)?;
        if header != self.header {
            return Err(self.damage(0, Finding::SegmentNotNext));
        }
        self.file = file;
        Ok(has_successor)
    }

    fn nothing_more<T>(&self) -> Result<Option<T>, Fault> {
        match self.until {
            Until::End => Ok(None),
            Until::Frontier(stop) => {
                let what = Finding::EndsEarly {
                    last: self.frontier().frame,
                    durable: stop.frame,
                };
                Err(self.damage(self.offset, what))
            }
        }
    }

    fn bad<T>(&self, what: Finding, complete: bool) -> Result<Option<T>, Fault> {
        let may_be_torn = match what {
            Finding::HeaderMissing
            | Finding::HeaderChecksum
            | Finding::FrameChecksum
            | Finding::LengthImpossible => self.until == Until::End,
            Finding::Truncated { .. }
            | Finding::JournalForeign
            | Finding::PlaceForeign { .. }
            | Finding::ChainBroken
            | Finding::SegmentNotNext
            | Finding::SegmentMissing { .. }
            | Finding::EndsEarly { .. }
            | Finding::PositionMissing { .. }
            | Finding::LaterGroup { .. } => false,
        };
        if may_be_torn && !complete {
            return Ok(None);
        }
        Err(self.damage(self.offset, what))
    }

    fn place(&self) -> Location {
        Location {
            segment: self.header.number,
            offset: self.offset,
        }
    }

    fn path(&self) -> String {
        self.disk.describe(&segment::file_name(self.header.number))
    }

    fn damage(&self, offset: u64, what: Finding) -> Fault {
        Fault::Damaged(Damage {
            file: self.path(),
            offset,
            what,
        })
    }
}

/// The segment that holds a position, or the last one if it lies behind the end.
fn find_segment<D: Disk>(disk: &D, position: u64) -> Result<(D::File, SegmentHeader), Fault> {
    let numbers = segment::list(disk)?;
    let directory = || disk.describe("");
    let Some(oldest) = numbers.first().copied() else {
        return Err(Fault::JournalMissing {
            directory: directory(),
        });
    };
    let here = segment::open(disk, oldest)?;
    if here.1.before.position < position {
        let last = numbers.last().copied().unwrap_or(oldest);
        return search(disk, (oldest, last), position);
    }
    if disk.archive().is_some() && oldest > 1 {
        let archived = segment::archived(disk, oldest)?;
        let first = archived.first().copied().unwrap_or(oldest);
        let found = search(disk, (first, oldest - 1), position)?;
        if found.1.before.journal != here.1.before.journal {
            let name = segment::file_name(found.1.number);
            let archive = disk.archive().map(|archive| archive.describe(&name));
            let file = archive.unwrap_or_default();
            return Err(Fault::ArchiveForeign { file });
        }
        return Ok(found);
    }
    let first = here.1.before.position;
    if first > position {
        return Err(Fault::PositionArchived {
            asked: position,
            oldest: first,
            directory: directory(),
        });
    }
    Ok(here)
}

/// The last of some segments that begins before a position, or the first of them. One that begins
/// with it will not do, for frames without records may stand before it.
fn search<D: Disk>(
    disk: &D,
    (mut low, mut high): (u64, u64),
    position: u64,
) -> Result<(D::File, SegmentHeader), Fault> {
    while low < high {
        let middle = high - ((high - low) >> 1);
        let (_, header) = segment::open(disk, middle)?;
        if header.before.position < position {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    segment::open(disk, low)
}

/// Number of the segment with which reading from a position begins.
pub(super) fn segment_of<D: Disk>(disk: &D, position: u64) -> Result<u64, Fault> {
    Ok(find_segment(disk, position.max(1))?.1.number)
}

/// Reads single frames at known places, in any order.
#[derive(Debug)]
pub struct Lookup<D: Disk> {
    disk: D,
    /// The segment read last, open.
    segment: Option<(D::File, SegmentHeader)>,
    window: Window,
}

impl<D: Disk> Lookup<D> {
    /// Reads nothing yet.
    pub fn new(disk: D) -> Self {
        Self {
            disk,
            segment: None,
            window: Window::default(),
        }
    }

    /// The frame at a place that is known to be durable.
    pub fn read_at(&mut self, location: Location) -> Result<Frame<'_>, Fault> {
        let mut found = self.find(location)?;
        if found.is_err() {
            // As in a reader: the file may have been replaced since it was opened.
            self.segment = None;
            found = self.find(location)?;
        }
        let header = found.map_err(|what| Damage {
            file: self.disk.describe(&segment::file_name(location.segment)),
            offset: location.offset,
            what,
        })?;
        let frame = self.window.frame(location.offset, &header);
        Ok(Frame {
            head: header.head,
            number: header.number,
            group: header.group,
            location,
            hash: *blake3::hash(frame).as_bytes(),
            payload: self.window.payload(location.offset, &header),
        })
    }

    fn find(&mut self, location: Location) -> Result<Result<Header, Finding>, Fault> {
        let (file, segment) = match self.segment.take() {
            Some(open) if open.1.number == location.segment => open,
            Some(_) | None => segment::open(&self.disk, location.segment)?,
        };
        self.window.forget();
        let look = self.look(&file, &segment, location);
        let header = look.map_err(|error| {
            Fault::io(
                "read",
                &self.disk.describe(&segment::file_name(location.segment)),
                error,
            )
        })?;
        let journal = segment.before.journal;
        self.segment = Some((file, segment));
        Ok(match header {
            Look::Frame(header) if header.journal != journal => Err(Finding::JournalForeign),
            Look::Frame(header) if header.location != location => {
                let Location { segment, offset } = header.location;
                Err(Finding::PlaceForeign { segment, offset })
            }
            Look::Frame(header) => Ok(header),
            Look::Nothing | Look::VersionUnknown(_) => Err(Finding::HeaderMissing),
            Look::Bad(what) => Err(what),
        })
    }

    /// Reads the header first and then only as far as the frame goes.
    fn look(
        &mut self,
        file: &D::File,
        segment: &SegmentHeader,
        location: Location,
    ) -> std::io::Result<Look> {
        let header_end = location.offset.saturating_add(128).min(segment.length);
        let bytes = self
            .window
            .get(file, location.offset, HEADER_BYTES, header_end)?;
        let limit = match bytes.map(Header::read) {
            Some(Found::Header(header)) => location.offset.saturating_add(header.frame_bytes()),
            _ => header_end,
        };
        self.window.look(file, location, limit.min(segment.length))
    }
}
