//! The publishing lane: every message has a result, and the result is its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kontor::broker::rabbit::{PublisherLane, consume, publish};
use kontor::broker::{
    BrokerFault, CloseReason, ConfirmResult, ConsumerEvent, HeaderValue, Topology, Why, dead_letter,
};
use lapin::options::{
    BasicGetOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use tokio::task::JoinHandle;

use super::{ack, close, deliveries, opened};
use crate::support::{
    alone, apply, beside_others, connect_options, consumer_options, ctl, fill, message, next,
    plain_channel, prefix, publisher_options,
};

/// The last message of [`send_through_a_cut`].
const LAST: u64 = u64::MAX;

/// Send while every connection is cut, and some thousand more, so that the new connection has its
/// share. Every other message is one that must not overtake what is lost. Says how many were sent
/// before the last.
fn send_through_a_cut(lane: &PublisherLane, exchange: &str) -> JoinHandle<u64> {
    let cut = Arc::new(AtomicBool::new(false));
    let (sender, exchange) = (lane.publishes.clone(), exchange.to_owned());
    let done = Arc::clone(&cut);
    tokio::spawn(async move {
        ctl(&["close_all_connections", "a test"]).await;
        cut.store(true, Ordering::Relaxed);
    });
    tokio::spawn(async move {
        let (mut token, mut left) = (0, 5_000);
        while left > 0 {
            left -= u64::from(done.load(Ordering::Relaxed));
            let mut one = message(token, &exchange, "main.entry.post.posted");
            one.after_losses = (token % 2 == 1).then_some(0);
            sender.send(one).await.expect("the lane lives");
            token += 1;
        }
        let last = message(LAST, &exchange, "main.entry.post.posted");
        sender.send(last).await.expect("the lane lives");
        token
    })
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
    let sending = send_through_a_cut(&publisher, &exchange);
    let (mut acked, mut lost, mut unsent) = (0, 0, 0);
    loop {
        let confirmed = publisher.confirms.recv().await.unwrap();
        if confirmed.token == LAST {
            break;
        }
        assert_eq!(
            confirmed.token,
            acked + lost + unsent,
            "results come in order, each once"
        );
        let waits = confirmed.token % 2 == 1;
        match confirmed.result {
            ConfirmResult::Acked if lost == 0 || !waits => acked += 1,
            ConfirmResult::Lost => lost += 1,
            ConfirmResult::Unsent if lost > 0 && waits => unsent += 1,
            other => panic!("{confirmed:?}: {other:?} after {lost} lost"),
        }
    }
    assert_eq!(acked + lost + unsent, sending.await.unwrap());
    assert!(
        lost > 0 && unsent > 0,
        "the cut came too late to prove anything"
    );
    assert!(publisher.status.borrow().reconnects >= 1);
    // Whoever knows what was lost may go on.
    let mut informed = message(7, &exchange, "main.entry.post.posted");
    informed.after_losses = Some(lost);
    publisher.publishes.send(informed).await.unwrap();
    let confirmed = publisher.confirms.recv().await.unwrap();
    assert_eq!(confirmed.result, ConfirmResult::Acked);

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
