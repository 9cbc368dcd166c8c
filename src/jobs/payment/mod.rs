//! Payments: money that came in, and which documents it pays.
//!
//! | Kind               | Debit                  | Credit                 | Amount               |
//! |--------------------|------------------------|------------------------|----------------------|
//! | `payment.receive`  | `bank`                 |                        | amount               |
//! |                    |                        | `ar/<customer>`        | allocated            |
//! |                    |                        | `credit/<customer>`    | rest, customer known |
//! |                    |                        | `suspense/unallocated` | rest, no customer    |
//! | `payment.allocate` | `suspense/unallocated` | `ar/<customer>`        | from a payment       |
//! |                    | `credit/<customer>`    | `ar/<customer>`        | from a credit        |
//!
//! With `unallocate` an allocation has the same accounts with sides turned.
//!
//! A payment in time that names its document may leave the discount of its terms open: that is
//! posted with it ([`discount`]). Taking back all that a payment paid on a document takes the
//! discount back.
//!
//! Money received is always booked as long as its accounts exist, whether or not anything matches.
//! A reference matches exactly or not at all; nothing is guessed.

mod allocate;
mod discount;
mod items;
mod receive;
mod reference;
#[cfg(test)]
mod tests;

pub(crate) use self::receive::UNALLOCATED;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contract::JobKind;
use super::fields::Id;
use super::invoice::lines::schema;
use crate::code::Code;
use crate::ledger::{Book, Facts, Plan, Rejection};
use crate::money::DecimalText;
use crate::time::DateText;

/// Receive a payment.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receive {
    /// Account the money came to.
    pub bank: Id,
    /// How much, in the currency.
    pub amount: DecimalText,
    /// Currency: that of the bank account.
    pub currency: Id,
    /// Value date. The booking date by default.
    pub value_date: Option<DateText>,
    /// Booking date. Today in the book's zone by default.
    pub booking_date: Option<DateText>,
    /// Who paid. The customer of the document found by default.
    pub customer: Option<Id>,
    /// Number of an invoice, or a creditor reference (ISO 11649) made of one.
    pub reference: Option<Id>,
    /// How it is allocated. By reference by default; as listed if there is a list.
    pub allocation: Option<Allocation>,
    /// Documents and amounts, for an explicit allocation.
    pub allocations: Option<Vec<AllocationData>>,
    /// The bank's reference, unique per bank account.
    pub bank_ref: Option<Id>,
}

/// How a payment is allocated to open documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Allocation {
    /// To the document that the reference names.
    ByReference,
    /// To the customer's documents: by due date, then by number.
    OldestFirst,
    /// As listed.
    Explicit,
    /// To none.
    None,
}

/// One document and how much of it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllocationData {
    /// Number of the document.
    pub document: Id,
    /// How much, in the currency of the document.
    pub amount: DecimalText,
}

/// Allocate what a payment left, or a customer's credit, to documents; or take it back.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allocate {
    /// The payment whose rest is allocated.
    pub payment: Option<Id>,
    /// The customer whose credit is allocated, instead of a payment.
    pub customer: Option<Id>,
    /// Documents and amounts.
    pub allocations: Vec<AllocationData>,
    /// Whether the allocations are taken back.
    pub unallocate: Option<bool>,
}

impl JobKind for Receive {
    const SUMMARY: &'static str = "Receive a payment and allocate it to open documents.";
    const EXAMPLE: &'static str = r#"{
        "bank": "bank/main",
        "amount": "119.00",
        "currency": "EUR",
        "value_date": "2026-03-11",
        "customer": "cust-1",
        "allocation": "oldest_first",
        "bank_ref": "2026-03-11/17"
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::EntrySameAccount,
        Code::DocumentNotFound,
        Code::DocumentState,
        Code::DuplicateReference,
        Code::SeriesExhausted,
        Code::AllocationExceedsPayment,
        Code::AllocationExceedsOpen,
    ];

    fn options(&self) -> Result<(), Rejection> {
        match (self.allocation, &self.allocations) {
            (Some(Allocation::Explicit), None) => Err(schema(
                "/allocations",
                "an explicit allocation needs the list",
            )),
            (Some(Allocation::Explicit) | None, Some(_)) | (_, None) => Ok(()),
            (Some(_), Some(_)) => Err(schema(
                "/allocations",
                "the list belongs to allocation explicit",
            )),
        }
    }

    fn lists(&self) -> Vec<(&'static str, usize)> {
        vec![(
            "/allocations",
            self.allocations.as_ref().map_or(0, Vec::len),
        )]
    }

    fn subject(&self) -> Option<&str> {
        self.customer.as_ref().map(Id::as_str)
    }

    fn place(&self, account: &str) -> Option<String> {
        let path = if account == &*self.bank {
            "/bank"
        } else if self.customer.is_some() {
            "/customer"
        } else {
            "/reference"
        };
        Some(path.to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        receive::plan(self, facts, book, plan)
    }
}

impl JobKind for Allocate {
    const SUMMARY: &'static str = "Allocate a payment's rest or a customer's credit to documents.";
    const EXAMPLE: &'static str = r#"{
        "customer": "cust-1",
        "allocations": [ { "document": "RE-2026-000001", "amount": "19.00" } ]
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::DocumentNotFound,
        Code::DocumentState,
        Code::DocumentNoLines,
        Code::AllocationExceedsPayment,
        Code::AllocationExceedsOpen,
    ];

    fn options(&self) -> Result<(), Rejection> {
        match (&self.payment, &self.customer) {
            (Some(_), Some(_)) => Err(schema("/customer", "give payment or customer, not both")),
            (None, None) => Err(schema("/payment", "give payment or customer")),
            (Some(_), None) | (None, Some(_)) => Ok(()),
        }
    }

    fn lists(&self) -> Vec<(&'static str, usize)> {
        vec![("/allocations", self.allocations.len())]
    }

    fn subject(&self) -> Option<&str> {
        self.customer.as_ref().map(Id::as_str)
    }

    fn place(&self, account: &str) -> Option<String> {
        let path = if account.starts_with("ar/") {
            "/allocations"
        } else if self.customer.is_some() {
            "/customer"
        } else {
            "/payment"
        };
        Some(path.to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        allocate::plan(self, facts, book, plan)
    }
}
