//! `kontor demo`: the newcomer's first minute.
//!
//! A private broker, the daemon on it, and the day of a small company through the real queue. Every
//! outcome, balance and dead letter is compared with what the company expects; the demo ends with 0
//! only if all of it came true. Nothing is staged: what is printed was read back from outcomes and
//! books.
//!
//! The daemon is this same binary as a process of its own, as an operator runs it. So it has its
//! own log, signals and end, it can be killed without warning in the middle of the day, and what
//! the demo reads beside it is read as any other command would read it.
//!
//! | File          | Does                                                             |
//! |---------------|------------------------------------------------------------------|
//! | `broker.rs`   | installs RabbitMQ if it may, starts a private node               |
//! | `site.rs`     | the daemon's folder, its settings, its process                   |
//! | `place.rs`    | what runs, and its end                                           |
//! | `company/`    | the jobs of the day, and the company's own arithmetic            |
//! | `order.rs`    | a job with what is expected of it, and its three forms as bytes  |
//! | `desk.rs`     | sends orders and checks what comes back                          |
//! | `books.rs`    | reads the books back and compares them                           |
//! | `story/`      | the day, step by step                                            |
//! | `tally.rs`    | counts by kind, status and code                                  |
//! | `page.rs`     | how it is printed                                                |

mod books;
mod broker;
mod company;
mod desk;
mod order;
mod page;
mod place;
mod site;
mod story;
mod tally;

use std::io::Write;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Done, Globals, Unusable};
use crate::report::Format;
use page::Page;
use place::Place;

/// Threads of the asynchronous part.
const WORKER_THREADS: usize = 2;

/// Run the day of a small company through a broker of its own, and say what became of it
///
/// It starts a private RabbitMQ on loopback (and installs Debian's rabbitmq-server first if that is
/// missing and it may: as root, or with sudo that asks for no password), runs the daemon on it,
/// sends some thousand jobs, prints what happened, checks all of it, and cleans up.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor demo            a day in about half a minute
  kontor demo --fast     the same with fewer jobs
  kontor demo --keep     leaves broker and daemon running until Ctrl-C, to look around

Nothing outside two temporary folders is written, and nothing is left when it ends.
Exit code 0: everything came as expected; 1: something did not, and it says what; 69: there is no
RabbitMQ and none may be installed; 130, 143: stopped by Ctrl-C or SIGTERM before the end.
KONTOR_RABBITMQ_SCRIPTS names the folder of RabbitMQ's own scripts where it is an unusual one.")]
pub struct DemoArgs {
    /// Leave broker and daemon running until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Send fewer jobs
    #[arg(long)]
    fast: bool,
    /// Never install anything
    #[arg(long)]
    no_install: bool,
    /// Seed of the day: the same number gives the same jobs
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Run the command.
pub fn run(args: &DemoArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    if globals.config.is_some() || globals.format() != Format::Text {
        let words = "the demo has a configuration of its own and prints for people: leave --config \
                     and --format out";
        return Err(Unusable(words.to_owned()).into());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build()
        .context("cannot start the asynchronous part")?;
    let ended = runtime.block_on(demo(args, out));
    runtime.shutdown_background();
    ended
}

async fn demo(args: &DemoArgs, out: &mut impl Write) -> anyhow::Result<Done> {
    let mut stop = Stop::listen()?;
    let mut place = Place::default();
    let mut page = Page::new(out);
    let told = tokio::select! {
        biased;
        by = stop.asked() => Err(by),
        told = story::tell(args, &mut place, &mut page) => Ok(told),
    };
    let ended = match told {
        Err(by) => Ok(Done::Stopped(by)),
        Ok(Ok(())) if args.keep => keep(&mut place, &mut page, &mut stop).await,
        Ok(Ok(())) => Ok(Done::Yes),
        Ok(Err(fault)) => Err(fault),
    };
    if ended.is_err() {
        place.last_words();
    }
    place.clear().await;
    if let Ok(Done::Stopped(_)) = ended {
        page::aside("Stopped before the end. Broker, daemon and their folders are gone.");
    }
    ended
}

/// Leave everything running until somebody asks for the end.
async fn keep(
    place: &mut Place,
    page: &mut Page<'_, impl Write>,
    stop: &mut Stop,
) -> anyhow::Result<Done> {
    story::ending::keep(place, page)?;
    tokio::select! {
        _by = stop.asked() => {
            page::aside("Cleaning up.");
            Ok(Done::Yes)
        }
        gone = place.gone() => Err(gone.into()),
    }
}

/// The signals that end a demo.
struct Stop([(i32, Signal); 3]);

impl Stop {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind: SignalKind| -> anyhow::Result<(i32, Signal)> {
            let signal = signal(kind).context("cannot listen for signals")?;
            Ok((kind.as_raw_value(), signal))
        };
        Ok(Self([
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ]))
    }

    /// Wait for one of them.
    async fn asked(&mut self) -> i32 {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.1.recv() => interrupt.0,
            _ = terminate.1.recv() => terminate.0,
            _ = hangup.1.recv() => hangup.0,
        }
    }
}
