//! A change of an account that begins on a later day: the job is kept until then.

use super::Update;
use crate::ids::DueCode;
use crate::jobs::JobData;
use crate::jobs::contract::DueKind;
use crate::ledger::effect::KeptJob;
use crate::ledger::{Book, Effect, Facts, Plan, Rejection, Value};
use crate::time::Date;

/// The work's place in the engine's list.
const WORK: DueCode = DueCode(21);

/// Keep the job that is planned until the day begins in the zone of the book.
pub(super) fn keep(plan: &mut Plan, facts: &Facts<'_>, book: &Book, day: Date) {
    let envelope = facts.envelope;
    // A key that no producer can send, so that no document has it for its number.
    let about: Box<str> = format!("{}#later", envelope.key).into();
    plan.effects.push(Effect::Keep {
        document: about.clone(),
        job: Some(Box::new(KeptJob {
            kind: envelope.kind,
            key: envelope.key.clone(),
            fingerprint: envelope.fingerprint,
            content: envelope.content.clone(),
            principal: envelope.principal.clone(),
            actor: envelope.actor.clone(),
        })),
    });
    plan.effects.push(Effect::Alarm {
        work: WORK,
        about,
        at: Some(book.zone().start_of(day)),
    });
}

/// The day of a change has come. Nobody can send this; the engine makes it.
#[derive(Debug)]
pub struct Later {
    about: Box<str>,
}

impl Later {
    fn let_go(&self, plan: &mut Plan) {
        let about = || self.about.clone();
        plan.effects.push(Effect::Keep {
            document: about(),
            job: None,
        });
        plan.effects.push(Effect::Alarm {
            work: WORK,
            about: about(),
            at: None,
        });
    }

    fn kept(kept: Option<&JobData>) -> Option<&Update> {
        match kept {
            Some(JobData::AccountUpdate(update)) => Some(update),
            Some(_) | None => None,
        }
    }
}

impl DueKind for Later {
    fn about(thing: &str) -> Self {
        Self {
            about: thing.into(),
        }
    }

    fn key(&self, _book: &Book) -> String {
        self.about.to_string()
    }

    fn plan(
        &self,
        _facts: &Facts<'_>,
        book: &Book,
        kept: Option<&JobData>,
        plan: &mut Plan,
    ) -> Result<&'static str, Rejection> {
        self.let_go(plan);
        if let Some(update) = Self::kept(kept) {
            update.change(book, plan)?;
        }
        Ok("account.changed")
    }

    /// The account was closed in the meantime: the change has nothing left to change.
    fn missed(
        &self,
        refusal: &Rejection,
        _facts: &Facts<'_>,
        _book: &Book,
        kept: Option<&JobData>,
        plan: &mut Plan,
    ) -> Result<&'static str, Rejection> {
        self.let_go(plan);
        if let Some(update) = Self::kept(kept) {
            plan.show("account", Value::text(update.account.to_string()));
        }
        plan.show("code", Value::text(refusal.code().text()));
        Ok("account.change_missed")
    }
}
