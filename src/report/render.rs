//! A table as text for people, as CSV for spreadsheets, as JSON for programs.
//!
//! CSV opens in spreadsheets, and spreadsheets run what begins like a formula. So a word that does
//! gets an apostrophe in front; figures are ours and stay figures. In text and CSV control
//! characters become a replacement sign, so that no name can write to somebody's terminal.

use comfy_table::{Cell, CellAlignment, LineStyle, TableStyle};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::{Align, Column, Row, Table};
use crate::ledger::Value;
use crate::ledger::value::Members;
use crate::money::print_minor;

/// How a table is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For spreadsheets: heading and rows, nothing else.
    Csv,
}

/// A table that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RenderFault {
    /// Not as JSON.
    #[error("the table could not be written as JSON; report this")]
    Json(#[from] serde_json::Error),
    /// Not as CSV.
    #[error("the table could not be written as CSV; report this")]
    Csv(#[from] csv::Error),
}

/// Write a table; the text ends with a line end.
pub fn render(table: &Table, format: Format) -> Result<String, RenderFault> {
    match format {
        Format::Text => Ok(text(table)),
        Format::Json => json(&table.json, table.absent),
        Format::Csv => csv(table),
    }
}

/// One line under the headings, no other: figures in columns need no cage.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

fn text(table: &Table) -> String {
    let mut out = format!("{}\n", table.title);
    for (name, value) in &table.facts {
        for part in ["  ", name, ": ", &plain(value), "\n"] {
            out.push_str(part);
        }
    }
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(STYLE);
    drawn.set_header(table.columns.iter().map(|column| cell(column, column.name)));
    for row in table.rows.iter().chain(&table.totals) {
        drawn.add_row(
            shown(row)
                .zip(&table.columns)
                .map(|(value, column)| cell(column, &value)),
        );
    }
    out.push_str(&drawn.trim_fmt());
    out.push('\n');
    out
}

fn cell(column: &Column, text: &str) -> Cell {
    Cell::new(text).set_alignment(match column.align {
        Align::Left => CellAlignment::Left,
        Align::Right => CellAlignment::Right,
    })
}

fn shown(row: &Row) -> impl Iterator<Item = String> {
    row.iter()
        .map(|value| value.as_ref().map_or_else(String::new, plain))
}

fn csv(table: &Table) -> Result<String, RenderFault> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(table.columns.iter().map(|column| column.name))?;
    for row in &table.rows {
        writer.write_record(row.iter().map(|value| unarmed_cell(value.as_ref())))?;
    }
    written(writer)
}

/// One row alone as CSV.
pub(super) fn csv_line(
    row: impl IntoIterator<Item = Option<Value>>,
) -> Result<String, RenderFault> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(row.into_iter().map(|value| unarmed_cell(value.as_ref())))?;
    written(writer)
}

fn written(writer: csv::Writer<Vec<u8>>) -> Result<String, RenderFault> {
    let bytes = writer
        .into_inner()
        .map_err(|fault| csv::Error::from(fault.into_error()))?;
    // Every cell came from a string, so the bytes are text.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn unarmed_cell(value: Option<&Value>) -> String {
    value.map_or_else(String::new, unarmed)
}

/// A value that no spreadsheet takes for a formula.
fn unarmed(value: &Value) -> String {
    let text = plain(value);
    let figure = matches!(value, Value::Amount { .. } | Value::Int(_));
    if !figure && text.starts_with(['=', '+', '-', '@']) {
        return format!("'{text}");
    }
    text
}

/// A value as one line of words.
fn plain(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Int(count) => count.to_string(),
        Value::Text(text) => text
            .chars()
            .map(|letter| {
                if letter.is_control() {
                    '\u{fffd}'
                } else {
                    letter
                }
            })
            .collect(),
        Value::Amount { minor, decimals } => print_minor(*minor, *decimals),
        Value::Date(date) => date.to_string(),
        Value::List(values) => {
            let values: Vec<_> = values.iter().map(plain).collect();
            values.join(", ")
        }
        Value::Object(members) => {
            let member = |(name, value): &(_, Value)| format!("{name}={}", plain(value));
            let members: Vec<_> = members.iter().map(member).collect();
            members.join(" ")
        }
    }
}

fn json(members: &Members, absent: &'static [&'static str]) -> Result<String, RenderFault> {
    let mut text = serde_json::to_string_pretty(&Object(members, absent))?;
    text.push('\n');
    Ok(text)
}

/// Members as one line of JSON.
pub(super) fn json_line(members: &Members) -> Result<String, RenderFault> {
    let mut text = serde_json::to_string(&Object(members, &[]))?;
    text.push('\n');
    Ok(text)
}

/// Members as a JSON object, in their order, and behind them those that hold nothing.
struct Object<'a>(&'a Members, &'static [&'static str]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0 {
            map.serialize_entry(&**name, &Shown(value))?;
        }
        for name in self.1 {
            map.serialize_entry(name, &())?;
        }
        map.end()
    }
}

/// A value as JSON: amounts and dates are strings, counts are numbers.
struct Shown<'a>(&'a Value);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Bool(flag) => serializer.serialize_bool(*flag),
            Value::Int(count) => serializer.serialize_i64(*count),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Amount { minor, decimals } => {
                serializer.serialize_str(&print_minor(*minor, *decimals))
            }
            Value::Date(date) => serializer.serialize_str(&date.to_string()),
            Value::List(values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    list.serialize_element(&Shown(value))?;
                }
                list.end()
            }
            Value::Object(members) => Object(members, &[]).serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(cells: &[Value]) -> Table {
        Table {
            title: "Test".to_owned(),
            facts: Members::new(),
            columns: vec![Column::words("value")],
            rows: cells.iter().map(|cell| vec![Some(cell.clone())]).collect(),
            totals: Vec::new(),
            json: Members::new(),
            absent: &[],
        }
    }

    #[test]
    fn no_cell_of_a_spreadsheet_becomes_a_formula() {
        let cells = [
            Value::text("=1+1"),
            Value::text("@SUM(A1)"),
            Value::text("+4"),
            Value::text("-4"),
            Value::text("\tx"),
            Value::text("a,\"b\""),
            Value::amount(-450, 2),
            Value::List(vec![Value::text("=1"), Value::text("b")]),
        ];
        let csv = render(&table(&cells), Format::Csv).unwrap();
        let expected = [
            "value",
            "'=1+1",
            "'@SUM(A1)",
            "'+4",
            "'-4",
            "\u{fffd}x",
            "\"a,\"\"b\"\"\"",
            "-4.50",
            "\"'=1, b\"",
        ];
        assert_eq!(csv.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn no_name_writes_to_the_terminal() {
        let text = render(&table(&[Value::text("\u{1b}[2Jgone")]), Format::Text).unwrap();
        assert!(!text.contains('\u{1b}') && text.contains("gone"), "{text}");
    }
}
