//! Balances and the trial balance, from the members of their answers.
//!
//! The answer is the JSON as it is, with the name of the book in front.

use super::{Column, Row, Table, cells};
use crate::ledger::Value;
use crate::ledger::value::{Members, member};

const BALANCES: [Column; 6] = [
    Column::words("account"),
    Column::words("class"),
    Column::words("unit"),
    Column::figures("balance"),
    Column::figures("held"),
    Column::figures("available"),
];

const TRIAL_BALANCE: [Column; 5] = [
    Column::words("account"),
    Column::words("class"),
    Column::words("unit"),
    Column::figures("debit"),
    Column::figures("credit"),
];

/// The answer to `query.balance` of a book.
pub fn balances(book: &str, answer: Members) -> Table {
    let now = member(&answer, "as_of").is_none();
    // What is held and available is known of now only.
    let columns = BALANCES.iter().take(if now { BALANCES.len() } else { 4 });
    table("Balances", book, columns.copied().collect(), answer)
}

/// The answer to `report.trial_balance` of a book, with the sums of both sides per unit.
pub fn trial_balance(book: &str, answer: Members) -> Table {
    let totals = totals(&answer);
    let columns = TRIAL_BALANCE.to_vec();
    let table = table("Trial balance", book, columns, answer);
    Table { totals, ..table }
}

/// Whether both sides of every unit are equal.
pub fn is_balanced(answer: &Members) -> bool {
    units(answer).all(|(_, sides)| side(sides, "debit") == side(sides, "credit"))
}

fn table(title: &str, book: &str, columns: Vec<Column>, answer: Members) -> Table {
    let rows = match member(&answer, "rows") {
        Some(Value::List(rows)) => rows.iter().map(|row| cells(&columns, row)).collect(),
        Some(_) | None => Vec::new(),
    };
    let mut json = vec![("book".into(), Value::text(book.to_owned()))];
    json.extend(answer);
    // What counts now, whatever its day.
    let now = member(&json, "as_of").is_none();
    let above = ["book", "sequence", "as_of", "by"];
    let facts = json
        .iter()
        .filter(|(name, _)| above.contains(&&**name))
        .cloned()
        .collect();
    Table {
        title: title.to_owned(),
        facts,
        columns,
        rows,
        totals: Vec::new(),
        json,
        absent: if now { &["as_of"] } else { &[] },
    }
}

fn totals(answer: &Members) -> Vec<Row> {
    let row = |(unit, sides): (&str, &Value)| {
        TRIAL_BALANCE
            .iter()
            .map(|column| match column.name {
                "account" => Some(Value::text("total")),
                "unit" => Some(Value::text(unit.to_owned())),
                name => side(sides, name).cloned(),
            })
            .collect()
    };
    units(answer).map(row).collect()
}

/// The units of an answer's `report`, with their sides.
fn units(answer: &Members) -> impl Iterator<Item = (&str, &Value)> {
    let report = match member(answer, "report") {
        Some(Value::Object(units)) => units.as_slice(),
        Some(_) | None => &[],
    };
    report.iter().map(|(unit, sides)| (&**unit, sides))
}

fn side<'v>(sides: &'v Value, name: &str) -> Option<&'v Value> {
    match sides {
        Value::Object(members) => member(members, name),
        Value::Bool(_)
        | Value::Int(_)
        | Value::Text(_)
        | Value::Amount { .. }
        | Value::Date(_)
        | Value::List(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Format, render};

    /// The answer of a book with one account of 10.00 on each side, and a credit set otherwise.
    fn answer(credit: i64) -> Members {
        let amount = |minor: i64| Value::amount(minor, 2);
        let row = |account: &'static str, class: &'static str, side: &'static str| {
            Value::Object(vec![
                ("account".into(), Value::text(account)),
                ("unit".into(), Value::text("EUR")),
                ("class".into(), Value::text(class)),
                ("balance".into(), amount(1_000)),
                (side.into(), amount(1_000)),
            ])
        };
        let sides = vec![
            ("debit".into(), amount(1_000)),
            ("credit".into(), amount(credit)),
        ];
        let rows = vec![
            row("bank/main", "asset", "debit"),
            row("equity/capital", "equity", "credit"),
        ];
        vec![
            ("sequence".into(), Value::Int(7)),
            (
                "report".into(),
                Value::Object(vec![("EUR".into(), Value::Object(sides))]),
            ),
            ("rows".into(), Value::List(rows)),
        ]
    }

    #[test]
    fn a_trial_balance_shows_both_sides_and_their_sums() {
        let table = trial_balance("main", answer(1_000));
        let text = render(&table, Format::Text).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let expected = [
            "Trial balance",
            "  book: main",
            "  sequence: 7",
            " account          class    unit   debit   credit",
            "─────────────────────────────────────────────────",
            " bank/main        asset    EUR    10.00",
            " equity/capital   equity   EUR             10.00",
            " total                     EUR    10.00    10.00",
        ];
        assert_eq!(lines, expected);
        let csv = render(&table, Format::Csv).unwrap();
        let lines: Vec<_> = csv.lines().collect();
        let expected = [
            "account,class,unit,debit,credit",
            "bank/main,asset,EUR,10.00,",
            "equity/capital,equity,EUR,,10.00",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_json_names_book_sequence_report_and_rows() {
        let table = balances("main", answer(1_000));
        let text = render(&table, Format::Json).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["book"], "main");
        assert_eq!(json["sequence"], 7);
        let as_of = json.as_object().unwrap().get("as_of");
        assert_eq!(
            as_of,
            Some(&serde_json::Value::Null),
            "nobody asked for a day"
        );
        assert_eq!(json["report"]["EUR"]["debit"], "10.00");
        assert_eq!(json["rows"][0]["balance"], "10.00");
        assert!(
            text.starts_with("{\n  \"book\""),
            "members keep their order"
        );
    }

    #[test]
    fn a_cent_on_one_side_is_not_balanced() {
        assert!(is_balanced(&answer(1_000)));
        assert!(!is_balanced(&answer(1_001)));
    }
}
