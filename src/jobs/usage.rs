//! Usage: what a customer used, priced by the price list and billed later.
//!
//! | Kind         | Debit            | Credit          | Amount                               |
//! |--------------|------------------|-----------------|--------------------------------------|
//! | `usage.rate` | –                | –               | nothing is posted until it is billed |
//! |              | `contract_asset` | revenue account | the amount, if the role has one      |
//!
//! A usage becomes a document that waits for `invoice.issue` with `from_usage`: its amount is the
//! net of a line, under the tax code and the revenue account of the price. With the setting
//! `usage.period` = `month` the quantities of a customer and an item add up over the calendar month
//! in which the usage began, in the book's zone, and tiers go on where the last usage ended
//! ([`super::rating`]). A usage with which the sum of a month no longer is a quantity (18 digits)
//! is refused. Where the role `contract_asset` has an account, revenue is earned as it is used, and
//! the line of the invoice credits that account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contract::JobKind;
use super::currency::{Currency, positive_quantity};
use super::fields::Id;
use super::invoice::issue::EARNED;
use super::invoice::revenue_name;
use super::postings::contract_asset;
use super::rating::{Rated, RatingFault, rate};
use crate::code::Code;
use crate::ids::{AccountIndex, Hash128, UnitIndex};
use crate::ledger::effect::DocumentChange;
use crate::ledger::plan::{booking_date, echo, optional_instant};
use crate::ledger::reference::{PriceItem, Record};
use crate::ledger::structure::check_structure;
use crate::ledger::{
    Book, DocumentKind, DocumentState, Facts, Members, Plan, Rejection, Side, Value,
};
use crate::money::{DecimalText, Minor, Number, Quantity};
use crate::time::{Date, InstantText, Month, Timestamp};

/// Revenue account of usage whose price names none.
const REVENUE: &str = "rev/usage";
/// What the numbers of these documents begin with.
const PREFIX: &str = "usage.rate";

/// Rate what a customer used.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Customer who pays for it.
    pub customer: Id,
    /// Item of the price list.
    pub item: Id,
    /// How much was used.
    pub quantity: DecimalText,
    /// When the usage began. Now by default.
    pub from: Option<InstantText>,
    /// When it ended.
    pub to: Option<InstantText>,
    /// The meter's reference, unique in the book.
    pub meter_ref: Option<Id>,
}

impl JobKind for Rate {
    const SUMMARY: &'static str = "Price what a customer used; it is billed by invoice.issue.";
    const EXAMPLE: &'static str = r#"{
        "customer": "cust-1",
        "item": "api-calls",
        "quantity": "15000",
        "meter_ref": "meter-7/2026-03"
    }"#;

    const REFUSALS: &'static [Code] = &[
        Code::DuplicateReference,
        Code::PriceNotFound,
        Code::QuantityInvalid,
        Code::EntrySameAccount,
    ];

    fn subject(&self) -> Option<&str> {
        Some(&self.customer)
    }

    fn place(&self, _account: &str) -> Option<String> {
        Some("/item".to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let from = optional_instant(self.from.as_ref(), "/from")?;
        let to = optional_instant(self.to.as_ref(), "/to")?;
        if to.is_some_and(|to| from.is_some_and(|from| to < from)) {
            return Err(Rejection::new(Code::DateInvalid).at("/to"));
        }
        let day = from.or(to).map_or(facts.today, |at| book.zone().date(at));
        let asset = contract_asset(book);
        let booking = asset.map(|_| booking_date(None, "", facts, book));
        let booking = booking.transpose()?;
        let quantity = positive_quantity(&self.quantity, "/quantity")?;
        let natural = self.natural_key(facts, book)?;
        let item = book.reference().price(&self.item, day);
        let item = item.ok_or_else(|| self.no_price())?;
        let meter = Meter::of(self, book, day);
        let sum = meter.earlier.with(quantity).ok_or_else(|| {
            Rejection::new(Code::QuantityInvalid)
                .at("/quantity")
                .with_text("quantity", quantity.to_string())
                .with_text("earlier", meter.earlier.to_string())
        })?;
        let earned = asset
            .map(|asset| Earned::of(book, asset, &item))
            .transpose()?;
        let currency = Currency::of(book, &item.currency);
        currency.check(day, "/item")?;
        if let Some(earned) = &earned {
            earned.check_units(book, &currency)?;
        }
        let (mode, decimals) = (book.reference().rounding(), currency.decimals());
        let rated = rate(&item, meter.earlier, quantity, decimals, mode);
        let rated = rated.map_err(|fault| match fault {
            RatingFault::BeyondTiers => self.no_price().with_text("quantity", quantity.to_string()),
            RatingFault::Overflow => Rejection::new(Code::AmountOverflow)
                .at("/quantity")
                .with_text("path", "/quantity"),
        })?;
        if let (Some(earned), Some(booking)) = (earned, booking) {
            earned.post(book, plan, booking, rated.amount)?;
        }
        let span = [("from", from), ("to", to)];
        let unit = self.write(book, plan, (&item, quantity, day, span), &rated)?;
        meter.write(book, plan, sum, unit);
        if let Some(hash) = natural {
            plan.natural_key(hash);
        }
        Ok(())
    }
}

