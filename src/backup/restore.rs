//! From a backup to a directory that a daemon may go on with, once an operator has seen what is
//! missing.

use super::copy::{Copied, Lines, Named};
use super::point::{Point, find};
use super::{At, BackupFault, FileRow, Manifest, Tell};
use crate::ids::{Lineage, Position};
use crate::journal::file::disk::{Disk, OsDisk};
use crate::journal::file::{Evidence, FileJournal, Frontier, Options, Until, segment_number};
use crate::journal::snapshot::{self, KeyFile, Reader};
use crate::journal::{Cursor, Journal as _, Store};
use crate::ledger::commit::CutRecord;
use crate::ledger::{Record, StateDigest};
use crate::partition::{KeysWanted, Loaded, Secrets, load, missing_file};
use crate::time::Timestamp;
use crate::vault::{JournalSecret, KEK_FILE, SECRET_FILE, SUBJECTS_FILE, Vault};
use crate::wire::outcome;

/// What is wanted of a restore.
#[derive(Debug)]
pub struct Wanted {
    /// Up to where.
    pub at: At,
    /// The lineage to begin; the next one that the backup does not know, if nobody says.
    pub lineage: Option<Lineage>,
    /// Where the key-encrypting key is, if not in the backup.
    pub kek: Option<(OsDisk, String)>,
    /// Leave snapshots out.
    pub without_snapshots: bool,
    /// Bytes of the segments to come.
    pub segment_bytes: u64,
    /// The time of the cut.
    pub now: Timestamp,
}

/// A restored directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The cut as it was recorded.
    pub cut: CutRecord,
    /// Digest of the books at the point.
    pub digest: StateDigest,
    /// When the last record that was kept was recorded; none if nothing was.
    pub recorded_at: Option<Timestamp>,
    /// Up to where outcomes count as confirmed.
    pub published: Position,
    /// People whose texts can be read.
    pub subjects: usize,
    /// What was not as expected and did no harm, in words.
    pub warnings: Vec<String>,
}

/// Restore a backup into an empty directory.
pub fn restore<B: Disk, T: Disk>(
    backup: &B,
    to: &T,
    wanted: &Wanted,
    tell: Tell<'_>,
) -> Result<Restored, BackupFault> {
    let manifest = Manifest::read(backup)?.filter(|found| found.position() > Position(0));
    let manifest = manifest.ok_or_else(|| BackupFault::Missing {
        directory: backup.describe(""),
    })?;
    let next = manifest.lineage.next();
    let lineage = wanted.lineage.unwrap_or(next);
    if lineage < next {
        return Err(BackupFault::OldLineage {
            asked: lineage.0,
            next: next.0,
        });
    }
    let restoring = Restoring {
        backup,
        to,
        manifest: &manifest,
        wanted,
    };
    restoring.copy_secrets()?;
    let mut lines = Lines::create(to, &missing_file(lineage))?;
    let mut left_out = |job: &_, commit: &_, names: &_| {
        outcome::encode(job, commit, names, lines.end());
        lines.put()
    };
    let point = find(backup, &manifest, &wanted.at, &mut left_out, tell)?;
    lines.finish()?;
    restoring.copy_segments(&point.kept)?;
    if !wanted.without_snapshots {
        restoring.copy_snapshots(point.kept.position)?;
    }
    restoring.go_on(&point, lineage, tell)
}

/// A restore under way.
struct Restoring<'a, B: Disk, T: Disk> {
    backup: &'a B,
    to: &'a T,
    manifest: &'a Manifest,
    wanted: &'a Wanted,
}

