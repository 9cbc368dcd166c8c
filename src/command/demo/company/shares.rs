//! The share plan: the company keeps shares and cash of its staff. Anna sells some shares to Ben,
//! and neither gives first: delivery against payment.

use serde_json::json;

use super::super::order::Order;
use super::Company;
use super::ledger::{amount, minor_of};

/// Shares sold, and what they cost in cents.
const SHARES: i64 = 40;
const PRICE: i64 = minor_of(1_000, 0);

impl Company {
    /// What both have agreed on.
    pub(in crate::command::demo) fn trade(&self, key: &str) -> Order {
        let data = json!({ "trade": "T-1", "type": "DVP", "deliverer": "anna", "receiver": "ben",
            "security": "NORDLICHT", "quantity": SHARES.to_string(),
            "cash": { "amount": amount(PRICE), "currency": "EUR" },
            "settlement_date": self.today.to_string(), "calendar": "none" });
        Order::new(key, "settlement.instruct", data).wished("accepted")
    }

    /// An attempt that fails, since something is not there yet.
    pub(in crate::command::demo) fn attempt(key: &str, instruction: &str) -> Order {
        let data = json!({ "instruction": instruction });
        Order::new(key, "settlement.attempt", data).wished("failing")
    }

    /// The depository delivers Anna's shares.
    pub(in crate::command::demo) fn shares_arrive(&mut self) -> Order {
        self.ledger.entry("secu/depository", "secu/anna", SHARES);
        let count = SHARES.to_string();
        Order::entry("shares-anna", "secu/depository", "secu/anna", &count)
    }

    /// Ben pays in.
    pub(in crate::command::demo) fn cash_arrives(&mut self) -> Order {
        self.ledger.entry("bank/plan", "cash/ben", PRICE);
        Order::entry("cash-ben", "bank/plan", "cash/ben", &amount(PRICE))
    }

    /// Both sides are there: they change hands in one entry.
    pub(in crate::command::demo) fn settle(&mut self, key: &str, instruction: &str) -> Order {
        self.ledger.entry("secu/anna", "secu/ben", SHARES);
        self.ledger.entry("cash/ben", "cash/anna", PRICE);
        let order = Self::attempt(key, instruction).wished("settled");
        order
            .hears("quantity", SHARES.to_string())
            .hears("cash", amount(PRICE))
    }
}
