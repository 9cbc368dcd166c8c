//! A decoded job on its way to the engine.

use super::JobData;
use crate::code::Code;
use crate::ids::{BookIndex, Hash128, Position};
use crate::ledger::plan::{Movement, PastEntry};
use crate::ledger::{Envelope, Rejection};
use crate::time::Timestamp;

/// A job: its envelope, and what decoding made of its content.
#[derive(Debug)]
pub struct Job {
    /// Its book.
    pub book: BookIndex,
    /// Hash of book and key, by which the key is remembered.
    pub key_hash: Hash128,
    /// Everything that is journaled besides outcome and effects.
    pub envelope: Envelope,
    /// The kind's name, if the catalogue does not have it.
    pub unknown_kind: Option<Box<str>>,
    /// Whether somebody vouches for the actor.
    pub actor_vouched: bool,
    /// When it stops making sense.
    pub expires_at: Option<Timestamp>,
    /// What is wrong with an instant that the job names outside its data; said after expiry and
    /// actor.
    pub time_fault: Option<Rejection>,
    /// Its content.
    pub body: Body,
    /// The entry it asked for, once looked up.
    pub entry: Looked,
    /// What files that never change say about it.
    pub cold: Cold,
    /// The job that it carries inside, if it carries one.
    pub inside: Option<Box<CarriedJob>>,
}

/// A job on its way inside another one.
#[derive(Debug)]
pub struct CarriedJob {
    /// Its key.
    pub key: Box<str>,
    /// Hash of book and key.
    pub key_hash: Hash128,
    /// Fingerprint of its kind and data, as if it had come by itself.
    pub fingerprint: Hash128,
    /// Its data in binary form, once their texts are sealed.
    pub content: Vec<u8>,
}

/// A key that came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// Half of the fingerprint of its first content.
    pub fingerprint: u64,
    /// Where its first outcome stands.
    pub position: Position,
}

impl KnownKey {
    /// What is remembered of a content.
    pub fn fingerprint_of(fingerprint: Hash128) -> u64 {
        u64::try_from(fingerprint.0 & u128::from(u64::MAX)).unwrap_or_default()
    }

    /// Whether a content is the first one again.
    pub fn is_of(&self, fingerprint: Hash128) -> bool {
        self.fingerprint == Self::fingerprint_of(fingerprint)
    }
}

/// What is known about a job beyond what the engine holds: looked up before it came there. Each
/// answer stands for everything up to the position that the parcel names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cold {
    /// Its key, if it came before.
    pub key: Option<KnownKey>,
    /// The key of the job inside, if that came before.
    pub inside: Option<KnownKey>,
}

/// What decoding made of a job's content.
#[derive(Debug)]
pub enum Body {
    /// Data that fit their schema.
    Data(JobData),
    /// Refused by what the job alone says; the refusal stands if the key is new.
    Refused {
        /// Why.
        refusal: Rejection,
        /// The data, if they fit their schema: they are journaled like any other content.
        data: Option<JobData>,
    },
    /// A dead letter if the key is new: a later release may know the kind or version.
    Dead(DeadLetter),
}

/// Why something is set aside instead of getting an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The code.
    pub code: Code,
    /// What is wrong, in words.
    pub reason: String,
    /// JSON pointer from the root of the job, if there is a place.
    pub path: Option<String>,
    /// Further facts, in the form of a rejection's detail.
    pub detail: crate::ledger::Members,
    /// What to do, if the advice of the code does not fit.
    advice: Option<&'static str>,
}

impl DeadLetter {
    /// A dead letter with a reason in words.
    pub fn new(code: Code, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            path: None,
            detail: crate::ledger::Members::new(),
            advice: None,
        }
    }

    /// The same with what to do in a sentence of its own.
    #[must_use]
    pub fn advising(mut self, advice: &'static str) -> Self {
        self.advice = Some(advice);
        self
    }

    /// What is wrong and what to do, in words.
    pub fn message(&self) -> String {
        let advice = self.advice.unwrap_or_else(|| self.code.advice());
        format!("{}. {advice}", self.reason)
    }

    /// The same at a place in the job (a JSON pointer from its root).
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }
}

/// Whether the past entry that a rule needs was looked up.
#[derive(Debug, Default)]
pub enum Looked {
    /// The rule needs none, or nobody has looked yet.
    #[default]
    Not,
    /// Looked up in the durable journal.
    Found(Box<PastEntry>),
    /// The movements it asked for, looked up there.
    Movements(Vec<Movement>),
}
