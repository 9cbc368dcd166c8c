//! The rule of `dunning.charge`.

use super::Charge;
use super::rates::{self, Rate};
use crate::code::Code;
use crate::ids::Hash128;
use crate::jobs::accrued::{self, Stretch, Term};
use crate::jobs::currency::Currency;
use crate::jobs::exchange::{Earned, Exchange, Part, PartKind};
use crate::jobs::invoice::order::not_before;
use crate::jobs::postings::{Postings, role_account};
use crate::jobs::receivable::{self, DISPUTED, OPEN, changed, not_found, reductions, wrong_state};
use crate::ledger::effect::DocumentChange;
use crate::ledger::plan::{booking_date, date, echo};
use crate::ledger::value::member;
use crate::ledger::{
    Book, Document, DocumentKind, DocumentState, Facts, Members, Plan, Rejection, Side, Value,
};
use crate::money::Minor;
use crate::time::{Convention, Date};

/// Where the document stands in the data.
pub(super) const PATH: &str = "/document";
/// Series of the charges.
const SERIES: &str = "DN";
/// Member of a document: the days for which interest was charged.
const CHARGED: &str = "charged";

pub(super) fn plan(
    job: &Charge,
    facts: &Facts<'_>,
    book: &Book,
    plan: &mut Plan,
) -> Result<(), Rejection> {
    let from = date(&job.from, "/from")?;
    let to = not_before(from, date(&job.to, "/to")?, "/to")?;
    // Both days are included, unlike in other interest.
    let end = to.plus_days(1).unwrap_or(to);
    let booking = booking_date(None, "", facts, book)?;
    let found = receivable::find(book, &job.document);
    let found = found.filter(|(_, document)| document.kind == DocumentKind::Invoice);
    let currency = receivable::currency(book, found);
    let said = rates::said(job)?;
    let fee = currency.or_zero(job.fee.as_ref(), "/fee")?;
    let lump_sum = currency.or_zero(job.lump_sum.as_ref(), "/lump_sum")?;

    let (number, document) = found.ok_or_else(|| not_found(&job.document, PATH))?;
    let natural = natural_key(job, facts, book, (number, to))?;
    let basis = accrued::basis(&job.basis, "/basis")?;
    let rates = rates::rates(job, said, book, (from, end), facts.today)?;
    let term = Term {
        basis,
        from,
        to: end,
        coupon: None,
    };
    let stretches = stretches(document, &rates, (from, end));
    let interest = accrued::rounded(book, term.interest(&stretches), PATH)?;
    if interest != 0 {
        check_not_charged(job, document, (from, to))?;
    }
    let draft = Draft::refer(book, &currency, document, (interest, fee + lump_sum))?;

    draft.check_units(book, &currency)?;
    // From here on the plan shows what would move, should it need an approval.
    draft.post(plan, booking)?;
    check_state(book, number, document, from)?;
    let figures = Figures {
        interest,
        fee,
        lump_sum,
        term,
        to,
        rates,
    };
    draft.write(job, book, plan, (number, document), &figures, booking)?;
    plan.natural_key(natural);
    Ok(())
}

/// The natural key (document, last day).
fn natural_key(
    job: &Charge,
    facts: &Facts<'_>,
    book: &Book,
    (number, to): (&str, Date),
) -> Result<Hash128, Rejection> {
    let parts: [&str; 2] = [number, &to.to_string()];
    let hash = facts.natural.hash(book.name(), "dunning", &parts);
    if book.natural_key_taken(hash) {
        return Err(Rejection::new(Code::DuplicateReference)
            .at(PATH)
            .with_text("document", echo(&job.document))
            .with("to", Value::Date(to)));
    }
    Ok(hash)
}

/// Step 7, its end: interest of a day is charged once. A charge without any may cover the same
/// days: a fee is for the reminder.
fn check_not_charged(
    job: &Charge,
    document: &Document,
    (from, to): (Date, Date),
) -> Result<(), Rejection> {
    let overlaps = |(first, last): &(Date, Date)| *first <= to && from <= *last;
    let Some((first, last)) = charged(document).into_iter().find(overlaps) else {
        return Ok(());
    };
    Err(Rejection::new(Code::DuplicateReference)
        .at("/from")
        .with_text("document", echo(&job.document))
        .with("from", Value::Date(first))
        .with("to", Value::Date(last)))
}

