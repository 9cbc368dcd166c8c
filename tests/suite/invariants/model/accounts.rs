//! Entries and what they make of the accounts: I1, I2, I10, I11, I13.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{Act, Finding, Nano, must, nano};

/// A leg as exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Leg {
    pub(super) account: String,
    pub(super) unit: String,
    /// Debits are positive.
    pub(super) amount: Nano,
}

/// An entry as exported.
#[derive(Clone, Debug)]
pub(in super::super) struct Entry {
    pub(in super::super) number: u64,
    pub(in super::super) key: String,
    pub(super) day: String,
    pub(super) reverses: Option<u64>,
    pub(super) closing: bool,
    pub(super) legs: Vec<Leg>,
}

impl Entry {
    /// Read a line of the export.
    pub(in super::super) fn read(line: &Json) -> Self {
        let text = |json: &Json, name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let leg = |leg: &Json| {
            let amount = nano(leg["amount"].as_str().unwrap());
            let debit = leg["side"] == "debit";
            Leg {
                account: text(leg, "account"),
                unit: text(leg, "unit"),
                amount: if debit { amount } else { -amount },
            }
        };
        Self {
            number: line["entry_no"].as_u64().unwrap(),
            key: text(line, "key"),
            day: text(line, "booking_date"),
            reverses: line["reversal_of"].as_u64(),
            closing: line["nature"] == "closing",
            legs: line["legs"].as_array().unwrap().iter().map(leg).collect(),
        }
    }

    fn month(&self) -> &str {
        self.day.get(..7).unwrap_or_default()
    }

    /// I1: what is debited is credited, in every unit.
    fn balances(&self) -> Result<(), Finding> {
        let mut sums: BTreeMap<&str, Nano> = BTreeMap::new();
        for leg in &self.legs {
            must!(
                leg.amount != 0,
                "I1",
                "entry {} has a leg of nothing",
                self.number
            );
            *sums.entry(&leg.unit).or_default() += leg.amount;
        }
        let balanced = self.legs.len() > 1 && sums.values().all(|sum| *sum == 0);
        must!(
            balanced,
            "I1",
            "entry {} does not balance: {sums:?}",
            self.number
        );
        Ok(())
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) unit: String,
    /// Whether debits make it larger.
    pub(super) debit_side: bool,
    /// Debits less credits.
    balance: Nano,
    held_debits: Nano,
    held_credits: Nano,
    min: Option<Nano>,
    pub(super) max: Option<Nano>,
}

impl Account {
    fn of(json: &Json) -> Self {
        let class = json["class"].as_str().unwrap_or_default();
        Self {
            unit: json["unit"].as_str().unwrap_or_default().to_owned(),
            debit_side: matches!(class, "asset" | "expense" | "memo_dr"),
            min: json["min_available"].as_str().map(nano),
            max: json["max_balance"].as_str().map(nano),
            ..Self::default()
        }
    }

    pub(super) fn normal(&self) -> Nano {
        if self.debit_side {
            self.balance
        } else {
            -self.balance
        }
    }

    pub(super) fn available(&self) -> Nano {
        let against = if self.debit_side {
            self.held_credits
        } else {
            self.held_debits
        };
        self.normal() - against
    }

    pub(super) fn exposure(&self) -> Nano {
        let towards = if self.debit_side {
            self.held_debits
        } else {
            self.held_credits
        };
        self.normal() + towards
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lock {
    Soft,
    Hard,
}

/// All accounts, and every entry so far.
#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) all: BTreeMap<String, Account>,
    pub(super) entries: Vec<Entry>,
    reversed: BTreeSet<u64>,
    locked: BTreeMap<String, Lock>,
    /// Who posts to months that are locked softly.
    closing: String,
    /// Changes of accounts that wait for their day, by the key of what makes them.
    later: BTreeMap<String, Json>,
    /// How the accounts stood before the step that is under way.
    before: Option<BTreeMap<String, Account>>,
    pub(super) seen: BTreeSet<&'static str>,
}

impl Accounts {
    pub(super) fn new(given: &Json, openings: &[Entry], closing: &str) -> Result<Self, Finding> {
        let given = given.as_object().unwrap().iter();
        let mut accounts = Self {
            all: given
                .map(|(name, json)| (name.clone(), Account::of(json)))
                .collect(),
            entries: Vec::new(),
            reversed: BTreeSet::new(),
            locked: BTreeMap::new(),
            closing: closing.to_owned(),
            later: BTreeMap::new(),
            before: None,
            seen: BTreeSet::new(),
        };
        for opening in openings {
            accounts.post(opening)?;
        }
        Ok(accounts)
    }

