//! A change of an account that begins on a later day: the job is kept until then.

use super::Update;
use crate::ids::DueCode;
use crate::jobs::JobData;
use crate::jobs::contract::DueKind;
use crate::jobs::later;
use crate::ledger::{Book, Facts, Plan, Rejection, Value};

/// The work's place in the engine's list.
pub(super) const WORK: DueCode = DueCode(21);

/// The day of a change has come. Nobody can send this; the engine makes it.
#[derive(Debug)]
pub struct Later {
    about: Box<str>,
}

impl Later {
    fn kept(kept: Option<&JobData>) -> Option<&Update> {
        match kept {
            Some(JobData::AccountUpdate(update)) => Some(update),
            Some(_) | None => None,
        }
    }
}

impl DueKind for Later {
    fn about(thing: &str) -> Self {
        Self {
            about: thing.into(),
        }
    }

    fn key(&self, _book: &Book) -> String {
        self.about.to_string()
    }

    fn plan(
        &self,
        _facts: &Facts<'_>,
        book: &Book,
        kept: Option<&JobData>,
        plan: &mut Plan,
    ) -> Result<&'static str, Rejection> {
        later::let_go(plan, &self.about, WORK);
        if let Some(update) = Self::kept(kept) {
            update.change(book, plan)?;
        }
        Ok("account.changed")
    }

    /// The account was closed in the meantime: the change has nothing left to change.
    fn missed(
        &self,
        refusal: &Rejection,
        _facts: &Facts<'_>,
        _book: &Book,
        kept: Option<&JobData>,
        plan: &mut Plan,
    ) -> Result<&'static str, Rejection> {
        later::let_go(plan, &self.about, WORK);
        if let Some(update) = Self::kept(kept) {
            plan.show("account", Value::text(update.account.to_string()));
        }
        plan.show("code", Value::text(refusal.code().text()));
        Ok("account.change_missed")
    }
}
