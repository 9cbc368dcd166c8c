//! A book: accounts with two sums each, entries, documents, numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Answer, print};

/// An account.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Unit.
    pub unit: &'static str,
    /// Decimals of the unit.
    pub decimals: u32,
    /// Whether debits make it larger.
    pub debit_side: bool,
    /// Sum of debits.
    pub debits: i128,
    /// Sum of credits.
    pub credits: i128,
    /// Lower limit.
    pub min: Option<i128>,
    /// Upper limit.
    pub max: Option<i128>,
    /// Frozen sides, as written.
    pub freeze: &'static str,
    /// Closed for ever.
    pub closed: bool,
}

impl Account {
    /// Balance on the normal side.
    pub fn balance(&self) -> i128 {
        if self.debit_side {
            self.debits - self.credits
        } else {
            self.credits - self.debits
        }
    }
}

/// One leg.
#[derive(Clone, Debug)]
pub struct Leg {
    /// The account.
    pub account: String,
    /// Debit or credit.
    pub debit: bool,
    /// Minor units, above zero.
    pub amount: i128,
}

/// An entry.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Its legs.
    pub legs: Vec<Leg>,
    /// Whether a document owns it.
    pub owned: bool,
    /// The entry it reverses.
    pub reverses: Option<u64>,
    /// The entry that reverses it.
    pub reversed_by: Option<u64>,
}

/// An invoice.
#[derive(Clone, Debug, Default)]
pub struct Invoice {
    /// Whose.
    pub customer: String,
    /// When it is due.
    pub due: String,
    /// What is open.
    pub open: i128,
    /// What was paid.
    pub paid: i128,
    /// What of that came from the customer's credit.
    pub from_credit: i128,
}

/// A payment.
#[derive(Clone, Debug, Default)]
pub struct Payment {
    /// The customer that the job named.
    pub customer: Option<String>,
    /// What is not allocated.
    pub open: i128,
    /// What it paid, by document.
    pub paid: BTreeMap<String, i128>,
}

/// An instruction.
#[derive(Clone, Debug, Default)]
pub struct Instruction {
    /// Who gives the securities and gets the cash.
    pub deliverer: String,
    /// Who gets the securities and gives the cash.
    pub receiver: String,
    /// Quantity and how much of it settled.
    pub quantity: Option<(i128, i128)>,
    /// Cash and how much of it settled.
    pub cash: Option<(i128, i128)>,
    /// Earliest day.
    pub day: String,
    /// Whether parts may settle.
    pub partial: bool,
    /// The state.
    pub state: &'static str,
    /// Attempts that were judged.
    pub attempts: u64,
}

/// A book.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Its name.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Number of the last outcome.
    pub sequence: u64,
    /// Every key that has an outcome, with the content of its job.
    pub keys: BTreeMap<String, String>,
    /// Accounts by name.
    pub accounts: BTreeMap<String, Account>,
    /// Entries in order; the first has number 1.
    pub entries: Vec<Entry>,
    /// Invoices by number.
    pub invoices: BTreeMap<String, Invoice>,
    /// Payments by number.
    pub payments: BTreeMap<String, Payment>,
    /// Instructions by number.
    pub instructions: BTreeMap<String, Instruction>,
    /// References that were taken.
    pub taken: BTreeSet<String>,
    /// Months that are locked.
    pub locked: BTreeSet<String>,
    /// Months that were opened before they began.
    pub opened: BTreeSet<String>,
    /// How many versions a reference record has.
    pub versions: BTreeMap<String, u64>,
}

impl Book {
    /// Whether a side of an account may be posted to.
    pub fn usable(&self, name: &str, debit: bool) -> Result<(), &'static str> {
        let account = self.accounts.get(name).ok_or("ACCOUNT_NOT_FOUND")?;
        if account.closed {
            return Err("ACCOUNT_CLOSED");
        }
        let stops = match account.freeze {
            "both" => true,
            "debit" => debit,
            "credit" => !debit,
            _ => false,
        };
        if stops {
            return Err("ACCOUNT_FROZEN");
        }
        Ok(())
    }

    /// Whether a date, or the month of it, may be posted to.
    pub fn period_open(&self, date: &str) -> Result<(), &'static str> {
        match date.get(..7) {
            Some(month) if self.locked.contains(month) => Err("PERIOD_CLOSED"),
            Some(_) | None => Ok(()),
        }
    }

    /// Take a reference that may be used once.
    pub fn is_taken(&self, what: &str) -> bool {
        self.taken.contains(what)
    }

    /// Post an entry if every limit holds; its number.
    pub fn post(&mut self, entry: Entry) -> Result<u64, &'static str> {
        let mut touched: Vec<&str> = Vec::new();
        for leg in &entry.legs {
            if !touched.contains(&leg.account.as_str()) {
                touched.push(&leg.account);
            }
        }
        for name in &touched {
            self.check_limits(name, &entry.legs)?;
        }
        for leg in &entry.legs {
            if let Some(account) = self.accounts.get_mut(&leg.account) {
                if leg.debit {
                    account.debits += leg.amount;
                } else {
                    account.credits += leg.amount;
                }
            }
        }
        self.entries.push(entry);
        Ok(number(self.entries.len()))
    }

    fn check_limits(&self, name: &str, legs: &[Leg]) -> Result<(), &'static str> {
        let account = self.accounts.get(name).ok_or("ACCOUNT_NOT_FOUND")?;
        let before = account.balance();
        let sum: i128 = legs
            .iter()
            .filter(|leg| leg.account == name)
            .map(|leg| {
                if leg.debit == account.debit_side {
                    leg.amount
                } else {
                    -leg.amount
                }
            })
            .sum();
        let after = before + sum;
        if account.min.is_some_and(|min| after < min && after < before) {
            return Err("INSUFFICIENT_FUNDS");
        }
        if account.max.is_some_and(|max| after > max && after > before) {
            return Err("LIMIT_EXCEEDED");
        }
        Ok(())
    }

    /// An answer of a posted entry: its number and the balances of what it touched.
    pub fn posted(&self, answer: Answer, entry: u64) -> Answer {
        let place = usize::try_from(entry.saturating_sub(1)).unwrap_or(usize::MAX);
        let legs = self.entries.get(place).map(|entry| entry.legs.as_slice());
        let mut balances = serde_json::Map::new();
        for leg in legs.unwrap_or_default() {
            if let Some(account) = self.accounts.get(&leg.account) {
                let balance = print(account.balance(), account.decimals);
                balances.insert(leg.account.clone(), balance.into());
            }
        }
        answer
            .with("entry_no", entry)
            .with("balances", Value::Object(balances))
    }

    /// Decimals of an account's unit, if there is such an account.
    pub fn decimals(&self, name: &str) -> Option<u32> {
        self.accounts.get(name).map(|account| account.decimals)
    }
}

/// A count as a number of documents or entries.
pub fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
