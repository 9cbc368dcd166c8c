//! What a book's digest is taken over, in the canonical form of [`Canonical`].

use crate::ledger::account::Account;
use crate::ledger::digest::Canonical;
use crate::ledger::unit::Units;
use crate::money::Minor;

pub(super) fn account_fact(account: &Account, units: &Units) -> u128 {
    let mut form = Canonical::fact("account");
    form.text(&account.name)
        .text(units.code(account.unit))
        .number(account.class.number());
    form.number(account.freeze.number())
        .number(u8::from(account.closed));
    if let Some(extra) = account.extra() {
        form.number(extra.version)
            .number(extra.min_available.unwrap_or(Minor::MIN));
        form.number(extra.max_balance.unwrap_or(Minor::MAX));
        for (name, value) in &extra.labels {
            form.text(name).text(value);
        }
    }
    form.finish()
}
