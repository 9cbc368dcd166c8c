//! The work of a simulation: messages with jobs in all forms, right and wrong, some twice.
//!
//! Everything is drawn from the seed alone. A message carries its number in `traceparent`, which
//! the journal keeps, so that what became of it can be told from every other message with the same
//! keys.

pub mod approve;
pub mod draw;
mod forms;
mod sketch;
mod unreadable;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

pub use sketch::{CUSTOMERS, Counts, PARTIES, Sketch};

use super::kinds::Kind;
use super::model::approvals;
use super::terms::Terms;
use crate::broker::{HeaderValue, Properties};
use crate::journal::marker::Station;
use crate::simulator::Chance;
use crate::simulator::broker::Message;

/// A queue that takes replies.
pub const REPLIES: &str = "kontor.replies.shop";
/// A queue for replies that nobody made.
pub const REPLIES_NOWHERE: &str = "kontor.replies.gone";

/// A job as its producer means it.
#[derive(Clone, Debug)]
pub struct Job {
    /// Key.
    pub key: String,
    /// Book.
    pub book: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Data.
    pub data: Value,
    /// Who acts.
    pub actor: Option<&'static str>,
    /// Who the broker says has sent it.
    pub sender: Option<&'static str>,
    /// Whether it is past its day.
    pub expired: bool,
    /// Whether it fells the process, and how.
    pub poison: Option<Poison>,
}

/// How a job fells the process, each time it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poison {
    /// Where.
    pub station: Station,
    /// Without a word, as the end of all memory does; otherwise by a panic.
    pub silent: bool,
}

impl Job {
    /// What makes it the same job as another of its key.
    pub fn content(&self) -> String {
        format!("{} {}", self.kind, self.data)
    }

    /// The members around the data, as JSON has them.
    fn envelope(&self) -> serde_json::Map<String, Value> {
        let mut job = serde_json::Map::new();
        job.insert("key".to_owned(), self.key.clone().into());
        job.insert("kind".to_owned(), self.kind.into());
        if let Some(actor) = self.actor {
            job.insert("actor".to_owned(), actor.into());
        }
        if self.expired {
            job.insert("expires_at".to_owned(), "2020-01-01T00:00:00Z".into());
        }
        job.insert("data".to_owned(), self.data.clone());
        job
    }
}

/// One line or item of a message, or the whole of it.
#[derive(Clone, Debug)]
pub enum Part {
    /// A job.
    Job {
        /// As it is meant.
        job: Box<Job>,
        /// What must arrive among the dead letters if the job is set aside.
        bytes: Vec<u8>,
    },
    /// Something that must be set aside.
    Dead {
        /// Why.
        code: &'static str,
        /// What must arrive among the dead letters.
        bytes: Vec<u8>,
    },
}

/// A message as it was made.
#[derive(Clone, Debug)]
pub struct Sent {
    /// What goes to the queue.
    pub message: Arc<Message>,
    /// What is in it; a message of one part has line 0, else they are counted from 1.
    pub parts: BTreeMap<u32, Part>,
    /// Where an answer is wanted.
    pub reply_to: Option<&'static str>,
}

/// A book of the work.
#[derive(Debug)]
struct Ledger {
    name: &'static str,
    unit: &'static str,
    counts: Counts,
    /// Jobs drawn so far, to be sent again.
    jobs: Vec<Job>,
}

/// Makes messages, one after the other.
#[derive(Debug)]
pub struct Work {
    chance: Chance,
    kinds: Vec<&'static Kind>,
    ledgers: Vec<Ledger>,
    messages: usize,
    keys: u64,
    now: i64,
    /// Jobs that are still to fell the process.
    poison: u64,
}

impl Work {
    /// For the kinds, books and units of a run.
    pub fn new(chance: Chance, terms: &Terms) -> Self {
        let ledger = |(name, unit): &(&'static str, &'static str)| Ledger {
            name,
            unit,
            counts: Counts::default(),
            jobs: Vec::new(),
        };
        Self {
            chance,
            kinds: terms.kinds.clone(),
            ledgers: terms.books.iter().map(ledger).collect(),
            messages: 0,
            keys: 0,
            now: 0,
            poison: terms.poison,
        }
    }

    /// The number of a message that is sent now.
    pub fn next_number(&mut self) -> usize {
        let number = self.messages;
        self.messages = self.messages.saturating_add(1);
        number
    }

    /// The next message, at a time of day.
    pub fn message(&mut self, now: i64) -> Sent {
        self.now = now;
        let number = self.next_number();
        let at = self.chance.below(self.ledgers.len());
        let sender = match self.chance.up_to(9) {
            0..=3 => None,
            4..=6 => Some("clerk"),
            _ => self.chance.pick(&approve::USERS).map(|(user, _)| *user),
        };
        let form = self.chance.up_to(99);
        let (properties, body, parts) = match form {
            0..=4 => unreadable::whole(&mut self.chance, number),
            5..=69 => {
                let job = self.job(at, sender, true);
                forms::single(&mut self.chance, job)
            }
            70..=84 => self.lines(at, sender),
            _ => self.items(at, sender),
        };
        let reply_to = match self.chance.up_to(9) {
            0 => Some(REPLIES),
            1 if self.chance.once_in(4) => Some(REPLIES_NOWHERE),
            _ => None,
        };
        let book = self.ledgers.get(at).map_or("", |ledger| ledger.name);
        sent(number, book, sender, reply_to, (properties, body, parts))
    }

