//! The consuming lane: one connection, one channel, one consumer, one epoch.
//!
//! A task of its own opens a channel, hands deliveries out and takes acknowledgements in. When
//! the channel ends, its epoch ends; the next channel is a new one on a new connection, and an
//! acknowledgement for an old epoch is counted and dropped. The library's own recovery stays
//! off: it would number the deliveries of the new channel from 1 under the same name.
//!
//! A pause cancels the subscription and keeps the channel, so tags stay valid and nothing is
//! held unacknowledged beyond the broker's patience.
//!
//! It deliberately does not know when a delivery may be acknowledged.

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_lite::StreamExt;
use lapin::Event;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::super::fault::{BrokerFault, FaultClass};
use super::super::lane::{CloseReason, ConsumerCommand, ConsumerEvent, LaneStatus};
use super::backoff::{Backoff, STABLE_AFTER};
use super::connection::{close, ended, fault, note_blocked};
use super::reach::Reach;
use super::subscription::{Open, Taken};

/// Events that wait for the station behind us. Deliveries are bounded by the prefetch anyway;
/// this bounds how many of them are handed over ahead.
const EVENTS_MAX: usize = 1024;
/// Deliveries taken from the library per wake-up, so that acknowledgements get their turn.
const TAKE_MAX: usize = 256;
/// Commands wait here; they are taken even while events find no room.
const COMMANDS_MAX: usize = 1024;
/// Faults of configuration in a row before the lane gives up. Some pass: a broker that is
/// starting refuses logins for a moment.
const REFUSALS_MAX: u32 = 5;

/// Quick reconnects after something unreadable: a few more than the delivery limit of the queue.
const UNREADABLE_QUICK_MAX: u32 = 32;
/// An owner that closes the lane and reads no more events is not waited for.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);

/// What to consume.
#[derive(Debug, Clone)]
pub struct ConsumerOptions {
    /// The queue.
    pub queue: String,
    /// Deliveries the broker may have open with us. There is no "unlimited".
    pub prefetch: NonZeroU16,
    /// Begin with a prefetch of one, until [`ConsumerCommand::Widen`].
    pub one_at_a_time: bool,
    /// Take nothing before [`ConsumerCommand::Resume`].
    pub paused: bool,
    /// The name the broker's operator sees.
    pub connection_name: String,
}

/// The owner's end of a consuming lane.
#[derive(Debug)]
pub struct ConsumerLane {
    /// What happens, in order.
    pub events: mpsc::Receiver<ConsumerEvent>,
    /// What to do. Dropping it closes the lane.
    pub commands: mpsc::Sender<ConsumerCommand>,
    /// The state, for readiness and metrics.
    pub status: watch::Receiver<LaneStatus>,
    /// Counters of acknowledgements.
    pub acks: Arc<AckCounters>,
    /// Ends after [`ConsumerCommand::Close`].
    pub task: JoinHandle<()>,
}

/// How many acknowledgements were sent and dropped.
#[derive(Debug, Default)]
pub struct AckCounters {
    /// Sent for one delivery.
    pub single: AtomicU64,
    /// Sent for everything up to a delivery.
    pub multiple: AtomicU64,
    /// Dropped, because their epoch had ended.
    pub stale: AtomicU64,
}

/// Start a consuming lane on the current runtime.
pub fn consume(reach: impl Into<Reach>, options: ConsumerOptions) -> ConsumerLane {
    let (event_sender, events) = mpsc::channel(EVENTS_MAX);
    let (commands, command_receiver) = mpsc::channel(COMMANDS_MAX);
    let (status_sender, status) = watch::channel(LaneStatus::default());
    let acks = Arc::new(AckCounters::default());
    let wish = if options.paused {
        Wish::Pause
    } else {
        Wish::Flow
    };
    let lane = Lane {
        narrow: options.one_at_a_time,
        reach: reach.into(),
        options,
        events: event_sender,
        commands: command_receiver,
        status: status_sender,
        acks: Arc::clone(&acks),
        wish,
        outbox: VecDeque::new(),
        opened: 0,
        careful: false,
        unreadable: 0,
        drained: false,
    };
    let task = tokio::spawn(lane.run());
    ConsumerLane {
        events,
        commands,
        status,
        acks,
        task,
    }
}

