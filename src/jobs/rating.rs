//! What usage costs by a price list: the arithmetic of the price models.
//!
//! | Model       | Price of a quantity q                                           |
//! |-------------|-----------------------------------------------------------------|
//! | `per_unit`  | q × price + flat                                                |
//! | `package`   | packages of `up_to` begun (one if absent) × price + flat        |
//! | `graduated` | Σ over the tiers that q reaches: what of q is in it × its price |
//! |             | + its flat                                                      |
//! | `volume`    | q × price of the tier that q lies in + its flat                 |
//!
//! `included` is taken off the quantity before, `minimum` is the least that any usage costs. All of
//! it is one exact sum, rounded once: prices below the smallest coin add up.
//!
//! In a period that adds up, a usage costs what the whole quantity costs with it less what it cost
//! without it, each rounded: the amounts of the period add up to the price of its quantity.

use crate::ledger::reference::{PriceItem, PriceModel, Tier};
use crate::money::{AMOUNT_MAX, Minor, Price, Quantity, Ratio, Rounding};

/// What of a quantity was priced by one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TierUse<'a> {
    /// The tier.
    pub(crate) tier: &'a Tier,
    /// How much of the quantity; packages if they are counted.
    pub(crate) quantity: Quantity,
}

/// Why a quantity has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RatingFault {
    /// No tier reaches that far.
    BeyondTiers,
    /// The price is beyond the range of a leg.
    Overflow,
}

/// The price of a quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rated<'a> {
    /// Minor units, rounded once.
    pub(crate) amount: Minor,
    /// The tiers it comes from.
    pub(crate) tiers: Vec<TierUse<'a>>,
}

/// Price a quantity that comes behind an earlier one of the same period.
pub(crate) fn rate(
    item: &PriceItem,
    earlier: Quantity,
    quantity: Quantity,
    decimals: u8,
    mode: Rounding,
) -> Result<Rated<'_>, RatingFault> {
    let whole = earlier.plus(quantity).ok_or(RatingFault::Overflow)?;
    let (after, mut tiers) = price(item, whole, decimals, mode)?;
    let (before, used) = price(item, earlier, decimals, mode)?;
    for tier in &mut tiers {
        let known = used.iter().find(|known| known.tier == tier.tier);
        let rest = known.and_then(|known| tier.quantity.minus(known.quantity));
        tier.quantity = rest.unwrap_or(tier.quantity);
    }
    tiers.retain(|tier| !tier.quantity.is_zero());
    Ok(Rated {
        amount: after - before,
        tiers,
    })
}

/// The price of a whole quantity; nothing costs nothing.
fn price(
    item: &PriceItem,
    quantity: Quantity,
    decimals: u8,
    mode: Rounding,
) -> Result<(Minor, Vec<TierUse<'_>>), RatingFault> {
    if quantity.is_zero() {
        return Ok((0, Vec::new()));
    }
    let paid = match item.included {
        Some(included) => quantity.minus(included).ok_or(RatingFault::Overflow)?,
        None => quantity,
    };
    let tiers = if paid.is_positive() {
        tiers(item, paid)?
    } else {
        Vec::new()
    };
    let sum = tiers.iter().try_fold(Ratio::whole(0), |sum, used| {
        let price = used.tier.price.minor_ratio(decimals)?;
        let sum = sum.and(used.quantity.ratio()?.times(price)?)?;
        match used.tier.flat {
            Some(flat) => sum.and(flat.minor_ratio(decimals)?),
            None => Some(sum),
        }
    });
    let sum = sum.and_then(|sum| at_least(sum, item.minimum, decimals));
    let amount = sum.map(|sum| sum.round(mode));
    let amount = amount.filter(|amount| amount.abs() <= AMOUNT_MAX);
    Ok((amount.ok_or(RatingFault::Overflow)?, tiers))
}

fn at_least(sum: Ratio, minimum: Option<Price>, decimals: u8) -> Option<Ratio> {
    let Some(minimum) = minimum else {
        return Some(sum);
    };
    let minimum = minimum.minor_ratio(decimals)?;
    Some(if sum.compare(minimum).is_lt() {
        minimum
    } else {
        sum
    })
}

