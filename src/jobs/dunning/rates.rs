//! The rates of late interest, from day to day.

use super::{Charge, RateRule};
use crate::code::Code;
use crate::jobs::accrued;
use crate::ledger::{Book, Rejection, Value};
use crate::money::minor::power_of_ten;
use crate::money::{Number, Percent};
use crate::time::Date;

/// The record that holds the base rates.
const BASE: &str = "base";

/// A rate and the first day on which it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) from: Date,
    /// As it is shown.
    pub(super) number: Number,
    pub(super) percent: Percent,
}

/// What of the rate the job alone says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    number: Number,
    percent: Percent,
}

/// Step 6: the rate, or the points.
pub(super) fn said(job: &Charge) -> Result<Said, Rejection> {
    let (text, path) = match job.rate_rule {
        RateRule::Fixed => (job.rate.as_ref(), "/rate"),
        RateRule::BasePlus => (job.points.as_ref(), "/points"),
    };
    let none = Said {
        number: Number {
            negative: false,
            mantissa: 0,
            scale: 0,
        },
        percent: Percent::default(),
    };
    let read = text.map(|text| accrued::rate(text, path)).transpose()?;
    Ok(read.map_or(none, |(number, percent)| Said { number, percent }))
}

/// Step 7: the rates from a day until the day before another one, each other than the one before.
pub(super) fn rates(
    job: &Charge,
    said: Said,
    book: &Book,
    (from, to): (Date, Date),
    today: Date,
) -> Result<Vec<Rate>, Rejection> {
    if job.rate_rule == RateRule::Fixed {
        let Said { number, percent } = said;
        return Ok(vec![Rate {
            from,
            number,
            percent,
        }]);
    }
    let path = "/rate_rule";
    let not_found = || {
        Rejection::new(Code::RateNotFound)
            .at(path)
            .with_text("rate", BASE)
            .with("date", Value::Date(from))
    };
    let mut listed = book.reference().listed_rates(BASE, today);
    listed.retain(|(first, _)| *first < to);
    // Of what began before, the last one holds on the first day.
    let before = listed.iter().rposition(|(first, _)| *first <= from);
    let holding = listed.split_off(before.ok_or_else(not_found)?);
    let mut rates: Vec<Rate> = Vec::with_capacity(holding.len());
    for (first, base) in holding {
        let number = sum(base, said.number).filter(|sum| !sum.negative);
        let percent = number.and_then(|number| Percent::not_negative(number).ok());
        let Some((number, percent)) = number.zip(percent) else {
            // Base rates have been below zero; nobody owes less for paying late.
            return Err(Rejection::new(Code::RateInvalid)
                .at("/points")
                .with("date", Value::Date(first))
                .with_text("base", base.to_string()));
        };
        if rates.last().is_none_or(|last| last.percent != percent) {
            rates.push(Rate {
                from: first.max(from),
                number,
                percent,
            });
        }
    }
    Ok(rates)
}

/// The sum of two decimals with the decimals of the longer one.
fn sum(one: Number, other: Number) -> Option<Number> {
    let scale = one.scale.max(other.scale);
    let aligned = |number: Number| {
        let shift = power_of_ten(scale.saturating_sub(number.scale))?;
        number.signed().checked_mul(shift)
    };
    let sum = aligned(one)?.checked_add(aligned(other)?)?;
    Some(Number {
        negative: sum < 0,
        mantissa: sum.checked_abs()?,
        scale,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_the_decimals_of_the_longer_one() {
        let number = |text: &str| Number::parse(text).unwrap();
        for (one, other, expected) in [
            ("2.27", "9", "11.27"),
            ("-0.88", "5", "4.12"),
            ("1.27", "8.730", "10.000"),
            ("-0.88", "0", "-0.88"),
        ] {
            let got = sum(number(one), number(other)).unwrap();
            assert_eq!(got.to_string(), expected);
        }
    }
}
