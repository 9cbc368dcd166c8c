//! Messages that are broken, strange, doubled or too many.

use kontor::broker::Topology;
use kontor::wire::client::CONTENT_TYPE;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldArray, FieldTable};

use crate::support::client::{Client, Seen, entry, json_message, message_of, payment};
use crate::support::daemon::{Daemon, Site};
use crate::support::raw::{publish_with_type, take_properties};
use crate::support::shim::{Dial, Shim};
use crate::support::trial::{Trial, UNACKED};
use crate::support::{beside_others, eventually};

use super::number_from;

/// A body, what it says it is, and the code it is set aside with.
fn broken() -> Vec<(Vec<u8>, BasicProperties, &'static str)> {
    let whole = payment(0).to_string();
    let number = whole.replace("\"1.00\"", "NaN");
    let twice = whole.replace("\"key\":", "\"key\":\"other\",\"key\":");
    let binary = || message_of(CONTENT_TYPE);
    let malformed = "MESSAGE_MALFORMED";
    vec![
        (Vec::new(), json_message(), malformed),
        (b"{".to_vec(), json_message(), malformed),
        (
            whole.as_bytes()[..whole.len() / 2].to_vec(),
            json_message(),
            malformed,
        ),
        (number.into_bytes(), json_message(), malformed),
        (twice.into_bytes(), json_message(), malformed),
        (vec![0; 16 << 20], json_message(), "MESSAGE_TOO_LARGE"),
        (Vec::new(), binary(), malformed),
        (vec![1], binary(), malformed),
        (vec![0xff; 1_000], binary(), malformed),
        (whole.as_bytes().to_vec(), binary(), malformed),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_broken_in_every_way_are_set_aside_whole_between_good_ones() {
    let _beside = beside_others().await;
    let (mut trial, daemon) = Trial::begin(Site::new("broken-bodies")).await;
    let client = trial.client().await;
    let broken = broken();
    for (body, properties, _) in &broken {
        trial.send(1).await;
        client.send("main", properties.clone(), body).await;
    }
    trial.send(1).await;
    let dead = Topology::dead_exchange(&trial.site.prefix);
    let letters = client.take(&dead, broken.len()).await;
    for ((body, _, code), letter) in broken.iter().zip(&letters) {
        assert_eq!(letter.header_text("kontor-reason").as_deref(), Some(*code));
        assert!(letter.body == *body, "{code}: other bytes than were sent");
    }
    trial.judge(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_that_are_no_numbers_are_refused_with_their_place() {
    let _beside = beside_others().await;
    let (trial, daemon) = Trial::begin(Site::new("amounts")).await;
    let client = trial.client().await;
    let amounts = [
        "NaN",
        "Infinity",
        "-0",
        "1e2",
        "0x10",
        "1.",
        "1,00",
        " 1",
        "99999999999999999999999999999999999999999",
    ];
    for (amount, number) in amounts.iter().zip(0..) {
        let key = format!("amount-{number}");
        client
            .send_job(&entry(&key, "bank/main", "equity/owner", amount))
            .await;
    }
    let outcomes = client.take(&trial.seen, amounts.len()).await;
    for (outcome, amount) in outcomes.iter().zip(amounts) {
        let said = outcome.json();
        assert_eq!(said["status"], "rejected", "{amount}");
        assert!(
            said["path"].as_str().unwrap().ends_with("/amount"),
            "{said}"
        );
    }
    daemon.stop().await;
    let books = crate::support::books::Books::of(&trial.site.partition());
    assert_eq!(books.balance("bank/main"), 0);
}

/// A table with as many entries as fit into one frame of properties, nested.
fn many_headers() -> FieldTable {
    let mut inner = FieldTable::default();
    inner.insert("deep".into(), AMQPValue::Void);
    for _ in 0..20 {
        let mut outer = FieldTable::default();
        let list = FieldArray::from(vec![AMQPValue::FieldTable(inner), AMQPValue::LongInt(7)]);
        outer.insert("in".into(), AMQPValue::FieldArray(list));
        inner = outer;
    }
    let mut headers = FieldTable::default();
    headers.insert("nest".into(), AMQPValue::FieldTable(inner));
    for number in 0..600 {
        let text = AMQPValue::LongString(format!("{number:0>80}").into());
        headers.insert(format!("header-{number}").into(), text);
    }
    headers
}

#[tokio::test(flavor = "multi_thread")]
async fn many_and_nested_headers_neither_hinder_a_job_nor_get_lost_with_a_letter() {
    let _beside = beside_others().await;
    let (mut trial, daemon) = Trial::begin(Site::new("headers")).await;
    let client = trial.client().await;
    let dressed = json_message().with_headers(many_headers());
    for number in 0..20 {
        let body = payment(number).to_string();
        client.send("main", dressed.clone(), body.as_bytes()).await;
    }
    trial.sent = 20;
    client.send("main", dressed, b"unreadable").await;
    let dead = Topology::dead_exchange(&trial.site.prefix);
    let letter = client.take(&dead, 1).await.remove(0);
    assert_eq!(letter.text(), "unreadable");
    for (name, value) in many_headers().inner() {
        assert_eq!(letter.header(name.as_str()), Some(value), "{name}");
    }
    trial.judge(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reaches_the_delivery_limit_goes_alone_and_the_broker_says_why() {
    let _beside = beside_others().await;
    let (mut trial, daemon) = Trial::begin(Site::new("limit")).await;
    daemon.stop().await;
    trial.send(40).await;
    // A short string that is not UTF-8 ends the connection each time it comes.
    let exchange = Topology::jobs_exchange(&trial.site.prefix);
    let sending = move || publish_with_type(&exchange, "main", &[0xff, 0xfe]);
    tokio::task::spawn_blocking(sending).await.unwrap();
    trial.send(40).await;
    let daemon = trial.site.run().await;
    let client = trial.client().await;
    let dead = Topology::dead_exchange(&trial.site.prefix);
    eventually("it is set aside", async || client.depth(&dead).await == 1).await;
    // Our client library cannot read it among the dead letters either: that is said, and at once.
    let since = std::time::Instant::now();
    let listed = trial.site.operate(&["dead", "list"]).await;
    assert_eq!(listed.code, 78, "{listed:?}");
    assert!(listed.err.contains(&dead), "{listed:?}");
    assert!(listed.err.contains("another client"), "{listed:?}");
    assert!(since.elapsed() < std::time::Duration::from_secs(15));
    let properties = tokio::task::spawn_blocking(move || take_properties(&dead));
    let properties = properties.await.unwrap();
    let reason = b"delivery_limit";
    let told = properties
        .windows(reason.len())
        .any(|bytes| bytes == reason);
    assert!(told, "{}", String::from_utf8_lossy(&properties));
    let listed = trial.site.operate(&["dead", "list"]).await;
    assert_eq!(listed.code, 0, "{listed:?}");
    trial.judge(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_producers_of_the_same_keys_have_one_effect_each() {
    let _beside = beside_others().await;
    // A prefetch of one batch of one: everything still comes, one by one.
    let site = Site::new("twins")
        .with("broker.prefetch", "1")
        .with("broker.prefetch_min", "1");
    let (mut trial, daemon) = Trial::begin(site).await;
    let first = trial.produce(150, std::time::Duration::ZERO);
    trial.sent = 0;
    let second = trial.produce(150, std::time::Duration::ZERO);
    first.await.unwrap();
    second.await.unwrap();
    trial.settled(&daemon).await;
    let doubled = daemon.metric("kontor_jobs_duplicate_total{kind=\"entry.post\"} ");
    assert_eq!(doubled, Some(150));
    let refused = other_content(&trial).await;
    assert_eq!(refused.json()["code"], "IDEMPOTENCY_KEY_REUSED");
    daemon.stop().await;
    let books = crate::support::books::Books::of(&trial.site.partition());
    assert_eq!(books.balance("bank/main"), 15_000);
    let owners = books.jobs.iter().filter(|job| job.owns_key).count();
    assert_eq!((owners, books.jobs.len()), (152, 153));
}

/// The answer to another order under a key that is taken, behind all that came before.
async fn other_content(trial: &Trial) -> Seen {
    let client = trial.client().await;
    let before = client.depth(&trial.seen).await;
    let other = entry("pay-7", "bank/main", "equity/owner", "7.00");
    client.send_job(&other).await;
    client.take(&trial.seen, before + 1).await.remove(before)
}

/// Bytes of memory that a process had at its fattest.
fn memory_peak(daemon: &Daemon) -> usize {
    let path = format!("/proc/{}/status", daemon.id());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<usize>().unwrap() * 1_024
}

async fn fill(client: &Client, prefix: &str, count: usize, padding: &str) {
    let exchange = Topology::jobs_exchange(prefix);
    let mut confirms = std::collections::VecDeque::new();
    for number in 0..count {
        let body = format!("{}{padding}", payment(number));
        let published = client.channel.basic_publish(
            exchange.as_str().into(),
            "main".into(),
            lapin::options::BasicPublishOptions::default(),
            body.as_bytes(),
            json_message(),
        );
        confirms.push_back(published.await.unwrap());
        if confirms.len() > 500 {
            assert!(confirms.pop_front().unwrap().await.unwrap().is_ack());
        }
    }
    for confirm in confirms {
        assert!(confirm.await.unwrap().is_ack());
    }
}

/// `KONTOR_BACKLOG` sets how many messages.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_backlog_at_the_start_takes_no_more_memory_than_the_prefetch() {
    let _beside = beside_others().await;
    let backlog = number_from("KONTOR_BACKLOG", 3_000);
    let mut site = Site::new("backlog")
        .with("broker.prefetch", "30")
        .with("broker.prefetch_min", "30");
    let shim = Shim::before(&mut site);
    let (mut trial, daemon) = Trial::begin(site).await;
    let began = memory_peak(&daemon);
    daemon.stop().await;
    // Blanks behind a job are part of its message.
    let client = trial.client().await;
    fill(&client, &trial.site.prefix, backlog, &" ".repeat(65_536)).await;
    trial.sent = backlog;
    // Time enough to send us more than we have asked for: nothing is acknowledged meanwhile.
    let slow = |ms| shim.iter().for_each(|shim| shim.set(Dial::SyncDelayMs, ms));
    let daemon = trial.site.run().await;
    slow(3_000);
    eventually("the prefetch is out", async || {
        daemon.metric(UNACKED) == Some(30)
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    slow(0);
    trial.settled(&daemon).await;
    let grown = memory_peak(&daemon).saturating_sub(began);
    eprintln!(
        "{backlog} messages of 64 KiB: memory grew by {} MiB",
        grown >> 20
    );
    // The prefetch is 2 MiB, and a little more is in the sockets; the rest is for the books.
    let bound = (48 << 20) + backlog * 1_024;
    assert!(grown < bound, "{grown} bytes for {backlog} messages");
    trial.judge(daemon).await;
}