/// What the owner wants. Wishes only move down this list, except from pause to flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    Flow,
    Pause,
    Drain,
    Close,
}

struct Lane {
    reach: Reach,
    options: ConsumerOptions,
    events: mpsc::Sender<ConsumerEvent>,
    commands: mpsc::Receiver<ConsumerCommand>,
    status: watch::Sender<LaneStatus>,
    acks: Arc<AckCounters>,
    wish: Wish,
    outbox: VecDeque<ConsumerEvent>,
    opened: u64,
    /// Subscribe with a prefetch of one, because the owner wants it.
    narrow: bool,
    /// Subscribe with a prefetch of one, because the last channel met something unreadable.
    careful: bool,
    /// Unreadable messages met in a row.
    unreadable: u32,
    /// `Drained` was reported.
    drained: bool,
}

/// What woke the lane up.
enum Woken {
    Commands(usize),
    Room,
    Taken(Taken),
    Connection(Option<Event>),
}

impl Lane {
    async fn run(mut self) {
        let mut backoff = Backoff::new(self.reach.pauses());
        let mut refusals = 0;
        while self.wish < Wish::Drain {
            let fault = match self.open().await {
                None => break,
                Some(Err(fault)) => fault,
                Some(Ok(open)) => {
                    let (epoch, since) = (open.epoch, Instant::now());
                    let reason = Box::pin(self.serve(open)).await;
                    self.status.send_modify(|status| status.connected = false);
                    self.outbox.push_back(ConsumerEvent::Closed {
                        epoch,
                        reason: reason.clone(),
                    });
                    if since.elapsed() >= STABLE_AFTER {
                        backoff.reset();
                        refusals = 0;
                    }
                    match reason {
                        CloseReason::Requested => break,
                        CloseReason::Fault(fault) => fault,
                    }
                }
            };
            let configuration = fault.class() == FaultClass::Configuration;
            refusals = if configuration { refusals + 1 } else { 0 };
            let refused = refusals >= REFUSALS_MAX;
            self.note_unreadable(&fault, &mut backoff);
            self.note_fault(&fault, refused);
            if refused {
                self.outbox.push_back(ConsumerEvent::Refused { fault });
                break;
            }
            self.offline_for(backoff.delay()).await;
        }
        self.farewell().await;
    }

    /// A message that our client library cannot read ends the connection each time it comes. The
    /// broker sets it aside after the delivery limit; until then it must not drag everything that
    /// was prefetched with it towards that limit, so it is met alone.
    fn note_unreadable(&mut self, fault: &BrokerFault, backoff: &mut Backoff) {
        if *fault != BrokerFault::Unreadable {
            return;
        }
        self.careful = true;
        self.unreadable += 1;
        if self.unreadable <= UNREADABLE_QUICK_MAX {
            backoff.reset();
        }
    }

    fn note_fault(&self, fault: &BrokerFault, refused: bool) {
        self.status.send_modify(|status| {
            status.connected = false;
            status.blocked = None;
            status.fault = Some(fault.clone());
            status.refused = refused;
        });
    }

    /// Open a channel and subscribe, unless the owner wants to stop meanwhile.
    async fn open(&mut self) -> Option<Result<Open, BrokerFault>> {
        let (reach, name) = (self.reach.clone(), self.options.connection_name.clone());
        let mut opening = Box::pin(async move { Open::open(&reach.options().await?, &name).await });
        let result = loop {
            tokio::select! {
                result = &mut opening => break result,
                () = self.offline() => {}
            }
            if self.wish >= Wish::Drain {
                return None;
            }
        };
        let mut open = match result {
            Ok(open) => open,
            Err(fault) => return Some(Err(fault)),
        };
        if self.wish == Wish::Flow
            && let Err(fault) = self.subscribe(&mut open).await
        {
            return Some(Err(fault));
        }
        let again = self.opened > 0;
        self.opened += 1;
        self.outbox
            .push_back(ConsumerEvent::Opened { epoch: open.epoch });
        self.status.send_modify(|status| {
            status.connected = true;
            status.fault = None;
            status.reconnects += u64::from(again);
        });
        Some(Ok(open))
    }

