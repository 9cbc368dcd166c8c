//! Distributions with fixed buckets.
//!
//! The exporter's own histograms keep every sample until somebody drains them: at a million jobs a
//! second that is memory without a bound, and time when it is drained. These keep one count per
//! bucket, take many equal samples in one step, and write the text of a scrape themselves. A lock
//! is held for a few additions; stations record once per batch or delivery, not per job.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::metric::{Buckets, Kind, Metric};

/// How long things took.
#[derive(Debug, Clone)]
pub struct Durations(Histogram);

impl Durations {
    pub(super) fn new(bounds: &'static [u64]) -> Self {
        Self(Histogram::new(bounds))
    }

    /// One thing took so long.
    pub fn record(&self, took: Duration) {
        self.record_many(took, 1);
    }

    /// Many things took so long, such as all jobs of one delivery.
    pub fn record_many(&self, took: Duration, times: u64) {
        self.0
            .record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), times);
    }
}

/// How many there were.
#[derive(Debug, Clone)]
pub struct Numbers(Histogram);

impl Numbers {
    pub(super) fn new(bounds: &'static [u64]) -> Self {
        Self(Histogram::new(bounds))
    }

    /// There were so many.
    pub fn record(&self, number: u64) {
        self.0.record(number, 1);
    }
}

#[derive(Debug, Clone)]
struct Histogram {
    bounds: &'static [u64],
    counted: Arc<Mutex<Counted>>,
}

#[derive(Debug, Clone)]
struct Counted {
    /// One more than there are bounds; the last is for what is above all of them.
    counts: Vec<u64>,
    /// Wide enough for every nanosecond that any number of jobs can wait.
    sum: u128,
}

impl Histogram {
    fn new(bounds: &'static [u64]) -> Self {
        let counts = vec![0; bounds.len().saturating_add(1)];
        Self {
            bounds,
            counted: Arc::new(Mutex::new(Counted { counts, sum: 0 })),
        }
    }

    fn record(&self, value: u64, times: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = u128::from(value).saturating_mul(u128::from(times));
        counted.sum = counted.sum.saturating_add(sum);
        if let Some(count) = counted.counts.get_mut(bucket) {
            *count = count.saturating_add(times);
        }
    }

    fn counted(&self) -> Counted {
        self.counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A histogram of either kind with its metric, for the scrape.
#[derive(Debug)]
pub(super) struct Shown {
    metric: &'static Metric,
    histogram: Histogram,
}

impl Shown {
    pub(super) fn durations(metric: &'static Metric, durations: &Durations) -> Self {
        Self {
            metric,
            histogram: durations.0.clone(),
        }
    }

    pub(super) fn numbers(metric: &'static Metric, numbers: &Numbers) -> Self {
        Self {
            metric,
            histogram: numbers.0.clone(),
        }
    }

    /// Append the lines of a scrape. All of them are of one moment.
    pub(super) fn render(&self, out: &mut String) -> std::fmt::Result {
        let Metric { name, help, .. } = self.metric;
        let Counted { counts, sum } = self.histogram.counted();
        writeln!(out, "# HELP {name} {help}\n# TYPE {name} histogram")?;
        let mut total: u64 = 0;
        for (bound, count) in self.histogram.bounds.iter().zip(&counts) {
            total = total.saturating_add(*count);
            let bound = self.metric.bound_text(*bound);
            writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {total}")?;
        }
        let total = counts
            .iter()
            .fold(0_u64, |sum, count| sum.saturating_add(*count));
        writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {total}")?;
        writeln!(
            out,
            "{name}_sum {}\n{name}_count {total}\n",
            self.sum_text(sum)
        )
    }

    /// Exact, whatever its size: seconds with nine digits after the point.
    fn sum_text(&self, sum: u128) -> String {
        const NANOS: u128 = 1_000_000_000;
        match self.metric.kind {
            Kind::Histogram(Buckets::Seconds(_)) => {
                format!("{}.{:09}", sum.div_euclid(NANOS), sum.rem_euclid(NANOS))
            }
            Kind::Histogram(Buckets::Numbers(_)) | Kind::Counter | Kind::Gauge => sum.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::find;
    use super::*;

    fn text(shown: &Shown) -> String {
        let mut out = String::new();
        shown.render(&mut out).unwrap();
        out
    }

    fn lines(out: &str, expected: &[&str]) {
        for line in expected {
            assert!(
                out.lines().any(|found| found == *line),
                "missing: {line}\n{out}"
            );
        }
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let metric = find("kontor_fdatasync_duration_seconds").unwrap();
        let durations = Durations::new(metric.bounds());
        durations.record(Duration::from_micros(250));
        durations.record_many(Duration::from_nanos(250_001), 4);
        durations.record(Duration::from_secs(11));
        let out = text(&Shown::durations(metric, &durations));
        let name = "kontor_fdatasync_duration_seconds";
        lines(
            &out,
            &[
                &format!("{name}_bucket{{le=\"0.0001\"}} 0"),
                &format!("{name}_bucket{{le=\"0.00025\"}} 1"),
                &format!("{name}_bucket{{le=\"0.0005\"}} 5"),
                &format!("{name}_bucket{{le=\"10\"}} 5"),
                &format!("{name}_bucket{{le=\"+Inf\"}} 6"),
                &format!("{name}_sum 11.001250004"),
                &format!("{name}_count 6"),
            ],
        );
    }

    #[test]
    fn numbers_are_not_seconds() {
        let metric = find("kontor_batch_jobs").unwrap();
        let numbers = Numbers::new(metric.bounds());
        numbers.record(1);
        numbers.record(500);
        let out = text(&Shown::numbers(metric, &numbers));
        lines(
            &out,
            &[
                "# TYPE kontor_batch_jobs histogram",
                "kontor_batch_jobs_bucket{le=\"1\"} 1",
                "kontor_batch_jobs_bucket{le=\"1024\"} 2",
                "kontor_batch_jobs_sum 501",
            ],
        );
    }

    #[test]
    fn a_sum_of_centuries_does_not_wrap() {
        let metric = find("kontor_job_latency_seconds").unwrap();
        let durations = Durations::new(metric.bounds());
        durations.record_many(Duration::from_hours(500 * 365 * 24), 1_000_000);
        let out = text(&Shown::durations(metric, &durations));
        assert!(out.contains("_sum 15768000000000000.000000000"), "{out}");
    }
}
