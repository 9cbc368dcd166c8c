//! Interest that accrues: Σ principal × rate × part of a year, exact until its one rounding.
//!
//! The part of a stretch is what the whole period has until its end less what it has until its
//! beginning, so that the parts add up to the period under every convention, whatever the days on
//! which principal or rate change.

use crate::code::Code;
use crate::ledger::plan::echo;
use crate::ledger::{Book, Rejection};
use crate::money::day_count::{CouponPeriod, DayCount};
use crate::money::{DecimalText, Minor, Number, Percent, Ratio};
use crate::time::Date;

/// Days on which neither principal nor rate change: the last one is the day before `to`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) from: Date,
    pub(crate) to: Date,
    pub(crate) principal: Minor,
    pub(crate) rate: Percent,
}

/// A period under a convention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    pub(crate) basis: DayCount,
    pub(crate) from: Date,
    /// Day after the last one.
    pub(crate) to: Date,
    pub(crate) coupon: Option<CouponPeriod>,
}

impl Term {
    /// The part of a year from the beginning until a day.
    pub(crate) fn until(&self, day: Date) -> Option<Ratio> {
        self.basis.fraction(self.from, day, self.coupon)
    }

    /// The days from one day to another one, as the convention counts them from the beginning.
    pub(crate) fn days(&self, from: Date, to: Date) -> i64 {
        let until = |day| self.basis.days(self.from, day);
        until(to).saturating_sub(until(from))
    }

    /// The exact interest of stretches, in minor units; none if it does not fit.
    pub(crate) fn interest(&self, stretches: &[Stretch]) -> Option<Ratio> {
        stretches.iter().try_fold(Ratio::whole(0), |sum, one| {
            let part = self.until(one.to)?;
            let part = part.and(self.until(one.from)?.negated())?;
            let interest = Ratio::whole(one.principal).times(one.rate.factor()?)?;
            sum.and(interest.times(part)?)
        })
    }
}

/// Step 6: a rate in percent that is not below zero.
pub(crate) fn rate(text: &DecimalText, path: &str) -> Result<(Number, Percent), Rejection> {
    let number = text.number().ok();
    let percent = number.and_then(|number| Percent::not_negative(number).ok());
    let rate = number.zip(percent);
    rate.ok_or_else(|| Rejection::new(Code::RateInvalid).at(path))
}

/// Step 7: the convention of a code.
pub(crate) fn basis(code: &str, path: &str) -> Result<DayCount, Rejection> {
    DayCount::of_text(code).ok_or_else(|| {
        Rejection::new(Code::DayCountUnknown)
            .at(path)
            .with_text("basis", echo(code))
    })
}

/// How interest is rounded.
pub(crate) fn rounded(
    book: &Book,
    interest: Option<Ratio>,
    path: &str,
) -> Result<Minor, Rejection> {
    let rounded = interest.map(|interest| interest.round(book.reference().rounding()));
    let rounded = rounded.filter(|minor| minor.abs() <= crate::money::AMOUNT_MAX);
    rounded.ok_or_else(|| super::invoice::lines::overflow(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Rounding;

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    fn percent(text: &str) -> Percent {
        Percent::new(Number::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn stretches_are_summed_before_they_are_rounded() {
        // 10,000.00 at 11.27 % for 61 days and at 10.27 % for 62: 188.347945 + 174.449315.
        let term = Term {
            basis: DayCount::Act365Fixed,
            from: date("2025-05-01"),
            to: date("2025-09-01"),
            coupon: None,
        };
        let stretch = |from: &str, to: &str, rate: &str| Stretch {
            from: date(from),
            to: date(to),
            principal: 1_000_000,
            rate: percent(rate),
        };
        let both = [
            stretch("2025-05-01", "2025-07-01", "11.27"),
            stretch("2025-07-01", "2025-09-01", "10.27"),
        ];
        let interest = term.interest(&both).unwrap();
        assert_eq!(interest.round(Rounding::HalfUp), 36_280);
        assert_eq!(term.days(date("2025-07-01"), date("2025-09-01")), 62);
    }

    #[test]
    fn the_parts_of_a_period_add_up_under_every_convention() {
        let (from, to) = (date("2024-01-31"), date("2025-03-31"));
        for basis in DayCount::ALL {
            let coupon = CouponPeriod {
                from,
                to,
                per_year: 1,
            };
            let coupon = Some(coupon);
            let term = Term {
                basis,
                from,
                to,
                coupon,
            };
            let days = ["2024-02-29", "2024-07-31", "2025-02-28"].map(date);
            let mut ends = vec![from];
            ends.extend(days);
            ends.push(to);
            let stretches: Vec<Stretch> = ends
                .windows(2)
                .map(|pair| Stretch {
                    from: pair[0],
                    to: pair[1],
                    principal: 1_000_000,
                    rate: percent("7.3"),
                })
                .collect();
            let whole = Stretch {
                from,
                to,
                ..stretches[0]
            };
            let sum = term.interest(&stretches);
            assert_eq!(sum, term.interest(&[whole]), "{}", basis.text());
            let days: i64 = stretches
                .iter()
                .map(|one| term.days(one.from, one.to))
                .sum();
            assert_eq!(days, basis.days(from, to));
        }
    }
}
