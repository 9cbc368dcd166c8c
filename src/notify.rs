//! What systemd is told: ready, status, watchdog, more time, stopping.
//!
//! Without a service manager every call does nothing. A message that cannot be sent is a warning
//! and nothing more: the work goes on, and systemd draws its own conclusion. The watchdog is fed
//! only by [`watch`], and only while somebody vouches that the stations move or wait.

use std::future::Future;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// How much more time one sign of progress buys. Long enough for a slow disk to show the next.
const EXTENSION: Duration = Duration::from_mins(1);
/// How often progress is told at most.
const EXTENSION_PAUSE: Duration = Duration::from_secs(1);

/// Recovery is done and jobs are taken.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// One line for `systemctl status`.
pub fn status(status: &str) {
    send(&[NotifyState::Status(status)]);
}

/// The configuration is being read again; [`ready`] ends it.
pub fn reloading() {
    // systemd 253 and later want the time as well; earlier ones ignore it.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(_) => send(&[NotifyState::Reloading]),
    }
}

/// No more jobs are taken; what was taken is being finished.
pub fn stopping(status: &str) {
    send(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// Asks for more time during replay and drain, as long as there is progress.
#[derive(Debug, Default)]
pub struct Extension {
    told: Option<Instant>,
}

impl Extension {
    /// There was progress, of which the status tells. Call it as often as you like.
    pub fn progress(&mut self, now: Instant, status: impl FnOnce() -> String) {
        let recent = |told| now.saturating_duration_since(told) < EXTENSION_PAUSE;
        if self.told.is_some_and(recent) {
            return;
        }
        self.told = Some(now);
        let micros = u32::try_from(EXTENSION.as_micros()).unwrap_or(u32::MAX);
        send(&[
            NotifyState::ExtendTimeoutUsec(micros),
            NotifyState::Status(&status()),
        ]);
    }
}

/// The watchdog's period, if systemd watches this process.
pub fn watchdog_period() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|period| !period.is_zero())
}

/// How long a station may stand still before the watchdog is no longer fed.
pub fn patience(period: Duration) -> Duration {
    period.checked_div(2).unwrap_or(period)
}

/// Feed the watchdog four times per period while `stuck` names nobody. It is given the time and the
/// patience. Ends only when dropped: the last thing to stop, so that a drain that hangs is noticed.
pub async fn watch<Stations>(period: Duration, stuck: Stations)
where
    Stations: Fn(Instant, Duration) -> Vec<String>,
{
    watch_with(period, stuck, tokio::time::sleep).await;
}

async fn watch_with<Stations, Pause, Paused>(period: Duration, stuck: Stations, pause: Pause)
where
    Stations: Fn(Instant, Duration) -> Vec<String>,
    Pause: Fn(Duration) -> Paused,
    Paused: Future<Output = ()>,
{
    let mut quiet = true;
    loop {
        let names = stuck(Instant::now(), patience(period));
        if names.is_empty() {
            send(&[NotifyState::Watchdog]);
        } else if quiet {
            let stations = names.join(", ");
            tracing::error!(stations, "no progress; the watchdog is not fed any more");
        }
        quiet = names.is_empty();
        pause(period.checked_div(4).unwrap_or(period)).await;
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod units;
