//! `kontor torture`: looks for a way to make this kontor lose or double something.
//!
//! Simulated journeys: no broker, no files, nothing on this machine is touched.

use std::cell::Cell;
use std::io::Write;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Done, Globals};
use crate::report::Format;
use crate::torture::many::{Plan, Summary, many};
use crate::torture::sabotage::Sabotage;

/// Look for a way to make this kontor lose or double something
///
/// Each seed is a journey of its own: producers, a broker, a disk and a clock that break in every
/// way a seed can think of, and one life of the daemon after the other between them. The daemon's
/// own code runs in it, in one thread and in memory; an independent model of the books checks
/// every step. The same seed does the same on every machine. The exit code is 1 if a seed found
/// something.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor torture --minutes 10
  kontor torture --seeds 100000
  kontor torture --seed 4711
  kontor torture --seed 0 --seeds 100000 --jobs 8   # a range, on eight threads
  kontor torture --sabotage lose-leg   # a mistake is put in: it must be found")]
pub struct TortureArgs {
    /// How many seeds [default: 1000, or as many as fit into --minutes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// This seed; with --seeds or --minutes it is the first of them
    #[arg(long, value_name = "S", conflicts_with = "from")]
    seed: Option<u64>,
    /// The first seed [default: drawn]
    #[arg(long, value_name = "S")]
    from: Option<u64>,
    /// How long, if not so many seeds
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(1..))]
    minutes: Option<u64>,
    /// Threads [default: one for each core]
    #[arg(long, value_name = "T", visible_alias = "jobs")]
    threads: Option<usize>,
    /// Stop after so many seeds that found something
    #[arg(long, value_name = "N", default_value_t = 10)]
    findings: usize,
    /// Put a mistake in, to see that it is found
    #[arg(long, value_name = "MISTAKE", value_parser = mistake)]
    sabotage: Option<Sabotage>,
}

fn mistake(name: &str) -> Result<Sabotage, String> {
    let all = || {
        Sabotage::ALL
            .iter()
            .map(|one| one.text())
            .collect::<Vec<_>>()
    };
    Sabotage::find(name).ok_or_else(|| format!("known are {}", all().join(", ")))
}

thread_local! {
    /// The seed that the thread is at, for the words about a panic.
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Run the command.
pub fn run(args: &TortureArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let plan = args.plan();
    let bar = match plan.seeds {
        Some(seeds) => ProgressBar::new(seeds),
        None => ProgressBar::no_length(),
    };
    let style = "{elapsed_precise} {wide_bar} {human_pos} seeds {per_sec} {msg}";
    bar.set_style(ProgressStyle::with_template(style)?);
    name_the_seed_of_a_panic(args.sabotage);
    let tell = |summary: &Summary| {
        bar.set_position(summary.seeds);
        if !summary.findings.is_empty() {
            bar.set_message(format!("{} found something", summary.findings.len()));
        }
    };
    let summary = many(plan, &|seed| SEED.set(Some(seed)), &tell);
    bar.finish_and_clear();
    let summary = summary?;
    match globals.format() {
        Format::Text | Format::Csv => print(&plan, &summary, out)?,
        Format::Json => writeln!(out, "{}", as_json(&plan, &summary))?,
    }
    Ok(if summary.findings.is_empty() {
        Done::Yes
    } else {
        Done::No
    })
}

impl TortureArgs {
    fn plan(&self) -> Plan {
        let time = self
            .minutes
            .map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
        let seeds = match (self.seed, self.seeds, time) {
            (_, Some(seeds), _) => Some(seeds),
            (_, None, Some(_)) => None,
            (Some(_), None, None) => Some(1),
            (None, None, None) => Some(1_000),
        };
        // Short enough to be read out on the telephone.
        let drawn = || getrandom::u64().unwrap_or_default() % 1_000_000_000;
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Plan {
            first: self.seed.or(self.from).unwrap_or_else(drawn),
            seeds,
            time,
            threads: self.threads.unwrap_or_else(cores),
            findings_max: self.findings.max(1),
            sabotage: self.sabotage,
        }
    }
}

/// A release ends at a panic: the seed must be said before.
fn name_the_seed_of_a_panic(sabotage: Option<Sabotage>) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        if let Some(seed) = SEED.get() {
            // Nobody is left to tell if this cannot be written.
            let _unheard = writeln!(
                std::io::stderr(),
                "SEED={seed}: repeat it with: {}",
                repeat(seed, sabotage)
            );
        }
    }));
}

