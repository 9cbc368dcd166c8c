//! Queues and exchanges that disappear, refuse or lead nowhere while the daemon runs.

use kontor::broker::Topology;
use lapin::options::{
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use rustix::process::Signal;
use serde_json::json;

use crate::support::client::{Client, entry, open_accounts, payment};
use crate::support::daemon::{Daemon, Site};
use crate::support::trial::{PENDING, Trial, UNACKED};
use crate::support::{beside_others, eventually};

async fn remade(trial: &Trial) {
    let made = trial.site.operate(&["topology", "apply"]).await;
    assert_eq!(made.code, 0, "{made:?}");
}

/// Everything sent is taken and acknowledged, although its outcomes cannot leave.
async fn taken_and_not_published(trial: &Trial, daemon: &Daemon) {
    eventually("everything is taken", async || {
        trial.depth().await == 0
            && daemon.metric(UNACKED) == Some(0)
            && daemon.metric(PENDING) > Some(0)
    })
    .await;
}

async fn bind(client: &Client, queue: &str, exchange: &str, key: &str) {
    let bound = client.channel.queue_bind(
        queue.into(),
        exchange.into(),
        key.into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bound.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_deleted_and_made_again_is_worked_on() {
    let _beside = beside_others().await;
    let (mut trial, daemon) = Trial::begin(Site::new("vanished")).await;
    trial.send(50).await;
    trial.settled(&daemon).await;
    let client = trial.client().await;
    let queue = Topology::job_queue(&trial.site.prefix, 0);
    let deleted = client
        .channel
        .queue_delete(queue.as_str().into(), QueueDeleteOptions::default());
    deleted.await.unwrap();
    let reason = daemon.unready().await;
    assert!(reason.contains("intake connection"), "{reason}");
    eventually("the missing queue is named", async || {
        let (_, status) = daemon.get("/status").unwrap();
        status.contains("missing at the broker") && status.contains(&queue)
    })
    .await;
    remade(&trial).await;
    daemon.ready().await;
    trial.send(50).await;
    let judged = trial.judge(daemon).await;
    assert_eq!(judged.books.starts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_wait_for_an_exchange_that_was_deleted() {
    let _beside = beside_others().await;
    let (mut trial, daemon) = Trial::begin(Site::new("outlet")).await;
    let exchange = Topology::outcomes_exchange(&trial.site.prefix);
    let client = trial.client().await;
    let delete = async || {
        let options = ExchangeDeleteOptions::default();
        let deleted = client
            .channel
            .exchange_delete(exchange.as_str().into(), options);
        deleted.await.unwrap();
    };
    delete().await;
    trial.send(60).await;
    taken_and_not_published(&trial, &daemon).await;
    eventually("the missing exchange is named", async || {
        let (_, status) = daemon.get("/status").unwrap();
        status.contains("missing at the broker") && status.contains(&exchange)
    })
    .await;
    // Its queue is bound before anything is published: nobody may see an exchange without one.
    daemon.signal(Signal::STOP);
    remade(&trial).await;
    bind(&client, &trial.seen, &exchange, "#").await;
    daemon.signal(Signal::CONT);
    trial.judge(daemon).await;

    delete().await;
    let (code, said) = trial.site.refused(false).await;
    assert_eq!(code, 78, "{said}");
    assert!(said.contains(&exchange), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_of_outcomes_holds_the_cursor_until_it_takes_them() {
    let _beside = beside_others().await;
    let (mut trial, daemon) = Trial::begin(Site::new("narrow")).await;
    let client = trial.client().await;
    let narrow = format!("{}.narrow", trial.site.prefix);
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(10));
    let refuses = AMQPValue::LongString("reject-publish".into());
    arguments.insert("x-overflow".into(), refuses);
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let declared = client
        .channel
        .queue_declare(narrow.as_str().into(), durable, arguments);
    declared.await.unwrap();
    let exchange = Topology::outcomes_exchange(&trial.site.prefix);
    bind(&client, &narrow, &exchange, "#").await;
    trial.send(100).await;
    taken_and_not_published(&trial, &daemon).await;
    let nacked = "kontor_publish_confirms_total{result=\"nacked\"} ";
    eventually("a refusal", async || daemon.metric(nacked) > Some(0)).await;
    // Tried again after a stop, too.
    daemon.signal(Signal::KILL);
    daemon.kill().await;
    let daemon = trial.site.run().await;
    eventually("a refusal", async || daemon.metric(nacked) > Some(0)).await;
    let emptied = client
        .channel
        .queue_delete(narrow.as_str().into(), QueueDeleteOptions::default());
    emptied.await.unwrap();
    trial.judge(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_that_nobody_wants_are_told_from_those_that_arrive() {
    let _beside = beside_others().await;
    let site = Site::new("picky").with("broker.outcomes_log", "false");
    let daemon = site.run().await;
    let client = Client::of(&site).await;
    let all = open_accounts(&client).await;
    let exchange = Topology::outcomes_exchange(&site.prefix);
    let refused = format!("{}.refused", site.prefix);
    client.declare(&refused).await;
    bind(&client, &refused, &exchange, "main.entry.post.rejected").await;
    let unbound = client.channel.queue_unbind(
        all.as_str().into(),
        exchange.as_str().into(),
        "#".into(),
        FieldTable::default(),
    );
    unbound.await.unwrap();
    let jobs: Vec<_> = (0..1_000)
        .map(|number| match number % 10 {
            3 => entry(&format!("no-{number}"), "bank/main", "nobody", "1.00"),
            _ => payment(number),
        })
        .collect();
    let confirms = |result: &str| {
        let series = format!("kontor_publish_confirms_total{{result=\"{result}\"}} ");
        daemon.metric(&series).unwrap()
    };
    let before = (confirms("acked"), confirms("returned"));
    for some in jobs.chunks(100) {
        client.send_jobs(some).await;
    }
    let seen = client.take(&refused, 100).await;
    for (outcome, place) in seen.iter().zip(0..) {
        let key = format!("no-{}", place * 10 + 3);
        assert_eq!(outcome.json()["key"], json!(key), "the order of numbers");
    }
    eventually("all are answered", async || {
        daemon.metric(PENDING) == Some(0)
            && (confirms("acked"), confirms("returned")) == (before.0 + 100, before.1 + 900)
    })
    .await;
    daemon.stop().await;
}
