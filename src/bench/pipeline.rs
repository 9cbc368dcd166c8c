//! The pipeline without a broker: decode, post and persist on their own threads, with real syncs.
//!
//! The stations, rings, bounds and journal are the daemon's. In the broker's place stands a feeder
//! that keeps a fixed number of messages inside, as a prefetch does, and takes the proofs of
//! durability in the place of the outlet.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, watch};

use super::books::{Opening, SECRET, empty, reader_of};
use super::feeder::{Fed, Feeder, JOBS_EXCHANGE};
use super::figure::{Figure, Series, Target, Unit};
use super::load::{Load, Shape, Stock};
use super::rig::{NoPast, NoTexts, Tallied, Tally, observer};
use super::{BenchFault, Measured, resident_bytes};
use crate::engine::Engine;
use crate::ids::Position;
use crate::journal::{Journal, Room};
use crate::pipeline::cold::{ColdFiles, NoFiles};
use crate::pipeline::observe::Observer;
use crate::pipeline::parcel::Arrived;
use crate::pipeline::persist::{Frontier, Persist, Persisted};
use crate::pipeline::post::Post;
use crate::pipeline::stations::{Decoding, InOrder, Persisting, Posting, StationFault, post};
use crate::pipeline::timer::Timer;
use crate::ring::{Producer, ring};
use crate::settings::Settings;
use crate::telemetry::Health;
use crate::time::Timestamp;

/// Messages made before the clock runs; they come again with fresh keys.
const STOCK_MESSAGES: u32 = 64;
/// Legs of all messages of a stock, at the most.
const STOCK_LEGS_MAX: u32 = 2_000_000;
/// What `broker.message_bytes_max` may be at the most: size is not what is measured here.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Most batches under one sync, and groups on their way out: as in the daemon.
const GROUPS_MAX: usize = 64;

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
    /// What the jobs ask for.
    pub shape: Shape,
    /// Accounts are drawn anew for every message.
    pub spread: bool,
    /// An empty directory for the journal.
    pub dir: PathBuf,
    /// Seed of the load.
    pub seed: u64,
    /// Keys of the load are numbered from here on.
    pub first_key: u64,
}

impl Plan {
    /// Books that the jobs go to.
    fn books(&self) -> u32 {
        match self.shape {
            Shape::Books(books) => books.max(1),
            Shape::Even | Shape::Hot | Shape::Legs(_) | Shape::Refused => 1,
        }
    }

    /// Accounts of each book.
    fn accounts_of_a_book(&self) -> u32 {
        self.accounts.div_euclid(self.books()).max(2)
    }

    /// The messages of the run.
    pub(super) fn stock(&self) -> Stock {
        let accounts = self.accounts_of_a_book();
        let legs = match self.shape {
            Shape::Legs(legs) => legs,
            Shape::Even | Shape::Hot | Shape::Refused | Shape::Books(_) => 2,
        };
        let legs = legs.saturating_mul(self.per_message).max(1);
        let messages = STOCK_LEGS_MAX.div_euclid(legs).clamp(1, STOCK_MESSAGES);
        let mut load = Load::new(accounts, self.seed).shaped(self.shape);
        let bodies = (0..messages).filter_map(|_| load.binary(self.per_message));
        let stock = Stock::new(bodies).starting_at(self.first_key);
        if self.spread {
            stock.spread_over(accounts, self.seed)
        } else {
            stock
        }
    }
}

/// The books, the journal and the files that a run begins with.
pub struct Course<J> {
    /// The engine with its books.
    pub engine: Engine,
    /// The journal.
    pub journal: J,
    /// Up to where it is durable.
    pub durable: Position,
    /// Knows the keys that the engine does not hold.
    pub cold: Box<dyn ColdFiles>,
    /// Secret of the reader.
    pub secret: [u8; 32],
}

impl Course<Tallied> {
    /// New books as the plan has them, in its directory.
    pub fn new(plan: &Plan, tally: &Arc<Tally>) -> Result<Self, BenchFault> {
        let settings = Settings::built_in()?;
        let segment = settings.journal.segment_bytes;
        let mut journal = Tallied::create(&plan.dir, segment, Arc::clone(tally))?;
        let mut engine = empty();
        let mut durable = Position(0);
        let opening = Opening {
            books: plan.books(),
            ..Opening::one_book(plan.accounts_of_a_book())
        };
        opening.open(&mut engine, &mut |commit| {
            journal.append(&commit)?;
            durable = journal.flush()?;
            Ok(())
        })?;
        tally.syncs.store(0, Ordering::Relaxed);
        Ok(Self {
            engine,
            journal,
            durable,
            cold: Box::new(NoFiles),
            secret: SECRET,
        })
    }
}

