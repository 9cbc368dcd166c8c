//! How much of a bare consumer's rate is left when every message becomes durable entries?
//!
//! A private broker, and in one run, alternating: a consumer that only acknowledges, kontor without
//! outcomes, a relay that publishes one confirmed message for each, kontor with one outcome for
//! each, and the worker one would write first, with a PostgreSQL transaction a message. Every queue
//! is filled beforehand; a rate is taken between the first tenth and the last acknowledgement, so
//! that starting is in nobody's time.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use kontor::bench::load::{Load, Stock};
use kontor::bench::render::grouped;
use kontor::broker::private::{Options, PrivateBroker};

#[path = "journey/bare.rs"]
mod bare;
#[path = "journey/daemon.rs"]
mod daemon;
#[path = "journey/first.rs"]
mod first;
#[path = "journey/postgres.rs"]
mod postgres;
#[path = "journey/queue.rs"]
mod queue;
#[path = "journey/relay.rs"]
mod relay;
#[path = "journey/window.rs"]
mod window;

use daemon::Daemon;
use postgres::Cluster;
use queue::{Form, Queue};
use window::Took;

/// Accounts that the jobs move money between.
const ACCOUNTS: u32 = 1_000;
/// Jobs of a message in the runs with many.
const MANY: u32 = 1_000;
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
    Lines,
    Binary,
}

/// What a run is called, and what it is compared with: the other side and the least ratio.
struct Row {
    who: Contender,
    name: &'static str,
    versus: Option<(Contender, &'static str)>,
}

const ROWS: [Row; 8] = [
    Row {
        who: Contender::Bare,
        name: "bare consumer",
        versus: None,
    },
    Row {
        who: Contender::KontorOff,
        name: "kontor, outcomes off",
        versus: Some((Contender::Bare, "0.90 of the bare consumer")),
    },
    Row {
        who: Contender::KontorBatched,
        name: "kontor, outcomes batched",
        versus: Some((Contender::Bare, "0.85 of the bare consumer")),
    },
    Row {
        who: Contender::Relay,
        name: "bare relay with confirms",
        versus: None,
    },
    Row {
        who: Contender::KontorEach,
        name: "kontor, an outcome each",
        versus: Some((Contender::Relay, "0.90 of the relay")),
    },
    Row {
        who: Contender::First,
        name: "worker with PostgreSQL",
        versus: None,
    },
    Row {
        who: Contender::Lines,
        name: "kontor, 1,000 jobs as ndjson",
        versus: None,
    },
    Row {
        who: Contender::Binary,
        name: "kontor, 1,000 jobs as binary",
        versus: None,
    },
];

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
    let cluster = if args.without_database || !asked(Contender::First) {
        None
    } else {
        Some(Cluster::start(ACCOUNTS).await?)
    };
    let rows: Vec<&Row> = ROWS.iter().filter(|row| asked(row.who)).collect();
    let mut bench = Bench {
        args,
        queue,
        daemon,
        cluster,
        stocks: Stocks::new()?,
    };
    let mut rates: Vec<(Contender, u64)> = Vec::new();
    for round in 1..=bench.args.rounds {
        for row in &rows {
            if row.who == Contender::First && bench.cluster.is_none() {
                continue;
            }
            let took = bench.run(row.who).await?;
            let rate = took.rate().saturating_mul(row.who.jobs());
            say(&format!(
                "round {round}: {:<32}{:>12} jobs/s   {} µs of processor a message, {} of all",
                row.name,
                grouped(rate),
                micros(took.client, took.messages),
                micros(took.machine, took.messages),
            ))?;
            rates.push((row.who, rate));
        }
    }
    report(&rates)
}

