//! `query.open_items`: which documents customers have not paid, and how late they are.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Asked, Question, Unanswered};
use crate::ids::UnitIndex;
use crate::jobs::fields::Id;
use crate::jobs::receivable::reductions;
use crate::ledger::plan::optional_date;
use crate::ledger::value::Members;
use crate::ledger::{Book, Document, Value};
use crate::money::Minor;
use crate::time::{Date, DateText};

/// The buckets of age, by days since the due date: name and last day.
const BUCKETS: [(&str, i32); 4] = [("not_due", 0), ("1-30", 30), ("31-60", 60), ("61-90", 90)];
/// What is older than all of them.
const OLDEST: &str = "90+";

/// Ask for open items.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenItems {
    /// Whose; everybody's by default.
    pub customer: Option<Id>,
    /// At the end of this day, by value dates; today by default.
    pub as_of: Option<DateText>,
}

/// A document with what was open of it on a day.
struct Item<'a> {
    number: &'a str,
    document: &'a Document,
    open: Minor,
    /// Days since it was due; below 1 if it is not due.
    days: i32,
}

impl Question for OpenItems {
    const NAME: &'static str = "query.open_items";
    const SUMMARY: &'static str = "Open items of customers by age.";
    const EXAMPLE: &'static str = r#"{ "customer": "cust-1", "as_of": "2026-12-31" }"#;

    fn answer(&self, asked: &Asked<'_>) -> Result<Members, Unanswered> {
        let as_of = optional_date(self.as_of.as_ref(), "/as_of")?;
        let as_of = as_of.unwrap_or(asked.today);
        let book = asked.book;
        let documents = book.documents().iter();
        let mut items: Vec<Item<'_>> = documents
            .filter(|(_, document)| document.is_receivable())
            .filter(|(_, document)| {
                let wanted = self.customer.as_deref();
                wanted.is_none_or(|customer| customer == &*document.party)
            })
            .filter_map(|(number, document)| Item::of(number, document, as_of))
            .collect();
        items.sort_by(|one, other| {
            let key = |item: &Item<'_>| (item.document.due, item.number.to_owned());
            (&one.document.party, key(one)).cmp(&(&other.document.party, key(other)))
        });
        let mut sums: BTreeMap<UnitIndex, BTreeMap<&str, Minor>> = BTreeMap::new();
        for item in &items {
            let unit = sums.entry(item.document.unit).or_default();
            *unit.entry(item.bucket()).or_default() += item.open;
        }
        let mut answer: Members = vec![("as_of".into(), Value::Date(as_of))];
        if let Some(customer) = &self.customer {
            answer.push(("customer".into(), Value::text(customer.to_string())));
        }
        let (buckets, totals) = shown_sums(book, &sums);
        answer.push(("buckets".into(), buckets));
        answer.push(("total".into(), totals));
        let rows = items.iter().map(|item| item.shown(book));
        answer.push(("rows".into(), Value::List(rows.collect())));
        Ok(answer)
    }
}

/// The names of the buckets in their order.
pub fn buckets() -> impl Iterator<Item = &'static str> {
    BUCKETS.iter().map(|(name, _)| *name).chain([OLDEST])
}

impl<'a> Item<'a> {
    /// A document on a day; none if nothing was open of it.
    fn of(number: &'a str, document: &'a Document, as_of: Date) -> Option<Self> {
        if let Some(Value::Date(issued)) = document.member("issue_date")
            && *issued > as_of
        {
            return None;
        }
        let later = reductions(document).into_iter();
        let later = later.filter(|(on, _)| *on > as_of);
        let open = document.open + later.map(|(_, amount)| amount).sum::<Minor>();
        let days = document
            .due
            .map_or(0, |due| as_of.days().saturating_sub(due.days()));
        (open > 0).then_some(Self {
            number,
            document,
            open,
            days,
        })
    }

    fn bucket(&self) -> &'static str {
        let mut known = BUCKETS.iter();
        let bucket = known.find(|(_, last)| self.days <= *last);
        bucket.map_or(OLDEST, |(name, _)| name)
    }

    fn shown(&self, book: &Book) -> Value {
        let unit = self.document.unit;
        let open = Value::amount(self.open, book.units().decimals(unit));
        let text = |text: &str| Value::text(text.to_owned());
        let mut shown: Members = vec![
            ("document".into(), text(self.number)),
            ("customer".into(), text(&self.document.party)),
            (
                "account".into(),
                text(&format!("ar/{}", self.document.party)),
            ),
            ("unit".into(), text(book.units().code(unit))),
        ];
        if let Some(due) = self.document.due {
            shown.push(("due".into(), Value::Date(due)));
        }
        shown.push(("days".into(), Value::count(self.days.max(0))));
        shown.push(("bucket".into(), Value::text(self.bucket())));
        shown.push(("state".into(), Value::text(self.document.state.text())));
        shown.push(("open".into(), open.clone()));
        shown.push(("balance".into(), open));
        Value::Object(shown)
    }
}

/// Sums by unit and bucket, and by unit.
fn shown_sums(book: &Book, sums: &BTreeMap<UnitIndex, BTreeMap<&str, Minor>>) -> (Value, Value) {
    let (mut by_bucket, mut totals) = (Members::new(), Members::new());
    for (unit, sums) in sums {
        let code = book.units().code(*unit).to_owned();
        let decimals = book.units().decimals(*unit);
        let amount = |minor: Minor| Value::amount(minor, decimals);
        let of = |name: &str| sums.get(name).copied().unwrap_or_default();
        let each = buckets().map(|name| (name.into(), amount(of(name))));
        by_bucket.push((code.clone().into(), Value::Object(each.collect())));
        totals.push((code.into(), amount(sums.values().sum())));
    }
    (Value::Object(by_bucket), Value::Object(totals))
}
