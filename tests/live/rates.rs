//! What the lanes cost beside the bare client library, on the same node in one run.
//!
//! Ignored, because a rate is not right or wrong: `cargo test --release --test live rates --
//! --ignored --nocapture`. The ratios count, not the numbers.

use std::time::Instant;

use futures_lite::StreamExt;
use kontor::broker::rabbit::{consume, publish};
use kontor::broker::{ConfirmResult, ConsumerCommand, ConsumerEvent, Topology};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;

use crate::support::{
    alone, apply, connect_options, consumer_options, message, plain_channel, prefix,
    publisher_options,
};

const MESSAGES: u64 = 60_000;
const PREFETCH: u16 = 2_000;
const ACK_EVERY: u64 = 500;
const ROUNDS: u64 = 4;

fn per_second(since: Instant) -> u64 {
    let millis = u64::try_from(since.elapsed().as_millis()).expect("a short run");
    (MESSAGES * 1_000)
        .checked_div(millis)
        .expect("a measurable time")
}

/// Processor time of this process so far, in clock ticks of 10 ms: what the broker and others do
/// beside us does not count.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("the process's own account");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .expect("fields")
        .split(' ')
        .collect();
    // User and system time are fields 14 and 15; what is left starts with field 2's end.
    [12, 13]
        .map(|n| fields[n].parse::<u64>().expect("a number"))
        .iter()
        .sum()
}

fn median(mut rates: Vec<u64>) -> u64 {
    rates.sort_unstable();
    rates[rates.len() >> 1]
}

async fn bare_consumer(queue: &str) -> u64 {
    let (_connection, channel) = plain_channel().await;
    channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await
        .unwrap();
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
    let mut consumer = consumer.await.unwrap();
    let since = Instant::now();
    for n in 1..=MESSAGES {
        let delivery = consumer.next().await.unwrap().unwrap();
        if n % ACK_EVERY == 0 {
            delivery
                .acker
                .ack(BasicAckOptions { multiple: true })
                .await
                .unwrap();
        }
    }
    per_second(since)
}

async fn our_consumer(prefix: &str) -> u64 {
    let mut lane = consume(connect_options(), consumer_options(prefix, PREFETCH));
    let mut since = Instant::now();
    let mut batch = Vec::new();
    let mut taken = 0;
    while taken < MESSAGES {
        lane.events.recv_many(&mut batch, 512).await;
        for event in batch.drain(..) {
            match event {
                ConsumerEvent::Opened { .. } => since = Instant::now(),
                ConsumerEvent::Delivery(delivery) => {
                    taken += 1;
                    if taken % ACK_EVERY == 0 {
                        let (epoch, tag) = (delivery.epoch, delivery.tag);
                        let ack = ConsumerCommand::AckUpTo {
                            epoch,
                            tag,
                            multiple: true,
                        };
                        lane.commands.send(ack).await.unwrap();
                    }
                }
                other => panic!("unexpected {other:?}"),
            }
        }
    }
    let rate = per_second(since);
    lane.commands.send(ConsumerCommand::Close).await.unwrap();
    lane.task.await.unwrap();
    rate
}

async fn bare_publisher(exchange: &str, window: usize) -> u64 {
    let (_connection, channel) = plain_channel().await;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let body = vec![b'x'; 300];
    let mut confirms = std::collections::VecDeque::new();
    let since = Instant::now();
    for n in 0..MESSAGES {
        if confirms.len() >= window {
            let confirm: lapin::PublisherConfirm = confirms.pop_front().unwrap();
            assert!(confirm.await.unwrap().is_ack());
        }
        let id = format!("m{n}");
        let properties = lapin::BasicProperties::default()
            .with_message_id(id.as_str().into())
            .with_delivery_mode(2);
        let options = BasicPublishOptions {
            mandatory: true,
            immediate: false,
        };
        let published =
            channel.basic_publish(exchange.into(), "main".into(), options, &body, properties);
        confirms.push_back(published.await.unwrap());
    }
    for confirm in confirms {
        assert!(confirm.await.unwrap().is_ack());
    }
    per_second(since)
}

async fn our_publisher(prefix: &str, exchange: &str) -> u64 {
    let mut lane = publish(connect_options(), publisher_options(prefix));
    let mut status = lane.status.clone();
    status.wait_for(|status| status.connected).await.unwrap();
    let sender = lane.publishes.clone();
    let since = Instant::now();
    let exchange = exchange.to_owned();
    let sending = tokio::spawn(async move {
        for token in 0..MESSAGES {
            let mut message = message(token, &exchange, "main");
            message.body = vec![b'x'; 300];
            sender.send(message).await.unwrap();
        }
    });
    let mut confirmed = Vec::new();
    let mut answered = 0;
    while answered < MESSAGES {
        lane.confirms.recv_many(&mut confirmed, 512).await;
        for confirm in confirmed.drain(..) {
            assert_eq!(confirm.result, ConfirmResult::Acked);
            answered += 1;
        }
    }
    let rate = per_second(since);
    sending.await.unwrap();
    drop(lane.publishes);
    lane.task.await.unwrap();
    rate
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, run by hand"]
#[expect(clippy::print_stderr, reason = "its result is for a reader")]
async fn rates() {
    let _alone = alone().await;
    let prefix = prefix("rates");
    apply(&prefix).await;
    let (exchange, queue) = (
        Topology::jobs_exchange(&prefix),
        Topology::job_queue(&prefix, 0),
    );
    let mut rates: [Vec<u64>; 4] = Default::default();
    let mut used = [0; 4];
    for round in 0..ROUNDS {
        // Alternating, so that neither side always meets the warmer broker.
        let ours_first = round % 2 == 0;
        for side in [ours_first, !ours_first] {
            if side {
                let before = ticks();
                rates[0].push(our_publisher(&prefix, &exchange).await);
                used[0] += ticks() - before;
                let before = ticks();
                rates[1].push(our_consumer(&prefix).await);
                used[1] += ticks() - before;
            } else {
                let before = ticks();
                rates[2].push(bare_publisher(&exchange, 1_000).await);
                used[2] += ticks() - before;
                let before = ticks();
                rates[3].push(bare_consumer(&queue).await);
                used[3] += ticks() - before;
            }
        }
        let (_connection, channel) = plain_channel().await;
        channel
            .queue_purge(queue.as_str().into(), QueuePurgeOptions::default())
            .await
            .unwrap();
    }
    eprintln!("{rates:?}");
    let micros = |ticks: u64| (ticks * 10_000).checked_div(MESSAGES * ROUNDS);
    eprintln!(
        "processor time, microseconds a message: {:?}",
        used.map(micros)
    );
    let [publish, consume, bare_publish, bare_consume] = rates.map(median);
    let percent = |ours: u64, bare: u64| (ours * 100).checked_div(bare).unwrap();
    eprintln!(
        "publish {publish}/s, bare {bare_publish}/s: {}%",
        percent(publish, bare_publish)
    );
    eprintln!(
        "consume {consume}/s, bare {bare_consume}/s: {}%",
        percent(consume, bare_consume)
    );
}
