//! From a journal to an engine: the newest good snapshot, then every commit behind it.
//!
//! The daemon's start, the reading commands and the building of snapshots all come through here, so
//! that what a restart does is done many times a day. After every commit the engine's digest must be
//! the one that the commit carries; a difference is a mistake of ours or a damaged disk, and ends it.

use super::ending::Ending;
use super::secrets::Secrets;
use crate::engine::Engine;
use crate::ids::Position;
use crate::journal::file::disk::Disk;
use crate::journal::file::{Frontier, Until};
use crate::journal::waypoints::Waypoints;
use crate::journal::{Commits, Found, JournalFault};
use crate::ledger::{Inconsistent, Record, StateDigest};

/// Why the books cannot be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum LoadFault {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalFault),
    /// An effect does not fit.
    #[error("at position {position}: {source}; keep the directory as it is and report this")]
    Inconsistent {
        /// The commit's first record.
        position: Position,
        /// What does not fit.
        source: Inconsistent,
    },
    /// The effects led to another state than the one they were written with.
    #[error(
        "the books rebuilt up to position {position} have digest {rebuilt}, the journal says \
         {journaled}; keep the directory as it is and report this"
    )]
    Digest {
        /// The commit's last record.
        position: Position,
        /// In the commit.
        journaled: StateDigest,
        /// Of the engine.
        rebuilt: StateDigest,
    },
}

/// How far rebuilding has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Positions behind us.
    pub done: u64,
    /// Positions in all; as many as are done if nobody knows.
    pub of: u64,
}

impl Progress {
    /// Hundredths.
    pub fn percent(&self) -> u64 {
        let hundredfold = self.done.saturating_mul(100);
        hundredfold.checked_div(self.of).unwrap_or(100).min(100)
    }
}

/// Books rebuilt from a journal, and what else was learnt on the way.
#[derive(Debug)]
pub struct Loaded {
    /// The books and the keys.
    pub engine: Engine,
    /// Where things stand.
    pub waypoints: Waypoints,
    /// How the runs before ended.
    pub ending: Ending,
    /// Hash of the file that each book was set up from last, by its index.
    pub setups: Vec<[u8; 32]>,
    /// The journal as far as it was read.
    pub frontier: Frontier,
    /// Jobs that were replayed.
    pub replayed_jobs: u64,
}

/// Rebuild the books of a journal.
pub fn load<D: Disk>(
    disk: &D,
    secrets: &Secrets,
    until: Until,
    progress: &mut dyn FnMut(Progress),
) -> Result<Loaded, LoadFault> {
    let mut commits = Commits::from_position(disk.clone(), Position(1), until)?;
    let mut loaded = Loaded {
        engine: secrets.engine(),
        waypoints: Waypoints::default(),
        ending: Ending::default(),
        setups: Vec::new(),
        frontier: commits.frontier(),
        replayed_jobs: 0,
    };
    loaded.replay(&mut commits, secrets, until, progress)?;
    Ok(loaded)
}

impl Loaded {
    /// Replay everything that a reader gives.
    pub(super) fn replay<D: Disk>(
        &mut self,
        commits: &mut Commits<D>,
        secrets: &Secrets,
        until: Until,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), LoadFault> {
        while let Some(found) = commits.next()? {
            self.replay_one(&found, secrets)?;
            let done = found.commit.last().0;
            let of = match until {
                Until::Frontier(frontier) => frontier.position,
                Until::End => done,
            };
            progress(Progress { done, of });
        }
        self.frontier = commits.frontier();
        Ok(())
    }

    fn replay_one(&mut self, found: &Found, secrets: &Secrets) -> Result<(), LoadFault> {
        let commit = &found.commit;
        self.engine
            .replay(commit, |book, key| secrets.key_hash(book, key))
            .map_err(|source| LoadFault::Inconsistent {
                position: commit.first,
                source,
            })?;
        let rebuilt = self.engine.digest();
        if rebuilt != commit.digest {
            return Err(LoadFault::Digest {
                position: commit.last(),
                journaled: commit.digest,
                rebuilt,
            });
        }
        self.waypoints.note(commit, found.location);
        self.ending.note(commit);
        for record in &commit.records {
            match record {
                Record::Job(_) => self.replayed_jobs = self.replayed_jobs.saturating_add(1),
                Record::Setup(setup) => {
                    let slot = setup.book.slot();
                    self.setups.resize(self.setups.len().max(slot + 1), [0; 32]);
                    if let Some(hash) = self.setups.get_mut(slot) {
                        *hash = setup.file_hash;
                    }
                }
                Record::Duplicate(_)
                | Record::Start(_)
                | Record::Marker { .. }
                | Record::Stop
                | Record::Cut { .. } => {}
            }
        }
        Ok(())
    }
}
