//! `kontor dead`: the queue of what could not be read, looked at and emptied.
//!
//! | File       | Does                                                    |
//! |------------|---------------------------------------------------------|
//! | `list.rs`  | letters by reason and age, or one by one                |
//! | `show.rs`  | one letter with its headers and its original bytes      |
//! | `act.rs`   | sends letters again, or throws them away                |
//! | `audit.rs` | has each act recorded in the journal before it is done  |
//!
//! Looking leaves the queue as it was.

mod act;
mod audit;
mod list;
mod show;

use std::io::Write;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::{Done, Globals};
use crate::broker::rabbit::{ConnectOptions, Walk};
use crate::broker::{BrokerFault, Died, Letter, Topology};
use crate::daemon::connect;
use crate::settings::Settings;
use crate::time::Timestamp;

/// What the broker's operator sees.
const NAME: &str = "kontor dead";
/// Nanoseconds of a second.
const NANOS: i64 = 1_000_000_000;

/// Look at dead letters, send them again or drop them
///
/// A dead letter is a message that kontor could not read, that felled it, or that the broker could
/// not deliver. Its job has posted nothing and its key is free. The user at the broker must be one
/// that may read the queue, and for requeue write to the exchange of the jobs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor dead list                                      by reason and age
  kontor dead list --each --reason UNKNOWN_KIND         one by one
  kontor dead show 3f9a0c11                             headers and original bytes
  kontor dead requeue --reason UNKNOWN_KIND --dry-run   what would be sent again
  kontor dead drop --id 3f9a0c11 --yes")]
pub struct DeadArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Requeue(act::RequeueArgs),
    Drop(act::DropArgs),
}

/// Which letters.
#[derive(Clone, Debug, Default, Args)]
struct Filter {
    /// Only letters with this reason: a code, a word of the broker's, UNROUTABLE or UNKNOWN
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// Only letters with this id, or one that begins so (8 characters or more), or message id
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

/// Run the command.
pub fn run(args: &DeadArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.context("cannot start the asynchronous part")?;
    let queue = Queue::of(globals.settings()?)?;
    match &args.what {
        What::List(list) => runtime.block_on(list::run(list, &queue, globals, out)),
        What::Show(show) => runtime.block_on(show::run(show, &queue, globals, out)),
        What::Requeue(requeue) => runtime.block_on(requeue.run(&queue, globals, out)),
        What::Drop(drop) => runtime.block_on(drop.run(&queue, globals, out)),
    }
}

impl Filter {
    /// Whether a letter is meant.
    fn takes(&self, letter: &Letter) -> bool {
        let reason = self.reason.as_ref();
        reason.is_none_or(|reason| letter.reason() == reason)
            && self.id.as_ref().is_none_or(|id| is_called(letter, id))
    }
}

/// Whether a letter has this id, one that begins so, or this message id.
fn is_called(letter: &Letter, id: &str) -> bool {
    const BEGINNING: usize = 8;
    let message_id = letter.delivery.properties.message_id.as_deref();
    let begins = id.len() >= BEGINNING && letter.id().starts_with(id);
    begins || message_id == Some(id)
}

/// The queue of the dead letters.
struct Queue {
    settings: Settings,
    connect: ConnectOptions,
    /// Its name, and that of the exchange in front of it.
    name: String,
}

impl Queue {
    fn of(settings: Settings) -> anyhow::Result<Self> {
        let connect = connect::options(&settings)?;
        let name = Topology::dead_exchange(&settings.broker.prefix);
        Ok(Self {
            settings,
            connect,
            name,
        })
    }

    async fn walk(&self) -> Result<Walk, BrokerFault> {
        Walk::begin(&self.connect, &self.name, NAME).await
    }

    /// The next letter of a walk.
    async fn next(&self, walk: &mut Walk) -> Result<Option<Letter>, BrokerFault> {
        let found = walk.next().await?;
        Ok(found.map(|delivery| Letter::of(delivery, &self.name)))
    }
}

/// When a letter died, if it says so in a way that can be read.
fn died(letter: &Letter) -> Option<Timestamp> {
    match letter.died()? {
        Died::Text(text) => Timestamp::parse(&text),
        Died::Seconds(seconds) => {
            let seconds = i64::try_from(seconds).ok()?;
            seconds.checked_mul(NANOS).map(Timestamp)
        }
    }
}

/// What a letter came from, in words.
fn origin(letter: &Letter) -> String {
    letter
        .origin()
        .map_or_else(String::new, |(exchange, key)| format!("{exchange} {key}"))
}

#[cfg(test)]
mod tests;
