//! Whoever waits for outcomes: a queue of its own behind the exchange that they go to.

use anyhow::{Context, Result};
use futures_lite::StreamExt;
use kontor::broker::Topology;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};

use super::queue::Queue;

/// The waiting end.
pub(crate) struct Outcomes {
    connection: Connection,
    _channel: Channel,
    consumer: Consumer,
}

impl Outcomes {
    /// Wait from now on; the daemon has made the exchange before.
    pub(crate) async fn of(queue: &Queue) -> Result<Self> {
        let (connection, channel) = queue.channel().await?;
        let declared = channel.queue_declare(
            "".into(),
            QueueDeclareOptions {
                exclusive: true,
                auto_delete: true,
                ..QueueDeclareOptions::default()
            },
            FieldTable::default(),
        );
        let name = declared.await?.name().clone();
        let exchange = Topology::outcomes_exchange("kontor");
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        channel
            .queue_bind(name.clone(), exchange.into(), "#".into(), options, none)
            .await?;
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let none = FieldTable::default();
        let consumer = channel
            .basic_consume(name, "".into(), options, none)
            .await?;
        Ok(Self {
            connection,
            _channel: channel,
            consumer,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Result<Delivery> {
        let next = self.consumer.next().await;
        Ok(next.context("the consumer of outcomes ended")??)
    }

    /// Wait no more.
    pub(crate) async fn close(self) -> Result<()> {
        Ok(self.connection.close(200, "done".into()).await?)
    }
}
