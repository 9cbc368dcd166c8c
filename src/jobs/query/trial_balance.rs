//! `report.trial_balance`: every account, and both sides of every unit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figures::{DateKind, Figures, by_name};
use super::{Asked, Question, Unanswered};
use crate::ledger::Value;
use crate::ledger::plan::optional_date;
use crate::ledger::value::Members;
use crate::time::DateText;

/// Ask for the trial balance: every account, and both sides of every unit.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialBalance {
    /// By entries booked until the end of this day; now by default.
    pub as_of: Option<DateText>,
    /// Whether entries that close a period count. They do by default.
    pub after_close: Option<bool>,
}

impl Question for TrialBalance {
    const NAME: &'static str = "report.trial_balance";
    const SUMMARY: &'static str = "Trial balance: every account, and both sides of every unit.";
    const EXAMPLE: &'static str = r#"{ "as_of": "2026-12-31" }"#;

    fn answer(&self, asked: &Asked<'_>) -> Result<Members, Unanswered> {
        let Asked { book, entries, .. } = *asked;
        let as_of = optional_date(self.as_of.as_ref(), "/as_of")?;
        let cutoff = as_of.map(|date| (date, DateKind::Booking));
        let closed = self.after_close.unwrap_or(true);
        let figures = if closed {
            Figures::take(book, by_name(book), cutoff, entries)?
        } else {
            Figures::before_closing(book, by_name(book), cutoff, entries)?
        };
        let mut members = figures.head();
        let rows = figures.rows().map(|(account, figure)| {
            let mut row = figures.row(account, *figure);
            let (side, amount) = figure.side();
            row.push((side.text().into(), figures.amount(account, amount)));
            Value::Object(row)
        });
        members.push(("rows".into(), Value::List(rows.collect())));
        Ok(members)
    }
}
