//! Booking periods: opened, locked, reopened.
//!
//! | Kind           | Debit | Credit | Amount            |
//! |----------------|-------|--------|-------------------|
//! | `period.open`  |       |        | reversals of accruals ([`super::accrual`]) |
//! | `period.close` | income | expense | `hard_close`: what stands on each at the end |
//! |                | expense | income | where they stand on their other side |
//! |                |       | `equity/retained` | the profit; a loss is debited |
//!
//! A month that no period job has named is open as soon as it has begun; before that it may be
//! opened. A year stands for its months: a step is done for those that it fits, and there must be
//! one. A soft lock stops everybody but the role `closing`, and that role undoes it. A book that
//! has no users knows no roles: there everybody may.
//!
//! A hard close is for ever ([`hard`]): it moves income and expense to retained earnings, per unit.
//! A foreign position must stand as its revaluation as of the last day left it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod hard;
#[cfg(test)]
mod tests;

use super::accrual;
use super::contract::JobKind;
use super::fields::Id;
use crate::code::Code;
use crate::ledger::book::CLOSING_ROLE;
use crate::ledger::period::PeriodState;
use crate::ledger::plan::echo;
use crate::ledger::{Book, Effect, Facts, Plan, Rejection, Status, Value};
use crate::time::{Date, Month};

/// Open a month, or the months of a year, before it begins.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// Year or month: `2026` or `2026-03`.
    pub period: Id,
}

impl JobKind for Open {
    const SUMMARY: &'static str = "Open a month, or the months of a year, before it begins.";
    const EXAMPLE: &'static str = r#"{ "period": "2026-04" }"#;
    const REFUSALS: &'static [Code] = &[Code::PeriodUnknown, Code::PeriodClosed, Code::PeriodState];

    fn place(&self, _account: &str) -> Option<String> {
        Some("/period".to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        check_actor(facts, book)?;
        let period = Period::read(&self.period)?;
        let new = |month: &Month| {
            let begun = month.first_day().is_none_or(|first| first <= facts.today);
            !begun && !book.periods().contains_key(month)
        };
        let changed = period.change(book, plan, PeriodState::Open, new);
        let reversed = accrual::post_due_in(book, plan, &period.months);
        // By now the plan shows what would move, should it need an approval.
        changed?;
        plan.status = Status::Opened;
        period.show(plan);
        plan.show("auto_reversals", Value::count(reversed));
        Ok(())
    }
}

/// How a period is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseMode {
    /// Only the role `closing` posts from now on.
    #[default]
    SoftLock,
    /// Nobody posts ever again; income and expense move to retained earnings.
    HardClose,
    /// Undo a soft lock.
    Reopen,
}

/// Lock a month or a year, undo that, or close it for ever.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// Year or month: `2026` or `2026-03`.
    pub period: Id,
    /// How; a soft lock by default.
    pub mode: Option<CloseMode>,
    /// Account of retained earnings, for a hard close; `equity/retained` by default. The result of
    /// another unit goes to `<retained>/<unit>`.
    pub retained: Option<Id>,
}

impl JobKind for Close {
    const SUMMARY: &'static str = "Lock a month or a year, undo that, or close it for ever.";
    const EXAMPLE: &'static str = r#"{ "period": "2026-03", "mode": "soft_lock" }"#;
    const REFUSALS: &'static [Code] = &[
        Code::EntrySameAccount,
        Code::PeriodUnknown,
        Code::PeriodClosed,
        Code::PeriodState,
    ];

    fn place(&self, _account: &str) -> Option<String> {
        Some("/period".to_owned())
    }

    fn always_approved(&self) -> bool {
        self.mode == Some(CloseMode::Reopen)
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        check_actor(facts, book)?;
        let period = Period::read(&self.period)?;
        if self.mode == Some(CloseMode::HardClose) {
            return hard::plan(self, &period, facts, book, plan);
        }
        if let Some(retained) = &self.retained {
            book.account(retained, "/retained")?;
        }
        let stands = |state| move |month: &Month| book.period(*month) == state;
        plan.status = if self.mode == Some(CloseMode::Reopen) {
            if !may_reopen(facts, book) {
                return Err(period.refusal(book).with_text("role", CLOSING_ROLE));
            }
            period.change(
                book,
                plan,
                PeriodState::Open,
                stands(PeriodState::SoftLocked),
            )?;
            plan.show("auto_reversals", Value::Int(0));
            Status::Opened
        } else {
            period.change(
                book,
                plan,
                PeriodState::SoftLocked,
                stands(PeriodState::Open),
            )?;
            Status::Closed
        };
        period.show(plan);
        Ok(())
    }
}

/// Step 4: once users have roles, somebody answers for a change of periods.
fn check_actor(facts: &Facts<'_>, book: &Book) -> Result<(), Rejection> {
    if facts.actor.is_none() && book.reference().has_users() {
        return Err(Rejection::new(Code::ActorMissing).at_root("/actor"));
    }
    Ok(())
}

fn may_reopen(facts: &Facts<'_>, book: &Book) -> bool {
    let reference = book.reference();
    let entitled = |actor| reference.has_role(actor, CLOSING_ROLE, facts.today);
    !reference.has_users() || facts.actor.is_some_and(entitled)
}

/// A month, or all months of a year, under the name it was asked for.
struct Period<'a> {
    name: &'a str,
    months: Vec<Month>,
}

impl<'a> Period<'a> {
    /// Read `YYYY` or `YYYY-MM` in the range of booking dates.
    fn read(name: &'a str) -> Result<Self, Rejection> {
        let months: Option<Vec<Month>> = match name.len() {
            4 => (1..=12)
                .map(|month| Month::parse(&format!("{name}-{month:02}")))
                .collect(),
            _ => Month::parse(name).map(|month| vec![month]),
        };
        let known = |month: &Month| month.first_day().is_some_and(Date::in_range);
        months
            .filter(|months| months.iter().all(known))
            .map(|months| Self { name, months })
            .ok_or_else(|| {
                Rejection::new(Code::PeriodUnknown)
                    .at("/period")
                    .with_text("period", echo(name))
            })
    }

    /// Bring the months that a step fits into a state; refuse the step if it fits none.
    fn change(
        &self,
        book: &Book,
        plan: &mut Plan,
        state: PeriodState,
        fits: impl Fn(&Month) -> bool,
    ) -> Result<(), Rejection> {
        let fitting = self.months.iter().copied().filter(|month| fits(month));
        let effects = fitting.map(|month| Effect::Period { month, state });
        let before = plan.effects.len();
        plan.effects.extend(effects);
        if plan.effects.len() == before {
            return Err(self.refusal(book));
        }
        Ok(())
    }

    /// The refusal of a step that fits no month: closed for ever, or in the wrong state.
    fn refusal(&self, book: &Book) -> Rejection {
        let stands = |state| self.months.iter().all(|month| book.period(*month) == state);
        let code = if stands(PeriodState::Closed) {
            Code::PeriodClosed
        } else {
            Code::PeriodState
        };
        let refusal = Rejection::new(code)
            .at("/period")
            .with_text("period", self.name);
        let states = [
            PeriodState::Open,
            PeriodState::SoftLocked,
            PeriodState::Closed,
        ];
        match states.into_iter().find(|state| stands(*state)) {
            Some(state) => refusal.with_text("state", state.text()),
            None => refusal,
        }
    }

    fn show(&self, plan: &mut Plan) {
        plan.show("period", Value::text(self.name.to_owned()));
    }
}
