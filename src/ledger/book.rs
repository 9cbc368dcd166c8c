//! One legal entity's books, and the one way they change.

mod carry;
mod facts;
mod periods;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use facts::account_fact;

use super::account::{Account, Accounts};
use super::alarm::Alarms;
use super::commit::slice;
use super::digest::{Canonical, StateDigest, counters_fact};
use super::document::{Document, Documents};
use super::effect::{AccountChange, AccountOpened, DocumentChange, Effect, KeptJob, Post};
use super::hold::Holds;
use super::leg::{Leg, Side};
use super::months::Months;
use super::period::{PeriodState, Periods};
use super::reference::{Record, Reference, Version};
use super::rejection::Rejection;
use super::series::{Series, SeriesTable};
use super::unit::{Unit, Units};
use super::value::{Members, set_member};
use crate::code::Code;
use crate::ids::{AccountIndex, EntryNo, Hash128, Sequence};
use crate::limits::SERIES_WIDTH_DEFAULT;
use crate::money::Minor;
use crate::raw_json::RawJson;
use crate::time::{Date, Zone};

/// Series that every book has without being told.
pub const BUILT_IN_SERIES: [&str; 9] = ["PAY", "H", "APR", "SI", "RS", "DN", "PO", "INV", "CH"];

/// Role that may post to soft-locked periods.
pub const CLOSING_ROLE: &str = "closing";

/// An effect that does not fit the state: a mistake of ours or a damaged journal, never a job's
/// fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an effect does not fit the book {book}: {what}")]
pub struct Inconsistent {
    /// Name of the book.
    pub book: String,
    /// What does not fit.
    pub what: String,
}

/// The books of one legal entity.
#[derive(Clone, Debug)]
pub struct Book {
    name: Box<str>,
    functional_unit: Option<Box<str>>,
    zone: Zone,
    units: Units,
    accounts: Accounts,
    holds: Holds,
    alarms: Alarms,
    kept: BTreeMap<Box<str>, KeptJob>,
    /// Keys of jobs that wait for approval, with the requests that keep them.
    awaited: BTreeMap<Box<str>, Box<str>>,
    documents: Documents,
    series: SeriesTable,
    series_listed: bool,
    periods: Periods,
    /// First and last day of the open month that was posted to last, which `months` has named.
    open_days: Option<(Date, Date)>,
    months: Months,
    reference: Reference,
    natural_keys: BTreeSet<Hash128>,
    /// Debits minus credits posted, by unit; zero for ever.
    differences: Vec<Minor>,
    reversed: BTreeMap<EntryNo, EntryNo>,
    next_entry: EntryNo,
    next_sequence: Sequence,
    digest: StateDigest,
}

impl Book {
    /// An empty book.
    pub fn new(name: &str, functional_unit: Option<&str>, zone: Zone, seed: u64) -> Self {
        Self {
            name: name.into(),
            functional_unit: functional_unit.map(Into::into),
            zone,
            units: Units::default(),
            accounts: Accounts::new(seed),
            holds: Holds::default(),
            alarms: Alarms::default(),
            kept: BTreeMap::new(),
            awaited: BTreeMap::new(),
            documents: Documents::default(),
            series: SeriesTable::new(),
            series_listed: false,
            periods: Periods::new(),
            open_days: None,
            months: Months::default(),
            reference: Reference::default(),
            natural_keys: BTreeSet::new(),
            differences: Vec::new(),
            reversed: BTreeMap::new(),
            next_entry: EntryNo(1),
            next_sequence: Sequence(1),
            digest: StateDigest::default(),
        }
    }

    /// Name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Functional unit, if it has one.
    pub fn functional_unit(&self) -> Option<&str> {
        self.functional_unit.as_deref()
    }

    /// Time zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Units in use.
    pub fn units(&self) -> &Units {
        &self.units
    }

    /// Accounts.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Holds.
    pub fn holds(&self) -> &Holds {
        &self.holds
    }

    /// Whether debits and credits posted are equal in every unit. Kept up leg by leg beside the
    /// rule that lets only balanced entries in, so that each watches the other.
    pub fn is_balanced(&self) -> bool {
        self.differences.iter().all(|difference| *difference == 0)
    }

