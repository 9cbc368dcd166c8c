//! A start: how long until a partition is open, and how fast the tail behind a snapshot is
//! replayed.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use super::cold::{all, drop_cached, newest, read};
use super::figure::{Figure, Series, Target, Unit};
use super::load::Shape;
use super::pipeline::{Course, Pace, Plan, run};
use super::rig::observer;
use super::site::Site;
use super::{BenchFault, Measured, per_second};
use crate::journal::file::Until;
use crate::partition::{KeysWanted, Secrets, load};
use crate::vault::JournalSecret;

/// What a start reads whole: the snapshot, the keys and the last segment.
const READ_WHOLE: [&str; 3] = ["snapshot-", "keys-", "segment-"];
/// Sizes that are measured: so many quarters of what is asked for.
const QUARTERS: [u32; 3] = [1, 2, 4];
/// Time that a start may take for an account, if reading takes less.
const NANOS_PER_ACCOUNT: u64 = 300;

/// Starts of one size: how long each took, and a read of the same files before it.
struct Starts {
    accounts: u32,
    opens: Vec<u64>,
    reads: Vec<u64>,
    bytes: u64,
}

impl Starts {
    fn of(dir: &Path, accounts: u32, rounds: u32) -> Result<Self, BenchFault> {
        let site = Site::with_accounts(dir, accounts)?;
        let mut starts = Self {
            accounts,
            opens: Vec::new(),
            reads: Vec::new(),
            bytes: 0,
        };
        for _ in 0..rounds.max(1) {
            let files = newest(&site.directory(), &READ_WHOLE)?;
            drop_cached(&all(&site.directory())?)?;
            let (took, bytes) = read(&files)?;
            starts.reads.push(micros(took));
            starts.bytes = bytes;
            drop_cached(&all(&site.directory())?)?;
            let began = Instant::now();
            let opened = site.open()?;
            starts.opens.push(micros(began.elapsed()));
            let book = opened.engine.books().first();
            // Those that were asked for, and the bank.
            let wanted = usize::try_from(accounts).unwrap_or_default() + 1;
            if book.map(|book| book.accounts().len()) != Some(wanted) {
                return Err(BenchFault::Load);
            }
        }
        Ok(starts)
    }

    /// The median of the starts.
    fn open(&self) -> Figure {
        Figure::new(
            "until the partition is open",
            Unit::Micros,
            self.opens.clone(),
        )
    }

    fn figures(&self) -> Vec<Figure> {
        let accounts = u64::from(self.accounts);
        let what = "sequential read of snapshot, keys and last segment";
        let read = Figure::new(what, Unit::Micros, self.reads.clone());
        let by_accounts = accounts.saturating_mul(NANOS_PER_ACCOUNT).div_euclid(1_000);
        let most = read.median().saturating_mul(2).max(by_accounts);
        let each = |micros: &u64| micros.saturating_mul(1_000).div_euclid(accounts.max(1));
        let each = self.opens.iter().map(each).collect();
        vec![
            Figure::ratio("the start, in times of that read", &self.opens, &self.reads),
            self.open().aiming_at(Target::AtMost(most)),
            read,
            Figure::new("of it per account", Unit::Nanos, each),
        ]
    }
}

/// A start with so many accounts and a snapshot, next to a read of the same files.
pub fn start(dir: &Path, accounts: u32, rounds: u32) -> Result<Measured, BenchFault> {
    let began = Instant::now();
    let sizes = QUARTERS.map(|quarters| accounts.div_euclid(4).saturating_mul(quarters).max(2));
    let mut all = Vec::new();
    for accounts in sizes {
        all.push(Starts::of(dir, accounts, rounds)?);
    }
    let largest = all.last().ok_or(BenchFault::Stopped)?;
    let what = format!("start with {} accounts and a snapshot", largest.accounts);
    let opened = all.iter().map(|starts| u64::from(starts.accounts)).sum();
    let mut measured = Measured::new(what, opened, began.elapsed());
    measured.figures = largest.figures();
    measured.note("MiB read", largest.bytes >> 20);
    measured.note("page cache", "dropped by posix_fadvise before each");
    let point = |starts: &Starts| (u64::from(starts.accounts), starts.open().median());
    measured.series.push(Series {
        name: "recovery over size".to_owned(),
        line: String::new(),
        across: "accounts",
        up: "µs until open",
        points: all.iter().map(point).collect(),
    });
    Ok(measured)
}

/// The rate at which a tail of so many jobs is replayed behind a snapshot.
pub fn replay(plan: &Plan, rounds: u32) -> Result<Measured, BenchFault> {
    let site = Site::with_accounts(&plan.dir, plan.accounts)?;
    let plan = Plan {
        shape: Shape::Even,
        ..plan.clone()
    };
    let course = Course::of(site.open()?);
    run(&plan, course, &observer(), Pace::Full, &mut |_| {})?;
    let mut rates = Vec::new();
    let (mut replayed, mut spent) = (0_u64, Duration::ZERO);
    for _ in 0..rounds.max(1) {
        let (jobs, took) = replay_once(&site)?;
        rates.push(per_second(jobs, took));
        replayed = replayed.saturating_add(jobs);
        spent = spent.saturating_add(took);
    }
    drop_cached(&all(&site.directory())?)?;
    let (jobs, took) = replay_once(&site)?;
    let unit = Unit::PerSecond("jobs");
    let mut measured = Measured::new("replay of the tail", replayed, spent);
    measured.figures = vec![
        Figure::new("replay of the tail, from the page cache", unit, rates)
            .aiming_at(Target::AtLeast(2_000_000)),
        Figure::new(
            "replay of the tail, from the disk",
            unit,
            vec![per_second(jobs, took)],
        ),
    ];
    Ok(measured)
}

/// Rebuild the books; how many jobs there were behind the first commit, and how long they took.
fn replay_once(site: &Site) -> Result<(u64, Duration), BenchFault> {
    let disk = site.disk();
    let secret = JournalSecret::load(&disk)?.ok_or(BenchFault::Stopped)?;
    let secrets = Secrets::of(&secret);
    let mut first = None;
    let mut last = None;
    let mut tell = |at: crate::partition::Progress| {
        let now = (Instant::now(), at.done);
        first.get_or_insert(now);
        last = Some(now);
        ControlFlow::Continue(())
    };
    load(&disk, &secrets, Until::End, KeysWanted::Found, &mut tell)?;
    let (Some((began, from)), Some((ended, to))) = (first, last) else {
        return Err(BenchFault::Stopped);
    };
    Ok((
        to.saturating_sub(from),
        ended.saturating_duration_since(began),
    ))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::contrast::small_plan;
    use super::*;

    #[test]
    fn a_start_is_measured_beside_a_read_of_the_files_and_over_sizes() {
        let dir = tempfile::tempdir().unwrap();
        let measured = start(dir.path(), 400, 1).unwrap();
        assert_eq!(measured.count, 100 + 200 + 400);
        assert!(measured.figures[1].median() > 0 && measured.figures[1].target.is_some());
        assert_eq!(measured.series[0].points.len(), 3);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_jobs_of_the_tail_are_replayed_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let measured = replay(&small_plan(dir.path()), 1).unwrap();
        // All but those of the first commit, and the records of starts and stops.
        assert!((100..=401).contains(&measured.count), "{}", measured.count);
    }
}
