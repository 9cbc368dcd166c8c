//! The broker layer against RabbitMQ itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kontor::broker::private::{Options, PrivateBroker};
use kontor::broker::rabbit::topology::{apply as apply_topology, check};
use kontor::broker::rabbit::{ConnectOptions, ConsumerLane, consume, publish};
use kontor::broker::{
    BrokerFault, CloseReason, ConfirmResult, ConsumerCommand, ConsumerEvent, Delivery, Epoch,
    HeaderValue, Topology, Why, dead_letter,
};
use lapin::options::{
    BasicGetOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};

use crate::support::raw::publish_with_type;
use crate::support::{
    PATIENCE, alone, apply, beside_others, broker, connect_options, consumer_options, ctl,
    dead_port, eventually, fill, message, next, plain_channel, prefix, processes_naming,
    publisher_options, ready, topology,
};

async fn opened(lane: &mut ConsumerLane) -> Epoch {
    match next(lane).await {
        ConsumerEvent::Opened { epoch } => epoch,
        other => panic!("expected an open channel, got {other:?}"),
    }
}

async fn deliveries(lane: &mut ConsumerLane, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    while taken.len() < count {
        match next(lane).await {
            ConsumerEvent::Delivery(delivery) => taken.push(delivery),
            other => panic!("expected a delivery, got {other:?}"),
        }
    }
    taken
}

async fn command(lane: &ConsumerLane, command: ConsumerCommand) {
    lane.commands.send(command).await.expect("the lane lives");
}

async fn ack(lane: &ConsumerLane, epoch: Epoch, tag: u64, multiple: bool) {
    command(
        lane,
        ConsumerCommand::AckUpTo {
            epoch,
            tag,
            multiple,
        },
    )
    .await;
}

fn bodies(deliveries: &[Delivery]) -> Vec<u32> {
    let text = |d: &Delivery| String::from_utf8(d.body.clone()).expect("text");
    deliveries
        .iter()
        .map(|d| text(d).parse().expect("a number"))
        .collect()
}

