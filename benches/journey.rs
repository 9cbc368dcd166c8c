//! How much of a bare consumer's rate is left when every message becomes durable entries?
//!
//! A private broker, and in one run, alternating: a consumer that only acknowledges, kontor without
//! outcomes, a relay that publishes one confirmed message for each, kontor with one outcome for
//! each, and the worker one would write first, with a PostgreSQL transaction a message. Every queue
//! is filled beforehand; a rate is taken between the first tenth and the last acknowledgement, so
//! that starting is in nobody's time.
//!
//! Then what a single job waits, with nothing else on the way and under a load that comes by a
//! schedule, and what a daemon takes that has nothing to do.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use kontor::bench::Measured;
use kontor::bench::load::{Load, Stock};
use kontor::bench::machine::Machine;
use kontor::bench::render::{self, grouped};
use kontor::broker::private::{Options, PrivateBroker};

#[path = "journey/bare.rs"]
mod bare;
#[path = "journey/buckets.rs"]
mod buckets;
#[path = "journey/daemon.rs"]
mod daemon;
#[path = "journey/disk.rs"]
mod disk;
#[path = "journey/first.rs"]
mod first;
#[path = "journey/idle.rs"]
mod idle;
#[path = "journey/latency.rs"]
mod latency;
#[path = "journey/load.rs"]
mod load;
#[path = "journey/outcomes.rs"]
mod outcomes;
#[path = "journey/postgres.rs"]
mod postgres;
#[path = "journey/queue.rs"]
mod queue;
#[path = "journey/relay.rs"]
mod relay;
#[path = "journey/report.rs"]
mod report;
#[path = "journey/spread.rs"]
mod spread;
#[path = "journey/tuned.rs"]
mod tuned;
#[path = "journey/window.rs"]
mod window;

use daemon::Daemon;
use postgres::Cluster;
use queue::{Form, Queue};
use report::{Measurements, ROWS, Row};
use window::Took;

/// Accounts that the jobs move money between.
const ACCOUNTS: u32 = 1_000;
/// Jobs of a message in the runs with many.
const MANY: u32 = 1_000;
/// Keys of loads that come by a schedule begin behind those of all stocks.
const LOAD_KEYS: u64 = 300_000_000_000;
/// Different messages; they come again with fresh keys.
const STOCK: u32 = 1_000;