/// When the usage began and ended, as far as it is said, with the names of the members.
type Span = [(&'static str, Option<Timestamp>); 2];

impl Rate {
    /// The natural key (meter reference).
    fn natural_key(&self, facts: &Facts<'_>, book: &Book) -> Result<Option<Hash128>, Rejection> {
        let Some(reference) = &self.meter_ref else {
            return Ok(None);
        };
        let hash = facts.natural.hash(book.name(), "meter_ref", &[reference]);
        if book.natural_key_taken(hash) {
            return Err(Rejection::new(Code::DuplicateReference)
                .at("/meter_ref")
                .with_text("meter_ref", echo(reference)));
        }
        Ok(Some(hash))
    }

    fn no_price(&self) -> Rejection {
        Rejection::new(Code::PriceNotFound)
            .at("/item")
            .with_text("item", echo(&self.item))
    }

    /// The document that waits for its invoice, and what the outcome shows.
    fn write(
        &self,
        book: &Book,
        plan: &mut Plan,
        (item, quantity, day, span): (&PriceItem, Quantity, Date, Span),
        rated: &Rated<'_>,
    ) -> Result<UnitIndex, Rejection> {
        let (unit, decimals) = plan.unit(book, &item.currency, "/item")?;
        // No two jobs of a book have the same sequence, and in it usage is billed in order.
        let number = format!("{PREFIX}/{:012}", book.next_sequence().0);
        let text = |text: &str| Value::text(text.to_owned());
        let amount = Value::amount(rated.amount, decimals);
        let mut set: Members = vec![
            ("customer".into(), text(&self.customer)),
            ("item".into(), text(&self.item)),
            ("quantity".into(), text(&quantity.to_string())),
            ("currency".into(), text(&item.currency)),
            ("amount".into(), amount.clone()),
            ("date".into(), Value::Date(day)),
        ];
        match contract_asset(book) {
            None => set.push(("revenue".into(), text(revenue(book, item)))),
            // The invoice credits what waits; a credit note takes back what was earned.
            Some(asset) => {
                let earned = revenue_name(book, revenue(book, item));
                set.push(("revenue".into(), text(asset)));
                set.push((EARNED.into(), Value::text(earned)));
            }
        }
        let span = span.into_iter().filter_map(|(name, at)| Some((name, at?)));
        let span = span.map(|(name, at)| (name.into(), Value::text(at.short())));
        let span: Members = span.collect();
        set.extend(span.iter().cloned());
        if let Some(tax) = &item.tax {
            set.push(("tax".into(), text(tax)));
        }
        if let Some(reference) = &self.meter_ref {
            set.push(("meter_ref".into(), text(reference)));
        }
        plan.document(DocumentChange {
            number: number.as_str().into(),
            kind: DocumentKind::Usage,
            state: DocumentState::Open,
            version: 1,
            unit,
            party: self.customer.as_str().into(),
            due: None,
            open: rated.amount,
            set,
        });
        plan.show("usage", Value::text(number));
        plan.show("currency", text(&item.currency));
        plan.show("amount", amount);
        plan.show("tiers", shown_tiers(rated));
        plan.members.extend(span);
        Ok(unit)
    }
}

/// What a line of the invoice credits, as the price names it.
fn revenue<'b>(book: &'b Book, item: &'b PriceItem) -> &'b str {
    let default = || book.reference().role(REVENUE);
    item.revenue.as_deref().unwrap_or_else(default)
}

/// The accounts of revenue that is earned before it is billed.
struct Earned {
    asset: AccountIndex,
    revenue: AccountIndex,
}

impl Earned {
    /// Step 7.
    fn of(book: &Book, asset: &str, item: &PriceItem) -> Result<Self, Rejection> {
        let revenue = revenue_name(book, revenue(book, item));
        Ok(Self {
            asset: book.usable(asset, Side::Debit, "/item")?,
            revenue: book.usable(&revenue, Side::Credit, "/item")?,
        })
    }

    /// Step 8.
    fn check_units(&self, book: &Book, currency: &Currency<'_>) -> Result<(), Rejection> {
        currency.check_account(book, self.asset, "/item")?;
        currency.check_account(book, self.revenue, "/item")
    }

    /// The entry, unless the usage costs nothing.
    fn post(
        &self,
        book: &Book,
        plan: &mut Plan,
        booking: Date,
        amount: Minor,
    ) -> Result<(), Rejection> {
        if amount == 0 {
            return Ok(());
        }
        plan.post(booking, booking).owned = true;
        plan.signed_leg(self.asset, Side::Debit, amount, "/quantity")?;
        plan.signed_leg(self.revenue, Side::Credit, amount, "/quantity")?;
        check_structure(book, &plan.legs).map_err(|refusal| refusal.at("/item"))
    }
}

fn shown_tiers(rated: &Rated<'_>) -> Value {
    let shown = rated.tiers.iter().map(|used| {
        let mut shown = Members::new();
        let mut show = |name: &'static str, value: String| {
            shown.push((name.into(), Value::text(value)));
        };
        if let Some(up_to) = used.tier.up_to {
            show("up_to", up_to.to_string());
        }
        show("quantity", used.quantity.to_string());
        show("price", used.tier.price.to_string());
        if let Some(flat) = used.tier.flat {
            show("flat", flat.to_string());
        }
        Value::Object(shown)
    });
    Value::List(shown.collect())
}

/// Name of what counts a customer's use of an item in a month. Both may have strokes in them, so
/// theirs are written otherwise: no two pairs share a name.
fn meter_name(customer: &str, item: &str, month: Month) -> String {
    let plain = |part: &str| part.replace('%', "%25").replace('/', "%2F");
    format!("{PREFIX}/{}/{}/{month}", plain(customer), plain(item))
}

/// What a customer used of an item so far in the period that adds up.
struct Meter {
    /// The document that counts; none if every usage begins anew.
    number: Option<String>,
    customer: String,
    earlier: Quantity,
}

impl Meter {
    fn of(job: &Rate, book: &Book, day: Date) -> Self {
        let adds_up = book
            .reference()
            .single(Record::Usage, day)
            .and_then(|value| value.read::<Setting>().ok())
            .is_some_and(|setting| setting.period == "month");
        let number = adds_up.then(|| meter_name(&job.customer, &job.item, day.month()));
        let known = number
            .as_ref()
            .and_then(|number| book.documents().of_kind(DocumentKind::Usage, number));
        // A sum is only kept if it can be read again.
        let earlier = known.and_then(|known| {
            let number = Number::parse(known.text("quantity")).ok()?;
            Quantity::new(number).ok()
        });
        Self {
            number,
            customer: job.customer.to_string(),
            earlier: earlier.unwrap_or_default(),
        }
    }

    fn write(&self, book: &Book, plan: &mut Plan, sum: Quantity, unit: UnitIndex) {
        let Some(number) = &self.number else {
            return;
        };
        let known = book.documents().of_kind(DocumentKind::Usage, number);
        plan.document(DocumentChange {
            number: number.as_str().into(),
            kind: DocumentKind::Usage,
            state: DocumentState::Active,
            version: known.map_or(1, |known| known.version.saturating_add(1)),
            unit,
            party: self.customer.as_str().into(),
            due: None,
            open: 0,
            set: vec![("quantity".into(), Value::text(sum.to_string()))],
        });
    }
}

/// The setting `usage`.
#[derive(Deserialize)]
struct Setting {
    period: String,
}
