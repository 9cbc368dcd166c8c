//! Accounts: opened, changed, closed; never deleted.
//!
//! No postings. Every change is a version of the account's record.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contract::JobKind;
use super::fields::{Id, Text};
use crate::code::Code;
use crate::ids::is_account_name;
use crate::ledger::account::{AccountClass, Freeze};
use crate::ledger::effect::{AccountChange, AccountOpened, Effect};
use crate::ledger::{Book, Facts, Plan, Rejection, Value};
use crate::money::DecimalText;
use crate::money::minor::{AmountFault, signed_minor};

/// Which sides are frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FreezeCode {
    /// None.
    None,
    /// Debits.
    Debit,
    /// Credits.
    Credit,
    /// Both.
    Both,
}

impl From<FreezeCode> for Freeze {
    fn from(code: FreezeCode) -> Self {
        match code {
            FreezeCode::None => Self::None,
            FreezeCode::Debit => Self::Debit,
            FreezeCode::Credit => Self::Credit,
            FreezeCode::Both => Self::Both,
        }
    }
}

/// Class of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassCode {
    /// What the company owns or is owed.
    Asset,
    /// What the company owes.
    Liability,
    /// What belongs to the owners.
    Equity,
    /// What the company earns.
    Income,
    /// What the company spends.
    Expense,
    /// Off-ledger, grows on the debit side.
    MemoDr,
    /// Off-ledger, grows on the credit side.
    MemoCr,
}

impl From<ClassCode> for AccountClass {
    fn from(code: ClassCode) -> Self {
        match code {
            ClassCode::Asset => Self::Asset,
            ClassCode::Liability => Self::Liability,
            ClassCode::Equity => Self::Equity,
            ClassCode::Income => Self::Income,
            ClassCode::Expense => Self::Expense,
            ClassCode::MemoDr => Self::MemoDr,
            ClassCode::MemoCr => Self::MemoCr,
        }
    }
}

/// Open an account.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// Name: 1 to 96 of `[a-z0-9_/.-]`, upper case after the first `/`.
    pub account: Id,
    /// Unit: a code of ISO 4217 or one of the book's own.
    pub unit: Id,
    /// Class.
    pub class: ClassCode,
    /// Lower limit of what is available.
    pub min_available: Option<DecimalText>,
    /// Upper limit of the exposure.
    pub max_balance: Option<DecimalText>,
    /// Frozen sides.
    pub freeze: Option<FreezeCode>,
    /// Short codes for reports.
    pub labels: Option<BTreeMap<String, String>>,
    /// Personal text.
    pub text: Option<Text>,
}

impl JobKind for Open {
    const SUMMARY: &'static str = "Open an account.";
    const EXAMPLE: &'static str = r#"{ "account": "wallet/7", "unit": "EUR", "class": "liability", "min_available": "0.00" }"#;

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        if let Some(text) = &mut self.text {
            visit("/text", text);
        }
    }

    fn subject(&self) -> Option<&str> {
        Some(&self.account)
    }

    fn plan(&self, _facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        if !is_account_name(&self.account) {
            let reason = "a name is 1 to 96 of [a-z0-9_/.-], upper case after the first slash";
            return Err(Rejection::schema(Code::SchemaInvalid, "/account", reason));
        }
        let unit = book.units().find(&self.unit);
        let decimals = unit.as_ref().map(|unit| unit.decimals);
        let limit =
            |text: &Option<DecimalText>, path| limit(text.as_ref(), &self.unit, decimals, path);
        let min_available = limit(&self.min_available, "/min_available")?;
        let max_balance = limit(&self.max_balance, "/max_balance")?;
        if book.accounts().find(&self.account).is_some() {
            return Err(Rejection::new(Code::AccountExists)
                .at("/account")
                .with_text("account", self.account.as_str()));
        }
        let (unit, _) = plan.unit(book, &self.unit, "/unit")?;
        let change = AccountChange {
            min_available,
            max_balance,
            freeze: self.freeze.map(Into::into),
            labels: self
                .labels
                .as_ref()
                .map(|labels| labels.clone().into_iter().collect()),
            text: self
                .text
                .as_ref()
                .and_then(Text::sealed)
                .map(<[u8]>::to_vec),
            closed: false,
        };
        plan.effects
            .push(Effect::AccountOpened(Box::new(AccountOpened {
                name: self.account.as_str().into(),
                unit,
                class: self.class.into(),
                change,
            })));
        plan.show("account", Value::text(self.account.to_string()));
        plan.show("state", Value::text("open"));
        Ok(())
    }
}

/// A limit in the account's unit: zero and negative are allowed.
fn limit(
    text: Option<&DecimalText>,
    unit: &str,
    decimals: Option<u8>,
    path: &str,
) -> Result<Option<i128>, Rejection> {
    let Some(text) = text else { return Ok(None) };
    let places = decimals.unwrap_or(crate::money::minor::DECIMALS_MAX);
    let minor = text
        .number()
        .map_err(AmountFault::from)
        .and_then(|number| signed_minor(number, places));
    minor
        .map(|minor| Some(i128::from(minor)))
        .map_err(|fault| Rejection::amount(fault, path, unit, places))
}
