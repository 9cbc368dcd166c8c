//! What a customer owes without an invoice: the price of a contract, interest on what he owes.
//!
//! Whatever is debited to `ar/<customer>` is an open item, so that it can be paid, written off and
//! aged like all others: a document of the kind `charge`, with a number of the series `CH`, due at
//! once and without tax.

use crate::ids::UnitIndex;
use crate::ledger::effect::DocumentChange;
use crate::ledger::{Book, DocumentKind, DocumentState, Members, Plan, Rejection, Value};
use crate::money::Minor;
use crate::time::Date;

/// Series of these documents.
pub(crate) const SERIES: &str = "CH";

/// What is owed.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) customer: &'a str,
    pub(crate) unit: UnitIndex,
    pub(crate) currency: &'a str,
    pub(crate) decimals: u8,
    pub(crate) amount: Minor,
    pub(crate) day: Date,
}

impl Claim<'_> {
    /// Open the item, with what is further known of it; its number.
    pub(crate) fn open(
        &self,
        book: &Book,
        plan: &mut Plan,
        further: Members,
        path: &str,
    ) -> Result<String, Rejection> {
        let number = plan.number(book, SERIES, path)?;
        let total = || Value::amount(self.amount, self.decimals);
        let text = |text: &str| Value::text(text.to_owned());
        let mut set: Members = vec![
            ("customer".into(), text(self.customer)),
            ("currency".into(), text(self.currency)),
            ("issue_date".into(), Value::Date(self.day)),
            ("due_date".into(), Value::Date(self.day)),
            ("tax_exclusive".into(), total()),
            ("tax".into(), Value::List(Vec::new())),
            ("tax_inclusive".into(), total()),
            ("total".into(), total()),
            ("payable".into(), total()),
        ];
        set.extend(further);
        plan.document(DocumentChange {
            number: number.as_str().into(),
            kind: DocumentKind::Charge,
            state: DocumentState::Open,
            version: 1,
            unit: self.unit,
            party: self.customer.into(),
            due: Some(self.day),
            open: self.amount,
            set,
        });
        plan.show("document", Value::text(number.clone()));
        Ok(number)
    }
}
