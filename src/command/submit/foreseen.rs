//! What the daemon will say about jobs by themselves, before anything is sent: the daemon's own
//! reader, without its books. What depends on the books is seen in the outcomes only.

use super::rows::{Mistake, Row};
use crate::ids::BookIndex;
use crate::jobs::job::{Body, DeadLetter};
use crate::ledger::reference::PanPolicy;
use crate::ledger::{Rejection, Value};
use crate::settings::Book;
use crate::wire::message::{BookRules, Head, JobReader};

/// Nobody compares these fingerprints with others.
const SECRET: [u8; 32] = [0; 32];

/// The jobs that will not be posted, whatever the books say. `default` is the book of jobs that
/// name none.
pub(super) fn refusals(rows: &[Row], books: &[Book], default: Option<&str>) -> Vec<Mistake> {
    let rules = books.iter().zip(0..).map(|(book, index)| BookRules {
        name: book.name.as_str().into(),
        index: BookIndex(index),
        pan_policy: pan_policy(book),
    });
    let mut reader = JobReader::new(rules.collect(), SECRET);
    let mut found = Vec::new();
    for row in rows {
        let head = Head {
            book: row.book.as_deref().or(default),
            ..Head::default()
        };
        let problem = match reader.json(row.body.as_bytes(), &head, true) {
            Err(letter) => Some(set_aside(&letter)),
            Ok(read) => match &read.job.body {
                Body::Dead(letter) => Some(set_aside(letter)),
                Body::Refused { refusal, .. } => Some(refused(refusal)),
                Body::Data(_) => read.job.time_fault.as_ref().map(refused),
            },
        };
        found.extend(problem.map(|problem| Mistake {
            line: row.line,
            problem,
        }));
    }
    found
}

/// A book that says something else about card numbers may take them.
fn pan_policy(book: &Book) -> PanPolicy {
    if book.reference.iter().any(|(name, _)| name == "pan_policy") {
        PanPolicy::Mask
    } else {
        PanPolicy::Reject
    }
}

fn set_aside(letter: &DeadLetter) -> String {
    let (code, message) = (letter.code.text(), letter.message());
    match &letter.path {
        Some(path) => format!("will be a dead letter, {code} at {path}: {message}"),
        None => format!("will be a dead letter, {code}: {message}"),
    }
}

fn refused(refusal: &Rejection) -> String {
    let (code, message) = (refusal.code().text(), refusal.message());
    let root = if refusal.is_at_root() { "" } else { "/data" };
    let at = refusal.path().map(|path| format!(" at {root}{path}"));
    let reason = refusal
        .detail()
        .iter()
        .find(|(name, _)| &**name == "reason");
    let why = reason.and_then(|(_, value)| match value {
        Value::Text(text) => Some(format!(" ({text})")),
        Value::Bool(_)
        | Value::Int(_)
        | Value::Amount { .. }
        | Value::Date(_)
        | Value::List(_)
        | Value::Object(_) => None,
    });
    let (at, why) = (at.unwrap_or_default(), why.unwrap_or_default());
    format!("will be refused, {code}{at}{why}: {message}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::submit::rows::{Shape, read};

    #[test]
    fn what_a_job_says_of_itself_is_judged_before_it_is_sent() {
        let job = |key: &str, kind: &str, more: &str, data: &str| {
            format!("{{\"key\":\"{key}\",\"kind\":\"{kind}\"{more},\"data\":{{{data}}}}}\n")
        };
        let (late, elsewhere) = (",\"occurred_at\":\"soon\"", ",\"book\":\"other\"");
        let period = "\"period\":\"2026-01\"";
        let text = [
            job("a", "entry.pst", "", ""),
            job("b", "entry.post", "", "\"legz\":[]"),
            job("c", "entry.post", late, "\"legs\":[]"),
            job("d", "period.open", "", period),
            job("e", "period.open", elsewhere, period),
        ]
        .concat();
        let rows = read(&text, Shape::Ndjson).unwrap();
        let book = Book {
            name: "main".to_owned(),
            ..Book::default()
        };
        let found = refusals(&rows, &[book], Some("main"));
        let said: Vec<_> = found.iter().map(|m| (m.line, m.problem.as_str())).collect();
        let begin = [
            (1, "will be a dead letter, UNKNOWN_KIND at /kind: "),
            (
                2,
                "will be refused, SCHEMA_INVALID at /data/legz (unknown field): ",
            ),
            (3, "will be refused, "),
            (5, "will be a dead letter, BOOK_UNKNOWN"),
        ];
        assert_eq!(said.len(), begin.len(), "{said:?}");
        for ((line, problem), (place, words)) in said.into_iter().zip(begin) {
            assert!(
                line == place && problem.starts_with(words),
                "{line}: {problem}"
            );
        }
    }
}
