//! `kontor run`: the daemon.

use std::io::Write;

use anyhow::Context;
use clap::Args;

use super::{Done, Globals};
use crate::daemon::reload::Reloading;
use crate::daemon::{self, Options};
use crate::settings::{LogFormat, Settings};
use crate::telemetry::tracing::{Format, install};

/// Threads for connections, HTTP and timers; the stations have their own.
const ASYNC_THREADS: usize = 2;

/// Run the daemon: consume jobs, post them, acknowledge what is durable, publish outcomes
///
/// It checks the broker's topology first and refuses to start on a difference. SIGTERM and SIGINT finish
/// what was taken and end it; a second one does not wait. SIGHUP reads the configuration again.
#[derive(Debug, Args)]
#[command(after_help = "Example: kontor --config /etc/kontor/kontor.toml run --apply-topology")]
pub struct RunArgs {
    /// Make missing exchanges, queues and bindings before checking them
    #[arg(long)]
    apply_topology: bool,
    /// Wait for the lock of a state directory that another process holds, then go on
    #[arg(long)]
    standby: bool,
}

/// Run the command.
pub fn run(args: &RunArgs, globals: &Globals, _out: &mut impl Write) -> anyhow::Result<Done> {
    let sources = globals.sources();
    let settings = Settings::load(&sources)?;
    let format = match settings.log.format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    let log = install(settings.log.level, format).context("cannot start the log")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(ASYNC_THREADS)
        .thread_name("kontor-async")
        .enable_all()
        .build()
        .context("cannot start the asynchronous part")?;
    let options = Options {
        apply_topology: args.apply_topology,
        standby: args.standby,
    };
    let ended = runtime.block_on(daemon::run(settings, options, Reloading { sources, log }));
    // After a fault threads may still wait for each other; the process ends without them.
    runtime.shutdown_background();
    ended?;
    Ok(Done::Yes)
}
