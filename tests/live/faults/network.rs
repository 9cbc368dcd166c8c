//! A network that swallows, delays and cuts, and stops while nobody answers.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::daemon::{Daemon, Site};
use crate::support::proxy::{Proxy, Way};
use crate::support::trial::{PENDING, Trial};
use crate::support::{beside_others, broker, eventually};

const SWIFT: Way = Way::Carry(Duration::ZERO);

/// A daemon behind a network of its own that beats every second.
async fn behind(name: &str) -> (Proxy, Trial, Daemon) {
    let network = Proxy::to(broker().port()).await;
    let site = Site::at(name, network.uri())
        .with("broker.heartbeat_s", "1")
        .with("broker.connect_timeout_ms", "1000")
        .with("pipeline.drain_budget_ms", "2000");
    let (trial, daemon) = Trial::begin_at(site, broker().uri()).await;
    (network, trial, daemon)
}

fn reconnects(daemon: &Daemon) -> u64 {
    let of = |role: &str| {
        let series = format!("kontor_amqp_reconnects_total{{role=\"{role}\"}} ");
        daemon.metric(&series).unwrap()
    };
    of("intake").min(of("publish"))
}

async fn down(daemon: &Daemon) {
    let connected = |role: &str| {
        let series = format!("kontor_amqp_connected{{role=\"{role}\"}} ");
        daemon.metric(&series)
    };
    eventually("both connections are given up", async || {
        connected("intake") == Some(0) && connected("publish") == Some(0)
    })
    .await;
    assert_eq!(daemon.get("/readyz").unwrap().0, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_swallows_everything_is_given_up_and_found_again() {
    let _beside = beside_others().await;
    let (network, mut trial, daemon) = behind("swallowed").await;
    let producing = trial.produce(800, Duration::from_millis(100));
    tokio::time::sleep(Duration::from_millis(500)).await;
    network.turn(Way::Hold);
    let since = Instant::now();
    down(&daemon).await;
    eprintln!("given up after {:?}", since.elapsed());
    network.turn(SWIFT);
    daemon.ready().await;

    // The broker is gone and nobody says so.
    let before = reconnects(&daemon);
    network.cut_unheard();
    eventually("new connections", async || reconnects(&daemon) > before).await;
    daemon.ready().await;
    producing.await.unwrap();
    trial.judge(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_network_is_only_slow() {
    let _beside = beside_others().await;
    let (network, mut trial, daemon) = behind("distant").await;
    network.turn(Way::Carry(Duration::from_millis(200)));
    trial.send(500).await;
    trial.settled(&daemon).await;
    assert_eq!(reconnects(&daemon), 0);
    // Pieces that are held up for a moment now and then, as by a lossy line.
    let producing = trial.produce(500, Duration::from_millis(50));
    while !producing.is_finished() {
        network.turn(Way::Hold);
        tokio::time::sleep(Duration::from_millis(300)).await;
        network.turn(SWIFT);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    producing.await.unwrap();
    trial.settled(&daemon).await;
    assert_eq!(reconnects(&daemon), 0);
    trial.judge(daemon).await;
}

/// Stop it; it must end within its budget of two seconds and some.
async fn stops(daemon: Daemon, what: &str) {
    let since = Instant::now();
    daemon.stop().await;
    let took = since.elapsed();
    eprintln!("{what}: stopped in {took:?}");
    assert!(took < Duration::from_secs(12), "{what}: {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_obeyed_while_the_broker_is_away() {
    let _beside = beside_others().await;
    let (network, mut trial, daemon) = behind("away").await;
    trial.send(200).await;
    network.turn(Way::Refuse);
    network.cut();
    down(&daemon).await;
    stops(daemon, "refused").await;

    network.turn(SWIFT);
    let daemon = trial.site.run().await;
    trial.send(200).await;
    network.turn(Way::Hold);
    stops(daemon, "silent").await;

    // Before it is ready: the broker takes its connection and does not answer.
    let daemon = trial.site.start();
    eventually("life", async || daemon.get("/livez").is_some()).await;
    stops(daemon, "before it is ready").await;

    network.turn(SWIFT);
    for wait in [20, 120, 250, 400] {
        let mut daemon = trial.site.start();
        tokio::time::sleep(Duration::from_millis(wait)).await;
        daemon.signal(Signal::TERM);
        let status = daemon.ended().await;
        // Before it listens to signals the system ends it.
        assert!(
            matches!(status.code(), Some(0) | None),
            "{status}: {}",
            daemon.log()
        );
    }
    let daemon = trial.site.run().await;
    eventually("all is published", async || {
        daemon.metric(PENDING) == Some(0)
    })
    .await;
    trial.judge(daemon).await;
}
