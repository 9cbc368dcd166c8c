//! Lies that kontor might tell: each must be seen, or the check that should see it is asleep.

use serde_json::Value as Json;

use super::stage::{self, Played};

/// Makes one thing of what was seen wrong; nothing if there is no such thing.
type Lie = fn(&mut Played) -> Option<()>;

/// A figure that is nowhere right.
const WRONG: &str = "77.77";

/// The lies, by the invariant that each breaks.
pub(super) const LIES: &[(&str, Lie)] = &[
    ("I1", leg),
    ("I2", row),
    ("I2", line),
    ("I2", counted),
    ("I3", stage::tampered),
    ("I4", entry_number),
    ("I4", document_number),
    ("I5", second_answer),
    ("I6", posted_though_refused),
    ("I7", held),
    ("I7", released),
    ("I8", open),
    ("I8", place),
    ("I9", owner),
    ("I10", overdrawn),
    ("I11", late),
    ("I12", share),
    ("I12", bill),
    ("I13", reversal),
    ("I13", month),
    ("I14", chain),
    ("I16", cash),
];

/// The first outcome of a kind and a status.
fn outcome<'p>(played: &'p mut Played, kind: &str, status: &str) -> Option<&'p mut Json> {
    let is = |one: &&mut Json| one["kind"] == kind && one["status"] == status;
    played.outcomes.iter_mut().find(is)
}

fn wrong(json: Option<&mut Json>) -> Option<()> {
    *json? = WRONG.into();
    Some(())
}

fn leg(played: &mut Played) -> Option<()> {
    wrong(played.entries.last_mut()?.pointer_mut("/legs/0/amount"))
}

fn row(played: &mut Played) -> Option<()> {
    let mut told = played.told.iter_mut().rev();
    let last = told.find(|told| told.answer["kind"] == "report.trial_balance")?;
    wrong(last.answer.pointer_mut("/rows/0/balance"))
}

/// A balance of a statement.
fn line(played: &mut Played) -> Option<()> {
    let mut told = played.told.iter_mut();
    wrong(told.find_map(|told| told.answer.pointer_mut("/lines/0/balance")))
}

/// What is on hand of an item.
fn counted(played: &mut Played) -> Option<()> {
    let mut told = played.told.iter_mut();
    wrong(told.find_map(|told| told.answer.get_mut("on_hand")))
}

/// An entry of a job of its own that takes more from a wallet than is there.
fn overdrawn(played: &mut Played) -> Option<()> {
    let posted = |one: &Json| one["kind"] == "entry.post" && one["status"] == "posted";
    let numbers = played.outcomes.iter().filter(|one| posted(one));
    let numbers: Vec<u64> = numbers.filter_map(|one| one["entry_no"].as_u64()).collect();
    let mut entries = played.entries.iter_mut();
    let entry = entries.find(|entry| {
        let legs = entry["legs"].as_array().unwrap();
        let takes = |leg: &Json| leg["account"] == "wallet/1" && leg["side"] == "debit";
        let known = numbers.iter().any(|number| entry["entry_no"] == *number);
        known && legs.len() == 2 && legs.iter().any(takes)
    })?;
    for leg in entry["legs"].as_array_mut()? {
        leg["amount"] = format!("9999999{}", leg["amount"].as_str()?).into();
    }
    Some(())
}

/// An entry in a month that was closed for ever.
fn late(played: &mut Played) -> Option<()> {
    let closes = |one: &Json| one["kind"] == "period.close" && one.get("result").is_some();
    let at = played.outcomes.iter().position(closes)?;
    let (before, after) = played.outcomes.split_at(at + 1);
    let period = before.last()?["period"]
        .as_str()
        .filter(|period| period.len() == 7)?;
    let number = after.iter().find_map(|one| one["entry_no"].as_u64())?;
    let mut entries = played.entries.iter_mut();
    let entry = entries.find(|entry| entry["entry_no"] == number)?;
    entry["booking_date"] = format!("{period}-05").into();
    Some(())
}

fn entry_number(played: &mut Played) -> Option<()> {
    let last = played.entries.last_mut()?;
    last["entry_no"] = (last["entry_no"].as_u64()? + 1).into();
    Some(())
}

fn document_number(played: &mut Played) -> Option<()> {
    outcome(played, "invoice.issue", "posted")?["document"] = "RE-000009".into();
    Some(())
}

fn second_answer(played: &mut Played) -> Option<()> {
    let again = played.told.iter_mut().find(|told| told.duplicate)?;
    again.answer["sequence"] = 0.into();
    Some(())
}

fn posted_though_refused(played: &mut Played) -> Option<()> {
    outcome(played, "entry.post", "posted")?["status"] = "rejected".into();
    Some(())
}

fn held(played: &mut Played) -> Option<()> {
    wrong(played.held.get_mut("bank/main"))
}

fn released(played: &mut Played) -> Option<()> {
    wrong(outcome(played, "hold.void", "accepted")?.get_mut("released"))
}

fn open(played: &mut Played) -> Option<()> {
    wrong(played.documents.get_mut("RE-000001")?.get_mut("open"))
}

/// A subscription that has taken the place of the payment that it is called like.
fn place(played: &mut Played) -> Option<()> {
    let other = played.documents.get("subscription PAY-000002")?.clone();
    *played.documents.get_mut("PAY-000002")? = other;
    Some(())
}

/// Money of a customer's that is said to have no owner.
fn owner(played: &mut Played) -> Option<()> {
    let received = outcome(played, "payment.receive", "posted")?;
    let (credit, rest) = (received["credit"].take(), received["unallocated"].take());
    let is_nothing = credit == rest;
    (received["credit"], received["unallocated"]) = (rest, credit);
    (!is_nothing).then_some(())
}

fn share(played: &mut Played) -> Option<()> {
    wrong(outcome(played, "entry.allocate", "posted")?.pointer_mut("/allocation/0"))
}

fn bill(played: &mut Played) -> Option<()> {
    wrong(outcome(played, "invoice.issue", "posted")?.get_mut("tax_exclusive"))
}

fn reversal(played: &mut Played) -> Option<()> {
    let mut entries = played.entries.iter_mut();
    let reversal = entries.find(|entry| entry["reversal_of"].as_u64() > Some(1))?;
    reversal["reversal_of"] = 1.into();
    Some(())
}

fn month(played: &mut Played) -> Option<()> {
    let mut months = played.by_period.as_object_mut()?.values_mut();
    wrong(months.find_map(|month| month.get_mut("bank/main")))
}

fn chain(played: &mut Played) -> Option<()> {
    let is_chained = played.chain == "valid";
    played.chain = "broken".into();
    is_chained.then_some(())
}

fn cash(played: &mut Played) -> Option<()> {
    let settled = outcome(played, "settlement.attempt", "settled")?;
    settled.get("quantity")?;
    wrong(settled.get_mut("cash"))
}
