//! Documents in a currency other than the functional one.
//!
//! Two currencies never meet in one zero-sum. What the customer owes, and what is set off against
//! it, is posted in the currency of the document against `fxpos/<unit>`; what the company earns is
//! posted in the functional unit against `fxeq/<unit>`:
//!
//! | Side of the document | Debit           | Credit               | Unit       |
//! |----------------------|-----------------|----------------------|------------|
//! | customer             | `ar/<customer>` | `fxpos/<unit>`       | document's |
//! | company              | `fxeq/<unit>`   | revenue, tax, …      | functional |
//!
//! The rules of converting stand in `conversion.rs`, what makes a rate plausible in `guard.rs`.

mod conversion;
mod guard;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::currency::Currency;
use super::fields::Id;
use super::postings::{Postings, open_account};
use crate::code::Code;
use crate::ids::AccountIndex;
use crate::ledger::plan::echo;
use crate::ledger::value::member;
use crate::ledger::{Book, Document, Plan, Rejection, Side, Value};
use crate::money::{DecimalText, Minor, Number, RateValue, Rounding};
use crate::time::{Date, DateText};

use conversion::{Direction, direction, factor};

pub(crate) use conversion::{Conversion, PartKind, conversion};
pub(crate) use guard::{Guard, Kept};

/// Member of a document: the rate it was booked at.
const MEMBER: &str = "rate";

/// An exchange rate: 1 base = rate quote.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateData {
    /// Base currency.
    pub base: Id,
    /// Quoted currency.
    pub quote: Id,
    /// How much of the quoted currency one of the base is.
    pub rate: DecimalText,
    /// Name of the rate at its source.
    pub id: Option<Id>,
    /// Day of the rate.
    pub as_of: Option<DateText>,
}

impl RateData {
    /// The rate of a day between a currency and the functional unit, as the book's records have it;
    /// none if nothing is to be converted, or if they have none.
    pub(crate) fn listed(book: &Book, currency: &Currency<'_>, day: Date) -> Option<Self> {
        let functional = foreign(book, currency)?;
        let of_pair = |base: &str, quote: &str| {
            let listed = book
                .reference()
                .listed_rates(&format!("{base}/{quote}"), day);
            let (from, rate) = listed.into_iter().rfind(|(from, _)| *from <= day)?;
            Some(Self {
                base: Id::known(base),
                quote: Id::known(quote),
                rate: DecimalText::read(rate.text().as_str()),
                id: None,
                as_of: Some(DateText::from(from)),
            })
        };
        let code = currency.code();
        of_pair(functional, code).or_else(|| of_pair(code, functional))
    }

    /// Step 6: the rate itself.
    pub(crate) fn read(&self, path: &str) -> Result<RateValue, Rejection> {
        match self.rate.number().map(RateValue::positive) {
            Ok(Ok(rate)) => Ok(rate),
            Ok(Err(_)) | Err(_) => {
                Err(Rejection::new(Code::RateInvalid).at(format!("{path}/rate")))
            }
        }
    }
}

/// The rate of a job on its way into the books.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'r> {
    /// The rate as it is given.
    pub(crate) data: &'r RateData,
    /// The rate, read.
    pub(crate) rate: RateValue,
    /// Whether it is the one of the records: then it does not stand in the job.
    pub(crate) listed: bool,
}

impl Offer<'_> {
    /// The place of a member of it.
    fn place(&self, path: &str, member: &str) -> String {
        if self.listed {
            path.to_owned()
        } else {
            format!("{path}/{member}")
        }
    }
}

/// A part of what a document earns, before it is converted.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Where it is posted.
    pub(crate) account: AccountIndex,
    /// What is credited, in the unit of the document; a debit is negative.
    pub(crate) amount: Minor,
    /// Where the account was asked for.
    pub(crate) path: String,
    /// What it is.
    pub(crate) kind: PartKind,
}

/// The link between the two currencies of a document.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    /// The functional unit.
    pub(crate) functional: Currency<'a>,
    conversion: Conversion,
    /// What earlier parts of the same whole credited, in the unit of the document.
    before: Minor,
    position: AccountIndex,
    counter: AccountIndex,
    shown: Value,
    /// What the book keeps of the rate with the entry.
    kept: Option<Kept>,
    path: String,
}

