//! Each section of `kontor bench`: from the options to what is measured.

use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Args, Section};
use crate::bench::contrast::{Contrast, batches};
use crate::bench::load::Shape;
use crate::bench::room::Room;
use crate::bench::{
    Measured, decode, engine, journal, keys, limits, memory, pipeline, recovery, rings, served,
    snapshot,
};
use crate::pipeline::decode::ContentType;

/// Slots of the ring in its section, and what is taken at once: the daemon's.
const RING: (usize, usize) = (16_384, 8_192);
/// Groups synced in the journal's section.
const GROUPS: u32 = 200;
/// Accounts of the engine's section: few, and as many as the target speaks of.
const ENGINE_ACCOUNTS: [u32; 2] = [10_000, 1_000_000];
/// Jobs of a message in the section of batches.
const BATCHES: [u32; 5] = [1, 10, 100, 1_000, 8_000];
/// Jobs of that section for messages of one job, in every so many of the others.
const SINGLES: u64 = 5;
/// Jobs of a message while a snapshot is taken, at the most: a large message takes long by itself.
const SNAPSHOT_PER_MESSAGE: u32 = 100;

impl Args {
    pub(super) fn measure(&self, section: Section) -> Result<Vec<Measured>> {
        let jobs = self.jobs;
        let one = |measured| Ok(vec![measured]);
        match section {
            Section::Memory => one(memory::measure(&self.dir, self.many_accounts, jobs)?),
            Section::Limits => ENGINE_ACCOUNTS
                .into_iter()
                .map(|accounts| {
                    Ok(limits::measure(
                        &self.dir,
                        accounts,
                        self.seed,
                        self.rounds,
                    )?)
                })
                .collect(),
            Section::Engine => ENGINE_ACCOUNTS
                .into_iter()
                .map(|accounts| Ok(engine::measure(jobs, accounts, self.seed)?))
                .collect(),
            Section::Ring => one(rings::measure(jobs, RING.0, RING.1)?),
            Section::Decode => [ContentType::Json, ContentType::Ndjson, ContentType::Binary]
                .into_iter()
                .map(|form| Ok(decode::measure(form, jobs, self.per_message, self.seed)?))
                .collect(),
            Section::Journal => [(4 << 10, 1), (256 << 10, 1), (1 << 20, 4)]
                .into_iter()
                .map(|(bytes, group)| {
                    let room = Room::make(&self.dir)?;
                    Ok(journal::measure(room.path(), bytes, group, GROUPS)?)
                })
                .collect(),
            Section::Pipeline => one(self.pipeline()?),
            Section::Batches => {
                let plan = pipeline::Plan {
                    jobs: jobs.div_euclid(SINGLES).max(1),
                    ..self.plan()
                };
                one(batches(&plan, &BATCHES, self.rounds)?)
            }
            Section::Hot => one(Contrast::hot(self.plan()).measure(self.rounds)?),
            Section::Accounts => {
                one(Contrast::accounts(self.plan(), self.many_accounts).measure(self.rounds)?)
            }
            Section::Books => one(Contrast::books(self.plan(), self.books).measure(self.rounds)?),
            Section::Large => one(Contrast::large(self.plan(), self.legs).measure(self.rounds)?),
            Section::Rejections => one(Contrast::rejections(self.plan()).measure(self.rounds)?),
            Section::Keys => one(keys::measure(&self.plan(), self.keys, self.rounds)?),
            Section::Recovery => one(recovery::start(&self.dir, self.many_accounts, self.rounds)?),
            Section::Replay => one(recovery::replay(&self.plan(), self.rounds)?),
            Section::Snapshot => one(self.snapshot()?),
            Section::Served => one(served::measure(&self.plan(), self.rounds)?),
        }
    }

    fn plan(&self) -> pipeline::Plan {
        pipeline::Plan {
            jobs: self.jobs,
            per_message: self.per_message,
            prefetch: self.prefetch.into(),
            accounts: self.accounts,
            shape: Shape::Even,
            spread: false,
            dir: self.dir.clone(),
            seed: self.seed,
            first_key: 0,
        }
    }

    fn snapshot(&self) -> Result<Measured> {
        let plan = pipeline::Plan {
            accounts: self.many_accounts,
            per_message: self.per_message.min(SNAPSHOT_PER_MESSAGE),
            ..self.plan()
        };
        let load = snapshot::Load {
            rate: self.rate,
            around: Duration::from_secs(self.seconds),
        };
        Ok(snapshot::measure(&plan, load, self.rounds)?)
    }

    fn pipeline(&self) -> Result<Measured> {
        let room = Room::make(&self.dir)?;
        let plan = pipeline::Plan {
            dir: room.path().to_owned(),
            ..self.plan()
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
