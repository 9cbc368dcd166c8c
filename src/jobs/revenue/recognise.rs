//! `revenue.recognise`: earn what has been earned and is not recognised yet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::allocate::{Obligation, obligations, with_recognised};
use super::schedule::Method;
use super::span::{Span, Step};
use super::{Part, booked_on, facts as names, find, overflow};
use crate::code::Code;
use crate::ids::AccountIndex;
use crate::jobs::contract::JobKind;
use crate::jobs::currency::Currency;
use crate::jobs::fields::Id;
use crate::jobs::invoice::lines::schema;
use crate::jobs::postings::Postings;
use crate::jobs::receivable::changed;
use crate::ledger::plan::{date, echo};
use crate::ledger::{
    Book, Document, DocumentKind, DocumentState, Facts, Members, Plan, Rejection, Status, Value,
};
use crate::money::share::prefix;
use crate::money::{DecimalText, Minor, Percent, Ratio, Rounding};
use crate::time::{Date, DateText};

/// Where the schedule stands in the data.
const SCHEDULE: &str = "/schedule";

/// Recognise what is earned of a schedule, or of an obligation.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recognise {
    /// The schedule; or contract and obligation.
    pub schedule: Option<Id>,
    /// Through this day, of a schedule.
    pub through: Option<DateText>,
    /// The contract.
    pub contract: Option<Id>,
    /// The obligation of the contract.
    pub obligation: Option<Id>,
    /// Percentage of the obligation that is satisfied. All of it by default.
    pub satisfied: Option<DecimalText>,
    /// How many months of the obligation have passed, if it is earned by months.
    pub through_month: Option<u16>,
}

impl JobKind for Recognise {
    const SUMMARY: &'static str = "Recognise revenue that has been earned and waits.";
    const EXAMPLE: &'static str = r#"{ "schedule": "RS-000001", "through": "2026-02-28" }"#;
    const REFUSALS: &'static [Code] = &[Code::DocumentNotFound, Code::RateInvalid];

