//! A scrape against the catalogue.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::telemetry::catalogue::{self, METRICS};
use crate::telemetry::metric::Kind;
use crate::telemetry::page::render;
use crate::telemetry::shared::SERIES_SEEN_MAX;

fn fresh() -> Metrics {
    Metrics::new(&Known {
        version: "0.0.0",
        commit: "none",
        started: Duration::from_secs(1_700_000_000),
        partitions: vec![0, 7],
        kinds: vec!["entry.post", "invoice.issue"],
        dead_letter_codes: vec!["MESSAGE_MALFORMED"],
    })
}

/// The family a sample belongs to.
fn family(sample: &str) -> &str {
    let name = sample.split(['{', ' ']).next().unwrap();
    let histogram = ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    histogram
        .filter(|name| catalogue::find(name).is_some())
        .unwrap_or(name)
}

#[test]
fn everything_with_known_labels_is_there_from_the_start() {
    let text = fresh().render();
    let found: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(family)
        .collect();
    // These appear with the first pair, unit, series or month.
    let later = [
        "kontor_jobs_rejected_total",
        "kontor_receivables_age",
        "kontor_unallocated_age",
        "kontor_role_balance",
        "kontor_series_last",
        "kontor_period_open",
    ];
    let expected: BTreeSet<&str> = METRICS
        .iter()
        .filter(|m| m.fed && !later.contains(&m.name))
        .map(|m| m.name)
        .collect();
    assert_eq!(found, expected);
    for line in [
        "kontor_deliveries_total{partition=\"7\",redelivered=\"true\"} 0",
        "kontor_jobs_posted_total{kind=\"entry.post\"} 0",
        "kontor_dead_letters_total{code=\"MESSAGE_MALFORMED\"} 0",
        "kontor_ring_full_waits_total{ring=\"p0.persist\"} 0",
        "kontor_publish_confirms_total{result=\"returned\"} 0",
        "kontor_job_latency_seconds_bucket{le=\"0.001\"} 0",
        "kontor_settlement_instructions{state=\"failing\"} 0",
        "kontor_build_info{version=\"0.0.0\",commit=\"none\"} 1",
        "kontor_start_time_seconds 1700000000",
        "kontor_config_reload_success 1",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "missing: {line}\n{text}"
        );
    }
}

#[test]
fn what_appears_later_appears() {
    let metrics = fresh();
    metrics
        .rejected("entry.post", "ENTRY_UNBALANCED")
        .increment(2);
    metrics
        .rejected("entry.post", "ENTRY_UNBALANCED")
        .increment(1);
    let mut figures = Figures::default();
    for (name, labels, figure) in [
        (
            "kontor_receivables_age",
            &["90+", "EUR"][..],
            Figure::Amount(500, 2),
        ),
        (
            "kontor_unallocated_age",
            &["30+", "EUR"],
            Figure::Amount(150, 2),
        ),
        (
            "kontor_role_balance",
            &["suspense", "EUR"],
            Figure::Amount(-3, 0),
        ),
        ("kontor_series_last", &["RE"], Figure::Reached(17)),
        ("kontor_period_open", &["2026-11"], Figure::Is(true)),
    ] {
        figures.put(name, labels, figure);
    }
    metrics.put(0, figures);
    let text = metrics.render();
    for line in [
        "kontor_jobs_rejected_total{kind=\"entry.post\",code=\"ENTRY_UNBALANCED\"} 3",
        "kontor_receivables_age{bucket=\"90+\",unit=\"EUR\"} 5",
        "kontor_unallocated_age{bucket=\"30+\",unit=\"EUR\"} 1.5",
        "kontor_role_balance{role=\"suspense\",unit=\"EUR\"} -3",
        "kontor_series_last{series=\"RE\"} 17",
        "kontor_period_open{period=\"2026-11\"} 1",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "missing: {line}\n{text}"
        );
    }
}

#[test]
fn every_served_metric_has_help_and_type() {
    let text = fresh().render();
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let name = family(line);
        let metric = catalogue::find(name).unwrap();
        assert!(
            text.contains(&format!("# HELP {name} {}", metric.help)),
            "{name}"
        );
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}");
    }
}

#[test]
fn two_in_one_process_do_not_know_each_other() {
    let (one, other) = (fresh(), fresh());
    one.stations.legs.increment(4);
    assert!(one.render().contains("kontor_legs_total 4"));
    assert!(other.render().contains("kontor_legs_total 0"));
}

#[test]
fn durations_and_batches_fall_into_their_buckets() {
    let metrics = fresh();
    metrics
        .stations
        .fdatasync_duration
        .record(Duration::from_micros(300));
    metrics.stations.batch_jobs.record(500);
    let text = metrics.render();
    assert!(
        text.contains("kontor_fdatasync_duration_seconds_bucket{le=\"0.00025\"} 0"),
        "{text}"
    );
    assert!(
        text.contains("kontor_fdatasync_duration_seconds_bucket{le=\"0.0005\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("kontor_batch_jobs_bucket{le=\"1024\"} 1"),
        "{text}"
    );
}

#[test]
fn series_from_the_books_are_bounded() {
    let metrics = fresh();
    let mut figures = Figures::default();
    for n in 0..SERIES_SEEN_MAX + 10 {
        let series = format!("S{n}");
        figures.put("kontor_series_last", &[&series], Figure::Reached(1));
    }
    metrics.put(0, figures);
    metrics
        .rejected("entry.post", "ENTRY_UNBALANCED")
        .increment(1);
    let text = metrics.render();
    assert!(
        text.lines()
            .filter(|line| line.starts_with("kontor_series_last{"))
            .count()
            <= SERIES_SEEN_MAX
    );
    let dropped = text
        .lines()
        .find(|l| l.starts_with("kontor_metrics_series_dropped_total "))
        .unwrap();
    assert_ne!(dropped, "kontor_metrics_series_dropped_total 0");
    assert!(
        text.contains("ENTRY_UNBALANCED"),
        "a counter is never left out"
    );
}

#[test]
fn occupancy_is_a_ratio() {
    let metrics = fresh();
    metrics.partition(0).unwrap().rings[1]
        .occupancy
        .set_ratio(3, 4);
    metrics.partition(7).unwrap().rings[1]
        .occupancy
        .set_ratio(3, 0);
    let text = metrics.render();
    assert!(
        text.contains("kontor_ring_occupancy_ratio{ring=\"p0.post\"} 0.75"),
        "{text}"
    );
    assert!(
        text.contains("kontor_ring_occupancy_ratio{ring=\"p7.post\"} 0"),
        "{text}"
    );
}

/// With promtool on the path, what Prometheus itself thinks of a scrape. The one remark is about a
/// name that is settled: a lag in days is counted in days.
#[test]
fn promtool_has_one_known_remark() {
    let metrics = fresh();
    metrics
        .rejected("entry.post", "ENTRY_UNBALANCED")
        .increment(1);
    let mut figures = Figures::default();
    figures.put(
        "kontor_receivables_age",
        &["90+", "EUR"],
        Figure::Amount(5, 0),
    );
    metrics.put(0, figures);
    let command = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = command else { return };
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(metrics.render().as_bytes())
        .unwrap();
    let said = promtool.wait_with_output().unwrap();
    let said = String::from_utf8([said.stdout, said.stderr].concat()).unwrap();
    let known = "kontor_booking_lag_days use base unit \"seconds\" instead of \"days\"\n";
    assert_eq!(said, known);
}

#[test]
fn the_page_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, render()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == render(),
        "docs/metrics.md is stale: UPDATE_DOCS=1 cargo test --lib writes it anew"
    );
}
