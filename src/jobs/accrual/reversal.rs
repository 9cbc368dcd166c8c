//! The reversal of an accrual: kept until its day, posted once.

use crate::ids::{DueCode, EntryNo};
use crate::jobs::JobData;
use crate::jobs::contract::DueKind;
use crate::jobs::receivable::changed;
use crate::ledger::commit::slice;
use crate::ledger::effect::DocumentChange;
use crate::ledger::value::member;
use crate::ledger::{
    Book, Document, DocumentKind, DocumentState, Effect, Facts, Leg, Members, Plan, Rejection,
    Side, Value,
};
use crate::limits::DUE_JOBS_MAX;
use crate::time::{Date, Month};

/// The work's place in the engine's list.
const WORK: DueCode = DueCode(2);

/// What happened when the day came.
const REVERSED: &str = "accrual.reversed";
/// What happened if the book would not take the reversal on its day.
const MISSED: &str = "accrual.not_reversed";

/// Number of the schedule that waits for the day; no producer can send it as a key.
fn number_of(entry: EntryNo) -> String {
    format!("{:012}#accrual", entry.0)
}

/// Keep what is to be reversed: every entry that the plan posts.
pub(crate) fn keep(book: &Book, plan: &mut Plan, day: Date) {
    let posts = plan.effects.iter().filter_map(Effect::as_post);
    let entries: Vec<Vec<Leg>> = posts
        .map(|post| slice(&plan.legs, &post.legs).to_vec())
        .collect();
    let mut entry = book.next_entry();
    for legs in &entries {
        keep_one(book, plan, (entry, legs), day);
        entry = entry.next();
    }
}

fn keep_one(book: &Book, plan: &mut Plan, (entry, legs): (EntryNo, &[Leg]), day: Date) {
    let number = number_of(entry);
    let known = |leg: &Leg| book.accounts().get(leg.account);
    let unit = legs.first().and_then(known).map(|first| first.unit);
    let legs = legs.iter().filter_map(|leg| {
        let account = known(leg)?;
        let side = match leg.side {
            Side::Debit => "dr",
            Side::Credit => "cr",
        };
        let decimals = book.units().decimals(account.unit);
        Some(Value::Object(vec![
            (side.into(), Value::text(account.name.to_string())),
            ("amount".into(), Value::amount(leg.amount, decimals)),
        ]))
    });
    let set: Members = vec![
        ("entry".into(), Value::count(entry.0)),
        ("auto_reverse".into(), Value::Date(day)),
        ("legs".into(), Value::List(legs.collect())),
    ];
    plan.document(DocumentChange {
        number: number.as_str().into(),
        kind: DocumentKind::Schedule,
        state: DocumentState::Pending,
        version: 1,
        unit: unit.unwrap_or_default(),
        party: "".into(),
        due: Some(day),
        open: 0,
        set,
    });
    plan.alarm(WORK, &number, Some(book.zone().start_of(day)));
}

/// An accrual that waits for its day.
struct Waiting<'b> {
    number: &'b str,
    schedule: &'b Document,
    entry: EntryNo,
    day: Date,
}

impl<'b> Waiting<'b> {
    fn of(book: &'b Book, number: &str) -> Option<Self> {
        let (number, schedule) = book.documents().find(number)?;
        Some(Self {
            number,
            schedule,
            entry: EntryNo(u64::try_from(schedule.count("entry")).ok()?),
            day: schedule.due?,
        })
    }

    /// The legs on their other sides.
    fn mirror(&self, book: &Book) -> Vec<Leg> {
        let Some(Value::List(list)) = self.schedule.member("legs") else {
            return Vec::new();
        };
        let leg = |one: &Value| {
            let Value::Object(members) = one else {
                return None;
            };
            let account = |side: &str| match member(members, side) {
                Some(Value::Text(name)) => book.accounts().find(name),
                Some(_) | None => None,
            };
            let debited = account("dr").map(|account| (account, Side::Credit));
            let (account, side) = debited.or(account("cr").map(|one| (one, Side::Debit)))?;
            let amount = member(members, "amount").and_then(Value::minor)?;
            Some(Leg {
                account,
                side,
                amount: i64::try_from(amount).ok()?,
                value_date: None,
            })
        };
        list.iter().filter_map(leg).collect()
    }

