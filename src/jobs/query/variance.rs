//! `report.variance`: what was planned against what was done, over some months.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Asked, Question, Unanswered};
use crate::code::Code;
use crate::ids::{AccountIndex, UnitIndex};
use crate::jobs::fields::Id;
use crate::jobs::invoice::order::not_before;
use crate::ledger::plan::date;
use crate::ledger::value::Members;
use crate::ledger::{Book, Rejection, Value};
use crate::money::{Minor, Ratio};
use crate::time::{Date, DateText};

/// Ask how far what was done lies from what was planned: what two lists of accounts moved.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variance {
    /// The accounts of the plan, such as `memo/…`.
    pub baseline: Vec<Id>,
    /// The accounts of what was done.
    pub actual: Vec<Id>,
    /// First booking date.
    pub from: DateText,
    /// Last booking date.
    pub to: DateText,
}

impl Question for Variance {
    const NAME: &'static str = "report.variance";
    const SUMMARY: &'static str = "What was planned against what was done, over some months.";
    const EXAMPLE: &'static str = r#"{
        "from": "2026-01-01", "to": "2026-12-31",
        "baseline": ["exp/sales"], "actual": ["exp/office"]
    }"#;

    fn answer(&self, asked: &Asked<'_>) -> Result<Members, Unanswered> {
        let Asked { book, entries, .. } = *asked;
        let from = date(&self.from, "/from")?;
        let to = not_before(from, date(&self.to, "/to")?, "/to")?;
        let mut unit = None;
        let baseline = listed(book, &self.baseline, "/baseline", &mut unit)?;
        let actual = listed(book, &self.actual, "/actual", &mut unit)?;
        let mut moved: BTreeMap<AccountIndex, Minor> = BTreeMap::new();
        entries.each(&mut |post, legs| {
            let inside = from <= post.booking_date && post.booking_date <= to;
            for leg in legs.iter().filter(|_| inside && !post.opening) {
                let Some(account) = book.accounts().get(leg.account) else {
                    continue;
                };
                let amount = Minor::from(leg.amount);
                *moved.entry(leg.account).or_default() += if leg.side == account.class.normal_side()
                {
                    amount
                } else {
                    -amount
                };
            }
        })?;
        let sum = |accounts: &[AccountIndex]| -> Minor {
            accounts.iter().filter_map(|index| moved.get(index)).sum()
        };
        let (baseline, actual) = (sum(&baseline), sum(&actual));
        let variance = baseline - actual;
        let per_month = Ratio::new(variance, months(from, to));
        let per_month = per_month.map(|exact| exact.round(book.reference().rounding()));
        let decimals = unit.map_or(0, |unit| book.units().decimals(unit));
        let amount = |minor| Value::amount(minor, decimals);
        let report = vec![
            ("baseline".into(), amount(baseline)),
            ("actual".into(), amount(actual)),
            ("variance".into(), amount(variance)),
            ("per_month".into(), amount(per_month.unwrap_or_default())),
        ];
        Ok(vec![
            ("from".into(), Value::Date(from)),
            ("to".into(), Value::Date(to)),
            ("report".into(), Value::Object(report)),
        ])
    }
}

/// The accounts of a list, each once, all in one unit.
fn listed(
    book: &Book,
    names: &[Id],
    path: &str,
    unit: &mut Option<UnitIndex>,
) -> Result<Vec<AccountIndex>, Rejection> {
    let mut found = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let path = format!("{path}/{at}");
        let index = book.account(name, &path)?;
        let own = book.accounts().get(index).map(|account| account.unit);
        let expected = *unit.get_or_insert(own.unwrap_or_default());
        if own != Some(expected) {
            let code = |unit: UnitIndex| book.units().code(unit).to_owned();
            return Err(Rejection::new(Code::CurrencyMismatch)
                .at(path)
                .with_text("account", name.to_string())
                .with_text("expected", own.map(code).unwrap_or_default())
                .with_text("got", code(expected)));
        }
        if !found.contains(&index) {
            found.push(index);
        }
    }
    Ok(found)
}

/// How many calendar months a span touches.
fn months(from: Date, to: Date) -> i128 {
    let count = |date: Date| {
        let month = date.month();
        i128::from(month.year) * 12 + i128::from(month.month)
    };
    count(to) - count(from) + 1
}
