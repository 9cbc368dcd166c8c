//! `kontor outcomes replay`: durable outcomes once more, for a consumer that lost some.
//!
//! They are read from the journal beside whoever writes it, and are the messages of before: the
//! same ids and the same bytes. So whoever drops repeats drops these too.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;
use tokio::time::Instant;

use super::open_books::{Directory, OpenBook, Where, bar};
use super::{Done, Globals, NotFound, Unusable};
use crate::backup::At;
use crate::broker::rabbit::{PublisherLane, PublisherOptions, look, publish};
use crate::broker::{BrokerFault, ConfirmResult, FaultClass, Publish, Topology};
use crate::daemon::connect;
use crate::ids::{Position, Sequence};
use crate::ledger::{Commit, JobRecord, NameTable, Record};
use crate::pipeline::publish::outcome_message;
use crate::report::Format;

/// Messages that are under way together.
const LOT: usize = 500;
/// How often what was lost or refused goes again, the pause before, and how long the broker may say
/// nothing.
const ATTEMPTS_MAX: u32 = 10;
const PAUSE: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(30);
const SILENCE: &str = "it did not take an outcome";

/// Publish outcomes again
#[derive(Debug, Args)]
#[command(after_help = "\
Example: kontor outcomes replay --from main/1042 --dry-run")]
pub struct OutcomesArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Replay(ReplayArgs),
}

/// Publish durable outcomes of a book again, from one number on
///
/// Each goes to the exchange of the outcomes as a message of its own, with its own message id and
/// the same bytes, in order and confirmed. Nothing is changed, and the daemon may run meanwhile:
/// the state directory is only read. If outcomes are published in batches, tell repeats by
/// `sequence`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor outcomes replay --from main/1042
  kontor outcomes replay --from main/1042 --to 2000 --rate 500
  kontor outcomes replay --from main/1 --dry-run

Exit code 1: there is no such outcome; 69: the broker cannot be reached or does not take them.")]
struct ReplayArgs {
    /// The first outcome
    #[arg(long, value_name = "BOOK/SEQUENCE")]
    from: String,
    /// The number of the last one [default: the newest that is durable]
    #[arg(long, value_name = "SEQUENCE", value_parser = clap::value_parser!(u64).range(1..))]
    to: Option<u64>,
    /// So many outcomes a second at the most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// Say how many there are and publish nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    dir: Directory,
}

/// Run the command.
pub fn run(args: &OutcomesArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let What::Replay(args) = &args.what;
    let Some(At::Outcome { book, sequence }) = At::parse(&args.from) else {
        let words = format!("--from {}: expected BOOK/SEQUENCE (main/1042)", args.from);
        return Err(Unusable(words).into());
    };
    let place = Where {
        book: Some(book.clone()),
        dir: args.dir.clone(),
    };
    let open = place.open(globals)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.context("cannot start the asynchronous part")?;
    let to = Sequence(args.to.unwrap_or(u64::MAX));
    let sent = runtime.block_on(replay(args, globals, &open, (sequence, to)))?;
    if sent.outcomes == 0 {
        let words = format!("the book {book} has no outcome {} up to there", args.from);
        return Err(NotFound(words).into());
    }
    if globals.format() == Format::Json {
        let sent = json!({
            "book": book, "from": sequence.0, "to": sent.last.0, "outcomes": sent.outcomes,
            "dry_run": args.dry_run, "nobody_bound": sent.returned,
        });
        writeln!(out, "{sent:#}")?;
        return Ok(Done::Yes);
    }
    let what = if args.dry_run { "would be" } else { "are" };
    writeln!(
        out,
        "{} outcomes of {book}, {} to {}, {what} published again; {} had nobody bound for them",
        sent.outcomes, sequence.0, sent.last.0, sent.returned
    )?;
    Ok(Done::Yes)
}

/// What was published.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    outcomes: u64,
    last: Sequence,
    /// Messages for which nobody was bound.
    returned: u64,
}

