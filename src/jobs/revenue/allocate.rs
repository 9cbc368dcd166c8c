//! `revenue.allocate`: the price of a contract over what it obliges to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{facts as names, overflow, text};
use crate::code::Code;
use crate::ids::AccountIndex;
use crate::jobs::claim::{self, Claim};
use crate::jobs::contract::JobKind;
use crate::jobs::currency::Currency;
use crate::jobs::fields::Id;
use crate::jobs::invoice::lines::schema;
use crate::jobs::postings::{contract_asset, open_account};
use crate::ledger::effect::DocumentChange;
use crate::ledger::plan::{booking_date, echo};
use crate::ledger::structure::check_structure;
use crate::ledger::value::{Name, member};
use crate::ledger::{
    Book, Document, DocumentKind, DocumentState, Facts, Members, Plan, Rejection, Side, Value,
};
use crate::money::share::largest_remainder;
use crate::money::{DecimalText, Minor};
use crate::time::Date;

/// Spread the price of a contract over its obligations by what each would cost alone.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allocate {
    /// The contract; its name among the contracts of the book.
    pub contract: Id,
    /// Customer who owes the price.
    pub customer: Id,
    /// Price of the contract, in the currency.
    pub price: DecimalText,
    /// Its currency.
    pub currency: Id,
    /// What the contract obliges to.
    pub obligations: Vec<ObligationData>,
}

/// An obligation of a contract.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObligationData {
    /// Its name in the contract and in the accounts `deferred/<id>` and `rev/<id>`.
    pub id: Id,
    /// What it would cost alone, in the currency.
    pub ssp: DecimalText,
    /// When it is earned.
    pub pattern: Pattern,
    /// Over how many months, if it is earned by months.
    pub months: Option<u16>,
}

/// When an obligation is earned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// At a point in time.
    Point,
    /// By months, every month the same.
    StraightLine,
}

impl Pattern {
    /// As it is written outside.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::StraightLine => "straight_line",
        }
    }
}

/// Where the obligations stand.
const PATH: &str = "/obligations";

impl JobKind for Allocate {
    const SUMMARY: &'static str = "Spread the price of a contract over its obligations.";
    const EXAMPLE: &'static str = r#"{
        "contract": "K-1",
        "customer": "cust-1",
        "price": "900.00",
        "currency": "EUR",
        "obligations": [
            { "id": "machine", "ssp": "800.00", "pattern": "point" },
            { "id": "care", "ssp": "200.00", "pattern": "straight_line", "months": 24 }
        ]
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::DuplicateReference,
        Code::DocumentNoLines,
        Code::EntryTooManyLegs,
        Code::SeriesExhausted,
    ];

    fn options(&self) -> Result<(), Rejection> {
        for (at, one) in self.obligations.iter().enumerate() {
            let by_months = one.pattern == Pattern::StraightLine;
            if by_months && one.months.is_none_or(|months| months == 0) {
                let path = format!("{PATH}/{at}/months");
                return Err(schema(&path, "a month at least"));
            }
            if self
                .obligations
                .iter()
                .take(at)
                .any(|other| *other.id == *one.id)
            {
                let path = format!("{PATH}/{at}/id");
                return Err(schema(&path, "an obligation has a name of its own"));
            }
        }
        Ok(())
    }

    fn subject(&self) -> Option<&str> {
        Some(&self.customer)
    }

    fn place(&self, account: &str) -> Option<String> {
        let is = |one: &ObligationData| *account == *deferred(&one.id);
        let at = self.obligations.iter().position(is);
        Some(at.map_or("/customer".to_owned(), |at| format!("{PATH}/{at}/id")))
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let booking = booking_date(None, "", facts, book)?;
        let currency = Currency::of(book, &self.currency);
        let price = Minor::from(currency.positive(&self.price, "/price")?);
        let parts = self.parts(&currency, price)?;
        let known = book
            .documents()
            .of_kind(DocumentKind::Contract, &self.contract);
        if known.is_some() {
            return Err(Rejection::new(Code::DuplicateReference)
                .at("/contract")
                .with_text("contract", echo(&self.contract)));
        }
        let asset = contract_asset(book);
        let receivable = format!("ar/{}", self.customer);
        let claim = asset.unwrap_or(&receivable);
        let claim = open_account(book, claim, "/customer")?;
        book.check_usable(claim, Side::Debit)
            .map_err(|refusal| refusal.at("/customer"))?;
        if asset.is_none() {
            Plan::check_series(book, claim::SERIES, "/contract")?;
        }
        let accounts = self.accounts(book)?;
        currency.check(booking, "/currency")?;
        currency.check_account(book, claim, "/customer")?;
        for (at, account) in accounts.iter().enumerate() {
            currency.check_account(book, *account, &format!("{PATH}/{at}/id"))?;
        }
        if accounts.is_empty() {
            return Err(Rejection::new(Code::DocumentNoLines).at(PATH));
        }
        plan.post(booking, booking).owned = true;
        plan.signed_leg(claim, Side::Debit, price, "/price")?;
        for (account, part) in accounts.iter().zip(&parts) {
            plan.signed_leg(*account, Side::Credit, *part, "/price")?;
        }
        check_structure(book, &plan.legs).map_err(|refusal| refusal.at(PATH))?;
        self.write(book, plan, (price, booking), &parts)
    }
}

