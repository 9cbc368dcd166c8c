//! Subscriptions: a price for every period, billed ahead, earned over the period.
//!
//! | Kind                  | Debit                 | Credit                | Amount            |
//! |-----------------------|-----------------------|-----------------------|-------------------|
//! | `subscription.renew`  | `ar/<customer>`       |                       | payable           |
//! |                       | `credit/<customer>`   |                       | set off           |
//! |                       |                       | `deferred/<customer>` | price             |
//! |                       |                       | tax account           | tax               |
//! | `subscription.change` | `ar/<customer>`       | `deferred/<customer>` | new − old, if > 0 |
//! |                       | `deferred/<customer>` | `credit/<customer>`   | old − new, if > 0 |
//!
//! A book without `deferred/<customer>` earns at once: the revenue account of the subscription,
//! else `rev/subscription`, stands in its place. Tax follows the tax code of the subscription, if
//! it has one. A renewal is an invoice of the series `INV` in everything ([`super::invoice`]); it
//! is made once for a period. A period is half open: its last day is the one before `to`.
//!
//! A bill in a foreign currency takes the rate that the job gives, else the one that the book's
//! records of `rate` have for the day of issue.
//!
//! Producers name subscriptions as they like: a name is one among the subscriptions of the book,
//! and says nothing about numbers of documents.

mod change;
mod proration;
mod renew;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use change::Change;
pub use renew::Renew;

use super::billing::{Bill, BillLine, TaxRounding};
use super::currency::Currency;
use super::exchange::{Guard, Offer, RateData};
use super::invoice::order::{Dates, Deferral, Order, OrderLine, Reserved, Role, Until};
use crate::code::Code;
use crate::ledger::plan::{date, echo, optional_date};
use crate::ledger::value::member;
use crate::ledger::{Book, Document, DocumentKind, Members, Rejection, Value};
use crate::money::{Minor, Number, Price, RateValue, Ratio, Rounding, print_minor};
use crate::time::{Date, DateText};

/// Series of the bills.
const SERIES: &str = "INV";
/// Member of a subscription: the period that was billed last.
const PERIOD: &str = "period";
/// Where the subscription stands in the data.
const PATH: &str = "/subscription";

/// Where the rate stands in the data.
const RATE: &str = "/rate";

/// Steps 5 and 6: the rate that a job gives.
fn given_rate(rate: Option<&RateData>) -> Result<Option<RateValue>, Rejection> {
    let Some(rate) = rate else {
        return Ok(None);
    };
    optional_date(rate.as_of.as_ref(), "/rate/as_of")?;
    rate.read(RATE).map(Some)
}

/// The rate of a bill: the one given, else the one of the records.
fn rated<'r>(
    (data, given): (Option<&'r RateData>, Option<RateValue>),
    listed: Option<&'r RateData>,
    path: &str,
) -> Result<Option<Offer<'r>>, Rejection> {
    let offer = |data, rate, listed| Offer { data, rate, listed };
    if let Some(data) = data {
        return Ok(given.map(|rate| offer(data, rate, false)));
    }
    let listed = listed.map(|data| Ok(offer(data, data.read(path)?, true)));
    listed.transpose()
}

/// A period: from its first day to the first day of the next one.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// First day.
    pub from: DateText,
    /// First day of the next period.
    pub to: DateText,
}

impl Period {
    /// Step 5.
    fn read(&self) -> Result<(Date, Date), Rejection> {
        let from = date(&self.from, "/period/from")?;
        let to = date(&self.to, "/period/to")?;
        if to <= from {
            return Err(Rejection::new(Code::DateInvalid)
                .at("/period/to")
                .with("value", Value::Date(to)));
        }
        Ok((from, to))
    }
}

/// What a subscription costs and who pays it.
#[derive(Clone, Debug)]
struct Terms<'a> {
    customer: Cow<'a, str>,
    currency: &'a str,
    price: Price,
    tax: Option<Cow<'a, str>>,
    revenue: Option<Cow<'a, str>>,
}

