//! Open items: documents that payments are allocated to.

use std::collections::BTreeMap;

use super::{AllocationData, discount};
use crate::code::Code;
use crate::jobs::currency::Currency;
use crate::jobs::receivable::{self, DISCOUNT_TAKEN, not_found, reduced, wrong_state};
use crate::ledger::plan::echo;
use crate::ledger::{Book, Document, DocumentState, Members, Plan, Rejection, Value};
use crate::money::Minor;
use crate::time::Date;

/// States in which a document can be paid.
pub(super) const PAYABLE: [DocumentState; 2] = receivable::OPEN;
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
    /// Discount for early payment on top of it.
    pub(super) discount: Minor,
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
        let Some((number, document)) = receivable::find(book, &one.document) else {
            return Err(not_found(&one.document, &document_path(at)));
        };
        items.push(Item {
            number,
            document,
            amount: Minor::from(*amount),
            discount: 0,
        });
    }
    Ok(items)
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
    let refusal = wrong_state(item.number, item.document, expected, &document_path(at));
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

/// Say of every document that is listed once which discount for early payment comes with it.
pub(super) fn earn_discounts(book: &Book, items: &mut [Item<'_>], value: Date) {
    let numbers: Vec<&str> = items.iter().map(|item| item.number).collect();
    for item in items {
        let once = numbers
            .iter()
            .filter(|number| **number == item.number)
            .count()
            == 1;
        if once && PAYABLE.contains(&item.document.state) {
            item.discount = discount::earned(book, item.document, item.amount, value);
        }
    }
}

/// Whoever takes back all that a payment paid on a document takes its discount back too.
pub(super) fn lose_discounts(paid: &Ledger, items: &mut [Item<'_>]) {
    let all: Vec<(&str, Minor)> = items
        .iter()
        .map(|item| (item.number, item.amount))
        .collect();
    for (at, item) in items.iter_mut().enumerate() {
        let same = || {
            all.iter()
                .enumerate()
                .filter(|(_, (number, _))| *number == item.number)
        };
        let sum: Minor = same().map(|(_, (_, amount))| amount).sum();
        let first = same().next().is_some_and(|(place, _)| place == at);
        if first && sum == paid.paid(item.number) {
            item.discount = paid.discount(item.number);
        }
    }
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

/// The changes of the documents: paid (sign 1), or taken back (sign −1), with the value date of the
/// money. One change per document.
pub(super) fn change(
    plan: &mut Plan,
    items: &[Item<'_>],
    (source, value): (Source, Date),
    sign: Minor,
    decimals: u8,
) {
    let mut sums: BTreeMap<&str, (&Document, Minor, Minor)> = BTreeMap::new();
    for item in items {
        let sum = sums.entry(item.number).or_insert((item.document, 0, 0));
        sum.1 += item.amount * sign;
        sum.2 += item.discount * sign;
    }
    for (number, (document, amount, discount)) in sums {
        let open = document.open - amount - discount;
        let paid = document.minor(PAID_MEMBER) + amount;
        let mut set: Members = vec![(PAID_MEMBER.into(), Value::amount(paid, decimals))];
        if source == Source::Credit {
            let credit = from_credit(document) + amount;
            set.push((FROM_CREDIT.into(), Value::amount(credit, decimals)));
        }
        if discount != 0 {
            let taken = document.minor(DISCOUNT_TAKEN) + discount;
            set.push((DISCOUNT_TAKEN.into(), Value::amount(taken, decimals)));
        }
        let (name, reductions) = reduced(document, value, amount + discount, decimals);
        set.push((name.into(), reductions));
        let state = match (open, paid) {
            (0, _) => DocumentState::Paid,
            (_, 0) => DocumentState::Open,
            (_, _) => DocumentState::PartlyPaid,
        };
        plan.document(receivable::changed(number, document, state, open, set));
    }
}

/// Member of an allocation: the discount that came with it.
const DISCOUNT: &str = "discount";

/// The list that payments and outcomes show.
pub(super) fn shown(items: &[Item<'_>], decimals: u8) -> Value {
    let one = |item: &Item<'_>| {
        Value::Object(allocated(item.number, item.amount, item.discount, decimals))
    };
    Value::List(items.iter().map(one).collect())
}

fn allocated(number: &str, amount: Minor, discount: Minor, decimals: u8) -> Members {
    let mut shown: Members = vec![
        ("document".into(), Value::text(number.to_owned())),
        ("amount".into(), Value::amount(amount, decimals)),
    ];
    if discount != 0 {
        shown.push((DISCOUNT.into(), Value::amount(discount, decimals)));
    }
    shown
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

    /// The discount for early payment that came with it.
    pub(super) fn discount(&self, number: &str) -> Minor {
        let of_document = self.0.iter().filter(|one| is_of(one, number));
        of_document.map(|one| minor_of(one, DISCOUNT)).sum()
    }

    /// Add to what was paid of a document; negative amounts take back.
    pub(super) fn add(&mut self, item: &Item<'_>, sign: Minor, decimals: u8) {
        let (amount, discount) = (item.amount * sign, item.discount * sign);
        match self.0.iter_mut().find(|one| is_of(one, item.number)) {
            Some(one) => {
                let (amount, discount) =
                    (amount_of(one) + amount, minor_of(one, DISCOUNT) + discount);
                *one = allocated(item.number, amount, discount, decimals);
            }
            None => self
                .0
                .push(allocated(item.number, amount, discount, decimals)),
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
    minor_of(one, "amount")
}

fn minor_of(one: &Members, name: &str) -> Minor {
    crate::ledger::value::member(one, name)
        .and_then(Value::minor)
        .unwrap_or_default()
}

fn document_path(at: usize) -> String {
    format!("/allocations/{at}/document")
}
