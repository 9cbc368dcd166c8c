//! A small company and the jobs of its day.
//!
//! Nordlicht GmbH sells consulting, handbooks and cable sets, runs a shop, keeps its staff's
//! shares, and pays those who work from home. The same seed makes the same day. Besides each job
//! the company works out what it means, in [`Ledger`], by arithmetic of its own: so what kontor
//! says at the end is compared with something that kontor had no part in.
//!
//! | File          | Jobs                                                            |
//! |---------------|-----------------------------------------------------------------|
//! | `chart.rs`    | accounts, tax codes, capital                                    |
//! | `sales.rs`    | invoices with VAT                                               |
//! | `bank.rs`     | payments, matched or not, and their allocation                  |
//! | `shop.rs`     | entries of the till, many a message                             |
//! | `shares.rs`   | delivery against payment                                        |
//! | `mistakes.rs` | what is refused, what comes twice, what cannot be read          |
//! | `remote.rs`   | the year of remote work                                         |
//! | `ledger.rs`   | the company's own arithmetic                                    |

pub(super) mod bank;
pub(super) mod chart;
pub(super) mod ledger;
pub(super) mod mistakes;
pub(super) mod remote;
pub(super) mod sales;
pub(super) mod shares;
pub(super) mod shop;

use anyhow::Context;

use crate::simulator::Chance;
use crate::time::{Clock, Date, SystemClock, Zone};
use ledger::Ledger;

/// Where the company sits, and so when its day begins.
pub(super) const TIME_ZONE: &str = "Europe/Berlin";

/// How much happens on the day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Customers, each with an account.
    pub(super) customers: usize,
    /// Invoices issued.
    pub(super) invoices: usize,
    /// Sales in each message of the till.
    pub(super) sales: usize,
    /// Sales that are under way when the power fails.
    pub(super) late_sales: usize,
}

impl Size {
    /// A whole day.
    pub(super) const DAY: Self = Self {
        customers: 48,
        invoices: 600,
        sales: 1_000,
        late_sales: 1_000,
    };
    /// A short one.
    pub(super) const SHORT: Self = Self {
        customers: 12,
        invoices: 60,
        sales: 200,
        late_sales: 300,
    };
}

/// The company on its day.
#[derive(Debug)]
pub(super) struct Company {
    /// How much happens.
    pub(super) size: Size,
    /// The day, where the company is.
    pub(super) today: Date,
    /// What it expects of the books.
    pub(super) ledger: Ledger,
    chance: Chance,
}

impl Company {
    /// The company of a seed, today.
    pub(super) fn new(size: Size, seed: u64) -> anyhow::Result<Self> {
        let zone = Zone::find(TIME_ZONE).context("the time zone is not in this binary")?;
        Ok(Self {
            size,
            today: zone.date(SystemClock::new().now()),
            ledger: Ledger::default(),
            chance: Chance::new(seed),
        })
    }

    /// A whole number from `first` to `last`.
    fn between(&mut self, first: i64, last: i64) -> i64 {
        let span = u64::try_from(last.saturating_sub(first)).unwrap_or_default();
        let step = i64::try_from(self.chance.up_to(span)).unwrap_or_default();
        first.saturating_add(step)
    }

    /// One of several.
    fn one_of<T: Copy>(&mut self, several: &[T]) -> Option<T> {
        let last = i64::try_from(several.len()).ok()?.checked_sub(1)?;
        let at = usize::try_from(self.between(0, last)).ok()?;
        several.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::Order;
    use super::*;

    /// Everything a company sends that depends on its seed.
    fn day(seed: u64) -> (Vec<String>, i64) {
        let mut company = Company::new(Size::SHORT, seed).unwrap();
        company.open_accounts();
        let (invoices, _) = company.invoices();
        let numbers = (1..).map(|number| format!("RE-2026-{number:06}"));
        let numbered: Vec<_> = invoices.into_iter().zip(numbers).collect();
        let payments = company.payments(&numbered).orders;
        let sales = company.sales("till", 20);
        let orders = numbered.iter().map(|(invoice, _)| &invoice.order);
        let messages = orders.chain(&payments).chain(&sales).map(Order::message);
        let sum = company.ledger.accounts().map(|(_, minor)| minor).sum();
        (messages.collect(), sum)
    }

    #[test]
    fn the_same_seed_makes_the_same_day_and_nothing_is_left_over() {
        assert_eq!(day(7), day(7));
        assert_ne!(day(7).0, day(8).0);
        assert_eq!(
            day(7).1,
            0,
            "debits and credits of the company's own arithmetic"
        );
    }
}
