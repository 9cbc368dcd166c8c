//! Legs as jobs write them: an account on one side, an amount, perhaps a unit.
//!
//! Every kind that takes legs checks them here, step by step of the order of checks, so that the
//! same mistake has the same code and place whichever kind it is sent to. The steps are apart
//! because a job with several entries takes each step for all of them before the next one.

use std::ops::Range;

use crate::code::Code;
use crate::ids::AccountIndex;
use crate::jobs::fields::Id;
use crate::ledger::commit::slice;
use crate::ledger::plan::echo;
use crate::ledger::unit::Unit;
use crate::ledger::{Book, Leg, Plan, Rejection, Side, Value};
use crate::money::minor::{self, AmountFault, positive_minor};
use crate::money::{DecimalText, Minor, Number};
use crate::time::Date;

/// Stands for an account that the book does not have, until its turn to be refused comes.
pub(crate) const NOT_FOUND: AccountIndex = AccountIndex(u32::MAX);

/// Stands for an amount of an unknown account: beyond its form nothing is known about it.
const UNKNOWN_AMOUNT: i64 = 1;

/// A leg as it is written.
pub(crate) trait WrittenLeg {
    /// Account and side.
    fn place(&self) -> (&str, Side);
    /// The amount.
    fn amount(&self) -> &DecimalText;
    /// The unit, if it is named.
    fn unit(&self) -> Option<&str>;
    /// The leg's own value date, if it has one that is a date.
    fn value_date(&self) -> Option<Date>;

    /// Place of the account in the leg.
    fn account_path(&self, base: &str, at: usize) -> String {
        let side = match self.place().1 {
            Side::Debit => "dr",
            Side::Credit => "cr",
        };
        format!("{base}/legs/{at}/{side}")
    }
}

/// Account and side of a leg that has exactly one of `dr` and `cr`.
pub(crate) fn place_of<'a>(dr: Option<&'a Id>, cr: Option<&'a Id>) -> (&'a str, Side) {
    match (dr, cr) {
        (Some(account), _) => (account, Side::Debit),
        (None, Some(account)) => (account, Side::Credit),
        (None, None) => ("", Side::Debit),
    }
}

/// Legs of one entry or hold, and where they stand: `base` is the place above `/legs`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'l, L> {
    pub(crate) legs: &'l [L],
    pub(crate) base: &'l str,
}

impl<L: WrittenLeg> Written<'_, L> {
    /// Step 6: every amount, with the decimals of its account's unit as far as the account is
    /// known. The legs go into the plan's last effect here; an unknown account keeps its place
    /// until step 7 names it. Where they stand among the plan's legs.
    pub(crate) fn amounts(&self, book: &Book, plan: &mut Plan) -> Result<Range<u32>, Rejection> {
        let start = plan.legs_end();
        for (at, leg) in self.legs.iter().enumerate() {
            let (name, side) = leg.place();
            let account = book.accounts().find(name);
            let amount = amount_of(leg.amount(), account, book, positive_minor).map_err(
                |(fault, unit, decimals)| {
                    let path = format!("{}/legs/{at}/amount", self.base);
                    Rejection::amount(fault, &path, &unit, decimals)
                },
            )?;
            plan.leg(Leg {
                account: account.unwrap_or(NOT_FOUND),
                side,
                amount,
                value_date: leg.value_date(),
            });
        }
        Ok(start..plan.legs_end())
    }

    /// Step 7: every account is there, open, and not frozen on its side.
    pub(crate) fn accounts(
        &self,
        book: &Book,
        plan: &Plan,
        place: &Range<u32>,
    ) -> Result<(), Rejection> {
        for (at, (leg, planned)) in self.planned(plan, place) {
            let (name, side) = leg.place();
            if planned.account == NOT_FOUND {
                book.account(name, &leg.account_path(self.base, at))?;
            }
            book.check_usable(planned.account, side)
                .map_err(|refusal| refusal.at(leg.account_path(self.base, at)))?;
        }
        Ok(())
    }

    /// Step 8: a unit that is named is the account's, and none has ended.
    pub(crate) fn units(
        &self,
        book: &Book,
        plan: &Plan,
        place: &Range<u32>,
        booking: Date,
    ) -> Result<(), Rejection> {
        for (at, (leg, planned)) in self.planned(plan, place) {
            let Some(unit) = unit_of(book, planned.account) else {
                continue;
            };
            if let Some(given) = leg.unit()
                && *given != *unit.code
            {
                return Err(Rejection::new(Code::CurrencyMismatch)
                    .at(format!("{}/legs/{at}/unit", self.base))
                    .with_text("account", leg.place().0)
                    .with_text("expected", &*unit.code)
                    .with_text("got", echo(given)));
            }
            check_not_ended(unit, booking)
                .map_err(|refusal| refusal.at(format!("{}/legs/{at}", self.base)))?;
        }
        Ok(())
    }

    fn planned<'p>(
        &'p self,
        plan: &'p Plan,
        place: &Range<u32>,
    ) -> impl Iterator<Item = (usize, (&'p L, &'p Leg))> {
        let planned = slice(&plan.legs, place);
        self.legs.iter().zip(planned).enumerate()
    }
}

/// The unit of an account.
pub(crate) fn unit_of(book: &Book, account: AccountIndex) -> Option<&Unit> {
    let account = book.accounts().get(account)?;
    book.units().get(account.unit)
}

/// The sum of all debits as plain numbers, whatever their units, and its decimals: the most that
/// any of the units has. None if it does not fit.
pub(crate) fn plain_debits(book: &Book, legs: &[Leg]) -> Option<(Minor, u8)> {
    let decimals = |leg: &Leg| unit_of(book, leg.account).map_or(0, |unit| unit.decimals);
    let most = legs.iter().map(decimals).max().unwrap_or_default();
    let debits = legs.iter().filter(|leg| leg.side == Side::Debit);
    let mut sum: Minor = 0;
    for leg in debits {
        let shift = minor::power_of_ten(most.checked_sub(decimals(leg))?)?;
        sum = sum.checked_add(Minor::from(leg.amount).checked_mul(shift)?)?;
    }
    Some((sum, most))
}

/// An amount in the unit of an account; of an unknown account only the form counts. A fault comes
/// with code and decimals of the unit.
pub(crate) fn amount_of(
    text: &DecimalText,
    account: Option<AccountIndex>,
    book: &Book,
    convert: fn(Number, u8) -> Result<i64, AmountFault>,
) -> Result<i64, (AmountFault, String, u8)> {
    let unit = account
        .and_then(|index| book.accounts().get(index))
        .map(|account| account.unit);
    let decimals = unit.map(|unit| book.units().decimals(unit));
    match minor::read(text.number(), decimals, convert) {
        Ok(minor) => Ok(minor.unwrap_or(UNKNOWN_AMOUNT)),
        Err(fault) => {
            let code = unit.map_or("", |unit| book.units().code(unit));
            Err((fault, code.to_owned(), decimals.unwrap_or_default()))
        }
    }
}

/// Refuse a unit that has ended before the booking date.
pub(crate) fn check_not_ended(unit: &Unit, booking: Date) -> Result<(), Rejection> {
    match unit.until {
        Some(until) if booking > until => Err(Rejection::new(Code::CurrencyUnknown)
            .with_text("unit", &*unit.code)
            .with("until", Value::Date(until))),
        Some(_) | None => Ok(()),
    }
}
