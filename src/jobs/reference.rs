//! Reference data: the one way to change it after a book's first start. No postings.
//!
//! Old and new value stay in the journal: every change is a version of its record with an actor and a
//! reason.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contract::JobKind;
use super::fields::{Id, Text};
use crate::code::Code;
use crate::ledger::plan::optional_date;
use crate::ledger::reference::{Record, Reference};
use crate::ledger::{Book, Effect, Facts, Plan, Rejection, Value};
use crate::limits::SERIES_WIDTH_DEFAULT;
use crate::raw_json::RawJson;
use crate::time::DateText;

/// The records that may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordCode {
    /// A tax code.
    Tax,
    /// A named rate over time.
    Rate,
    /// A price of an item.
    Price,
    /// A calendar of business days.
    Calendar,
    /// A number range.
    Series,
    /// The account of a role.
    RoleAccount,
    /// An approval policy. Not built in this release.
    Policy,
    /// A user's roles.
    User,
    /// A fee plan.
    FeePlan,
    /// Retention periods.
    Retention,
    /// The book's rounding.
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

/// Set a reference record.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Type of the record.
    pub record: RecordCode,
    /// Its name.
    pub name: Id,
    /// Its value; the shape follows from the type.
    pub value: RawJson,
    /// First day, today or later. From the beginning by default.
    pub valid_from: Option<DateText>,
    /// Why. Personal text.
    pub reason: Text,
}

/// The value of a series record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeriesValue {
    next: Option<u64>,
    width: Option<u8>,
}

impl JobKind for Set {
    const SUMMARY: &'static str =
        "Set a reference record: a tax code, a price, a series, a user's roles, …";
    const EXAMPLE: &'static str = r#"{
        "record": "tax", "name": "DE7", "value": { "category": "S", "rate": "7" },
        "reason": "reduced rate"
    }"#;
    const ACTOR_NEEDED: bool = true;

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        visit("/reason", &mut self.reason);
    }

    fn options(&self) -> Result<(), Rejection> {
        if self.record == RecordCode::Policy {
            let reason = "approval policies are not built yet";
            return Err(Rejection::schema(
                Code::UnsupportedOption,
                "/record",
                reason,
            ));
        }
        let shape = if self.record == RecordCode::Series {
            self.series().map(|_series| ())
        } else {
            Reference::check(self.record.into(), &self.value)
        };
        shape.map_err(|reason| Rejection::schema(Code::SchemaInvalid, "/value", reason))
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let valid_from = optional_date(self.valid_from.as_ref(), "/valid_from")?;
        if valid_from.is_some_and(|from| from < facts.today) {
            return Err(Rejection::new(Code::DateOutOfRange)
                .at("/valid_from")
                .with("earliest", Value::Date(facts.today)));
        }
        let record = Record::from(self.record);
        let versions = book.reference().versions(record, &self.name).len();
        if let (RecordCode::Series, Ok((next, width))) = (self.record, self.series()) {
            if book
                .series_table()
                .get(&*self.name)
                .is_some_and(|known| next < known.next)
            {
                let reason = "a series never goes back: numbers would be given twice";
                return Err(Rejection::schema(
                    Code::SchemaInvalid,
                    "/value/next",
                    reason,
                ));
            }
            plan.effects.push(Effect::Series {
                name: self.name.as_str().into(),
                next,
                width,
            });
        }
        plan.effects.push(Effect::Reference {
            record,
            name: self.name.as_str().into(),
            valid_from,
            value: self.value.clone(),
        });
        plan.show("record", Value::text(record.text()));
        plan.show("name", Value::text(self.name.to_string()));
        plan.show("version", Value::count(versions.saturating_add(1)));
        Ok(())
    }
}

impl Set {
    fn series(&self) -> Result<(u64, u8), String> {
        let value: SeriesValue = self.value.read()?;
        let (next, width) = (
            value.next.unwrap_or(1),
            value.width.unwrap_or(SERIES_WIDTH_DEFAULT),
        );
        if next == 0 || !(1..=18).contains(&width) {
            return Err("next is 1 or more, width 1 to 18".to_owned());
        }
        Ok((next, width))
    }
}
