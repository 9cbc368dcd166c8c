//! Amounts as text become integers: billionths, whatever the unit.

use serde_json::Value as Json;

/// A billionth of a unit.
pub(super) type Nano = i128;

const DIGITS: usize = 9;

/// The value of a decimal text.
pub(super) fn nano(text: &str) -> Nano {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let value: Nano = format!("{whole}{part:0<DIGITS$}").parse().unwrap();
    sign * value
}

/// The value of a member; nothing if there is none.
pub(super) fn of(json: &Json, name: &str) -> Nano {
    json[name].as_str().map_or(0, nano)
}

/// The smallest step that a printed amount can make.
pub(super) fn step(text: &str) -> Nano {
    let decimals = text.split_once('.').map_or(0, |(_, part)| part.len());
    10_i128.pow(u32::try_from(DIGITS - decimals).unwrap())
}
