//! The rule of `credit_note.issue`.

use super::Issue;
use super::draft::{self, CREDITED_TAX, Credited, PATH, Share};
use crate::code::Code;
use crate::jobs::currency::Currency;
use crate::jobs::exchange::{Earned, Exchange, Part, PartKind};
use crate::jobs::postings::{Postings, role_account};
use crate::jobs::receivable::{self, Group, changed, not_found, reduced, wrong_state};
use crate::jobs::revenue::shorten;
use crate::ledger::effect::DocumentChange;
use crate::ledger::plan::{booking_date, echo};
use crate::ledger::{
    Book, Document, DocumentKind, DocumentState, Effect, Facts, Members, Plan, Rejection, Side,
    Value,
};
use crate::money::Minor;
use crate::time::Date;

/// States in which an invoice can be credited.
const CREDITABLE: [DocumentState; 3] = [
    DocumentState::Open,
    DocumentState::PartlyPaid,
    DocumentState::Paid,
];

/// Member of an invoice: the numbers of its credit notes.
const CREDIT_NOTES: &str = "credit_notes";

pub(super) fn plan(
    job: &Issue,
    facts: &Facts<'_>,
    book: &Book,
    plan: &mut Plan,
) -> Result<(), Rejection> {
    let booking = booking_date(None, "", facts, book)?;
    let found = receivable::find(book, &job.invoice);
    let found = found.filter(|(_, document)| document.kind == DocumentKind::Invoice);
    let currency = receivable::currency(book, found);
    let mode = found.map(|(_, invoice)| receivable::mode(book, invoice));
    let mode = mode.unwrap_or_else(|| book.reference().rounding());
    let numbers = draft::numbers(job, &currency, mode)?;
    let (number, invoice) = found.ok_or_else(|| not_found(&job.invoice, PATH))?;
    let credited = Credited::of(book, invoice);
    let lines = job.lines.as_deref().unwrap_or_default();
    let shares = if job.full == Some(true) {
        credited.rest()
    } else {
        credited.of_lines(lines, &numbers, currency.decimals())
    };
    let note = Note::refer(job, book, &currency, (invoice, &credited), shares, booking)?;

    note.check_units(book, &currency)?;
    note.check_structure(job, book, &currency)?;
    // From here on the plan shows what would move, should it need an approval.
    note.post(plan, booking)?;
    check_state(number, invoice, &credited)?;
    note.check_creditable(job, &credited, currency.decimals())?;
    note.write(job, book, plan, (number, invoice), &credited, booking)
}

/// A credit note whose references are found.
#[derive(Debug)]
struct Note<'a> {
    shares: Vec<Share<'a>>,
    /// With tax.
    total: Minor,
    /// What lessens the receivable.
    applied: Minor,
    /// What becomes the customer's credit.
    credit: Minor,
    /// The customer's side, in the currency.
    claims: Postings,
    exchange: Option<Exchange<'a>>,
    /// The company's side, in the unit in which it is posted.
    earned: Earned,
    /// What becomes of the invoice's schedule.
    schedule: Option<DocumentChange>,
}

impl<'a> Note<'a> {
    /// Step 7: the customer's accounts, series, tax groups, revenue and tax accounts.
    fn refer(
        job: &Issue,
        book: &'a Book,
        currency: &Currency<'_>,
        (invoice, credited): (&'a Document, &Credited<'a>),
        shares: Result<Vec<Share<'a>>, Rejection>,
        booking: Date,
    ) -> Result<Self, Rejection> {
        let groups = shares.as_deref().unwrap_or_default();
        let total: Minor = groups.iter().map(|share| share.base + share.tax).sum();
        let rounding = if credited.is_all(total) {
            invoice.minor("rounding")
        } else {
            0
        };
        let owed = total + rounding;
        let applied = owed.min(invoice.open).max(0);
        let credit = (owed - applied).max(0);
        let mut claims = Postings::default();
        for (name, amount) in [("ar", applied), ("credit", credit)] {
            if amount != 0 {
                let account = format!("{name}/{}", invoice.party);
                let account = book.usable(&account, Side::Credit, PATH)?;
                claims.credit(account, amount, PATH);
            }
        }
        Plan::check_series(book, &job.series, "/series")?;
        let shares = shares?;
        let mut parts = credited.parts(book, job, &shares, booking)?;
        if rounding != 0 {
            parts.push(Part {
                account: role_account(book, "rounding/cash", PATH)?,
                amount: -rounding,
                path: PATH.to_owned(),
                kind: PartKind::Rounding,
            });
        }
        let mode = receivable::mode(book, invoice);
        let exchange = Exchange::of_document(book, currency, invoice, PATH, mode)?;
        let exchange = exchange.map(|exchange| exchange.after(receivable::taken_back(invoice)));
        let mut earned = Earned::of(&parts, exchange.as_ref())?;
        let shortened = shorten(book, invoice, (&parts, &earned), PATH)?;
        let schedule = shortened.map(|shortened| {
            earned.postings = shortened.postings;
            shortened.schedule
        });
        earned.postings.check_sides(book)?;
        Ok(Self {
            shares,
            total,
            applied,
            credit,
            claims,
            exchange,
            earned,
            schedule,
        })
    }

