//! `kontor bench`: measures the parts of kontor on this machine, without a broker.

mod sections;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::Value;

use super::{Done, Globals};
use crate::bench::machine::Machine;
use crate::bench::render;
use crate::bench::results::{Results, file_name};
use crate::report::Format;

/// A part to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// Bytes of an account, a hold, a document and a key; first, because memory that others have
    /// freed would be taken again unseen
    Memory,
    /// What this machine can do at all: the least that a job must cost
    Limits,
    /// The posting engine on one thread
    Engine,
    /// The hand-over between two threads
    Ring,
    /// Bytes to jobs, for each content type
    Decode,
    /// Appending and syncing on this disk
    Journal,
    /// Decode, post and persist together
    Pipeline,
    /// The same for messages of one job up to thousands
    Batches,
    /// The hottest account takes every job, against uniform
    Hot,
    /// Many accounts against ten thousand, uniform
    Accounts,
    /// Many books by turns, against one
    Books,
    /// Entries of a thousand legs, against those of two
    Large,
    /// Every job refused, against every job posted
    Rejections,
    /// Many remembered keys in key files, against none
    Keys,
    /// A start with many accounts and a snapshot, next to a read of its files
    Recovery,
    /// The tail behind a snapshot
    Replay,
    /// The longest received → durable during a snapshot, against the longest without
    Snapshot,
    /// Batches of 8,189 over a loopback socket, each answered when durable
    Served,
}

const AFTER_HELP: &str = "\
Example:
  kontor bench --section pipeline,hot --dir /var/lib/kontor/bench

The defaults end within seconds and show that it works. The sizes of docs/performance.md:
  kontor bench --section limits --rounds 5
  kontor bench --section pipeline --jobs 10000000
  kontor bench --section engine --jobs 10000000
  kontor bench --section batches,hot,books,large,rejections --jobs 5000000 --rounds 5
  kontor bench --section accounts --many-accounts 10000000 --jobs 10000000 --rounds 5
  kontor bench --section keys --keys 100000000 --jobs 5000000 --rounds 5
  kontor bench --section recovery --many-accounts 10000000 --rounds 5
  kontor bench --section replay --jobs 10000000 --rounds 5
  kontor bench --section snapshot --many-accounts 1000000 --rate 100000 --seconds 10 --rounds 5
  kontor bench --section memory --many-accounts 10000000 --jobs 5000000
  kontor bench --served --jobs 10000000 --rounds 5     (in turn with: tigerbeetle benchmark)
Keep results with --json FILE, and measure on the disk that is meant (--dir).
Show what was kept: kontor bench --from FILE --plots DIR";

/// Measure the parts of kontor on this machine
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Only these parts; all of them if none is named
    #[arg(long, value_enum, value_delimiter = ',')]
    pub section: Vec<Section>,
    /// The same as --section served
    #[arg(long, conflicts_with = "section")]
    pub served: bool,
    /// Jobs of a section, in each round
    #[arg(long, default_value_t = 500_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub jobs: u64,
    /// How often two sides are measured by turns
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Accounts that the jobs move money between
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..))]
    pub accounts: u32,
    /// Accounts where many are asked about
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(2..))]
    pub many_accounts: u32,
    /// Remembered keys
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub keys: u64,
    /// Jobs a second while a snapshot is taken
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rate: u64,
    /// Seconds of that load before the snapshot, and behind it
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Books where many are asked about
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub books: u32,
    /// Legs of a large entry
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    pub legs: u32,
    /// Jobs of a message
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub per_message: u32,
    /// Messages inside the pipeline at a time
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub prefetch: u16,
    /// Where the journal is written: on the disk to be measured. New directories are made in it and
    /// removed afterwards
    #[arg(long, default_value = ".")]
    pub dir: PathBuf,
    /// Seed of the load
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write all results, with machine and versions, to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Measure nothing: show the results of these files as tables in Markdown
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub from: Vec<PathBuf>,
    /// With --from: draw the curves of the results as SVG into this directory
    #[arg(long, value_name = "DIR", requires = "from")]
    pub plots: Option<PathBuf>,
}

