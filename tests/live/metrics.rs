//! What a dashboard sees: every metric there is from the start, and what an idle daemon feeds.

use std::collections::BTreeMap;

use kontor::telemetry::Kind;
use kontor::telemetry::catalogue::METRICS;

use crate::support::client::{Client, entry, json_message, open_accounts};
use crate::support::daemon::{Daemon, Site};
use crate::support::{beside_others, eventually};

/// What only appears when it is seen.
const LATER: [(&str, &str); 3] = [
    ("kontor_jobs_rejected_total", "pairs of kind and code"),
    ("kontor_role_balance", "accounts that are there"),
    ("kontor_period_open", "months that a period job has named"),
];

/// The metrics of a scrape, and whether one of their series is not zero.
fn families(daemon: &Daemon) -> BTreeMap<&'static str, bool> {
    let (_, page) = daemon.get("/metrics").expect("a scrape");
    let mut found = BTreeMap::new();
    for metric in METRICS {
        let sample = match metric.kind {
            Kind::Histogram(_) => format!("{}_count", metric.name),
            Kind::Counter | Kind::Gauge => metric.name.to_owned(),
        };
        for line in page.lines() {
            let Some(rest) = line.strip_prefix(&sample) else {
                continue;
            };
            if rest.starts_with(['{', ' ']) {
                let (_, value) = rest.rsplit_once(' ').expect("a value");
                *found.entry(metric.name).or_default() |= value != "0";
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_book_has_every_metric_and_an_idle_daemon_feeds_them() {
    let _beside = beside_others().await;
    let site = Site::new("seen");
    let daemon = site.run().await;
    let found = families(&daemon);
    for metric in METRICS.iter().filter(|metric| metric.fed) {
        let later = LATER.iter().any(|(name, _)| *name == metric.name);
        assert_ne!(found.contains_key(metric.name), later, "{}", metric.name);
    }
    let (_, page) = daemon.get("/metrics").expect("a scrape");
    for series in [
        "kontor_receivables_age{bucket=\"not_due\",unit=\"EUR\"} 0",
        "kontor_unallocated_age{bucket=\"30+\",unit=\"EUR\"} 0",
        "kontor_series_last{series=\"PAY\"} 0",
        "kontor_series_last{series=\"SI\"} 0",
    ] {
        assert!(page.lines().any(|line| line == series), "{series}\n{page}");
    }
    let free = daemon.metric("kontor_journal_free_bytes");
    assert!(free > Some(0), "{free:?}");
    let size = daemon.metric("kontor_journal_size_bytes");
    assert!(size > Some(0), "{size:?}");

    // A reply that goes nowhere is counted; its outcome is published all the same.
    let client = Client::of(&site).await;
    let seen = open_accounts(&client).await;
    let asking = json_message().with_reply_to("somebody.else".into());
    let cash = entry("cash", "bank/main", "equity/owner", "1.00").to_string();
    client.send("main", asking, cash.as_bytes()).await;
    assert_eq!(client.take(&seen, 1).await.len(), 1);
    eventually("the reply is counted", async || {
        daemon.metric("kontor_replies_refused_total") == Some(1)
    })
    .await;

    // A snapshot that a command took beside the daemon.
    let taken = || families(&daemon)["kontor_snapshot_timestamp_seconds"];
    assert!(!taken());
    assert_eq!(site.operate(&["snapshot"]).await.code, 0);
    assert!(taken());
    daemon.stop().await;

    // Nothing has come yet, and what is known of the disk is shown.
    let daemon = site.run().await;
    let status = daemon.get("/status").expect("the status").1;
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    let position = status["partitions"][0]["position"].as_u64();
    let durable = daemon.metric("kontor_durable_sequence{partition=\"0\"}");
    assert!(
        durable > Some(3) && durable == position,
        "{durable:?} {status}"
    );
    assert!(families(&daemon)["kontor_snapshot_timestamp_seconds"]);
    client.close().await;
    daemon.stop().await;
}
