//! What can go wrong with a journal on disk, and what the operator does about it.

use std::fmt;
use std::io;
use std::sync::Arc;

/// The journal cannot go on. Final for the process unless the variant says otherwise.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// Another process owns the directory.
    #[error("the journal in {directory} is in use by {holder}; stop that process first")]
    Locked {
        /// The directory.
        directory: String,
        /// What the holder wrote about itself: process and host.
        holder: String,
    },
    /// The operating system refused or lost something. What was written may or may not be there,
    /// so nothing of it may be acknowledged: end the process, recovery decides.
    #[error("could not {action} {file}: {source}; check the disk, then start again")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        file: String,
        /// Why not.
        source: Arc<io::Error>,
    },
    /// Bytes that were durable are not what they were.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// A later release wrote this.
    #[error(
        "{file} has format version {version} at byte {offset}, this program reads up to \
         {known}; use the release that wrote it or a later one"
    )]
    VersionUnknown {
        /// The file.
        file: String,
        /// Where the version is named.
        offset: u64,
        /// The version.
        version: u16,
        /// The latest version this program knows.
        known: u16,
    },
    /// There is no room for the next segment. Nothing was written and nothing is lost: the call can
    /// be made again once [`FileJournal::reserve`](super::FileJournal::reserve) finds room.
    #[error("no room for the next segment of {bytes} bytes in {directory}; free some space")]
    SpaceExhausted {
        /// The directory.
        directory: String,
        /// Bytes of the segment.
        bytes: u64,
    },
    /// More than one frame may carry. Nothing was written.
    #[error("a payload of {bytes} bytes exceeds the {max} bytes that a frame may carry")]
    PayloadTooLarge {
        /// Bytes given.
        bytes: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// The caller gave a frame that does not follow the one before. Nothing was written.
    #[error("the next position is {expected}, the frame given begins at {given}")]
    PositionNotNext {
        /// Position the journal expects.
        expected: u64,
        /// Position given.
        given: u64,
    },
    /// The caller used the frame kind that only the journal may write. Nothing was written.
    #[error("frame kind {kind} belongs to the journal itself")]
    KindReserved {
        /// The kind.
        kind: u8,
    },
    /// The size asked for is outside what the format allows.
    #[error("a segment has between {min} and {max} bytes, not {bytes}; correct segment_bytes")]
    SegmentSize {
        /// Bytes asked for.
        bytes: u64,
        /// Fewest.
        min: u64,
        /// Most.
        max: u64,
    },
    /// There is nothing to read yet.
    #[error("there is no journal in {directory}; it is begun by the first start of the daemon")]
    JournalMissing {
        /// The directory.
        directory: String,
    },
    /// The position lies before the oldest segment in the directory.
    #[error(
        "position {asked} lies before the oldest segment of {directory}, which begins at \
         {oldest}; name the directory that has the older ones in journal.archive_dir"
    )]
    PositionArchived {
        /// Position asked for.
        asked: u64,
        /// First position still here.
        oldest: u64,
        /// The directory.
        directory: String,
    },
    /// What was moved to the archive is not there.
    #[error(
        "segment {segment} is not in {directory} any more and not in the archive {archive}: {why}; \
         mount the archive or correct journal.archive_dir; what is lost for good comes back from a \
         backup"
    )]
    ArchiveMissing {
        /// The segment.
        segment: u64,
        /// The directory of the journal.
        directory: String,
        /// The one of the archive.
        archive: String,
        /// What was found instead.
        why: String,
    },
    /// The archive has another history than the journal.
    #[error(
        "{file} is not what this journal would put there; name another directory in \
         journal.archive_dir: an archive is of one journal and of one history"
    )]
    ArchiveForeign {
        /// The file in the archive.
        file: String,
    },
}

impl Fault {
    /// Wraps what the operating system said.
    pub(super) fn io(action: &'static str, file: &str, source: io::Error) -> Self {
        Self::Io {
            action,
            file: file.to_owned(),
            source: Arc::new(source),
        }
    }

    /// Whether the call had no effect and the journal can still be used.
    pub fn is_recoverable(&self) -> bool {
        match self {
            Self::SpaceExhausted { .. }
            | Self::PayloadTooLarge { .. }
            | Self::PositionNotNext { .. }
            | Self::KindReserved { .. } => true,
            Self::Locked { .. }
            | Self::Io { .. }
            | Self::Damaged(_)
            | Self::VersionUnknown { .. }
            | Self::SegmentSize { .. }
            | Self::JournalMissing { .. }
            | Self::PositionArchived { .. }
            | Self::ArchiveMissing { .. }
            | Self::ArchiveForeign { .. } => false,
        }
    }
}

/// Durable bytes are missing or changed. Never repaired by the program: a shorter journal would
/// silently forget acknowledged jobs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{file} is damaged at byte {offset}: {what}; keep the directory as it is and restore from a \
     backup"
)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// Where in the file.
    pub offset: u64,
    /// What is wrong there.
    pub what: Finding,
}

/// What is wrong with a place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Too short to hold what its header says.
    Truncated {
        /// Bytes it should have.
        expected: u64,
        /// Bytes it has.
        found: u64,
    },
    /// No header where one must be.
    HeaderMissing,
    /// The checksum of a header does not match.
    HeaderChecksum,
    /// The checksum of a frame does not match.
    FrameChecksum,
    /// A length that no frame can have here.
    LengthImpossible,
    /// From another journal.
    JournalForeign,
    /// Written for another place.
    PlaceForeign {
        /// The segment it was written for.
        segment: u64,
        /// The offset it was written for.
        offset: u64,
    },
    /// Does not follow the frame before it.
    ChainBroken,
    /// The next segment does not follow.
    SegmentNotNext,
    /// A segment between others is not there.
    SegmentMissing {
        /// Its number.
        number: u64,
    },
    /// The journal ends here although another durable file knows more of it.
    EndsEarly {
        /// The last frame found.
        last: u64,
        /// A frame that was durable.
        durable: u64,
    },
    /// As [`Finding::EndsEarly`], by position.
    PositionMissing {
        /// The last position found.
        last: u64,
        /// A position that was durable.
        durable: u64,
    },
    /// A bad frame, and a frame of a later group behind it, so that it had been synced.
    LaterGroup {
        /// Where the later frame lies.
        offset: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { expected, found } => {
                write!(f, "the file has {found} bytes and should have {expected}")
            }
            Self::HeaderMissing => f.write_str("there is no header"),
            Self::HeaderChecksum => f.write_str("the checksum of the header does not match"),
            Self::FrameChecksum => f.write_str("the checksum of the frame does not match"),
            Self::LengthImpossible => f.write_str("the length given there is impossible"),
            Self::JournalForeign => f.write_str("it belongs to another journal"),
            Self::PlaceForeign { segment, offset } => {
                write!(f, "it was written for segment {segment}, byte {offset}")
            }
            Self::ChainBroken => f.write_str("it does not follow the frame before it"),
            Self::SegmentNotNext => f.write_str("it does not follow the segment before it"),
            Self::SegmentMissing { number } => write!(f, "segment {number} is missing"),
            Self::EndsEarly { last, durable } => write!(
                f,
                "the journal ends with frame {last}, but frame {durable} was durable"
            ),
            Self::PositionMissing { last, durable } => write!(
                f,
                "the journal ends with position {last}, but position {durable} was durable"
            ),
            Self::LaterGroup { offset } => write!(
                f,
                "a synced frame cannot be read, and a later one follows at byte {offset}"
            ),
        }
    }
}
