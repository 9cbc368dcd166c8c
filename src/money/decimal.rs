//! Exact decimals that are not amounts: quantities, unit prices, percentages, rates.
//!
//! This is where `rust_decimal` lives. Each type bounds its mantissa and scale so that the products
//! of the catalogue fit an `i128`; the sums and differences of prices use the decimal type itself,
//! the products leave through [`Ratio`], because 96 bits of mantissa are not enough for them.

use rust_decimal::Decimal;

use super::number::{Number, NumberFault};
use super::round::Ratio;

/// Why a number is not a quantity, price or rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalFault {
    /// Not of the grammar.
    Format(&'static str),
    /// Below zero where that has no meaning.
    Negative,
    /// Zero where that has no meaning.
    Zero,
    /// More decimals than the kind of number may have.
    Precision,
    /// A mantissa beyond the bound of the kind of number.
    Overflow,
}

impl From<NumberFault> for DecimalFault {
    fn from(fault: NumberFault) -> Self {
        match fault {
            NumberFault::Form(reason) => Self::Format(reason),
            NumberFault::Digits(_) => Self::Overflow,
        }
    }
}

/// Mantissa bound of quantities and prices: their product stays below 10^36.
const WIDE_MANTISSA_MAX: i128 = 1_000_000_000_000_000_000;
/// Mantissa bound of rates and percentages.
const RATE_MANTISSA_MAX: i128 = 1_000_000_000_000;

fn bounded(number: Number, scale_max: u8, mantissa_max: i128) -> Result<Decimal, DecimalFault> {
    // As with amounts, more decimals are refused even if they are zeros.
    if number.scale > scale_max {
        return Err(DecimalFault::Precision);
    }
    let number = number.normal();
    if number.mantissa > mantissa_max {
        return Err(DecimalFault::Overflow);
    }
    Decimal::try_from_i128_with_scale(number.signed(), u32::from(number.scale))
        .map_err(|_beyond_96_bits| DecimalFault::Overflow)
}

fn ratio(decimal: Decimal, extra_scale: u8) -> Option<Ratio> {
    let scale = u8::try_from(decimal.scale())
        .ok()?
        .checked_add(extra_scale)?;
    Ratio::decimal(decimal.mantissa(), scale)
}

macro_rules! decimals {
    ($($(#[$doc:meta])* $name:ident: scale $scale:literal, mantissa $mantissa:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(Decimal);

        impl $name {
            /// Take a number within the bounds of this kind, with its sign.
            pub fn new(number: Number) -> Result<Self, DecimalFault> {
                bounded(number, $scale, $mantissa).map(Self)
            }

            /// Take a number that may not be negative.
            pub fn not_negative(number: Number) -> Result<Self, DecimalFault> {
                if number.negative {
                    return Err(DecimalFault::Negative);
                }
                Self::new(number)
            }

            /// Take a number that must be above zero.
            pub fn positive(number: Number) -> Result<Self, DecimalFault> {
                if number.mantissa == 0 && !number.negative {
                    return Err(DecimalFault::Zero);
                }
                Self::not_negative(number)
            }

            /// Whether the value is zero.
            pub fn is_zero(self) -> bool {
                self.0.is_zero()
            }

            /// Whether the value is above zero.
            pub fn is_positive(self) -> bool {
                !self.0.is_zero() && self.0.is_sign_positive()
            }

            /// Whether the value has no fraction.
            pub fn is_whole(self) -> bool {
                self.0.fract().is_zero()
            }

            /// The sum, exact; none if it does not fit.
            pub fn plus(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map(Self)
            }

            /// The difference, exact; none if it does not fit.
            pub fn minus(self, other: Self) -> Option<Self> {
                // Both scales are at most 12 and both mantissas below 2^60: nothing is rounded
                // away.
                self.0.checked_sub(other.0).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}", self.0.normalize())
            }
        }
    )*};
}

