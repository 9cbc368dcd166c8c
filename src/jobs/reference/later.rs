//! A record that begins on a later day and has no versions of its own to wait in.

use super::Set;
use crate::ids::DueCode;
use crate::jobs::JobData;
use crate::jobs::contract::DueKind;
use crate::jobs::later;
use crate::ledger::{Book, Facts, Plan, Rejection, Value};

/// The work's place in the engine's list.
pub(super) const WORK: DueCode = DueCode(22);

/// The day of a record has come. Nobody can send this; the engine makes it.
#[derive(Debug)]
pub struct Later {
    about: Box<str>,
}

impl Later {
    fn kept(kept: Option<&JobData>) -> Option<&Set> {
        match kept {
            Some(JobData::ReferenceSet(set)) => Some(set),
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
        facts: &Facts<'_>,
        book: &Book,
        kept: Option<&JobData>,
        plan: &mut Plan,
    ) -> Result<&'static str, Rejection> {
        later::let_go(plan, &self.about, WORK);
        if let Some(set) = Self::kept(kept) {
            set.change(book, facts.today, plan)?;
            set.show_name(plan);
        }
        Ok("reference.changed")
    }

    /// The series has gone past the number it was to jump to: a number is never given twice.
    fn missed(
        &self,
        refusal: &Rejection,
        _facts: &Facts<'_>,
        _book: &Book,
        kept: Option<&JobData>,
        plan: &mut Plan,
    ) -> Result<&'static str, Rejection> {
        later::let_go(plan, &self.about, WORK);
        if let Some(set) = Self::kept(kept) {
            set.show_name(plan);
        }
        plan.show("code", Value::text(refusal.code().text()));
        Ok("reference.change_missed")
    }
}
