//! The publishing lane: one connection, one channel with confirms, exactly one task on it.
//!
//! One task, because the client library takes the confirm's number and queues the frames in two
//! steps: two tasks on a channel would get each other's confirms.
//!
//! Messages go out in the order they come in, and their results come back in that order. What
//! has no answer when the connection ends is reported as lost: it may have arrived, and only the
//! sender knows whether to send it again. A message that waits while there is no connection goes
//! out on the next one, unless something was lost that its sender did not know of: then it comes
//! back unsent, so that the sender can send the lost ones first.
//!
//! It deliberately does not retry: the order of a book is its sender's business.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_lite::{Stream, StreamExt};
use lapin::message::BasicReturnMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, Event};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::super::dead_letter::DEAD_ID;
use super::super::fault::{BrokerFault, FaultClass};
use super::super::lane::LaneStatus;
use super::super::message::{ConfirmResult, Confirmed, Properties, Publish};
use super::backoff::{Backoff, STABLE_AFTER};
use super::confirms::{Answer, Confirms, Identity, Pending};
use super::connection::{ConnectOptions, answered, close, connect, ended, fault, note_blocked};
use super::convert;
use super::reach::Reach;

/// Messages without an answer at a time. The library scans all of them for every answer that
/// covers several, and beyond a few hundred nothing is gained; this leaves room for slow disks.
const WINDOW_MAX: usize = 1024;
/// Messages that wait for room in the window.
const QUEUE_MAX: usize = 1024;
/// Faults of configuration in a row before the status says that waiting will not help.
const REFUSALS_MAX: u32 = 5;

/// How to publish.
#[derive(Debug, Clone)]
pub struct PublisherOptions {
    /// The name the broker's operator sees.
    pub connection_name: String,
    /// Messages without an answer at a time, at most 1,024.
    pub window: usize,
}

/// The owner's end of a publishing lane.
#[derive(Debug)]
pub struct PublisherLane {
    /// What to publish. Dropping it ends the lane once everything is answered.
    pub publishes: mpsc::Sender<Publish>,
    /// One result for each message, in the order of publishing. It must be read: the lane stops
    /// taking messages when results find no room.
    pub confirms: mpsc::Receiver<Confirmed>,
    /// The state, for readiness and metrics.
    pub status: watch::Receiver<LaneStatus>,
    /// Counters.
    pub counters: Arc<PublishCounters>,
    /// Ends after `publishes` is dropped and everything is answered.
    pub task: JoinHandle<()>,
}

impl PublisherLane {
    /// What is known of the reason that no confirm comes; otherwise this.
    pub fn silence(&self, otherwise: &str) -> BrokerFault {
        let status = self.status.borrow();
        let blocked = status.blocked.as_ref();
        let blocked = blocked.map(|reason| format!("it takes no messages at the moment: {reason}"));
        status.fault.clone().unwrap_or_else(|| BrokerFault::Lost {
            reason: blocked.unwrap_or_else(|| otherwise.to_owned()),
        })
    }
}

/// What cannot be seen from the results.
#[derive(Debug, Default)]
pub struct PublishCounters {
    /// Messages without an answer at the moment.
    pub in_flight: AtomicU64,
    /// Returned messages that matched none in flight; more than zero is a mistake somewhere.
    pub unmatched_returns: AtomicU64,
}

/// Start a publishing lane on the current runtime.
pub fn publish(reach: impl Into<Reach>, options: PublisherOptions) -> PublisherLane {
    let (publishes, inbox) = mpsc::channel(QUEUE_MAX);
    let (results, confirms) = mpsc::channel(WINDOW_MAX);
    let (status_sender, status) = watch::channel(LaneStatus::default());
    let counters = Arc::new(PublishCounters::default());
    let lane = Lane {
        window: options.window.clamp(1, WINDOW_MAX),
        reach: reach.into(),
        options,
        inbox,
        results,
        status: status_sender,
        counters: Arc::clone(&counters),
        outbox: VecDeque::new(),
        lost: 0,
        opened: 0,
        answered: false,
    };
    let task = tokio::spawn(lane.run());
    PublisherLane {
        publishes,
        confirms,
        status,
        counters,
        task,
    }
}

struct Lane {
    reach: Reach,
    options: PublisherOptions,
    window: usize,
    inbox: mpsc::Receiver<Publish>,
    results: mpsc::Sender<Confirmed>,
    status: watch::Sender<LaneStatus>,
    counters: Arc<PublishCounters>,
    outbox: VecDeque<Confirmed>,
    /// Results that said so.
    lost: u64,
    opened: u64,
    /// The broker has answered something on this channel.
    answered: bool,
}