    fn post(&mut self, entry: &Entry) -> Result<(), Finding> {
        entry.balances()?;
        for leg in &entry.legs {
            let account = self.all.entry(leg.account.clone()).or_default();
            account.unit.clone_from(&leg.unit);
            account.balance += leg.amount;
        }
        self.entries.push(entry.clone());
        Ok(())
    }

    /// Remember how all accounts stand, unless a step is under way.
    pub(super) fn remember(&mut self) {
        if self.before.is_none() {
            self.before = Some(self.all.clone());
        }
    }

    /// Take in what an act posted, and what it makes of an account itself.
    pub(super) fn enter(&mut self, act: &Act<'_>) -> Result<(), Finding> {
        for entry in act.entries {
            self.may_be_booked(act, entry)?;
            if let Some(reversed) = entry.reverses {
                self.mirrors(entry, reversed)?;
            }
            self.post(entry)?;
        }
        if let Some(reversed) = act.outcome["reverses"].as_u64() {
            let is = act.entries.first().and_then(|entry| entry.reverses) == Some(reversed);
            must!(is, "I13", "not the reversal it says: {}", act.outcome);
        }
        match act.kind() {
            "account.open" => {
                let account = Account::of(act.data);
                self.all.insert(act.given("account").to_owned(), account);
            }
            "account.update" => self.changed(act),
            _other => {}
        }
        Ok(())
    }

    /// A change of an account holds from now on, or is kept for the day that it names.
    fn changed(&mut self, act: &Act<'_>) {
        let key = act.word("key").unwrap_or_default();
        let kept = self.later.remove(key);
        match act.event() {
            "account.changed" => {
                self.seen.insert("a change on its day");
            }
            "account.change_missed" => return,
            _sent if act.word("valid_from").is_some() => {
                self.later.insert(format!("{key}#later"), act.data.clone());
                return;
            }
            _sent => {}
        }
        let data = kept.as_ref().unwrap_or(act.data);
        let name = data["account"].as_str().unwrap_or_default();
        let account = self.all.entry(name.to_owned()).or_default();
        let limit = |name: &str| data[name].as_str().map(nano);
        account.min = limit("min_available").or(account.min);
        account.max = limit("max_balance").or(account.max);
    }

    /// I11: no entry in a month after its lock, but by whom the lock lets through.
    fn may_be_booked(&mut self, act: &Act<'_>, entry: &Entry) -> Result<(), Finding> {
        let lock = self.locked.get(entry.month()).copied();
        let entitled = act.actor == Some(self.closing.as_str());
        let may = match lock {
            None => true,
            Some(Lock::Soft) => entitled || entry.closing,
            Some(Lock::Hard) => false,
        };
        must!(
            may,
            "I11",
            "entry {} in {} after its lock",
            entry.number,
            entry.month()
        );
        if lock.is_some() {
            self.seen.insert("an entry behind a soft lock");
        }
        Ok(())
    }

    /// I13: a reversal takes back exactly what was posted, and once.
    fn mirrors(&mut self, entry: &Entry, reversed: u64) -> Result<(), Finding> {
        let original = self.entries.iter().find(|one| one.number == reversed);
        let sums = |entry: &Entry, sign: Nano| {
            let mut sums: BTreeMap<String, Nano> = BTreeMap::new();
            for leg in &entry.legs {
                *sums.entry(leg.account.clone()).or_default() += leg.amount * sign;
            }
            sums
        };
        let mirrored = original.is_some_and(|one| {
            one.reverses.is_none() && one.number != 0 && sums(one, -1) == sums(entry, 1)
        });
        must!(
            mirrored,
            "I13",
            "entry {} is no mirror of {reversed}",
            entry.number
        );
        must!(
            self.reversed.insert(reversed),
            "I13",
            "{reversed} is reversed twice"
        );
        Ok(())
    }

    /// Hold or let go, on one account.
    pub(super) fn hold(&mut self, account: &str, amount: Nano) {
        let account = self.all.entry(account.to_owned()).or_default();
        // What is let go was held on the side that it is taken from; the caller says which.
        if amount > 0 {
            account.held_debits += amount;
        } else {
            account.held_credits -= amount;
        }
    }

    /// Let go of what was held.
    pub(super) fn let_go(&mut self, account: &str, amount: Nano) {
        let account = self.all.entry(account.to_owned()).or_default();
        if amount > 0 {
            account.held_debits -= amount;
        } else {
            account.held_credits += amount;
        }
    }

