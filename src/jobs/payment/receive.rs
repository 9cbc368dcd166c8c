//! The rule of `payment.receive`.

use super::discount;
use super::items::{self, Item, Ledger, Source};
use super::reference::referenced;
use super::{Allocation, Receive};
use crate::code::Code;
use crate::ids::{AccountIndex, Hash128};
use crate::jobs::currency::Currency;
use crate::jobs::fields::Id;
use crate::jobs::postings::Postings;
use crate::jobs::receivable::Correction;
use crate::ledger::effect::DocumentChange;
use crate::ledger::plan::{booking_date, echo, optional_date};
use crate::ledger::{
    Book, Document, DocumentKind, DocumentState, Facts, Members, Plan, Rejection, Side, Value,
};
use crate::money::Minor;
use crate::time::Date;

/// Series of payments.
const SERIES: &str = "PAY";
/// Where money without an owner waits.
pub(crate) const UNALLOCATED: &str = "suspense/unallocated";

pub(super) fn plan(
    job: &Receive,
    facts: &Facts<'_>,
    book: &Book,
    plan: &mut Plan,
) -> Result<(), Rejection> {
    let value = optional_date(job.value_date.as_ref(), "/value_date")?;
    let booking = optional_date(job.booking_date.as_ref(), "/booking_date")?;
    let booking = booking_date(booking, "/booking_date", facts, book)?;
    let currency = Currency::of(book, &job.currency);
    let amount = Minor::from(currency.positive(&job.amount, "/amount")?);
    let listed = items::amounts(job.allocations.as_deref().unwrap_or_default(), &currency)?;

    let natural = natural_key(job, facts, book)?;
    let bank = book.usable(&job.bank, Side::Debit, "/bank")?;
    let dates = (booking, value.unwrap_or(booking));
    let receipt = Receipt::refer(job, book, &currency, (amount, dates.1), &listed)?;

    currency.check(booking, "/currency")?;
    currency.check_account(book, bank, "/currency")?;
    receipt.check_units(book, &currency)?;
    items::check_units(book, &receipt.items, &currency)?;
    check_bank(book, &receipt, bank)?;
    // From here on the plan shows what would move, should it need an approval.
    plan.post(dates.0, dates.1).owned = true;
    receipt.postings.write(plan, bank, amount)?;
    for correction in &receipt.discounts {
        correction.write_converted(plan)?;
    }
    receipt.check_explicit(job, amount, currency.decimals())?;

    receipt.document(job, book, plan, amount, dates)?;
    if let Some(hash) = natural {
        plan.natural_key(hash);
    }
    Ok(())
}

/// The natural key (bank, bank reference).
fn natural_key(
    job: &Receive,
    facts: &Facts<'_>,
    book: &Book,
) -> Result<Option<Hash128>, Rejection> {
    let Some(reference) = &job.bank_ref else {
        return Ok(None);
    };
    let parts: [&str; 2] = [&job.bank, reference];
    let hash = facts.natural.hash(book.name(), "bank_ref", &parts);
    if book.natural_key_taken(hash) {
        return Err(Rejection::new(Code::DuplicateReference)
            .at("/bank_ref")
            .with_text("bank", echo(&job.bank))
            .with_text("bank_ref", echo(reference)));
    }
    Ok(Some(hash))
}

/// Step 9: the money cannot come to an account that it also leaves for.
fn check_bank(book: &Book, receipt: &Receipt<'_>, bank: AccountIndex) -> Result<(), Rejection> {
    if receipt.postings.path_of(bank).is_none() {
        return Ok(());
    }
    let name = book.accounts().get(bank);
    Err(Rejection::new(Code::EntrySameAccount)
        .at("/bank")
        .with_text("account", name.map_or("", |account| &*account.name)))
}

/// What a payment pays, and where the rest goes.
#[derive(Debug)]
struct Receipt<'a> {
    customer: Option<&'a str>,
    items: Vec<Item<'a>>,
    /// Rest that becomes the customer's credit.
    credit: Minor,
    /// Rest without an owner.
    unallocated: Minor,
    postings: Postings,
    /// What discounts for early payment post.
    discounts: Vec<Correction<'a>>,
}

