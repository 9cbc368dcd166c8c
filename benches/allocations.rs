//! What does one job allocate, station by station?
//!
//! Counted, not timed: the system's allocator is wrapped by one that counts. The figures are those
//! of a run that is warm, with jobs of two legs, a thousand in a message.

#![expect(
    clippy::integer_division,
    reason = "hundredths are shown, the rest is not"
)]

use std::alloc::System;
use std::io::Write;

use anyhow::{Context, Result, ensure};
use kontor::bench::load::{Load, Stock, engine, reader};
use kontor::bench::rig::NoTexts;
use kontor::jobs::Job;
use kontor::journal::record;
use kontor::pipeline::decode::{ContentType, Item, decode, seal};
use kontor::time::Timestamp;
use kontor::wire::message::Head;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Jobs of a message.
const JOBS: u32 = 1_000;
/// Messages before the counting begins, and then counted.
const WARM: u32 = 50;
const COUNTED: u32 = 50;

fn main() -> Result<()> {
    let mut load = Load::new(10_000, 1);
    let lines = Stock::new((0..8).map(|_| load.lines(JOBS)));
    let binary: Option<Vec<_>> = (0..8).map(|_| load.binary(JOBS)).collect();
    count(ContentType::Ndjson, lines)?;
    count(
        ContentType::Binary,
        Stock::new(binary.context("no binary load")?),
    )
}

/// What the stations of one content type allocated.
#[derive(Default)]
struct Tally {
    decode: Stats,
    post: Stats,
    encode: Stats,
    free: Stats,
}

fn count(content_type: ContentType, mut stock: Stock) -> Result<()> {
    let mut reader = reader();
    let (mut engine, _setup) = engine(10_000)?;
    let mut tally = Tally::default();
    let (mut items, mut bytes) = (Vec::new(), Vec::new());
    for round in 0..WARM + COUNTED {
        if round == WARM {
            tally = Tally::default();
        }
        let body = stock.message().context("the stock is empty")?;
        let head = Head::default();
        let region = Region::new(COUNTING);
        decode(
            &mut reader,
            Ok(content_type),
            &head,
            &body,
            usize::MAX,
            &mut items,
        );
        seal(items.iter_mut(), &mut NoTexts)?;
        add(&mut tally.decode, region.change());
        let jobs: Vec<Box<Job>> = items.drain(..).filter_map(job).collect();
        ensure!(jobs.len() == 1_000, "the load is not what it should be");

        let region = Region::new(COUNTING);
        let mut commit = engine.begin(Timestamp(engine.last_recorded_at().0 + 1));
        for job in jobs {
            engine.apply(job, &mut commit)?;
        }
        engine.finish(&mut commit);
        add(&mut tally.post, region.change());
        let region = Region::new(COUNTING);
        bytes.clear();
        record::encode(&commit, &mut bytes)?;
        add(&mut tally.encode, region.change());
        let region = Region::new(COUNTING);
        drop(commit);
        add(&mut tally.free, region.change());
    }
    show(content_type, &tally)
}

fn add(sum: &mut Stats, more: Stats) {
    sum.allocations += more.allocations;
    sum.deallocations += more.deallocations;
    sum.reallocations += more.reallocations;
    sum.bytes_allocated += more.bytes_allocated;
    sum.bytes_deallocated += more.bytes_deallocated;
    sum.bytes_reallocated += more.bytes_reallocated;
}

fn job(item: Item) -> Option<Box<Job>> {
    match item {
        Item::Job { job, .. } => Some(job.job),
        Item::Dead(_) => None,
    }
}

fn show(content_type: ContentType, tally: &Tally) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{content_type:?}, per job{:>18}{:>12}{:>12}{:>12}",
        "allocated", "grown", "freed", "bytes"
    )?;
    let Tally {
        decode,
        post,
        encode,
        free,
    } = tally;
    for (name, stats) in [
        ("decode", decode),
        ("post", post),
        ("encode", encode),
        ("free", free),
    ] {
        let per_job = |count: usize| -> String {
            let hundredths = count * 100 / usize::try_from(JOBS * COUNTED).unwrap_or(1);
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        };
        writeln!(
            out,
            "  {name:<24}{:>12}{:>12}{:>12}{:>12}",
            per_job(stats.allocations),
            per_job(stats.reallocations),
            per_job(stats.deallocations),
            per_job(stats.bytes_allocated),
        )?;
    }
    Ok(())
}
