//! Answers of one row: a price, a plan held against what was done.
//!
//! The answer is the JSON as it is, with the name of the book in front.

use super::{Column, Row, Table, cells};
use crate::ledger::Value;
use crate::ledger::value::{Members, member};
use crate::money::percentage;

const PRICE: [Column; 7] = [
    Column::words("item"),
    Column::figures("quantity"),
    Column::figures("unit_price"),
    Column::figures("total"),
    Column::words("currency"),
    Column::words("tax"),
    Column::words("date"),
];

const VARIANCE: [Column; 4] = [
    Column::figures("baseline"),
    Column::figures("actual"),
    Column::figures("variance"),
    Column::figures("per_month"),
];

/// The answer to `query.price` of a book.
pub fn price(book: &str, answer: Members) -> Table {
    let row = Value::Object(answer.clone());
    table("Price", (book, answer), &PRICE, &row)
}

/// The answer to `report.variance` of a book.
pub fn variance(book: &str, answer: Members) -> Table {
    let row = member(&answer, "report").cloned();
    let row = row.unwrap_or_else(|| Value::Object(Vec::new()));
    let mut table = table("Variance", (book, answer), &VARIANCE, &row);
    table.totals.push(shares(&row));
    table
}

/// What was done, and what is left, in percent of what was planned.
fn shares(report: &Value) -> Row {
    let cells = cells(&VARIANCE, report);
    let minor = |cell: &Option<Value>| cell.as_ref().and_then(Value::minor);
    let baseline = cells.first().and_then(minor);
    let share = |(column, cell): (&Column, &Option<Value>)| match column.name {
        "actual" | "variance" => percentage(minor(cell)?, baseline?).map(Value::text),
        _other => None,
    };
    VARIANCE.iter().zip(&cells).map(share).collect()
}

fn table(title: &str, (book, answer): (&str, Members), columns: &[Column], row: &Value) -> Table {
    let mut json = vec![("book".into(), Value::text(book.to_owned()))];
    json.extend(answer);
    let above = ["book", "sequence", "from", "to", "customer"];
    let facts = json.iter().filter(|(name, _)| above.contains(&&**name));
    Table {
        title: title.to_owned(),
        facts: facts.cloned().collect(),
        columns: columns.to_vec(),
        rows: vec![cells(columns, row)],
        totals: Vec::new(),
        json,
        absent: &[],
    }
}
