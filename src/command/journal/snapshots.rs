//! The snapshots beside a journal, held against it: their bytes, their digests, and every key.

use std::collections::BTreeMap;

use anyhow::Context;

use crate::command::open_books::OpenJournal;
use crate::engine::Engine;
use crate::ids::Position;
use crate::journal::file::Until;
use crate::journal::file::disk::OsDisk;
use crate::journal::snapshot::keys::ColdKeys;
use crate::journal::snapshot::{self, Head, Reader, SnapshotFault};
use crate::ledger::{Commit, Record, StateDigest};
use crate::partition::Secrets;

/// So many missing keys are told one by one.
const KEYS_TOLD_MAX: u64 = 10;

/// What snapshots say, and what was found wrong with them.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    digests: BTreeMap<Position, StateDigest>,
    /// The keys of the newest one.
    keys: ColdKeys,
    missing: u64,
    page: Vec<u8>,
    findings: Vec<String>,
}

impl Snapshots {
    /// Read all snapshots and the key files that they name.
    pub(super) fn open(journal: &OpenJournal) -> anyhow::Result<Self> {
        let mut found = Self::default();
        let reachable = |position: &Position| match journal.until {
            Until::Frontier(frontier) => position.0 <= frontier.position,
            Until::End => true,
        };
        let positions = snapshot::list(&journal.disk)?;
        let mut newest = true;
        for position in positions.into_iter().filter(reachable) {
            match read(&journal.disk, position, newest) {
                Ok(Some((head, keys))) => {
                    found.digests.insert(position, head.digest);
                    if newest {
                        found.keys = keys;
                        newest = false;
                    }
                }
                Ok(None) => {}
                Err(fault) if fault.is_damage() => found.findings.push(fault.to_string()),
                Err(fault) => return Err(fault).context("a snapshot cannot be read"),
            }
        }
        Ok(found)
    }

    /// Hold them against a commit that was replayed.
    pub(super) fn commit(
        &mut self,
        commit: &Commit,
        engine: &Engine,
        secrets: &Secrets,
    ) -> Result<(), SnapshotFault> {
        if let Some(digest) = self.digests.remove(&commit.last())
            && digest != commit.digest
        {
            let (at, journaled) = (commit.last(), commit.digest);
            self.findings.push(format!(
                "the snapshot of position {at} has digest {digest}, the journal says {journaled}"
            ));
        }
        if commit.first > self.keys.through() {
            return Ok(());
        }
        for (position, record) in commit.positions() {
            let Record::Job(job) = record else { continue };
            let Some(book) = engine.book(job.book).filter(|_| job.owns_key) else {
                continue;
            };
            let hash = secrets.key_hash(book.name(), &job.envelope.key);
            let row = self.keys.find(hash, &mut self.page)?;
            if row.is_none_or(|row| row.position != position) {
                self.missing = self.missing.saturating_add(1);
                if self.missing <= KEYS_TOLD_MAX {
                    self.findings.push(format!(
                        "position {position}: its key is not in the key files of the newest \
                         snapshot; remove the snapshots, the next start makes them again"
                    ));
                }
            }
        }
        Ok(())
    }

    /// What was found wrong, once the whole journal was held against them.
    pub(super) fn findings(&mut self) -> Vec<String> {
        for position in self.digests.keys() {
            self.findings.push(format!(
                "the snapshot of position {position} is of no commit of the journal"
            ));
        }
        if self.missing > KEYS_TOLD_MAX {
            let more = self.missing.saturating_sub(KEYS_TOLD_MAX);
            self.findings.push(format!("and {more} more keys"));
        }
        std::mem::take(&mut self.findings)
    }
}

/// Read a snapshot and the files of its keys; none if it went away meanwhile, as the daemon has it.
fn read(
    disk: &OsDisk,
    position: Position,
    with_keys: bool,
) -> Result<Option<(Head, ColdKeys)>, SnapshotFault> {
    let verified = Reader::open(disk, position).and_then(Reader::verify);
    let result = verified.and_then(|head| {
        let mut keys = ColdKeys::default();
        if with_keys {
            for file in &head.key_files {
                file.verify(disk, head.journal)?;
            }
            keys = ColdKeys::open(disk, head.journal, &head.key_files, position, &keys)?;
        }
        Ok((head, keys))
    });
    match result {
        Ok(read) => Ok(Some(read)),
        Err(_gone) if !snapshot::list(disk)?.contains(&position) => Ok(None),
        Err(fault) => Err(fault),
    }
}