/// An open channel in confirm mode.
struct Open {
    connection: Connection,
    channel: Arc<Channel>,
    connection_events: Pin<Box<dyn Stream<Item = Event> + Send>>,
    confirms: Confirms<BrokerFault>,
    /// The owner has dropped its end: no more messages come.
    ended: bool,
}

/// What woke the lane up.
enum Woken {
    Messages(usize),
    Room,
    Answers,
    Connection(Option<Event>),
}

impl Lane {
    async fn run(mut self) {
        let mut backoff = Backoff::new(self.reach.pauses());
        let mut refusals = 0;
        loop {
            let fault = match self.open().await {
                Err(fault) => fault,
                Ok(open) => {
                    let since = Instant::now();
                    let end = Box::pin(self.serve(open)).await;
                    if since.elapsed() >= STABLE_AFTER {
                        backoff.reset();
                    }
                    if std::mem::take(&mut self.answered) {
                        refusals = 0;
                    }
                    match end {
                        None => break,
                        Some(fault) => fault,
                    }
                }
            };
            refusals = if fault.class() == FaultClass::Configuration {
                refusals + 1
            } else {
                0
            };
            self.note_fault(&fault, refusals >= REFUSALS_MAX);
            if !self.offline_for(backoff.delay()).await {
                break;
            }
        }
        self.farewell().await;
    }

    async fn open(&mut self) -> Result<Open, BrokerFault> {
        let connect = self.reach.options().await?;
        let open = open(&connect, &self.options).await?;
        let again = self.opened > 0;
        self.opened += 1;
        let blocked = open.connection.status().blocked();
        self.status.send_modify(|status| {
            status.connected = true;
            status.blocked = blocked.then(|| "blocked since the connection was made".to_owned());
            // What the broker refuses to a publisher shows only when something is published.
            if status
                .fault
                .as_ref()
                .is_some_and(|f| f.class() == FaultClass::Transient)
            {
                status.fault = None;
            }
            status.reconnects += u64::from(again);
        });
        Ok(open)
    }

    fn note_fault(&self, fault: &BrokerFault, refused: bool) {
        self.status.send_modify(|status| {
            status.connected = false;
            status.blocked = None;
            status.fault = Some(fault.clone());
            status.refused = refused;
        });
    }

    /// Wait before the next attempt. False if the owner has gone and nothing is left to send.
    async fn offline_for(&mut self, delay: Duration) -> bool {
        let sleep = tokio::time::sleep(delay);
        tokio::pin!(sleep);
        loop {
            self.flush();
            if self.results.is_closed() || self.inbox.is_closed() && self.inbox.is_empty() {
                return false;
            }
            tokio::select! {
                () = &mut sleep => return true,
                _room = self.results.reserve(), if !self.outbox.is_empty() => {}
            }
        }
    }

    /// Drive an open channel until it ends; no fault means that all is done.
    async fn serve(&mut self, mut open: Open) -> Option<BrokerFault> {
        let mut batch = Vec::with_capacity(self.window);
        let fault = loop {
            let before = self.outbox.len();
            if let Err(fault) = open.confirms.collect(&mut self.outbox) {
                break Some(fault);
            }
            self.count(&mut open.confirms);
            if self.outbox.len() > before {
                self.note_answers();
            }
            self.flush();
            let done = open.ended && open.confirms.len() == 0 && self.outbox.is_empty();
            if done || self.results.is_closed() {
                close(&open.connection).await;
                break None;
            }
            match self.wait(&mut open, &mut batch).await {
                Woken::Messages(0) => open.ended = true,
                Woken::Messages(_) => {
                    for message in batch.drain(..) {
                        send(&mut open, message, self.lost);
                    }
                }
                Woken::Room | Woken::Answers => {}
                Woken::Connection(Some(Event::Error(error))) => break Some(fault(&error)),
                Woken::Connection(Some(event)) => note_blocked(&event, &self.status),
                Woken::Connection(None) => break Some(ended()),
            }
        };
        self.lost += open.confirms.give_up(&mut self.outbox);
        self.count(&mut open.confirms);
        fault
    }

    /// An answer proves that nothing is refused any more.
    fn note_answers(&mut self) {
        if !self.answered {
            self.answered = true;
            self.status.send_modify(|status| {
                status.fault = None;
                status.refused = false;
            });
        }
    }

    async fn wait(&mut self, open: &mut Open, batch: &mut Vec<Publish>) -> Woken {
        // Results without room count against the window, or the outbox would grow.
        let room = self
            .window
            .saturating_sub(open.confirms.len() + self.outbox.len());
        let (taking, waiting) = (room > 0 && !open.ended, !self.outbox.is_empty());
        tokio::select! {
            biased;
            () = open.confirms.noted() => Woken::Answers,
            _room = self.results.reserve(), if waiting => Woken::Room,
            count = self.inbox.recv_many(batch, room), if taking => Woken::Messages(count),
            event = open.connection_events.next() => Woken::Connection(event),
        }
    }

