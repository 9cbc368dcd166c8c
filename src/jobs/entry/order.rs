//! An entry as a job writes it, wherever in the job it stands.
//!
//! Several kinds take entries: one of their own, one that is undone later, a batch of them. They
//! take the steps of the order of checks here. The steps are apart because a job with several
//! entries takes each step for all of them before the next one.

use std::ops::Range;

use super::{Assertion, LegData};
use crate::code::Code;
use crate::ids::Hash128;
use crate::jobs::fields::{Id, Text};
use crate::jobs::legs::{NOT_FOUND, Written, WrittenLeg, amount_of};
use crate::ledger::commit::slice;
use crate::ledger::plan::{Asserted, booking_date, echo, optional_date};
use crate::ledger::reference::Record;
use crate::ledger::structure::check_structure;
use crate::ledger::value::member;
use crate::ledger::{Book, Facts, Plan, Rejection, Value};
use crate::money::minor::signed_minor;
use crate::time::{Date, DateText};

/// An entry as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'d> {
    /// Where its data stand: a JSON pointer relative to those of the job.
    pub(crate) base: &'d str,
    /// Booking date.
    pub(crate) booking_date: Option<&'d DateText>,
    /// Value date.
    pub(crate) value_date: Option<&'d DateText>,
    /// Reference to a document outside.
    pub(crate) document_ref: Option<&'d Id>,
    /// Its legs.
    pub(crate) legs: &'d [LegData],
    /// Balances that must hold afterwards.
    pub(crate) asserted: &'d [Assertion],
}

/// The dates of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dates {
    booking: Option<Date>,
    value: Option<Date>,
}

/// An entry on its way into a plan.
#[derive(Debug)]
pub(crate) struct Drafted {
    /// Booking date.
    pub(crate) booking: Date,
    /// Its place among the legs of the plan.
    pub(crate) legs: Range<u32>,
}

