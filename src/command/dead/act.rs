//! `kontor dead requeue` and `kontor dead drop`: letters leave the queue.
//!
//! In lots: a lot is taken out, recorded in the journal, sent again and confirmed, and only then
//! acknowledged away. Whatever breaks in between, the letters of the lot are in the queue again;
//! one that was confirmed already comes to its job twice, and a key has one effect.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::time::Instant;

use super::audit::Audit;
use super::{Filter, NAME, Queue};
use crate::broker::rabbit::{PublisherLane, PublisherOptions, Walk, publish};
use crate::broker::{BrokerFault, ConfirmResult, Letter};
use crate::command::open_books::{Directory, bar};
use crate::command::{Done, Globals, NotFound, Unusable};
use crate::journal::JournalFault;
use crate::journal::file::disk::user;
use crate::ledger::Value;
use crate::ledger::commit::{LetterAct, LettersRecord};
use crate::report::{Column, Row, Table, render};

/// Letters of one lot, and bytes of their bodies beyond which it takes no more.
const LOT: u32 = 100;
const LOT_BYTES: usize = 8 << 20;
/// How long the broker may say nothing about a letter that was sent again.
const PATIENCE: Duration = Duration::from_secs(30);
const SILENCE: &str = "it did not confirm a letter";

const COLUMNS: [Column; 4] = [
    Column::words("reason"),
    Column::figures("letters"),
    Column::figures("done"),
    Column::figures("left"),
];

/// What both acts have in common.
#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    filter: Filter,
    /// So many letters at the most, from the front of the queue
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max: Option<u32>,
    /// So many letters a second at the most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: Option<u32>,
    /// Say what would be done and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Who acts, for the record [default: who logged in, as the environment tells]
    #[arg(long, value_name = "NAME", value_parser = name)]
    by: Option<String>,
    #[command(flatten)]
    dir: Directory,
}

/// Send dead letters again to where they came from
///
/// The original bytes go to the exchange and with the routing key of before, confirmed, and only
/// then the letter is taken away. A letter that no queue takes stays. The user who vouched for the
/// sender is not restored: a job that needs a principal must be sent again by its producer. Each
/// lot of letters is recorded in the journal first, by the daemon, or under the lock of its
/// directory if none runs.
///
/// Sending a letter twice is harmless: its job has a key, and a key has one effect.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor dead requeue --reason UNKNOWN_KIND --dry-run
  kontor dead requeue --reason UNKNOWN_KIND --rate 50
  kontor dead requeue --id 3f9a0c11 --by alice

Exit code 1: a letter stays, or none has the id; 69: the broker cannot be reached; 74: the act could
not be recorded; 78: the queue or a right at the broker is missing.")]
pub(super) struct RequeueArgs {
    #[command(flatten)]
    common: Common,
}

/// Throw dead letters away for ever
///
/// Each lot of letters is recorded in the journal first, with ids and reasons and without their
/// bytes: those are gone.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor dead drop --reason MESSAGE_MALFORMED --dry-run
  kontor dead drop --id 3f9a0c11 --yes

Exit code 1: none has the id; 64: --yes is missing; 69: the broker cannot be reached; 74: the act
could not be recorded; 78: the queue or a right at the broker is missing.")]
pub(super) struct DropArgs {
    /// Yes, they are to be gone
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    common: Common,
}

/// A name for the record: short, and nothing that could write to a terminal.
fn name(text: &str) -> Result<String, String> {
    const BYTES_MAX: usize = 128;
    let fits = (1..=BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("1 to {BYTES_MAX} bytes without control characters"))
}

impl RequeueArgs {
    /// Run the command.
    pub(super) async fn run(
        &self,
        queue: &Queue,
        globals: &Globals,
        out: &mut impl Write,
    ) -> anyhow::Result<Done> {
        run(&self.common, LetterAct::Requeue, queue, globals, out).await
    }
}

