//! What a snapshot costs those who wait: the longest way from received to durable while one is
//! taken, against the longest while none is.
//!
//! Messages come at an even rate by a schedule, so that one which had to wait has waited. The
//! snapshot is built as the daemon builds it, on a thread that lets others go first.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::feeder::Age;
use super::figure::{Figure, Target, Unit};
use super::pipeline::{Course, Pace, Plan, run};
use super::rig::observer;
use super::site::Site;
use super::{BenchFault, Measured};
use crate::journal::file::{Yield, give_way};
use crate::partition::{BuildFault, Built, build};

/// What is left out at the beginning: threads start, tables grow for the first time.
const WARM: Duration = Duration::from_millis(500);
/// Most that a snapshot may add to the longest way.
const MICROS_MORE_MAX: u64 = 20_000;

/// How the load comes.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Jobs a second.
    pub rate: u64,
    /// How long before and behind the snapshot.
    pub around: Duration,
}

/// Measure with as many accounts as the plan has.
pub fn measure(plan: &Plan, load: Load, rounds: u32) -> Result<Measured, BenchFault> {
    let site = Site::with_accounts(&plan.dir, plan.accounts)?;
    let mut sides = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    let (mut jobs, mut spent) = (0_u64, Duration::ZERO);
    for round in 0..rounds.max(1) {
        // Keys of a round come behind those of the rounds before.
        let plan = Plan {
            first_key: u64::from(round).saturating_mul(KEYS_OF_A_ROUND),
            ..plan.clone()
        };
        let once = once(&site, &plan, load)?;
        let [during, without, more, took] = &mut sides;
        during.push(once.during);
        without.push(once.without);
        more.push(once.during.saturating_sub(once.without));
        took.push(once.took);
        jobs = jobs.saturating_add(once.jobs);
        spent = spent.saturating_add(once.spent);
    }
    let [during, without, more, took] = sides;
    let what = format!("snapshot of {} accounts during load", plan.accounts);
    let mut measured = Measured::new(what, jobs, spent);
    measured.figures = vec![
        Figure::new(
            "longest received → durable in a snapshot, minus that without",
            Unit::Micros,
            more,
        )
        .aiming_at(Target::AtMost(MICROS_MORE_MAX)),
        Figure::new("the longest in a snapshot", Unit::Micros, during),
        Figure::new("the longest without", Unit::Micros, without),
        Figure::new("the snapshot", Unit::Micros, took),
    ];
    measured.note("jobs per second", load.rate);
    measured.note("jobs per message", plan.per_message);
    Ok(measured)
}

/// More than any round sends.
const KEYS_OF_A_ROUND: u64 = 1_000_000_000;

struct Once {
    during: u64,
    without: u64,
    took: u64,
    jobs: u64,
    spent: Duration,
}

fn once(site: &Site, plan: &Plan, load: Load) -> Result<Once, BenchFault> {
    let observer = observer();
    let opened = site.open()?;
    let (history, secrets) = (opened.store.history(), opened.secrets.clone());
    let course = Course::of(opened);
    let stop = AtomicBool::new(false);
    let clock = observer.clock();
    thread::scope(|scope| {
        let side = scope.spawn(|| {
            thread::sleep(WARM.saturating_add(load.around));
            let began = clock.elapsed();
            let built = in_the_background(|| {
                let never = AtomicBool::new(false);
                build(history.disk(), &secrets, history.durable(), &never)
            });
            let ended = clock.elapsed();
            thread::sleep(load.around);
            stop.store(true, Ordering::Release);
            built?.map(|_| (began, ended)).ok_or(BenchFault::Stopped)
        });
        let begun = clock.elapsed().saturating_add(WARM);
        let pace = Pace::Even(load.rate, &stop);
        let fed = run(plan, course, &observer, pace, &mut |_durable| {})?;
        let (began, ended) = side.join().map_err(|_panic| BenchFault::Stopped)??;
        let counted = fed.ages.iter().filter(|age| age.received >= begun);
        let (during, without) = split(counted, began, ended);
        Ok(Once {
            during: micros(during),
            without: micros(without),
            took: micros(ended.saturating_sub(began)),
            jobs: fed.durable,
            spent: fed.took,
        })
    })
}

/// The longest way that overlapped a time, and the longest that did not.
fn split<'a>(
    ages: impl Iterator<Item = &'a Age>,
    began: Duration,
    ended: Duration,
) -> (Duration, Duration) {
    let (mut during, mut without) = (Duration::ZERO, Duration::ZERO);
    for age in ages {
        let overlaps = age.durable >= began && age.received <= ended;
        let side = if overlaps { &mut during } else { &mut without };
        *side = age.took().max(*side);
    }
    (during, without)
}

/// On a thread of its own that lets others go first: what gave way once cannot take it back.
fn in_the_background(
    work: impl FnOnce() -> Result<Option<Built>, BuildFault> + Send,
) -> Result<Option<Built>, BenchFault> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            give_way(Yield::Most)?;
            Ok(work()?)
        });
        thread.join().map_err(|_panic| BenchFault::Stopped)?
    })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::contrast::small_plan;
    use super::*;

    #[test]
    fn a_way_counts_for_the_side_that_it_overlapped() {
        let at = Duration::from_millis;
        let age = |received, durable| Age {
            received: at(received),
            durable: at(durable),
        };
        let ages = [age(0, 5), age(8, 11), age(15, 35), age(31, 40)];
        let (during, without) = split(ages.iter(), at(10), at(30));
        assert_eq!((during, without), (at(20), at(9)));
    }

    #[test]
    fn a_snapshot_is_taken_while_jobs_come() {
        let dir = tempfile::tempdir().unwrap();
        let load = Load {
            rate: 2_000,
            around: Duration::from_millis(100),
        };
        let measured = measure(&small_plan(dir.path()), load, 2).unwrap();
        assert!(measured.count > 500, "{}", measured.count);
        let [_, during, without, took] = measured.figures.as_slice() else {
            panic!("four figures");
        };
        assert!(during.least() > 0 && without.least() > 0 && took.least() > 0);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
