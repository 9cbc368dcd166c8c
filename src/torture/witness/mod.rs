//! The witness: sees what is durable, what the broker got and what it was told, and says what must
//! not be.
//!
//! | It sees                  | It checks                                                         |
//! |--------------------------|-------------------------------------------------------------------|
//! | a durable commit         | positions, times, numbers without a gap; a replica fed by effects |
//! |                          | has the digest of the live books; every outcome is what the model |
//! |                          | says; one outcome a key                                           |
//! | a recovered journal      | everything durable before is there, unchanged; sums and documents |
//! |                          | are the model's                                                   |
//! | a published message      | it was durable; same id, same bytes; numbers in order             |
//! | a dead letter            | it had to be one; reason and bytes                                |
//! | an acknowledgement       | every part of the message is durable or set aside                 |

mod books;
mod decided;
mod letters;
mod mail;
mod restored;
mod strikes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

pub use strikes::names_a_job;

use super::model::Model;
use super::process::Held;
use super::work::{Job, Part, Sent, traced};
use crate::engine::Engine;
use crate::ids::{BookIndex, Position};
use crate::ledger::commit::LettersRecord;
use crate::ledger::{Commit, JobRecord, NameTable, Record, StateDigest};
use crate::partition::Secrets;
use crate::time::{Clock, Timestamp};
use crate::wire::outcome;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Finding(pub String);

/// What a check says.
pub type Checked<T = ()> = Result<T, Finding>;

/// A finding in words.
pub(super) fn finding<T>(what: impl Into<String>) -> Checked<T> {
    Err(Finding(what.into()))
}

/// An outcome by its book and number.
pub type Numbered = (String, u64);

/// An outcome that is durable.
#[derive(Clone, Debug)]
struct Known {
    bytes: Vec<u8>,
    key: String,
    reply_to: Option<String>,
}

/// The witness.
#[derive(Debug)]
pub struct Witness {
    model: Model,
    /// Fed by effects only; none before the first start.
    replica: Option<Engine>,
    names: NameTable,
    /// The last durable position seen.
    last: Position,
    last_recorded_at: Timestamp,
    /// Digests of the books after every durable commit.
    digests: BTreeMap<Position, StateDigest>,
    /// When every durable commit was recorded.
    times: BTreeMap<Position, Timestamp>,
    /// Durable outcomes.
    outcomes: BTreeMap<Numbered, Known>,
    /// Book and key of every job that has an outcome under its key, with its content.
    keys: BTreeMap<(String, String), String>,
    /// Message and key of every job that was recorded.
    recorded: BTreeSet<(usize, String)>,
    /// Messages that the producer has sent.
    sent: BTreeMap<usize, Sent>,
    mail: mail::Mail,
    /// Acts on dead letters whose records are durable.
    acts: BTreeMap<Position, LettersRecord>,
    /// Which jobs may be condemned.
    strikes: strikes::Strikes,
    /// Which commits were made while nothing became due.
    pub(super) held: Held,
}

impl Witness {
    /// Before anything has happened.
    pub fn new(model: Model) -> Self {
        Self {
            model,
            replica: None,
            names: NameTable::default(),
            last: Position(0),
            last_recorded_at: Timestamp::default(),
            digests: BTreeMap::new(),
            times: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            keys: BTreeMap::new(),
            recorded: BTreeSet::new(),
            sent: BTreeMap::new(),
            mail: mail::Mail::default(),
            acts: BTreeMap::new(),
            strikes: strikes::Strikes::default(),
            held: Held::default(),
        }
    }

    /// A producer sends a message, perhaps again.
    pub fn sends(&mut self, sent: Sent) {
        self.sent.insert(sent.message.number, sent);
    }

    /// The last durable position seen.
    pub fn last(&self) -> Position {
        self.last
    }

    /// How long until a clock shows the time of the last record.
    pub fn late(&self, clock: &dyn Clock) -> Duration {
        let late = self.last_recorded_at.0.saturating_sub(clock.now().0);
        Duration::from_nanos(u64::try_from(late).unwrap_or_default())
    }

    /// How many outcomes are durable.
    pub fn outcomes(&self) -> usize {
        self.outcomes.len()
    }

    /// A commit is durable.
    pub fn durable(&mut self, commit: &Commit) -> Checked {
        self.follows(commit)?;
        self.replay(commit)?;
        self.names.learn(commit);
        self.records(commit)?;
        self.runs(commit);
        self.last = commit.last();
        self.digests.insert(self.last, commit.digest);
        self.times.insert(self.last, commit.recorded_at);
        Ok(())
    }

