//! `fx.convert`: an amount of one currency for an amount of another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::position::{Deal, Position, position_name};
use crate::code::Code;
use crate::ids::AccountIndex;
use crate::jobs::contract::JobKind;
use crate::jobs::currency::Currency;
use crate::jobs::exchange::{Conversion, Guard, RateData, conversion};
use crate::jobs::fields::Id;
use crate::jobs::invoice::lines::schema;
use crate::jobs::postings::{open_account, role_account};
use crate::ledger::plan::{booking_date, echo, optional_date};
use crate::ledger::{self, Book, Facts, Plan, Rejection, Value};
use crate::money::{AMOUNT_MAX, DecimalText, Minor, RateValue};
use crate::time::Date;

/// Convert an amount of one currency into another.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Convert {
    /// What is given.
    pub give: Side,
    /// What is received.
    pub receive: Side,
    /// The rate at which is converted.
    pub rate: RateData,
    /// How much of the rate is the bank's margin; only shown.
    pub spread: Option<DecimalText>,
}

/// A side of a conversion; one of the two has an amount.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// The account.
    pub account: Id,
    /// The amount in that currency, or none where it is computed.
    pub amount: Option<DecimalText>,
    /// Currency.
    pub currency: Id,
}

impl JobKind for Convert {
    const SUMMARY: &'static str = "Convert an amount of one currency into another.";
    const EXAMPLE: &'static str = r#"{
        "give": { "account": "bank/main", "currency": "EUR" },
        "receive": { "account": "bank/usd", "amount": "107.05", "currency": "USD" },
        "rate": { "base": "EUR", "quote": "USD", "rate": "1.0705" }
    }"#;
    const REFUSALS: &'static [Code] = &[Code::RatePairMismatch, Code::RateStale, Code::RateInvalid];

    fn options(&self) -> Result<(), Rejection> {
        match (&self.give.amount, &self.receive.amount) {
            (Some(_), Some(_)) => Err(schema("/receive/amount", "one amount and one only")),
            (None, None) => Err(schema("/give/amount", "missing field")),
            (Some(_), None) | (None, Some(_)) => Ok(()),
        }
    }

    fn place(&self, account: &str) -> Option<String> {
        let place = if *self.give.account == *account {
            "/give/account"
        } else if *self.receive.account == *account {
            "/receive/account"
        } else if *account == *position_name(&self.give.currency) {
            "/give/currency"
        } else if *account == *position_name(&self.receive.currency) {
            "/receive/currency"
        } else {
            "/rate"
        };
        Some(place.to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        optional_date(self.rate.as_of.as_ref(), "/rate/as_of")?;
        let booking = booking_date(None, "", facts, book)?;
        let deal = Read::of(self, book)?;
        let accounts = Accounts::of(self, book)?;
        let guard = Guard::of(book, booking, facts.today);
        guard.check_age(&self.rate, "/rate/as_of")?;
        let conversion = self.conversion(&deal, book)?;
        let kept = guard.check_deviation(book, (&self.rate, deal.rate), "/rate/rate")?;
        accounts.check_units(book, &deal, booking)?;
        let (given, received) = amounts(&deal, conversion)?;
        plan.post(booking, booking);
        plan.signed_leg(
            accounts.receive,
            ledger::Side::Debit,
            received,
            "/receive/amount",
        )?;
        if let Some(position) = accounts.receive_position {
            plan.signed_leg(position, ledger::Side::Credit, received, "/receive/amount")?;
        }
        if let Some(position) = accounts.give_position {
            plan.signed_leg(position, ledger::Side::Debit, given, "/give/amount")?;
        }
        plan.signed_leg(accounts.give, ledger::Side::Credit, given, "/give/amount")?;
        let computed = if deal.gives {
            ("receive", Value::amount(received, deal.receive.decimals()))
        } else {
            ("give", Value::amount(given, deal.give.decimals()))
        };
        plan.show(computed.0, computed.1);
        if let Some((position, bought)) = accounts.valued {
            let moved = if bought {
                (received, given)
            } else {
                (-given, -received)
            };
            value(position, moved, book, plan)?;
        }
        let receiving = book.accounts().get(accounts.receive);
        if let (Some(kept), Some(receiving)) = (kept, receiving) {
            kept.write(book, plan, receiving.unit);
        }
        if let Some(spread) = deal.spread {
            plan.show("spread", Value::text(spread.to_string()));
        }
        Ok(())
    }
}

impl Convert {
    /// Step 7, its end: the rate is one of the two currencies.
    fn conversion(&self, deal: &Read<'_>, book: &Book) -> Result<Conversion, Rejection> {
        let mode = book.reference().rounding();
        let (from, to) = if deal.gives {
            (&deal.give, &deal.receive)
        } else {
            (&deal.receive, &deal.give)
        };
        let unfit = |code| {
            let given = format!("{}/{}", self.rate.base, self.rate.quote);
            let needed = format!("{}/{}", deal.receive.code(), deal.give.code());
            Rejection::new(code)
                .at("/rate")
                .with_text("pair", echo(&given))
                .with_text("needed", echo(&needed))
        };
        if let Some(between) = self.crossed(book) {
            let reason = format!("two foreign currencies in two steps, by way of {between}");
            return Err(unfit(Code::RatePairMismatch).with_text("reason", reason));
        }
        conversion(&self.rate, deal.rate, (from, to), mode).map_err(unfit)
    }
}

impl Convert {
    /// The functional unit that stands between two foreign ones: a rate across would move both
    /// positions and neither value.
    fn crossed<'b>(&self, book: &'b Book) -> Option<&'b str> {
        let between = book.functional_unit()?;
        let foreign = |side: &Side| *side.currency != *between;
        (foreign(&self.give) && foreign(&self.receive)).then_some(between)
    }
}

