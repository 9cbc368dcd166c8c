//! From a journal to an engine: the newest good snapshot, then every commit behind it.
//!
//! The daemon's start, the reading commands and the building of snapshots all come through here, so
//! that what a restart does is done many times a day. After every commit the engine's digest must
//! be the one that the commit carries; a difference is a mistake of ours or a damaged disk, and
//! ends it.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use super::carried;
use super::cold::put_keys;
use super::secrets::Secrets;
use crate::engine::Engine;
use crate::ids::Position;
use crate::journal::ending::Ending;
use crate::journal::file::disk::Disk;
use crate::journal::file::{Frontier, JournalId, Until};
use crate::journal::snapshot::keys::ColdKeys;
use crate::journal::snapshot::{self, KeyFile, SnapshotFault};
use crate::journal::waypoints::Waypoints;
use crate::journal::{Commits, Found, JournalFault};
use crate::ledger::commit::SetupRecord;
use crate::ledger::{Inconsistent, Record, StateDigest};

/// Why the books cannot be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum LoadFault {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalFault),
    /// The files of keys cannot be read.
    #[error(transparent)]
    Keys(#[from] SnapshotFault),
    /// Whoever wanted it does not any more.
    #[error("rebuilding the books was given up")]
    GivenUp,
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

/// Hears of progress and may end the work.
pub type Tell<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

impl Progress {
    /// Hundredths.
    pub fn percent(&self) -> u64 {
        let hundredfold = self.done.saturating_mul(100);
        hundredfold.checked_div(self.of).unwrap_or(100).min(100)
    }
}

/// Which keys are wanted, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysWanted {
    /// None.
    None,
    /// All: those behind the snapshot in memory, the others in its files. Nothing is written.
    Found,
    /// As found, by whoever may write to the directory: what is too much for the memory goes into
    /// a file.
    Kept,
    /// As kept, without opening the files: for a snapshot, which names them.
    Named,
}

/// Keys that replay holds in memory before it puts them into a file: about 80 MB.
const KEYS_HELD_MAX: u64 = 2_000_000;

/// The commit that was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastCommit {
    /// Its last position; 0 if there is none yet.
    pub position: Position,
    /// Number of its frame.
    pub frame: u64,
    /// Hash of its frame.
    pub hash: [u8; 32],
}

/// Books rebuilt from a journal, and what else was learnt on the way.
#[derive(Debug)]
pub struct Loaded {
    /// The books and the keys.
    pub engine: Engine,
    /// The journal's name.
    pub journal: JournalId,
    /// Where things stand.
    pub waypoints: Waypoints,
    /// How the runs before ended.
    pub ending: Ending,
    /// Hash of the file that each book was set up from last, by its index.
    pub setups: Vec<[u8; 32]>,
    /// The commit that was read last.
    pub last: LastCommit,
    /// How far the journal was read; none if a snapshot stood at its end.
    pub frontier: Option<Frontier>,
    /// The snapshot that all this began with.
    pub snapshot: Option<Position>,
    /// The files with all keys up to `keys_through`, oldest first.
    pub key_files: Vec<KeyFile>,
    /// Up to where keys are in files; those behind are in the engine.
    pub keys_through: Position,
    /// The files, open, if they were wanted so.
    pub cold: ColdKeys,
    /// Jobs that were replayed behind the snapshot.
    pub replayed_jobs: u64,
    /// Bytes of the records that were replayed.
    pub replayed_bytes: u64,
    /// Snapshots that could not be used, in words.
    pub passed_over: Vec<String>,
    /// Those of them that nobody can use any more: damaged, or without their keys.
    pub lost: Vec<Position>,
}

/// Rebuild the books of a journal.
pub fn load<D: Disk>(
    disk: &D,
    secrets: &Secrets,
    until: Until,
    keys: KeysWanted,
    progress: Tell<'_>,
) -> Result<Loaded, LoadFault> {
    let (mut passed_over, mut lost) = (Vec::new(), Vec::new());
    let positions = snapshot::list(disk).unwrap_or_else(|fault| {
        passed_over.push(fault.to_string());
        Vec::new()
    });
    let reachable = |position: &Position| match until {
        Until::Frontier(frontier) => position.0 <= frontier.position,
        Until::End => true,
    };
    for position in positions.into_iter().filter(reachable) {
        match carried::from_snapshot(disk, position, secrets, until, keys) {
            Ok((mut loaded, mut commits)) => {
                (loaded.passed_over, loaded.lost) = (passed_over, lost);
                let wanted = Wanted { until, keys };
                loaded.replay(disk, &mut commits, wanted, progress)?;
                return Ok(loaded);
            }
            Err(fault) => {
                let file = disk.describe(&snapshot::file_name(position));
                let mut words = fault.to_string();
                if !words.contains(&file) {
                    words = format!("{file}: {words}");
                }
                words.push_str("; an older one or the journal itself is read instead");
                passed_over.push(words);
                lost.extend(fault.is_loss().then_some(position));
            }
        }
    }
    let mut commits = Commits::from_position(disk.clone(), Position(1), until)?;
    let mut loaded = Loaded::nothing(secrets, commits.journal());
    (loaded.passed_over, loaded.lost) = (passed_over, lost);
    let wanted = Wanted { until, keys };
    loaded.replay(disk, &mut commits, wanted, progress)?;
    Ok(loaded)
}

