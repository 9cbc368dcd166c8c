//! How the demo is printed: numbered steps, paragraphs, tables.
//!
//! The story goes to standard output. What only passes the time, or goes wrong, goes to standard
//! error: a sign of life for somebody who looks on, a line now and then for a log.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value as Json;

use crate::ledger::Value;
use crate::report::{Column, Format, Table, render};

/// Columns of a line.
const WIDTH: usize = 96;
/// Room for the word in front of a message.
const WORD: usize = 9;
/// Members of messages in the order in which people read them; others follow by name.
const MEMBERS: [&str; 14] = [
    "key",
    "kind",
    "actor",
    "data",
    "book",
    "sequence",
    "status",
    "recorded_at",
    "booking_date",
    "value_date",
    "entry_no",
    "dr",
    "cr",
    "balances",
];
/// Below a heading.
const INDENT: &str = "   ";
/// Between two signs of life.
const TICK: Duration = Duration::from_millis(120);

/// Where the story is written.
pub(super) struct Page<'w, W: Write> {
    out: &'w mut W,
    steps: usize,
    /// Whether the last line is empty.
    air: bool,
    began: Instant,
}

impl<'w, W: Write> Page<'w, W> {
    /// An empty page.
    pub(super) fn new(out: &'w mut W) -> Self {
        Self {
            out,
            steps: 0,
            air: true,
            began: Instant::now(),
        }
    }

    /// Since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// A line above all steps.
    pub(super) fn title(&mut self, text: &str) -> std::io::Result<()> {
        self.put(wrapped(text, WIDTH).iter())
    }

    /// The heading of the next step.
    pub(super) fn step(&mut self, text: &str) -> std::io::Result<()> {
        self.steps += 1;
        self.space()?;
        self.put([format!("{}. {text}", self.steps)].iter())
    }

    /// A paragraph.
    pub(super) fn say(&mut self, text: &str) -> std::io::Result<()> {
        let lines = wrapped(text, WIDTH.saturating_sub(INDENT.len()));
        self.lines(&lines)
    }

    /// Lines as they are.
    pub(super) fn lines(&mut self, lines: &[String]) -> std::io::Result<()> {
        let indented: Vec<String> = lines.iter().map(|line| format!("{INDENT}{line}")).collect();
        self.put(indented.iter())
    }

    /// An empty line, unless there is one.
    pub(super) fn space(&mut self) -> std::io::Result<()> {
        if self.air {
            return Ok(());
        }
        self.put([String::new()].iter())
    }

    fn put<'l>(&mut self, lines: impl Iterator<Item = &'l String>) -> std::io::Result<()> {
        for line in lines {
            let line = line.trim_end();
            writeln!(self.out, "{line}")?;
            self.air = line.is_empty();
        }
        self.out.flush()
    }

    /// A message as it travelled, with a word in front.
    pub(super) fn json(&mut self, word: &str, json: &Json) -> std::io::Result<()> {
        let column = INDENT.len() + WORD;
        let text = wrapped(&spaced(json), WIDTH.saturating_sub(column));
        let words = std::iter::once(word).chain(std::iter::repeat(""));
        let lines = text.iter().zip(words);
        let lines: Vec<String> = lines
            .map(|(line, word)| format!("{word:<WORD$}{line}"))
            .collect();
        self.lines(&lines)
    }

    /// A table with a line of air around it.
    pub(super) fn table(
        &mut self,
        columns: Vec<Column>,
        rows: Vec<Vec<String>>,
    ) -> anyhow::Result<()> {
        let cells = |row: Vec<String>| {
            let cell = |text: String| (!text.is_empty()).then(|| Value::text(text));
            row.into_iter().map(cell).collect()
        };
        let table = Table {
            title: String::new(),
            facts: Vec::new(),
            columns,
            rows: rows.into_iter().map(cells).collect(),
            totals: Vec::new(),
            json: Vec::new(),
            absent: &[],
        };
        let text = render(&table, Format::Text)?;
        self.space()?;
        // The first line is the title, which the step has said.
        let lines: Vec<String> = text
            .lines()
            .skip(1)
            .map(|line| format!("  {line}"))
            .collect();
        self.put(lines.iter())?;
        Ok(self.space()?)
    }
}

/// Say something beside the story; nobody can be told that standard error is closed.
pub(super) fn aside(text: &str) {
    writeln!(std::io::stderr(), "{text}").unwrap_or_default();
}

/// A sign of life while something takes its time.
pub(super) struct Wait(ProgressBar);

/// Begin to wait for something.
pub(super) fn wait(what: &'static str) -> Wait {
    if !std::io::stderr().is_terminal() {
        aside(&format!("{INDENT}{what} …"));
        return Wait(ProgressBar::hidden());
    }
    let bar = ProgressBar::new_spinner().with_message(what);
    // The template is a constant; if it were wrong the default would be shown.
    let bar = match ProgressStyle::with_template("{spinner} {msg} … {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_fault) => bar,
    };
    bar.enable_steady_tick(TICK);
    Wait(bar)
}

impl Wait {
    /// It came.
    pub(super) fn end(self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A text in lines of at most so many characters, broken at blanks; its own line ends stay.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let long = line.chars().count() + 1 + word.chars().count() > width;
            if long && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// JSON with blanks where a line may break, members in the order of [`MEMBERS`].
fn spaced(json: &Json) -> String {
    match json {
        Json::Object(object) => {
            let place = |name: &str| MEMBERS.iter().position(|known| *known == name);
            let mut members: Vec<(&String, &Json)> = object.iter().collect();
            members.sort_by_key(|(name, _)| place(name).unwrap_or(MEMBERS.len()));
            let members = members.into_iter();
            let members: Vec<String> = members
                .map(|(name, value)| format!("\"{name}\": {}", spaced(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Json::Array(list) => {
            let list: Vec<String> = list.iter().map(spaced).collect();
            format!("[{}]", list.join(", "))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => json.to_string(),
    }
}

/// An amount or a count as people write it: 6,000.00.
pub(super) fn grouped(figure: &str) -> String {
    let digits = figure.find('.').unwrap_or(figure.len());
    let (whole, rest) = figure.split_at_checked(digits).unwrap_or((figure, ""));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        let behind = whole.len().saturating_sub(at);
        if at > 0 && behind.is_multiple_of(3) && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

/// A count as people write it.
pub(super) fn count(number: impl std::fmt::Display) -> String {
    grouped(&number.to_string())
}

/// A time in seconds with two decimals.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// How many a second, as a whole number.
pub(super) fn per_second(jobs: usize, time: Duration) -> String {
    let micros = time.as_micros().max(1);
    let jobs = u128::try_from(jobs).unwrap_or(u128::MAX);
    count(jobs.saturating_mul(1_000_000).div_euclid(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_and_speeds_are_whole() {
        let pairs = [
            ("6000.00", "6,000.00"),
            ("-1234567", "-1,234,567"),
            ("-100.5", "-100.5"),
            ("999", "999"),
            ("0.00", "0.00"),
        ];
        for (plain, shown) in pairs {
            assert_eq!(grouped(plain), shown);
        }
        assert_eq!(per_second(3_000, Duration::from_millis(1_500)), "2,000");
        assert_eq!(seconds(Duration::from_millis(1_234)), "1.23 s");
    }

    #[test]
    fn lines_break_at_blanks_and_long_words_stay_whole() {
        let lines = wrapped("one two three-and-a-half four\nfive", 9);
        assert_eq!(lines, ["one two", "three-and-a-half", "four", "five"]);
    }
}
