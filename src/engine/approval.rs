//! Jobs that wait for approval: who may have their keys, and how a decision is admitted.

use super::admit::Admission;
use super::record::Author;
use super::{Engine, Verdict};
use crate::code::Code;
use crate::ids::BookIndex;
use crate::jobs::{Job, JobData};
use crate::ledger::decided::Inside;
use crate::ledger::{Book, Commit, Inconsistent, Outcome, Plan, Rejection, Status, Value};
use crate::time::Date;

/// The jobs that belong to a job: the one it decides, and the one it carries.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// The job that a document keeps and this one decides.
    pub(super) kept: Option<JobData>,
    /// Whether the key of the job inside may not be taken any more.
    key_taken: bool,
}

impl Others {
    /// What the rule may know of the job inside.
    pub(super) fn inside<'j>(&self, job: &'j Job) -> Option<Inside<'j>> {
        let inside = job.inside.as_deref()?;
        Some(Inside {
            fingerprint: inside.fingerprint,
            content: &inside.content,
            key_taken: self.key_taken,
        })
    }
}

impl Engine {
    /// Whether a job's key is that of a job which waits for approval.
    pub(super) fn is_awaited(&self, job: &Job) -> bool {
        let book = self.books.get(job.book.slot());
        book.is_some_and(|book| book.awaited(&job.envelope.key).is_some())
    }

    /// Answer a job whose key waits for approval: what it waits for, or that the key is another
    /// job's. The answer is to that delivery; the key has no outcome yet.
    pub(super) fn awaited(
        &mut self,
        job: Box<Job>,
        commit: &mut Commit,
    ) -> Result<Verdict, Inconsistent> {
        let book = self.books.get(job.book.slot());
        let request = book.and_then(|book| book.awaited(&job.envelope.key));
        let waiting = book.zip(request).and_then(|(book, request)| {
            let same = book.kept(request)?.fingerprint == job.envelope.fingerprint;
            let needs = book.documents().get(request)?.member("needs").cloned();
            same.then(|| (request.to_owned(), needs))
        });
        let outcome = match waiting {
            None => {
                let refusal = Rejection::new(Code::IdempotencyKeyReused).at_root("/key");
                Outcome::rejected(refusal)
            }
            Some((request, needs)) => {
                let mut outcome = Outcome::of(Status::PendingApproval);
                outcome
                    .members
                    .push(("request".into(), Value::text(request)));
                let needs = needs.map(|needs| ("needs".into(), needs));
                outcome.members.extend(needs);
                outcome
            }
        };
        let mut author = Author::from(job);
        author.owns_key = false;
        self.record(author, outcome, commit)
    }

    /// The jobs that belong to a job.
    pub(super) fn others(&self, job: &Job, data: &JobData) -> Result<Others, Inconsistent> {
        let kept = self.kept(job.book, data).transpose();
        let kept = kept.map_err(|refusal| {
            let what = format!("a request keeps a job that is none: {}", refusal.code());
            let book = self.books.get(job.book.slot()).map_or("", Book::name);
            Inconsistent {
                book: book.to_owned(),
                what,
            }
        })?;
        let taken = |inside: &crate::jobs::job::CarriedJob| {
            let book = self.books.get(job.book.slot());
            self.keys.get(inside.key_hash).is_some()
                || job.cold.inside.is_some()
                || inside.key_hash == job.key_hash
                || book.is_some_and(|book| book.awaited(&inside.key).is_some())
        };
        Ok(Others {
            kept,
            key_taken: job.inside.as_deref().is_some_and(taken),
        })
    }

    /// The job that a document keeps and a job decides.
    pub(super) fn kept(
        &self,
        book: BookIndex,
        data: &JobData,
    ) -> Option<Result<JobData, Rejection>> {
        let document = data.kept_needed()?;
        let kept = self.books.get(book.slot())?.kept(document)?;
        Some((self.content)(kept.kind, &kept.content))
    }
}

/// Admit a plan, and the one that it tries beside. An approved job is admitted as that of whoever
/// requested it.
pub(super) fn admit(
    admission: &mut Admission,
    book: &Book,
    plan: &mut Plan,
    actor: Option<&str>,
    today: Date,
) -> Result<(), Rejection> {
    if let Some(mut trial) = plan.trial.take() {
        admission.admit(book, &mut trial, actor, today)?;
    }
    match &plan.decided {
        None => admission.admit(book, plan, actor, today),
        Some(decided) => {
            let requester = decided.job.actor.clone();
            admission.admit(book, plan, requester.as_deref(), today)
        }
    }
}
