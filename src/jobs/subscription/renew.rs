//! The rule of `subscription.renew`.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Line, PATH, PERIOD, Period, RATE, Terms, billed, day_before, find, given_rate, not_found,
    order, rated, rounded, shown_price,
};
use crate::code::Code;
use crate::ids::Hash128;
use crate::jobs::contract::JobKind;
use crate::jobs::currency::Currency;
use crate::jobs::exchange::{Guard, RateData};
use crate::jobs::fields::Id;
use crate::jobs::invoice::issue::bill;
use crate::jobs::invoice::lines::overflow;
use crate::jobs::invoice::order::{Dates, Reserved};
use crate::ledger::effect::DocumentChange;
use crate::ledger::plan::{booking_date, echo};
use crate::ledger::value::member;
use crate::ledger::{
    Book, Document, DocumentKind, DocumentState, Facts, Members, Plan, Rejection, Value,
};
use crate::money::{DecimalText, Minor, Price};
use crate::time::Date;

/// Renew a subscription for a period: bill it, and earn it over the period.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Renew {
    /// The subscription.
    pub subscription: Id,
    /// The period that is billed.
    pub period: Period,
    /// Whether the customer's credit is set off.
    pub apply_credit: Option<bool>,
    /// Customer; needed the first time, as are currency and price. Later what is stored counts.
    pub customer: Option<Id>,
    /// Currency of the price.
    pub currency: Option<Id>,
    /// Price of a period without tax, in the currency.
    pub price: Option<DecimalText>,
    /// Tax code; none for what is not taxed.
    pub tax: Option<Id>,
    /// Account that earns the revenue, or the part of its name behind `rev/`.
    pub revenue: Option<Id>,
    /// Rate of a foreign currency. What the book's records have for the day by default.
    pub rate: Option<RateData>,
}

impl JobKind for Renew {
    const SUMMARY: &'static str = "Bill a period of a subscription; the first time opens it.";
    const EXAMPLE: &'static str = r#"{
        "subscription": "sub-1",
        "period": { "from": "2026-04-01", "to": "2026-05-01" },
        "customer": "cust-1",
        "currency": "EUR",
        "price": "29.00",
        "tax": "DE19"
    }"#;

    const REFUSALS: &'static [Code] = &[
        Code::DocumentNotFound,
        Code::DuplicateReference,
        Code::SeriesExhausted,
        Code::TaxCodeUnknown,
        Code::TaxNotValidOnDate,
        Code::RateNotFound,
        Code::RateStale,
        Code::RateInvalid,
        Code::RatePairMismatch,
    ];

    fn subject(&self) -> Option<&str> {
        self.customer.as_ref().map(Id::as_str)
    }

    fn place(&self, _account: &str) -> Option<String> {
        Some(PATH.to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let (from, to) = self.period.read()?;
        let issue = booking_date(None, "", facts, book)?;
        let known = find(book, &self.subscription);
        let given = self.price(book)?;
        let rate = given_rate(self.rate.as_ref())?;
        let natural = self.natural_key(from, facts, book)?;
        let last = day_before(to);
        self.check_period(known, (from, last))?;
        let terms = match known {
            Some(known) => Terms::stored(known),
            None => self.first(given),
        };
        let terms = terms.ok_or_else(|| not_found(&self.subscription))?;
        let currency = Currency::of(book, terms.currency);
        let (mode, decimals) = (book.reference().rounding(), currency.decimals());
        let amount = rounded(terms.price, decimals, mode).ok_or_else(|| overflow(PATH))?;
        let mut lines = vec![Line { amount, from, last }];
        lines.extend(known.map(pending).unwrap_or_default());
        let dates = Dates {
            issue,
            tax_point: last,
            delivery: None,
            period: Some((from, last)),
            due: issue,
        };
        let shown = vec![(
            "subscription".into(),
            Value::text(self.subscription.to_string()),
        )];
        let listed = RateData::listed(book, &currency, issue);
        let rate = rated((self.rate.as_ref(), rate), listed.as_ref(), RATE)?;
        let guard = Guard::of(book, issue, facts.today);
        let mut order = order(&terms, currency, dates, &lines, (mode, rate, guard), shown);
        order.apply_credit = self.apply_credit == Some(true);
        order.reserved = Reserved::of(&order.customer, facts, book);
        order.natural = Some(natural);
        bill(&order, book, plan, || Ok(()))?;
        self.keep(book, plan, known, &terms, (from, last))
    }
}

impl Renew {
    /// Step 6.
    fn price(&self, book: &Book) -> Result<Option<Price>, Rejection> {
        let code = self.currency.as_ref().map_or("", Id::as_str);
        let currency = Currency::of(book, code);
        let read = |text| currency.price(text, "/price");
        self.price.as_ref().map(read).transpose()
    }

