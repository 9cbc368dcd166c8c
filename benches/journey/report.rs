//! What the rounds gave, as figures beside their targets.

use kontor::bench::figure::{Figure, Series, Target, Unit};

use super::Contender;

/// What a run is called, and what it is compared with: the other side and the least ratio, in
/// hundredths.
pub(crate) struct Row {
    pub(crate) who: Contender,
    pub(crate) name: &'static str,
    versus: Option<(Contender, &'static str, u64)>,
    /// Jobs a second that it is meant to reach.
    least: Option<u64>,
}

/// Contenders that have a rate.
pub(crate) const ROWS: [Row; 9] = [
    row(Contender::Bare, "bare consumer", None),
    row(
        Contender::KontorOff,
        "kontor, outcomes off",
        Some((Contender::Bare, "of the bare consumer", 90)),
    ),
    row(
        Contender::KontorBatched,
        "kontor, outcomes batched",
        Some((Contender::Bare, "of the bare consumer", 85)),
    ),
    row(Contender::Relay, "bare relay with confirms", None),
    row(
        Contender::KontorEach,
        "kontor, an outcome each",
        Some((Contender::Relay, "of the relay", 90)),
    ),
    row(Contender::First, "worker with PostgreSQL", None),
    row(
        Contender::Tuned,
        "worker with PostgreSQL, 8 connections",
        None,
    ),
    Row {
        least: Some(200_000),
        ..row(Contender::Lines, "kontor, 1,000 jobs as ndjson", None)
    },
    Row {
        least: Some(500_000),
        ..row(Contender::Binary, "kontor, 1,000 jobs as binary", None)
    },
];

const fn row(
    who: Contender,
    name: &'static str,
    versus: Option<(Contender, &'static str, u64)>,
) -> Row {
    Row {
        who,
        name,
        versus,
        least: None,
    }
}

/// Everything that was measured, round by round.
#[derive(Default)]
pub(crate) struct Measurements {
    rates: Vec<(Contender, u64)>,
    /// Microseconds: kontor, the relay, one sync; medians of one job at a time.
    latencies: Vec<[u64; 3]>,
    loads: Vec<Load>,
    /// Hundredths of a percent of one core.
    idle: Vec<u64>,
}

/// One load of one round; all times in microseconds.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Hundredths of the saturation rate.
    pub(crate) share: u64,
    pub(crate) rate: u64,
    pub(crate) outcome_median: u64,
    pub(crate) outcome_p99: u64,
    pub(crate) durable_median: u64,
    pub(crate) durable_p99: u64,
    pub(crate) sync_p99: u64,
}

/// The share of the saturation rate that the target speaks of.
pub(crate) const HALF: u64 = 50;

impl Measurements {
    pub(crate) fn rate(&mut self, who: Contender, rate: u64) {
        self.rates.push((who, rate));
    }

    pub(crate) fn latency(&mut self, kontor: u64, relay: u64, sync: u64) {
        self.latencies.push([kontor, relay, sync]);
    }

    pub(crate) fn load(&mut self, load: Load) {
        self.loads.push(load);
    }

    pub(crate) fn idle(&mut self, share: u64) {
        self.idle.push(share);
    }

