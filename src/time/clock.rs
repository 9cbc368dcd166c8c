//! The one door to the time of day.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::instant::Timestamp;

/// Says what time it is: of day, and since some fixed moment.
pub trait Clock: Send + Sync {
    /// Time of day; may jump.
    fn now(&self) -> Timestamp;
    /// Time since a fixed moment; never jumps.
    fn elapsed(&self) -> Duration;
}

/// The clock of this process: that of the machine. Tests may put another one in its place; a
/// release knows no other.
pub fn of_this_process() -> Arc<dyn Clock> {
    #[cfg(debug_assertions)]
    if let Some(clock) = super::stand_in::named() {
        return clock;
    }
    Arc::new(SystemClock::new())
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic side starts now.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one door to the time of day"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that stands until it is moved: for case files, tests and the simulator.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    now: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now: Arc::new(AtomicI64::new(now.0)),
        }
    }

    /// Show another time from now on.
    pub fn set(&self, now: Timestamp) {
        self.now.store(now.0, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.now.load(Ordering::Relaxed)).unwrap_or_default())
    }
}

/// Both sides of a clock in seconds, set apart.
#[cfg(test)]
pub(crate) struct Sides(pub(crate) std::sync::Mutex<(i64, u64)>);

#[cfg(test)]
impl Clock for Sides {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.lock().unwrap().0 * 1_000_000_000)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.lock().unwrap().1)
    }
}
