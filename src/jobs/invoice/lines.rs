//! Lines, allowances and charges of a bill, as jobs write them.
//!
//! Shapes, the rules that the job alone decides (step 3), and the reading of their numbers (step
//! 6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::order::{Deferral, Until, not_before};
use crate::code::Code;
use crate::jobs::billing::{LineTerms, TaxRounding};
use crate::jobs::currency::{Currency, positive_quantity, quantity};
use crate::jobs::fields::{Id, Text};
use crate::ledger::Rejection;
use crate::ledger::plan::date;
use crate::money::{DecimalText, Minor, Price, Quantity, Rounding};
use crate::time::DateText;

/// One line.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineData {
    /// Identifier of the line (BT-126), shown only.
    pub id: Option<Id>,
    /// Item, shown only.
    pub item: Option<Id>,
    /// How many (BT-129); may be negative.
    pub quantity: DecimalText,
    /// Unit of measure, UN/ECE Recommendation 20 (BT-130), shown only.
    pub unit_code: Option<Id>,
    /// Price of the base quantity (BT-146); without tax, unless the document says otherwise.
    pub price: DecimalText,
    /// Price before the discount, in the currency, shown only; less the discount it must be the
    /// price.
    pub gross_price: Option<DecimalText>,
    /// Discount on the price, in the currency, shown only.
    pub price_discount: Option<DecimalText>,
    /// How many the price is for (BT-149). One by default.
    pub base_quantity: Option<DecimalText>,
    /// Taken off the line, in the currency of the document.
    pub allowance: Option<DecimalText>,
    /// Put on the line, in the currency of the document.
    pub charge: Option<DecimalText>,
    /// Tax code.
    pub tax: Id,
    /// Revenue account, or the part of its name behind `rev/`.
    pub revenue: Option<Id>,
    /// When the revenue is earned.
    pub defer: Option<Defer>,
    /// Personal text.
    pub text: Option<Text>,
}

/// When revenue that is billed now is earned: from a day, to a day or over months.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Defer {
    /// First day.
    pub from: DateText,
    /// Last day.
    pub to: Option<DateText>,
    /// How many months.
    pub months: Option<u16>,
}

/// An allowance or a charge of the whole document.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtraData {
    /// Amount in the currency of the document; without tax, unless the document says otherwise.
    pub amount: DecimalText,
    /// Tax code; without one it is spread over the tax groups of the lines.
    pub tax: Option<Id>,
    /// Why, in words.
    pub reason: Option<Text>,
    /// Code of the coupon that gives it; of allowances only.
    pub code: Option<Id>,
    /// Percentage the amount came from, shown only.
    pub percent: Option<DecimalText>,
    /// Base of the percentage, shown only.
    pub base: Option<DecimalText>,
}

impl LineData {
    /// Step 3: what is wrong with the line whatever the book says.
    pub(crate) fn options(&self, at: usize, rounding: TaxRounding) -> Result<(), Rejection> {
        self.numbers().options(at)?;
        if rounding == TaxRounding::Unit {
            self.whole_pieces(at)?;
        }
        match &self.defer {
            None => Ok(()),
            Some(defer) => defer.options(&format!("/lines/{at}/defer")),
        }
    }

    /// The numbers as they are written.
    pub(crate) fn numbers(&self) -> LineNumbers<'_> {
        LineNumbers {
            quantity: &self.quantity,
            price: &self.price,
            gross_price: self.gross_price.as_ref(),
            price_discount: self.price_discount.as_ref(),
            base_quantity: self.base_quantity.as_ref(),
            allowance: self.allowance.as_ref(),
            charge: self.charge.as_ref(),
        }
    }

    fn whole_pieces(&self, at: usize) -> Result<(), Rejection> {
        let read = self.quantity.number().ok().map(Quantity::new);
        if let Some(Ok(quantity)) = read
            && !quantity.is_whole()
        {
            let reason = "tax_rounding unit needs whole quantities";
            return Err(schema(&format!("/lines/{at}/quantity"), reason));
        }
        let given = [
            ("base_quantity", &self.base_quantity),
            ("allowance", &self.allowance),
            ("charge", &self.charge),
        ];
        for (name, member) in given {
            if member.is_some() {
                let reason = format!("tax_rounding unit allows no {name}");
                return Err(schema(&format!("/lines/{at}/{name}"), reason));
            }
        }
        Ok(())
    }

    /// Step 5: when the revenue is earned.
    pub(crate) fn deferral(&self, at: usize) -> Result<Option<Deferral>, Rejection> {
        let Some(defer) = &self.defer else {
            return Ok(None);
        };
        let path = format!("/lines/{at}/defer");
        let from = date(&defer.from, &format!("{path}/from"))?;
        let until = match (&defer.to, defer.months) {
            (Some(to), _) => {
                let path = format!("{path}/to");
                Until::Day(not_before(from, date(to, &path)?, &path)?)
            }
            (None, months) => Until::Months(months.unwrap_or(1)),
        };
        Ok(Some(Deferral { from, until }))
    }
}

