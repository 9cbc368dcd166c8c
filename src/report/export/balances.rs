//! Balances as they stand at the end of every month, debits positive.

use std::collections::BTreeMap;

use super::signed;
use crate::ids::AccountIndex;
use crate::ledger::Leg;
use crate::money::Minor;
use crate::time::{Date, Month};

/// Balances by account.
pub(super) type Sums = BTreeMap<AccountIndex, Minor>;

/// What stood before, and what moved in each month.
#[derive(Debug, Default)]
pub(super) struct Balances {
    before: Sums,
    moved: BTreeMap<Month, Sums>,
    last: Option<Date>,
}

/// The end of a month, or of the export.
pub(super) struct Point<'p> {
    /// The day at whose end the balances stand.
    pub(super) day: Date,
    /// All balances.
    pub(super) all: &'p Sums,
    /// The accounts that are worth an assertion.
    pub(super) accounts: Vec<AccountIndex>,
}

impl Balances {
    /// Legs of before the first day.
    pub(super) fn bring(&mut self, legs: &[Leg]) {
        add(&mut self.before, legs);
    }

    /// Legs of a day.
    pub(super) fn add(&mut self, day: Date, legs: &[Leg]) {
        add(self.moved.entry(day.month()).or_default(), legs);
        self.last = self.last.max(Some(day));
    }

    /// What stood before the first day, without what was nothing.
    pub(super) fn before(&self) -> impl Iterator<Item = (AccountIndex, Minor)> {
        let sums = self.before.iter().map(|(account, sum)| (*account, *sum));
        sums.filter(|(_, sum)| *sum != 0)
    }

    /// Visit the ends of months before the last day, with the accounts that moved in them, and the
    /// last day with all accounts.
    pub(super) fn points(&self, to: Option<Date>, visit: &mut dyn FnMut(&Point<'_>)) {
        let Some(end) = to.or(self.last) else {
            return;
        };
        let mut all = self.before.clone();
        for (month, moved) in &self.moved {
            for (account, sum) in moved {
                *all.entry(*account).or_default() += sum;
            }
            if let Some(day) = month.last_day().filter(|day| *day < end) {
                let accounts = moved.keys().copied().collect();
                let all = &all;
                visit(&Point { day, all, accounts });
            }
        }
        visit(&Point {
            day: end,
            all: &all,
            accounts: all.keys().copied().collect(),
        });
    }
}

fn add(sums: &mut Sums, legs: &[Leg]) {
    for leg in legs {
        *sums.entry(leg.account).or_default() += signed(leg);
    }
}
