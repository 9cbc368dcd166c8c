//! The one currency of a document: its amounts, and the accounts that must be in it.
//!
//! Reading belongs to step 6 of the order of checks, where a currency that the book does not know
//! still lets the form of an amount be judged; that it is unknown is said in step 8.

use crate::code::Code;
use crate::ids::AccountIndex;
use crate::ledger::plan::echo;
use crate::ledger::unit::Unit;
use crate::ledger::{Book, Rejection, Value};
use crate::money::decimal::DecimalFault;
use crate::money::minor::{self, AmountFault, DECIMALS_MAX, minor_or_zero, positive_minor};
use crate::money::{DecimalText, Minor, Number, NumberFault, Percent, Price, Quantity};
use crate::time::Date;

/// Decimals that a unit price may have.
const PRICE_DECIMALS: u8 = 12;

/// A currency as a job names it.
#[derive(Debug)]
pub(crate) struct Currency<'a> {
    code: &'a str,
    unit: Option<Unit>,
}

impl<'a> Currency<'a> {
    /// The currency of a code; the book may not know it.
    pub(crate) fn of(book: &Book, code: &'a str) -> Self {
        let unit = book.units().find(code);
        Self { code, unit }
    }

    /// Whether the book knows it.
    pub(crate) fn is_known(&self) -> bool {
        self.unit.is_some()
    }

    /// Its code.
    pub(crate) fn code(&self) -> &'a str {
        self.code
    }

    /// Its decimals; the most that any unit has while it is unknown.
    pub(crate) fn decimals(&self) -> u8 {
        self.unit
            .as_ref()
            .map_or(DECIMALS_MAX, |unit| unit.decimals)
    }

    /// An amount above zero.
    pub(crate) fn positive(&self, text: &DecimalText, path: &str) -> Result<i64, Rejection> {
        self.read(text, path, positive_minor)
    }

    /// An amount that may be zero; zero too if it is not there.
    pub(crate) fn or_zero(
        &self,
        text: Option<&DecimalText>,
        path: &str,
    ) -> Result<Minor, Rejection> {
        let Some(text) = text else { return Ok(0) };
        self.read(text, path, minor_or_zero).map(Minor::from)
    }

    fn read(
        &self,
        text: &DecimalText,
        path: &str,
        convert: fn(Number, u8) -> Result<i64, AmountFault>,
    ) -> Result<i64, Rejection> {
        let decimals = self.unit.as_ref().map(|unit| unit.decimals);
        match minor::read(text.number(), decimals, convert) {
            // Beyond its form, nothing is known about an amount of an unknown currency.
            Ok(minor) => Ok(minor.unwrap_or(1)),
            Err(fault) => Err(Rejection::amount(fault, path, self.code, self.decimals())),
        }
    }

    /// A unit price.
    pub(crate) fn price(&self, text: &DecimalText, path: &str) -> Result<Price, Rejection> {
        not_negative(text)
            .and_then(Price::not_negative)
            .map_err(|fault| self.decimal_refusal(fault, path))
    }

    /// A percentage that is only shown.
    pub(crate) fn percent(&self, text: &DecimalText, path: &str) -> Result<Percent, Rejection> {
        not_negative(text)
            .and_then(Percent::not_negative)
            .map_err(|fault| self.decimal_refusal(fault, path))
    }

    fn decimal_refusal(&self, fault: DecimalFault, path: &str) -> Rejection {
        let fault = match fault {
            DecimalFault::Format(reason) => AmountFault::Format(reason),
            DecimalFault::Negative => AmountFault::Negative,
            DecimalFault::Zero => AmountFault::Zero,
            DecimalFault::Precision => AmountFault::Precision,
            DecimalFault::Overflow => AmountFault::Overflow,
        };
        Rejection::amount(fault, path, self.code, PRICE_DECIMALS)
    }

    /// Step 8: the book knows the currency, and it has not ended before the booking date.
    pub(crate) fn check(&self, booking: Date, path: &str) -> Result<(), Rejection> {
        let refusal = || {
            Rejection::new(Code::CurrencyUnknown)
                .at(path)
                .with_text("unit", echo(self.code))
        };
        let unit = self.unit.as_ref().ok_or_else(refusal)?;
        match unit.until {
            Some(until) if booking > until => Err(refusal().with("until", Value::Date(until))),
            Some(_) | None => Ok(()),
        }
    }

    /// Step 8: an account is in the currency.
    pub(crate) fn check_account(
        &self,
        book: &Book,
        index: AccountIndex,
        path: &str,
    ) -> Result<(), Rejection> {
        let Some(account) = book.accounts().get(index) else {
            return Err(Rejection::new(Code::AccountNotFound).at(path));
        };
        let unit = book.units().code(account.unit);
        if unit == self.code {
            return Ok(());
        }
        Err(self
            .mismatch(unit, path)
            .with_text("account", &*account.name))
    }

    /// The refusal of something in another unit.
    pub(crate) fn mismatch(&self, unit: &str, path: &str) -> Rejection {
        Rejection::new(Code::CurrencyMismatch)
            .at(path)
            .with_text("path", path)
            .with_text("expected", unit)
            .with_text("got", echo(self.code))
    }
}

/// A number that may not be negative; too many digits are said after the sign and the decimals.
fn not_negative(text: &DecimalText) -> Result<Number, DecimalFault> {
    text.number().map_err(|fault| match fault {
        NumberFault::Digits(shadow) if shadow.negative => DecimalFault::Negative,
        NumberFault::Digits(shadow) if shadow.scale > PRICE_DECIMALS => DecimalFault::Precision,
        other @ (NumberFault::Form(_) | NumberFault::Digits(_)) => other.into(),
    })
}

/// A quantity with its sign.
pub(crate) fn quantity(text: &DecimalText, path: &str) -> Result<Quantity, Rejection> {
    read_quantity(text, path, Quantity::new)
}

/// A quantity above zero.
pub(crate) fn positive_quantity(text: &DecimalText, path: &str) -> Result<Quantity, Rejection> {
    read_quantity(text, path, Quantity::positive)
}

/// A quantity that may be zero.
pub(crate) fn not_negative_quantity(text: &DecimalText, path: &str) -> Result<Quantity, Rejection> {
    read_quantity(text, path, Quantity::not_negative)
}

fn read_quantity(
    text: &DecimalText,
    path: &str,
    convert: fn(Number) -> Result<Quantity, DecimalFault>,
) -> Result<Quantity, Rejection> {
    let quantity = text.number().map_err(DecimalFault::from).and_then(convert);
    quantity.map_err(|fault| {
        let reason = match fault {
            DecimalFault::Format(reason) => reason,
            DecimalFault::Negative => "below zero",
            DecimalFault::Zero => "zero",
            DecimalFault::Precision => "more than 9 decimals",
            DecimalFault::Overflow => "more than 18 digits",
        };
        Rejection::new(Code::QuantityInvalid)
            .at(path)
            .with_text("path", path)
            .with_text("reason", reason)
    })
}
