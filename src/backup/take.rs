//! Taking a backup: everything durable now, copied beside whoever writes it.

use super::copy::{Copied, Named};
use super::manifest::NEW_NAME as NEW_MANIFEST;
use super::{BackupFault, FileRow, Manifest, Tell};
use crate::ids::Position;
use crate::journal::file::disk::Disk;
use crate::journal::file::{
    Frontier, JournalId, Until, begins_with, known, oldest_segment, open_segment, tell_readers,
};
use crate::journal::snapshot::{self, KeyFile, Reader};
use crate::journal::{Commits, Cursor, JournalFault};
use crate::partition::{MANIFEST_FILE, Progress};
use crate::time::Timestamp;
use crate::vault::{self, KEK_FILE, SECRET_FILE};

/// Snapshots that are copied: the newest, and one to fall back to.
const SNAPSHOTS: usize = 2;
const LOCK_NAME: &str = "lock";
/// Names that a backup gives to files of its own.
const OURS: [&str; 5] = ["segment-", "snapshot-", "keys-", "subjects-", "manifest."];

/// A backup that was taken.
#[derive(Debug)]
pub struct Taken {
    /// What it holds now.
    pub manifest: Manifest,
    /// How far it went before; 0 if it is the first one there.
    pub before: Position,
    /// Bytes that were copied.
    pub copied_bytes: u64,
    /// What is left out because it could not be believed, in words.
    pub doubts: Vec<String>,
}

/// Copy what is durable in `from` into the backup in `to`, which it begins or goes on with.
pub fn take<S: Disk, T: Disk>(
    from: &S,
    to: &T,
    with_kek: bool,
    now: Timestamp,
    tell: Tell<'_>,
) -> Result<Taken, BackupFault> {
    let _lock = lock(to)?;
    // Before the frontier: it names durable positions only.
    let told = Cursor::read(from)?;
    let frontier = known(from)?;
    let commits = Commits::from_position(from.clone(), Position(1), Until::Frontier(frontier))?;
    let journal = commits.journal();
    if frontier.position == 0 {
        let directory = from.describe("");
        return Err(BackupFault::Nothing { directory });
    }
    let before = match Manifest::read(to)? {
        Some(before) => before,
        None => begin(to, journal)?,
    };
    let directory = to.describe("");
    if before.journal != journal {
        return Err(BackupFault::OtherJournal { directory });
    }
    let position = before.position();
    if position > Position(0) && !begins_with(from, before.frontier, frontier)? {
        return Err(BackupFault::OtherHistory {
            directory,
            position,
        });
    }
    let mut manifest = Manifest {
        taken_at: now,
        frontier,
        published: told.map_or(Position(0), |told| told.position),
        files: Vec::new(),
        ..before.clone()
    };
    let mut attempt = Attempt {
        from,
        to,
        before: &before,
        frontier,
        files: Vec::new(),
        made: Vec::new(),
        doubts: Vec::new(),
        copied_bytes: 0,
        tell,
    };
    if let Err(fault) = attempt.copy_all(with_kek, &mut manifest) {
        attempt.take_back();
        return Err(fault);
    }
    let Attempt {
        files,
        doubts,
        copied_bytes,
        ..
    } = attempt;
    manifest.files = files;
    manifest.write(to)?;
    tell_readers(to, &frontier)?;
    tidy(to, &manifest)?;
    Ok(Taken {
        manifest,
        before: position,
        copied_bytes,
        doubts,
    })
}

fn lock<D: Disk>(disk: &D) -> Result<D::Lock, BackupFault> {
    match disk.lock(LOCK_NAME) {
        Ok(Ok(lock)) => Ok(lock),
        Ok(Err(holder)) => Err(BackupFault::Busy {
            directory: disk.describe(""),
            holder,
        }),
        Err(error) => Err(BackupFault::io("lock", &disk.describe(LOCK_NAME), &error)),
    }
}

/// Begin a backup where there is nothing: it holds nothing yet and says so.
fn begin<D: Disk>(disk: &D, journal: JournalId) -> Result<Manifest, BackupFault> {
    check_empty(disk)?;
    let begun = Manifest::begun(journal);
    let written = begun.write(disk);
    if written.is_err() {
        leave(disk, &[NEW_MANIFEST, MANIFEST_FILE, LOCK_NAME]);
    }
    written.map(|()| begun)
}

fn check_empty<D: Disk>(disk: &D) -> Result<(), BackupFault> {
    let directory = disk.describe("");
    let names = disk
        .list()
        .map_err(|error| BackupFault::io("list", &directory, &error))?;
    // A manifest that never got its name is of a backup that never began.
    let other = |name: &String| name != LOCK_NAME && name != NEW_MANIFEST;
    if names.iter().any(other) {
        return Err(BackupFault::NotEmpty { directory });
    }
    Ok(())
}

