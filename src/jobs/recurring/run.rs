//! A later run of a schedule: a job of the engine's own.

use super::{Post, state};
use crate::ids::DueCode;
use crate::jobs::JobData;
use crate::jobs::contract::DueKind;
use crate::jobs::receivable::changed;
use crate::ledger::{Book, Document, Effect, Facts, Plan, Rejection, Value};
use crate::time::Date;

/// The work's place in the engine's list.
pub(super) const WORK: DueCode = DueCode(3);

/// What happened when the day came.
const POSTED: &str = "recurring.posted";
/// What happened if the book would not take the run on its day.
const MISSED: &str = "recurring.missed";

/// The day of a run has come. Nobody can send this; the engine makes it.
#[derive(Debug)]
pub struct Run {
    schedule: Box<str>,
}

impl Run {
    fn document<'b>(&self, book: &'b Book) -> Option<&'b Document> {
        book.documents().get(&self.schedule)
    }

    /// Number of the run that is due.
    fn number(&self, book: &Book) -> u32 {
        let done = self.document(book).map_or(0, |known| known.count("runs"));
        u32::try_from(done).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The run is behind the schedule; the next one is awaited, or nothing any more.
    fn go_on(&self, job: Option<&Post>, book: &Book, plan: &mut Plan) {
        let number = self.number(book);
        let next = job.and_then(|job| job.days(book).ok()?.run(job, number));
        if let Some(known) = self.document(book) {
            let set = vec![("runs".into(), Value::count(number))];
            let mut change = changed(&self.schedule, known, state(next), 0, set);
            change.due = next;
            plan.document(change);
        }
        if next.is_none() {
            plan.effects.push(Effect::Keep {
                document: self.schedule.clone(),
                job: None,
            });
        }
        // Days that are rolled may be the same: what comes next is due behind what was, or it would
        // be the alarm that has just gone off.
        let before = book.alarms().at(WORK, &self.schedule);
        let at = next.map(|next| {
            let day = book.zone().start_of(next);
            before.map_or(day, |before| day.max(before.next()))
        });
        plan.alarm(WORK, &self.schedule, at);
        plan.show("schedule", Value::text(self.schedule.to_string()));
        plan.show("run", Value::count(number));
    }

    fn day(&self, facts: &Facts<'_>, book: &Book) -> Date {
        let day = self.document(book).and_then(|known| known.due);
        day.unwrap_or(facts.today)
    }
}

fn job(kept: Option<&JobData>) -> Option<&Post> {
    match kept {
        Some(JobData::RecurringPost(job)) => Some(job),
        Some(_) | None => None,
    }
}

impl DueKind for Run {
    fn about(thing: &str) -> Self {
        Self {
            schedule: thing.into(),
        }
    }

    fn key(&self, book: &Book) -> String {
        let key = book.kept(&self.schedule).map_or("", |kept| &*kept.key);
        format!("{key}/{}", self.number(book))
    }

    fn plan(
        &self,
        facts: &Facts<'_>,
        book: &Book,
        kept: Option<&JobData>,
        plan: &mut Plan,
    ) -> Result<&'static str, Rejection> {
        let job = job(kept);
        if let Some(job) = job {
            let order = job.order();
            let day = self.day(facts, book);
            let drafted = order.amounts((day, day), book, plan)?;
            order.rest(&drafted, facts, book, plan)?;
        }
        self.go_on(job, book, plan);
        Ok(POSTED)
    }

    fn missed(
        &self,
        refusal: &Rejection,
        facts: &Facts<'_>,
        book: &Book,
        kept: Option<&JobData>,
        plan: &mut Plan,
    ) -> Result<&'static str, Rejection> {
        let day = self.day(facts, book);
        self.go_on(job(kept), book, plan);
        plan.show("date", Value::Date(day));
        plan.show("code", Value::text(refusal.code().text()));
        Ok(MISSED)
    }
}
