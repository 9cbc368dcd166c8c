//! Minor units: the integer an amount is inside kontor.

use super::number::{Number, NumberFault};

/// Minor units of some unit of account: cents, fils, shares. Signed, because balances may be.
pub type Minor = i128;

/// The largest amount of a leg, so that it fits the 64-bit integers of every database and file
/// format.
pub const AMOUNT_MAX: i128 = 9_223_372_036_854_775_807;

/// Most decimals a unit may have (CLF and UYW have 4; units of a company's own may have more).
pub const DECIMALS_MAX: u8 = 18;

/// Why a number is not an amount, in the order in which the catalogue lists the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountFault {
    /// Not of the grammar.
    Format(&'static str),
    /// Below zero.
    Negative,
    /// Zero where an amount must be positive.
    Zero,
    /// More decimals than the unit has.
    Precision,
    /// Beyond the range of a leg.
    Overflow,
}

/// A conversion to minor units of a unit with so many decimals.
type Convert = fn(Number, u8) -> Result<i64, AmountFault>;

/// Minor units of what a job wrote, in a unit with so many decimals.
///
/// Of an unknown unit there are none; then the faults are those that hold in every unit. A number
/// too long to be held is judged as far as its sign and its decimals tell, before its size.
pub fn read(
    written: Result<Number, NumberFault>,
    decimals: Option<u8>,
    convert: Convert,
) -> Result<Option<i64>, AmountFault> {
    let number = match written {
        Ok(number) => number,
        Err(NumberFault::Form(reason)) => return Err(AmountFault::Format(reason)),
        Err(NumberFault::Digits(shadow)) => {
            let small = shadow.number();
            convert(small, decimals.unwrap_or(small.scale))?;
            return Err(AmountFault::Overflow);
        }
    };
    if let Some(decimals) = decimals {
        return convert(number, decimals).map(Some);
    }
    let small = Number {
        mantissa: number.mantissa.min(1),
        ..number
    };
    convert(small, small.scale)?;
    if number.whole() > AMOUNT_MAX {
        return Err(AmountFault::Overflow);
    }
    Ok(None)
}

/// Minor units of a number that may not be negative; zero is allowed.
pub fn minor_or_zero(number: Number, decimals: u8) -> Result<i64, AmountFault> {
    if number.negative {
        return Err(AmountFault::Negative);
    }
    signed_minor(number, decimals)
}

/// Minor units of a number that must be above zero.
pub fn positive_minor(number: Number, decimals: u8) -> Result<i64, AmountFault> {
    if number.negative {
        return Err(AmountFault::Negative);
    }
    if number.mantissa == 0 {
        return Err(AmountFault::Zero);
    }
    signed_minor(number, decimals)
}

/// Minor units of a number with its sign: balances and limits.
pub fn signed_minor(number: Number, decimals: u8) -> Result<i64, AmountFault> {
    if number.scale > decimals {
        return Err(AmountFault::Precision);
    }
    let places = decimals.saturating_sub(number.scale);
    // Nearly every amount is small enough for a machine word on the whole way.
    let small = i64::try_from(number.mantissa).ok();
    let shift = 10_i64.checked_pow(u32::from(places));
    if let Some(minor) = small
        .zip(shift)
        .and_then(|(mantissa, shift)| mantissa.checked_mul(shift))
    {
        return Ok(if number.negative { -minor } else { minor });
    }
    let shift = power_of_ten(places);
    let minor = shift
        .and_then(|shift| number.signed().checked_mul(shift))
        .filter(|minor| minor.abs() <= AMOUNT_MAX)
        .ok_or(AmountFault::Overflow)?;
    i64::try_from(minor).map_err(|_beyond| AmountFault::Overflow)
}

/// `10^exponent`, if an `i128` holds it.
pub fn power_of_ten(exponent: u8) -> Option<i128> {
    10_i128.checked_pow(u32::from(exponent))
}

