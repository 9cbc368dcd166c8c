//! `hold.place`: promise an amount, on both sides, until it is captured, voided or expires.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Id, JobKind};
use crate::code::Code;
use crate::jobs::legs::{Written, WrittenLeg, amount_of, check_not_ended, place_of, unit_of};
use crate::ledger::hold::HOLD_SERIES;
use crate::ledger::plan::instant_ahead;
use crate::ledger::reference::Record;
use crate::ledger::structure::check_structure;
use crate::ledger::{Book, Effect, Facts, Leg, Plan, Rejection, Side, Status, Value};
use crate::limits::{WAITING_DAYS_DEFAULT, WAITING_DAYS_MAX};
use crate::money::minor::positive_minor;
use crate::money::{DecimalText, Minor};
use crate::time::{Date, InstantText};

/// Hold an amount between two accounts, or legs that balance.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The account debited when the hold is captured.
    pub debit: Option<Id>,
    /// The account credited when the hold is captured.
    pub credit: Option<Id>,
    /// Amount in the unit of the accounts, above zero.
    pub amount: Option<DecimalText>,
    /// Two legs at least, instead of `debit`, `credit` and `amount`.
    pub legs: Option<Vec<HoldLeg>>,
    /// When it expires: by default in as many days as the book's `hold_days` say for the account
    /// debited first, else in 7; in 400 at the latest.
    pub expires_at: Option<InstantText>,
    /// Reference to a document outside.
    pub document_ref: Option<Id>,
}

/// One leg: exactly one of `dr` and `cr`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "LegShape")]
#[schemars(!try_from)]
pub struct HoldLeg {
    /// The account debited.
    pub dr: Option<Id>,
    /// The account credited.
    pub cr: Option<Id>,
    /// Amount in the unit of the account, above zero.
    pub amount: DecimalText,
    /// Unit; if given, it must be the account's.
    pub unit: Option<Id>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LegShape {
    dr: Option<Id>,
    cr: Option<Id>,
    amount: DecimalText,
    unit: Option<Id>,
}

impl TryFrom<LegShape> for HoldLeg {
    type Error = &'static str;

    fn try_from(shape: LegShape) -> Result<Self, Self::Error> {
        let LegShape {
            dr,
            cr,
            amount,
            unit,
        } = shape;
        if dr.is_some() == cr.is_some() {
            return Err("a leg has exactly one of dr and cr");
        }
        Ok(Self {
            dr,
            cr,
            amount,
            unit,
        })
    }
}

impl WrittenLeg for HoldLeg {
    fn place(&self) -> (&str, Side) {
        place_of(self.dr.as_ref(), self.cr.as_ref())
    }

    fn amount(&self) -> &DecimalText {
        &self.amount
    }

    fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    fn value_date(&self) -> Option<Date> {
        None
    }
}

impl JobKind for Place {
    const SUMMARY: &'static str = "Hold an amount until it is captured, voided or expires.";
    const EXAMPLE: &'static str = r#"{
        "debit": "wallet/8", "credit": "merchant/1", "amount": "100.00",
        "expires_at": "2026-03-08T00:00:00Z"
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::EntryTooFewLegs,
        Code::EntryTooManyLegs,
        Code::EntrySameAccount,
        Code::EntryUnbalanced,
        Code::SeriesExhausted,
    ];

    fn options(&self) -> Result<(), Rejection> {
        let missing = |path: &str| {
            let reason = "missing field";
            Err(Rejection::schema(Code::SchemaInvalid, path, reason))
        };
        let both = |path: &str| {
            let reason = "a hold has legs, or debit, credit and amount, not both";
            Err(Rejection::schema(Code::SchemaInvalid, path, reason))
        };
        match (&self.legs, &self.debit, &self.credit, &self.amount) {
            (Some(_), None, None, None) | (None, Some(_), Some(_), Some(_)) => Ok(()),
            (Some(_), Some(_), _, _) => both("/debit"),
            (Some(_), _, Some(_), _) => both("/credit"),
            (Some(_), _, _, Some(_)) => both("/amount"),
            (None, None, _, _) => missing("/debit"),
            (None, _, None, _) => missing("/credit"),
            (None, _, _, None) => missing("/amount"),
        }
    }

