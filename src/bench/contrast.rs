//! The pipeline twice in one run, by turns: as it is asked about, and as it is compared with.
//!
//! Which side goes first changes from round to round. The ratio is taken within a round.

use std::time::Duration;

use super::feeder::Fed;
use super::figure::{Figure, Series, Target, Unit};
use super::load::Shape;
use super::pipeline::{Course, Pace, Plan, run};
use super::rig::{Tally, observer};
use super::room::Room;
use super::{BenchFault, Measured};

/// What a contrast is about.
#[derive(Clone, Debug)]
pub struct Contrast {
    /// Name of the figure.
    pub what: String,
    /// The side that is asked about.
    pub one: Plan,
    /// The side that it is compared with.
    pub other: Plan,
    /// Legs or jobs that count as one, on each side.
    pub weights: (u64, u64),
    /// What is counted.
    pub things: &'static str,
    /// Hundredths of the other side's throughput that the one side is meant to reach.
    pub least: u64,
}

/// Many jobs in one message, and few where they are large.
const LARGE_PER_MESSAGE: u32 = 10;

impl Contrast {
    /// The hottest account takes every job.
    pub fn hot(plan: Plan) -> Self {
        let what = "hottest account takes every job, against uniform";
        Self::shaped(what, plan, Shape::Hot, 95)
    }

    /// Refused without end.
    pub fn rejections(plan: Plan) -> Self {
        let what = "every job refused, against every job posted";
        Self::shaped(what, plan, Shape::Refused, 90)
    }

    /// The same accounts in many books.
    pub fn books(plan: Plan, books: u32) -> Self {
        let what = format!("{books} books by turns, against one with as many accounts");
        Self::shaped(what, plan, Shape::Books(books), 90)
    }

    /// Many accounts against few.
    pub fn accounts(plan: Plan, many: u32) -> Self {
        let other = Plan {
            spread: true,
            ..plan
        };
        let what = format!("{many} accounts against {}, uniform", other.accounts);
        let one = Plan {
            accounts: many,
            ..other.clone()
        };
        Self {
            what,
            one,
            other,
            weights: (1, 1),
            things: "jobs",
            least: 60,
        }
    }

    /// Entries of many legs against those of two, leg by leg.
    pub fn large(plan: Plan, legs: u32) -> Self {
        let jobs = plan
            .jobs
            .saturating_mul(2)
            .div_euclid(u64::from(legs.max(2)));
        let one = Plan {
            jobs: jobs.max(u64::from(LARGE_PER_MESSAGE)),
            per_message: LARGE_PER_MESSAGE,
            shape: Shape::Legs(legs),
            ..plan.clone()
        };
        Self {
            what: format!("entries of {legs} legs against those of two, by legs"),
            one,
            other: plan,
            weights: (u64::from(legs), 2),
            things: "legs",
            least: 100,
        }
    }

    fn shaped(what: impl Into<String>, plan: Plan, shape: Shape, least: u64) -> Self {
        let one = Plan {
            shape,
            ..plan.clone()
        };
        Self {
            what: what.into(),
            one,
            other: plan,
            weights: (1, 1),
            things: "jobs",
            least,
        }
    }

    /// Run both sides so often.
    pub fn measure(&self, rounds: u32) -> Result<Measured, BenchFault> {
        let (ones, others) =
            alternating(rounds, &mut || once(&self.one), &mut || once(&self.other))?;
        let rates = |sides: &[Fed], weight: u64| -> Vec<u64> {
            let rate = |fed: &Fed| fed.per_second().saturating_mul(weight);
            sides.iter().map(rate).collect()
        };
        let (ones_rates, others_rates) =
            (rates(&ones, self.weights.0), rates(&others, self.weights.1));
        let unit = Unit::PerSecond(self.things);
        let mut measured = total(&self.what, &ones);
        measured.figures = vec![
            Figure::ratio(self.what.as_str(), &ones_rates, &others_rates)
                .aiming_at(Target::AtLeast(self.least)),
            Figure::new("the one side", unit, ones_rates),
            Figure::new("the other side", unit, others_rates),
        ];
        Ok(measured)
    }
}

/// Sum of all runs of a side.
pub(super) fn total(what: &str, runs: &[Fed]) -> Measured {
    let jobs = runs.iter().map(|fed| fed.durable).sum();
    let took: Duration = runs.iter().map(|fed| fed.took).sum();
    Measured::new(what, jobs, took)
}

type Side<'a, T> = &'a mut dyn FnMut() -> Result<T, BenchFault>;

