//! What became of one job: its outcome as it was published, member by member.

use super::{Column, Table};
use crate::ledger::value::Members;
use crate::ledger::{Commit, JobRecord, NameTable, Rejection, Value};

/// The outcome of a job's record; the record knows its kind by number, so the name comes along.
pub fn outcome(job: &JobRecord, kind: &str, commit: &Commit, names: &NameTable) -> Table {
    let json = members(job, kind, commit, names);
    let row = |(name, value): &(_, Value)| {
        let name: &std::borrow::Cow<'static, str> = name;
        vec![Some(Value::Text(name.clone())), Some(value.clone())]
    };
    Table {
        title: "Outcome".to_owned(),
        facts: Members::new(),
        columns: vec![Column::words("member"), Column::words("value")],
        rows: json.iter().map(row).collect(),
        totals: Vec::new(),
        json,
        absent: &[],
    }
}

fn members(job: &JobRecord, kind: &str, commit: &Commit, names: &NameTable) -> Members {
    let mut members = Members::new();
    let mut set = |name: &'static str, value: Value| members.push((name.into(), value));
    set("book", Value::text(names.book(job.book).to_owned()));
    set("sequence", Value::count(job.sequence.0));
    set("key", Value::text(job.envelope.key.to_string()));
    set("kind", Value::text(kind.to_owned()));
    if let Some(event) = &job.event {
        set("event", Value::text(event.to_string()));
    }
    set("status", Value::text(job.outcome.status.text()));
    if let Some(rejection) = &job.outcome.rejection {
        refusal(rejection, &mut set);
    }
    set("recorded_at", Value::text(commit.recorded_at.to_string()));
    let dates = [
        ("booking_date", job.outcome.booking_date),
        ("value_date", job.outcome.value_date),
    ];
    for (name, date) in dates {
        if let Some(date) = date {
            set(name, Value::Date(date));
        }
    }
    if let Some(number) = job.outcome.entry_no {
        set("entry_no", Value::count(number.0));
    }
    if job.outcome.entries > 1 {
        set("entries", Value::count(job.outcome.entries));
    }
    members.extend(job.outcome.members.iter().cloned());
    let balances = commit.balances(&job.balances).iter();
    let balances: Members = balances
        .filter_map(|(account, balance)| {
            let (name, decimals) = names.account(job.book, *account)?;
            Some((name.to_owned().into(), Value::amount(*balance, decimals)))
        })
        .collect();
    if !balances.is_empty() {
        members.push(("balances".into(), Value::Object(balances)));
    }
    members
}

fn refusal(rejection: &Rejection, set: &mut impl FnMut(&'static str, Value)) {
    set("code", Value::text(rejection.code().text()));
    set("message", Value::text(rejection.message()));
    if let Some(path) = rejection.path() {
        let root = if rejection.is_at_root() { "" } else { "/data" };
        set("path", Value::text(format!("{root}{path}")));
    }
    if !rejection.detail().is_empty() {
        set("detail", Value::Object(rejection.detail().clone()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::jobs::desk::Desk;
    use crate::ledger::Record;
    use crate::report::{Format, render};

    /// Runs an entry and gives its outcome as published and as reported.
    fn both(amount: &str) -> (Json, Json, String) {
        let rows = [
            ("bank/main", "EUR", "asset", "100.00", Some("0.00")),
            ("exp/office", "EUR", "expense", "0.00", None),
        ];
        let mut desk = Desk::new(&rows, &[]);
        let legs = json!([
            { "dr": "exp/office", "amount": amount },
            { "cr": "bank/main", "amount": amount },
        ]);
        let published = desk.run("entry.post", &json!({ "legs": legs }));
        let commit = desk.commits.last().unwrap();
        let Some(Record::Job(job)) = commit.records.first() else {
            panic!("no job in the commit");
        };
        let names = NameTable::of_books([desk.book()]);
        let table = outcome(job, "entry.post", commit, &names);
        let json = render(&table, Format::Json).unwrap();
        let text = render(&table, Format::Text).unwrap();
        (published, serde_json::from_str(&json).unwrap(), text)
    }

    #[test]
    fn the_report_has_what_was_published() {
        for amount in ["12.50", "100.01", "1.005"] {
            let (published, reported, _) = both(amount);
            assert_eq!(reported, published);
        }
    }

    #[test]
    fn a_refusal_reads_as_a_sentence() {
        let (.., text) = both("100.01");
        assert!(text.contains("INSUFFICIENT_FUNDS"), "{text}");
        assert!(text.contains("requested=100.01"), "{text}");
    }
}
