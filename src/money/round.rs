//! One rounding at the end of one formula, on exact rationals.

use serde::{Deserialize, Serialize};

use super::minor::power_of_ten;

/// How a rational becomes an integer. All modes work on the magnitude, so that a credit note
/// mirrors its invoice.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Halves away from zero: the commercial rule and the default.
    #[default]
    HalfUp,
    /// Halves to the even neighbour.
    HalfEven,
    /// Toward zero.
    Down,
    /// Away from zero.
    Up,
}

/// An exact rational `numerator / denominator` with a positive denominator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    numerator: i128,
    denominator: i128,
}

impl Ratio {
    /// The rational of two integers; none if the denominator is not positive.
    pub fn new(numerator: i128, denominator: i128) -> Option<Self> {
        (denominator > 0).then(|| {
            Self {
                numerator,
                denominator,
            }
            .reduced()
        })
    }

    /// An integer as a rational.
    pub fn whole(value: i128) -> Self {
        Self {
            numerator: value,
            denominator: 1,
        }
    }

    /// `mantissa × 10^-scale`.
    pub fn decimal(mantissa: i128, scale: u8) -> Option<Self> {
        Self::new(mantissa, power_of_ten(scale)?)
    }

    /// The product, exact; none if it does not fit.
    pub fn times(self, other: Self) -> Option<Self> {
        // Cancelling crosswise first keeps intermediate products as small as they can be.
        let left = Self::new(self.numerator, other.denominator)?;
        let right = Self::new(other.numerator, self.denominator)?;
        Self::new(
            left.numerator.checked_mul(right.numerator)?,
            left.denominator.checked_mul(right.denominator)?,
        )
    }

    /// The quotient by a positive rational, exact; none if it does not fit.
    pub fn divided_by(self, other: Self) -> Option<Self> {
        self.times(Self::new(other.denominator, other.numerator)?)
    }

    /// The sum with an integer, exact; none if it does not fit.
    pub fn plus(self, value: i128) -> Option<Self> {
        let numerator = self
            .numerator
            .checked_add(value.checked_mul(self.denominator)?)?;
        Self::new(numerator, self.denominator)
    }

    /// The one rounding.
    pub fn round(self, mode: Rounding) -> i128 {
        let floor = self.numerator.unsigned_abs();
        let denominator = self.denominator.unsigned_abs();
        let quotient = floor.checked_div(denominator).unwrap_or_default();
        let rest = floor.checked_rem(denominator).unwrap_or_default();
        // `rest >= denominator - rest` is `2 × rest >= denominator` without the doubling.
        let opposite = denominator.saturating_sub(rest);
        let away = match mode {
            Rounding::HalfUp => rest >= opposite,
            Rounding::HalfEven => rest > opposite || (rest == opposite && quotient % 2 == 1),
            Rounding::Down => false,
            Rounding::Up => rest > 0,
        };
        let magnitude = quotient.saturating_add(u128::from(away));
        let value = i128::try_from(magnitude).unwrap_or(i128::MAX);
        if self.numerator < 0 { -value } else { value }
    }

    fn reduced(self) -> Self {
        let divisor = gcd(
            self.numerator.unsigned_abs(),
            self.denominator.unsigned_abs(),
        );
        match i128::try_from(divisor) {
            Ok(divisor) if divisor > 1 => Self {
                numerator: self.numerator.checked_div(divisor).unwrap_or_default(),
                denominator: self.denominator.checked_div(divisor).unwrap_or(1),
            },
            _one_or_huge => self,
        }
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    let (mut a, mut b) = (a, b);
    while let Some(rest) = a.checked_rem(b) {
        (a, b) = (b, rest);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(numerator: i128, denominator: i128, mode: Rounding) -> i128 {
        Ratio::new(numerator, denominator).unwrap().round(mode)
    }

    #[test]
    fn modes_work_on_the_magnitude() {
        for (mode, expected) in [
            (Rounding::HalfUp, [13, -13, 12, -12]),
            (Rounding::HalfEven, [12, -12, 12, -12]),
            (Rounding::Down, [12, -12, 12, -12]),
            (Rounding::Up, [13, -13, 13, -13]),
        ] {
            let got = [125, -125, 121, -121].map(|tenths| round(tenths, 10, mode));
            assert_eq!(got, expected, "{mode:?}");
        }
    }

    #[test]
    fn exact_products_do_not_wrap() {
        let huge = Ratio::whole(i128::MAX);
        assert_eq!(huge.times(Ratio::whole(2)), None);
        assert_eq!(
            huge.times(Ratio::new(1, 2).unwrap())
                .map(|r| r.round(Rounding::Down)),
            Some(i128::MAX >> 1)
        );
    }

    #[test]
    fn published_examples_of_tax_rounding() {
        // 7.90 × 19 % = 1.501 → 1.50; 6.66 × 19 % = 1.2654 → 1.27; 16.12 × 8.1 % = 1.30572 → 1.31
        let tax = |minor: i128, percent_tenths: i128| {
            Ratio::whole(minor)
                .times(Ratio::decimal(percent_tenths, 3).unwrap())
                .unwrap()
        };
        assert_eq!(tax(790, 190).round(Rounding::HalfUp), 150);
        assert_eq!(tax(666, 190).round(Rounding::HalfUp), 127);
        assert_eq!(tax(1612, 81).round(Rounding::HalfUp), 131);
        assert_eq!(tax(1985, 80).round(Rounding::Down), 158);
    }
}
