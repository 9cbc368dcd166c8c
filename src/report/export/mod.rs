//! The entries of a book for other programs, one after the other.
//!
//! Two forms are journals of plain-text accounting. They say what is in the book and enough for a
//! stranger to check it: units and accounts are declared, every entry is one transaction that
//! balances in every unit, and at the end of every month the balances are asserted. So `hledger`
//! and `bean-check` are judges who share nothing with kontor.
//!
//! | File           | Duty                                                     |
//! |----------------|----------------------------------------------------------|
//! | `names.rs`     | names of accounts and units as the other program has them |
//! | `balances.rs`  | what to assert at the end of every month                 |
//! | `hledger.rs`   | the journal of hledger                                   |
//! | `beancount.rs` | the journal of Beancount                                 |
//! | `rows.rs`      | CSV, a row per leg, and JSON, a line per entry           |

mod balances;
mod beancount;
mod hledger;
mod names;
mod rows;
#[cfg(test)]
mod tests;

use balances::Balances;
use names::Names;

use super::RenderFault;
use crate::ledger::{Book, Leg, Post, Side};
use crate::money::{Minor, print_minor};
use crate::time::{Date, Timestamp};

/// What the entries become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A journal of hledger.
    Hledger,
    /// A journal of Beancount.
    Beancount,
    /// A line of JSON per entry.
    Json,
    /// A row per leg.
    Csv,
}

/// Which entries, by their booking dates.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// The first day.
    pub from: Option<Date>,
    /// The last day.
    pub to: Option<Date>,
}

/// An entry with what its record says of it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'e> {
    /// The entry.
    pub post: &'e Post,
    /// Its legs.
    pub legs: &'e [Leg],
    /// Kind of the job; nothing of openings.
    pub kind: &'e str,
    /// Key of the job; nothing of openings.
    pub key: &'e str,
    /// The document that it is about.
    pub document: Option<&'e str>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// An export on its way.
#[derive(Debug)]
pub struct Export<'b> {
    form: Form,
    book: &'b Book,
    span: Span,
    names: Names,
    balances: Balances,
}

impl<'b> Export<'b> {
    /// An export of a book that knows every account the entries name.
    pub fn new(form: Form, book: &'b Book, span: Span) -> Self {
        let names = match form {
            Form::Hledger => Names::hledger(book),
            Form::Beancount => Names::beancount(book),
            Form::Json | Form::Csv => Names::default(),
        };
        Self {
            form,
            book,
            span,
            names,
            balances: Balances::default(),
        }
    }

    /// Whether all entries must be offered to [`Export::before`] first.
    pub fn needs_past(&self) -> bool {
        self.span.from.is_some() && self.asserts()
    }

    /// Take an entry of before the first day into the opening balances.
    pub fn before(&mut self, post: &Post, legs: &[Leg]) {
        if self.span.from.is_some_and(|from| post.booking_date < from) {
            self.balances.bring(legs);
        }
    }

    /// What stands in front of the entries.
    pub fn head(&self) -> Result<String, RenderFault> {
        Ok(match self.form {
            Form::Hledger => hledger::head(self),
            Form::Beancount => beancount::head(self),
            Form::Json => String::new(),
            Form::Csv => rows::heading()?,
        })
    }

    /// An entry; nothing if it is not among those asked for.
    pub fn entry(&mut self, entry: &Entry<'_>) -> Result<String, RenderFault> {
        let day = entry.post.booking_date;
        let Span { from, to } = self.span;
        if from.is_some_and(|from| day < from) || to.is_some_and(|to| day > to) {
            return Ok(String::new());
        }
        if self.asserts() {
            self.balances.add(day, entry.legs);
        }
        match self.form {
            Form::Hledger => Ok(hledger::entry(self, entry)),
            Form::Beancount => Ok(beancount::entry(self, entry)),
            Form::Json => rows::json(self.book, entry),
            Form::Csv => rows::csv(self.book, entry),
        }
    }

    /// What stands behind the entries.
    pub fn tail(&self) -> String {
        match self.form {
            Form::Hledger => hledger::tail(self),
            Form::Beancount => beancount::tail(self),
            Form::Json | Form::Csv => String::new(),
        }
    }

    fn asserts(&self) -> bool {
        matches!(self.form, Form::Hledger | Form::Beancount)
    }

    /// The day of the opening balances: the one before the first.
    fn opening_day(&self) -> Option<Date> {
        self.span.from?.plus_days(-1)
    }

    /// An account's amount as the other program reads it, with its unit.
    fn amount(&self, account: crate::ids::AccountIndex, minor: Minor) -> Amount<'_> {
        let known = self.book.accounts().get(account);
        let unit = known.map(|account| account.unit).unwrap_or_default();
        Amount {
            figure: print_minor(minor, self.book.units().decimals(unit)),
            unit: self.names.unit(unit),
        }
    }
}

/// A signed amount.
struct Amount<'e> {
    figure: String,
    unit: &'e str,
}

/// The amount of a leg with its sign: credits are negative.
fn signed(leg: &Leg) -> Minor {
    match leg.side {
        Side::Debit => Minor::from(leg.amount),
        Side::Credit => -Minor::from(leg.amount),
    }
}