    /// Documents.
    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    /// Reference data.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Months that a period job has named.
    pub fn periods(&self) -> &Periods {
        &self.periods
    }

    /// The months that hold entries and are not closed.
    pub fn months(&self) -> &Months {
        &self.months
    }

    /// Series that have given a number or are configured.
    pub fn series_table(&self) -> &SeriesTable {
        &self.series
    }

    /// Number of the next entry.
    pub fn next_entry(&self) -> EntryNo {
        self.next_entry
    }

    /// Sequence of the next outcome.
    pub fn next_sequence(&self) -> Sequence {
        self.next_sequence
    }

    /// Digest of everything in the book.
    pub fn digest(&self) -> StateDigest {
        let mut digest = self.digest;
        let mut form = Canonical::fact("book");
        form.text(&self.name)
            .text(self.functional_unit().unwrap_or_default());
        form.text(self.zone.name())
            .number(self.next_entry.0)
            .number(self.next_sequence.0);
        digest.add(form.finish());
        digest
    }

    /// The entry that reversed an entry.
    pub fn reversed_by(&self, entry: EntryNo) -> Option<EntryNo> {
        self.reversed.get(&entry).copied()
    }

    /// Whether a natural key is taken.
    pub fn natural_key_taken(&self, hash: Hash128) -> bool {
        self.natural_keys.contains(&hash)
    }

    /// A series: a known one, a built-in one, or any name as long as the book lists none.
    pub fn series(&self, name: &str) -> Option<Series> {
        if let Some(series) = self.series.get(name) {
            return Some(*series);
        }
        let free = !self.series_listed || BUILT_IN_SERIES.contains(&name);
        (free && !name.is_empty()).then(|| Series::starting_at(1, SERIES_WIDTH_DEFAULT))
    }

    /// An account that may be posted to on a side.
    pub fn usable(&self, name: &str, side: Side, path: &str) -> Result<AccountIndex, Rejection> {
        let index = self.account(name, path)?;
        self.check_usable(index, side)
            .map_err(|refusal| refusal.at(path))?;
        Ok(index)
    }

    /// The index of an account.
    pub fn account(&self, name: &str, path: &str) -> Result<AccountIndex, Rejection> {
        self.accounts.find(name).ok_or_else(|| {
            let refusal = Rejection::new(Code::AccountNotFound).at(path);
            if crate::ids::is_account_name(name) {
                refusal.with_text("account", name)
            } else {
                refusal
            }
        })
    }

    /// Whether an account is open and the side not frozen.
    pub fn check_usable(&self, index: AccountIndex, side: Side) -> Result<(), Rejection> {
        let Some(account) = self.accounts.get(index) else {
            return Err(Rejection::new(Code::AccountNotFound));
        };
        let refusal = |code| Rejection::new(code).with_text("account", &*account.name);
        if account.closed {
            return Err(refusal(Code::AccountClosed));
        }
        if account.freeze.stops(side) {
            return Err(refusal(Code::AccountFrozen).with_text("side", side.text()));
        }
        Ok(())
    }

    /// Apply an effect: the only way a book changes, live and in replay.
    pub fn apply(&mut self, effect: &Effect, legs: &[Leg]) -> Result<(), Inconsistent> {
        match effect {
            Effect::Post(post) => self.apply_post(post, legs),
            Effect::Unit {
                code,
                decimals,
                until,
            } => {
                let unit = Unit {
                    code: code.clone(),
                    decimals: *decimals,
                    until: *until,
                };
                self.digest.add(
                    Canonical::fact("unit")
                        .text(code)
                        .number(*decimals)
                        .finish(),
                );
                self.units.add(unit);
                self.differences.push(0);
                Ok(())
            }
            Effect::Hold(hold) => self.apply_hold(hold, slice(legs, &hold.legs)),
            Effect::Release {
                number,
                legs: range,
                state,
            } => self.apply_release(number, slice(legs, range), *state),
            Effect::Number { series, number } => self.apply_number(series, *number),
            Effect::Document(change) => self.apply_document(change),
            Effect::AccountOpened(opened) => self.apply_account_opened(opened),
            Effect::AccountChanged { account, change } => {
                self.apply_account_changed(*account, change)
            }
            Effect::Reference {
                record,
                name,
                valid_from,
                value,
            } => self.apply_reference(*record, name, *valid_from, value),
            Effect::Series { name, next, width } => {
                self.apply_series(name, *next, *width);
                Ok(())
            }
            Effect::Period { month, state } => {
                self.apply_period(*month, *state);
                Ok(())
            }
            Effect::NaturalKey(hash) => self.apply_natural_key(*hash),
            Effect::Reversed { entry, by } => self.apply_reversed(*entry, *by),
            Effect::Alarm { work, about, at } => {
                self.apply_alarm(*work, about, *at);
                Ok(())
            }
            Effect::Keep { document, job } => self.apply_keep(document, job.as_deref()),
            Effect::Carried(carried) => self.apply_carried(carried),
        }
    }