    /// Ask for the reversal.
    fn post(&self, book: &Book, plan: &mut Plan, legs: Vec<Leg>) {
        let by = next_entry(book, plan);
        plan.post(self.day, self.day).reverses = Some(self.entry);
        for leg in legs {
            plan.leg(leg);
        }
        // The engine knows the number of the reversal when it admits the plan.
        let (entry, by_then) = (self.entry, EntryNo(0));
        plan.effects.push(Effect::Reversed { entry, by: by_then });
        let set = vec![("reversed_by".into(), Value::count(by.0))];
        self.end(plan, DocumentState::Ended, set);
    }

    /// Nothing waits any more.
    fn end(&self, plan: &mut Plan, state: DocumentState, set: Members) {
        plan.document(changed(self.number, self.schedule, state, 0, set));
        plan.alarm(WORK, self.number, None);
    }
}

/// The number that the next entry of the plan will get.
fn next_entry(book: &Book, plan: &Plan) -> EntryNo {
    let before = plan.effects.iter().filter_map(Effect::as_post).count();
    let before = u64::try_from(before).unwrap_or(u64::MAX);
    EntryNo(book.next_entry().0.saturating_add(before))
}

/// Post what waits for a day of these months, as far as its accounts take it; how many. What they
/// do not take waits for its day.
pub(crate) fn post_due_in(book: &Book, plan: &mut Plan, months: &[Month]) -> usize {
    let mut posted: usize = 0;
    for alarm in book.alarms().iter().filter(|alarm| alarm.work == WORK) {
        let Some(waiting) = Waiting::of(book, &alarm.about) else {
            continue;
        };
        if posted == DUE_JOBS_MAX || !months.contains(&waiting.day.month()) {
            continue;
        }
        let legs = waiting.mirror(book);
        let usable = |leg: &Leg| book.check_usable(leg.account, leg.side).is_ok();
        if legs.iter().all(usable) {
            waiting.post(book, plan, legs);
            posted = posted.saturating_add(1);
        }
    }
    posted
}

/// An entry is reversed by a job: if it is an accrual, its own reversal is spared.
pub(crate) fn spare(book: &Book, plan: &mut Plan, entry: EntryNo) {
    let number = number_of(entry);
    if book.alarms().at(WORK, &number).is_none() {
        return;
    }
    if let Some(waiting) = Waiting::of(book, &number) {
        waiting.end(plan, DocumentState::Cancelled, Members::new());
    }
}

/// The day of an accrual's reversal has come. Nobody can send this; the engine makes it.
#[derive(Debug)]
pub struct Reversal {
    number: Box<str>,
}

impl DueKind for Reversal {
    fn about(thing: &str) -> Self {
        Self {
            number: thing.into(),
        }
    }

    fn key(&self, _book: &Book) -> String {
        self.number.to_string()
    }

    fn plan(
        &self,
        _facts: &Facts<'_>,
        book: &Book,
        _kept: Option<&JobData>,
        plan: &mut Plan,
    ) -> Result<&'static str, Rejection> {
        if let Some(waiting) = Waiting::of(book, &self.number) {
            let legs = waiting.mirror(book);
            waiting.post(book, plan, legs);
            plan.show("reverses", Value::count(waiting.entry.0));
        }
        Ok(REVERSED)
    }

    fn missed(
        &self,
        refusal: &Rejection,
        _facts: &Facts<'_>,
        book: &Book,
        _kept: Option<&JobData>,
        plan: &mut Plan,
    ) -> Result<&'static str, Rejection> {
        let code = Value::text(refusal.code().text());
        if let Some(waiting) = Waiting::of(book, &self.number) {
            let set = vec![("code".into(), code.clone())];
            waiting.end(plan, DocumentState::Failing, set);
            plan.show("entry", Value::count(waiting.entry.0));
            plan.show("auto_reverse", Value::Date(waiting.day));
        }
        plan.show("code", code);
        Ok(MISSED)
    }
}