/// What of a quantity above zero each tier prices.
fn tiers(item: &PriceItem, quantity: Quantity) -> Result<Vec<TierUse<'_>>, RatingFault> {
    let holds = |tier: &&Tier| tier.up_to.is_none_or(|up_to| quantity <= up_to);
    match item.model {
        PriceModel::PerUnit | PriceModel::Volume => {
            let tier = item.tiers.iter().find(holds);
            let tier = tier.ok_or(RatingFault::BeyondTiers)?;
            Ok(vec![TierUse { tier, quantity }])
        }
        PriceModel::Package => {
            let tier = item.tiers.first().ok_or(RatingFault::BeyondTiers)?;
            let quantity = packages(quantity, tier.up_to).ok_or(RatingFault::Overflow)?;
            Ok(vec![TierUse { tier, quantity }])
        }
        PriceModel::Graduated => {
            item.tiers
                .iter()
                .find(holds)
                .ok_or(RatingFault::BeyondTiers)?;
            graduated(item, quantity).ok_or(RatingFault::Overflow)
        }
    }
}

fn graduated(item: &PriceItem, quantity: Quantity) -> Option<Vec<TierUse<'_>>> {
    let mut used = Vec::new();
    let mut below = Quantity::default();
    for tier in &item.tiers {
        if quantity <= below {
            break;
        }
        let end = tier.up_to.map_or(quantity, |up_to| up_to.min(quantity));
        let quantity = end.minus(below)?;
        used.push(TierUse { tier, quantity });
        below = end;
    }
    Some(used)
}

/// Packages begun count in full.
fn packages(quantity: Quantity, size: Option<Quantity>) -> Option<Quantity> {
    let mut packages = quantity.ratio()?;
    if let Some(size) = size {
        packages = packages.divided_by(size.ratio()?)?;
    }
    Quantity::whole(packages.round(Rounding::Up))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::records;
    use crate::ledger::shape::Node;
    use crate::money::Number;
    use crate::raw_json::RawJson;

    fn item(value: &str) -> PriceItem {
        records::price(&Node::new(RawJson::new(value), "")).unwrap()
    }

    fn quantity(text: &str) -> Quantity {
        Quantity::new(Number::parse(text).unwrap()).unwrap()
    }

    /// 15,000 come to 600 USD graduated and 150 USD by volume in Zuplo's documentation; the rest is
    /// our own.
    #[test]
    fn tiers_as_published() {
        let tiers = r#"[{"up_to":"1000","price":"0.10"},{"up_to":"10000","price":"0.05"},
                        {"price":"0.01"}]"#;
        let of = |model: &str, text: &str| {
            let price = format!(r#"{{"currency":"USD","model":"{model}","tiers":{tiers}}}"#);
            let (none, mode) = (Quantity::default(), Rounding::HalfUp);
            rate(&item(&price), none, quantity(text), 2, mode)
                .unwrap()
                .amount
        };
        assert_eq!(of("graduated", "15000"), 60_000);
        assert_eq!(of("volume", "15000"), 15_000);
        assert_eq!(
            (of("volume", "1000"), of("volume", "1000.5")),
            (10_000, 5_003)
        );
    }

    proptest! {
        /// However a quantity is cut, the amounts add up to its price, and a tier is used once.
        #[test]
        fn what_adds_up_costs_what_the_whole_costs(
            parts in prop::collection::vec(1_i128..400, 1..12),
            model in 0_usize..4,
        ) {
            let tiers = match model {
                0 => r#"[{"price":"0.0137","flat":"1.50"}]"#,
                1 => r#"[{"up_to":"100","price":"4.505"}]"#,
                _ => r#"[{"up_to":"100","price":"0.0337"},{"price":"0.011","flat":"0.333"}]"#,
            };
            let model = PriceModel::ALL[model].text();
            let item = item(&format!(
                r#"{{"currency":"EUR","model":"{model}","tiers":{tiers},
                     "included":"7","minimum":"2"}}"#
            ));
            let (mode, mut sum, mut earlier) = (Rounding::HalfUp, 0, Quantity::default());
            for part in &parts {
                let part = Quantity::whole(*part).unwrap();
                sum += rate(&item, earlier, part, 2, mode).unwrap().amount;
                earlier = earlier.plus(part).unwrap();
            }
            let whole = rate(&item, Quantity::default(), earlier, 2, mode).unwrap().amount;
            prop_assert_eq!(sum, whole);
        }
    }
}
