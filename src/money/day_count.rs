//! Day count conventions: what part of a year lies between two dates, as an exact rational.
//!
//! | Code           | Fraction                                                                   |
//! |----------------|----------------------------------------------------------------------------|
//! | `ACT/360`      | days / 360                                                                 |
//! | `ACT/365F`     | days / 365                                                                 |
//! | `ACT/ACT.ISDA` | days in leap years / 366 + days in other years / 365                       |
//! | `ACT/ACT.ICMA` | days / (days in the coupon period × coupons a year)                        |
//! | `ACT/ACT.AFB`  | whole years back from the end, then days / 366 with a leap day, else / 365 |
//! | `30/360`       | months of 30 days; a last 31st counts as the 30th after a 30th or 31st     |
//! | `30E/360`      | months of 30 days; the 31st always counts as the 30th                      |
//!
//! The first day is included, the last one is not. Nothing is rounded here: the one rounding
//! belongs to the formula that uses the fraction.

use super::Ratio;
use crate::time::Date;

/// A day count convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayCount {
    /// Money market.
    Act360,
    /// Fixed year of 365 days.
    Act365Fixed,
    /// Each day counts by the length of its own year.
    ActActIsda,
    /// Each day counts by the length of its coupon period.
    ActActIcma,
    /// Whole years first, counted back from the end.
    ActActAfb,
    /// US bond basis.
    Thirty360,
    /// Eurobond basis.
    ThirtyE360,
}

/// The coupon period that `ACT/ACT.ICMA` measures by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CouponPeriod {
    /// First day.
    pub from: Date,
    /// Day after the last one.
    pub to: Date,
    /// Coupons a year.
    pub per_year: u16,
}

impl DayCount {
    /// All conventions.
    pub const ALL: [Self; 7] = [
        Self::Act360,
        Self::Act365Fixed,
        Self::ActActIsda,
        Self::ActActIcma,
        Self::ActActAfb,
        Self::Thirty360,
        Self::ThirtyE360,
    ];

    /// The code as it is written outside.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Act360 => "ACT/360",
            Self::Act365Fixed => "ACT/365F",
            Self::ActActIsda => "ACT/ACT.ISDA",
            Self::ActActIcma => "ACT/ACT.ICMA",
            Self::ActActAfb => "ACT/ACT.AFB",
            Self::Thirty360 => "30/360",
            Self::ThirtyE360 => "30E/360",
        }
    }

    /// The convention of a code.
    pub fn of_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.text() == text)
    }

    /// The part of a year from a date to another one; none if they run backwards, or if the
    /// convention needs a coupon period and there is none.
    pub fn fraction(self, from: Date, to: Date, coupon: Option<CouponPeriod>) -> Option<Ratio> {
        let days = i128::from(to.days()).checked_sub(i128::from(from.days()))?;
        if days < 0 {
            return None;
        }
        match self {
            Self::Act360 => Ratio::new(days, 360),
            Self::Act365Fixed => Ratio::new(days, 365),
            Self::ActActIsda => isda(from, to),
            Self::ActActIcma => icma(days, coupon?),
            Self::ActActAfb => afb(from, to),
            Self::Thirty360 => thirty(from, to, false),
            Self::ThirtyE360 => thirty(from, to, true),
        }
    }

    /// The days from a date to another one, as the convention counts them; below zero if they run
    /// backwards.
    pub fn days(self, from: Date, to: Date) -> i64 {
        match self {
            Self::Thirty360 => thirty_days(from, to, false),
            Self::ThirtyE360 => thirty_days(from, to, true),
            Self::Act360
            | Self::Act365Fixed
            | Self::ActActIsda
            | Self::ActActIcma
            | Self::ActActAfb => i64::from(to.days()).saturating_sub(i64::from(from.days())),
        }
    }
}

fn isda(from: Date, to: Date) -> Option<Ratio> {
    let (mut leap, mut common) = (0_i128, 0_i128);
    let mut start = from;
    while start < to {
        let new_year = Date::new(start.year().checked_add(1)?, 1, 1)?;
        let end = to.min(new_year);
        let days = i128::from(end.days() - start.days());
        if is_leap(start.year()) {
            leap += days;
        } else {
            common += days;
        }
        start = end;
    }
    // leap/366 + common/365 on one denominator.
    Ratio::new(leap * 365 + common * 366, 365 * 366)
}

fn icma(days: i128, coupon: CouponPeriod) -> Option<Ratio> {
    let length = i128::from(coupon.to.days()) - i128::from(coupon.from.days());
    Ratio::new(days, length.checked_mul(i128::from(coupon.per_year))?)
}

