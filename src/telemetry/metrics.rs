//! Handles for everything kontor counts, made once.
//!
//! A handle is an atomic number: counting costs nanoseconds and never a look-up. What is indexed by
//! kind and code goes through a small map, so stations add up a batch first and count once.
//! Counters of jobs are moved only for what is durable.

use std::collections::BTreeMap;
use std::time::Duration;

use ::metrics::Counter;
use metrics_exporter_prometheus::PrometheusHandle;

mod process;

use super::catalogue;
use super::histogram::{Durations, Numbers, Shown};
use super::metric::Metric;
use super::register::{Level, Register};
use super::shared::{Figure, Figures, SharedLevels};
use process::Process;

/// What is known before the first job.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Version of the package.
    pub version: &'static str,
    /// Commit it was built from.
    pub commit: &'static str,
    /// When the daemon started, since 1970.
    pub started: Duration,
    /// Partitions of this process.
    pub partitions: Vec<u16>,
    /// Names of all kinds.
    pub kinds: Vec<&'static str>,
    /// Codes that a dead letter may have.
    pub dead_letter_codes: Vec<&'static str>,
}

/// Everything that is counted. Share it in an `Arc`.
pub struct Metrics {
    register: Register,
    shared: SharedLevels,
    handle: PrometheusHandle,
    partitions: BTreeMap<u16, Partition>,
    kinds: BTreeMap<&'static str, Kind>,
    /// What stations measure about themselves.
    pub stations: Stations,
    /// The journal.
    pub journal: Journal,
    /// The way out.
    pub outbox: Outbox,
    /// The connection that jobs come in on.
    pub intake: Connection,
    /// The connection that outcomes leave on.
    pub publish: Connection,
    /// `kontor_completeness_difference`, a sum over all partitions.
    pub completeness_difference: Level,
    /// `kontor_standby`.
    pub standby: Level,
    /// `kontor_config_reload_success`.
    pub config_reload_success: Level,
    /// `kontor_recovery_duration_seconds`.
    pub recovery_duration: Level,
    process: Process,
    histograms: Vec<Shown>,
}

/// One partition.
pub struct Partition {
    /// Deliveries seen for the first time.
    pub deliveries_first: Counter,
    /// Deliveries the broker marks as redelivered.
    pub deliveries_again: Counter,
    /// `kontor_jobs_received_total`.
    pub jobs_received: Counter,
    /// `kontor_unacked_deliveries`.
    pub unacked: Level,
    /// `kontor_oldest_unacked_seconds`.
    pub oldest_unacked: Level,
    /// Acknowledgements of one delivery.
    pub acknowledgements_single: Counter,
    /// Acknowledgements of all up to one.
    pub acknowledgements_multiple: Counter,
    /// `kontor_durable_sequence`.
    pub durable_sequence: Level,
    /// The rings into decode, post and persist: `p0.decode`, `p0.post`, `p0.persist`.
    pub rings: [Ring; 3],
}

/// One ring.
pub struct Ring {
    /// `kontor_ring_occupancy_ratio`.
    pub occupancy: Level,
    /// `kontor_ring_full_waits_total`.
    pub full_waits: Counter,
}

/// One kind of job.
pub struct Kind {
    /// `kontor_jobs_posted_total`.
    pub posted: Counter,
    /// `kontor_jobs_duplicate_total`.
    pub duplicate: Counter,
    /// `kontor_entries_total`.
    pub entries: Counter,
}

/// Measured on the way.
pub struct Stations {
    /// `kontor_queue_age_seconds`.
    pub queue_age: Durations,
    /// `kontor_decode_duration_seconds`.
    pub decode_duration: Durations,
    /// `kontor_batch_jobs`.
    pub batch_jobs: Numbers,
    /// `kontor_post_duration_seconds`.
    pub post_duration: Durations,
    /// `kontor_persist_duration_seconds`.
    pub persist_duration: Durations,
    /// `kontor_fdatasync_duration_seconds`.
    pub fdatasync_duration: Durations,
    /// `kontor_job_latency_seconds`.
    pub job_latency: Durations,
    /// `kontor_booking_lag_days`.
    pub booking_lag_days: Numbers,
    /// `kontor_legs_total`.
    pub legs: Counter,
    /// `kontor_stale_acknowledgements_total`.
    pub stale_acknowledgements: Counter,
}

/// The journal on disk.
pub struct Journal {
    /// `kontor_journal_bytes_total`.
    pub bytes: Counter,
    /// `kontor_journal_size_bytes`.
    pub size_bytes: Level,
    /// `kontor_journal_free_bytes`.
    pub free_bytes: Level,
    /// `kontor_snapshot_timestamp_seconds`.
    pub snapshot_timestamp: Level,
    /// `kontor_snapshot_duration_seconds`.
    pub snapshot_duration: Durations,
}

