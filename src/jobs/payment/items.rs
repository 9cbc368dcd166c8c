//! Open items: documents that payments are allocated to.

use std::collections::BTreeMap;

use super::AllocationData;
use crate::code::Code;
use crate::jobs::currency::Currency;
use crate::ledger::effect::DocumentChange;
use crate::ledger::plan::echo;
use crate::ledger::value::set_member;
use crate::ledger::{Book, Document, DocumentState, Members, Plan, Rejection, Value};
use crate::money::Minor;

/// States in which a document can be paid.
pub(super) const PAYABLE: [DocumentState; 2] = [DocumentState::Open, DocumentState::PartlyPaid];
/// States in which a payment can be taken back.
pub(super) const PAID: [DocumentState; 2] = [DocumentState::PartlyPaid, DocumentState::Paid];

/// A document and how much of it is paid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    /// Its number.
    pub(super) number: &'a str,
    /// The document as it stands.
    pub(super) document: &'a Document,
    /// How much, minor units.
    pub(super) amount: Minor,
}

/// Step 6: the amounts of a list.
pub(super) fn amounts(
    list: &[AllocationData],
    currency: &Currency<'_>,
) -> Result<Vec<i64>, Rejection> {
    let read = |(at, one): (usize, &AllocationData)| {
        currency.positive(&one.amount, &format!("/allocations/{at}/amount"))
    };
    list.iter().enumerate().map(read).collect()
}

/// Step 7: the documents of a list.
pub(super) fn find<'a>(
    book: &'a Book,
    list: &'a [AllocationData],
    amounts: &[i64],
) -> Result<Vec<Item<'a>>, Rejection> {
    let mut items = Vec::with_capacity(list.len());
    for ((at, one), amount) in list.iter().enumerate().zip(amounts) {
        let found = book.documents().find(&one.document);
        let Some((number, document)) = found.filter(|(_, document)| document.is_receivable())
        else {
            return Err(not_found(&one.document, &document_path(at)));
        };
        items.push(Item {
            number,
            document,
            amount: Minor::from(*amount),
        });
    }
    Ok(items)
}

/// The refusal of a number that names no document of the kind asked for.
pub(super) fn not_found(number: &str, path: &str) -> Rejection {
    Rejection::new(Code::DocumentNotFound)
        .at(path)
        .with_text("document", echo(number))
}

