//! Credit notes: what was invoiced too much is given back.
//!
//! | Kind                | Debit                  | Credit              | Amount             |
//! |---------------------|------------------------|---------------------|--------------------|
//! | `credit_note.issue` | revenue of the invoice |                     | Σ line nets        |
//! |                     | `deferred/…`           |                     | what of them waits |
//! |                     | tax account of a group |                     | tax of the group   |
//! |                     |                        | `ar/<customer>`     | up to what is open |
//! |                     |                        | `credit/<customer>` | what is left of it |
//!
//! Codes, rates, rounding and exchange rate are the invoice's, not today's, and prices include tax
//! if its prices did. Notes in parts are converted so that together they are worth what the
//! invoice was (`exchange/conversion.rs`). The net is taken back from where the invoice put it:
//! from the account that a line names, else from the accounts of the line's tax group in
//! proportion (largest remainder). A full credit note takes back what is left of each tax group;
//! the first one mirrors the invoice with its document charges, allowances and cash rounding. What
//! waits on a schedule of the invoice goes back first ([`super::revenue`]).
//!
//! What can be credited is the gross amount less what was credited before, written off, or taken
//! as discount for early payment: nobody gets back what was never paid.

mod draft;
mod issue;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contract::JobKind;
use super::fields::{Id, Text};
use super::invoice::lines::{LineNumbers, schema};
use crate::code::Code;
use crate::ledger::{Book, Facts, Plan, Rejection};
use crate::money::DecimalText;

/// Credit an invoice, or a part of it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    /// Number of the invoice.
    pub invoice: Id,
    /// Series that gives the number.
    pub series: Id,
    /// What is credited: 1 to 1,000 lines.
    pub lines: Option<Vec<NoteLine>>,
    /// Credit everything that is left of the invoice, instead of lines.
    pub full: Option<bool>,
    /// Why; personal text.
    pub reason: Option<Text>,
}

/// One line of a credit note.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteLine {
    /// Identifier of the line, shown only.
    pub id: Option<Id>,
    /// Item, shown only.
    pub item: Option<Id>,
    /// How many.
    pub quantity: DecimalText,
    /// Unit of measure, UN/ECE Recommendation 20, shown only.
    pub unit_code: Option<Id>,
    /// Price of the base quantity; with tax if the prices of the invoice were.
    pub price: DecimalText,
    /// Price before the discount, in the currency, shown only; less the discount it must be the
    /// price.
    pub gross_price: Option<DecimalText>,
    /// Discount on the price, in the currency, shown only.
    pub price_discount: Option<DecimalText>,
    /// How many the price is for. One by default.
    pub base_quantity: Option<DecimalText>,
    /// Taken off the line, in the currency of the document.
    pub allowance: Option<DecimalText>,
    /// Put on the line, in the currency of the document.
    pub charge: Option<DecimalText>,
    /// Tax code of the invoice. The only one it has by default.
    pub tax: Option<Id>,
    /// Revenue account, or the part of its name behind `rev/`. The invoice's by default.
    pub revenue: Option<Id>,
    /// Personal text.
    pub text: Option<Text>,
}

impl NoteLine {
    fn numbers(&self) -> LineNumbers<'_> {
        LineNumbers {
            quantity: &self.quantity,
            price: &self.price,
            gross_price: self.gross_price.as_ref(),
            price_discount: self.price_discount.as_ref(),
            base_quantity: self.base_quantity.as_ref(),
            allowance: self.allowance.as_ref(),
            charge: self.charge.as_ref(),
        }
    }
}

impl JobKind for Issue {
    const SUMMARY: &'static str = "Credit an invoice or a part of it, with its tax.";
    const EXAMPLE: &'static str = r#"{
        "invoice": "RE-2026-000001",
        "series": "GS-2026",
        "lines": [ { "quantity": "1", "price": "50.00", "tax": "DE19" } ],
        "reason": "return of goods"
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::QuantityInvalid,
        Code::EntryTooManyLegs,
        Code::EntrySameAccount,
        Code::DocumentNotFound,
        Code::DocumentState,
        Code::DocumentNoLines,
        Code::DocumentTotalNegative,
        Code::DuplicateReference,
        Code::SeriesUnknown,
        Code::SeriesExhausted,
        Code::TaxCodeUnknown,
        Code::CreditExceedsInvoice,
        Code::RateNotFound,
    ];

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        for (at, line) in self.lines.iter_mut().flatten().enumerate() {
            if let Some(text) = &mut line.text {
                visit(&format!("/lines/{at}/text"), text);
            }
        }
        if let Some(reason) = &mut self.reason {
            visit("/reason", reason);
        }
    }

    fn options(&self) -> Result<(), Rejection> {
        let lines = match (&self.lines, self.full) {
            (None, None | Some(false)) => {
                return Err(schema("/lines", "missing field `lines`"));
            }
            (Some(_), Some(true)) => {
                return Err(schema("/full", "give lines or full, not both"));
            }
            (lines, _) => lines.as_deref().unwrap_or_default(),
        };
        let mut lines = lines.iter().enumerate();
        lines.try_for_each(|(at, line)| line.numbers().options(at))
    }

    fn lists(&self) -> Vec<(&'static str, usize)> {
        vec![("/lines", self.lines.as_ref().map_or(0, Vec::len))]
    }

    fn place(&self, account: &str) -> Option<String> {
        let of_line = |line: &NoteLine| line.revenue.as_deref() == Some(account);
        let line = self.lines.iter().flatten().position(of_line);
        Some(line.map_or("/invoice".to_owned(), |at| format!("/lines/{at}/revenue")))
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        issue::plan(self, facts, book, plan)
    }
}
