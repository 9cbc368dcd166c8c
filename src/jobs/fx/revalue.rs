//! `fx.revalue`: positions at the rate of a day (IAS 21.23, 21.28).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::position::{Position, position_name, revaluation};
use crate::code::Code;
use crate::jobs::accrual;
use crate::jobs::contract::JobKind;
use crate::jobs::currency::Currency;
use crate::jobs::exchange::{Guard, Kept, RateData, conversion};
use crate::jobs::fields::Id;
use crate::jobs::invoice::lines::schema;
use crate::jobs::postings::role_account;
use crate::ledger::plan::{booking_date, date, echo, optional_date};
use crate::ledger::{Book, Facts, Members, Plan, Rejection, Side, Status, Value};
use crate::money::{Minor, RateValue};
use crate::time::{Date, DateText};

/// Stands for every unit that has a position.
const ALL: &str = "all";

/// Revalue a position, or all of them, at the rate of a day.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revalue {
    /// The day of the rates and booking date.
    pub as_of: DateText,
    /// The unit, or `all`, which is the default.
    pub unit: Option<Id>,
    /// Its rate against the functional unit.
    pub rate: Option<RateData>,
    /// Rates of several units.
    pub rates: Option<Vec<RateData>>,
    /// Booking date of the reversal of the difference, after `as_of`. Without one it stands.
    pub auto_reverse: Option<DateText>,
}

impl JobKind for Revalue {
    const SUMMARY: &'static str = "Revalue positions in foreign currencies at the rate of a day.";
    const EXAMPLE: &'static str = r#"{
        "as_of": "2026-03-31",
        "unit": "USD",
        "rate": { "base": "EUR", "quote": "USD", "rate": "1.0389" }
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::RateNotFound,
        Code::RateStale,
        Code::RatePairMismatch,
        Code::RateInvalid,
    ];

    fn options(&self) -> Result<(), Rejection> {
        match (&self.rate, &self.rates) {
            (Some(_), Some(_)) => Err(schema("/rates", "either one rate or a list")),
            (None, None) => Err(schema("/rate", "missing field")),
            (Some(_), None) | (None, Some(_)) => Ok(()),
        }
    }

    fn place(&self, _account: &str) -> Option<String> {
        Some(self.unit_path().to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let as_of = date(&self.as_of, "/as_of")?;
        for (path, rate) in self.given() {
            optional_date(rate.as_of.as_ref(), &format!("{path}/as_of"))?;
        }
        let reverse = optional_date(self.auto_reverse.as_ref(), accrual::DAY)?;
        let booking = booking_date(Some(as_of), "/as_of", facts, book)?;
        if let Some(day) = reverse {
            accrual::check_day(booking, day, facts, book)?;
        }
        let rates = self.given().into_iter();
        let rates = rates.map(|(path, rate)| Ok((rate, rate.read(&path)?, path)));
        let rates: Vec<Given<'_>> = rates.collect::<Result<_, Rejection>>()?;
        let functional = self.functional(book)?;
        let guard = Guard::of(book, booking, facts.today);
        for (rate, _, path) in &rates {
            guard.check_age(rate, &format!("{path}/as_of"))?;
        }
        if let Some(unit) = self.unit.as_ref().filter(|unit| ***unit != *ALL) {
            Currency::of(book, unit).check(booking, "/unit")?;
            let unit = Unit::of(self, unit, &functional, (&rates, guard), book)?;
            let difference = unit.write(&functional, booking, facts, book, plan)?;
            finish(book, plan, reverse);
            plan.show("position", unit.shown_position());
            plan.show(
                "difference",
                Value::amount(difference, functional.decimals()),
            );
            return Ok(());
        }
        let mut shown = Members::new();
        let mut sum = 0;
        for code in held(book) {
            let unit = Unit::of(self, code, &functional, (&rates, guard), book)?;
            let difference = unit.write(&functional, booking, facts, book, plan)?;
            sum += difference;
            let figures = vec![
                ("position".into(), unit.shown_position()),
                (
                    "difference".into(),
                    Value::amount(difference, functional.decimals()),
                ),
            ];
            shown.push((code.to_owned().into(), Value::Object(figures)));
        }
        finish(book, plan, reverse);
        plan.show("units", Value::Object(shown));
        plan.show("difference", Value::amount(sum, functional.decimals()));
        Ok(())
    }
}

/// A rate as it is given, read, and its place.
type Given<'r> = (&'r RateData, RateValue, String);

impl Revalue {
    fn unit_path(&self) -> &'static str {
        if self.unit.is_some() {
            "/unit"
        } else {
            "/as_of"
        }
    }

    fn given(&self) -> Vec<(String, &RateData)> {
        let one = self.rate.iter().map(|rate| ("/rate".to_owned(), rate));
        let list = self.rates.iter().flatten().enumerate();
        one.chain(list.map(|(at, rate)| (format!("/rates/{at}"), rate)))
            .collect()
    }

    /// The unit in which everything has its value.
    fn functional<'b>(&self, book: &'b Book) -> Result<Currency<'b>, Rejection> {
        let unit = book.functional_unit().ok_or_else(|| {
            Rejection::new(Code::RateNotFound)
                .at(self.unit_path())
                .with_text("reason", "the book has no functional unit")
        })?;
        Ok(Currency::of(book, unit))
    }
}