    /// Say that an outcome took the next sequence.
    pub fn apply_outcome(&mut self, sequence: Sequence) -> Result<(), Inconsistent> {
        if sequence != self.next_sequence {
            return Err(self.odd(format!("sequence {sequence} after {}", self.next_sequence)));
        }
        self.next_sequence = sequence.next();
        Ok(())
    }

    fn odd(&self, what: impl Into<String>) -> Inconsistent {
        Inconsistent {
            book: self.name.to_string(),
            what: what.into(),
        }
    }

    fn apply_post(&mut self, post: &Post, legs: &[Leg]) -> Result<(), Inconsistent> {
        if !post.opening {
            if post.number != self.next_entry {
                return Err(self.odd(format!("entry {} after {}", post.number, self.next_entry)));
            }
            self.next_entry = post.number.next();
            if !self.is_open(post.booking_date) {
                self.months.name(post.booking_date);
                let month = post.booking_date.month();
                let open = self.period(month) == PeriodState::Open;
                self.open_days = month.first_day().zip(month.last_day()).filter(|_| open);
            }
        }
        for leg in slice(legs, &post.legs) {
            let amount = Minor::from(leg.amount);
            let by_month = self.count(leg.account, |counters| match leg.side {
                Side::Debit => counters.debits_posted += amount,
                Side::Credit => counters.credits_posted += amount,
            })?;
            if by_month && !post.opening {
                let debit = match leg.side {
                    Side::Debit => amount,
                    Side::Credit => -amount,
                };
                self.months.add(post.booking_date, leg.account, debit);
            }
        }
        Ok(())
    }

    fn count(
        &mut self,
        index: AccountIndex,
        change: impl FnOnce(&mut super::account::Counters),
    ) -> Result<bool, Inconsistent> {
        let Some(account) = self.accounts.get_mut(index) else {
            return Err(self.odd(format!("no account at {index}")));
        };
        let mut counters = account.counters();
        let before = counters.balance(Side::Debit);
        self.digest
            .remove(counters_fact(account.name_number, counters.list()));
        change(&mut counters);
        self.digest
            .add(counters_fact(account.name_number, counters.list()));
        account.set_counters(&counters);
        if let Some(difference) = self.differences.get_mut(account.unit.slot()) {
            *difference += counters.balance(Side::Debit) - before;
        }
        Ok(account.by_month)
    }

    fn apply_number(&mut self, name: &str, number: u64) -> Result<(), Inconsistent> {
        let known = self.series(name);
        let Some(mut series) = known.filter(|series| series.next == number) else {
            return Err(self.odd(format!("number {number} is not the next of series {name}")));
        };
        series.next = number.saturating_add(1);
        self.put_series(name, series);
        Ok(())
    }

    fn apply_series(&mut self, name: &str, next: u64, width: u8) {
        self.series_listed = true;
        let first = self
            .series
            .get(name)
            .map_or(next, |known| known.first.min(next));
        self.put_series(name, Series { next, width, first });
    }

    fn put_series(&mut self, name: &str, series: Series) {
        let fact = |series: &Series| {
            let mut form = Canonical::fact("series");
            form.text(name)
                .number(series.next)
                .number(series.width)
                .finish()
        };
        if let Some(old) = self.series.insert(name.into(), series) {
            self.digest.remove(fact(&old));
        }
        self.digest.add(fact(&series));
    }

