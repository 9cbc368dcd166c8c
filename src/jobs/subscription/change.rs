//! The rule of `subscription.change`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::proration::{Granularity, Left, Lines, NetRounding};
use super::renew::add_pending;
use super::{
    Line, PATH, Period, RATE, Terms, billed, day_before, find, given_rate, not_found, order, rated,
    shown_price,
};
use crate::code::Code;
use crate::jobs::contract::JobKind;
use crate::jobs::currency::Currency;
use crate::jobs::exchange::{Guard, RateData};
use crate::jobs::fields::Id;
use crate::jobs::invoice::credit;
use crate::jobs::invoice::issue::bill;
use crate::jobs::invoice::lines::{overflow, schema};
use crate::jobs::invoice::order::{Dates, Order, Reserved};
use crate::jobs::receivable::{changed, wrong_state};
use crate::ledger::plan::{booking_date, instant};
use crate::ledger::reference::Record;
use crate::ledger::{Book, Document, DocumentState, Facts, Members, Plan, Rejection, Value};
use crate::money::{DecimalText, Price};
use crate::time::{Date, InstantText};

/// Change the price of a subscription within a period.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The subscription.
    pub subscription: Id,
    /// When the new price begins.
    pub at: InstantText,
    /// The period in which it begins.
    pub period: Period,
    /// Price of the period until then, in the currency of the subscription: the stored one.
    pub old_price: DecimalText,
    /// Price of a period from then on, in the currency of the subscription.
    pub new_price: DecimalText,
    /// What the rest of the period is counted in.
    pub granularity: Granularity,
    /// Days that are left, taken as given instead of counted.
    pub remaining_days: Option<u32>,
    /// What becomes of the difference.
    pub bill: Billing,
    /// What is rounded. The book's setting by default, else each printed line.
    pub net_rounding: Option<NetRounding>,
    /// Rate of a foreign currency. What the book's records have for the day by default.
    pub rate: Option<RateData>,
}

/// What becomes of the difference. What is below zero becomes the customer's credit, unless it
/// waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Billing {
    /// It is billed at once.
    Now,
    /// It is billed with the next renewal.
    Next,
    /// It is set off against the customer's credit; what that does not cover is billed at once.
    Credit,
}

impl JobKind for Change {
    const SUMMARY: &'static str =
        "Change the price of a subscription and settle the rest of the period.";
    const EXAMPLE: &'static str = r#"{
        "subscription": "sub-1",
        "at": "2026-04-16T00:00:00Z",
        "period": { "from": "2026-04-01", "to": "2026-05-01" },
        "old_price": "29.00",
        "new_price": "49.00",
        "granularity": "day",
        "bill": "now"
    }"#;

    const REFUSALS: &'static [Code] = &[
        Code::DocumentNotFound,
        Code::DocumentState,
        Code::SeriesExhausted,
        Code::TaxCodeUnknown,
        Code::TaxNotValidOnDate,
        Code::RateNotFound,
        Code::RateStale,
        Code::RateInvalid,
        Code::RatePairMismatch,
    ];

    fn options(&self) -> Result<(), Rejection> {
        if self.granularity == Granularity::Second && self.remaining_days.is_some() {
            let reason = "days are given only where days are counted";
            return Err(schema("/remaining_days", reason));
        }
        Ok(())
    }

    fn place(&self, _account: &str) -> Option<String> {
        Some(PATH.to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let at = instant(&self.at, "/at")?;
        let period = self.period.read()?;
        let left = self.left(book, period)?;
        let issue = booking_date(None, "", facts, book)?;
        let known = find(book, &self.subscription);
        let terms = known.and_then(Terms::stored);
        let code = terms.as_ref().map_or("", |terms| terms.currency);
        let currency = Currency::of(book, code);
        let old = currency.price(&self.old_price, "/old_price")?;
        let new = currency.price(&self.new_price, "/new_price")?;
        let rate = given_rate(self.rate.as_ref())?;
        let (Some(known), Some(terms)) = (known, terms) else {
            return Err(not_found(&self.subscription));
        };
        let (decimals, mode) = (currency.decimals(), book.reference().rounding());
        let rounding = self.rounding(book, facts.today);
        let lines = Lines::of((old, new), left, decimals, rounding, mode);
        let lines = lines.ok_or_else(|| overflow("/new_price"))?;
        let (first, last) = (book.zone().date(at), day_before(period.1));
        let mut set: Members = vec![("price".into(), shown_price(new, decimals))];
        let check = || {
            self.check_price(known, (old, terms.price), decimals)?;
            // With nothing to settle only the price changes, for whatever is billed next.
            if lines.net == 0 {
                return Ok(());
            }
            self.check_billed(known, period.0)
        };
        if lines.net == 0 || self.bill == Billing::Next {
            check()?;
            if lines.net != 0 {
                let (name, value) = add_pending(known, lines.net, (first, last), decimals);
                set.push((name.into(), value));
            }
            plan.show("credit", Value::amount(0, decimals));
        } else {
            let line = Line {
                amount: lines.net.abs(),
                from: first,
                last,
            };
            let dates = Dates {
                issue,
                tax_point: last,
                delivery: None,
                period: Some((first, last)),
                due: issue,
            };
            let id = Value::text(self.subscription.to_string());
            let shown = vec![("subscription".into(), id)];
            let listed = RateData::listed(book, &currency, issue);
            let rate = rated((self.rate.as_ref(), rate), listed.as_ref(), RATE)?;
            let guard = Guard::of(book, issue, facts.today);
            let mut order = order(&terms, currency, dates, &[line], (mode, rate, guard), shown);
            order.apply_credit = self.bill == Billing::Credit;
            order.reserved = Reserved::of(&order.customer, facts, book);
            settle(&order, lines.net < 0, book, plan, check)?;
        }
        plan.document(changed(
            &self.subscription,
            known,
            DocumentState::Active,
            0,
            set,
        ));
        plan.show("subscription", Value::text(self.subscription.to_string()));
        plan.show("lines", shown_lines(lines, decimals));
        Ok(())
    }
}