    fn place(&self, account: &str) -> Option<String> {
        let named = |id: &Option<Id>| id.as_deref() == Some(account);
        if named(&self.debit) {
            return Some("/debit".to_owned());
        }
        if named(&self.credit) {
            return Some("/credit".to_owned());
        }
        let mut legs = self.legs.iter().flatten().enumerate();
        let (at, leg) = legs.find(|(_, leg)| leg.place().0 == account)?;
        Some(leg.account_path("", at))
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let now = facts.recorded_at;
        let expires_at = match &self.expires_at {
            Some(text) => instant_ahead(text, "/expires_at", now, WAITING_DAYS_MAX)?,
            None => now.plus_days(self.days(book, facts.today)),
        };
        // It gets its number last: a number is never taken by what is refused.
        plan.hold("", Some(expires_at)).document_ref = self.document_ref.as_deref().map(Into::into);
        match (&self.legs, &self.debit, &self.credit, &self.amount) {
            (Some(legs), ..) => legs_of(legs, facts, book, plan)?,
            (None, Some(debit), Some(credit), Some(amount)) => {
                two_legs((debit, credit), amount, facts, book, plan)?;
            }
            (None, ..) => {}
        }
        check_structure(book, &plan.legs)?;
        let number = plan.number(book, HOLD_SERIES, "")?;
        if let Some(Effect::Hold(hold)) = plan.effects.first_mut() {
            hold.number = number.as_str().into();
        }
        plan.status = Status::Held;
        plan.show("hold", Value::text(number));
        plan.show("expires_at", Value::text(expires_at.short()));
        if let Some(available) = available_after(book, &plan.legs) {
            plan.show("available", available);
        }
        Ok(())
    }
}

impl Place {
    /// For how many days it lasts if nobody says: the longest prefix of the account counts.
    fn days(&self, book: &Book, today: Date) -> i64 {
        let of_legs = || {
            let mut legs = self.legs.iter().flatten();
            legs.find_map(|leg| leg.dr.as_ref())
        };
        let account = self.debit.as_ref().or_else(of_legs).map_or("", Id::as_str);
        let setting = book.reference().single(Record::HoldDays, today);
        let setting = setting.and_then(|value| value.read::<BTreeMap<String, i64>>().ok());
        let fitting = setting.iter().flatten();
        let fitting = fitting.filter(|(prefix, _)| account.starts_with(prefix.as_str()));
        let longest = fitting.max_by_key(|(prefix, _)| prefix.len());
        longest.map_or(WAITING_DAYS_DEFAULT, |(_, days)| *days)
    }
}

/// Steps 6 to 8 of legs that are written out.
fn legs_of(
    legs: &[HoldLeg],
    facts: &Facts<'_>,
    book: &Book,
    plan: &mut Plan,
) -> Result<(), Rejection> {
    let written = Written { legs, base: "" };
    let place = written.amounts(book, plan)?;
    written.accounts(book, plan, &place)?;
    written.units(book, plan, &place, facts.today)
}

/// Steps 6 to 8 of an amount between two accounts; it is in the unit of the one debited.
fn two_legs(
    (debit, credit): (&str, &str),
    amount: &DecimalText,
    facts: &Facts<'_>,
    book: &Book,
    plan: &mut Plan,
) -> Result<(), Rejection> {
    let account = book.accounts().find(debit);
    let amount = amount_of(amount, account, book, positive_minor)
        .map_err(|(fault, unit, decimals)| Rejection::amount(fault, "/amount", &unit, decimals))?;
    let debited = book.usable(debit, Side::Debit, "/debit")?;
    let credited = book.usable(credit, Side::Credit, "/credit")?;
    if let (Some(unit), Some(other)) = (unit_of(book, debited), unit_of(book, credited)) {
        if unit.code != other.code {
            return Err(Rejection::new(Code::CurrencyMismatch)
                .at("/credit")
                .with_text("account", credit)
                .with_text("expected", &*other.code)
                .with_text("got", &*unit.code));
        }
        check_not_ended(unit, facts.today).map_err(|refusal| refusal.at("/amount"))?;
    }
    plan.leg(Leg::debit(debited, amount));
    plan.leg(Leg::credit(credited, amount));
    Ok(())
}

/// What is available afterwards on the account debited first.
fn available_after(book: &Book, legs: &[Leg]) -> Option<Value> {
    let debited = legs.iter().find(|leg| leg.side == Side::Debit)?.account;
    let account = book.accounts().get(debited)?;
    let mut counters = account.counters();
    for leg in legs.iter().filter(|leg| leg.account == debited) {
        match leg.side {
            Side::Debit => counters.debits_held += Minor::from(leg.amount),
            Side::Credit => counters.credits_held += Minor::from(leg.amount),
        }
    }
    let available = counters.available(account.class.normal_side());
    Some(Value::amount(
        available,
        book.units().decimals(account.unit),
    ))
}