#[derive(Parser)]
struct Args {
    /// Messages of a run with one job each
    #[arg(long, default_value_t = 300_000)]
    messages: u32,
    /// Messages of a run of the worker with a database
    #[arg(long, default_value_t = 5_000)]
    database_messages: u32,
    /// Messages of a run with a thousand jobs each
    #[arg(long, default_value_t = 500)]
    large_messages: u32,
    /// Messages sent one at a time
    #[arg(long, default_value_t = 1_000)]
    single_messages: u32,
    /// Loads of the open loop, in hundredths of the saturation rate
    #[arg(long, value_delimiter = ',', default_value = "10,25,50,75")]
    shares: Vec<u64>,
    /// Seconds of each load
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Syncs of the disk alone
    #[arg(long, default_value_t = 2_000)]
    syncs: u32,
    /// How often everything is run
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Deliveries open at a time
    #[arg(long, default_value_t = 2_000)]
    prefetch: u16,
    /// Where state directories are made, on the disk to be measured
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Leave out the worker with a database
    #[arg(long)]
    without_database: bool,
    /// Only these, in one run, as `--only bare,kontor-off`; all of them if none is named
    #[arg(long, value_delimiter = ',')]
    only: Vec<Contender>,
    /// Write all results, with machine and versions, to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// Who takes the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Contender {
    Bare,
    KontorOff,
    Relay,
    KontorEach,
    KontorBatched,
    First,
    /// The worker with a database and eight connections
    Tuned,
    Lines,
    Binary,
    /// One job at a time
    Latency,
    /// Jobs that come by a schedule
    Load,
    /// A daemon with nothing to do
    Idle,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let args = Args::parse();
    let room = tempfile::tempdir_in(&args.dir).context("no directory for the run")?;
    say("starting a private broker …")?;
    let broker = PrivateBroker::start(&Options::default(), |_| {})?;
    let queue = Queue::connect(&broker.uri()).await?;
    let daemon = Daemon::new(room.path(), &broker.uri(), args.prefetch)?;
    let opened = daemon.start("off").await?;
    opened.open_accounts(&queue, ACCOUNTS).await?;
    opened.stop().await?;
    let asked = |who| args.only.is_empty() || args.only.contains(&who);
    let database = [Contender::First, Contender::Tuned].into_iter().any(asked);
    let cluster = if args.without_database || !database {
        None
    } else {
        Some(Cluster::start(ACCOUNTS).await?)
    };
    let mut machine = Machine::this();
    let version = broker.ctl(&["version"]).ok();
    machine.note("RabbitMQ", version.map(|version| version.trim().to_owned()));
    machine.note("PostgreSQL", postgres::version());
    let rows: Vec<&Row> = ROWS.iter().filter(|row| asked(row.who)).collect();
    let others = [Contender::Latency, Contender::Load, Contender::Idle];
    let others: Vec<Contender> = others.into_iter().filter(|who| asked(*who)).collect();
    let mut bench = Bench {
        room: room.path().to_owned(),
        args,
        queue,
        daemon,
        cluster,
        stocks: Stocks::new()?,
    };
    let (mut measurements, began) = (Measurements::default(), Instant::now());
    for round in 1..=bench.args.rounds {
        for row in &rows {
            let database = matches!(row.who, Contender::First | Contender::Tuned);
            if database && bench.cluster.is_none() {
                continue;
            }
            let took = bench.run(row.who).await?;
            let rate = took.rate().saturating_mul(row.who.jobs());
            say(&format!(
                "round {round}: {:<40}{:>12} jobs/s   {} µs of processor a message, {} of all",
                row.name,
                grouped(rate),
                micros(took.client, took.messages),
                micros(took.machine, took.messages),
            ))?;
            measurements.rate(row.who, rate);
        }
        for who in &others {
            say(&format!("round {round}: {who:?}"))?;
            bench.wait_for(*who, round, &mut measurements).await?;
        }
    }
    let mut measured = Measured::new("journey", bench.args.rounds.into(), began.elapsed());
    measured.figures = measurements.figures();
    measured.series = measurements.series();
    say("\nmedians of all rounds, least and most; ratios are those within a round")?;
    for figure in &measured.figures {
        say(&render::line(figure))?;
    }
    if let Some(file) = &bench.args.json {
        let all = render::results(&machine, &[render::json(&measured)]);
        std::fs::write(file, format!("{all:#}\n"))?;
    }
    Ok(())
}

struct Bench {
    /// On the disk to be measured.
    room: PathBuf,
    args: Args,
    queue: Queue,
    daemon: Daemon,
    cluster: Option<Cluster>,
    stocks: Stocks,
}

/// Messages of each form; keys never come twice.
struct Stocks {
    single: Stock,
    lines: Stock,
    binary: Stock,
}

/// Messages of one job.
fn single() -> Stock {
    let mut load = Load::new(ACCOUNTS, 1);
    Stock::new((0..STOCK).map(|_| {
        let mut text = String::new();
        load.json(&mut text);
        text.into_bytes()
    }))
}

impl Stocks {
    fn new() -> Result<Self> {
        let single = single();
        let mut load = Load::new(ACCOUNTS, 1);
        let lines = Stock::new((0..16).map(|_| load.lines(MANY)));
        let binary = (0..16).map(|_| load.binary(MANY).context("no binary load"));
        let binary = Stock::new(binary.collect::<Result<Vec<_>>>()?);
        // Keys of one stock begin where no other stock comes to.
        Ok(Self {
            single,
            lines: lines.starting_at(100_000_000_000),
            binary: binary.starting_at(200_000_000_000),
        })
    }
}

