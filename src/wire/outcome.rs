//! Outcomes as JSON, version 1 of the encoder.
//!
//! An outcome is published with the same bytes for ever, so this encoder stays as it is once
//! released; a change of the form is a second encoder beside it, chosen by the version that stands
//! in the record. Members come in one order: names and status, the refusal, times and dates, the
//! kind's own, balances.

use std::fmt::Display;
use std::io::Write as _;

use crate::ids::{Lineage, Position};
use crate::jobs::catalogue::kind_name;
use crate::ledger::{Commit, JobRecord, NameTable, Rejection, Value};
use crate::money::print_minor;

/// Version of this encoder.
pub const OUTCOME_VERSION: u16 = 1;

/// Write the outcome of a job's record behind what is in `out`.
pub fn encode(job: &JobRecord, commit: &Commit, names: &NameTable, out: &mut Vec<u8>) {
    let mut members = Object::begin(out);
    members.text("book", names.book(job.book));
    members.raw("sequence", &job.sequence.to_string());
    members.text("key", &job.envelope.key);
    members.text("kind", kind(job));
    if let Some(event) = &job.event {
        members.text("event", event);
    }
    members.text("status", job.outcome.status.text());
    if let Some(rejection) = &job.outcome.rejection {
        refusal(&mut members, rejection);
    }
    members.text("recorded_at", &commit.recorded_at.to_string());
    if let Some(date) = job.outcome.booking_date {
        members.text("booking_date", &date.to_string());
    }
    if let Some(date) = job.outcome.value_date {
        members.text("value_date", &date.to_string());
    }
    if let Some(number) = job.outcome.entry_no {
        members.raw("entry_no", &number.to_string());
    }
    if job.outcome.entries > 1 {
        members.raw("entries", &job.outcome.entries.to_string());
    }
    for (name, value) in &job.outcome.members {
        members.name(name);
        write_value(value, members.out);
    }
    let balances = commit.balances(&job.balances);
    if !balances.is_empty() {
        members.name("balances");
        let mut rows = Object::begin(members.out);
        for (account, balance) in balances {
            if let Some((name, decimals)) = names.account(job.book, *account) {
                rows.text(name, &print_minor(*balance, decimals));
            }
        }
        rows.end();
    }
    members.end();
}

/// The kind's name as the job gave it.
pub fn kind(job: &JobRecord) -> &str {
    job.unknown_kind
        .as_deref()
        .or_else(|| kind_name(job.envelope.kind))
        .unwrap_or_default()
}

/// The id of an outcome's message, the same however often it is published. After a restore the
/// numbers behind the cut are given once more, so the id says of which lineage it is.
pub fn message_id(job: &JobRecord, commit: &Commit, names: &NameTable) -> String {
    id(names.book(job.book), &job.sequence, commit.lineage)
}

/// The id of a message with the outcomes of a book from one record of a commit to another.
pub fn batch_id(first: &JobRecord, last: &JobRecord, commit: &Commit, names: &NameTable) -> String {
    let numbers = format_args!("{}-{}", first.sequence, last.sequence);
    id(names.book(first.book), &numbers, commit.lineage)
}

fn id(book: &str, numbers: &impl Display, lineage: Lineage) -> String {
    match lineage {
        Lineage(0) => format!("{book}/{numbers}"),
        Lineage(restored) => format!("{book}/{numbers}.{restored}"),
    }
}

/// The routing key of an outcome: book, kind and status.
pub fn routing_key(job: &JobRecord, names: &NameTable) -> String {
    format!(
        "{}.{}.{}",
        names.book(job.book),
        kind(job),
        job.outcome.status.text()
    )
}

/// The job's record at a position of a commit.
pub fn at(commit: &Commit, position: Position) -> Option<&JobRecord> {
    let place = position.0.checked_sub(commit.first.0)?;
    commit.records.get(usize::try_from(place).ok()?)?.as_job()
}

fn refusal(members: &mut Object<'_>, rejection: &Rejection) {
    members.text("code", rejection.code().text());
    members.text("message", &rejection.message());
    if let Some(path) = rejection.path() {
        let root = if rejection.is_at_root() { "" } else { "/data" };
        members.text("path", &format!("{root}{path}"));
    }
    if !rejection.detail().is_empty() {
        members.name("detail");
        let mut detail = Object::begin(members.out);
        for (name, value) in rejection.detail() {
            detail.name(name);
            write_value(value, detail.out);
        }
        detail.end();
    }
}

/// Write a value as JSON: amounts and dates as strings, counts as numbers.
pub fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Int(count) => out.extend_from_slice(count.to_string().as_bytes()),
        Value::Text(text) => write_text(text, out),
        Value::Amount { minor, decimals } => write_text(&print_minor(*minor, *decimals), out),
        Value::Date(date) => write_text(&date.to_string(), out),
        Value::List(values) => {
            out.push(b'[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(value, out);
            }
            out.push(b']');
        }
        Value::Object(values) => {
            let mut members = Object::begin(out);
            for (name, value) in values {
                members.name(name);
                write_value(value, members.out);
            }
            members.end();
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for letter in text.chars() {
        match letter {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            control if control < ' ' => {
                // Writing to a vector cannot fail.
                let _infallible = write!(out, "\\u{:04x}", u32::from(control));
            }
            letter => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// An object under construction.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        write_text(name, self.out);
        self.out.push(b':');
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        write_text(text, self.out);
    }

    fn raw(&mut self, name: &str, json: &str) {
        self.name(name);
        self.out.extend_from_slice(json.as_bytes());
    }

    fn end(self) {
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_restore_ids_name_the_lineage() {
        assert_eq!(id("main", &42, Lineage(0)), "main/42");
        assert_eq!(id("main", &42, Lineage(1)), "main/42.1");
        assert_eq!(
            id("main", &format_args!("40-42"), Lineage(12)),
            "main/40-42.12"
        );
    }

    #[test]
    fn texts_are_escaped_as_json_wants() {
        let mut out = Vec::new();
        write_text("a\"b\\c\n\u{1}ä", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#""a\"b\\c\n\u0001ä""#);
    }

    #[test]
    fn values_nest_and_money_is_a_string() {
        let mut out = Vec::new();
        let rows = Value::List(vec![Value::Object(vec![
            ("document".into(), Value::text("RE-1")),
            ("amount".into(), Value::amount(10_000, 2)),
        ])]);
        write_value(
            &Value::Object(vec![
                ("allocated".into(), rows),
                ("n".into(), Value::Int(2)),
            ]),
            &mut out,
        );
        let expected = r#"{"allocated":[{"document":"RE-1","amount":"100.00"}],"n":2}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
