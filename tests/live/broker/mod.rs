//! The broker layer against RabbitMQ itself.

mod consuming;
mod node;
mod publishing;
mod topology;

use std::sync::Arc;

use kontor::broker::rabbit::ConsumerLane;
use kontor::broker::{ConsumerCommand, ConsumerEvent, Delivery, Epoch};

use crate::support::{PATIENCE, next};

pub(crate) async fn opened(lane: &mut ConsumerLane) -> Epoch {
    match next(lane).await {
        ConsumerEvent::Opened { epoch } => epoch,
        other => panic!("expected an open channel, got {other:?}"),
    }
}

pub(crate) async fn deliveries(lane: &mut ConsumerLane, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    while taken.len() < count {
        match next(lane).await {
            ConsumerEvent::Delivery(delivery) => taken.push(Arc::unwrap_or_clone(delivery)),
            other => panic!("expected a delivery, got {other:?}"),
        }
    }
    taken
}

pub(crate) async fn command(lane: &ConsumerLane, command: ConsumerCommand) {
    lane.commands.send(command).await.expect("the lane lives");
}

pub(crate) async fn ack(lane: &ConsumerLane, epoch: Epoch, tag: u64, multiple: bool) {
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

pub(crate) fn bodies(deliveries: &[Delivery]) -> Vec<u32> {
    let text = |d: &Delivery| String::from_utf8(d.body.clone()).expect("text");
    deliveries
        .iter()
        .map(|d| text(d).parse().expect("a number"))
        .collect()
}

/// Close the lane and see it end.
pub(crate) async fn close(mut lane: ConsumerLane) {
    command(&lane, ConsumerCommand::Close).await;
    let end = async { while lane.events.recv().await.is_some() {} };
    tokio::time::timeout(PATIENCE, end)
        .await
        .expect("an end in time");
    lane.task.await.expect("a clean end");
}
