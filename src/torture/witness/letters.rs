//! Acts on dead letters: each has a record first, and what is sent again is what it was.

use std::sync::Arc;

use super::{Checked, Witness, finding};
use crate::broker::{HeaderValue, Letter, Publish};
use crate::ids::Position;
use crate::ledger::commit::LettersRecord;
use crate::simulator::broker::Message;
use crate::torture::work::{Part, Sent, trace, traced};

impl Witness {
    /// A record of an act is durable.
    pub(super) fn act_recorded(&mut self, at: Position, record: &LettersRecord) {
        self.acts.insert(at, record.clone());
    }

    /// An act is about to be done.
    pub fn acts(&self, at: Position, record: &LettersRecord) -> Checked {
        if self.acts.get(&at) == Some(record) {
            return Ok(());
        }
        finding(format!(
            "{} letters were {:?}, and no durable record at {at} says so",
            record.letters.len(),
            record.act
        ))
    }

    /// A record that was known is there as it was.
    pub(super) fn act_unchanged(&self, at: Position, record: &LettersRecord) -> Checked {
        if self.acts.get(&at) == Some(record) {
            return Ok(());
        }
        finding(format!("the act at {at} is another one after a restart"))
    }

    /// A letter that goes back as a message of its own number: nobody vouches for its sender, and a
    /// line goes alone.
    pub fn again(&self, letter: &Letter, publish: &Publish, number: usize) -> Option<Sent> {
        let properties = &letter.delivery.properties;
        let old = properties.header_text("traceparent").and_then(traced)?;
        let old = self.sent.get(&old)?;
        let line = properties
            .header("kontor-line")
            .and_then(HeaderValue::as_count);
        let parts = old.parts.iter().filter_map(|(at, part)| match line {
            None | Some(0) => Some((*at, part)),
            Some(line) => (u64::from(*at) == line).then_some((1, part)),
        });
        let unvouched = |part: &Part| match part {
            Part::Job { job, bytes } => {
                let mut job = job.clone();
                job.sender = None;
                let bytes = bytes.clone();
                Part::Job { job, bytes }
            }
            Part::Dead { .. } => part.clone(),
        };
        let parts = parts.map(|(at, part)| (at, unvouched(part))).collect();
        let mut properties = publish.properties.clone();
        properties.set_header("traceparent", HeaderValue::text(&trace(number)));
        let message = Message {
            number,
            routing_key: publish.routing_key.clone(),
            properties,
            body: publish.body.clone(),
        };
        Some(Sent {
            message: Arc::new(message),
            parts,
            reply_to: None,
        })
    }
}
