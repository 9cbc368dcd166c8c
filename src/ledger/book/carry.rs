//! A book as effects: what a snapshot writes, and what rebuilds an equal book from nothing.
//!
//! Most of a book's state is said again by the effects that made it: units, accounts, holds,
//! documents, reference data. What is the sum of many effects (counters, numbers) has effects of
//! its own, [`Carried`], which set instead of add. Their order matters: an account needs its unit,
//! a hold its accounts, and the counters come last, because holds count on their way in.

use super::{Book, Inconsistent, account_fact};
use crate::ids::AccountIndex;
use crate::ledger::account::{Account, AccountExtra, Counters, Freeze};
use crate::ledger::digest::counters_fact;
use crate::ledger::document::Document;
use crate::ledger::effect::{
    AccountChange, AccountOpened, Carried, DocumentChange, Effect, HoldPlaced,
};
use crate::ledger::hold::{HeldLeg, Hold, HoldState};
use crate::ledger::leg::{Leg, Side};
use crate::ledger::reference::{Record, Version};
use crate::ledger::series::Series;

impl Book {
    /// Give the effects that rebuild the book, in order, each with its own legs. One at a time, so
    /// that a book of millions of accounts is never there twice.
    pub fn carry<E>(
        &self,
        each: &mut impl FnMut(Effect, &[Leg]) -> Result<(), E>,
    ) -> Result<(), E> {
        for unit in self.units.iter() {
            let (code, decimals, until) = (unit.code.clone(), unit.decimals, unit.until);
            each(
                Effect::Unit {
                    code,
                    decimals,
                    until,
                },
                &[],
            )?;
        }
        self.carry_reference(each)?;
        for (_, account) in self.accounts.iter() {
            each(Effect::AccountOpened(Box::new(opened(account))), &[])?;
        }
        for (number, hold) in self.holds.iter() {
            carry_hold(&number, hold, each)?;
        }
        for (number, document) in self.documents.iter() {
            each(Effect::Document(Box::new(begun(number, document))), &[])?;
        }
        self.carry_waiting(each)?;
        for hash in &self.natural_keys {
            each(Effect::NaturalKey(*hash), &[])?;
        }
        for (entry, by) in &self.reversed {
            let (entry, by) = (*entry, *by);
            each(Effect::Reversed { entry, by }, &[])?;
        }
        self.carry_totals(each)
    }

    /// Reference data and months. The versions of a record go in the order in which they were set:
    /// among those with the same first day the last one holds.
    fn carry_reference<E>(
        &self,
        each: &mut impl FnMut(Effect, &[Leg]) -> Result<(), E>,
    ) -> Result<(), E> {
        for (record, name, versions) in self.reference.iter() {
            let mut versions: Vec<&Version> = versions.iter().collect();
            versions.sort_unstable_by_key(|version| version.number);
            for version in versions {
                each(reference(record, name, version), &[])?;
            }
        }
        for (month, state) in &self.periods {
            let (month, state) = (*month, *state);
            each(Effect::Period { month, state }, &[])?;
        }
        Ok(())
    }

    /// Alarms, and the jobs that documents keep.
    fn carry_waiting<E>(
        &self,
        each: &mut impl FnMut(Effect, &[Leg]) -> Result<(), E>,
    ) -> Result<(), E> {
        for alarm in self.alarms.iter() {
            let (work, about, at) = (alarm.work, alarm.about.clone(), Some(alarm.at));
            each(Effect::Alarm { work, about, at }, &[])?;
        }
        for (document, job) in &self.kept {
            let (document, job) = (document.clone(), Some(Box::new(job.clone())));
            each(Effect::Keep { document, job }, &[])?;
        }
        Ok(())
    }

    fn carry_totals<E>(
        &self,
        each: &mut impl FnMut(Effect, &[Leg]) -> Result<(), E>,
    ) -> Result<(), E> {
        for (index, account) in self.accounts.iter() {
            let carried = Carried::Account {
                account: index,
                counters: account.counters().list(),
                version: account.extra().map_or(0, |extra| extra.version),
            };
            each(Effect::Carried(carried), &[])?;
        }
        for (name, series) in &self.series {
            let Series { next, width, first } = *series;
            let (name, listed) = (name.clone(), self.series_listed);
            let carried = Carried::Series {
                name,
                next,
                width,
                first,
                listed,
            };
            each(Effect::Carried(carried), &[])?;
        }
        for (month, moved) in self.months.iter() {
            let moved = moved.iter().map(|(account, debit)| (*account, *debit));
            let moved = moved.collect();
            each(Effect::Carried(Carried::Month { month, moved }), &[])?;
        }
        let carried = Carried::Book {
            next_entry: self.next_entry,
            next_sequence: self.next_sequence,
        };
        each(Effect::Carried(carried), &[])
    }

