//! I8, I9: what customers owe, document by document, and what stands to their credit.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::accounts::Accounts;
use super::{Act, Finding, Nano, must, of};

/// A document that somebody owes.
#[derive(Debug, Default)]
struct Item {
    /// None while nothing was ever posted for it.
    customer: Option<String>,
    open: Nano,
    /// Everything that it was worth with tax, and what of that was credited.
    gross: Nano,
    credited: Nano,
}

/// A payment: its amount, its rest, and what it paid with which discount.
#[derive(Debug, Default)]
struct Payment {
    amount: Nano,
    rest: Nano,
    paid: BTreeMap<String, (Nano, Nano)>,
}

/// Everything that is owed.
#[derive(Debug, Default)]
pub(super) struct Owed {
    items: BTreeMap<String, Item>,
    payments: BTreeMap<String, Payment>,
    /// What stands to the credit of customers.
    credits: BTreeMap<String, Nano>,
    /// Usage of customers that was earned and is not billed yet.
    unbilled: BTreeMap<String, Nano>,
    /// Prices of contracts that wait to be billed.
    contracts: Nano,
}

/// Where it waits to be billed.
const ASSET: &str = "contract/unbilled";

/// Documents and amounts of a list.
fn list(json: &Json) -> Vec<(&str, Nano, Nano)> {
    let all = json.as_array().into_iter().flatten();
    let one = |one| (name(one), of(one, "amount"), of(one, "discount"));
    all.map(one).collect()
}

fn name(one: &Json) -> &str {
    one["document"].as_str().unwrap_or_default()
}

impl Owed {
    pub(super) fn follow(&mut self, act: &Act<'_>) -> Result<(), Finding> {
        match act.kind() {
            "invoice.issue" => {
                if act.data["from_usage"] == true {
                    self.unbilled.remove(act.given("customer"));
                }
                self.billed(act)
            }
            "subscription.renew" | "subscription.change" => self.billed(act),
            "usage.rate" if act.account(ASSET).is_some() => {
                let customer = act.given("customer").to_owned();
                *self.unbilled.entry(customer).or_default() += of(act.outcome, "amount");
                Ok(())
            }
            "dunning.charge" => {
                let total = of(act.outcome, "total");
                self.owe(act, total, total);
                Ok(())
            }
            "credit_note.issue" => self.credited(act),
            "payment.receive" => self.received(act),
            "payment.allocate" => self.allocated(act),
            "refund.issue" => self.credit(act.given("customer"), -of(act.data, "amount"), act),
            // A refund has no document: who reverses it gives the credit back.
            "entry.reverse" => {
                let legs = act.entries.iter().flat_map(|entry| &entry.legs);
                for leg in legs {
                    if let Some(customer) = leg.account.strip_prefix("credit/") {
                        self.credit(customer, -leg.amount, act)?;
                    }
                }
                Ok(())
            }
            "writeoff.post" => {
                let document = act.word("document").unwrap_or_default();
                let open = self.lessen(document, of(act.outcome, "amount"), act)?;
                must!(of(act.outcome, "open") == open, "I8", "{}", act.outcome);
                Ok(())
            }
            "revenue.allocate" => {
                let price = of(act.data, "price");
                if act.account(ASSET).is_some() {
                    self.contracts += price;
                } else {
                    self.owe(act, price, price);
                }
                Ok(())
            }
            "interest.charge" if act.account("ar/").is_some() => {
                let interest = of(act.outcome, "interest");
                self.owe(act, interest, interest);
                Ok(())
            }
            _other => Ok(()),
        }
    }

    fn owe(&mut self, act: &Act<'_>, open: Nano, gross: Nano) {
        let item = Item {
            customer: act.account("ar/").map(str::to_owned),
            open,
            gross,
            credited: 0,
        };
        let document = act.word("document").unwrap_or_default();
        self.items.insert(document.to_owned(), item);
    }

    /// Less is open of a document; what is left.
    fn lessen(&mut self, document: &str, by: Nano, act: &Act<'_>) -> Result<Nano, Finding> {
        let Some(item) = self.items.get_mut(document) else {
            must!(false, "I8", "{document} was never issued: {}", act.outcome);
            return Ok(0);
        };
        item.open -= by;
        must!(
            item.open >= 0,
            "I8",
            "{document} has {} open, by {}",
            item.open,
            act.outcome
        );
        Ok(item.open)
    }

    fn credit(&mut self, customer: &str, by: Nano, act: &Act<'_>) -> Result<(), Finding> {
        let credit = self.credits.entry(customer.to_owned()).or_default();
        *credit += by;
        must!(
            *credit >= 0,
            "I9",
            "{customer} has {credit} to his credit, by {}",
            act.outcome
        );
        Ok(())
    }

    fn billed(&mut self, act: &Act<'_>) -> Result<(), Finding> {
        let of_credit = act.account("credit/").unwrap_or_default().to_owned();
        if act.outcome.get("document").is_some() {
            let (payable, total) = (of(act.outcome, "payable"), of(act.outcome, "total"));
            let applied = of(act.outcome, "credit_applied");
            self.owe(act, payable, total);
            must!(payable >= 0, "I8", "{}", act.outcome);
            if applied != 0 {
                self.credit(&of_credit, -applied, act)?;
            }
        }
        match of(act.outcome, "credit") {
            0 => Ok(()),
            given => self.credit(&of_credit, given, act),
        }
    }

    fn credited(&mut self, act: &Act<'_>) -> Result<(), Finding> {
        let invoice = act.given("invoice");
        let (total, applied) = (of(act.outcome, "total"), of(act.outcome, "applied"));
        self.lessen(invoice, applied, act)?;
        let Some(item) = self.items.get_mut(invoice) else {
            return Ok(());
        };
        item.credited += total;
        must!(
            item.credited <= item.gross,
            "I8",
            "{invoice} is credited with more than its worth"
        );
        let customer = act.account("credit/").unwrap_or_default().to_owned();
        match of(act.outcome, "credit") {
            0 => Ok(()),
            given => self.credit(&customer, given, act),
        }
    }