impl<'a> Terms<'a> {
    /// The terms that a subscription keeps.
    fn stored(document: &'a Document) -> Option<Self> {
        let named = |name: &str| {
            let text = document.text(name);
            (!text.is_empty()).then_some(Cow::Borrowed(text))
        };
        Some(Self {
            customer: Cow::Borrowed(&*document.party),
            currency: document.text("currency"),
            price: Price::new(Number::parse(document.text("price")).ok()?).ok()?,
            tax: named("tax"),
            revenue: named("revenue"),
        })
    }
}

/// The period that was billed last: its first and its last day. One that the configuration brought
/// has none yet.
fn billed(subscription: &Document) -> Option<(Date, Date)> {
    let Some(Value::Object(members)) = subscription.member(PERIOD) else {
        return None;
    };
    let day = |name: &str| member(members, name).and_then(Value::date);
    Some((day("from")?, day("to")?))
}

/// The subscription of an id.
fn find<'a>(book: &'a Book, id: &str) -> Option<&'a Document> {
    book.documents().of_kind(DocumentKind::Subscription, id)
}

/// The refusal of an id that names no subscription.
fn not_found(id: &str) -> Rejection {
    Rejection::new(Code::DocumentNotFound)
        .at(PATH)
        .with_text("document", echo(id))
}

/// A price in minor units, rounded.
fn rounded(price: Price, decimals: u8, mode: Rounding) -> Option<Minor> {
    Some(price.minor_ratio(decimals)?.round(mode))
}

/// A price as it is shown: with the decimals of its currency, or with those it has.
fn shown_price(price: Price, decimals: u8) -> Value {
    let exact = price.minor_ratio(decimals).map(Ratio::floor_and_rest);
    Value::text(match exact {
        Some((minor, rest)) if !rest.is_positive() => print_minor(minor, decimals),
        Some(_) | None => price.to_string(),
    })
}

/// A line of a bill: its net, and the days over which it is earned.
struct Line {
    amount: Minor,
    from: Date,
    last: Date,
}

/// The bill of a subscription's lines.
fn order<'a>(
    terms: &Terms<'a>,
    currency: Currency<'a>,
    dates: Dates,
    lines: &[Line],
    (mode, rate, guard): (Rounding, Option<Offer<'a>>, Guard),
    shown: Members,
) -> Order<'a> {
    let numbers = lines.iter().map(|line| BillLine {
        terms: None,
        amount: line.amount,
        group: 0,
    });
    let names = lines.iter().map(|line| OrderLine {
        tax: terms.tax.clone(),
        tax_path: PATH.into(),
        revenue: terms.revenue.clone(),
        revenue_path: PATH.into(),
        earned: None,
        role: Role::Subscription,
        defer: Some(Deferral {
            from: line.from,
            until: Until::Day(line.last),
        }),
        defer_path: PATH.into(),
    });
    Order {
        rate,
        guard,
        customer: terms.customer.clone(),
        customer_path: PATH,
        series: SERIES,
        series_path: PATH,
        currency_path: PATH,
        rate_path: RATE,
        dates,
        discount: None,
        bill: Bill {
            decimals: currency.decimals(),
            mode,
            tax_rounding: TaxRounding::DocumentGroup,
            inclusive: false,
            factors: Vec::new(),
            lines: numbers.collect(),
            allowances: Vec::new(),
            charges: Vec::new(),
        },
        lines: names.collect(),
        lines_path: PATH,
        allowances: Vec::new(),
        charges: Vec::new(),
        prepaid: 0,
        apply_credit: false,
        reserved: Reserved::default(),
        coin: None,
        natural: None,
        usage: Vec::new(),
        shown,
        currency,
    }
}

/// The day before: the last one of a half-open period.
fn day_before(day: Date) -> Date {
    day.plus_days(-1).unwrap_or(day)
}