    async fn subscribe(&self, open: &mut Open) -> Result<(), BrokerFault> {
        let prefetch = if self.careful || self.narrow {
            1
        } else {
            self.options.prefetch.get()
        };
        open.subscribe(&self.options.queue, prefetch).await
    }

    async fn offline_for(&mut self, delay: Duration) {
        let sleep = tokio::time::sleep(delay);
        tokio::pin!(sleep);
        while self.wish < Wish::Drain {
            tokio::select! {
                () = &mut sleep => return,
                () = self.offline() => {}
            }
        }
    }

    /// One step without a channel: hand events over or take a command.
    async fn offline(&mut self) {
        self.flush();
        let left = !self.outbox.is_empty();
        tokio::select! {
            () = room(&self.events), if left => {}
            command = self.commands.recv() => self.obey_offline(command),
        }
    }

    /// Without a channel every acknowledgement is stale.
    fn obey_offline(&mut self, command: Option<ConsumerCommand>) {
        match command {
            Some(ConsumerCommand::AckUpTo { .. }) => {
                self.acks.stale.fetch_add(1, Ordering::Relaxed);
            }
            Some(ConsumerCommand::Widen) => self.narrow = false,
            Some(ConsumerCommand::Pause) => self.wish = self.wish.max(Wish::Pause),
            Some(ConsumerCommand::Resume) => self.resume(),
            Some(ConsumerCommand::Drain) => self.wish = self.wish.max(Wish::Drain),
            Some(ConsumerCommand::Close) | None => self.wish = Wish::Close,
        }
    }

    fn resume(&mut self) {
        if self.wish == Wish::Pause {
            self.wish = Wish::Flow;
        }
    }

    /// Hand over what is left, say that nothing comes any more, and take late commands until
    /// the owner closes: an acknowledgement that finds no channel is still counted.
    async fn farewell(&mut self) {
        self.report_drained();
        loop {
            self.flush();
            let (left, closing) = (!self.outbox.is_empty(), self.wish == Wish::Close);
            if closing && !left {
                return;
            }
            tokio::select! {
                () = room(&self.events), if left => {}
                command = self.commands.recv(), if !closing => self.obey_offline(command),
                () = tokio::time::sleep(FAREWELL_TIMEOUT), if closing => return,
            }
        }
    }

    /// Drive an open channel until it ends.
    async fn serve(&mut self, mut open: Open) -> CloseReason {
        let mut inbox = Vec::with_capacity(64);
        loop {
            self.flush();
            if let Some(reason) = self.follow_wish(&mut open).await {
                return reason;
            }
            let woken = self.wait(&mut open, &mut inbox).await;
            let fault = match woken {
                Woken::Commands(0) => {
                    self.wish = Wish::Close;
                    None
                }
                Woken::Commands(_) => self.obey(&mut open, &mut inbox).await.err(),
                Woken::Room => None,
                Woken::Taken(Taken::Batch) => self.leave_care(&mut open).await.err(),
                Woken::Taken(Taken::Fault(fault)) => Some(fault),
                Woken::Taken(Taken::End) => self.end_of_stream(&mut open),
                Woken::Connection(Some(Event::Error(error))) => Some(fault(&error)),
                Woken::Connection(Some(event)) => {
                    note_blocked(&event, &self.status);
                    None
                }
                Woken::Connection(None) => Some(ended()),
            };
            if let Some(fault) = fault {
                return CloseReason::Fault(open.cause(fault).await);
            }
        }
    }

    async fn wait(&mut self, open: &mut Open, inbox: &mut Vec<ConsumerCommand>) -> Woken {
        let idle = self.outbox.is_empty();
        let reading = idle && open.consumer.is_some();
        let (source, connection_events) = open.sources();
        tokio::select! {
            biased;
            count = self.commands.recv_many(inbox, 64) => Woken::Commands(count),
            () = room(&self.events), if !idle => Woken::Room,
            taken = source.take_ready(&mut self.outbox, TAKE_MAX), if reading => {
                Woken::Taken(taken)
            }
            event = connection_events.next() => Woken::Connection(event),
        }
    }

