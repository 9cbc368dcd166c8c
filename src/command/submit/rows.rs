//! Jobs as they stand in a file, with the line each begins on.
//!
//! Everything is read and checked before anything is sent, so that a file with a mistake in its
//! last line does not leave its first half in the books. Only the envelope is looked at: what the
//! books think of a job they say in its outcome. All rows are in memory; a file larger than that is
//! split.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ids::{is_book_name, is_key};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::wire::ndjson::lines;

/// The shape of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Shape {
    /// One object, or a list of objects.
    Json,
    /// One object a line.
    Ndjson,
    /// A header of dotted paths and one job a row.
    Csv,
}

/// One job, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it begins, counted from 1.
    pub line: usize,
    /// Its key.
    pub key: String,
    /// Its kind.
    pub kind: String,
    /// The book it names itself.
    pub book: Option<String>,
    /// The job as JSON, without line breaks.
    pub body: String,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl Shape {
    /// What a file is by its name, else by its first character.
    pub fn guess(name: &str, text: &str) -> Self {
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("csv") => return Self::Csv,
            Some("ndjson" | "jsonl") => return Self::Ndjson,
            Some("json") => return Self::Json,
            _ => {}
        }
        match text.trim_start().as_bytes().first() {
            Some(b'[') => Self::Json,
            // One object over several lines is no list of lines.
            Some(b'{') if serde_json::from_str::<&RawValue>(text).is_ok() => Self::Json,
            Some(b'{') => Self::Ndjson,
            _ => Self::Csv,
        }
    }
}