    pub(super) fn apply_carried(&mut self, carried: &Carried) -> Result<(), Inconsistent> {
        match carried {
            Carried::Account {
                account,
                counters,
                version,
            } => self.carry_account(*account, *counters, *version),
            Carried::Series {
                name,
                next,
                width,
                first,
                listed,
            } => {
                self.series_listed |= listed;
                let (next, width, first) = (*next, *width, *first);
                self.put_series(name, Series { next, width, first });
                Ok(())
            }
            Carried::Month { month, moved } => {
                self.months.carry(*month, moved);
                Ok(())
            }
            Carried::Book {
                next_entry,
                next_sequence,
            } => {
                self.next_entry = *next_entry;
                self.next_sequence = *next_sequence;
                Ok(())
            }
        }
    }

    fn carry_account(
        &mut self,
        index: AccountIndex,
        counters: [i128; 4],
        version: u32,
    ) -> Result<(), Inconsistent> {
        let Some(account) = self.accounts.get_mut(index) else {
            return Err(self.odd(format!("no account at {index}")));
        };
        let [debits_posted, credits_posted, debits_held, credits_held] = counters;
        let name = account.name_number;
        let before = account.counters();
        self.digest.remove(counters_fact(name, before.list()));
        self.digest.add(counters_fact(name, counters));
        let after = Counters {
            debits_posted,
            credits_posted,
            debits_held,
            credits_held,
        };
        account.set_counters(&after);
        if let Some(difference) = self.differences.get_mut(account.unit.slot()) {
            *difference += after.balance(Side::Debit) - before.balance(Side::Debit);
        }
        if version > 0 {
            self.digest.remove(account_fact(account, &self.units));
            account.extra_mut().version = version;
            self.digest.add(account_fact(account, &self.units));
        }
        Ok(())
    }
}

fn reference(record: Record, name: &str, version: &Version) -> Effect {
    Effect::Reference {
        record,
        name: name.into(),
        valid_from: version.valid_from,
        value: version.value.clone(),
    }
}

fn opened(account: &Account) -> AccountOpened {
    let extra = account.extra();
    let labels = extra.filter(|extra| !extra.labels.is_empty());
    let pairs = |extra: &AccountExtra| extra.labels.clone().into_iter().collect();
    AccountOpened {
        name: account.name.as_str().into(),
        unit: account.unit,
        class: account.class,
        change: AccountChange {
            min_available: account.min_available(),
            max_balance: account.max_balance(),
            freeze: (account.freeze != Freeze::None).then_some(account.freeze),
            labels: labels.map(pairs),
            text: extra.and_then(|extra| extra.text.as_ref().map(|text| text.to_vec())),
            closed: account.closed,
        },
    }
}

fn begun(number: &str, document: &Document) -> DocumentChange {
    DocumentChange {
        number: number.into(),
        kind: document.kind,
        state: document.state,
        version: document.version,
        unit: document.unit,
        party: document.party.clone(),
        due: document.due,
        open: document.open,
        set: document.members.clone(),
    }
}

/// A hold as placed, then what was given back of it. One that is over has no legs any more.
fn carry_hold<E>(
    number: &str,
    hold: &Hold,
    each: &mut impl FnMut(Effect, &[Leg]) -> Result<(), E>,
) -> Result<(), E> {
    let legs_of = |amount: fn(&HeldLeg) -> i64| -> Vec<Leg> {
        let leg = |held: &HeldLeg| Leg {
            account: held.account,
            side: held.side,
            amount: amount(held),
            value_date: None,
        };
        hold.legs.iter().map(leg).collect()
    };
    let legs = 0..u32::try_from(hold.legs.len()).unwrap_or(u32::MAX);
    let placed = HoldPlaced {
        number: number.into(),
        legs: legs.clone(),
        expires_at: hold.expires_at(),
        owner: hold.owner().map(Into::into),
        document_ref: hold.document_ref().map(Into::into),
    };
    each(Effect::Hold(Box::new(placed)), &legs_of(|held| held.placed))?;
    let given_back = legs_of(|held| held.placed - held.rest);
    let whole = given_back.iter().all(|leg| leg.amount == 0);
    if whole && hold.state == HoldState::Placed {
        return Ok(());
    }
    let release = Effect::Release {
        number: number.into(),
        legs,
        state: hold.state,
    };
    each(release, &given_back)
}
