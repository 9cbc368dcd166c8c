//! Revenue that is earned over time: put on a schedule, or spread over the obligations of a
//! contract, and recognised bit by bit.
//!
//! | Kind                | Debit            | Credit           | Amount                       |
//! |---------------------|------------------|------------------|------------------------------|
//! | `revenue.schedule`  | –                | –                | nothing, if it waits already |
//! |                     | revenue accounts | `deferred/…`     | net that was earned at once  |
//! | `revenue.allocate`  | `ar/<customer>`  |                  | price                        |
//! |                     | `contract_asset` |                  | instead, if the role has one |
//! |                     |                  | `deferred/<id>`  | part of the obligation       |
//! | `revenue.recognise` | `deferred/…`     | `rev/…`          | what is earned since         |
//!
//! The price of a contract is an open item of its own, a `charge` of the series `CH` that payments
//! are allocated to; where the role `contract_asset` has an account it waits there to be billed.
//! Parts over time are cumulative ([`span`]); parts of a price are divided by largest remainder. A
//! schedule recognises one entry for each of its periods, dated the last day of the period, or the
//! first day of the first month that is open if that day's month is not. An obligation is
//! recognised by one entry of today for the whole difference. A credit note shortens the schedule
//! of its invoice ([`shorten`]).

mod allocate;
mod recognise;
mod schedule;
mod shorten;
mod span;

pub use allocate::{Allocate, ObligationData, Pattern};
pub use recognise::Recognise;
pub use schedule::{Method, Schedule};
pub(crate) use shorten::shorten;

use crate::code::Code;
use crate::ids::AccountIndex;
use crate::jobs::postings::open_account;
use crate::ledger::plan::echo;
use crate::ledger::value::member;
use crate::ledger::{Book, Document, DocumentKind, Facts, Members, Rejection, Value};
use crate::limits::BOOKING_DAYS_AHEAD_MAX;
use crate::money::Minor;
use crate::time::{Date, Month};

/// Members of the documents of this family.
mod facts {
    pub(super) const CURRENCY: &str = "currency";
    /// The open item of a contract's price.
    pub(super) const DOCUMENT: &str = "document";
    pub(super) const FROM: &str = "from";
    pub(super) const TO: &str = "to";
    pub(super) const METHOD: &str = "method";
    pub(super) const PARTS: &str = "parts";
    pub(super) const THROUGH: &str = "through";
    pub(super) const RECOGNISED: &str = "recognised";
    /// The day through which everything was recognised when the parts became what they are.
    pub(super) const SINCE: &str = "since";
    /// What credit notes took back.
    pub(super) const TAKEN_BACK: &str = "taken_back";
    pub(super) const OBLIGATIONS: &str = "obligations";
}

/// An amount that waits in one account and will be earned in another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    deferred: Box<str>,
    revenue: Box<str>,
    amount: Minor,
    /// What it was before credit notes took something back.
    whole: Minor,
}

impl Part {
    fn shown(&self, decimals: u8) -> Value {
        let mut shown: Members = vec![
            ("deferred".into(), Value::text(self.deferred.to_string())),
            ("revenue".into(), Value::text(self.revenue.to_string())),
            ("amount".into(), Value::amount(self.amount, decimals)),
        ];
        if self.whole != self.amount {
            shown.push(("whole".into(), Value::amount(self.whole, decimals)));
        }
        Value::Object(shown)
    }

    /// A part as a schedule keeps it.
    fn of(value: &Value) -> Option<Self> {
        let Value::Object(members) = value else {
            return None;
        };
        let amount = member(members, "amount").and_then(Value::minor)?;
        let whole = member(members, "whole").and_then(Value::minor);
        Some(Self {
            deferred: text(members, "deferred")?.into(),
            revenue: text(members, "revenue")?.into(),
            amount,
            whole: whole.unwrap_or(amount),
        })
    }

    /// Step 7: where it waits and where it is earned.
    fn accounts(&self, book: &Book, path: &str) -> Result<(AccountIndex, AccountIndex), Rejection> {
        let deferred = open_account(book, &self.deferred, path)?;
        Ok((deferred, open_account(book, &self.revenue, path)?))
    }
}

fn text<'m>(members: &'m Members, name: &str) -> Option<&'m str> {
    match member(members, name) {
        Some(Value::Text(text)) => Some(text),
        Some(_) | None => None,
    }
}

/// The document of a number, if it is of the kind.
fn find<'b>(
    book: &'b Book,
    number: &str,
    kind: DocumentKind,
    path: &str,
) -> Result<&'b Document, Rejection> {
    book.documents().of_kind(kind, number).ok_or_else(|| {
        Rejection::new(Code::DocumentNotFound)
            .at(path)
            .with_text("document", echo(number))
    })
}

/// The day on which something of a day is booked: that day, or the first day of the first month
/// behind it that takes the entry.
fn booked_on(day: Date, facts: &Facts<'_>, book: &Book, path: &str) -> Result<Date, Rejection> {
    let latest = facts.today.plus_days(BOOKING_DAYS_AHEAD_MAX);
    let latest = latest.unwrap_or(facts.today);
    let beyond = |date: Date| {
        Rejection::new(Code::DateOutOfRange)
            .at(path)
            .with("value", Value::Date(date))
            .with("latest", Value::Date(latest))
    };
    if day > latest {
        return Err(beyond(day));
    }
    let Err(closed) = book.may_post(day, facts.actor, facts.today) else {
        return Ok(day);
    };
    let next = |month: Month| month.last_day()?.plus_days(1);
    let mut later = next(day.month());
    while let Some(first) = later.filter(|first| *first <= latest) {
        if book.may_post(first, facts.actor, facts.today).is_ok() {
            return Ok(first);
        }
        later = next(first.month());
    }
    Err(closed.at(path))
}

fn overflow(path: &str) -> Rejection {
    Rejection::new(Code::AmountOverflow)
        .at(path)
        .with_text("path", path)
}
