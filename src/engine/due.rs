//! What the engine does by itself: work that has become due by the time of a commit.
//!
//! Alarms stand in the books and ring in one order: instant, book, work, thing. Each of them
//! becomes a job that nobody sent, planned and admitted like any other, with an outcome of its own
//! whose `event` says what happened. A timer only wakes the engine; what is due is decided here, by
//! the time that the commit is stamped with.

use std::convert::Infallible;

use super::record::Author;
use super::{Engine, Inconsistent};
use crate::code::Code;
use crate::ids::{BookIndex, Hash128, SchemaVersion};
use crate::jobs::{DueData, JobData, kind_code};
use crate::ledger::plan::key_hash;
use crate::ledger::{Alarm, Book, Commit, Envelope, Facts, Plan, Rejection};
use crate::limits::DUE_LEGS_MAX;
use crate::time::{Date, Timestamp};

/// Who acts when the engine does.
pub const SYSTEM: &str = "system";

/// Stands in keys of the engine's own, and in no key of a producer's.
const OF_THE_ENGINE: char = '#';

/// Rule of fingerprints of jobs that nobody sent.
const FINGERPRINT_RULE: u16 = 0;

/// The keys that the engine has let go of. Whoever has files of them asks there: work that is due
/// may have the key of a job of years ago.
pub trait OldKeys {
    /// Why they could not be asked.
    type Fault;

    /// Whether the key of a book, with its hash, came before.
    fn taken(&mut self, book: BookIndex, key: &str, hash: Hash128) -> Result<bool, Self::Fault>;
}

/// There are none: the engine holds every key.
#[derive(Clone, Copy, Debug)]
pub struct NoOldKeys;

impl OldKeys for NoOldKeys {
    type Fault = Infallible;

    fn taken(&mut self, _: BookIndex, _: &str, _: Hash128) -> Result<bool, Infallible> {
        Ok(false)
    }
}

/// Why what is due could not be done.
#[derive(Debug, thiserror::Error)]
pub enum DueFault<F> {
    /// An effect did not fit the state: a mistake of ours.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistent),
    /// Old keys could not be asked.
    #[error("old keys could not be asked")]
    OldKeys(F),
}

impl From<DueFault<Infallible>> for Inconsistent {
    fn from(fault: DueFault<Infallible>) -> Self {
        match fault {
            DueFault::Inconsistent(fault) => fault,
        }
    }
}

