//! Months, locked and opened.

use serde_json::Value;

use super::{Answer, Book, Ruled, need};

/// `period.open`: the generator names months that begin after every simulation, one that began
/// before it, and one that is none.
pub fn open(book: &mut Book, data: &Value) -> Ruled {
    let period = need(data, "period");
    if period.len() != 7 {
        return Err("PERIOD_UNKNOWN");
    }
    if !period.starts_with("2040") || !book.opened.insert(period.to_owned()) {
        return Err("PERIOD_STATE");
    }
    Ok(Answer::of("opened").with("period", period))
}

/// `period.close`: nobody has a role in these books, so everybody may do everything.
pub fn close(book: &mut Book, data: &Value) -> Ruled {
    let period = need(data, "period");
    if need(data, "mode") == "reopen" {
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
