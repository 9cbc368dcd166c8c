//! One entry with its legs.

use super::{Column, Table, cells};
use crate::ledger::effect::Nature;
use crate::ledger::value::Members;
use crate::ledger::{Book, Leg, Post, Side, Value};

const COLUMNS: [Column; 5] = [
    Column::words("account"),
    Column::words("unit"),
    Column::figures("debit"),
    Column::figures("credit"),
    Column::words("value_date"),
];

/// An entry of a book. Openings have the number 0.
pub fn entry(book: &Book, post: &Post, legs: &[Leg]) -> Table {
    let facts = facts(book, post);
    let rows = legs.iter().map(|leg| {
        let side = leg.side.text();
        cells(&COLUMNS, &Value::Object(leg_members(book, leg, side)))
    });
    let rows = rows.collect();
    let mut json = facts.clone();
    let legs = legs.iter().map(|leg| {
        let mut members = leg_members(book, leg, "amount");
        // In JSON a leg looks as it does in the job that posts it.
        if let Some((name, _)) = members.first_mut() {
            *name = match leg.side {
                Side::Debit => "dr".into(),
                Side::Credit => "cr".into(),
            };
        }
        Value::Object(members)
    });
    json.push(("legs".into(), Value::List(legs.collect())));
    Table {
        title: "Entry".to_owned(),
        facts,
        columns: COLUMNS.to_vec(),
        rows,
        totals: Vec::new(),
        json,
        absent: &[],
    }
}

fn facts(book: &Book, post: &Post) -> Members {
    let mut facts = vec![
        ("book".into(), Value::text(book.name().to_owned())),
        ("entry_no".into(), Value::count(post.number.0)),
        ("booking_date".into(), Value::Date(post.booking_date)),
        ("value_date".into(), Value::Date(post.value_date)),
    ];
    let mut fact = |name: &'static str, value: Option<Value>| {
        facts.extend(value.map(|value| (name.into(), value)));
    };
    let reference = post.document_ref.as_deref();
    fact(
        "document_ref",
        reference.map(|text| Value::text(text.to_owned())),
    );
    fact("reverses", post.reverses.map(|other| Value::count(other.0)));
    let reversed_by = book.reversed_by(post.number);
    fact("reversed_by", reversed_by.map(|by| Value::count(by.0)));
    fact("opening", post.opening.then_some(Value::Bool(true)));
    fact("owned", post.owned.then_some(Value::Bool(true)));
    let is = |nature| (post.nature == nature).then_some(Value::Bool(true));
    fact("general_reversal", is(Nature::GeneralReversal));
    fact("adjustment", is(Nature::Adjustment));
    fact("closing", is(Nature::Closing));
    facts
}

fn leg_members(book: &Book, leg: &Leg, amount: &'static str) -> Members {
    let account = book.accounts().get(leg.account);
    let name = account.map_or("", |account| &*account.name);
    let unit = account.map_or("", |account| book.units().code(account.unit));
    let decimals = account.map_or(0, |account| book.units().decimals(account.unit));
    let mut members = vec![
        ("account".into(), Value::text(name.to_owned())),
        (amount.into(), Value::amount(leg.amount, decimals)),
        ("unit".into(), Value::text(unit.to_owned())),
    ];
    members.extend(
        leg.value_date
            .map(|date| ("value_date".into(), Value::Date(date))),
    );
    members
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jobs::desk::Desk;
    use crate::ledger::Effect;
    use crate::report::{Format, render};

    #[test]
    fn an_entry_shows_its_legs_on_their_sides() {
        let rows = [
            ("bank/main", "EUR", "asset", "100.00", None),
            ("exp/office", "EUR", "expense", "0.00", None),
        ];
        let mut desk = Desk::new(&rows, &[]);
        let legs = json!([
            { "dr": "exp/office", "amount": "12.50", "value_date": "2026-12-30" },
            { "cr": "bank/main", "amount": "12.50" },
        ]);
        desk.run(
            "entry.post",
            &json!({ "document_ref": "R-7", "legs": legs }),
        );
        let commit = desk.commits.last().unwrap();
        let post = commit.effects.iter().find_map(Effect::as_post).unwrap();
        let table = entry(desk.book(), post, commit.legs(&post.legs));

        let json: serde_json::Value =
            serde_json::from_str(&render(&table, Format::Json).unwrap()).unwrap();
        let expected = json!({
            "book": "main", "entry_no": 1, "booking_date": "2027-01-01",
            "value_date": "2027-01-01", "document_ref": "R-7",
            "legs": [
                { "dr": "exp/office", "amount": "12.50", "unit": "EUR",
                  "value_date": "2026-12-30" },
                { "cr": "bank/main", "amount": "12.50", "unit": "EUR" },
            ],
        });
        assert_eq!(json, expected);
        let csv = render(&table, Format::Csv).unwrap();
        assert_eq!(csv.lines().nth(1), Some("exp/office,EUR,12.50,,2026-12-30"));
        assert_eq!(csv.lines().nth(2), Some("bank/main,EUR,,12.50,"));
    }
}