/// Measure and show, part by part.
pub fn run(args: &Args, globals: &Globals, out: &mut impl Write) -> Result<Done> {
    if !args.from.is_empty() {
        return show(args, out);
    }
    let all = Section::value_variants();
    let sections = if args.served {
        &[Section::Served]
    } else if args.section.is_empty() {
        all
    } else {
        &args.section
    };
    let mut results = Vec::new();
    for section in sections {
        for measured in args.measure(*section)? {
            let json = render::json(&measured);
            let shown = match globals.format() {
                Format::Text | Format::Csv => render::text(&measured),
                Format::Json => format!("{json}\n"),
            };
            out.write_all(shown.as_bytes())?;
            out.flush()?;
            results.push(json);
        }
    }
    args.keep(&results)?;
    Ok(Done::Yes)
}

/// Show results that were written down.
fn show(args: &Args, out: &mut impl Write) -> Result<Done> {
    for file in &args.from {
        let text = std::fs::read_to_string(file);
        let text = text.with_context(|| format!("cannot read {}", file.display()))?;
        let results = Results::parse(&text).with_context(|| file.display().to_string())?;
        writeln!(out, "{}", results.markdown())?;
        let Some(dir) = &args.plots else { continue };
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        for plot in results.plots() {
            let path = dir.join(file_name(&plot));
            std::fs::write(&path, plot.svg())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(Done::Yes)
}

impl Args {
    /// Write the results down, if that is wanted.
    fn keep(&self, results: &[Value]) -> Result<()> {
        let Some(file) = &self.json else {
            return Ok(());
        };
        let all = render::results(&Machine::this(), results);
        std::fs::write(file, format!("{all:#}\n"))
            .with_context(|| format!("cannot write {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use std::path::Path;

    fn bench(dir: &Path, line: &str) -> Vec<Value> {
        let line = format!(
            "kontor --format json bench --rounds 1 --dir {} {line}",
            dir.display()
        );
        let line = line.split(' ').map(std::ffi::OsString::from);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = crate::command::run(line, &mut out, &mut err);
        assert_eq!(code, 0, "{}", String::from_utf8_lossy(&err));
        let shown = String::from_utf8(out).unwrap();
        shown
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn the_pipeline_runs_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let shown = bench(
            dir.path(),
            "--section pipeline --jobs 3000 --per-message 100",
        );
        assert_eq!(shown[0]["count"], 3_000);
        let syncs = shown[0]["notes"]["syncs"].as_str().unwrap();
        assert!(syncs.parse::<u64>().unwrap() > 0);
        assert_eq!(shown[0]["figures"][0]["target"]["at_least"], 1_000_000);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn results_that_were_kept_become_a_table_and_plots() {
        let dir = tempfile::tempdir().unwrap();
        let (file, plots) = (dir.path().join("results.json"), dir.path().join("plots"));
        let line = format!(
            "--section pipeline --jobs 400 --per-message 100 --json {}",
            file.display()
        );
        bench(dir.path(), &line);
        let line = format!(
            "kontor bench --from {} --plots {}",
            file.display(),
            plots.display()
        );
        let line = line.split(' ').map(std::ffi::OsString::from);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        assert_eq!(crate::command::run(line, &mut out, &mut err), 0);
        let table = String::from_utf8(out).unwrap();
        assert!(
            table.contains("| pipeline without broker | ≥ 1000000 |"),
            "{table}"
        );
        let plot = std::fs::read_to_string(plots.join("memory-over-jobs.svg")).unwrap();
        assert!(plot.starts_with("<svg") && plot.contains("memory over jobs"));
    }

    #[test]
    fn results_are_kept_with_the_machine() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("results.json");
        let line = format!(
            "--section hot --jobs 400 --per-message 100 --json {}",
            file.display()
        );
        let shown = bench(dir.path(), &line);
        let kept: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(kept["measured"].as_array().unwrap(), &shown);
        assert!(kept["machine"]["kernel"].is_string());
    }
}
