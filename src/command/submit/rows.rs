//! Jobs as they stand in a file, with the line each begins on.
//!
//! Everything is read and checked before anything is sent, so that a file with a mistake in its
//! last line does not leave its first half in the books. Only the envelope is looked at: what the
//! books think of a job they say in its outcome. All rows are in memory; a file larger than that is
//! split.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;

use crate::ids::{is_book_name, is_key};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::wire::ENVELOPE;
use crate::wire::ndjson::lines;
use crate::wire::tree::{self, Json, TreeFault};

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
    if let Err(fault) = tree::read(text.as_bytes()) {
        return vec![Err(unreadable(1, &fault))];
    }
    let whole = text.trim();
    if !whole.starts_with('[') {
        return vec![row(line_of(whole), whole)];
    }
    let list: Vec<&RawValue> = match serde_json::from_str(whole) {
        Ok(list) => list,
        Err(error) => return vec![Err(mistake(error.line(), "not a list of jobs"))],
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

/// Check one job's envelope.
pub fn row(line: usize, text: &str) -> Result<Row, Mistake> {
    let tree = tree::read(text.as_bytes()).map_err(|fault| unreadable(line, &fault))?;
    let wrong = |path: &str, problem: &str| Err(mistake(line, &at(path, problem)));
    let Json::Object(members) = tree.root() else {
        return wrong("", "a job is a JSON object");
    };
    let mut found: BTreeMap<&str, Json<'_>> = BTreeMap::new();
    for (name, value) in members {
        if !ENVELOPE.contains(&name) {
            let path = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            let known = ENVELOPE.join(", ");
            return wrong(
                &path,
                &format!("a job has no such member; there are {known}"),
            );
        }
        found.insert(name, value);
    }
    let text_of = |name: &str| match found.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some((*text).to_owned())),
        Some(_) => Err(mistake(line, &at(&format!("/{name}"), "expected a text"))),
    };
    let (key, kind, book) = (text_of("key")?, text_of("kind")?, text_of("book")?);
    let Some(key) = key else {
        return wrong(
            "/key",
            "missing; every job has a key that names it for ever",
        );
    };
    if !is_key(&key) {
        let problem = format!("{key:?}; allowed are 1 to 128 of A-Z a-z 0-9 . _ : / -");
        return wrong("/key", &problem);
    }
    let Some(kind) = kind.filter(|kind| !kind.is_empty()) else {
        return wrong("/kind", "missing; name one, such as \"entry.post\"");
    };
    if kind.starts_with("query.") || kind.starts_with("report.") {
        let problem = format!(
            "{kind} is a question and not a job; `kontor balance` and `kontor trial-balance` \
             answer it"
        );
        return wrong("/kind", &problem);
    }
    if let Some(book) = book.as_deref().filter(|book| !is_book_name(book)) {
        return wrong("/book", &not_a_book(book));
    }
    match found.get("data") {
        Some(Json::Object(_)) => {}
        Some(_) => return wrong("/data", "expected an object"),
        None => return wrong("/data", "missing; it holds what the kind needs"),
    }
    if text.len() > MESSAGE_BYTES_MAX {
        let problem = format!(
            "the job has {} bytes; at most {MESSAGE_BYTES_MAX} fit",
            text.len()
        );
        return wrong("", &problem);
    }
    let body = text.replace(['\n', '\r'], " ");
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

/// What is wrong with the name of a book.
pub fn not_a_book(name: &str) -> String {
    format!("{name:?}; allowed are 1 to 64 of a-z 0-9 _ -")
}

/// A problem with the JSON pointer to where it is.
fn at(path: &str, problem: &str) -> String {
    if path.is_empty() {
        return problem.to_owned();
    }
    format!("{path}: {problem}")
}

/// JSON that cannot be read, in a text that begins on a line of the file.
fn unreadable(line: usize, fault: &TreeFault) -> Mistake {
    let within = fault.line.saturating_sub(1);
    mistake(line + within, &at(&fault.path, &fault.problem.to_string()))
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
            (GOOD, ""),
            (
                r#"{"key":"a b","kind":"x","data":{}}"#,
                "/key: \"a b\"; allowed",
            ),
            (r#"{"kind":"x","data":{}}"#, "/key: missing"),
            (r#"{"key":"k","data":{}}"#, "/kind: missing"),
            (
                r#"{"key":"k","kind":5,"data":{}}"#,
                "/kind: expected a text",
            ),
            (
                r#"{"key":"k","kind":"x","data":[]}"#,
                "/data: expected an object",
            ),
            (
                r#"{"key":"k","kind":"x","data":{}"#,
                "the JSON ends too soon",
            ),
            (
                r#"{"key":"k","key":"l","kind":"x","data":{}}"#,
                "/key: duplicate member",
            ),
            (
                r#"{"key":"k","kind":"query.balance","data":{}}"#,
                "/kind: query.balance is a question",
            ),
            (
                r#"{"key":"k","kind":"x","book":"Main","data":{}}"#,
                "/book: \"Main\"; allowed",
            ),
            (
                r#"{"key":"k","kind":"x","data":{},"date":1}"#,
                "/date: a job has no such member",
            ),
            ("5", "a job is a JSON object"),
            (
                r#"{"key":"k","kind":"x","data":{"a":{"b":01}}}"#,
                "/data/a/b: bad number",
            ),
        ];
        let lines: Vec<&str> = text.iter().map(|(line, _)| *line).collect();
        let mistakes = read(&lines.join("\n"), Shape::Ndjson).unwrap_err();
        assert_eq!(mistakes.len(), text.len() - 1);
        for (mistake, (at, (_, said))) in mistakes.iter().zip(text.iter().enumerate().skip(1)) {
            assert_eq!(mistake.line, at + 1);
            assert!(mistake.problem.starts_with(said), "{said} in {mistake}");
            assert!(!mistake.problem.contains("struct"), "{mistake}");
        }
        assert_eq!(read(" \n", Shape::Ndjson).unwrap_err()[0].line, 1);
        assert_eq!(read("[\n\n{]", Shape::Json).unwrap_err()[0].line, 3);
    }
}
