//! The bare relay: takes messages, publishes one for each and acknowledges what is confirmed.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures_lite::{StreamExt, future};
use kontor::broker::Topology;
use lapin::message::Delivery;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel};

use super::Took;
use super::bare::acknowledge;
use super::queue::Queue;

/// Publishes that may wait for their confirm: as many as kontor has open.
const WINDOW: usize = 512;
/// Most confirms that are answered with one acknowledgement.
const ACK_MAX: usize = 256;
/// Bytes of what is published: about those of an outcome.
const BODY: [u8; 300] = [b'x'; 300];

/// A publish under way: whether the broker took the message.
type Publishing = Pin<Box<dyn Future<Output = Result<bool>> + Send>>;

/// Relay so many messages.
pub(crate) async fn run(queue: &Queue, messages: u32, prefetch: u16) -> Result<Took> {
    let (connection, _channel, mut consumer) = queue.consume(prefetch).await?;
    let (publishing, channel) = queue.publisher().await?;
    let mut open: VecDeque<(Delivery, Publishing)> = VecDeque::new();
    let (mut sent, mut done, first) = (0_u32, 0_u32, messages.div_euclid(10));
    let mut window = None;
    while done < messages {
        while sent < messages && open.len() < WINDOW {
            let next = if open.is_empty() {
                Some(consumer.next().await)
            } else {
                future::poll_once(consumer.next()).await
            };
            let Some(delivery) = next else { break };
            let delivery = delivery.context("the consumer ended")??;
            // Looked at once, the frame is on its way; nothing waits until it has been written.
            let mut publishing: Publishing = Box::pin(publish(channel.clone()));
            publishing = match future::poll_once(publishing.as_mut()).await {
                Some(answer) => Box::pin(std::future::ready(answer)),
                None => publishing,
            };
            open.push_back((delivery, publishing));
            sent = sent.saturating_add(1);
        }
        done = done.saturating_add(confirmed(&mut open).await?);
        if window.is_none() && done >= first {
            window = Some((Instant::now(), done));
        }
    }
    let (since, before) = window.context("no message was relayed")?;
    let time = since.elapsed();
    publishing.close(200, "done".into()).await?;
    connection.close(200, "done".into()).await?;
    Ok(Took {
        messages: u64::from(done.saturating_sub(before)),
        time,
    })
}

async fn publish(channel: Channel) -> Result<bool> {
    let exchange = Topology::outcomes_exchange("kontor");
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(2);
    let key = "main.entry.post.posted".into();
    let published =
        channel.basic_publish(exchange.as_str().into(), key, options, &BODY, properties);
    Ok(published.await?.await?.is_ack())
}

/// Wait for the oldest confirm, take what else is there, acknowledge all of them with one frame.
async fn confirmed(open: &mut VecDeque<(Delivery, Publishing)>) -> Result<u32> {
    let (mut last, mut run) = (None, 0_u32);
    let least = open.len().min(ACK_MAX);
    for _ in 0..least {
        let Some((delivery, publishing)) = open.pop_front() else {
            break;
        };
        ensure!(publishing.await?, "the broker refused a message");
        last = Some(delivery);
        run = run.saturating_add(1);
    }
    if let Some(last) = last {
        acknowledge(&last).await?;
    }
    Ok(run)
}
