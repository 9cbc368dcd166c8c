//! Three brokers, of which the one that leads the queue is killed.

use std::time::Duration;

use kontor::broker::Topology;
use kontor::broker::private::{Options, PrivateBroker};
use tokio::task::block_in_place;

use crate::support::daemon::Site;
use crate::support::proxy::Proxy;
use crate::support::trial::Trial;
use crate::support::{eventually, private_node};

/// Three nodes that are one broker.
fn cluster() -> Vec<PrivateBroker> {
    let first = private_node(&Options::default()).unwrap();
    let options = Options {
        beside: Some(first.member().unwrap()),
        ..Options::default()
    };
    let starting: Vec<_> = (0..2)
        .map(|_| {
            let options = options.clone();
            std::thread::spawn(move || private_node(&options).unwrap())
        })
        .collect();
    let mut nodes = vec![first];
    nodes.extend(starting.into_iter().map(|one| one.join().unwrap()));
    nodes
}

/// The place of the node that leads a queue, asked of the one that is left.
fn leader(nodes: &[PrivateBroker], asked: usize, queue: &str) -> Option<usize> {
    let said = nodes[asked]
        .ctl(&["list_queues", "name", "leader", "members"])
        .unwrap();
    let line = said
        .lines()
        .find(|line| line.starts_with(&format!("{queue}\t")))?;
    let mut columns = line.split('\t').skip(1);
    let led_by = columns.next()?.to_owned();
    let members = columns.next()?;
    assert_eq!(members.matches("kontor").count(), 3, "{line}");
    nodes
        .iter()
        .position(|node| led_by.contains(&format!("kontor{}@", node.port())))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_loses_the_leader_of_the_queue_goes_on() {
    let mut nodes = block_in_place(cluster);
    // A producer and a reader at the first node; the daemon goes where the network leads it.
    let network = Proxy::to(nodes[1].port()).await;
    let site = Site::at("trio", network.uri()).with("broker.heartbeat_s", "2");
    let (mut trial, daemon) = Trial::begin_at(site, nodes[0].uri()).await;
    let queue = Topology::job_queue(&trial.site.prefix, 0);
    // The queue is led by the node it was declared at.
    assert_eq!(block_in_place(|| leader(&nodes, 0, &queue)), Some(1));

    // The daemon's node stays, the leader goes.
    network.lead_to(nodes[2].port());
    network.cut();
    daemon.ready().await;
    let producing = trial.produce(600, Duration::from_millis(200));
    tokio::time::sleep(Duration::from_secs(1)).await;
    block_in_place(|| nodes[1].kill());
    let before = posted(&daemon);
    eventually("work goes on under another leader", async || {
        posted(&daemon) > before + 50
    })
    .await;
    producing.await.unwrap();
    trial.settled(&daemon).await;
    let now = block_in_place(|| leader(&nodes, 0, &queue));
    assert!(matches!(now, Some(0 | 2)), "{now:?}");

    // The node that the daemon is connected to goes; the third would be no majority, so the
    // killed one is back before.
    block_in_place(|| nodes[1].restart(|_| {}).unwrap());
    let producing = trial.produce(600, Duration::from_millis(100));
    tokio::time::sleep(Duration::from_secs(1)).await;
    network.lead_to(nodes[0].port());
    block_in_place(|| nodes[2].kill());
    eventually("it connects to another node", async || daemon.is_ready()).await;
    producing.await.unwrap();
    trial.judge(daemon).await;
}

fn posted(daemon: &crate::support::daemon::Daemon) -> u64 {
    let series = "kontor_jobs_posted_total{kind=\"entry.post\"} ";
    daemon.metric(series).unwrap()
}
