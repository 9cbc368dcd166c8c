//! Which months take entries.

use super::{Book, CLOSING_ROLE};
use crate::code::Code;
use crate::ledger::digest::Canonical;
use crate::ledger::period::PeriodState;
use crate::ledger::rejection::Rejection;
use crate::time::{Date, Month};

impl Book {
    /// Where a month stands.
    pub fn period(&self, month: Month) -> PeriodState {
        self.periods.get(&month).copied().unwrap_or_default()
    }

    /// Whether the actor may post on a booking date.
    pub fn may_post(&self, date: Date, actor: Option<&str>, today: Date) -> Result<(), Rejection> {
        if self.is_open(date) {
            return Ok(());
        }
        let month = date.month();
        let entitled =
            || actor.is_some_and(|actor| self.reference.has_role(actor, CLOSING_ROLE, today));
        match self.period(month) {
            PeriodState::Open => Ok(()),
            PeriodState::SoftLocked if entitled() => Ok(()),
            PeriodState::SoftLocked | PeriodState::Closed => {
                Err(Rejection::new(Code::PeriodClosed).with_text("period", month.to_string()))
            }
        }
    }

    /// Whether the day lies in the month that was posted to last and is open: nearly every day.
    pub(super) fn is_open(&self, day: Date) -> bool {
        self.open_days
            .is_some_and(|(first, last)| first <= day && day <= last)
    }

    pub(super) fn apply_period(&mut self, month: Month, state: PeriodState) {
        let fact = |state: PeriodState| {
            let mut form = Canonical::fact("period");
            form.text(&month.to_string())
                .number(state.number())
                .finish()
        };
        if let Some(old) = self.periods.insert(month, state) {
            self.digest.remove(fact(old));
        }
        self.digest.add(fact(state));
        self.open_days = None;
        if state == PeriodState::Closed {
            self.months.close(month);
        }
    }
}
