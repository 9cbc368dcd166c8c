//! Measurements as text for people and as JSON for programs.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::Measured;

/// One measurement for people: a line, and its facts below it.
pub fn text(measured: &Measured) -> String {
    let seconds = measured.took.as_millis();
    let mut out = format!(
        "{:<44}{:>14} /s   {} in {}.{:03} s\n",
        measured.what,
        grouped(measured.per_second()),
        grouped(measured.count),
        seconds.div_euclid(1_000),
        seconds % 1_000,
    );
    for (name, value) in &measured.notes {
        // Writing to a string cannot fail.
        let _infallible = writeln!(out, "    {name:<40}{value:>14}");
    }
    out
}

/// One measurement for programs.
pub fn json(measured: &Measured) -> Value {
    let notes: Map<String, Value> = measured
        .notes
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect();
    json!({
        "what": measured.what,
        "count": measured.count,
        "nanoseconds": u64::try_from(measured.took.as_nanos()).unwrap_or(u64::MAX),
        "per_second": measured.per_second(),
        "notes": notes,
    })
}

/// A number with commas between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(at);
        if at > 0 && left.is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
    }

    #[test]
    fn both_forms_say_the_same() {
        let mut measured = Measured::new("x", 3_000, Duration::from_millis(1_500));
        measured.note("syncs", 7);
        let text = text(&measured);
        assert!(text.contains("2,000 /s   3,000 in 1.500 s"), "{text}");
        assert!(text.contains("syncs"));
        let json = json(&measured);
        assert_eq!(json["per_second"], 2_000);
        assert_eq!(json["notes"]["syncs"], "7");
    }
}
