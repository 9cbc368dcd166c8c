//! What goes wrong on any day: jobs that must not be booked, and messages that nobody can read.

use serde_json::json;

use super::super::order::{BOOK, Order};
use super::Company;
use super::bank::Statement;
use super::chart::{BANK, customer};
use crate::code::Code;
use crate::command::submit::courier::Parcel;

/// A job that is refused, and what is wrong with it in a few words.
pub(in crate::command::demo) struct Mistake {
    /// What somebody did.
    pub(in crate::command::demo) what: &'static str,
    /// The job.
    pub(in crate::command::demo) order: Order,
}

impl Mistake {
    fn new(what: &'static str, code: Code, order: Order) -> Self {
        let order = order.refused(code);
        Self { what, order }
    }
}

impl Company {
    /// A dozen jobs with one mistake each. `payment` is the number of a payment that is used up.
    pub(in crate::command::demo) fn mistakes(
        &self,
        statement: &Statement,
        payment: &str,
    ) -> Vec<Mistake> {
        let mut mistakes = wrong_entries();
        let tax = self.with_tax("tax-16", "DE16");
        mistakes.push(Mistake::new(
            "an unknown tax code",
            Code::TaxCodeUnknown,
            tax,
        ));
        if let Some(first) = statement.orders.first() {
            let what = "a line of the bank statement, again";
            let again = first.clone().under("payment-again");
            mistakes.push(Mistake::new(what, Code::DuplicateReference, again));
        }
        let what = "an invoice that does not exist";
        let list = json!([{ "document": "RE-1", "amount": "0.01" }]);
        let data = json!({ "payment": payment, "allocations": list });
        let allocate = Order::new("allocate-nothing", "payment.allocate", data);
        mistakes.push(Mistake::new(what, Code::DocumentNotFound, allocate));
        let what = "the trade of this morning, again";
        let again = self.trade("trade-again");
        mistakes.push(Mistake::new(what, Code::TradeDuplicate, again));
        mistakes
    }

    fn with_tax(&self, key: &str, code: &str) -> Order {
        let line = json!({ "quantity": "1", "price": "100.00", "tax": code });
        let series = format!("RE-{}", self.today.year());
        let data = json!({ "customer": customer(1), "series": series, "currency": "EUR",
            "lines": [line] });
        Order::new(key, "invoice.issue", data)
    }

    /// Messages in which something cannot be read, and the jobs among them that can.
    pub(in crate::command::demo) fn unreadable(&mut self) -> (Vec<Parcel>, Vec<Order>) {
        let good = self.sales("kiosk", 2);
        let mut lines: Vec<String> = good.iter().map(Order::message).collect();
        lines.insert(1, "{\"kind\": \"entry.post\", \"data\": {}}".to_owned());
        let cut =
            "{\"key\": \"order-17\", \"kind\": \"entry.post\", \"data\": {\"legs\": [{\"dr\": \"ba";
        let parcel = |content_type, message_id: &str, keys, body: String| Parcel {
            content_type,
            message_id: message_id.to_owned(),
            kind: None,
            user_id: None,
            book: BOOK.to_owned(),
            keys,
            body: body.into_bytes(),
        };
        let keys = good.iter().map(|order| order.key.clone()).collect();
        let parcels = vec![
            parcel("application/json", "order-17", Vec::new(), cut.to_owned()),
            parcel("application/x-ndjson", "kiosk", keys, lines.join("\n")),
        ];
        (parcels, good)
    }
}

/// Entries that the books do not take.
fn wrong_entries() -> Vec<Mistake> {
    let new = Mistake::new;
    let entry = |key, amount| Order::entry(key, "exp/rent", BANK, amount);
    let slip = Order::entry("slip", "exp/rnet", BANK, "10.00");
    let legs = json!([{ "dr": "exp/rent", "amount": "100.00" }, { "cr": BANK, "amount": "99.00" }]);
    let lopsided = entry("lopsided", "1.00").with("legs", legs);
    let legs = json!([{ "dr": "exp/rent", "amount": "10.00" },
        { "cr": BANK, "amount": "10.00", "unit": "USD" }]);
    let dollars = entry("dollars", "10.00").with("legs", legs);
    let member = entry("member", "10.00").with("amonut", "10.00");
    let card = entry("card", "10.00").with("text", "paid with 4111 1111 1111 1111");
    let (comma, rich) = (entry("comma", "1.000,00"), entry("rich", "99000000.00"));
    vec![
        new(
            "an account with a slip of the pen",
            Code::AccountNotFound,
            slip,
        ),
        new(
            "debit 100.00, credit 99.00",
            Code::EntryUnbalanced,
            lopsided,
        ),
        new("an amount written 1.000,00", Code::AmountFormat, comma),
        new("more than the bank holds", Code::InsufficientFunds, rich),
        new(
            "dollars from an account in euro",
            Code::CurrencyMismatch,
            dollars,
        ),
        new("a member that does not exist", Code::SchemaInvalid, member),
        new("a card number in a text", Code::CardDataForbidden, card),
        new(
            "a known key with another amount",
            Code::IdempotencyKeyReused,
            entry("rent", "1.00"),
        ),
    ]
}