    /// Step 8.
    fn check_units(&self, book: &Book, currency: &Currency<'_>) -> Result<(), Rejection> {
        self.claims.check_units(book, currency)?;
        self.earned
            .check_units(self.exchange.as_ref(), book, currency)
    }

    /// Step 9.
    fn check_structure(
        &self,
        job: &Issue,
        book: &Book,
        currency: &Currency<'_>,
    ) -> Result<(), Rejection> {
        if job.lines.as_ref().is_some_and(Vec::is_empty) {
            return Err(Rejection::new(Code::DocumentNoLines).at("/lines"));
        }
        if self.total < 0 {
            return Err(Rejection::new(Code::DocumentTotalNegative)
                .at("/lines")
                .with_amount("total", self.total, currency.decimals()));
        }
        if let Some((account, path)) = self.claims.shared(&self.earned.postings) {
            let name = book.accounts().get(account);
            return Err(Rejection::new(Code::EntrySameAccount)
                .at(path)
                .with_text("account", name.map_or("", |account| &*account.name)));
        }
        let links = if self.exchange.is_some() { 2 } else { 0 };
        let legs = self.claims.len().saturating_add(self.earned.postings.len());
        let legs = legs.saturating_add(links);
        let legs_max = book.reference().legs_max();
        if legs > legs_max {
            return Err(Rejection::new(Code::EntryTooManyLegs)
                .at("/lines")
                .with("legs", Value::count(legs))
                .with("limit", Value::count(legs_max)));
        }
        Ok(())
    }

    /// Step 11, its end: no more than is left of the invoice.
    fn check_creditable(
        &self,
        job: &Issue,
        credited: &Credited<'_>,
        decimals: u8,
    ) -> Result<(), Rejection> {
        if self.total <= credited.creditable {
            return Ok(());
        }
        let path = if job.full == Some(true) {
            "/full"
        } else {
            "/lines"
        };
        Err(Rejection::new(Code::CreditExceedsInvoice)
            .at(path)
            .with_text("document", echo(&job.invoice))
            .with_amount("creditable", credited.creditable, decimals)
            .with_amount("requested", self.total, decimals))
    }

    /// The entry, the number, the note, and what becomes of the invoice.
    fn write(
        &self,
        job: &Issue,
        book: &Book,
        plan: &mut Plan,
        (number, invoice): (&str, &Document),
        credited: &Credited<'_>,
        booking: Date,
    ) -> Result<(), Rejection> {
        let decimals = book.units().decimals(invoice.unit);
        let shown = |minor: Minor| Value::amount(minor, decimals);
        (plan.booking_date, plan.value_date) = (Some(booking), Some(booking));
        let note = plan.number(book, &job.series, "/series")?;
        if book.documents().get(&note).is_some() {
            // Documents of the configuration may stand where the series has not been yet.
            return Err(Rejection::new(Code::DuplicateReference)
                .at("/series")
                .with_text("document", note));
        }
        let text = |text: &str| Value::text(text.to_owned());
        let base: Minor = self.shares.iter().map(|share| share.base).sum();
        let taxed = self
            .shares
            .iter()
            .filter(|share| !share.group.code.is_empty());
        let tax = taxed.map(|share| group(&share.group, share.base, share.tax, decimals));
        let mut set: Members = vec![
            ("customer".into(), text(&invoice.party)),
            ("currency".into(), text(book.units().code(invoice.unit))),
            ("invoice".into(), text(number)),
            ("issue_date".into(), Value::Date(booking)),
            ("tax_exclusive".into(), shown(base)),
            ("tax".into(), Value::List(tax.collect())),
            ("tax_inclusive".into(), shown(self.total)),
            ("total".into(), shown(self.total)),
            ("applied".into(), shown(self.applied)),
            ("credit".into(), shown(self.credit)),
        ];
        if let Some(exchange) = &self.exchange {
            let (name, value) = exchange.member();
            set.push((name.into(), value));
        }
        plan.document(DocumentChange {
            number: note.as_str().into(),
            kind: DocumentKind::CreditNote,
            state: DocumentState::Applied,
            version: 1,
            unit: invoice.unit,
            party: invoice.party.clone(),
            due: None,
            open: 0,
            set,
        });
        let open = invoice.open - self.applied;
        let state = if receivable::OPEN.contains(&invoice.state) && open == 0 {
            DocumentState::Credited
        } else {
            invoice.state
        };
        let set = self.of_invoice(invoice, credited, (&note, booking), decimals);
        plan.document(changed(number, invoice, state, open, set));
        plan.effects.extend(
            self.schedule
                .iter()
                .map(|change| Effect::Document(Box::new(change.clone()))),
        );
        plan.show("document", Value::text(note));
        plan.show("total", shown(self.total));
        plan.show("applied", shown(self.applied));
        plan.show("credit", shown(self.credit));
        Ok(())
    }