impl<B: Disk, T: Disk> Restoring<'_, B, T> {
    fn copy_secrets(&self) -> Result<(), BackupFault> {
        for row in &self.manifest.files {
            if row.name == SECRET_FILE {
                self.copy(row, SECRET_FILE, row.bytes)?;
            } else if row.name.starts_with("subjects-") {
                self.copy(row, SUBJECTS_FILE, row.bytes)?;
            }
        }
        if let Some((disk, name)) = &self.wanted.kek {
            let source = Named::open(disk, name)?;
            let target = Named::create(self.to, KEK_FILE)?;
            return Copied::default().copy(&source, &target, source.length()?);
        }
        match self.manifest.file(KEK_FILE) {
            Some(row) => self.copy(row, KEK_FILE, row.bytes),
            None => Err(BackupFault::NoKek {
                directory: self.backup.describe(""),
            }),
        }
    }

    /// The segments up to the last frame that is kept.
    fn copy_segments(&self, kept: &Frontier) -> Result<(), BackupFault> {
        for row in &self.manifest.files {
            let Some(number) = segment_number(&row.name) else {
                continue;
            };
            if number < kept.end.segment {
                self.copy(row, &row.name, row.bytes)?;
            } else if number == kept.end.segment {
                self.copy(row, &row.name, kept.end.offset)?;
            }
        }
        Ok(())
    }

    /// The snapshots up to a position, with the key files that they name.
    fn copy_snapshots(&self, until: u64) -> Result<(), BackupFault> {
        let mut keys = Vec::new();
        for position in snapshot::list(self.backup)? {
            let name = snapshot::file_name(position);
            let row = self.manifest.file(&name);
            let Some(row) = row.filter(|_| position.0 <= until) else {
                continue;
            };
            for_snapshots(self.copy(row, &name, row.bytes))?;
            let reader = Reader::open(self.to, position)?;
            keys.extend(reader.head().key_files.iter().map(KeyFile::name));
        }
        keys.sort_unstable();
        keys.dedup();
        for name in keys {
            let path = || self.backup.describe(&name);
            let row = self.manifest.file(&name).ok_or_else(|| {
                BackupFault::damaged(&path(), "a snapshot needs it and the backup has it not")
            });
            for_snapshots(row.and_then(|row| self.copy(row, &name, row.bytes)))?;
        }
        Ok(())
    }

    /// Copy the first bytes of a file, and hold all of it against the manifest.
    fn copy(&self, row: &FileRow, name: &str, end: u64) -> Result<(), BackupFault> {
        let source = Named::open(self.backup, &row.name)?;
        let target = Named::create(self.to, name)?;
        let length = source.length()?;
        let mut copied = Copied::default();
        copied.copy(&source, &target, end.min(row.bytes))?;
        copied.read(&source, row.bytes)?;
        if copied.hash() != row.hash {
            let what = "it is not what the backup wrote";
            return Err(BackupFault::damaged(&source.path, what));
        }
        if segment_number(name).is_some() && end < length {
            target.lengthen(length)?;
            target.sync()?;
        }
        Ok(())
    }

    /// Open what was copied, compare it with the original, and record the cut.
    fn go_on(
        &self,
        point: &Point,
        lineage: Lineage,
        tell: Tell<'_>,
    ) -> Result<Restored, BackupFault> {
        let to = self.to;
        let directory = || to.describe("");
        to.sync_directory()
            .map_err(|error| BackupFault::io("sync", &directory(), &error))?;
        let secret = JournalSecret::load(to)?.ok_or_else(|| {
            BackupFault::damaged(&self.backup.describe(SECRET_FILE), "it is not there")
        })?;
        let secrets = Secrets::of(&secret);
        let subjects = Vault::open_read_only(to, &secret)?.subjects();
        self.check_part(point, &secrets, tell)?;
        let options = Options {
            segment_bytes: self.wanted.segment_bytes,
        };
        let evidence = Evidence {
            position: point.kept.position,
            frame: point.kept.frame,
        };
        let (file, recovered) = FileJournal::open(to.clone(), options, evidence)?;
        if !recovered.frontier.is_same_frame(&point.kept) {
            let words = format!("{} does not end where it was cut", directory());
            return Err(BackupFault::Differs(words));
        }
        let until = Until::Frontier(recovered.frontier);
        let Loaded {
            mut engine,
            waypoints,
            passed_over,
            ..
        } = load(to, &secrets, until, KeysWanted::Kept, &mut *tell)?;
        let rebuilt = engine.digest();
        if rebuilt != point.digest && point.kept.position > 0 {
            return Err(differs(point, rebuilt));
        }
        let mut store = Store::new(file, to.clone(), waypoints, 0);
        if let Some((part, _)) = &point.part {
            let mut part = part.clone();
            engine.replay(&part)?;
            engine.finish(&mut part);
            store.append(&part)?;
        }
        let digest = engine.digest();
        engine.begin_lineage(lineage);
        let cut = CutRecord {
            lineage,
            kept: point.position,
            known: self.manifest.position(),
            missing: point.missing,
        };
        let mut commit = engine.begin(self.wanted.now);
        engine.note(Record::Cut(cut), &mut commit);
        engine.finish(&mut commit);
        store.append(&commit)?;
        store.flush()?;
        store.rest()?;
        let published = self.manifest.published.min(point.position);
        Cursor::open(to, recovered.journal, None, published)?;
        Ok(Restored {
            cut,
            digest,
            recorded_at: point.recorded_at,
            published,
            subjects,
            warnings: passed_over,
        })
    }

    /// A commit that is kept in part: what its whole makes of the books must be what it says, or
    /// its first records cannot be believed either.
    fn check_part(
        &self,
        point: &Point,
        secrets: &Secrets,
        tell: Tell<'_>,
    ) -> Result<(), BackupFault> {
        if let Some((_, whole)) = &point.part {
            let until = Until::Frontier(*whole);
            load(self.backup, secrets, until, KeysWanted::None, tell)?;
        }
        Ok(())
    }
}

/// A fault of a file that the journal can do without.
fn for_snapshots(result: Result<(), BackupFault>) -> Result<(), BackupFault> {
    result.map_err(|fault| {
        if let BackupFault::Damaged { file, what } = fault {
            BackupFault::SnapshotDamaged { file, what }
        } else {
            fault
        }
    })
}

fn differs(point: &Point, rebuilt: StateDigest) -> BackupFault {
    BackupFault::Differs(format!(
        "the books restored up to position {} have digest {rebuilt}, the backup says {}",
        point.kept.position, point.digest
    ))
}
