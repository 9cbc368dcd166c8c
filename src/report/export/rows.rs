//! Entries as rows of CSV, one per leg, and as lines of JSON, one per entry.

use super::Entry;
use crate::ids::UnitIndex;
use crate::ledger::effect::{Nature, Post};
use crate::ledger::value::Members;
use crate::ledger::{Account, Book, Leg, Value};
use crate::report::render::{RenderFault, csv_line, json_line};

/// The columns of CSV.
const COLUMNS: [&str; 16] = [
    "book",
    "entry_no",
    "leg_no",
    "system_time",
    "booking_date",
    "value_date",
    "account",
    "unit",
    "side",
    "amount_minor",
    "scale",
    "document",
    "kind",
    "key",
    "reversal_of",
    "nature",
];

/// The first line of CSV.
pub(super) fn heading() -> Result<String, RenderFault> {
    csv_line(COLUMNS.map(|name| Some(Value::text(name))))
}

/// The rows of an entry. An opening has number 0 and neither kind nor key.
pub(super) fn csv(book: &Book, entry: &Entry<'_>) -> Result<String, RenderFault> {
    let post = entry.post;
    let mut out = String::new();
    for (leg, number) in entry.legs.iter().zip(1_i64..) {
        let (name, unit) = place(book, leg);
        let row = [
            Some(word(book.name())),
            Some(Value::count(post.number.0)),
            Some(Value::Int(number)),
            Some(Value::text(entry.recorded_at.to_string())),
            Some(Value::Date(post.booking_date)),
            Some(Value::Date(leg.value_date.unwrap_or(post.value_date))),
            Some(word(name)),
            Some(word(book.units().code(unit))),
            Some(Value::text(leg.side.text())),
            Some(Value::Int(leg.amount)),
            Some(Value::Int(book.units().decimals(unit).into())),
            entry.document.map(word),
            (!post.opening).then(|| word(entry.kind)),
            (!post.opening).then(|| word(entry.key)),
            post.reverses.map(|other| Value::count(other.0)),
            marked(post),
        ];
        out.push_str(&csv_line(row)?);
    }
    Ok(out)
}

/// The line of an entry.
pub(super) fn json(book: &Book, entry: &Entry<'_>) -> Result<String, RenderFault> {
    let post = entry.post;
    let mut line: Members = vec![
        ("book".into(), word(book.name())),
        ("entry_no".into(), Value::count(post.number.0)),
        (
            "system_time".into(),
            Value::text(entry.recorded_at.to_string()),
        ),
        ("booking_date".into(), Value::Date(post.booking_date)),
        ("value_date".into(), Value::Date(post.value_date)),
    ];
    let mut fact = |name: &'static str, value: Option<Value>| {
        line.extend(value.map(|value| (name.into(), value)));
    };
    fact("document", entry.document.map(word));
    if post.opening {
        fact("opening", Some(Value::Bool(true)));
    } else {
        fact("kind", Some(word(entry.kind)));
        fact("key", Some(word(entry.key)));
    }
    fact(
        "reversal_of",
        post.reverses.map(|other| Value::count(other.0)),
    );
    fact("nature", marked(post));
    let legs = entry
        .legs
        .iter()
        .map(|leg| Value::Object(members(book, leg)));
    line.push(("legs".into(), Value::List(legs.collect())));
    json_line(&line)
}

/// What an entry is marked as.
fn marked(post: &Post) -> Option<Value> {
    (post.nature != Nature::Plain).then(|| Value::text(post.nature.text()))
}

fn members(book: &Book, leg: &Leg) -> Members {
    let (name, unit) = place(book, leg);
    let mut members: Members = vec![
        ("account".into(), word(name)),
        ("side".into(), Value::text(leg.side.text())),
        (
            "amount".into(),
            Value::amount(leg.amount, book.units().decimals(unit)),
        ),
        ("unit".into(), word(book.units().code(unit))),
    ];
    let day = leg.value_date.map(Value::Date);
    members.extend(day.map(|day| ("value_date".into(), day)));
    members
}

fn place<'b>(book: &'b Book, leg: &Leg) -> (&'b str, UnitIndex) {
    let of = |account: &'b Account| (&*account.name, account.unit);
    book.accounts().get(leg.account).map(of).unwrap_or_default()
}

fn word(text: &str) -> Value {
    Value::text(text.to_owned())
}