struct Bench {
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

impl Stocks {
    fn new() -> Result<Self> {
        let mut load = Load::new(ACCOUNTS, 1);
        let single = (0..STOCK).map(|_| {
            let mut text = String::new();
            load.json(&mut text);
            text.into_bytes()
        });
        let single = Stock::new(single);
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
            Contender::First => (Form::Single, self.args.database_messages),
            Contender::Bare
            | Contender::KontorOff
            | Contender::Relay
            | Contender::KontorEach
            | Contender::KontorBatched => (Form::Single, self.args.messages),
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
            Contender::First => {
                let cluster = self.cluster.as_ref().context("no database")?;
                first::run(&self.queue, cluster, messages, prefetch).await?
            }
            Contender::KontorEach => self.daemon.run("each", messages).await?,
            Contender::KontorBatched => self.daemon.run("batched", messages).await?,
            Contender::KontorOff | Contender::Lines | Contender::Binary => {
                self.daemon.run("off", messages).await?
            }
        };
        self.queue.empty().await?;
        Ok(took)
    }
}

impl Contender {
    /// Jobs of a message.
    fn jobs(self) -> u64 {
        match self {
            Self::Lines | Self::Binary => u64::from(MANY),
            Self::Bare
            | Self::KontorOff
            | Self::Relay
            | Self::KontorEach
            | Self::KontorBatched
            | Self::First => 1,
        }
    }
}

/// Microseconds of each of so many, with a decimal.
fn micros(time: Duration, count: u64) -> String {
    let nanos = time.as_nanos().div_euclid(u128::from(count.max(1)));
    let tenths = nanos.div_euclid(100);
    format!("{}.{}", tenths.div_euclid(10), tenths % 10)
}

fn report(rates: &[(Contender, u64)]) -> Result<()> {
    say("\nmedians of all rounds; ratios are those within a round")?;
    for row in &ROWS {
        let Some(rate) = median(rates, row.who) else {
            continue;
        };
        let versus = row.versus.and_then(|(other, target)| {
            let ratios = ratios(rates, row.who, other);
            let [least, middle, most] = [
                ratios.first(),
                ratios.get(ratios.len().div_euclid(2)),
                ratios.last(),
            ]
            .map(|ratio| ratio.map(|hundredths| decimal(*hundredths)));
            let (least, middle, most) = (least?, middle?, most?);
            Some(format!(
                "   ratio {middle} ({least} to {most}), target {target}"
            ))
        });
        let shown = grouped(rate);
        say(&format!(
            "{:<32}{shown:>12} jobs/s{}",
            row.name,
            versus.unwrap_or_default()
        ))?;
    }
    let pair = (
        median(rates, Contender::KontorOff),
        median(rates, Contender::First),
    );
    if let (Some(kontor), Some(first)) = pair {
        let times = kontor.saturating_mul(10).div_euclid(first.max(1));
        let (whole, tenth) = (times.div_euclid(10), times % 10);
        say(&format!(
            "kontor, outcomes off: {whole}.{tenth} × the worker with PostgreSQL, target 20 ×"
        ))?;
    }
    Ok(())
}

/// The ratio of two contenders in every round, in hundredths, sorted: what a machine does to one
/// round it does to both of them.
fn ratios(rates: &[(Contender, u64)], one: Contender, other: Contender) -> Vec<u64> {
    let pairs = of(rates, one).zip(of(rates, other));
    let mut ratios: Vec<u64> = pairs
        .filter_map(|(one, other)| one.saturating_mul(100).checked_div(other))
        .collect();
    ratios.sort_unstable();
    ratios
}

fn decimal(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths.div_euclid(100), hundredths % 100)
}

fn of(rates: &[(Contender, u64)], who: Contender) -> impl Iterator<Item = u64> {
    let of_one = rates.iter().filter(move |(other, _)| *other == who);
    of_one.map(|(_, rate)| *rate)
}

fn median(rates: &[(Contender, u64)], who: Contender) -> Option<u64> {
    let mut of_one: Vec<u64> = of(rates, who).collect();
    of_one.sort_unstable();
    of_one.get(of_one.len().div_euclid(2)).copied()
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
