//! What a dashboard sees: every metric there is from the start, and what an idle daemon feeds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kontor::telemetry::Kind;
use kontor::telemetry::catalogue::METRICS;
use kontor::time::{Clock as _, SystemClock};
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::faults::alarms::{BLOCKED, Calm, MEMORY_ALARM, MEMORY_CALM, say};
use crate::support::client::{Client, entry, job, json_message, open_accounts, payment};
use crate::support::daemon::{Daemon, Site};
use crate::support::shim::{Dial, Shim};
use crate::support::trial::PENDING;
use crate::support::{PATIENCE, beside_others, eventually, troubled};

/// What only appears when it is seen.
const LATER: [(&str, &str); 2] = [
    ("kontor_jobs_rejected_total", "pairs of kind and code"),
    ("kontor_role_balance", "accounts that are there"),
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
    let status: Value = serde_json::from_str(&status).expect("JSON");
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

/// What must stay at nothing on a good day, and the test that sees it move.
const AT_REST: [(&str, &str); 4] = [
    ("kontor_standby", "standby"),
    ("kontor_completeness_difference", "pipeline::observe"),
    ("kontor_books_out_of_balance", "pipeline::gauges"),
    ("kontor_metrics_series_dropped_total", "telemetry::metrics"),
];

/// A book in each of two partitions.
const TWO_BOOKS: &str = r#"[partitions]
run = [0, 1]
[[book]]
name = "main"
partition = 0
units = { SHR = 0 }
[book.accounts]
"bank/main" = { unit = "EUR", class = "asset" }
"equity/owner" = { unit = "EUR", class = "equity" }
"ar/cust-1" = { unit = "EUR", class = "asset" }
"credit/cust-1" = { unit = "EUR", class = "liability" }
"rev/sales" = { unit = "EUR", class = "income" }
"suspense/unallocated" = { unit = "EUR", class = "liability" }
"secu/S" = { unit = "SHR", class = "liability", min_available = "0" }
"secu/B" = { unit = "SHR", class = "liability", min_available = "0" }
[book.taxes]
Z = { category = "Z", rate = "0" }
[[book.approval_policy]]
kind = "refund.issue"
tiers = [{ approvals = 1, by = ["controller"] }]
[book.users]
carla = ["controller"]
[[book]]
name = "other"
partition = 1
[book.accounts]
"bank/main" = { unit = "EUR", class = "asset" }
"ar/cust-1" = { unit = "EUR", class = "asset" }
"rev/sales" = { unit = "EUR", class = "income" }
[book.taxes]
Z = { category = "Z", rate = "0" }
"#;

/// Which metrics have not been zero in a scrape so far.
struct Moved(BTreeSet<&'static str>);

impl Moved {
    /// Look at the metrics until all of these have moved.
    async fn see(&mut self, daemon: &Daemon, names: &[&str]) {
        let since = Instant::now();
        loop {
            let now = families(daemon).into_iter().filter(|(_, moves)| *moves);
            self.0.extend(now.map(|(name, _)| name));
            let still: Vec<_> = names
                .iter()
                .filter(|name| !self.0.contains(*name))
                .collect();
            if still.is_empty() {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "{still:?} did not move");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// An invoice for a customer of a book, due long ago.
fn invoice(book: &str) -> Value {
    let line = json!({ "quantity": "1", "price": "100.00", "tax": "Z", "revenue": "rev/sales" });
    let mut job = job(
        "invoice",
        "invoice.issue",
        &json!({
            "customer": "cust-1", "series": "RE", "currency": "EUR", "issue_date": "2026-01-05",
            "delivery_date": "2026-01-05", "due_date": "2026-01-20", "lines": [line],
        }),
    );
    job["book"] = json!(book);
    job
}

/// One of everything that a gauge looks at, as jobs for the first book.
fn a_day() -> Vec<Value> {
    let mut late = entry("late", "bank/main", "equity/owner", "500.00");
    late["occurred_at"] = json!("2026-01-05T09:00:00Z");
    let instruction = json!({
        "trade": "T-1", "type": "FOP", "deliverer": "S", "receiver": "B", "security": "SHR",
        "quantity": "10", "settlement_date": "2026-01-05", "calendar": "none",
    });
    let back = json!({
        "customer": "cust-1", "amount": "1.00", "currency": "EUR", "bank": "bank/main",
    });
    let request = json!({ "kind": "refund.issue", "key": "refund", "data": back });
    let money = json!({
        "bank": "bank/main", "amount": "7.25", "currency": "EUR", "bank_ref": "statement 1/1",
    });
    let hold = json!({ "debit": "equity/owner", "credit": "bank/main", "amount": "1.00" });
    let mut jobs = vec![
        late.clone(),
        late,
        entry("owed", "bank/main", "credit/cust-1", "1.00"),
        entry("refused", "bank/nowhere", "equity/owner", "1.00"),
        invoice("main"),
        job("money", "payment.receive", &money),
        job("hold", "hold.place", &hold),
        job("instruct", "settlement.instruct", &instruction),
        job(
            "attempt",
            "settlement.attempt",
            &json!({ "instruction": "SI-000001" }),
        ),
        job("request", "approval.request", &json!({ "job": request })),
    ];
    for job in &mut jobs {
        job["actor"] = json!("guest");
    }
    jobs
}

/// Jobs for the second book, in which nobody has to be asked.
fn elsewhere() -> [Value; 3] {
    let period = |key, mode| {
        let data = json!({ "period": "2020-01", "mode": mode });
        let mut job = job(key, "period.close", &data);
        job["actor"] = json!("guest");
        job["book"] = json!("other");
        job
    };
    [
        invoice("other"),
        period("close", "soft_lock"),
        period("reopen", "reopen"),
    ]
}

/// Over two partitions, a slow disk, cut connections and an alarm: a metric that nothing feeds, or
/// that one partition takes from another, does not pass.
#[tokio::test(flavor = "multi_thread")]
async fn every_metric_moves_and_is_drawn_from_all_partitions() {
    let node = troubled().await;
    let _calm = Calm(&node);
    let mut site = Site::at("moves", node.uri())
        .with("journal.snapshot_jobs", "1000")
        .with("pipeline.batch_jobs_max", "8")
        .with("pipeline.ring_jobs", "8")
        .with("pipeline.ring_commits", "2");
    site.books = TWO_BOOKS.to_owned();
    let Some(shim) = Shim::before(&mut site) else {
        return;
    };
    let daemon = site.run().await;
    let client = Client::at(&node.uri(), &site.prefix).await;
    let seen = client.watch_outcomes().await;
    let mut moved = Moved(BTreeSet::new());

    for day in a_day() {
        let now = u64::try_from(SystemClock::new().now().0).unwrap();
        // Published a second ago: the property has whole seconds.
        let sent = json_message().with_timestamp(now.div_euclid(1_000_000_000) - 1);
        // Whom the broker vouches for may ask for an approval.
        let sent = sent.with_user_id("guest".into());
        client.send("main", sent, day.to_string().as_bytes()).await;
    }
    client.send("main", json_message(), b"no JSON").await;
    for job in elsewhere() {
        let asking = json_message().with_reply_to("somebody.else".into());
        let asking = asking.with_user_id("guest".into());
        client
            .send("other", asking, job.to_string().as_bytes())
            .await;
    }
    for outcome in client.take(&seen, 13).await {
        let (key, outcome) = (outcome.correlation().to_owned(), outcome.json());
        let refused = outcome["status"] == "rejected";
        assert_eq!(refused, key == "refused", "{outcome}");
    }
    for (series, sum) in [
        ("kontor_accounts ", 11),
        ("kontor_documents_open{type=\"invoice\"} ", 2),
        ("kontor_receivables_age{bucket=\"90+\",unit=\"EUR\"} ", 200),
        ("kontor_series_last{series=\"RE\"} ", 1),
        ("kontor_completeness_difference ", 0),
        ("kontor_books_out_of_balance ", 0),
    ] {
        eventually(series, async || daemon.metric(series) == Some(sum)).await;
    }

    // Enough for a snapshot, then a disk so slow that everything before it fills.
    let payments: Vec<Value> = (0..1_100).map(payment).collect();
    client.send_jobs(&payments).await;
    moved
        .see(&daemon, &["kontor_snapshot_duration_seconds"])
        .await;
    shim.set(Dial::SyncDelayMs, 500);
    for number in 2_000..2_060 {
        client.send_job(&payment(number)).await;
    }
    let full = [
        "kontor_unacked_deliveries",
        "kontor_oldest_unacked_seconds",
        "kontor_ring_occupancy_ratio",
        "kontor_ring_full_waits_total",
    ];
    moved.see(&daemon, &full).await;
    // What is under way finds its channel gone, and its outcomes a broker that takes none.
    block_in_place(|| node.ctl(&["close_all_connections", "a test"])).unwrap();
    say(&node, MEMORY_ALARM);
    moved.see(&daemon, &["kontor_amqp_reconnects_total"]).await;
    shim.set(Dial::SyncDelayMs, 0);
    let held = [
        "kontor_stale_acknowledgements_total",
        "kontor_amqp_blocked",
        "kontor_outbox_pending",
        "kontor_outbox_oldest_seconds",
    ];
    moved.see(&daemon, &held).await;
    say(&node, MEMORY_CALM);
    eventually("all is published", async || {
        daemon.metric(BLOCKED) == Some(0) && daemon.metric(PENDING) == Some(0)
    })
    .await;

    // Of one partition there is a snapshot, which says nothing about the other.
    let snapshots = "kontor_snapshot_timestamp_seconds";
    assert!(!families(&daemon)[snapshots]);
    assert_eq!(site.operate(&["snapshot"]).await.code, 0);
    let fed = METRICS.iter().filter(|metric| metric.fed);
    let expected: Vec<&str> = fed
        .map(|metric| metric.name)
        .filter(|name| AT_REST.iter().all(|(resting, _)| resting != name))
        .collect();
    moved.see(&daemon, &expected).await;
    for (resting, _) in AT_REST {
        assert!(!moved.0.contains(resting), "{resting} moved");
    }
    daemon.stop().await;
}
