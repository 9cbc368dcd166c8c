//! Accounts: opened, changed, closed; never deleted.
//!
//! | Kind             | Debit | Credit | Amount            |
//! |------------------|-------|--------|-------------------|
//! | `account.open`   | –     | –      | nothing is posted |
//! | `account.update` | –     | –      | nothing is posted |
//! | `account.close`  | –     | –      | nothing is posted |
//!
//! Every change is a version of the account's record; what it was before stands in the journal. A
//! limit may be set under the present figure: the outcome says by how much, and from then on only
//! moves in the better direction pass. A closed account stays as it is for ever.
//!
//! A change may begin on a later day: then the job is kept, and an alarm makes it happen.
//!
//! Not here: approval of raised limits.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod later;
#[cfg(test)]
mod tests;

use super::contract::JobKind;
use super::fields::{Id, Text};
use super::later::keep;
use crate::code::Code;
use crate::ids::{ACCOUNT_CHARS_MAX, AccountIndex, is_account_name};
use crate::ledger::account::{AccountClass, Freeze};
use crate::ledger::effect::{AccountChange, AccountOpened, Effect};
use crate::ledger::plan::optional_date;
use crate::ledger::{
    Account, Book, Document, DocumentKind, DocumentState, Facts, Plan, Rejection, Value,
};
use crate::limits::LABELS_MAX;
use crate::money::minor::{self, signed_minor};
use crate::money::{DecimalText, Minor};
use crate::time::{Date, DateText};

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

/// Short codes for reports, by name.
type Labels = BTreeMap<Id, Id>;

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
    /// Lower limit of what is available, in the unit of the account.
    pub min_available: Option<DecimalText>,
    /// Upper limit of the exposure, in the unit of the account.
    pub max_balance: Option<DecimalText>,
    /// Frozen sides.
    pub freeze: Option<FreezeCode>,
    /// Short codes for reports.
    pub labels: Option<Labels>,
    /// Personal text.
    pub text: Option<Text>,
}

impl JobKind for Open {
    const SUMMARY: &'static str = "Open an account.";
    const EXAMPLE: &'static str = r#"{
        "account": "wallet/7", "unit": "EUR", "class": "liability", "min_available": "0.00" }"#;

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        if let Some(text) = &mut self.text {
            visit("/text", text);
        }
    }

    fn options(&self) -> Result<(), Rejection> {
        if self.account.chars().count() > ACCOUNT_CHARS_MAX {
            let reason =
                format!("the name of an account has at most {ACCOUNT_CHARS_MAX} characters");
            return Err(Rejection::schema(Code::FieldTooLong, "/account", reason));
        }
        if !is_account_name(&self.account) {
            let reason = "a name is 1 to 96 of [a-z0-9_/.-], upper case after the first slash";
            return Err(Rejection::schema(Code::SchemaInvalid, "/account", reason));
        }
        check_labels(self.labels.as_ref())
    }

    fn subject(&self) -> Option<&str> {
        Some(&self.account)
    }

    fn plan(&self, _facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let decimals = book.units().find(&self.unit).map(|unit| unit.decimals);
        let limits = Limits {
            min_available: self.min_available.as_ref(),
            max_balance: self.max_balance.as_ref(),
        };
        let (min_available, max_balance) = limits.read(&self.unit, decimals)?;
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
            labels: self.labels.as_ref().map(label_list),
            text: sealed(self.text.as_ref()),
            closed: false,
        };
        plan.effects
            .push(Effect::AccountOpened(Box::new(AccountOpened {
                name: self.account.as_str().into(),
                unit,
                class: self.class.into(),
                change,
            })));
        show_account(plan, &self.account, "open");
        Ok(())
    }
}

/// Change an account's limits, frozen sides, labels or text.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// The account.
    pub account: Id,
    /// Lower limit of what is available, in the unit of the account.
    pub min_available: Option<DecimalText>,
    /// Upper limit of the exposure, in the unit of the account.
    pub max_balance: Option<DecimalText>,
    /// Frozen sides.
    pub freeze: Option<FreezeCode>,
    /// Short codes for reports; they take the place of all labels so far.
    pub labels: Option<Labels>,
    /// Personal text.
    pub text: Option<Text>,
    /// Why; personal text.
    pub reason: Option<Text>,
    /// From when: today by default, not earlier.
    pub valid_from: Option<DateText>,
}

