//! Write-offs: what a customer will never pay.
//!
//! | Kind            | Debit                   | Credit          | Amount                      |
//! |-----------------|-------------------------|-----------------|-----------------------------|
//! | `writeoff.post` | tax account of a group  |                 | round(part × tax / gross)   |
//! |                 | `exp/bad_debt`          |                 | rest of the part            |
//! |                 |                         | `ar/<customer>` | amount                      |
//!
//! The tax that was charged comes back with it, at the document's own rates
//! ([`super::receivable`]). What is more than `writeoff.limit_without_approval` of the book needs
//! an approval; the limit is in the functional unit, or in that of the document if the book has
//! none.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contract::JobKind;
use super::currency::Currency;
use super::exchange::Exchange;
use super::fields::{Id, Text};
use super::postings::Postings;
use super::receivable::{self, Correction, OPEN, WRITTEN_OFF, changed, reduced, wrong_state};
use crate::code::Code;
use crate::ledger::plan::{booking_date, echo};
use crate::ledger::reference::Record;
use crate::ledger::{Book, Document, DocumentState, Facts, Plan, Rejection, Side, Value};
use crate::money::{DecimalText, Minor, Number, Ratio};
use crate::time::Date;

/// Where the document stands in the data.
const PATH: &str = "/document";
/// The expense.
const BAD_DEBT: &str = "exp/bad_debt";

/// Write off what is open on a document, or a part of it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Post {
    /// Number of the document.
    pub document: Id,
    /// How much, with tax, in the currency of the document. All that is open by default.
    pub amount: Option<DecimalText>,
    /// Why; personal text.
    pub reason: Text,
}

impl JobKind for Post {
    const SUMMARY: &'static str = "Write off what a customer will not pay, and take its tax back.";
    const EXAMPLE: &'static str =
        r#"{ "document": "RE-2026-000001", "amount": "11.90", "reason": "insolvency" }"#;
    const REFUSALS: &'static [Code] = &[
        Code::ApprovalRequired,
        Code::DocumentNotFound,
        Code::DocumentState,
        Code::WriteoffExceedsOpen,
        Code::RateNotFound,
    ];

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        visit("/reason", &mut self.reason);
    }

    fn place(&self, _account: &str) -> Option<String> {
        Some(PATH.to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let booking = booking_date(None, "", facts, book)?;
        let found = receivable::find(book, &self.document);
        let currency = receivable::currency(book, found);
        let given = self.amount.as_ref();
        let given = given.map(|text| currency.positive(text, "/amount"));
        let given = given.transpose()?.map(Minor::from);
        let (number, document) =
            found.ok_or_else(|| receivable::not_found(&self.document, PATH))?;
        let amount = given.unwrap_or(document.open);
        let draft = Draft::refer(book, &currency, document, amount)?;

        draft.check_units(book, &currency)?;
        if !facts.approved {
            check_limit(book, &currency, document, amount, facts.today)?;
        }
        // From here on the plan shows what would move, should it need an approval.
        draft.post(plan, booking)?;
        if !OPEN.contains(&document.state) {
            return Err(wrong_state(number, document, &OPEN, PATH));
        }
        let decimals = currency.decimals();
        if amount > document.open {
            return Err(Rejection::new(Code::WriteoffExceedsOpen)
                .at("/amount")
                .with_text("document", echo(number))
                .with_amount("open", document.open, decimals)
                .with_amount("requested", amount, decimals));
        }

        let open = document.open - amount;
        let state = if open == 0 {
            DocumentState::WrittenOff
        } else {
            document.state
        };
        let written_off = document.minor(WRITTEN_OFF) + amount;
        let (name, reductions) = reduced(document, booking, amount, decimals);
        let set = vec![
            (WRITTEN_OFF.into(), Value::amount(written_off, decimals)),
            (name.into(), reductions),
        ];
        plan.document(changed(number, document, state, open, set));
        plan.show("document", Value::text(number.to_owned()));
        plan.show("amount", Value::amount(amount, decimals));
        plan.show("open", Value::amount(open, decimals));
        Ok(())
    }
}

/// What a write-off posts.
#[derive(Debug)]
struct Draft<'a> {
    claims: Postings,
    correction: Correction<'a>,
}

impl<'a> Draft<'a> {
    /// Step 7: receivable, expense, tax accounts.
    fn refer(
        book: &'a Book,
        currency: &Currency<'_>,
        document: &Document,
        amount: Minor,
    ) -> Result<Self, Rejection> {
        let receivable = format!("ar/{}", document.party);
        let receivable = book.usable(&receivable, Side::Credit, PATH)?;
        let mut claims = Postings::default();
        claims.credit(receivable, amount, PATH);
        let role = |_group: &receivable::Group<'_>| [BAD_DEBT.to_owned(), BAD_DEBT.to_owned()];
        Ok(Self {
            claims,
            correction: Correction::of(book, currency, document, amount, role, PATH)?,
        })
    }

    /// Step 8.
    fn check_units(&self, book: &Book, currency: &Currency<'_>) -> Result<(), Rejection> {
        self.claims.check_units(book, currency)?;
        self.correction.check_units(book, currency)
    }

    fn post(&self, plan: &mut Plan, booking: Date) -> Result<(), Rejection> {
        plan.post(booking, booking).owned = true;
        if let Some(postings) = self.correction.postings() {
            return postings.with(&self.claims).write_alone(plan);
        }
        self.claims.write_alone(plan)?;
        self.correction.write_converted(plan)
    }
}

/// Step 10: what is more than the book's limit needs an approval.
fn check_limit(
    book: &Book,
    currency: &Currency<'_>,
    document: &Document,
    amount: Minor,
    today: Date,
) -> Result<(), Rejection> {
    let setting = book.reference().single(Record::WriteOff, today);
    let setting = setting.and_then(|value| value.read::<Setting>().ok());
    let limit = setting.and_then(|setting| Number::parse(&setting.limit_without_approval).ok());
    let Some(limit) = limit else {
        return Ok(());
    };
    let mode = receivable::mode(book, document);
    let exchange = Exchange::of_document(book, currency, document, PATH, mode)?;
    let (amount, decimals) = match &exchange {
        Some(exchange) => (exchange.convert(amount)?, exchange.functional.decimals()),
        None => (amount, currency.decimals()),
    };
    let exact = Ratio::decimal(amount, decimals);
    let within = exact
        .zip(Ratio::decimal(limit.signed(), limit.scale))
        .is_some_and(|(amount, limit)| amount.compare(limit) != Ordering::Greater);
    if within {
        return Ok(());
    }
    Err(Rejection::new(Code::ApprovalRequired)
        .at("/amount")
        .with_amount("requested", amount, decimals)
        .with_text("limit", limit.to_string()))
}

/// The setting `writeoff`.
#[derive(Deserialize)]
struct Setting {
    limit_without_approval: String,
}
