//! `settlement.instruct`: what is to be delivered and paid, by whom, from which day on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SettlementType, cash_account, facts, securities_account};
use crate::code::Code;
use crate::ids::Hash128;
use crate::jobs::contract::JobKind;
use crate::jobs::fields::Id;
use crate::ledger::effect::DocumentChange;
use crate::ledger::plan::{date, echo};
use crate::ledger::value::Members;
use crate::ledger::{Book, DocumentKind, DocumentState, Facts, Plan, Rejection, Value};
use crate::money::minor::{self, positive_minor};
use crate::money::{DecimalText, Minor, NumberFault, Quantity};
use crate::time::{Calendar, Convention, Date, DateText};

/// Series of the instructions.
const SERIES: &str = "SI";

/// Stands for a calendar on which every day is a business day.
const EVERY_DAY: &str = "none";

/// Instruct a settlement: securities, cash, or securities against cash.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Instruct {
    /// The trade it settles; a trade has one instruction.
    pub trade: Option<Id>,
    /// What is exchanged for what.
    pub r#type: SettlementType,
    /// Who delivers the securities and gets the cash.
    pub deliverer: Id,
    /// Who receives the securities and pays the cash.
    pub receiver: Id,
    /// Unit of the securities.
    pub security: Option<Id>,
    /// How many of them.
    pub quantity: Option<DecimalText>,
    /// What is paid.
    pub cash: Option<CashData>,
    /// First day on which it may settle.
    pub settlement_date: DateText,
    /// Calendar of business days; the book's by default, `none` for every day, `A+B` for both at
    /// once.
    pub calendar: Option<Id>,
    /// What happens to a date that is not a business day. It is refused by default.
    pub convention: Option<Convention>,
    /// Whether it may settle in parts. Not by default.
    pub partial: Option<Partial>,
    /// Rank in a settlement run, 1 first. 4 by default.
    pub priority: Option<Priority>,
    /// Whether attempts are refused until it is released.
    pub on_hold: Option<bool>,
}

/// Cash of an instruction.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CashData {
    /// Amount in the currency, above zero.
    pub amount: DecimalText,
    /// Currency.
    pub currency: Id,
}

/// Whether an instruction may settle in parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Partial {
    /// What is there settles, the rest waits.
    Allowed,
    /// All or nothing.
    #[default]
    NotAllowed,
}

impl Partial {
    /// As it is written outside.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::NotAllowed => "not_allowed",
        }
    }
}

/// Rank in a settlement run: 1 to 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u8")]
#[schemars(!try_from)]
pub struct Priority(#[schemars(range(min = 1, max = 4))] u8);

impl Priority {
    /// The lowest rank, which instructions have by default.
    const LOWEST: Self = Self(4);
}

impl TryFrom<u8> for Priority {
    type Error = &'static str;

    fn try_from(rank: u8) -> Result<Self, Self::Error> {
        if (1..=4).contains(&rank) {
            Ok(Self(rank))
        } else {
            Err("a priority is 1, 2, 3 or 4")
        }
    }
}

impl JobKind for Instruct {
    const SUMMARY: &'static str = "Instruct a settlement of securities, cash, or both.";
    const EXAMPLE: &'static str = r#"{
        "trade": "T-1", "type": "DVP", "deliverer": "S", "receiver": "B",
        "security": "SHR", "quantity": "1000",
        "cash": { "amount": "25000.00", "currency": "EUR" },
        "settlement_date": "2026-05-04", "calendar": "TARGET", "partial": "allowed"
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::EntrySameAccount,
        Code::SeriesExhausted,
        Code::TradeDuplicate,
    ];

    fn options(&self) -> Result<(), Rejection> {
        if self.r#type == SettlementType::Pvp {
            let reason = "payment versus payment is not built yet";
            return Err(Rejection::schema(Code::UnsupportedOption, "/type", reason));
        }
        let securities = self.r#type.has_securities();
        given(self.security.is_some(), securities, "/security")?;
        given(self.quantity.is_some(), securities, "/quantity")?;
        given(self.cash.is_some(), self.r#type.has_cash(), "/cash")
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let settlement_date = self.date(book)?;
        let quantity = self.quantity(book)?;
        let cash = self.cash(book)?;
        let trade = self.natural_key(facts, book)?;
        self.units(book)?;
        self.parties()?;
        let number = plan.number(book, SERIES, "")?;
        // The unit of the document is that of what is open on it: the securities, else the cash.
        let (lead, open) = match (&self.security, quantity, &self.cash, cash) {
            (Some(security), Some(quantity), ..) => ((security, "/security"), quantity),
            (.., Some(given), Some(amount)) => ((&given.currency, "/cash/currency"), amount),
            // `options` has refused both shapes that would come here.
            (..) => return given(false, true, "/cash"),
        };
        let (unit, _) = plan.unit(book, lead.0, lead.1)?;
        let (minor, _) = open;
        plan.document(DocumentChange {
            number: number.as_str().into(),
            kind: DocumentKind::Instruction,
            state: DocumentState::Pending,
            version: 1,
            unit,
            party: self.deliverer.as_str().into(),
            due: Some(settlement_date),
            open: minor,
            set: self.members(settlement_date, quantity, cash),
        });
        if let Some(trade) = trade {
            plan.natural_key(trade);
        }
        plan.show("instruction", Value::text(number));
        plan.show("settlement_date", Value::Date(settlement_date));
        plan.show("state", Value::text(DocumentState::Pending.text()));
        Ok(())
    }
}

