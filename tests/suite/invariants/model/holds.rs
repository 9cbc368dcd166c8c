//! I7: what a hold placed is what was taken, what was given back, and what is left.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::accounts::Accounts;
use super::{Act, Finding, Nano, must, nano, of};

/// A side of an account in a hold; debits are positive.
#[derive(Debug)]
struct Side {
    account: String,
    placed: Nano,
    taken: Nano,
    dropped: Nano,
}

impl Side {
    fn rest(&self) -> Nano {
        self.placed - self.taken - self.dropped
    }
}

#[derive(Debug)]
struct Hold {
    sides: Vec<Side>,
    /// The unit that captures are measured in.
    unit: String,
    live: bool,
    /// The request that it was placed for.
    owner: Option<String>,
}

/// All holds by number.
#[derive(Debug, Default)]
pub(super) struct Holds {
    all: BTreeMap<String, Hold>,
}

/// The legs that a job's data name, debits positive, and the account of the first.
fn legs(data: &Json) -> Vec<(String, Nano)> {
    let text = |json: &Json, name: &str| json[name].as_str().map(str::to_owned);
    if let Some(legs) = data["legs"].as_array() {
        let leg = |leg: &Json| {
            let amount = of(leg, "amount");
            let debit = text(leg, "dr").map(|account| (account, amount));
            debit.or_else(|| text(leg, "cr").map(|account| (account, -amount)))
        };
        return legs.iter().filter_map(leg).collect();
    }
    if let Some(customer) = text(data, "customer") {
        // A refund: from the customer's credit to the bank.
        let (amount, bank) = (of(data, "amount"), text(data, "bank").unwrap_or_default());
        return vec![(format!("credit/{customer}"), amount), (bank, -amount)];
    }
    let amount = of(data, "amount");
    let debit = text(data, "debit").map(|account| (account, amount));
    let credit = text(data, "credit").map(|account| (account, -amount));
    debit.into_iter().chain(credit).collect()
}

impl Hold {
    fn new(legs: Vec<(String, Nano)>, owner: Option<String>, accounts: &Accounts) -> Self {
        let unit = legs
            .first()
            .map_or("", |(account, _)| accounts.unit(account));
        let mut sides: Vec<Side> = Vec::new();
        let unit = unit.to_owned();
        for (account, amount) in legs {
            let same = |side: &&mut Side| {
                side.account == account && side.placed.signum() == amount.signum()
            };
            match sides.iter_mut().find(same) {
                Some(side) => side.placed += amount,
                None => sides.push(Side {
                    account,
                    placed: amount,
                    taken: 0,
                    dropped: 0,
                }),
            }
        }
        Self {
            sides,
            unit,
            live: true,
            owner,
        }
    }

    /// What is left, as outcomes show it: the debits in the unit of the first leg.
    fn measured(&self, accounts: &Accounts) -> Nano {
        let measured = self
            .sides
            .iter()
            .filter(|side| side.placed > 0 && accounts.unit(&side.account) == self.unit);
        measured.map(Side::rest).sum()
    }

    /// Give the whole rest back.
    fn drop_rest(&mut self, accounts: &mut Accounts) {
        self.live = false;
        for side in &mut self.sides {
            let rest = side.rest();
            accounts.let_go(&side.account, rest);
            side.dropped += rest;
        }
    }
}

impl Holds {
    /// Follow what becomes of holds.
    pub(super) fn follow(
        &mut self,
        act: &Act<'_>,
        asked: &BTreeMap<String, (String, Json, Option<String>)>,
        accounts: &mut Accounts,
    ) -> Result<(), Finding> {
        match act.kind() {
            "hold.expire" => {
                accounts.seen.insert("a hold that expired");
                self.ended(
                    act,
                    act.word("hold").unwrap_or_default(),
                    "amount",
                    accounts,
                )
            }
            "hold.place" => self.placed(act, act.data, None, accounts),
            "hold.capture" => self.captured(act, accounts),
            "hold.void" => self.ended(act, act.given("hold"), "released", accounts),
            "approval.request" if act.word("status") == Some("pending_approval") => {
                let owner = act.word("request").map(str::to_owned);
                self.placed(act, &act.data["job"]["data"], owner, accounts)
            }
            // The request is decided or over: whatever it held is let go.
            "approval.request" | "approval.decide" => {
                let pending = act.outcome.get("needs").is_some();
                let request = act.word("request").filter(|_| !pending);
                if let Some(request) = request.filter(|request| asked.contains_key(*request)) {
                    let owned = |hold: &&mut Hold| hold.owner.as_deref() == Some(request);
                    if let Some(hold) = self.all.values_mut().find(owned) {
                        accounts.seen.insert("a reserve let go");
                        hold.drop_rest(accounts);
                    }
                }
                Ok(())
            }
            _other => Ok(()),
        }
    }

