//! What a book begins with: the settings under `[[book]]`, or what is given to a case.
//!
//! | Posting             | Debit                     | Credit                    | Amount       |
//! |---------------------|---------------------------|---------------------------|--------------|
//! | opening of accounts | account of a debit class  | `opening/<unit>`          | its opening  |
//! |                     | `opening/<unit>`          | account of a credit class | its opening  |
//!
//! [`compile`] turns members into the effects of one record that stands before the book's first
//! job. Openings are dated before every period and take no entry number. Every member is checked
//! here, once; an unknown one is a fault, so that a slip of the pen cannot be mistaken for a
//! default. Members that serve kinds of later releases are kept as records; those that would
//! promise a protection nothing gives yet are named in [`Setup::unobeyed`].
//!
//! Name, time zone and partition of a book are not read here, and personal text is only handed on:
//! the caller seals it.

mod accounts;
mod documents;

#[cfg(test)]
mod tests;

use crate::ids::AccountIndex;
use crate::ledger::Leg;
use crate::ledger::effect::{AccountChange, Effect};
use crate::ledger::records;
use crate::ledger::reference::Record;
use crate::ledger::shape::{Members, Node, ShapeFault};
use crate::raw_json::RawJson;

use super::approval::policy::check_kinds;
use accounts::Chart;

/// A member that a book cannot begin with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {what}")]
pub struct SetupFault {
    /// The member as people write its place: `accounts.bank/main.unit`, `open_items[0].open`.
    pub member: String,
    /// The same place as a JSON pointer.
    pub path: String,
    /// What is wrong and what is allowed.
    pub what: String,
}

impl From<ShapeFault> for SetupFault {
    fn from(fault: ShapeFault) -> Self {
        let mut member = String::new();
        for step in fault.path.split('/').skip(1) {
            let name = step.replace("~1", "/").replace("~0", "~");
            if name.bytes().all(|byte| byte.is_ascii_digit()) {
                member.push('[');
                member.push_str(&name);
                member.push(']');
            } else {
                let dot = if member.is_empty() { "" } else { "." };
                member.push_str(dot);
                member.push_str(&name);
            }
        }
        Self {
            member,
            path: fault.path,
            what: fault.what,
        }
    }
}

/// What a book begins with.
#[derive(Debug, Default)]
pub struct Setup {
    /// The functional unit, if the members name one.
    pub functional_unit: Option<String>,
    /// The effects, in the order in which they apply.
    pub effects: Vec<Effect>,
    /// Legs of the effects.
    pub legs: Vec<Leg>,
    /// Personal texts that the caller seals and gives back by [`Setup::seal`].
    pub personal: Vec<PersonalText>,
    /// Members that are kept, though nothing in this release obeys them.
    pub unobeyed: Vec<&'static str>,
}

/// Personal text of an account, still plain.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonalText {
    /// Whom it is about.
    pub subject: String,
    /// The account that carries it.
    pub account: AccountIndex,
    /// The text.
    pub text: String,
}

impl std::fmt::Debug for PersonalText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PersonalText({})", self.account)
    }
}

impl Setup {
    /// Put a sealed text on its account.
    pub fn seal(&mut self, account: AccountIndex, sealed: Vec<u8>) {
        let change = AccountChange {
            text: Some(sealed),
            ..AccountChange::default()
        };
        self.effects.push(Effect::AccountChanged {
            account,
            change: Box::new(change),
        });
    }

    fn record(&mut self, record: Record, name: &str, value: &RawJson) {
        self.effects.push(Effect::Reference {
            record,
            name: name.into(),
            valid_from: None,
            value: value.clone(),
        });
    }
}

/// Records of which a book has one, by the member that sets them and names them.
const SINGLE: [(&str, Record); 18] = [
    ("rounding", Record::Rounding),
    ("usage", Record::Usage),
    ("proration", Record::Proration),
    ("writeoff", Record::WriteOff),
    ("recon", Record::Reconciliation),
    ("fee_plan", Record::FeePlan),
    ("reserve", Record::Reserve),
    ("approval_policy", Record::Policy),
    ("screening", Record::Screening),
    ("pan_policy", Record::PanPolicy),
    ("retention", Record::Retention),
    ("calendar", Record::BookCalendar),
    ("last_document", Record::LastDocument),
    ("legs_max", Record::LegsMax),
    ("rate_guard", Record::RateGuard),
    ("hard_close", Record::HardClose),
    ("hold_days", Record::HoldDays),
    ("allowances", Record::Allowances),
];

