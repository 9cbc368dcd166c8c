//! Booking periods: opened, soft-locked, reopened. No postings.
//!
//! A month that no period job has named is open; naming a year names its months. A soft lock lets only
//! the role `closing` post; a hard close comes with closing entries in a later release.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contract::JobKind;
use super::fields::Id;
use crate::code::Code;
use crate::ledger::book::CLOSING_ROLE;
use crate::ledger::period::PeriodState;
use crate::ledger::plan::echo;
use crate::ledger::{Book, Effect, Facts, Plan, Rejection, Status, Value};
use crate::time::Month;
use crate::time::date::{YEAR_MAX, YEAR_MIN};

/// What closing means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseMode {
    /// Only the role `closing` posts from now on.
    #[default]
    SoftLock,
    /// Nobody posts any more; closing entries are made. Not built in this release.
    HardClose,
    /// A soft lock is undone.
    Reopen,
}

/// Open a period.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// A year (`2026`) or a month (`2026-03`).
    pub period: Id,
}

/// Close a period, or reopen a soft-locked one.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// A year (`2026`) or a month (`2026-03`).
    pub period: Id,
    /// What closing means. `soft_lock` by default.
    pub mode: Option<CloseMode>,
    /// Account that takes the result of a hard close.
    pub retained: Option<Id>,
}

impl JobKind for Open {
    const SUMMARY: &'static str = "Open a period that is soft-locked.";
    const EXAMPLE: &'static str = r#"{ "period": "2026-04" }"#;

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        check_actor(facts, book)?;
        let months = months(&self.period)?;
        if months
            .iter()
            .any(|month| book.period(*month) == PeriodState::Closed)
        {
            return Err(refused(Code::PeriodClosed, &self.period));
        }
        let named = |month: &Month| book.periods().contains_key(month);
        let locked = |month: &Month| book.period(*month) == PeriodState::SoftLocked;
        // A month nobody has named is open without being told; being told once makes it named.
        if months.iter().all(|month| named(month) && !locked(month)) {
            return Err(state(&self.period, first_state(book, &months)));
        }
        entitled(facts, book, months.iter().any(locked), &self.period)?;
        change(&months, PeriodState::Open, book, plan);
        plan.status = Status::Opened;
        plan.show("period", Value::text(self.period.to_string()));
        plan.show("auto_reversals", Value::Int(0));
        Ok(())
    }
}

impl JobKind for Close {
    const SUMMARY: &'static str = "Soft-lock a period, or reopen a soft-locked one.";
    const EXAMPLE: &'static str = r#"{ "period": "2026-03", "mode": "soft_lock" }"#;

    fn options(&self) -> Result<(), Rejection> {
        if self.mode == Some(CloseMode::HardClose) {
            let reason = "a hard close is not built yet";
            return Err(Rejection::schema(Code::UnsupportedOption, "/mode", reason));
        }
        Ok(())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        check_actor(facts, book)?;
        let months = months(&self.period)?;
        if let Some(retained) = &self.retained {
            book.account(retained, "/retained")?;
        }
        if months
            .iter()
            .any(|month| book.period(*month) == PeriodState::Closed)
        {
            return Err(refused(Code::PeriodClosed, &self.period));
        }
        let locked = |month: &Month| book.period(*month) == PeriodState::SoftLocked;
        let (target, fits, status) = match self.mode.unwrap_or_default() {
            CloseMode::SoftLock | CloseMode::HardClose => (
                PeriodState::SoftLocked,
                !months.iter().all(locked),
                Status::Closed,
            ),
            CloseMode::Reopen => (PeriodState::Open, months.iter().any(locked), Status::Opened),
        };
        if !fits {
            return Err(state(&self.period, first_state(book, &months)));
        }
        entitled(facts, book, target == PeriodState::Open, &self.period)?;
        change(&months, target, book, plan);
        plan.status = status;
        plan.show("period", Value::text(self.period.to_string()));
        if status == Status::Opened {
            plan.show("auto_reversals", Value::Int(0));
        }
        Ok(())
    }
}

/// Once users have roles, a period job names its actor.
fn check_actor(facts: &Facts<'_>, book: &Book) -> Result<(), Rejection> {
    if facts.actor.is_none() && book.reference().has_users() {
        return Err(Rejection::new(Code::ActorMissing));
    }
    Ok(())
}

/// Undoing a lock is for the role `closing`, as long as roles are configured at all.
fn entitled(facts: &Facts<'_>, book: &Book, undoing: bool, period: &Id) -> Result<(), Rejection> {
    let has_role = |actor: &str| book.reference().has_role(actor, CLOSING_ROLE, facts.today);
    if undoing && book.reference().has_users() && !facts.actor.is_some_and(has_role) {
        return Err(refused(Code::PeriodState, period).with_text("needs_role", CLOSING_ROLE));
    }
    Ok(())
}

/// The months that a period names.
fn months(period: &Id) -> Result<Vec<Month>, Rejection> {
    let unknown = || refused(Code::PeriodUnknown, period);
    if let Some(month) = Month::parse(period) {
        let known = (YEAR_MIN..=YEAR_MAX).contains(&month.year);
        return if known {
            Ok(vec![month])
        } else {
            Err(unknown())
        };
    }
    let digits = period.len() == 4 && period.bytes().all(|byte| byte.is_ascii_digit());
    let year: i16 = period.parse().map_err(|_not_a_year| unknown())?;
    if !digits || !(YEAR_MIN..=YEAR_MAX).contains(&year) {
        return Err(unknown());
    }
    Ok((1..=12).map(|month| Month { year, month }).collect())
}

fn first_state(book: &Book, months: &[Month]) -> PeriodState {
    months
        .first()
        .map_or(PeriodState::Open, |month| book.period(*month))
}

fn change(months: &[Month], to: PeriodState, book: &Book, plan: &mut Plan) {
    for month in months {
        if !book.periods().contains_key(month) || book.period(*month) != to {
            plan.effects.push(Effect::Period {
                month: *month,
                state: to,
            });
        }
    }
}

fn refused(code: Code, period: &Id) -> Rejection {
    Rejection::new(code)
        .at("/period")
        .with_text("period", echo(period))
}

fn state(period: &Id, state: PeriodState) -> Rejection {
    refused(Code::PeriodState, period).with_text("state", state.text())
}
