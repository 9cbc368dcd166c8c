//! What a book holds of a foreign unit, and at what value it stands.

use crate::ids::{AccountIndex, Hash128};
use crate::jobs::postings::open_account;
use crate::ledger::{Book, Facts, Rejection, Side};
use crate::money::{Minor, Ratio, Rounding};
use crate::time::{Date, Month};

/// A position and its counter account in the functional unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// `fxpos/<unit>`.
    pub(crate) account: AccountIndex,
    /// `fxeq/<unit>`.
    pub(crate) counter: AccountIndex,
    /// What is held; negative if it is owed.
    pub(crate) amount: Minor,
    /// Its book value in the functional unit.
    pub(crate) value: Minor,
}

impl Position {
    /// Step 7: the position of a unit that has a value.
    pub(crate) fn of(book: &Book, unit: &str, path: &str) -> Result<Self, Rejection> {
        let account = open_account(book, &position_name(unit), path)?;
        let counter = open_account(book, &format!("fxeq/{unit}"), path)?;
        let balance = |account, side| {
            let known = book.accounts().get(account);
            known.map_or(0, |known| known.counters().balance(side))
        };
        Ok(Self {
            account,
            counter,
            amount: balance(account, Side::Credit),
            value: balance(counter, Side::Debit),
        })
    }
}

impl Position {
    /// The position and its value at the end of a month, whatever was dealt later.
    pub(crate) fn at_end_of(&self, book: &Book, month: Month) -> (Minor, Minor) {
        let stood = |account| book.months().stood(book.accounts(), account, month);
        (-stood(self.account), stood(self.counter))
    }
}

/// Name of the position account of a unit.
pub(super) fn position_name(unit: &str) -> String {
    format!("fxpos/{unit}")
}

/// What a deal does to the value of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deal {
    /// What is debited to the counter account; a credit is negative.
    pub(super) counter: Minor,
    /// The difference that is realised; a loss is negative.
    pub(super) realised: Minor,
}

impl Deal {
    /// So much of the unit comes for (goes for) so much of the functional one: both have the sign
    /// of what comes. None if a figure does not fit.
    pub(super) fn of(
        (held, value): (Minor, Minor),
        (unit, functional): (Minor, Minor),
        mode: Rounding,
    ) -> Option<Self> {
        let opens = held == 0 || held.signum() == unit.signum();
        if opens {
            return Some(Self {
                counter: functional,
                realised: 0,
            });
        }
        let closed = held.abs().min(unit.abs());
        let paid = share(functional, closed, unit.abs(), mode)?;
        let booked = share(value, closed, held.abs(), mode)?;
        // What goes beyond the position opens one on the other side.
        let counter = functional.checked_sub(paid)?.checked_sub(booked)?;
        let realised = paid.checked_add(booked)?.checked_neg()?;
        Some(Self { counter, realised })
    }
}

fn share(amount: Minor, part: Minor, whole: Minor, mode: Rounding) -> Option<Minor> {
    if part == whole {
        return Some(amount);
    }
    let exact = Ratio::new(part, whole)?.times(Ratio::whole(amount))?;
    Some(exact.round(mode))
}

/// Remembers what a revaluation as of the last day of a month left at the end of it: the position
/// of a unit and its value. Whatever moves one of them in that month afterwards, a deal or a
/// reversal, leaves another pair, of which nothing is remembered; later months move neither.
pub(crate) fn revaluation(
    facts: &Facts<'_>,
    book: &Book,
    unit: &str,
    day: Date,
    (amount, value): (Minor, Minor),
) -> Hash128 {
    let [day, amount, value] = [day.to_string(), amount.to_string(), value.to_string()];
    let parts: [&str; 4] = [unit, &day, &amount, &value];
    facts.natural.hash(book.name(), "fx.revalue", &parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deal(position: (Minor, Minor), deal: (Minor, Minor)) -> (Minor, Minor) {
        let made = Deal::of(position, deal, Rounding::HalfUp).unwrap();
        (made.counter, made.realised)
    }

    #[test]
    fn a_position_opens_at_what_it_cost() {
        assert_eq!(deal((0, 0), (100, 93)), (93, 0));
        assert_eq!(deal((100, 93), (50, 48)), (48, 0));
        assert_eq!(deal((0, 0), (-100, -93)), (-93, 0));
    }

    #[test]
    fn what_is_sold_takes_its_share_of_the_book_value() {
        // 10,000.00 USD at 9,625.57 EUR sold for 9,708.74 EUR.
        let whole = deal((1_000_000, 962_557), (-1_000_000, -970_874));
        assert_eq!(whole, (-962_557, 8_317));
        // A third of 100 at 93: 31 sold for 30 is a loss of 1.
        assert_eq!(deal((300, 93), (-100, -30)), (-31, -1));
        // A debt of 100 at 93 bought back for 90 is a gain of 3.
        assert_eq!(deal((-100, -93), (100, 90)), (93, 3));
    }

    #[test]
    fn what_goes_beyond_the_position_opens_the_other_side() {
        // 100 at 93; 150 sold for 150: 100 of it for the position, 50 open a debt.
        assert_eq!(deal((100, 93), (-150, -150)), (-143, 7));
    }
}
