//! Entries that are undone on a later day by themselves.

use serde_json::Value;

use super::book::{Accrual, Entry};
use super::due::{Alarm, Rung, Work};
use super::{Answer, Book, Leg, Ruled, entries, need};
use crate::torture::calendar;

/// `accrual.post`.
pub fn post(book: &mut Book, data: &Value) -> Ruled {
    let (booking, day) = (need(data, "booking_date"), need(data, "auto_reverse"));
    book.period_open(booking)?;
    if day <= booking {
        return Err("DATE_INVALID");
    }
    book.period_open(day)?;
    let legs = entries::legs(book, data)?;
    entries::check(book, &legs)?;
    let entry = book.post(Entry {
        legs,
        ..Entry::default()
    })?;
    let accrual = Accrual {
        entry,
        day: day.to_owned(),
    };
    let alarm = accrual.alarm(book);
    book.alarms.insert(alarm);
    book.accruals.insert(accrual.name(), accrual);
    let answer = Answer::of("posted").with("auto_reverse", day);
    Ok(book.posted(answer, entry))
}

/// Somebody reverses an entry before its day has come.
pub fn spare(book: &mut Book, entry: u64) {
    let known = book.accruals.values().find(|one| one.entry == entry);
    if let Some(alarm) = known.map(|one| one.alarm(book)) {
        book.alarms.remove(&alarm);
    }
}

/// The day has come.
pub fn reversed(book: &mut Book, name: &str) -> Option<Rung> {
    let accrual = book.accruals.get(name)?.clone();
    let past = book.entry(accrual.entry)?;
    let mirror = past.legs.iter().map(|leg| Leg {
        debit: !leg.debit,
        ..leg.clone()
    });
    let legs: Vec<Leg> = mirror.collect();
    let posted = book.period_open(&accrual.day).and_then(|()| {
        for leg in &legs {
            book.usable(&leg.account, leg.debit)?;
        }
        book.post(Entry {
            legs,
            reverses: Some(accrual.entry),
            ..Entry::default()
        })
    });
    let (event, answer) = match posted {
        Ok(by) => {
            if let Some(past) = book.entry_mut(accrual.entry) {
                past.reversed_by = Some(by);
            }
            let answer = Answer::of("posted")
                .with("reverses", accrual.entry)
                .with("booking_date", accrual.day);
            ("accrual.reversed", book.posted(answer, by))
        }
        Err(code) => {
            let answer = Answer::of("accepted")
                .with("entry", accrual.entry)
                .with("auto_reverse", accrual.day)
                .with("code", code);
            ("accrual.not_reversed", answer)
        }
    };
    Some(Rung {
        kind: "accrual.post",
        key: name.to_owned(),
        event,
        answer,
    })
}

impl Accrual {
    fn name(&self) -> String {
        format!("{:012}#accrual", self.entry)
    }

    fn alarm(&self, book: &Book) -> Alarm {
        Alarm {
            at: calendar::begins(book.place, &self.day),
            work: Work::Reversal,
            about: self.name(),
        }
    }
}