    /// Read a whole journal again, as a start finds it: what was durable must be there as it was,
    /// what follows becomes known now.
    pub fn recovered(
        &mut self,
        secrets: &Secrets,
        commits: &mut dyn FnMut() -> Result<Option<Commit>, String>,
    ) -> Checked {
        self.replica = Some(secrets.engine());
        let known = self.last;
        let mut names = NameTable::default();
        let mut at = Position(0);
        loop {
            let commit = match commits() {
                Ok(Some(commit)) => commit,
                Ok(None) => break,
                Err(fault) => {
                    return finding(format!("a recovered journal cannot be read: {fault}"));
                }
            };
            if commit.first > known {
                self.durable(&commit)?;
            } else {
                self.replay(&commit)?;
                names.learn(&commit);
                self.unchanged(&commit, &names)?;
            }
            at = commit.last();
        }
        if at < known {
            return finding(format!(
                "position {known} was durable, the recovered journal ends with {at}"
            ));
        }
        self.compare_books()
    }

    /// What the books are after everything durable.
    pub fn digest(&self) -> Option<StateDigest> {
        self.replica.as_ref().map(Engine::digest)
    }

    /// What the books were after every durable commit.
    pub fn digests(&self) -> &BTreeMap<Position, StateDigest> {
        &self.digests
    }

    /// What the books were after a durable commit.
    pub fn digest_at(&self, position: Position) -> Option<StateDigest> {
        self.digests.get(&position).copied()
    }

    /// Read a journal that goes its own way: what a power cut right now would leave. With `lied`,
    /// when a disk has lied, it may be shorter but nothing else.
    pub fn survives(
        &self,
        secrets: &Secrets,
        commits: &mut dyn FnMut() -> Result<Option<Commit>, String>,
        lied: bool,
    ) -> Checked {
        let (mut replica, mut names) = (secrets.engine(), NameTable::default());
        let mut at = Position(0);
        while let Some(commit) = commits().map_err(Finding)? {
            let replayed = replica.replay(&commit);
            if replayed.is_err() || replica.digest() != commit.digest {
                return finding(format!(
                    "after a power cut the commit at {} does not fit",
                    commit.first
                ));
            }
            names.learn(&commit);
            if commit.first <= self.last {
                self.unchanged(&commit, &names)?;
            }
            at = commit.last();
        }
        if at < self.last && !lied {
            return finding(format!(
                "position {} is durable, a power cut now would leave {at}",
                self.last
            ));
        }
        Ok(())
    }

    fn follows(&mut self, commit: &Commit) -> Checked {
        if commit.first != self.last.next() {
            return finding(format!("position {} follows {}", commit.first, self.last));
        }
        if commit.recorded_at <= self.last_recorded_at {
            return finding(format!(
                "the commit at {} was recorded at {}, not after {}",
                commit.first, commit.recorded_at, self.last_recorded_at
            ));
        }
        self.last_recorded_at = commit.recorded_at;
        Ok(())
    }

    fn replay(&mut self, commit: &Commit) -> Checked {
        let Some(replica) = &mut self.replica else {
            return finding("a commit before any start");
        };
        if let Err(fault) = replica.replay(commit) {
            return finding(format!(
                "an effect at {} does not fit: {fault}",
                commit.first
            ));
        }
        if replica.digest() != commit.digest {
            return finding(format!(
                "at {} the live books had another digest than a replica fed by effects",
                commit.last()
            ));
        }
        Ok(())
    }

    /// What is due by the time of a commit comes first, then the jobs that were sent.
    fn records(&mut self, commit: &Commit) -> Checked {
        let mut others = false;
        for (position, record) in commit.positions() {
            let decided = self.model.take_decided();
            match record {
                Record::Job(job) if job.follows() => {
                    self.decided(job, commit, decided)?;
                }
                _ if decided.is_some() => {
                    return finding(format!(
                        "{position} came where a job was decided by the record before"
                    ));
                }
                Record::Job(job) if is_due(job) => {
                    if others {
                        return finding(format!("{position} was due and came behind a job"));
                    }
                    self.rung(job, commit)?;
                }
                Record::Job(_) | Record::Duplicate(_) => {
                    let due = self.model.first_due(commit.recorded_at.0);
                    if !others
                        && !self.held.at(commit.first)
                        && let Some((at, book)) = due
                    {
                        return finding(format!(
                            "{position} went before what was due in {book} at {}",
                            Timestamp(at)
                        ));
                    }
                    others = true;
                    if let Record::Job(job) = record {
                        self.job(job, commit)?;
                    }
                }
                Record::Letters(record) => self.act_recorded(position, record),
                _ => {}
            }
        }
        match self.model.take_decided() {
            None => Ok(()),
            Some(expected) => finding(format!(
                "a commit ended before the outcome of a job that it decided: {expected}"
            )),
        }
    }

    /// The outcome of a record, as bytes and as it reads.
    fn said(&self, record: &JobRecord, commit: &Commit) -> Checked<(Vec<u8>, Value)> {
        let mut bytes = Vec::new();
        outcome::encode(record, commit, &self.names, &mut bytes);
        let said = serde_json::from_slice(&bytes)
            .map_err(|fault| Finding(format!("an outcome is no JSON: {fault}")))?;
        Ok((bytes, said))
    }

