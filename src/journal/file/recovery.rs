//! Opening a journal that may have been torn: find its end, refuse damage, believe nothing that
//! only the page cache may hold.
//!
//! A bad frame is a torn tail only if it belongs to the last group begun. Its number is known: one
//! more than the last good frame's. It had been synced, and is therefore damage, if
//!
//! * a header of a group with a higher number stands anywhere behind it (that group was begun after
//!   the sync of the one before had returned), or
//! * another segment follows (a segment is synced whole before the next gets its name), or
//! * another durable file names its number or position, or higher ones.
//!
//! Otherwise nobody was ever told of it, and the journal is cut there.
//!
//! After a failed sync the page cache can show bytes that never reached the disk, so what was read
//! is not taken for durable. The good frames of the last segment are copied into a new file, which
//! is synced and takes the place of the old one, before anything is appended or acknowledged.

use std::sync::atomic::AtomicBool;

use super::bytes::{ZEROS, first, in_memory, on_disk};
use super::disk::{Disk, DiskFile};
use super::fault::{Damage, Fault, Finding};
use super::frame::{ALIGNMENT, Chain, Found, HEADER_BYTES, Header, JournalId, KIND_SEAL};
use super::frame::{Location, VERSION};
use super::frontier::{Evidence, Frontier};
use super::segment::{self, FRAMES_AT, SegmentHeader};
use super::spare::{fill, is_full, remove_if_there};
use super::window::{Look, Window};

/// The copy of the last segment until it takes its place.
const COPY_NAME: &str = "recovered";
/// Bytes read at once.
const PIECE: usize = ZEROS.len();

/// What opening a journal found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The journal's name.
    pub journal: JournalId,
    /// Everything up to here is there and durable.
    pub frontier: Frontier,
    /// What was cut, if the last group was torn.
    pub cut: Option<Cut>,
    /// Whether the directory was empty and the journal is new.
    pub created: bool,
    /// Whether it ended with a seal, as a clean stop leaves it; idle time seals too.
    pub sealed: bool,
}

/// A torn tail that was left out. Nothing of it had been acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment.
    pub file: String,
    /// Where the first bad frame began.
    pub offset: u64,
    /// Bytes from there to the last one that is not zero.
    pub bytes: u64,
    /// Number the first bad frame had or was to have.
    pub frame: u64,
}

/// The segment to append to.
#[derive(Debug)]
pub(super) struct Tail<F> {
    pub(super) file: F,
    pub(super) header: SegmentHeader,
    pub(super) chain: Chain,
    pub(super) offset: u64,
    pub(super) sealed: bool,
    /// Bytes of all segments.
    pub(super) stored_bytes: u64,
}

/// Finds the end of the journal, or begins a new one.
pub(super) fn recover<D: Disk>(
    disk: &D,
    segment_bytes: u64,
    evidence: Evidence,
) -> Result<(Tail<D::File>, Recovered), Fault> {
    let told = Frontier::read(disk)?
        .map(Evidence::from)
        .unwrap_or_default();
    let evidence = evidence.and(told);
    let numbers = segment::list(disk)?;
    remove_if_there(disk, COPY_NAME)?;
    let Some(last) = numbers.last().copied() else {
        return create(disk, segment_bytes, evidence);
    };
    let stored_bytes = check_headers(disk, &numbers)?;
    let mut tail = walk(disk, last)?;
    let cut = inspect(disk, &tail)?;
    check_evidence(disk, &tail, evidence)?;
    replace(disk, &mut tail)?;
    let recovered = Recovered {
        journal: tail.chain.journal,
        frontier: tail.frontier(),
        cut,
        created: false,
        sealed: tail.sealed,
    };
    tail.stored_bytes = stored_bytes;
    Ok((tail, recovered))
}

impl<F> Tail<F> {
    pub(super) fn frontier(&self) -> Frontier {
        Frontier::of(&self.chain, self.end())
    }

    fn end(&self) -> Location {
        Location {
            segment: self.header.number,
            offset: self.offset,
        }
    }
}