impl Engine {
    /// When the next thing becomes due; none while nothing waits.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.books.iter().filter_map(Book::next_due).min()
    }

    /// Whether something is due by the time of a commit that begins now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let stamp = now.max(self.last_recorded_at.next());
        self.next_due().is_some_and(|at| at <= stamp)
    }

    /// Do what is due at the commit's time, in order, at most so many of it; whether more is due.
    /// The jobs of the commit come behind.
    pub fn apply_due<O: OldKeys + ?Sized>(
        &mut self,
        commit: &mut Commit,
        most: usize,
        old: &mut O,
    ) -> Result<bool, DueFault<O::Fault>> {
        for _ in 0..most {
            if commit.legs.len() >= DUE_LEGS_MAX {
                break;
            }
            let Some((book, alarm)) = self.first_due(commit.recorded_at) else {
                return Ok(false);
            };
            self.ring(book, &alarm, commit, old)?;
            if self.first_due(commit.recorded_at) == Some((book, alarm.clone())) {
                let what = format!("work {} about {} stays due", alarm.work, alarm.about);
                return Err(self.inconsistent(book, what).into());
            }
        }
        Ok(self.next_due().is_some_and(|at| at <= commit.recorded_at))
    }

    fn first_due(&self, now: Timestamp) -> Option<(BookIndex, Alarm)> {
        let due = |book: &&Book| book.next_due().is_some_and(|at| at <= now);
        let books = (0..).map(BookIndex).zip(&self.books);
        let due = books.filter(|(_, book)| due(book));
        let (index, book) = due.min_by_key(|(index, book)| (book.next_due(), *index))?;
        Some((index, book.first_due()?))
    }

    /// Make a job of an alarm and record it.
    fn ring<O: OldKeys + ?Sized>(
        &mut self,
        index: BookIndex,
        alarm: &Alarm,
        commit: &mut Commit,
        old: &mut O,
    ) -> Result<(), DueFault<O::Fault>> {
        let Some(book) = self.books.get(index.slot()) else {
            return Err(self.inconsistent(index, "the book is gone".into()).into());
        };
        let Some(work) = DueData::of(alarm.work, &alarm.about) else {
            let what = format!("this release does not know the work {}", alarm.work);
            return Err(self.inconsistent(index, what).into());
        };
        let kept = book.kept(&alarm.about);
        let kept = kept.map(|job| (self.content)(job.kind, &job.content));
        let kept = kept.transpose().map_err(|refusal| {
            let what = format!(
                "{} keeps a job that is none: {}",
                alarm.about,
                refusal.code()
            );
            self.inconsistent(index, what)
        })?;
        let mut key = work.key(book);
        let mut hash = key_hash(&self.secrets.keys, book.name(), &key);
        let mut owns_key = self.keys.get(hash).is_none() && book.awaited(&key).is_none();
        // Of a key that no producer can send there is only the engine's own work to ask.
        if owns_key && !key.contains(OF_THE_ENGINE) {
            let taken = old.taken(index, &key, hash);
            owns_key = !taken.map_err(DueFault::OldKeys)?;
        }
        if !owns_key && !key.contains(OF_THE_ENGINE) {
            // A producer had the key first. The work is done all the same, under one that no
            // producer can have: a key has one outcome.
            key = format!("{key}{OF_THE_ENGINE}{}", alarm.about);
            hash = key_hash(&self.secrets.keys, book.name(), &key);
            owns_key = self.keys.get(hash).is_none();
        }
        let parts = [work.kind(), &alarm.about];
        let fingerprint = self.secrets.natural.hash(book.name(), "due", &parts);
        let envelope = envelope(key, &work, fingerprint, &alarm.about);
        let today = self.today.get(index.slot()).copied();
        let facts = Facts {
            recorded_at: commit.recorded_at,
            today: today.unwrap_or_else(|| book.zone().date(commit.recorded_at)),
            key: &envelope.key,
            envelope: &envelope,
            actor: Some(SYSTEM),
            natural: &self.secrets.natural,
            approved: true,
            reserved: None,
            inside: None,
            entry: None,
            movements: None,
        };
        let mut ringing = Ringing {
            work: &work,
            book,
            kept: kept.as_ref(),
            admission: &mut self.admission,
            plan: &mut self.plan,
        };
        let event = ringing.plan(&facts, owns_key).map_err(|refusal| {
            let what = format!("{} was refused: {}", work.kind(), refusal.code());
            Inconsistent {
                book: book.name().to_owned(),
                what,
            }
        })?;
        let author = Author {
            book: index,
            key: hash,
            owns_key,
            envelope,
            unknown_kind: None,
            event: Some(event.into()),
        };
        self.record_plan(author, commit)?;
        Ok(())
    }

    fn inconsistent(&self, book: BookIndex, what: String) -> Inconsistent {
        let book = self
            .books
            .get(book.slot())
            .map_or("", Book::name)
            .to_owned();
        Inconsistent { book, what }
    }
}

/// One work on its way to a plan.
struct Ringing<'e> {
    work: &'e DueData,
    book: &'e Book,
    kept: Option<&'e JobData>,
    admission: &'e mut super::admit::Admission,
    plan: &'e mut Plan,
}

impl Ringing<'_> {
    /// The plan of the work, or of what happens instead; what happened.
    fn plan(&mut self, facts: &Facts<'_>, key_is_free: bool) -> Result<&'static str, Rejection> {
        self.plan.clear();
        let planned = if key_is_free {
            self.work
                .plan(facts, self.book, self.kept, self.plan)
                .and_then(|event| self.admit(facts.today).map(|()| event))
        } else {
            Err(Rejection::new(Code::IdempotencyKeyReused))
        };
        planned.or_else(|refusal| {
            self.plan.clear();
            let missed = self
                .work
                .missed(&refusal, facts, self.book, self.kept, self.plan)?;
            self.admit(facts.today).map(|()| missed)
        })
    }

    fn admit(&mut self, today: Date) -> Result<(), Rejection> {
        self.admission
            .admit(self.book, self.plan, Some(SYSTEM), today)
    }
}

fn envelope(key: String, work: &DueData, fingerprint: Hash128, about: &str) -> Envelope {
    Envelope {
        key: key.into(),
        kind: kind_code(work.kind()).unwrap_or_default(),
        schema_version: SchemaVersion(1),
        fingerprint,
        fingerprint_rule: FINGERPRINT_RULE,
        content: about.as_bytes().to_vec(),
        sealed: false,
        principal: None,
        actor: Some(SYSTEM.into()),
        reply: None,
        traceparent: None,
        occurred_at: None,
    }
}
