//! The company's own arithmetic: what it believes its accounts to hold.
//!
//! Deliberately simple and without any help of kontor's code for money: cents in whole numbers,
//! debits positive, credits negative.

use std::collections::BTreeMap;

/// What the accounts should hold, by name.
#[derive(Debug, Default)]
pub(in crate::command::demo) struct Ledger(BTreeMap<String, i64>);

impl Ledger {
    /// An account with nothing on it.
    pub(super) fn open(&mut self, account: &str) {
        self.0.insert(account.to_owned(), 0);
    }

    /// So much from one account to another: the first is debited.
    pub(super) fn entry(&mut self, debit: &str, credit: &str, minor: i64) {
        self.add(debit, minor);
        self.add(credit, minor.saturating_neg());
    }

    /// One side of an entry of many legs; credits are negative.
    pub(super) fn add(&mut self, account: &str, minor: i64) {
        let balance = self.0.entry(account.to_owned()).or_default();
        *balance = balance.saturating_add(minor);
    }

    /// What should be on an account, debits positive.
    pub(in crate::command::demo) fn get(&self, account: &str) -> i64 {
        self.0.get(account).copied().unwrap_or_default()
    }

    /// All accounts with what should be on them.
    pub(in crate::command::demo) fn accounts(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0
            .iter()
            .map(|(account, minor)| (account.as_str(), *minor))
    }
}

/// Cents as a job says them: `1250.00`.
pub(in crate::command::demo) fn amount(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let (whole, part) = (
        minor.unsigned_abs().div_euclid(100),
        minor.unsigned_abs().rem_euclid(100),
    );
    format!("{sign}{whole}.{part:02}")
}

/// Cents of an amount in whole euro or dollars and cents.
pub(in crate::command::demo) const fn minor_of(whole: i64, part: i64) -> i64 {
    whole * 100 + part
}

/// Tax of a net amount by whole percents, to the nearest cent, half up.
pub(super) fn tax(net: i64, percent: i64) -> i64 {
    net.saturating_mul(percent)
        .saturating_add(50)
        .div_euclid(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_taxes_are_what_an_accountant_says() {
        assert_eq!(
            (amount(-5), amount(125_000)),
            ("-0.05".into(), "1250.00".into())
        );
        assert_eq!((tax(10_000, 19), tax(250, 7), tax(50, 7)), (1_900, 18, 4));
    }

    #[test]
    fn entries_leave_nothing_over() {
        let mut ledger = Ledger::default();
        ledger.open("bank");
        ledger.entry("bank", "equity", 100);
        assert_eq!((ledger.get("bank"), ledger.get("equity")), (100, -100));
        assert_eq!(ledger.accounts().map(|(_, minor)| minor).sum::<i64>(), 0);
    }
}
