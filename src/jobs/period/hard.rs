//! `period.close` with `hard_close`: income and expense move to retained earnings, and nobody posts
//! to the months any more.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Close, Period};
use crate::code::Code;
use crate::ids::{AccountIndex, UnitIndex};
use crate::jobs::currency::Currency;
use crate::jobs::fx::{Position, revaluation};
use crate::jobs::postings::open_account;
use crate::ledger::account::SUSPENSE;
use crate::ledger::book::CLOSING_ROLE;
use crate::ledger::effect::Nature;
use crate::ledger::period::PeriodState;
use crate::ledger::reference::Record;
use crate::ledger::{
    Book, DocumentKind, DocumentState, Effect, Facts, Members, Plan, Rejection, Side, Status, Value,
};
use crate::limits::BOOKING_DAYS_AHEAD_MAX;
use crate::money::{Minor, Number, Ratio};
use crate::time::{Date, Month};

/// Account of retained earnings if the job names none.
const RETAINED: &str = "equity/retained";
/// Where the retained earnings stand in the data.
const PATH: &str = "/retained";

pub(super) fn plan(
    job: &Close,
    period: &Period<'_>,
    facts: &Facts<'_>,
    book: &Book,
    plan: &mut Plan,
) -> Result<(), Rejection> {
    let months = period.months.iter().copied();
    let open: Vec<Month> = months
        .filter(|month| book.period(*month) != PeriodState::Closed)
        .collect();
    let default = book.reference().role(RETAINED);
    let named = job.retained.as_deref().unwrap_or(default);
    if job.retained.is_some() {
        open_account(book, named, PATH)?;
    }
    let last = open.last().copied().and_then(Month::last_day);
    let (Some(last_month), Some(day)) = (open.last().copied(), last) else {
        return Err(period.refusal(book));
    };
    check_day(day, facts)?;
    let results = Results::until(book, last_month);
    let targets = results.targets(book, named)?;
    results.check_targets(book, &targets)?;
    // From here on the plan shows what would move, should it need an approval.
    results.write(book, plan, &targets, day)?;
    check_state(period, &open, (last_month, day), facts, book)?;
    for month in open {
        let state = PeriodState::Closed;
        plan.effects.push(Effect::Period { month, state });
    }
    plan.status = Status::Closed;
    period.show(plan);
    results.show(book, plan);
    Ok(())
}

/// Step 5: the closing entries are booked on the last day.
fn check_day(day: Date, facts: &Facts<'_>) -> Result<(), Rejection> {
    let latest = facts.today.plus_days(BOOKING_DAYS_AHEAD_MAX);
    let latest = latest.unwrap_or(facts.today);
    if day <= latest {
        return Ok(());
    }
    Err(Rejection::new(Code::DateOutOfRange)
        .at("/period")
        .with("value", Value::Date(day))
        .with("latest", Value::Date(latest)))
}

/// Step 11: whatever has to be done before a period can be closed for ever. What is booked in later
/// months says nothing about it.
fn check_state(
    period: &Period<'_>,
    open: &[Month],
    (last_month, day): (Month, Date),
    facts: &Facts<'_>,
    book: &Book,
) -> Result<(), Rejection> {
    let refusal = || {
        Rejection::new(Code::PeriodState)
            .at("/period")
            .with_text("period", period.name)
    };
    let locked = open
        .iter()
        .any(|month| book.period(*month) == PeriodState::SoftLocked);
    if locked && !super::may_reopen(facts, book) {
        return Err(refusal().with_text("role", CLOSING_ROLE));
    }
    let earlier = book.months().iter().map(|(month, _)| month).next();
    let first = period.months.first();
    if let (Some(earlier), Some(first)) = (earlier, first)
        && earlier < *first
    {
        return Err(refusal().with_text("earlier", earlier.to_string()));
    }
    check_suspense(last_month, facts, book, refusal)?;
    if let Some(number) = failing(period, book) {
        return Err(refusal().with_text("instruction", number));
    }
    let Some(functional) = book.functional_unit() else {
        return Ok(());
    };
    let foreign = book.units().iter().filter(|unit| &*unit.code != functional);
    for unit in foreign {
        let Ok(position) = Position::of(book, &unit.code, "") else {
            continue;
        };
        let stood = position.at_end_of(book, last_month);
        let revalued = revaluation(facts, book, &unit.code, day, stood);
        if stood.0 != 0 && !book.natural_key_taken(revalued) {
            return Err(refusal()
                .with_text("unit", &*unit.code)
                .with_amount("position", stood.0, unit.decimals)
                .with("revalue_as_of", Value::Date(day)));
        }
    }
    Ok(())
}

/// The setting `hard_close`: what may stand on a suspense account of a unit at the end.
#[derive(Default, Deserialize)]
struct Setting {
    suspense_max: BTreeMap<String, String>,
}

