//! What the daemon looks at from the side: ages, rings, the clock, the watchdog.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::notify;
use crate::pipeline::intake::Unacknowledged;
use crate::pipeline::journey::Journey;
use crate::pipeline::persist::Frontier;
use crate::ring::RingWatch;
use crate::telemetry::{Health, Metrics};
use crate::time::{Clock, Timestamp};

/// How often the clocks are compared.
const CLOCK_PERIOD: Duration = Duration::from_secs(1);

/// One journey, as far as it can be watched.
struct Watched {
    partition: u16,
    rings: [RingWatch; 3],
    frontier: Frontier,
    unacknowledged: Arc<Unacknowledged>,
    full_waits: [u64; 2],
}

/// Everything that is measured only when somebody looks.
#[derive(Clone, Default)]
pub struct Watches(Arc<Mutex<Vec<Watched>>>);

impl Watches {
    /// Watch a journey from now on.
    pub fn add(&self, partition: u16, journey: &Journey) {
        let watched = Watched {
            partition,
            rings: journey.rings.clone(),
            frontier: journey.frontier.clone(),
            unacknowledged: Arc::clone(&journey.unacknowledged),
            full_waits: [0; 2],
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(watched);
    }

    /// What runs before a scrape.
    pub fn before_scrape(
        &self,
        metrics: &Arc<Metrics>,
        health: &Arc<Health>,
    ) -> Box<dyn Fn() + Send + Sync> {
        let (watches, metrics, health) = (self.clone(), Arc::clone(metrics), Arc::clone(health));
        Box::new(move || {
            let mut watched = watches.0.lock().unwrap_or_else(PoisonError::into_inner);
            for journey in watched.iter_mut() {
                journey.show(&metrics, &health);
            }
        })
    }
}

impl Watched {
    fn show(&mut self, metrics: &Metrics, health: &Health) {
        let Some(partition) = metrics.partition(self.partition) else {
            return;
        };
        let unacknowledged = self.unacknowledged.count();
        partition.unacked.set(unacknowledged);
        if let Some(shown) = health.partition(self.partition) {
            shown.unacked.store(unacknowledged, Ordering::Relaxed);
            shown
                .position
                .store(self.frontier.position().0, Ordering::Relaxed);
        }
        let [_, post, persist] = &self.rings;
        let handles = [&partition.ring_post, &partition.ring_persist];
        for ((ring, handle), seen) in [post, persist]
            .into_iter()
            .zip(handles)
            .zip(&mut self.full_waits)
        {
            let sample = ring.sample();
            handle.occupancy.set_ratio(sample.occupied, sample.capacity);
            handle
                .full_waits
                .increment(sample.full_waits.saturating_sub(*seen));
            *seen = sample.full_waits;
        }
    }
}

/// Tells when the wall clock may not be believed.
#[derive(Clone, Copy, Debug)]
pub struct ClockWatch {
    wall: Timestamp,
    steady: Duration,
    jump_max: Duration,
}

impl ClockWatch {
    /// Compare with the clocks as they are now.
    pub fn new(clock: &dyn Clock, jump_max: Duration) -> Self {
        Self {
            wall: clock.now(),
            steady: clock.elapsed(),
            jump_max,
        }
    }

    /// Why nothing should be recorded now, if the wall clock has run away from the monotonic one.
    pub fn look(&self, clock: &dyn Clock) -> Option<String> {
        let walked = i128::from(clock.now().0) - i128::from(self.wall.0);
        let passed = clock.elapsed().saturating_sub(self.steady);
        let passed = i128::try_from(passed.as_nanos()).unwrap_or(i128::MAX);
        let apart = Duration::from_nanos(
            u64::try_from(walked.saturating_sub(passed).unsigned_abs()).unwrap_or(u64::MAX),
        );
        (apart > self.jump_max).then(|| {
            format!(
                "the clock of the machine jumped by {} s; correct it or restart",
                apart.as_secs()
            )
        })
    }
}

/// Hold intake while the wall clock may not be believed.
pub async fn clock(
    clock: Arc<dyn Clock>,
    watch: ClockWatch,
    holds: Vec<watch::Sender<Option<String>>>,
) {
    loop {
        tokio::time::sleep(CLOCK_PERIOD).await;
        let reason = watch.look(&*clock);
        for hold in &holds {
            hold.send_if_modified(|known| {
                let changed = known.is_some() != reason.is_some();
                if changed {
                    known.clone_from(&reason);
                }
                changed
            });
        }
    }
}

/// Feed systemd's watchdog, if it watches us, while the stations make progress.
pub fn watchdog(health: &Arc<Health>) -> Option<JoinHandle<()>> {
    let period = notify::watchdog_period()?;
    let health = Arc::clone(health);
    let stuck = move |now: Instant, patience: Duration| {
        health
            .stuck(now, patience)
            .into_iter()
            .map(|stuck| stuck.station)
            .collect()
    };
    Some(tokio::spawn(notify::watch(period, stuck)))
}
