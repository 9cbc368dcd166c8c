//! Lies that kontor might tell: each must be seen, or the check that should see it is asleep.

use serde_json::Value as Json;

use super::stage::Played;

/// Makes one thing of what was seen wrong; nothing if there is no such thing.
type Lie = fn(&mut Played) -> Option<()>;

/// A figure that is nowhere right.
const WRONG: &str = "77.77";

/// The lies, by the invariant that each breaks.
pub(super) const LIES: &[(&str, Lie)] = &[
    ("I1", leg),
    ("I2", row),
    ("I4", entry_number),
    ("I4", document_number),
    ("I5", second_answer),
    ("I6", posted_though_refused),
    ("I7", held),
    ("I7", released),
    ("I8", open),
    ("I8", place),
    ("I9", owner),
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
