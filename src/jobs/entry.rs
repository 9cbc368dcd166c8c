//! Entries: the journal's own jobs.
//!
//! | Kind             | Debit                    | Credit                   | Amount           |
//! |------------------|--------------------------|--------------------------|------------------|
//! | `entry.post`     | accounts of `dr` legs    | accounts of `cr` legs    | as given per leg |
//! | `entry.adjust`   | accounts of `dr` legs    | accounts of `cr` legs    | as given per leg |
//! | `entry.reverse`  | accounts once credited   | accounts once debited    | as posted        |
//! | `entry.allocate` | `from`, or each target   | each target, or `from`   | parts by weight  |
//!
//! An entry is reversed whole and once. A reversal is never reversed: what was right after all is
//! posted anew. What a document owns is undone by the document's own jobs.

mod adjust;
mod allocate;
pub(crate) mod order;
mod reverse;

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use adjust::Adjust;
pub use allocate::{Allocate, AllocateSide, Target};
pub use reverse::Reverse;

use super::contract::JobKind;
use super::fields::{Id, Text};
use crate::code::Code;
use crate::jobs::legs::{WrittenLeg, place_of};
use crate::ledger::{Book, Facts, Plan, Rejection, Side};
use crate::money::DecimalText;
use crate::time::{Date, DateText};
use order::{Order, visit_texts};

/// Post an entry: legs that balance in every unit.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Post {
    /// Booking date: the period. Today in the book's zone by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_date: Option<DateText>,
    /// Value date of the legs. The booking date by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_date: Option<DateText>,
    /// Reference to a document outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_ref: Option<Id>,
    /// Two legs at least.
    pub legs: Vec<LegData>,
    /// Balances that must hold after the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assert: Option<Vec<Assertion>>,
    /// Personal text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
}

/// One leg: exactly one of `dr` and `cr`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "LegShape")]
#[schemars(!try_from)]
pub struct LegData {
    /// The account debited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dr: Option<Id>,
    /// The account credited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cr: Option<Id>,
    /// Amount in the unit of the account, above zero.
    pub amount: DecimalText,
    /// Unit; if given, it must be the account's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Id>,
    /// Value date of this leg.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_date: Option<DateText>,
    /// Personal text.
    #[serde(skip_serializing_if = "Option::is_none")]
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
    /// Its balance on the normal side, in its unit; may be negative.
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
    const REFUSALS: &'static [Code] = REFUSALS;

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        visit_texts("", &mut self.legs, self.text.as_mut(), visit);
    }

    fn subject(&self) -> Option<&str> {
        self.legs.first().map(|leg| leg.place().0)
    }

    fn place(&self, account: &str) -> Option<String> {
        self.order("").place(account)
    }

    fn accounts(&self, visit: &mut dyn FnMut(&str)) {
        self.legs.iter().for_each(|leg| visit(leg.place().0));
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        self.order("").plan(facts, book, plan)
    }
}

impl Post {
    /// The entry that is asked for; `base` is where its data stand.
    pub(crate) fn order<'d>(&'d self, base: &'d str) -> Order<'d> {
        Order {
            base,
            booking_date: self.booking_date.as_ref(),
            value_date: self.value_date.as_ref(),
            document_ref: self.document_ref.as_ref(),
            legs: &self.legs,
            asserted: self.assert.as_deref().unwrap_or_default(),
        }
    }
}

/// What an entry given as legs can be refused with.
pub(crate) const REFUSALS: &[Code] = &[
    Code::EntryTooFewLegs,
    Code::EntryTooManyLegs,
    Code::EntrySameAccount,
    Code::EntryUnbalanced,
    Code::AssertionFailed,
    Code::DuplicateReference,
];