async fn replay(
    args: &ReplayArgs,
    globals: &Globals,
    open: &OpenBook,
    (from, to): (Sequence, Sequence),
) -> anyhow::Result<Sent> {
    let mut sender = if args.dry_run {
        None
    } else {
        Some(Sender::open(args, globals).await?)
    };
    let settings = globals.settings()?;
    let exchange = Topology::outcomes_exchange(&settings.broker.prefix);
    let names = NameTable::of_books(open.loaded.engine.books());
    let bar = bar("reading");
    bar.set_length(open.history.durable().position);
    let (mut sent, mut lot) = (Sent::default(), Vec::new());
    let mut commits = open.history.commits_from(Position(1))?;
    while let Some(found) = commits.next()? {
        let wanted =
            |job: &&JobRecord| job.book == open.index && (from..=to).contains(&job.sequence);
        let commit: &Commit = &found.commit;
        for job in commit
            .records
            .iter()
            .filter_map(Record::as_job)
            .filter(wanted)
        {
            if sent.outcomes == 0 && job.sequence != from {
                return Ok(sent);
            }
            (sent.outcomes, sent.last) = (sent.outcomes.saturating_add(1), job.sequence);
            if sender.is_some() {
                lot.push(outcome_message(&exchange, commit, job, &names));
            }
        }
        if let Some(sender) = sender.as_mut().filter(|_| lot.len() >= LOT) {
            sent.returned = sent.returned.saturating_add(sender.send(&lot).await?);
            lot.clear();
        }
        bar.set_position(commit.last().0);
        if sent.last >= to {
            break;
        }
    }
    if let Some(mut sender) = sender {
        sent.returned = sent.returned.saturating_add(sender.send(&lot).await?);
    }
    bar.finish_and_clear();
    Ok(sent)
}

/// Publishes with confirms, in order.
struct Sender {
    lane: PublisherLane,
    rate: Option<u32>,
    next: Instant,
}

impl Sender {
    async fn open(args: &ReplayArgs, globals: &Globals) -> anyhow::Result<Self> {
        let settings = globals.settings()?;
        let options = connect::options(&settings)?;
        // Said at once, and not by a lane that keeps trying.
        let exchange = Topology::outcomes_exchange(&settings.broker.prefix);
        look::exchange(&options, &exchange).await?;
        let lane = publish(
            options,
            PublisherOptions {
                connection_name: "kontor outcomes".to_owned(),
                window: LOT,
            },
        );
        Ok(Self {
            lane,
            rate: args.rate,
            next: Instant::now(),
        })
    }

    /// Publish a lot and wait until the broker has all of it; how many nobody was bound for. From
    /// the first one that was lost or refused, all go again: older ones may come twice, and the
    /// last word on each comes in order.
    async fn send(&mut self, lot: &[Publish]) -> Result<u64, BrokerFault> {
        let (mut left, mut returned, mut attempts) = (lot, 0_u64, 0);
        while !left.is_empty() {
            for message in left {
                self.pace().await;
                if self.lane.publishes.send(message.clone()).await.is_err() {
                    return Err(self.lane.silence(SILENCE));
                }
            }
            let (mut good, mut whole) = (0_usize, true);
            for _ in left {
                let confirmed = tokio::time::timeout(PATIENCE, self.lane.confirms.recv()).await;
                let Ok(Some(confirmed)) = confirmed else {
                    return Err(self.lane.silence(SILENCE));
                };
                let nobody = confirmed.result == ConfirmResult::Returned;
                whole &= nobody || confirmed.result == ConfirmResult::Acked;
                if whole {
                    good = good.saturating_add(1);
                    returned = returned.saturating_add(u64::from(nobody));
                }
            }
            left = left.get(good..).unwrap_or_default();
            if !whole {
                attempts += 1;
                let fault = self.lane.silence(SILENCE);
                if attempts >= ATTEMPTS_MAX || fault.class() == FaultClass::Configuration {
                    return Err(fault);
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(returned)
    }

    /// Wait until the next message may go.
    async fn pace(&mut self) {
        let Some(rate) = self.rate else { return };
        tokio::time::sleep_until(self.next).await;
        let pause = Duration::from_secs(1).checked_div(rate).unwrap_or_default();
        self.next = self.next.max(Instant::now()) + pause;
    }
}
