//! `revenue.schedule`: when an amount that waits is earned.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::span::Span;
use super::{Part, facts as names, find, overflow};
use crate::code::Code;
use crate::ids::AccountIndex;
use crate::jobs::contract::JobKind;
use crate::jobs::currency::Currency;
use crate::jobs::exchange::{Earned, Exchange, Part as ExchangePart, PartKind};
use crate::jobs::fields::Id;
use crate::jobs::invoice::accounts::{deferred_name, group_account, revenue_name};
use crate::jobs::invoice::issue::revenue_of;
use crate::jobs::invoice::lines::schema;
use crate::jobs::invoice::order::not_before;
use crate::jobs::postings::{Postings, first_open, open_account};
use crate::jobs::receivable::{CREDITED, changed, groups, mode, wrong_state};
use crate::ledger::effect::DocumentChange;
use crate::ledger::plan::{booking_date, date, optional_date};
use crate::ledger::value::member;
use crate::ledger::{
    Book, Document, DocumentKind, DocumentState, Facts, Members, Plan, Rejection, Value,
};
use crate::money::{DecimalText, Minor, Rounding};
use crate::time::{Date, DateText};

/// Series of the schedules.
pub(super) const SERIES: &str = "RS";
/// Member of a document: the schedule on which its revenue is.
pub(super) const SCHEDULED: &str = "schedule";
/// States of a document whose revenue can be put on a schedule.
const STATES: [DocumentState; 3] = [
    DocumentState::Open,
    DocumentState::PartlyPaid,
    DocumentState::Paid,
];

/// Put an amount, or the revenue of a document, on a schedule.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The document whose revenue is earned over time; or amount, currency and both accounts.
    pub document: Option<Id>,
    /// The amount that waits, in the currency.
    pub amount: Option<DecimalText>,
    /// Its currency.
    pub currency: Option<Id>,
    /// The account in which it waits.
    pub deferred: Option<Id>,
    /// The account that earns it, or the part of its name behind `rev/`.
    pub revenue: Option<Id>,
    /// First day.
    pub from: DateText,
    /// How many months from that day; or `to`.
    pub months: Option<u16>,
    /// Last day, included.
    pub to: Option<DateText>,
    /// How time is measured.
    pub method: Method,
}

/// How time is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Every month counts the same.
    MonthEqual,
    /// Every day counts the same.
    Daily,
}

impl Method {
    /// As it is written outside.
    pub const fn text(self) -> &'static str {
        match self {
            Self::MonthEqual => "month_equal",
            Self::Daily => "daily",
        }
    }

    /// The method of a text.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        [Self::MonthEqual, Self::Daily]
            .into_iter()
            .find(|method| method.text() == text)
    }
}

impl JobKind for Schedule {
    const SUMMARY: &'static str = "Put revenue that waits on a schedule by which it is earned.";
    const EXAMPLE: &'static str = r#"{
        "amount": "1000.00",
        "currency": "EUR",
        "deferred": "deferred/cust-1",
        "revenue": "subscription",
        "from": "2026-01-01",
        "months": 12,
        "method": "month_equal"
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::DocumentNotFound,
        Code::DocumentState,
        Code::SeriesExhausted,
        Code::RateNotFound,
    ];

    fn options(&self) -> Result<(), Rejection> {
        let by_document = self.document.is_some();
        for (is, path) in [
            (self.amount.is_some(), "/amount"),
            (self.currency.is_some(), "/currency"),
            (self.deferred.is_some(), "/deferred"),
            (self.revenue.is_some(), "/revenue"),
        ] {
            if is && by_document {
                return Err(schema(path, "the document says so itself"));
            }
            if !is && !by_document {
                return Err(schema(path, "missing field"));
            }
        }
        match (self.months, &self.to) {
            (Some(0), _) => Err(schema("/months", "a schedule has a month at least")),
            (Some(_), Some(_)) => Err(schema("/months", "a schedule has one end")),
            (None, None) => Err(schema("/months", "missing field")),
            (Some(_), None) | (None, Some(_)) => Ok(()),
        }
    }

    fn place(&self, account: &str) -> Option<String> {
        let of_deferred = self.deferred.as_deref() == Some(account);
        let place = match (&self.document, of_deferred) {
            (Some(_), _) => "/document",
            (None, true) => "/deferred",
            (None, false) => "/revenue",
        };
        Some(place.to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let span = self.span()?;
        let code = self.currency.as_ref().map_or("", Id::as_str);
        let currency = Currency::of(book, code);
        let amount = self.amount.as_ref();
        let amount = amount.map(|text| currency.positive(text, "/amount"));
        let amount = amount.transpose()?.map_or(0, Minor::from);
        let waiting = match &self.document {
            None => self.given(book, currency, amount, facts)?,
            Some(number) => of_document(number, facts, book, plan)?,
        };
        let number = plan.number(book, SERIES, "")?;
        self.write(book, plan, &number, &span, &waiting)?;
        if let Some(source) = waiting.source {
            let set = vec![(SCHEDULED.into(), Value::text(number.clone()))];
            let (document, open) = (source.document, source.document.open);
            plan.document(changed(source.number, document, document.state, open, set));
        }
        Ok(())
    }
}

