//! A broker that breaks: a quorum queue of jobs, and exchanges for what leaves.
//!
//! It keeps what RabbitMQ promises and nothing more. Unacknowledged deliveries come again after a
//! cut, in the order in which they came back and before new ones, counted against a delivery limit;
//! acknowledgements and confirms may be lost on the way; a message may be refused, or find nobody
//! bound; the connection of a publisher may be blocked. An acknowledgement that RabbitMQ would
//! close the channel for is an error here.
//!
//! When what happens is decided by its caller; it draws chance only for the order of answers.

mod consuming;
mod publishing;
mod queue;

use std::sync::Arc;

use crate::broker::{Confirmed, ConsumerCommand, ConsumerEvent, Epoch, Publish};
use crate::simulator::Chance;

use consuming::Consuming;
use publishing::Publishing;
use queue::Queue;

pub use consuming::Obeyed;
pub use publishing::Fate;
pub use queue::Message;

/// How it is set up.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Exchange that jobs are published to.
    pub jobs: String,
    /// Deliveries open with the consumer.
    pub prefetch: usize,
    /// How often a delivery may come back before it is set aside.
    pub delivery_limit: u64,
    /// Messages of the publisher without an answer.
    pub window: usize,
}

/// The broker and the lanes of one process to it.
#[derive(Debug)]
pub struct Broker {
    terms: Terms,
    queue: Queue,
    consuming: Consuming,
    publishing: Publishing,
    epochs: u64,
    blocked: bool,
}

impl Broker {
    /// A broker with an empty queue, and nobody connected.
    pub fn new(terms: Terms) -> Self {
        Self {
            queue: Queue::new(terms.delivery_limit),
            terms,
            consuming: Consuming::new(),
            publishing: Publishing::default(),
            epochs: 0,
            blocked: false,
        }
    }

    /// A producer's message arrives.
    pub fn publish_job(&mut self, message: Arc<Message>) {
        self.queue.push(message);
    }

    /// Messages in the queue, delivered ones left out.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// The old process is gone and a new one begins with lanes of its own. Of what the old one had
    /// written the broker may still have read `read` messages and commands. Gives out what is
    /// acknowledged, taken and set aside by that.
    pub fn process_ended(&mut self, read: usize) -> Result<Ended, String> {
        let mut ended = Ended::default();
        for _ in 0..read {
            let obeyed = self.consuming.obey(&mut self.queue)?;
            ended.obeyed.acknowledged.extend(obeyed.acknowledged);
            ended.obeyed.set_aside.extend(obeyed.set_aside);
            ended.taken.extend(self.publishing.read(Fate::Taken));
        }
        let set_aside = self.consuming.cut(&mut self.queue);
        ended.obeyed.set_aside.extend(set_aside);
        self.consuming = Consuming::new();
        self.publishing = Publishing::default();
        Ok(ended)
    }

    /// Whether the consuming lane could open a channel now.
    pub fn may_open(&self) -> bool {
        self.consuming.may_open()
    }

    /// Open a channel and subscribe.
    pub fn open(&mut self) {
        self.epochs = self.epochs.saturating_add(1);
        self.consuming.open(Epoch(self.epochs));
    }

    /// The process begins with one delivery at a time.
    pub fn narrow(&mut self) {
        self.consuming.narrow();
    }

    /// Whether the consuming lane has a channel.
    pub fn is_open(&self) -> bool {
        self.consuming.is_open()
    }

    /// Whether the consuming lane was closed by its owner.
    pub fn is_closed(&self) -> bool {
        self.consuming.is_closed()
    }

    /// Whether there is something to deliver and room for it.
    pub fn may_deliver(&self) -> bool {
        self.queue.len() > 0 && self.consuming.has_room(self.terms.prefetch)
    }

    /// Deliver the next message.
    pub fn deliver(&mut self) {
        if let Some(waiting) = self.queue.take() {
            self.consuming.deliver(waiting, &self.terms.jobs);
        }
    }

