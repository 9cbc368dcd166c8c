//! `entry.allocate`: an amount divided over accounts by weights, without losing a unit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::ids::AccountIndex;
use crate::jobs::contract::JobKind;
use crate::jobs::currency::{Currency, not_negative_quantity};
use crate::jobs::fields::Id;
use crate::jobs::legs::unit_of;
use crate::ledger::plan::booking_date;
use crate::ledger::structure::check_structure;
use crate::ledger::{Book, Facts, Plan, Rejection, Side, Value};
use crate::money::share::shares;
use crate::money::{DecimalText, Minor, Quantity};

/// Divide an amount over accounts by weights.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allocate {
    /// The account that gives the amount.
    pub from: Id,
    /// Amount in the unit of that account, above zero.
    pub amount: DecimalText,
    /// Side on which `from` stands; debit by default.
    pub side: Option<AllocateSide>,
    /// The accounts that get it.
    pub targets: Vec<Target>,
}

/// Side of an allocated amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AllocateSide {
    /// `from` is debited, the targets are credited.
    #[default]
    Debit,
    /// `from` is credited, the targets are debited.
    Credit,
}

/// An account with its weight.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The account.
    pub account: Id,
    /// Its weight; not negative, and not zero for all.
    pub weight: DecimalText,
}

/// Where the weights stand.
const TARGETS: &str = "/targets";

impl JobKind for Allocate {
    const SUMMARY: &'static str = "Divide an amount over accounts by weights.";
    const EXAMPLE: &'static str = r#"{
        "from": "exp/office",
        "side": "credit",
        "amount": "100.00",
        "targets": [
            { "account": "exp/sales", "weight": "2" },
            { "account": "exp/service", "weight": "1" }
        ]
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::QuantityInvalid,
        Code::EntryTooFewLegs,
        Code::EntryTooManyLegs,
        Code::EntrySameAccount,
    ];

    fn subject(&self) -> Option<&str> {
        Some(&self.from)
    }

    fn place(&self, account: &str) -> Option<String> {
        if *self.from == *account {
            return Some("/from".to_owned());
        }
        let mut targets = self.targets.iter();
        let at = targets.position(|target| *target.account == *account)?;
        Some(account_path(at))
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let booking = booking_date(None, "", facts, book)?;
        let known = book.accounts().find(&self.from);
        let unit = known.and_then(|account| unit_of(book, account));
        let currency = Currency::of(book, unit.map_or("", |unit| &*unit.code));
        let amount = currency.positive(&self.amount, "/amount")?;
        let weights = self.weights()?;
        let parts = parts(amount, &weights)?;
        let (from_side, side) = match self.side.unwrap_or_default() {
            AllocateSide::Debit => (Side::Debit, Side::Credit),
            AllocateSide::Credit => (Side::Credit, Side::Debit),
        };
        let from = book.usable(&self.from, from_side, "/from")?;
        let targets = self.accounts(book, side)?;
        currency.check(booking, "/from")?;
        for (at, target) in targets.iter().enumerate() {
            currency.check_account(book, *target, &account_path(at))?;
        }
        plan.post(booking, booking);
        plan.signed_leg(from, from_side, Minor::from(amount), "/amount")?;
        for (target, part) in targets.iter().zip(&parts) {
            plan.signed_leg(*target, side, *part, "/amount")?;
        }
        check_structure(book, &plan.legs).map_err(|refusal| match refusal.path() {
            Some(_) => refusal.at(TARGETS),
            None => refusal,
        })?;
        let shown = parts
            .iter()
            .map(|part| Value::amount(*part, currency.decimals()));
        plan.show("allocation", Value::List(shown.collect()));
        Ok(())
    }
}

impl Allocate {
    /// Step 6: no weight is negative, and one is above zero. A list without targets is left to step
    /// 9.
    fn weights(&self) -> Result<Vec<Quantity>, Rejection> {
        let read = |(at, target): (usize, &Target)| {
            not_negative_quantity(&target.weight, &format!("/targets/{at}/weight"))
        };
        let weights = self.targets.iter().enumerate().map(read);
        let weights: Vec<Quantity> = weights.collect::<Result<_, _>>()?;
        if !weights.is_empty() && weights.iter().all(|weight| weight.is_zero()) {
            return Err(Rejection::new(Code::QuantityInvalid)
                .at("/targets/0/weight")
                .with_text("path", "/targets/0/weight")
                .with_text("reason", "every weight is zero"));
        }
        Ok(weights)
    }

    /// Step 7.
    fn accounts(&self, book: &Book, side: Side) -> Result<Vec<AccountIndex>, Rejection> {
        let find =
            |(at, target): (usize, &Target)| book.usable(&target.account, side, &account_path(at));
        self.targets.iter().enumerate().map(find).collect()
    }
}

fn parts(amount: i64, weights: &[Quantity]) -> Result<Vec<Minor>, Rejection> {
    if weights.is_empty() {
        return Ok(Vec::new());
    }
    shares(Minor::from(amount), weights).ok_or_else(|| {
        Rejection::new(Code::AmountOverflow)
            .at("/amount")
            .with_text("path", "/amount")
    })
}

fn account_path(at: usize) -> String {
    format!("/targets/{at}/account")
}
