//! The queue of jobs, as a quorum queue keeps it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::broker::Properties;
use crate::simulator::Chance;

/// A message of a producer.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Which message of the work it is; a copy has the same number.
    pub number: usize,
    /// Routing key: the book.
    pub routing_key: String,
    /// Properties and headers.
    pub properties: Properties,
    /// The bytes.
    pub body: Vec<u8>,
}

/// A message in the queue.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) message: Arc<Message>,
    /// How often it was taken back.
    pub(super) returned: u64,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    ready: VecDeque<Waiting>,
    /// What came back, served before anything that was never delivered.
    returned: VecDeque<Waiting>,
    /// How often a message may come back.
    limit: u64,
}

impl Queue {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            ready: VecDeque::new(),
            returned: VecDeque::new(),
            limit,
        }
    }

    pub(super) fn push(&mut self, message: Arc<Message>) {
        self.ready.push_back(Waiting {
            message,
            returned: 0,
        });
    }

    pub(super) fn take(&mut self) -> Option<Waiting> {
        self.returned.pop_front().or_else(|| self.ready.pop_front())
    }

    pub(super) fn len(&self) -> usize {
        self.ready.len().saturating_add(self.returned.len())
    }

    /// Take back what was not acknowledged, in the order of its delivery; what came back too often
    /// is given out, to be set aside.
    pub(super) fn take_back(
        &mut self,
        unacknowledged: impl Iterator<Item = Waiting>,
    ) -> Vec<Arc<Message>> {
        let mut set_aside = Vec::new();
        for mut waiting in unacknowledged {
            waiting.returned = waiting.returned.saturating_add(1);
            if waiting.returned > self.limit {
                set_aside.push(waiting.message);
            } else {
                self.returned.push_back(waiting);
            }
        }
        set_aside
    }

    /// Change the order of what came back, as several cuts in a row do.
    pub(super) fn shuffle(&mut self, chance: &mut Chance) {
        for at in 1..self.returned.len() {
            self.returned.swap(at, chance.below(at.saturating_add(1)));
        }
    }
}