/// Close the lane and see it end.
async fn close(mut lane: ConsumerLane) {
    command(&lane, ConsumerCommand::Close).await;
    let end = async { while lane.events.recv().await.is_some() {} };
    tokio::time::timeout(PATIENCE, end)
        .await
        .expect("an end in time");
    lane.task.await.expect("a clean end");
}

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
    let topology = Topology::new(&prefix, &[books(0, "main"), books(1, "other")], true);
    let applied = apply_topology(&connect_options(), &topology).await.unwrap();
    assert_eq!(applied.mismatches, []);
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
    let (_connection, channel) = plain_channel().await;
    for queue in ["jobs.0", "dead", "jobs.1"] {
        assert_eq!(
            ready(&channel, &format!("{prefix}.{queue}")).await,
            1,
            "{queue}"
        );
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
    let (_connection, channel) = plain_channel().await;
    assert_eq!(ready(&channel, &Topology::job_queue(&prefix, 0)).await, 3);
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
async fn acknowledged_is_gone_and_the_rest_comes_again_under_a_new_epoch() {
    let _beside = beside_others().await;
    let prefix = prefix("epochs");
    apply(&prefix).await;
    fill(&prefix, 10).await;
    let mut first = consume(connect_options(), consumer_options(&prefix, 20));
    let old = opened(&mut first).await;
    let taken = deliveries(&mut first, 10).await;
    assert_eq!(bodies(&taken), (0..10).collect::<Vec<_>>());
    assert!(taken.iter().all(|d| d.epoch == old && !d.redelivered));
    assert_eq!(
        taken.iter().map(|d| d.tag).collect::<Vec<_>>(),
        (1..=10).collect::<Vec<_>>()
    );
    ack(&first, old, 9, false).await;
    ack(&first, old, 4, true).await;
    close(first).await;

    let mut second = consume(connect_options(), consumer_options(&prefix, 20));
    let new = opened(&mut second).await;
    assert!(new > old);
    let again = deliveries(&mut second, 5).await;
    let mut numbers = bodies(&again);
    numbers.sort_unstable();
    assert_eq!(numbers, [4, 5, 6, 7, 9]);
    assert!(
        again
            .iter()
            .all(|d| d.redelivered && d.delivery_count == Some(1))
    );
    // An acknowledgement of the old channel must not touch the new one.
    ack(&second, old, 5, true).await;
    eventually("the stale acknowledgement is counted", async || {
        second.acks.stale.load(Ordering::Relaxed) == 1
    })
    .await;
    close(second).await;
    let (_connection, channel) = plain_channel().await;
    assert_eq!(ready(&channel, &Topology::job_queue(&prefix, 0)).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_delivers_what_was_prefetched_and_ends() {
    let _beside = beside_others().await;
    let prefix = prefix("drain");
    apply(&prefix).await;
    fill(&prefix, 30).await;
    let mut lane = consume(connect_options(), consumer_options(&prefix, 10));
    let epoch = opened(&mut lane).await;
    deliveries(&mut lane, 1).await;
    command(&lane, ConsumerCommand::Drain).await;
    let mut last = 1;
    loop {
        match next(&mut lane).await {
            ConsumerEvent::Delivery(delivery) => last = delivery.tag,
            ConsumerEvent::Drained => break,
            other => panic!("unexpected {other:?}"),
        }
    }
    assert_eq!(last, 10, "what was prefetched is delivered, and no more");
    ack(&lane, epoch, last, true).await;
    close(lane).await;
    let (_connection, channel) = plain_channel().await;
    assert_eq!(ready(&channel, &Topology::job_queue(&prefix, 0)).await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_keeps_the_epoch_and_ends() {
    let _beside = beside_others().await;
    let prefix = prefix("pause");
    apply(&prefix).await;
    let mut lane = consume(connect_options(), consumer_options(&prefix, 10));
    let epoch = opened(&mut lane).await;
    fill(&prefix, 1).await;
    deliveries(&mut lane, 1).await;
    command(&lane, ConsumerCommand::Pause).await;
    // While something is unacknowledged, the broker still counts the cancelled consumer.
    tokio::time::sleep(Duration::from_millis(200)).await;
    ack(&lane, epoch, 1, true).await;
    let (_connection, channel) = plain_channel().await;
    let queue = Topology::job_queue(&prefix, 0);
    let consumers = async || {
        let passive = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let name = queue.as_str().into();
        channel
            .queue_declare(name, passive, FieldTable::default())
            .await
            .unwrap()
            .consumer_count()
    };
    eventually("the subscription ends", async || consumers().await == 0).await;
    fill(&prefix, 2).await;
    let quiet = tokio::time::timeout(Duration::from_millis(300), lane.events.recv()).await;
    assert!(quiet.is_err(), "a delivery during the pause: {quiet:?}");
    command(&lane, ConsumerCommand::Resume).await;
    let taken = deliveries(&mut lane, 2).await;
    assert_eq!(
        taken.iter().map(|d| (d.epoch, d.tag)).collect::<Vec<_>>(),
        [(epoch, 2), (epoch, 3)]
    );
    ack(&lane, epoch, 3, true).await;
    close(lane).await;
    assert_eq!(ready(&channel, &queue).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_comes_back_and_no_message_is_without_a_result() {
    let _alone = alone().await;
    let prefix = prefix("cut");
    apply(&prefix).await;
    fill(&prefix, 3).await;
    let mut consumer = consume(connect_options(), consumer_options(&prefix, 10));
    let old = opened(&mut consumer).await;
    deliveries(&mut consumer, 3).await;
    let mut publisher = publish(connect_options(), publisher_options(&prefix));
    let exchange = Topology::outcomes_exchange(&prefix);
    let (sender, cut) = (
        publisher.publishes.clone(),
        Arc::new(AtomicBool::new(false)),
    );
    let done = Arc::clone(&cut);
    let sending = tokio::spawn(async move {
        // Some thousand after the cut, so that the new connection has its share.
        let (mut token, mut left) = (0, 5_000);
        while left > 0 {
            left -= u64::from(done.load(Ordering::Relaxed));
            let key = "main.entry.post.posted";
            sender
                .send(message(token, &exchange, key))
                .await
                .expect("the lane lives");
            token += 1;
        }
        token
    });
    let cutting = tokio::spawn(async move {
        ctl(&["close_all_connections", "a test"]).await;
        cut.store(true, Ordering::Relaxed);
    });
    drop(publisher.publishes);
    let (mut acked, mut lost) = (0, 0);
    while let Some(confirmed) = publisher.confirms.recv().await {
        assert_eq!(
            confirmed.token,
            acked + lost,
            "results come in order, each once"
        );
        match confirmed.result {
            ConfirmResult::Acked => acked += 1,
            ConfirmResult::Lost => lost += 1,
            other => panic!("unexpected {other:?}"),
        }
    }
    let total = sending.await.unwrap();
    cutting.await.unwrap();
    assert_eq!(acked + lost, total);
    assert!(lost > 0, "the cut came too late to prove anything");
    assert!(publisher.status.borrow().reconnects >= 1);

    match next(&mut consumer).await {
        ConsumerEvent::Closed {
            epoch,
            reason: CloseReason::Fault(_),
        } => assert_eq!(epoch, old),
        other => panic!("expected the end of the epoch, got {other:?}"),
    }
    let new = opened(&mut consumer).await;
    assert!(new > old);
    let again = deliveries(&mut consumer, 3).await;
    assert!(again.iter().all(|d| d.redelivered && d.epoch == new));
    ack(&consumer, new, 3, true).await;
    close(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_is_matched_to_its_own_message() {
    let _beside = beside_others().await;
    let prefix = prefix("returned");
    apply(&prefix).await;
    let (_connection, channel) = plain_channel().await;
    let exchange = format!("{prefix}.sparse");
    let queue = format!("{prefix}.taken");
    let durable = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let mut quorum = FieldTable::default();
    quorum.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    channel
        .queue_declare(queue.as_str().into(), durable, quorum)
        .await
        .unwrap();
    let kind = lapin::ExchangeKind::Direct;
    let options = ExchangeDeclareOptions::default();
    let name = exchange.as_str();
    channel
        .exchange_declare(name.into(), kind, options, FieldTable::default())
        .await
        .unwrap();
    let bind = QueueBindOptions::default();
    channel
        .queue_bind(
            queue.as_str().into(),
            name.into(),
            "bound".into(),
            bind,
            FieldTable::default(),
        )
        .await
        .unwrap();
    let mut lane = publish(connect_options(), publisher_options(&prefix));
    for round in 0..20_u64 {
        let tokens = round * 1_000..(round + 1) * 1_000;
        for token in tokens.clone() {
            // Unevenly spread, so that a return by position would be noticed.
            let unbound = (token * 7919) % 10 == 3;
            let key = if unbound { "nobody" } else { "bound" };
            lane.publishes
                .send(message(token, &exchange, key))
                .await
                .unwrap();
        }
        for token in tokens {
            let confirmed = lane.confirms.recv().await.unwrap();
            let unbound = (token * 7919) % 10 == 3;
            let result = if unbound {
                ConfirmResult::Returned
            } else {
                ConfirmResult::Acked
            };
            assert_eq!((confirmed.token, confirmed.result), (token, result));
        }
    }
    assert_eq!(lane.counters.unmatched_returns.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_and_later_takes() {
    let _beside = beside_others().await;
    let prefix = prefix("full");
    let (_connection, channel) = plain_channel().await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert(
        "x-overflow".into(),
        AMQPValue::LongString("reject-publish".into()),
    );
    let durable = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel
        .queue_declare(prefix.as_str().into(), durable, arguments)
        .await
        .unwrap();
    let mut lane = publish(connect_options(), publisher_options(&prefix));
    let mut results = Vec::new();
    for token in 0..4 {
        lane.publishes
            .send(message(token, "", &prefix))
            .await
            .unwrap();
        results.push(lane.confirms.recv().await.unwrap().result);
    }
    assert!(results.contains(&ConfirmResult::Nacked), "{results:?}");
    let taken = BasicGetOptions { no_ack: true };
    while channel
        .basic_get(prefix.as_str().into(), taken)
        .await
        .unwrap()
        .is_some()
    {}
    lane.publishes.send(message(9, "", &prefix)).await.unwrap();
    assert_eq!(
        lane.confirms.recv().await.unwrap().result,
        ConfirmResult::Acked
    );
    let mut unsendable = message(10, "", &prefix);
    unsendable.properties.correlation_id = Some("x".repeat(300));
    lane.publishes.send(unsendable).await.unwrap();
    assert_eq!(
        lane.confirms.recv().await.unwrap().result,
        ConfirmResult::Unsendable
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_memory_alarm_acknowledgements_still_flow() {
    let _alone = alone().await;
    let prefix = prefix("alarm");
    apply(&prefix).await;
    fill(&prefix, 20).await;
    let mut consumer = consume(connect_options(), consumer_options(&prefix, 10));
    let epoch = opened(&mut consumer).await;
    deliveries(&mut consumer, 10).await;
    let mut publisher = publish(connect_options(), publisher_options(&prefix));
    let exchange = Topology::outcomes_exchange(&prefix);
    publisher
        .publishes
        .send(message(1, &exchange, "k"))
        .await
        .unwrap();
    assert_eq!(publisher.confirms.recv().await.unwrap().token, 1);

    ctl(&["set_vm_memory_high_watermark", "absolute", "1MB"]).await;
    publisher
        .publishes
        .send(message(2, &exchange, "k"))
        .await
        .unwrap();
    let mut status = publisher.status.clone();
    let blocked = status.wait_for(|status| status.blocked.is_some());
    tokio::time::timeout(Duration::from_secs(30), blocked)
        .await
        .expect("blocked")
        .unwrap();
    ack(&consumer, epoch, 10, true).await;
    // The next ten come only because the broker saw the acknowledgement.
    let more = deliveries(&mut consumer, 10).await;
    assert_eq!(more.last().unwrap().tag, 20);
    assert!(
        publisher.confirms.try_recv().is_err(),
        "confirmed while blocked"
    );

    ctl(&["set_vm_memory_high_watermark", "absolute", "1GB"]).await;
    let unblocked = status.wait_for(|status| status.blocked.is_none());
    tokio::time::timeout(Duration::from_secs(30), unblocked)
        .await
        .expect("unblocked")
        .unwrap();
    let confirmed = publisher.confirms.recv().await.unwrap();
    assert_eq!(
        (confirmed.token, confirmed.result),
        (2, ConfirmResult::Acked)
    );
    ack(&consumer, epoch, 20, true).await;
    close(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_named_and_the_lane_gives_up() {
    let _beside = beside_others().await;
    let wrong = connect_options().with_credentials("guest", "wrong");
    match check(&wrong, &topology("none")).await {
        Err(BrokerFault::LoginRefused { user, .. }) => assert_eq!(user, "guest"),
        other => panic!("expected a refused login, got {other:?}"),
    }
    let mut lane = consume(wrong, consumer_options("none", 1));
    match next(&mut lane).await {
        ConsumerEvent::Refused {
            fault: BrokerFault::LoginRefused { .. },
        } => {}
        other => panic!("expected a refusal, got {other:?}"),
    }
    assert!(lane.status.borrow().refused);
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

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_broker_is_named_and_waited_for() {
    let _beside = beside_others().await;
    let uri = format!("amqp://guest:secret@127.0.0.1:{}", dead_port());
    let options = ConnectOptions::parse(&uri).unwrap();
    let fault = check(&options, &topology("none")).await.unwrap_err();
    assert!(
        matches!(fault, BrokerFault::Unreachable { .. }),
        "{fault:?}"
    );
    assert!(!fault.to_string().contains("secret"), "{fault}");
    let lane = consume(options.clone(), consumer_options("none", 1));
    let mut status = lane.status.clone();
    status
        .wait_for(|status| status.fault.is_some())
        .await
        .unwrap();
    assert!(!status.borrow().refused, "an absent broker is waited for");
    command(&lane, ConsumerCommand::Close).await;
    lane.task.await.unwrap();
    let mut publisher = publish(options, publisher_options("none"));
    publisher.publishes.send(message(1, "", "k")).await.unwrap();
    drop(publisher.publishes);
    // It waits while there is hope for a connection; the owner ends the hope.
    publisher.task.abort();
    assert!(publisher.confirms.recv().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_is_waited_for() {
    let _beside = beside_others().await;
    let prefix = prefix("deleted");
    apply(&prefix).await;
    let mut lane = consume(connect_options(), consumer_options(&prefix, 5));
    let old = opened(&mut lane).await;
    let (_connection, channel) = plain_channel().await;
    let queue = Topology::job_queue(&prefix, 0);
    let options = QueueDeleteOptions::default();
    channel
        .queue_delete(queue.as_str().into(), options)
        .await
        .unwrap();
    match next(&mut lane).await {
        ConsumerEvent::Closed {
            epoch,
            reason: CloseReason::Fault(fault),
        } => {
            assert_eq!(epoch, old);
            assert_eq!(
                fault,
                BrokerFault::SubscriptionEnded {
                    queue: queue.clone()
                }
            );
        }
        other => panic!("expected the end, got {other:?}"),
    }
    let mut status = lane.status.clone();
    let missing = status.wait_for(|s| matches!(s.fault, Some(BrokerFault::NotFound { .. })));
    missing.await.unwrap();
    apply(&prefix).await;
    fill(&prefix, 1).await;
    assert!(opened(&mut lane).await > old);
    assert_eq!(bodies(&deliveries(&mut lane, 1).await), [0]);
    close(lane).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_is_set_aside_without_its_neighbours() {
    let _beside = beside_others().await;
    let prefix = prefix("unreadable");
    apply(&prefix).await;
    fill(&prefix, 40).await;
    let exchange = Topology::jobs_exchange(&prefix);
    let sending = tokio::task::spawn_blocking(move || {
        publish_with_type(&exchange, "main", &[0xff, 0xfe]);
    });
    sending.await.unwrap();
    fill(&prefix, 40).await;
    let mut lane = consume(connect_options(), consumer_options(&prefix, 100));
    let (mut epoch, mut taken, mut most) = (Epoch(0), Vec::new(), 0);
    let mut faults = 0;
    while taken.len() < 40 || faults < 20 {
        match next(&mut lane).await {
            ConsumerEvent::Opened { epoch: opened } => epoch = opened,
            ConsumerEvent::Delivery(delivery) => {
                most = most.max(delivery.delivery_count.unwrap_or(0));
                ack(&lane, epoch, delivery.tag, true).await;
                taken.extend(bodies(&[delivery]));
            }
            ConsumerEvent::Closed { reason, .. } => {
                assert_eq!(reason, CloseReason::Fault(BrokerFault::Unreadable));
                faults += 1;
            }
            other => panic!("unexpected {other:?}"),
        }
        taken.sort_unstable();
        taken.dedup();
    }
    assert_eq!(taken, (0..40).collect::<Vec<_>>());
    assert!(most <= 2, "a neighbour was delivered {most} times again");
    let (_connection, channel) = plain_channel().await;
    let dead = Topology::dead_exchange(&prefix);
    eventually("the message is set aside", async || {
        ready(&channel, &dead).await == 1
    })
    .await;
    close(lane).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_keeps_its_original_and_every_header() {
    let _beside = beside_others().await;
    let prefix = prefix("letter");
    apply(&prefix).await;
    let mut publisher = publish(connect_options(), publisher_options(&prefix));
    let mut job = message(1, &Topology::jobs_exchange(&prefix), "main");
    job.properties.user_id = Some("guest".to_owned());
    job.properties.expiration = Some("600000".to_owned());
    job.properties.reply_to = Some("kontor.replies.x".to_owned());
    job.properties.set_header(
        "nested",
        HeaderValue::Table(vec![
            (
                "list".to_owned(),
                HeaderValue::Array(vec![HeaderValue::I32(1), HeaderValue::Void]),
            ),
            ("time".to_owned(), HeaderValue::Timestamp(7)),
        ]),
    );
    job.body = b"not json".to_vec();
    let nested = job.properties.header("nested").cloned();
    publisher.publishes.send(job).await.unwrap();
    assert_eq!(
        publisher.confirms.recv().await.unwrap().result,
        ConfirmResult::Acked
    );
    let mut lane = consume(connect_options(), consumer_options(&prefix, 5));
    let epoch = opened(&mut lane).await;
    let delivery = deliveries(&mut lane, 1).await.remove(0);
    assert_eq!(delivery.properties.user_id.as_deref(), Some("guest"));
    let why = Why {
        reason: "MESSAGE_MALFORMED",
        detail: "not JSON",
        path: None,
        line: None,
        received_at: "2026-11-24T03:00:00Z",
    };
    let dead = Topology::dead_exchange(&prefix);
    // The worker's user is another one than the producer's: a copied user_id would be refused.
    publisher
        .publishes
        .send(dead_letter(&dead, 2, &delivery, None, &why))
        .await
        .unwrap();
    assert_eq!(
        publisher.confirms.recv().await.unwrap().result,
        ConfirmResult::Acked
    );
    ack(&lane, epoch, delivery.tag, false).await;
    close(lane).await;
    let (_connection, channel) = plain_channel().await;
    let got = channel
        .basic_get(dead.as_str().into(), BasicGetOptions::default())
        .await
        .unwrap();
    let got = got.expect("a dead letter");
    assert_eq!(got.delivery.data, b"not json");
    assert_eq!(got.delivery.properties.expiration(), &None);
    assert_eq!(got.delivery.properties.user_id(), &None);
    let headers = got.delivery.properties.headers().clone().unwrap();
    let text = |name: &str| {
        headers
            .inner()
            .get(name)
            .and_then(|v| v.as_long_string())
            .cloned()
    };
    assert_eq!(
        text("kontor-original-user-id").unwrap().as_bytes(),
        b"guest"
    );
    assert_eq!(
        text("kontor-reason").unwrap().as_bytes(),
        b"MESSAGE_MALFORMED"
    );
    assert_eq!(delivery.properties.header("nested").cloned(), nested);
    assert!(headers.inner().contains_key("nested"));
}

#[test]
fn a_private_node_survives_a_power_cut_and_leaves_nothing_behind() {
    let mut node = PrivateBroker::start(&Options::default(), |_| {}).unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn what_a_publisher_is_refused_is_named_until_it_is_granted() {
    let _beside = beside_others().await;
    let prefix = prefix("granted");
    apply(&prefix).await;
    ctl(&["add_user", "reader", "secret"]).await;
    ctl(&["set_permissions", "reader", "^$", "^$", ".*"]).await;
    let reader = connect_options().with_credentials("reader", "secret");
    let mut lane = publish(reader, publisher_options(&prefix));
    let exchange = Topology::outcomes_exchange(&prefix);
    let mut token = 0;
    while !lane.status.borrow().refused {
        lane.publishes
            .send(message(token, &exchange, "k"))
            .await
            .unwrap();
        assert_eq!(
            lane.confirms.recv().await.unwrap().result,
            ConfirmResult::Lost
        );
        token += 1;
        assert!(token < 20, "the refusal is never final");
        let mut status = lane.status.clone();
        status
            .wait_for(|status| status.fault.is_some())
            .await
            .unwrap();
    }
    let fault = lane.status.borrow().fault.clone();
    assert!(
        matches!(fault, Some(BrokerFault::AccessRefused { .. })),
        "{fault:?}"
    );
    ctl(&["set_permissions", "reader", "^$", ".*", ".*"]).await;
    loop {
        lane.publishes
            .send(message(token, &exchange, "k"))
            .await
            .unwrap();
        if lane.confirms.recv().await.unwrap().result == ConfirmResult::Acked {
            break;
        }
    }
    let mut status = lane.status.clone();
    status
        .wait_for(|status| status.fault.is_none() && !status.refused)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_exchange_loses_what_was_under_way_and_no_more() {
    let _beside = beside_others().await;
    let prefix = prefix("gone");
    apply(&prefix).await;
    let mut lane = publish(connect_options(), publisher_options(&prefix));
    let exchange = Topology::outcomes_exchange(&prefix);
    lane.publishes
        .send(message(1, &exchange, "k"))
        .await
        .unwrap();
    assert_eq!(
        lane.confirms.recv().await.unwrap().result,
        ConfirmResult::Acked
    );
    let (_connection, channel) = plain_channel().await;
    let options = ExchangeDeleteOptions::default();
    channel
        .exchange_delete(exchange.as_str().into(), options)
        .await
        .unwrap();
    lane.publishes
        .send(message(2, &exchange, "k"))
        .await
        .unwrap();
    assert_eq!(
        lane.confirms.recv().await.unwrap().result,
        ConfirmResult::Lost
    );
    let mut status = lane.status.clone();
    let named = status.wait_for(|s| matches!(s.fault, Some(BrokerFault::NotFound { .. })));
    named.await.unwrap();
    apply(&prefix).await;
    lane.publishes
        .send(message(3, &exchange, "k"))
        .await
        .unwrap();
    assert_eq!(
        lane.confirms.recv().await.unwrap().result,
        ConfirmResult::Acked
    );
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
    let started = tokio::task::spawn_blocking(|| PrivateBroker::start(&Options::default(), |_| {}));
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
    let (mut seen, mut epochs) = (std::collections::BTreeSet::new(), 0);
    while u64::try_from(seen.len()).unwrap() < total {
        match next(&mut consumer).await {
            ConsumerEvent::Opened { .. } => epochs += 1,
            ConsumerEvent::Delivery(delivery) => {
                ack(&consumer, delivery.epoch, delivery.tag, true).await;
                seen.extend(bodies(&[delivery]));
                if seen.len() == 5_000 {
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
    let node = PrivateBroker::start(&Options::default(), |_| {}).unwrap();
    let report = std::env::var_os("KONTOR_TEST_REPORT").expect("where to report to");
    std::fs::write(report, node.dir().to_str().unwrap()).unwrap();
    std::thread::sleep(PATIENCE);
}

#[test]
fn a_private_node_dies_with_its_parent() {
    let report = tempfile::NamedTempFile::new().unwrap();
    let mut parent = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "broker::parent_of_a_private_node"])
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
