//! What this machine can do at all: the least that a job must cost, without anything of kontor.
//!
//! A job of two legs cannot be posted without reading certain lines of memory, hashing certain
//! bytes and putting others on the disk. Each of these is measured alone, and the sums are bounds:
//! no pipeline of this kind is faster on this machine, however it is written. What stands between
//! a bound and the measurement beside it is what kontor does, and how.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::figure::{Figure, Unit};
use super::room::Room;
use super::{BenchFault, Measured, per_second};
use crate::simulator::Chance;

/// A line of the cache.
type Line = [u64; 8];

/// Jobs of a commit in a full pipeline.
const COMMIT_JOBS: u32 = 8_192;
/// Bytes of a job of two legs in the journal: content, outcome, effects.
const JOB_BYTES: u32 = 313;
/// Lines that posting such a job reads wherever they are: of each leg the place of the name and the
/// account, and the place of the key.
const JOB_LINES: u64 = 5;
/// Bytes of what is hashed when it is decoded: the fingerprint, and the name of its key.
const HASHED: [usize; 2] = [128, 64];
/// Cores of the bound of a whole pipeline.
const CORES: u64 = 2;
/// Commits that the file of the disk's limit has room for.
const FILE_COMMITS: u64 = 16;
/// How long each limit is measured, at least.
const AT_LEAST: Duration = Duration::from_millis(200);
/// What is measured, and what it counts in a second; the bounds that follow from it behind.
const FIGURES: [(&str, &str); 8] = [
    ("lines of memory, one after the other", "lines"),
    ("lines of memory, many at once", "lines"),
    ("keyed BLAKE3 of two blocks", "hashes"),
    ("keyed BLAKE3 of one block", "hashes"),
    ("BLAKE3 and CRC32C over a commit's frame", "jobs"),
    ("a commit written and synced", "jobs"),
    ("bound of the engine alone, by memory", "jobs"),
    ("bound of the pipeline on two cores", "jobs"),
];
const PICOS: u64 = 1_000_000_000_000;

/// Measure the limits: memory as large as so many accounts, and the disk of a directory.
pub fn measure(dir: &Path, accounts: u32, seed: u64, rounds: u32) -> Result<Measured, BenchFault> {
    let began = Instant::now();
    let mut values: [Vec<u64>; 8] = Default::default();
    let mut chance = Chance::new(seed);
    let all = cycle(accounts, &mut chance);
    for _round in 0..rounds {
        let chained = one_by_one(&all);
        let lines = at_once(&all, &mut chance);
        let [first, second] = HASHED.map(hashes);
        let (framed, written) = (frames(), disk(dir)?);
        let job = [
            cost(lines).saturating_mul(JOB_LINES),
            cost(first),
            cost(second),
            cost(framed),
        ];
        let job = job.into_iter().fold(0, u64::saturating_add);
        let together = PICOS.saturating_mul(CORES).div_euclid(job.max(1));
        let engine = lines.div_euclid(JOB_LINES);
        let pipeline = together.min(written);
        let round = [
            chained, lines, first, second, framed, written, engine, pipeline,
        ];
        for (values, value) in values.iter_mut().zip(round) {
            values.push(value);
        }
    }
    let what = format!("limits of this machine, {accounts} accounts of a line each");
    let measurements = u64::from(rounds).saturating_mul(6);
    let mut measured = Measured::new(what, measurements, began.elapsed());
    let figures = FIGURES.iter().zip(values);
    let figures =
        figures.map(|((what, things), values)| Figure::new(*what, Unit::PerSecond(things), values));
    measured.figures = figures.collect();
    measured.note("bytes a job in the journal", JOB_BYTES);
    measured.note("lines a job", JOB_LINES);
    Ok(measured)
}

/// Picoseconds of one thing, at a rate a second.
fn cost(rate: u64) -> u64 {
    PICOS.div_euclid(rate.max(1))
}

/// Do something again and again for a while; how many a second, where a go is so many.
fn rate(each: u64, mut go: impl FnMut()) -> u64 {
    let began = Instant::now();
    let mut done = 0_u64;
    while began.elapsed() < AT_LEAST {
        go();
        done = done.saturating_add(each);
    }
    per_second(done, began.elapsed())
}

