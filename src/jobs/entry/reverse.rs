//! `entry.reverse`: the mirror image of a posted entry, linked both ways.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::ids::EntryNo;
use crate::jobs::accrual;
use crate::jobs::contract::JobKind;
use crate::jobs::fields::Text;
use crate::jobs::legs::check_not_ended;
use crate::ledger::effect::Nature;
use crate::ledger::plan::{PastEntry, booking_date, optional_date};
use crate::ledger::{Book, Effect, Facts, Leg, Plan, Rejection, Value};
use crate::time::{Date, DateText};

/// Reverse an entry: every debit becomes a credit and the other way round.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reverse {
    /// Number of the entry.
    pub entry: u64,
    /// Booking date: the period. Today in the book's zone by default.
    pub booking_date: Option<DateText>,
    /// Why; personal text.
    pub reason: Text,
    /// Mark it as general reversal (Generalumkehr) in exports.
    pub general_reversal: Option<bool>,
}

impl JobKind for Reverse {
    const SUMMARY: &'static str = "Reverse an entry by its mirror image.";
    const EXAMPLE: &'static str =
        r#"{ "entry": 1, "booking_date": "2026-03-03", "reason": "wrong cost type" }"#;
    const REFUSALS: &'static [Code] = &[
        Code::EntryNotFound,
        Code::AlreadyReversed,
        Code::NotReversible,
    ];

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        visit("/reason", &mut self.reason);
    }

    fn place(&self, _account: &str) -> Option<String> {
        Some("/entry".to_owned())
    }

    fn entry_needed(&self) -> Option<EntryNo> {
        Some(EntryNo(self.entry))
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let given = optional_date(self.booking_date.as_ref(), "/booking_date")?;
        let booking = booking_date(given, "/booking_date", facts, book)?;
        let past = facts
            .entry
            .ok_or_else(|| self.refusal(Code::EntryNotFound))?;
        check_mirror(book, past, booking)?;
        // From here on the plan shows what would move, should it need an approval.
        let number = EntryNo(self.entry);
        let post = plan.post(booking, booking);
        post.reverses = Some(number);
        if self.general_reversal == Some(true) {
            post.nature = Nature::GeneralReversal;
        }
        for leg in mirror(past) {
            plan.leg(leg);
        }
        self.check_state(book, past)?;
        // The engine knows the number of the reversal when it admits the plan.
        plan.effects.push(Effect::Reversed {
            entry: number,
            by: EntryNo(0),
        });
        accrual::spare(book, plan, number);
        plan.show("reverses", Value::count(self.entry));
        if self.general_reversal == Some(true) {
            plan.show("general_reversal", Value::Bool(true));
        }
        Ok(())
    }
}

impl Reverse {
    fn refusal(&self, code: Code) -> Rejection {
        Rejection::new(code)
            .at("/entry")
            .with("entry", Value::count(self.entry))
    }

    /// Step 11: reversed at most once, never a reversal, never what a document owns.
    fn check_state(&self, book: &Book, past: &PastEntry) -> Result<(), Rejection> {
        if let Some(by) = book.reversed_by(EntryNo(self.entry)) {
            return Err(self
                .refusal(Code::AlreadyReversed)
                .with("by", Value::count(by.0)));
        }
        if let Some(reverses) = past.post.reverses {
            return Err(self
                .refusal(Code::NotReversible)
                .with("reverses", Value::count(reverses.0)));
        }
        if past.post.owned {
            return Err(self.refusal(Code::NotReversible));
        }
        Ok(())
    }
}

/// Steps 7 and 8: the accounts still take the mirrored legs, and their units have not ended.
fn check_mirror(book: &Book, past: &PastEntry, booking: Date) -> Result<(), Rejection> {
    for leg in mirror(past) {
        book.check_usable(leg.account, leg.side)
            .map_err(|refusal| refusal.at("/entry"))?;
    }
    for leg in &past.legs {
        let account = book.accounts().get(leg.account);
        if let Some(unit) = account.and_then(|account| book.units().get(account.unit)) {
            check_not_ended(unit, booking).map_err(|refusal| refusal.at("/entry"))?;
        }
    }
    Ok(())
}

/// The legs on their other sides, valued with the reversal.
fn mirror(past: &PastEntry) -> impl Iterator<Item = Leg> {
    past.legs.iter().map(|leg| Leg {
        side: leg.side.opposite(),
        value_date: None,
        ..*leg
    })
}
