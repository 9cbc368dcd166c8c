//! What a daemon takes that has nothing to do.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::sleep;

use super::daemon::Daemon;

/// After its start it has things to do for a moment.
const SETTLE: Duration = Duration::from_secs(3);
/// How long it is watched.
const WATCHED: Duration = Duration::from_secs(10);

/// Hundredths of a percent of one core.
pub(crate) async fn share(daemon: &Daemon) -> Result<u64> {
    let running = daemon.start("each").await?;
    sleep(SETTLE).await;
    let (before, began) = (on_processor(running.process())?, Instant::now());
    sleep(WATCHED).await;
    let spent = on_processor(running.process())?.saturating_sub(before);
    let nanos = began.elapsed().as_nanos().max(1);
    running.stop().await?;
    Ok(u64::try_from(
        spent.as_nanos().saturating_mul(10_000).div_euclid(nanos),
    )?)
}

/// Time of all threads of a process on a processor, to the nanosecond.
fn on_processor(process: u32) -> Result<Duration> {
    let mut nanos = 0_u64;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may have ended since; its time is lost, and was little.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        let spent = text
            .split_whitespace()
            .next()
            .context("no time of a thread")?;
        nanos = nanos.saturating_add(spent.parse::<u64>()?);
    }
    Ok(Duration::from_nanos(nanos))
}