impl JobKind for Update {
    const SUMMARY: &'static str = "Change an account's limits, frozen sides, labels or text.";
    const EXAMPLE: &'static str = r#"{ "account": "wallet/7", "freeze": "debit" }"#;

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        if let Some(text) = &mut self.text {
            visit("/text", text);
        }
        if let Some(reason) = &mut self.reason {
            visit("/reason", reason);
        }
    }

    fn options(&self) -> Result<(), Rejection> {
        let changes_record = self.freeze.is_some() || self.labels.is_some() || self.text.is_some();
        if !changes_record && self.min_available.is_none() && self.max_balance.is_none() {
            let reason = "one of min_available, max_balance, freeze, labels and text is needed";
            return Err(Rejection::schema(Code::SchemaInvalid, "", reason));
        }
        check_labels(self.labels.as_ref())
    }

    fn subject(&self) -> Option<&str> {
        Some(&self.account)
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let from = first_day(self.valid_from.as_ref(), facts.today)?;
        if from == facts.today {
            return self.change(book, plan);
        }
        let _now = self.read(book)?;
        keep::<Self>(plan, facts, book, from);
        show_account(plan, &self.account, "open");
        plan.show("valid_from", Value::Date(from));
        Ok(())
    }
}

impl Update {
    /// The account, and what of it is to be another.
    fn read<'b>(
        &self,
        book: &'b Book,
    ) -> Result<(AccountIndex, &'b Account, AccountChange), Rejection> {
        let known = book.accounts().by_name(&self.account);
        let unit = known.and_then(|account| book.units().get(account.unit));
        let (code, decimals) = unit.map_or(("", None), |unit| (&*unit.code, Some(unit.decimals)));
        let limits = Limits {
            min_available: self.min_available.as_ref(),
            max_balance: self.max_balance.as_ref(),
        };
        let (min_available, max_balance) = limits.read(code, decimals)?;
        let (index, account) = open_account(book, &self.account)?;
        let change = AccountChange {
            min_available,
            max_balance,
            freeze: self.freeze.map(Into::into),
            labels: self.labels.as_ref().map(label_list),
            text: sealed(self.text.as_ref()),
            closed: false,
        };
        Ok((index, account, change))
    }

    /// The change, from now on.
    fn change(&self, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let (index, account, change) = self.read(book)?;
        let over = over_limit(account, &change);
        plan.effects.push(Effect::AccountChanged {
            account: index,
            change: Box::new(change),
        });
        show_account(plan, &self.account, "open");
        if let Some(over) = over {
            let decimals = book.units().decimals(account.unit);
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
    /// Why; personal text.
    pub reason: Option<Text>,
}

impl JobKind for Close {
    const SUMMARY: &'static str = "Close an account for ever.";
    const EXAMPLE: &'static str = r#"{ "account": "wallet/7" }"#;

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        if let Some(reason) = &mut self.reason {
            visit("/reason", reason);
        }
    }

    fn subject(&self) -> Option<&str> {
        Some(&self.account)
    }

    fn plan(&self, _facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let (index, account) = open_account(book, &self.account)?;
        // From here on the plan shows what would change, should it need an approval.
        let change = AccountChange {
            closed: true,
            ..AccountChange::default()
        };
        plan.effects.push(Effect::AccountChanged {
            account: index,
            change: Box::new(change),
        });
        let decimals = book.units().decimals(account.unit);
        let refusal = |code, name, amount: Minor| {
            Rejection::new(code)
                .at("/account")
                .with_text("account", &*account.name)
                .with_amount(name, amount, decimals)
        };
        if account.balance() != 0 {
            return Err(refusal(Code::AccountNotEmpty, "balance", account.balance()));
        }
        if account.held() != 0 {
            return Err(refusal(Code::AccountHasHolds, "held", account.held()));
        }
        if let Some(document) = open_document(book, &self.account) {
            return Err(
                refusal(Code::AccountNotEmpty, "balance", 0).with_text("document", document)
            );
        }
        show_account(plan, &self.account, "closed");
        Ok(())
    }
}

fn show_account(plan: &mut Plan, account: &Id, state: &'static str) {
    plan.show("account", Value::text(account.to_string()));
    plan.show("state", Value::text(state));
}