    fn apply_document(&mut self, change: &DocumentChange) -> Result<(), Inconsistent> {
        let mut members: Members = Members::new();
        if let Some(old) = self.documents.holder(change.kind, &change.number) {
            if change.version <= 1 || old.kind != change.kind {
                return Err(self.odd(format!("document {} began before", change.number)));
            }
            members.clone_from(&old.members);
        }
        for (name, value) in &change.set {
            set_member(&mut members, name.clone(), value.clone());
        }
        let document = Document {
            kind: change.kind,
            state: change.state,
            version: change.version,
            unit: change.unit,
            party: change.party.clone(),
            due: change.due,
            open: change.open,
            members,
        };
        let (before, after) = self.documents.put(&change.number, document);
        if let Some(before) = before {
            self.digest.remove(before);
        }
        self.digest.add(after);
        Ok(())
    }

    fn apply_account_opened(&mut self, opened: &AccountOpened) -> Result<(), Inconsistent> {
        if self.accounts.find(&opened.name).is_some() {
            return Err(self.odd(format!("account {} was opened before", opened.name)));
        }
        if self.units.get(opened.unit).is_none() {
            return Err(self.odd(format!("no unit at {}", opened.unit)));
        }
        let account = Account::new(&opened.name, opened.unit, opened.class);
        self.digest.add(counters_fact(
            account.name_number,
            account.counters().list(),
        ));
        self.digest.add(account_fact(&account, &self.units));
        let Some(index) = self.accounts.add(account) else {
            return Err(self.odd("too many accounts"));
        };
        self.apply_account_changed(index, &opened.change)
    }

    fn apply_account_changed(
        &mut self,
        index: AccountIndex,
        change: &AccountChange,
    ) -> Result<(), Inconsistent> {
        let Some(account) = self.accounts.get_mut(index) else {
            return Err(self.odd(format!("no account at {index}")));
        };
        if change == &AccountChange::default() {
            return Ok(());
        }
        self.digest.remove(account_fact(account, &self.units));
        change_account(account, change);
        self.digest.add(account_fact(account, &self.units));
        Ok(())
    }

    fn apply_reference(
        &mut self,
        record: Record,
        name: &str,
        valid_from: Option<Date>,
        value: &RawJson,
    ) -> Result<(), Inconsistent> {
        self.series_listed |= record == Record::Series;
        let count = self.reference.versions(record, name).len();
        let number = u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
        let mut form = Canonical::fact("reference");
        form.text(record.text())
            .text(name)
            .number(number)
            .text(value.text());
        form.number(valid_from.map_or(i32::MIN, Date::days));
        self.digest.add(form.finish());
        let version = Version {
            number,
            valid_from,
            value: value.clone(),
        };
        let set = self.reference.set(record, name, version);
        set.map_err(|what| self.odd(format!("{} {name}: {what}", record.text())))
    }

    fn apply_natural_key(&mut self, hash: Hash128) -> Result<(), Inconsistent> {
        if !self.natural_keys.insert(hash) {
            return Err(self.odd("a natural key was taken before"));
        }
        self.digest.add(hash.0);
        Ok(())
    }

    fn apply_reversed(&mut self, entry: EntryNo, by: EntryNo) -> Result<(), Inconsistent> {
        if self.reversed.insert(entry, by).is_some() {
            return Err(self.odd(format!("entry {entry} was reversed before")));
        }
        let mut form = Canonical::fact("reversed");
        form.number(entry.0).number(by.0);
        self.digest.add(form.finish());
        Ok(())
    }
}

fn change_account(account: &mut Account, change: &AccountChange) {
    if let Some(freeze) = change.freeze {
        account.freeze = freeze;
    }
    account.closed |= change.closed;
    let extra = account.extra_mut();
    extra.version = extra.version.saturating_add(1);
    if change.min_available.is_some() {
        extra.min_available = change.min_available;
    }
    if change.max_balance.is_some() {
        extra.max_balance = change.max_balance;
    }
    if let Some(labels) = &change.labels {
        extra.labels = labels.iter().cloned().collect();
    }
    if let Some(text) = &change.text {
        extra.text = Some(text.as_slice().into());
    }
}
