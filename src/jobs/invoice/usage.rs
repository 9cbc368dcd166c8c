//! Usage that is billed: one line for every rated usage of the customer that no invoice has yet.

use std::borrow::Cow;

use super::order::{Order, OrderLine, Role};
use crate::jobs::billing::BillLine;
use crate::ledger::effect::DocumentChange;
use crate::ledger::{Book, DocumentKind, DocumentState, Plan, Value};

/// Where usage was asked for.
const PATH: &str = "/from_usage";

impl<'a> Order<'a> {
    /// Add the customer's unbilled usage in the currency, in the order in which it was rated.
    pub(super) fn add_usage(&mut self, book: &'a Book) {
        let customer = self.customer.clone();
        for (number, usage) in book.documents().unbilled_usage(&customer) {
            if book.units().code(usage.unit) != self.currency.code() {
                continue;
            }
            self.bill.lines.push(BillLine {
                terms: None,
                amount: usage.minor("amount"),
                group: 0,
            });
            let named = |name: &str| Some(usage.text(name)).filter(|text| !text.is_empty());
            self.lines.push(OrderLine {
                tax: named("tax").map(Cow::Borrowed),
                tax_path: PATH.into(),
                revenue: named("revenue").map(Cow::Borrowed),
                revenue_path: PATH.into(),
                earned: named("earned").map(Cow::Borrowed),
                role: Role::Sales,
                defer: None,
                defer_path: PATH.into(),
            });
            self.usage.push(number);
        }
    }

    /// The usage that this invoice bills is billed.
    pub(super) fn close_usage(&self, book: &Book, plan: &mut Plan, invoice: &str) {
        for number in &self.usage {
            let usage = book.documents().of_kind(DocumentKind::Usage, number);
            let Some(usage) = usage else {
                continue;
            };
            plan.document(DocumentChange {
                number: (*number).into(),
                kind: usage.kind,
                state: DocumentState::Applied,
                version: usage.version.saturating_add(1),
                unit: usage.unit,
                party: usage.party.clone(),
                due: usage.due,
                open: 0,
                set: vec![("invoice".into(), Value::text(invoice.to_owned()))],
            });
        }
    }
}