/// Two sides by turns; each side's results in the order of the rounds.
pub(super) fn alternating<T>(
    rounds: u32,
    one: Side<'_, T>,
    other: Side<'_, T>,
) -> Result<(Vec<T>, Vec<T>), BenchFault> {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for round in 0..rounds.max(1) {
        if round.is_multiple_of(2) {
            ones.push(one()?);
            others.push(other()?);
        } else {
            others.push(other()?);
            ones.push(one()?);
        }
    }
    Ok((ones, others))
}

/// One run of a plan, in a directory of its own below the plan's.
pub(super) fn once(plan: &Plan) -> Result<Fed, BenchFault> {
    let room = Room::make(&plan.dir)?;
    let plan = Plan {
        dir: room.path().to_owned(),
        ..plan.clone()
    };
    let course = Course::new(&plan, &Tally::shared())?;
    run(&plan, course, &observer(), Pace::Full, &mut |_durable| {})
}

/// Throughput for messages of one job up to those of thousands.
pub fn batches(plan: &Plan, sizes: &[u32], rounds: u32) -> Result<Measured, BenchFault> {
    let mut points = Vec::new();
    let mut figures = Vec::new();
    let mut all = Vec::new();
    for size in sizes {
        // As many messages inside as make the same number of jobs, as far as a prefetch goes.
        let inside = plan.prefetch.saturating_mul(in_memory(plan.per_message));
        let inside = inside.div_euclid(in_memory(*size)).clamp(2, MESSAGES_MAX);
        let plan = Plan {
            per_message: *size,
            prefetch: inside,
            ..plan.clone()
        };
        let mut rates = Vec::new();
        for _ in 0..rounds.max(1) {
            let fed = once(&plan)?;
            rates.push(fed.per_second());
            all.push(fed);
        }
        let what = format!("messages of {size} jobs");
        let figure = Figure::new(what, Unit::PerSecond("jobs"), rates);
        points.push((u64::from(*size), figure.median()));
        figures.push(figure);
    }
    let mut measured = total("throughput over batch size", &all);
    measured.figures = figures;
    measured.series.push(Series {
        name: "throughput over batch size".to_owned(),
        line: String::new(),
        across: "jobs of a message",
        up: "jobs/s",
        points,
    });
    Ok(measured)
}

/// Messages inside at a time, at the most: the daemon's prefetch.
const MESSAGES_MAX: usize = 2_000;

fn in_memory(count: u32) -> usize {
    usize::try_from(count.max(1)).unwrap_or(1)
}

/// A plan in a directory, for tests of a few hundred jobs.
#[cfg(test)]
pub(super) fn small_plan(dir: &std::path::Path) -> Plan {
    Plan {
        jobs: 400,
        per_message: 20,
        prefetch: 4,
        accounts: 100,
        shape: Shape::Even,
        spread: false,
        dir: dir.to_owned(),
        seed: 1,
        first_key: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_side_that_goes_first_changes_from_round_to_round() {
        let order = std::cell::RefCell::new(String::new());
        let side = |name: char| {
            order.borrow_mut().push(name);
            Ok(name)
        };
        let other = |name: char| {
            order.borrow_mut().push(name);
            Ok(name)
        };
        let (ones, others) = alternating(3, &mut || side('a'), &mut || other('b')).unwrap();
        assert_eq!(order.into_inner(), "abbaab");
        assert_eq!((ones.len(), others.len()), (3, 3));
    }

    #[test]
    fn every_contrast_gives_a_ratio_beside_its_target() {
        let dir = tempfile::tempdir().unwrap();
        let plan = || small_plan(dir.path());
        for contrast in [
            Contrast::hot(plan()),
            Contrast::rejections(plan()),
            Contrast::books(plan(), 5),
            Contrast::accounts(plan(), 12_000),
            Contrast::large(plan(), 100),
        ] {
            let measured = contrast.measure(1).unwrap();
            let ratio = measured.figures.first().unwrap();
            assert!(ratio.median() > 0 && ratio.target.is_some(), "{ratio:?}");
            assert_eq!(measured.figures.len(), 3);
        }
        let left = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 0, "every run removes what it wrote");
    }

    #[test]
    fn a_job_that_counts_is_durable_whatever_the_size_of_its_message() {
        let dir = tempfile::tempdir().unwrap();
        let measured = batches(&small_plan(dir.path()), &[1, 50], 1).unwrap();
        assert_eq!(measured.count, 800);
        assert_eq!(measured.series[0].points.len(), 2);
    }
}
