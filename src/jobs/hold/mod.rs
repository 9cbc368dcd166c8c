//! Holds: money promised and not yet moved.
//!
//! | Kind           | Debit              | Credit              | Amount                         |
//! |----------------|--------------------|---------------------|--------------------------------|
//! | `hold.place`   | –                  | –                   | held on both sides, not posted |
//! | `hold.capture` | the hold's `debit` | the hold's `credit` | as asked, at most what is left |
//! | `hold.void`    | –                  | –                   | what is left is given back     |
//! | `hold.expire`  | –                  | –                   | what is left is given back     |
//!
//! What is held against an account cannot leave it otherwise, and a limit counts it. A hold expires
//! by itself at its instant: the engine makes that job, and whoever comes at that instant or later
//! comes too late. A hold with more than two legs is captured by its share: every leg gets the part
//! that brings it closest to its share of everything captured so far, so the parts balance at each
//! step and add up to the whole.

use super::contract::{DueKind, JobKind};
use super::fields::{Id, Text};

mod capture;
mod expire;
mod place;
mod share;
mod void;

#[cfg(test)]
mod tests;

pub use capture::Capture;
pub use expire::Expire;
pub use place::{HoldLeg, Place};
pub use void::Void;

use crate::code::Code;
use crate::ledger::hold::{HeldLeg, HoldState};
use crate::ledger::plan::echo;
use crate::ledger::{Book, Hold, Leg, Plan, Rejection, Side};
use crate::money::Minor;

/// Where a job names its hold.
const PATH: &str = "/hold";

/// Step 7: the hold of a number.
fn find<'b>(book: &'b Book, number: &str) -> Result<&'b Hold, Rejection> {
    book.holds().get(number).ok_or_else(|| {
        Rejection::new(Code::HoldNotFound)
            .at(PATH)
            .with_text("hold", echo(number))
    })
}

/// Step 11: it still holds something, and no document's own jobs alone may end it.
fn check_live(hold: &Hold) -> Result<(), Rejection> {
    let refusal = |code| Rejection::new(code).at(PATH);
    match (hold.state, hold.owner()) {
        (HoldState::Placed, None) => Ok(()),
        (HoldState::Expired, _) => Err(match hold.expires_at() {
            Some(at) => refusal(Code::HoldExpired).with_text("expired_at", at.short()),
            None => refusal(Code::HoldExpired),
        }),
        (HoldState::Placed, Some(owner)) => Err(refusal(Code::HoldState)
            .with_text("state", hold.state.text())
            .with_text("document", owner)),
        (HoldState::Captured | HoldState::Voided, _) => {
            Err(refusal(Code::HoldState).with_text("state", hold.state.text()))
        }
    }
}

/// What a hold is measured by: the debits in the unit of its first leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Measure {
    /// When it was placed.
    placed: Minor,
    /// Now.
    rest: Minor,
    decimals: u8,
}

impl Measure {
    fn of(book: &Book, hold: &Hold) -> Self {
        let unit = |leg: &HeldLeg| book.accounts().get(leg.account).map(|account| account.unit);
        let first = hold.legs.first().and_then(unit);
        let debits = hold
            .legs
            .iter()
            .filter(|leg| leg.side == Side::Debit && unit(leg) == first);
        let sum = |amount: fn(&HeldLeg) -> i64| -> Minor {
            debits.clone().map(|leg| Minor::from(amount(leg))).sum()
        };
        Self {
            placed: sum(|leg| leg.placed),
            rest: sum(|leg| leg.rest),
            decimals: first.map_or(0, |unit| book.units().decimals(unit)),
        }
    }
}

/// Give everything that is left of a hold back.
pub(crate) fn release_rest(plan: &mut Plan, number: &str, hold: &Hold, state: HoldState) {
    plan.release(number, state);
    for leg in &hold.legs {
        plan.leg(held(leg, leg.rest));
    }
}

/// A leg of a hold with an amount.
fn held(leg: &HeldLeg, amount: i64) -> Leg {
    Leg {
        account: leg.account,
        side: leg.side,
        amount,
        value_date: None,
    }
}
