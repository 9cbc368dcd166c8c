//! `query.balance`: balances of accounts, now or at the end of a day.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figures::{DateKind, Figures, by_name};
use super::{Asked, Question, Unanswered};
use crate::ids::AccountIndex;
use crate::jobs::fields::Id;
use crate::ledger::plan::optional_date;
use crate::ledger::value::Members;
use crate::ledger::{Book, Rejection, Value};
use crate::time::DateText;

/// Ask for balances of accounts.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// The accounts, answered in this order; all of the book by name if there is no list.
    pub accounts: Option<Vec<Id>>,
    /// At the end of this day; now by default.
    pub as_of: Option<DateText>,
    /// Which dates count for `as_of`. Booking dates by default.
    pub by: Option<DateKind>,
}

impl Question for Balance {
    const NAME: &'static str = "query.balance";
    const SUMMARY: &'static str = "Balances of accounts, now or at the end of a day.";
    const EXAMPLE: &'static str = r#"{ "accounts": ["bank/main"], "as_of": "2026-12-31" }"#;

    fn answer(&self, asked: &Asked<'_>) -> Result<Members, Unanswered> {
        let Asked { book, entries, .. } = *asked;
        let as_of = optional_date(self.as_of.as_ref(), "/as_of")?;
        let accounts = match &self.accounts {
            None => by_name(book),
            Some(names) => listed(book, names)?,
        };
        let by = self.by.unwrap_or_default();
        let figures = Figures::take(book, accounts, as_of.map(|date| (date, by)), entries)?;
        let mut members = figures.head();
        let balances = figures.rows().map(|(account, figure)| {
            let balance = figure.on_normal_side(account);
            (
                account.name.to_string().into(),
                figures.amount(account, balance),
            )
        });
        members.push(("balances".into(), Value::Object(balances.collect())));
        let rows = figures.rows().map(|(account, figure)| {
            let mut row = figures.row(account, *figure);
            if as_of.is_none() {
                row.push(("held".into(), figures.amount(account, account.held())));
                let available = figures.amount(account, account.available());
                row.push(("available".into(), available));
            }
            Value::Object(row)
        });
        members.push(("rows".into(), Value::List(rows.collect())));
        Ok(members)
    }
}

/// The accounts of a list in its order, each once.
fn listed(book: &Book, names: &[Id]) -> Result<Vec<AccountIndex>, Rejection> {
    let mut indices = Vec::with_capacity(names.len());
    let mut seen = BTreeSet::new();
    for (at, name) in names.iter().enumerate() {
        let index = book.account(name, &format!("/accounts/{at}"))?;
        if seen.insert(index) {
            indices.push(index);
        }
    }
    Ok(indices)
}