/// Durable outcomes on their way out.
pub struct Outbox {
    /// `kontor_outcome_latency_seconds`.
    pub latency: Durations,
    /// Confirmed.
    pub acked: Counter,
    /// Refused by the broker; sent again.
    pub nacked: Counter,
    /// Nobody was bound.
    pub returned: Counter,
    /// `kontor_replies_refused_total`.
    pub replies_refused: Counter,
}

/// The connections of one role, over all partitions.
pub struct Connection {
    /// `kontor_amqp_connected`: add one when up, subtract one when lost.
    pub connected: Level,
    /// `kontor_amqp_blocked`: likewise.
    pub blocked: Level,
    /// `kontor_amqp_reconnects_total`.
    pub reconnects: Counter,
}

/// Gauges without labels that every partition gives a figure for, see [`Metrics::put`].
const SHARED: [&str; 7] = [
    "kontor_accounts",
    "kontor_holds_open",
    "kontor_approvals_pending",
    "kontor_books_out_of_balance",
    "kontor_outbox_pending",
    "kontor_outbox_oldest_seconds",
    CHAIN_VERIFIED,
];
const CHAIN_VERIFIED: &str = "kontor_chain_verified_timestamp_seconds";

/// Document types that can be open.
pub const DOCUMENT_TYPES: [&str; 2] = ["invoice", "payment"];
/// States of a settlement instruction.
pub const INSTRUCTION_STATES: [&str; 5] = [
    "pending",
    "failing",
    "partially_settled",
    "settled",
    "cancelled",
];
/// Age of a failing instruction in business days.
pub const FAIL_BUCKETS: [&str; 5] = ["0", "1", "2-4", "5-9", "10+"];
/// Days past due of a receivable.
pub const RECEIVABLE_BUCKETS: [&str; 5] = ["not_due", "1-30", "31-60", "61-90", "90+"];
/// Age of money without owner in days.
pub const UNALLOCATED_BUCKETS: [&str; 4] = ["0-1", "2-5", "6-30", "30+"];

impl Metrics {
    /// All handles, every series with known labels at zero.
    pub fn new(known: &Known) -> Self {
        let register = Register::new();
        let mut histograms = Histograms::default();
        register
            .level("kontor_build_info", &[known.version, known.commit])
            .set(1);
        register
            .level("kontor_start_time_seconds", &[])
            .set_seconds(known.started);
        for code in &known.dead_letter_codes {
            register
                .counter_seen("kontor_dead_letters_total", &[code])
                .increment(0);
        }
        known_levels(&register, "kontor_documents_open", &DOCUMENT_TYPES);
        known_levels(
            &register,
            "kontor_settlement_instructions",
            &INSTRUCTION_STATES,
        );
        known_levels(&register, "kontor_fails_age", &FAIL_BUCKETS);
        for name in SHARED {
            register.level(name, &[]);
        }
        let metrics = Self {
            handle: register.handle(),
            partitions: known
                .partitions
                .iter()
                .map(|p| (*p, partition(&register, *p)))
                .collect(),
            kinds: known
                .kinds
                .iter()
                .map(|name| (*name, kind(&register, name)))
                .collect(),
            stations: stations(&register, &mut histograms),
            journal: journal(&register, &mut histograms),
            outbox: outbox(&register, &mut histograms),
            intake: connection(&register, "intake"),
            publish: connection(&register, "publish"),
            completeness_difference: register.level("kontor_completeness_difference", &[]),
            standby: register.level("kontor_standby", &[]),
            config_reload_success: register.level("kontor_config_reload_success", &[]),
            recovery_duration: register.level("kontor_recovery_duration_seconds", &[]),
            process: Process::new(&register),
            histograms: histograms.shown,
            shared: SharedLevels::default(),
            register,
        };
        metrics.config_reload_success.set(1);
        metrics
    }

    /// The handles of a partition that was named at the start.
    pub fn partition(&self, partition: u16) -> Option<&Partition> {
        self.partitions.get(&partition)
    }

    /// The handles of a kind that was named at the start.
    pub fn kind(&self, kind: &str) -> Option<&Kind> {
        self.kinds.get(kind)
    }

    /// `kontor_jobs_rejected_total`; kinds and codes are closed lists, so these are few.
    pub fn rejected(&self, kind: &str, code: &str) -> Counter {
        self.register
            .counter_seen("kontor_jobs_rejected_total", &[kind, code])
    }

    /// `kontor_dead_letters_total`.
    pub fn dead_letters(&self, code: &str) -> Counter {
        self.register
            .counter_seen("kontor_dead_letters_total", &[code])
    }

    /// Take the figures of a partition for gauges that all of them share.
    pub fn put(&self, partition: u16, figures: Figures) {
        self.shared.put(&self.register, partition, figures);
    }

    /// A partition's chain of hashes was verified to its end at this time since 1970.
    pub fn verified(&self, partition: u16, at: Duration) {
        let mut figures = Figures::default();
        figures.put(CHAIN_VERIFIED, &[], Figure::Done(at));
        self.put(partition, figures);
    }

