//! A queue of one's own, for the answers to what one sends.
//!
//! The queue is exclusive: it lives as long as its connection, nobody else reads it, and nothing is
//! left behind. So a lost connection loses the answers that were in it, and the owner asks again;
//! a job asked twice has one effect and the same answer.
//!
//! Deliveries are acknowledged in lots behind the reader, which bounds how many the broker sends
//! ahead. It deliberately does not reconnect: only the owner knows which answers are missing.

use futures_lite::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};

use super::super::fault::BrokerFault;
use super::super::message::{Delivery, Epoch};
use super::connection::{ConnectOptions, answered, close, connect, ended, fault, short};
use super::convert;

/// Deliveries the broker may send ahead of the reader.
const PREFETCH: u16 = 1_000;
/// Read deliveries that are acknowledged together. Less than the prefetch, or nothing more comes.
const ACK_EVERY: u16 = 250;

/// An open queue of one's own.
pub struct Replies {
    connection: Connection,
    channel: Channel,
    consumer: Consumer,
    queue: String,
    read: u16,
    last_tag: u64,
}

impl Replies {
    /// Make the queue and subscribe to it. The name must be free.
    pub async fn open(
        options: &ConnectOptions,
        queue: &str,
        connection_name: &str,
    ) -> Result<Self, BrokerFault> {
        let connection = connect(options, connection_name).await?;
        let opened = async {
            let channel = connection.create_channel().await?;
            channel
                .basic_qos(PREFETCH, BasicQosOptions::default())
                .await?;
            let exclusive = QueueDeclareOptions {
                exclusive: true,
                auto_delete: true,
                ..QueueDeclareOptions::default()
            };
            channel
                .queue_declare(short(queue), exclusive, FieldTable::default())
                .await?;
            let consumer = channel.basic_consume(
                short(queue),
                short(""),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            );
            let consumer = consumer.await?;
            Ok((channel, consumer))
        };
        let (channel, consumer) = answered(opened).await?;
        let (queue, read, last_tag) = (queue.to_owned(), 0, 0);
        Ok(Self {
            connection,
            channel,
            consumer,
            queue,
            read,
            last_tag,
        })
    }

    /// Its name, which is what goes into `reply_to`.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Let it also take what an exchange routes by a pattern.
    pub async fn bind(&self, exchange: &str, pattern: &str) -> Result<(), BrokerFault> {
        let bound = self.channel.queue_bind(
            short(&self.queue),
            short(exchange),
            short(pattern),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        answered(bound).await
    }

    /// The next message. May be dropped while it waits; nothing is lost by that.
    pub async fn next(&mut self) -> Result<Delivery, BrokerFault> {
        if self.read >= ACK_EVERY {
            // Counted before it is sent: asked twice for one tag, the broker would close the
            // channel, and what is left out here is covered by the next one.
            self.read = 0;
            let multiple = BasicAckOptions { multiple: true };
            let sent = self.channel.basic_ack(self.last_tag, multiple).await;
            sent.map_err(|error| fault(&error))?;
        }
        match self.consumer.next().await {
            Some(Ok(delivery)) => {
                self.read += 1;
                self.last_tag = delivery.delivery_tag;
                Ok(convert::delivery(Epoch(0), delivery))
            }
            Some(Err(error)) => Err(fault(&error)),
            None => Err(ended()),
        }
    }

    /// Say goodbye; the queue goes with the connection.
    pub async fn close(self) {
        close(&self.connection).await;
    }
}

impl std::fmt::Debug for Replies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replies")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
