//! The time over which something is earned, as periods that follow each other.
//!
//! | Method        | Periods                             | Earned through a day      |
//! |---------------|-------------------------------------|---------------------------|
//! | `month_equal` | months from the first day on        | periods that ended / all  |
//! | `daily`       | calendar months, cut at first, last | days until then / all     |
//!
//! What is earned of an amount is round(amount × earned / all); a period gets the difference of two
//! such prefixes, so that nothing is lost or made.

use crate::jobs::revenue::Method;
use crate::money::share::prefix;
use crate::money::{Minor, Rounding};
use crate::time::Date;

/// Most periods of a span: booking dates lie within 300 years.
const PERIODS_MAX: u32 = 3_600;

/// A span of time with its periods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    from: Date,
    method: Method,
    /// The last day of each period, ascending.
    ends: Vec<Date>,
}

/// A period, or what of it has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Its last day, or the day until which it has passed.
    pub(super) day: Date,
    before: i128,
    after: i128,
}

impl Span {
    /// A span of so many months from a day on.
    pub(super) fn of_months(from: Date, months: u32, method: Method) -> Option<Self> {
        let last = from.plus_months(months)?.plus_days(-1)?;
        Self::until(from, last, method)
    }

    /// A span from one day to another, both included.
    pub(super) fn until(from: Date, last: Date, method: Method) -> Option<Self> {
        let end = |count: u32| match method {
            Method::MonthEqual => from.plus_months(count.saturating_add(1))?.plus_days(-1),
            Method::Daily => from
                .month()
                .first_day()?
                .plus_months(count)?
                .month()
                .last_day(),
        };
        let mut ends = Vec::new();
        for count in 0..PERIODS_MAX {
            let end = end(count)?.min(last);
            ends.push(end);
            if end == last {
                return Some(Self { from, method, ends });
            }
        }
        None
    }

    /// The first day.
    pub(super) fn from(&self) -> Date {
        self.from
    }

    /// The last day.
    pub(super) fn last(&self) -> Date {
        self.ends.last().copied().unwrap_or(self.from)
    }

    /// How much of the span is earned through a day.
    fn earned(&self, through: Date) -> i128 {
        let earned = match self.method {
            Method::MonthEqual => {
                let ended = self.ends.iter().filter(|end| **end <= through);
                i64::try_from(ended.count()).unwrap_or(i64::MAX)
            }
            Method::Daily => {
                let last = through.min(self.last());
                i64::from(last.days()) - i64::from(self.from.days()) + 1
            }
        };
        i128::from(earned.max(0))
    }

    fn whole(&self) -> i128 {
        self.earned(self.last())
    }

    /// The periods that have passed, wholly or by days, after one day and through another.
    pub(super) fn steps(&self, after: Option<Date>, through: Date) -> Vec<Step> {
        let mut before = after.map_or(0, |day| self.earned(day));
        let mut steps = Vec::new();
        for end in &self.ends {
            let day = (*end).min(through);
            let earned = self.earned(day);
            if earned > before {
                steps.push(Step {
                    day,
                    before,
                    after: earned,
                });
                before = earned;
            }
        }
        steps
    }

    /// What a step earns of an amount.
    pub(super) fn part(&self, amount: Minor, step: &Step, mode: Rounding) -> Option<Minor> {
        self.part_since(amount, None, step, mode)
    }

    /// What a step earns of an amount that is earned over what a day had left of the span.
    pub(super) fn part_since(
        &self,
        amount: Minor,
        since: Option<Date>,
        step: &Step,
        mode: Rounding,
    ) -> Option<Minor> {
        let gone = since.map_or(0, |day| self.earned(day));
        let until = |done: i128| prefix(amount, done - gone, self.whole() - gone, mode);
        until(step.after)?.checked_sub(until(step.before)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    fn parts(span: &Span, amount: Minor) -> Vec<(String, Minor)> {
        let steps = span.steps(None, span.last());
        let part = |step: &Step| span.part(amount, step, Rounding::HalfUp).unwrap();
        let parts = steps.iter().map(|step| (step.day.to_string(), part(step)));
        parts.collect()
    }

    #[test]
    fn equal_months_begin_with_the_first_day() {
        let span = Span::of_months(day("2026-01-31"), 3, Method::MonthEqual).unwrap();
        let expected = [
            ("2026-02-27", 333),
            ("2026-03-30", 334),
            ("2026-04-29", 333),
        ];
        let expected = expected.map(|(day, part)| (day.to_owned(), part));
        assert_eq!(parts(&span, 1_000), expected);
        // An end within a month cuts the last period.
        let cut = Span::until(day("2026-01-15"), day("2026-02-20"), Method::MonthEqual).unwrap();
        let expected = [("2026-02-14", 50), ("2026-02-20", 50)];
        let expected = expected.map(|(day, part)| (day.to_owned(), part));
        assert_eq!(parts(&cut, 100), expected);
    }

    #[test]
    fn days_are_counted_by_calendar_months() {
        let span = Span::of_months(day("2026-01-15"), 2, Method::Daily).unwrap();
        // 17, 28 and 14 of 59 days.
        let expected = [
            ("2026-01-31", 1_700),
            ("2026-02-28", 2_800),
            ("2026-03-14", 1_400),
        ];
        let expected = expected.map(|(day, part)| (day.to_owned(), part));
        assert_eq!(parts(&span, 5_900), expected);
    }

    #[test]
    fn a_step_ends_where_time_has_come_to() {
        let daily = Span::of_months(day("2026-01-01"), 1, Method::Daily).unwrap();
        let steps = daily.steps(Some(day("2026-01-10")), day("2026-01-20"));
        assert_eq!(steps.len(), 1);
        assert_eq!(daily.part(3_100, &steps[0], Rounding::HalfUp), Some(1_000));
        assert_eq!(steps[0].day, day("2026-01-20"));
        assert_eq!(daily.steps(None, day("2025-12-31")), []);
        let equal = Span::of_months(day("2026-01-01"), 1, Method::MonthEqual).unwrap();
        assert_eq!(equal.steps(None, day("2026-01-30")), []);
    }

    fn earned_of(span: &Span, amount: Minor, through: Date) -> Minor {
        prefix(amount, span.earned(through), span.whole(), Rounding::HalfUp).unwrap()
    }

    proptest! {
        #[test]
        fn steps_add_up_to_what_is_earned(
            from in 0_i32..20_000,
            length in 0_i32..1_500,
            cuts in prop::collection::vec(0_i32..1_600, 0..6),
            amount in -10_000_000_i128..10_000_000,
            daily: bool,
        ) {
            let method = if daily { Method::Daily } else { Method::MonthEqual };
            let from = Date::from_days(from);
            let last = from.plus_days(length).unwrap();
            let span = Span::until(from, last, method).unwrap();
            let mut cuts = cuts;
            cuts.sort_unstable();
            cuts.push(1_600);
            let (mut after, mut sum) = (None, 0);
            for cut in cuts {
                let through = from.plus_days(cut).unwrap();
                for step in span.steps(after, through) {
                    sum += span.part(amount, &step, Rounding::HalfUp).unwrap();
                }
                prop_assert_eq!(sum, earned_of(&span, amount, through));
                after = Some(through);
            }
            prop_assert_eq!(sum, amount);
        }
    }
}
