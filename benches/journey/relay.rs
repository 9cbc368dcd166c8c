//! The bare relay: takes messages, publishes one for each and acknowledges what is confirmed.

use std::collections::VecDeque;

use anyhow::{Context, Result, ensure};
use futures_lite::{StreamExt, future};
use kontor::broker::Topology;
use lapin::message::Delivery;

use super::bare::acknowledge;
use super::queue::{Publishing, Queue, publish};
use super::window::{Took, Window};

/// Publishes that may wait for their confirm: as many as kontor has open.
const WINDOW: usize = 512;
/// Most confirms that are answered with one acknowledgement.
const ACK_MAX: usize = 256;
/// Bytes of what is published: about those of an outcome.
const BODY: [u8; 300] = [b'x'; 300];
/// Where outcomes of the load go.
const KEY: &str = "main.entry.post.posted";

/// Relay so many messages.
pub(crate) async fn run(queue: &Queue, messages: u32, prefetch: u16) -> Result<Took> {
    let (connection, _channel, mut consumer) = queue.consume(prefetch).await?;
    let (publishing, channel) = queue.publisher().await?;
    let exchange = Topology::outcomes_exchange("kontor");
    let mut open: VecDeque<(Delivery, Publishing)> = VecDeque::new();
    let (mut sent, mut done) = (0_u32, 0_u32);
    let mut window = Window::of(std::process::id(), u64::from(messages));
    let took = loop {
        while sent < messages && open.len() < WINDOW {
            let next = if open.is_empty() {
                Some(consumer.next().await)
            } else {
                future::poll_once(consumer.next()).await
            };
            let Some(delivery) = next else { break };
            let delivery = delivery.context("the consumer ended")??;
            let publishing = publish(&channel, &exchange, KEY, "application/json", &BODY);
            open.push_back((delivery, publishing.await));
            sent = sent.saturating_add(1);
        }
        done = done.saturating_add(confirmed(&mut open).await?);
        if let Some(took) = window.done(u64::from(done))? {
            break took;
        }
    };
    publishing.close(200, "done".into()).await?;
    connection.close(200, "done".into()).await?;
    Ok(took)
}

/// Wait for the oldest confirm, take what else is there, acknowledge all of them with one frame.
async fn confirmed(open: &mut VecDeque<(Delivery, Publishing)>) -> Result<u32> {
    let (mut last, mut run) = (None, 0_u32);
    let least = open.len().min(ACK_MAX);
    for _ in 0..least {
        let Some((delivery, publishing)) = open.pop_front() else {
            break;
        };
        let answer = publishing.await?;
        ensure!(answer.is_ack(), "the broker refused a message");
        last = Some(delivery);
        run = run.saturating_add(1);
    }
    if let Some(last) = last {
        acknowledge(&last).await?;
    }
    Ok(run)
}