    fn options(&self) -> Result<(), Rejection> {
        let by_schedule = self.schedule.is_some();
        let members = [
            (self.through.is_some(), true, "/through"),
            (self.contract.is_some(), false, "/contract"),
            (self.obligation.is_some(), false, "/obligation"),
        ];
        for (is, of_schedule, path) in members {
            if is && of_schedule != by_schedule {
                return Err(schema(path, "either a schedule or an obligation"));
            }
            if !is && of_schedule == by_schedule {
                return Err(schema(path, "missing field"));
            }
        }
        let measures = [
            (self.satisfied.is_some(), "/satisfied"),
            (self.through_month.is_some(), "/through_month"),
        ];
        match measures.iter().rfind(|(is, _)| *is) {
            Some((_, path)) if by_schedule => Err(schema(path, "a schedule is measured by days")),
            Some((_, path)) if measures.iter().all(|(is, _)| *is) => {
                Err(schema(path, "one measure and one only"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn place(&self, _account: &str) -> Option<String> {
        let place = if self.schedule.is_some() {
            "/schedule"
        } else {
            "/obligation"
        };
        Some(place.to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        match (&self.schedule, &self.contract, &self.obligation) {
            (Some(schedule), ..) => self.by_schedule(schedule, facts, book, plan),
            (None, Some(contract), Some(obligation)) => {
                self.by_contract((contract, obligation), facts, book, plan)
            }
            // `options` has refused both.
            (None, None, _) => Err(schema("/schedule", "missing field")),
            (None, Some(_), None) => Err(schema("/obligation", "missing field")),
        }
    }
}

impl Recognise {
    fn by_schedule(
        &self,
        number: &str,
        facts: &Facts<'_>,
        book: &Book,
        plan: &mut Plan,
    ) -> Result<(), Rejection> {
        let through = match &self.through {
            Some(through) => date(through, "/through")?,
            None => facts.today,
        };
        let document = find(book, number, DocumentKind::Schedule, SCHEDULE)?;
        let scheduled = Scheduled::of(document).ok_or_else(|| {
            // Schedules of other kinds have nothing to recognise.
            Rejection::new(Code::DocumentNotFound)
                .at(SCHEDULE)
                .with_text("document", echo(number))
        })?;
        let steps = scheduled.due(through, facts, book)?;
        let entries = scheduled.entries(&steps, book)?;
        let decimals = book.units().decimals(document.unit);
        let (mut recognised, mut late) = (0, Vec::new());
        for (due, postings) in steps.iter().zip(&entries) {
            if postings.is_empty() {
                continue;
            }
            let sum: Minor = due.amounts.iter().sum();
            if due.booked != due.day {
                late.push(Value::Object(vec![
                    ("period".into(), Value::Date(due.day)),
                    ("booking_date".into(), Value::Date(due.booked)),
                    ("amount".into(), Value::amount(sum, decimals)),
                ]));
            }
            plan.post(due.booked, due.booked).owned = true;
            postings.write_alone(plan)?;
            recognised += sum;
        }
        let cumulative = document.minor(names::RECOGNISED) + recognised;
        show(plan, recognised, cumulative, decimals);
        if !late.is_empty() {
            plan.show("caught_up", Value::List(late));
        }
        if recognised == 0 && plan.effects.is_empty() {
            return Ok(());
        }
        let ended = through >= scheduled.span.last();
        let state = if ended {
            DocumentState::Ended
        } else {
            DocumentState::Active
        };
        let open = document.open - recognised;
        let set = vec![
            (names::THROUGH.into(), Value::Date(through)),
            (
                names::RECOGNISED.into(),
                Value::amount(cumulative, decimals),
            ),
        ];
        plan.document(changed(number, document, state, open, set));
        Ok(())
    }

    fn by_contract(
        &self,
        (contract, id): (&str, &str),
        facts: &Facts<'_>,
        book: &Book,
        plan: &mut Plan,
    ) -> Result<(), Rejection> {
        const PATH: &str = "/obligation";
        let booking = booked_on(facts.today, facts, book, "")?;
        let satisfied = self.satisfied()?;
        let document = find(book, contract, DocumentKind::Contract, "/contract")?;
        let all = obligations(document);
        let known = all.iter().find(|one| &*one.id == id).ok_or_else(|| {
            Rejection::new(Code::DocumentNotFound)
                .at(PATH)
                .with_text("document", echo(contract))
                .with_text("obligation", echo(id))
        })?;
        let part = Part {
            deferred: format!("deferred/{id}").into(),
            revenue: format!("rev/{id}").into(),
            amount: known.amount,
            whole: known.amount,
        };
        let (deferred, revenue) = part.accounts(book, PATH)?;
        let currency = Currency::of(book, document.text(names::CURRENCY));
        for account in [deferred, revenue] {
            currency.check_account(book, account, PATH)?;
        }
        let mode = book.reference().rounding();
        let earned = self.earned(known, satisfied, mode)?;
        let recognised = (earned - known.recognised).max(0);
        let cumulative = known.recognised + recognised;
        show(plan, recognised, cumulative, currency.decimals());
        if recognised == 0 {
            return Ok(());
        }
        let mut postings = Postings::default();
        postings.credit(deferred, -recognised, PATH);
        postings.credit(revenue, recognised, PATH);
        postings.check_sides(book)?;
        plan.post(booking, booking).owned = true;
        postings.write_alone(plan)?;
        if booking != facts.today {
            plan.show("caught_up", Value::Bool(true));
        }
        let set: Members = vec![with_recognised(&all, id, cumulative, currency.decimals())];
        let open = document.open - recognised;
        let state = if open == 0 {
            DocumentState::Ended
        } else {
            DocumentState::Active
        };
        plan.document(changed(contract, document, state, open, set));
        Ok(())
    }

    /// Step 6: a share of the obligation, none for all of it.
    fn satisfied(&self) -> Result<Option<Ratio>, Rejection> {
        let Some(text) = &self.satisfied else {
            return Ok(None);
        };
        let invalid = || {
            Rejection::new(Code::RateInvalid)
                .at("/satisfied")
                .with_text("path", "/satisfied")
                .with_text("reason", "a percentage from 0 to 100")
        };
        let share = text.number().ok().map(Percent::not_negative);
        let share = share.and_then(Result::ok).and_then(Percent::factor);
        let share = share.ok_or_else(invalid)?;
        let above_all = share.plus(-1).is_none_or(Ratio::is_positive);
        if above_all {
            return Err(invalid());
        }
        Ok(Some(share))
    }

    /// How much of an obligation is earned.
    fn earned(
        &self,
        obligation: &Obligation,
        satisfied: Option<Ratio>,
        mode: Rounding,
    ) -> Result<Minor, Rejection> {
        const PATH: &str = "/obligation";
        if let Some(share) = satisfied {
            let exact = share.times(Ratio::whole(obligation.amount));
            return Ok(exact.ok_or_else(|| overflow(PATH))?.round(mode));
        }
        let Some(passed) = self.through_month else {
            return Ok(obligation.amount);
        };
        let Some(months) = obligation.months else {
            let reason = "the obligation is earned at a point in time";
            return Err(schema("/through_month", reason));
        };
        let passed = i128::from(passed).min(months);
        prefix(obligation.amount, passed, months, mode).ok_or_else(|| overflow(PATH))
    }
}

/// A period of which something is to be earned.
struct DueStep {
    /// Its last day.
    day: Date,
    /// The day on which it is booked.
    booked: Date,
    /// What it earns of each part.
    amounts: Vec<Minor>,
}

/// A schedule as its document keeps it.
pub(super) struct Scheduled {
    span: Span,
    pub(super) parts: Vec<Part>,
    pub(super) through: Option<Date>,
    /// Until when everything was recognised before the parts became what they are.
    since: Option<Date>,
    mode: Rounding,
}

impl Scheduled {
    pub(super) fn of(document: &Document) -> Option<Self> {
        let day = |name: &str| document.member(name).and_then(Value::date);
        let method = Method::of_text(document.text(names::METHOD))?;
        let Some(Value::List(parts)) = document.member(names::PARTS) else {
            return None;
        };
        Some(Self {
            span: Span::until(day(names::FROM)?, day(names::TO)?, method)?,
            parts: parts.iter().filter_map(Part::of).collect(),
            through: day(names::THROUGH),
            since: day(names::SINCE),
            mode: Rounding::of_text(document.text("rounding"))?,
        })
    }

    /// Steps 5 and 6: the periods that have something to be earned, with the days on which that is
    /// booked.
    fn due(
        &self,
        through: Date,
        facts: &Facts<'_>,
        book: &Book,
    ) -> Result<Vec<DueStep>, Rejection> {
        let mut due = Vec::new();
        for step in self.span.steps(self.through, through) {
            let amounts = self.parts.iter();
            let amounts = amounts.map(|part| self.part(part.amount, &step));
            let amounts: Option<Vec<Minor>> = amounts.collect();
            let amounts = amounts.ok_or_else(|| overflow(SCHEDULE))?;
            if amounts.iter().any(|amount| *amount != 0) {
                due.push(DueStep {
                    day: step.day,
                    booked: booked_on(step.day, facts, book, "/through")?,
                    amounts,
                });
            }
        }
        Ok(due)
    }

    /// Step 7: what each of these periods posts.
    fn entries(&self, due: &[DueStep], book: &Book) -> Result<Vec<Postings>, Rejection> {
        let accounts = self.parts.iter();
        let accounts = accounts.map(|part| part.accounts(book, SCHEDULE));
        let accounts: Vec<(AccountIndex, AccountIndex)> = accounts.collect::<Result<_, _>>()?;
        let entry = |due: &DueStep| {
            let mut postings = Postings::default();
            for (amount, (deferred, revenue)) in due.amounts.iter().zip(&accounts) {
                postings.credit(*deferred, -amount, SCHEDULE);
                postings.credit(*revenue, *amount, SCHEDULE);
            }
            postings.check_sides(book)?;
            Ok(postings)
        };
        due.iter().map(entry).collect()
    }

    /// What a step earns of a part.
    fn part(&self, amount: Minor, step: &Step) -> Option<Minor> {
        self.span.part_since(amount, self.since, step, self.mode)
    }

    /// What of a part is recognised.
    pub(super) fn earned(&self, amount: Minor) -> Option<Minor> {
        let Some(through) = self.through else {
            return Some(0);
        };
        let steps = self.span.steps(self.since, through);
        steps.iter().map(|step| self.part(amount, step)).sum()
    }
}

fn show(plan: &mut Plan, recognised: Minor, cumulative: Minor, decimals: u8) {
    if recognised == 0 && plan.effects.is_empty() {
        plan.status = Status::NoChange;
    }
    plan.show(names::RECOGNISED, Value::amount(recognised, decimals));
    plan.show("cumulative", Value::amount(cumulative, decimals));
}
