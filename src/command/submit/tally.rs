//! What became of the jobs, counted by status and code.

use std::collections::BTreeMap;

use super::courier::{Answer, Carried, Parcel};
use crate::ledger::Value;
use crate::ledger::value::Members;
use crate::report::{Column, Table};

/// Refusals that are shown one by one; behind them only the count tells.
const SHOWN_MAX: usize = 20;

/// Outcomes by status and code, with the first refusals in full.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    counts: BTreeMap<(String, String), [usize; 2]>,
    refusals: Vec<Answer>,
    rejected: usize,
}

impl Tally {
    /// Count an outcome.
    pub fn add(&mut self, answer: &Answer) {
        let code = answer.code.clone().unwrap_or_default();
        let [count, duplicates] = self
            .counts
            .entry((answer.status.clone(), code))
            .or_default();
        *count += 1;
        *duplicates += usize::from(answer.duplicate);
        if answer.status == "rejected" {
            self.rejected += 1;
            if self.refusals.len() < SHOWN_MAX {
                self.refusals.push(answer.clone());
            }
        }
    }

    /// Jobs that were refused.
    pub fn rejected(&self) -> usize {
        self.rejected
    }

    /// The first refusals, in the order in which they were answered.
    pub fn refusals(&self) -> &[Answer] {
        &self.refusals
    }

    /// As a table; `facts` stand above it.
    pub fn table(&self, facts: Members, waited: bool) -> Table {
        let rows = self
            .counts
            .iter()
            .map(|((status, code), [count, duplicates])| {
                vec![
                    Some(Value::text(status.clone())),
                    (!code.is_empty()).then(|| Value::text(code.clone())),
                    Some(Value::count(*count)),
                    (*duplicates > 0).then(|| Value::count(*duplicates)),
                ]
            });
        let columns = vec![
            Column::words("status"),
            Column::words("code"),
            Column::figures("jobs"),
            Column::figures("duplicates"),
        ];
        let rows: Vec<_> = rows.collect();
        let mut json = facts.clone();
        if waited {
            json.push((
                "outcomes".into(),
                Value::List(rows.iter().map(|row| object(&columns, row)).collect()),
            ));
            let refusals = self.refusals.iter().map(refusal);
            json.push(("rejections".into(), Value::List(refusals.collect())));
            let more = self.rejected.saturating_sub(self.refusals.len());
            json.push(("further_rejections".into(), Value::count(more)));
        }
        let title = "Submitted".to_owned();
        Table {
            title,
            facts,
            columns,
            rows,
            totals: Vec::new(),
            json,
            absent: &[],
        }
    }
}

fn object(columns: &[Column], row: &[Option<Value>]) -> Value {
    let members = columns
        .iter()
        .zip(row)
        .filter_map(|(column, cell)| cell.clone().map(|value| (column.name.into(), value)));
    Value::Object(members.collect())
}

fn refusal(answer: &Answer) -> Value {
    let of = |name: &str| answer.body.get(name).and_then(serde_json::Value::as_str);
    let mut members: Members = vec![
        ("book".into(), Value::text(answer.book.clone())),
        ("key".into(), Value::text(answer.key.clone())),
    ];
    for name in ["code", "path", "message"] {
        if let Some(text) = of(name) {
            members.push((name.into(), Value::text(text.to_owned())));
        }
    }
    Value::Object(members)
}

/// What is known without any outcome.
pub fn facts(parcels: &[Parcel], carried: &Carried) -> Members {
    let jobs: usize = parcels.iter().map(|parcel| parcel.keys.len()).sum();
    let keys = |places: &[usize]| -> Value {
        let parcels = places.iter().filter_map(|at| parcels.get(*at));
        let keys = parcels.flat_map(|parcel| &parcel.keys).take(SHOWN_MAX);
        Value::List(keys.map(|key| Value::text(key.clone())).collect())
    };
    let mut facts: Members = vec![
        ("jobs".into(), Value::count(jobs)),
        ("messages".into(), Value::count(parcels.len())),
        ("confirmed".into(), Value::count(carried.confirmed)),
    ];
    if carried.repeated > 0 {
        facts.push(("sent_again".into(), Value::count(carried.repeated)));
    }
    let lists = [
        ("unroutable", &carried.unroutable),
        ("refused", &carried.refused),
        ("unsendable", &carried.unsendable),
    ];
    for (name, places) in lists.into_iter().filter(|(_, places)| !places.is_empty()) {
        facts.push((name.into(), keys(places)));
    }
    if !carried.unanswered.is_empty() {
        let keys = carried.unanswered.iter().take(SHOWN_MAX);
        let keys = keys.map(|(_, key)| Value::text(key.clone())).collect();
        facts.push((
            "without_outcome".into(),
            Value::count(carried.unanswered.len()),
        ));
        facts.push(("unanswered".into(), Value::List(keys)));
    }
    facts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::{Format, render};

    fn answer(key: &str, code: Option<&str>, duplicate: bool) -> Answer {
        let text = |text: &str| text.to_owned();
        let status = if code.is_some() { "rejected" } else { "posted" };
        let body = json!({ "path": "/data/legs/0", "message": "open it first" });
        let code = code.map(text);
        Answer {
            book: text("main"),
            key: text(key),
            status: text(status),
            code,
            duplicate,
            body,
        }
    }

    #[test]
    fn outcomes_are_counted_by_status_and_code() {
        let mut tally = Tally::default();
        for (key, code) in [("a", None), ("b", Some("ACCOUNT_NOT_FOUND")), ("c", None)] {
            tally.add(&answer(key, code, key == "c"));
        }
        assert_eq!(
            (tally.rejected(), tally.refusals()[0].key.as_str()),
            (1, "b")
        );
        let facts: Members = vec![("jobs".into(), Value::count(3))];
        let table = tally.table(facts, true);
        let json: serde_json::Value =
            serde_json::from_str(&render(&table, Format::Json).unwrap()).unwrap();
        assert_eq!(
            json["outcomes"],
            json!([{ "status": "posted", "jobs": 2, "duplicates": 1 },
                   { "status": "rejected", "code": "ACCOUNT_NOT_FOUND", "jobs": 1 }])
        );
        assert_eq!(json["rejections"][0]["message"], "open it first");
        let text = render(&table, Format::Text).unwrap();
        assert!(text.contains("ACCOUNT_NOT_FOUND"), "{text}");
        for _ in 0..SHOWN_MAX {
            tally.add(&answer("d", Some("ACCOUNT_NOT_FOUND"), false));
        }
        let table = tally.table(Vec::new(), true);
        let json = render(&table, Format::Json).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["further_rejections"], 1);
    }
}