/// Minor units, and the decimals of their unit.
type Measured = (Minor, u8);

impl Instruct {
    /// The settlement date as a business day.
    fn date(&self, book: &Book) -> Result<Date, Rejection> {
        const PATH: &str = "/settlement_date";
        self.check_calendar(book)?;
        let asked = date(&self.settlement_date, PATH)?;
        let reference = book.reference();
        let calendar = match self.calendar.as_deref() {
            None => reference.book_calendar(asked),
            Some(EVERY_DAY) => Calendar::EveryDay,
            Some(name) => reference
                .calendar(name, asked)
                .unwrap_or(Calendar::EveryDay),
        };
        let rolled = calendar
            .roll(asked, self.convention.unwrap_or_default())
            .ok_or_else(|| {
                let refusal = Rejection::new(Code::NotABusinessDay)
                    .at(PATH)
                    .with("value", Value::Date(asked));
                match &self.calendar {
                    Some(name) => refusal.with_text("calendar", echo(name)),
                    None => refusal,
                }
            })?;
        if rolled.in_range() {
            return Ok(rolled);
        }
        Err(Rejection::new(Code::DateOutOfRange)
            .at(PATH)
            .with("value", Value::Date(rolled)))
    }

    /// A calendar that nobody has is a mistake in the shape of the job: no date could be judged by
    /// it.
    fn check_calendar(&self, book: &Book) -> Result<(), Rejection> {
        let Some(name) = self.calendar.as_deref() else {
            return Ok(());
        };
        let any_day = Date::from_days(0);
        if name == EVERY_DAY || book.reference().calendar(name, any_day).is_some() {
            return Ok(());
        }
        let reason = "the book has no such calendar";
        Err(Rejection::schema(Code::SchemaInvalid, "/calendar", reason))
    }

