//! Entries: the journal's own jobs.
//!
//! | Kind            | Debit                    | Credit                   | Amount           |
//! |-----------------|--------------------------|--------------------------|------------------|
//! | `entry.post`    | accounts of `dr` legs    | accounts of `cr` legs    | as given per leg |
//! | `entry.reverse` | accounts once credited   | accounts once debited    | as posted        |
//!
//! An entry is reversed whole and once. A reversal is never reversed: what was right after all is
//! posted anew. What a document owns is undone by the document's own jobs.

mod reverse;

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use reverse::Reverse;

use super::contract::JobKind;
use super::fields::{Id, Text};
use crate::code::Code;
use crate::ids::Hash128;
use crate::jobs::legs::{NOT_FOUND, Written, WrittenLeg, amount_of, place_of};
use crate::ledger::plan::{booking_date, echo, optional_date};
use crate::ledger::reference::Record;
use crate::ledger::structure::check_structure;
use crate::ledger::{Book, Facts, Plan, Rejection, Side};
use crate::money::DecimalText;
use crate::money::minor::signed_minor;
use crate::time::{Date, DateText};

/// Post an entry: legs that balance in every unit.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Post {
    /// Booking date: the period. Today in the book's zone by default.
    pub booking_date: Option<DateText>,
    /// Value date of the legs. The booking date by default.
    pub value_date: Option<DateText>,
    /// Reference to a document outside.
    pub document_ref: Option<Id>,
    /// Two legs at least.
    pub legs: Vec<LegData>,
    /// Balances that must hold after the entry.
    pub assert: Option<Vec<Assertion>>,
    /// Personal text.
    pub text: Option<Text>,
}

/// One leg: exactly one of `dr` and `cr`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "LegShape")]
#[schemars(!try_from)]
pub struct LegData {
    /// The account debited.
    pub dr: Option<Id>,
    /// The account credited.
    pub cr: Option<Id>,
    /// Amount in the unit of the account, above zero.
    pub amount: DecimalText,
    /// Unit; if given, it must be the account's.
    pub unit: Option<Id>,
    /// Value date of this leg.
    pub value_date: Option<DateText>,
    /// Personal text.
    pub text: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LegShape {
    dr: Option<Id>,
    cr: Option<Id>,
    amount: DecimalText,
    unit: Option<Id>,
    value_date: Option<DateText>,
    text: Option<Text>,
}

impl TryFrom<LegShape> for LegData {
    type Error = &'static str;

    fn try_from(shape: LegShape) -> Result<Self, Self::Error> {
        let LegShape {
            dr,
            cr,
            amount,
            unit,
            value_date,
            text,
        } = shape;
        if dr.is_some() == cr.is_some() {
            return Err("a leg has exactly one of dr and cr");
        }
        Ok(Self {
            dr,
            cr,
            amount,
            unit,
            value_date,
            text,
        })
    }
}

impl WrittenLeg for LegData {
    fn place(&self) -> (&str, Side) {
        place_of(self.dr.as_ref(), self.cr.as_ref())
    }

    fn amount(&self) -> &DecimalText {
        &self.amount
    }

    fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    fn value_date(&self) -> Option<Date> {
        self.value_date.as_ref().and_then(DateText::date)
    }
}

/// A balance that must hold after the entry.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// The account.
    pub account: Id,
    /// Its balance on the normal side; may be negative.
    pub balance: DecimalText,
}

impl JobKind for Post {
    const SUMMARY: &'static str = "Post an entry: legs that balance in every unit.";
    const EXAMPLE: &'static str = r#"{
        "booking_date": "2026-03-02",
        "legs": [
            { "dr": "exp/office", "amount": "80.00" },
            { "cr": "bank/main", "amount": "80.00" }
        ]
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::EntryTooFewLegs,
        Code::EntryTooManyLegs,
        Code::EntrySameAccount,
        Code::EntryUnbalanced,
        Code::AssertionFailed,
        Code::DuplicateReference,
    ];

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        for (at, leg) in self.legs.iter_mut().enumerate() {
            if let Some(text) = &mut leg.text {
                visit(&format!("/legs/{at}/text"), text);
            }
        }
        if let Some(text) = &mut self.text {
            visit("/text", text);
        }
    }

    fn subject(&self) -> Option<&str> {
        self.legs.first().map(|leg| leg.place().0)
    }

    fn place(&self, account: &str) -> Option<String> {
        let at = self.legs.iter().position(|leg| leg.place().0 == account)?;
        Some(self.legs.get(at)?.account_path("", at))
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let (booking, value) = self.dates(facts, book)?;
        let post = plan.post(booking, value);
        post.document_ref = self
            .document_ref
            .as_ref()
            .map(|reference| reference.as_str().into());
        let written = Written {
            legs: &self.legs,
            base: "",
        };
        let place = written.amounts(book, plan)?;
        self.asserted(book, plan)?;
        let reference = self.natural_key(facts, book)?;
        written.accounts(book, plan, &place)?;
        self.asserted_accounts(book)?;
        written.units(book, plan, &place, booking)?;
        check_structure(book, &plan.legs)?;
        if let Some(hash) = reference {
            plan.natural_key(hash);
        }
        Ok(())
    }
}

impl Post {
    fn dates(&self, facts: &Facts<'_>, book: &Book) -> Result<(Date, Date), Rejection> {
        let booking = optional_date(self.booking_date.as_ref(), "/booking_date")?;
        let value = optional_date(self.value_date.as_ref(), "/value_date")?;
        for (at, leg) in self.legs.iter().enumerate() {
            if leg.value_date.is_some() {
                optional_date(leg.value_date.as_ref(), &format!("/legs/{at}/value_date"))?;
            }
        }
        let booking = booking_date(booking, "/booking_date", facts, book)?;
        Ok((booking, value.unwrap_or(booking)))
    }

    /// Step 6, its end: balances that must hold afterwards.
    fn asserted(&self, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        for (at, assertion) in self.assert.iter().flatten().enumerate() {
            let account = book.accounts().find(&assertion.account);
            let path = format!("/assert/{at}/balance");
            let balance = amount_of(&assertion.balance, account, book, signed_minor).map_err(
                |(fault, unit, decimals)| Rejection::amount(fault, &path, &unit, decimals),
            )?;
            plan.asserted
                .push((account.unwrap_or(NOT_FOUND), i128::from(balance), path));
        }
        Ok(())
    }

    fn natural_key(&self, facts: &Facts<'_>, book: &Book) -> Result<Option<Hash128>, Rejection> {
        let Some(reference) = &self.document_ref else {
            return Ok(None);
        };
        if !book.reference().has_any(Record::UniqueReference) {
            return Ok(None);
        }
        let key = facts
            .natural
            .hash(book.name(), "document_ref", &[reference]);
        if book.natural_key_taken(key) {
            return Err(Rejection::new(Code::DuplicateReference)
                .at("/document_ref")
                .with_text("document_ref", echo(reference)));
        }
        Ok(Some(key))
    }

    fn asserted_accounts(&self, book: &Book) -> Result<(), Rejection> {
        for (at, assertion) in self.assert.iter().flatten().enumerate() {
            if book.accounts().find(&assertion.account).is_none() {
                book.account(&assertion.account, &format!("/assert/{at}/account"))?;
            }
        }
        Ok(())
    }
}
