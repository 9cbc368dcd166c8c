//! Reference data: the one way to change them after a book's first start.
//!
//! | Kind            | Debit | Credit | Amount            |
//! |-----------------|-------|--------|-------------------|
//! | `reference.set` | –     | –      | nothing is posted |
//!
//! A record has versions, each with its first day; rules ask for the one that holds on a date.
//! Setting a record never changes what held before today. Old and new stay in the journal.
//!
//! Three records have no versions and hold from one moment on, `series`, `rounding` and
//! `role_account`: for a later day the job is kept, and an alarm makes the change when that day
//! begins.
//!
//! Once a book has an approval policy, changing policies and users needs an approval.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

use super::JobData;
use super::approval::policy::check_kinds;
use super::contract::JobKind;
use super::fields::{Id, Text};
use super::later::{BeginsLater, keep};
use crate::code::Code;
use crate::ids::DueCode;
use crate::ledger::plan::optional_date;
use crate::ledger::records;
use crate::ledger::reference::{Record, Reference};
use crate::ledger::shape::Node;
use crate::ledger::{Book, Effect, Facts, Plan, Rejection, Value};
use crate::raw_json::RawJson;
use crate::time::{Date, DateText};

/// The records that jobs may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordCode {
    /// A tax code.
    Tax,
    /// A rate with its versions.
    Rate,
    /// A price list item.
    Price,
    /// A calendar.
    Calendar,
    /// A series of numbers.
    Series,
    /// The account of a role.
    RoleAccount,
    /// An approval policy.
    Policy,
    /// The roles of a user.
    User,
    /// A fee plan.
    FeePlan,
    /// How long things are kept.
    Retention,
    /// Rounding of taxes and invoices.
    Rounding,
}

impl From<RecordCode> for Record {
    fn from(code: RecordCode) -> Self {
        match code {
            RecordCode::Tax => Self::Tax,
            RecordCode::Rate => Self::Rate,
            RecordCode::Price => Self::Price,
            RecordCode::Calendar => Self::Calendar,
            RecordCode::Series => Self::Series,
            RecordCode::RoleAccount => Self::RoleAccount,
            RecordCode::Policy => Self::Policy,
            RecordCode::User => Self::User,
            RecordCode::FeePlan => Self::FeePlan,
            RecordCode::Retention => Self::Retention,
            RecordCode::Rounding => Self::Rounding,
        }
    }
}

/// Set a reference record: a tax, a rate, a price, a calendar, a series, a user.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Type of the record.
    pub record: RecordCode,
    /// Name of the record.
    pub name: Id,
    /// Its value; the shape follows from the type.
    pub value: RawJson,
    /// From when it holds: today by default, not earlier.
    pub valid_from: Option<DateText>,
    /// Why; personal text.
    pub reason: Text,
}

impl JobKind for Set {
    const SUMMARY: &'static str = "Set a reference record: a tax, a rate, a price, a calendar, …";
    const EXAMPLE: &'static str = r#"{
        "record": "tax", "name": "DE7", "value": { "category": "S", "rate": "7" },
        "reason": "reduced rate"
    }"#;
    const ACTOR_NEEDED: bool = true;

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        visit("/reason", &mut self.reason);
    }

    fn options(&self) -> Result<(), Rejection> {
        let mut checked = Reference::check(self.record.into(), &self.value);
        if self.record == RecordCode::Policy {
            let kinds = || check_kinds(&Node::new(self.value.clone(), ""));
            checked = checked.and_then(|()| kinds());
        }
        checked.map_err(|fault| {
            let path = format!("/value{}", fault.path);
            Rejection::schema(Code::SchemaInvalid, &path, fault.what)
        })
    }

    /// Whoever may change who approves could approve everything.
    fn always_approved(&self) -> bool {
        matches!(self.record, RecordCode::Policy | RecordCode::User)
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let from = self.first_day(facts.today)?;
        let record = Record::from(self.record);
        let before = book.reference().versions(record, &self.name).len();
        if self.holds_at_once() && from > facts.today {
            self.check(book)?;
            keep::<Self>(plan, facts, book, from);
        } else {
            self.change(book, from, plan)?;
        }
        self.show_name(plan);
        plan.show("version", Value::count(before.saturating_add(1)));
        plan.show("valid_from", Value::Date(from));
        Ok(())
    }
}

/// A series that has gone past the number it was to jump to misses: a number is never given twice.
impl BeginsLater for Set {
    const WORK: DueCode = DueCode(22);
    const CHANGED: &'static str = "reference.changed";
    const MISSED: &'static str = "reference.change_missed";

    fn of(job: &JobData) -> Option<&Self> {
        if let JobData::ReferenceSet(set) = job {
            Some(set)
        } else {
            None
        }
    }

    fn begin(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        self.change(book, facts.today, plan)?;
        self.show_name(plan);
        Ok(())
    }

    fn show_missed(&self, plan: &mut Plan) {
        self.show_name(plan);
    }
}

impl Set {
    fn first_day(&self, today: Date) -> Result<Date, Rejection> {
        let from = optional_date(self.valid_from.as_ref(), "/valid_from")?.unwrap_or(today);
        if from < today {
            return Err(Rejection::new(Code::DateOutOfRange)
                .at("/valid_from")
                .with("value", Value::Date(from))
                .with("earliest", Value::Date(today)));
        }
        Ok(from)
    }

    fn holds_at_once(&self) -> bool {
        matches!(
            self.record,
            RecordCode::Series | RecordCode::Rounding | RecordCode::RoleAccount
        )
    }

    /// Refuse now what would be refused on the day if nothing happened in between.
    fn check(&self, book: &Book) -> Result<(), Rejection> {
        if self.record == RecordCode::Series {
            self.series(book)?;
        }
        Ok(())
    }

    /// Make the change, with its first day.
    fn change(&self, book: &Book, from: Date, plan: &mut Plan) -> Result<(), Rejection> {
        if self.record == RecordCode::Series {
            plan.effects.push(self.series(book)?);
        }
        plan.effects.push(Effect::Reference {
            record: self.record.into(),
            name: self.name.as_str().into(),
            valid_from: Some(from),
            value: self.value.clone(),
        });
        Ok(())
    }

    fn show_name(&self, plan: &mut Plan) {
        plan.show("record", Value::text(Record::from(self.record).text()));
        plan.show("name", Value::text(self.name.to_string()));
    }

    /// A series goes on or jumps ahead. It never goes back, or a number would be given twice.
    fn series(&self, book: &Book) -> Result<Effect, Rejection> {
        let refusal = |path: &str, reason: String| {
            Rejection::schema(Code::SchemaInvalid, &format!("/value{path}"), reason)
        };
        let node = Node::new(self.value.clone(), "");
        let (next, width) =
            records::series(&node).map_err(|fault| refusal(&fault.path, fault.what))?;
        let known = book.series_table().get(self.name.as_str());
        if let Some(known) = known.filter(|known| known.next > next) {
            let reason = format!("next may not go back; the series stands at {}", known.next);
            return Err(refusal("/next", reason));
        }
        Ok(Effect::Series {
            name: self.name.as_str().into(),
            next,
            width,
        })
    }
}
