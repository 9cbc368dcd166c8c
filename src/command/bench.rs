//! `kontor bench`: measures the parts of kontor on this machine, without a broker.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Done, Globals};
use crate::bench::{Measured, decode, engine, journal, pipeline, render, rings};
use crate::pipeline::decode::ContentType;
use crate::report::Format;

/// Items handed over in the ring's section, and its slots and batches: the daemon's.
const RING: (u64, usize, usize) = (10_000_000, 16_384, 8_192);
/// Groups synced in the journal's section.
const GROUPS: u32 = 200;

/// A part to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// The posting engine on one thread.
    Engine,
    /// The hand-over between two threads.
    Ring,
    /// Bytes to jobs, for each content type.
    Decode,
    /// Appending and syncing on this disk.
    Journal,
    /// Decode, post and persist together.
    Pipeline,
}

/// Measure the parts of kontor on this machine.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  kontor bench --section pipeline --dir /var/lib/kontor/bench")]
pub struct Args {
    /// Only these parts; all of them if none is named
    #[arg(long, value_enum)]
    pub section: Vec<Section>,
    /// Jobs of a section
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub jobs: u64,
    /// Accounts that the jobs move money between
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..))]
    pub accounts: u32,
    /// Jobs of a message
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub per_message: u32,
    /// Messages inside the pipeline at a time
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub prefetch: u16,
    /// Where the journal is written: on the disk to be measured. A new directory is made in it and
    /// removed afterwards
    #[arg(long, default_value = ".")]
    pub dir: PathBuf,
    /// Seed of the load
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Measure and show, part by part.
pub fn run(args: &Args, globals: &Globals, out: &mut impl Write) -> Result<Done> {
    let all = Section::value_variants();
    let sections = if args.section.is_empty() {
        all
    } else {
        &args.section
    };
    for section in sections {
        for measured in args.measure(*section)? {
            let shown = match globals.format() {
                Format::Text | Format::Csv => render::text(&measured),
                Format::Json => format!("{}\n", render::json(&measured)),
            };
            out.write_all(shown.as_bytes())?;
            out.flush()?;
        }
    }
    Ok(Done::Yes)
}

impl Args {
    fn measure(&self, section: Section) -> Result<Vec<Measured>> {
        let jobs = self.jobs;
        match section {
            Section::Engine => [10_000, 1_000_000]
                .into_iter()
                .map(|accounts| Ok(engine::measure(jobs, accounts, self.seed)?))
                .collect(),
            Section::Ring => Ok(vec![rings::measure(RING.0, RING.1, RING.2)?]),
            Section::Decode => [ContentType::Json, ContentType::Ndjson, ContentType::Binary]
                .into_iter()
                .map(|form| Ok(decode::measure(form, jobs, self.per_message, self.seed)?))
                .collect(),
            Section::Journal => [(4 << 10, 1), (256 << 10, 1), (1 << 20, 4)]
                .into_iter()
                .map(|(bytes, group)| {
                    let room = Room::make(&self.dir)?;
                    Ok(journal::measure(&room.0, bytes, group, GROUPS)?)
                })
                .collect(),
            Section::Pipeline => Ok(vec![self.pipeline()?]),
        }
    }

    fn pipeline(&self) -> Result<Measured> {
        let room = Room::make(&self.dir)?;
        let plan = pipeline::Plan {
            jobs: self.jobs,
            per_message: self.per_message,
            prefetch: self.prefetch.into(),
            accounts: self.accounts,
            dir: room.0.clone(),
            seed: self.seed,
        };
        let bar = ProgressBar::new(self.jobs);
        let style =
            ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} jobs {per_sec}")?;
        bar.set_style(style);
        let measured = pipeline::measure(&plan, &mut |jobs| bar.set_position(jobs));
        bar.finish_and_clear();
        Ok(measured?)
    }
}

/// A directory of this run's own, removed when it is dropped.
struct Room(PathBuf);

impl Room {
    fn make(parent: &Path) -> Result<Self> {
        let mut name = [0_u8; 8];
        getrandom::fill(&mut name).context("no randomness for the name of a directory")?;
        let dir = parent.join(format!("kontor-bench-{:016x}", u64::from_le_bytes(name)));
        std::fs::create_dir(&dir)
            .with_context(|| format!("cannot make the directory {}", dir.display()))?;
        Ok(Self(dir))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // What cannot be removed is found by its name.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_pipeline_runs_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap();
        let line =
            "kontor --format json bench --section pipeline --jobs 3000 --per-message 100 --dir";
        let line = line.split(' ').chain([path]).map(std::ffi::OsString::from);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        assert_eq!(crate::command::run(line, &mut out, &mut err), 0);
        let shown: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(shown["count"], 3_000);
        assert!(
            shown["notes"]["syncs"]
                .as_str()
                .unwrap()
                .parse::<u64>()
                .unwrap()
                > 0
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
