//! The worker with a database, tuned: eight connections at once.
//!
//! Messages are handed to whichever connection is free and acknowledged one by one. Order between
//! messages is lost; what is kept of a message is what the first worker keeps.

use std::sync::Arc;

use anyhow::{Context, Result};
use futures_lite::StreamExt;
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use tokio::sync::{Mutex, mpsc};

use super::first::Database;
use super::postgres::Cluster;
use super::queue::Queue;
use super::window::{Took, Window};

/// Connections to the database.
const CONNECTIONS: usize = 8;

/// Take so many messages.
pub(crate) async fn run(
    queue: &Queue,
    cluster: &Cluster,
    messages: u32,
    prefetch: u16,
) -> Result<Took> {
    let (connection, _channel, mut consumer) = queue.consume(prefetch).await?;
    let (hand_out, waiting) = mpsc::channel::<Delivery>(CONNECTIONS);
    // Room for every answer: whoever hands out may not wait for room itself.
    let (tell, mut done) = mpsc::channel(usize::try_from(messages)?);
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..CONNECTIONS {
        let mut database = Database::open(cluster).await?;
        let (waiting, tell) = (Arc::clone(&waiting), tell.clone());
        tokio::spawn(async move {
            loop {
                let next = waiting.lock().await.recv().await;
                let Some(delivery) = next else { return };
                let posted = post(&mut database, &delivery).await;
                let fell = posted.is_err();
                if tell.send(posted).await.is_err() || fell {
                    return;
                }
            }
        });
    }
    drop(tell);
    let mut window = Window::of(std::process::id(), u64::from(messages));
    let (mut sent, mut count) = (0_u32, 0_u64);
    let took = loop {
        tokio::select! {
            next = consumer.next(), if sent < messages => {
                let delivery = next.context("the consumer ended")??;
                hand_out.send(delivery).await.context("the workers ended")?;
                sent += 1;
            }
            one = done.recv() => {
                one.context("the workers ended")??;
                count += 1;
                if let Some(took) = window.done(count)? {
                    break took;
                }
            }
        }
    };
    drop(hand_out);
    connection.close(200, "done".into()).await?;
    Ok(took)
}

async fn post(database: &mut Database, delivery: &Delivery) -> Result<()> {
    database
        .post(&serde_json::from_slice(&delivery.data)?)
        .await?;
    delivery.acker.ack(BasicAckOptions::default()).await?;
    Ok(())
}
