//! One job at a time: published, and the next one not before its outcome has come.
//!
//! Beside it stands what it is made of: one sync of this disk, and the same two messages through a
//! relay that keeps nothing.

use std::time::Instant;

use anyhow::{Context, Result};
use kontor::bench::load::Stock;

use super::daemon::Daemon;
use super::outcomes::Outcomes;
use super::queue::{Form, Queue, publish};
use super::relay;
use super::spread::Spread;

/// Of so many, the first is not counted: connections and tables are warm then.
const WARM_OF: u32 = 10;

/// Through kontor.
pub(crate) async fn kontor(
    daemon: &Daemon,
    queue: &Queue,
    stock: &mut Stock,
    messages: u32,
) -> Result<Spread> {
    let running = daemon.start("each").await?;
    let spread = one_at_a_time(queue, stock, messages).await?;
    running.stop().await?;
    Ok(spread)
}

/// Through the relay.
pub(crate) async fn relay(queue: &Queue, stock: &mut Stock, messages: u32) -> Result<Spread> {
    let (relayed, spread) = tokio::join!(
        relay::run(queue, messages, 1),
        one_at_a_time(queue, stock, messages)
    );
    relayed?;
    spread
}

async fn one_at_a_time(queue: &Queue, stock: &mut Stock, messages: u32) -> Result<Spread> {
    let mut outcomes = Outcomes::of(queue).await?;
    let (connection, channel) = queue.channel().await?;
    let mut spread = Spread::new()?;
    for number in 0..messages {
        let body = stock.message().context("the stock is empty")?;
        let began = Instant::now();
        let sent = publish(
            &channel,
            "",
            queue.name(),
            Form::Single.content_type(),
            &body,
        );
        sent.await.await?;
        outcomes.next().await?;
        if number >= messages.div_euclid(WARM_OF) {
            spread.record(began.elapsed())?;
        }
    }
    connection.close(200, "done".into()).await?;
    outcomes.close().await?;
    Ok(spread)
}
