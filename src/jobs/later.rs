//! A job that takes effect on a later day: it is kept, and an alarm goes off when that day begins
//! in the zone of the book.

use crate::ids::DueCode;
use crate::ledger::effect::KeptJob;
use crate::ledger::{Book, Effect, Facts, Plan};
use crate::time::Date;

/// Keep the job that is planned until the day begins.
pub(super) fn keep(plan: &mut Plan, facts: &Facts<'_>, book: &Book, work: DueCode, day: Date) {
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
        work,
        about,
        at: Some(book.zone().start_of(day)),
    });
}

/// The day has come: neither job nor alarm is needed any more.
pub(super) fn let_go(plan: &mut Plan, about: &str, work: DueCode) {
    plan.effects.push(Effect::Keep {
        document: about.into(),
        job: None,
    });
    plan.effects.push(Effect::Alarm {
        work,
        about: about.into(),
        at: None,
    });
}
