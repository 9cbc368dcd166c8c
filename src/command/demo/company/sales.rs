//! Invoices: what was sold, with the tax of each part.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::super::order::Order;
use super::Company;
use super::chart::customer;
use super::ledger::{amount, minor_of, tax};

/// What the company sells: item, net price in cents, tax code, percent.
const DOMESTIC: [(&str, i64, &str, i64); 6] = [
    ("CONSULTING-HOUR", minor_of(96, 0), "DE19", 19),
    ("WORKSHOP-SEAT", minor_of(180, 0), "DE19", 19),
    ("CABLE-SET", minor_of(14, 95), "DE19", 19),
    ("LABEL-ROLL", minor_of(3, 49), "DE19", 19),
    ("HANDBOOK", minor_of(28, 4), "DE7", 7),
    ("MAGAZINE", minor_of(6, 54), "DE7", 7),
];
/// What it sells to businesses in other member states.
const ABROAD: [(&str, i64, &str, i64); 2] = [
    ("LICENCE-EU", minor_of(140, 0), "EU0", 0),
    ("CONSULTING-HOUR-EU", minor_of(110, 0), "EU0", 0),
];
/// Days until an invoice is due.
const NET_DAYS: i64 = 14;

/// An invoice on its way.
#[derive(Debug, Clone)]
pub(in crate::command::demo) struct Invoice {
    /// The number of the customer.
    pub(super) customer: usize,
    /// What the customer owes, in cents.
    pub(super) total: i64,
    /// The job.
    pub(in crate::command::demo) order: Order,
}

/// Net amounts and taxes by tax code.
pub(in crate::command::demo) type ByTax = BTreeMap<&'static str, (i64, i64)>;

impl Company {
    /// The invoices of the day, with their sums by tax code.
    pub(in crate::command::demo) fn invoices(&mut self) -> (Vec<Invoice>, ByTax) {
        let (mut invoices, mut sums) = (Vec::new(), ByTax::new());
        for number in 1..=self.size.invoices {
            invoices.push(self.invoice(number, &mut sums));
        }
        (invoices, sums)
    }

    fn invoice(&mut self, number: usize, sums: &mut ByTax) -> Invoice {
        let last = i64::try_from(self.size.customers).unwrap_or(1);
        let buyer = usize::try_from(self.between(1, last)).unwrap_or(1);
        // Every sixth customer is a business in another member state.
        let range = if buyer % 6 == 0 {
            &ABROAD[..]
        } else {
            &DOMESTIC
        };
        let (mut lines, mut net) = (Vec::<Json>::new(), BTreeMap::new());
        for _ in 0..self.between(1, 4) {
            let Some((item, price, code, percent)) = self.one_of(range) else {
                continue;
            };
            let quantity = self.between(1, 4);
            lines.push(json!({ "item": item, "quantity": quantity.to_string(),
                "price": amount(price), "tax": code }));
            let (base, _) = net.entry(code).or_insert((0_i64, percent));
            *base = base.saturating_add(price.saturating_mul(quantity));
        }
        // Tax is worked out once for each code, on the sum of its lines.
        let mut total = 0_i64;
        for (code, (base, percent)) in net {
            let tax = tax(base, percent);
            total = total.saturating_add(base).saturating_add(tax);
            self.ledger.add(&format!("rev/sales_{percent}"), -base);
            if tax > 0 {
                self.ledger.add(&format!("tax/vat_{percent}"), -tax);
            }
            let (bases, taxes) = sums.entry(code).or_default();
            (*bases, *taxes) = (bases.saturating_add(base), taxes.saturating_add(tax));
        }
        let name = customer(buyer);
        self.ledger.add(&format!("ar/{name}"), total);
        let data = json!({ "customer": name, "series": format!("RE-{}", self.today.year()),
            "currency": "EUR", "terms": { "net_days": NET_DAYS }, "lines": lines });
        let order = Order::new(format!("invoice-{number}"), "invoice.issue", data);
        Invoice {
            customer: buyer,
            total,
            order: order.hears("total", amount(total)),
        }
    }
}
