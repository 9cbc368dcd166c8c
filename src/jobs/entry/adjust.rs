//! `entry.adjust`: an entry that puts an earlier one right, marked as adjustment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::order::{Order, visit_texts};
use super::{Assertion, LegData};
use crate::code::Code;
use crate::jobs::contract::JobKind;
use crate::jobs::fields::{Id, Text};
use crate::jobs::legs::WrittenLeg;
use crate::ledger::effect::Nature;
use crate::ledger::{Book, Facts, Plan, Rejection, Value};
use crate::time::DateText;

/// Post an entry that puts an earlier one right.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adjust {
    /// Number of the entry that is put right.
    pub adjusts: u64,
    /// Why; personal text.
    pub reason: Text,
    /// Booking date: the period. Today in the book's zone by default; in a soft-locked period only
    /// for the role `closing`.
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

impl JobKind for Adjust {
    const SUMMARY: &'static str = "Post an entry that puts an earlier one right, marked as such.";
    const EXAMPLE: &'static str = r#"{
        "adjusts": 1,
        "reason": "ten too many",
        "booking_date": "2026-03-02",
        "legs": [
            { "dr": "bank/main", "amount": "10.00" },
            { "cr": "exp/office", "amount": "10.00" }
        ]
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::EntryTooFewLegs,
        Code::EntryTooManyLegs,
        Code::EntrySameAccount,
        Code::EntryUnbalanced,
        Code::EntryNotFound,
        Code::AssertionFailed,
        Code::DuplicateReference,
    ];

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        visit("/reason", &mut self.reason);
        visit_texts("", &mut self.legs, self.text.as_mut(), visit);
    }

    fn subject(&self) -> Option<&str> {
        self.legs.first().map(|leg| leg.place().0)
    }

    fn place(&self, account: &str) -> Option<String> {
        self.order().place(account)
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let order = self.order();
        let dates = order.period(order.dates()?, facts, book)?;
        let drafted = order.amounts(dates, book, plan)?;
        let natural = order.refer(&drafted, facts, book, plan)?;
        if self.adjusts == 0 || self.adjusts >= book.next_entry().0 {
            return Err(Rejection::new(Code::EntryNotFound)
                .at("/adjusts")
                .with("entry", Value::count(self.adjusts)));
        }
        order.units(&drafted, book, plan)?;
        order.structure(&drafted, book, plan)?;
        for effect in &mut plan.effects {
            effect.mark(Nature::Adjustment);
        }
        if let Some(hash) = natural {
            plan.natural_key(hash);
        }
        plan.show("adjusts", Value::count(self.adjusts));
        Ok(())
    }
}

impl Adjust {
    fn order(&self) -> Order<'_> {
        Order {
            base: "",
            booking_date: self.booking_date.as_ref(),
            value_date: self.value_date.as_ref(),
            document_ref: self.document_ref.as_ref(),
            legs: &self.legs,
            asserted: self.assert.as_deref().unwrap_or_default(),
        }
    }
}