fn afb(from: Date, to: Date) -> Option<Ratio> {
    let mut years = 0_i16;
    let mut anchor = to;
    while let Some(earlier) = years_before(to, years + 1)
        && earlier >= from
    {
        years += 1;
        anchor = earlier;
    }
    let leap_day_within = [from.year(), anchor.year()]
        .into_iter()
        .filter_map(|year| Date::new(year, 2, 29))
        .any(|leap_day| from <= leap_day && leap_day < anchor);
    let year = if leap_day_within { 366 } else { 365 };
    let days = i128::from(anchor.days()) - i128::from(from.days());
    Ratio::new(days, year)?.plus(i128::from(years))
}

/// The same day so many years before; the end of February stays the end of February.
fn years_before(date: Date, years: i16) -> Option<Date> {
    let civil = date.civil();
    let year = civil.year().checked_sub(years)?;
    match (civil.month(), civil.day()) {
        (2, 28..) => Date::new(year, 2, 29).or_else(|| Date::new(year, 2, 28)),
        (month, day) => Date::new(year, month, day),
    }
}

fn thirty(from: Date, to: Date, european: bool) -> Option<Ratio> {
    Ratio::new(i128::from(thirty_days(from, to, european)), 360)
}

fn thirty_days(from: Date, to: Date, european: bool) -> i64 {
    let (from, to) = (from.civil(), to.civil());
    let first_day = from.day().min(30);
    let last_day = if european || first_day == 30 {
        to.day().min(30)
    } else {
        to.day()
    };
    let years = i64::from(to.year()) - i64::from(from.year());
    let months = i64::from(to.month()) - i64::from(from.month());
    let days = i64::from(last_day) - i64::from(first_day);
    years * 360 + months * 30 + days
}

