//! Measurements as text for people and as JSON for programs.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value, json};

use super::Measured;
use super::figure::{Figure, Series, Target};
use super::machine::Machine;

/// One measurement for people: a line, its figures and its facts below it.
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
    for figure in &measured.figures {
        // Writing to a string cannot fail.
        let _infallible = writeln!(out, "    {}", line(figure));
    }
    for (name, value) in &measured.notes {
        let _infallible = writeln!(out, "    {name:<40}{value:>14}");
    }
    out
}

/// A figure on a line: its median, the ends if there were rounds, and the target.
pub fn line(figure: &Figure) -> String {
    let unit = figure.unit;
    let mut out = format!(
        "{:<60}{:>14} {}",
        figure.what,
        unit.shown(figure.median()),
        unit.text()
    );
    if figure.rounds() > 1 {
        let (least, most) = (unit.shown(figure.least()), unit.shown(figure.most()));
        let _infallible = write!(out, " ({least} to {most})");
    }
    if let (Some(target), Some(reached)) = (figure.target_text(), figure.reached()) {
        let verdict = if reached { "reached" } else { "missed" };
        let _infallible = write!(out, ", target {target}: {verdict}");
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
        "figures": measured.figures.iter().map(figure).collect::<Vec<_>>(),
        "series": measured.series.iter().map(series).collect::<Vec<_>>(),
        "notes": notes,
    })
}

/// All measurements of a run with what they were taken on: the file of `--json`.
pub fn results(machine: &Machine, measured: &[Value]) -> Value {
    let facts: Map<String, Value> = machine
        .0
        .iter()
        .map(|(name, fact)| (name.clone(), Value::from(fact.as_str())))
        .collect();
    json!({ "format": FORMAT, "machine": facts, "measured": measured })
}

/// Version of the form of results.
pub const FORMAT: u64 = 1;

fn figure(figure: &Figure) -> Value {
    let number = |value| decimal(&figure.unit.decimal(value));
    let target = figure.target.map(|target| match target {
        Target::AtLeast(value) => json!({ "at_least": number(value) }),
        Target::AtMost(value) => json!({ "at_most": number(value) }),
    });
    json!({
        "what": figure.what,
        "unit": figure.unit.text(),
        "rounds": figure.rounds(),
        "min": number(figure.least()),
        "median": number(figure.median()),
        "max": number(figure.most()),
        "target": target,
        "reached": figure.reached(),
    })
}

fn series(series: &Series) -> Value {
    let points = series.points.iter().map(|(x, y)| json!([x, y]));
    json!({
        "name": series.name,
        "line": series.line,
        "across": series.across,
        "up": series.up,
        "points": points.collect::<Vec<_>>(),
    })
}

/// A decimal as a number of JSON, digit by digit.
fn decimal(text: &str) -> Value {
    text.parse::<Number>().map_or(Value::Null, Value::Number)
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
        let ratio = Figure::ratio("one against other", &[97, 90, 99], &[100, 100, 100]);
        measured.figures = vec![ratio.aiming_at(Target::AtLeast(95))];
        measured.series = vec![Series {
            name: "curve".to_owned(),
            line: String::new(),
            across: "jobs",
            up: "bytes",
            points: vec![(1, 2)],
        }];
        let text = text(&measured);
        assert!(text.contains("2,000 /s   3,000 in 1.500 s"), "{text}");
        assert!(text.contains("syncs"));
        let shown = "0.97 × (0.90 to 0.99), target ≥ 0.95: reached";
        assert!(text.contains(shown), "{text}");
        let json = json(&measured);
        assert_eq!(json["per_second"], 2_000);
        assert_eq!(json["notes"]["syncs"], "7");
        let figure = &json["figures"][0];
        assert_eq!(figure["min"].to_string(), "0.90");
        assert_eq!(figure["max"].to_string(), "0.99");
        assert_eq!(figure["target"]["at_least"].to_string(), "0.95");
        assert_eq!(figure["reached"], true);
        assert_eq!(json["series"][0]["points"][0][1], 2);
    }

    #[test]
    fn results_say_on_what_they_were_taken() {
        let machine = Machine(vec![("kernel".to_owned(), "6.1".to_owned())]);
        let all = results(&machine, &[json!({ "what": "x" })]);
        assert_eq!(all["format"], FORMAT);
        assert_eq!(all["machine"]["kernel"], "6.1");
        assert_eq!(all["measured"][0]["what"], "x");
    }
}
