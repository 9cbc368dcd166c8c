//! How much of a whole a part is, in percent with one decimal, for people to read.
//!
//! Nothing is ever booked from it: what is booked is divided by [`share`](super::share), to the
//! last minor unit. This is where `rust_decimal` lives, whose quotients are as long as anybody
//! could read.

use rust_decimal::{Decimal, RoundingStrategy};

/// Decimals of a percentage.
const DECIMALS: u32 = 1;

/// The part of the whole, half a tenth away from zero; none if there is no whole, or where one of
/// both is beyond anything that a book of a company holds (2^96 minor units).
pub fn percentage(part: i128, whole: i128) -> Option<String> {
    let decimal = |minor| Decimal::try_from_i128_with_scale(minor, 0).ok();
    let share = decimal(part)?.checked_div(decimal(whole)?)?;
    let percent = share.checked_mul(Decimal::ONE_HUNDRED)?;
    let mut rounded =
        percent.round_dp_with_strategy(DECIMALS, RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(DECIMALS);
    if rounded.is_zero() {
        rounded.set_sign_positive(true);
    }
    Some(format!("{rounded} %"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_told_to_a_tenth_of_a_percent() {
        for (part, whole, expected) in [
            (1, 3, "33.3 %"),
            (2, 3, "66.7 %"),
            (1, 8, "12.5 %"),
            (1, 800, "0.1 %"),
            (1, 2_000, "0.1 %"),
            (-1, 2_000, "-0.1 %"),
            (-1, 3_000, "0.0 %"),
            (-50, 200, "-25.0 %"),
            (0, 7, "0.0 %"),
            (7, 7, "100.0 %"),
            (15, 10, "150.0 %"),
            (10_i128.pow(27), 3 * 10_i128.pow(27), "33.3 %"),
        ] {
            assert_eq!(percentage(part, whole).as_deref(), Some(expected));
        }
    }

    #[test]
    fn of_nothing_there_is_no_part_and_beyond_the_decimal_none_is_told() {
        assert_eq!(percentage(1, 0), None);
        assert_eq!(percentage(i128::MAX, 1), None);
        assert_eq!(percentage(1, i128::MIN), None);
    }
}