impl Allocate {
    /// Step 6: the part of each obligation. A list without any is left to step 9.
    fn parts(&self, currency: &Currency<'_>, price: Minor) -> Result<Vec<Minor>, Rejection> {
        let ssp = |(at, one): (usize, &ObligationData)| {
            currency.positive(&one.ssp, &format!("{PATH}/{at}/ssp"))
        };
        let ssp = self.obligations.iter().enumerate().map(ssp);
        let weights: Vec<Minor> = ssp
            .map(|amount| amount.map(Minor::from))
            .collect::<Result<_, _>>()?;
        if weights.is_empty() {
            return Ok(weights);
        }
        largest_remainder(price, &weights).ok_or_else(|| overflow("/price"))
    }

    /// Step 7.
    fn accounts(&self, book: &Book) -> Result<Vec<AccountIndex>, Rejection> {
        let find = |(at, one): (usize, &ObligationData)| {
            book.usable(&deferred(&one.id), Side::Credit, &format!("{PATH}/{at}/id"))
        };
        self.obligations.iter().enumerate().map(find).collect()
    }

    /// The contract, and what the outcome shows.
    fn write(
        &self,
        book: &Book,
        plan: &mut Plan,
        (price, day): (Minor, Date),
        parts: &[Minor],
    ) -> Result<(), Rejection> {
        let (unit, decimals) = plan.unit(book, &self.currency, "/currency")?;
        let claim = Claim {
            customer: &self.customer,
            unit,
            currency: &self.currency,
            decimals,
            amount: price,
            day,
        };
        // What is not billed yet is no open item: the invoice will be one.
        let document = if contract_asset(book).is_none() {
            let contract = Value::text(self.contract.to_string());
            let further = vec![("contract".into(), contract)];
            Some(claim.open(book, plan, further, "/contract")?)
        } else {
            None
        };
        let all = self.obligations.iter().zip(parts);
        let all: Vec<Obligation> = all
            .map(|(one, part)| Obligation {
                id: one.id.as_str().into(),
                pattern: one.pattern.text().into(),
                months: match one.pattern {
                    Pattern::Point => None,
                    Pattern::StraightLine => one.months.map(i128::from),
                },
                amount: *part,
                recognised: 0,
            })
            .collect();
        let shown = all.iter().map(|one| one.shown(decimals));
        let mut set: Members = vec![
            ("customer".into(), Value::text(self.customer.to_string())),
            (
                names::CURRENCY.into(),
                Value::text(self.currency.to_string()),
            ),
            ("price".into(), Value::amount(price, decimals)),
        ];
        set.extend(document.map(|document| (names::DOCUMENT.into(), Value::text(document))));
        set.push((names::OBLIGATIONS.into(), Value::List(shown.collect())));
        plan.document(DocumentChange {
            number: self.contract.as_str().into(),
            kind: DocumentKind::Contract,
            state: DocumentState::Active,
            version: 1,
            unit,
            party: self.customer.as_str().into(),
            due: None,
            open: price,
            set,
        });
        let allocation = parts.iter().map(|part| Value::amount(*part, decimals));
        plan.show("contract", Value::text(self.contract.to_string()));
        plan.show("allocation", Value::List(allocation.collect()));
        Ok(())
    }
}

fn deferred(id: &str) -> String {
    format!("deferred/{id}")
}

/// An obligation as its contract keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Obligation {
    pub(super) id: Box<str>,
    pattern: Box<str>,
    /// None if it is earned at a point in time.
    pub(super) months: Option<i128>,
    pub(super) amount: Minor,
    pub(super) recognised: Minor,
}

impl Obligation {
    fn of(value: &Value) -> Option<Self> {
        let Value::Object(members) = value else {
            return None;
        };
        let minor = |name: &str| member(members, name).and_then(Value::minor);
        Some(Self {
            id: text(members, "id")?.into(),
            pattern: text(members, "pattern")?.into(),
            months: match member(members, "months") {
                Some(Value::Int(months)) => Some(i128::from(*months)),
                Some(_) | None => None,
            },
            amount: minor("amount")?,
            recognised: minor(names::RECOGNISED)?,
        })
    }

    fn shown(&self, decimals: u8) -> Value {
        let mut shown: Members = vec![
            ("id".into(), Value::text(self.id.to_string())),
            ("pattern".into(), Value::text(self.pattern.to_string())),
        ];
        if let Some(months) = self.months {
            shown.push(("months".into(), Value::count(months)));
        }
        shown.push(("amount".into(), Value::amount(self.amount, decimals)));
        let recognised = Value::amount(self.recognised, decimals);
        shown.push((names::RECOGNISED.into(), recognised));
        Value::Object(shown)
    }
}

/// The obligations of a contract.
pub(super) fn obligations(contract: &Document) -> Vec<Obligation> {
    match contract.member(names::OBLIGATIONS) {
        Some(Value::List(list)) => list.iter().filter_map(Obligation::of).collect(),
        Some(_) | None => Vec::new(),
    }
}

/// The obligations with what is recognised of one of them, as the member to set.
pub(super) fn with_recognised(
    all: &[Obligation],
    id: &str,
    recognised: Minor,
    decimals: u8,
) -> (Name, Value) {
    let shown = all.iter().map(|one| {
        let mut one = one.clone();
        if *one.id == *id {
            one.recognised = recognised;
        }
        one.shown(decimals)
    });
    (names::OBLIGATIONS.into(), Value::List(shown.collect()))
}