/// What the job says, read and not yet looked up.
struct Read<'a> {
    give: Currency<'a>,
    receive: Currency<'a>,
    /// Whether the amount given is said; else that received is.
    gives: bool,
    amount: Minor,
    rate: RateValue,
    spread: Option<RateValue>,
}

impl<'a> Read<'a> {
    /// Step 6.
    fn of(job: &'a Convert, book: &Book) -> Result<Self, Rejection> {
        let give = Currency::of(book, &job.give.currency);
        let receive = Currency::of(book, &job.receive.currency);
        let read = |side: &Currency<'_>, text: &Option<DecimalText>, path: &str| {
            let text = text.as_ref().map(|text| side.positive(text, path));
            text.transpose()
        };
        let given = read(&give, &job.give.amount, "/give/amount")?;
        let received = read(&receive, &job.receive.amount, "/receive/amount")?;
        let rate = job.rate.read("/rate")?;
        let spread = job.spread.as_ref().map(|text| {
            let spread = text.number().ok().map(RateValue::not_negative);
            spread
                .and_then(Result::ok)
                .ok_or_else(|| Rejection::new(Code::RateInvalid).at("/spread"))
        });
        Ok(Self {
            give,
            receive,
            gives: given.is_some(),
            amount: Minor::from(given.or(received).unwrap_or_default()),
            rate,
            spread: spread.transpose()?,
        })
    }
}

/// The accounts of a conversion.
struct Accounts {
    give: AccountIndex,
    receive: AccountIndex,
    give_position: Option<AccountIndex>,
    receive_position: Option<AccountIndex>,
    /// The position that has a value, because the other side is functional; whether it is bought.
    valued: Option<(Position, bool)>,
}

impl Accounts {
    /// Step 7.
    fn of(job: &Convert, book: &Book) -> Result<Self, Rejection> {
        let give = &job.give;
        let receive = &job.receive;
        let functional = book.functional_unit();
        let is_functional = |unit: &Id| functional == Some(unit.as_str());
        let position = |unit: &Id, path: &str| {
            let account = (!is_functional(unit)).then(|| position_name(unit));
            account
                .map(|name| open_account(book, &name, path))
                .transpose()
        };
        let found = Self {
            give: book.usable(&give.account, ledger::Side::Credit, "/give/account")?,
            receive: book.usable(&receive.account, ledger::Side::Debit, "/receive/account")?,
            give_position: position(&give.currency, "/give/currency")?,
            receive_position: position(&receive.currency, "/receive/currency")?,
            valued: None,
        };
        let valued = match (
            is_functional(&give.currency),
            is_functional(&receive.currency),
        ) {
            (true, false) => {
                let path = "/receive/currency";
                Some((Position::of(book, &receive.currency, path)?, true))
            }
            (false, true) => Some((Position::of(book, &give.currency, "/give/currency")?, false)),
            (true, true) | (false, false) => None,
        };
        Ok(Self { valued, ..found })
    }

    /// Step 8.
    fn check_units(&self, book: &Book, deal: &Read<'_>, booking: Date) -> Result<(), Rejection> {
        deal.give.check(booking, "/give/currency")?;
        deal.receive.check(booking, "/receive/currency")?;
        deal.give.check_account(book, self.give, "/give/account")?;
        deal.receive
            .check_account(book, self.receive, "/receive/account")?;
        let positions = [
            (self.give_position, &deal.give, "/give/currency"),
            (self.receive_position, &deal.receive, "/receive/currency"),
        ];
        for (position, currency, path) in positions {
            if let Some(position) = position {
                currency.check_account(book, position, path)?;
            }
        }
        let Some((position, bought)) = self.valued else {
            return Ok(());
        };
        let functional = if bought { &deal.give } else { &deal.receive };
        functional.check_account(book, position.counter, "/rate")
    }
}

/// What is given and what is received.
fn amounts(deal: &Read<'_>, conversion: Conversion) -> Result<(Minor, Minor), Rejection> {
    let path = if deal.gives { "/receive" } else { "/give" };
    let refusal = |code| Rejection::new(code).at(path).with_text("path", path);
    let other = conversion
        .convert(deal.amount)
        .filter(|other| *other <= AMOUNT_MAX)
        .ok_or_else(|| refusal(Code::AmountOverflow))?;
    if other == 0 {
        return Err(refusal(Code::AmountZero));
    }
    Ok(if deal.gives {
        (deal.amount, other)
    } else {
        (other, deal.amount)
    })
}

/// The legs in the functional unit that value a position anew, and what is realised.
fn value(
    position: Position,
    moved: (Minor, Minor),
    book: &Book,
    plan: &mut Plan,
) -> Result<(), Rejection> {
    const PATH: &str = "/rate";
    let mode = book.reference().rounding();
    let held = (position.amount, position.value);
    let deal = Deal::of(held, moved, mode).ok_or_else(|| {
        Rejection::new(Code::AmountOverflow)
            .at(PATH)
            .with_text("path", PATH)
    })?;
    plan.signed_leg(position.counter, ledger::Side::Debit, deal.counter, PATH)?;
    let functional = Currency::of(book, book.functional_unit().unwrap_or_default());
    if deal.realised != 0 {
        let account = role_account(book, "fx/realised", PATH)?;
        functional.check_account(book, account, PATH)?;
        plan.signed_leg(account, ledger::Side::Credit, deal.realised, PATH)?;
    }
    plan.show(
        "realised",
        Value::amount(deal.realised, functional.decimals()),
    );
    Ok(())
}
