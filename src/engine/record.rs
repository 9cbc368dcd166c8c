//! The record of a job: its outcome, and the effects of its plan as they are applied.

use super::keys::KeyEntry;
use super::{Engine, Verdict};
use crate::code::Code;
use crate::ids::{BookIndex, Hash128};
use crate::jobs::Job;
use crate::jobs::job::{DeadLetter, KnownKey};
use crate::ledger::commit::JOB_DECIDED;
use crate::ledger::decided::Decided;
use crate::ledger::plan::key_hash;
use crate::ledger::{Book, Commit, Effect, Envelope, Inconsistent, JobRecord, Outcome, Record};

/// Where effects and balances of a record stand in its commit.
type Ranges = (std::ops::Range<u32>, std::ops::Range<u32>);

/// Whose record it will be: what stays of a job once it is planned.
#[derive(Debug)]
pub(super) struct Author {
    pub(super) book: BookIndex,
    pub(super) key: Hash128,
    /// Whether the key leads to this record from now on.
    pub(super) owns_key: bool,
    pub(super) envelope: Envelope,
    pub(super) unknown_kind: Option<Box<str>>,
    pub(super) event: Option<Box<str>>,
}

impl From<Box<Job>> for Author {
    /// A job is large and most of it is not read again: only what stays is moved.
    fn from(job: Box<Job>) -> Self {
        let Job {
            book,
            key_hash,
            envelope,
            unknown_kind,
            ..
        } = *job;
        Self {
            book,
            key: key_hash,
            owns_key: true,
            envelope,
            unknown_kind,
            event: None,
        }
    }
}

impl Engine {
    /// Apply the plan and write its record into the commit.
    pub(super) fn record_plan(
        &mut self,
        author: Author,
        commit: &mut Commit,
    ) -> Result<Verdict, Inconsistent> {
        let plan = &mut self.plan;
        let mut outcome = Outcome::of(plan.status);
        (outcome.booking_date, outcome.value_date) = (plan.booking_date, plan.value_date);
        outcome.members = std::mem::take(&mut plan.members);
        let decided = plan.decided.take();
        let posts = plan
            .effects
            .iter()
            .filter_map(Effect::as_post)
            .filter(|post| !post.opening)
            .map(|post| post.number);
        outcome.entry_no = posts.clone().next();
        outcome.entries = u32::try_from(posts.count()).unwrap_or(u32::MAX);

        let first_effect = end(&commit.effects);
        let first_leg = end(&commit.legs);
        let Some(book) = self.books.get_mut(author.book.slot()) else {
            return Ok(Verdict::Dead(DeadLetter::new(
                Code::BookUnknown,
                "the book is gone",
            )));
        };
        for effect in &plan.effects {
            book.apply(effect, &plan.legs)?;
        }
        commit.legs.append(&mut plan.legs);
        commit.effects.extend(
            plan.effects
                .drain(..)
                .map(|effect| effect.shifted(first_leg)),
        );
        let first_balance = end(&commit.balances);
        for account in self.admission.touched() {
            if let Some(known) = book.accounts().get(account) {
                commit.balances.push((account, known.balance()));
            }
        }
        let effects = first_effect..end(&commit.effects);
        let balances = first_balance..end(&commit.balances);
        match decided {
            None => self.push(author, outcome, (effects, balances), commit),
            Some(decided) => self.push_both(author, *decided, outcome, (effects, balances), commit),
        }
    }

    /// Write the record of a job that decides another one, and right behind it that of the other:
    /// its effects are its own, and its key leads there from now on.
    fn push_both(
        &mut self,
        author: Author,
        decided: Decided,
        outcome: Outcome,
        (effects, balances): Ranges,
        commit: &mut Commit,
    ) -> Result<Verdict, Inconsistent> {
        let Decided {
            job,
            refusal,
            effects: own,
        } = decided;
        let index = author.book;
        let name = self.books.get(index.slot()).map_or("", Book::name);
        let other = Author {
            book: index,
            key: key_hash(&self.secrets.keys, name, &job.key),
            owns_key: true,
            envelope: job.envelope(),
            unknown_kind: None,
            event: Some(JOB_DECIDED.into()),
        };
        let Some(refusal) = refusal else {
            let own = u32::try_from(own).unwrap_or(u32::MAX);
            let split = effects.start.saturating_add(own).min(effects.end);
            let ranges = (effects.start..split, balances.clone());
            let verdict = self.push(author, outcome.clone(), ranges, commit)?;
            self.push(other, outcome, (split..effects.end, balances), commit)?;
            return Ok(verdict);
        };
        let verdict = self.push(author, outcome, (effects, balances), commit)?;
        self.record(other, Outcome::rejected(refusal), commit)?;
        Ok(verdict)
    }

    /// Write the record of a refusal into the commit.
    pub(super) fn record(
        &mut self,
        author: Author,
        outcome: Outcome,
        commit: &mut Commit,
    ) -> Result<Verdict, Inconsistent> {
        self.push(author, outcome, (0..0, 0..0), commit)
    }

    fn push(
        &mut self,
        author: Author,
        outcome: Outcome,
        (effects, balances): Ranges,
        commit: &mut Commit,
    ) -> Result<Verdict, Inconsistent> {
        let position = self.next;
        let Some(book) = self.books.get_mut(author.book.slot()) else {
            return Ok(Verdict::Dead(DeadLetter::new(
                Code::BookUnknown,
                "the book is gone",
            )));
        };
        let sequence = book.next_sequence();
        book.apply_outcome(sequence)?;
        let owns_key = author.owns_key;
        if owns_key {
            let fingerprint = KnownKey::fingerprint_of(author.envelope.fingerprint);
            self.keys.insert(KeyEntry {
                key: author.key,
                known: KnownKey {
                    fingerprint,
                    position,
                },
            });
        }
        commit.records.push(Record::Job(JobRecord {
            book: author.book,
            sequence,
            owns_key,
            envelope: author.envelope,
            unknown_kind: author.unknown_kind,
            outcome,
            event: author.event,
            effects,
            balances,
        }));
        self.next = position.next();
        Ok(Verdict::Recorded(position))
    }
}

fn end<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}