    /// The entry, unless nothing is left of it.
    fn post(&self, plan: &mut Plan, booking: Date) -> Result<(), Rejection> {
        if self.claims.is_empty() && self.earned.postings.is_empty() {
            return Ok(());
        }
        plan.post(booking, booking).owned = true;
        match &self.exchange {
            None => self.earned.postings.with(&self.claims).write_alone(plan),
            Some(exchange) => {
                self.claims.write_alone(plan)?;
                exchange.write(plan, -(self.applied + self.credit), self.earned.sum)?;
                self.earned.postings.write_alone(plan)
            }
        }
    }

    /// What the invoice remembers of the note.
    fn of_invoice(
        &self,
        invoice: &Document,
        credited: &Credited<'_>,
        (note, booking): (&str, Date),
        decimals: u8,
    ) -> Members {
        let mut notes = list(invoice, CREDIT_NOTES);
        notes.push(Value::text(note.to_owned()));
        let mut groups = list(invoice, CREDITED_TAX);
        for share in &self.shares {
            let known = groups.iter().position(|one| {
                let known = Group::of(one);
                known.is_some_and(|known| {
                    (known.code, known.rate) == (share.group.code, share.group.rate)
                })
            });
            match known.and_then(|at| groups.get_mut(at)) {
                Some(place) => {
                    let known = Group::of(place).unwrap_or_default();
                    let (base, tax) = (known.base + share.base, known.tax + share.tax);
                    *place = group(&share.group, base, tax, decimals);
                }
                None => groups.push(group(&share.group, share.base, share.tax, decimals)),
            }
        }
        let sum = credited.before + self.total;
        let (name, reductions) = reduced(invoice, booking, self.applied, decimals);
        vec![
            (receivable::CREDITED.into(), Value::amount(sum, decimals)),
            (CREDITED_TAX.into(), Value::List(groups)),
            (CREDIT_NOTES.into(), Value::List(notes)),
            (name.into(), reductions),
        ]
    }
}

/// Step 11: an invoice that a note has closed can be credited as long as something was paid on it.
fn check_state(number: &str, invoice: &Document, credited: &Credited<'_>) -> Result<(), Rejection> {
    let closed = invoice.state == DocumentState::Credited && credited.creditable > 0;
    if closed || CREDITABLE.contains(&invoice.state) {
        return Ok(());
    }
    Err(wrong_state(number, invoice, &CREDITABLE, PATH))
}

fn list(document: &Document, name: &str) -> Vec<Value> {
    match document.member(name) {
        Some(Value::List(list)) => list.clone(),
        Some(_) | None => Vec::new(),
    }
}

/// A tax group as documents show it.
fn group(group: &Group<'_>, base: Minor, tax: Minor, decimals: u8) -> Value {
    let text = |text: &str| Value::text(text.to_owned());
    Value::Object(vec![
        ("tax".into(), text(group.code)),
        ("category".into(), text(group.category)),
        ("rate".into(), text(group.rate)),
        ("base".into(), Value::amount(base, decimals)),
        ("amount".into(), Value::amount(tax, decimals)),
    ])
}
