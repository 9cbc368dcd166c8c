//! The contract of messages, as a producer and a dashboard see it: what goes in, what comes out
//! with which properties, and what the metrics say of it afterwards.

use std::collections::BTreeMap;

use kontor::broker::Topology;
use lapin::types::{AMQPValue, FieldArray, FieldTable, ShortString};
use serde_json::{Value, json};

use crate::support::client::{Client, Seen, account, entry, job, json_message, message_of};
use crate::support::daemon::Site;
use crate::support::{beside_others, eventually};

const NDJSON: &str = "application/x-ndjson";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A running site with a watched queue of outcomes and two open accounts.
async fn begun(name: &str) -> (Site, crate::support::daemon::Daemon, Client, String) {
    let site = Site::new(name);
    let daemon = site.run().await;
    let client = Client::of(&site).await;
    let seen = client.watch_outcomes().await;
    client
        .send_jobs(&[
            account("bank/main", "asset", None),
            account("equity/own", "equity", None),
        ])
        .await;
    assert_eq!(client.take(&seen, 2).await.len(), 2);
    (site, daemon, client, seen)
}

fn properties(seen: &Seen) -> (&str, &str, &str, Option<String>) {
    (
        seen.id(),
        seen.correlation(),
        seen.kind(),
        seen.header_text("kontor-status"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_comes_back_as_its_outcome_and_its_reply() {
    let _beside = beside_others().await;
    let (site, daemon, client, seen) = begun("reply").await;
    let replies = format!("{}.replies.shop", site.prefix);
    client.declare(&replies).await;
    let mut headers = FieldTable::default();
    headers.insert("traceparent".into(), AMQPValue::LongString(TRACE.into()));
    let asking = json_message()
        .with_reply_to(replies.as_str().into())
        .with_correlation_id("order-7".into())
        .with_message_id("cash-1".into())
        .with_type("entry.post".into())
        .with_user_id("guest".into())
        .with_headers(headers);
    let cash = entry("cash-1", "bank/main", "equity/own", "10.00");
    client
        .send("main", asking.clone(), cash.to_string().as_bytes())
        .await;

    let outcome = client.take(&seen, 1).await.remove(0);
    let posted = ("main/3", "cash-1", "entry.post", Some("posted".to_owned()));
    assert_eq!(properties(&outcome), posted);
    assert_eq!(outcome.header_text("traceparent").as_deref(), Some(TRACE));
    assert!(!outcome.is_duplicate());
    let body = outcome.json();
    assert_eq!(
        (&body["entry_no"], &body["sequence"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(
        body["balances"],
        json!({ "bank/main": "10.00", "equity/own": "10.00" })
    );
    let reply = client.take(&replies, 1).await.remove(0);
    assert_eq!((reply.id(), reply.correlation()), ("main/3", "order-7"));
    assert_eq!(reply.body, outcome.body);

    // Again: the same bytes to both, marked.
    client
        .send("main", asking, cash.to_string().as_bytes())
        .await;
    for (queue, correlation) in [(&seen, "cash-1"), (&replies, "order-7")] {
        let again = client.take(queue, 1).await.remove(0);
        assert!(again.is_duplicate());
        assert_eq!((again.id(), again.correlation()), ("main/3", correlation));
        assert_eq!(again.body, outcome.body);
    }

    // Another content under the key: a refusal with a number of its own; the first outcome stands.
    client
        .send_job(&entry("cash-1", "bank/main", "equity/own", "11.00"))
        .await;
    let refused = client.take(&seen, 1).await.remove(0);
    assert_eq!((refused.id(), refused.is_duplicate()), ("main/4", false));
    assert_eq!(refused.json()["code"], "IDEMPOTENCY_KEY_REUSED");
    client.close().await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_line_falls_alone_and_is_set_aside_with_its_reason() {
    let _beside = beside_others().await;
    let (site, daemon, client, seen) = begun("lines").await;
    let lines = [
        account("wallet/1", "liability", None).to_string(),
        "{bad".to_owned(),
        String::new(),
        json!({ "key": "later", "kind": "nope.kind", "data": {} }).to_string(),
        entry("after", "bank/main", "equity/own", "1.00").to_string(),
    ];
    let mut headers = FieldTable::default();
    headers.insert("shop".into(), AMQPValue::LongString("berlin".into()));
    // Longer than a trace context is: it would be kept with every job of the message.
    let trace = "x".repeat(1_000);
    headers.insert("traceparent".into(), AMQPValue::LongString(trace.into()));
    let copies = FieldArray::from(vec![AMQPValue::LongString("nowhere".into())]);
    headers.insert("CC".into(), AMQPValue::FieldArray(copies));
    let many = message_of(NDJSON)
        .with_message_id("day-1".into())
        .with_correlation_id("night-run".into())
        .with_user_id("guest".into())
        .with_expiration("600000".into())
        .with_reply_to("nobody".into())
        .with_headers(headers);
    client.send("main", many, lines.join("\n").as_bytes()).await;

    let outcomes = client.take(&seen, 2).await;
    let keys: Vec<Value> = outcomes.iter().map(|o| o.json()["key"].clone()).collect();
    assert_eq!(keys, ["open:wallet/1", "after"]);
    assert!(
        outcomes
            .iter()
            .all(|seen| seen.header("traceparent").is_none())
    );
    let dead = client.take(&Topology::dead_exchange(&site.prefix), 2).await;
    let bodies: Vec<&str> = dead.iter().map(Seen::text).collect();
    assert_eq!(bodies, [lines[1].as_str(), lines[3].as_str()]);
    let text = |letter: &Seen, name: &str| letter.header_text(name).unwrap_or_default();
    for (letter, code, line) in [
        (&dead[0], "MESSAGE_MALFORMED", 2),
        (&dead[1], "UNKNOWN_KIND", 4),
    ] {
        assert_eq!(text(letter, "kontor-reason"), code);
        assert_eq!(
            letter.header("kontor-line"),
            Some(&AMQPValue::LongLongInt(line))
        );
        assert_eq!(
            text(letter, "kontor-original-exchange"),
            Topology::jobs_exchange(&site.prefix)
        );
        assert_eq!(text(letter, "kontor-original-routing-key"), "main");
        assert_eq!(text(letter, "kontor-original-user-id"), "guest");
        assert_eq!(text(letter, "kontor-original-reply-to"), "nobody");
        assert_eq!(text(letter, "kontor-original-expiration"), "600000");
        assert!(letter.header("kontor-original-cc").is_some() && letter.header("CC").is_none());
        assert_eq!(text(letter, "shop"), "berlin");
        assert_eq!((letter.id(), letter.correlation()), ("day-1", "night-run"));
        assert!(letter.properties.user_id().is_none() && letter.properties.reply_to().is_none());
        assert!(letter.properties.expiration().is_none());
        for name in ["kontor-detail", "kontor-received-at", "kontor-dead-id"] {
            assert!(!text(letter, name).is_empty(), "{name}");
        }
    }
    assert_ne!(
        text(&dead[0], "kontor-dead-id"),
        text(&dead[1], "kontor-dead-id")
    );
    client.close().await;
    daemon.stop().await;
}

/// Body, what is said of it, and the code it is set aside with.
type Unreadable = (
    Vec<u8>,
    fn(lapin::BasicProperties) -> lapin::BasicProperties,
    &'static str,
);

fn unreadable() -> Vec<Unreadable> {
    let as_it_is = |properties| properties;
    let text = |text: &str| text.as_bytes().to_vec();
    let post = |envelope: Value| {
        let mut job = job("k", "entry.post", &json!({ "legs": [] }));
        for (name, value) in envelope.as_object().unwrap() {
            job[name] = value.clone();
        }
        job.to_string().into_bytes()
    };
    vec![
        (Vec::new(), as_it_is, "MESSAGE_MALFORMED"),
        (
            text("{}"),
            |_| lapin::BasicProperties::default(),
            "CONTENT_TYPE_UNSUPPORTED",
        ),
        (
            text("{}"),
            |p| p.with_content_type("text/plain".into()),
            "CONTENT_TYPE_UNSUPPORTED",
        ),
        (
            text("{}"),
            |p| p.with_content_encoding("gzip".into()),
            "CONTENT_TYPE_UNSUPPORTED",
        ),
        (
            text(r#"{"kind":"entry.post","data":{}}"#),
            as_it_is,
            "KEY_MISSING",
        ),
        (post(json!({ "key": "a b" })), as_it_is, "KEY_INVALID"),
        (
            post(json!({ "key": "k".repeat(129) })),
            as_it_is,
            "KEY_INVALID",
        ),
        (
            post(json!({ "book": "other" })),
            as_it_is,
            "MESSAGE_MALFORMED",
        ),
        (
            post(json!({ "schema_version": 2 })),
            as_it_is,
            "SCHEMA_VERSION_UNSUPPORTED",
        ),
        (
            post(json!({ "kind": "query.balance" })),
            as_it_is,
            "MESSAGE_MALFORMED",
        ),
        (
            post(json!({})),
            |p| p.with_message_id("another".into()),
            "MESSAGE_MALFORMED",
        ),
        (
            post(json!({})),
            |p| p.with_type("entry.reverse".into()),
            "MESSAGE_MALFORMED",
        ),
        (
            text(r#"{"key":"a","key":"b","kind":"entry.post","data":{}}"#),
            as_it_is,
            "MESSAGE_MALFORMED",
        ),
        (text("{\"key\":\"a\"} more"), as_it_is, "MESSAGE_MALFORMED"),
        (vec![0xff, 0xfe], as_it_is, "MESSAGE_MALFORMED"),
        (vec![b' '; (1 << 20) + 1], as_it_is, "MESSAGE_TOO_LARGE"),
        (
            text("\n\n"),
            |p| p.with_content_type(NDJSON.into()),
            "MESSAGE_MALFORMED",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_set_aside_and_the_metrics_add_up() {
    let _beside = beside_others().await;
    let (site, daemon, client, seen) = begun("adds").await;
    let mut codes: BTreeMap<&str, u64> = BTreeMap::new();
    for (body, dress, code) in unreadable() {
        client.send("main", dress(json_message()), &body).await;
        *codes.entry(code).or_default() += 1;
    }
    // A book that is not there, by the routing key alone.
    let stray = r#"{"key":"stray","kind":"entry.post","data":{"legs":[]}}"#;
    client.send("other", json_message(), stray.as_bytes()).await;
    *codes.entry("BOOK_UNKNOWN").or_default() += 1;
    let dead: u64 = codes.values().sum();
    let queue = Topology::dead_exchange(&site.prefix);
    let letters = client.take(&queue, usize::try_from(dead).unwrap()).await;
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for letter in &letters {
        let reason = letter.header_text("kontor-reason").unwrap();
        let detail = letter.header_text("kontor-detail").unwrap();
        assert!(
            detail.contains(". "),
            "{reason} says what is wrong and what to do: {detail}"
        );
        *found.entry(reason).or_default() += 1;
    }
    let expected: BTreeMap<String, u64> = codes
        .iter()
        .map(|(code, count)| ((*code).to_owned(), *count))
        .collect();
    assert_eq!(found, expected);

    // One of each other sort: posted, rejected, a duplicate.
    let cash = entry("cash", "bank/main", "equity/own", "10.00");
    let short = entry("short", "bank/main", "nobody", "10.00");
    client.send_jobs(&[cash.clone(), short, cash]).await;
    assert_eq!(client.take(&seen, 3).await.len(), 3);

    let metric = |series: &str| daemon.metric(series);
    eventually("nothing is on its way", async || {
        metric("kontor_outbox_pending") == Some(0)
            && metric("kontor_unacked_deliveries{partition=\"0\"}") == Some(0)
    })
    .await;
    for (code, count) in codes {
        let series = format!("kontor_dead_letters_total{{code=\"{code}\"}}");
        assert_eq!(metric(&series), Some(count), "{series}");
    }
    for (series, count) in [
        ("kontor_jobs_received_total{partition=\"0\"}", dead + 5),
        ("kontor_jobs_posted_total{kind=\"account.open\"}", 2),
        ("kontor_jobs_posted_total{kind=\"entry.post\"}", 1),
        ("kontor_jobs_duplicate_total{kind=\"entry.post\"}", 1),
        (
            "kontor_jobs_rejected_total{kind=\"entry.post\",code=\"ACCOUNT_NOT_FOUND\"}",
            1,
        ),
        ("kontor_completeness_difference", 0),
        ("kontor_books_out_of_balance", 0),
        ("kontor_oldest_unacked_seconds{partition=\"0\"}", 0),
        ("kontor_outbox_oldest_seconds", 0),
        ("kontor_entries_total{kind=\"entry.post\"}", 1),
        ("kontor_legs_total", 2),
        ("kontor_accounts", 2),
        ("kontor_amqp_connected{role=\"intake\"}", 1),
        ("kontor_amqp_connected{role=\"publish\"}", 1),
    ] {
        eventually(series, async || metric(series) == Some(count)).await;
    }
    for counted in [
        "kontor_fdatasync_duration_seconds_count",
        "kontor_job_latency_seconds_count",
    ] {
        assert!(metric(counted) > Some(0), "{counted} is fed");
    }
    let (_, page) = daemon.get("/metrics").unwrap();
    let verified = page
        .lines()
        .find_map(|line| line.strip_prefix("kontor_chain_verified_timestamp_seconds "))
        .unwrap();
    assert!(verified.parse::<f64>().unwrap() > 1.7e9, "{verified}");
    client.close().await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_travel_together_or_not_at_all_as_configured() {
    let _beside = beside_others().await;
    let (mut site, daemon, client, seen) = begun("modes").await;
    daemon.stop().await;
    site.set("outcomes.mode", "batched");
    let daemon = site.run().await;
    let jobs: Vec<Value> = (1..=3)
        .map(|n| entry(&format!("b{n}"), "bank/main", "equity/own", "1.00"))
        .collect();
    let lines: Vec<String> = jobs.iter().map(Value::to_string).collect();
    client
        .send("main", message_of(NDJSON), lines.join("\n").as_bytes())
        .await;
    let batch = client.take(&seen, 1).await.remove(0);
    assert_eq!(batch.id(), "main/3-5");
    let content_type = batch
        .properties
        .content_type()
        .as_ref()
        .map(ShortString::as_str);
    assert_eq!(content_type, Some(NDJSON));
    let numbers: Vec<Value> = batch
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["sequence"].clone())
        .collect();
    assert_eq!(numbers, [3, 4, 5]);
    daemon.stop().await;

    // Off: journaled, nothing published, replies still sent; the cursor follows.
    site.set("outcomes.mode", "off");
    let daemon = site.run().await;
    let replies = format!("{}.replies.quiet", site.prefix);
    client.declare(&replies).await;
    let asking = json_message().with_reply_to(replies.as_str().into());
    let quiet = entry("quiet", "bank/main", "equity/own", "1.00").to_string();
    client.send("main", asking, quiet.as_bytes()).await;
    assert_eq!(client.take(&replies, 1).await[0].id(), "main/6");
    daemon.stop().await;
    site.set("outcomes.mode", "each");
    let daemon = site.run().await;
    client
        .send_job(&entry("loud", "bank/main", "equity/own", "1.00"))
        .await;
    assert_eq!(client.take(&seen, 1).await[0].id(), "main/7");
    client.close().await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_running_daemon_is_shown_on_one_screen() {
    let _beside = beside_others().await;
    let (site, daemon, client, _seen) = begun("screen").await;
    let status = site.operate(&["status"]).await;
    assert_eq!(status.code, 0, "{}", status.err);
    let shown = status.json();
    assert_eq!(
        (&shown["ready"], &shown["role"]),
        (&json!("yes"), &json!("active"))
    );
    assert_eq!(shown["partitions"][0]["connected"], "yes");
    assert_eq!(shown["partitions"][0]["position"], json!(4));
    assert_eq!(shown["jobs_posted"], "2");
    assert!(shown["received_to_durable_p50"].is_string(), "{shown}");
    client.close().await;
    daemon.stop().await;
    let gone = site.operate(&["status"]).await;
    assert_eq!(gone.code, 1);
    assert!(gone.err.contains("no daemon answers at"), "{}", gone.err);
}
