//! Answers to questions about accounts, held against the entries: I2, I10.

use serde_json::Value as Json;

use super::accounts::{Accounts, Entry};
use super::{Finding, Nano, must, of};

impl Accounts {
    /// What an account moved, on its normal side, in entries of which some are looked at.
    fn sum(&self, name: &str, is: impl Fn(&Entry) -> bool) -> Nano {
        let entries = self.entries.iter().filter(|entry| is(entry));
        let legs = entries.flat_map(|entry| &entry.legs);
        let own = legs.filter(|leg| leg.account == name);
        self.sign(name) * own.map(|leg| leg.amount).sum::<Nano>()
    }

    fn sign(&self, name: &str) -> Nano {
        let debit_side = self.all.get(name).is_some_and(|account| account.debit_side);
        if debit_side { 1 } else { -1 }
    }

    /// A statement begins with what stood there, and every line adds its entry.
    pub(super) fn stated(&self, answer: &Json) -> Result<(), Finding> {
        let name = answer["account"].as_str().unwrap_or_default();
        let from = answer["from"].as_str().unwrap_or_default();
        let to = answer["to"].as_str().unwrap_or("9999");
        let before = |entry: &Entry| entry.number == 0 || entry.day.as_str() < from;
        let until = |entry: &Entry| entry.number == 0 || entry.day.as_str() <= to;
        let (opening, balance) = (self.sum(name, before), self.sum(name, until));
        let shown = (of(answer, "opening"), of(answer, "balance"));
        must!(
            shown == (opening, balance),
            "I2",
            "{name} goes from {opening} to {balance}: {answer}"
        );
        let mut inside: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|entry| !before(entry) && until(entry))
            .collect();
        inside.sort_by(|one, other| one.day.cmp(&other.day));
        let legs = inside.into_iter().flat_map(|entry| {
            let own = entry.legs.iter().filter(|leg| leg.account == name);
            own.map(|leg| (entry.number, leg.amount))
        });
        let mut running = opening;
        let mut lines = answer["lines"].as_array().into_iter().flatten();
        for (number, amount) in legs {
            let Some(line) = lines.next() else {
                let goes_on = answer.get("next_page").is_some();
                must!(goes_on, "I2", "no line for entry {number}: {answer}");
                break;
            };
            running += self.sign(name) * amount;
            let right = line["entry_no"] == number && of(line, "balance") == running;
            must!(right, "I2", "{line} instead of {running} of entry {number}");
        }
        let more = lines.next();
        must!(more.is_none(), "I2", "a line of no entry: {more:?}");
        Ok(())
    }

    /// Stock is what lies on the asset accounts of an item.
    pub(super) fn counted(&self, answer: &Json) -> Result<(), Finding> {
        let (mut on_hand, mut available) = (0, 0);
        for (name, account) in &self.all {
            let stock = name.starts_with("stock/") && account.debit_side;
            if stock && answer["item"] == account.unit.as_str() {
                on_hand += account.normal();
                available += account.available();
            }
        }
        let shown = (of(answer, "on_hand"), of(answer, "available"));
        let known = (on_hand, available);
        must!(shown == known, "I2", "there are {known:?}: {answer}");
        let reserved = of(answer, "reserved");
        must!(reserved == on_hand - available, "I2", "{answer}");
        Ok(())
    }

    /// What is allowed is what stays within the limit.
    pub(super) fn exposed(&self, answer: &Json) -> Result<(), Finding> {
        let name = answer["account"].as_str().unwrap_or_default();
        let Some(account) = self.all.get(name) else {
            return Ok(());
        };
        let exposure = account.exposure();
        must!(
            of(answer, "exposure") == exposure,
            "I10",
            "{exposure} is exposed: {answer}"
        );
        let asked = of(&answer["asked"], "amount");
        let fits = account.max.is_none_or(|max| exposure + asked <= max);
        must!(answer["allowed"] == fits, "I10", "{asked} more: {answer}");
        Ok(())
    }

    /// A variance is what was planned to move less what did.
    pub(super) fn varied(&self, answer: &Json) -> Result<(), Finding> {
        let day = |name: &str| answer[name].as_str().unwrap_or_default();
        let (from, to) = (day("from"), day("to"));
        let inside = |entry: &Entry| entry.number > 0 && (from..=to).contains(&entry.day.as_str());
        let moved = |list: &str| -> Nano {
            let names = answer["asked"][list].as_array().into_iter().flatten();
            let names = names.filter_map(Json::as_str);
            names.map(|name| self.sum(name, inside)).sum()
        };
        let (baseline, actual) = (moved("baseline"), moved("actual"));
        let report = &answer["report"];
        let figures = ["baseline", "actual", "variance"].map(|name| of(report, name));
        let known = [baseline, actual, baseline - actual];
        must!(figures == known, "I2", "{known:?} moved: {answer}");
        Ok(())
    }
}
