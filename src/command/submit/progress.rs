//! How far it is: a bar for somebody who looks on, lines for a log.
//!
//! Everything goes to standard error, so that the summary on standard output stays clean.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::courier::News;

/// Between two lines when nobody looks on.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows what happens.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    jobs: usize,
    wait: bool,
    confirmed: usize,
    answered: usize,
    last_line: Instant,
}

impl Progress {
    /// For so many jobs; with `wait` the outcomes are what counts.
    pub fn new(jobs: usize, wait: bool) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| bar(jobs));
        Self {
            bar,
            jobs,
            wait,
            confirmed: 0,
            answered: 0,
            last_line: Instant::now(),
        }
    }

    /// Take note of something.
    pub fn note(&mut self, news: &News) {
        match news {
            News::Confirmed(jobs) => self.confirmed += jobs,
            News::Answered(_) => self.answered += 1,
            News::Trouble(what) => return self.say(what),
        }
        let done = if self.wait {
            self.answered
        } else {
            self.confirmed
        };
        if let Some(bar) = &self.bar {
            bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            let answered = format!(", {} answered", self.answered);
            self.say(&format!(
                "{} of {} jobs confirmed{}",
                self.confirmed,
                self.jobs,
                if self.wait { &*answered } else { "" }
            ));
        }
    }

    /// The end: the bar goes away.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }

    fn say(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.println(what),
            // Nobody can be told that standard error is closed.
            None => writeln!(std::io::stderr(), "{what}").unwrap_or_default(),
        }
    }
}

fn bar(jobs: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(jobs).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} jobs, {rate}");
    // The template is a constant; if it were wrong the default would be shown.
    let style = style.map(|style| style.with_key("rate", rate));
    style.map(|style| bar.set_style(style)).unwrap_or_default();
    bar
}

/// Whole jobs a second: nobody reads the rest.
fn rate(state: &ProgressState, out: &mut dyn std::fmt::Write) {
    // Writing to the bar's own line does not fail.
    write!(out, "{:.0}/s", state.per_sec()).unwrap_or_default();
}
