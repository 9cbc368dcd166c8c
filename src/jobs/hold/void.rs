//! `hold.void`: give a hold back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Id, JobKind, Measure, Text, check_live, find, release_rest};
use crate::code::Code;
use crate::ledger::hold::HoldState;
use crate::ledger::{Book, Facts, Plan, Rejection, Value};

/// Give back what a hold still holds.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Void {
    /// Number of the hold.
    pub hold: Id,
    /// Why; personal text.
    pub reason: Option<Text>,
}

impl JobKind for Void {
    const SUMMARY: &'static str = "Give back what a hold still holds.";
    const EXAMPLE: &'static str = r#"{ "hold": "H-000001" }"#;
    const REFUSALS: &'static [Code] = &[Code::HoldNotFound, Code::HoldState, Code::HoldExpired];

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        if let Some(reason) = &mut self.reason {
            visit("/reason", reason);
        }
    }

    fn plan(&self, _facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let hold = find(book, &self.hold)?;
        let measure = Measure::of(book, hold);
        // From here on the plan shows what would change, should it need an approval.
        release_rest(plan, &self.hold, hold, HoldState::Voided);
        check_live(hold)?;
        plan.show("hold", Value::text(self.hold.to_string()));
        plan.show("released", Value::amount(measure.rest, measure.decimals));
        Ok(())
    }
}
