//! The rule of `payment.allocate`: what a payment left, or a customer's credit, pays documents; and
//! the way back.

use std::collections::BTreeMap;

use super::Allocate;
use super::discount;
use super::items::{self, Item, Ledger, Source};
use super::receive::{UNALLOCATED, exceeds_payment, payment_state};
use crate::code::Code;
use crate::ids::AccountIndex;
use crate::jobs::currency::Currency;
use crate::jobs::fields::Id;
use crate::jobs::postings::Postings;
use crate::jobs::receivable::{Correction, not_found};
use crate::ledger::effect::DocumentChange;
use crate::ledger::plan::{booking_date, echo};
use crate::ledger::{Book, Document, DocumentKind, Facts, Plan, Rejection, Side, Value};
use crate::money::Minor;
use crate::time::Date;

pub(super) fn plan(
    job: &Allocate,
    facts: &Facts<'_>,
    book: &Book,
    plan: &mut Plan,
) -> Result<(), Rejection> {
    let booking = booking_date(None, "", facts, book)?;
    let currency = Currency::of(book, source_unit(job, book));
    let amounts = items::amounts(&job.allocations, &currency)?;
    let draft = Draft::refer(job, book, &currency, &amounts)?;

    currency.check_account(book, draft.account, draft.path)?;
    draft.check_units(book, &currency)?;
    items::check_units(book, &draft.items, &currency)?;
    if job.allocations.is_empty() {
        return Err(Rejection::new(Code::DocumentNoLines).at("/allocations"));
    }
    // From here on the plan shows what would move, should it need an approval.
    plan.post(booking, booking).owned = true;
    draft.postings.write(plan, draft.account, draft.total())?;
    for correction in &draft.discounts {
        correction.write_converted(plan)?;
    }
    let decimals = currency.decimals();
    if draft.back {
        draft.check_back(decimals)?;
    } else {
        draft.check_forth(facts, book, decimals)?;
    }

    draft.documents(book, plan, booking, decimals);
    Ok(())
}

/// The unit of the source; empty if there is no such source.
fn source_unit<'a>(job: &Allocate, book: &'a Book) -> &'a str {
    let payment = job.payment.as_ref().and_then(|number| {
        let payment = book.documents().get(number)?;
        Some(payment.unit)
    });
    let credit = job.customer.as_ref().and_then(|customer| {
        let account = book.accounts().by_name(&format!("credit/{customer}"))?;
        Some(account.unit)
    });
    payment
        .or(credit)
        .map_or("", |unit| book.units().code(unit))
}

/// An allocation whose references are found.
#[derive(Debug)]
struct Draft<'a> {
    /// The payment, unless the source is a customer's credit.
    payment: Option<(&'a str, &'a Document)>,
    customer: Option<&'a str>,
    back: bool,
    /// Account of the source, and the member that led to it.
    account: AccountIndex,
    path: &'static str,
    items: Vec<Item<'a>>,
    /// The receivables; negative on the way back.
    postings: Postings,
    /// What discounts that are taken back post.
    discounts: Vec<Correction<'a>>,
}

impl<'a> Draft<'a> {
    /// Step 7: source, documents, receivables.
    fn refer(
        job: &'a Allocate,
        book: &'a Book,
        currency: &Currency<'_>,
        amounts: &[i64],
    ) -> Result<Self, Rejection> {
        let back = job.unallocate == Some(true);
        let (debit, credit) = if back {
            (Side::Credit, Side::Debit)
        } else {
            (Side::Debit, Side::Credit)
        };
        let payment = match &job.payment {
            None => None,
            Some(number) => Some(find_payment(book, number)?),
        };
        let given = job.customer.as_ref().map(Id::as_str);
        let (account, path) = match given {
            Some(customer) => (format!("credit/{customer}"), "/customer"),
            None => (UNALLOCATED.to_owned(), "/payment"),
        };
        let owner = payment.map(|(_, payment)| &*payment.party);
        let mut draft = Self {
            payment,
            customer: given.or(owner.filter(|owner| !owner.is_empty())),
            back,
            account: book.usable(&account, debit, path)?,
            path,
            items: items::find(book, &job.allocations, amounts)?,
            postings: Postings::default(),
            discounts: Vec::new(),
        };
        if let (true, Some((_, payment))) = (back, payment) {
            items::lose_discounts(&Ledger::of(payment), &mut draft.items);
        }
        let sign = if back { -1 } else { 1 };
        for (at, item) in draft.items.iter().enumerate() {
            let path = format!("/allocations/{at}/document");
            let name = format!("ar/{}", item.document.party);
            let receivable = book.usable(&name, credit, &path)?;
            let amount = (item.amount + item.discount) * sign;
            draft.postings.credit(receivable, amount, &path);
            if let Some(taken) = discount::correction(book, currency, item, sign, &path)? {
                if let Some(postings) = taken.postings() {
                    draft.postings = draft.postings.with(postings);
                }
                draft.discounts.push(taken);
            }
        }
        Ok(draft)
    }

