//! The part of a hold's legs that a capture takes: cumulative shares that balance at every step.

use super::held;
use crate::code::Code;
use crate::ids::UnitIndex;
use crate::ledger::hold::HeldLeg;
use crate::ledger::{Book, Hold, Leg, Rejection, Side};
use crate::money::{Minor, Rounding, share};

/// The legs of a hold on one side and in one unit, by their places.
struct Group {
    unit: UnitIndex,
    side: Side,
    places: Vec<usize>,
}

/// What a capture takes of each leg, so that afterwards `done` of `whole` is captured.
///
/// Per unit both sides get the same amount, the cumulative share of the unit. On a side it goes to
/// the legs that are furthest behind their own share, so that no leg ever gives anything back and
/// the last capture takes what is left of each.
pub(super) fn part(
    book: &Book,
    hold: &Hold,
    done: Minor,
    whole: Minor,
) -> Result<Vec<Leg>, Rejection> {
    let overflow = || Rejection::new(Code::AmountOverflow).at("/amount");
    let mut amounts = vec![0_i64; hold.legs.len()];
    for group in groups(book, &hold.legs) {
        let legs: Vec<(usize, &HeldLeg)> = group
            .places
            .iter()
            .filter_map(|place| Some((*place, hold.legs.get(*place)?)))
            .collect();
        let sum = |amount: fn(&HeldLeg) -> i64| -> Minor {
            legs.iter().map(|(_, leg)| Minor::from(amount(leg))).sum()
        };
        let placed = sum(|leg| leg.placed);
        let share = share::prefix(placed, done, whole, Rounding::HalfUp).ok_or_else(overflow)?;
        let taken = placed - sum(|leg| leg.rest);
        let owed: Option<Vec<Owed>> = legs
            .iter()
            .map(|(_, leg)| Owed::of(leg, done, whole))
            .collect();
        let parts = distribute(share - taken, &owed.ok_or_else(overflow)?);
        for ((place, _), part) in legs.iter().zip(parts) {
            if let Some(amount) = amounts.get_mut(*place) {
                *amount = part;
            }
        }
    }
    let legs = hold.legs.iter().zip(amounts);
    Ok(legs.map(|(leg, amount)| held(leg, amount)).collect())
}

fn groups(book: &Book, legs: &[HeldLeg]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (place, leg) in legs.iter().enumerate() {
        let Some(account) = book.accounts().get(leg.account) else {
            continue;
        };
        let same = |group: &&mut Group| group.unit == account.unit && group.side == leg.side;
        match groups.iter_mut().find(same) {
            Some(group) => group.places.push(place),
            None => groups.push(Group {
                unit: account.unit,
                side: leg.side,
                places: vec![place],
            }),
        }
    }
    groups
}

/// What a leg lacks of its share: whole minor units, and the rest over the common denominator.
#[derive(Clone, Copy, Debug)]
struct Owed {
    whole: Minor,
    fraction: Minor,
    /// The most it can give.
    most: i64,
}

impl Owed {
    fn of(leg: &HeldLeg, done: Minor, whole: Minor) -> Option<Self> {
        let product = Minor::from(leg.placed).checked_mul(done)?;
        let taken = Minor::from(leg.placed - leg.rest);
        Some(Self {
            whole: product.checked_div_euclid(whole)? - taken,
            fraction: product.checked_rem_euclid(whole)?,
            most: leg.rest,
        })
    }
}