    /// What came back is served before anything new, so the first new delivery tells that the
    /// unreadable message is behind us.
    async fn leave_care(&mut self, open: &mut Open) -> Result<(), BrokerFault> {
        let prefetch = u64::from(self.options.prefetch.get());
        if !self.careful || !(open.met_new || open.window.delivered() > prefetch) {
            return Ok(());
        }
        self.careful = false;
        self.unreadable = 0;
        // The subscription ends, and a new one with the whole prefetch follows.
        open.cancel().await
    }

    /// Do what the owner wants about the subscription. A reason means that the channel is done.
    async fn follow_wish(&mut self, open: &mut Open) -> Option<CloseReason> {
        let result = match self.wish {
            Wish::Flow if open.consumer.is_none() => self.subscribe(open).await,
            Wish::Flow => Ok(()),
            Wish::Pause | Wish::Drain => open.cancel().await,
            Wish::Close => {
                // The broker does not wait for a quorum queue here: what it still held back of the
                // last acknowledgements is lost, and those messages come again as duplicates.
                close(&open.connection).await;
                return Some(CloseReason::Requested);
            }
        };
        if open.consumer.is_none() {
            self.report_drained();
        }
        result.err().map(CloseReason::Fault)
    }

    fn report_drained(&mut self) {
        if self.wish == Wish::Drain && !self.drained {
            self.drained = true;
            self.outbox.push_back(ConsumerEvent::Drained);
        }
    }

    /// The stream of deliveries ended: as asked, or because the broker cancelled.
    fn end_of_stream(&self, open: &mut Open) -> Option<BrokerFault> {
        open.consumer = None;
        let asked = std::mem::take(&mut open.cancelled);
        let queue = self.options.queue.clone();
        (!asked).then_some(BrokerFault::SubscriptionEnded { queue })
    }

    async fn obey(
        &mut self,
        open: &mut Open,
        inbox: &mut Vec<ConsumerCommand>,
    ) -> Result<(), BrokerFault> {
        for command in inbox.drain(..) {
            match command {
                ConsumerCommand::AckUpTo { epoch, .. } if epoch != open.epoch => {
                    self.acks.stale.fetch_add(1, Ordering::Relaxed);
                }
                ConsumerCommand::AckUpTo {
                    tag,
                    multiple: true,
                    ..
                } => {
                    // A later bound covers this one: only the last of several goes out.
                    open.window.ack_through(tag);
                    open.ack_through = Some(tag);
                }
                ConsumerCommand::AckUpTo {
                    tag,
                    multiple: false,
                    ..
                } => {
                    open.send_through(&self.acks).await?;
                    open.window.ack_one(tag);
                    open.send_ack(tag, false).await?;
                    self.acks.single.fetch_add(1, Ordering::Relaxed);
                }
                ConsumerCommand::Widen => {
                    self.narrow = false;
                    if !self.careful {
                        // The subscription ends, and a new one with the whole prefetch follows.
                        open.cancel().await?;
                    }
                }
                ConsumerCommand::Pause
                | ConsumerCommand::Resume
                | ConsumerCommand::Drain
                | ConsumerCommand::Close => {
                    open.send_through(&self.acks).await?;
                    self.obey_offline(Some(command));
                }
            }
        }
        open.send_through(&self.acks).await
    }

    /// Hand over as many events as there is room for.
    fn flush(&mut self) {
        while let Some(event) = self.outbox.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.outbox.push_front(event);
                    return;
                }
                Err(mpsc::error::TrySendError::Closed(_event)) => {
                    self.outbox.clear();
                    self.wish = Wish::Close;
                    return;
                }
            }
        }
    }
}

/// Wait until an event finds room, or its reader has gone.
async fn room(events: &mpsc::Sender<ConsumerEvent>) {
    drop(events.reserve().await);
}
