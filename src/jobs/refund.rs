//! Refunds: a customer's credit is paid out.
//!
//! | Kind           | Debit               | Credit | Amount |
//! |----------------|---------------------|--------|--------|
//! | `refund.issue` | `credit/<customer>` | `bank` | amount |
//!
//! `bank` is the account that the money leaves from, or `transit/out` until the bank's line comes.
//! No more is paid out than the customer has in credit, less what is held of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contract::JobKind;
use super::currency::Currency;
use super::fields::{Id, Text};
use crate::code::Code;
use crate::ledger::plan::booking_date;
use crate::ledger::{Account, Book, Facts, Leg, Plan, Rejection, Side, Value};
use crate::money::{DecimalText, Minor};

/// Pay a customer's credit out.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    /// Customer: the credit is `credit/<customer>`.
    pub customer: Id,
    /// How much, in the currency.
    pub amount: DecimalText,
    /// Currency: that of both accounts.
    pub currency: Id,
    /// Account the money leaves from.
    pub bank: Id,
    /// Where it goes: a token that stands for the customer's account; personal text.
    pub target: Option<Text>,
    /// Why; personal text.
    pub reason: Option<Text>,
}

impl JobKind for Issue {
    const SUMMARY: &'static str = "Pay a customer's credit out.";
    const EXAMPLE: &'static str = r#"{
        "customer": "cust-1",
        "amount": "19.00",
        "currency": "EUR",
        "bank": "bank/main",
        "target": "tok-7f3a",
        "reason": "return of goods"
    }"#;
    const REFUSALS: &'static [Code] = &[Code::EntrySameAccount, Code::RefundExceedsCredit];

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        let texts = [("/target", &mut self.target), ("/reason", &mut self.reason)];
        for (path, text) in texts {
            if let Some(text) = text {
                visit(path, text);
            }
        }
    }

    fn subject(&self) -> Option<&str> {
        Some(&self.customer)
    }

    fn place(&self, account: &str) -> Option<String> {
        let path = if account == &*self.bank {
            "/bank"
        } else {
            "/customer"
        };
        Some(path.to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let booking = booking_date(None, "", facts, book)?;
        let currency = Currency::of(book, &self.currency);
        let amount = currency.positive(&self.amount, "/amount")?;
        let name = format!("credit/{}", self.customer);
        let credit = book.usable(&name, Side::Debit, "/customer")?;
        let bank = book.usable(&self.bank, Side::Credit, "/bank")?;

        currency.check(booking, "/currency")?;
        currency.check_account(book, credit, "/currency")?;
        currency.check_account(book, bank, "/currency")?;
        if bank == credit {
            return Err(Rejection::new(Code::EntrySameAccount)
                .at("/bank")
                .with_text("account", name));
        }
        // From here on the plan shows what would move, should it need an approval.
        plan.post(booking, booking);
        plan.leg(Leg::debit(credit, amount));
        plan.leg(Leg::credit(bank, amount));
        let available = facts.available(credit, book);
        let requested = Minor::from(amount);
        let decimals = currency.decimals();
        if requested > available {
            return Err(Rejection::new(Code::RefundExceedsCredit)
                .at("/amount")
                .with_text("account", name)
                .with_amount("available", available, decimals)
                .with_amount("requested", requested, decimals));
        }

        let account = book.accounts().get(credit);
        let rest = account.map_or(0, Account::balance) - requested;
        plan.show("credit", Value::amount(rest, decimals));
        Ok(())
    }
}
