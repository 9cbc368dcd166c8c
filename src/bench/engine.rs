//! The engine alone: two-leg entries with the key check, the entry number and the period check.

use std::time::{Duration, Instant};

use super::books::{Opening, empty, reader};
use super::figure::{Figure, Target, Unit};
use super::load::Load;
use super::{BenchFault, Measured, resident_bytes};
use crate::ledger::commit::Extent;
use crate::pipeline::decode::{ContentType, Item, decode};
use crate::pipeline::post::LOOK_AHEAD;
use crate::time::Timestamp;
use crate::wire::message::Head;

/// Jobs of one commit.
const BATCH: u32 = 8_192;

/// Apply so many entries between so many accounts; decoding is outside the clock.
pub fn measure(entries: u64, accounts: u32, seed: u64) -> Result<Measured, BenchFault> {
    let before = resident_bytes();
    let mut engine = empty();
    Opening::one_book(accounts).open(&mut engine, &mut |_commit| Ok(()))?;
    let opened = resident_bytes().saturating_sub(before);
    let mut reader = reader();
    let mut load = Load::new(accounts, seed);
    let mut took = Duration::ZERO;
    let mut applied = 0_u64;
    let mut items = Vec::new();
    let mut extent = Extent::default();
    while applied < entries {
        let body = load.lines(BATCH);
        let head = Head {
            trusted: true,
            ..Head::default()
        };
        decode(
            &mut reader,
            Ok(ContentType::Ndjson),
            &head,
            &body,
            usize::MAX,
            &mut items,
        );
        let began = Instant::now();
        let now = engine.last_recorded_at();
        let mut commit = engine.begin(Timestamp(now.0.saturating_add(1_000_000)));
        extent.reserve(&mut commit);
        let mut jobs = items.drain(..);
        while jobs.len() > 0 {
            engine.look_ahead(
                jobs.as_slice()
                    .iter()
                    .take(LOOK_AHEAD)
                    .filter_map(Item::job),
            );
            for item in jobs.by_ref().take(LOOK_AHEAD) {
                if let Item::Job { job, .. } = item {
                    engine.apply(job.job, &mut commit)?;
                    applied = applied.saturating_add(1);
                }
            }
        }
        drop(jobs);
        engine.finish(&mut commit);
        extent = Extent::of(&commit);
        took = took.saturating_add(began.elapsed());
    }
    let keys = engine.keys();
    let per_key = u64::try_from(keys.bytes())
        .unwrap_or_default()
        .checked_div(keys.len().max(1));
    let mut measured = Measured::new(format!("engine alone, {accounts} accounts"), applied, took);
    measured.note("bytes per key", per_key.unwrap_or_default());
    measured.note(
        "resident bytes per account",
        opened.div_euclid(u64::from(accounts.max(1))),
    );
    let unit = Unit::PerSecond("entries");
    let rate = Figure::new(measured.what.clone(), unit, vec![measured.per_second()]);
    measured
        .figures
        .push(rate.aiming_at(Target::AtLeast(3_000_000)));
    Ok(measured)
}