/// Remove files that are of no use; the fault that made them so is the one to tell.
fn leave<D: Disk>(disk: &D, names: &[&str]) {
    for name in names {
        let _left = disk.remove(name);
    }
}

/// Remove what earlier backups had and this one does not need.
fn tidy<D: Disk>(disk: &D, manifest: &Manifest) -> Result<(), BackupFault> {
    let names = disk
        .list()
        .map_err(|error| BackupFault::io("list", &disk.describe(""), &error))?;
    let ours = |name: &str| OURS.iter().any(|beginning| name.starts_with(beginning));
    for name in names.iter().filter(|name| ours(name)) {
        if manifest.file(name).is_none() {
            disk.remove(name)
                .map_err(|error| BackupFault::io("remove", &disk.describe(name), &error))?;
        }
    }
    Ok(())
}

/// A backup under way.
struct Attempt<'a, S: Disk, T: Disk> {
    from: &'a S,
    to: &'a T,
    before: &'a Manifest,
    frontier: Frontier,
    /// What the new manifest names.
    files: Vec<FileRow>,
    /// Files that were not there before.
    made: Vec<String>,
    doubts: Vec<String>,
    copied_bytes: u64,
    tell: Tell<'a>,
}

impl<S: Disk, T: Disk> Attempt<'_, S, T> {
    fn copy_all(&mut self, with_kek: bool, manifest: &mut Manifest) -> Result<(), BackupFault> {
        self.single(SECRET_FILE)?;
        if with_kek || self.before.file(KEK_FILE).is_some() {
            self.single(KEK_FILE)?;
        }
        self.subjects()?;
        self.snapshots()?;
        self.segments()?;
        let directory = self.to.describe("");
        self.to
            .sync_directory()
            .map_err(|error| BackupFault::io("sync", &directory, &error))?;
        self.read_again(manifest)
    }

    /// Whatever was not there before goes, so that nothing half stays and a full disk has its room
    /// back. What remains is the backup of before, or nothing.
    fn take_back(&self) {
        let made: Vec<&str> = self.made.iter().map(String::as_str).collect();
        leave(self.to, &made);
        if self.before.position() == Position(0) {
            leave(self.to, &[MANIFEST_FILE, LOCK_NAME]);
        }
    }

    /// The segments that have something new, oldest first.
    fn segments(&mut self) -> Result<(), BackupFault> {
        let oldest = oldest_segment(self.from)?.unwrap_or(1);
        let last = self.frontier.end.segment;
        for number in oldest..=last {
            let done = number.saturating_sub(oldest);
            let of = last.saturating_sub(oldest).saturating_add(1);
            if (self.tell)(Progress { done, of }).is_break() {
                return Err(BackupFault::GivenUp);
            }
            let segment = open_segment(self.from, number)?;
            let end = if number == last {
                self.frontier.end.offset
            } else {
                segment.length
            };
            let source = Named {
                file: segment.file,
                path: self.from.describe(&segment.name),
            };
            self.segment(&segment.name, &source, end, segment.length)?;
        }
        Ok(())
    }

    fn segment(
        &mut self,
        name: &str,
        source: &Named<S::File>,
        end: u64,
        length: u64,
    ) -> Result<(), BackupFault> {
        let mut copied = Copied::default();
        let target = match self.before.file(name) {
            Some(row) if row.bytes >= end => {
                self.files.push(row.clone());
                return Ok(());
            }
            Some(row) => {
                // What is there is read once more: it is the beginning of what will be vouched for.
                let target = Named::open_to_write(self.to, name)?;
                copied.read(&target, row.bytes)?;
                if copied.hash() != row.hash {
                    let what = "it is not what the earlier backup wrote";
                    return Err(BackupFault::damaged(&target.path, what));
                }
                target
            }
            None => {
                let target = Named::create(self.to, name)?;
                self.made.push(name.to_owned());
                target.lengthen(length)?;
                target
            }
        };
        let already = copied.bytes();
        copied.copy(source, &target, end)?;
        self.copied_bytes += end.saturating_sub(already);
        self.files.push(copied.row(name));
        Ok(())
    }

    /// A file that never changes.
    fn single(&mut self, name: &str) -> Result<(), BackupFault> {
        let source = Named::open(self.from, name)?;
        let mut seen = Copied::default();
        seen.read(&source, source.length()?)?;
        match self.before.file(name) {
            Some(row) if *row == seen.row(name) => self.files.push(row.clone()),
            Some(_) => {
                let what = "it is another one than in the earlier backup";
                return Err(BackupFault::damaged(&source.path, what));
            }
            None => {
                let row = self.fresh(name, &source, seen.bytes())?;
                self.files.push(row);
            }
        }
        Ok(())
    }

    /// The keys of texts, under a name of their content: an erased person is in no later one.
    fn subjects(&mut self) -> Result<(), BackupFault> {
        let (file, bytes) = vault::whole_subjects(self.from)?;
        let source = Named {
            file,
            path: self.from.describe(vault::SUBJECTS_FILE),
        };
        let mut seen = Copied::default();
        seen.read(&source, bytes)?;
        let hex = seen.hash().to_hex();
        let name = format!("subjects-{}.keys", hex.get(..32).unwrap_or_default());
        let row = match self.before.file(&name) {
            Some(row) => row.clone(),
            None => self.fresh(&name, &source, bytes)?,
        };
        self.files.push(row);
        Ok(())
    }

    /// Copy a file that the backup does not have.
    fn fresh(
        &mut self,
        name: &str,
        source: &Named<S::File>,
        bytes: u64,
    ) -> Result<FileRow, BackupFault> {
        let target = Named::create(self.to, name)?;
        self.made.push(name.to_owned());
        let mut copied = Copied::default();
        copied.copy(source, &target, bytes)?;
        self.copied_bytes += bytes;
        Ok(copied.row(name))
    }

    /// The newest snapshots with the key files that they name.
    fn snapshots(&mut self) -> Result<(), BackupFault> {
        let reachable = |position: &Position| position.0 <= self.frontier.position;
        let positions: Vec<Position> = snapshot::list(self.from)?
            .into_iter()
            .filter(reachable)
            .take(SNAPSHOTS)
            .collect();
        for position in positions {
            let name = snapshot::file_name(position);
            let rows = if self.before.file(&name).is_some() {
                self.kept_snapshot(position)
            } else {
                self.new_snapshot(position)
            };
            match rows {
                Ok(rows) => {
                    for row in rows {
                        if !self.files.contains(&row) {
                            self.files.push(row);
                        }
                    }
                }
                // The daemon has taken another one, and this one is not needed any more.
                Err(_gone) if !snapshot::list(self.from)?.contains(&position) => {}
                Err(BackupFault::Snapshot(fault)) if fault.is_damage() => {
                    self.doubts
                        .push(format!("{fault}; it is not in the backup"));
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    /// The rows of a snapshot that the backup has.
    fn kept_snapshot(&self, position: Position) -> Result<Vec<FileRow>, BackupFault> {
        let reader = Reader::open(self.to, position)?;
        let keys = reader.head().key_files.iter().map(KeyFile::name);
        let names = keys.chain([snapshot::file_name(position)]);
        let rows = names.map(|name| self.before.file(&name).cloned());
        let rows: Option<Vec<FileRow>> = rows.collect();
        rows.ok_or_else(|| {
            let path = self.to.describe(&snapshot::file_name(position));
            BackupFault::damaged(&path, "it names key files that the backup does not have")
        })
    }

    fn new_snapshot(&mut self, position: Position) -> Result<Vec<FileRow>, BackupFault> {
        let head = Reader::open(self.from, position)?.head().clone();
        let mut rows = Vec::new();
        for keys in &head.key_files {
            let name = keys.name();
            let named = |row: &FileRow| *row.hash.as_bytes() == keys.hash;
            let known = self.before.file(&name).or_else(|| {
                let taken = self.files.iter().find(|row| row.name == name);
                taken.filter(|row| named(row))
            });
            keys.check(self.from, head.journal)?;
            let row = if let Some(row) = known {
                row.clone()
            } else {
                let source = Named::open(self.from, &name)?;
                let bytes = source.length()?;
                self.fresh(&name, &source, bytes)?
            };
            if !named(&row) {
                return Err(not_named(self.to.describe(&name)).into());
            }
            rows.push(row);
        }
        let name = snapshot::file_name(position);
        let source = Named::open(self.from, &name)?;
        let bytes = source.length()?;
        rows.push(self.fresh(&name, &source, bytes)?);
        Reader::open(self.to, position)?.verify()?;
        Ok(rows)
    }

    /// Read what is new in the copy: every checksum, the chain from where the earlier one ended,
    /// and every commit.
    fn read_again(&self, manifest: &mut Manifest) -> Result<(), BackupFault> {
        let until = Until::Frontier(self.frontier);
        let from = self.before.position().next();
        let mut commits = Commits::from_position(self.to.clone(), from, until)?;
        while let Some(found) = commits.next()? {
            manifest.recorded_at = found.commit.recorded_at;
            manifest.digest = found.commit.digest;
            manifest.lineage = found.commit.lineage;
        }
        if !commits.frontier().is_same_frame(&self.frontier) {
            let words = "the copy of the journal does not end where the journal does".to_owned();
            return Err(JournalFault::Damaged(words).into());
        }
        Ok(())
    }
}

fn not_named(file: String) -> snapshot::SnapshotFault {
    snapshot::SnapshotFault::Damaged {
        file,
        what: "it is not the file that the snapshot names",
    }
}
