//! What still holds after a restore.

use std::sync::Arc;

use super::Witness;
use crate::ids::Position;
use crate::simulator::broker::Message;
use crate::time::Timestamp;
use crate::torture::model::Model;

impl Witness {
    /// When a commit at or before a position was recorded.
    pub fn recorded_near(&self, position: Position) -> Option<Timestamp> {
        let known = self.times.range(..=position).next_back();
        known.map(|(_, at)| *at)
    }

    /// The books are those of a backup: everything is read anew, but what was sent and what the
    /// broker has had.
    pub fn begin_anew(&mut self, model: Model) {
        let new = Self::new(model);
        let old = std::mem::replace(self, new);
        self.sent = old.sent;
        self.mail = old.mail;
        self.held = old.held;
    }

    /// The restored journal was read: what of it was published counts, and what is not in it has to
    /// be sent again. Gives the messages.
    pub fn restored(&mut self) -> Vec<Arc<Message>> {
        self.mail.go_back(&self.outcomes);
        let numbers: Vec<usize> = self.sent.keys().copied().collect();
        let mut again = Vec::new();
        for number in numbers {
            if self.left_of(number).is_none() {
                continue;
            }
            self.mail.forget(number);
            let sent = self.sent.get(&number);
            again.extend(sent.map(|sent| Arc::clone(&sent.message)));
        }
        again
    }
}