fn repeat(seed: u64, sabotage: Option<Sabotage>) -> String {
    let sabotage = sabotage.map(|sabotage| format!(" --sabotage {}", sabotage.text()));
    format!(
        "kontor torture --seed {seed}{}",
        sabotage.unwrap_or_default()
    )
}

fn print(plan: &Plan, summary: &Summary, out: &mut impl Write) -> anyhow::Result<()> {
    let Summary {
        seeds,
        steps,
        lives,
        messages,
        outcomes,
        tally,
        findings,
        took,
    } = summary;
    let last = plan.first.wrapping_add(seeds.saturating_sub(1));
    writeln!(
        out,
        "{seeds} seeds, {} to {last}, in {} s",
        plan.first,
        took.as_secs()
    )?;
    writeln!(
        out,
        "{steps} steps, {lives} lives of the daemon, {messages} messages, {outcomes} outcomes"
    )?;
    for (fault, times) in tally {
        writeln!(out, "{times:>12}  {}", fault.text())?;
    }
    for report in findings {
        if let Some(finding) = &report.finding {
            writeln!(
                out,
                "\nSEED={} after {} steps: {finding}",
                report.seed, report.steps
            )?;
            writeln!(
                out,
                "repeat it with: {}",
                repeat(report.seed, plan.sabotage)
            )?;
        }
    }
    if findings.is_empty() {
        writeln!(out, "nothing was lost, doubled or changed")?;
    } else {
        let seeds: Vec<String> = findings.iter().map(|one| one.seed.to_string()).collect();
        writeln!(out, "\nfound by the seeds {}", seeds.join(", "))?;
    }
    Ok(())
}

fn as_json(plan: &Plan, summary: &Summary) -> serde_json::Value {
    let faults: serde_json::Map<String, serde_json::Value> = summary
        .tally
        .iter()
        .map(|(fault, times)| (fault.text().to_owned(), (*times).into()))
        .collect();
    let findings: Vec<serde_json::Value> = summary
        .findings
        .iter()
        .map(|report| {
            let finding = report.finding.as_ref().map(ToString::to_string);
            json!({
                "seed": report.seed,
                "steps": report.steps,
                "finding": finding,
                "command": repeat(report.seed, plan.sabotage),
            })
        })
        .collect();
    json!({
        "first": plan.first,
        "seeds": summary.seeds,
        "seconds": summary.took.as_secs(),
        "steps": summary.steps,
        "lives": summary.lives,
        "messages": summary.messages,
        "outcomes": summary.outcomes,
        "faults": faults,
        "findings": findings,
    })
}

#[cfg(test)]
mod tests {
    fn said(line: &str) -> (u8, serde_json::Value) {
        let line = line.split(' ').map(std::ffi::OsString::from);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = crate::command::run(line, &mut out, &mut err);
        (code, serde_json::from_slice(&out).unwrap_or_default())
    }

    #[test]
    fn a_seed_that_finds_nothing_ends_with_0_and_a_mistake_with_1_and_the_command() {
        let (code, said_) = said("kontor --format json torture --seed 1");
        assert_eq!((code, &said_["seeds"]), (0, &1.into()), "{said_}");
        let line = "kontor --format json torture --seed 3 --seeds 2 --jobs 2";
        let (code, said_) = said(line);
        assert_eq!(
            (code, &said_["first"], &said_["seeds"]),
            (0, &3.into(), &2.into())
        );
        let line = "kontor --format json torture --from 0 --seeds 200 --sabotage lose-leg";
        let (code, said_) = said(line);
        assert_eq!(code, 1);
        let command = said_["findings"][0]["command"].as_str().unwrap();
        assert!(command.starts_with("kontor torture --seed "), "{command}");
        assert!(command.ends_with(" --sabotage lose-leg"), "{command}");
        assert_eq!(said("kontor torture --sabotage nothing").0, 64);
    }
}
