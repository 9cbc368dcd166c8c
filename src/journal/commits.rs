//! Commits in order, read from frames: for replay, for the publisher's catching up, for commands.
//!
//! What the frames promise (checksums, chain, positions without a gap) the reader below has
//! checked; here the bytes become a commit again, and the two must name the same records.

use super::JournalFault;
use super::file::disk::Disk;
use super::file::{Frame, Frontier, JournalId, Location, Reader, Until};
use super::record;
use crate::ids::Position;
use crate::ledger::Commit;

/// The kind of the frames that hold one commit each.
pub(super) const KIND_COMMIT: u8 = 1;

/// A commit and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The commit.
    pub commit: Commit,
    /// Its frame's place.
    pub location: Location,
    /// Its frame's number.
    pub frame: u64,
    /// Its frame's hash.
    pub hash: [u8; 32],
    /// Bytes of the record.
    pub bytes: u64,
}

/// Gives the commits of a journal one after the other.
#[derive(Debug)]
pub struct Commits<D: Disk> {
    reader: Reader<D>,
}

impl<D: Disk> Commits<D> {
    /// Begin with the commit that holds a position, or with the next one after it.
    pub fn from_position(disk: D, position: Position, until: Until) -> Result<Self, JournalFault> {
        let reader = Reader::from_position(disk, position.0, until)?;
        Ok(Self { reader })
    }

    /// The next commit; none at the point to stop at.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would have to be told to stop at a fault"
    )]
    pub fn next(&mut self) -> Result<Option<Found>, JournalFault> {
        let Some(frame) = self.reader.next()? else {
            return Ok(None);
        };
        let commit = commit_of(&frame)?;
        Ok(Some(Found {
            commit,
            location: frame.location,
            frame: frame.number,
            hash: frame.hash,
            bytes: u64::try_from(frame.payload.len()).unwrap_or(u64::MAX),
        }))
    }

    /// Move the point to stop at; reading goes on where it is.
    pub fn read_until(&mut self, until: Until) {
        self.reader.read_until(until);
    }

    /// Everything read so far.
    pub fn frontier(&self) -> Frontier {
        self.reader.frontier()
    }

    /// The journal's name.
    pub fn journal(&self) -> JournalId {
        self.reader.id()
    }
}

/// The commit in a frame.
pub(super) fn commit_of(frame: &Frame<'_>) -> Result<Commit, JournalFault> {
    let Location { segment, offset } = frame.location;
    let damaged = |what: &str| {
        JournalFault::Damaged(format!(
            "the frame at byte {offset} of segment {segment} {what}; keep the directory as it is \
             and restore from a backup, or use the release that wrote it"
        ))
    };
    if frame.head.kind != KIND_COMMIT {
        return Err(damaged("is of a kind that this release does not know"));
    }
    let commit = record::decode(frame.payload).map_err(|fault| damaged(&format!(": {fault}")))?;
    let count = u32::try_from(commit.records.len()).ok();
    if commit.first.0 != frame.head.first_position || count != Some(frame.head.count) {
        return Err(damaged("holds other records than its header says"));
    }
    Ok(commit)
}
