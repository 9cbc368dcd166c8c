//! The consuming lane to the simulated broker: a channel with its tags, deliveries on the way in,
//! commands on the way out. A cut loses commands that the broker has not read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::queue::{Message, Queue, Waiting};
use crate::broker::{BrokerFault, CloseReason, ConsumerCommand, ConsumerEvent, Delivery, Epoch};

/// What the owner of the lane wants. Wishes only move down this list, except from pause to flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    Flow,
    Pause,
    Drain,
    Close,
}

/// An open channel, as the broker knows it.
#[derive(Debug)]
struct Channel {
    epoch: Epoch,
    /// The tag of the last delivery.
    last: u64,
    unacknowledged: BTreeMap<u64, Waiting>,
}

/// The lane.
#[derive(Debug)]
pub(super) struct Consuming {
    channel: Option<Channel>,
    /// Prefetched and not read by the owner.
    events: VecDeque<ConsumerEvent>,
    /// Written by the owner and not read by the broker.
    commands: VecDeque<ConsumerCommand>,
    wish: Wish,
    drained: bool,
    /// Whether one delivery at a time is open.
    narrow: bool,
}

/// What the broker made of a command.
#[derive(Debug, Default, PartialEq)]
pub struct Obeyed {
    /// Acknowledged and gone.
    pub acknowledged: Vec<Arc<Message>>,
    /// Set aside by the delivery limit, because the channel was closed.
    pub set_aside: Vec<Arc<Message>>,
}

impl Consuming {
    /// A lane that has no channel yet.
    pub(super) fn new() -> Self {
        Self {
            channel: None,
            events: VecDeque::new(),
            commands: VecDeque::new(),
            wish: Wish::Flow,
            drained: false,
            narrow: false,
        }
    }

    /// Begin with one delivery at a time, until the owner widens it.
    pub(super) fn narrow(&mut self) {
        self.narrow = true;
    }

    pub(super) fn is_open(&self) -> bool {
        self.channel.is_some()
    }

    pub(super) fn unacknowledged(&self) -> usize {
        let open = self.channel.as_ref();
        open.map_or(0, |open| open.unacknowledged.len())
    }

    pub(super) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    pub(super) fn has_commands(&self) -> bool {
        !self.commands.is_empty()
    }

    /// Whether the owner has closed the lane and the broker has seen it.
    pub(super) fn is_closed(&self) -> bool {
        self.wish == Wish::Close && self.channel.is_none()
    }

    pub(super) fn may_open(&self) -> bool {
        self.channel.is_none() && self.wish < Wish::Drain
    }

    pub(super) fn open(&mut self, epoch: Epoch) {
        self.channel = Some(Channel {
            epoch,
            last: 0,
            unacknowledged: BTreeMap::new(),
        });
        self.events.push_back(ConsumerEvent::Opened { epoch });
    }

    /// Whether the broker may deliver one more.
    pub(super) fn has_room(&self, prefetch: usize) -> bool {
        let open = self.channel.as_ref();
        let prefetch = if self.narrow { 1 } else { prefetch };
        self.wish == Wish::Flow && open.is_some_and(|open| open.unacknowledged.len() < prefetch)
    }

    pub(super) fn deliver(&mut self, waiting: Waiting, exchange: &str) {
        let Some(channel) = &mut self.channel else {
            return;
        };
        channel.last = channel.last.saturating_add(1);
        let Waiting { message, returned } = &waiting;
        let delivery = Delivery {
            epoch: channel.epoch,
            tag: channel.last,
            body: message.body.clone(),
            properties: message.properties.clone(),
            exchange: exchange.to_owned(),
            routing_key: message.routing_key.clone(),
            redelivered: *returned > 0,
            delivery_count: (*returned > 0).then_some(*returned),
        };
        self.events
            .push_back(ConsumerEvent::Delivery(Arc::new(delivery)));
        channel.unacknowledged.insert(channel.last, waiting);
    }

    /// The next event for the owner.
    pub(super) fn event(&mut self) -> Option<ConsumerEvent> {
        self.events.pop_front()
    }

    /// The owner's command. What is for a channel that has ended goes nowhere.
    pub(super) fn command(&mut self, command: ConsumerCommand) {
        match command {
            ConsumerCommand::AckUpTo { epoch, .. } => {
                let open = self
                    .channel
                    .as_ref()
                    .is_some_and(|open| open.epoch == epoch);
                if open {
                    self.commands.push_back(command);
                }
            }
            ConsumerCommand::Pause => self.wish = self.wish.max(Wish::Pause),
            ConsumerCommand::Resume if self.wish == Wish::Pause => self.wish = Wish::Flow,
            ConsumerCommand::Resume => {}
            ConsumerCommand::Widen => self.narrow = false,
            ConsumerCommand::Drain => {
                self.wish = self.wish.max(Wish::Drain);
                if !std::mem::replace(&mut self.drained, true) {
                    self.events.push_back(ConsumerEvent::Drained);
                }
            }
            ConsumerCommand::Close => self.commands.push_back(command),
        }
    }

    /// The broker reads one command. An error is what it would close the channel for.
    pub(super) fn obey(&mut self, queue: &mut Queue) -> Result<Obeyed, String> {
        let mut obeyed = Obeyed::default();
        match self.commands.pop_front() {
            Some(ConsumerCommand::AckUpTo { tag, multiple, .. }) => {
                obeyed.acknowledged = self.acknowledge(tag, multiple)?;
            }
            Some(ConsumerCommand::Close) => {
                self.wish = Wish::Close;
                if let Some(channel) = self.channel.take() {
                    obeyed.set_aside = queue.take_back(channel.unacknowledged.into_values());
                }
            }
            Some(
                ConsumerCommand::Pause
                | ConsumerCommand::Resume
                | ConsumerCommand::Widen
                | ConsumerCommand::Drain,
            )
            | None => {}
        }
        Ok(obeyed)
    }

    fn acknowledge(&mut self, tag: u64, multiple: bool) -> Result<Vec<Arc<Message>>, String> {
        let Some(channel) = &mut self.channel else {
            return Ok(Vec::new());
        };
        let Some(named) = channel.unacknowledged.remove(&tag) else {
            return Err(format!(
                "tag {tag} was acknowledged and is not open; the broker closes the channel for that"
            ));
        };
        let mut gone = Vec::new();
        if multiple {
            let above = channel.unacknowledged.split_off(&tag);
            let below = std::mem::replace(&mut channel.unacknowledged, above);
            gone.extend(below.into_values().map(|waiting| waiting.message));
        }
        gone.push(named.message);
        Ok(gone)
    }

    /// The channel ends. Deliveries that were prefetched are still handed out; commands that the
    /// broker has not read are lost. What is set aside by the delivery limit is given out.
    pub(super) fn cut(&mut self, queue: &mut Queue) -> Vec<Arc<Message>> {
        let Some(channel) = self.channel.take() else {
            return Vec::new();
        };
        let closes = self.commands.contains(&ConsumerCommand::Close);
        self.commands.clear();
        if closes {
            self.wish = Wish::Close;
        }
        let reason = "the simulated network".to_owned();
        self.events.push_back(ConsumerEvent::Closed {
            epoch: channel.epoch,
            reason: CloseReason::Fault(BrokerFault::Lost { reason }),
        });
        queue.take_back(channel.unacknowledged.into_values())
    }
}
