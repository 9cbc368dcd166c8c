//! Late payment: interest on what was open, and a fee or lump sum.
//!
//! | Kind             | Debit           | Credit                 | Amount                       |
//! |------------------|-----------------|------------------------|------------------------------|
//! | `dunning.charge` | `ar/<customer>` |                        | all of it                    |
//! |                  |                 | `income/late_interest` | round(Σ open × rate × part)  |
//! |                  |                 | `income/dunning`       | fee + lump sum               |
//!
//! Both days are included. The open amount of each day is that by value dates: a payment counts
//! from its value date on. Every stretch between changes of rate or open amount counts exactly, and
//! the sum is rounded once. There is no tax on it: late interest is damages.
//!
//! The charge is an open item of its own (series `DN`), so it never becomes part of the base of
//! later interest. A document is charged once up to a day, and interest of a day is charged once:
//! only a charge without interest, a fee, may cover days of another one.

mod charge;
mod rates;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contract::JobKind;
use super::fields::Id;
use super::invoice::lines::schema;
use crate::code::Code;
use crate::ledger::{Book, Facts, Plan, Rejection};
use crate::money::{DayCount, DecimalText};
use crate::time::DateText;

/// Charge a customer for paying late.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// Number of the invoice that is overdue.
    pub document: Id,
    /// Which reminder it is, from 1.
    #[schemars(range(min = 1))]
    pub level: Option<u16>,
    /// First day; one on which the document was overdue.
    pub from: DateText,
    /// Last day, included.
    pub to: DateText,
    /// Day count convention: `ACT/360`, `ACT/365F`, `ACT/ACT.ISDA`, `ACT/ACT.AFB`, `30/360`,
    /// `30E/360`.
    pub basis: Id,
    /// Where the rate comes from.
    pub rate_rule: RateRule,
    /// Percent a year, if it is fixed.
    pub rate: Option<DecimalText>,
    /// Percentage points on top of the base rate (`rates.base`). None by default.
    pub points: Option<DecimalText>,
    /// Fee for the reminder, in the currency of the invoice.
    pub fee: Option<DecimalText>,
    /// Lump sum for the cost of collecting, in the currency of the invoice.
    pub lump_sum: Option<DecimalText>,
}

/// Where the rate of late interest comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateRule {
    /// The job names it.
    Fixed,
    /// The base rate of each day and points on top of it.
    BasePlus,
}

impl JobKind for Charge {
    const SUMMARY: &'static str =
        "Charge late interest, a fee or a lump sum on an overdue invoice.";
    const EXAMPLE: &'static str = r#"{
        "document": "RE-2026-000001",
        "from": "2026-03-17",
        "to": "2026-03-31",
        "basis": "ACT/365F",
        "rate_rule": "base_plus",
        "points": "9",
        "lump_sum": "40.00"
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::DocumentNotFound,
        Code::DocumentState,
        Code::DuplicateReference,
        Code::SeriesExhausted,
        Code::NotOverdue,
        Code::RateNotFound,
        Code::RateInvalid,
        Code::DayCountUnknown,
    ];

    fn options(&self) -> Result<(), Rejection> {
        if self.level == Some(0) {
            return Err(schema("/level", "levels begin at 1"));
        }
        if &*self.basis == DayCount::ActActIcma.text() {
            return Err(schema("/basis", "late interest has no coupon period"));
        }
        match (self.rate_rule, &self.rate, &self.points) {
            (RateRule::Fixed, None, _) => Err(schema("/rate", "a fixed rate is named")),
            (RateRule::Fixed, Some(_), Some(_)) => {
                Err(schema("/points", "points belong to rate_rule base_plus"))
            }
            (RateRule::BasePlus, Some(_), _) => {
                Err(schema("/rate", "a rate belongs to rate_rule fixed"))
            }
            (RateRule::Fixed, Some(_), None) | (RateRule::BasePlus, None, _) => Ok(()),
        }
    }

    fn place(&self, _account: &str) -> Option<String> {
        Some(charge::PATH.to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        charge::plan(self, facts, book, plan)
    }
}
