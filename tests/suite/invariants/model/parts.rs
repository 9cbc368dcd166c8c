//! I12: what is divided adds up to the whole, at once and over time; I16 for what is delivered
//! against payment.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::accounts::{Accounts, Entry};
use super::amount::step;
use super::{Act, Finding, Nano, must, nano, of};

/// An amount that is earned or settled part by part.
#[derive(Debug, Default)]
struct Whole {
    total: Nano,
    done: Nano,
}

/// An instruction: quantity and cash.
#[derive(Debug, Default)]
struct Trade {
    quantity: Whole,
    cash: Whole,
    /// The smallest amount of cash.
    step: Nano,
}

/// What is divided, by number.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Amounts on schedule.
    schedules: BTreeMap<String, Whole>,
    /// The schedules of documents, by document.
    of_document: BTreeMap<String, String>,
    trades: BTreeMap<String, Trade>,
}

fn texts(json: &Json) -> Vec<&str> {
    let all = json.as_array().into_iter().flatten();
    all.filter_map(Json::as_str).collect()
}

fn sum(texts: &[&str]) -> Nano {
    texts.iter().map(|text| nano(text)).sum()
}

/// What entries debit.
fn debits(entries: &[Entry]) -> Nano {
    let legs = entries.iter().flat_map(|entry| &entry.legs);
    legs.map(|leg| leg.amount.max(0)).sum()
}

/// Parts by weights: none is a step or more away from its share, and they add up.
fn shares(act: &Act<'_>, whole: &str, weights: &[Nano]) -> Result<(), Finding> {
    let parts = texts(&act.outcome["allocation"]);
    let (whole, step) = (nano(whole), step(whole));
    must!(sum(&parts) == whole, "I12", "{parts:?} are not {whole}");
    must!(
        parts.len() == weights.len(),
        "I12",
        "{} parts: {weights:?}",
        parts.len()
    );
    let all: Nano = weights.iter().sum();
    for (part, weight) in parts.iter().zip(weights) {
        let off = (whole * weight - nano(part) * all).abs();
        must!(
            off < step * all,
            "I12",
            "{part} of {whole} by {weight} of {all}"
        );
    }
    Ok(())
}

fn weights(list: &Json, name: &str) -> Vec<Nano> {
    let all = list.as_array().into_iter().flatten();
    // In thousandths, so that products fit.
    all.map(|one| of(one, name).div_euclid(1_000_000)).collect()
}

impl Parts {
    pub(super) fn follow(&mut self, act: &Act<'_>, accounts: &Accounts) -> Result<(), Finding> {
        match act.kind() {
            "entry.allocate" => shares(
                act,
                act.given("amount"),
                &weights(&act.data["targets"], "weight"),
            ),
            "revenue.allocate" => {
                let obligations = &act.data["obligations"];
                shares(act, act.given("price"), &weights(obligations, "ssp"))
            }
            "batch.post" => {
                let stated = of(act.data, "control_sum");
                let posted = debits(act.entries);
                must!(
                    stated == posted,
                    "I12",
                    "{posted} of {stated}: {}",
                    act.outcome
                );
                Ok(())
            }
            "recurring.post" if act.word("total").is_some() => {
                let (shown, posted) = (of(act.outcome, "total"), debits(act.entries));
                must!(shown == posted, "I12", "{posted} is posted, {shown} shown");
                Ok(())
            }
            "revenue.schedule" => self.scheduled(act),
            "credit_note.issue" => {
                self.credited(act);
                Ok(())
            }
            "revenue.recognise" => self.recognised(act),
            "settlement.instruct" => {
                self.instructed(act);
                Ok(())
            }
            "settlement.attempt" => self.settled(act),
            "invoice.issue" | "subscription.renew" | "subscription.change"
                if act.outcome.get("document").is_some() =>
            {
                billed(act, accounts)
            }
            _other => Ok(()),
        }
    }

    fn scheduled(&mut self, act: &Act<'_>) -> Result<(), Finding> {
        let parts = texts(&act.outcome["amounts"]);
        let total = sum(&parts);
        if let Some(amount) = act.data["amount"].as_str() {
            must!(nano(amount) == total, "I12", "{parts:?} are not {amount}");
        }
        let number = act.word("schedule").unwrap_or_default().to_owned();
        let document = act.given("document").to_owned();
        self.of_document.insert(document, number.clone());
        self.schedules.insert(number, Whole { total, done: 0 });
        Ok(())
    }

    /// A credit note takes what waits off the schedule of its invoice.
    fn credited(&mut self, act: &Act<'_>) {
        let legs = act.entries.iter().flat_map(|entry| &entry.legs);
        let waited = legs.filter(|leg| leg.account.starts_with("deferred/"));
        let back: Nano = waited.map(|leg| leg.amount).sum();
        let schedule = self.of_document.get(act.given("invoice"));
        if let Some(whole) = schedule.and_then(|number| self.schedules.get_mut(number)) {
            whole.total -= back;
        }
    }

