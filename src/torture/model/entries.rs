//! Entries and their reversals.

use serde_json::Value;

use super::book::Entry;
use super::{Answer, Book, Leg, Ruled, accruals, list, minor, need, positive, text};

/// `entry.post`.
pub fn post(book: &mut Book, data: &Value) -> Ruled {
    book.period_open(need(data, "booking_date"))?;
    let legs = legs(book, data)?;
    let mut asserted = Vec::new();
    for one in list(data, "assert") {
        let account = need(one, "account");
        let balance = amount(need(one, "balance"), book.decimals(account), minor)?;
        asserted.push((account, balance));
    }
    check(book, &legs)?;
    book.asks(&legs);
    for (account, expected) in asserted {
        let Some(known) = book.accounts.get(account) else {
            return Err("ACCOUNT_NOT_FOUND");
        };
        let of_account = legs.iter().filter(|leg| leg.account == account);
        let moved = of_account.map(|leg| {
            if leg.debit == known.debit_side {
                leg.amount
            } else {
                -leg.amount
            }
        });
        if known.balance() + moved.sum::<i128>() != expected {
            return Err("ASSERTION_FAILED");
        }
    }
    let entry = book.post(Entry {
        legs,
        ..Entry::default()
    })?;
    Ok(book.posted(Answer::of("posted"), entry))
}

/// The legs of a job.
pub fn legs(book: &Book, data: &Value) -> Result<Vec<Leg>, &'static str> {
    let read = |leg: &Value| {
        let debit = text(leg, "dr").is_some();
        let account = text(leg, "dr").or_else(|| text(leg, "cr"));
        let account = account.unwrap_or_default();
        Ok(Leg {
            account: account.to_owned(),
            debit,
            amount: amount(need(leg, "amount"), book.decimals(account), positive)?,
        })
    };
    list(data, "legs").iter().map(read).collect()
}

/// Every account takes its leg, and the legs make an entry.
pub fn check(book: &Book, legs: &[Leg]) -> Result<(), &'static str> {
    for leg in legs {
        book.usable(&leg.account, leg.debit)?;
    }
    structure(legs)
}

/// The sum of all debits.
pub fn debits(legs: &[Leg]) -> i128 {
    let debits = legs.iter().filter(|leg| leg.debit);
    debits.map(|leg| leg.amount).sum()
}

/// Beyond its form nothing is known about an amount of an unknown account.
fn amount(
    text: &str,
    decimals: Option<u32>,
    read: fn(&str, u32) -> Result<i128, &'static str>,
) -> Result<i128, &'static str> {
    match read(text, decimals.unwrap_or(9)) {
        Err("AMOUNT_PRECISION" | "AMOUNT_OVERFLOW") if decimals.is_none() => Ok(1),
        read => read,
    }
}

fn structure(legs: &[Leg]) -> Result<(), &'static str> {
    if legs.len() < 2 {
        return Err("ENTRY_TOO_FEW_LEGS");
    }
    let both_sides = |leg: &Leg| {
        let other = |other: &Leg| other.account == leg.account && other.debit != leg.debit;
        legs.iter().any(other)
    };
    if legs.iter().any(both_sides) {
        return Err("ENTRY_SAME_ACCOUNT");
    }
    let signed = legs
        .iter()
        .map(|leg| if leg.debit { leg.amount } else { -leg.amount });
    if signed.sum::<i128>() != 0 {
        return Err("ENTRY_UNBALANCED");
    }
    Ok(())
}

/// `entry.reverse`.
pub fn reverse(book: &mut Book, data: &Value) -> Ruled {
    book.period_open(need(data, "booking_date"))?;
    let number = data
        .get("entry")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let past = book.entry(number).ok_or("ENTRY_NOT_FOUND")?;
    let legs: Vec<Leg> = past
        .legs
        .iter()
        .map(|leg| Leg {
            debit: !leg.debit,
            ..leg.clone()
        })
        .collect();
    for leg in &legs {
        book.usable(&leg.account, leg.debit)?;
    }
    let (reversed, is_not) = (
        past.reversed_by.is_some(),
        past.reverses.is_some() || past.owned,
    );
    book.asks(&legs);
    if reversed {
        return Err("ALREADY_REVERSED");
    }
    if is_not {
        return Err("NOT_REVERSIBLE");
    }
    let by = book.post(Entry {
        legs,
        reverses: Some(number),
        ..Entry::default()
    })?;
    if let Some(past) = book.entry_mut(number) {
        past.reversed_by = Some(by);
    }
    accruals::spare(book, number);
    Ok(book.posted(Answer::of("posted").with("reverses", number), by))
}