/// An account that is there and not closed.
fn open_account<'a>(book: &'a Book, name: &str) -> Result<(AccountIndex, &'a Account), Rejection> {
    let index = book.account(name, "/account")?;
    let account = book.accounts().get(index);
    account
        .filter(|account| !account.closed)
        .map(|account| (index, account))
        .ok_or_else(|| {
            Rejection::new(Code::AccountClosed)
                .at("/account")
                .with_text("account", name)
        })
}

/// A document that still has business with the account: what a customer has not paid, or an
/// instruction of the party that is not settled.
fn open_document<'a>(book: &'a Book, account: &'a str) -> Option<&'a str> {
    if let Some(customer) = account.strip_prefix("ar/") {
        return book.documents().open_items(customer).next().map(first);
    }
    let ends = ["secu/", "cash/"];
    let party = ends.iter().find_map(|end| account.strip_prefix(end))?;
    let open = [
        DocumentState::Pending,
        DocumentState::Failing,
        DocumentState::PartiallySettled,
    ];
    let kind = DocumentKind::Instruction;
    let count = open
        .iter()
        .map(|state| book.documents().count(kind, *state));
    if count.sum::<u64>() == 0 {
        return None;
    }
    let concerns = |document: &Document| {
        document.kind == kind
            && open.contains(&document.state)
            && ["deliverer", "receiver"]
                .map(|side| document.text(side))
                .contains(&party)
    };
    let mut all = book.documents().iter();
    all.find(|(_, document)| concerns(document)).map(first)
}

fn first<'a>((number, _): (&'a str, &Document)) -> &'a str {
    number
}

/// By how much an account stands beyond the limits that a change sets.
fn over_limit(account: &Account, change: &AccountChange) -> Option<Minor> {
    let above = change.max_balance.map(|max| account.exposure() - max);
    let below = change.min_available.map(|min| min - account.available());
    above.max(below).filter(|over| *over > 0)
}

/// Step 5 of a change of record: its first day, today or later.
fn first_day(given: Option<&DateText>, today: Date) -> Result<Date, Rejection> {
    match optional_date(given, "/valid_from")? {
        Some(date) if date < today => Err(Rejection::new(Code::DateOutOfRange)
            .at("/valid_from")
            .with("value", Value::Date(date))
            .with("earliest", Value::Date(today))),
        given => Ok(given.unwrap_or(today)),
    }
}

fn sealed(text: Option<&Text>) -> Option<Vec<u8>> {
    text.and_then(Text::sealed).map(<[u8]>::to_vec)
}

fn label_list(labels: &Labels) -> Vec<(String, String)> {
    let pair = |(name, value): (&Id, &Id)| (name.to_string(), value.to_string());
    labels.iter().map(pair).collect()
}

fn check_labels(labels: Option<&Labels>) -> Result<(), Rejection> {
    if labels.is_some_and(|labels| labels.len() > LABELS_MAX) {
        let reason = format!("an account has at most {LABELS_MAX} labels");
        return Err(Rejection::schema(Code::SchemaInvalid, "/labels", reason));
    }
    Ok(())
}

/// The limits of an account as a job gives them.
struct Limits<'a> {
    min_available: Option<&'a DecimalText>,
    max_balance: Option<&'a DecimalText>,
}

impl Limits<'_> {
    /// Both in minor units. Limits that nothing could ever keep are refused.
    fn read(
        &self,
        unit: &str,
        decimals: Option<u8>,
    ) -> Result<(Option<Minor>, Option<Minor>), Rejection> {
        let min = limit(self.min_available, unit, decimals, "/min_available")?;
        let max = limit(self.max_balance, unit, decimals, "/max_balance")?;
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            let reason = "max_balance is below min_available";
            return Err(Rejection::schema(
                Code::SchemaInvalid,
                "/max_balance",
                reason,
            ));
        }
        Ok((min, max))
    }
}

/// A limit in the account's unit: zero and negative are allowed. While the unit is not known only
/// the form counts.
fn limit(
    text: Option<&DecimalText>,
    unit: &str,
    decimals: Option<u8>,
    path: &str,
) -> Result<Option<Minor>, Rejection> {
    let Some(text) = text else { return Ok(None) };
    match minor::read(text.number(), decimals, signed_minor) {
        Ok(minor) => Ok(minor.map(Minor::from)),
        Err(fault) => Err(Rejection::amount(
            fault,
            path,
            unit,
            decimals.unwrap_or_default(),
        )),
    }
}