/// An amount as text, with exactly the unit's decimals and never a `-0`.
pub fn print_minor(minor: Minor, decimals: u8) -> String {
    let number = Number {
        negative: minor < 0,
        mantissa: minor.saturating_abs(),
        scale: decimals,
    };
    number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positive(text: &str, decimals: u8) -> Result<i64, AmountFault> {
        let minor = read(Number::parse(text), Some(decimals), positive_minor);
        minor.map(Option::unwrap)
    }

    #[test]
    fn amounts_become_minor_units_or_say_why_not() {
        assert_eq!(positive("5", 2), Ok(500));
        assert_eq!(positive("10.000", 2), Err(AmountFault::Precision));
        assert_eq!(positive("-0", 2), Err(AmountFault::Negative));
        assert_eq!(positive("0.000", 2), Err(AmountFault::Zero));
        assert_eq!(positive("92233720368547758.07", 2), Ok(i64::MAX));
        assert_eq!(
            positive("92233720368547758.08", 2),
            Err(AmountFault::Overflow)
        );
        assert_eq!(
            positive("99999999999999999999999999999999999999", 4),
            Err(AmountFault::Overflow)
        );
    }

    /// As the schematron of EN 16931 counts them (BR-DEC-12 and its like): the characters behind
    /// the point, and no more than two of them, whether they are zeros or not.
    #[test]
    fn decimals_are_counted_as_en_16931_counts_them() {
        for text in ["1", "1.5", "10.00"] {
            assert!(positive(text, 2).is_ok(), "{text}");
        }
        for text in ["1.005", "10.000"] {
            assert_eq!(positive(text, 2), Err(AmountFault::Precision), "{text}");
        }
    }

    /// The largest values of the type `money` in the documentation of PostgreSQL (two decimals) and
    /// of Microsoft SQL Server (four): both are 2^63 - 1 of the smallest unit.
    #[test]
    fn the_range_is_that_of_money_in_databases() {
        for (text, beyond, decimals) in [
            ("92233720368547758.07", "92233720368547758.08", 2),
            ("922337203685477.5807", "922337203685477.5808", 4),
        ] {
            assert_eq!(positive(text, decimals), Ok(i64::MAX), "{text}");
            assert_eq!(positive(beyond, decimals), Err(AmountFault::Overflow));
        }
    }

    #[test]
    fn too_many_digits_are_judged_in_the_order_of_the_codes() {
        let nines = "9".repeat(39);
        let zeros = "0".repeat(40);
        for (text, fault) in [
            (nines.clone(), AmountFault::Overflow),
            (format!("-{nines}"), AmountFault::Negative),
            (format!("0.{zeros}"), AmountFault::Zero),
            (format!("0.{zeros}1"), AmountFault::Precision),
            (format!("{nines}.00"), AmountFault::Overflow),
            (format!("{nines}.000"), AmountFault::Precision),
        ] {
            assert_eq!(positive(&text, 2), Err(fault), "{text}");
        }
    }

    #[test]
    fn of_an_unknown_unit_only_what_holds_in_every_unit_is_said() {
        let unknown = |text: &str| read(Number::parse(text), None, positive_minor);
        assert_eq!(unknown("1.005"), Ok(None));
        assert_eq!(unknown("9223372036854775807.99"), Ok(None));
        assert_eq!(unknown("9223372036854775808"), Err(AmountFault::Overflow));
        assert_eq!(unknown(&"9".repeat(39)), Err(AmountFault::Overflow));
        assert_eq!(unknown("-1"), Err(AmountFault::Negative));
        assert_eq!(unknown("0.000"), Err(AmountFault::Zero));
        assert!(matches!(unknown("1e3"), Err(AmountFault::Format(_))));
    }

    #[test]
    fn amounts_print_with_all_decimals_of_their_unit() {
        assert_eq!(print_minor(5, 2), "0.05");
        assert_eq!(print_minor(-1450, 2), "-14.50");
        assert_eq!(print_minor(0, 0), "0");
        assert_eq!(print_minor(1, 4), "0.0001");
    }
}
