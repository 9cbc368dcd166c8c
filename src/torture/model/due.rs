//! What becomes due by itself, in its order: instant, book, work, thing.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Answer, Book, Model, accruals, approvals, decided, holds, outcome, recurring};

/// A work of the engine's own, in the order in which they go at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// A hold expires.
    Expiry,
    /// An accrual is reversed.
    Reversal,
    /// A run of a schedule is posted.
    Run,
    /// A request for approval expires.
    Request,
}

/// Something that becomes due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alarm {
    /// When.
    pub at: i64,
    /// What is to be done.
    pub work: Work,
    /// What it is about.
    pub about: String,
}

/// All that waits in a book.
pub type Alarms = BTreeSet<Alarm>;

/// What the engine did: its kind, its key, what happened, and the answer.
pub struct Rung {
    /// Kind of the job.
    pub kind: &'static str,
    /// Its key.
    pub key: String,
    /// What happened.
    pub event: &'static str,
    /// Members of the outcome.
    pub answer: Answer,
}

impl Model {
    /// What is due first by a time: the instant and the book.
    pub fn first_due(&self, now: i64) -> Option<(i64, &'static str)> {
        let first = |book: &Book| Some((book.alarms.first()?.at, book.name));
        let firsts = self.books.values().filter_map(first);
        firsts.filter(|(at, _)| *at <= now).min()
    }

    /// The engine does at a time what is due first: what its record must say. An error is a record
    /// that should not be.
    pub fn ring(&mut self, now: i64) -> Result<(&'static str, Value), String> {
        let (_, name) = self.first_due(now).ok_or("nothing is due")?;
        let book = self.books.get_mut(name).ok_or("the book is gone")?;
        book.at(now);
        book.begins("", None);
        let alarm = book.alarms.pop_first().ok_or("nothing is due")?;
        book.sequence = book.sequence.saturating_add(1);
        let about = alarm.about.as_str();
        let rung = match alarm.work {
            Work::Expiry => holds::expire(book, about).map(|answer| Rung {
                kind: "hold.expire",
                key: format!("{about}#expired"),
                event: "hold.expired",
                answer,
            }),
            Work::Reversal => accruals::reversed(book, about),
            Work::Run => recurring::run(book, about),
            Work::Request => approvals::expire(book, about),
        };
        let rung = rung.ok_or_else(|| format!("{about} is not there and was due"))?;
        let known = book.keys.contains_key(&rung.key);
        if !known {
            book.keys.insert(rung.key.clone(), rung.event.to_owned());
        }
        let mut value = outcome(book, &rung.key, rung.kind, Ok(rung.answer));
        if let Some(members) = value.as_object_mut() {
            members.insert("event".to_owned(), rung.event.into());
        }
        self.decided = decided(book);
        Ok((name, value))
    }
}
