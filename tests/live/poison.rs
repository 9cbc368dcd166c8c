//! Jobs that fell the process each time they come, and restarts that have nothing to do with a job.

use std::time::{Duration, Instant};

use kontor::broker::Topology;
use kontor::simulator::Chance;
use lapin::types::AMQPValue;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::books::Books;
use crate::support::client::{Client, Seen, entry, json_message, open_accounts, payment};
use crate::support::daemon::{Daemon, Site};
use crate::support::trial::UNACKED;
use crate::support::{PATIENCE, beside_others, eventually};
use crate::trouble::Mount;

/// The key of the job that fells.
const POISON: &str = "poison-1";

fn poison() -> Value {
    entry(POISON, "bank/main", "equity/owner", "500.00")
}

/// Accounts opened by a run that ended in order, and a reader of outcomes.
async fn prepared(site: &Site) -> (Client, String) {
    let daemon = site.run().await;
    let client = Client::of(site).await;
    let seen = open_accounts(&client).await;
    daemon.stop().await;
    (client, seen)
}

/// Start, and see it fall.
async fn falls(site: &Site) {
    let mut daemon = site.start();
    let status = daemon.ended().await;
    assert_eq!(status.code(), None, "it ended by itself:\n{}", daemon.log());
}

/// Start until it does not fall any more; the daemon and the number of the start.
async fn survives(site: &Site, client: &Client, dead: usize) -> (Daemon, usize) {
    let queue = format!("{}.dead", site.prefix);
    for start in 1..=10 {
        let mut daemon = site.start();
        let since = Instant::now();
        while daemon.lives() && client.depth(&queue).await < dead {
            assert!(since.elapsed() < PATIENCE, "{}", daemon.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if daemon.lives() {
            return (daemon, start);
        }
        daemon.ended().await;
    }
    panic!("it never survives");
}

fn count(seen: &Seen, header: &str) -> i64 {
    match seen.header(header) {
        Some(AMQPValue::LongLongInt(number)) => *number,
        other => panic!("{header} is {other:?}"),
    }
}

/// The one dead letter, which is this body with this reason.
async fn set_aside(site: &Site, client: &Client, body: &Value) -> Seen {
    let queue = format!("{}.dead", site.prefix);
    let letter = client.take(&queue, 1).await.remove(0);
    assert_condemned(&letter, body);
    letter
}

fn assert_condemned(letter: &Seen, body: &Value) {
    assert_eq!(
        letter.header_text("kontor-reason").unwrap(),
        "CRASHED_WORKER"
    );
    let detail = letter.header_text("kontor-detail").unwrap();
    assert!(detail.contains("worked on this job alone"), "{detail}");
    assert_eq!(letter.json(), *body);
    assert_eq!(
        letter.header_text("kontor-original-routing-key").unwrap(),
        "main"
    );
    assert_eq!(letter.header_text("kontor-dead-id").unwrap().len(), 64);
}

/// Neighbours are in the books once, the poison job is not.
fn assert_booked(site: &Site, payments: usize) {
    let books = Books::of(&site.partition());
    assert_eq!(books.jobs.len(), payments + 2);
    assert!(books.jobs.iter().all(|job| job.key != POISON));
    let cents = i128::try_from(payments).unwrap() * 100;
    assert_eq!(books.balance("bank/main"), cents);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fells_the_process_is_aside_at_the_fourth_start() {
    let _beside = beside_others().await;
    let mut site = Site::new("poison");
    let (client, _) = prepared(&site).await;
    for number in 0..20 {
        client.send_job(&payment(number)).await;
    }
    client.send_job(&poison()).await;
    for number in 20..40 {
        client.send_job(&payment(number)).await;
    }
    // A letter tells how often it was delivered before; this one stands for its neighbours.
    client.send("main", json_message(), b"unreadable").await;

    site.sabotage(&format!("post:panic:{POISON}"));
    falls(&site).await;
    falls(&site).await;
    falls(&site).await;
    let daemon = site.run().await;
    // What comes back to the queue stands behind what came back before it.
    let letters = client.take(&format!("{}.dead", site.prefix), 2).await;
    assert_eq!(letters[0].text(), "unreadable");
    assert_condemned(&letters[1], &poison());
    assert_eq!(count(&letters[1], "kontor-delivery-count"), 3);
    assert!(letters[1].header("kontor-line").is_none());
    let attempts = count(&letters[0], "kontor-delivery-count");
    assert!(attempts <= 2, "{attempts} attempts of a neighbour");
    let crashed = "kontor_dead_letters_total{code=\"CRASHED_WORKER\"} ";
    assert_eq!(daemon.metric(crashed), Some(1));

    // After one window everything goes as ever.
    let status = |daemon: &Daemon| daemon.get("/status").unwrap().1;
    assert!(status(&daemon).contains("\"one_at_a_time\":true"));
    let more: Vec<Value> = (40..400).map(payment).collect();
    for job in &more {
        client.send_job(job).await;
    }
    eventually("a window has gone through", async || {
        status(&daemon).contains("\"one_at_a_time\":false")
    })
    .await;
    // An outcome may come twice after a fall, so their number says nothing.
    let queue = Topology::job_queue(&site.prefix, 0);
    eventually("all is taken", async || {
        client.depth(&queue).await == 0 && daemon.metric(UNACKED) == Some(0)
    })
    .await;
    daemon.stop().await;
    assert_booked(&site, 400);

    // Repaired, the job is posted: its key was free.
    site.sabotage("");
    let daemon = site.run().await;
    client.send_job(&poison()).await;
    let posted = "kontor_jobs_posted_total{kind=\"entry.post\"} ";
    eventually("it is posted", async || daemon.metric(posted) == Some(1)).await;
    daemon.stop().await;
    assert_eq!(Books::of(&site.partition()).balance("bank/main"), 90_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_fells_takes_no_other_line_along() {
    let _beside = beside_others().await;
    for station in ["post", "read"] {
        let mut site = Site::new(station);
        let (client, seen) = prepared(&site).await;
        let mut lines: Vec<Value> = (0..7).map(payment).collect();
        lines.insert(3, poison());
        client.send_jobs(&lines).await;
        site.sabotage(&format!("{station}:panic:{POISON}"));
        let (daemon, start) = survives(&site, &client, 1).await;
        assert_eq!(start, 4, "{station}");
        let letter = set_aside(&site, &client, &poison()).await;
        assert_eq!(count(&letter, "kontor-line"), 4);
        eventually("all outcomes", async || client.depth(&seen).await >= 7).await;
        daemon.stop().await;
        assert_booked(&site, 7);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_falls_without_a_word_is_given_one_more_chance() {
    let _beside = beside_others().await;
    let mut site = Site::new("silent");
    let (client, seen) = prepared(&site).await;
    for number in 0..10 {
        client.send_job(&payment(number)).await;
    }
    client.send_job(&poison()).await;
    for number in 10..20 {
        client.send_job(&payment(number)).await;
    }
    site.sabotage(&format!("post:silence:{POISON}"));
    let (daemon, start) = survives(&site, &client, 1).await;
    assert_eq!(start, 5);
    set_aside(&site, &client, &poison()).await;
    eventually("all outcomes", async || client.depth(&seen).await >= 20).await;
    daemon.stop().await;
    assert_booked(&site, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_broken_at_the_start_costs_no_attempt() {
    let _beside = beside_others().await;
    let site = Site::new("broken").with("journal.free_bytes_min", "1048576");
    let Some(disk) = Mount::new(&site.state(), "size=40m") else {
        return;
    };
    let (client, seen) = prepared(&site).await;
    client.send_job(&payment(0)).await;
    client.send("main", json_message(), b"unreadable").await;
    disk.remount("ro");
    for _ in 0..6 {
        let (code, said) = site.refused(true).await;
        assert_eq!(code, 74, "{said}");
    }
    disk.remount("rw");
    let daemon = site.run().await;
    eventually("its outcome", async || client.depth(&seen).await >= 1).await;
    let dead = format!("{}.dead", site.prefix);
    let letter = client.take(&dead, 1).await.remove(0);
    assert_eq!(count(&letter, "kontor-delivery-count"), 0);
    assert!(
        daemon
            .get("/status")
            .unwrap()
            .1
            .contains("\"one_at_a_time\":false")
    );
    daemon.stop().await;
    assert_booked(&site, 1);
}

/// `KONTOR_RESTARTS` sets how many; a hundred take a few minutes.
#[tokio::test(flavor = "multi_thread")]
async fn restarts_for_other_reasons_set_nothing_aside() {
    let _beside = beside_others().await;
    let wanted = std::env::var("KONTOR_RESTARTS").ok();
    let restarts = wanted.and_then(|text| text.parse().ok()).unwrap_or(12);
    let site = Site::new("restarts");
    let (client, seen) = prepared(&site).await;
    let mut chance = Chance::new(u64::from(std::process::id()));
    let (mut sent, mut alone) = (0, 0);
    for _ in 0..restarts {
        // Some of them come as single messages, some many in one.
        let jobs: Vec<Value> = (sent..sent + 40).map(payment).collect();
        sent += 40;
        let (single, many) = jobs.split_at(25);
        for job in single {
            client.send_job(job).await;
        }
        client.send_jobs(many).await;
        let daemon = site.start();
        if chance.once_in(4) {
            // In the middle of the start.
            tokio::time::sleep(Duration::from_millis(chance.up_to(400))).await;
        } else {
            daemon.ready().await;
            let status = daemon.get("/status").map(|(_, body)| body);
            alone += usize::from(status.unwrap().contains("\"one_at_a_time\":true"));
            tokio::time::sleep(Duration::from_millis(chance.up_to(120))).await;
        }
        daemon.signal(Signal::KILL);
        daemon.kill().await;
    }
    eprintln!("{alone} of {restarts} starts took messages one at a time");
    let daemon = site.run().await;
    let queue = Topology::job_queue(&site.prefix, 0);
    eventually("an empty queue", async || {
        client.depth(&queue).await == 0
            && daemon.metric("kontor_unacked_deliveries{partition=\"0\"} ") == Some(0)
    })
    .await;
    daemon.stop().await;
    assert!(client.depth(&seen).await >= sent);
    let dead = format!("{}.dead", site.prefix);
    let letters = client.take(&dead, client.depth(&dead).await).await;
    let reasons: Vec<_> = letters
        .iter()
        .map(|letter| letter.header_text("kontor-reason"))
        .collect();
    assert!(reasons.is_empty(), "{reasons:?}");
    assert_booked(&site, sent);
}
