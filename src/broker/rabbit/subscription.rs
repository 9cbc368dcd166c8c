//! One open consuming channel: its epoch, its subscription and its acknowledgements.
//!
//! It lives from one connect to the next fault; [`mod@super::consume`] decides when to open, cancel
//! and close.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_lite::{Stream, StreamExt};
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer, Event};

use super::super::fault::BrokerFault;
use super::super::lane::ConsumerEvent;
use super::super::message::Epoch;
use super::ack_window::AckWindow;
use super::connection::{ConnectOptions, answered, connect, fault, short};
use super::consume::AckCounters;
use super::convert;

/// So long the lane waits to hear why a channel is gone.
const CAUSE_PATIENCE: Duration = Duration::from_millis(200);
/// Deliveries of a dead channel dropped at a time.
const UNHEARD_MAX: usize = 256;

static NEXT_EPOCH: AtomicU64 = AtomicU64::new(1);

/// Blocked, unblocked, broken: what the client library tells about a connection.
pub(super) type ConnectionEvents = Pin<Box<dyn Stream<Item = Event> + Send>>;

/// An open channel.
pub(super) struct Open {
    pub(super) connection: Connection,
    channel: Channel,
    /// The subscription, while its stream has not ended.
    pub(super) consumer: Option<Consumer>,
    connection_events: ConnectionEvents,
    pub(super) epoch: Epoch,
    pub(super) window: AckWindow,
    /// Bound of an acknowledgement that waits for a better one behind it in the inbox.
    pub(super) ack_through: Option<u64>,
    /// The subscription is cancelled; its stream still holds what was prefetched.
    pub(super) cancelled: bool,
    /// A delivery came that was never delivered before.
    pub(super) met_new: bool,
}

/// Where deliveries come from.
pub(super) struct Source<'a> {
    consumer: Option<&'a mut Consumer>,
    window: &'a mut AckWindow,
    epoch: Epoch,
    met_new: &'a mut bool,
}

/// What a look at the stream brought.
pub(super) enum Taken {
    /// Some deliveries.
    Batch,
    /// The stream ended.
    End,
    /// The channel broke.
    Fault(BrokerFault),
}

impl Open {
    pub(super) async fn open(options: &ConnectOptions, name: &str) -> Result<Self, BrokerFault> {
        let connection = connect(options, name).await?;
        let connection_events = Box::pin(connection.events_listener());
        let channel = answered(connection.create_channel()).await?;
        Ok(Self {
            connection,
            channel,
            consumer: None,
            connection_events,
            epoch: Epoch(NEXT_EPOCH.fetch_add(1, Ordering::Relaxed)),
            window: AckWindow::default(),
            ack_through: None,
            cancelled: false,
            met_new: false,
        })
    }

    pub(super) async fn subscribe(
        &mut self,
        queue: &str,
        prefetch: u16,
    ) -> Result<(), BrokerFault> {
        let subscribed = async {
            // Before the subscription, or the first deliveries would come without a bound.
            self.channel
                .basic_qos(prefetch, BasicQosOptions::default())
                .await?;
            let options = BasicConsumeOptions::default();
            let (queue, tag) = (short(queue), short(""));
            self.channel
                .basic_consume(queue, tag, options, FieldTable::default())
                .await
        };
        self.consumer = Some(answered(subscribed).await?);
        Ok(())
    }

    /// Cancel the subscription once; the stream then ends after what was prefetched.
    pub(super) async fn cancel(&mut self) -> Result<(), BrokerFault> {
        let Some(consumer) = self.consumer.as_ref().filter(|_| !self.cancelled) else {
            return Ok(());
        };
        self.cancelled = true;
        let cancelled = self
            .channel
            .basic_cancel(consumer.tag(), BasicCancelOptions::default());
        answered(cancelled).await
    }

    /// Why the channel is gone. An acknowledgement may be the first to meet a dead channel, and it
    /// says only that; what the library has to tell about it comes a moment later.
    pub(super) async fn cause(&mut self, first: BrokerFault) -> BrokerFault {
        if !matches!(first, BrokerFault::Lost { .. }) {
            return first;
        }
        let told = tokio::time::timeout(CAUSE_PATIENCE, self.told()).await;
        told.ok().flatten().unwrap_or(first)
    }

    /// What the library tells about the end of the channel. Deliveries that still come are not
    /// handed over: they come again.
    async fn told(&mut self) -> Option<BrokerFault> {
        let mut unheard = VecDeque::new();
        loop {
            unheard.clear();
            let (source, connection_events) = self.sources();
            tokio::select! {
                biased;
                event = connection_events.next() => if let Event::Error(error) = event? {
                    return Some(fault(&error));
                },
                taken = source.take_ready(&mut unheard, UNHEARD_MAX) => match taken {
                    Taken::Batch => {}
                    Taken::Fault(fault) => return Some(fault),
                    Taken::End => return None,
                },
            }
        }
    }

    /// The two streams that a lane waits for.
    pub(super) fn sources(&mut self) -> (Source<'_>, &mut ConnectionEvents) {
        let source = Source {
            consumer: self.consumer.as_mut(),
            window: &mut self.window,
            epoch: self.epoch,
            met_new: &mut self.met_new,
        };
        (source, &mut self.connection_events)
    }

    /// Send the acknowledgement that waits, if one does.
    pub(super) async fn send_through(&mut self, acks: &AckCounters) -> Result<(), BrokerFault> {
        if let Some(tag) = self.ack_through.take() {
            self.send_ack(tag, true).await?;
            acks.multiple.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(super) async fn send_ack(&mut self, tag: u64, multiple: bool) -> Result<(), BrokerFault> {
        let sent = self
            .channel
            .basic_ack(tag, BasicAckOptions { multiple })
            .await;
        sent.map_err(|error| fault(&error))
    }
}

impl Source<'_> {
    /// Wait for deliveries and take every one that is there, until `outbox` holds `most` events.
    pub(super) async fn take_ready(
        mut self,
        outbox: &mut VecDeque<ConsumerEvent>,
        most: usize,
    ) -> Taken {
        std::future::poll_fn(|context| {
            let Some(consumer) = self.consumer.as_deref_mut() else {
                return Poll::Pending;
            };
            while outbox.len() < most {
                match Pin::new(&mut *consumer).poll_next(context) {
                    Poll::Ready(Some(Ok(delivery))) => {
                        self.window.deliver(delivery.delivery_tag);
                        *self.met_new |= !delivery.redelivered;
                        let delivery = convert::delivery(self.epoch, delivery);
                        outbox.push_back(ConsumerEvent::Delivery(Arc::new(delivery)));
                    }
                    Poll::Ready(Some(Err(error))) => {
                        return Poll::Ready(Taken::Fault(fault(&error)));
                    }
                    Poll::Ready(None) => return Poll::Ready(Taken::End),
                    Poll::Pending if outbox.is_empty() => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
            Poll::Ready(Taken::Batch)
        })
        .await
    }
}
