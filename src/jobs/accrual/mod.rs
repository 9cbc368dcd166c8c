//! Accruals: entries that are undone on a later day by themselves.
//!
//! | Kind                        | Debit                 | Credit                | Amount   |
//! |-----------------------------|-----------------------|-----------------------|----------|
//! | `accrual.post`              | accounts of `dr` legs | accounts of `cr` legs | as given |
//! | on `auto_reverse`, by itself | accounts once credited | accounts once debited | as posted |
//!
//! The reversal is dated its day. It is posted as a part of the `period.open` of its month, and at
//! the latest when its day has come. Whoever reverses the entry before by `entry.reverse` has
//! spared it. `fx.revalue` may have its difference reversed the same way.
//!
//! What is to be reversed is kept as a schedule `<entry>#accrual`:
//!
//! | Member         | Holds                                     |
//! |----------------|-------------------------------------------|
//! | `entry`        | number of the entry                       |
//! | `auto_reverse` | the day                                   |
//! | `legs`         | account, side and amount of each leg      |
//! | `reversed_by`  | number of the reversal, once it is posted |
//! | `code`         | why it could not be posted                |

mod reversal;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use reversal::Reversal;
pub(crate) use reversal::{keep, post_due_in, spare};

use super::contract::JobKind;
use super::entry::order::{Order, visit_texts};
use super::entry::{Assertion, LegData, REFUSALS};
use super::fields::{Id, Text};
use super::legs::WrittenLeg;
use crate::code::Code;
use crate::ledger::plan::date;
use crate::ledger::{Book, Facts, Plan, Rejection, Value};
use crate::time::{Date, DateText};

/// Post an entry that is reversed on a later day by itself.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Post {
    /// Booking date: the period. Today in the book's zone by default.
    pub booking_date: Option<DateText>,
    /// Value date of the legs. The booking date by default.
    pub value_date: Option<DateText>,
    /// Reference to a document outside.
    pub document_ref: Option<Id>,
    /// Two legs at least.
    pub legs: Vec<LegData>,
    /// Balances that must hold after the entry.
    pub assert: Option<Vec<Assertion>>,
    /// Personal text.
    pub text: Option<Text>,
    /// Booking date of the reversal, after that of the entry.
    pub auto_reverse: DateText,
}

impl JobKind for Post {
    const SUMMARY: &'static str = "Post an entry that is reversed on a later day by itself.";
    const EXAMPLE: &'static str = r#"{
        "booking_date": "2026-03-31",
        "auto_reverse": "2026-04-01",
        "legs": [
            { "dr": "exp/office", "amount": "480.00" },
            { "cr": "liab/accrued", "amount": "480.00" }
        ]
    }"#;
    const REFUSALS: &'static [Code] = REFUSALS;

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        visit_texts("", &mut self.legs, self.text.as_mut(), visit);
    }

    fn subject(&self) -> Option<&str> {
        self.legs.first().map(|leg| leg.place().0)
    }

    fn place(&self, account: &str) -> Option<String> {
        self.order().place(account)
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let order = self.order();
        let dates = order.dates()?;
        let day = date(&self.auto_reverse, DAY)?;
        let dates = order.period(dates, facts, book)?;
        check_day(dates.0, day, facts, book)?;
        let drafted = order.amounts(dates, book, plan)?;
        order.rest(&drafted, facts, book, plan)?;
        keep(book, plan, day);
        plan.show("auto_reverse", Value::Date(day));
        Ok(())
    }
}

/// Where the day of the reversal stands in the data.
pub(crate) const DAY: &str = "/auto_reverse";

impl Post {
    fn order(&self) -> Order<'_> {
        Order {
            base: "",
            booking_date: self.booking_date.as_ref(),
            value_date: self.value_date.as_ref(),
            document_ref: self.document_ref.as_ref(),
            legs: &self.legs,
            asserted: self.assert.as_deref().unwrap_or_default(),
        }
    }
}

/// Step 5: the reversal comes after the entry, in a month that is not locked now.
pub(crate) fn check_day(
    booking: Date,
    day: Date,
    facts: &Facts<'_>,
    book: &Book,
) -> Result<(), Rejection> {
    if day <= booking {
        return Err(Rejection::new(Code::DateInvalid)
            .at(DAY)
            .with("value", Value::Date(day))
            .with("booking_date", Value::Date(booking)));
    }
    book.may_post(day, facts.actor, facts.today)
        .map_err(|refusal| refusal.at(DAY))
}