/// How a run is fed.
#[derive(Clone, Copy, Debug)]
pub enum Pace<'a> {
    /// As many jobs as the plan has, as fast as they go.
    Full,
    /// So many jobs a second, by a schedule, until told to stop.
    Even(u64, &'a AtomicBool),
}

/// Run the stations over the books. `progress` hears how many jobs are durable.
pub fn run<J: Journal + Send + 'static>(
    plan: &Plan,
    course: Course<J>,
    observer: &Observer,
    pace: Pace<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Fed, BenchFault> {
    let settings = Settings::built_in()?;
    let feeder = Feeder::new(plan.stock(), plan.per_message, plan.books() == 1);
    let (arrived, mut persisted, threads) = start(plan, &settings, observer, course)?;
    let fed = match pace {
        Pace::Full => {
            let size = (plan.jobs, plan.prefetch);
            let fed = feeder.fill(size, &arrived, &mut persisted, observer, progress);
            drop(arrived);
            fed
        }
        Pace::Even(rate, stop) => feeder.pace(rate, arrived, &mut persisted, observer, stop),
    };
    drop(persisted);
    for thread in threads {
        thread.join().map_err(|_panic| BenchFault::Stopped)??;
    }
    fed
}

/// Run a plan with new books.
pub fn measure(plan: &Plan, progress: &mut dyn FnMut(u64)) -> Result<Measured, BenchFault> {
    let before = resident_bytes();
    let tally = Tally::shared();
    let course = Course::new(plan, &tally)?;
    let opened = resident_bytes().saturating_sub(before);
    let written = tally.bytes.load(Ordering::Relaxed);
    let fed = run(plan, course, &observer(), Pace::Full, progress)?;
    let bytes = tally.bytes.load(Ordering::Relaxed).saturating_sub(written);

    let what = format!("pipeline without broker, {} accounts", plan.accounts);
    let mut measured = Measured::new(what, fed.durable, fed.took);
    measured.note("jobs per message", plan.per_message);
    measured.note("messages inside", plan.prefetch);
    let micros = |part| format!("{} µs", fed.quantile(part).as_micros());
    measured.note("received to durable, p50", micros(50));
    measured.note("received to durable, p99", micros(99));
    for (jobs, bytes) in &fed.memory {
        measured.note(&format!("resident MiB after {jobs} jobs"), bytes >> 20);
    }
    measured.note(
        "journal bytes per job",
        bytes.div_euclid(fed.durable.max(1)),
    );
    measured.note("syncs", tally.syncs.load(Ordering::Relaxed));
    measured.note(
        "resident bytes per account opened",
        opened.div_euclid(u64::from(plan.accounts.max(1))),
    );
    let rate = Figure::new(
        "pipeline without broker",
        Unit::PerSecond("jobs"),
        vec![fed.per_second()],
    );
    measured
        .figures
        .push(rate.aiming_at(Target::AtLeast(1_000_000)));
    measured.series.push(Series {
        name: "memory over jobs".to_owned(),
        line: String::new(),
        across: "jobs",
        up: "bytes resident",
        points: fed.memory,
    });
    Ok(measured)
}

pub(super) type Station = JoinHandle<Result<(), StationFault>>;
pub(super) type Ends = (Producer<Arrived>, mpsc::Receiver<Persisted>, [Station; 3]);

/// Start the three stations as the daemon does.
pub(super) fn start<J: Journal + Send + 'static>(
    plan: &Plan,
    settings: &Settings,
    observer: &Observer,
    course: Course<J>,
) -> Result<Ends, BenchFault> {
    let Course {
        engine,
        journal,
        durable,
        cold,
        secret,
    } = course;
    let station = Post::new(engine, NoPast, settings.pipeline.batch_jobs_max);
    let persist = Persist::new(journal, durable, Frontier::at(durable));
    let health = Health::new("bench", &[0]);
    let (arrived_in, arrived) = ring("decode", plan.prefetch.saturating_mul(2));
    let (parcels_in, parcels) = ring("post", settings.pipeline.ring_jobs);
    let (batches_in, batches) = ring("persist", settings.pipeline.ring_commits);
    let (outlet, persisted) = mpsc::channel(GROUPS_MAX);
    let (room, _room_seen) = watch::channel(Room::Enough);
    let decoding = Decoding {
        reader: reader_of(plan.books(), secret),
        sealer: NoTexts,
        cold,
        jobs_exchange: JOBS_EXCHANGE.to_owned(),
        trusted: Vec::new(),
        bytes_max: MESSAGE_BYTES_MAX,
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
        timer: Timer::start(observer.clock(), settings.clock_jump_max, Timestamp(0)),
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