/// The units that have a position or a value, in the order of their first use.
fn held(book: &Book) -> Vec<&str> {
    let stands = |name: String| {
        let known = book.accounts().by_name(&name);
        known.is_some_and(|known| known.counters().balance(Side::Debit) != 0)
    };
    let units = book.units().iter().map(|unit| &*unit.code);
    units
        .filter(|unit| stands(position_name(unit)) || stands(format!("fxeq/{unit}")))
        .collect()
}

/// A unit on its way to a new value.
struct Unit<'u> {
    code: &'u str,
    decimals: u8,
    position: Position,
    target: Minor,
    /// What the book keeps of the rate.
    kept: Option<Kept>,
    path: String,
}

impl<'u> Unit<'u> {
    /// Steps 7 and 8.
    fn of(
        job: &Revalue,
        code: &'u str,
        functional: &Currency<'_>,
        (rates, guard): (&[Given<'_>], Guard),
        book: &Book,
    ) -> Result<Self, Rejection> {
        let currency = Currency::of(book, code);
        let position = Position::of(book, code, job.unit_path())?;
        let mode = book.reference().rounding();
        let needed = echo(&format!("{}/{code}", functional.code()));
        let mut fitting = None;
        for (data, rate, path) in rates {
            match conversion(data, *rate, (&currency, functional), mode) {
                Ok(conversion) => fitting = Some((conversion, (*data, *rate), path.as_str())),
                Err(Code::RatePairMismatch) => {}
                Err(code) => return Err(Rejection::new(code).at(path.clone())),
            }
        }
        let mut kept = None;
        let target = match (fitting, rates) {
            (Some((conversion, rate, path)), _) => {
                kept = guard.check_deviation(book, rate, &format!("{path}/rate"))?;
                conversion.convert(position.amount).ok_or_else(|| {
                    Rejection::new(Code::AmountOverflow)
                        .at(path)
                        .with_text("path", path)
                })?
            }
            (None, _) if position.amount == 0 && job.rate.is_none() => 0,
            (None, [(data, _, path)]) if job.rate.is_some() => {
                let given = format!("{}/{}", data.base, data.quote);
                return Err(Rejection::new(Code::RatePairMismatch)
                    .at(path.clone())
                    .with_text("pair", echo(&given))
                    .with_text("needed", needed));
            }
            (None, _) => {
                return Err(Rejection::new(Code::RateNotFound)
                    .at("/rates")
                    .with_text("needed", needed));
            }
        };
        currency.check_account(book, position.account, job.unit_path())?;
        functional.check_account(book, position.counter, job.unit_path())?;
        Ok(Self {
            code,
            decimals: currency.decimals(),
            position,
            target,
            kept,
            path: job.unit_path().to_owned(),
        })
    }

    fn shown_position(&self) -> Value {
        Value::amount(self.position.amount, self.decimals)
    }

    /// The entry, unless the value is right; the difference.
    fn write(
        &self,
        functional: &Currency<'_>,
        booking: Date,
        facts: &Facts<'_>,
        book: &Book,
        plan: &mut Plan,
    ) -> Result<Minor, Rejection> {
        let difference = self.target - self.position.value;
        let (amount, value) = self.position.at_end_of(book, booking.month());
        let left = (amount, value + difference);
        let remembered = revaluation(facts, book, self.code, booking, left);
        if !book.natural_key_taken(remembered) {
            plan.natural_key(remembered);
        }
        if difference != 0 {
            self.post(difference, functional, booking, book, plan)?;
        }
        if let (Some(kept), Some(unit)) = (&self.kept, book.units().index(self.code)) {
            kept.write(book, plan, unit);
        }
        Ok(difference)
    }

    fn post(
        &self,
        difference: Minor,
        functional: &Currency<'_>,
        booking: Date,
        book: &Book,
        plan: &mut Plan,
    ) -> Result<(), Rejection> {
        let unrealised = role_account(book, "fx/unrealised", &self.path)?;
        functional.check_account(book, unrealised, &self.path)?;
        plan.post(booking, booking);
        plan.signed_leg(self.position.counter, Side::Debit, difference, &self.path)?;
        plan.signed_leg(unrealised, Side::Credit, difference, &self.path)
    }
}

/// Without an entry nothing has changed, and nothing is to be reversed.
fn finish(book: &Book, plan: &mut Plan, reverse: Option<Date>) {
    if plan.status != Status::Posted {
        plan.status = Status::NoChange;
    } else if let Some(day) = reverse {
        accrual::keep(book, plan, day);
        plan.show("auto_reverse", Value::Date(day));
    }
}