/// What is put on a schedule.
struct Waiting<'a> {
    currency: Currency<'a>,
    path: &'static str,
    parts: Vec<Part>,
    mode: Rounding,
    source: Option<Source<'a>>,
}

/// The document that it comes from.
struct Source<'a> {
    number: &'a str,
    document: &'a Document,
}

impl Schedule {
    /// Step 5.
    fn span(&self) -> Result<Span, Rejection> {
        let from = date(&self.from, "/from")?;
        let to = optional_date(self.to.as_ref(), "/to")?;
        let span = match (to, self.months) {
            (Some(to), _) => Span::until(from, not_before(from, to, "/to")?, self.method),
            (None, months) => {
                let months = u32::from(months.unwrap_or(1));
                Span::of_months(from, months, self.method)
            }
        };
        span.filter(|span| span.last().in_range()).ok_or_else(|| {
            Rejection::new(Code::DateOutOfRange)
                .at("/months")
                .with("value", Value::count(self.months.unwrap_or_default()))
        })
    }

    /// Steps 7 and 8 of an amount with its accounts.
    fn given<'a>(
        &'a self,
        book: &Book,
        currency: Currency<'a>,
        amount: Minor,
        facts: &Facts<'_>,
    ) -> Result<Waiting<'a>, Rejection> {
        let deferred = self.deferred.as_ref().map_or("", Id::as_str);
        let revenue = revenue_name(book, self.revenue.as_ref().map_or("", Id::as_str));
        let accounts = [
            (open_account(book, deferred, "/deferred")?, "/deferred"),
            (open_account(book, &revenue, "/revenue")?, "/revenue"),
        ];
        Plan::check_series(book, SERIES, "")?;
        currency.check(facts.today, "/currency")?;
        for (account, path) in accounts {
            currency.check_account(book, account, path)?;
        }
        Ok(Waiting {
            currency,
            path: "/currency",
            parts: vec![Part {
                deferred: deferred.into(),
                revenue: revenue.into(),
                amount,
                whole: amount,
            }],
            mode: book.reference().rounding(),
            source: None,
        })
    }

    /// The schedule, and what the outcome shows.
    fn write(
        &self,
        book: &Book,
        plan: &mut Plan,
        number: &str,
        span: &Span,
        waiting: &Waiting<'_>,
    ) -> Result<(), Rejection> {
        let (unit, decimals) = plan.unit(book, waiting.currency.code(), waiting.path)?;
        let text = |text: &str| Value::text(text.to_owned());
        let mut amounts = Vec::new();
        for step in span.steps(None, span.last()) {
            let part = |part: &Part| span.part(part.amount, &step, waiting.mode);
            let parts: Option<Vec<Minor>> = waiting.parts.iter().map(part).collect();
            let sum: Minor = parts.ok_or_else(|| overflow(waiting.path))?.iter().sum();
            amounts.push(Value::amount(sum, decimals));
        }
        let total: Minor = waiting.parts.iter().map(|part| part.amount).sum();
        let parts = waiting.parts.iter().map(|part| part.shown(decimals));
        let mut set: Members = vec![
            (names::CURRENCY.into(), text(waiting.currency.code())),
            ("amount".into(), Value::amount(total, decimals)),
            (names::FROM.into(), Value::Date(span.from())),
            (names::TO.into(), Value::Date(span.last())),
            (names::METHOD.into(), Value::text(self.method.text())),
            ("rounding".into(), Value::text(waiting.mode.text())),
            (names::PARTS.into(), Value::List(parts.collect())),
            ("amounts".into(), Value::List(amounts.clone())),
            (names::RECOGNISED.into(), Value::amount(0, decimals)),
        ];
        if let Some(source) = &waiting.source {
            set.push(("document".into(), text(source.number)));
        }
        plan.document(DocumentChange {
            number: number.into(),
            kind: DocumentKind::Schedule,
            state: DocumentState::Active,
            version: 1,
            unit,
            party: waiting
                .source
                .as_ref()
                .map_or("".into(), |source| source.document.party.clone()),
            due: None,
            open: total,
            set,
        });
        plan.show("schedule", text(number));
        plan.show("amounts", Value::List(amounts));
        Ok(())
    }
}