/// How far to replay, and what to do with the keys.
#[derive(Clone, Copy)]
struct Wanted {
    until: Until,
    keys: KeysWanted,
}

impl Loaded {
    /// What there is before the first commit.
    pub(super) fn nothing(secrets: &Secrets, journal: JournalId) -> Self {
        Self {
            engine: secrets.engine(),
            journal,
            waypoints: Waypoints::default(),
            ending: Ending::default(),
            setups: Vec::new(),
            last: LastCommit {
                position: Position(0),
                frame: 0,
                hash: [0; 32],
            },
            frontier: None,
            snapshot: None,
            key_files: Vec::new(),
            keys_through: Position(0),
            cold: ColdKeys::default(),
            replayed_jobs: 0,
            replayed_bytes: 0,
            passed_over: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// Replay everything that a reader gives.
    fn replay<D: Disk>(
        &mut self,
        disk: &D,
        commits: &mut Commits<D>,
        Wanted { until, keys }: Wanted,
        progress: Tell<'_>,
    ) -> Result<(), LoadFault> {
        let mut held_max = KEYS_HELD_MAX;
        while let Some(found) = commits.next()? {
            self.replay_one(&found)?;
            if self.engine.keys().len() >= held_max {
                held_max = self.too_many_keys(disk, keys, held_max);
            }
            let done = found.commit.last().0;
            let of = match until {
                Until::Frontier(frontier) => frontier.position,
                Until::End => done,
            };
            if progress(Progress { done, of }).is_break() {
                return Err(LoadFault::GivenUp);
            }
        }
        self.frontier = Some(commits.frontier());
        if matches!(keys, KeysWanted::Found | KeysWanted::Kept) {
            let (journal, through) = (self.journal, self.keys_through);
            self.cold = ColdKeys::open(disk, journal, &self.key_files, through, &self.cold)?;
        }
        Ok(())
    }

    /// Replay brings more keys than memory is meant for: put them into a file, or let them go if
    /// nobody wants them. From how many on to look again.
    fn too_many_keys<D: Disk>(&mut self, disk: &D, keys: KeysWanted, held_max: u64) -> u64 {
        match keys {
            KeysWanted::None => {
                self.engine.take_keys();
                held_max
            }
            KeysWanted::Found => held_max.saturating_mul(2),
            KeysWanted::Kept | KeysWanted::Named => {
                match put_keys(disk, self, &AtomicBool::new(false)) {
                    Ok(_count) => held_max,
                    Err(fault) => {
                        let words = format!("keys stay in memory: {fault}");
                        self.passed_over.push(words);
                        held_max.saturating_mul(2)
                    }
                }
            }
        }
    }

    /// Positions behind the snapshot that all this began with.
    pub(super) fn behind(&self) -> u64 {
        let snapshot = self.snapshot.unwrap_or_default();
        self.last.position.0.saturating_sub(snapshot.0)
    }

    /// Remember what a record of a book's beginning came from.
    pub(super) fn note_setup(&mut self, setup: &SetupRecord) {
        let slot = setup.book.slot();
        let length = self.setups.len().max(slot.saturating_add(1));
        self.setups.resize(length, [0; 32]);
        if let Some(hash) = self.setups.get_mut(slot) {
            *hash = setup.file_hash;
        }
    }

    fn replay_one(&mut self, found: &Found) -> Result<(), LoadFault> {
        let commit = &found.commit;
        self.engine
            .replay(commit)
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
        self.last = LastCommit {
            position: commit.last(),
            frame: found.frame,
            hash: found.hash,
        };
        self.replayed_bytes = self.replayed_bytes.saturating_add(found.bytes);
        for record in &commit.records {
            match record {
                Record::Job(_) => self.replayed_jobs = self.replayed_jobs.saturating_add(1),
                Record::Setup(setup) => self.note_setup(setup),
                Record::Duplicate(_)
                | Record::Start(_)
                | Record::Stop
                | Record::Cut(_)
                | Record::Accepted { .. }
                | Record::Letters(_) => {}
            }
        }
        Ok(())
    }
}
