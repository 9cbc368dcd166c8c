//! Results that were written down, read again: as a table in Markdown, and as plots.
//!
//! The files are those of `--json`, from `kontor bench` and from `cargo bench --bench journey`.

use std::fmt::Write as _;

use serde_json::Value;

use super::plot::{Line, Plot};
use super::render::FORMAT;

/// Results that cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ResultsFault {
    /// It is no JSON.
    #[error("not a file of results: {0}")]
    Json(#[from] serde_json::Error),
    /// Another program or another release wrote it.
    #[error("a file of results has format {FORMAT}, this one has {0}")]
    Format(String),
}

/// The results of one run.
#[derive(Clone, Debug)]
pub struct Results(Value);

impl Results {
    /// From the text of a file.
    pub fn parse(text: &str) -> Result<Self, ResultsFault> {
        let all: Value = serde_json::from_str(text)?;
        match all.get("format").and_then(Value::as_u64) {
            Some(FORMAT) => Ok(Self(all)),
            _other => Err(ResultsFault::Format(
                all.get("format").unwrap_or(&Value::Null).to_string(),
            )),
        }
    }

    /// The machine on a line and a table of all figures.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        let machine = self.0.get("machine").and_then(Value::as_object);
        let facts = machine.into_iter().flatten();
        let facts = facts.map(|(name, fact)| format!("{name}: {}", plain(fact)));
        out.push_str(&facts.collect::<Vec<_>>().join("; "));
        out.push_str(
            "\n\n| What | Target | Median | Least | Most | Reached |\n|---|---|---|---|---|---|\n",
        );
        for figure in self
            .measured()
            .flat_map(|measured| list(measured, "figures"))
        {
            let of = |name: &str| plain(figure.get(name).unwrap_or(&Value::Null));
            let reached = match figure.get("reached").and_then(Value::as_bool) {
                Some(true) => "yes",
                Some(false) => "no",
                None => "–",
            };
            // Writing to a string cannot fail.
            let _infallible = writeln!(
                out,
                "| {} | {} | {} {} | {} | {} | {reached} |",
                of("what").replace('|', "\\|"),
                target(figure),
                of("median"),
                of("unit"),
                of("min"),
                of("max"),
            );
        }
        out
    }

    /// A plot for every curve; lines of the same name go into one.
    pub fn plots(&self) -> Vec<Plot> {
        let mut plots: Vec<Plot> = Vec::new();
        for series in self
            .measured()
            .flat_map(|measured| list(measured, "series"))
        {
            let of = |name: &str| plain(series.get(name).unwrap_or(&Value::Null));
            let line = Line {
                name: of("line"),
                points: list(series, "points").filter_map(point).collect(),
            };
            let title = of("name");
            match plots.iter_mut().find(|plot| plot.title == title) {
                Some(plot) => plot.lines.push(line),
                None => plots.push(Plot {
                    title,
                    across: of("across"),
                    up: of("up"),
                    lines: vec![line],
                }),
            }
        }
        plots
    }

    fn measured(&self) -> impl Iterator<Item = &Value> {
        list(&self.0, "measured")
    }
}

/// The name of a plot's file.
pub fn file_name(plot: &Plot) -> String {
    let sign = |sign: char| {
        if sign.is_ascii_alphanumeric() {
            sign.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let name: String = plot.title.chars().map(sign).collect();
    format!("{name}.svg")
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    let list = value.get(name).and_then(Value::as_array);
    list.into_iter().flatten()
}

fn point(value: &Value) -> Option<(u64, u64)> {
    Some((value.get(0)?.as_u64()?, value.get(1)?.as_u64()?))
}

fn target(figure: &Value) -> String {
    let Some(target) = figure.get("target").and_then(Value::as_object) else {
        return "–".to_owned();
    };
    let words = target.iter().map(|(name, value)| match name.as_str() {
        "at_least" => format!("≥ {value}"),
        "at_most" => format!("≤ {value}"),
        other => format!("{other} {value}"),
    });
    words.collect()
}

/// A text without its quotes, anything else as it stands.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Measured;
    use super::super::figure::{Figure, Series, Target, Unit};
    use super::super::machine::Machine;
    use super::super::render::{json, results};
    use super::*;
    use std::time::Duration;

    fn written() -> String {
        let mut measured = Measured::new("x", 3_000, Duration::from_millis(1_500));
        measured.figures = vec![
            Figure::ratio("hot against even", &[90], &[100]).aiming_at(Target::AtLeast(95)),
            Figure::new("rate", Unit::PerSecond("jobs"), vec![5, 4, 6]),
        ];
        for line in ["p50", "p99"] {
            measured.series.push(Series {
                name: "latency over load".to_owned(),
                line: line.to_owned(),
                across: "jobs/s",
                up: "µs",
                points: vec![(1, 2), (3, 4)],
            });
        }
        let machine = Machine(vec![("kernel".to_owned(), "6.1".to_owned())]);
        results(&machine, &[json(&measured)]).to_string()
    }

    #[test]
    fn the_table_shows_what_was_written_down() {
        let table = Results::parse(&written()).unwrap().markdown();
        assert!(table.starts_with("kernel: 6.1\n"), "{table}");
        let ratio = "| hot against even | ≥ 0.95 | 0.90 × | 0.90 | 0.90 | no |";
        assert!(table.contains(ratio), "{table}");
        assert!(
            table.contains("| rate | – | 5 jobs/s | 4 | 6 | – |"),
            "{table}"
        );
    }

    #[test]
    fn lines_of_one_name_share_a_plot() {
        let plots = Results::parse(&written()).unwrap().plots();
        assert_eq!((plots.len(), plots[0].lines.len()), (1, 2));
        assert_eq!(plots[0].lines[1].points, [(1, 2), (3, 4)]);
        assert_eq!(file_name(&plots[0]), "latency-over-load.svg");
    }

    #[test]
    fn what_is_no_file_of_results_is_refused() {
        assert!(matches!(Results::parse("x"), Err(ResultsFault::Json(_))));
        let other = Results::parse("{\"format\": 9}").unwrap_err();
        assert!(other.to_string().contains("this one has 9"), "{other}");
    }
}
