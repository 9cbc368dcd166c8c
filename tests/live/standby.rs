//! Two processes on one state directory: one works, the other waits, and never both or neither.

use std::time::{Duration, Instant};

use kontor::broker::Topology;
use rustix::process::Signal;

use crate::support::books::Books;
use crate::support::client::{Client, open_accounts, payment};
use crate::support::daemon::{Daemon, Site};
use crate::support::{alone, beside_others, counts, ctl, eventually, plain_channel};

/// Another site on the same directory and queues, with an HTTP address of its own.
fn beside(first: &Site, name: &str) -> Site {
    let mut second = Site::new(name);
    second.prefix.clone_from(&first.prefix);
    second.set("journal.dir", first.state().to_str().unwrap());
    second
}

async fn send(client: &Client, numbers: std::ops::Range<usize>) {
    for number in numbers {
        client.send_job(&payment(number)).await;
    }
}

/// Everything sent is in the books, once.
fn assert_booked(site: &Site, payments: usize) {
    let books = Books::of(&site.partition());
    let owners = books.jobs.iter().filter(|job| job.owns_key).count();
    assert_eq!((owners, books.jobs.len()), (payments + 2, payments + 2));
    let cents = i128::try_from(payments).unwrap() * 100;
    assert_eq!(books.balance("bank/main"), cents);
}

async fn stands_by(daemon: &Daemon, active: &Daemon) {
    let named = format!("process {} on ", active.id());
    eventually("standing by", async || {
        daemon.role().as_deref() == Some("standby")
            && daemon.metric("kontor_standby ") == Some(1)
            && daemon
                .get("/readyz")
                .is_some_and(|(status, reason)| status == 503 && reason.contains(&named))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_within_seconds_of_a_kill() {
    let _beside = beside_others().await;
    let site = Site::new("active");
    let active = site.run().await;
    let second = beside(&site, "waiting");
    let waiting = second.stand_by();
    stands_by(&waiting, &active).await;
    assert_eq!(active.role().as_deref(), Some("active"));

    let client = Client::of(&site).await;
    let seen = open_accounts(&client).await;
    let (_connection, channel) = plain_channel().await;
    let queue = Topology::job_queue(&site.prefix, 0);
    assert_eq!(counts(&channel, &queue).await.1, 1, "the standby consumes");
    send(&client, 0..200).await;
    active.kill().await;
    let killed = Instant::now();
    waiting.ready().await;
    let took = killed.elapsed();
    // A second or two on an idle machine; the bound is for a busy one.
    assert!(took < Duration::from_secs(20), "{took:?}");
    eprintln!("took over {took:?} after the kill");
    assert_eq!(waiting.role().as_deref(), Some("active"));
    assert_eq!(waiting.metric("kontor_standby "), Some(0));

    // The first one comes back as the standby of the second, and gets the directory back when
    // the second ends in order.
    let back = site.stand_by();
    stands_by(&back, &waiting).await;
    send(&client, 100..300).await;
    eventually("all outcomes", async || client.depth(&seen).await >= 300).await;
    assert_eq!(counts(&channel, &queue).await.1, 1);
    waiting.stop().await;
    back.ready().await;
    send(&client, 300..310).await;
    eventually("all outcomes", async || client.depth(&seen).await >= 310).await;
    back.stop().await;
    assert_booked(&site, 310);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_with_the_same_address_is_heard_once_it_is_active() {
    let _beside = beside_others().await;
    let site = Site::new("address");
    let active = site.run().await;
    let waiting = site.stand_by();
    let client = Client::of(&site).await;
    open_accounts(&client).await;
    eventually("standing by", async || {
        waiting.log().contains("standing by")
    })
    .await;
    // It is the active one that answers there.
    assert_eq!(waiting.role().as_deref(), Some("active"));
    active.kill().await;
    waiting.ready().await;
    waiting.stop().await;
    assert_booked(&site, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_active_process_that_stands_still_keeps_the_books_to_itself() {
    let _beside = beside_others().await;
    let site = Site::new("still").with("broker.heartbeat_s", "1");
    let active = site.run().await;
    let second = beside(&site, "patient");
    let waiting = second.stand_by();
    stands_by(&waiting, &active).await;
    let client = Client::of(&site).await;
    let seen = open_accounts(&client).await;
    send(&client, 0..50).await;
    active.signal(Signal::STOP);
    let queue = Topology::job_queue(&site.prefix, 0);
    let (_connection, channel) = plain_channel().await;
    // The broker misses the heartbeats and gives its deliveries back to the queue; the lock is
    // still held, so nobody else takes them.
    eventually("the broker gives it up", async || {
        counts(&channel, &queue).await.1 == 0
    })
    .await;
    send(&client, 50..100).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(waiting.role().as_deref(), Some("standby"));
    assert_eq!(counts(&channel, &queue).await.1, 0, "the standby consumes");
    active.signal(Signal::CONT);
    eventually("all outcomes", async || client.depth(&seen).await >= 100).await;
    assert_eq!(waiting.role().as_deref(), Some("standby"));
    active.stop().await;
    waiting.ready().await;
    waiting.stop().await;
    assert_booked(&site, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_gives_the_queue_back_to_the_active_one() {
    let _alone = alone().await;
    let site = Site::new("lost");
    let active = site.run().await;
    let second = beside(&site, "unmoved");
    let waiting = second.stand_by();
    stands_by(&waiting, &active).await;
    let client = Client::of(&site).await;
    let seen = open_accounts(&client).await;
    let queue = Topology::job_queue(&site.prefix, 0);
    for round in 0..3 {
        let client = Client::of(&site).await;
        send(&client, round * 50..(round + 1) * 50).await;
        ctl(&["close_all_connections", "a test"]).await;
        let (_connection, channel) = plain_channel().await;
        eventually("the active one is back", async || {
            let consumers = counts(&channel, &queue).await.1;
            assert!(consumers <= 1, "both consume");
            consumers == 1 && active.is_ready()
        })
        .await;
        assert_eq!(waiting.role().as_deref(), Some("standby"));
    }
    let client = Client::of(&site).await;
    eventually("all outcomes", async || client.depth(&seen).await >= 150).await;
    assert!(active.metric("kontor_amqp_reconnects_total{role=\"intake\"} ") >= Some(1));
    active.stop().await;
    waiting.ready().await;
    waiting.stop().await;
    assert_booked(&site, 150);
}
