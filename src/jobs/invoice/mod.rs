//! Invoices.
//!
//! | Kind            | Debit                | Credit                      | Amount             |
//! |-----------------|----------------------|-----------------------------|--------------------|
//! | `invoice.issue` | `ar/<customer>`      |                             | payable            |
//! |                 | `prepaid/<customer>` |                             | set off            |
//! |                 | `credit/<customer>`  |                             | set off            |
//! |                 | `rev/allowances`     |                             | Σ allowances       |
//! |                 |                      | revenue account of the line | Σ line nets        |
//! |                 |                      | `deferred/…` of the line    | Σ nets of later    |
//! |                 |                      | `rev/charges`               | Σ charges          |
//! |                 |                      | tax account of the code     | tax of the group   |
//! |                 | `rounding/cash`      | `rounding/cash`             | rounded off / on   |
//!
//! Amounts are summed per account before posting: a negative sum turns sides, zero leaves no leg.
//! An invoice of which no leg is left is paid at once, without an entry. The number is taken by the
//! plan that posts, after every check, so a refused invoice leaves no gap.
//!
//! payable = total − payment on account − credit + rounding. The customer's credit is taken up to
//! what the payment on account leaves, and what is left then is rounded to the coin. In a currency
//! other than the functional one the customer's side is posted in the currency and the company's
//! side in the functional unit, linked by position accounts ([`crate::jobs::exchange`]).

#[cfg(test)]
pub(crate) mod desk;
pub(crate) mod accounts;
mod allowances;
mod draft;
mod give_back;
pub(crate) mod issue;
pub(crate) mod lines;
pub(crate) mod order;
#[cfg(test)]
mod tests;
mod usage;

pub(crate) use accounts::{revenue_name, tax_account};
pub(crate) use give_back::credit;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::lines::{ExtraData, LineData, schema};
use super::billing::TaxRounding;
use super::contract::JobKind;
use super::exchange::RateData;
use super::fields::{Id, Text};
use crate::code::Code;
use crate::ledger::{Book, Facts, Plan, Rejection};
use crate::money::{DecimalText, Rounding};
use crate::time::DateText;

/// Issue an invoice.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    /// Customer: the receivable is `ar/<customer>`.
    pub customer: Id,
    /// Series that gives the number.
    pub series: Id,
    /// Currency of all amounts (BT-5).
    pub currency: Id,
    /// Issue date (BT-2): booking date too. Today by default.
    pub issue_date: Option<DateText>,
    /// Day of delivery (BT-72): decides which tax is valid.
    pub delivery_date: Option<DateText>,
    /// Period of a continuous service (BG-14), instead of a day of delivery.
    pub period: Option<ServicePeriod>,
    /// Due date (BT-9). Due at once by default.
    pub due_date: Option<DateText>,
    /// Terms of payment, instead of a due date.
    pub terms: Option<Terms>,
    /// 1 to 1,000 lines.
    pub lines: Option<Vec<LineData>>,
    /// Allowances of the whole document.
    pub allowances: Option<Vec<ExtraData>>,
    /// Charges of the whole document.
    pub charges: Option<Vec<ExtraData>>,
    /// Means of payment, shown only.
    pub payment_means: Option<Id>,
    /// Whether prices include tax.
    pub prices_include_tax: Option<bool>,
    /// What the tax is rounded on. The tax group by default.
    pub tax_rounding: Option<TaxRounding>,
    /// How amounts are rounded. The book's mode by default.
    pub tax_rounding_mode: Option<Rounding>,
    /// Smallest coin that the payable amount is rounded to, in the currency.
    pub cash_rounding: Option<DecimalText>,
    /// Payment on account to set off, in the currency.
    pub apply_prepaid: Option<DecimalText>,
    /// Whether the customer's credit is set off.
    pub apply_credit: Option<bool>,
    /// Exchange rate of a currency other than the functional one.
    pub rate: Option<RateData>,
    /// Number of the producer's own, unique per series.
    pub external_ref: Option<Id>,
    /// Whether the lines are the customer's unbilled usage.
    pub from_usage: Option<bool>,
}

