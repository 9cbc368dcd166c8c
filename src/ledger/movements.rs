//! What moved on an account, day by day of its value dates.

use std::collections::BTreeMap;

use super::effect::Post;
use super::leg::{Leg, Side};
use super::plan::Movement;
use crate::ids::AccountIndex;
use crate::money::Minor;
use crate::time::Date;

/// The sums of an account, while its entries are gone through.
#[derive(Clone, Debug)]
pub struct Movements {
    account: AccountIndex,
    days: BTreeMap<Date, Minor>,
}

impl Movements {
    /// Nothing has moved yet.
    pub fn of(account: AccountIndex) -> Self {
        Self {
            account,
            days: BTreeMap::new(),
        }
    }

    /// An entry was posted.
    pub fn add(&mut self, post: &Post, legs: &[Leg]) {
        for leg in legs.iter().filter(|leg| leg.account == self.account) {
            let amount = Minor::from(leg.amount);
            let day = self.days.entry(leg.value_date.unwrap_or(post.value_date));
            *day.or_default() += match leg.side {
                Side::Debit => amount,
                Side::Credit => -amount,
            };
        }
    }

    /// Debits less credits of each value date, in order.
    pub fn list(self) -> Vec<Movement> {
        self.days.into_iter().collect()
    }
}
