//! The pipeline without a broker: decode, post and persist on their own threads, with real syncs.
//!
//! The stations, rings, bounds and journal are the daemon's. In the broker's place stands a feeder
//! that keeps a fixed number of messages inside, as a prefetch does, and takes the proofs of
//! durability in the place of the outlet.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::load::{Load, Stock, engine, reader};
use super::rig::{NoPast, NoTexts, Tallied, Tally, observer};
use super::{BenchFault, Measured, quantile, resident_bytes};
use crate::broker::{Delivery, Epoch, Properties};
use crate::journal::{Journal, Room};
use crate::pipeline::cold::NoFiles;
use crate::pipeline::observe::Observer;
use crate::pipeline::parcel::Arrived;
use crate::pipeline::persist::{Frontier, Persist, Persisted};
use crate::pipeline::post::Post;
use crate::pipeline::stations::{Decoding, InOrder, Persisting, Posting, StationFault, post};
use crate::pipeline::timer::Timer;
use crate::ring::{Producer, ring};
use crate::settings::Settings;
use crate::telemetry::Health;
use crate::wire::container;

/// Messages made before the clock runs; they come again with fresh keys.
const STOCK_MESSAGES: u32 = 64;
/// Most batches under one sync, and groups on their way out: as in the daemon.
const GROUPS_MAX: usize = 64;
/// Memory is looked at so many times in a run.
const SAMPLES: u64 = 10;

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many jobs.
    pub jobs: u64,
    /// Jobs of a message.
    pub per_message: u32,
    /// Messages inside at a time.
    pub prefetch: usize,
    /// Accounts that the jobs move money between.
    pub accounts: u32,
    /// An empty directory for the journal.
    pub dir: PathBuf,
    /// Seed of the load.
    pub seed: u64,
}

/// Run it. `progress` hears how many jobs are durable.
pub fn measure(plan: &Plan, progress: &mut dyn FnMut(u64)) -> Result<Measured, BenchFault> {
    let settings = Settings::built_in()?;
    let before = resident_bytes();
    let (engine, setup) = engine(plan.accounts)?;
    let tally = Arc::new(Tally::default());
    let segment = settings.journal.segment_bytes;
    let mut journal = Tallied::create(&plan.dir, segment, Arc::clone(&tally))?;
    journal.append(&setup)?;
    let durable = journal.flush()?;
    drop(setup);
    let opened = resident_bytes().saturating_sub(before);
    let before = tally.bytes.load(Ordering::Relaxed);
    tally.syncs.store(0, Ordering::Relaxed);

    let mut load = Load::new(plan.accounts, plan.seed);
    let bodies = (0..STOCK_MESSAGES).filter_map(|_| load.binary(plan.per_message));
    let feeder = Feeder::new(plan, Stock::new(bodies));
    let observer = observer();
    let station = Post::new(engine, NoPast, settings.pipeline.batch_jobs_max);
    let persist = Persist::new(journal, durable, Frontier::at(durable));
    let (arrived, persisted, threads) = start(plan, &settings, &observer, station, persist)?;
    let fed = feeder.run(&arrived, persisted, &observer, progress);
    drop(arrived);
    for thread in threads {
        thread.join().map_err(|_panic| BenchFault::Stopped)??;
    }
    let mut measured = fed?.measured(plan);
    let jobs = measured.count.max(1);
    let bytes = tally.bytes.load(Ordering::Relaxed).saturating_sub(before);
    let bytes = bytes.checked_div(jobs);
    measured.note("journal bytes per job", bytes.unwrap_or_default());
    measured.note("syncs", tally.syncs.load(Ordering::Relaxed));
    measured.note(
        "resident bytes per account opened",
        opened.div_euclid(u64::from(plan.accounts.max(1))),
    );
    Ok(measured)
}

type Station = JoinHandle<Result<(), StationFault>>;
type Ends = (Producer<Arrived>, mpsc::Receiver<Persisted>, [Station; 3]);

/// Start the three stations as the daemon does.
fn start(
    plan: &Plan,
    settings: &Settings,
    observer: &Observer,
    station: Post<NoPast>,
    persist: Persist<Tallied>,
) -> Result<Ends, BenchFault> {
    let health = Health::new("bench", &[0]);
    let (arrived_in, arrived) = ring("decode", plan.prefetch.saturating_mul(2));
    let (parcels_in, parcels) = ring("post", settings.pipeline.ring_jobs);
    let (batches_in, batches) = ring("persist", settings.pipeline.ring_commits);
    let (outlet, persisted) = mpsc::channel(GROUPS_MAX);
    let (room, _room_seen) = watch::channel(Room::Enough);
    let decoding = Decoding {
        reader: reader(),
        sealer: NoTexts,
        cold: Box::new(NoFiles),
        jobs_exchange: JOBS_EXCHANGE.to_owned(),
        trusted: Vec::new(),
        bytes_max: settings.broker.message_bytes_max,
        alone: None,
    };
    let persisting = Persisting {
        outlet,
        room,
        seal_idle: settings.journal.seal_idle,
        batches_max: GROUPS_MAX,
    };
    let posting = Posting {
        batch_max: settings.pipeline.batch_jobs_max,
        timer: Timer::start(observer.clock(), settings.clock_jump_max),
        notes: mpsc::channel(1).1,
    };
    let named = |name: &str| thread::Builder::new().name(format!("bench-{name}"));
    let in_order = InOrder::default();
    let (see, beat) = (observer.clone(), health.station("decode"));
    let ended = InOrder::clone(&in_order);
    let decode =
        named("decode").spawn(move || decoding.run(arrived, &parcels_in, &see, beat, &ended))?;
    let (see, beat) = (observer.clone(), health.station("post"));
    let post = named("post").spawn(move || {
        post(
            station,
            parcels,
            &batches_in,
            posting,
            &see,
            beat,
            &in_order,
        )
    })?;
    let (see, beat) = (observer.clone(), health.station("persist"));
    let persist = named("persist").spawn(move || persisting.run(persist, batches, &see, beat))?;
    Ok((arrived_in, persisted, [decode, post, persist]))
}

