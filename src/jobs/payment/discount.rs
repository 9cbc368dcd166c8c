//! Discount for early payment: what a payment in time may leave open.
//!
//! | Debit                                  | Credit          | Amount                    |
//! |----------------------------------------|-----------------|---------------------------|
//! |                                        | `ar/<customer>` | open − paid               |
//! | tax account of each group              |                 | round(part × tax / gross) |
//! | `rev/skonto_<rate>`, else `rev/skonto` |                 | rest of the part          |
//!
//! The value date decides, and only a payment that names the document is meant for it.

use super::items::Item;
use crate::jobs::currency::Currency;
use crate::jobs::receivable::{Correction, mode};
use crate::ledger::value::member;
use crate::ledger::{Book, Document, Rejection, Value};
use crate::money::{Minor, Number, Percent, Ratio};
use crate::time::Date;

/// The discount that comes with paying so much of a document on a value date; zero if none does.
pub(super) fn earned(book: &Book, document: &Document, paid: Minor, value: Date) -> Minor {
    let open = document.open;
    let largest = largest(book, document, value).unwrap_or_default();
    if open - largest <= paid && paid < open {
        open - paid
    } else {
        0
    }
}

/// The largest discount on what is open; none if the terms give none on that day.
fn largest(book: &Book, document: &Document, value: Date) -> Option<Minor> {
    let discount = object(document.member("terms")).and_then(|terms| member(terms, "discount"));
    let discount = object(discount)?;
    let Some(Value::Date(until)) = member(discount, "until") else {
        return None;
    };
    let Some(Value::Text(percent)) = member(discount, "percent") else {
        return None;
    };
    if value > *until {
        return None;
    }
    let percent = Percent::new(Number::parse(percent).ok()?).ok()?;
    let share = Ratio::whole(document.open).times(percent.factor()?)?;
    Some(share.round(mode(book, document)))
}

fn object(value: Option<&Value>) -> Option<&crate::ledger::Members> {
    match value {
        Some(Value::Object(members)) => Some(members),
        Some(_) | None => None,
    }
}

/// What the discount of an item posts, if it has one; with sign −1 what takes it back.
pub(super) fn correction<'a>(
    book: &'a Book,
    currency: &Currency<'_>,
    item: &Item<'_>,
    sign: Minor,
    path: &str,
) -> Result<Option<Correction<'a>>, Rejection> {
    if item.discount == 0 {
        return Ok(None);
    }
    let role = |group: &crate::jobs::receivable::Group<'_>| {
        let last = "rev/skonto".to_owned();
        match group.rate {
            "" => [last.clone(), last],
            rate => [format!("rev/skonto_{rate}"), last],
        }
    };
    let amount = item.discount * sign;
    Correction::of(book, currency, item.document, amount, role, path).map(Some)
}
