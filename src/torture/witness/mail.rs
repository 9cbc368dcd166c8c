//! What the broker got: outcomes, replies, dead letters; and what it was told is done.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Checked, Finding, Known, Numbered, Witness, finding};
use crate::broker::{HeaderValue, Publish};
use crate::simulator::broker::Message;
use crate::torture::work::{Part, traced};

/// What has arrived.
#[derive(Debug, Default)]
pub(super) struct Mail {
    /// How often every outcome came to the exchange of outcomes.
    published: BTreeMap<Numbered, u64>,
    /// All that ever came there, by the hash of their bytes, whichever books gave them.
    ever: BTreeSet<(Numbered, [u8; 32])>,
    /// The highest number that the broker has read, whatever it did with it, by book.
    highest: BTreeMap<String, u64>,
    /// Bodies by message id.
    bodies: BTreeMap<String, Vec<u8>>,
    /// Replies that came, by outcome.
    replied: BTreeSet<Numbered>,
    /// Parts of messages among the dead letters.
    dead: BTreeSet<(usize, u32)>,
    /// Messages that were acknowledged.
    acknowledged: BTreeSet<usize>,
    /// Messages that the broker set aside for having come back too often.
    given_up: BTreeSet<usize>,
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

impl Mail {
    /// The books end with these outcomes now; the numbers behind them are given again.
    pub(super) fn go_back(&mut self, outcomes: &BTreeMap<Numbered, Known>) {
        self.replied.retain(|one| outcomes.contains_key(one));
        self.published.clear();
        self.highest.clear();
        for (numbered, known) in outcomes {
            let one = (numbered.clone(), hash(&known.bytes));
            if self.ever.contains(&one) {
                self.published.insert(numbered.clone(), 1);
                let highest = self.highest.entry(numbered.0.clone()).or_default();
                *highest = (*highest).max(numbered.1);
            }
        }
    }

    /// A message must be acknowledged once more.
    pub(super) fn forget(&mut self, number: usize) {
        self.acknowledged.remove(&number);
    }
}

impl Witness {
    /// The broker refuses a message.
    pub fn refused(&mut self, publish: &Publish) -> Checked {
        self.outcomes_read(publish)?;
        Ok(())
    }

    /// The broker found nobody bound for a message: an outcome counts as published by that.
    pub fn returned(&mut self, publish: &Publish) -> Checked {
        for numbered in self.outcomes_read(publish)? {
            self.came(&numbered);
            self.mail.published.entry(numbered).or_default();
        }
        Ok(())
    }

    /// The broker has taken a message.
    pub fn taken(&mut self, publish: &Publish) -> Checked {
        match publish.exchange.as_str() {
            "" => self.reply(publish),
            "kontor.outcomes" => self.outcomes_came(publish),
            "kontor.dead" => self.dead_letter(publish),
            other => finding(format!("a message to the exchange {other:?}")),
        }
    }

    fn outcomes_came(&mut self, publish: &Publish) -> Checked {
        let id = publish.properties.message_id.clone().unwrap_or_default();
        let known = self
            .mail
            .bodies
            .entry(id.clone())
            .or_insert_with(|| publish.body.clone());
        if *known != publish.body {
            return finding(format!("{id} came again with other bytes"));
        }
        for numbered in self.outcomes_read(publish)? {
            self.came(&numbered);
            let count = self.mail.published.entry(numbered).or_default();
            *count = count.saturating_add(1);
        }
        Ok(())
    }

    fn came(&mut self, numbered: &Numbered) {
        if let Some(known) = self.outcomes.get(numbered) {
            let one = (numbered.clone(), hash(&known.bytes));
            self.mail.ever.insert(one);
        }
    }

    /// The outcomes in a message that the broker has read: durable, and in order.
    fn outcomes_read(&mut self, publish: &Publish) -> Checked<Vec<Numbered>> {
        if publish.exchange != "kontor.outcomes" {
            return Ok(Vec::new());
        }
        let lines = publish.body.split(|byte| *byte == b'\n');
        let mut read = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let numbered = self.same_as_durable(line)?;
            self.in_order(&numbered)?;
            read.push(numbered);
        }
        Ok(read)
    }

    /// The number of an outcome, which must be durable with the same bytes.
    fn same_as_durable(&self, bytes: &[u8]) -> Checked<Numbered> {
        let said: Value = serde_json::from_slice(bytes)
            .map_err(|fault| Finding(format!("a published outcome is no JSON: {fault}")))?;
        let book = said.get("book").and_then(Value::as_str).unwrap_or_default();
        let number = said
            .get("sequence")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let numbered = (book.to_owned(), number);
        match self.outcomes.get(&numbered) {
            None => finding(format!(
                "{numbered:?} was published and is not durable: {said}"
            )),
            Some(known) if known.bytes != bytes => finding(format!(
                "{numbered:?} was published with other bytes: {said}, known is {}",
                String::from_utf8_lossy(&known.bytes)
            )),
            Some(_) => Ok(numbered),
        }
    }

