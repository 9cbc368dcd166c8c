//! `kontor run`: the daemon.

use anyhow::Context;
use clap::Args;

use super::check_config::checked;
use super::{Done, Globals};
use crate::daemon::reload::Reloading;
use crate::daemon::{self, Options};
use crate::journal::marker;
use crate::settings::LogFormat;
use crate::telemetry::tracing::{self, Format};

/// Threads of the asynchronous part; the stations have threads of their own.
const WORKER_THREADS: usize = 2;

/// Run the daemon until SIGTERM or SIGINT
///
/// It takes jobs from the queues of its partitions, posts them, makes them durable, acknowledges
/// them and publishes their outcomes. It refuses to start on a broker that is not as it must be.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor run
  kontor --config /etc/kontor/kontor.toml run --apply-topology
  kontor run --standby                     on the same machine, beside one that runs")]
pub struct RunArgs {
    /// Make what is missing on the broker before checking it
    #[arg(long)]
    apply_topology: bool,
    /// Wait until the process that has the state directory ends, and take over
    #[arg(long)]
    standby: bool,
}

/// Run the command.
pub fn run(args: &RunArgs, globals: &Globals) -> anyhow::Result<Done> {
    let sources = globals.sources();
    let settings = checked(&sources)?;
    let format = match settings.log.format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    let log = tracing::install(settings.log.level, format).context("cannot start the log")?;
    fall_at_a_panic();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build()
        .context("cannot start the asynchronous part")?;
    let options = Options {
        apply_topology: args.apply_topology,
        standby: args.standby,
    };
    let ended = runtime.block_on(daemon::run(settings, options, Reloading { sources, log }));
    // What still waits for the disk or the broker is not waited for: the daemon has drained itself.
    runtime.shutdown_background();
    ended?;
    Ok(Done::Yes)
}

/// A panic anywhere ends the process, before anything more is acknowledged: a thread that is gone
/// would leave the others working for nobody. Releases end so by themselves. The job that was being
/// tried alone, if one was, is named for the next start.
fn fall_at_a_panic() {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        say(panic);
        marker::report_panic();
        std::process::abort();
    }));
}
