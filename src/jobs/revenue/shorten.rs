//! What a credit note does to the schedule of its invoice: what is not earned yet goes back from
//! where it waits, and the rest of the schedule is that much shorter. What was earned is revenue
//! reduced.
//!
//! | Credited on        | Debit          | Amount                         |
//! |--------------------|----------------|--------------------------------|
//! | a part of it       | `deferred/…`   | as much as still waits         |
//! |                    | revenue        | the rest                       |
//!
//! A note that lessens several parts at once takes from each by what it was at first (largest
//! remainder), and what one of them has no more of from the others, before any revenue is reduced.

use super::recognise::Scheduled;
use super::schedule::SCHEDULED;
use super::{Part, facts as names, overflow};
use crate::jobs::exchange::{Earned, Part as Net};
use crate::jobs::postings::Postings;
use crate::jobs::receivable::changed;
use crate::ledger::effect::DocumentChange;
use crate::ledger::{Book, Document, DocumentKind, DocumentState, Rejection, Value};
use crate::money::Minor;
use crate::money::share::largest_remainder;

/// A part of a schedule while a note takes it back.
struct Left {
    part: Part,
    /// What of it still waits.
    waits: Minor,
}

/// What a note posts instead of what it would without a schedule.
pub(crate) struct Shortened {
    /// Its credits by account.
    pub(crate) postings: Postings,
    /// What becomes of the schedule.
    pub(crate) schedule: DocumentChange,
}

/// Take what a note credits back from the schedule of its invoice; none if it has none that waits.
pub(crate) fn shorten(
    book: &Book,
    invoice: &Document,
    (nets, earned): (&[Net], &Earned),
    path: &str,
) -> Result<Option<Shortened>, Rejection> {
    let number = invoice.text(SCHEDULED);
    let schedule = book.documents().of_kind(DocumentKind::Schedule, number);
    let Some((schedule, scheduled)) =
        schedule.and_then(|known| Some((known, Scheduled::of(known)?)))
    else {
        return Ok(None);
    };
    let mut left = Vec::with_capacity(scheduled.parts.len());
    for part in &scheduled.parts {
        let earned = scheduled
            .earned(part.amount)
            .ok_or_else(|| overflow(path))?;
        left.push(Left {
            part: part.clone(),
            waits: part.amount - earned,
        });
    }
    let mut postings = Postings::default();
    for (net, amount) in nets.iter().zip(&earned.parts) {
        let account = book.accounts().get(net.account);
        let account = account.map_or("", |account| &*account.name);
        let rest = take(book, &mut left, account, -amount, path, &mut postings)?;
        postings.credit(net.account, -rest, &net.path);
    }
    let decimals = book.units().decimals(schedule.unit);
    let open: Minor = left.iter().map(|one| one.waits).sum();
    let is_over = left.iter().all(|one| one.waits == 0);
    let parts = left.into_iter().map(|one| {
        let amount = one.waits;
        Part { amount, ..one.part }.shown(decimals)
    });
    let mut set = vec![(names::PARTS.into(), Value::List(parts.collect()))];
    set.extend(
        scheduled
            .through
            .map(|day| (names::SINCE.into(), Value::Date(day))),
    );
    let back = schedule.minor(names::TAKEN_BACK) + schedule.open - open;
    set.push((names::TAKEN_BACK.into(), Value::amount(back, decimals)));
    let state = if is_over {
        DocumentState::Ended
    } else {
        schedule.state
    };
    Ok(Some(Shortened {
        postings,
        schedule: changed(number, schedule, state, open, set),
    }))
}

/// Take an amount that is debited to an account from the parts that wait for it or in it; what is
/// no part of the schedule is left. Amounts below zero are the same on the other side.
fn take(
    book: &Book,
    left: &mut [Left],
    account: &str,
    amount: Minor,
    path: &str,
    postings: &mut Postings,
) -> Result<Minor, Rejection> {
    let is_its = |one: &Left| {
        let part = &one.part;
        (*part.deferred == *account || *part.revenue == *account)
            && part.whole.signum() == amount.signum()
    };
    let mut its: Vec<&mut Left> = left.iter_mut().filter(|one| is_its(one)).collect();
    let weights: Vec<Minor> = its.iter().map(|one| one.part.whole.abs()).collect();
    if amount == 0 || weights.is_empty() {
        return Ok(amount);
    }
    let (sign, whole) = (amount.signum(), amount.abs());
    let mut shares = largest_remainder(whole, &weights).ok_or_else(|| overflow(path))?;
    let mut back: Vec<Minor> = Vec::with_capacity(shares.len());
    for (one, share) in its.iter().zip(&mut shares) {
        let taken = (*share).min(one.waits.abs());
        *share -= taken;
        back.push(taken);
    }
    let mut missing: Minor = shares.iter().sum();
    for (one, taken) in its.iter().zip(&mut back) {
        let more = missing.min(one.waits.abs() - *taken);
        *taken += more;
        missing -= more;
    }
    for ((one, taken), share) in its.iter_mut().zip(back).zip(shares) {
        let (deferred, revenue) = one.part.accounts(book, path)?;
        let reduced = share.min(missing);
        missing -= reduced;
        one.waits -= sign * taken;
        postings.credit(deferred, -sign * taken, path);
        postings.credit(revenue, -sign * reduced, path);
    }
    Ok(0)
}
