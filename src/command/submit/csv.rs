//! Jobs from a spreadsheet: a header of dotted paths, one job a row.
//!
//! `data.legs.0.dr` is the member `dr` of the first of `legs`. Cells are texts, as amounts and
//! dates are in a job; an empty cell is absent. A column whose name ends with `:json` holds JSON
//! instead, for the few members that are numbers or flags, and `schema_version` always does.

use serde_json::{Map, Value};

use super::rows::{Mistake, Row, row};
use crate::wire::ENVELOPE;

/// Columns of a table; more than any job of a thousand lines could sensibly have in a spreadsheet.
const COLUMNS_MAX: usize = 4_096;

/// One column.
#[derive(Debug)]
struct Column<'a> {
    path: Vec<&'a str>,
    json: bool,
}

/// All rows of a table, each a job or what is wrong with it.
pub(super) fn rows(text: &str) -> Vec<Result<Row, Mistake>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return vec![Err(unreadable(&error))],
    };
    let columns = match columns(&header) {
        Ok(columns) => columns,
        Err(problem) => return vec![Err(Mistake { line: 1, problem })],
    };
    let read = reader.records().map(|record| {
        let record = record.map_err(|error| unreadable(&error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let line = usize::try_from(line).unwrap_or(usize::MAX);
        let wrong = |problem: String| Mistake { line, problem };
        let job = job(&columns, &record).map_err(wrong)?;
        row(line, &job.to_string())
    });
    read.collect()
}

fn unreadable(error: &csv::Error) -> Mistake {
    let line = error.position().map_or(1, csv::Position::line);
    let problem = format!("the table cannot be read: {error}");
    Mistake {
        line: usize::try_from(line).unwrap_or(usize::MAX),
        problem,
    }
}

fn columns(header: &csv::StringRecord) -> Result<Vec<Column<'_>>, String> {
    if header.len() > COLUMNS_MAX {
        return Err(format!(
            "{} columns; at most {COLUMNS_MAX} are read",
            header.len()
        ));
    }
    let mut columns: Vec<Column<'_>> = Vec::with_capacity(header.len());
    for name in header {
        let name = name.trim();
        let (path, json) = name
            .strip_suffix(":json")
            .map_or((name, false), |path| (path, true));
        let json = json || path == "schema_version";
        let path: Vec<&str> = path.split('.').collect();
        if path.iter().any(|step| step.is_empty())
            || path.first().is_none_or(|head| !ENVELOPE.contains(head))
            // Only data has members, and it has nothing else.
            || (path.len() == 1) == (path.first() == Some(&"data"))
        {
            return Err(format!(
                "column {name:?} is not a member of a job; allowed are {} and data.…",
                ENVELOPE
                    .split_last()
                    .map_or(String::new(), |(_, heads)| heads.join(", ")),
            ));
        }
        for other in &columns {
            if other.path.starts_with(&path) || path.starts_with(&other.path) {
                let other = other.path.join(".");
                return Err(format!(
                    "columns {other:?} and {name:?} name the same member"
                ));
            }
        }
        columns.push(Column { path, json });
    }
    Ok(columns)
}

fn job(columns: &[Column<'_>], record: &csv::StringRecord) -> Result<Value, String> {
    let mut job = Value::Object(Map::new());
    // A job without any member of data still has data.
    set(&mut job, &["data"], Value::Object(Map::new()))?;
    for (column, cell) in columns.iter().zip(record) {
        if cell.is_empty() {
            continue;
        }
        let value = if column.json {
            let shown = || format!("{:?} of {} is not JSON", cell, column.path.join("."));
            serde_json::from_str(cell).map_err(|_error| shown())?
        } else {
            Value::String(cell.to_owned())
        };
        set(&mut job, &column.path, value)
            .map_err(|problem| format!("{}: {problem}", column.path.join(".")))?;
    }
    Ok(job)
}

/// Put a value where the path leads; numbers among its steps are places in lists.
fn set(at: &mut Value, path: &[&str], value: Value) -> Result<(), String> {
    let Some((step, rest)) = path.split_first() else {
        *at = value;
        return Ok(());
    };
    let place = step.parse::<usize>().ok();
    if at.is_null() {
        *at = if place.is_some() {
            Value::Array(Vec::new())
        } else {
            Value::Object(Map::new())
        };
    }
    let next = match (at, place) {
        (Value::Object(members), None) => members.entry((*step).to_owned()).or_insert(Value::Null),
        (Value::Array(list), Some(place)) => {
            if place == list.len() {
                list.push(Value::Null);
            }
            let last = list.len();
            list.get_mut(place).ok_or_else(|| {
                format!("there is no {last} before {place}; fill lists from 0 and from the left")
            })?
        }
        _ => return Err("it is a list in one column and an object in another".to_owned()),
    };
    set(next, rest, value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(row: &Row) -> Value {
        serde_json::from_str(&row.body).unwrap()
    }

    #[test]
    fn paths_become_objects_and_lists_and_empty_cells_are_absent() {
        let text = "key,kind,book,schema_version,data.text,data.legs.0.dr,data.legs.0.amount,\
                    data.legs.1.cr,data.legs.1.amount,data.final:json\n\
                    e-1,entry.post,main,1,\"rent, \"\"May\"\"\",exp/rent,10.00,bank,10.00,true\n\
                    e-2,entry.post,,,,exp/rent,1.00,,,\n";
        let rows: Vec<Row> = rows(text).into_iter().map(Result::unwrap).collect();
        assert_eq!(
            body(&rows[0]),
            json!({ "key": "e-1", "kind": "entry.post", "book": "main", "schema_version": 1,
                "data": { "text": "rent, \"May\"", "final": true, "legs": [
                    { "dr": "exp/rent", "amount": "10.00" },
                    { "cr": "bank", "amount": "10.00" } ] } })
        );
        assert_eq!(
            body(&rows[1]),
            json!({ "key": "e-2", "kind": "entry.post",
                "data": { "legs": [{ "dr": "exp/rent", "amount": "1.00" }] } })
        );
        assert_eq!((rows[0].line, rows[1].line), (2, 3));
    }

    #[test]
    fn a_header_that_cannot_be_a_job_is_refused() {
        for (header, word) in [
            ("key,kind,betrag", "betrag"),
            ("key,kind,data", "\"data\""),
            ("key,kind.x", "kind.x"),
            ("key,kind,data..x", "data..x"),
            ("key,kind,data.a,data.a.b", "the same member"),
            ("key,key", "the same member"),
        ] {
            let found = rows(&format!("{header}\n1,2,3,4\n"));
            let said = found[0].as_ref().unwrap_err().to_string();
            assert!(said.contains(word) && said.starts_with("line 1"), "{said}");
        }
    }

    #[test]
    fn a_row_that_cannot_be_a_job_is_named_with_its_line() {
        let header = "key,kind,data.l.0,data.l.1,data.n:json";
        let table = format!("{header}\nk,x,,b,\nk,x,a,,{{\nk,x\n\"a\nb\",x,,,\nk,x,a,b,1\n");
        let found = rows(&table);
        let said: Vec<_> = found.iter().filter_map(|row| row.as_ref().err()).collect();
        let lines: Vec<_> = said.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [2, 3, 4, 5], "{said:?}");
        assert!(said[0].problem.contains("no 0 before 1"), "{}", said[0]);
        assert!(found[4].is_ok());
    }
}