    fn placed(
        &mut self,
        act: &Act<'_>,
        data: &Json,
        owner: Option<String>,
        accounts: &mut Accounts,
    ) -> Result<(), Finding> {
        let Some(number) = act.word("hold") else {
            return Ok(());
        };
        let legs = legs(data);
        for (account, amount) in &legs {
            accounts.hold(account, *amount);
        }
        let hold = Hold::new(legs, owner, accounts);
        let mut sums: BTreeMap<&str, Nano> = BTreeMap::new();
        for side in &hold.sides {
            *sums.entry(accounts.unit(&side.account)).or_default() += side.placed;
        }
        let balanced = sums.values().all(|sum| *sum == 0);
        must!(balanced, "I2", "{number} does not balance: {sums:?}");
        must!(
            self.all.insert(number.to_owned(), hold).is_none(),
            "I4",
            "{number} comes again"
        );
        Ok(())
    }

    fn live(&mut self, number: &str) -> Result<&mut Hold, Finding> {
        let hold = self.all.get_mut(number).filter(|hold| hold.live);
        hold.ok_or_else(|| Finding::new("I7", format!("{number} is over or was never placed")))
    }

    fn captured(&mut self, act: &Act<'_>, accounts: &mut Accounts) -> Result<(), Finding> {
        let number = act.given("hold");
        let hold = self.live(number)?;
        let before = hold.measured(accounts);
        for leg in act.entries.iter().flat_map(|entry| &entry.legs) {
            let mut sides = hold.sides.iter_mut();
            let side = sides.find(|side| {
                side.account == leg.account && side.placed.signum() == leg.amount.signum()
            });
            let Some(side) = side else {
                must!(
                    false,
                    "I7",
                    "{number} posts to {}, which it did not hold",
                    leg.account
                );
                continue;
            };
            side.taken += leg.amount;
            accounts.let_go(&leg.account, leg.amount);
            let left = side.rest();
            let kept = left == 0 || left.signum() == side.placed.signum();
            must!(kept, "I7", "{number} has {left} left on {}", side.account);
        }
        let rest = hold.measured(accounts);
        let asked = act.data["amount"].as_str().map_or(before, nano);
        must!(
            before - rest == asked,
            "I7",
            "{number} gave {} of {asked}",
            before - rest
        );
        if act.data["final"] == true || act.data["final"].is_null() {
            let released = of(act.outcome, "released");
            must!(
                released == rest,
                "I7",
                "{number} released {released}, had {rest}"
            );
            must!(of(act.outcome, "remaining") == 0, "I7", "{}", act.outcome);
            hold.drop_rest(accounts);
        } else {
            let remaining = of(act.outcome, "remaining");
            must!(
                remaining == rest,
                "I7",
                "{number} has {rest} left, shows {remaining}"
            );
            if rest == 0 {
                hold.drop_rest(accounts);
            }
        }
        if hold.sides.len() > 2 {
            accounts.seen.insert("a part of many legs");
        }
        Ok(())
    }

    fn ended(
        &mut self,
        act: &Act<'_>,
        number: &str,
        shown: &str,
        accounts: &mut Accounts,
    ) -> Result<(), Finding> {
        let hold = self.live(number)?;
        let (rest, shown) = (hold.measured(accounts), of(act.outcome, shown));
        must!(
            rest == shown,
            "I7",
            "{number} gives {rest} back, shows {shown}"
        );
        hold.drop_rest(accounts);
        Ok(())
    }

    /// What is held on every account, both sides added, is the rests of the live holds.
    pub(super) fn reported(&self, held: &Json) -> Result<(), Finding> {
        let mut rests: BTreeMap<&str, Nano> = BTreeMap::new();
        for (number, hold) in &self.all {
            for side in &hold.sides {
                let rest = side.rest();
                must!(
                    hold.live || rest == 0,
                    "I7",
                    "{number} is over and holds {rest}"
                );
                *rests.entry(&side.account).or_default() += rest.abs();
            }
        }
        for (account, shown) in held.as_object().unwrap() {
            let known = rests.remove(account.as_str()).unwrap_or_default();
            let shown = shown.as_str().map_or(0, nano);
            must!(
                shown == known,
                "I7",
                "{account} holds {known}, shown as {shown}"
            );
        }
        Ok(())
    }
}
