//! The bank statement: most payments name their invoice, some name it wrong, some are too much.

use serde_json::json;

use super::super::order::Order;
use super::Company;
use super::chart::{BANK, UNALLOCATED, customer, is_generous};
use super::ledger::{amount, minor_of};
use super::sales::Invoice;

/// What generous customers send too much, in cents.
const TOO_MUCH: i64 = minor_of(5, 0);

/// A payment that arrived without a usable reference, and what it was meant for.
#[derive(Debug)]
pub(in crate::command::demo) struct Unmatched {
    /// The key of the payment.
    pub(in crate::command::demo) key: String,
    /// The invoice it pays.
    pub(in crate::command::demo) document: String,
    customer: usize,
    minor: i64,
}

/// What came from the bank.
#[derive(Debug, Default)]
pub(in crate::command::demo) struct Statement {
    /// All payments.
    pub(in crate::command::demo) orders: Vec<Order>,
    /// Payments whose reference names nothing.
    pub(in crate::command::demo) unmatched: Vec<Unmatched>,
    /// Payments of more than their invoice.
    pub(in crate::command::demo) too_much: usize,
    /// Payments of a part.
    pub(in crate::command::demo) part: usize,
}

impl Company {
    /// The day's payments for invoices, which kontor has numbered.
    pub(in crate::command::demo) fn payments(
        &mut self,
        invoices: &[(Invoice, String)],
    ) -> Statement {
        let mut statement = Statement::default();
        for ((invoice, document), number) in invoices.iter().zip(1..) {
            match self.between(1, 100) {
                1..=4 => self.unmatched(&mut statement, invoice, document, number),
                5..=9 => self.part(&mut statement, invoice, document, number),
                10..=25 => {}
                _ => self.in_full(&mut statement, invoice, document, number),
            }
        }
        statement
    }

    fn payment(&self, number: usize, minor: i64) -> Order {
        let day = self.today;
        let data = json!({ "bank": BANK, "amount": amount(minor), "currency": "EUR",
            "value_date": day.to_string(), "bank_ref": format!("{day}/{number:04}") });
        Order::new(format!("payment-{number}"), "payment.receive", data)
    }

    /// The reference is the number of the invoice; what is too much becomes the customer's credit.
    fn in_full(&mut self, statement: &mut Statement, invoice: &Invoice, document: &str, n: usize) {
        let name = customer(invoice.customer);
        let over = if is_generous(invoice.customer) {
            TOO_MUCH
        } else {
            0
        };
        let sent = invoice.total.saturating_add(over);
        let order = self.payment(n, sent).with("reference", document);
        statement.orders.push(order.hears("credit", amount(over)));
        statement.too_much += usize::from(over > 0);
        self.ledger
            .entry(BANK, &format!("ar/{name}"), invoice.total);
        if over > 0 {
            self.ledger.entry(BANK, &format!("credit/{name}"), over);
        }
    }

    /// Half of it; the rest stays open.
    fn part(&mut self, statement: &mut Statement, invoice: &Invoice, document: &str, n: usize) {
        let half = invoice.total.saturating_add(1).div_euclid(2);
        let order = self.payment(n, half).with("reference", document);
        statement.orders.push(order.hears("credit", "0.00"));
        statement.part += 1;
        let receivable = format!("ar/{}", customer(invoice.customer));
        self.ledger.entry(BANK, &receivable, half);
    }

    /// Somebody typed the letter O for a zero. Money received is booked all the same.
    fn unmatched(
        &mut self,
        statement: &mut Statement,
        invoice: &Invoice,
        document: &str,
        n: usize,
    ) {
        let order = self.payment(n, invoice.total);
        let order = order.with("reference", document.replace('0', "O"));
        statement.unmatched.push(Unmatched {
            key: order.key.clone(),
            document: document.to_owned(),
            customer: invoice.customer,
            minor: invoice.total,
        });
        let waits = amount(invoice.total);
        statement.orders.push(order.hears("unallocated", waits));
        self.ledger.entry(BANK, UNALLOCATED, invoice.total);
    }

    /// Somebody has looked and knows now which invoice a payment was meant for.
    pub(in crate::command::demo) fn allocate(&mut self, found: &Unmatched, payment: &str) -> Order {
        let receivable = format!("ar/{}", customer(found.customer));
        self.ledger.entry(UNALLOCATED, &receivable, found.minor);
        let list = json!([{ "document": found.document, "amount": amount(found.minor) }]);
        let data = json!({ "payment": payment, "allocations": list });
        let order = Order::new(format!("allocate-{}", found.key), "payment.allocate", data);
        order.hears("unallocated", "0.00")
    }
}
