//! `query.price`: what a quantity costs by the price list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Asked, Question, Unanswered};
use crate::code::Code;
use crate::jobs::currency::{Currency, positive_quantity};
use crate::jobs::fields::Id;
use crate::jobs::invoice::lines::overflow;
use crate::jobs::rating::{RatingFault, TierUse, rate};
use crate::ledger::plan::{echo, optional_date};
use crate::ledger::reference::{PriceItem, Record};
use crate::ledger::value::Members;
use crate::ledger::{Book, Rejection, Value};
use crate::money::{DecimalText, Quantity};
use crate::time::{Date, DateText};

/// Ask for a price.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Item of the price list.
    pub item: Id,
    /// How much of it.
    pub quantity: DecimalText,
    /// For whom, shown only.
    pub customer: Option<Id>,
    /// On which day; today by default.
    pub date: Option<DateText>,
}

impl Question for Price {
    const NAME: &'static str = "query.price";
    const SUMMARY: &'static str = "What a quantity costs by the price list.";
    const EXAMPLE: &'static str = r#"{ "item": "api-calls", "quantity": "15000" }"#;
    const REFUSALS: &'static [Code] = &[Code::QuantityInvalid, Code::PriceNotFound];

    fn answer(&self, asked: &Asked<'_>) -> Result<Members, Unanswered> {
        let date = optional_date(self.date.as_ref(), "/date")?;
        let date = date.unwrap_or(asked.today);
        let quantity = positive_quantity(&self.quantity, "/quantity")?;
        let book = asked.book;
        let item = book.reference().price(&self.item, date);
        let item = item.ok_or_else(|| self.no_price())?;
        let currency = Currency::of(book, &item.currency);
        currency.check(date, "/item")?;
        let (decimals, mode) = (currency.decimals(), book.reference().rounding());
        let rated = rate(&item, Quantity::default(), quantity, decimals, mode);
        let rated = rated.map_err(|fault| match fault {
            RatingFault::BeyondTiers => self.no_price().with_text("quantity", quantity.to_string()),
            RatingFault::Overflow => overflow("/quantity"),
        })?;
        let text = |text: &str| Value::text(text.to_owned());
        let mut answer: Members = vec![("item".into(), text(&self.item))];
        if let Some(customer) = &self.customer {
            answer.push(("customer".into(), text(customer)));
        }
        answer.push(("date".into(), Value::Date(date)));
        answer.push(("quantity".into(), text(&quantity.to_string())));
        answer.push(("currency".into(), text(&item.currency)));
        let listed = self.listed(book, date, &item, rated.tiers.last());
        answer.push(("unit_price".into(), Value::text(listed)));
        answer.push(("total".into(), Value::amount(rated.amount, decimals)));
        if let Some(tax) = &item.tax {
            answer.push(("tax".into(), text(tax)));
        }
        Ok(answer)
    }
}

impl Price {
    fn no_price(&self) -> Rejection {
        Rejection::new(Code::PriceNotFound)
            .at("/item")
            .with_text("item", echo(&self.item))
    }

    /// The price of the tier that the quantity ends in, as the list writes it. A quantity that
    /// costs nothing beyond what is included has the price of the first tier.
    fn listed(
        &self,
        book: &Book,
        date: Date,
        item: &PriceItem,
        used: Option<&TierUse<'_>>,
    ) -> String {
        let is_used = |tier| used.is_some_and(|used| used.tier == tier);
        let place = item.tiers.iter().position(is_used).unwrap_or_default();
        let record = book.reference().value(Record::Price, &self.item, date);
        let written = record.and_then(|value| value.read::<Written>().ok());
        let written = written.and_then(|written| written.tiers.into_iter().nth(place));
        match (written, item.tiers.get(place)) {
            (Some(tier), _) => tier.price,
            (None, Some(tier)) => tier.price.to_string(),
            (None, None) => String::new(),
        }
    }
}

/// The prices of an item as its record writes them.
#[derive(Deserialize)]
struct Written {
    tiers: Vec<WrittenTier>,
}

#[derive(Deserialize)]
struct WrittenTier {
    price: String,
}