impl DropArgs {
    /// Run the command.
    pub(super) async fn run(
        &self,
        queue: &Queue,
        globals: &Globals,
        out: &mut impl Write,
    ) -> anyhow::Result<Done> {
        if !self.yes && !self.common.dry_run {
            let words = "dropped letters are gone for ever: look with --dry-run, then say --yes";
            return Err(Unusable(words.to_owned()).into());
        }
        run(&self.common, LetterAct::Drop, queue, globals, out).await
    }
}

/// What became of letters of one reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) letters: u64,
    pub(super) done: u64,
}

/// What became of all letters, by reason.
pub(super) type Tally = BTreeMap<String, Count>;

async fn run(
    args: &Common,
    act: LetterAct,
    queue: &Queue,
    globals: &Globals,
    out: &mut impl Write,
) -> anyhow::Result<Done> {
    let audit = if args.dry_run {
        None
    } else {
        let mut journals = args.dir.journals(globals)?.into_iter();
        let missing = || JournalFault::Io("there is no journal to record it in".to_owned());
        let journal = journals.next().ok_or_else(missing)?;
        Some(Audit::begin(journal, &queue.settings)?)
    };
    let lane = (act == LetterAct::Requeue && audit.is_some()).then(|| {
        let options = PublisherOptions {
            connection_name: NAME.to_owned(),
            window: usize::try_from(LOT).unwrap_or(usize::MAX),
        };
        publish(queue.connect.clone(), options)
    });
    let mut acting = Acting {
        args,
        act,
        queue,
        walk: queue.walk().await?,
        audit,
        lane,
        tally: Tally::new(),
        next: Instant::now(),
    };
    let bar = bar(act.text());
    bar.set_length(acting.walk.stood().into());
    let worked = acting.work(&bar).await;
    bar.finish_and_clear();
    let Acting { walk, tally, .. } = acting;
    let done: u64 = tally.values().map(|count| count.done).sum();
    worked.with_context(|| format!("{done} letters were done, the others stay in the queue"))?;
    walk.end().await?;
    if tally.is_empty() && args.filter.id.is_some() {
        let words = format!("{} has no letter of this id", queue.name);
        return Err(NotFound(words).into());
    }
    out.write_all(render(&table(&tally, act, args.dry_run), globals.format())?.as_bytes())?;
    let stays = tally.values().any(|count| count.done < count.letters);
    Ok(if stays && !args.dry_run {
        Done::No
    } else {
        Done::Yes
    })
}

/// One act on its way through the queue.
struct Acting<'a> {
    args: &'a Common,
    act: LetterAct,
    queue: &'a Queue,
    walk: Walk,
    /// Absent if nothing is to be done.
    audit: Option<Audit>,
    lane: Option<PublisherLane>,
    tally: Tally,
    /// When the next letter may go.
    next: Instant,
}

