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
use crate::ledger::plan::optional_date;
use crate::ledger::{Book, Facts, Plan, Rejection, Value};
use crate::limits::{LABEL_CHARS_MAX, LABELS_MAX};
use crate::money::DecimalText;
use crate::money::minor::{AmountFault, signed_minor};
use crate::time::DateText;

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

    fn options(&self) -> Result<(), Rejection> {
        check_labels(self.labels.as_ref())
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

/// Change an account's record.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// The account.
    pub account: Id,
    /// Lower limit of what is available.
    pub min_available: Option<DecimalText>,
    /// Upper limit of the exposure.
    pub max_balance: Option<DecimalText>,
    /// Frozen sides.
    pub freeze: Option<FreezeCode>,
    /// Short codes for reports, replacing the old ones.
    pub labels: Option<BTreeMap<String, String>>,
    /// Personal text.
    pub text: Option<Text>,
    /// Why. Personal text.
    pub reason: Option<Text>,
    /// First day, today or later. Today by default.
    pub valid_from: Option<DateText>,
}

impl JobKind for Update {
    const SUMMARY: &'static str = "Change an account's limits, freeze, labels or text.";
    const EXAMPLE: &'static str = r#"{ "account": "exp/office", "freeze": "debit" }"#;

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        if let Some(text) = &mut self.text {
            visit("/text", text);
        }
        if let Some(reason) = &mut self.reason {
            visit("/reason", reason);
        }
    }

    fn options(&self) -> Result<(), Rejection> {
        check_labels(self.labels.as_ref())?;
        let nothing = self.min_available.is_none()
            && self.max_balance.is_none()
            && self.freeze.is_none()
            && self.labels.is_none()
            && self.text.is_none();
        if nothing {
            let reason = "name at least one member to change";
            return Err(Rejection::schema(Code::SchemaInvalid, "", reason));
        }
        Ok(())
    }

    fn subject(&self) -> Option<&str> {
        Some(&self.account)
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let valid_from = optional_date(self.valid_from.as_ref(), "/valid_from")?;
        if valid_from.is_some_and(|from| from != facts.today) {
            // Nothing is scheduled in this release: a change holds from the day it is recorded.
            return Err(Rejection::new(Code::DateOutOfRange)
                .at("/valid_from")
                .with("earliest", Value::Date(facts.today))
                .with("latest", Value::Date(facts.today)));
        }
        let known = book
            .accounts()
            .find(&self.account)
            .and_then(|index| book.accounts().get(index));
        let unit = known.map(|account| {
            (
                book.units().code(account.unit),
                book.units().decimals(account.unit),
            )
        });
        let (code, decimals) = unit.unzip();
        let code = code.unwrap_or_default();
        let min_available = limit(
            self.min_available.as_ref(),
            code,
            decimals,
            "/min_available",
        )?;
        let max_balance = limit(self.max_balance.as_ref(), code, decimals, "/max_balance")?;
        let index = book.account(&self.account, "/account")?;
        let Some(account) = book.accounts().get(index).filter(|account| !account.closed) else {
            return Err(Rejection::new(Code::AccountClosed)
                .at("/account")
                .with_text("account", self.account.as_str()));
        };
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
        plan.effects.push(Effect::AccountChanged {
            account: index,
            change: Box::new(change),
        });
        plan.show("account", Value::text(self.account.to_string()));
        plan.show("state", Value::text("open"));
        let decimals = book.units().decimals(account.unit);
        if let Some(over) = max_balance
            .map(|max| account.exposure() - max)
            .filter(|over| *over > 0)
        {
            plan.show("over_limit", Value::amount(over, decimals));
        }
        Ok(())
    }
}

/// Close an account for ever.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// The account.
    pub account: Id,
    /// Why. Personal text.
    pub reason: Option<Text>,
}

impl JobKind for Close {
    const SUMMARY: &'static str = "Close an account for ever; it is never deleted.";
    const EXAMPLE: &'static str = r#"{ "account": "exp/travel" }"#;

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        if let Some(reason) = &mut self.reason {
            visit("/reason", reason);
        }
    }

    fn subject(&self) -> Option<&str> {
        Some(&self.account)
    }

    fn plan(&self, _facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let index = book.account(&self.account, "/account")?;
        let Some(account) = book.accounts().get(index) else {
            return Err(Rejection::new(Code::AccountNotFound).at("/account"));
        };
        let refusal = |code| {
            Rejection::new(code)
                .at("/account")
                .with_text("account", &*account.name)
        };
        if account.closed {
            return Err(refusal(Code::AccountClosed));
        }
        let decimals = book.units().decimals(account.unit);
        if account.balance() != 0 {
            let balance = account.balance();
            return Err(refusal(Code::AccountNotEmpty).with_amount("balance", balance, decimals));
        }
        if account.held() != 0 {
            return Err(refusal(Code::AccountHasHolds).with_amount(
                "held",
                account.held(),
                decimals,
            ));
        }
        if let Some((document, open)) = self.open_document(book) {
            return Err(refusal(Code::AccountNotEmpty)
                .with_text("document", document)
                .with_amount("open", open, decimals));
        }
        let change = AccountChange {
            closed: true,
            ..AccountChange::default()
        };
        plan.effects.push(Effect::AccountChanged {
            account: index,
            change: Box::new(change),
        });
        plan.show("account", Value::text(self.account.to_string()));
        plan.show("state", Value::text("closed"));
        Ok(())
    }
}

impl Close {
    /// An open item of the customer whose receivables the account holds: it will still be paid there.
    fn open_document<'b>(&'b self, book: &'b Book) -> Option<(&'b str, i128)> {
        let customer = self.account.strip_prefix("ar/")?;
        let (number, document) = book.documents().open_items(customer).next()?;
        Some((number, document.open))
    }
}

/// Labels are few and short.
fn check_labels(labels: Option<&BTreeMap<String, String>>) -> Result<(), Rejection> {
    let Some(labels) = labels else { return Ok(()) };
    if labels.len() > LABELS_MAX {
        let reason = format!("at most {LABELS_MAX} labels");
        return Err(Rejection::schema(Code::SchemaInvalid, "/labels", reason));
    }
    for (name, value) in labels {
        let plain = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        if !plain(name) || !plain(value) {
            let reason = "a label has a name and a value without control characters";
            return Err(Rejection::schema(Code::TextInvalid, "/labels", reason));
        }
        if name.chars().count() > LABEL_CHARS_MAX || value.chars().count() > LABEL_CHARS_MAX {
            let reason =
                format!("names and values of labels have at most {LABEL_CHARS_MAX} characters");
            return Err(Rejection::schema(Code::FieldTooLong, "/labels", reason));
        }
    }
    Ok(())
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
