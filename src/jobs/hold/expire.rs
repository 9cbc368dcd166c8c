//! `hold.expire`: the engine gives a hold back whose time is over.

use super::{DueKind, Measure, find, release_rest};
use crate::jobs::JobData;
use crate::ledger::hold::HoldState;
use crate::ledger::{Book, Facts, Plan, Rejection, Value};

/// A hold's time is over. Nobody can send this; the engine makes it.
#[derive(Debug)]
pub struct Expire {
    hold: Box<str>,
}

impl DueKind for Expire {
    fn about(thing: &str) -> Self {
        Self { hold: thing.into() }
    }

    fn key(&self, _book: &Book) -> String {
        format!("{}#expired", self.hold)
    }

    fn plan(
        &self,
        _facts: &Facts<'_>,
        book: &Book,
        _kept: Option<&JobData>,
        plan: &mut Plan,
    ) -> Result<&'static str, Rejection> {
        let hold = find(book, &self.hold)?;
        let measure = Measure::of(book, hold);
        release_rest(plan, &self.hold, hold, HoldState::Expired);
        plan.show("hold", Value::text(self.hold.to_string()));
        plan.show("amount", Value::amount(measure.rest, measure.decimals));
        Ok("hold.expired")
    }
}
