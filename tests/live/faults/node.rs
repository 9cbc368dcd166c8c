//! Faults of the broker as a whole: killed under load, impatient.

use std::time::Duration;

use kontor::broker::private::PrivateBroker;
use kontor::broker::rabbit::{ConnectOptions, publish};
use kontor::broker::{ConfirmResult, Topology};
use tokio::task::block_in_place;

use crate::support::daemon::Site;
use crate::support::shim::{Dial, Shim};
use crate::support::trial::Trial;
use crate::support::{beside_others, ctl, eventually, message, publisher_options, troubled};

use super::number_from;

/// How long the broker waits for an acknowledgement, and how often it looks.
fn patience(node: &PrivateBroker, patience_ms: u32, look_ms: u32) {
    let text = format!(
        "application:set_env(rabbit, consumer_timeout, {patience_ms}),
         application:set_env(rabbit, channel_tick_interval, {look_ms})."
    );
    block_in_place(|| node.ctl(&["eval", &text])).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_under_load_costs_nothing() {
    let mut node = troubled().await;
    let site = Site::at("felled", node.uri());
    let (mut trial, daemon) = Trial::begin_at(site, node.uri()).await;
    // Its register of queues is written late; what is declared moments before may be forgotten.
    block_in_place(|| node.ctl(&["eval", "mnesia:dump_log()."])).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let producing = trial.produce(1_500, Duration::from_millis(20));
    eventually("the load runs", async || {
        daemon.metric("kontor_jobs_posted_total{kind=\"entry.post\"} ") >= Some(200)
    })
    .await;
    block_in_place(|| {
        node.kill();
        node.restart(|_| {}).unwrap();
    });
    daemon.ready().await;
    assert!(producing.await.unwrap() > 0, "nothing was under way");
    let reconnects = daemon.metric("kontor_amqp_reconnects_total{role=\"publish\"} ");
    assert!(reconnects >= Some(1), "{reconnects:?}");
    trial.judge(daemon).await;
}

/// `KONTOR_CUTS` sets how many, a second apart.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_closed_every_second_cost_nothing() {
    let _beside = beside_others().await;
    ctl(&["add_user", "cut-off", "secret"]).await;
    ctl(&["set_permissions", "cut-off", ".*", ".*", ".*"]).await;
    let uri = crate::support::broker().uri();
    let site = Site::at("cuts", uri.replace("guest:guest", "cut-off:secret"));
    let (mut trial, daemon) = Trial::begin(site).await;
    let cuts = number_from("KONTOR_CUTS", 5);
    let producing = trial.produce(cuts * 400, Duration::from_millis(50));
    for _ in 0..cuts {
        ctl(&["close_all_user_connections", "cut-off", "a test"]).await;
        daemon.ready().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    producing.await.unwrap();
    for role in ["intake", "publish"] {
        let series = format!("kontor_amqp_reconnects_total{{role=\"{role}\"}} ");
        let reconnects = daemon.metric(&series).unwrap();
        let expected = u64::try_from(cuts).unwrap();
        assert!(reconnects >= expected, "{role}: {reconnects}");
    }
    trial.judge(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_that_takes_too_long_costs_a_channel_and_nothing_else() {
    let node = troubled().await;
    let mut site = Site::at("overdue", node.uri());
    let Some(shim) = Shim::before(&mut site) else {
        return;
    };
    let (mut trial, daemon) = Trial::begin_at(site, node.uri()).await;
    trial.send(10).await;
    trial.settled(&daemon).await;
    patience(&node, 300, 100);
    // A channel asks for the broker's patience when it opens; nothing is missing a test's while.
    let channels = "kontor_amqp_reconnects_total{role=\"intake\"} ";
    block_in_place(|| node.ctl(&["close_all_connections", "a test"])).unwrap();
    eventually("a new channel", async || {
        daemon.is_ready() && daemon.metric(channels) >= Some(1)
    })
    .await;
    let before = daemon.metric(channels);
    let publishing = "kontor_amqp_reconnects_total{role=\"publish\"} ";
    let untouched = daemon.metric(publishing);
    shim.set(Dial::SyncDelayMs, 5_000);
    trial.send(10).await;
    eventually("the broker's patience ends six times", async || {
        daemon.metric(channels) >= before.map(|count| count + 6)
    })
    .await;
    shim.set(Dial::SyncDelayMs, 0);
    assert_eq!(daemon.metric(publishing), untouched, "the other lane");
    let (_, status) = daemon.get("/status").unwrap();
    assert!(status.contains("timed out"), "{status}");
    assert!(!status.contains("topology"), "{status}");
    patience(&node, 1_800_000, 60_000);
    let judged = trial.judge(daemon).await;
    assert_eq!(judged.books.starts, 1, "it ran on all the while");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_dead_letters_that_takes_too_long_ends_with_69() {
    let node = troubled().await;
    let site = Site::at("looking", node.uri());
    let (trial, daemon) = Trial::begin_at(site, node.uri()).await;
    daemon.stop().await;
    let options = ConnectOptions::parse(&node.uri()).unwrap();
    let mut lane = publish(options, publisher_options("letters"));
    let dead = Topology::dead_exchange(&trial.site.prefix);
    for round in 0..8_u64 {
        for token in round * 500..(round + 1) * 500 {
            let letter = message(token, &dead, "main");
            lane.publishes.send(letter).await.unwrap();
        }
        for _ in 0..500 {
            let confirmed = lane.confirms.recv().await.unwrap();
            assert_eq!(confirmed.result, ConfirmResult::Acked);
        }
    }
    patience(&node, 100, 100);
    let looked = trial.site.operate(&["dead", "list"]).await;
    patience(&node, 1_800_000, 60_000);
    assert_eq!(looked.code, 69, "{looked:?}");
    let looked = trial.site.operate(&["dead", "list"]).await;
    assert_eq!(looked.code, 0, "{looked:?}");
    assert!(looked.out.contains("4000"), "{looked:?}");
}
