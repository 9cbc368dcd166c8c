//! How amounts of one currency become those of another.
//!
//! A rate is 1 base = rate quote: from base to quote multiplies, the other way divides. No inverse
//! is stored or rounded. The total of a document is converted and rounded once, each tax once; the
//! remainder of the total is spread over the nets by the largest fractions, so that no cent is
//! made.
//!
//! What is taken back of a document in parts (credit notes, write-offs, discounts) is worth what
//! the rate makes of all parts so far, less what it made of the earlier ones: the last part leaves
//! nothing behind on `fxeq/<unit>`.

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
    Tax {
        /// What was credited of the same tax by earlier parts, in the unit of the document.
        before: Minor,
    },
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

    /// What an amount adds to what was converted before: such steps add up to their sum converted.
    fn step(&self, before: Minor, amount: Minor) -> Option<Minor> {
        Some(self.convert(before + amount)? - self.convert(before)?)
    }

    /// Taxes and cash rounding by themselves; the nets make up what the converted total leaves. A
    /// part of taxes alone has none, and its first tax makes it up.
    pub(super) fn parts(&self, before: Minor, parts: &[(Minor, PartKind)]) -> Option<Vec<Minor>> {
        let (mut total, mut taxes, mut exact) = (0, 0, Vec::new());
        for (amount, kind) in parts {
            match kind {
                PartKind::Net => exact.push(self.exact(*amount)?),
                PartKind::Tax { before } => taxes += self.step(*before, *amount)?,
                PartKind::Rounding => continue,
            }
            total += amount;
        }
        let mut left = self.step(before, total)? - taxes;
        let mut nets = Vec::new().into_iter();
        if !exact.is_empty() {
            nets = largest_fractions(std::mem::take(&mut left), &exact)?.into_iter();
        }
        let convert = |(amount, kind): &(Minor, PartKind)| match kind {
            PartKind::Net => nets.next(),
            PartKind::Tax { before } => {
                Some(self.step(*before, *amount)? + std::mem::take(&mut left))
            }
            PartKind::Rounding => self.convert(*amount),
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

    /// Regulation (EC) 1103/97, Articles 4 and 5: by the whole rate of six figures, into the euro
    /// by division, rounded to the nearest cent, a half upwards.
    #[test]
    fn conversions_of_the_euro_changeover_as_published() {
        let into = |rate: &str, minor| conversion(rate, Direction::Divide, (2, 2)).convert(minor);
        // Istarska kreditna banka, rules of conversion: 100 kn = 13.27 EUR, 50 kn = 6.64 EUR.
        assert_eq!(into("7.53450", 10_000), Some(1_327));
        assert_eq!(into("7.53450", 5_000), Some(664));
        // evro.si, rounding rules: 500 SIT = 2.09 EUR, 1,000 SIT = 4.17 EUR.
        assert_eq!(into("239.640", 50_000), Some(209));
        assert_eq!(into("239.640", 100_000), Some(417));
        // eu-info.de, between two currencies of the union: 100 DM are 335.39 FF, by the euro.
        let euro = into("1.95583", 10_000).unwrap();
        let francs = conversion("6.55957", Direction::Multiply, (2, 2)).convert(euro);
        assert_eq!((euro, francs), (5_113, Some(33_539)));
    }

    #[test]
    fn taxes_are_rounded_by_themselves_and_the_nets_take_the_rest() {
        use PartKind::{Net, Rounding, Tax};
        let of = |amount| (amount, Tax { before: 0 });
        let half = conversion("2", Direction::Divide, (2, 2));
        // 0.03 + 0.03 − 0.01 + 0.01 + 0.01 = 0.07; half of it is 0.04 and each tax is 0.01, which
        // leaves 0.02 for the nets.
        let parts = [(3, Net), of(1), (3, Net), (-1, Net), of(1), (1, Rounding)];
        let got = half.parts(0, &parts).unwrap();
        assert_eq!(got, [2, 1, 1, -1, 1, 1]);
        assert_eq!(half.parts(0, &[of(5)]), Some(vec![3]));
        assert_eq!(half.parts(0, &[]), Some(Vec::new()));
    }

    #[test]
    fn parts_of_a_whole_add_up_to_what_the_whole_is_worth() {
        use PartKind::{Net, Tax};
        let dollars = conversion("1.0705", Direction::Divide, (2, 2));
        for whole in [1, 7, 219, 10_001, 21_900] {
            for tax in [0, whole / 7, whole] {
                let (mut before, mut taxed, mut sums) = (0, 0, [0, 0]);
                while before < whole {
                    let part = (whole / 3).max(1).min(whole - before);
                    let tax = (part * tax / whole).min(tax - taxed);
                    let parts = [(-(part - tax), Net), (-tax, Tax { before: -taxed })];
                    let got = dollars.parts(-before, &parts).unwrap();
                    (sums[0], sums[1]) = (sums[0] + got[0], sums[1] + got[1]);
                    (before, taxed) = (before + part, taxed + tax);
                }
                let all = dollars.convert(-whole).unwrap();
                assert_eq!(sums[0] + sums[1], all, "{whole} with {tax}");
                assert_eq!(sums[1], dollars.convert(-taxed).unwrap());
            }
        }
        // A tax without a net takes the cent that its own conversion leaves.
        let half = conversion("2", Direction::Divide, (2, 2));
        let alone = [(1, Tax { before: 0 })];
        assert_eq!(half.parts(1, &alone), Some(vec![0]));
    }
}
