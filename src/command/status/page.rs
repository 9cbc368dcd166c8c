//! What the pages of the daemon say, as one table.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;

use crate::ledger::value::member;
use crate::ledger::{Members, Value};
use crate::report::{Column, Table};

const COLUMNS: [Column; 7] = [
    Column::figures("partition"),
    Column::figures("position"),
    Column::figures("unacked"),
    Column::figures("oldest_unacked_seconds"),
    Column::words("connected"),
    Column::words("blocked"),
    Column::words("last_error"),
];

/// Series of a page of metrics, with their values as they are written.
#[derive(Debug, Default)]
pub(super) struct Page(BTreeMap<String, String>);

impl Page {
    pub(super) fn read(text: &str) -> Self {
        let series = text.lines().filter(|line| !line.starts_with('#'));
        let series = series.filter_map(|line| line.rsplit_once(' '));
        Self(
            series
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    fn text(&self, series: &str) -> String {
        self.0.get(series).cloned().unwrap_or_default()
    }

    /// The sum of a counter over all its labels.
    fn sum(&self, name: &str) -> u64 {
        let of_name = |series: &&String| {
            let rest = series.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        };
        let values = self.0.iter().filter(|(series, _)| of_name(series));
        values
            .filter_map(|(_, value)| value.parse::<u64>().ok())
            .sum()
    }

    /// Counts of a histogram up to each bound, by bound as it is written.
    fn buckets(&self, name: &str) -> Vec<(&str, u64)> {
        let prefix = format!("{name}_bucket{{le=\"");
        let mut found: Vec<(&str, u64)> = self
            .0
            .iter()
            .filter_map(|(series, value)| {
                let bound = series.strip_prefix(&prefix)?.strip_suffix("\"}")?;
                Some((bound, value.parse().ok()?))
            })
            .collect();
        let bound = |text: &str| text.parse().unwrap_or(f64::INFINITY);
        found.sort_by(|(one, _), (other, _)| bound(one).total_cmp(&bound(other)));
        found
    }
}

/// Below which bound so many hundredths of what a histogram saw between two looks lie; of all that
/// it ever saw, if it saw nothing in between.
fn quantile(before: &Page, now: &Page, name: &str, hundredths: u64) -> Option<String> {
    let known: BTreeMap<&str, u64> = before.buckets(name).into_iter().collect();
    let all = now.buckets(name);
    let earlier = |bound: &str| known.get(bound).copied().unwrap_or_default();
    let between: Vec<(&str, u64)> = all
        .iter()
        .map(|(bound, count)| (*bound, count.saturating_sub(earlier(bound))))
        .collect();
    let total = |list: &[(&str, u64)]| list.iter().map(|(_, count)| *count).max();
    let list = if total(&between)? > 0 { between } else { all };
    let wanted = total(&list)?.checked_mul(hundredths)?;
    if wanted == 0 {
        return None;
    }
    let reached = |(_, count): &&(&str, u64)| count.saturating_mul(100) >= wanted;
    let (bound, _) = list.iter().find(reached)?;
    Some(match *bound {
        "+Inf" => "more than the last bound".to_owned(),
        bound => format!("at most {bound} s"),
    })
}

/// Counters, as facts of all time.
const COUNTS: [(&str, &str); 4] = [
    ("jobs_posted", "kontor_jobs_posted_total"),
    ("jobs_rejected", "kontor_jobs_rejected_total"),
    ("jobs_duplicate", "kontor_jobs_duplicate_total"),
    ("dead_letters", "kontor_dead_letters_total"),
];
const LATENCIES: [(&str, &str); 3] = [
    ("received_to_durable", "kontor_job_latency_seconds"),
    ("received_to_outcome", "kontor_outcome_latency_seconds"),
    ("fdatasync", "kontor_fdatasync_duration_seconds"),
];
/// Levels, as they are now.
const LEVELS: [(&str, &str); 6] = [
    ("journal_bytes", "kontor_journal_size_bytes"),
    ("journal_free_bytes", "kontor_journal_free_bytes"),
    ("outbox_pending", "kontor_outbox_pending"),
    ("outbox_oldest_seconds", "kontor_outbox_oldest_seconds"),
    ("books_out_of_balance", "kontor_books_out_of_balance"),
    ("completeness_difference", "kontor_completeness_difference"),
];

/// The screen.
pub(super) fn shown(status: &Json, before: &Page, now: &Page, between: Duration) -> Table {
    let mut facts = of_process(status);
    facts.extend(of_pages(before, now, between));
    let partitions = status.get("partitions").and_then(Json::as_array);
    let partitions: Vec<Members> = partitions
        .into_iter()
        .flatten()
        .map(|one| partition(one, now))
        .collect();
    let rows = partitions.iter().map(|members| {
        let cell = |column: &Column| member(members, column.name).cloned();
        COLUMNS.iter().map(cell).collect()
    });
    let rows = rows.collect();
    let mut json = facts.clone();
    let list = partitions.into_iter().map(Value::Object).collect();
    json.push(("partitions".into(), Value::List(list)));
    Table {
        title: "kontor".to_owned(),
        facts,
        columns: COLUMNS.to_vec(),
        rows,
        totals: Vec::new(),
        json,
        absent: &[],
    }
}

fn of_process(status: &Json) -> Members {
    let text = |name: &str| status.get(name).and_then(Json::as_str).unwrap_or_default();
    let reasons = status.get("reasons").and_then(Json::as_array);
    let reasons = reasons.into_iter().flatten().filter_map(Json::as_str);
    let reasons: Vec<&str> = reasons.collect();
    let ready = match reasons.as_slice() {
        [] => "yes".to_owned(),
        reasons => format!("no: {}", reasons.join("; ")),
    };
    let named = ["version", "role", "journal_id"];
    let mut facts: Members = named
        .iter()
        .map(|name| ((*name).into(), Value::text(text(name).to_owned())))
        .collect();
    facts.push(("ready".into(), Value::text(ready)));
    facts
}

fn of_pages(before: &Page, now: &Page, between: Duration) -> Members {
    let mut facts = Members::new();
    let mut fact = |name: Cow<'static, str>, value: String| facts.push((name, Value::text(value)));
    let jobs = |page: &Page| {
        let sums = ["kontor_jobs_posted_total", "kontor_jobs_rejected_total"];
        sums.map(|name| page.sum(name)).into_iter().sum::<u64>()
    };
    let entries = |page: &Page| page.sum("kontor_entries_total");
    let rate = |count: &dyn Fn(&Page) -> u64| {
        per_second(count(now).saturating_sub(count(before)), between)
    };
    fact("jobs_per_second".into(), rate(&jobs));
    fact("entries_per_second".into(), rate(&entries));
    for (name, counter) in COUNTS {
        fact(name.into(), now.sum(counter).to_string());
    }
    for (name, histogram) in LATENCIES {
        for (suffix, hundredths) in [("p50", 50), ("p99", 99)] {
            if let Some(bound) = quantile(before, now, histogram, hundredths) {
                fact(format!("{name}_{suffix}").into(), bound);
            }
        }
    }
    for (name, series) in LEVELS {
        fact(name.into(), now.text(series));
    }
    facts
}

fn partition(one: &Json, now: &Page) -> Members {
    let number = one
        .get("partition")
        .and_then(Json::as_u64)
        .unwrap_or_default();
    let figure = |name: &str| {
        let figure = one.get(name).and_then(Json::as_i64).unwrap_or_default();
        Value::Int(figure)
    };
    let word = |name: &str| {
        let yes = one.get(name).and_then(Json::as_bool).unwrap_or_default();
        Value::text(if yes { "yes" } else { "no" }.to_owned())
    };
    let error = one
        .get("last_error")
        .filter(|error| !error.is_null())
        .map(|error| {
            let text = |name: &str| error.get(name).and_then(Json::as_str).unwrap_or_default();
            format!("{} {}", text("at"), text("message"))
        });
    let oldest = format!("kontor_oldest_unacked_seconds{{partition=\"{number}\"}}");
    vec![
        ("partition".into(), figure("partition")),
        ("position".into(), figure("position")),
        ("unacked".into(), figure("unacked")),
        (
            "oldest_unacked_seconds".into(),
            Value::text(now.text(&oldest)),
        ),
        ("connected".into(), word("connected")),
        ("blocked".into(), word("blocked")),
        ("last_error".into(), Value::text(error.unwrap_or_default())),
    ]
}

fn per_second(count: u64, between: Duration) -> String {
    let millis = u64::try_from(between.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let thousandfold = count.saturating_mul(1_000);
    thousandfold
        .checked_div(millis)
        .unwrap_or_default()
        .to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BEFORE: &str = "\
# TYPE kontor_jobs_posted_total counter
kontor_jobs_posted_total{kind=\"entry.post\"} 100
kontor_jobs_posted_total{kind=\"invoice.issue\"} 5
kontor_job_latency_seconds_bucket{le=\"0.001\"} 90
kontor_job_latency_seconds_bucket{le=\"0.01\"} 100
kontor_job_latency_seconds_bucket{le=\"+Inf\"} 100
";

    fn fact(table: &Table, name: &str) -> String {
        let value = member(&table.facts, name);
        value.map(|value| format!("{value:?}")).unwrap_or_default()
    }

    #[test]
    fn rates_and_latencies_are_those_between_two_looks() {
        let status = json!({
            "version": "0.1.0", "role": "active", "ready": false, "journal_id": "ab",
            "reasons": ["disk: 5 bytes left"],
            "partitions": [{ "partition": 0, "position": 42, "unacked": 7, "connected": true,
                "blocked": false, "last_error": null }],
        });
        let after = BEFORE
            .replace(
                " 100\nkontor_jobs_posted_total{kind=\"i",
                " 600\nkontor_jobs_posted_total{kind=\"i",
            )
            .replace("le=\"0.01\"} 100", "le=\"0.01\"} 600")
            .replace("+Inf\"} 100", "+Inf\"} 600");
        let (before, now) = (Page::read(BEFORE), Page::read(&after));
        let table = shown(&status, &before, &now, Duration::from_millis(500));
        assert!(fact(&table, "jobs_per_second").contains("\"1000\""));
        assert!(fact(&table, "jobs_posted").contains("\"605\""));
        assert!(fact(&table, "ready").contains("no: disk: 5 bytes left"));
        // Everything in between took longer than a millisecond.
        assert!(fact(&table, "received_to_durable_p50").contains("at most 0.01 s"));
        assert_eq!(table.rows.len(), 1);

        // Nothing in between: what there ever was.
        let table = shown(&status, &before, &before, Duration::from_secs(1));
        assert!(fact(&table, "jobs_per_second").contains("\"0\""));
        assert!(fact(&table, "received_to_durable_p50").contains("at most 0.001 s"));
        assert!(fact(&table, "received_to_durable_p99").contains("at most 0.01 s"));
        assert_eq!(fact(&table, "received_to_outcome_p50"), "");
    }
}
