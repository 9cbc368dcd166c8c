//! A job that takes effect on a later day: it is kept, and an alarm goes off when that day begins
//! in the zone of the book. Which kinds can is in the list of what the engine does by itself.

use std::marker::PhantomData;

use super::JobData;
use super::contract::DueKind;
use crate::ids::DueCode;
use crate::ledger::effect::KeptJob;
use crate::ledger::{Book, Effect, Facts, Plan, Rejection, Value};
use crate::time::Date;

/// A kind whose jobs may take effect on a later day.
pub trait BeginsLater: std::fmt::Debug {
    /// The work's place in the engine's list.
    const WORK: DueCode;
    /// What happened when the day came.
    const CHANGED: &'static str;
    /// What happened if the book had moved on so that nothing was left to change.
    const MISSED: &'static str;

    /// The job, if it is of this kind.
    fn of(job: &JobData) -> Option<&Self>;

    /// What the job asks of the book on its day.
    fn begin(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection>;

    /// Show what a missed change was about.
    fn show_missed(&self, plan: &mut Plan);
}

/// Keep the job that is planned until the day begins.
pub(super) fn keep<K: BeginsLater>(plan: &mut Plan, facts: &Facts<'_>, book: &Book, day: Date) {
    let envelope = facts.envelope;
    // A key that no producer can send, so that no document has it for its number.
    let about: Box<str> = format!("{}#later", envelope.key).into();
    plan.effects.push(Effect::Keep {
        document: about.clone(),
        job: Some(Box::new(KeptJob::of(envelope))),
    });
    plan.effects.push(Effect::Alarm {
        work: K::WORK,
        about,
        at: Some(book.zone().start_of(day)),
    });
}

/// The day of a kept job has come. Nobody can send this; the engine makes it.
#[derive(Debug)]
pub struct Later<K> {
    about: Box<str>,
    kind: PhantomData<K>,
}

impl<K: BeginsLater> Later<K> {
    /// Neither job nor alarm is needed any more.
    fn let_go(&self, plan: &mut Plan) {
        plan.effects.push(Effect::Keep {
            document: self.about.clone(),
            job: None,
        });
        plan.effects.push(Effect::Alarm {
            work: K::WORK,
            about: self.about.clone(),
            at: None,
        });
    }
}

impl<K: BeginsLater> DueKind for Later<K> {
    fn about(thing: &str) -> Self {
        Self {
            about: thing.into(),
            kind: PhantomData,
        }
    }

    fn key(&self, _book: &Book) -> String {
        self.about.to_string()
    }

    fn plan(
        &self,
        facts: &Facts<'_>,
        book: &Book,
        kept: Option<&JobData>,
        plan: &mut Plan,
    ) -> Result<&'static str, Rejection> {
        self.let_go(plan);
        if let Some(job) = kept.and_then(K::of) {
            job.begin(facts, book, plan)?;
        }
        Ok(K::CHANGED)
    }

    fn missed(
        &self,
        refusal: &Rejection,
        _facts: &Facts<'_>,
        _book: &Book,
        kept: Option<&JobData>,
        plan: &mut Plan,
    ) -> Result<&'static str, Rejection> {
        self.let_go(plan);
        if let Some(job) = kept.and_then(K::of) {
            job.show_missed(plan);
        }
        plan.show("code", Value::text(refusal.code().text()));
        Ok(K::MISSED)
    }
}