/// Begins a journal. The segment gets its name last, so a crash leaves no journal at all.
fn create<D: Disk>(
    disk: &D,
    segment_bytes: u64,
    evidence: Evidence,
) -> Result<(Tail<D::File>, Recovered), Fault> {
    if evidence != Evidence::default() {
        let what = Finding::SegmentMissing { number: 1 };
        return Err(Damage {
            file: disk.describe(""),
            offset: 0,
            what,
        }
        .into());
    }
    let mut id = [0; 16];
    disk.random(&mut id)
        .map_err(|error| Fault::io("name", &disk.describe(""), error))?;
    let chain = Chain::new(JournalId(id));
    let header = SegmentHeader {
        number: 1,
        length: segment_bytes,
        before: chain,
    };
    let file = put_in_place(
        disk,
        &header,
        |file| file.write_all_at(&header.write(), 0),
        FRAMES_AT,
    )?;
    let tail = Tail {
        file,
        header,
        chain,
        offset: FRAMES_AT,
        sealed: true,
        stored_bytes: segment_bytes,
    };
    let recovered = Recovered {
        journal: chain.journal,
        frontier: tail.frontier(),
        cut: None,
        created: true,
        sealed: true,
    };
    Ok((tail, recovered))
}

/// Checks that the segments are of one journal and in order; their frames are checked when read.
fn check_headers<D: Disk>(disk: &D, numbers: &[u64]) -> Result<u64, Fault> {
    let mut stored_bytes = 0;
    let mut before: Option<Chain> = None;
    for number in numbers {
        let (_, header) = segment::open(disk, *number)?;
        stored_bytes += header.length;
        let follows = before.is_none_or(|before| {
            before.journal == header.before.journal
                && before.number <= header.before.number
                && before.position <= header.before.position
        });
        if !follows {
            let file = disk.describe(&segment::file_name(*number));
            return Err(Damage {
                file,
                offset: 0,
                what: Finding::SegmentNotNext,
            }
            .into());
        }
        before = Some(header.before);
    }
    Ok(stored_bytes)
}

/// Steps over the good frames of a segment.
pub(super) fn walk<D: Disk>(disk: &D, number: u64) -> Result<Tail<D::File>, Fault> {
    let (file, header) = segment::open(disk, number)?;
    let path = disk.describe(&segment::file_name(number));
    let mut window = Window::default();
    let mut chain = header.before;
    let mut place = Location {
        segment: number,
        offset: FRAMES_AT,
    };
    let mut sealed = chain.number == 1;
    loop {
        let look = window
            .look(&file, place, header.length)
            .map_err(|error| Fault::io("read", &path, error))?;
        let frame = match look {
            Look::Frame(frame) => frame,
            Look::Nothing | Look::Bad(_) => break,
            Look::VersionUnknown(version) => {
                return Err(version_unknown(path, place.offset, version));
            }
        };
        // A tear cannot make a frame whose checksums hold: one that does not follow is damage.
        if let Err(what) = chain.follows(&frame, place) {
            return Err(Damage {
                file: path,
                offset: place.offset,
                what,
            }
            .into());
        }
        chain.step(frame.head, frame.group, window.frame(place.offset, &frame));
        sealed = frame.head.kind == KIND_SEAL;
        place.offset += frame.frame_bytes();
    }
    Ok(Tail {
        file,
        header,
        chain,
        offset: place.offset,
        sealed,
        stored_bytes: 0,
    })
}

/// Searches what lies behind the good frames: for proof that something of it was synced, and for
/// how much is cut.
fn inspect<D: Disk>(disk: &D, tail: &Tail<D::File>) -> Result<Option<Cut>, Fault> {
    let path = disk.describe(&segment::file_name(tail.header.number));
    let read = |buffer: &mut [u8], offset| {
        tail.file
            .read_exact_at(buffer, offset)
            .map_err(|error| Fault::io("read", &path, error))
    };
    let left = tail.header.length.saturating_sub(tail.offset);
    let mut piece = vec![0; in_memory(left).min(PIECE)];
    let mut place = tail.end();
    let mut written = tail.offset;
    while place.offset < tail.header.length {
        let length = in_memory(tail.header.length - place.offset).min(PIECE);
        let bytes = piece.get_mut(..length).unwrap_or_default();
        read(bytes, place.offset)?;
        if bytes == first(ZEROS, length) {
            place.offset += on_disk(length);
            continue;
        }
        for block in bytes.chunks(in_memory(ALIGNMENT)) {
            if let Some(last) = block.iter().rposition(|byte| *byte != 0) {
                written = place.offset + on_disk(last) + 1;
                if Header::begins(block) && segment::header_fits(tail.header.length, place.offset) {
                    let mut header = [0; HEADER_BYTES];
                    read(&mut header, place.offset)?;
                    refuse_later_group(tail, &path, place, &header)?;
                }
            }
            place.offset += on_disk(block.len());
        }
    }
    Ok((written > tail.offset).then(|| Cut {
        file: path.clone(),
        offset: tail.offset,
        bytes: written - tail.offset,
        frame: tail.chain.number,
    }))
}

