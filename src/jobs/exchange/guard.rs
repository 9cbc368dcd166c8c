//! Whether a rate is plausible: not too old, and not far from the last one that the book knows.
//!
//! | Bound of `rate_guard`   | Refuses                                    | Without it |
//! |-------------------------|--------------------------------------------|------------|
//! | `age_days_max`          | a rate of a day so long before the booking | 366 days   |
//! | `deviation_percent_max` | a rate further than that from the last one | nothing    |
//!
//! A rate of the records holds until the next one: it is too old only where the book says so.
//!
//! The last known rate of a pair is what the book's records of `rate` list, or what a job was
//! posted at, whichever is of the later day that is not behind the rate's own. Of one day the
//! record counts: whoever may set it confirms a rate that really moved that far. What jobs were
//! posted at is remembered, one document for each pair, only where a deviation has a bound.

use std::cmp::Ordering;

use serde::Deserialize;

use super::RateData;
use crate::code::Code;
use crate::ids::UnitIndex;
use crate::ledger::effect::DocumentChange;
use crate::ledger::plan::optional_date;
use crate::ledger::reference::Record;
use crate::ledger::{Book, DocumentKind, DocumentState, Members, Plan, Rejection, Value};
use crate::limits::RATE_DAYS_MAX;
use crate::money::{Number, Percent, RateValue, Ratio};
use crate::time::{Date, DateText};

/// The bounds of a book for the rates of a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    /// None where the book says nothing.
    age_days_max: Option<i32>,
    deviation_max: Option<Percent>,
    /// When the job is booked.
    booking: Date,
    /// When it is done: later records are not known.
    today: Date,
}

/// The setting `rate_guard`.
#[derive(Default, Deserialize)]
struct Setting {
    age_days_max: Option<i32>,
    deviation_percent_max: Option<String>,
}

/// A rate that a book knows, with its day.
#[derive(Clone)]
struct Known {
    day: Date,
    /// In the direction of the rate that is judged.
    value: Ratio,
    /// As it was written: 1 base = rate quote.
    text: String,
}

impl Guard {
    /// The bounds for a job that is booked on a day.
    pub(crate) fn of(book: &Book, booking: Date, today: Date) -> Self {
        let setting = book.reference().single(Record::RateGuard, today);
        let setting = setting.and_then(|value| value.read::<Setting>().ok());
        let setting = setting.unwrap_or_default();
        let percent = setting.deviation_percent_max.as_deref();
        let percent = percent.and_then(|text| Number::parse(text).ok());
        Self {
            age_days_max: setting.age_days_max,
            deviation_max: percent.and_then(|number| Percent::not_negative(number).ok()),
            booking,
            today,
        }
    }

    /// Step 7: a rate of long ago is none any more.
    pub(crate) fn check_age(&self, rate: &RateData, path: &str) -> Result<(), Rejection> {
        self.check_days(rate, self.age_days_max.unwrap_or(RATE_DAYS_MAX), path)
    }

    /// The same for a rate of the book's records.
    pub(super) fn check_listed(&self, rate: &RateData, path: &str) -> Result<(), Rejection> {
        let days = self.age_days_max;
        days.map_or(Ok(()), |days| self.check_days(rate, days, path))
    }

    fn check_days(&self, rate: &RateData, days: i32, path: &str) -> Result<(), Rejection> {
        let as_of = optional_date(rate.as_of.as_ref(), path)?;
        let oldest = self.booking.plus_days(-days).unwrap_or(self.booking);
        match as_of {
            Some(as_of) if as_of < oldest => Err(Rejection::new(Code::RateStale)
                .at(path)
                .with("as_of", Value::Date(as_of))
                .with("oldest", Value::Date(oldest))),
            Some(_) | None => Ok(()),
        }
    }

    /// Step 7, behind the pair: a rate far from the last one is a slip. The members that the book
    /// keeps of it, if it keeps any.
    pub(crate) fn check_deviation(
        &self,
        book: &Book,
        (data, rate): (&RateData, RateValue),
        path: &str,
    ) -> Result<Option<Kept>, Rejection> {
        let Some(bound) = self.deviation_max else {
            return Ok(None);
        };
        let day = data.as_of.as_ref().and_then(DateText::date);
        let day = day.unwrap_or(self.booking);
        let name = name(data);
        let posted = posted(book, &name, data);
        if let Some(last) = self.last(book, data, day, posted.as_ref())
            && !within(rate, last.value, bound)
        {
            return Err(Rejection::new(Code::RateInvalid)
                .at(path)
                .with_text("reason", "too far from the last known rate of the pair")
                .with_text("last", last.text)
                .with("last_as_of", Value::Date(last.day))
                .with_text("deviation_percent_max", bound.to_string()));
        }
        // A rate of an earlier day is not the last one.
        if posted.is_some_and(|posted| posted.day > day) {
            return Ok(None);
        }
        let text = |text: &str| Value::text(text.to_owned());
        let members = vec![
            ("base".into(), text(&data.base)),
            ("quote".into(), text(&data.quote)),
            ("rate".into(), Value::text(rate.to_string())),
            ("as_of".into(), Value::Date(day)),
        ];
        Ok(Some(Kept { name, members }))
    }