/// The functional unit, if amounts of a currency must be converted into it.
pub(crate) fn foreign<'a>(book: &'a Book, currency: &Currency<'_>) -> Option<&'a str> {
    let functional = book.functional_unit()?;
    (currency.is_known() && functional != currency.code()).then_some(functional)
}

impl<'a> Exchange<'a> {
    /// Step 7: the rate fits the currencies, and the position accounts are there. None if nothing
    /// is to be converted.
    pub(crate) fn of_job(
        book: &'a Book,
        currency: &Currency<'_>,
        (offer, guard): (Option<Offer<'_>>, Guard),
        path: &str,
        mode: Rounding,
    ) -> Result<Option<Self>, Rejection> {
        let Some(functional) = foreign(book, currency) else {
            return Ok(None);
        };
        let needed = format!("{functional}/{}", currency.code());
        let Some(offer) = offer else {
            return Err(Rejection::new(Code::RateNotFound)
                .at(path)
                .with_text("needed", echo(&needed)));
        };
        let Offer { data, rate, .. } = offer;
        if offer.listed {
            guard.check_listed(data, path)?;
        } else {
            guard.check_age(data, &format!("{path}/as_of"))?;
        }
        let functional = Currency::of(book, functional);
        let factor = direction(&data.base, &data.quote, currency, &functional);
        let Some(direction) = factor else {
            return Err(Rejection::new(Code::RatePairMismatch)
                .at(path)
                .with_text("pair", pair(&data.base, &data.quote))
                .with_text("needed", echo(&needed)));
        };
        let kept = guard.check_deviation(book, (data, rate), &offer.place(path, "rate"))?;
        let text = |text: &Id| Value::text(text.to_string());
        let mut shown = vec![
            ("base".into(), text(&data.base)),
            ("quote".into(), text(&data.quote)),
            ("rate".into(), Value::text(rate.to_string())),
        ];
        if let Some(id) = &data.id {
            shown.push(("id".into(), text(id)));
        }
        if let Some(as_of) = data.as_of.as_ref().and_then(DateText::date) {
            shown.push(("as_of".into(), Value::Date(as_of)));
        }
        let shown = Value::Object(shown);
        let rate = (rate, direction);
        let made = Self::of(book, currency, functional, rate, shown, path, mode)?;
        Ok(Some(Self { kept, ..made }))
    }

    /// The rate that a document was booked at: what becomes of the document later is mirrored at
    /// the same rate. None if nothing is to be converted.
    pub(crate) fn of_document(
        book: &'a Book,
        currency: &Currency<'_>,
        document: &Document,
        path: &str,
        mode: Rounding,
    ) -> Result<Option<Self>, Rejection> {
        let Some(functional) = foreign(book, currency) else {
            return Ok(None);
        };
        let not_found = || {
            Rejection::new(Code::RateNotFound)
                .at(path)
                .with_text("needed", pair(functional, currency.code()))
                .with_text("reason", "the document was not booked at a rate")
        };
        let shown = document.member(MEMBER).ok_or_else(not_found)?;
        let Value::Object(members) = shown else {
            return Err(not_found());
        };
        let text = |name: &str| match member(members, name) {
            Some(Value::Text(text)) => &**text,
            Some(_) | None => "",
        };
        let rate = Number::parse(text("rate")).map(RateValue::positive);
        let functional = Currency::of(book, functional);
        let direction = direction(text("base"), text("quote"), currency, &functional);
        let (Ok(Ok(rate)), Some(direction)) = (rate, direction) else {
            return Err(not_found());
        };
        let rate = (rate, direction);
        Self::of(book, currency, functional, rate, shown.clone(), path, mode).map(Some)
    }

    fn of(
        book: &'a Book,
        currency: &Currency<'_>,
        functional: Currency<'a>,
        (rate, direction): (RateValue, Direction),
        shown: Value,
        path: &str,
        mode: Rounding,
    ) -> Result<Self, Rejection> {
        let overflow = || {
            Rejection::new(Code::AmountOverflow)
                .at(path)
                .with_text("path", path)
        };
        let decimals = (currency.decimals(), functional.decimals());
        let factor = factor(rate, direction, decimals).ok_or_else(overflow)?;
        let unit = currency.code();
        Ok(Self {
            functional,
            conversion: Conversion { factor, mode },
            before: 0,
            position: open_account(book, &format!("fxpos/{unit}"), path)?,
            counter: open_account(book, &format!("fxeq/{unit}"), path)?,
            shown,
            kept: None,
            path: path.to_owned(),
        })
    }

    /// The same for a part of what is taken back of a document, of which so much was taken back
    /// before.
    pub(crate) fn after(self, taken_back: Minor) -> Self {
        Self {
            before: -taken_back,
            ..self
        }
    }

    /// The rate as documents keep it, with the name of its member.
    pub(crate) fn member(&self) -> (&'static str, Value) {
        (MEMBER, self.shown.clone())
    }

    /// An amount of the document in the functional unit.
    pub(crate) fn convert(&self, amount: Minor) -> Result<Minor, Rejection> {
        self.conversion
            .convert(amount)
            .ok_or_else(|| self.overflow())
    }

    /// The parts of a document in the functional unit, and their sum.
    pub(crate) fn parts(&self, parts: &[Part]) -> Result<(Vec<Minor>, Minor), Rejection> {
        let amounts: Vec<_> = parts.iter().map(|part| (part.amount, part.kind)).collect();
        let converted = self
            .conversion
            .parts(self.before, &amounts)
            .ok_or_else(|| self.overflow())?;
        let sum = converted.iter().sum();
        Ok((converted, sum))
    }

    /// Step 8: the position is in the document's unit, its counter account in the functional one.
    pub(crate) fn check_units(
        &self,
        book: &Book,
        currency: &Currency<'_>,
    ) -> Result<(), Rejection> {
        currency.check_account(book, self.position, &self.path)?;
        self.functional
            .check_account(book, self.counter, &self.path)
    }

    /// The legs that link the sides: what the customer owes more is credited to the position.
    pub(crate) fn write(
        &self,
        plan: &mut Plan,
        owed: Minor,
        functional: Minor,
    ) -> Result<(), Rejection> {
        plan.signed_leg(self.position, Side::Credit, owed, &self.path)?;
        plan.signed_leg(self.counter, Side::Debit, functional, &self.path)
    }

    /// Keep the rate of the job as the last known one, behind the entry.
    pub(crate) fn keep_rate(&self, book: &Book, plan: &mut Plan) {
        let counter = book.accounts().get(self.counter);
        if let (Some(kept), Some(counter)) = (&self.kept, counter) {
            kept.write(book, plan, counter.unit);
        }
    }

    fn overflow(&self) -> Rejection {
        Rejection::new(Code::AmountOverflow)
            .at(self.path.clone())
            .with_text("path", self.path.clone())
    }
}

/// What a document earns, ready to be posted: as it stands, or converted.
#[derive(Debug)]
pub(crate) struct Earned {
    /// Credits by account, in the unit in which they are posted.
    pub(crate) postings: Postings,
    /// Their sum in that unit.
    pub(crate) sum: Minor,
    /// Every part in that unit.
    pub(crate) parts: Vec<Minor>,
}

impl Earned {
    /// Step 8: the units of the links, if there are any, and of what is posted between them.
    pub(crate) fn check_units(
        &self,
        exchange: Option<&Exchange<'_>>,
        book: &Book,
        currency: &Currency<'_>,
    ) -> Result<(), Rejection> {
        let Some(exchange) = exchange else {
            return self.postings.check_units(book, currency);
        };
        exchange.check_units(book, currency)?;
        self.postings.check_units(book, &exchange.functional)
    }

    /// Sum up the parts of a document per account.
    pub(crate) fn of(parts: &[Part], exchange: Option<&Exchange<'_>>) -> Result<Self, Rejection> {
        let (amounts, sum) = if let Some(exchange) = exchange {
            exchange.parts(parts)?
        } else {
            let amounts: Vec<Minor> = parts.iter().map(|part| part.amount).collect();
            let sum = amounts.iter().sum();
            (amounts, sum)
        };
        let mut postings = Postings::default();
        for (part, amount) in parts.iter().zip(&amounts) {
            postings.credit(part.account, *amount, &part.path);
        }
        Ok(Self {
            postings,
            sum,
            parts: amounts,
        })
    }
}

fn pair(base: &str, quote: &str) -> String {
    echo(&format!("{base}/{quote}"))
}
