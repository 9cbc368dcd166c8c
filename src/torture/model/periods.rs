//! Months, locked and opened.

use serde_json::Value;

use super::{Answer, Book, Ruled, need};

/// `period.open`: the generator names months that begin after every simulation, one that began
/// before it, and one that is none.
pub fn open(book: &mut Book, data: &Value) -> Ruled {
    somebody_acts(book)?;
    let period = need(data, "period");
    if period.len() != 7 {
        return Err("PERIOD_UNKNOWN");
    }
    if !period.starts_with("2040") || !book.opened.insert(period.to_owned()) {
        return Err("PERIOD_STATE");
    }
    Ok(Answer::of("opened").with("period", period))
}

/// `period.close`: where users have roles, one of them undoes a lock; else everybody may.
pub fn close(book: &mut Book, data: &Value) -> Ruled {
    somebody_acts(book)?;
    let period = need(data, "period");
    if need(data, "mode") == "reopen" {
        let closes = || book.actor_roles().iter().any(|role| role == "closing");
        if !book.users.is_empty() && !closes() {
            return Err("PERIOD_STATE");
        }
        if !book.locked.remove(period) {
            return Err("PERIOD_STATE");
        }
        return Ok(Answer::of("opened").with("period", period));
    }
    if !book.locked.insert(period.to_owned()) {
        return Err("PERIOD_STATE");
    }
    Ok(Answer::of("closed").with("period", period))
}

/// Once users have roles, somebody answers for a change of periods.
fn somebody_acts(book: &Book) -> Result<(), &'static str> {
    if book.actor.is_none() && !book.users.is_empty() {
        return Err("ACTOR_MISSING");
    }
    Ok(())
}
