//! The days of a schedule, counted from its first one.
//!
//! | `every`                    | Run k, from 0                                                |
//! |----------------------------|--------------------------------------------------------------|
//! | `day`, `week`              | first day + k, + 7k days                                     |
//! | `month`, `quarter`, `year` | first day + k, + 3k, + 12k months; the last day of short ones |
//! | `month_end`                | last day of the month k months after that of the first day   |
//!
//! Every run is counted from the first day, so that a 31st comes back after a short month. A run
//! that is not a business day then rolls by the convention.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Post;
use crate::time::{Calendar, Convention, Date};

/// How the days of a schedule follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// Every day.
    Day,
    /// Every seventh day.
    Week,
    /// The same day of every month.
    Month,
    /// The last day of every month.
    MonthEnd,
    /// The same day of every third month.
    Quarter,
    /// The same day of every year.
    Year,
}

impl Every {
    /// As it is written outside.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::MonthEnd => "month_end",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// A day so many steps after the first one; none beyond the calendar.
    fn day(self, first: Date, steps: u32) -> Option<Date> {
        let days = |each: u32| first.plus_days(i32::try_from(steps.checked_mul(each)?).ok()?);
        let months = |each: u32| first.plus_months(steps.checked_mul(each)?);
        match self {
            Self::Day => days(1),
            Self::Week => days(7),
            Self::Month => months(1),
            Self::MonthEnd => first
                .month()
                .first_day()?
                .plus_months(steps)?
                .month()
                .last_day(),
            Self::Quarter => months(3),
            Self::Year => months(12),
        }
    }
}

/// As a convention is written outside.
pub(super) const fn roll_text(roll: Convention) -> &'static str {
    match roll {
        Convention::None => "none",
        Convention::Following => "following",
        Convention::ModifiedFollowing => "modified_following",
        Convention::Preceding => "preceding",
    }
}

/// Where the days of a schedule lie.
#[derive(Clone, Debug)]
pub(super) struct Days {
    pub(super) first: Date,
    pub(super) until: Option<Date>,
    pub(super) calendar: Calendar,
}

impl Days {
    /// The day of a run, counted from 0; none behind the last one.
    pub(super) fn run(&self, job: &Post, number: u32) -> Option<Date> {
        if job.count.is_some_and(|count| number >= count) {
            return None;
        }
        let day = job.every.day(self.first, number)?;
        if self.until.is_some_and(|until| day > until) {
            return None;
        }
        let roll = job.roll.unwrap_or_default();
        let rolled = self.calendar.roll(day, roll).unwrap_or(day);
        rolled.in_range().then_some(rolled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A month that begins on 31 January goes on with 28 February, 31 March and 30 April, as Stripe
    /// documents it ("Set the subscription billing renewal date"); the other steps are our own.
    #[test]
    fn every_step_is_counted_from_the_first_day() {
        let first = Date::parse("2026-01-31").unwrap();
        let days = |every: Every| {
            let all = (0..4).map(|steps| every.day(first, steps).unwrap().to_string());
            all.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            days(Every::Day),
            "2026-01-31 2026-02-01 2026-02-02 2026-02-03"
        );
        assert_eq!(
            days(Every::Week),
            "2026-01-31 2026-02-07 2026-02-14 2026-02-21"
        );
        assert_eq!(
            days(Every::Month),
            "2026-01-31 2026-02-28 2026-03-31 2026-04-30"
        );
        assert_eq!(
            days(Every::MonthEnd),
            "2026-01-31 2026-02-28 2026-03-31 2026-04-30"
        );
        assert_eq!(
            days(Every::Quarter),
            "2026-01-31 2026-04-30 2026-07-31 2026-10-31"
        );
        assert_eq!(
            days(Every::Year),
            "2026-01-31 2027-01-31 2028-01-31 2029-01-31"
        );
        assert_eq!(Every::Year.day(first, u32::MAX), None);
        let middle = Date::parse("2026-01-15").unwrap();
        assert_eq!(Every::MonthEnd.day(middle, 1), Date::parse("2026-02-28"));
    }
}
