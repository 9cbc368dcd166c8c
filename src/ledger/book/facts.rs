//! What a book's digest is taken over, in the canonical form of [`Canonical`].

use crate::ledger::account::Account;
use crate::ledger::digest::Canonical;
use crate::ledger::hold::Hold;
use crate::ledger::leg::Side;
use crate::ledger::unit::Units;
use crate::money::Minor;

pub(super) fn account_fact(account: &Account, units: &Units) -> u128 {
    let mut form = Canonical::fact("account");
    form.text(&account.name)
        .text(units.code(account.unit))
        .number(account.class.number());
    form.number(account.freeze.number())
        .number(u8::from(account.closed));
    if let Some(extra) = &account.extra {
        form.number(extra.version)
            .number(extra.min_available.unwrap_or(Minor::MIN));
        form.number(extra.max_balance.unwrap_or(Minor::MAX));
        for (name, value) in &extra.labels {
            form.text(name).text(value);
        }
    }
    form.finish()
}

pub(super) fn hold_fact(number: &str, hold: &Hold) -> u128 {
    let mut form = Canonical::fact("hold");
    form.text(number).number(hold.state.number());
    form.number(hold.expires_at.map_or(i64::MAX, |at| at.0));
    for (leg, rest) in hold.placed.iter().zip(&hold.rest) {
        form.number(leg.account.0)
            .number(u8::from(leg.side == Side::Debit))
            .number(*rest);
    }
    form.finish()
}