    /// The text for a scrape.
    pub fn render(&self) -> String {
        self.process.read();
        let mut out = self.handle.render();
        // Writing to a String does not fail.
        self.histograms
            .iter()
            .try_for_each(|shown| shown.render(&mut out))
            .unwrap_or_default();
        out
    }
}

/// Makes histograms and keeps an end of each for the scrape.
#[derive(Default)]
struct Histograms {
    shown: Vec<Shown>,
}

impl Histograms {
    fn durations(&mut self, name: &str) -> Durations {
        let metric = catalogue::find(name);
        let durations = Durations::new(metric.map_or(&[], Metric::bounds));
        self.shown
            .extend(metric.map(|metric| Shown::durations(metric, &durations)));
        durations
    }

    fn numbers(&mut self, name: &str) -> Numbers {
        let metric = catalogue::find(name);
        let numbers = Numbers::new(metric.map_or(&[], Metric::bounds));
        self.shown
            .extend(metric.map(|metric| Shown::numbers(metric, &numbers)));
        numbers
    }
}

fn known_levels(register: &Register, name: &'static str, values: &[&str]) {
    for value in values {
        register.level(name, &[value]);
    }
}

fn partition(register: &Register, number: u16) -> Partition {
    let n = number.to_string();
    Partition {
        deliveries_first: register.counter("kontor_deliveries_total", &[&n, "false"]),
        deliveries_again: register.counter("kontor_deliveries_total", &[&n, "true"]),
        jobs_received: register.counter("kontor_jobs_received_total", &[&n]),
        unacked: register.level("kontor_unacked_deliveries", &[&n]),
        oldest_unacked: register.level("kontor_oldest_unacked_seconds", &[&n]),
        acknowledgements_single: register.counter(ACKNOWLEDGEMENTS, &[&n, "false"]),
        acknowledgements_multiple: register.counter(ACKNOWLEDGEMENTS, &[&n, "true"]),
        durable_sequence: register.level("kontor_durable_sequence", &[&n]),
        rings: ["decode", "post", "persist"]
            .map(|station| ring(register, &format!("p{n}.{station}"))),
    }
}

const ACKNOWLEDGEMENTS: &str = "kontor_acknowledgements_total";

fn ring(register: &Register, name: &str) -> Ring {
    Ring {
        occupancy: register.level("kontor_ring_occupancy_ratio", &[name]),
        full_waits: register.counter("kontor_ring_full_waits_total", &[name]),
    }
}

fn kind(register: &Register, name: &str) -> Kind {
    Kind {
        posted: register.counter("kontor_jobs_posted_total", &[name]),
        duplicate: register.counter("kontor_jobs_duplicate_total", &[name]),
        entries: register.counter("kontor_entries_total", &[name]),
    }
}

fn stations(register: &Register, histograms: &mut Histograms) -> Stations {
    Stations {
        queue_age: histograms.durations("kontor_queue_age_seconds"),
        decode_duration: histograms.durations("kontor_decode_duration_seconds"),
        batch_jobs: histograms.numbers("kontor_batch_jobs"),
        post_duration: histograms.durations("kontor_post_duration_seconds"),
        persist_duration: histograms.durations("kontor_persist_duration_seconds"),
        fdatasync_duration: histograms.durations("kontor_fdatasync_duration_seconds"),
        job_latency: histograms.durations("kontor_job_latency_seconds"),
        booking_lag_days: histograms.numbers("kontor_booking_lag_days"),
        legs: register.counter("kontor_legs_total", &[]),
        stale_acknowledgements: register.counter("kontor_stale_acknowledgements_total", &[]),
    }
}

fn journal(register: &Register, histograms: &mut Histograms) -> Journal {
    Journal {
        bytes: register.counter("kontor_journal_bytes_total", &[]),
        size_bytes: register.level("kontor_journal_size_bytes", &[]),
        free_bytes: register.level("kontor_journal_free_bytes", &[]),
        snapshot_timestamp: register.level("kontor_snapshot_timestamp_seconds", &[]),
        snapshot_duration: histograms.durations("kontor_snapshot_duration_seconds"),
    }
}

fn outbox(register: &Register, histograms: &mut Histograms) -> Outbox {
    let confirms = |result| register.counter("kontor_publish_confirms_total", &[result]);
    Outbox {
        latency: histograms.durations("kontor_outcome_latency_seconds"),
        acked: confirms("acked"),
        nacked: confirms("nacked"),
        returned: confirms("returned"),
        replies_refused: register.counter("kontor_replies_refused_total", &[]),
    }
}

fn connection(register: &Register, role: &str) -> Connection {
    Connection {
        connected: register.level("kontor_amqp_connected", &[role]),
        blocked: register.level("kontor_amqp_blocked", &[role]),
        reconnects: register.counter("kontor_amqp_reconnects_total", &[role]),
    }
}

#[cfg(test)]
mod tests;
