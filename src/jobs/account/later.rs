//! A change of an account that begins on a later day.

use super::Update;
use crate::ids::DueCode;
use crate::jobs::JobData;
use crate::jobs::later::BeginsLater;
use crate::ledger::{Book, Facts, Plan, Rejection, Value};

/// The account was closed in the meantime: the change has nothing left to change.
impl BeginsLater for Update {
    const WORK: DueCode = DueCode(21);
    const CHANGED: &'static str = "account.changed";
    const MISSED: &'static str = "account.change_missed";

    fn of(job: &JobData) -> Option<&Self> {
        if let JobData::AccountUpdate(update) = job {
            Some(update)
        } else {
            None
        }
    }

    fn begin(&self, _facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        self.change(book, plan)
    }

    fn show_missed(&self, plan: &mut Plan) {
        plan.show("account", Value::text(self.account.to_string()));
    }
}
