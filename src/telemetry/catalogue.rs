//! Every metric there is: name, type, unit, labels, help.
//!
//! The names are a contract with dashboards and alerts. `docs/metrics.md` is rendered from here,
//! the exporter's help texts and buckets are taken from here, and a test compares a scrape with it.
//! What no kind of this release can feed is in the table too, marked, and is not registered: a
//! gauge that is zero because nobody counts says something false.

use super::metric::{Buckets, Kind, Metric};

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000 * MICRO;
const SECOND: u64 = 1_000 * MILLI;

/// 10 µs to 10 s: from a batch in memory to a disk in trouble.
const SECONDS: Buckets = Buckets::Seconds(&[
    10 * MICRO,
    25 * MICRO,
    50 * MICRO,
    100 * MICRO,
    250 * MICRO,
    500 * MICRO,
    MILLI,
    2_500 * MICRO,
    5 * MILLI,
    10 * MILLI,
    25 * MILLI,
    50 * MILLI,
    100 * MILLI,
    250 * MILLI,
    500 * MILLI,
    SECOND,
    2_500 * MILLI,
    5 * SECOND,
    10 * SECOND,
]);
/// A millisecond to a day: jobs may have waited in the queue over a weekend.
const AGES: Buckets = Buckets::Seconds(&[
    MILLI,
    10 * MILLI,
    100 * MILLI,
    SECOND,
    5 * SECOND,
    15 * SECOND,
    60 * SECOND,
    300 * SECOND,
    900 * SECOND,
    3_600 * SECOND,
    14_400 * SECOND,
    86_400 * SECOND,
]);
/// Snapshots take from milliseconds to minutes.
const LONG: Buckets = Buckets::Seconds(&[
    10 * MILLI,
    50 * MILLI,
    100 * MILLI,
    500 * MILLI,
    SECOND,
    5 * SECOND,
    15 * SECOND,
    60 * SECOND,
    300 * SECOND,
    900 * SECOND,
]);
/// One job alone, up to the largest batch a configuration can ask for.
const JOBS: Buckets = Buckets::Numbers(&[1, 4, 16, 64, 256, 1_024, 4_096, 8_192, 16_384, 65_536]);
/// Booked on the day, within the week, within the ten days that are customary, or late.
const DAYS: Buckets = Buckets::Numbers(&[0, 1, 2, 5, 10, 31, 92, 366]);

const fn metric(
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        unit,
        labels,
        fed: true,
        help,
    }
}

const fn counter(
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    metric(name, Kind::Counter, unit, labels, help)
}

const fn gauge(
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    metric(name, Kind::Gauge, unit, labels, help)
}

const fn histogram(
    name: &'static str,
    buckets: Buckets,
    unit: &'static str,
    help: &'static str,
) -> Metric {
    metric(name, Kind::Histogram(buckets), unit, &[], help)
}

const fn not_fed(metric: Metric) -> Metric {
    Metric {
        fed: false,
        ..metric
    }
}

const PARTITION: &[&str] = &["partition"];
const ROLE: &[&str] = &["role"];
const KIND: &[&str] = &["kind"];