impl Bench {
    /// Fill the queue, let one contender take everything, and say what that took.
    async fn run(&mut self, who: Contender) -> Result<Took> {
        let (form, messages) = match who {
            Contender::Lines => (Form::Lines, self.args.large_messages),
            Contender::Binary => (Form::Binary, self.args.large_messages),
            Contender::First | Contender::Tuned => (Form::Single, self.args.database_messages),
            Contender::Bare
            | Contender::KontorOff
            | Contender::Relay
            | Contender::KontorEach
            | Contender::KontorBatched
            | Contender::Latency
            | Contender::Load
            | Contender::Idle => (Form::Single, self.args.messages),
        };
        let stock = match form {
            Form::Single => &mut self.stocks.single,
            Form::Lines => &mut self.stocks.lines,
            Form::Binary => &mut self.stocks.binary,
        };
        self.queue.fill(stock, form, messages).await?;
        let prefetch = self.args.prefetch;
        let took = match who {
            Contender::Bare => bare::run(&self.queue, messages, prefetch).await?,
            Contender::Relay => relay::run(&self.queue, messages, prefetch).await?,
            Contender::First | Contender::Tuned => {
                let cluster = self.cluster.as_ref().context("no database")?;
                if who == Contender::First {
                    first::run(&self.queue, cluster, messages, prefetch).await?
                } else {
                    tuned::run(&self.queue, cluster, messages, prefetch).await?
                }
            }
            Contender::KontorEach => self.daemon.run("each", messages).await?,
            Contender::KontorBatched => self.daemon.run("batched", messages).await?,
            Contender::KontorOff
            | Contender::Lines
            | Contender::Binary
            | Contender::Latency
            | Contender::Load
            | Contender::Idle => self.daemon.run("off", messages).await?,
        };
        self.queue.empty().await?;
        Ok(took)
    }

    /// What a job waits for, or what nothing takes.
    async fn wait_for(
        &mut self,
        who: Contender,
        round: u32,
        into: &mut Measurements,
    ) -> Result<()> {
        match who {
            Contender::Latency => {
                let sync = disk::fdatasync(&self.room, self.args.syncs)?;
                let (stock, messages) = (&mut self.stocks.single, self.args.single_messages);
                let relay = latency::relay(&self.queue, stock, messages).await?;
                self.queue.empty().await?;
                let kontor = latency::kontor(&self.daemon, &self.queue, stock, messages);
                into.latency(kontor.await?.median(), relay.median(), sync.median());
            }
            Contender::Load => {
                let saturation = self.run(Contender::KontorEach).await?.rate();
                let sync = disk::fdatasync(&self.room, self.args.syncs)?;
                for share in self.args.shares.clone() {
                    let rate = saturation.saturating_mul(share).div_euclid(100).max(1);
                    let loaded = self.load(round, share, rate).await?;
                    into.load(report::Load {
                        share,
                        rate,
                        outcome_median: loaded.outcome.median(),
                        outcome_p99: loaded.outcome.p99(),
                        durable_median: loaded.durable_median,
                        durable_p99: loaded.durable_p99,
                        sync_p99: sync.p99(),
                    });
                }
            }
            Contender::Idle => into.idle(idle::share(&self.daemon).await?),
            Contender::Bare
            | Contender::KontorOff
            | Contender::Relay
            | Contender::KontorEach
            | Contender::KontorBatched
            | Contender::First
            | Contender::Tuned
            | Contender::Lines
            | Contender::Binary => {}
        }
        Ok(())
    }

    async fn load(&self, round: u32, share: u64, rate: u64) -> Result<load::Loaded> {
        // Keys of this load are nobody else's.
        let first = (u64::from(round) * 1_000 + share) * 10_000_000 + LOAD_KEYS;
        let stock = single().starting_at(first);
        let time = Duration::from_secs(self.args.seconds);
        load::run(&self.daemon, &self.queue, (stock, first), rate, time).await
    }
}

impl Contender {
    /// Jobs of a message.
    fn jobs(self) -> u64 {
        if matches!(self, Self::Lines | Self::Binary) {
            u64::from(MANY)
        } else {
            1
        }
    }
}

/// Microseconds of each of so many, with a decimal.
fn micros(time: Duration, count: u64) -> String {
    let nanos = time.as_nanos().div_euclid(u128::from(count.max(1)));
    let tenths = nanos.div_euclid(100);
    format!("{}.{}", tenths.div_euclid(10), tenths % 10)
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