    /// Whether the consuming lane has something for its owner.
    pub fn has_events(&self) -> bool {
        self.consuming.has_events()
    }

    /// What the consuming lane has for its owner.
    pub fn event(&mut self) -> Option<ConsumerEvent> {
        self.consuming.event()
    }

    /// What the owner asks of the consuming lane.
    pub fn command(&mut self, command: ConsumerCommand) {
        self.consuming.command(command);
    }

    /// Whether the broker has a command to read.
    pub fn has_commands(&self) -> bool {
        self.consuming.has_commands()
    }

    /// The broker reads a command.
    pub fn obey(&mut self) -> Result<Obeyed, String> {
        self.consuming.obey(&mut self.queue)
    }

    /// End the consuming channel; messages that came back too often are set aside by that.
    pub fn cut_consumer(&mut self) -> Vec<Arc<Message>> {
        self.consuming.cut(&mut self.queue)
    }

    /// Change the order of what came back.
    pub fn shuffle(&mut self, chance: &mut Chance) {
        self.queue.shuffle(chance);
    }

    /// Whether the publishing lane is connected.
    pub fn is_connected(&self) -> bool {
        self.publishing.is_connected()
    }

    /// Connect the publishing lane.
    pub fn connect(&mut self) {
        self.publishing.connect();
    }

    /// Whether the publishing lane takes a message of its owner.
    pub fn takes_messages(&self) -> bool {
        self.publishing.open() < self.terms.window.saturating_mul(2)
    }

    /// The owner gives the publishing lane a message.
    pub fn publish(&mut self, publish: Publish) {
        self.publishing.push(publish);
    }

    /// Whether the publishing lane could send one more.
    pub fn may_send(&self) -> bool {
        !self.blocked && self.publishing.may_send(self.terms.window)
    }

    /// The publishing lane sends a message.
    pub fn send(&mut self) {
        self.publishing.send();
    }

    /// The message that the broker reads next; none while it blocks publishers.
    pub fn next_message(&self) -> Option<&Publish> {
        self.publishing.next().filter(|_| !self.blocked)
    }

    /// The broker reads a message; given out if it took it.
    pub fn read(&mut self, fate: Fate) -> Option<Publish> {
        self.publishing.read(fate)
    }

    /// Whether an answer is on its way.
    pub fn has_answers(&self) -> bool {
        self.publishing.has_answers()
    }

    /// An answer arrives at the publishing lane.
    pub fn answer(&mut self, chance: &mut Chance) {
        self.publishing.answer(chance);
    }

    /// Whether the publishing lane has a result for its owner.
    pub fn has_results(&self) -> bool {
        self.publishing.has_results()
    }

    /// What became of the oldest message.
    pub fn result(&mut self) -> Option<Confirmed> {
        self.publishing.result()
    }

    /// End the publishing connection.
    pub fn cut_publisher(&mut self) {
        self.publishing.cut();
    }

    /// What is in it, in words.
    pub fn inside(&self) -> String {
        format!(
            "{} queued, {} not acknowledged, {} commands, {}",
            self.queue.len(),
            self.consuming.unacknowledged(),
            self.consuming.has_commands(),
            self.publishing.inside()
        )
    }

    /// Whether nothing is queued, nothing open and nothing on its way.
    pub fn is_idle(&self) -> bool {
        self.queue.len() == 0
            && self.consuming.unacknowledged() == 0
            && !self.consuming.has_events()
            && !self.consuming.has_commands()
            && self.publishing.open() == 0
    }

    /// Stop or go on reading what publishers send.
    pub fn block(&mut self, blocked: bool) {
        self.blocked = blocked;
    }

    /// Whether it does not read what publishers send.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }
}

/// What became of what a process that ended had on the way.
#[derive(Debug, Default)]
pub struct Ended {
    /// What the broker read of its commands, and what came back.
    pub obeyed: Obeyed,
    /// Taken in time.
    pub taken: Vec<Publish>,
}