/// Lines that name each other in one circle through all of them (Sattolo's shuffle).
fn cycle(count: u32, chance: &mut Chance) -> Vec<Line> {
    let mut order: Vec<u64> = (0..u64::from(count)).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, chance.below(last));
    }
    order.into_iter().map(|next| [next; 8]).collect()
}

/// What a line says.
fn line(lines: &[Line], at: u64) -> u64 {
    let line = lines.get(usize::try_from(at).unwrap_or_default());
    line.map_or(0, |[next, ..]| *next)
}

/// Reads of which each must wait for the one before.
fn one_by_one(lines: &[Line]) -> u64 {
    const GO: u64 = 10_000;
    let mut at = 0;
    rate(GO, || {
        for _ in 0..GO {
            at = line(lines, at);
        }
        black_box(at);
    })
}

/// Reads that need not wait for each other.
fn at_once(lines: &[Line], chance: &mut Chance) -> u64 {
    const GO: u64 = 10_000;
    let count = u64::try_from(lines.len()).unwrap_or(1);
    rate(GO, || {
        let sum = (0..GO).fold(0_u64, |sum, _| {
            let at = chance.number().checked_rem(count).unwrap_or_default();
            sum.wrapping_add(line(lines, at))
        });
        black_box(sum);
    })
}

fn hashes(bytes: usize) -> u64 {
    const GO: u64 = 1_000;
    let (key, content) = ([7; 32], vec![1; bytes]);
    rate(GO, || {
        for _ in 0..GO {
            black_box(blake3::keyed_hash(&key, black_box(&content)));
        }
    })
}

/// The bytes of a commit's jobs.
fn commit() -> Vec<u8> {
    let bytes = COMMIT_JOBS.saturating_mul(JOB_BYTES);
    (0..bytes).map(|at| at.to_le_bytes()[0]).collect()
}

fn frames() -> u64 {
    let commit = commit();
    rate(u64::from(COMMIT_JOBS), || {
        black_box(blake3::hash(&commit));
        black_box(crc32c::crc32c(&commit));
    })
}

/// Commits written into space that is there already, and synced one by one.
fn disk(dir: &Path) -> Result<u64, BenchFault> {
    let room = Room::make(dir)?;
    let file = File::create_new(room.path().join("commits"))?;
    let commit = commit();
    let length = u64::try_from(commit.len()).unwrap_or_default();
    for place in 0..FILE_COMMITS {
        file.write_all_at(&commit, place.saturating_mul(length))?;
    }
    file.sync_all()?;
    let (mut place, mut fault) = (0_u64, None);
    let rate = rate(u64::from(COMMIT_JOBS), || {
        let at = (place % FILE_COMMITS).saturating_mul(length);
        let written = file.write_all_at(&commit, at);
        fault = fault
            .take()
            .or(written.and_then(|()| file.sync_data()).err());
        place = place.saturating_add(1);
    });
    fault.map_or(Ok(rate), |fault| Err(fault.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_circle_goes_through_every_line() {
        let lines = cycle(1_000, &mut Chance::new(1));
        let mut at = 0;
        for step in 1..=1_000 {
            at = line(&lines, at);
            assert_eq!(at == 0, step == 1_000);
        }
    }

    #[test]
    fn a_bound_is_no_more_than_what_it_is_made_of() {
        let dir = tempfile::tempdir().unwrap();
        let measured = measure(dir.path(), 1_000, 1, 1).unwrap();
        let figure = |what: &str| {
            let found = measured.figures.iter().find(|figure| figure.what == what);
            found.unwrap().median()
        };
        let engine = figure("bound of the engine alone, by memory");
        assert_eq!(engine, figure("lines of memory, many at once") / JOB_LINES);
        let pipeline = figure("bound of the pipeline on two cores");
        assert!(pipeline > 0 && pipeline <= figure("a commit written and synced"));
        assert!(pipeline < figure("BLAKE3 and CRC32C over a commit's frame") * CORES);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