/// All of them, in the order of the journey.
pub const METRICS: &[Metric] = &[
    gauge(
        "kontor_build_info",
        "1",
        &["version", "commit"],
        "Always 1; the labels say what runs.",
    ),
    gauge(
        "kontor_start_time_seconds",
        "seconds since 1970",
        &[],
        "When the daemon started.",
    ),
    gauge(
        "kontor_standby",
        "0 or 1",
        &[],
        "Whether this process waits for another one to give up the state directory.",
    ),
    gauge(
        "kontor_config_reload_success",
        "0 or 1",
        &[],
        "Whether the last reading of the configuration was good.",
    ),
    gauge(
        "kontor_recovery_duration_seconds",
        "seconds",
        &[],
        "How long the last start needed for snapshots and replay.",
    ),
    counter(
        "kontor_deliveries_total",
        "deliveries",
        &["partition", "redelivered"],
        "Messages taken from the queue.",
    ),
    counter(
        "kontor_jobs_received_total",
        "jobs",
        PARTITION,
        "Jobs found in them, readable or not.",
    ),
    histogram(
        "kontor_queue_age_seconds",
        AGES,
        "seconds",
        "Published to received, by the timestamp of the message.",
    ),
    histogram(
        "kontor_decode_duration_seconds",
        SECONDS,
        "seconds",
        "Decoding one message.",
    ),
    gauge(
        "kontor_ring_occupancy_ratio",
        "0 to 1",
        &["ring"],
        "How full the hand-over between two stations is.",
    ),
    counter(
        "kontor_ring_full_waits_total",
        "waits",
        &["ring"],
        "How often a station waited because the next was full.",
    ),
    histogram(
        "kontor_batch_jobs",
        JOBS,
        "jobs",
        "Jobs per batch of the engine.",
    ),
    histogram(
        "kontor_post_duration_seconds",
        SECONDS,
        "seconds",
        "Posting one batch.",
    ),
    histogram(
        "kontor_persist_duration_seconds",
        SECONDS,
        "seconds",
        "Writing and syncing one group of commits.",
    ),
    histogram(
        "kontor_fdatasync_duration_seconds",
        SECONDS,
        "seconds",
        "The sync alone.",
    ),
    histogram(
        "kontor_job_latency_seconds",
        SECONDS,
        "seconds",
        "Received to durable, per job.",
    ),
    counter(
        "kontor_jobs_posted_total",
        "jobs",
        KIND,
        "Durable outcomes that are not rejections.",
    ),
    counter(
        "kontor_jobs_rejected_total",
        "jobs",
        &["kind", "code"],
        "Durable rejections; a pair appears when it is first seen.",
    ),
    counter(
        "kontor_jobs_duplicate_total",
        "jobs",
        KIND,
        "Jobs that were known already and had no effect.",
    ),
    counter(
        "kontor_dead_letters_total",
        "jobs",
        &["code"],
        "What was set aside unread, confirmed by the broker.",
    ),
    counter(
        "kontor_entries_total",
        "entries",
        KIND,
        "Entries in the journal.",
    ),
    counter("kontor_legs_total", "legs", &[], "Legs of those entries."),
    gauge(
        "kontor_unacked_deliveries",
        "deliveries",
        PARTITION,
        "Deliveries taken and not yet acknowledged.",
    ),
    gauge(
        "kontor_oldest_unacked_seconds",
        "seconds",
        PARTITION,
        "Age of the oldest of them; 0 if there is none.",
    ),
    counter(
        "kontor_acknowledgements_total",
        "acknowledgements",
        &["partition", "multiple"],
        "Acknowledgements sent; multiple ones cover many deliveries.",
    ),
    counter(
        "kontor_stale_acknowledgements_total",
        "deliveries",
        &[],
        "Deliveries whose channel was gone before they could be acknowledged; they come again.",
    ),
    counter(
        "kontor_journal_bytes_total",
        "bytes",
        &[],
        "Bytes of records written.",
    ),
    gauge(
        "kontor_journal_size_bytes",
        "bytes",
        &[],
        "Size of the journal on disk.",
    ),
    gauge(
        "kontor_journal_free_bytes",
        "bytes",
        &[],
        "Free space where the journal is.",
    ),
    gauge(
        "kontor_durable_sequence",
        "position",
        PARTITION,
        "Position of the last durable record.",
    ),
    gauge(
        "kontor_snapshot_timestamp_seconds",
        "seconds since 1970",
        &[],
        "When the last snapshot was complete, of several partitions the oldest; 0 before it.",
    ),
    histogram(
        "kontor_snapshot_duration_seconds",
        LONG,
        "seconds",
        "Building one snapshot.",
    ),
    histogram(
        "kontor_outcome_latency_seconds",
        SECONDS,
        "seconds",
        "Received to outcome confirmed, per job.",
    ),
    gauge(
        "kontor_outbox_pending",
        "outcomes",
        &[],
        "Durable outcomes that are not published yet.",
    ),
    gauge(
        "kontor_outbox_oldest_seconds",
        "seconds",
        &[],
        "Age of the oldest of them; 0 if there is none.",
    ),
    counter(
        "kontor_publish_confirms_total",
        "messages",
        &["result"],
        "Answers of the broker to published messages.",
    ),
    counter(
        "kontor_replies_refused_total",
        "replies",
        &[],
        "Replies not sent: reply_to named no queue that broker.reply_to allows.",
    ),
    gauge(
        "kontor_amqp_connected",
        "connections",
        ROLE,
        "Connections that are up; one per partition when all is well.",
    ),
    gauge(
        "kontor_amqp_blocked",
        "connections",
        ROLE,
        "Connections that the broker has blocked.",
    ),
    counter(
        "kontor_amqp_reconnects_total",
        "connections",
        ROLE,
        "Connections made anew after a loss.",
    ),
    gauge("kontor_accounts", "accounts", &[], "Accounts in the books."),
    gauge(
        "kontor_holds_open",
        "holds",
        &[],
        "Holds placed and neither captured, voided nor expired.",
    ),
    gauge(
        "kontor_documents_open",
        "documents",
        &["type"],
        "Documents that are not settled.",
    ),
    gauge(
        "kontor_approvals_pending",
        "requests",
        &[],
        "Approval requests waiting for a decision.",
    ),
    gauge(
        "kontor_settlement_instructions",
        "instructions",
        &["state"],
        "Settlement instructions by state.",
    ),
    gauge(
        "kontor_fails_age",
        "instructions",
        &["bucket"],
        "Failing instructions by age in business days.",
    ),
    gauge(
        "kontor_receivables_age",
        "major units",
        &["bucket", "unit"],
        "Open receivables by days past due.",
    ),
    gauge(
        "kontor_unallocated_age",
        "major units",
        &["bucket", "unit"],
        "Money received without owner, by age in days.",
    ),
    not_fed(gauge(
        "kontor_breaks_age",
        "lines",
        &["bucket"],
        "Unmatched bank statement lines by age in days.",
    )),
    gauge(
        "kontor_role_balance",
        "major units",
        &["role", "unit"],
        "Balance of accounts that should be empty at the end of the day.",
    ),
    gauge(
        "kontor_series_last",
        "number",
        &["series"],
        "Last number given in a document series.",
    ),
    gauge(
        "kontor_period_open",
        "0 or 1",
        &["period"],
        "Whether a month is open: this one, the last one, and what period jobs have named.",
    ),
    histogram(
        "kontor_booking_lag_days",
        DAYS,
        "days",
        "Occurred to recorded, per job that names both.",
    ),
    gauge(
        "kontor_completeness_difference",
        "jobs",
        &[],
        "Received minus posted, rejected, duplicate, dead and in flight; must be 0.",
    ),
    gauge(
        "kontor_books_out_of_balance",
        "books",
        &[],
        "Books in which debits differ from credits; must be 0.",
    ),
    gauge(
        "kontor_chain_verified_timestamp_seconds",
        "seconds since 1970",
        &[],
        "When the chain of hashes was last verified, of several partitions the oldest; 0 if never.",
    ),
    counter(
        "kontor_metrics_series_dropped_total",
        "series",
        &[],
        "Series not shown because there would be too many.",
    ),
    counter(
        "process_cpu_seconds_total",
        "seconds",
        &[],
        "Processor time used, in whole seconds.",
    ),
    gauge(
        "process_open_fds",
        "descriptors",
        &[],
        "Open file descriptors.",
    ),
    gauge(
        "process_max_fds",
        "descriptors",
        &[],
        "Most file descriptors that may be open.",
    ),
    gauge(
        "process_virtual_memory_bytes",
        "bytes",
        &[],
        "Virtual memory.",
    ),
    gauge(
        "process_resident_memory_bytes",
        "bytes",
        &[],
        "Memory in use.",
    ),
    gauge(
        "process_start_time_seconds",
        "seconds since 1970",
        &[],
        "When the process started.",
    ),
    gauge("process_threads", "threads", &[], "Threads."),
];

/// The metric of this name.
pub fn find(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}