    fn recognised(&mut self, act: &Act<'_>) -> Result<(), Finding> {
        let (part, cumulative) = (of(act.outcome, "recognised"), of(act.outcome, "cumulative"));
        // A line that is negative is earned the other way round.
        let legs = act.entries.iter().flat_map(|entry| &entry.legs);
        let waited = legs.filter(|leg| leg.account.starts_with("deferred/"));
        let posted: Nano = waited.map(|leg| leg.amount).sum();
        must!(
            posted == part,
            "I12",
            "{part} is recognised and {posted} posted"
        );
        if let Some(whole) = self.schedules.get_mut(act.given("schedule")) {
            whole.done += part;
            must!(
                whole.done == cumulative,
                "I12",
                "{} so far: {}",
                whole.done,
                act.outcome
            );
            must!(
                whole.done <= whole.total,
                "I12",
                "{} of {}",
                whole.done,
                whole.total
            );
        }
        Ok(())
    }

    fn instructed(&mut self, act: &Act<'_>) {
        let cash = act.data["cash"]["amount"].as_str().unwrap_or("0.00");
        let trade = Trade {
            quantity: Whole {
                total: of(act.data, "quantity"),
                done: 0,
            },
            cash: Whole {
                total: nano(cash),
                done: 0,
            },
            step: step(cash),
        };
        let number = act.word("instruction").unwrap_or_default().to_owned();
        self.trades.insert(number, trade);
    }

    fn settled(&mut self, act: &Act<'_>) -> Result<(), Finding> {
        let number = act.given("instruction");
        let Some(trade) = self.trades.get_mut(number) else {
            must!(false, "I16", "{number} was never instructed");
            return Ok(());
        };
        trade.quantity.done += of(act.outcome, "quantity");
        trade.cash.done += of(act.outcome, "cash");
        let (quantity, cash) = (&trade.quantity, &trade.cash);
        let within = quantity.done <= quantity.total && cash.done <= cash.total;
        must!(
            within,
            "I16",
            "{number} settles more than it is: {}",
            act.outcome
        );
        if quantity.total > 0 && cash.total > 0 {
            let off = (quantity.done * cash.total - cash.done * quantity.total).abs();
            let exact = off <= trade.step * quantity.total;
            must!(exact, "I16", "{number}: {quantity:?} against {cash:?}");
        }
        if act.word("status") == Some("settled") {
            let whole = quantity.done == quantity.total && cash.done == cash.total;
            must!(whole, "I16", "{number} is settled: {quantity:?}, {cash:?}");
        }
        Ok(())
    }

    /// A schedule that has ended has recognised everything.
    pub(super) fn ended(&self, documents: &Json) -> Result<(), Finding> {
        for (number, whole) in &self.schedules {
            let ended = documents[number]["state"] == "ended";
            let all = whole.done == whole.total;
            must!(
                !ended || all,
                "I12",
                "{number} ended with {} of {}",
                whole.done,
                whole.total
            );
        }
        Ok(())
    }
}

/// The figures of a bill add up, and the receivable gets what is payable.
fn billed(act: &Act<'_>, accounts: &Accounts) -> Result<(), Finding> {
    let figure = |name: &str| of(act.outcome, name);
    let groups = act.outcome["tax"].as_array().into_iter().flatten();
    let (mut base, mut tax) = (0, 0);
    for group in groups {
        base += of(group, "base");
        tax += of(group, "amount");
    }
    let (net, gross) = (figure("tax_exclusive"), figure("tax_inclusive"));
    must!(net + tax == gross, "I12", "{net} and {tax} are not {gross}");
    // What was used and what a subscription is for may be without tax, and in no group.
    let grouped = base == net || act.data["lines"].is_null();
    must!(grouped, "I12", "the groups have {base} of {net}");
    must!(gross == figure("total"), "I12", "{}", act.outcome);
    let set_off = figure("prepaid") + figure("credit_applied");
    let payable = gross - set_off + figure("rounding");
    must!(
        payable == figure("payable"),
        "I12",
        "{payable} is payable: {}",
        act.outcome
    );
    let mut owed = 0;
    for leg in act.entries.iter().flat_map(|entry| &entry.legs) {
        if leg.account.starts_with("ar/") {
            owed += leg.amount;
        }
        must!(
            !accounts.unit(&leg.account).is_empty(),
            "I1",
            "{} has no unit",
            leg.account
        );
    }
    must!(owed == payable, "I12", "{owed} is owed of {payable}");
    Ok(())
}