impl<'a> Receipt<'a> {
    /// Step 7: documents, customer, accounts.
    fn refer(
        job: &'a Receive,
        book: &'a Book,
        currency: &Currency<'_>,
        (amount, value): (Minor, Date),
        listed: &[i64],
    ) -> Result<Self, Rejection> {
        let list = job.allocations.as_deref().unwrap_or_default();
        let explicit = items::find(book, list, listed)?;
        let given = job.customer.as_ref().map(Id::as_str);
        let named = job
            .reference
            .as_ref()
            .and_then(|text| referenced(book, text));
        // What is in another currency, or another customer's, was not meant: the money is booked
        // without it.
        let named = named.filter(|(_, document)| {
            book.units().code(document.unit) == currency.code()
                && given.is_none_or(|customer| customer == &*document.party)
        });
        let listed_party = explicit.first().map(|item| &*item.document.party);
        let named_party = named.map(|(_, document)| &*document.party);
        let customer = given.or(listed_party).or(named_party);
        let mut items = match (job.allocation, customer) {
            (Some(Allocation::Explicit), _) => explicit,
            (None, _) if job.allocations.is_some() => explicit,
            (Some(Allocation::ByReference) | None, _) => fill(named, amount),
            (Some(Allocation::OldestFirst), Some(customer)) => {
                let open = book.documents().open_items(customer);
                let open = open.filter(|(_, item)| book.units().code(item.unit) == currency.code());
                // What it does not reach stays the customer's credit.
                fill(open.take(book.reference().legs_max()), amount)
            }
            (Some(Allocation::OldestFirst), None) | (Some(Allocation::None), _) => Vec::new(),
        };
        // Oldest first names no document, so no terms are claimed.
        if job.allocation != Some(Allocation::OldestFirst) {
            items::earn_discounts(book, &mut items, value);
        }
        let mut receipt = Self {
            customer,
            items,
            credit: 0,
            unallocated: 0,
            postings: Postings::default(),
            discounts: Vec::new(),
        };
        receipt.accounts(job, book, currency, amount)?;
        Ok(receipt)
    }

    /// Credits of what is allocated and of the rest. A list above the amount leaves no rest; step
    /// 11 refuses it.
    fn accounts(
        &mut self,
        job: &Receive,
        book: &'a Book,
        currency: &Currency<'_>,
        amount: Minor,
    ) -> Result<(), Rejection> {
        let allocated = items::sum(&self.items);
        let rest = (amount - allocated).max(0);
        let path = match (&job.customer, &job.reference, &job.allocations) {
            (Some(_), _, _) | (None, None, None) => "/customer",
            (None, _, Some(_)) => "/allocations",
            (None, Some(_), None) => "/reference",
        };
        let mut credit = |name: &str, amount: Minor| -> Result<(), Rejection> {
            let account = book.usable(name, Side::Credit, path)?;
            self.postings.credit(account, amount, path);
            Ok(())
        };
        let Some(customer) = self.customer else {
            credit(UNALLOCATED, rest)?;
            self.unallocated = rest;
            return Ok(());
        };
        if allocated > 0 {
            let discounts: Minor = self.items.iter().map(|item| item.discount).sum();
            credit(&format!("ar/{customer}"), allocated + discounts)?;
        }
        if rest > 0 {
            credit(&format!("credit/{customer}"), rest)?;
        }
        self.credit = rest;
        for item in &self.items {
            if let Some(correction) = discount::correction(book, currency, item, 1, path)? {
                if let Some(postings) = correction.postings() {
                    self.postings = self.postings.with(postings);
                }
                self.discounts.push(correction);
            }
        }
        Ok(())
    }

    /// Step 8.
    fn check_units(&self, book: &Book, currency: &Currency<'_>) -> Result<(), Rejection> {
        self.postings.check_units(book, currency)?;
        let mut discounts = self.discounts.iter();
        discounts.try_for_each(|correction| correction.check_units(book, currency))
    }