/// The numbers of a line as they are written, whatever kind of document it stands on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineNumbers<'a> {
    /// How many.
    pub(crate) quantity: &'a DecimalText,
    /// Price of the base quantity.
    pub(crate) price: &'a DecimalText,
    /// Price before the discount, shown only.
    pub(crate) gross_price: Option<&'a DecimalText>,
    /// Discount on the price, in the currency, shown only.
    pub(crate) price_discount: Option<&'a DecimalText>,
    /// How many the price is for.
    pub(crate) base_quantity: Option<&'a DecimalText>,
    /// Taken off the line, in the currency of the document.
    pub(crate) allowance: Option<&'a DecimalText>,
    /// Put on the line, in the currency of the document.
    pub(crate) charge: Option<&'a DecimalText>,
}

impl LineNumbers<'_> {
    /// Step 3: the price is the difference of those shown with it.
    pub(crate) fn options(&self, at: usize) -> Result<(), Rejection> {
        if self.price_fits() {
            return Ok(());
        }
        let reason = "price must be gross_price less price_discount";
        Err(schema(&format!("/lines/{at}/price"), reason))
    }

    /// Numbers that cannot be read are left to step 6, which has codes of its own for them.
    fn price_fits(&self) -> bool {
        let read = |text: &DecimalText| text.number().ok().and_then(|n| Price::new(n).ok());
        let Some(gross) = self.gross_price else {
            return self.price_discount.is_none();
        };
        let difference = match self.price_discount {
            None => read(gross),
            Some(discount) => match (read(gross), read(discount)) {
                (Some(gross), Some(discount)) => gross.minus(discount),
                (None, _) | (_, None) => None,
            },
        };
        match (difference, read(self.price)) {
            (Some(difference), Some(price)) => difference == price,
            (None, _) | (_, None) => true,
        }
    }

    /// Step 6: the numbers of the line and its amount.
    pub(crate) fn read(
        &self,
        at: usize,
        currency: &Currency<'_>,
        mode: Rounding,
    ) -> Result<(LineTerms, Minor), Rejection> {
        let path = |name: &str| format!("/lines/{at}/{name}");
        let quantity = quantity(self.quantity, &path("quantity"))?;
        let price = currency.price(self.price, &path("price"))?;
        let shown = [
            ("gross_price", self.gross_price),
            ("price_discount", self.price_discount),
        ];
        for (name, text) in shown {
            if let Some(text) = text {
                currency.price(text, &path(name))?;
            }
        }
        let base_quantity = self
            .base_quantity
            .map(|text| positive_quantity(text, &path("base_quantity")))
            .transpose()?;
        let terms = LineTerms {
            quantity,
            price,
            base_quantity,
            allowance: currency.or_zero(self.allowance, &path("allowance"))?,
            charge: currency.or_zero(self.charge, &path("charge"))?,
        };
        if !currency.is_known() {
            // Without decimals there is no amount; step 8 will say that the currency is unknown.
            return Ok((terms, 0));
        }
        let amount = terms.amount(currency.decimals(), mode);
        amount
            .map(|amount| (terms, amount))
            .ok_or_else(|| overflow(&format!("/lines/{at}")))
    }
}

impl Defer {
    /// Step 3: one end and no more.
    fn options(&self, path: &str) -> Result<(), Rejection> {
        match (&self.to, self.months) {
            (Some(_), Some(_)) => {
                let path = format!("{path}/months");
                Err(schema(&path, "give to or months, not both"))
            }
            (None, None) => Err(schema(&format!("{path}/to"), "give to or months")),
            (None, Some(0)) => Err(schema(&format!("{path}/months"), "one month at the least")),
            (Some(_), None) | (None, Some(_)) => Ok(()),
        }
    }
}

impl ExtraData {
    /// Step 6: the amount; the numbers shown with it must have their form.
    pub(crate) fn read(&self, path: &str, currency: &Currency<'_>) -> Result<Minor, Rejection> {
        let amount = currency.or_zero(Some(&self.amount), &format!("{path}/amount"))?;
        if let Some(percent) = &self.percent {
            currency.percent(percent, &format!("{path}/percent"))?;
        }
        currency.or_zero(self.base.as_ref(), &format!("{path}/base"))?;
        Ok(amount)
    }
}

/// The refusal of a figure that the data lead to; it names the line.
pub(crate) fn overflow(path: &str) -> Rejection {
    Rejection::new(Code::AmountOverflow)
        .at(path)
        .with_text("path", path)
}

/// The refusal of data that contradict themselves.
pub(crate) fn schema(path: &str, reason: impl Into<String>) -> Rejection {
    Rejection::schema(Code::SchemaInvalid, path, reason)
}