impl Order<'_> {
    /// All steps of a job with this one entry.
    pub(crate) fn plan(
        &self,
        facts: &Facts<'_>,
        book: &Book,
        plan: &mut Plan,
    ) -> Result<(), Rejection> {
        let dates = self.dates()?;
        let dates = self.period(dates, facts, book)?;
        let drafted = self.amounts(dates, book, plan)?;
        self.rest(&drafted, facts, book, plan)
    }

    /// Steps 7 to 9 of a job with this one entry.
    pub(crate) fn rest(
        &self,
        drafted: &Drafted,
        facts: &Facts<'_>,
        book: &Book,
        plan: &mut Plan,
    ) -> Result<(), Rejection> {
        let natural = self.refer(drafted, facts, book, plan)?;
        self.units(drafted, book, plan)?;
        self.structure(drafted, book, plan)?;
        if let Some(hash) = natural {
            plan.natural_key(hash);
        }
        Ok(())
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A refusal whose place is one of the entry's own data, with its place in those of the job.
    fn based(&self, refusal: Rejection) -> Rejection {
        match refusal.path() {
            Some(path) if !self.base.is_empty() => {
                let path = self.at(path);
                refusal.at(path)
            }
            Some(_) | None => refusal,
        }
    }

    fn written(&self) -> Written<'_, LegData> {
        Written {
            legs: self.legs,
            base: self.base,
        }
    }

    /// Step 5, its first half: every date is one.
    pub(crate) fn dates(&self) -> Result<Dates, Rejection> {
        let based = |refusal| self.based(refusal);
        let booking = optional_date(self.booking_date, "/booking_date").map_err(based)?;
        let value = optional_date(self.value_date, "/value_date").map_err(based)?;
        for (at, leg) in self.legs.iter().enumerate() {
            if leg.value_date.is_some() {
                let path = format!("{}/legs/{at}/value_date", self.base);
                optional_date(leg.value_date.as_ref(), &path)?;
            }
        }
        Ok(Dates { booking, value })
    }

    /// Step 5, its second half: the period takes the entry. Booking date and value date.
    pub(crate) fn period(
        &self,
        dates: Dates,
        facts: &Facts<'_>,
        book: &Book,
    ) -> Result<(Date, Date), Rejection> {
        let booking = booking_date(dates.booking, "/booking_date", facts, book)
            .map_err(|refusal| self.based(refusal))?;
        Ok((booking, dates.value.unwrap_or(booking)))
    }

    /// Step 6: every amount. The entry goes into the plan here.
    pub(crate) fn amounts(
        &self,
        (booking, value): (Date, Date),
        book: &Book,
        plan: &mut Plan,
    ) -> Result<Drafted, Rejection> {
        let post = plan.post(booking, value);
        post.document_ref = self.document_ref.map(|reference| reference.as_str().into());
        let legs = self.written().amounts(book, plan)?;
        for (at, assertion) in self.asserted.iter().enumerate() {
            let account = book.accounts().find(&assertion.account);
            let path = format!("{}/assert/{at}/balance", self.base);
            let balance = amount_of(&assertion.balance, account, book, signed_minor).map_err(
                |(fault, unit, decimals)| Rejection::amount(fault, &path, &unit, decimals),
            )?;
            plan.asserted.push(Asserted {
                account: account.unwrap_or(NOT_FOUND),
                balance: i128::from(balance),
                path,
                effects: plan.effects.len(),
            });
        }
        Ok(Drafted { booking, legs })
    }

    /// Step 7: the reference is new, the accounts are there. The natural key to take.
    pub(crate) fn refer(
        &self,
        drafted: &Drafted,
        facts: &Facts<'_>,
        book: &Book,
        plan: &Plan,
    ) -> Result<Option<Hash128>, Rejection> {
        let natural = self.natural_key(facts, book)?;
        self.written().accounts(book, plan, &drafted.legs)?;
        for (at, assertion) in self.asserted.iter().enumerate() {
            if book.accounts().find(&assertion.account).is_none() {
                let path = format!("{}/assert/{at}/account", self.base);
                book.account(&assertion.account, &path)?;
            }
        }
        Ok(natural)
    }

    /// Step 8.
    pub(crate) fn units(
        &self,
        drafted: &Drafted,
        book: &Book,
        plan: &Plan,
    ) -> Result<(), Rejection> {
        self.written()
            .units(book, plan, &drafted.legs, drafted.booking)
    }

    /// Step 9: two legs, one side per account, balance in each unit.
    pub(crate) fn structure(
        &self,
        drafted: &Drafted,
        book: &Book,
        plan: &Plan,
    ) -> Result<(), Rejection> {
        let checked = check_structure(book, slice(&plan.legs, &drafted.legs));
        checked.map_err(|refusal| {
            if refusal.path().is_some() {
                return self.based(refusal);
            }
            let place = match member(refusal.detail(), "account") {
                Some(Value::Text(account)) => self.place(account),
                Some(_) | None => None,
            };
            refusal.at(place.unwrap_or_else(|| self.at("/legs")))
        })
    }

    /// The first leg that names an account.
    pub(crate) fn place(&self, account: &str) -> Option<String> {
        let at = self.legs.iter().position(|leg| leg.place().0 == account)?;
        Some(self.legs.get(at)?.account_path(self.base, at))
    }

    /// The reference, if the book wants it to be unique.
    pub(crate) fn unique_reference(&self, book: &Book) -> Option<&Id> {
        self.document_ref
            .filter(|_| book.reference().has_any(Record::UniqueReference))
    }

    /// The refusal of a reference that came before.
    pub(crate) fn repeated(&self, reference: &str) -> Rejection {
        Rejection::new(Code::DuplicateReference)
            .at(self.at("/document_ref"))
            .with_text("document_ref", echo(reference))
    }

    fn natural_key(&self, facts: &Facts<'_>, book: &Book) -> Result<Option<Hash128>, Rejection> {
        let Some(reference) = self.unique_reference(book) else {
            return Ok(None);
        };
        let parts: [&str; 1] = [reference];
        let key = facts.natural.hash(book.name(), "document_ref", &parts);
        if book.natural_key_taken(key) {
            return Err(self.repeated(reference));
        }
        Ok(Some(key))
    }
}

/// Hand the texts of an entry to `visit`, legs first.
pub(crate) fn visit_texts(
    base: &str,
    legs: &mut [LegData],
    text: Option<&mut Text>,
    visit: &mut dyn FnMut(&str, &mut Text),
) {
    for (at, leg) in legs.iter_mut().enumerate() {
        if let Some(text) = &mut leg.text {
            visit(&format!("{base}/legs/{at}/text"), text);
        }
    }
    if let Some(text) = text {
        visit(&format!("{base}/text"), text);
    }
}