    fn received(&mut self, act: &Act<'_>) -> Result<(), Finding> {
        let (credit, rest) = (of(act.outcome, "credit"), of(act.outcome, "unallocated"));
        let mut payment = Payment {
            amount: of(act.data, "amount"),
            rest,
            ..Payment::default()
        };
        let mut sum = credit + rest;
        for (document, amount, discount) in list(&act.outcome["allocated"]) {
            self.lessen(document, amount + discount, act)?;
            let paid = payment.paid.entry(document.to_owned()).or_default();
            *paid = (paid.0 + amount, paid.1 + discount);
            sum += amount;
        }
        let amount = payment.amount;
        must!(
            sum == amount,
            "I12",
            "{amount} came and {sum} went: {}",
            act.outcome
        );
        let number = act.word("payment").unwrap_or_default();
        self.payments.insert(number.to_owned(), payment);
        if credit != 0 {
            self.credit(act.word("customer").unwrap_or_default(), credit, act)?;
        }
        Ok(())
    }

    fn allocated(&mut self, act: &Act<'_>) -> Result<(), Finding> {
        let back = act.data["unallocate"] == true;
        let sign = if back { -1 } else { 1 };
        let allocations = list(&act.data["allocations"]);
        let mut sums: BTreeMap<&str, Nano> = BTreeMap::new();
        for (document, amount, _) in allocations {
            *sums.entry(document).or_default() += amount;
        }
        let total: Nano = sums.values().sum();
        if let Some(customer) = act.data["customer"].as_str() {
            for (document, amount) in sums {
                self.lessen(document, amount * sign, act)?;
            }
            self.credit(customer, -total * sign, act)?;
            let left = self.credits.get(customer).copied().unwrap_or_default();
            must!(
                of(act.outcome, "credit") == left,
                "I9",
                "{left} is left: {}",
                act.outcome
            );
            return Ok(());
        }
        let number = act.given("payment");
        let Some(mut payment) = self.payments.remove(number) else {
            must!(false, "I8", "{number} was never received");
            return Ok(());
        };
        payment.rest -= total * sign;
        must!(
            payment.rest >= 0,
            "I8",
            "{number} has {} left",
            payment.rest
        );
        for (document, amount) in sums {
            let paid = payment.paid.entry(document.to_owned()).or_default();
            // Who takes back all of it takes the discount back.
            let discount = if back && amount == paid.0 { paid.1 } else { 0 };
            *paid = (paid.0 + amount * sign, paid.1 - discount);
            must!(
                paid.0 >= 0,
                "I8",
                "{number} took more back than it paid on {document}"
            );
            self.lessen(document, amount * sign - discount, act)?;
        }
        let shown = of(act.outcome, "unallocated");
        must!(
            shown == payment.rest,
            "I8",
            "{number} has {} left, shows {shown}",
            payment.rest
        );
        self.payments.insert(number.to_owned(), payment);
        Ok(())
    }

    /// The open items of an answer are all that is open.
    pub(super) fn listed(&self, answer: &Json) -> Result<(), Finding> {
        let mut open = self.items.iter().filter(|(_, item)| item.open != 0);
        let mut rows: BTreeMap<&str, Nano> = BTreeMap::new();
        for row in answer["rows"].as_array().unwrap() {
            rows.insert(name(row), of(row, "open"));
        }
        let count = open.clone().count();
        must!(
            count == rows.len(),
            "I8",
            "{count} documents are open: {answer}"
        );
        let missing = open.find(|(number, item)| rows.get(number.as_str()) != Some(&item.open));
        must!(
            missing.is_none(),
            "I8",
            "{missing:?} is open, and not in {answer}"
        );
        Ok(())
    }

    /// Documents at the end, and the accounts that they add up to.
    pub(super) fn reported(&self, documents: &Json, accounts: &Accounts) -> Result<(), Finding> {
        let mut owed: BTreeMap<String, Nano> = BTreeMap::new();
        for (number, item) in &self.items {
            let shown = of(&documents[number], "open");
            must!(
                shown == item.open,
                "I8",
                "{number} has {} open, shows {shown}",
                item.open
            );
            if let Some(customer) = &item.customer {
                *owed.entry(customer.clone()).or_default() += item.open;
            }
        }
        for (customer, open) in owed {
            let balance = accounts.balance(&format!("ar/{customer}"));
            must!(
                balance == open,
                "I9",
                "{customer} owes {open}, the account says {balance}"
            );
        }
        for (customer, credit) in &self.credits {
            let balance = accounts.balance(&format!("credit/{customer}"));
            must!(
                balance == *credit,
                "I9",
                "{customer} has {credit}, the account {balance}"
            );
        }
        for (number, payment) in &self.payments {
            let document = &documents[number];
            let (amount, rest) = (of(document, "amount"), of(document, "open"));
            must!(
                (amount, rest) == (payment.amount, payment.rest),
                "I8",
                "{number} is {amount} with {rest} left, came as {payment:?}"
            );
        }
        let waits = self.contracts + self.unbilled.values().sum::<Nano>();
        let balance = accounts.balance(ASSET);
        must!(
            balance == waits,
            "I9",
            "{waits} was earned and not billed, the account says {balance}"
        );
        let rests: Nano = self.payments.values().map(|payment| payment.rest).sum();
        let balance = accounts.balance("suspense/unallocated");
        must!(
            balance == rests,
            "I9",
            "{rests} has no owner, the account says {balance}"
        );
        Ok(())
    }
}
