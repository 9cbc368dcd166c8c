//! How amounts of one currency become those of another.
//!
//! A rate is 1 base = rate quote: from base to quote multiplies, the other way divides. No inverse
//! is stored or rounded. The total of a document is converted and rounded once, each tax once; the
//! remainder of the total is spread over the nets by the largest fractions, so that no cent is
//! made.

use super::RateData;
use crate::code::Code;
use crate::jobs::currency::Currency;
use crate::money::minor::power_of_ten;
use crate::money::share::largest_fractions;
use crate::money::{Minor, RateValue, Ratio, Rounding};

/// What a part is, because each is converted by a rule of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartKind {
    /// Revenue and what lessens it: takes what the conversion of the total leaves.
    Net,
    /// Tax: converted and rounded by itself, as it is declared.
    Tax,
    /// Cash rounding: not of the total, converted by itself.
    Rounding,
}

/// How amounts of one currency become those of another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conversion {
    /// Minor units of the one for one minor unit of the other.
    pub(super) factor: Ratio,
    pub(super) mode: Rounding,
}

/// Whether a rate is multiplied with or divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Multiply,
    Divide,
}

/// How amounts of a currency become functional ones by a rate of these two; either way round.
pub(super) fn direction(
    base: &str,
    quote: &str,
    currency: &Currency<'_>,
    functional: &Currency<'_>,
) -> Option<Direction> {
    let (currency, functional) = (currency.code(), functional.code());
    if (base, quote) == (currency, functional) {
        Some(Direction::Multiply)
    } else if (base, quote) == (functional, currency) {
        Some(Direction::Divide)
    } else {
        None
    }
}

/// How amounts of one currency become those of another, by a rate of the two either way round; the
/// code of the refusal if it is of others or a figure does not fit.
pub(crate) fn conversion(
    data: &RateData,
    rate: RateValue,
    (from, to): (&Currency<'_>, &Currency<'_>),
    mode: Rounding,
) -> Result<Conversion, Code> {
    let direction = direction(&data.base, &data.quote, from, to);
    let direction = direction.filter(|_| from.code() != to.code());
    let direction = direction.ok_or(Code::RatePairMismatch)?;
    let factor = factor(rate, direction, (from.decimals(), to.decimals()));
    let factor = factor.ok_or(Code::AmountOverflow)?;
    Ok(Conversion { factor, mode })
}

pub(super) fn factor(rate: RateValue, direction: Direction, (from, to): (u8, u8)) -> Option<Ratio> {
    let shift = if to >= from {
        Ratio::whole(power_of_ten(to.saturating_sub(from))?)
    } else {
        Ratio::new(1, power_of_ten(from.saturating_sub(to))?)?
    };
    match direction {
        Direction::Multiply => shift.times(rate.ratio()?),
        Direction::Divide => shift.divided_by(rate.ratio()?),
    }
}

impl Conversion {
    fn exact(&self, amount: Minor) -> Option<Ratio> {
        Ratio::whole(amount).times(self.factor)
    }

    /// An amount, rounded; none if it does not fit.
    pub(crate) fn convert(&self, amount: Minor) -> Option<Minor> {
        Some(self.exact(amount)?.round(self.mode))
    }

    /// Taxes and cash rounding by themselves; the nets make up what the converted total leaves.
    pub(super) fn parts(&self, parts: &[(Minor, PartKind)]) -> Option<Vec<Minor>> {
        let of = |wanted: PartKind| parts.iter().filter(move |(_, kind)| *kind == wanted);
        let total: Minor = of(PartKind::Net)
            .chain(of(PartKind::Tax))
            .map(|(amount, _)| amount)
            .sum();
        let mut left = self.convert(total)?;
        for (amount, _) in of(PartKind::Tax) {
            left -= self.convert(*amount)?;
        }
        let exact = of(PartKind::Net).map(|(amount, _)| self.exact(*amount));
        let exact = exact.collect::<Option<Vec<_>>>()?;
        let nets = if exact.is_empty() {
            Vec::new()
        } else {
            largest_fractions(left, &exact)?
        };
        let mut nets = nets.into_iter();
        let convert = |(amount, kind): &(Minor, PartKind)| match kind {
            PartKind::Net => nets.next(),
            PartKind::Tax | PartKind::Rounding => self.convert(*amount),
        };
        parts.iter().map(convert).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Number;

    fn conversion(rate: &str, direction: Direction, decimals: (u8, u8)) -> Conversion {
        let rate = RateValue::positive(Number::parse(rate).unwrap()).unwrap();
        Conversion {
            factor: factor(rate, direction, decimals).unwrap(),
            mode: Rounding::HalfUp,
        }
    }

    #[test]
    fn a_rate_multiplies_one_way_and_divides_the_other() {
        // 10,000.00 USD / 1.0705 = 9,341.43 EUR; 9,341.43 EUR × 1.0705 = 10,000.00 USD.
        let divide = conversion("1.0705", Direction::Divide, (2, 2));
        assert_eq!(divide.convert(1_000_000), Some(934_143));
        let multiply = conversion("1.0705", Direction::Multiply, (2, 2));
        assert_eq!(multiply.convert(934_143), Some(1_000_000));
        // 10,000 JPY at 1 EUR = 162.51 JPY are 61.53 EUR, and back 9,999 JPY: yen have no decimals.
        let yen = conversion("162.51", Direction::Divide, (0, 2));
        assert_eq!(yen.convert(10_000), Some(6_153));
        let back = conversion("162.51", Direction::Multiply, (2, 0));
        assert_eq!(back.convert(6_153), Some(9_999));
    }

    #[test]
    fn taxes_are_rounded_by_themselves_and_the_nets_take_the_rest() {
        use PartKind::{Net, Rounding, Tax};
        let half = conversion("2", Direction::Divide, (2, 2));
        // 0.03 + 0.03 − 0.01 + 0.01 + 0.01 = 0.07; half of it is 0.04 and each tax is 0.01, which
        // leaves 0.02 for the nets.
        let parts = [
            (3, Net),
            (1, Tax),
            (3, Net),
            (-1, Net),
            (1, Tax),
            (1, Rounding),
        ];
        let got = half.parts(&parts).unwrap();
        assert_eq!(got, [2, 1, 1, -1, 1, 1]);
        assert_eq!(half.parts(&[(5, Tax)]), Some(vec![3]));
        assert_eq!(half.parts(&[]), Some(Vec::new()));
    }
}
