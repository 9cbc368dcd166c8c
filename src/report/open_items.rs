//! Open items by age, from the members of their answer.
//!
//! The answer is the JSON as it is, with the name of the book in front.

use super::{Column, Row, Table, cells};
use crate::ledger::Value;
use crate::ledger::value::{Members, member};
use crate::money::percentage;

const COLUMNS: [Column; 7] = [
    Column::words("document"),
    Column::words("customer"),
    Column::words("due"),
    Column::figures("days"),
    Column::words("bucket"),
    Column::words("unit"),
    Column::figures("open"),
];

/// The answer to `query.open_items` of a book, with the sums of each bucket and unit.
pub fn open_items(book: &str, answer: Members) -> Table {
    let rows = match member(&answer, "rows") {
        Some(Value::List(rows)) => rows.iter().map(|row| cells(&COLUMNS, row)).collect(),
        Some(_) | None => Vec::new(),
    };
    let totals = totals(&answer);
    let mut json = vec![("book".into(), Value::text(book.to_owned()))];
    json.extend(answer);
    let above = ["book", "sequence", "as_of"];
    let facts = json.iter().filter(|(name, _)| above.contains(&&**name));
    Table {
        title: "Open items".to_owned(),
        facts: facts.cloned().collect(),
        columns: COLUMNS.to_vec(),
        rows,
        totals,
        json,
        absent: &[],
    }
}

/// A row for each bucket that holds something, with its share, and one for each unit.
fn totals(answer: &Members) -> Vec<Row> {
    let mut totals = Vec::new();
    for (unit, sum) in members(member(answer, "total")) {
        let buckets = members(member(answer, "buckets")).iter();
        let buckets = buckets.filter(|(known, _)| known == unit);
        for (bucket, part) in buckets.flat_map(|(_, buckets)| members(Some(buckets))) {
            if part.minor() != Some(0) {
                totals.push(total(&share(part, sum), bucket, unit, part));
            }
        }
        totals.push(total("total", "", unit, sum));
    }
    totals
}

/// How much of all that is open in its unit a bucket holds, in words; nothing if that says nothing.
fn share(part: &Value, sum: &Value) -> String {
    let of = part.minor().zip(sum.minor());
    of.and_then(|(part, sum)| percentage(part, sum))
        .unwrap_or_default()
}

fn total(what: &str, bucket: &str, unit: &str, sum: &Value) -> Row {
    let text = |text: &str| (!text.is_empty()).then(|| Value::text(text.to_owned()));
    let cell = |column: &Column| match column.name {
        "document" => text(what),
        "bucket" => text(bucket),
        "unit" => text(unit),
        "open" => Some(sum.clone()),
        _other => None,
    };
    COLUMNS.iter().map(cell).collect()
}

fn members(value: Option<&Value>) -> &[(crate::ledger::value::Name, Value)] {
    match value {
        Some(Value::Object(members)) => members,
        Some(_) | None => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Format, render};
    use crate::time::Date;

    #[test]
    fn items_are_summed_by_bucket_and_unit() {
        let amount = |minor: i64| Value::amount(minor, 2);
        let item = |number: &'static str, days: i64, bucket: &'static str, open: i64| {
            Value::Object(vec![
                ("document".into(), Value::text(number)),
                ("customer".into(), Value::text("cust-1")),
                ("unit".into(), Value::text("EUR")),
                (
                    "due".into(),
                    Value::Date(Date::parse("2026-03-31").unwrap()),
                ),
                ("days".into(), Value::Int(days)),
                ("bucket".into(), Value::text(bucket)),
                ("open".into(), amount(open)),
            ])
        };
        let buckets = vec![
            ("not_due".into(), amount(0)),
            ("1-30".into(), amount(1_000)),
            ("31-60".into(), amount(500)),
        ];
        let rows = vec![
            item("RE-1", 30, "1-30", 1_000),
            item("RE-2", 31, "31-60", 500),
        ];
        let answer = vec![
            ("sequence".into(), Value::Int(7)),
            (
                "buckets".into(),
                Value::Object(vec![("EUR".into(), Value::Object(buckets))]),
            ),
            (
                "total".into(),
                Value::Object(vec![("EUR".into(), amount(1_500))]),
            ),
            ("rows".into(), Value::List(rows)),
        ];
        let table = open_items("main", answer);
        let text = render(&table, Format::Text).unwrap();
        let lines: Vec<_> = text.lines().skip(3).collect();
        let expected = [
            " document   customer   due          days   bucket   unit    open",
            "─────────────────────────────────────────────────────────────────",
            " RE-1       cust-1     2026-03-31     30   1-30     EUR    10.00",
            " RE-2       cust-1     2026-03-31     31   31-60    EUR     5.00",
            " 66.7 %                                    1-30     EUR    10.00",
            " 33.3 %                                    31-60    EUR     5.00",
            " total                                              EUR    15.00",
        ];
        assert_eq!(lines, expected);
        let csv = render(&table, Format::Csv).unwrap();
        assert_eq!(csv.lines().count(), 3, "sums are left out: {csv}");
        let json = render(&table, Format::Json).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["buckets"]["EUR"]["31-60"], "5.00");
    }
}
