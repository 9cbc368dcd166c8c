//! The only place that talks to the `metrics` crate: names from the catalogue to handles.
//!
//! Every [`Register`] has a recorder of its own and nothing is global, so a process can have as
//! many as it likes, which tests do. A name or a label that is not in the catalogue gives a handle
//! that counts nothing; a test looks for such holes in a scrape.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::metrics::{Counter, Gauge, Key, KeyName, Label, Level as Weight, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::catalogue::{self, METRICS};
use super::metric::Kind;

const METADATA: Metadata<'static> = Metadata::new("kontor", Weight::INFO, None);

/// A recorder with all descriptions in place.
pub(super) struct Register {
    recorder: PrometheusRecorder,
    /// Pairs of kind and code have no bound of their own: both are closed lists, and a counter left
    /// out would break the sum that completeness rests on.
    counters: Mutex<BTreeMap<(&'static str, Vec<String>), Counter>>,
    dropped: Counter,
}

impl Register {
    pub(super) fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        for metric in METRICS.iter().filter(|metric| metric.fed) {
            let (name, help) = (KeyName::from_const_str(metric.name), metric.help.into());
            match metric.kind {
                Kind::Counter => recorder.describe_counter(name, None, help),
                Kind::Gauge => recorder.describe_gauge(name, None, help),
                Kind::Histogram(_) => {}
            }
        }
        let dropped = Key::from_static_name("kontor_metrics_series_dropped_total");
        let dropped = recorder.register_counter(&dropped, &METADATA);
        Self {
            recorder,
            counters: Mutex::default(),
            dropped,
        }
    }

    pub(super) fn handle(&self) -> PrometheusHandle {
        self.recorder.handle()
    }

    pub(super) fn counter(&self, name: &'static str, labels: &[&str]) -> Counter {
        key(name, labels, Kind::Counter).map_or_else(Counter::noop, |key| {
            self.recorder.register_counter(&key, &METADATA)
        })
    }

    pub(super) fn level(&self, name: &'static str, labels: &[&str]) -> Level {
        let gauge = key(name, labels, Kind::Gauge).map_or_else(Gauge::noop, |key| {
            self.recorder.register_gauge(&key, &METADATA)
        });
        Level(gauge)
    }

    /// A counter whose labels are only known when they occur.
    pub(super) fn counter_seen(&self, name: &'static str, labels: &[&str]) -> Counter {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (name, labels.iter().map(ToString::to_string).collect());
        counters
            .entry(place)
            .or_insert_with(|| self.counter(name, labels))
            .clone()
    }

    /// A series is not shown because there would be too many.
    pub(super) fn left_out(&self) {
        self.dropped.increment(1);
    }
}

/// The key, if the catalogue knows this name with this type and so many labels.
fn key(name: &'static str, labels: &[&str], kind: Kind) -> Option<Key> {
    let metric = catalogue::find(name)?;
    if !metric.fed || metric.kind != kind || metric.labels.len() != labels.len() {
        return None;
    }
    let pairs = metric.labels.iter().zip(labels);
    let labels: Vec<Label> = pairs
        .map(|(name, value)| Label::new(*name, (*value).to_owned()))
        .collect();
    Some(Key::from_parts(name, labels))
}

/// A gauge that takes our integers. What it shows is a 64-bit float: exact up to 2^53.
#[derive(Debug, Clone)]
pub struct Level(Gauge);

impl Level {
    /// Show this number.
    pub fn set(&self, value: u64) {
        self.0.set(float(value));
    }

    /// Show this many seconds.
    pub fn set_seconds(&self, value: Duration) {
        self.0.set(value.as_secs_f64());
    }

    /// Show an amount of minor units in major units, for looking at: cents are exact up to 2^53.
    #[expect(clippy::float_arithmetic, reason = "a figure for a graph, never money")]
    pub fn set_amount(&self, minor: i128, decimals: u8) {
        let minor = i64::try_from(minor).unwrap_or(if minor < 0 { i64::MIN } else { i64::MAX });
        let scale = 10_u64.saturating_pow(u32::from(decimals));
        self.0.set(float_signed(minor) / float(scale));
    }

    /// Show 1 or 0.
    pub fn set_switch(&self, yes: bool) {
        self.0.set(if yes { 1.0 } else { 0.0 });
    }

    /// Show which part of a whole is taken.
    #[expect(clippy::float_arithmetic, reason = "a ratio for a graph, never money")]
    pub fn set_ratio(&self, part: usize, whole: usize) {
        let (part, whole) = (u64::try_from(part), u64::try_from(whole));
        if let (Ok(part), Ok(whole @ 1..)) = (part, whole) {
            self.0.set(float(part) / float(whole));
        }
    }

    /// One more. Several partitions may share a level that is a sum.
    pub fn add(&self, more: u64) {
        self.0.increment(float(more));
    }

    /// One less.
    pub fn subtract(&self, less: u64) {
        self.0.decrement(float(less));
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "samples are floats"
)]
fn float(value: u64) -> f64 {
    value as f64
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "samples are floats"
)]
fn float_signed(value: i64) -> f64 {
    value as f64
}
