//! The consuming lane: epochs, acknowledgements, pauses, drains and everything that cuts it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use kontor::broker::rabbit::topology::check;
use kontor::broker::rabbit::{ConnectOptions, consume, publish};
use kontor::broker::{
    BrokerFault, CloseReason, ConfirmResult, ConsumerCommand, ConsumerEvent, Epoch, Topology,
};
use lapin::options::QueueDeleteOptions;

use super::{ack, bodies, close, command, deliveries, opened};
use crate::support::raw::publish_with_type;
use crate::support::{
    alone, apply, beside_others, connect_options, consumer_options, ctl, dead_port, eventually,
    fill, holds, message, next, plain_channel, prefix, publisher_options, topology,
};

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
    holds(&Topology::job_queue(&prefix, 0), 5).await;
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
    holds(&Topology::job_queue(&prefix, 0), 20).await;
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
    let queue = Topology::job_queue(&prefix, 0);
    holds(&queue, 0).await;
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
    holds(&queue, 0).await;
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
                taken.extend(bodies(std::slice::from_ref(&*delivery)));
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
    holds(&Topology::dead_exchange(&prefix), 1).await;
    close(lane).await;
}
