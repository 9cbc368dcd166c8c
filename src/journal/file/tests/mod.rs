//! Tests of the file journal as a whole.

mod archive;
mod crash;
mod damage;
mod golden;
mod journal;

use std::fmt;

use super::disk::Disk;
use super::{Fault, FileJournal, FrameHead, Frontier, Location, Reader, Until};

/// Kind of the callers' frames in these tests.
const COMMIT: u8 = 1;

/// A frame as a test keeps it.
#[derive(Clone, PartialEq, Eq)]
struct Kept {
    head: FrameHead,
    payload: Vec<u8>,
}

/// Without the bytes, so that a failure can be read.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FrameHead {
            first_position,
            count,
            ..
        } = self.head;
        let tag = self.payload.first();
        write!(
            f,
            "[tag {tag:?}: {} bytes, {count} at {first_position}]",
            self.payload.len()
        )
    }
}

/// A frame with bytes that no other tag has.
fn frame(journal: &FileJournal<impl Disk>, count: u32, tag: u64, length: usize) -> Kept {
    let head = FrameHead {
        kind: COMMIT,
        first_position: journal.next_position(),
        count,
    };
    let mut payload: Vec<u8> = tag.to_le_bytes().into_iter().cycle().take(length).collect();
    for (at, byte) in payload.iter_mut().enumerate() {
        *byte = byte.wrapping_add(u8::try_from(at % 251).unwrap());
    }
    Kept { head, payload }
}

fn append(journal: &mut FileJournal<impl Disk>, kept: &Kept) -> Result<Location, Fault> {
    journal.append(kept.head, &kept.payload)
}

/// Everything from the beginning up to a point.
fn read<D: Disk>(disk: &D, until: Until) -> Result<Vec<Kept>, Fault> {
    let mut reader = Reader::from_position(disk.clone(), 1, until)?;
    let mut frames = Vec::new();
    while let Some(frame) = reader.next()? {
        frames.push(Kept {
            head: frame.head,
            payload: frame.payload.to_vec(),
        });
    }
    Ok(frames)
}

fn read_to<D: Disk>(disk: &D, frontier: Frontier) -> Result<Vec<Kept>, Fault> {
    read(disk, Until::Frontier(frontier))
}
