//! Rules for every plan, whatever kind asked for it.
//!
//! Kinds check what the catalogue tells them to, in its order. This is where nothing can be
//! forgotten: every entry balances per unit, every account is open and not frozen, every booking
//! date lies in a period the actor may post to, every asserted balance holds, and no limit breaks.
//! Limits are judged on the sum of a plan's legs per account, never leg by leg.

use crate::code::Code;
use crate::ids::{AccountIndex, EntryNo, UnitIndex};
use crate::ledger::account::Counters;
use crate::ledger::commit::slice;
use crate::ledger::effect::Nature;
use crate::ledger::period::PeriodState;
use crate::ledger::plan::{Asserted, Plan};
use crate::ledger::structure::unbalanced;
use crate::ledger::{Account, Book, Effect, Leg, Post, Rejection, Side};
use crate::money::Minor;
use crate::time::Date;

/// From so many accounts in one plan on, they are found by a table instead of by looking through.
const FEW: usize = 16;

/// An account that a plan touches, with what it would have afterwards.
#[derive(Clone, Copy, Debug)]
struct Touched {
    account: AccountIndex,
    after: Counters,
}

/// The memory of admitting plans, kept between jobs.
#[derive(Debug, Default)]
pub struct Admission {
    touched: Vec<Touched>,
    places: hashbrown::HashTable<(AccountIndex, usize)>,
    sums: Vec<(UnitIndex, Minor)>,
}

impl Admission {
    /// Check a plan and number its entries; after an `Ok` applying it cannot fail.
    pub fn admit(
        &mut self,
        book: &Book,
        plan: &mut Plan,
        actor: Option<&str>,
        today: Date,
    ) -> Result<(), Rejection> {
        self.touched.clear();
        self.places.clear();
        let mut next = book.next_entry();
        let mut asserted = plan.asserted.iter().peekable();
        for (at, effect) in plan.effects.iter_mut().enumerate() {
            match effect {
                Effect::Post(post) => {
                    check_period(book, post, actor, today)?;
                    self.admit_post(book, post, &plan.legs)?;
                    if !post.opening {
                        post.number = next;
                        next = next.next();
                    }
                }
                Effect::Hold(hold) => self.hold(book, slice(&plan.legs, &hold.legs), 1)?,
                Effect::Release { legs, .. } => self.hold(book, slice(&plan.legs, legs), -1)?,
                Effect::Reversed { by, .. } => *by = EntryNo(next.0.saturating_sub(1)),
                Effect::Unit { .. }
                | Effect::Number { .. }
                | Effect::Document(_)
                | Effect::AccountOpened(_)
                | Effect::AccountChanged { .. }
                | Effect::Reference { .. }
                | Effect::Series { .. }
                | Effect::Period { .. }
                | Effect::NaturalKey(_)
                | Effect::Alarm { .. }
                | Effect::Keep { .. }
                | Effect::Carried(_) => {}
            }
            while let Some(asserted) = asserted.next_if(|one| one.effects <= at.saturating_add(1)) {
                self.check_asserted(book, asserted)?;
            }
        }
        if plan.waive_limits {
            Ok(())
        } else {
            self.check_limits(book)
        }
    }

    /// The accounts of the plan admitted last, in the order of their first leg.
    pub fn touched(&self) -> impl Iterator<Item = AccountIndex> {
        self.touched.iter().map(|touched| touched.account)
    }

    fn admit_post(&mut self, book: &Book, post: &Post, legs: &[Leg]) -> Result<(), Rejection> {
        let legs = slice(legs, &post.legs);
        if legs.len() < 2 {
            return Err(Rejection::new(Code::EntryTooFewLegs));
        }
        self.sums.clear();
        for leg in legs {
            if leg.amount <= 0 {
                return Err(Rejection::new(Code::AmountZero));
            }
            book.check_usable(leg.account, leg.side)?;
            let account = self.touch(book, leg.account)?;
            let amount = Minor::from(leg.amount);
            let signed = match leg.side {
                Side::Debit => {
                    account.0.after.debits_posted += amount;
                    amount
                }
                Side::Credit => {
                    account.0.after.credits_posted += amount;
                    -amount
                }
            };
            let unit = account.1;
            match self.sums.iter_mut().find(|(known, _)| *known == unit) {
                Some((_, sum)) => *sum += signed,
                None => self.sums.push((unit, signed)),
            }
        }
        match self.sums.iter().find(|(_, sum)| *sum != 0) {
            None => Ok(()),
            Some((unit, _)) => Err(unbalanced(book, legs, *unit)),
        }
    }