    /// All of it.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        for row in &ROWS {
            let rates = self.of(row.who);
            if rates.is_empty() {
                continue;
            }
            let unit = Unit::PerSecond("jobs");
            let mut rate = Figure::new(row.name, unit, rates.clone());
            rate.target = row.least.map(Target::AtLeast);
            figures.push(rate);
            let Some((other, words, least)) = row.versus else {
                continue;
            };
            let others = self.of(other);
            if !others.is_empty() {
                let what = format!("{}, {words}", row.name);
                let ratio = Figure::ratio(what, &rates, &others);
                figures.push(ratio.aiming_at(Target::AtLeast(least)));
            }
        }
        let (off, first) = (self.of(Contender::KontorOff), self.of(Contender::First));
        if !off.is_empty() && !first.is_empty() {
            let what = "kontor, outcomes off, in times of the worker with PostgreSQL";
            figures.push(Figure::ratio(what, &off, &first).aiming_at(Target::AtLeast(2_000)));
        }
        figures.extend(self.of_latency());
        figures.extend(self.of_loads());
        if !self.idle.is_empty() {
            let what = "idle daemon, of one core";
            let idle = Figure::new(what, Unit::Percent, self.idle.clone());
            figures.push(idle.aiming_at(Target::AtMost(50)));
        }
        figures
    }

    /// Latency over load.
    pub(crate) fn series(&self) -> Vec<Series> {
        let mut shares: Vec<u64> = self.loads.iter().map(|load| load.share).collect();
        shares.sort_unstable();
        shares.dedup();
        let line = |name: &str, of: fn(&Load) -> u64| {
            let points = shares.iter().map(|share| {
                let of_share = || self.loads.iter().filter(|load| load.share == *share);
                let middle = |of: &dyn Fn(&Load) -> u64| {
                    Figure::new("", Unit::Micros, of_share().map(of).collect()).median()
                };
                (middle(&|load| load.rate), middle(&of))
            });
            Series {
                name: "latency over load".to_owned(),
                line: name.to_owned(),
                across: "jobs/s",
                up: "µs from due to outcome",
                points: points.collect(),
            }
        };
        if shares.is_empty() {
            return Vec::new();
        }
        vec![
            line("p50", |load| load.outcome_median),
            line("p99", |load| load.outcome_p99),
        ]
    }

    fn of(&self, who: Contender) -> Vec<u64> {
        let of_one = self.rates.iter().filter(|(other, _)| *other == who);
        of_one.map(|(_, rate)| *rate).collect()
    }

    fn of_latency(&self) -> Vec<Figure> {
        if self.latencies.is_empty() {
            return Vec::new();
        }
        let part = |of: fn(&[u64; 3]) -> u64| self.latencies.iter().map(of).collect::<Vec<_>>();
        let (kontor, relay) = (part(|all| all[0]), part(|all| all[1]));
        let (sync, floor) = (part(|all| all[2]), part(|all| all[1] + all[2]));
        vec![
            Figure::ratio(
                "publish → outcome, in times of fdatasync and relay",
                &kontor,
                &floor,
            )
            .aiming_at(Target::AtMost(150)),
            Figure::new(
                "publish → outcome, one at a time, p50",
                Unit::Micros,
                kontor,
            ),
            Figure::new("the same through a bare relay, p50", Unit::Micros, relay),
            Figure::new("fdatasync of 4 KiB, p50", Unit::Micros, sync),
        ]
    }

    fn of_loads(&self) -> Vec<Figure> {
        let half = || self.loads.iter().filter(|load| load.share == HALF);
        if half().next().is_none() {
            return Vec::new();
        }
        let part = |of: fn(&Load) -> u64| half().map(of).collect::<Vec<_>>();
        let figure = |what, of| Figure::new(what, Unit::Micros, part(of));
        vec![
            Figure::ratio(
                "at half the saturation rate: p99 received → durable, in times of fdatasync's",
                &part(|load| load.durable_p99),
                &part(|load| load.sync_p99),
            )
            .aiming_at(Target::AtMost(300)),
            Figure::new(
                "half the saturation rate",
                Unit::PerSecond("jobs"),
                part(|l| l.rate),
            ),
            figure(
                "received → durable, then acknowledged, p50 at most",
                |load| load.durable_median,
            ),
            figure(
                "received → durable, then acknowledged, p99 at most",
                |load| load.durable_p99,
            ),
            figure("fdatasync of 4 KiB, p99", |load| load.sync_p99),
            figure("due → outcome, p50", |load| load.outcome_median),
            figure("due → outcome, p99", |load| load.outcome_p99),
        ]
    }
}