    /// The engine did what was due.
    fn rung(&mut self, record: &JobRecord, commit: &Commit) -> Checked {
        let (bytes, said) = self.said(record, commit)?;
        let rung = self.model.ring(commit.recorded_at.0);
        let (book, expected) = rung.map_err(|what| Finding(format!("{said}: {what}")))?;
        if let Some(difference) = difference(&said, &expected) {
            return finding(format!(
                "by itself came {said}, expected is {expected}: {difference}"
            ));
        }
        let known = Known {
            bytes,
            key: record.envelope.key.to_string(),
            reply_to: None,
        };
        let numbered = (book.to_owned(), record.sequence.0);
        self.outcomes.insert(numbered, known);
        Ok(())
    }

    /// Nothing is due any more by a time.
    pub fn nothing_due(&self, now: Timestamp) -> Checked {
        match self.model.first_due(now.0) {
            None => Ok(()),
            Some((at, book)) => finding(format!(
                "in {book} something was due at {} and is not done",
                Timestamp(at)
            )),
        }
    }

    fn job(&mut self, record: &JobRecord, commit: &Commit) -> Checked {
        let (bytes, said) = self.said(record, commit)?;
        let (number, job) = self.origin(record)?;
        if job.poison.is_some() {
            return finding(format!("{} fells the process and was recorded", job.key));
        }
        let expected = self.model.judge(&job, commit.recorded_at.0);
        let expected = expected.map_err(Finding)?;
        if let Some(difference) = difference(&said, &expected) {
            return finding(format!(
                "the outcome of {} in message {number} is {said}, expected is {expected}: \
                 {difference}",
                job.content()
            ));
        }
        self.recorded.insert((number, job.key.clone()));
        if record.owns_key {
            let key = (job.book.to_owned(), job.key.clone());
            self.keys.insert(key, job.content());
        }
        let known = Known {
            bytes,
            key: job.key.clone(),
            reply_to: record
                .envelope
                .reply
                .as_ref()
                .map(|reply| reply.to.to_string()),
        };
        self.outcomes
            .insert((job.book.to_owned(), record.sequence.0), known);
        Ok(())
    }

    /// The job as it was sent.
    fn origin(&self, record: &JobRecord) -> Checked<(usize, Job)> {
        let trace = record.envelope.traceparent.as_deref();
        let number = trace.and_then(traced);
        let parts = number.and_then(|number| self.sent.get(&number));
        let job = parts.and_then(|sent| {
            sent.parts.values().find_map(|part| match part {
                Part::Job { job, .. } if *job.key == *record.envelope.key => Some(Job::clone(job)),
                Part::Job { .. } | Part::Dead { .. } => None,
            })
        });
        match (number, job) {
            (Some(number), Some(job)) => Ok((number, job)),
            (Some(_), None) | (None, _) => finding(format!(
                "a record of {} in message {trace:?}, which nobody has sent",
                record.envelope.key
            )),
        }
    }

    /// A commit that was known has the same outcomes, to the byte.
    fn unchanged(&self, commit: &Commit, names: &NameTable) -> Checked {
        for (at, record) in commit.positions() {
            if let Record::Letters(record) = record {
                self.act_unchanged(at, record)?;
            }
            let Record::Job(record) = record else {
                continue;
            };
            let mut bytes = Vec::new();
            outcome::encode(record, commit, names, &mut bytes);
            let numbered = (names.book(record.book).to_owned(), record.sequence.0);
            let known = self.outcomes.get(&numbered);
            if known.is_none_or(|known| known.bytes != bytes) {
                return finding(format!(
                    "the outcome {numbered:?} is another one after a restart"
                ));
            }
        }
        Ok(())
    }

    /// Whether a job of a message is done: recorded itself, or the same as one that was.
    fn is_done(&self, number: usize, job: &Job) -> bool {
        let key = (job.book.to_owned(), job.key.clone());
        self.recorded.contains(&(number, job.key.clone()))
            || self
                .keys
                .get(&key)
                .is_some_and(|content| *content == job.content())
    }

    fn book_name(&self, index: BookIndex) -> &str {
        self.names.book(index)
    }
}

/// Whether nobody has sent a job.
fn is_due(record: &JobRecord) -> bool {
    let envelope = &record.envelope;
    envelope.traceparent.is_none() && envelope.actor.as_deref() == Some("system")
}

/// The first member that is not as expected. Amounts compare as texts.
fn difference(said: &Value, expected: &Value) -> Option<String> {
    let expected = expected.as_object()?;
    expected.iter().find_map(|(name, value)| {
        let found = said.get(name);
        (!found.is_some_and(|found| covers(found, value))).then(|| format!("{name} is {found:?}"))
    })
}

/// Whether a value has everything that is expected: objects by the members named, lists one by one.
fn covers(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => expected
            .iter()
            .all(|(name, value)| found.get(name).is_some_and(|found| covers(found, value))),
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len()
                && found
                    .iter()
                    .zip(expected)
                    .all(|(found, value)| covers(found, value))
        }
        _ => found == expected,
    }
}