    /// Step 11, for a list: the payment's amount, then document by document.
    fn check_explicit(&self, job: &Receive, amount: Minor, decimals: u8) -> Result<(), Rejection> {
        if job.allocations.is_none() {
            return Ok(());
        }
        let requested = items::sum(&self.items);
        if requested > amount {
            return Err(exceeds_payment(amount, requested, decimals).at("/allocations"));
        }
        items::check_open(&self.items, self.customer, decimals)
    }

    /// The number, the changes of the documents paid, the payment's own document.
    fn document(
        &self,
        job: &Receive,
        book: &Book,
        plan: &mut Plan,
        amount: Minor,
        (booking, value): (Date, Date),
    ) -> Result<(), Rejection> {
        let (unit, decimals) = plan.unit(book, &job.currency, "/currency")?;
        let number = plan.number(book, SERIES, "")?;
        items::change(plan, &self.items, (Source::Payment, value), 1, decimals);
        let shown = |minor: Minor| Value::amount(minor, decimals);
        let text = |text: &str| Value::text(text.to_owned());
        let mut set: Members = vec![
            ("bank".into(), text(&job.bank)),
            ("currency".into(), text(&job.currency)),
            ("amount".into(), shown(amount)),
            ("booking_date".into(), Value::Date(booking)),
            ("value_date".into(), Value::Date(value)),
        ];
        let words = [
            ("customer", self.customer),
            ("reference", job.reference.as_ref().map(Id::as_str)),
            ("bank_ref", job.bank_ref.as_ref().map(Id::as_str)),
        ];
        for (name, word) in words {
            if let Some(word) = word {
                set.push((name.into(), text(word)));
            }
        }
        let mut allocated = Ledger::default();
        for item in &self.items {
            allocated.add(item, 1, decimals);
        }
        set.push(("allocated".into(), allocated.value()));
        set.push(("credit".into(), shown(self.credit)));
        set.push(("unallocated".into(), shown(self.unallocated)));
        plan.document(DocumentChange {
            number: number.as_str().into(),
            kind: DocumentKind::Payment,
            state: payment_state(self.unallocated, amount),
            version: 1,
            unit,
            // A customer that was only inferred from a document does not own the money: if it is
            // taken back it may turn out to be another's.
            party: job.customer.as_ref().map_or("", Id::as_str).into(),
            due: None,
            open: self.unallocated,
            set,
        });
        plan.show("payment", Value::text(number));
        if let Some(customer) = self.customer {
            plan.show("customer", text(customer));
        }
        plan.show("allocated", items::shown(&self.items, decimals));
        plan.show("credit", shown(self.credit));
        plan.show("unallocated", shown(self.unallocated));
        Ok(())
    }
}

/// Pay documents in order until the money is gone.
fn fill<'a>(
    documents: impl IntoIterator<Item = (&'a str, &'a Document)>,
    amount: Minor,
) -> Vec<Item<'a>> {
    let mut rest = amount;
    let mut items = Vec::new();
    for (number, document) in documents {
        if rest == 0 {
            break;
        }
        if !items::PAYABLE.contains(&document.state) {
            continue;
        }
        let amount = rest.min(document.open);
        rest -= amount;
        items.push(Item {
            number,
            document,
            amount,
            discount: 0,
        });
    }
    items
}

/// The refusal of more than there is to allocate.
pub(super) fn exceeds_payment(available: Minor, requested: Minor, decimals: u8) -> Rejection {
    Rejection::new(Code::AllocationExceedsPayment)
        .with_amount("available", available, decimals)
        .with_amount("requested", requested, decimals)
}

/// The state of a payment by what of it has no owner yet.
pub(super) fn payment_state(unallocated: Minor, amount: Minor) -> DocumentState {
    if unallocated == 0 {
        DocumentState::Allocated
    } else if unallocated == amount {
        DocumentState::Unallocated
    } else {
        DocumentState::PartlyAllocated
    }
}
