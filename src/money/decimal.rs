//! Exact decimals that are not amounts: quantities, unit prices, percentages, rates.
//!
//! A mantissa and a scale, integers both. Each type bounds them so that the products of the
//! catalogue fit an `i128`; products leave through [`Ratio`]. Sums and differences are exact or
//! there are none: nothing is ever rounded away.

use std::cmp::Ordering;

use super::minor::power_of_ten;
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

/// Mantissa bound of sums: with the most decimals of any kind it still fits an `i128`.
const SUM_MANTISSA_MAX: i128 = 100_000_000_000_000_000_000_000_000;

/// `mantissa × 10^-scale` without trailing zeros, so that equal values are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Exact {
    mantissa: i128,
    scale: u8,
}

impl Exact {
    fn bounded(number: Number, scale_max: u8, mantissa_max: i128) -> Result<Self, DecimalFault> {
        // As with amounts, more decimals are refused even if they are zeros.
        if number.scale > scale_max {
            return Err(DecimalFault::Precision);
        }
        let number = number.normal();
        if number.mantissa > mantissa_max {
            return Err(DecimalFault::Overflow);
        }
        Ok(Self {
            mantissa: number.signed(),
            scale: number.scale,
        })
    }

    fn number(self) -> Number {
        Number {
            negative: self.mantissa < 0,
            // Bounded, so it is never the smallest integer.
            mantissa: self.mantissa.saturating_abs(),
            scale: self.scale,
        }
    }

    /// The value as a whole number of `10^-scale`; none if it has more decimals.
    fn scaled(self, scale: u8) -> Option<i128> {
        let more = scale.checked_sub(self.scale)?;
        self.mantissa.checked_mul(power_of_ten(more)?)
    }

    /// Both values as whole numbers of the smaller of their last places, and how many decimals that
    /// has.
    fn aligned(self, other: Self) -> Option<(i128, i128, u8)> {
        let scale = self.scale.max(other.scale);
        Some((self.scaled(scale)?, other.scaled(scale)?, scale))
    }

    fn of_sum(mantissa: i128, scale: u8) -> Option<Self> {
        let number = Number {
            negative: mantissa < 0,
            mantissa: mantissa.checked_abs()?,
            scale,
        };
        Self::bounded(number, scale, SUM_MANTISSA_MAX).ok()
    }

    fn plus(self, other: Self) -> Option<Self> {
        let (one, other, scale) = self.aligned(other)?;
        Self::of_sum(one.checked_add(other)?, scale)
    }

    fn minus(self, other: Self) -> Option<Self> {
        let (one, other, scale) = self.aligned(other)?;
        Self::of_sum(one.checked_sub(other)?, scale)
    }