/// All jobs of a file, or everything that is wrong with it.
pub fn read(text: &str, shape: Shape) -> Result<Vec<Row>, Vec<Mistake>> {
    let read = match shape {
        Shape::Json => json(text),
        Shape::Ndjson => {
            let each = lines(text.as_bytes());
            each.map(|line| {
                let text = str::from_utf8(line.bytes).unwrap_or_default();
                row(line.number, text)
            })
            .collect()
        }
        Shape::Csv => super::csv::rows(text),
    };
    let (mut rows, mut mistakes) = (Vec::with_capacity(read.len()), Vec::new());
    for result in read {
        match result {
            Ok(row) => rows.push(row),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if rows.is_empty() && mistakes.is_empty() {
        let problem = "there is no job in the file".to_owned();
        mistakes.push(Mistake { line: 1, problem });
    }
    if mistakes.is_empty() {
        Ok(rows)
    } else {
        Err(mistakes)
    }
}

/// Keys that stand on more than one line of the same book, with the lines of the first two.
pub fn doubled(rows: &[Row]) -> Vec<(&str, usize, usize)> {
    let mut first: BTreeMap<(Option<&str>, &str), usize> = BTreeMap::new();
    let mut doubled = Vec::new();
    for row in rows {
        let name = (row.book.as_deref(), row.key.as_str());
        if let Some(line) = first.get(&name) {
            doubled.push((row.key.as_str(), *line, row.line));
        } else {
            first.insert(name, row.line);
        }
    }
    doubled
}

fn json(text: &str) -> Vec<Result<Row, Mistake>> {
    let line_of = |part: &str| {
        let offset = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
        let before = text.as_bytes().get(..offset).unwrap_or_default();
        breaks(before) + 1
    };
    let whole: Result<&RawValue, _> = serde_json::from_str(text);
    let whole = match whole {
        Ok(whole) => whole.get(),
        Err(error) => return vec![Err(mistake(error.line(), &not_json(&error)))],
    };
    if !whole.starts_with('[') {
        return vec![row(line_of(whole), whole)];
    }
    let list: Vec<&RawValue> = match serde_json::from_str(whole) {
        Ok(list) => list,
        Err(error) => return vec![Err(mistake(error.line(), &not_json(&error)))],
    };
    // Counting on from the last job, so that a long list is not counted again for each.
    let (mut line, mut seen) = (1, text);
    list.into_iter()
        .map(|job| {
            let job = job.get();
            let from = job.as_ptr().addr().saturating_sub(seen.as_ptr().addr());
            let before = seen.as_bytes().get(..from).unwrap_or_default();
            line += breaks(before);
            seen = seen.get(from..).unwrap_or_default();
            row(line, job)
        })
        .collect()
}

fn breaks(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').skip(1).count()
}

/// The members of an envelope that are looked at here.
#[derive(Deserialize)]
struct Envelope<'a> {
    key: Option<String>,
    kind: Option<String>,
    book: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Check one job's envelope.
pub fn row(line: usize, text: &str) -> Result<Row, Mistake> {
    let wrong = |problem: &str| Err(mistake(line, problem));
    let envelope: Envelope<'_> = match serde_json::from_str(text) {
        Ok(envelope) => envelope,
        Err(error) if error.is_data() => {
            return wrong(&format!("not a job: {}", without_place(&error)));
        }
        Err(error) => {
            let within = error.line().saturating_sub(1);
            return Err(mistake(line + within, &not_json(&error)));
        }
    };
    let Some(key) = envelope.key else {
        return wrong("`key` is missing; every job has a key that names it for ever");
    };
    if !is_key(&key) {
        return wrong(&format!(
            "`key` is {key:?}; allowed are 1 to 128 of A-Z a-z 0-9 . _ : / -"
        ));
    }
    let Some(kind) = envelope.kind.filter(|kind| !kind.is_empty()) else {
        return wrong("`kind` is missing; name one, such as \"entry.post\"");
    };
    if kind.starts_with("query.") || kind.starts_with("report.") {
        return wrong(&format!(
            "{kind} is a question and not a job; `kontor balance` and `kontor trial-balance` \
             answer it"
        ));
    }
    if let Some(book) = envelope.book.as_deref().filter(|book| !is_book_name(book)) {
        return wrong(&format!(
            "`book` is {book:?}; allowed are 1 to 64 of a-z 0-9 _ -"
        ));
    }
    if !envelope
        .data
        .is_some_and(|data| data.get().starts_with('{'))
    {
        return wrong("`data` is missing or not an object");
    }
    if text.len() > MESSAGE_BYTES_MAX {
        let problem = format!(
            "the job has {} bytes; at most {MESSAGE_BYTES_MAX} fit",
            text.len()
        );
        return wrong(&problem);
    }
    let (book, body) = (envelope.book, text.replace(['\n', '\r'], " "));
    Ok(Row {
        line,
        key,
        kind,
        book,
        body,
    })
}

fn mistake(line: usize, problem: &str) -> Mistake {
    Mistake {
        line,
        problem: problem.to_owned(),
    }
}

fn not_json(error: &serde_json::Error) -> String {
    format!(
        "not JSON at column {}: {}",
        error.column(),
        without_place(error)
    )
}

/// What the parser says, without its own count of lines, which starts at the job.
fn without_place(error: &serde_json::Error) -> String {
    let said = error.to_string();
    said.rsplit_once(" at line ")
        .map_or(said.as_str(), |(said, _)| said)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"key":"a-1","kind":"entry.post","data":{}}"#;

    #[test]
    fn an_object_a_list_and_lines_give_the_same_jobs() {
        let list = format!("[\n  {GOOD},\n\n  {}\n]", GOOD.replace("a-1", "a-2"));
        let rows = read(&list, Shape::guess("jobs.json", &list)).unwrap();
        let found: Vec<_> = rows
            .iter()
            .map(|row| (row.line, row.key.as_str()))
            .collect();
        assert_eq!(found, [(2, "a-1"), (4, "a-2")]);
        assert_eq!(read(GOOD, Shape::guess("-", GOOD)).unwrap()[0].line, 1);
        let lines = format!("{GOOD}\n\n{GOOD}\n");
        assert_eq!(Shape::guess("-", &lines), Shape::Ndjson);
        let rows = read(&lines, Shape::Ndjson).unwrap();
        assert_eq!((rows[1].line, rows.len()), (3, 2));
        assert_eq!(doubled(&rows), [("a-1", 1, 3)]);
    }

    #[test]
    fn a_body_keeps_its_figures_and_loses_its_line_breaks() {
        let text = "{\"key\":\"k\",\n\"kind\":\"x\",\"data\":{\"n\":1.50e3}}";
        let rows = read(text, Shape::Json).unwrap();
        assert_eq!(
            rows[0].body,
            "{\"key\":\"k\", \"kind\":\"x\",\"data\":{\"n\":1.50e3}}"
        );
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let text = [
            GOOD,
            r#"{"key":"a b","kind":"x","data":{}}"#,
            r#"{"kind":"x","data":{}}"#,
            r#"{"key":"k","data":{}}"#,
            r#"{"key":"k","kind":"x","data":[]}"#,
            r#"{"key":"k","kind":"x","data":{}"#,
            r#"{"key":"k","key":"l","kind":"x","data":{}}"#,
            r#"{"key":"k","kind":"query.balance","data":{}}"#,
            r#"{"key":"k","kind":"x","book":"Main","data":{}}"#,
        ];
        let mistakes = read(&text.join("\n"), Shape::Ndjson).unwrap_err();
        let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8, 9]);
        let whole: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        let words = [
            "a b",
            "`key` is",
            "`kind`",
            "`data`",
            "not JSON",
            "duplicate",
            "question",
        ];
        for (word, said) in words.iter().zip(&whole) {
            assert!(said.contains(word), "{word} in {said}");
        }
        assert_eq!(read(" \n", Shape::Ndjson).unwrap_err()[0].line, 1);
        assert_eq!(read("[\n\n{]", Shape::Json).unwrap_err()[0].line, 3);
    }
}