    /// Numbers of a book come in order; old ones may come again.
    fn in_order(&mut self, (book, number): &Numbered) -> Checked {
        let highest = self.mail.highest.entry(book.clone()).or_default();
        if *number > highest.saturating_add(1) {
            return finding(format!(
                "outcome {number} of {book} came right after {highest}"
            ));
        }
        *highest = (*highest).max(*number);
        Ok(())
    }

    fn reply(&mut self, publish: &Publish) -> Checked {
        let numbered = self.same_as_durable(&publish.body)?;
        self.mail.replied.insert(numbered);
        Ok(())
    }

    fn dead_letter(&mut self, publish: &Publish) -> Checked {
        let header = |name: &str| publish.properties.header_text(name);
        let line = publish
            .properties
            .header("kontor-line")
            .and_then(HeaderValue::as_count);
        let line = u32::try_from(line.unwrap_or_default()).unwrap_or(u32::MAX);
        let number = header("traceparent").and_then(traced);
        let sent = number.and_then(|number| self.sent.get(&number));
        let part = sent.and_then(|sent| sent.parts.get(&line));
        if header("kontor-reason") == Some("CRASHED_WORKER")
            && let Some((number, sent)) = number.zip(sent)
        {
            let bytes = match part {
                Some(Part::Job { bytes, .. } | Part::Dead { bytes, .. }) => bytes,
                None => &sent.message.body,
            };
            if part.is_none() && line != 0 || publish.body != *bytes {
                return finding(format!(
                    "line {line} of message {number} was condemned with other bytes"
                ));
            }
            if !self.may_be_condemned(&sent.message.body, line) {
                return finding(format!(
                    "line {line} of message {number} was condemned, and the process has not ended \
                     in the middle of it often enough"
                ));
            }
            self.mail.dead.insert((number, line));
            return Ok(());
        }
        match (number, part) {
            (Some(number), Some(Part::Dead { code, bytes })) => {
                if header("kontor-reason") != Some(code) {
                    return finding(format!(
                        "line {line} of message {number} was set aside as {:?}, expected is {code}",
                        header("kontor-reason")
                    ));
                }
                if publish.body != *bytes {
                    return finding(format!(
                        "line {line} of message {number} was set aside with other bytes"
                    ));
                }
                self.mail.dead.insert((number, line));
                Ok(())
            }
            _ => finding(format!(
                "line {line} of message {number:?} was set aside as {:?} and is a job",
                header("kontor-reason")
            )),
        }
    }

    /// The broker was told that a message is done.
    pub fn acknowledged(&mut self, message: &Message) -> Checked {
        let number = message.number;
        if let Some(left) = self.left_of(number) {
            return finding(format!("message {number} was acknowledged, but {left}"));
        }
        self.mail.acknowledged.insert(number);
        Ok(())
    }

    /// The broker sets a message aside because it came back too often.
    pub fn given_up(&mut self, message: &Message) {
        self.mail.given_up.insert(message.number);
    }

    /// What of a message is neither durable nor set aside. With the whole of a message all of its
    /// lines are set aside.
    pub(super) fn left_of(&self, number: usize) -> Option<String> {
        let sent = self.sent.get(&number)?;
        let is_dead = |line| self.mail.dead.contains(&(number, line));
        let left = sent.parts.iter().filter(|_| !is_dead(0));
        left.filter(|(line, _)| !is_dead(**line))
            .find_map(|(line, part)| match part {
                Part::Job { job, .. } => (!self.is_done(number, job))
                    .then(|| format!("{} in line {line} has no durable outcome", job.key)),
                Part::Dead { code, .. } => Some(format!(
                    "line {line}, {code}, is not among the dead letters"
                )),
            })
    }

    /// At the end, when everything was healed: nothing is owed any more.
    pub fn owes_nothing(&self, outcomes_published: bool) -> Checked {
        for number in self.sent.keys() {
            if self.mail.given_up.contains(number) {
                continue;
            }
            if !self.mail.acknowledged.contains(number) {
                return finding(format!("message {number} was never acknowledged"));
            }
        }
        if !outcomes_published {
            return Ok(());
        }
        let missing = self
            .outcomes
            .keys()
            .find(|numbered| !self.mail.published.contains_key(numbered));
        match missing {
            Some(numbered) => finding(format!("outcome {numbered:?} was never published")),
            None => Ok(()),
        }
    }

    /// Replies that were asked for at a queue that exists and never came. Each is sent once, so
    /// this must be none only if nothing broke.
    pub fn replies_owed(&self, queue: &str) -> Vec<String> {
        let asked = self.outcomes.iter().filter(|(numbered, known)| {
            known.reply_to.as_deref() == Some(queue) && !self.mail.replied.contains(numbered)
        });
        asked.map(|(_, known)| known.key.clone()).collect()
    }
}