    /// A new job, or one that was drawn before, or its key with another content.
    fn job(&mut self, at: usize, sender: Option<&'static str>, json: bool) -> Job {
        let keys = self.keys;
        let Some(ledger) = self.ledgers.get_mut(at) else {
            return Job::nothing();
        };
        let again = match self.chance.up_to(11) {
            0 => self.chance.pick(&ledger.jobs).cloned(),
            _ => None,
        };
        let weights: u64 = self.kinds.iter().map(|kind| kind.weight).sum();
        let mut left = self.chance.up_to(weights.saturating_sub(1));
        let kind = self.kinds.iter().find(|kind| {
            let here = left < kind.weight;
            left = left.saturating_sub(kind.weight);
            here
        });
        let Some(kind) = kind else {
            return Job::nothing();
        };
        if let Some(mut again) = again.clone()
            && !self.chance.once_in(4)
            && (json || again.data.get("surprise").is_none())
        {
            again.sender = sender;
            return again;
        }
        let mut sketch = Sketch {
            chance: &mut self.chance,
            now: self.now,
            unit: ledger.unit,
            counts: &mut ledger.counts,
        };
        let mut data = (kind.draw)(&mut sketch);
        if json
            && self.chance.once_in(40)
            && let Value::Object(members) = &mut data
        {
            members.insert("surprise".to_owned(), true.into());
        }
        let actor = match self.chance.up_to(39) {
            0 => Some("mallory"),
            1..=3 => Some("clerk"),
            4 | 5 => sender,
            _ if kind.needs_actor => sender.or(Some("clerk")),
            _ => None,
        };
        self.keys = keys.saturating_add(1);
        let job = Job {
            // A key that leads to another content already, or a new one.
            key: again.map_or_else(|| new_key(&mut self.chance, keys), |again| again.key),
            book: ledger.name,
            kind: kind.name,
            data,
            actor,
            sender,
            expired: self.chance.once_in(80),
            poison: None,
        };
        if self.poison > 0 && self.chance.once_in(8) {
            self.poison = self.poison.saturating_sub(1);
            return job.poisoned(&mut self.chance, keys);
        }
        // What waits for approval may also come by itself.
        ledger.jobs.extend(job.inside());
        ledger.jobs.push(job.clone());
        job
    }

    /// Jobs for one message, no two of which share a key with different contents.
    fn jobs(&mut self, at: usize, sender: Option<&'static str>, json: bool) -> Vec<Job> {
        let count = self.chance.between(1, 7);
        let mut jobs: Vec<Job> = Vec::new();
        for _ in 0..count {
            let job = self.job(at, sender, json);
            let clashes = |known: &Job| known.key == job.key && known.content() != job.content();
            if !jobs.iter().any(clashes) {
                jobs.push(job);
            }
        }
        jobs
    }

    fn lines(&mut self, at: usize, sender: Option<&'static str>) -> forms::Formed {
        let jobs = self.jobs(at, sender, true);
        forms::lines(&mut self.chance, jobs, self.messages)
    }

    fn items(&mut self, at: usize, sender: Option<&'static str>) -> forms::Formed {
        let jobs = self.jobs(at, sender, false);
        forms::items(&mut self.chance, jobs)
    }
}

/// A new key; now and then one that a later run of a schedule would have.
fn new_key(chance: &mut Chance, keys: u64) -> String {
    if chance.once_in(60) {
        let run = chance.between(1, 3);
        return format!("k-{}/{run}", chance.up_to(keys));
    }
    format!("k-{keys}")
}

/// Give a message its number, its sender and its address.
fn sent(
    number: usize,
    book: &str,
    sender: Option<&str>,
    reply_to: Option<&'static str>,
    (properties, body, parts): forms::Formed,
) -> Sent {
    let mut properties = Properties {
        user_id: sender.map(str::to_owned),
        reply_to: reply_to.map(str::to_owned),
        correlation_id: reply_to.map(|_| format!("asked-{number}")),
        delivery_mode: Some(2),
        ..properties
    };
    properties.set_header("traceparent", HeaderValue::text(&trace(number)));
    let elsewhere = parts.values().any(|part| {
        matches!(
            part,
            Part::Dead {
                code: "BOOK_UNKNOWN",
                ..
            }
        )
    });
    let message = Message {
        number,
        routing_key: if elsewhere { "elsewhere" } else { book }.to_owned(),
        properties,
        body,
    };
    Sent {
        message: Arc::new(message),
        parts,
        reply_to,
    }
}

impl Job {
    fn nothing() -> Self {
        Self {
            key: "nothing".to_owned(),
            book: "",
            kind: "",
            data: Value::Null,
            actor: None,
            sender: None,
            expired: false,
            poison: None,
        }
    }

    /// The job that it asks an approval for.
    fn inside(&self) -> Option<Self> {
        let (kind, key, data) = approvals::inside(&self.data)?;
        Some(Self {
            key: key.to_owned(),
            kind,
            data: data.clone(),
            actor: self.actor,
            poison: None,
            ..self.clone()
        })
    }

    /// The same under a key of its own, as one that fells the process.
    fn poisoned(self, chance: &mut Chance, keys: u64) -> Self {
        let station = if chance.once_in(2) {
            Station::Reading
        } else {
            Station::Posting
        };
        Self {
            key: format!("poison-{keys}"),
            poison: Some(Poison {
                station,
                silent: chance.once_in(3),
            }),
            ..self
        }
    }
}

/// The trace context of a message.
pub fn trace(number: usize) -> String {
    let number = number.saturating_add(1);
    format!("00-{number:032x}-{number:016x}-01")
}

/// The message of a trace context.
pub fn traced(text: &str) -> Option<usize> {
    let number = usize::from_str_radix(text.get(3..35)?, 16).ok()?;
    number.checked_sub(1)
}
