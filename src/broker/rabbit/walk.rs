//! A walk through a queue: messages are taken out one by one, and all but those that were
//! acknowledged are back in it afterwards, in their order.
//!
//! A quorum queue puts what comes back behind what came back before, in front of all others. So
//! every walk goes to the end of the queue, because only everything together comes back in order.
//! A walk that breaks off may leave another order, and never another content.
//!
//! A message that was taken out and given back counts one delivery more. So a walk is for queues
//! whose delivery limit is out of reach, as that of the dead letters is. Whatever ends the walk,
//! its connection takes nothing along.

use std::time::Duration;

use futures_lite::StreamExt;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Event};
use tokio::time::Instant;

use super::super::fault::BrokerFault;
use super::super::message::{Delivery, Epoch};
use super::connection::{ConnectOptions, answered, close, connect, ended, fault, short};
use super::convert;
use super::subscription::ConnectionEvents;

/// How long the end of a walk waits for the queue to have everything back, and between two looks.
const BACK: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(10);

/// An open walk.
pub struct Walk {
    connection: Connection,
    events: ConnectionEvents,
    channel: Channel,
    queue: String,
    stood: u32,
    left: u32,
    /// Taken out and not acknowledged.
    held: u32,
}

impl Walk {
    /// Begin at the front of a queue.
    pub async fn begin(
        options: &ConnectOptions,
        queue: &str,
        connection_name: &str,
    ) -> Result<Self, BrokerFault> {
        let connection = connect(options, connection_name).await?;
        let events = Box::pin(connection.events_listener());
        let channel = answered(connection.create_channel()).await?;
        let stood = depth(&channel, queue).await?;
        Ok(Self {
            connection,
            events,
            channel,
            queue: queue.to_owned(),
            stood,
            left: stood,
            held: 0,
        })
    }

    /// How many messages stood in the queue when the walk began.
    pub fn stood(&self) -> u32 {
        self.stood
    }

    /// The next message. The walk ends with what stood there at its beginning: what comes in
    /// meanwhile, perhaps because of the walk, is not for it.
    pub async fn next(&mut self) -> Result<Option<Delivery>, BrokerFault> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        let got = self
            .channel
            .basic_get(short(&self.queue), BasicGetOptions::default());
        // A message that the client library cannot read ends the connection, and the question for
        // it is never answered.
        let got = tokio::select! {
            biased;
            broken = broken(&mut self.events) => Err(broken),
            got = answered(got) => got,
        };
        if matches!(got, Err(BrokerFault::Unreadable)) {
            let queue = self.queue.clone();
            return Err(BrokerFault::LetterUnreadable { queue });
        }
        let got = got?;
        self.left = if got.is_some() { left } else { 0 };
        self.held = self.held.saturating_add(u32::from(got.is_some()));
        Ok(got.map(|message| convert::delivery(Epoch(0), message.delivery)))
    }

    /// Take a message away for ever; the broker knows of it for sure after [`end`](Self::end).
    pub async fn acknowledge(&mut self, tag: u64) -> Result<(), BrokerFault> {
        self.held = self.held.saturating_sub(1);
        let sent = self.channel.basic_ack(tag, BasicAckOptions::default());
        sent.await.map_err(|error| fault(&error)).map(drop)
    }

    /// Go to the end of the queue, give back what was not acknowledged, and wait until the broker
    /// has heard everything.
    pub async fn end(mut self) -> Result<(), BrokerFault> {
        while self.next().await?.is_some() {}
        // Said aloud, because a broker of today does not count this against the delivery limit.
        let all = BasicNackOptions {
            multiple: true,
            requeue: true,
        };
        let given = self.channel.basic_nack(0, all);
        given.await.map_err(|error| fault(&error))?;
        answered(self.channel.close(200, short("done"))).await?;
        self.back().await?;
        close(&self.connection).await;
        Ok(())
    }

    /// Wait for a moment until the queue has again what was given back, so that whoever looks next
    /// sees it. Somebody else may have taken it by then.
    async fn back(&self) -> Result<(), BrokerFault> {
        let until = Instant::now() + BACK;
        let channel = answered(self.connection.create_channel()).await?;
        while depth(&channel, &self.queue).await? < self.held && Instant::now() < until {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

/// Why a connection broke, once it does.
async fn broken(events: &mut ConnectionEvents) -> BrokerFault {
    loop {
        match events.next().await {
            Some(Event::Error(error)) => return fault(&error),
            Some(_other) => {}
            None => return ended(),
        }
    }
}

/// How many messages of a queue nobody holds.
async fn depth(channel: &Channel, queue: &str) -> Result<u32, BrokerFault> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let found = channel.queue_declare(short(queue), passive, FieldTable::default());
    Ok(answered(found).await?.message_count())
}

impl std::fmt::Debug for Walk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