    /// Step 8.
    fn check_units(&self, book: &Book, currency: &Currency<'_>) -> Result<(), Rejection> {
        self.postings.check_units(book, currency)?;
        let mut discounts = self.discounts.iter();
        discounts.try_for_each(|correction| correction.check_units(book, currency))
    }

    /// What the source is debited with; negative on the way back.
    fn total(&self) -> Minor {
        let total = items::sum(&self.items);
        if self.back { -total } else { total }
    }

    /// Step 11: the source's rest, then document by document.
    fn check_forth(&self, facts: &Facts<'_>, book: &Book, decimals: u8) -> Result<(), Rejection> {
        let available = match self.payment {
            Some((_, payment)) => payment.open,
            None => facts.available(self.account, book),
        };
        let requested = items::sum(&self.items);
        if requested > available {
            return Err(exceeds_payment(available, requested, decimals).at("/allocations"));
        }
        items::check_open(&self.items, self.customer, decimals)
    }

    /// Step 11 on the way back: no more than the source paid, in all and of each document.
    fn check_back(&self, decimals: u8) -> Result<(), Rejection> {
        let paid = self.payment.map(|(_, payment)| Ledger::of(payment));
        if let Some(paid) = &paid {
            let (available, requested) = (paid.total(), items::sum(&self.items));
            if requested > available {
                return Err(exceeds_payment(available, requested, decimals).at("/allocations"));
            }
        }
        let mut sums: BTreeMap<&str, Minor> = BTreeMap::new();
        for (at, item) in self.items.iter().enumerate() {
            items::check_state(item, at, self.customer, &items::PAID)?;
            let sum = sums.entry(item.number).or_default();
            *sum += item.amount;
            let available = match &paid {
                Some(paid) => paid.paid(item.number),
                None => items::from_credit(item.document),
            };
            if *sum > available {
                return Err(exceeds_payment(available, *sum, decimals)
                    .at(format!("/allocations/{at}/amount"))
                    .with_text("document", echo(item.number)));
            }
        }
        Ok(())
    }

    /// The changes of the documents and of the payment, and what the outcome shows.
    fn documents(&self, book: &Book, plan: &mut Plan, booking: Date, decimals: u8) {
        let sign = if self.back { -1 } else { 1 };
        let shown = |minor: Minor| Value::amount(minor, decimals);
        let Some((number, payment)) = self.payment else {
            items::change(plan, &self.items, (Source::Credit, booking), sign, decimals);
            let balance = book.accounts().get(self.account);
            let rest = balance.map_or(0, crate::ledger::Account::balance) - self.total();
            plan.show("credit", shown(rest));
            return;
        };
        // The money had its value when it came, whenever it is allocated.
        let value = match payment.member("value_date") {
            Some(Value::Date(value)) => *value,
            Some(_) | None => booking,
        };
        items::change(plan, &self.items, (Source::Payment, value), sign, decimals);
        let mut paid = Ledger::of(payment);
        for item in &self.items {
            paid.add(item, sign, decimals);
        }
        let rest = payment.open - self.total();
        plan.document(DocumentChange {
            number: number.into(),
            kind: payment.kind,
            state: payment_state(rest, payment.minor("amount")),
            version: payment.version.saturating_add(1),
            unit: payment.unit,
            party: payment.party.clone(),
            due: payment.due,
            open: rest,
            set: vec![
                ("allocated".into(), paid.value()),
                ("unallocated".into(), shown(rest)),
            ],
        });
        plan.show("payment", Value::text(number.to_owned()));
        plan.show("unallocated", shown(rest));
    }
}

fn find_payment<'a>(book: &'a Book, number: &str) -> Result<(&'a str, &'a Document), Rejection> {
    let found = book.documents().find(number);
    found
        .filter(|(_, document)| document.kind == DocumentKind::Payment)
        .ok_or_else(|| not_found(number, "/payment"))
}