/// Steps 7 to 11 of a document: what of it waits already, or is made to wait now.
fn of_document<'a>(
    number: &str,
    facts: &Facts<'_>,
    book: &'a Book,
    plan: &mut Plan,
) -> Result<Waiting<'a>, Rejection> {
    const PATH: &str = "/document";
    let document = find(book, number, DocumentKind::Invoice, PATH)?;
    let number = book
        .documents()
        .find(number)
        .map_or("", |(number, _)| number);
    let check = || {
        if !STATES.contains(&document.state) {
            return Err(wrong_state(number, document, &STATES, PATH));
        }
        let known = document.text(SCHEDULED);
        if known.is_empty() && document.minor(CREDITED) != 0 {
            let reason = "a part of it was credited: give amount and accounts of what is left";
            return Err(wrong_state(number, document, &STATES, PATH).with_text("reason", reason));
        }
        if known.is_empty() {
            return Ok(());
        }
        Err(wrong_state(number, document, &STATES, PATH).with_text(SCHEDULED, known))
    };
    Plan::check_series(book, SERIES, "")?;
    let mode = mode(book, document);
    let currency = Currency::of(book, document.text("currency"));
    let functional = book.functional_unit();
    let in_functional = document.member("rate").is_some();
    let unit = functional.filter(|_| in_functional);
    let posted = unit.map_or_else(
        || Currency::of(book, document.text("currency")),
        |unit| Currency::of(book, unit),
    );
    let waits = waiting_already(document);
    let parts = if waits.is_empty() {
        let booking = booking_date(None, "", facts, book)?;
        Moved::of(book, &currency, document, mode, booking)?.write(plan, booking)?
    } else {
        waits
    };
    // From here on the plan shows what would move, should it need an approval.
    check()?;
    Ok(Waiting {
        currency: posted,
        path: PATH,
        parts,
        mode,
        source: Some(Source { number, document }),
    })
}

/// What a document has credited to accounts in which revenue waits, by accounts.
fn waiting_already(document: &Document) -> Vec<Part> {
    let Some(Value::List(list)) = document.member("deferred") else {
        return Vec::new();
    };
    let mut parts: Vec<Part> = Vec::new();
    for one in list {
        let Value::Object(members) = one else {
            continue;
        };
        let amount = member(members, "functional").or_else(|| member(members, "amount"));
        let (Some(deferred), Some(revenue), Some(amount)) = (
            super::text(members, "account"),
            super::text(members, "revenue"),
            amount.and_then(Value::minor),
        ) else {
            continue;
        };
        add(&mut parts, deferred, revenue, amount);
    }
    parts
}

fn add(parts: &mut Vec<Part>, deferred: &str, revenue: &str, amount: Minor) {
    let same = |part: &&mut Part| *part.deferred == *deferred && *part.revenue == *revenue;
    match parts.iter_mut().find(same) {
        Some(part) => {
            part.amount += amount;
            part.whole = part.amount;
        }
        None => parts.push(Part {
            deferred: deferred.into(),
            revenue: revenue.into(),
            amount,
            whole: amount,
        }),
    }
}

/// Revenue that a document earned at once and that is made to wait.
struct Moved {
    parts: Vec<Part>,
    postings: Postings,
}

impl Moved {
    /// Steps 7 and 8.
    fn of(
        book: &Book,
        currency: &Currency<'_>,
        document: &Document,
        mode: Rounding,
        booking: Date,
    ) -> Result<Self, Rejection> {
        const PATH: &str = "/document";
        let of_customer = format!("deferred/{}", document.party);
        let mut earned = Vec::new();
        for (name, _, amount) in revenue_of(document) {
            earned.push((open_account(book, name, PATH)?, amount));
        }
        if earned.is_empty() {
            // One that the book began with does not say where its revenue went.
            for group in groups(document) {
                earned.push((group_account(book, &group, booking, PATH)?, group.base));
            }
        }
        let exchange = Exchange::of_document(book, currency, document, PATH, mode)?;
        let nets: Vec<ExchangePart> = earned
            .iter()
            .map(|(account, amount)| ExchangePart {
                account: *account,
                amount: *amount,
                path: PATH.to_owned(),
                kind: PartKind::Net,
            })
            .collect();
        let posted = Earned::of(&nets, exchange.as_ref())?;
        let (mut parts, mut postings) = (Vec::new(), Postings::default());
        let name = |account: AccountIndex| {
            let known = book.accounts().get(account);
            known.map_or("", |known| &*known.name)
        };
        for ((account, _), amount) in earned.iter().zip(&posted.parts) {
            let first = deferred_name(name(*account), &of_customer);
            let deferred = first_open(book, [&first, &of_customer], PATH)?;
            postings.credit(*account, -amount, PATH);
            postings.credit(deferred, *amount, PATH);
            add(&mut parts, name(deferred), name(*account), *amount);
        }
        postings.check_sides(book)?;
        match &exchange {
            None => postings.check_units(book, currency)?,
            Some(exchange) => postings.check_units(book, &exchange.functional)?,
        }
        Ok(Self { parts, postings })
    }

    fn write(self, plan: &mut Plan, booking: Date) -> Result<Vec<Part>, Rejection> {
        if !self.postings.is_empty() {
            plan.post(booking, booking).owned = true;
            self.postings.write_alone(plan)?;
        }
        Ok(self.parts)
    }
}