    fn ratio(self, extra_scale: u8) -> Option<Ratio> {
        Ratio::decimal(self.mantissa, self.scale.checked_add(extra_scale)?)
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.aligned(*other) {
            Some((one, other, _)) => one.cmp(&other),
            // Bounds keep this from happening; signs and sizes would still tell them apart.
            None => self.mantissa.cmp(&other.mantissa),
        }
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

macro_rules! decimals {
    ($($(#[$doc:meta])* $name:ident: scale $scale:literal, mantissa $mantissa:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(Exact);

        impl $name {
            /// Take a number within the bounds of this kind, with its sign.
            pub fn new(number: Number) -> Result<Self, DecimalFault> {
                Exact::bounded(number, $scale, $mantissa).map(Self)
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
                self.0.mantissa == 0
            }

            /// Whether the value is above zero.
            pub fn is_positive(self) -> bool {
                self.0.mantissa > 0
            }

            /// Whether the value has no fraction.
            pub fn is_whole(self) -> bool {
                self.0.scale == 0
            }

            /// The sum, exact; none if it does not fit.
            pub fn plus(self, other: Self) -> Option<Self> {
                self.0.plus(other.0).map(Self)
            }

            /// The difference, exact; none if it does not fit.
            pub fn minus(self, other: Self) -> Option<Self> {
                self.0.minus(other.0).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}", self.0.number())
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
        Self::new(self.plus(other)?.0.number()).ok()
    }

    /// The value as an exact rational.
    pub fn ratio(self) -> Option<Ratio> {
        self.0.ratio(0)
    }

    /// How many decimals it has.
    pub fn scale(self) -> u8 {
        self.0.scale
    }

    /// The value as a whole number of `10^-scale`; none if it has more decimals.
    pub fn scaled(self, scale: u8) -> Option<i128> {
        self.0.scaled(scale)
    }
}

impl Price {
    /// The price in minor units of a unit with so many decimals, as an exact rational.
    pub fn minor_ratio(self, decimals: u8) -> Option<Ratio> {
        let shift = power_of_ten(decimals)?;
        self.0.ratio(0)?.times(Ratio::whole(shift))
    }
}

impl Percent {
    /// One hundredth of the value: the factor an amount is multiplied with.
    pub fn factor(self) -> Option<Ratio> {
        self.0.ratio(2)
    }
}

impl RateValue {
    /// The rate as an exact rational.
    pub fn ratio(self) -> Option<Ratio> {
        self.0.ratio(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;
    use crate::money::Rounding;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    proptest! {
        /// Beside a library that others use and test.
        #[test]
        fn sums_and_orders_are_those_of_an_independent_decimal(
            one in (-1_000_000_000_000_000_000_i64..=1_000_000_000_000_000_000, 0_u32..=12),
            other in (-1_000_000_000_000_000_000_i64..=1_000_000_000_000_000_000, 0_u32..=12),
        ) {
            let theirs = |(mantissa, scale)| Decimal::new(mantissa, scale);
            let ours = |(mantissa, scale): (i64, u32)| {
                Price::new(number(&Decimal::new(mantissa, scale).to_string())).unwrap()
            };
            let shown = |sum: Decimal| sum.normalize().to_string();
            let (a, b) = (ours(one), ours(other));
            prop_assert_eq!(a.to_string(), shown(theirs(one)));
            prop_assert_eq!(a.cmp(&b), theirs(one).cmp(&theirs(other)));
            prop_assert_eq!(a == b, theirs(one) == theirs(other));
            // Sums beyond a bound there are none; theirs are rounded there.
            for (ours, sum) in [
                (a.plus(b), theirs(one) + theirs(other)),
                (a.minus(b), theirs(one) - theirs(other)),
            ] {
                let within = sum.normalize().mantissa().abs() <= SUM_MANTISSA_MAX;
                prop_assert!(within || ours.is_none());
                if let Some(ours) = ours {
                    prop_assert_eq!(ours.to_string(), shown(sum));
                }
            }
            // What is no longer than this is never without a sum.
            let short = |(mantissa, scale): (i64, u32)| scale <= 6 && mantissa.abs() < 1 << 50;
            prop_assert!(!short(one) || !short(other) || a.plus(b).is_some());
        }
    }

    #[test]
    fn a_sum_is_exact_or_there_is_none() {
        let price = |text: &str| Price::new(number(text)).unwrap();
        let large = price("1000000000000000000");
        let sum = large.plus(price("0.000000000001"));
        assert_eq!(sum, None, "31 digits are beyond the bound of sums");
        let sum = large.minus(price("0.00000001")).unwrap();
        assert_eq!(sum.to_string(), "999999999999999999.99999999");
        assert_eq!(price("1.50").minus(price("1.5")).unwrap(), Price::default());
        assert!(price("-0.1") < price("0.01") && price("2") > price("1.999999999999"));
        assert_eq!(price("-0").to_string(), "0");
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

    /// The facets of ISO 20022 (`DecimalNumber` and `ActiveCurrencyAndAmount` have 18 digits,
    /// `BaseOneRate` and `PercentageRate` 11, 10 of them behind the point) fit the bounds, as far
    /// as there are no more decimals than a quantity or a price has.
    #[test]
    fn numbers_of_iso_20022_fit_the_bounds() {
        for text in ["999999999999999999", "999999999.999999999"] {
            assert!(Quantity::new(number(text)).is_ok(), "{text}");
        }
        for text in [
            "999999999999999999",
            "999999.999999999999",
            "9999999999999.99999",
        ] {
            assert!(Price::not_negative(number(text)).is_ok(), "{text}");
        }
        for text in ["99999999999", "9.9999999999"] {
            assert!(RateValue::positive(number(text)).is_ok(), "{text}");
            assert!(Percent::not_negative(number(text)).is_ok(), "{text}");
        }
    }

    /// The examples of `add`, `subtract` and `multiply` in the General Decimal Arithmetic
    /// Specification of M. Cowlishaw.
    #[test]
    fn sums_and_products_as_the_decimal_arithmetic_specifies_them() {
        let price = |text: &str| Price::new(number(text)).unwrap();
        assert_eq!(price("12").plus(price("7.00")), Some(price("19.00")));
        for (one, other, difference) in [
            ("1.3", "1.07", "0.23"),
            ("1.3", "1.30", "0.00"),
            ("1.3", "2.07", "-0.77"),
        ] {
            assert_eq!(price(one).minus(price(other)), Some(price(difference)));
        }
        for (quantity, of, product) in [("1.20", "3", 360), ("7", "3", 2_100), ("0.9", "0.8", 72)] {
            let quantity = Quantity::new(number(quantity)).unwrap().ratio().unwrap();
            let exact = quantity.times(price(of).minor_ratio(2).unwrap()).unwrap();
            assert!(exact.compare(Ratio::whole(product)).is_eq(), "{of}");
        }
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
