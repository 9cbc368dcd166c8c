//! `hold.capture`: post what a hold promised, or a part of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::share::part;
use super::{Id, JobKind, Measure, PATH, check_live, find, held};
use crate::code::Code;
use crate::jobs::legs::{check_not_ended, unit_of};
use crate::ledger::hold::{HeldLeg, HoldState};
use crate::ledger::plan::{booking_date, optional_date};
use crate::ledger::{Book, Facts, Hold, Leg, Plan, Rejection, Value};
use crate::money::minor::{self, positive_minor};
use crate::money::share::prefix;
use crate::money::{DecimalText, Minor, Rounding};
use crate::time::{Date, DateText};

/// Capture a hold, wholly or in part.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// Number of the hold.
    pub hold: Id,
    /// How much of it, in the unit of its first leg; what is left by default.
    pub amount: Option<DecimalText>,
    /// Whether the rest is given back; yes by default.
    #[serde(rename = "final")]
    pub is_final: Option<bool>,
    /// Booking date: the period. Today in the book's zone by default.
    pub booking_date: Option<DateText>,
}

impl JobKind for Capture {
    const SUMMARY: &'static str = "Post what a hold promised, wholly or in part.";
    const EXAMPLE: &'static str = r#"{ "hold": "H-000001", "amount": "60.00", "final": false }"#;
    const REFUSALS: &'static [Code] = &[
        Code::HoldNotFound,
        Code::HoldState,
        Code::HoldExpired,
        Code::HoldAmountExceeded,
    ];

    fn place(&self, _account: &str) -> Option<String> {
        Some(PATH.to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let given = optional_date(self.booking_date.as_ref(), "/booking_date")?;
        let booking = booking_date(given, "/booking_date", facts, book)?;
        let known = book.holds().get(&self.hold);
        let measure = known.map(|hold| Measure::of(book, hold));
        let asked = self.asked(known.zip(measure), book)?;
        let hold = find(book, &self.hold)?;
        let measure = Measure::of(book, hold);
        check_legs(book, hold, booking)?;
        // From here on the plan shows what would move, should it need an approval.
        let amount = asked.unwrap_or(measure.rest);
        let post = plan.post(booking, booking);
        post.document_ref = hold.document_ref().map(Into::into);
        let legs = if measure.placed == 0 {
            Vec::new()
        } else if amount > measure.rest {
            asked_of(hold, amount, measure.placed)?
        } else {
            let done = measure.placed - measure.rest + amount;
            part(book, hold, done, measure.placed)?
        };
        for leg in legs.iter().filter(|leg| leg.amount > 0) {
            plan.leg(*leg);
        }
        check_live(hold)?;
        if amount > measure.rest {
            return Err(Rejection::new(Code::HoldAmountExceeded)
                .at("/amount")
                .with_amount("remaining", measure.rest, measure.decimals)
                .with_amount("requested", amount, measure.decimals));
        }
        self.take(plan, hold, &legs, (measure, amount));
        Ok(())
    }
}

impl Capture {
    /// Step 6: the amount in the unit of the hold; of an unknown or finished one only the form
    /// counts.
    fn asked(
        &self,
        hold: Option<(&Hold, Measure)>,
        book: &Book,
    ) -> Result<Option<Minor>, Rejection> {
        let Some(text) = &self.amount else {
            return Ok(None);
        };
        let account = hold.and_then(|(hold, _)| Some(hold.legs.first()?.account));
        let unit = account.and_then(|account| unit_of(book, account));
        let decimals = unit.map(|unit| unit.decimals);
        match minor::read(text.number(), decimals, positive_minor) {
            Ok(minor) => Ok(minor.map(Minor::from)),
            Err(fault) => {
                let code = unit.map_or("", |unit| &*unit.code);
                let decimals = decimals.unwrap_or_default();
                Err(Rejection::amount(fault, "/amount", code, decimals))
            }
        }
    }

    /// The held side: what is posted is no longer held, and at the end nothing is.
    fn take(
        &self,
        plan: &mut Plan,
        hold: &Hold,
        legs: &[Leg],
        (measure, amount): (Measure, Minor),
    ) {
        let remaining = measure.rest - amount;
        let is_final = self.is_final.unwrap_or(true);
        let over = is_final || remaining == 0;
        let state = if over {
            HoldState::Captured
        } else {
            HoldState::Placed
        };
        plan.release(&self.hold, state);
        for (held, leg) in hold.legs.iter().zip(legs) {
            let amount = if over { held.rest } else { leg.amount };
            plan.leg(Leg { amount, ..*leg });
        }
        plan.show("hold", Value::text(self.hold.to_string()));
        let left = if is_final { 0 } else { remaining };
        plan.show("remaining", Value::amount(left, measure.decimals));
        if is_final {
            plan.show("released", Value::amount(remaining, measure.decimals));
        }
    }
}

/// What a capture that will be refused asks for: its share of what was placed, at most all of it.
fn asked_of(hold: &Hold, amount: Minor, placed: Minor) -> Result<Vec<Leg>, Rejection> {
    let overflow = || Rejection::new(Code::AmountOverflow).at("/amount");
    let share = |leg: &HeldLeg| {
        let whole = Minor::from(leg.placed);
        let share = prefix(whole, amount.min(placed), placed, Rounding::HalfUp);
        let share = share.and_then(|share| i64::try_from(share).ok());
        Ok(held(leg, share.ok_or_else(overflow)?))
    };
    hold.legs.iter().map(share).collect()
}

/// Steps 7 and 8: the accounts still take their legs, and their units have not ended.
fn check_legs(book: &Book, hold: &Hold, booking: Date) -> Result<(), Rejection> {
    for leg in &hold.legs {
        book.check_usable(leg.account, leg.side)
            .map_err(|refusal| refusal.at(PATH))?;
    }
    for leg in &hold.legs {
        if let Some(unit) = unit_of(book, leg.account) {
            check_not_ended(unit, booking).map_err(|refusal| refusal.at(PATH))?;
        }
    }
    Ok(())
}
