//! The queue that everybody takes from: the daemon's own, filled with confirms.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_lite::future;
use kontor::bench::load::Stock;
use kontor::broker::Topology;
use kontor::wire::container;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};

/// So often in a row a queue is found empty before it counts as empty.
const QUIET_LOOKS: u32 = 5;
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Publishes that may wait for their confirm.
const WINDOW: usize = 2_000;

/// A message under way, until the broker says what became of it.
pub(crate) type Publishing = Pin<Box<dyn Future<Output = Result<Confirmation>> + Send>>;

/// What is in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One job as JSON.
    Single,
    /// Many as lines.
    Lines,
    /// Many in binary form.
    Binary,
}

impl Form {
    /// As a message says it.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Single => "application/json",
            Self::Lines => "application/x-ndjson",
            Self::Binary => container::CONTENT_TYPE,
        }
    }
}

/// The queue of jobs of the first partition.
pub(crate) struct Queue {
    uri: String,
    name: String,
    connection: Connection,
}

impl Queue {
    /// Connect to the broker.
    pub(crate) async fn connect(uri: &str) -> Result<Self> {
        Ok(Self {
            uri: uri.to_owned(),
            name: Topology::job_queue("kontor", 0),
            connection: connect(uri).await?,
        })
    }

    /// Put so many messages in.
    pub(crate) async fn fill(&self, stock: &mut Stock, form: Form, messages: u32) -> Result<()> {
        let channel = self.confirming().await?;
        let mut open = VecDeque::new();
        for _ in 0..messages {
            let body = stock.message().context("the stock is empty")?;
            put(&channel, &self.name, form.content_type(), &body, &mut open).await?;
        }
        settle(&mut open, 0).await?;
        ensure!(self.count().await? == messages, "the queue was not empty");
        Ok(())
    }

    /// Put one message in.
    pub(crate) async fn send(&self, form: Form, body: &[u8]) -> Result<()> {
        let channel = self.confirming().await?;
        let mut open = VecDeque::new();
        put(&channel, &self.name, form.content_type(), body, &mut open).await?;
        settle(&mut open, 0).await
    }

    /// Throw away what a contender left. It took everything, but a broker that closes a channel
    /// loses acknowledgements that it still held back from the queue; their messages come again.
    pub(crate) async fn empty(&self) -> Result<()> {
        let channel = self.connection.create_channel().await?;
        let mut quiet = 0;
        while quiet < QUIET_LOOKS {
            let (name, options) = (self.name.as_str().into(), QueuePurgeOptions::default());
            let purged = channel.queue_purge(name, options).await?;
            quiet = if purged == 0 { quiet + 1 } else { 0 };
            tokio::time::sleep(LOOK).await;
        }
        channel.close(200, "emptied".into()).await?;
        Ok(())
    }

    /// Messages waiting in the queue.
    pub(crate) async fn count(&self) -> Result<u32> {
        let channel = self.connection.create_channel().await?;
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let name = self.name.as_str().into();
        let queue = channel
            .queue_declare(name, options, FieldTable::default())
            .await?;
        let count = queue.message_count();
        channel.close(200, "counted".into()).await?;
        Ok(count)
    }

    /// A consumer on a connection of its own.
    pub(crate) async fn consume(&self, prefetch: u16) -> Result<(Connection, Channel, Consumer)> {
        let connection = connect(&self.uri).await?;
        let channel = connection.create_channel().await?;
        channel
            .basic_qos(prefetch, BasicQosOptions::default())
            .await?;
        let (name, options) = (self.name.as_str().into(), BasicConsumeOptions::default());
        let consumer = channel.basic_consume(name, "".into(), options, FieldTable::default());
        let consumer = consumer.await?;
        Ok((connection, channel, consumer))
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A channel without confirms, on a connection of its own.
    pub(crate) async fn channel(&self) -> Result<(Connection, Channel)> {
        let connection = connect(&self.uri).await?;
        let channel = connection.create_channel().await?;
        Ok((connection, channel))
    }

    /// A channel with confirms, on a connection of its own.
    pub(crate) async fn publisher(&self) -> Result<(Connection, Channel)> {
        let connection = connect(&self.uri).await?;
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok((connection, channel))
    }

    async fn confirming(&self) -> Result<Channel> {
        let channel = self.connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(channel)
    }
}

async fn connect(uri: &str) -> Result<Connection> {
    Ok(Connection::connect(uri, ConnectionProperties::default()).await?)
}

async fn put(
    channel: &Channel,
    queue: &str,
    content_type: &str,
    body: &[u8],
    open: &mut VecDeque<Publishing>,
) -> Result<()> {
    open.push_back(publish(channel, "", queue, content_type, body).await);
    settle(open, WINDOW).await
}

/// Publish a message. Looked at once, its frames are on their way; nobody waits until they have
/// been written.
pub(crate) async fn publish(
    channel: &Channel,
    exchange: &str,
    key: &str,
    content_type: &str,
    body: &[u8],
) -> Publishing {
    let (channel, body) = (channel.clone(), body.to_vec());
    let (exchange, key) = (exchange.into(), key.into());
    let properties = BasicProperties::default()
        .with_content_type(content_type.into())
        .with_delivery_mode(2);
    // Without this a message for a queue that does not exist is confirmed and gone.
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let mut publishing: Publishing = Box::pin(async move {
        let published = channel.basic_publish(exchange, key, options, &body, properties);
        Ok(published.await?.await?)
    });
    match future::poll_once(publishing.as_mut()).await {
        Some(answer) => Box::pin(std::future::ready(answer)),
        None => publishing,
    }
}

/// Wait until no more than so many publishes are open.
async fn settle(open: &mut VecDeque<Publishing>, most: usize) -> Result<()> {
    while open.len() > most {
        let Some(publishing) = open.pop_front() else {
            break;
        };
        let answer = publishing.await?;
        let returned = matches!(answer, Confirmation::Ack(Some(_)));
        ensure!(!returned, "a message found no queue");
        ensure!(answer.is_ack(), "the broker refused a message");
    }
    Ok(())
}
