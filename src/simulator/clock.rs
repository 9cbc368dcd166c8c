//! Clocks that stand until they are moved, the time of day apart from the time that passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::time::{Clock, Timestamp};

/// 2027-03-01T08:00:00Z, where every simulation begins.
const BEGIN: i64 = 1_803_888_000_000_000_000;

/// The clocks of a simulated machine.
#[derive(Clone, Debug)]
pub struct SimulatedClock {
    wall: Arc<AtomicI64>,
    steady: Arc<AtomicU64>,
}

impl Default for SimulatedClock {
    fn default() -> Self {
        Self {
            wall: Arc::new(AtomicI64::new(BEGIN)),
            steady: Arc::new(AtomicU64::new(0)),
        }
    }
}

impl SimulatedClock {
    /// Clocks that show the same now and go their own way.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self {
            wall: Arc::new(AtomicI64::new(self.wall.load(Ordering::Relaxed))),
            steady: Arc::new(AtomicU64::new(self.steady.load(Ordering::Relaxed))),
        }
    }

    /// Time passes, on both clocks.
    pub fn pass(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.steady.fetch_add(nanos, Ordering::Relaxed);
        self.jump(i64::try_from(nanos).unwrap_or(i64::MAX));
    }

    /// Somebody changes the time of day by so many nanoseconds.
    pub fn jump(&self, nanos: i64) {
        self.wall.fetch_add(nanos, Ordering::Relaxed);
    }

    /// How far the time of day is from where it would be without jumps.
    pub fn off_by(&self) -> i64 {
        let steady = i64::try_from(self.steady.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        self.now().0.saturating_sub(BEGIN).saturating_sub(steady)
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.steady.load(Ordering::Relaxed))
    }
}
