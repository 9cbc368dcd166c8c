//! The publishing lane to the simulated broker: messages on the way out, answers on the way back.
//! Results come in the order of publishing; what had no answer when the connection ended is lost,
//! and may have arrived. What was given before its owner knew of the losses comes back unsent.

use std::collections::VecDeque;

use crate::broker::{ConfirmResult, Confirmed, Publish};
use crate::simulator::Chance;

/// What the broker does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has it.
    Taken,
    /// It refuses responsibility.
    Refused,
    /// Nobody is bound.
    Unroutable,
}

impl Fate {
    fn result(self) -> ConfirmResult {
        match self {
            Self::Taken => ConfirmResult::Acked,
            Self::Refused => ConfirmResult::Nacked,
            Self::Unroutable => ConfirmResult::Returned,
        }
    }
}

/// A message without a result.
#[derive(Debug)]
struct Flying {
    token: u64,
    answer: Option<ConfirmResult>,
}

/// The lane.
#[derive(Debug, Default)]
pub(super) struct Publishing {
    connected: bool,
    /// Given by the owner, not sent.
    inbox: VecDeque<Publish>,
    /// Sent and not read by the broker.
    wire: VecDeque<Publish>,
    /// Sent and without a result, in order.
    flying: VecDeque<Flying>,
    /// Answers on the way back.
    answers: Vec<(u64, ConfirmResult)>,
    results: VecDeque<Confirmed>,
    /// Results that said so.
    lost: u64,
}

impl Publishing {
    pub(super) fn is_connected(&self) -> bool {
        self.connected
    }

    pub(super) fn connect(&mut self) {
        self.connected = true;
    }

    /// What is under way, in words.
    pub(super) fn inside(&self) -> String {
        format!(
            "{} to send, {} unread, {} without a result, {} answers, {} results",
            self.inbox.len(),
            self.wire.len(),
            self.flying.len(),
            self.answers.len(),
            self.results.len()
        )
    }

    /// Messages that were given and have no result that the owner has taken.
    pub(super) fn open(&self) -> usize {
        let waiting = self.inbox.len().saturating_add(self.flying.len());
        waiting.saturating_add(self.results.len())
    }

    pub(super) fn push(&mut self, publish: Publish) {
        self.inbox.push_back(publish);
    }

    pub(super) fn may_send(&self, window: usize) -> bool {
        self.connected && !self.inbox.is_empty() && self.flying.len() < window
    }

    pub(super) fn send(&mut self) {
        if let Some(publish) = self.inbox.pop_front() {
            let token = publish.token;
            let is_late = publish.is_ignorant_of(self.lost);
            let answer = is_late.then_some(ConfirmResult::Unsent);
            self.flying.push_back(Flying { token, answer });
            if is_late {
                self.release();
            } else {
                self.wire.push_back(publish);
            }
        }
    }

    /// The message that the broker would read next.
    pub(super) fn next(&self) -> Option<&Publish> {
        self.wire.front()
    }

    /// The broker reads a message; what it took is given out.
    pub(super) fn read(&mut self, fate: Fate) -> Option<Publish> {
        let publish = self.wire.pop_front()?;
        self.answers.push((publish.token, fate.result()));
        (fate == Fate::Taken).then_some(publish)
    }

    pub(super) fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// One answer comes back, not always the oldest.
    pub(super) fn answer(&mut self, chance: &mut Chance) {
        if self.answers.is_empty() {
            return;
        }
        let (token, result) = self.answers.remove(chance.below(self.answers.len()));
        if let Some(flying) = self.flying.iter_mut().find(|flying| flying.token == token) {
            flying.answer = Some(result);
        }
        self.release();
    }

    /// The next result for the owner.
    pub(super) fn result(&mut self) -> Option<Confirmed> {
        self.results.pop_front()
    }

    pub(super) fn has_results(&self) -> bool {
        !self.results.is_empty()
    }

    /// The connection ends. What was sent and not read is gone; an acknowledgement that a return
    /// could still turn around is not believed.
    pub(super) fn cut(&mut self) {
        self.connected = false;
        self.wire.clear();
        self.answers.clear();
        self.release();
        for Flying { token, answer } in self.flying.drain(..) {
            let result = match answer {
                Some(ConfirmResult::Acked) | None => ConfirmResult::Lost,
                Some(result) => result,
            };
            self.lost += u64::from(result == ConfirmResult::Lost);
            self.results.push_back(Confirmed { token, result });
        }
    }

    fn release(&mut self) {
        while let Some(Flying {
            token,
            answer: Some(result),
        }) = self.flying.front()
        {
            self.results.push_back(Confirmed {
                token: *token,
                result: *result,
            });
            self.flying.pop_front();
        }
    }
}
