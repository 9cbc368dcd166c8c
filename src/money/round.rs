//! One rounding at the end of one formula, on exact rationals.

use std::cmp::Ordering;

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

impl Rounding {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::HalfUp, Self::HalfEven, Self::Down, Self::Up];

    /// As it is written outside.
    pub const fn text(self) -> &'static str {
        match self {
            Self::HalfUp => "half_up",
            Self::HalfEven => "half_even",
            Self::Down => "down",
            Self::Up => "up",
        }
    }

    /// The mode of a text.
    pub fn of_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.text() == text)
    }
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

    /// The sum, exact; none if it does not fit.
    pub fn and(self, other: Self) -> Option<Self> {
        // Over the least common denominator, so that sums of days over 365 and 366 stay small.
        let common = gcd(
            self.denominator.unsigned_abs(),
            other.denominator.unsigned_abs(),
        );
        let common = i128::try_from(common).ok()?;
        let (left, right) = (
            other.denominator.checked_div(common)?,
            self.denominator.checked_div(common)?,
        );
        let numerator = self
            .numerator
            .checked_mul(left)?
            .checked_add(other.numerator.checked_mul(right)?)?;
        Self::new(numerator, self.denominator.checked_mul(left)?)
    }

    /// Whether it is above zero.
    pub fn is_positive(self) -> bool {
        self.numerator > 0
    }

    /// The rational with its sign turned.
    #[must_use]
    pub fn negated(self) -> Self {
        Self {
            numerator: self.numerator.saturating_neg(),
            ..self
        }
    }

    /// The whole part toward minus infinity, and what is left above it: at least 0, below 1.
    pub fn floor_and_rest(self) -> (i128, Self) {
        let floor = self.numerator.div_euclid(self.denominator);
        let numerator = self.numerator.rem_euclid(self.denominator);
        (floor, Self { numerator, ..self })
    }

    /// Compare two rationals exactly, whatever their size.
    pub fn compare(self, other: Self) -> Ordering {
        let ((floor, rest), (other_floor, other_rest)) =
            (self.floor_and_rest(), other.floor_and_rest());
        let mut order = floor.cmp(&other_floor);
        let (mut rest, mut other_rest) = (rest, other_rest);
        // As continued fractions: a product of both denominators need not fit.
        let mut turned = false;
        while order.is_eq() {
            order = match (rest.numerator, other_rest.numerator) {
                (0, 0) => return Ordering::Equal,
                (0, _) => Ordering::Less,
                (_, 0) => Ordering::Greater,
                (_, _) => Ordering::Equal,
            };
            if order.is_eq() {
                turned = !turned;
                let ((floor, next), (other_floor, other_next)) = (
                    rest.inverse().floor_and_rest(),
                    other_rest.inverse().floor_and_rest(),
                );
                order = floor.cmp(&other_floor);
                (rest, other_rest) = (next, other_next);
            }
        }
        if turned { order.reverse() } else { order }
    }

    /// `1 / self` of a positive rational.
    fn inverse(self) -> Self {
        Self {
            numerator: self.denominator,
            denominator: self.numerator.max(1),
        }
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

/// The greatest common divisor; that of a number and zero is the number.
pub(super) fn gcd(a: u128, b: u128) -> u128 {
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
    fn sums_and_comparisons_are_exact() {
        let ratio = |numerator, denominator| Ratio::new(numerator, denominator).unwrap();
        // 61/365 + 121/366, the half year of the ISDA memorandum.
        assert_eq!(
            ratio(61, 365).and(ratio(121, 366)),
            Ratio::new(66_491, 133_590)
        );
        assert_eq!(
            ratio(i128::MAX, 2)
                .and(ratio(i128::MAX, 2))
                .map(|sum| sum.round(Rounding::Down)),
            None
        );
        assert_eq!(ratio(-7, 2).floor_and_rest(), (-4, ratio(1, 2)));
        let close = [
            ratio(i128::MAX - 2, i128::MAX - 1),
            ratio(i128::MAX - 1, i128::MAX),
        ];
        assert_eq!(close[0].compare(close[1]), Ordering::Less);
        for (one, other, order) in [
            (ratio(1, 3), ratio(2, 6), Ordering::Equal),
            (ratio(1, 3), ratio(1, 2), Ordering::Less),
            (ratio(-1, 3), ratio(-1, 2), Ordering::Greater),
            (ratio(5, 2), ratio(7, 3), Ordering::Greater),
            (ratio(3, 1), ratio(7, 2), Ordering::Less),
        ] {
            assert_eq!(one.compare(other), order, "{one:?} {other:?}");
            assert_eq!(other.compare(one), order.reverse());
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

    /// The table of `java.math.RoundingMode`, Java SE documentation.
    #[test]
    fn modes_round_as_java_documents_them() {
        for (tenths, up, down, half_up, half_even) in [
            (55, 6, 5, 6, 6),
            (25, 3, 2, 3, 2),
            (16, 2, 1, 2, 2),
            (11, 2, 1, 1, 1),
            (10, 1, 1, 1, 1),
            (-10, -1, -1, -1, -1),
            (-11, -2, -1, -1, -1),
            (-16, -2, -1, -2, -2),
            (-25, -3, -2, -3, -2),
            (-55, -6, -5, -6, -6),
        ] {
            let got = [
                Rounding::Up,
                Rounding::Down,
                Rounding::HalfUp,
                Rounding::HalfEven,
            ]
            .map(|mode| round(tenths, 10, mode));
            assert_eq!(got, [up, down, half_up, half_even], "{tenths}");
        }
    }

    #[test]
    fn taxes_are_rounded_once() {
        // 6.66 × 19 % = 1.2654 → 1.27 and (6.66 + 1.24) × 19 % = 1.501 → 1.50 are of a forum's
        // thread (SELFHTML, 2018); 16.12 × 8.1 % = 1.30572 → 1.31 and 1,985 × 8 % are our own.
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