/// Refuses if a header proves that the frame at the end of the good ones had been synced.
fn refuse_later_group<F>(
    tail: &Tail<F>,
    path: &str,
    place: Location,
    header: &[u8],
) -> Result<(), Fault> {
    match Header::read(header) {
        Found::Header(header) => {
            let ours = header.journal == tail.chain.journal && header.location == place;
            if ours && header.group > tail.chain.number {
                let what = Finding::LaterGroup {
                    offset: place.offset,
                };
                return Err(Damage {
                    file: path.to_owned(),
                    offset: tail.offset,
                    what,
                }
                .into());
            }
            Ok(())
        }
        Found::VersionUnknown(version) => {
            Err(version_unknown(path.to_owned(), place.offset, version))
        }
        Found::Nothing | Found::Bad(_) => Ok(()),
    }
}

/// Refuses if another durable file knows more of the journal than is left of it.
fn check_evidence<D: Disk>(
    disk: &D,
    tail: &Tail<D::File>,
    evidence: Evidence,
) -> Result<(), Fault> {
    let found = tail.frontier();
    let what = if evidence.frame > found.frame {
        Finding::EndsEarly {
            last: found.frame,
            durable: evidence.frame,
        }
    } else if evidence.position > found.position {
        Finding::PositionMissing {
            last: found.position,
            durable: evidence.position,
        }
    } else {
        return Ok(());
    };
    let file = disk.describe(&segment::file_name(tail.header.number));
    Err(Damage {
        file,
        offset: tail.offset,
        what,
    }
    .into())
}

/// Puts a synced copy of the good frames in the place of the segment.
fn replace<D: Disk>(disk: &D, tail: &mut Tail<D::File>) -> Result<(), Fault> {
    let old = &tail.file;
    let end = tail.offset;
    let copy = |new: &D::File| {
        let mut piece = vec![0; in_memory(end).min(PIECE)];
        let mut offset = 0;
        while offset < end {
            let length = in_memory(end - offset).min(PIECE);
            let bytes = piece.get_mut(..length).unwrap_or_default();
            old.read_exact_at(bytes, offset)?;
            new.write_all_at(bytes, offset)?;
            offset += on_disk(length);
        }
        Ok(())
    };
    let file = put_in_place(disk, &tail.header, copy, end)?;
    // What was copied is read again: the frames that will be vouched for are those of the new file.
    let copied = walk(disk, tail.header.number)?;
    if copied.chain != tail.chain {
        let file = disk.describe(&segment::file_name(tail.header.number));
        return Err(Damage {
            file,
            offset: copied.offset,
            what: Finding::ChainBroken,
        }
        .into());
    }
    *tail = Tail { file, ..copied };
    Ok(())
}

/// Makes a segment under another name, full and synced, and then gives it its own.
fn put_in_place<D: Disk>(
    disk: &D,
    header: &SegmentHeader,
    write: impl FnOnce(&D::File) -> std::io::Result<()>,
    written: u64,
) -> Result<D::File, Fault> {
    let fault = |action, error| Fault::io(action, &disk.describe(COPY_NAME), error);
    let file = disk
        .create(COPY_NAME)
        .map_err(|error| fault("create", error))?;
    let filled =
        write(&file).and_then(|()| fill(&file, written, header.length, &AtomicBool::new(false)));
    match filled {
        Err(error) if is_full(&error) => {
            remove_if_there(disk, COPY_NAME)?;
            return Err(Fault::SpaceExhausted {
                directory: disk.describe(""),
                bytes: header.length,
            });
        }
        filled => filled.map_err(|error| fault("write", error))?,
    }
    disk.rename(COPY_NAME, &segment::file_name(header.number))
        .map_err(|error| fault("rename", error))?;
    disk.sync_directory()
        .map_err(|error| Fault::io("sync", &disk.describe(""), error))?;
    Ok(file)
}

fn version_unknown(file: String, offset: u64, version: u16) -> Fault {
    Fault::VersionUnknown {
        file,
        offset: offset + 4,
        version,
        known: VERSION,
    }
}

impl Header {
    /// Whether a header could stand here.
    fn begins(block: &[u8]) -> bool {
        first(block, 4) == super::frame::MAGIC
    }
}