/// The first and the last day of every charge of interest on a document.
fn charged(document: &Document) -> Vec<(Date, Date)> {
    let Some(Value::List(list)) = document.member(CHARGED) else {
        return Vec::new();
    };
    let read = |one: &Value| {
        let Value::Object(members) = one else {
            return None;
        };
        let day = |name: &str| member(members, name).and_then(Value::date);
        Some((day("from")?, day("to")?))
    };
    list.iter().filter_map(read).collect()
}

/// Step 11: open, undisputed, and overdue on the first day. A document that is due on a day on
/// which the book's calendar is closed may be paid on the next one that is not.
fn check_state(
    book: &Book,
    number: &str,
    document: &Document,
    from: Date,
) -> Result<(), Rejection> {
    let disputed = document.member(DISPUTED) == Some(&Value::Bool(true));
    if disputed || !OPEN.contains(&document.state) {
        let refusal = wrong_state(number, document, &OPEN, PATH);
        return Err(if disputed {
            refusal.with_text("reason", "the customer disputes it")
        } else {
            refusal
        });
    }
    let Some(due) = document.due else {
        return Ok(());
    };
    let calendar = book.reference().book_calendar(due);
    let last = calendar.roll(due, Convention::Following).unwrap_or(due);
    if from > last {
        return Ok(());
    }
    Err(Rejection::new(Code::NotOverdue)
        .at("/from")
        .with_text("document", echo(number))
        .with("due", Value::Date(last))
        .with("from", Value::Date(from)))
}

/// The stretches of a period on which neither the rate nor what was open changes.
fn stretches(document: &Document, rates: &[Rate], (from, end): (Date, Date)) -> Vec<Stretch> {
    let reductions = reductions(document);
    let mut days: Vec<Date> = rates.iter().map(|rate| rate.from).collect();
    days.extend(reductions.iter().map(|(on, _)| *on));
    days.push(from);
    days.retain(|day| (from..end).contains(day));
    days.sort_unstable();
    days.dedup();
    let ends = days.iter().skip(1).copied().chain([end]);
    let open = |on: Date| {
        let later = reductions.iter().filter(|(day, _)| *day > on);
        document.open + later.map(|(_, amount)| *amount).sum::<Minor>()
    };
    let stretch = |(from, to): (Date, Date)| {
        let rate = rates.iter().rev().find(|rate| rate.from <= from)?;
        Some(Stretch {
            from,
            to,
            principal: open(from).max(0),
            rate: rate.percent,
        })
    };
    days.iter().copied().zip(ends).filter_map(stretch).collect()
}

/// What a charge is made of.
struct Figures {
    interest: Minor,
    fee: Minor,
    lump_sum: Minor,
    term: Term,
    /// Last day.
    to: Date,
    rates: Vec<Rate>,
}

impl Figures {
    /// Days of each rate.
    fn segments(&self) -> Value {
        let ends = self.rates.iter().skip(1).map(|rate| rate.from);
        let ends = ends.chain([self.term.to]);
        let shown = self.rates.iter().zip(ends).map(|(rate, end)| {
            Value::Object(vec![
                ("days".into(), Value::Int(self.term.days(rate.from, end))),
                ("rate".into(), Value::text(rate.number.to_string())),
            ])
        });
        Value::List(shown.collect())
    }

    fn days(&self) -> Value {
        Value::Int(self.term.days(self.term.from, self.term.to))
    }

    /// What the document that is charged remembers of it.
    fn of_document(&self, job: &Charge, document: &Document) -> Members {
        let mut set = Members::new();
        if let Some(level) = job.level {
            let level = document.count("dunning_level").max(i64::from(level));
            set.push(("dunning_level".into(), Value::Int(level)));
        }
        if self.interest != 0 {
            let mut days = match document.member(CHARGED) {
                Some(Value::List(list)) => list.clone(),
                Some(_) | None => Vec::new(),
            };
            days.push(Value::Object(vec![
                ("from".into(), Value::Date(self.term.from)),
                ("to".into(), Value::Date(self.to)),
            ]));
            set.push((CHARGED.into(), Value::List(days)));
        }
        set
    }
}

/// A charge whose accounts are found.
#[derive(Debug)]
struct Draft<'a> {
    total: Minor,
    claims: Postings,
    exchange: Option<Exchange<'a>>,
    earned: Earned,
}

