//! The topology: made, compared, exported, and what a user may not do about it.

use std::collections::BTreeMap;

use kontor::broker::rabbit::topology::{apply as apply_topology, check};
use kontor::broker::rabbit::{ConnectOptions, consume, publish};
use kontor::broker::{BrokerFault, ConfirmResult, Topology};
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};

use super::{close, opened};
use crate::support::{
    apply, beside_others, broker, connect_options, consumer_options, ctl, fill, holds, message,
    plain_channel, prefix, publisher_options, topology,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_topology_is_made_and_found_equal() {
    let _beside = beside_others().await;
    let prefix = prefix("made");
    let before = check(&connect_options(), &topology(&prefix)).await.unwrap();
    let missing: Vec<_> = before
        .mismatches
        .iter()
        .map(|m| m.object.as_str())
        .collect();
    assert!(
        missing.contains(&format!("{prefix}.jobs.0").as_str()),
        "{missing:?}"
    );
    assert!(
        before
            .mismatches
            .iter()
            .all(|m| m.difference.contains("does not exist"))
    );
    let (_connection, channel) = plain_channel().await;
    let passive = QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    let queue = format!("{prefix}.jobs.0");
    let made = channel
        .queue_declare(queue.as_str().into(), passive, FieldTable::default())
        .await;
    assert!(made.is_err(), "check must not make anything");

    apply(&prefix).await;
    let after = check(&connect_options(), &topology(&prefix)).await.unwrap();
    assert_eq!((after.mismatches, after.unverified), (vec![], vec![]));
    apply(&prefix).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_for_no_book_is_set_aside() {
    let _beside = beside_others().await;
    let prefix = prefix("astray");
    let books = |n: u32, name: &str| kontor::broker::PartitionBooks {
        partition: n,
        books: vec![name.to_owned()],
    };
    let alone = Topology::new(&prefix, &[books(0, "main")], true);
    let topology = Topology::new(&prefix, &[books(0, "main"), books(1, "other")], true);
    // One partition takes every book. A second one takes its own away from it.
    for topology in [alone, topology.clone(), topology] {
        let applied = apply_topology(&connect_options(), &topology).await;
        assert_eq!(applied.unwrap().mismatches, []);
    }
    let mut lane = publish(connect_options(), publisher_options(&prefix));
    let exchange = Topology::jobs_exchange(&prefix);
    for (token, book) in [(1, "main"), (2, "nobody"), (3, "other")] {
        lane.publishes
            .send(message(token, &exchange, book))
            .await
            .unwrap();
        let confirmed = lane.confirms.recv().await.unwrap();
        assert_eq!(
            (confirmed.token, confirmed.result),
            (token, ConfirmResult::Acked)
        );
    }
    for queue in ["jobs.0", "dead", "jobs.1"] {
        holds(&format!("{prefix}.{queue}"), 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_difference_is_named_and_limits_may_differ() {
    let _beside = beside_others().await;
    let prefix = prefix("differs");
    let (_connection, channel) = plain_channel().await;
    let durable = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let mut arguments = FieldTable::default();
    let text = |s: &str| AMQPValue::LongString(s.into());
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-dead-letter-exchange".into(), text("elsewhere"));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(3));
    let jobs = format!("{prefix}.jobs.0");
    channel
        .queue_declare(jobs.as_str().into(), durable, arguments)
        .await
        .unwrap();
    let queries = format!("{prefix}.queries.0");
    let mut short = FieldTable::default();
    short.insert("x-message-ttl".into(), AMQPValue::LongInt(5));
    channel
        .queue_declare(queries.as_str().into(), durable, short)
        .await
        .unwrap();
    let dead = format!("{prefix}.dead");
    channel
        .queue_declare(dead.as_str().into(), durable, FieldTable::default())
        .await
        .unwrap();
    let log = format!("{prefix}.outcomes.log");
    let mut day = FieldTable::default();
    day.insert("x-queue-type".into(), text("stream"));
    day.insert("x-max-age".into(), text("1D"));
    channel
        .queue_declare(log.as_str().into(), durable, day)
        .await
        .unwrap();
    let outcomes = format!("{prefix}.outcomes");
    channel
        .exchange_declare(
            outcomes.as_str().into(),
            lapin::ExchangeKind::Direct,
            ExchangeDeclareOptions {
                durable: true,
                ..Default::default()
            },
            FieldTable::default(),
        )
        .await
        .unwrap();

    let applied = apply_topology(&connect_options(), &topology(&prefix))
        .await
        .unwrap();
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for mismatch in &applied.mismatches {
        found
            .entry(&mismatch.object)
            .or_default()
            .push(&mismatch.difference);
    }
    for differences in found.values_mut() {
        differences.sort_unstable();
    }
    let wanted = format!("x-dead-letter-exchange is \"elsewhere\" but must be \"{prefix}.dead\"");
    assert_eq!(
        found.get(jobs.as_str()).unwrap(),
        &vec![
            wanted.as_str(),
            "x-dead-letter-strategy is not set but must be \"at-least-once\"",
            "x-overflow is not set but must be \"reject-publish\"",
            "x-single-active-consumer is not set but must be true",
        ]
    );
    let dead_differences = found.get(dead.as_str()).unwrap();
    assert!(
        dead_differences[0].contains("must be \"quorum\""),
        "{dead_differences:?}"
    );
    assert_eq!(
        found.get(outcomes.as_str()).unwrap(),
        &vec!["type is \"direct\" but must be \"topic\""]
    );
    assert_eq!(found.get(log.as_str()), None, "a shorter age is a limit");
    assert_eq!(
        found.get(queries.as_str()),
        None,
        "classic is the default, its TTL a limit"
    );
    assert_eq!(found.len(), 3);
    assert!(
        applied
            .mismatches
            .iter()
            .all(|m| m.remedy.contains("topology apply"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_definitions_file_makes_what_the_check_wants() {
    let _beside = beside_others().await;
    let prefix = prefix("defined");
    let file = broker().dir().join(format!("{prefix}.json"));
    std::fs::write(&file, topology(&prefix).definitions_json("/").to_string()).unwrap();
    let path = file.to_str().unwrap().to_owned();
    let import = tokio::task::spawn_blocking(move || broker().ctl(&["import_definitions", &path]));
    import.await.unwrap().unwrap();
    let checked = check(&connect_options(), &topology(&prefix)).await.unwrap();
    assert_eq!(checked.mismatches, []);
    fill(&prefix, 3).await;
    holds(&Topology::job_queue(&prefix, 0), 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_permission_to_configure_sees_what_exists() {
    let _beside = beside_others().await;
    let prefix = prefix("worker");
    apply(&prefix).await;
    ctl(&["add_user", "worker", "secret"]).await;
    ctl(&["set_permissions", "worker", "^$", ".*", ".*"]).await;
    let worker = connect_options().with_credentials("worker", "secret");
    let checked = check(&worker, &topology(&prefix)).await.unwrap();
    assert_eq!(checked.mismatches, []);
    let objects = topology(&prefix);
    assert_eq!(
        checked.unverified.len(),
        objects.queues.len() + objects.exchanges.len()
    );
    let mut lane = consume(worker, consumer_options(&prefix, 5));
    opened(&mut lane).await;
    close(lane).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_virtual_host_is_named() {
    let _beside = beside_others().await;
    let uri = broker().uri().replace("%2f", "elsewhere");
    let options = ConnectOptions::parse(&uri).unwrap();
    match check(&options, &topology("none")).await {
        Err(BrokerFault::VhostRefused { detail, .. }) => assert!(detail.contains("elsewhere")),
        other => panic!("expected a refused virtual host, got {other:?}"),
    }
}