/// Nothing, or no more than the book allows, is left without an explanation at the end.
fn check_suspense(
    last_month: Month,
    facts: &Facts<'_>,
    book: &Book,
    refusal: impl Fn() -> Rejection,
) -> Result<(), Rejection> {
    let setting = book.reference().single(Record::HardClose, facts.today);
    let setting = setting.and_then(|value| value.read::<Setting>().ok());
    let bounds = setting.unwrap_or_default().suspense_max;
    for (index, account) in book.accounts().iter() {
        if !account.name.starts_with(SUSPENSE) {
            continue;
        }
        let stood = book.months().stood(book.accounts(), index, last_month);
        let (unit, decimals) = (account.unit, book.units().decimals(account.unit));
        let bound = bounds.get(book.units().code(unit));
        let bound = bound.and_then(|text| Number::parse(text).ok());
        let most = bound.and_then(|bound| Ratio::decimal(bound.signed(), bound.scale));
        let stands = Ratio::decimal(stood.abs(), decimals);
        let within = stands
            .zip(most)
            .is_some_and(|(stands, most)| stands.compare(most) != Ordering::Greater);
        if stood == 0 || within {
            continue;
        }
        let shown = match account.class.normal_side() {
            Side::Debit => stood,
            Side::Credit => -stood,
        };
        let refusal = refusal().with_text("account", &*account.name);
        let refusal = refusal.with_amount("balance", shown, decimals);
        return Err(match bound {
            Some(bound) => refusal.with_text("limit", bound.to_string()),
            None => refusal,
        });
    }
    Ok(())
}

/// An instruction that failed to settle in the period.
fn failing<'b>(period: &Period<'_>, book: &'b Book) -> Option<&'b str> {
    let (kind, state) = (DocumentKind::Instruction, DocumentState::Failing);
    if book.documents().count(kind, state) == 0 {
        return None;
    }
    let mut all = book.documents().iter();
    let inside = |day: Date| period.months.contains(&day.month());
    all.find(|(_, document)| {
        document.kind == kind && document.state == state && document.due.is_some_and(inside)
    })
    .map(|(number, _)| number)
}

/// What stands on income and expense accounts at the end of a month: debits less credits.
struct Results {
    units: BTreeMap<UnitIndex, Vec<(AccountIndex, Minor)>>,
}

impl Results {
    fn until(book: &Book, month: Month) -> Self {
        let mut units: BTreeMap<UnitIndex, Vec<(AccountIndex, Minor)>> = BTreeMap::new();
        for (index, account) in book.accounts().iter() {
            if !account.class.is_result() {
                continue;
            }
            let balance = book.months().stood(book.accounts(), index, month);
            if balance != 0 {
                units
                    .entry(account.unit)
                    .or_default()
                    .push((index, balance));
            }
        }
        Self { units }
    }

    /// Step 7: where each unit's result goes. One account has one unit; that of another unit is
    /// `<retained>/<unit>`.
    fn targets(
        &self,
        book: &Book,
        named: &str,
    ) -> Result<BTreeMap<UnitIndex, AccountIndex>, Rejection> {
        let of_unit = |unit: &UnitIndex| {
            let known = book.accounts().by_name(named);
            let is_its = known.is_some_and(|known| known.unit == *unit);
            // With a single unit the account as it is named is the one that is missing.
            let name = if is_its || (known.is_none() && self.units.len() == 1) {
                named.to_owned()
            } else {
                format!("{named}/{}", book.units().code(*unit))
            };
            Ok((*unit, open_account(book, &name, PATH)?))
        };
        self.units.keys().map(of_unit).collect()
    }

    /// Steps 8 and 9: a result goes to an account of its unit, and to none that is closed with it.
    fn check_targets(
        &self,
        book: &Book,
        targets: &BTreeMap<UnitIndex, AccountIndex>,
    ) -> Result<(), Rejection> {
        for (unit, target) in targets {
            let currency = Currency::of(book, book.units().code(*unit));
            currency.check_account(book, *target, PATH)?;
        }
        for (unit, target) in targets {
            let mut accounts = self.units.get(unit).into_iter().flatten();
            if accounts.any(|(account, _)| account == target) {
                let name = book.accounts().get(*target);
                return Err(Rejection::new(Code::EntrySameAccount)
                    .at(PATH)
                    .with_text("account", name.map_or("", |account| &*account.name)));
            }
        }
        Ok(())
    }

    /// Entries of as many legs as an entry may have, each with its part of the result.
    fn write(
        &self,
        book: &Book,
        plan: &mut Plan,
        targets: &BTreeMap<UnitIndex, AccountIndex>,
        day: Date,
    ) -> Result<(), Rejection> {
        let most = book.reference().legs_max().saturating_sub(1).max(1);
        for (unit, accounts) in &self.units {
            let Some(target) = targets.get(unit) else {
                continue;
            };
            for part in accounts.chunks(most) {
                let post = plan.post(day, day);
                post.nature = Nature::Closing;
                // What is closed for ever is not reversed into another period.
                post.owned = true;
                let mut sum = 0;
                for (account, balance) in part {
                    plan.signed_leg(*account, Side::Credit, *balance, "/period")?;
                    sum += balance;
                }
                plan.signed_leg(*target, Side::Debit, sum, "/period")?;
            }
        }
        Ok(())
    }

    /// The profit: in the functional unit, else in the first one that has any.
    fn show(&self, book: &Book, plan: &mut Plan) {
        let functional = book.functional_unit();
        let functional = functional.and_then(|code| book.units().index(code));
        let first = functional.or_else(|| self.units.keys().next().copied());
        let first = first.unwrap_or_default();
        let profit = |unit: &UnitIndex| {
            let accounts = self.units.get(unit).into_iter().flatten();
            let sum: Minor = accounts.map(|(_, balance)| *balance).sum();
            Value::amount(-sum, book.units().decimals(*unit))
        };
        plan.show("result", profit(&first));
        if self.units.len() > 1 {
            let all = self.units.keys().map(|unit| {
                let code = book.units().code(*unit).to_owned();
                (code.into(), profit(unit))
            });
            let all: Members = all.collect();
            plan.show("results", Value::Object(all));
        }
    }
}
