//! The engine alone: two-leg entries with the key check, the entry number and the period check.

use std::time::{Duration, Instant};

use super::Measured;
use super::load::{Load, engine, reader};
use crate::ledger::Inconsistent;
use crate::pipeline::decode::{ContentType, Item, decode};
use crate::time::Timestamp;
use crate::wire::message::Head;

/// Jobs of one commit.
const BATCH: u32 = 8_192;

/// Apply so many entries between so many accounts; decoding is outside the clock.
pub fn measure(entries: u64, accounts: u32, seed: u64) -> Result<Measured, Inconsistent> {
    let mut engine = engine(accounts)?;
    let mut reader = reader();
    let mut load = Load::new(accounts, seed);
    let mut took = Duration::ZERO;
    let mut applied = 0_u64;
    let mut items = Vec::new();
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
        for item in items.drain(..) {
            if let Item::Job { job, .. } = item {
                engine.apply(*job.job, &mut commit)?;
                applied = applied.saturating_add(1);
            }
        }
        engine.finish(&mut commit);
        took = took.saturating_add(began.elapsed());
    }
    let keys = engine.keys();
    let per_key = u64::try_from(keys.bytes())
        .unwrap_or_default()
        .checked_div(keys.len().max(1));
    Ok(Measured {
        what: format!("engine alone, {accounts} accounts"),
        count: applied,
        took,
        notes: vec![(
            "bytes per key".into(),
            per_key.unwrap_or_default().to_string(),
        )],
    })
}
