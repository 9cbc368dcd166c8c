//! The private node itself, and the lanes when its power is cut.

use std::time::Duration;

use kontor::broker::private::Options;
use kontor::broker::rabbit::topology::apply as apply_topology;
use kontor::broker::rabbit::{ConnectOptions, consume, publish};
use kontor::broker::{ConfirmResult, ConsumerEvent, Topology};

use super::{ack, bodies};
use crate::support::{
    PATIENCE, consumer_options, message, next, private_node, processes_naming, publisher_options,
    topology,
};

#[test]
fn a_private_node_survives_a_power_cut_and_leaves_nothing_behind() {
    let mut node = private_node(&Options::default()).unwrap();
    let dir = node.dir().to_path_buf();
    let mark = dir.to_str().unwrap().to_owned();
    assert!(processes_naming(&mark) > 0);
    node.ctl(&["add_vhost", "kept"]).unwrap();
    node.kill();
    assert_eq!(processes_naming(&mark), 0);
    node.restart(|_| {}).unwrap();
    assert!(node.ctl(&["list_vhosts"]).unwrap().contains("kept"));
    node.stop().unwrap();
    assert_eq!(processes_naming(&mark), 0);
    drop(node);
    assert!(!dir.exists());
}

/// Publish `1..=count` until each is confirmed, while the caller breaks the broker.
async fn publish_until_confirmed(options: ConnectOptions, queue: String, count: u64) -> u64 {
    let mut lane = publish(options, publisher_options("until"));
    let mut open: std::collections::BTreeSet<u64> = (1..=count).collect();
    let mut lost = 0;
    while !open.is_empty() {
        let round: Vec<u64> = open.iter().copied().take(500).collect();
        for token in &round {
            lane.publishes
                .send(message(*token, "", &queue))
                .await
                .unwrap();
        }
        for _ in &round {
            let confirmed = lane.confirms.recv().await.unwrap();
            if confirmed.result == ConfirmResult::Acked {
                open.remove(&confirmed.token);
            } else {
                lost += 1;
            }
        }
    }
    lost
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_at_the_broker_loses_nothing_confirmed() {
    let started = tokio::task::spawn_blocking(|| private_node(&Options::default()));
    let mut node = started.await.unwrap().unwrap();
    let options = ConnectOptions::parse(&node.uri()).unwrap();
    let applied = apply_topology(&options, &topology("cut")).await.unwrap();
    assert_eq!(applied.mismatches, []);
    // This RabbitMQ forgets a quorum queue that is cut off moments after it was declared: its
    // register of queues is written late. An orderly restart writes it.
    let restarted = tokio::task::spawn_blocking(move || {
        node.restart(|_| {}).unwrap();
        node
    });
    let mut node = restarted.await.unwrap();
    let queue = Topology::job_queue("cut", 0);
    let total = 20_000;
    let sending = tokio::spawn(publish_until_confirmed(options.clone(), queue, total));
    let mut consumer = consume(options, consumer_options("cut", 500));
    let (started, half) = std::sync::mpsc::channel();
    let breaking = tokio::task::spawn_blocking(move || {
        half.recv().unwrap();
        node.kill();
        node.restart(|_| {}).unwrap();
        node
    });
    let mut started = Some(started);
    let (mut seen, mut epochs) = (std::collections::BTreeSet::new(), 0);
    while u64::try_from(seen.len()).unwrap() < total {
        match next(&mut consumer).await {
            ConsumerEvent::Opened { .. } => epochs += 1,
            ConsumerEvent::Delivery(delivery) => {
                ack(&consumer, delivery.epoch, delivery.tag, true).await;
                seen.extend(bodies(std::slice::from_ref(&*delivery)));
                // After the cut the same ones may come again.
                if seen.len() >= 5_000
                    && let Some(started) = started.take()
                {
                    started.send(()).unwrap();
                }
            }
            ConsumerEvent::Closed { .. } => {}
            other => panic!("unexpected {other:?}"),
        }
    }
    assert!(
        sending.await.unwrap() > 0,
        "the cut came too late to prove anything"
    );
    assert!(epochs >= 2, "the consumer was not cut");
    drop(breaking.await.unwrap());
}

/// Not a test: the process that [`a_private_node_dies_with_its_parent`] kills.
#[test]
#[ignore = "started by a_private_node_dies_with_its_parent"]
fn parent_of_a_private_node() {
    let node = private_node(&Options::default()).unwrap();
    let report = std::env::var_os("KONTOR_TEST_REPORT").expect("where to report to");
    std::fs::write(report, node.dir().to_str().unwrap()).unwrap();
    std::thread::sleep(PATIENCE);
}

#[test]
fn a_private_node_dies_with_its_parent() {
    let report = tempfile::NamedTempFile::new().unwrap();
    let mut parent = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "broker::node::parent_of_a_private_node",
        ])
        .env("KONTOR_TEST_REPORT", report.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let since = std::time::Instant::now();
    let dir = loop {
        let dir = std::fs::read_to_string(report.path()).unwrap();
        if !dir.is_empty() {
            break dir;
        }
        assert!(since.elapsed() < PATIENCE, "the node did not start");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(processes_naming(&dir) > 0);
    parent.kill().unwrap();
    parent.wait().unwrap();
    let since = std::time::Instant::now();
    while processes_naming(&dir) > 0 || std::path::Path::new(&dir).exists() {
        assert!(since.elapsed() < PATIENCE, "something of the node is left");
        std::thread::sleep(Duration::from_millis(50));
    }
}
