//! Remembered keys: the pipeline with many keys in key files, against one without any.
//!
//! The files are written by what writes them in the daemon, merged as it merges them. Their keys
//! are drawn, and the load brings others: every look-up is one of a key that was never there, which
//! is what a producer's jobs are.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::contrast::{alternating, once, total};
use super::feeder::Fed;
use super::figure::{Figure, Target, Unit};
use super::pipeline::{Course, Pace, Plan, run};
use super::rig::{Tally, observer};
use super::room::Room;
use super::{BenchFault, Measured, resident_bytes};
use crate::ids::{Hash128, Position};
use crate::journal::file::JournalId;
use crate::journal::file::disk::{Disk as _, OsDisk};
use crate::journal::snapshot::keys::{ColdKeys, KeyRow, Source, first_to_merge, write};
use crate::journal::snapshot::{KeyFile, SnapshotFault};
use crate::partition::{KeyLookup, Shelf};
use crate::simulator::Chance;

/// Keys that are written at once: what a snapshot finds in memory, and a few snapshots more.
const AT_ONCE: u64 = 5_000_000;
/// The journal that the files say they are of.
const JOURNAL: JournalId = JournalId([7; 16]);
/// Bytes that a hundred million keys may take in memory.
const MEMORY_MAX: u64 = 2 << 30;

/// Measure with so many remembered keys.
pub fn measure(plan: &Plan, count: u64, rounds: u32) -> Result<Measured, BenchFault> {
    let room = Room::make(&plan.dir)?;
    let files = write_files(room.path(), count, plan.seed)?;
    let before = resident_bytes();
    let keys = open(room.path(), &files)?;
    let resident = resident_bytes().saturating_sub(before);
    let in_memory = u64::try_from(keys.bytes()).unwrap_or(u64::MAX);
    let (ones, others) = alternating(rounds, &mut || with_keys(plan, &keys), &mut || once(plan))?;
    let rates = |sides: &[Fed]| sides.iter().map(Fed::per_second).collect::<Vec<_>>();
    let what = format!("{count} remembered keys against none");
    let mut measured = total(&what, &ones);
    let unit = Unit::PerSecond("jobs");
    measured.figures = vec![
        Figure::ratio(what, &rates(&ones), &rates(&others)).aiming_at(Target::AtLeast(80)),
        Figure::new("memory for remembered keys", Unit::Bytes, vec![in_memory])
            .aiming_at(Target::AtMost(MEMORY_MAX)),
        Figure::new("with keys", unit, rates(&ones)),
        Figure::new("without", unit, rates(&others)),
    ];
    measured.note("key files", keys.files());
    measured.note("resident MiB for keys", resident >> 20);
    Ok(measured)
}

fn with_keys(plan: &Plan, keys: &ColdKeys) -> Result<Fed, BenchFault> {
    let room = Room::make(&plan.dir)?;
    let plan = Plan {
        dir: room.path().to_owned(),
        ..plan.clone()
    };
    let mut course = Course::new(&plan, &Tally::shared())?;
    let shelf = Arc::new(Shelf::holding(keys.clone()));
    course.cold = Box::new(KeyLookup::new(shelf, course.journal.history()));
    run(&plan, course, &observer(), Pace::Full, &mut |_durable| {})
}

/// The files, open. They reach up to position 0: the engine keeps every key of the run.
fn open(dir: &Path, files: &[KeyFile]) -> Result<ColdKeys, SnapshotFault> {
    let disk = OsDisk::new(dir);
    ColdKeys::open(&disk, JOURNAL, files, Position(0), &ColdKeys::default())
}

/// Write so many drawn keys into files, part by part.
fn write_files(dir: &Path, count: u64, seed: u64) -> Result<Vec<KeyFile>, BenchFault> {
    let disk = OsDisk::new(dir);
    let mut chance = Chance::new(seed);
    let mut files: Vec<KeyFile> = Vec::new();
    let mut written = 0_u64;
    while written < count {
        let part = AT_ONCE.min(count.saturating_sub(written));
        let young = drawn(&mut chance, written, part);
        let at = first_to_merge(&files, part);
        let olds = files.split_off(at);
        let first = olds
            .first()
            .map_or(written.saturating_add(1), |old| old.first.0);
        written = written.saturating_add(part);
        let source = Source {
            young: &young,
            files: &olds,
        };
        let range = (Position(first), Position(written));
        files.push(write(
            &disk,
            JOURNAL,
            range,
            &source,
            &AtomicBool::new(false),
        )?);
        for old in olds {
            disk.remove(&old.name())?;
        }
    }
    Ok(files)
}

/// Keys in order, with positions behind so many.
fn drawn(chance: &mut Chance, behind: u64, count: u64) -> Vec<KeyRow> {
    let rows = (1..=count).map(|at| KeyRow {
        key: Hash128(u128::from(chance.number()) << 64 | u128::from(chance.number())),
        fingerprint: chance.number(),
        position: Position(behind.saturating_add(at)),
    });
    let mut rows: Vec<KeyRow> = rows.collect();
    rows.sort_unstable_by_key(|row| row.key);
    rows
}

#[cfg(test)]
mod tests {
    use super::super::contrast::small_plan;
    use super::*;

    #[test]
    fn the_files_hold_as_many_keys_as_were_asked_for_and_they_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let files = write_files(dir.path(), 3_000, 4).unwrap();
        let keys = open(dir.path(), &files).unwrap();
        assert_eq!(keys.len(), 3_000);
        let mut page = Vec::new();
        for row in drawn(&mut Chance::new(4), 0, 3_000) {
            assert_eq!(keys.find(row.key, &mut page).unwrap(), Some(row));
        }
        assert_eq!(keys.find(Hash128(1), &mut page).unwrap(), None);
    }

    #[test]
    fn the_run_with_keys_stands_beside_the_run_without() {
        let dir = tempfile::tempdir().unwrap();
        let measured = measure(&small_plan(dir.path()), 2_000, 1).unwrap();
        assert_eq!(measured.count, 400);
        assert!(measured.figures[0].median() > 0);
        assert!((4_000..20_000).contains(&measured.figures[1].median()));
    }
}