impl Acting<'_> {
    async fn work(&mut self, bar: &indicatif::ProgressBar) -> anyhow::Result<()> {
        let mut room = self.args.max.unwrap_or(u32::MAX);
        while room > 0 {
            let lot = self.lot(room, bar).await?;
            let Some(count) = u32::try_from(lot.len()).ok().filter(|count| *count > 0) else {
                break;
            };
            room = room.saturating_sub(count);
            for letter in &lot {
                self.count(letter).letters += 1;
            }
            let Some(audit) = &mut self.audit else {
                continue;
            };
            audit.record(self.args.record(self.act, &lot))?;
            match self.act {
                LetterAct::Requeue => self.requeue(&lot).await?,
                LetterAct::Drop => self.drop(&lot).await?,
            }
        }
        Ok(())
    }

    fn count(&mut self, letter: &Letter) -> &mut Count {
        self.tally.entry(letter.reason().to_owned()).or_default()
    }

    /// The next letters that are meant.
    async fn lot(
        &mut self,
        room: u32,
        bar: &indicatif::ProgressBar,
    ) -> Result<Vec<Letter>, BrokerFault> {
        // What is recorded and not yet done when something breaks is a second's work at the most.
        let most = self.args.rate.unwrap_or(LOT).min(LOT).min(room);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let (mut lot, mut bytes) = (Vec::new(), 0_usize);
        while lot.len() < most && bytes < LOT_BYTES {
            let Some(letter) = self.queue.next(&mut self.walk).await? else {
                break;
            };
            bar.inc(1);
            if self.args.filter.takes(&letter) {
                bytes = bytes.saturating_add(letter.delivery.body.len());
                lot.push(letter);
            }
        }
        Ok(lot)
    }

    async fn drop(&mut self, lot: &[Letter]) -> Result<(), BrokerFault> {
        for letter in lot {
            self.pace().await;
            self.walk.acknowledge(letter.delivery.tag).await?;
            self.count(letter).done += 1;
        }
        Ok(())
    }

    /// Send a lot again, and acknowledge what the broker has confirmed and not returned.
    async fn requeue(&mut self, lot: &[Letter]) -> Result<(), BrokerFault> {
        let mut sent = Vec::new();
        for letter in lot {
            let Some(again) = letter.again(letter.delivery.tag) else {
                continue;
            };
            self.pace().await;
            let Some(lane) = &mut self.lane else { break };
            if lane.publishes.send(again).await.is_err() {
                return Err(lane.silence(SILENCE));
            }
            sent.push(letter);
        }
        // In the order of publishing.
        for letter in sent {
            let Some(lane) = &mut self.lane else { break };
            let confirmed = tokio::time::timeout(PATIENCE, lane.confirms.recv()).await;
            let Ok(Some(confirmed)) = confirmed else {
                return Err(lane.silence(SILENCE));
            };
            match confirmed.result {
                ConfirmResult::Acked => {
                    self.walk.acknowledge(letter.delivery.tag).await?;
                    self.count(letter).done += 1;
                }
                ConfirmResult::Returned | ConfirmResult::Nacked | ConfirmResult::Unsendable => {}
                ConfirmResult::Lost | ConfirmResult::Unsent => return Err(lane.silence(SILENCE)),
            }
        }
        Ok(())
    }

    /// Wait until the next letter may go.
    async fn pace(&mut self) {
        let Some(rate) = self.args.rate else { return };
        tokio::time::sleep_until(self.next).await;
        let pause = Duration::from_secs(1).checked_div(rate).unwrap_or_default();
        self.next = Instant::now() + pause;
    }
}

impl Common {
    fn record(&self, act: LetterAct, lot: &[Letter]) -> LettersRecord {
        let letters = lot
            .iter()
            .map(|letter| (letter.id(), letter.reason().to_owned()));
        LettersRecord {
            act,
            user: user(),
            operator: self.operator().into(),
            letters: letters.collect(),
        }
    }

    /// Who acts, as told.
    fn operator(&self) -> String {
        let told = ["SUDO_USER", "LOGNAME", "USER"].into_iter();
        let mut told = told.filter_map(|variable| std::env::var(variable).ok());
        let known = told.find_map(|told| name(&told).ok());
        self.by.clone().or(known).unwrap_or_default()
    }
}

fn table(tally: &Tally, act: LetterAct, dry_run: bool) -> Table {
    let row = |(reason, count): (&String, &Count)| {
        vec![
            Some(Value::text(reason.clone())),
            Some(Value::count(count.letters)),
            Some(Value::count(count.done)),
            Some(Value::count(count.letters.saturating_sub(count.done))),
        ]
    };
    let rows: Vec<Row> = tally.iter().map(row).collect();
    let facts = vec![
        ("act".into(), Value::text(act.text())),
        ("dry_run".into(), Value::Bool(dry_run)),
    ];
    let mut json = facts.clone();
    json.push(("rows".into(), objects(&COLUMNS, &rows)));
    Table {
        title: "Dead letters".to_owned(),
        facts,
        columns: COLUMNS.to_vec(),
        rows,
        totals: Vec::new(),
        json,
        absent: &[],
    }
}

/// Rows as objects, for programs.
pub(super) fn objects(columns: &[Column], rows: &[Row]) -> Value {
    let object = |row: &Row| {
        let named = columns.iter().zip(row);
        let named = named.filter_map(|(column, cell)| Some((column.name.into(), cell.clone()?)));
        Value::Object(named.collect())
    };
    Value::List(rows.iter().map(object).collect())
}
