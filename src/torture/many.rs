//! Many seeds, on many threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::fault::Tally;
use super::run::{Bench, Report, run};
use super::sabotage::Sabotage;
use crate::settings::SettingsFault;
use crate::time::{Clock, SystemClock};

/// Which seeds to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The first.
    pub first: u64,
    /// How many; without end if none.
    pub seeds: Option<u64>,
    /// How long.
    pub time: Option<Duration>,
    /// Threads.
    pub threads: usize,
    /// Findings after which to stop.
    pub findings_max: usize,
    /// A mistake to put in.
    pub sabotage: Option<Sabotage>,
}

/// What they came to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Seeds run.
    pub seeds: u64,
    /// Steps made.
    pub steps: u64,
    /// Lives of the daemon.
    pub lives: u64,
    /// Messages sent.
    pub messages: u64,
    /// Outcomes recorded.
    pub outcomes: u64,
    /// Faults that happened.
    pub tally: Tally,
    /// Seeds that found something, ascending.
    pub findings: Vec<Report>,
    /// How long it took.
    pub took: Duration,
}

impl Summary {
    fn add(&mut self, report: Report) {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        self.seeds = self.seeds.saturating_add(1);
        self.steps = self.steps.saturating_add(report.steps);
        self.lives = self.lives.saturating_add(report.lives);
        self.messages = self.messages.saturating_add(count(report.messages));
        self.outcomes = self.outcomes.saturating_add(count(report.outcomes));
        for (fault, times) in &report.tally {
            let known = self.tally.entry(*fault).or_default();
            *known = known.saturating_add(*times);
        }
        if report.finding.is_some() {
            self.findings.push(report);
            self.findings.sort_by_key(|report| report.seed);
        }
    }
}

/// What the threads share.
struct Shared<'a> {
    plan: Plan,
    next: AtomicU64,
    enough: AtomicBool,
    clock: SystemClock,
    summary: Mutex<Summary>,
    tell: &'a (dyn Fn(&Summary) + Sync),
}

/// Run them. `tell` hears of every seed that has ended, `begun` of every one that begins.
pub fn many(
    plan: Plan,
    begun: &(dyn Fn(u64) + Sync),
    tell: &(dyn Fn(&Summary) + Sync),
) -> Result<Summary, SettingsFault> {
    let shared = Shared {
        plan,
        next: AtomicU64::new(0),
        enough: AtomicBool::new(false),
        clock: SystemClock::new(),
        summary: Mutex::new(Summary::default()),
        tell,
    };
    let benches = (0..plan.threads.max(1)).map(|_| Bench::new());
    let benches = benches.collect::<Result<Vec<Bench>, _>>()?;
    std::thread::scope(|scope| {
        for bench in &benches {
            scope.spawn(|| shared.work(bench, begun));
        }
    });
    let summary = shared.summary.into_inner();
    let mut summary = summary.unwrap_or_else(PoisonError::into_inner);
    summary.took = shared.clock.elapsed();
    Ok(summary)
}

impl Shared<'_> {
    fn work(&self, bench: &Bench, begun: &(dyn Fn(u64) + Sync)) {
        let Plan {
            first,
            seeds,
            time,
            findings_max,
            sabotage,
            ..
        } = self.plan;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let over = seeds.is_some_and(|seeds| number >= seeds)
                || time.is_some_and(|time| self.clock.elapsed() >= time)
                || self.enough.load(Ordering::Relaxed);
            if over {
                return;
            }
            let seed = first.wrapping_add(number);
            begun(seed);
            let report = run(bench, seed, sabotage);
            let mut summary = self.summary.lock().unwrap_or_else(PoisonError::into_inner);
            summary.add(report);
            if summary.findings.len() >= findings_max {
                self.enough.store(true, Ordering::Relaxed);
            }
            (self.tell)(&summary);
        }
    }
}