    /// The last known rate on a day.
    fn last(
        &self,
        book: &Book,
        data: &RateData,
        day: Date,
        posted: Option<&Known>,
    ) -> Option<Known> {
        let listed = [(&data.base, &data.quote), (&data.quote, &data.base)];
        let listed = listed.into_iter().filter_map(|(base, quote)| {
            let name = format!("{base}/{quote}");
            let known = book.reference().listed_rates(&name, self.today);
            let (from, rate) = known.into_iter().rfind(|(from, _)| *from <= day)?;
            Known::of(data, (base, quote), rate, from)
        });
        let listed = listed.max_by_key(|known| known.day);
        let before = posted.filter(|posted| posted.day <= day);
        match (listed, before) {
            (Some(listed), Some(posted)) if posted.day > listed.day => Some(posted.clone()),
            (Some(listed), _) => Some(listed),
            // What is only known of a later day is nearer than nothing.
            (None, _) => posted.cloned(),
        }
    }
}

impl Known {
    /// A rate of two currencies, either way round, beside one that is judged.
    fn of(judged: &RateData, (base, quote): (&str, &str), rate: Number, day: Date) -> Option<Self> {
        let exact = RateValue::positive(rate).ok()?.ratio()?;
        let value = if *judged.base == *base {
            exact
        } else {
            Ratio::whole(1).divided_by(exact)?
        };
        let text = format!("{base}/{quote} {rate}");
        Some(Self { day, value, text })
    }
}

/// What a book is to keep of a rate that a job was posted at.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    name: String,
    members: Members,
}

impl Kept {
    /// Keep it with what the job posts. A document has a unit; this one shows no amounts.
    pub(crate) fn write(&self, book: &Book, plan: &mut Plan, unit: UnitIndex) {
        let known = book.documents().of_kind(DocumentKind::Rate, &self.name);
        plan.document(DocumentChange {
            number: self.name.as_str().into(),
            kind: DocumentKind::Rate,
            state: DocumentState::Active,
            version: known.map_or(1, |known| known.version.saturating_add(1)),
            unit: known.map_or(unit, |known| known.unit),
            party: "".into(),
            due: None,
            open: 0,
            set: self.members.clone(),
        });
    }
}

/// The name of a pair, whichever way round its rates are written.
fn name(data: &RateData) -> String {
    let (first, second) = if *data.base <= *data.quote {
        (&data.base, &data.quote)
    } else {
        (&data.quote, &data.base)
    };
    format!("{first}/{second}")
}

/// The rate of a pair that a job was posted at last.
fn posted(book: &Book, name: &str, judged: &RateData) -> Option<Known> {
    let known = book.documents().of_kind(DocumentKind::Rate, name)?;
    let rate = Number::parse(known.text("rate")).ok()?;
    let day = known.member("as_of").and_then(Value::date)?;
    Known::of(judged, (known.text("base"), known.text("quote")), rate, day)
}

/// Whether a rate lies so many percent around another one, both ends included. What cannot be
/// computed is not.
fn within(rate: RateValue, last: Ratio, bound: Percent) -> bool {
    let part = || {
        let quotient = rate.ratio()?.divided_by(last)?;
        let bound = bound.factor()?;
        let over = quotient.compare(bound.plus(1)?);
        let under = quotient.compare(bound.negated().plus(1)?);
        Some(over != Ordering::Greater && under != Ordering::Less)
    };
    part().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_within(rate: &str, last: Ratio, bound: &str) -> bool {
        let rate = RateValue::positive(Number::parse(rate).unwrap()).unwrap();
        within(
            rate,
            last,
            Percent::not_negative(Number::parse(bound).unwrap()).unwrap(),
        )
    }

    #[test]
    fn a_bound_includes_both_ends_and_is_exact() {
        let last = Ratio::decimal(10_800, 4).unwrap();
        for good in ["1.0800", "1.188", "0.972"] {
            assert!(is_within(good, last, "10"), "{good}");
        }
        for bad in ["1.18800000001", "0.971999999999", "10.8", "0.108"] {
            assert!(!is_within(bad, last, "10"), "{bad}");
        }
        // 1 / 1.08 = 0.925925…: no decimal is the same, and half a percent around it is exact.
        let turned = Ratio::new(10_000, 10_800).unwrap();
        assert!(!is_within("0.925925925926", turned, "0"));
        assert!(is_within("0.925925925926", turned, "0.5"));
        assert!(!is_within("0.9213", turned, "0.499"));
    }

    #[test]
    fn figures_at_their_bounds_are_judged_as_well() {
        let last = Ratio::decimal(1, 12).unwrap();
        assert!(!is_within("1000000000000", last, "100"));
        assert!(is_within("0.000000000002", last, "100"));
        let last = Ratio::decimal(999_999_999_989, 12).unwrap();
        assert!(is_within("0.999999999961", last, "0.0000001"));
    }
}
