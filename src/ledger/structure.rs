//! The structure every entry has: two legs, one side per account, balance in each unit.

use super::book::Book;
use super::leg::{Leg, Side};
use super::rejection::Rejection;
use crate::code::Code;
use crate::ids::{AccountIndex, UnitIndex};
use crate::ledger::value::Value;
use crate::money::Minor;

/// From so many legs on, equal accounts are found by sorting instead of by looking through.
const FEW: usize = 16;

/// Step 9 of the order of checks, for an entry given as legs.
pub fn check_structure(book: &Book, legs: &[Leg]) -> Result<(), Rejection> {
    if legs.len() < 2 {
        return Err(Rejection::new(Code::EntryTooFewLegs)
            .at("/legs")
            .with("legs", Value::count(legs.len())));
    }
    let legs_max = book.reference().legs_max();
    if legs.len() > legs_max {
        return Err(Rejection::new(Code::EntryTooManyLegs)
            .at("/legs")
            .with("legs", Value::count(legs.len()))
            .with("limit", Value::count(legs_max)));
    }
    if let Some(account) = on_both_sides(legs) {
        let name = book
            .accounts()
            .get(account)
            .map_or("", |account| &*account.name);
        return Err(Rejection::new(Code::EntrySameAccount).with_text("account", name));
    }
    match first_unbalanced(book, legs) {
        None => Ok(()),
        Some(unit) => Err(unbalanced(book, legs, unit)),
    }
}

/// The first account, in leg order, that stands on both sides.
fn on_both_sides(legs: &[Leg]) -> Option<AccountIndex> {
    if legs.len() <= FEW {
        let twice = |leg: &&Leg| {
            legs.iter()
                .any(|other| other.account == leg.account && other.side != leg.side)
        };
        return legs.iter().find(twice).map(|leg| leg.account);
    }
    let mut sorted: Vec<(AccountIndex, Side)> =
        legs.iter().map(|leg| (leg.account, leg.side)).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let twice = |leg: &&Leg| {
        sorted
            .binary_search(&(leg.account, leg.side.opposite()))
            .is_ok()
    };
    legs.iter().find(twice).map(|leg| leg.account)
}

/// The first unit, in leg order, in which the sides differ.
fn first_unbalanced(book: &Book, legs: &[Leg]) -> Option<UnitIndex> {
    let unit = |leg: &Leg| book.accounts().get(leg.account).map(|account| account.unit);
    // Nearly all entries have one unit: one sum tells then.
    let first = legs.first().and_then(unit)?;
    let one_unit = legs.iter().all(|leg| unit(leg) == Some(first));
    if one_unit && sum(legs.iter()) == 0 {
        return None;
    }
    legs.iter()
        .filter_map(unit)
        .find(|of| sum(legs.iter().filter(|leg| unit(leg) == Some(*of))) != 0)
}

fn sum<'a>(legs: impl Iterator<Item = &'a Leg>) -> Minor {
    legs.map(|leg| match leg.side {
        Side::Debit => Minor::from(leg.amount),
        Side::Credit => -Minor::from(leg.amount),
    })
    .sum()
}

/// The refusal of legs that differ in a unit.
pub fn unbalanced(book: &Book, legs: &[Leg], unit: UnitIndex) -> Rejection {
    let total = |side: Side| -> Minor {
        let of_unit = |leg: &&Leg| {
            leg.side == side
                && book
                    .accounts()
                    .get(leg.account)
                    .is_some_and(|account| account.unit == unit)
        };
        legs.iter()
            .filter(of_unit)
            .map(|leg| Minor::from(leg.amount))
            .sum()
    };
    let decimals = book.units().decimals(unit);
    Rejection::new(Code::EntryUnbalanced)
        .at("/legs")
        .with_text("unit", book.units().code(unit))
        .with_amount("debit", total(Side::Debit), decimals)
        .with_amount("credit", total(Side::Credit), decimals)
}
