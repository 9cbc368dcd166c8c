//! The months that hold entries and are not closed, with what moved in each on the accounts that a
//! hard close judges: income and expense, suspense, currency positions.
//!
//! Closing a period takes what stood there at its end, however much of the next one is booked
//! already: what stands on an account now, less what it moved in later months. A month leaves the
//! list when it is closed, so the list stays as short as the books are open.

use std::collections::BTreeMap;

use super::account::Accounts;
use super::leg::Side;
use crate::ids::AccountIndex;
use crate::money::Minor;
use crate::time::{Date, Month};

/// What moved on accounts in a month: debits less credits.
pub type Moved = BTreeMap<AccountIndex, Minor>;

/// The months that hold entries and are not closed.
#[derive(Clone, Debug, Default)]
pub struct Months {
    moved: BTreeMap<Month, Moved>,
}

impl Months {
    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = (Month, &Moved)> {
        self.moved.iter().map(|(month, moved)| (*month, moved))
    }

    /// What an account moved in the months behind one.
    pub fn moved_after(&self, month: Month, account: AccountIndex) -> Minor {
        let later = self.moved.iter().rev();
        let later = later.take_while(|(known, _)| **known > month);
        later.filter_map(|(_, moved)| moved.get(&account)).sum()
    }

    /// What stood on an account at the end of a month that is not closed, debits less credits; only
    /// of accounts that are counted by months.
    pub fn stood(&self, accounts: &Accounts, index: AccountIndex, month: Month) -> Minor {
        let account = accounts.get(index);
        let now = account.map_or(0, |account| account.counters().balance(Side::Debit));
        now - self.moved_after(month, index)
    }

    /// An entry was booked on a day.
    pub(super) fn name(&mut self, day: Date) {
        self.moved.entry(day.month()).or_default();
    }

    /// An account that is counted by months moved in an entry of a day.
    pub(super) fn add(&mut self, day: Date, account: AccountIndex, debit: Minor) {
        let moved = self.moved.entry(day.month()).or_default();
        *moved.entry(account).or_default() += debit;
    }

    /// A month was closed.
    pub(super) fn close(&mut self, month: Month) {
        self.moved.remove(&month);
    }

    /// A month as a snapshot carried it.
    pub(super) fn carry(&mut self, month: Month, moved: &[(AccountIndex, Minor)]) {
        self.moved.insert(month, moved.iter().copied().collect());
    }
}
