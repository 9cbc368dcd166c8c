//! Backups: a copy of a partition as it was at one moment, taken beside the daemon, and the way
//! back.
//!
//! ```text
//! DIR/p0/
//!   manifest                     what counts, how far it goes, checksums
//!   segment-…                    the journal, up to where the manifest says
//!   snapshot-… keys-…            what makes a restore short
//!   secret subjects-<hash>.keys  of hashes; keys of personal texts
//!   kek                          only if it was asked for: it belongs elsewhere
//!   lock frontier                who writes here; how far readers may read
//! ```
//!
//! What is copied is durable and never changes: a journal is only added to, and is read up to its
//! frontier; snapshots, key files and the secret stay as they are; the keys of texts are copied
//! after the frontier was read, so they hold every key that the journal needs up to there. So no
//! lock is needed, and the daemon goes on. A later backup into the same directory adds what is new.
//!
//! A restore cuts the journal behind a point of the backup, checks everything on the way, and
//! begins a *lineage*: the numbers behind the cut are given again, so message ids name it, and a
//! record says what was cut.
//!
//! Not here: which directories these are, and when an operator has seen what is missing.

mod copy;
mod manifest;
mod point;
mod restore;
mod take;

pub use manifest::{FileRow, Manifest};
pub use point::At;
pub use restore::{Restored, Wanted, restore};
pub use take::{Taken, take};

use std::io;
use std::ops::ControlFlow;

use crate::ids::Position;
use crate::journal::JournalFault;
use crate::journal::file;
use crate::journal::snapshot::SnapshotFault;
use crate::ledger::Inconsistent;
use crate::partition::LoadFault;
use crate::vault::VaultFault;

/// Hears of progress and may end the work.
pub type Tell<'a> = &'a mut dyn FnMut(crate::partition::Progress) -> ControlFlow<()>;

/// Why a backup or a restore is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum BackupFault {
    /// The operating system refused.
    #[error("could not {doing} {file}: {reason}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        file: String,
        /// Why not.
        reason: String,
    },
    /// Another process writes to the backup.
    #[error("the backup in {directory} is being written by {holder}; try again when it is done")]
    Busy {
        /// The directory.
        directory: String,
        /// What the other one wrote about itself.
        holder: String,
    },
    /// The directory holds something else.
    #[error(
        "{directory} holds files and no backup; name an empty directory or an earlier backup of \
         this journal"
    )]
    NotEmpty {
        /// The directory.
        directory: String,
    },
    /// The directory holds the backup of something else.
    #[error("{directory} holds the backup of another journal; name another directory")]
    OtherJournal {
        /// The directory.
        directory: String,
    },
    /// The journal was cut since.
    #[error(
        "{directory} holds a backup up to position {position} that this journal does not go on \
         from: it was restored to an earlier point since; keep that backup and name another \
         directory"
    )]
    OtherHistory {
        /// The directory.
        directory: String,
        /// How far the backup goes.
        position: Position,
    },
    /// There is nothing to copy.
    #[error("{directory} has nothing recorded yet; there is nothing to back up")]
    Nothing {
        /// The directory.
        directory: String,
    },
    /// There is nothing to restore.
    #[error("{directory} holds no finished backup; `kontor backup` makes one")]
    Missing {
        /// The directory.
        directory: String,
    },
    /// A file is not what was written.
    #[error("{file} is damaged: {what}; use another backup")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A file that only shortens the restore is not what was written.
    #[error(
        "{file} is damaged: {what}; the journal alone gives the same books: add \
         --without-snapshots"
    )]
    SnapshotDamaged {
        /// The file.
        file: String,
        /// What is wrong.
        what: &'static str,
    },
    /// The point is not in the backup.
    #[error("{0}")]
    NoSuchPoint(String),
    /// The lineage is not a new one.
    #[error("lineage {asked} has been before; the next one is {next}")]
    OldLineage {
        /// As asked for.
        asked: u32,
        /// The first that is free, as far as the backup knows.
        next: u32,
    },
    /// Nobody could read the texts.
    #[error(
        "the keys of personal texts in {directory} need the file kek, which is kept apart from \
         backups; name it with --kek"
    )]
    NoKek {
        /// The backup.
        directory: String,
    },
    /// The restored books are others than those of the backup.
    #[error("{0}; keep the backup as it is and report this")]
    Differs(String),
    /// Whoever wanted it does not any more.
    #[error("given up")]
    GivenUp,
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalFault),
    /// Its commits.
    #[error(transparent)]
    Load(#[from] LoadFault),
    /// A snapshot or a key file.
    #[error(transparent)]
    Snapshot(#[from] SnapshotFault),
    /// Secrets and keys of texts.
    #[error(transparent)]
    Vault(#[from] VaultFault),
    /// An effect does not fit.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistent),
}

impl From<file::Fault> for BackupFault {
    fn from(fault: file::Fault) -> Self {
        Self::Journal(fault.into())
    }
}

impl BackupFault {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotEmpty { .. }
            | Self::OtherJournal { .. }
            | Self::OtherHistory { .. }
            | Self::Nothing { .. }
            | Self::Missing { .. }
            | Self::NoSuchPoint(_)
            | Self::OldLineage { .. }
            | Self::NoKek { .. } => 64,
            Self::Damaged { .. }
            | Self::SnapshotDamaged { .. }
            | Self::Differs(_)
            | Self::Inconsistent(_)
            | Self::Journal(JournalFault::Damaged(_))
            | Self::Load(
                LoadFault::Journal(JournalFault::Damaged(_))
                | LoadFault::Inconsistent { .. }
                | LoadFault::Digest { .. },
            ) => 65,
            Self::Snapshot(fault) if fault.is_damage() => 65,
            Self::Vault(fault) if fault.is_damage() => 65,
            Self::Io { .. }
            | Self::Busy { .. }
            | Self::GivenUp
            | Self::Journal(_)
            | Self::Load(_)
            | Self::Snapshot(_)
            | Self::Vault(_) => 74,
        }
    }

    fn io(doing: &'static str, file: &str, error: &io::Error) -> Self {
        Self::Io {
            doing,
            file: file.to_owned(),
            reason: error.to_string(),
        }
    }

    fn damaged(file: &str, what: &'static str) -> Self {
        Self::Damaged {
            file: file.to_owned(),
            what,
        }
    }
}

#[cfg(test)]
mod tests;