    /// How many securities, in their unit.
    fn quantity(&self, book: &Book) -> Result<Option<Measured>, Rejection> {
        const PATH: &str = "/quantity";
        let (Some(text), Some(security)) = (&self.quantity, &self.security) else {
            return Ok(None);
        };
        let invalid = |reason: &'static str| {
            Rejection::new(Code::QuantityInvalid)
                .at(PATH)
                .with_text("reason", reason)
        };
        let number = text.number().map_err(|fault| match fault {
            NumberFault::Form(reason) => invalid(reason),
            NumberFault::Digits(_) => invalid("more than 38 digits"),
        })?;
        if number.negative || number.mantissa == 0 {
            return Err(invalid("not above zero"));
        }
        Quantity::positive(number)
            .map_err(|_bound| invalid("more than 9 decimals or 18 digits"))?;
        measured(text, book, security, PATH).map(Some)
    }

    /// How much cash, in its currency.
    fn cash(&self, book: &Book) -> Result<Option<Measured>, Rejection> {
        let Some(cash) = &self.cash else {
            return Ok(None);
        };
        measured(&cash.amount, book, &cash.currency, "/cash/amount").map(Some)
    }

    fn natural_key(&self, facts: &Facts<'_>, book: &Book) -> Result<Option<Hash128>, Rejection> {
        let Some(trade) = &self.trade else {
            return Ok(None);
        };
        let key = facts.natural.hash(book.name(), "trade", &[trade]);
        if book.natural_key_taken(key) {
            return Err(Rejection::new(Code::TradeDuplicate)
                .at("/trade")
                .with_text("trade", echo(trade)));
        }
        Ok(Some(key))
    }

    fn units(&self, book: &Book) -> Result<(), Rejection> {
        let security = self.security.as_ref().map(|unit| (unit, "/security"));
        let currency = self.cash.as_ref().map(|cash| &cash.currency);
        let currency = currency.map(|unit| (unit, "/cash/currency"));
        for (unit, path) in [security, currency].into_iter().flatten() {
            if book.units().find(unit).is_none() {
                return Err(Rejection::new(Code::CurrencyUnknown)
                    .at(path)
                    .with_text("unit", echo(unit)));
            }
        }
        Ok(())
    }

    /// A party that settles with itself would stand on both sides of the entry.
    fn parties(&self) -> Result<(), Rejection> {
        if *self.deliverer != *self.receiver {
            return Ok(());
        }
        let account = if self.r#type.has_securities() {
            securities_account(&self.deliverer)
        } else {
            cash_account(&self.deliverer)
        };
        Err(Rejection::new(Code::EntrySameAccount)
            .at("/receiver")
            .with_text("account", echo(&account)))
    }

    fn members(&self, date: Date, quantity: Option<Measured>, cash: Option<Measured>) -> Members {
        let text = |id: &Id| Value::text(id.to_string());
        let mut members = Members::new();
        let mut set = |name: &'static str, value: Value| members.push((name.into(), value));
        if let Some(trade) = &self.trade {
            set("trade", text(trade));
        }
        set("type", Value::text(self.r#type.text()));
        set(facts::DELIVERER, text(&self.deliverer));
        set(facts::RECEIVER, text(&self.receiver));
        if let (Some(security), Some((minor, decimals))) = (&self.security, quantity) {
            set(facts::SECURITY, text(security));
            set(facts::QUANTITY, Value::amount(minor, decimals));
            set(facts::SETTLED_QUANTITY, Value::amount(0, decimals));
        }
        if let (Some(given), Some((minor, decimals))) = (&self.cash, cash) {
            set(facts::CURRENCY, text(&given.currency));
            set(facts::CASH, Value::amount(minor, decimals));
            set(facts::SETTLED_CASH, Value::amount(0, decimals));
        }
        set(facts::SETTLEMENT_DATE, Value::Date(date));
        let partial = self.partial.unwrap_or_default();
        set(facts::PARTIAL, Value::text(partial.text()));
        let Priority(rank) = self.priority.unwrap_or(Priority::LOWEST);
        set("priority", Value::Int(i64::from(rank)));
        set(facts::ON_HOLD, Value::Bool(self.on_hold == Some(true)));
        set(facts::ATTEMPTS, Value::Int(0));
        members
    }
}

/// Refuse a member that the type does not have, or the lack of one that it needs.
fn given(is: bool, should: bool, path: &str) -> Result<(), Rejection> {
    let reason = match (is, should) {
        (true, true) | (false, false) => return Ok(()),
        (false, true) => "missing field",
        (true, false) => "the type of settlement has no such member",
    };
    Err(Rejection::schema(Code::SchemaInvalid, path, reason))
}

/// A positive amount in a unit; of a unit that nobody knows, only the form counts until its own
/// turn.
fn measured(
    text: &DecimalText,
    book: &Book,
    code: &str,
    path: &str,
) -> Result<Measured, Rejection> {
    let decimals = book.units().find(code).map(|unit| unit.decimals);
    let places = decimals.unwrap_or_default();
    match minor::read(text.number(), decimals, positive_minor) {
        Ok(minor) => Ok((Minor::from(minor.unwrap_or(1)), places)),
        Err(fault) => Err(Rejection::amount(fault, path, code, places)),
    }
}
