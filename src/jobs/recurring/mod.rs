//! Recurring entries: the same legs again and again, by a schedule.
//!
//! | Kind             | Debit                 | Credit                | Amount           |
//! |------------------|-----------------------|-----------------------|------------------|
//! | `recurring.post` | accounts of `dr` legs | accounts of `cr` legs | as given, by run |
//!
//! A run is an entry dated its day. Runs whose day has come are posted by the job itself, as far as
//! their months are open; later ones are jobs of the engine's own, each with the key `<key>/<number
//! of the run>`, or `<key>/<number of the run>#<schedule>` if that key came before. A run that the
//! book refuses on its day is missed, said by an event, and the next one goes on. The schedule:
//!
//! | Member                                      | Holds                              |
//! |---------------------------------------------|------------------------------------|
//! | `first`, `every`, `count`, `until`          | as given                           |
//! | `roll`, `calendar`                          | as given                           |
//! | `runs`                                      | how many runs are behind it        |

mod days;
mod run;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use days::Every;
pub use run::Run;

use super::contract::JobKind;
use super::entry::LegData;
use super::entry::order::{Drafted, Order, visit_texts};
use super::fields::{Id, Text};
use super::invoice::lines::schema;
use super::invoice::order::not_before;
use super::legs::{WrittenLeg, plain_debits};
use crate::code::Code;
use crate::ids::UnitIndex;
use crate::ledger::effect::{DocumentChange, KeptJob};
use crate::ledger::plan::{date, optional_date};
use crate::ledger::{
    Book, DocumentKind, DocumentState, Effect, Facts, Leg, Members, Plan, Rejection, Value,
};
use crate::limits::RUNS_AT_ONCE_MAX;
use crate::time::{Calendar, Convention, Date, DateText};
use days::Days;

/// Series of the schedules.
const SERIES: &str = "RS";

/// Post the same entry again and again.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Post {
    /// Day of the first run.
    pub first: DateText,
    /// How the days follow each other.
    pub every: Every,
    /// How many runs; without end if neither this nor `until` is given.
    pub count: Option<u32>,
    /// Last day on which a run may fall.
    pub until: Option<DateText>,
    /// What happens to a day that is not a business day. It stays by default.
    pub roll: Option<Convention>,
    /// Calendar of business days; the book's by default.
    pub calendar: Option<Id>,
    /// Two legs at least.
    pub legs: Vec<LegData>,
}

impl JobKind for Post {
    const SUMMARY: &'static str = "Post the same entry again and again, by a schedule.";
    const EXAMPLE: &'static str = r#"{
        "first": "2026-01-31",
        "every": "month_end",
        "count": 12,
        "legs": [
            { "dr": "exp/office", "amount": "50.00" },
            { "cr": "bank/main", "amount": "50.00" }
        ]
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::EntryTooFewLegs,
        Code::EntryTooManyLegs,
        Code::EntrySameAccount,
        Code::EntryUnbalanced,
        Code::SeriesExhausted,
    ];

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        visit_texts("", &mut self.legs, None, visit);
    }

    fn options(&self) -> Result<(), Rejection> {
        match (self.count, &self.until) {
            (Some(_), Some(_)) => Err(schema("/until", "either a count or a last day")),
            (Some(0), None) => Err(schema("/count", "a run at least")),
            (Some(_) | None, None) | (None, Some(_)) => Ok(()),
        }
    }

    fn subject(&self) -> Option<&str> {
        self.legs.first().map(|leg| leg.place().0)
    }

    fn place(&self, account: &str) -> Option<String> {
        self.order().place(account)
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        self.check_calendar(book)?;
        self.order().dates()?;
        let days = self.days(book)?;
        let runs = Runs::of(self, &days, facts, book)?;
        let template = self.template(&runs, facts, book)?;
        Plan::check_series(book, SERIES, "")?;
        for day in &runs.posted {
            plan.post(*day, *day);
            for leg in &template.legs {
                plan.leg(*leg);
            }
        }
        if runs.posted.is_empty() {
            plan.expected.extend(&template.legs);
        }
        let number = plan.number(book, SERIES, "")?;
        plan.document(self.schedule(&number, &runs, template.unit));
        if let Some(next) = runs.next {
            plan.effects.push(Effect::Keep {
                document: number.as_str().into(),
                job: Some(Box::new(KeptJob::of(facts.envelope))),
            });
            plan.alarm(run::WORK, &number, Some(book.zone().start_of(next)));
        }
        show(book, plan, (&number, &template.legs), &runs)
    }
}

/// The legs of a run.
struct Template {
    legs: Vec<Leg>,
    unit: UnitIndex,
}

/// Which runs are posted at once, which are not, and when the next one comes.
struct Runs {
    posted: Vec<Date>,
    skipped: Vec<Date>,
    /// How many have been dealt with.
    done: u32,
    next: Option<Date>,
}

