//! A book: accounts with two sums each, entries, documents, numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::approvals::{Decided, Request};
use super::due::Alarms;
use super::policies::Dated;
use super::{Answer, print};
use crate::torture::calendar::{self, Place};

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
    /// Debits that are held.
    pub debits_held: i128,
    /// Credits that are held.
    pub credits_held: i128,
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

    /// What may still leave it.
    pub fn available(&self) -> i128 {
        let leaving = if self.debit_side {
            self.credits_held
        } else {
            self.debits_held
        };
        self.balance() - leaving
    }

    /// The balance if everything that is held for it came.
    fn exposure(&self) -> i128 {
        let coming = if self.debit_side {
            self.debits_held
        } else {
            self.credits_held
        };
        self.balance() + coming
    }

    fn move_by(&mut self, leg: &Leg) {
        if leg.debit {
            self.debits += leg.amount;
        } else {
            self.credits += leg.amount;
        }
    }

    fn hold_by(&mut self, leg: &Leg, sign: i128) {
        if leg.debit {
            self.debits_held += leg.amount * sign;
        } else {
            self.credits_held += leg.amount * sign;
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

/// A hold between two accounts.
#[derive(Clone, Debug, Default)]
pub struct Hold {
    /// Debited when it is captured.
    pub debit: String,
    /// Credited when it is captured.
    pub credit: String,
    /// What is left of it.
    pub rest: i128,
    /// When it expires.
    pub expires: i64,
    /// The state.
    pub state: &'static str,
    /// What it holds if a request for approval reserves it: only the decision ends it then.
    pub reserved: Vec<Leg>,
}

/// An entry that is reversed by itself.
#[derive(Clone, Debug, Default)]
pub struct Accrual {
    /// The entry.
    pub entry: u64,
    /// The day.
    pub day: String,
}

/// The same entry by a schedule.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    /// Key of its job.
    pub key: String,
    /// Data of its job.
    pub data: Value,
    /// Runs that are behind it.
    pub runs: u64,
    /// Day of the next one.
    pub due: Option<String>,
}

/// What of an invoice has one tax code.
#[derive(Clone, Debug, Default)]
pub struct TaxGroup {
    /// The code.
    pub code: String,
    /// Without tax.
    pub base: i128,
    /// The tax.
    pub tax: i128,
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
    /// The state.
    pub state: &'static str,
    /// What was invoiced, by tax code in the order of the lines.
    pub groups: Vec<TaxGroup>,
    /// What was credited, with tax.
    pub credited: i128,
    /// The same by tax code: without tax, and the tax.
    pub credited_of: BTreeMap<String, (i128, i128)>,
    /// What was written off.
    pub written_off: i128,
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
    /// Where it is.
    pub place: Place,
    /// The time of what is judged now.
    pub now: i64,
    /// The date of it, where the book is.
    pub today: String,
    /// The key of what is judged now.
    pub key: String,
    /// Who does it, if somebody vouches for that.
    pub actor: Option<String>,
    /// What it moves, holds or will move, known before anybody asks whether that may be.
    pub asked: Vec<Leg>,
    /// The accounts that it opens or changes.
    pub touched: Vec<String>,
    /// What is given back in the same breath.
    pub given_back: Vec<Leg>,
    /// The job that waited and is decided by it.
    pub decided: Option<Decided>,
    /// Number of the last outcome.
    pub sequence: u64,
    /// Every key that has an outcome, with the content of its job.
    pub keys: BTreeMap<String, String>,
    /// Accounts by name.
    pub accounts: BTreeMap<String, Account>,
    /// Entries in order; the first has number 1.
    pub entries: Vec<Entry>,
    /// Holds by number.
    pub holds: BTreeMap<String, Hold>,
    /// Accruals by the name of what waits.
    pub accruals: BTreeMap<String, Accrual>,
    /// Schedules by number.
    pub schedules: BTreeMap<String, Schedule>,
    /// What becomes due by itself.
    pub alarms: Alarms,
    /// Invoices by number.
    pub invoices: BTreeMap<String, Invoice>,
    /// How many credit notes there are.
    pub notes: u64,
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
    /// Roles of users, by first day.
    pub users: BTreeMap<String, Dated>,
    /// Policies about approvals, by first day.
    pub policies: BTreeMap<String, Dated>,
    /// Requests for approval by number.
    pub requests: BTreeMap<String, Request>,
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

    /// Whether a date, or the month of it, may be posted to: a locked one by whoever closes it.
    pub fn period_open(&self, date: &str) -> Result<(), &'static str> {
        let closes = || self.actor_roles().iter().any(|role| role == "closing");
        match date.get(..7) {
            Some(month) if self.locked.contains(month) && !closes() => Err("PERIOD_CLOSED"),
            Some(_) | None => Ok(()),
        }
    }

    /// Take a reference that may be used once.
    pub fn is_taken(&self, what: &str) -> bool {
        self.taken.contains(what)
    }

    /// Something is judged from here on: a job under a key, done by somebody.
    pub fn begins(&mut self, key: &str, actor: Option<&str>) {
        key.clone_into(&mut self.key);
        self.actor = actor.map(str::to_owned);
        self.asked.clear();
        self.touched.clear();
    }

    /// What the job asks for is known.
    pub fn asks(&mut self, legs: &[Leg]) {
        self.asked = legs.to_vec();
    }

    /// What may leave an account, with what is given back in the same breath.
    pub fn available(&self, name: &str) -> i128 {
        let Some(account) = self.accounts.get(name) else {
            return 0;
        };
        let mut after = account.clone();
        let back = self.given_back.iter().filter(|leg| leg.account == name);
        back.for_each(|leg| after.hold_by(leg, -1));
        after.available()
    }

    /// From now on it is so late.
    pub fn at(&mut self, now: i64) {
        self.now = now;
        self.today = calendar::today(self.place, now);
    }

    /// An entry.
    pub fn entry(&self, number: u64) -> Option<&Entry> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        self.entries.get(place)
    }

    /// The same, to be changed.
    pub fn entry_mut(&mut self, number: u64) -> Option<&mut Entry> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        self.entries.get_mut(place)
    }

    /// Post an entry if every limit holds; its number.
    pub fn post(&mut self, entry: Entry) -> Result<u64, &'static str> {
        self.asks(&entry.legs);
        self.check_limits(&entry.legs, &[], &[])?;
        Ok(self.write(entry))
    }

    /// Post an entry whose limits were checked.
    pub fn write(&mut self, entry: Entry) -> u64 {
        for leg in &entry.legs {
            if let Some(account) = self.accounts.get_mut(&leg.account) {
                account.move_by(leg);
            }
        }
        self.entries.push(entry);
        number(self.entries.len())
    }

    /// Hold legs, or give them back if the sign is negative.
    pub fn hold(&mut self, legs: &[Leg], sign: i128) {
        for leg in legs {
            if let Some(account) = self.accounts.get_mut(&leg.account) {
                account.hold_by(leg, sign);
            }
        }
    }

    /// Whether every account that is touched keeps its limits, or comes nearer to them.
    pub fn check_limits(
        &self,
        posted: &[Leg],
        held: &[Leg],
        released: &[Leg],
    ) -> Result<(), &'static str> {
        let mut touched: Vec<&str> = Vec::new();
        let back = self.given_back.iter();
        for leg in back.chain(posted).chain(held).chain(released) {
            if !touched.contains(&leg.account.as_str()) {
                touched.push(&leg.account);
            }
        }
        for name in touched {
            let before = self.accounts.get(name).ok_or("ACCOUNT_NOT_FOUND")?;
            let mut after = before.clone();
            let of_account = |leg: &&Leg| leg.account == name;
            posted
                .iter()
                .filter(of_account)
                .for_each(|leg| after.move_by(leg));
            let back = self.given_back.as_slice();
            for (legs, sign) in [(held, 1), (released, -1), (back, -1)] {
                let legs = legs.iter().filter(of_account);
                legs.for_each(|leg| after.hold_by(leg, sign));
            }
            let (was, is) = (before.available(), after.available());
            if before.min.is_some_and(|min| is < min && is < was) {
                return Err("INSUFFICIENT_FUNDS");
            }
            let (was, is) = (before.exposure(), after.exposure());
            if before.max.is_some_and(|max| is > max && is > was) {
                return Err("LIMIT_EXCEEDED");
            }
        }
        Ok(())
    }

    /// An answer of a posted entry: its number and the balances of what it touched.
    pub fn posted(&self, answer: Answer, entry: u64) -> Answer {
        let legs = self.entry(entry).map(|entry| entry.legs.as_slice());
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