impl<'a> Draft<'a> {
    /// Step 7: receivable and income. What is zero needs no account.
    fn refer(
        book: &'a Book,
        currency: &Currency<'_>,
        document: &Document,
        (interest, dunning): (Minor, Minor),
    ) -> Result<Self, Rejection> {
        let receivable = format!("ar/{}", document.party);
        let receivable = book.usable(&receivable, Side::Debit, PATH)?;
        let mut claims = Postings::default();
        let total = interest + dunning;
        claims.credit(receivable, -total, PATH);
        let mut parts = Vec::new();
        for (name, amount) in [
            ("income/late_interest", interest),
            ("income/dunning", dunning),
        ] {
            if amount != 0 {
                parts.push(Part {
                    account: role_account(book, name, PATH)?,
                    amount,
                    path: PATH.to_owned(),
                    kind: PartKind::Net,
                });
            }
        }
        Plan::check_series(book, SERIES, PATH)?;
        let mode = book.reference().rounding();
        let exchange = Exchange::of_document(book, currency, document, PATH, mode)?;
        let earned = Earned::of(&parts, exchange.as_ref())?;
        earned.postings.check_sides(book)?;
        Ok(Self {
            total,
            claims,
            exchange,
            earned,
        })
    }

    /// Step 8.
    fn check_units(&self, book: &Book, currency: &Currency<'_>) -> Result<(), Rejection> {
        self.claims.check_units(book, currency)?;
        self.earned
            .check_units(self.exchange.as_ref(), book, currency)
    }

    /// The entry, the number, the charge as an open item.
    fn write(
        &self,
        job: &Charge,
        book: &Book,
        plan: &mut Plan,
        (number, document): (&str, &Document),
        figures: &Figures,
        booking: Date,
    ) -> Result<(), Rejection> {
        let decimals = book.units().decimals(document.unit);
        let shown = |minor: Minor| Value::amount(minor, decimals);
        (plan.booking_date, plan.value_date) = (Some(booking), Some(booking));
        let charge = plan.number(book, SERIES, PATH)?;
        let text = |text: &str| Value::text(text.to_owned());
        let mut set: Members = vec![
            ("customer".into(), text(&document.party)),
            ("currency".into(), text(book.units().code(document.unit))),
            ("invoice".into(), text(number)),
            ("issue_date".into(), Value::Date(booking)),
            ("due_date".into(), Value::Date(booking)),
            ("from".into(), Value::Date(figures.term.from)),
            ("to".into(), Value::Date(figures.to)),
            ("basis".into(), Value::text(figures.term.basis.text())),
            ("days".into(), figures.days()),
            ("segments".into(), figures.segments()),
            ("interest".into(), shown(figures.interest)),
            ("fee".into(), shown(figures.fee)),
            ("lump_sum".into(), shown(figures.lump_sum)),
            ("tax_exclusive".into(), shown(self.total)),
            ("tax".into(), Value::List(Vec::new())),
            ("tax_inclusive".into(), shown(self.total)),
            ("total".into(), shown(self.total)),
            ("payable".into(), shown(self.total)),
        ];
        if let Some(level) = job.level {
            set.push(("level".into(), Value::count(level)));
        }
        if let Some(exchange) = &self.exchange {
            let (name, value) = exchange.member();
            set.push((name.into(), value));
        }
        plan.document(DocumentChange {
            number: charge.as_str().into(),
            kind: DocumentKind::Dunning,
            state: if self.total == 0 {
                DocumentState::Paid
            } else {
                DocumentState::Open
            },
            version: 1,
            unit: document.unit,
            party: document.party.clone(),
            due: Some(booking),
            open: self.total,
            set,
        });
        let set = figures.of_document(job, document);
        if !set.is_empty() {
            plan.document(changed(
                number,
                document,
                document.state,
                document.open,
                set,
            ));
        }
        plan.show("document", Value::text(charge));
        plan.show("interest", shown(figures.interest));
        plan.show("days", figures.days());
        plan.show("segments", figures.segments());
        plan.show("total", shown(self.total));
        Ok(())
    }

    /// The entry, unless nothing is charged.
    fn post(&self, plan: &mut Plan, booking: Date) -> Result<(), Rejection> {
        if self.total == 0 {
            return Ok(());
        }
        plan.post(booking, booking).owned = true;
        match &self.exchange {
            None => self.claims.with(&self.earned.postings).write_alone(plan),
            Some(exchange) => {
                self.claims.write_alone(plan)?;
                exchange.write(plan, self.total, self.earned.sum)?;
                self.earned.postings.write_alone(plan)
            }
        }
    }
}