/// Records of which a book has many by name, by the member that lists them.
const NAMED: [(&str, Record); 7] = [
    ("taxes", Record::Tax),
    ("rates", Record::Rate),
    ("price_list", Record::Price),
    ("calendars", Record::Calendar),
    ("fee_plans", Record::FeePlan),
    ("users", Record::User),
    ("role_accounts", Record::RoleAccount),
];

/// Members that are read by themselves.
const OWN: [&str; 9] = [
    "functional_unit",
    "units",
    "accounts",
    "series",
    "unique_document_ref",
    "open_items",
    "invoices",
    "subscriptions",
    "personal_text",
];

/// Every member that a book may begin with, in the order of the alphabet.
pub fn members() -> Vec<&'static str> {
    let (single, named) = (SINGLE.iter(), NAMED.iter());
    let mut names: Vec<_> = single.chain(named).map(|(name, _)| *name).collect();
    names.extend(OWN);
    names.sort_unstable();
    names
}

/// Members that promise something which nothing in this release gives.
const UNOBEYED: [&str; 1] = ["screening"];

/// The effects of a book's members: name and value, as they stand in the file.
pub fn compile(members: &[(String, RawJson)]) -> Result<Setup, SetupFault> {
    read(members).map_err(SetupFault::from)
}

fn read(members: &[(String, RawJson)]) -> Result<Setup, ShapeFault> {
    let mut members = Members::new(members.to_vec(), "");
    let mut parts = Setup::default();
    let functional = members.take("functional_unit");
    let units = members.take("units");
    let accounts = members.take("accounts");
    let mut chart = Chart::read(units.as_ref(), accounts.as_ref(), &mut parts)?;
    if let Some(node) = functional {
        // It can never be changed, so it must be one that jobs can use.
        chart.decimals_of(&node)?;
        parts.functional_unit = Some(node.id()?);
    }
    for (name, record) in NAMED {
        if let Some(node) = members.take(name) {
            named(record, &node, &mut parts)?;
        }
    }
    for (name, record) in SINGLE {
        if let Some(node) = members.take(name) {
            records::check_at(record, &node)?;
            if record == Record::Policy {
                check_kinds(&node)?;
            }
            parts.record(record, name, node.value());
            parts
                .unobeyed
                .extend(UNOBEYED.iter().find(|known| **known == name));
        }
    }
    if let Some(node) = members.take("series") {
        series(&node, &mut parts)?;
    }
    if members.optional("unique_document_ref", Node::bool)? == Some(true) {
        parts.record(
            Record::UniqueReference,
            "unique_document_ref",
            &RawJson::new("true"),
        );
    }
    documents::read(&mut members, &mut chart, &mut parts)?;
    if let Some(node) = members.take("personal_text") {
        let text = personal_text(&node, &chart)?;
        parts.personal.push(text);
    }
    members.end().map_err(|fault| ShapeFault {
        what: format!("{}; there are: {}", fault.what, self::members().join(", ")),
        ..fault
    })?;
    Ok(parts)
}

fn named(record: Record, node: &Node, parts: &mut Setup) -> Result<(), ShapeFault> {
    for (name, value) in node.names()? {
        records::check_at(record, &value)?;
        parts.record(record, &name, value.value());
    }
    Ok(())
}

/// Series: the table that gives numbers, and the record that `reference.set` counts versions from.
fn series(node: &Node, parts: &mut Setup) -> Result<(), ShapeFault> {
    let listed = node.names()?;
    if listed.is_empty() {
        // A list without a name is closed as well: there are the built-in series and no others.
        parts.record(Record::Series, "", &RawJson::new("{}"));
    }
    for (name, value) in listed {
        let (next, width) = records::series(&value)?;
        parts.effects.push(Effect::Series {
            name: name.as_str().into(),
            next,
            width,
        });
        parts.record(Record::Series, &name, value.value());
    }
    Ok(())
}

fn personal_text(node: &Node, chart: &Chart) -> Result<PersonalText, ShapeFault> {
    let mut members = node.object()?;
    let subject = members.need("subject")?.id()?;
    let account = members.need("account")?;
    let text = members.need("text")?.text()?;
    members.end()?;
    let (account, _) = chart.account(&account.account()?, &account)?;
    Ok(PersonalText {
        subject,
        account,
        text,
    })
}
