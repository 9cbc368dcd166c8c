//! `query.stock`: how much of an item lies in the stock accounts, and how much of it is promised.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Asked, Question, Unanswered};
use crate::code::Code;
use crate::jobs::fields::Id;
use crate::ledger::plan::echo;
use crate::ledger::value::Members;
use crate::ledger::{AccountClass, Rejection, Value};
use crate::money::Minor;

/// What the accounts of stock begin with.
const STOCK: &str = "stock/";

/// Ask how much of an item is there.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stock {
    /// The item: its unit.
    pub item: Id,
}

impl Question for Stock {
    const NAME: &'static str = "query.stock";
    const SUMMARY: &'static str = "How much of an item is on hand, reserved and available.";
    const EXAMPLE: &'static str = r#"{ "item": "BOX-A4" }"#;

    fn answer(&self, asked: &Asked<'_>) -> Result<Members, Unanswered> {
        let book = asked.book;
        let unit = book.units().index(&self.item).ok_or_else(|| {
            Rejection::new(Code::CurrencyUnknown)
                .at("/item")
                .with_text("unit", echo(&self.item))
        })?;
        let (mut on_hand, mut reserved): (Minor, Minor) = (0, 0);
        for (_, account) in book.accounts().iter() {
            let is_stock = account.class == AccountClass::Asset && account.name.starts_with(STOCK);
            if is_stock && account.unit == unit {
                on_hand += account.balance();
                reserved += account.balance() - account.available();
            }
        }
        let amount = |minor| Value::amount(minor, book.units().decimals(unit));
        Ok(vec![
            ("item".into(), Value::text(self.item.to_string())),
            ("on_hand".into(), amount(on_hand)),
            ("reserved".into(), amount(reserved)),
            ("available".into(), amount(on_hand - reserved)),
        ])
    }
}
