//! The till: small sales paid by card, each an entry of three legs with its tax.

use serde_json::json;

use super::super::order::Order;
use super::Company;
use super::chart::{BANK, CARDS};
use super::ledger::{amount, minor_of, tax};

/// What is sold over the counter: net price in cents and percent of tax.
const GOODS: [(i64, i64); 4] = [
    (minor_of(10, 0), 19),
    (minor_of(24, 90), 19),
    (minor_of(6, 50), 7),
    (minor_of(14, 0), 7),
];

impl Company {
    /// So many sales; `till` names their keys.
    pub(in crate::command::demo) fn sales(&mut self, till: &str, count: usize) -> Vec<Order> {
        (1..=count)
            .map(|number| self.sale(&format!("{till}-{number}")))
            .collect()
    }

    fn sale(&mut self, key: &str) -> Order {
        let (net, percent) = self.one_of(&GOODS).unwrap_or((minor_of(10, 0), 19));
        let tax = tax(net, percent);
        let (revenue, taxes) = (format!("rev/sales_{percent}"), format!("tax/vat_{percent}"));
        self.ledger.entry(CARDS, &revenue, net);
        self.ledger.entry(CARDS, &taxes, tax);
        let legs = json!([
            { "dr": CARDS, "amount": amount(net.saturating_add(tax)) },
            { "cr": revenue, "amount": amount(net) },
            { "cr": taxes, "amount": amount(tax) },
        ]);
        Order::new(key, "entry.post", json!({ "legs": legs }))
    }

    /// In the evening the cards' money comes to the bank; afterwards nothing is left on its way.
    pub(in crate::command::demo) fn card_money(&mut self) -> Order {
        let minor = self.ledger.get(CARDS);
        self.ledger.entry(BANK, CARDS, minor);
        let rest = json!([{ "account": CARDS, "balance": "0.00" }]);
        Order::entry("card-money", BANK, CARDS, &amount(minor)).with("assert", rest)
    }
}
