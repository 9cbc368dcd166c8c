//! The same entry again and again: what is past at once, what comes by itself on its day.

use serde_json::Value;

use super::book::{Entry, Schedule, number};
use super::due::{Alarm, Rung, Work};
use super::{Answer, Book, Leg, Ruled, entries, need, print};
use crate::torture::calendar;

/// `recurring.post`.
pub fn post(book: &mut Book, data: &Value) -> Ruled {
    let mut schedule = Schedule {
        key: book.key.clone(),
        data: data.clone(),
        runs: 0,
        due: None,
    };
    let (mut posted, mut skipped) = (Vec::new(), Vec::new());
    while let Some(day) = schedule.day() {
        if day.as_str() > book.today.as_str() {
            schedule.due = Some(day);
            break;
        }
        if book.period_open(&day).is_ok() {
            posted.push(day);
        } else {
            skipped.push(Value::from(day));
        }
        schedule.runs = schedule.runs.saturating_add(1);
    }
    if posted.is_empty() && schedule.due.is_none() && !skipped.is_empty() {
        return Err("PERIOD_CLOSED");
    }
    let legs = entries::legs(book, data)?;
    entries::check(book, &legs)?;
    let all: Vec<Leg> = posted.iter().flat_map(|_| legs.clone()).collect();
    book.asks(if all.is_empty() { &legs } else { &all });
    book.check_limits(&all, &[], &[])?;
    let total = entries::debits(&legs) * i128::from(number(posted.len()));
    let name = format!("RS-{:06}", number(book.schedules.len()).saturating_add(1));
    let status = if posted.is_empty() {
        "accepted"
    } else {
        "posted"
    };
    let mut answer = Answer::of(status)
        .with("schedule", name.clone())
        .with("entries", number(posted.len()))
        .with("total", print(total, 2));
    if !skipped.is_empty() {
        answer = answer.with("skipped", skipped);
    }
    if let Some(next) = &schedule.due {
        answer = answer.with("next", next.clone());
    }
    let first = number(book.entries.len()).saturating_add(1);
    for _ in &posted {
        let legs = legs.clone();
        book.write(Entry {
            legs,
            ..Entry::default()
        });
    }
    if !posted.is_empty() {
        answer = book.posted(answer, first);
    }
    book.alarms.extend(schedule.alarm(book, &name));
    book.schedules.insert(name, schedule);
    Ok(answer)
}

/// A run's day has come.
pub fn run(book: &mut Book, name: &str) -> Option<Rung> {
    let mut schedule = book.schedules.get(name)?.clone();
    let day = schedule.due.clone()?;
    let run = schedule.runs.saturating_add(1);
    let mut key = format!("{}/{run}", schedule.key);
    if book.keys.contains_key(&key) || book.awaited(&key).is_some() {
        key = format!("{key}#{name}");
    }
    let posted = again(book, &schedule.data, &day);
    schedule.runs = run;
    schedule.due = schedule.day();
    book.alarms.extend(schedule.alarm(book, name));
    book.schedules.insert(name.to_owned(), schedule);
    let answer = |status| Answer::of(status).with("schedule", name).with("run", run);
    let (event, answer) = match posted {
        Ok(entry) => {
            let answer = answer("posted").with("booking_date", day);
            ("recurring.posted", book.posted(answer, entry))
        }
        Err(code) => {
            let answer = answer("accepted").with("date", day).with("code", code);
            ("recurring.missed", answer)
        }
    };
    Some(Rung {
        kind: "recurring.post",
        key,
        event,
        answer,
    })
}

fn again(book: &mut Book, data: &Value, day: &str) -> Result<u64, &'static str> {
    let legs = entries::legs(book, data)?;
    entries::check(book, &legs)?;
    book.period_open(day)?;
    book.post(Entry {
        legs,
        ..Entry::default()
    })
}

impl Schedule {
    /// The day of the next run, if there is one.
    fn day(&self) -> Option<String> {
        let count = self.data.get("count").and_then(Value::as_u64);
        if count.is_some_and(|count| self.runs >= count) {
            return None;
        }
        let first = need(&self.data, "first");
        let steps = i64::try_from(self.runs).unwrap_or(i64::MAX);
        let days = |each: i64| calendar::date(calendar::number(first) + each * steps);
        let months = |each: i64| calendar::months_later(first, each * steps);
        Some(match need(&self.data, "every") {
            "day" => days(1),
            "week" => days(7),
            "month" => months(1),
            "quarter" => months(3),
            "year" => months(12),
            _month_end => {
                let begin = format!("{}-01", first.get(..7).unwrap_or_default());
                calendar::month_end(&calendar::months_later(&begin, steps))
            }
        })
    }

    fn alarm(&self, book: &Book, name: &str) -> Option<Alarm> {
        let day = self.due.as_ref()?;
        Some(Alarm {
            at: calendar::begins(book.place, day),
            work: Work::Run,
            about: name.to_owned(),
        })
    }
}