impl Runs {
    /// Step 5: the runs whose day has come. If none of them can be posted and none comes later the
    /// period of the first one refuses the job.
    fn of(job: &Post, days: &Days, facts: &Facts<'_>, book: &Book) -> Result<Self, Rejection> {
        let mut runs = Self {
            posted: Vec::new(),
            skipped: Vec::new(),
            done: 0,
            next: None,
        };
        let mut refused = None;
        while let Some(day) = days.run(job, runs.done) {
            if day > facts.today || runs.done == RUNS_AT_ONCE_MAX {
                runs.next = Some(day);
                break;
            }
            match book.may_post(day, facts.actor, facts.today) {
                Ok(()) => runs.posted.push(day),
                Err(refusal) => {
                    runs.skipped.push(day);
                    refused.get_or_insert(refusal);
                }
            }
            runs.done = runs.done.saturating_add(1);
        }
        match refused {
            Some(refusal) if runs.posted.is_empty() && runs.next.is_none() => {
                Err(refusal.at("/first"))
            }
            Some(_) | None => Ok(runs),
        }
    }
}

impl Post {
    fn order(&self) -> Order<'_> {
        Order {
            base: "",
            booking_date: None,
            value_date: None,
            document_ref: None,
            legs: &self.legs,
            asserted: &[],
        }
    }

    /// A calendar that nobody has is a mistake in the shape of the job.
    fn check_calendar(&self, book: &Book) -> Result<(), Rejection> {
        let any_day = Date::from_days(0);
        match &self.calendar {
            Some(name) if book.reference().calendar(name, any_day).is_none() => {
                let reason = "the book has no such calendar";
                Err(Rejection::schema(Code::SchemaInvalid, "/calendar", reason))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Step 5: first day and last.
    fn days(&self, book: &Book) -> Result<Days, Rejection> {
        let first = date(&self.first, "/first")?;
        let until = optional_date(self.until.as_ref(), "/until")?;
        if let Some(until) = until {
            not_before(first, until, "/until")?;
        }
        let reference = book.reference();
        let calendar = match &self.calendar {
            None => reference.book_calendar(first),
            Some(name) => reference
                .calendar(name, first)
                .unwrap_or(Calendar::EveryDay),
        };
        Ok(Days {
            first,
            until,
            calendar,
        })
    }

    /// Steps 6 to 9 for every run that is posted at once, or for the first one.
    fn template(&self, runs: &Runs, facts: &Facts<'_>, book: &Book) -> Result<Template, Rejection> {
        let order = self.order();
        let mut draft = Plan::default();
        let day = runs.posted.first().or(runs.next.as_ref());
        let day = day.copied().unwrap_or(facts.today);
        let drafted = order.amounts((day, day), book, &mut draft)?;
        order.refer(&drafted, facts, book, &draft)?;
        for day in runs.posted.iter().chain(&[day]) {
            let of_day = Drafted {
                booking: *day,
                legs: drafted.legs.clone(),
            };
            order.units(&of_day, book, &draft)?;
        }
        order.structure(&drafted, book, &draft)?;
        let first = draft.legs.first();
        let first = first.and_then(|leg| book.accounts().get(leg.account));
        Ok(Template {
            unit: first.map(|first| first.unit).unwrap_or_default(),
            legs: draft.legs,
        })
    }

    fn schedule(&self, number: &str, runs: &Runs, unit: UnitIndex) -> DocumentChange {
        let every = Value::text(self.every.text());
        let mut set: Members = vec![("every".into(), every)];
        let day = |text: &DateText| text.date().map(Value::Date);
        set.extend(day(&self.first).map(|first| ("first".into(), first)));
        set.extend(
            self.count
                .map(|count| ("count".into(), Value::count(count))),
        );
        let until = self.until.as_ref().and_then(day);
        set.extend(until.map(|until| ("until".into(), until)));
        let roll = self.roll.filter(|roll| *roll != Convention::None);
        set.extend(roll.map(|roll| ("roll".into(), Value::text(days::roll_text(roll)))));
        let calendar = self.calendar.as_ref();
        set.extend(calendar.map(|name| ("calendar".into(), Value::text(name.to_string()))));
        set.push(("runs".into(), Value::count(runs.done)));
        DocumentChange {
            number: number.into(),
            kind: DocumentKind::Schedule,
            state: state(runs.next),
            version: 1,
            unit,
            party: "".into(),
            due: runs.next,
            open: 0,
            set,
        }
    }
}

/// What the outcome shows.
fn show(
    book: &Book,
    plan: &mut Plan,
    (number, legs): (&str, &[Leg]),
    runs: &Runs,
) -> Result<(), Rejection> {
    let overflow = || {
        Rejection::new(Code::AmountOverflow)
            .at("/legs")
            .with_text("path", "/legs")
    };
    let (of_run, decimals) = plain_debits(book, legs).ok_or_else(overflow)?;
    let count = i128::try_from(runs.posted.len()).unwrap_or(i128::MAX);
    let total = of_run.checked_mul(count).ok_or_else(overflow)?;
    if runs.posted.len() < 2 {
        plan.show("entries", Value::count(runs.posted.len()));
    }
    plan.show("total", Value::amount(total, decimals));
    plan.show("schedule", Value::text(number.to_owned()));
    if !runs.skipped.is_empty() {
        let skipped = runs.skipped.iter().map(|day| Value::Date(*day));
        plan.show("skipped", Value::List(skipped.collect()));
    }
    if let Some(next) = runs.next {
        plan.show("next", Value::Date(next));
    }
    Ok(())
}

fn state(next: Option<Date>) -> DocumentState {
    match next {
        Some(_) => DocumentState::Active,
        None => DocumentState::Ended,
    }
}
