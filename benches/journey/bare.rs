//! The bare consumer: takes messages and acknowledges them, nothing else.
//!
//! It acknowledges what is there at once, as kontor does: everything up to a delivery with one
//! frame.

use anyhow::{Context, Result};
use futures_lite::{StreamExt, future};
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;

use super::queue::Queue;
use super::window::{Took, Window};

/// Most deliveries acknowledged with one frame.
const ACK_MAX: u32 = 256;

/// Take so many messages.
pub(crate) async fn run(queue: &Queue, messages: u32, prefetch: u16) -> Result<Took> {
    let (connection, _channel, mut consumer) = queue.consume(prefetch).await?;
    let mut taken = 0_u32;
    let mut window = Window::of(std::process::id(), u64::from(messages));
    let took = loop {
        let mut last = consumer.next().await.context("the consumer ended")??;
        let mut run = 1_u32;
        while run < ACK_MAX
            && taken.saturating_add(run) < messages
            && let Some(next) = future::poll_once(consumer.next()).await
        {
            last = next.context("the consumer ended")??;
            run = run.saturating_add(1);
        }
        taken = taken.saturating_add(run);
        acknowledge(&last).await?;
        if let Some(took) = window.done(u64::from(taken))? {
            break took;
        }
    };
    connection.close(200, "done".into()).await?;
    Ok(took)
}

/// Acknowledge everything up to a delivery.
pub(crate) async fn acknowledge(last: &Delivery) -> Result<()> {
    last.acker.ack(BasicAckOptions { multiple: true }).await?;
    Ok(())
}