/// Bill the difference, or give it back.
fn settle(
    order: &Order<'_>,
    give_back: bool,
    book: &Book,
    plan: &mut Plan,
    check: impl Fn() -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let decimals = order.currency.decimals();
    if give_back {
        return credit(order, book, plan, check);
    }
    bill(order, book, plan, check)?;
    plan.show("credit", Value::amount(0, decimals));
    Ok(())
}

impl Change {
    /// Step 5: what is left of the period.
    fn left(&self, book: &Book, period: (Date, Date)) -> Result<Left, Rejection> {
        let at = instant(&self.at, "/at")?;
        let left = Left::of(book.zone(), period, at, self.granularity);
        let left = left.ok_or_else(|| {
            Rejection::new(Code::DateOutOfRange)
                .at("/at")
                .with_text("value", at.short())
                .with("from", Value::Date(period.0))
                .with("to", Value::Date(period.1))
        })?;
        let Some(days) = self.remaining_days else {
            return Ok(left);
        };
        let rest = i64::from(days);
        if rest > left.length {
            return Err(Rejection::new(Code::DateOutOfRange)
                .at("/remaining_days")
                .with("value", Value::Int(rest))
                .with("latest", Value::Int(left.length)));
        }
        Ok(Left { rest, ..left })
    }

    fn rounding(&self, book: &Book, today: Date) -> NetRounding {
        let of_book = || {
            let setting = book.reference().single(Record::Proration, today)?;
            Some(setting.read::<Setting>().ok()?.net_rounding)
        };
        self.net_rounding.or_else(of_book).unwrap_or_default()
    }

    /// Step 11: the price that the producer knows is the stored one.
    fn check_price(
        &self,
        known: &Document,
        (old, stored): (Price, Price),
        decimals: u8,
    ) -> Result<(), Rejection> {
        if old == stored {
            return Ok(());
        }
        let expected = [DocumentState::Active];
        Err(
            wrong_state(&self.subscription, known, &expected, "/old_price")
                .with("price", shown_price(stored, decimals))
                .with_text("reason", "the subscription has another price"),
        )
    }
}

impl Change {
    /// Step 11: nobody gives back, or bills the rest of, what was never billed.
    fn check_billed(&self, known: &Document, from: Date) -> Result<(), Rejection> {
        let Some((_, until)) = billed(known).filter(|(_, until)| from > *until) else {
            return Ok(());
        };
        let expected = [DocumentState::Active];
        Err(
            wrong_state(&self.subscription, known, &expected, "/period/from")
                .with("billed_until", Value::Date(until))
                .with_text("reason", "the period has not been billed"),
        )
    }
}

/// The setting `proration`.
#[derive(Deserialize)]
struct Setting {
    net_rounding: NetRounding,
}

fn shown_lines(lines: Lines, decimals: u8) -> Value {
    let line = |text: &'static str, amount| {
        Value::Object(vec![
            ("text".into(), Value::text(text)),
            ("amount".into(), Value::amount(amount, decimals)),
        ])
    };
    Value::List(vec![
        line("unused time, old plan", -lines.credit),
        line("remaining time, new plan", lines.charge),
    ])
}