/// Step 8: the documents are in the currency.
pub(super) fn check_units(
    book: &Book,
    items: &[Item<'_>],
    currency: &Currency<'_>,
) -> Result<(), Rejection> {
    for (at, item) in items.iter().enumerate() {
        let unit = book.units().code(item.document.unit);
        if unit != currency.code() {
            return Err(currency.mismatch(unit, &document_path(at)));
        }
    }
    Ok(())
}

/// Step 11: a document must be the customer's, if there is one, and in one of these states.
pub(super) fn check_state(
    item: &Item<'_>,
    at: usize,
    customer: Option<&str>,
    expected: &[DocumentState],
) -> Result<(), Rejection> {
    let foreign = customer.is_some_and(|customer| customer != &*item.document.party);
    if !foreign && expected.contains(&item.document.state) {
        return Ok(());
    }
    let states = expected.iter().map(|state| Value::text(state.text()));
    let refusal = Rejection::new(Code::DocumentState)
        .at(document_path(at))
        .with_text("document", echo(item.number))
        .with_text("state", item.document.state.text())
        .with("expected", Value::List(states.collect()));
    if foreign {
        return Err(refusal.with_text("reason", "it belongs to another customer"));
    }
    Err(refusal)
}

/// Step 11, document by document: state, then open amount. A document listed twice has what the
/// first time left of it.
pub(super) fn check_open(
    items: &[Item<'_>],
    customer: Option<&str>,
    decimals: u8,
) -> Result<(), Rejection> {
    let mut sums: BTreeMap<&str, Minor> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        check_state(item, at, customer, &PAYABLE)?;
        let sum = sums.entry(item.number).or_default();
        *sum += item.amount;
        if *sum > item.document.open {
            return Err(Rejection::new(Code::AllocationExceedsOpen)
                .at(format!("/allocations/{at}/amount"))
                .with_text("document", echo(item.number))
                .with_amount("open", item.document.open, decimals)
                .with_amount("requested", *sum, decimals));
        }
    }
    Ok(())
}

/// The sum of the amounts.
pub(super) fn sum(items: &[Item<'_>]) -> Minor {
    items.iter().map(|item| item.amount).sum()
}

/// Where the money of an allocation comes from, as far as a document remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A payment: the payment remembers.
    Payment,
    /// The customer's credit: the document remembers.
    Credit,
}

/// Member of a document: everything paid on it.
const PAID_MEMBER: &str = "paid";
/// Member of a document: what of that came from the customer's credit.
const FROM_CREDIT: &str = "from_credit";

/// What of a document was paid from the customer's credit.
pub(super) fn from_credit(document: &Document) -> Minor {
    document.minor(FROM_CREDIT)
}

/// The changes of the documents: paid (sign 1), or taken back (sign −1). One change per document.
pub(super) fn change(
    plan: &mut Plan,
    items: &[Item<'_>],
    source: Source,
    sign: Minor,
    decimals: u8,
) {
    let mut sums: BTreeMap<&str, (&Document, Minor)> = BTreeMap::new();
    for item in items {
        let sum = sums.entry(item.number).or_insert((item.document, 0));
        sum.1 += item.amount * sign;
    }
    for (number, (document, amount)) in sums {
        let open = document.open - amount;
        let paid = document.minor(PAID_MEMBER) + amount;
        let mut set: Members = vec![(PAID_MEMBER.into(), Value::amount(paid, decimals))];
        if source == Source::Credit {
            let credit = from_credit(document) + amount;
            set.push((FROM_CREDIT.into(), Value::amount(credit, decimals)));
        }
        let state = match (open, paid) {
            (0, _) => DocumentState::Paid,
            (_, 0) => DocumentState::Open,
            (_, _) => DocumentState::PartlyPaid,
        };
        plan.document(DocumentChange {
            number: number.into(),
            kind: document.kind,
            state,
            version: document.version.saturating_add(1),
            unit: document.unit,
            party: document.party.clone(),
            due: document.due,
            open,
            set,
        });
    }
}

/// The list that payments and outcomes show.
pub(super) fn shown(items: &[Item<'_>], decimals: u8) -> Value {
    let one = |item: &Item<'_>| allocated(item.number, item.amount, decimals);
    Value::List(items.iter().map(one).collect())
}

fn allocated(number: &str, amount: Minor, decimals: u8) -> Value {
    Value::Object(vec![
        ("document".into(), Value::text(number.to_owned())),
        ("amount".into(), Value::amount(amount, decimals)),
    ])
}

/// A payment's own list of what it paid: one member per document, none of zero.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger(Vec<Members>);

impl Ledger {
    /// The list of a payment.
    pub(super) fn of(payment: &Document) -> Self {
        let Some(Value::List(list)) = payment.member("allocated") else {
            return Self(Vec::new());
        };
        let members = list.iter().filter_map(|one| {
            let Value::Object(members) = one else {
                return None;
            };
            Some(members.clone())
        });
        Self(members.collect())
    }

    /// How much of a document the payment paid.
    pub(super) fn paid(&self, number: &str) -> Minor {
        self.0
            .iter()
            .filter(|one| is_of(one, number))
            .map(amount_of)
            .sum()
    }

    /// How much it paid in all.
    pub(super) fn total(&self) -> Minor {
        self.0.iter().map(amount_of).sum()
    }

    /// Add to what was paid of a document; a negative amount takes back.
    pub(super) fn add(&mut self, number: &str, amount: Minor, decimals: u8) {
        match self.0.iter_mut().find(|one| is_of(one, number)) {
            Some(one) => {
                let sum = Value::amount(amount_of(one) + amount, decimals);
                set_member(one, "amount".into(), sum);
            }
            None => {
                if let Value::Object(members) = allocated(number, amount, decimals) {
                    self.0.push(members);
                }
            }
        }
        self.0.retain(|one| amount_of(one) != 0);
    }

    /// The list as it is shown.
    pub(super) fn value(self) -> Value {
        Value::List(self.0.into_iter().map(Value::Object).collect())
    }
}

fn is_of(one: &Members, number: &str) -> bool {
    let known = crate::ledger::value::member(one, "document");
    matches!(known, Some(Value::Text(known)) if known == number)
}

fn amount_of(one: &Members) -> Minor {
    crate::ledger::value::member(one, "amount")
        .and_then(Value::minor)
        .unwrap_or_default()
}

fn document_path(at: usize) -> String {
    format!("/allocations/{at}/document")
}