decimals! {
    /// How many of a thing: up to 9 decimals, may be negative on a document line.
    Quantity: scale 9, mantissa WIDE_MANTISSA_MAX;
    /// A price for one unit of quantity: up to 12 decimals.
    Price: scale 12, mantissa WIDE_MANTISSA_MAX;
    /// A percentage such as a tax rate: up to 12 decimals.
    Percent: scale 12, mantissa RATE_MANTISSA_MAX;
    /// An exchange rate: 1 base = rate quote.
    RateValue: scale 12, mantissa RATE_MANTISSA_MAX;
}

impl Quantity {
    /// So many whole pieces; none beyond the bounds of a quantity.
    pub fn whole(pieces: i128) -> Option<Self> {
        let number = Number {
            negative: pieces < 0,
            mantissa: pieces.checked_abs()?,
            scale: 0,
        };
        Self::new(number).ok()
    }

    /// The sum, if it is within the bounds of a quantity, so that it can be read again.
    pub fn with(self, other: Self) -> Option<Self> {
        let sum = self.plus(other)?.0;
        let number = Number {
            negative: sum.is_sign_negative() && !sum.is_zero(),
            mantissa: sum.mantissa().abs(),
            scale: u8::try_from(sum.scale()).ok()?,
        };
        Self::new(number).ok()
    }

    /// The value as an exact rational.
    pub fn ratio(self) -> Option<Ratio> {
        ratio(self.0, 0)
    }

    /// How many decimals it has.
    pub fn scale(self) -> u8 {
        u8::try_from(self.0.normalize().scale()).unwrap_or(u8::MAX)
    }

    /// The value as a whole number of `10^-scale`; none if it has more decimals.
    pub fn scaled(self, scale: u8) -> Option<i128> {
        let value = self.0.normalize();
        let more = scale.checked_sub(u8::try_from(value.scale()).ok()?)?;
        value
            .mantissa()
            .checked_mul(super::minor::power_of_ten(more)?)
    }
}

impl Price {
    /// The price in minor units of a unit with so many decimals, as an exact rational.
    pub fn minor_ratio(self, decimals: u8) -> Option<Ratio> {
        let shift = super::minor::power_of_ten(decimals)?;
        ratio(self.0, 0)?.times(Ratio::whole(shift))
    }
}

impl Percent {
    /// One hundredth of the value: the factor an amount is multiplied with.
    pub fn factor(self) -> Option<Ratio> {
        ratio(self.0, 2)
    }
}

impl RateValue {
    /// The rate as an exact rational.
    pub fn ratio(self) -> Option<Ratio> {
        ratio(self.0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Rounding;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn line_nets_come_out_exact() {
        // 10 × 200 / 2 = 1,000.00 is of OpenPEPPOL's allowance example; 3 × 10.125 = 30.375 KWD and
        // the credit of 3 × 500 are our own.
        let net = |quantity: &str, price: &str, base: &str, decimals: u8| {
            let base = Quantity::positive(number(base)).unwrap().ratio().unwrap();
            Quantity::new(number(quantity))
                .unwrap()
                .ratio()
                .and_then(|q| {
                    q.times(
                        Price::not_negative(number(price))
                            .ok()?
                            .minor_ratio(decimals)?,
                    )
                })
                .and_then(|product| product.divided_by(base))
                .unwrap()
                .round(Rounding::HalfUp)
        };
        assert_eq!(net("10", "200", "2", 2), 100_000);
        assert_eq!(net("3", "10.125", "1", 3), 30_375);
        assert_eq!(net("-3", "500", "1", 2), -150_000);
    }

    #[test]
    fn bounds_are_refused_not_rounded() {
        assert_eq!(
            Price::new(number("0.0000000000001")),
            Err(DecimalFault::Precision)
        );
        assert_eq!(
            Quantity::new(number("1000000000000000001")),
            Err(DecimalFault::Overflow)
        );
        assert_eq!(Quantity::positive(number("0")), Err(DecimalFault::Zero));
        assert_eq!(
            Price::not_negative(number("-1")),
            Err(DecimalFault::Negative)
        );
        let whole = |text: &str| Quantity::new(number(text)).map(|q| q.to_string());
        assert_eq!(whole("1.000000000"), Ok("1".into()));
        assert_eq!(whole("1.0000000000"), Err(DecimalFault::Precision));
    }
}