/// Split an amount over legs: whole units first to whom they are owed, then unit by unit to the leg
/// that is furthest behind; ties go to the first.
fn distribute(amount: Minor, owed: &[Owed]) -> Vec<i64> {
    let mut parts: Vec<Minor> = owed.iter().map(|leg| leg.whole.max(0)).collect();
    let mut left = amount - parts.iter().sum::<Minor>();
    // A leg that got more than its share before may leave too little for all the others.
    while left < 0 {
        let behind = |(place, part): &(usize, &Minor)| {
            let leg = owed.get(*place);
            (**part > 0).then(|| leg.map(|leg| (leg.whole - **part, leg.fraction)))
        };
        let ahead = parts
            .iter()
            .enumerate()
            .filter(|place| behind(place).is_some());
        let Some(place) = ahead.min_by_key(behind).map(|(place, _)| place) else {
            break;
        };
        if let Some(part) = parts.get_mut(place) {
            *part -= 1;
        }
        left += 1;
    }
    while left > 0 {
        let behind = |(place, part): &(usize, &Minor)| {
            let leg = owed.get(*place)?;
            let room = **part < Minor::from(leg.most);
            room.then(|| (leg.whole - **part, leg.fraction, std::cmp::Reverse(*place)))
        };
        let open = parts
            .iter()
            .enumerate()
            .filter(|place| behind(place).is_some());
        let Some(place) = open.max_by_key(behind).map(|(place, _)| place) else {
            break;
        };
        if let Some(part) = parts.get_mut(place) {
            *part += 1;
        }
        left -= 1;
    }
    let fits = |part: Minor| i64::try_from(part).unwrap_or(i64::MAX);
    parts.into_iter().map(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leg(placed: i64, taken: i64) -> HeldLeg {
        HeldLeg {
            account: crate::ids::AccountIndex(0),
            side: Side::Debit,
            placed,
            rest: placed - taken,
        }
    }

    fn parts(legs: &[(i64, i64)], done: Minor, whole: Minor) -> Vec<i64> {
        let legs: Vec<HeldLeg> = legs
            .iter()
            .map(|(placed, taken)| leg(*placed, *taken))
            .collect();
        let placed: Minor = legs.iter().map(|leg| Minor::from(leg.placed)).sum();
        let taken: Minor = legs
            .iter()
            .map(|leg| Minor::from(leg.placed - leg.rest))
            .sum();
        let share = share::prefix(placed, done, whole, Rounding::HalfUp).unwrap();
        let owed: Vec<Owed> = legs
            .iter()
            .map(|leg| Owed::of(leg, done, whole).unwrap())
            .collect();
        distribute(share - taken, &owed)
    }

    #[test]
    fn a_third_of_three_legs_adds_up() {
        // 50.00 of 100.00: half of 33.33, 33.33 and 33.34 is 16.665, 16.665 and 16.67.
        assert_eq!(
            parts(&[(3_333, 0), (3_333, 0), (3_334, 0)], 5_000, 10_000),
            [1_667, 1_666, 1_667]
        );
        assert_eq!(
            parts(
                &[(3_333, 1_667), (3_333, 1_666), (3_334, 1_667)],
                10_000,
                10_000
            ),
            [1_666, 1_667, 1_667]
        );
    }

    proptest! {
        #[test]
        fn captures_add_up_and_never_give_back(
            placed in prop::collection::vec(1_i64..400, 1..8),
            steps in prop::collection::vec(1_i128..200, 1..12),
        ) {
            let whole: Minor = placed.iter().map(|one| Minor::from(*one)).sum();
            let mut taken = vec![0_i64; placed.len()];
            let mut done = 0;
            let steps = steps.into_iter().chain([whole]);
            for step in steps {
                done = (done + step).min(whole);
                let legs: Vec<(i64, i64)> = placed.iter().copied().zip(taken.clone()).collect();
                let parts = parts(&legs, done, whole);
                for ((placed, taken), part) in placed.iter().zip(&mut taken).zip(parts) {
                    prop_assert!(part >= 0);
                    *taken += part;
                    prop_assert!(*taken <= *placed, "{taken} of {placed}");
                    // Never further from the share than a unit, whichever way it was reached.
                    let exact = Minor::from(*placed) * done;
                    let off = (Minor::from(*taken) * whole - exact).abs();
                    prop_assert!(off < 2 * whole, "{taken} of {placed} at {done} of {whole}");
                }
                prop_assert_eq!(taken.iter().map(|one| Minor::from(*one)).sum::<Minor>(), done);
            }
            prop_assert_eq!(taken, placed);
        }
    }
}