    fn count(&self, confirms: &mut Confirms<BrokerFault>) {
        let in_flight = u64::try_from(confirms.len()).unwrap_or(u64::MAX);
        self.counters.in_flight.store(in_flight, Ordering::Relaxed);
        let unmatched = std::mem::take(&mut confirms.unmatched_returns);
        self.counters
            .unmatched_returns
            .fetch_add(unmatched, Ordering::Relaxed);
    }

    /// Hand over as many results as there is room for.
    fn flush(&mut self) {
        while let Some(result) = self.outbox.pop_front() {
            match self.results.try_send(result) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(result)) => {
                    self.outbox.push_front(result);
                    return;
                }
                Err(mpsc::error::TrySendError::Closed(_result)) => self.outbox.clear(),
            }
        }
    }

    /// Hand over what is left; what waits does not go out any more.
    async fn farewell(&mut self) {
        self.status.send_modify(|status| status.connected = false);
        self.inbox.close();
        while let Ok(Publish { token, .. }) = self.inbox.try_recv() {
            self.outbox.push_back(Confirmed {
                token,
                result: ConfirmResult::Unsent,
            });
        }
        while let Some(result) = self.outbox.pop_front() {
            if self.results.send(result).await.is_err() {
                return;
            }
        }
    }
}

async fn open(
    connect_options: &ConnectOptions,
    options: &PublisherOptions,
) -> Result<Open, BrokerFault> {
    let connection = connect(connect_options, &options.connection_name).await?;
    let connection_events = Box::pin(connection.events_listener());
    let opened = async {
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(channel)
    };
    let channel = Arc::new(answered(opened).await?);
    let (confirms, ended) = (Confirms::new(), false);
    Ok(Open {
        connection,
        channel,
        connection_events,
        confirms,
        ended,
    })
}

/// Put a message on its way, unless its sender did not know of so many losses. It is written when
/// the confirms are polled next, in order.
fn send(open: &mut Open, message: Publish, lost: u64) {
    let token = message.token;
    if message.is_ignorant_of(lost) {
        return open.confirms.push_settled(token, ConfirmResult::Unsent);
    }
    let identity = message.mandatory.then(|| identity_of(&message));
    match pending(&open.channel, message) {
        Ok(pending) => open.confirms.push(token, identity, pending),
        Err(convert::TooLong) => open.confirms.push_settled(token, ConfirmResult::Unsendable),
    }
}

fn pending(
    channel: &Arc<Channel>,
    message: Publish,
) -> Result<Pending<BrokerFault>, convert::TooLong> {
    let channel = Arc::clone(channel);
    let exchange = convert::short_text(message.exchange)?;
    let routing_key = convert::short_text(message.routing_key)?;
    let properties = convert::amqp_properties(message.properties)?;
    let options = BasicPublishOptions {
        mandatory: message.mandatory,
        immediate: false,
    };
    let body = message.body;
    Ok(Box::pin(async move {
        let written = channel.basic_publish(exchange, routing_key, options, &body, properties);
        let confirm = written.await.map_err(|error| fault(&error))?;
        drop(body);
        match confirm.await.map_err(|error| fault(&error))? {
            Confirmation::Ack(returned) => Ok(answer(true, returned)),
            Confirmation::Nack(returned) => Ok(answer(false, returned)),
            Confirmation::NotRequested => Err(BrokerFault::Lost {
                reason: "the channel is not in confirm mode".to_owned(),
            }),
        }
    }))
}

fn answer(acked: bool, returned: Option<BasicReturnMessage>) -> Answer {
    Answer {
        acked,
        returned: returned.map(|message| identity_of_returned(&message)),
    }
}

fn identity_of(message: &Publish) -> Identity {
    Identity {
        exchange: message.exchange.clone(),
        routing_key: message.routing_key.clone(),
        name: name_of(&message.properties),
    }
}

fn name_of(properties: &Properties) -> Option<String> {
    let dead_id = properties.header_text(DEAD_ID).map(str::to_owned);
    dead_id.or_else(|| properties.message_id.clone())
}

fn identity_of_returned(message: &BasicReturnMessage) -> Identity {
    Identity {
        exchange: message.exchange.as_str().to_owned(),
        routing_key: message.routing_key.as_str().to_owned(),
        name: name_of_returned(&message.properties),
    }
}

fn name_of_returned(properties: &BasicProperties) -> Option<String> {
    name_of(&convert::properties(properties))
}
