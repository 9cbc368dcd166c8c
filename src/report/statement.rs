//! A statement, from the members of its answer.
//!
//! The answer is the JSON as it is, with the name of the book in front.

use super::{Column, Table, cells};
use crate::ledger::Value;
use crate::ledger::value::{Members, member};

const COLUMNS: [Column; 7] = [
    Column::words("booking_date"),
    Column::words("value_date"),
    Column::figures("entry_no"),
    Column::figures("debit"),
    Column::figures("credit"),
    Column::figures("balance"),
    Column::words("nature"),
];

/// What stands above the lines.
const FACTS: [&str; 8] = [
    "book", "sequence", "account", "unit", "class", "from", "to", "text",
];

/// The answer to `query.statement` of a book.
pub fn statement(book: &str, answer: Members) -> Table {
    let lines = match member(&answer, "lines") {
        Some(Value::List(lines)) => lines.as_slice(),
        Some(_) | None => &[],
    };
    let mut rows = vec![balance("opening", member(&answer, "opening"))];
    rows.extend(lines.iter().map(|line| cells(&COLUMNS, &sided(line))));
    let totals = vec![balance("closing", member(&answer, "balance"))];
    let mut json = vec![("book".into(), Value::text(book.to_owned()))];
    json.extend(answer);
    let facts = json.iter().filter(|(name, _)| FACTS.contains(&&**name));
    Table {
        title: "Statement".to_owned(),
        facts: facts.cloned().collect(),
        columns: COLUMNS.to_vec(),
        rows,
        totals,
        json,
        absent: &[],
    }
}

/// A line with its amount on its side.
fn sided(line: &Value) -> Value {
    let Value::Object(members) = line else {
        return Value::Object(Members::new());
    };
    let mut sided = members.clone();
    if let (Some(Value::Text(side)), Some(amount)) =
        (member(members, "side"), member(members, "amount"))
    {
        sided.push((side.clone(), amount.clone()));
    }
    Value::Object(sided)
}

/// A row that shows a balance only.
fn balance(what: &'static str, balance: Option<&Value>) -> super::Row {
    let cell = |column: &Column| match column.name {
        "booking_date" => Some(Value::text(what)),
        "balance" => balance.cloned(),
        _other => None,
    };
    COLUMNS.iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Format, render};
    use crate::time::Date;

    fn answer() -> Members {
        let amount = |minor: i64| Value::amount(minor, 2);
        let day = Value::Date(Date::parse("2026-03-31").unwrap());
        let line = |entry: i64, side: &'static str, balance: i64| {
            Value::Object(vec![
                ("entry_no".into(), Value::Int(entry)),
                ("booking_date".into(), day.clone()),
                ("value_date".into(), day.clone()),
                ("side".into(), Value::text(side)),
                ("amount".into(), amount(1_000)),
                ("balance".into(), amount(balance)),
            ])
        };
        let mut lines = vec![line(1, "debit", 11_000), line(2, "credit", 10_000)];
        if let Some(Value::Object(last)) = lines.last_mut() {
            last.push(("nature".into(), Value::text("adjustment")));
        }
        vec![
            ("sequence".into(), Value::Int(7)),
            ("account".into(), Value::text("bank/main")),
            ("opening".into(), amount(10_000)),
            ("balance".into(), amount(10_000)),
            ("lines".into(), Value::List(lines)),
        ]
    }

    #[test]
    fn a_statement_runs_from_opening_to_closing() {
        let table = statement("main", answer());
        let text = render(&table, Format::Text).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let expected = [
            "Statement",
            "  book: main",
            "  sequence: 7",
            "  account: bank/main",
            " booking_date   value_date   entry_no   debit   credit   balance   nature",
            "──────────────────────────────────────────────────────────────────────────────",
            " opening                                                  100.00",
            " 2026-03-31     2026-03-31          1   10.00             110.00",
            " 2026-03-31     2026-03-31          2            10.00    100.00   adjustment",
            " closing                                                  100.00",
        ];
        assert_eq!(lines, expected);
        let csv = render(&table, Format::Csv).unwrap();
        let lines: Vec<_> = csv.lines().collect();
        let expected = [
            "booking_date,value_date,entry_no,debit,credit,balance,nature",
            "opening,,,,,100.00,",
            "2026-03-31,2026-03-31,1,10.00,,110.00,",
            "2026-03-31,2026-03-31,2,,10.00,100.00,adjustment",
        ];
        assert_eq!(lines, expected);
        let json = render(&table, Format::Json).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&json["book"], &json["opening"]),
            (&"main".into(), &"100.00".into())
        );
        assert_eq!(json["lines"][1]["side"], "credit");
    }
}