    /// The natural key (subscription, first day).
    fn natural_key(
        &self,
        from: Date,
        facts: &Facts<'_>,
        book: &Book,
    ) -> Result<Hash128, Rejection> {
        let day = from.to_string();
        let parts: [&str; 2] = [&self.subscription, &day];
        let hash = facts.natural.hash(book.name(), PATH, &parts);
        if book.natural_key_taken(hash) {
            return Err(Rejection::new(Code::DuplicateReference)
                .at("/period/from")
                .with_text("subscription", echo(&self.subscription))
                .with("from", Value::Date(from)));
        }
        Ok(hash)
    }

    /// Step 7, behind the natural key: no day is billed twice.
    fn check_period(
        &self,
        known: Option<&Document>,
        (from, last): (Date, Date),
    ) -> Result<(), Rejection> {
        match known.and_then(billed) {
            Some((first, until)) if from <= until && first <= last => {
                Err(Rejection::new(Code::DuplicateReference)
                    .at("/period/from")
                    .with_text("subscription", echo(&self.subscription))
                    .with("from", Value::Date(first))
                    .with("to", Value::Date(until)))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The terms that a first renewal opens the subscription with; none if one is missing.
    fn first(&self, price: Option<Price>) -> Option<Terms<'_>> {
        let named = |id: &Option<Id>| id.as_ref().map(|id| Cow::Owned(id.to_string()));
        Some(Terms {
            customer: Cow::Borrowed(self.customer.as_ref()?),
            currency: self.currency.as_ref()?,
            price: price?,
            tax: named(&self.tax),
            revenue: named(&self.revenue),
        })
    }

    /// The subscription as it stands afterwards.
    fn keep(
        &self,
        book: &Book,
        plan: &mut Plan,
        known: Option<&Document>,
        terms: &Terms<'_>,
        (from, last): (Date, Date),
    ) -> Result<(), Rejection> {
        let (unit, decimals) = plan.unit(book, terms.currency, PATH)?;
        let text = |text: &str| Value::text(text.to_owned());
        // A period that is billed late is not the last one.
        let billed = known.and_then(billed).filter(|(_, until)| *until > last);
        let (from, last) = billed.unwrap_or((from, last));
        let period = vec![
            ("from".into(), Value::Date(from)),
            ("to".into(), Value::Date(last)),
        ];
        let mut set: Members = vec![
            ("customer".into(), text(&terms.customer)),
            ("currency".into(), text(terms.currency)),
            ("price".into(), shown_price(terms.price, decimals)),
        ];
        for (name, named) in [("tax", &terms.tax), ("revenue", &terms.revenue)] {
            if let Some(named) = named {
                set.push((name.into(), text(named)));
            }
        }
        set.push((PERIOD.into(), Value::Object(period)));
        // The first day that nobody has billed.
        let next = last.plus_days(1).unwrap_or(last);
        set.push(("next_run".into(), Value::Date(next)));
        set.push((PENDING.into(), Value::List(Vec::new())));
        plan.document(DocumentChange {
            number: self.subscription.as_str().into(),
            kind: DocumentKind::Subscription,
            state: DocumentState::Active,
            version: known.map_or(1, |known| known.version.saturating_add(1)),
            unit,
            party: terms.customer.as_ref().into(),
            due: None,
            open: 0,
            set,
        });
        plan.show("subscription", text(&self.subscription));
        Ok(())
    }
}

/// Member of a subscription: what is billed with the next renewal.
const PENDING: &str = "pending";

/// What changes left to be billed with the next renewal.
fn pending(subscription: &Document) -> Vec<Line> {
    let Some(Value::List(list)) = subscription.member(PENDING) else {
        return Vec::new();
    };
    let read = |one: &Value| {
        let Value::Object(members) = one else {
            return None;
        };
        let day = |name: &str| member(members, name).and_then(Value::date);
        Some(Line {
            amount: member(members, "amount").and_then(Value::minor)?,
            from: day("from")?,
            last: day("to")?,
        })
    };
    list.iter().filter_map(read).collect()
}

/// What is to be billed with the next renewal, with one line more: the member to set.
pub(super) fn add_pending(
    subscription: &Document,
    amount: Minor,
    (from, last): (Date, Date),
    decimals: u8,
) -> (&'static str, Value) {
    let mut list = match subscription.member(PENDING) {
        Some(Value::List(list)) => list.clone(),
        Some(_) | None => Vec::new(),
    };
    list.push(Value::Object(vec![
        ("amount".into(), Value::amount(amount, decimals)),
        ("from".into(), Value::Date(from)),
        ("to".into(), Value::Date(last)),
    ]));
    (PENDING, Value::List(list))
}