    fn hold(&mut self, book: &Book, legs: &[Leg], sign: Minor) -> Result<(), Rejection> {
        for leg in legs {
            if sign > 0 {
                book.check_usable(leg.account, leg.side)?;
            }
            let (touched, _) = self.touch(book, leg.account)?;
            let amount = Minor::from(leg.amount) * sign;
            match leg.side {
                Side::Debit => touched.after.debits_held += amount,
                Side::Credit => touched.after.credits_held += amount,
            }
        }
        Ok(())
    }

    fn touch(
        &mut self,
        book: &Book,
        index: AccountIndex,
    ) -> Result<(&mut Touched, UnitIndex), Rejection> {
        let account = book
            .accounts()
            .get(index)
            .ok_or_else(|| Rejection::new(Code::AccountNotFound))?;
        let place = match self.find(index) {
            Some(place) => place,
            None => self.enter(index, account),
        };
        match self.touched.get_mut(place) {
            Some(touched) => Ok((touched, account.unit)),
            None => Err(Rejection::new(Code::AccountNotFound)),
        }
    }

    fn find(&self, index: AccountIndex) -> Option<usize> {
        if self.touched.len() <= FEW {
            return self
                .touched
                .iter()
                .position(|touched| touched.account == index);
        }
        let hash = u64::from(index.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.places
            .find(hash, |(known, _)| *known == index)
            .map(|(_, place)| *place)
    }

    fn enter(&mut self, index: AccountIndex, account: &Account) -> usize {
        let hash = |index: AccountIndex| u64::from(index.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let place = self.touched.len();
        self.touched.push(Touched {
            account: index,
            after: account.counters(),
        });
        if place == FEW {
            for (place, touched) in self.touched.iter().enumerate() {
                let entry = (touched.account, place);
                self.places
                    .insert_unique(hash(touched.account), entry, |(known, _)| hash(*known));
            }
        } else if place > FEW {
            self.places
                .insert_unique(hash(index), (index, place), |(known, _)| hash(*known));
        }
        place
    }

    fn check_asserted(&self, book: &Book, asserted: &Asserted) -> Result<(), Rejection> {
        let Some(account) = book.accounts().get(asserted.account) else {
            return Ok(());
        };
        let after = self
            .find(asserted.account)
            .and_then(|place| self.touched.get(place))
            .map_or(account.counters(), |touched| touched.after);
        let got = after.balance(account.class.normal_side());
        if got == asserted.balance {
            return Ok(());
        }
        let decimals = book.units().decimals(account.unit);
        Err(Rejection::new(Code::AssertionFailed)
            .at(asserted.path.clone())
            .with_text("account", &*account.name)
            .with_amount("expected", asserted.balance, decimals)
            .with_amount("got", got, decimals))
    }

    fn check_limits(&self, book: &Book) -> Result<(), Rejection> {
        for touched in &self.touched {
            let Some(account) = book.accounts().get(touched.account) else {
                continue;
            };
            if account.extra().is_some() {
                check_account_limits(book, account, &touched.after)?;
            }
        }
        Ok(())
    }
}

/// The period of an entry takes it from the actor, by the roles of the day on which it is posted.
fn check_period(
    book: &Book,
    post: &Post,
    actor: Option<&str>,
    today: Date,
) -> Result<(), Rejection> {
    if post.opening {
        return Ok(());
    }
    // Who may close a period is the kind's to say; closed for ever it is for everybody.
    let month = post.booking_date.month();
    if post.nature == Nature::Closing && book.period(month) != PeriodState::Closed {
        return Ok(());
    }
    book.may_post(post.booking_date, actor, today)
}

fn check_account_limits(book: &Book, account: &Account, after: &Counters) -> Result<(), Rejection> {
    let side = account.class.normal_side();
    let decimals = book.units().decimals(account.unit);
    let (available, available_after) = (account.available(), after.available(side));
    if let Some(min) = account.min_available()
        && available_after < min
        && available_after < available
    {
        return Err(Rejection::new(Code::InsufficientFunds)
            .with_text("account", &*account.name)
            .with_amount("available", available, decimals)
            .with_amount("requested", available - available_after, decimals));
    }
    let (exposure, exposure_after) = (account.exposure(), after.exposure(side));
    if let Some(max) = account.max_balance()
        && exposure_after > max
        && exposure_after > exposure
    {
        return Err(Rejection::new(Code::LimitExceeded)
            .with_text("account", &*account.name)
            .with_amount("exposure", exposure, decimals)
            .with_amount("requested", exposure_after - exposure, decimals)
            .with_amount("limit", max, decimals));
    }
    Ok(())
}