    /// I10: no step makes what is beyond a limit worse.
    pub(super) fn limits(&mut self, act: &Act<'_>) -> Result<(), Finding> {
        let before = self.before.take().unwrap_or_default();
        for (name, account) in &self.all {
            let Some(was) = before.get(name) else {
                continue;
            };
            let (is, had) = (account.available(), was.available());
            let kept = account.min.is_none_or(|min| is >= min || is >= had);
            must!(kept, "I10", "{name} has {is} available, by {}", act.outcome);
            let (is, had) = (account.exposure(), was.exposure());
            let kept = account.max.is_none_or(|max| is <= max || is <= had);
            must!(
                kept,
                "I10",
                "{name} has an exposure of {is}, by {}",
                act.outcome
            );
        }
        Ok(())
    }

    /// Locks come and go.
    pub(super) fn locks(&mut self, act: &Act<'_>) {
        if act.kind() != "period.close" {
            return;
        }
        let period = act.given("period");
        let months = match period.len() {
            4 => (1..=12)
                .map(|month| format!("{period}-{month:02}"))
                .collect(),
            _month => vec![period.to_owned()],
        };
        for month in months {
            let now = self.locked.get(&month).copied();
            match act.data["mode"].as_str() {
                Some("hard_close") => {
                    self.seen.insert("a hard close");
                    self.locked.insert(month, Lock::Hard);
                }
                Some("reopen") if now == Some(Lock::Soft) => {
                    self.seen.insert("a lock undone");
                    self.locked.remove(&month);
                }
                Some("reopen") => {}
                _soft if now.is_none() => {
                    self.locked.insert(month, Lock::Soft);
                }
                _soft => {}
            }
        }
    }

    /// I2: balances as reported, by all entries or by those until a day.
    pub(super) fn reported(&self, answer: &Json) -> Result<(), Finding> {
        let until = if answer["dated"] == true {
            answer["as_of"].as_str().unwrap_or_default()
        } else {
            "9999"
        };
        let mut balances: BTreeMap<&str, Nano> = BTreeMap::new();
        for entry in self
            .entries
            .iter()
            .filter(|entry| entry.day.as_str() <= until)
        {
            for leg in &entry.legs {
                *balances.entry(&leg.account).or_default() += leg.amount;
            }
        }
        let mut sums: BTreeMap<&str, Nano> = BTreeMap::new();
        let rows = answer["rows"].as_array().unwrap();
        for row in rows {
            let name = row["account"].as_str().unwrap();
            let known = balances.remove(name).unwrap_or_default();
            let account = self.all.get(name);
            let debit_side = account.is_some_and(|account| account.debit_side);
            let shown = super::of(row, "balance");
            let shown = if debit_side { shown } else { -shown };
            must!(
                shown == known,
                "I2",
                "{name} is {row}, by its entries {known} ({until})"
            );
            *sums.entry(row["unit"].as_str().unwrap()).or_default() += shown;
        }
        let missing = balances.iter().find(|(_, sum)| **sum != 0);
        must!(missing.is_none(), "I2", "no row shows {missing:?}");
        let balanced = sums.values().all(|sum| *sum == 0);
        must!(balanced, "I2", "the balances do not add up: {sums:?}");
        for (unit, sides) in answer["report"].as_object().into_iter().flatten() {
            must!(sides["debit"] == sides["credit"], "I2", "{unit}: {sides}");
        }
        Ok(())
    }

    /// I13: what a month moved is what its entries moved.
    pub(super) fn moved(&self, by_period: &Json) -> Result<(), Finding> {
        let mut months: BTreeMap<(&str, &str), Nano> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.number > 0) {
            for leg in &entry.legs {
                *months.entry((entry.month(), &leg.account)).or_default() += leg.amount;
            }
        }
        for ((month, name), sum) in months {
            let debit_side = self.all.get(name).is_some_and(|account| account.debit_side);
            let shown = super::of(&by_period[month], name);
            let shown = if debit_side { shown } else { -shown };
            must!(
                shown == sum,
                "I13",
                "{name} moved {sum} in {month}, shown as {shown}"
            );
        }
        Ok(())
    }

    /// The unit of an account.
    pub(super) fn unit(&self, name: &str) -> &str {
        self.all.get(name).map_or("", |account| &account.unit)
    }

    /// The balance on the normal side.
    pub(super) fn balance(&self, name: &str) -> Nano {
        self.all.get(name).map_or(0, Account::normal)
    }
}