const JOBS_EXCHANGE: &str = "kontor.jobs";

/// Gives messages and takes proofs.
struct Feeder<'a> {
    plan: &'a Plan,
    stock: Stock,
    delivery: Delivery,
    sent: u64,
    durable: u64,
    ages: Vec<Duration>,
    memory: Vec<(u64, u64)>,
}

impl<'a> Feeder<'a> {
    fn new(plan: &'a Plan, stock: Stock) -> Self {
        let delivery = Delivery {
            epoch: Epoch(1),
            tag: 0,
            body: Vec::new(),
            properties: Properties {
                content_type: Some(container::CONTENT_TYPE.to_owned()),
                ..Properties::default()
            },
            exchange: JOBS_EXCHANGE.to_owned(),
            routing_key: super::load::BOOK.to_owned(),
            redelivered: false,
            delivery_count: None,
        };
        Self {
            plan,
            stock,
            delivery,
            sent: 0,
            durable: 0,
            ages: Vec::new(),
            memory: Vec::new(),
        }
    }

    fn run(
        mut self,
        arrived: &Producer<Arrived>,
        mut persisted: mpsc::Receiver<Persisted>,
        observer: &Observer,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Fed, BenchFault> {
        let began = Instant::now();
        let (mut open, mut sample_at) = (0_usize, 0);
        while self.durable < self.plan.jobs {
            while open < self.plan.prefetch && self.sent < self.plan.jobs {
                let delivery = self.next().ok_or(BenchFault::Load)?;
                let received = observer.clock().elapsed();
                let message = Arrived {
                    delivery: Arc::new(delivery),
                    received,
                    alone: false,
                };
                arrived
                    .push(message)
                    .map_err(|_closed| BenchFault::Stopped)?;
                open = open.saturating_add(1);
            }
            let group = persisted.blocking_recv().ok_or(BenchFault::Stopped)?;
            let now = observer.clock().elapsed();
            for posted in group.batches.iter().flat_map(|batch| &batch.posted) {
                if !posted.dead.is_empty() {
                    return Err(BenchFault::Load);
                }
                self.ages.push(now.saturating_sub(posted.received));
                self.durable = self.durable.saturating_add(u64::from(posted.jobs));
                open = open.saturating_sub(1);
            }
            if self.durable >= sample_at {
                self.memory.push((self.durable, resident_bytes()));
                sample_at = self
                    .durable
                    .saturating_add(self.plan.jobs.div_euclid(SAMPLES));
                progress(self.durable);
            }
        }
        let took = began.elapsed();
        self.ages.sort_unstable();
        Ok(Fed {
            took,
            durable: self.durable,
            ages: self.ages,
            memory: self.memory,
        })
    }

    fn next(&mut self) -> Option<Delivery> {
        self.sent = self.sent.saturating_add(u64::from(self.plan.per_message));
        self.delivery.tag = self.delivery.tag.saturating_add(1);
        let mut delivery = self.delivery.clone();
        delivery.body = self.stock.message()?;
        Some(delivery)
    }
}

/// What came of feeding.
struct Fed {
    took: Duration,
    durable: u64,
    /// Received to durable, per message, in order of size.
    ages: Vec<Duration>,
    /// Jobs durable and bytes resident, at intervals.
    memory: Vec<(u64, u64)>,
}

impl Fed {
    fn measured(&self, plan: &Plan) -> Measured {
        let what = format!("pipeline without broker, {} accounts", plan.accounts);
        let mut measured = Measured::new(what, self.durable, self.took);
        measured.note("jobs per message", plan.per_message);
        measured.note("messages inside", plan.prefetch);
        let milliseconds = |part| format!("{} µs", quantile(&self.ages, part).as_micros());
        measured.note("received to durable, p50", milliseconds(50));
        measured.note("received to durable, p99", milliseconds(99));
        for (jobs, bytes) in &self.memory {
            measured.note(&format!("resident MiB after {jobs} jobs"), bytes >> 20);
        }
        measured
    }
}
