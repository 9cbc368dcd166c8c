//! What the company begins with: its book, its accounts, a tax code, its capital.

use serde_json::json;

use super::super::order::{BOOK, Order};
use super::ledger::{amount, minor_of};
use super::{Company, TIME_ZONE};

/// The bank account.
pub(in crate::command::demo) const BANK: &str = "bank/main";
/// Card payments on their way to the bank.
pub(super) const CARDS: &str = "transit/cards";
/// Money that nobody has claimed yet.
pub(in crate::command::demo) const UNALLOCATED: &str = "suspense/unallocated";

/// Accounts in euro, with their classes.
const EURO: [(&str, &str); 13] = [
    ("bank/plan", "asset"),
    (CARDS, "asset"),
    ("equity/capital", "equity"),
    ("exp/rent", "expense"),
    ("exp/salaries", "expense"),
    ("rev/sales_0", "income"),
    ("rev/sales_19", "income"),
    ("rev/sales_7", "income"),
    (UNALLOCATED, "liability"),
    ("tax/vat_19", "liability"),
    ("tax/vat_7", "liability"),
    ("cash/anna", "liability"),
    ("cash/ben", "liability"),
];
/// Accounts in US dollars: remote work in the United States.
const DOLLAR: [(&str, &str); 5] = [
    ("bank/operating", "asset"),
    ("equity/capital_usd", "equity"),
    ("exp/housing_stipend", "expense"),
    ("memo/office_baseline", "memo_dr"),
    ("memo/office_baseline_contra", "memo_cr"),
];
/// Accounts in shares of the company.
const SHARES: [(&str, &str); 3] = [
    ("secu/depository", "asset"),
    ("secu/anna", "liability"),
    ("secu/ben", "liability"),
];
/// Accounts that may not be overdrawn.
const NEVER_BELOW_ZERO: [&str; 5] = [BANK, "cash/anna", "cash/ben", "secu/anna", "secu/ben"];

/// The tables of the book: what is known before its first job. Shares are counted, not divided.
pub(in crate::command::demo) fn book() -> String {
    format!(
        "[[book]]\nname = \"{BOOK}\"\nfunctional_unit = \"EUR\"\ntime_zone = \"{TIME_ZONE}\"\n\
         units = {{ NORDLICHT = 0 }}\n\
         [book.taxes.DE19]\ncategory = \"S\"\nrate = \"19\"\n\
         [book.taxes.DE7]\ncategory = \"S\"\nrate = \"7\"\n"
    )
}

/// A customer by number.
pub(super) fn customer(number: usize) -> String {
    format!("c-{number:03}")
}

/// Every tenth customer sends a little too much now and then.
pub(super) fn is_generous(number: usize) -> bool {
    number % 10 == 3
}

impl Company {
    /// Opens all accounts.
    pub(in crate::command::demo) fn open_accounts(&mut self) -> Vec<Order> {
        let mut orders = vec![Order::account(BANK, "EUR", "asset")];
        let lists = [("EUR", &EURO[..]), ("USD", &DOLLAR), ("NORDLICHT", &SHARES)];
        for (unit, accounts) in lists {
            let opened = accounts
                .iter()
                .map(|(name, class)| Order::account(name, unit, class));
            orders.extend(opened);
        }
        for number in 1..=self.size.customers {
            let customer = customer(number);
            orders.push(Order::account(&format!("ar/{customer}"), "EUR", "asset"));
            if is_generous(number) {
                let credit = format!("credit/{customer}");
                orders.push(Order::account(&credit, "EUR", "liability"));
            }
        }
        let limited = |order: Order| {
            let account = order.key.trim_start_matches("open:").to_owned();
            self.ledger.open(&account);
            if NEVER_BELOW_ZERO.contains(&account.as_str()) {
                let zero = if account.starts_with("secu/") {
                    "0"
                } else {
                    "0.00"
                };
                return order.with("min_available", zero);
            }
            order
        };
        orders.into_iter().map(limited).collect()
    }

    /// Makes the tax code for customers in other countries of the union, who owe the tax
    /// themselves. Reference data change only in somebody's name.
    pub(in crate::command::demo) fn tax_code() -> Order {
        let value = json!({ "category": "AE", "rate": "0", "reason": "reverse charge" });
        let data = json!({ "record": "tax", "name": "EU0", "value": value,
            "reason": "sales to businesses in other member states" });
        let order = Order::new("tax:EU0", "reference.set", data);
        order.wished("accepted").signed()
    }

    /// What the owners pay in.
    pub(in crate::command::demo) fn capital(&mut self) -> Vec<Order> {
        self.entries(&[
            ("capital", BANK, "equity/capital", minor_of(250_000, 0)),
            (
                "capital-usd",
                "bank/operating",
                "equity/capital_usd",
                minor_of(20_000, 0),
            ),
        ])
    }

    /// What leaves the bank every month.
    pub(in crate::command::demo) fn expenses(&mut self) -> Vec<Order> {
        self.entries(&[
            ("rent", "exp/rent", BANK, minor_of(4_200, 0)),
            ("salaries", "exp/salaries", BANK, minor_of(38_650, 0)),
        ])
    }

    /// Entries of two legs: key, debit, credit, cents.
    pub(super) fn entries(&mut self, entries: &[(&str, &str, &str, i64)]) -> Vec<Order> {
        let order = |(key, debit, credit, minor): &(&str, &str, &str, i64)| {
            self.ledger.entry(debit, credit, *minor);
            Order::entry(*key, debit, credit, &amount(*minor))
        };
        entries.iter().map(order).collect()
    }
}
