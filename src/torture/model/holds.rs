//! Holds between two accounts: promised, captured, given back, expired.

use serde_json::Value;

use super::book::{Entry, Hold, number};
use super::due::{Alarm, Work};
use super::{Answer, Book, Leg, Ruled, need, positive, print, text};
use crate::torture::calendar::{self, SECOND};

/// The farthest instant that a hold may expire at.
const NANOS_MAX: i64 = 400 * 86_400 * SECOND;

/// `hold.place`.
pub fn place(book: &mut Book, data: &Value) -> Ruled {
    let expires = calendar::read(need(data, "expires_at"));
    if expires <= book.now || expires > book.now + NANOS_MAX {
        return Err("DATE_OUT_OF_RANGE");
    }
    let (debit, credit) = (need(data, "debit"), need(data, "credit"));
    let amount = match positive(need(data, "amount"), book.decimals(debit).unwrap_or(9)) {
        Err("AMOUNT_PRECISION") if book.decimals(debit).is_none() => 1,
        read => read?,
    };
    book.usable(debit, true)?;
    book.usable(credit, false)?;
    if debit == credit {
        return Err("ENTRY_SAME_ACCOUNT");
    }
    let hold = Hold {
        debit: debit.to_owned(),
        credit: credit.to_owned(),
        rest: amount,
        expires,
        state: "placed",
        reserved: Vec::new(),
    };
    let legs = hold.legs(amount);
    book.asks(&legs);
    book.check_limits(&[], &legs, &[])?;
    book.hold(&legs, 1);
    let name = format!("H-{:06}", number(book.holds.len()).saturating_add(1));
    book.alarms.insert(Alarm {
        at: expires,
        work: Work::Expiry,
        about: name.clone(),
    });
    let account = book.accounts.get(debit);
    let (available, decimals) = account.map_or((0, 2), |one| (one.available(), one.decimals));
    let answer = Answer::of("held")
        .with("hold", name.clone())
        .with("expires_at", calendar::print(expires))
        .with("available", print(available, decimals));
    book.holds.insert(name, hold);
    Ok(answer)
}

/// `hold.capture`.
pub fn capture(book: &mut Book, data: &Value) -> Ruled {
    let booking = text(data, "booking_date").unwrap_or(&book.today).to_owned();
    book.period_open(&booking)?;
    let name = need(data, "hold");
    let known = book.holds.get(name).cloned();
    let live = known.as_ref().filter(|hold| hold.state == "placed");
    let decimals = live.and_then(|hold| book.decimals(hold.first()));
    let asked = match text(data, "amount").map(|text| positive(text, decimals.unwrap_or(9))) {
        Some(Err("AMOUNT_PRECISION")) if decimals.is_none() => None,
        asked => asked.transpose()?,
    };
    let mut hold = known.ok_or("HOLD_NOT_FOUND")?;
    let amount = asked.unwrap_or(hold.rest);
    if hold.state == "placed" {
        for leg in hold.legs(hold.rest) {
            book.usable(&leg.account, leg.debit)?;
        }
        book.asks(&[Leg {
            account: hold.first().to_owned(),
            debit: true,
            amount: amount.min(hold.rest),
        }]);
    }
    live_one(&hold)?;
    if amount > hold.rest {
        return Err("HOLD_AMOUNT_EXCEEDED");
    }
    let is_final = data.get("final").and_then(Value::as_bool) != Some(false);
    let remaining = hold.rest - amount;
    let released = if is_final { hold.rest } else { amount };
    let legs = hold.legs(amount);
    book.check_limits(&legs, &[], &hold.legs(released))?;
    book.hold(&hold.legs(released), -1);
    let entry = book.write(Entry {
        legs,
        ..Entry::default()
    });
    hold.rest -= released;
    if hold.rest == 0 {
        hold.state = "captured";
        silence(book, name, &hold);
    }
    let decimals = decimals.unwrap_or_default();
    let left = if is_final { 0 } else { remaining };
    let mut answer = Answer::of("posted")
        .with("hold", name)
        .with("remaining", print(left, decimals));
    if is_final {
        answer = answer.with("released", print(remaining, decimals));
    }
    book.holds.insert(name.to_owned(), hold);
    Ok(book.posted(answer, entry))
}

/// `hold.void`.
pub fn void(book: &mut Book, data: &Value) -> Ruled {
    let name = need(data, "hold");
    let hold = book.holds.get(name).cloned().ok_or("HOLD_NOT_FOUND")?;
    live_one(&hold)?;
    silence(book, name, &hold);
    let released = over(book, name, hold, "voided");
    Ok(Answer::of("accepted")
        .with("hold", name)
        .with("released", released))
}

/// `hold.expire`, which the engine does by itself.
pub fn expire(book: &mut Book, name: &str) -> Option<Answer> {
    let hold = book.holds.get(name)?.clone();
    let released = over(book, name, hold, "expired");
    Some(
        Answer::of("accepted")
            .with("hold", name)
            .with("amount", released),
    )
}

fn live_one(hold: &Hold) -> Result<(), &'static str> {
    match hold.state {
        "placed" if hold.reserved.is_empty() => Ok(()),
        "expired" => Err("HOLD_EXPIRED"),
        _ => Err("HOLD_STATE"),
    }
}

fn silence(book: &mut Book, name: &str, hold: &Hold) {
    book.alarms.remove(&Alarm {
        at: hold.expires,
        work: Work::Expiry,
        about: name.to_owned(),
    });
}

/// A hold that a request reserves ends with it.
pub fn end(book: &mut Book, name: &str, state: &'static str) {
    if let Some(hold) = book.holds.get(name).cloned() {
        over(book, name, hold, state);
    }
}

/// The rest is given back; how much, in print.
fn over(book: &mut Book, name: &str, mut hold: Hold, state: &'static str) -> String {
    let released = hold.rest;
    book.hold(&hold.legs(released), -1);
    hold.rest = 0;
    hold.state = state;
    let decimals = book.decimals(hold.first()).unwrap_or_default();
    book.holds.insert(name.to_owned(), hold);
    print(released, decimals)
}

impl Hold {
    /// The account of its first leg.
    fn first(&self) -> &str {
        let reserved = self.reserved.first();
        reserved.map_or(&self.debit, |leg| &leg.account)
    }

    /// An amount of it, on both sides; what is reserved goes whole.
    pub fn legs(&self, amount: i128) -> Vec<Leg> {
        if !self.reserved.is_empty() {
            return self.reserved.clone();
        }
        let leg = |account: &str, debit| Leg {
            account: account.to_owned(),
            debit,
            amount,
        };
        vec![leg(&self.debit, true), leg(&self.credit, false)]
    }
}