/// Period of a continuous service, both days included.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServicePeriod {
    /// First day.
    pub from: DateText,
    /// Last day.
    pub to: DateText,
}

/// Terms of payment, counted from the issue date.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Days until it is due.
    pub net_days: u16,
    /// Discount for early payment.
    pub discount: Option<EarlyDiscount>,
}

/// Discount for early payment.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EarlyDiscount {
    /// Days in which it is given.
    pub days: u16,
    /// Percentage of the gross amount.
    pub percent: DecimalText,
}

impl JobKind for Issue {
    const SUMMARY: &'static str = "Issue an invoice: number, totals, tax and entry in one step.";
    const EXAMPLE: &'static str = r#"{
        "customer": "cust-1",
        "series": "RE-2026",
        "currency": "EUR",
        "issue_date": "2026-03-02",
        "terms": { "net_days": 14 },
        "lines": [
            { "quantity": "2", "price": "50.00", "tax": "DE19" }
        ]
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::EntryTooManyLegs,
        Code::EntrySameAccount,
        Code::DocumentNoLines,
        Code::DocumentTotalNegative,
        Code::DuplicateReference,
        Code::SeriesUnknown,
        Code::SeriesExhausted,
        Code::TaxCodeUnknown,
        Code::TaxNotValidOnDate,
        Code::DiscountInvalid,
        Code::RateNotFound,
        Code::RateStale,
        Code::RatePairMismatch,
        Code::RateInvalid,
    ];

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        for (at, line) in self.lines.iter_mut().flatten().enumerate() {
            if let Some(text) = &mut line.text {
                visit(&format!("/lines/{at}/text"), text);
            }
        }
        let extras = [
            ("allowances", &mut self.allowances),
            ("charges", &mut self.charges),
        ];
        for (name, list) in extras {
            for (at, extra) in list.iter_mut().flatten().enumerate() {
                if let Some(reason) = &mut extra.reason {
                    visit(&format!("/{name}/{at}/reason"), reason);
                }
            }
        }
    }

    fn options(&self) -> Result<(), Rejection> {
        if self.delivery_date.is_some() && self.period.is_some() {
            return Err(schema("/period", "give delivery_date or period, not both"));
        }
        if self.terms.is_some() && self.due_date.is_some() {
            return Err(schema("/terms", "give due_date or terms, not both"));
        }
        self.list_options()?;
        match (&self.lines, self.from_usage) {
            (None, None | Some(false)) => Err(schema("/lines", "missing field `lines`")),
            (Some(_), Some(true)) => Err(schema("/lines", "give lines or from_usage, not both")),
            (_, _) => Ok(()),
        }
    }

    fn lists(&self) -> Vec<(&'static str, usize)> {
        let extras = |list: &Option<Vec<ExtraData>>| list.as_ref().map_or(0, Vec::len);
        vec![
            ("/lines", self.lines.as_ref().map_or(0, Vec::len)),
            ("/allowances", extras(&self.allowances)),
            ("/charges", extras(&self.charges)),
        ]
    }

    fn subject(&self) -> Option<&str> {
        Some(&self.customer)
    }

    fn place(&self, account: &str) -> Option<String> {
        let places = [
            ("ar/", "/customer"),
            ("prepaid/", "/apply_prepaid"),
            ("credit/", "/apply_credit"),
            ("rounding/", "/cash_rounding"),
            ("fx", "/rate"),
        ];
        let place = places
            .iter()
            .find(|(prefix, _)| account.starts_with(prefix));
        Some(place.map_or("/lines", |(_, path)| path).to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        issue::plan(self, facts, book, plan)
    }
}

impl Issue {
    /// What the lists may hold whatever the book says.
    fn list_options(&self) -> Result<(), Rejection> {
        let rounding = self.tax_rounding.unwrap_or_default();
        for (at, line) in self.lines.iter().flatten().enumerate() {
            line.options(at, rounding)?;
        }
        let mut charges = self.charges.iter().flatten();
        if let Some(at) = charges.position(|charge| charge.code.is_some()) {
            let path = format!("/charges/{at}/code");
            return Err(schema(&path, "a coupon gives an allowance, no charge"));
        }
        Ok(())
    }
}