fn is_leap(year: i16) -> bool {
    Date::new(year, 2, 29).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{Rounding, print_minor};

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    fn twelve(fraction: Ratio) -> String {
        let scaled = fraction.times(Ratio::whole(1_000_000_000_000)).unwrap();
        print_minor(scaled.round(Rounding::HalfUp), 12)
    }

    /// Interest on 10,000.00 at 10 %.
    fn interest(fraction: Ratio) -> String {
        let minor = fraction.times(Ratio::whole(100_000)).unwrap();
        print_minor(minor.round(Rounding::HalfUp), 2)
    }

    #[test]
    fn published_isda_fractions() {
        for (from, to, fraction, charged) in [
            ("1999-02-01", "1999-07-01", "0.410958904110", "410.96"),
            ("1999-07-01", "2000-07-01", "1.001377348604", "1001.38"),
            ("2002-08-15", "2003-07-15", "0.915068493151", "915.07"),
            ("2003-07-15", "2004-01-15", "0.504004790778", "504.00"),
            ("1999-07-30", "2000-01-30", "0.503892506924", "503.89"),
            ("2000-01-30", "2000-06-30", "0.415300546448", "415.30"),
            ("2003-11-01", "2004-05-01", "0.497724380567", "497.72"),
        ] {
            let got = DayCount::ActActIsda.fraction(date(from), date(to), None);
            let got = got.unwrap();
            let both = (twelve(got), interest(got));
            assert_eq!(both, (fraction.to_owned(), charged.to_owned()), "{from}");
        }
    }

    #[test]
    fn one_half_year_under_every_convention() {
        let (from, to) = (date("2003-11-01"), date("2004-05-01"));
        let coupon = CouponPeriod {
            from,
            to,
            per_year: 2,
        };
        for (convention, charged) in [
            ("ACT/ACT.ISDA", "497.72"),
            ("ACT/ACT.ICMA", "500.00"),
            ("ACT/ACT.AFB", "497.27"),
            ("ACT/360", "505.56"),
            ("ACT/365F", "498.63"),
            ("30/360", "500.00"),
            ("30E/360", "500.00"),
        ] {
            let convention = DayCount::of_text(convention).unwrap();
            let fraction = convention.fraction(from, to, Some(coupon)).unwrap();
            assert_eq!(interest(fraction), charged, "{}", convention.text());
        }
        assert_eq!(DayCount::ActActIcma.fraction(from, to, None), None);
        assert_eq!(DayCount::Act360.fraction(to, from, None), None);
    }

    #[test]
    fn thirty_day_months_differ_at_the_31st_only() {
        let days = |convention: DayCount, from, to| {
            let fraction = convention.fraction(date(from), date(to), None).unwrap();
            fraction
                .times(Ratio::whole(360))
                .unwrap()
                .round(Rounding::Down)
        };
        for (from, to, us, european) in [
            ("2026-01-15", "2026-03-31", 76, 75),
            ("2026-01-30", "2026-03-31", 60, 60),
            ("2026-01-31", "2026-03-31", 60, 60),
            ("2026-01-31", "2026-02-28", 28, 28),
        ] {
            assert_eq!(days(DayCount::Thirty360, from, to), us, "{from} {to}");
            assert_eq!(days(DayCount::ThirtyE360, from, to), european);
        }
    }

    /// ISDA's sheet "30/360 Day Count Conventions" (2008-12-22), as the tests of QuantLib carry it:
    /// from, to, days by `30/360` (bond basis) and by `30E/360` (Eurobond basis).
    const ISDA_THIRTY: [(&str, &str, i64, i64); 27] = [
        // Example 1: no end of February.
        ("2006-08-20", "2007-02-20", 180, 180),
        ("2007-02-20", "2007-08-20", 180, 180),
        ("2007-08-20", "2008-02-20", 180, 180),
        ("2008-02-20", "2008-08-20", 180, 180),
        ("2008-08-20", "2009-02-20", 180, 180),
        ("2009-02-20", "2009-08-20", 180, 180),
        // Example 2: some ends of February.
        ("2006-08-31", "2007-02-28", 178, 178),
        ("2007-02-28", "2007-08-31", 183, 182),
        ("2007-08-31", "2008-02-29", 179, 179),
        ("2008-02-29", "2008-08-31", 182, 181),
        ("2008-08-31", "2009-02-28", 178, 178),
        ("2009-02-28", "2009-08-31", 183, 182),
        // Example 3: miscellaneous.
        ("2006-01-31", "2006-02-28", 28, 28),
        ("2006-01-30", "2006-02-28", 28, 28),
        ("2006-02-28", "2006-03-03", 5, 5),
        ("2006-02-14", "2006-02-28", 14, 14),
        ("2006-09-30", "2006-10-31", 30, 30),
        ("2006-10-31", "2006-11-28", 28, 28),
        ("2007-08-31", "2008-02-28", 178, 178),
        ("2008-02-28", "2008-08-28", 180, 180),
        ("2008-02-28", "2008-08-30", 182, 182),
        ("2008-02-28", "2008-08-31", 183, 182),
        ("2007-02-26", "2008-02-28", 362, 362),
        ("2007-02-26", "2008-02-29", 363, 363),
        ("2008-02-29", "2009-02-28", 359, 359),
        ("2008-02-28", "2008-03-30", 32, 32),
        ("2008-02-28", "2008-03-31", 33, 32),
    ];

    #[test]
    fn thirty_day_months_as_isda_publishes_them() {
        for (from, to, us, european) in ISDA_THIRTY {
            let days = |convention: DayCount| convention.days(date(from), date(to));
            let got = (days(DayCount::Thirty360), days(DayCount::ThirtyE360));
            assert_eq!(got, (us, european), "{from} {to}");
            let fraction = DayCount::Thirty360.fraction(date(from), date(to), None);
            assert_eq!(fraction, Ratio::new(i128::from(us), 360), "{from} {to}");
        }
    }

    /// `YEARFRAC` of 15 December 2009 to 30 June 2010 in Apple's "iWork Formulas and Functions User
    /// Guide" (2009): nine decimals for each basis.
    #[test]
    fn years_of_365_and_360_days_as_documented() {
        for (convention, nine) in [
            (DayCount::Thirty360, "0.541666667"),
            (DayCount::Act360, "0.547222222"),
            (DayCount::Act365Fixed, "0.539726027"),
            (DayCount::ActActIsda, "0.539726027"),
            (DayCount::ThirtyE360, "0.541666667"),
        ] {
            let fraction = convention.fraction(date("2009-12-15"), date("2010-06-30"), None);
            let scaled = fraction.and_then(|years| years.times(Ratio::whole(1_000_000_000)));
            let got = print_minor(scaled.unwrap().round(Rounding::HalfUp), 9);
            assert_eq!(got, nine, "{}", convention.text());
        }
    }

    #[test]
    fn afb_counts_whole_years_back_from_the_end() {
        let afb = |from, to| twelve(afb(date(from), date(to)).unwrap());
        // Figures of the ISDA memorandum of 1998.
        assert_eq!(afb("1999-02-01", "1999-07-01"), "0.410958904110");
        assert_eq!(afb("1999-07-01", "2000-07-01"), "1.000000000000");
        assert_eq!(afb("1999-07-30", "2000-01-30"), "0.504109589041");
        assert_eq!(afb("2000-01-30", "2000-06-30"), "0.415300546448");
        // The end of February stays the end of February.
        assert_eq!(afb("2000-02-29", "2004-02-29"), "4.000000000000");
        assert_eq!(afb("2004-02-29", "2005-02-28"), "1.000000000000");
    }
}
