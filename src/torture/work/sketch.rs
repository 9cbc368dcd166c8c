//! What generators of jobs draw from: chance, and names that may or may not exist.
//!
//! Nothing here knows what became of earlier jobs. Names are guessed from how many were drawn, so
//! most jobs meet something that is there and some do not.

use serde_json::{Value, json};

use crate::simulator::Chance;
use crate::torture::calendar::{self, Place, SECOND};

/// Customers of a book.
pub const CUSTOMERS: [&str; 3] = ["cust-1", "cust-2", "cust-3"];
/// Parties that settle.
pub const PARTIES: [&str; 3] = ["alpha", "beta", "gamma"];
/// Wallets, opened and closed by jobs.
const WALLETS: u64 = 8;
/// Months whose periods are locked and opened again.
const MONTHS: [&str; 6] = [
    "2026-01", "2026-02", "2026-03", "2026-04", "2027-03", "2027-05",
];

/// How many things of a sort were drawn so far in a book.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Jobs that may post an entry.
    pub entries: u64,
    /// Invoices.
    pub invoices: u64,
    /// Payments.
    pub payments: u64,
    /// Instructions.
    pub instructions: u64,
    /// Holds.
    pub holds: u64,
    /// Requests for approval.
    pub requests: u64,
    /// References from outside that must be unique.
    pub references: u64,
}

/// Chance, and what is known of a book without having looked.
#[derive(Debug)]
pub struct Sketch<'a> {
    /// Chance.
    pub chance: &'a mut Chance,
    /// The time of day.
    pub now: i64,
    /// Unit of the book.
    pub unit: &'static str,
    /// What was drawn so far.
    pub counts: &'a mut Counts,
}

impl Sketch<'_> {
    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.chance.once_in(times)
    }

    /// One of some words.
    pub fn word(&mut self, words: &[&'static str]) -> &'static str {
        self.chance.pick(words).copied().unwrap_or_default()
    }

    /// A wallet.
    pub fn wallet(&mut self) -> String {
        format!("wallet/{}", self.chance.between(1, WALLETS))
    }

    /// An account that entries are posted to.
    pub fn account(&mut self) -> String {
        match self.chance.up_to(19) {
            0..=11 => self.wallet(),
            12..=16 => "bank/main".to_owned(),
            17 | 18 => "equity/capital".to_owned(),
            _ => "nowhere/at-all".to_owned(),
        }
    }

    /// A customer; now and then one that nobody knows.
    pub fn customer(&mut self) -> &'static str {
        if self.once_in(30) {
            return "cust-unknown";
        }
        self.word(&CUSTOMERS)
    }

    /// A party that settles.
    pub fn party(&mut self) -> &'static str {
        self.word(&PARTIES)
    }

    /// Minor units, small ones more often.
    pub fn minor(&mut self) -> u64 {
        match self.chance.up_to(9) {
            0..=5 => self.chance.between(1, 2_000),
            6..=8 => self.chance.between(1, 50_000),
            _ => self.chance.between(1, 5_000_000),
        }
    }

    /// An amount with two decimals.
    pub fn amount(&mut self) -> String {
        let minor = self.minor();
        amount(minor)
    }

    /// A month that may be locked.
    pub fn month(&mut self) -> &'static str {
        self.word(&MONTHS)
    }

    /// A booking date in such a month, or in one that is never locked.
    pub fn date(&mut self) -> String {
        let month = if self.once_in(3) {
            self.month()
        } else {
            "2026-11"
        };
        format!("{month}-{:02}", self.chance.between(1, 28))
    }

    /// A date so many days from today, a little before it or behind.
    pub fn near(&mut self, before: u64, behind: u64) -> String {
        let today = calendar::number(&calendar::today(Place::Greenwich, self.now));
        let days = i64::try_from(self.chance.up_to(before.saturating_add(behind)));
        let before = i64::try_from(before).unwrap_or_default();
        calendar::date(today + days.unwrap_or_default() - before)
    }

    /// An instant soon, or just over.
    pub fn soon(&mut self) -> String {
        let seconds = match self.chance.up_to(9) {
            0 => self.chance.between(0, 40_000_000),
            1..=6 => self.chance.between(1, 30),
            _ => self.chance.between(1, 4_000),
        };
        let millis = i64::try_from(self.chance.up_to(999)).unwrap_or_default();
        let seconds = i64::try_from(seconds).unwrap_or_default();
        let soon = self.now + (seconds - 1) * SECOND + millis * 1_000_000;
        calendar::print(soon)
    }

    /// A number up to a little more than were drawn.
    pub fn guess(&mut self, drawn: u64) -> u64 {
        self.chance.between(1, drawn.saturating_add(2))
    }

    /// A text about a person, mostly none.
    pub fn text(&mut self) -> Option<Value> {
        let name = self.word(&["Jane Roe", "Müller & Söhne", "rent for March"]);
        self.once_in(4).then(|| json!(name))
    }

    /// A reference that was or was not used before.
    pub fn reference(&mut self) -> Option<Value> {
        if !self.once_in(3) {
            return None;
        }
        if self.counts.references == 0 || !self.once_in(4) {
            self.counts.references = self.counts.references.saturating_add(1);
            return Some(json!(format!("ref-{}", self.counts.references)));
        }
        let drawn = self.counts.references;
        Some(json!(format!("ref-{}", self.chance.between(1, drawn))))
    }
}

/// Minor units as an amount with two decimals.
pub(super) fn amount(minor: u64) -> String {
    format!("{}.{:02}", minor.div_euclid(100), minor % 100)
}

/// An object without the members that are null.
pub(super) fn object(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, member)| !member.is_null())
            .collect(),
        other => other,
    }
}
