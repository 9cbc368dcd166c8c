//! A case as tables for people: what was given, what came, what became of it.

use serde_json::{Map, Value as Json};

use super::case::Case;
use crate::ledger::Value;
use crate::ledger::value::Members;
use crate::report::{Column, Row, Table};

/// The tables of a case that was taken through: accounts, jobs, entries.
pub fn explain(case: &Case, seen: &Map<String, Json>) -> Vec<Table> {
    vec![accounts(case, seen), jobs(case, seen), entries(seen)]
}

fn table(title: &str, facts: Members, columns: Vec<Column>, rows: Vec<Row>) -> Table {
    Table {
        title: title.to_owned(),
        facts,
        columns,
        rows,
        totals: Vec::new(),
        json: Members::new(),
        absent: &[],
    }
}

/// A JSON value as a cell; nothing where there is nothing.
fn cell(value: Option<&Json>) -> Option<Value> {
    match value {
        None | Some(Json::Null) => None,
        Some(Json::String(text)) => Some(Value::text(text.clone())),
        Some(other) => Some(Value::text(other.to_string())),
    }
}

fn accounts(case: &Case, seen: &Map<String, Json>) -> Table {
    let columns = vec![
        Column::words("account"),
        Column::words("class"),
        Column::words("unit"),
        Column::figures("opening"),
        Column::figures("balance"),
        Column::figures("held"),
    ];
    let after = |section: &str, name: &str| cell(seen.get(section).and_then(|all| all.get(name)));
    let row = |(name, account): (&String, &Json)| {
        vec![
            Some(Value::text(name.clone())),
            cell(account.get("class")),
            cell(account.get("unit")),
            cell(account.get("opening")),
            after("balances", name),
            after("held", name),
        ]
    };
    let rows = case.given.accounts.iter().map(row).collect();
    let source = case.source.iter();
    let facts = source.map(|source| ("source".into(), Value::text(source.clone())));
    table(&case.title, facts.collect(), columns, rows)
}

fn jobs(case: &Case, seen: &Map<String, Json>) -> Table {
    let columns = vec![
        Column::figures("job"),
        Column::words("kind"),
        Column::words("key"),
        Column::words("became"),
        Column::figures("entry"),
        Column::words("more"),
    ];
    let mut rows = Vec::new();
    for job in &case.jobs {
        for section in ["outcomes", "rejections"] {
            let all = seen.get(section).and_then(Json::as_array);
            let number = Json::from(job.n);
            let of_job = |one: &&Json| one.get("job") == Some(&number);
            for one in all.into_iter().flatten().filter(of_job) {
                let duplicate = one.get("duplicate").is_some();
                let became = cell(one.get("code").or_else(|| one.get("status")));
                let detail = one.get("detail").map(Json::to_string).unwrap_or_default();
                let more = if duplicate {
                    "a duplicate".to_owned()
                } else {
                    detail
                };
                rows.push(vec![
                    Some(Value::count(job.n)),
                    Some(Value::text(job.kind.clone())),
                    job.key().map(Value::text),
                    became,
                    cell(one.get("entry_no")),
                    Some(Value::text(more)),
                ]);
            }
        }
    }
    table("Jobs", Members::new(), columns, rows)
}

fn entries(seen: &Map<String, Json>) -> Table {
    let columns = vec![
        Column::figures("entry"),
        Column::figures("job"),
        Column::words("booking_date"),
        Column::words("account"),
        Column::words("unit"),
        Column::figures("debit"),
        Column::figures("credit"),
    ];
    let mut rows = Vec::new();
    let all = seen.get("entries").and_then(Json::as_array);
    for entry in all.into_iter().flatten() {
        let legs = entry.get("legs").and_then(Json::as_array);
        for (at, leg) in legs.into_iter().flatten().enumerate() {
            // What is the same for all legs stands at the first.
            let once = |name: &str| cell(entry.get(name)).filter(|_| at == 0);
            let amount = |side: &str| cell(leg.get("amount")).filter(|_| leg.get(side).is_some());
            rows.push(vec![
                once("entry_no"),
                once("job"),
                once("booking_date"),
                cell(leg.get("dr").or_else(|| leg.get("cr"))),
                cell(leg.get("unit")),
                amount("dr"),
                amount("cr"),
            ]);
        }
    }
    table("Entries", Members::new(), columns, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::{Standing, rehearse};
    use crate::report::{Format, render};

    #[test]
    fn a_case_reads_as_tables() {
        let case = br#"{ "title": "Paper", "given": { "accounts": {
            "bank/main": { "unit": "EUR", "class": "asset", "opening": "100.00" },
            "exp/office": { "unit": "EUR", "class": "expense", "opening": "0.00" } } },
            "jobs": [{ "n": 1, "kind": "entry.post", "key": "k", "data": { "legs": [
                { "dr": "exp/office", "amount": "80.00" },
                { "cr": "bank/main", "amount": "80.00" }] } },
                { "n": 2, "kind": "entry.post", "key": "l", "data": { "legs": [] } }] }"#;
        let case = Case::read(case).unwrap();
        let rehearsed = rehearse(&case).unwrap();
        assert!(matches!(rehearsed.standing, Standing::Passed));
        let tables = explain(&case, &rehearsed.run.unwrap().seen);
        let csv = |at: usize| render(&tables[at], Format::Csv).unwrap();
        assert!(
            csv(0).contains("bank/main,asset,EUR,100.00,20.00,0.00"),
            "{}",
            csv(0)
        );
        assert!(csv(1).contains("1,entry.post,k,posted,1,"), "{}", csv(1));
        assert!(
            csv(1).contains("2,entry.post,l,ENTRY_TOO_FEW_LEGS,,"),
            "{}",
            csv(1)
        );
        assert!(csv(2).contains("1,1,2027-01-01,exp/office,EUR,80.00,\n,,,bank/main,EUR,,80.00"));
    }
}
