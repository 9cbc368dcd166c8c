//! What the daemon looks at from the side: ages, rings, the clock, the watchdog.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::broker::rabbit::AckCounters;
use crate::journal::History;
use crate::journal::file::disk::{Disk, OsDisk};
use crate::journal::snapshot;
use crate::notify;
use crate::pipeline::intake::Unacknowledged;
use crate::pipeline::journey::Journey;
use crate::pipeline::persist::Frontier;
use crate::ring::RingWatch;
use crate::telemetry::{Health, Metrics};
use crate::time::pace::before;
use crate::time::{Clock, Pace, Pacing, Timestamp};

/// How often the clocks are compared.
const CLOCK_PERIOD: Duration = Duration::from_secs(1);

/// One journey, as far as it can be watched.
struct Watched {
    partition: u16,
    rings: [RingWatch; 3],
    frontier: Frontier,
    unacknowledged: Arc<Unacknowledged>,
    acks: Arc<AckCounters>,
    history: History<OsDisk>,
    stale: u64,
    full_waits: [u64; 3],
}

/// Everything that is measured only when somebody looks.
#[derive(Clone, Default)]
pub struct Watches(Arc<Mutex<Vec<Watched>>>);

impl Watches {
    /// Watch a journey from now on.
    pub fn add(&self, partition: u16, journey: &Journey, history: History<OsDisk>) {
        let watched = Watched {
            partition,
            rings: journey.rings.clone(),
            frontier: journey.frontier.clone(),
            unacknowledged: Arc::clone(&journey.unacknowledged),
            acks: Arc::clone(&journey.acks),
            history,
            stale: 0,
            full_waits: [0; 3],
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
        clock: &Arc<dyn Clock>,
    ) -> Box<dyn Fn() + Send + Sync> {
        let (watches, metrics, health) = (self.clone(), Arc::clone(metrics), Arc::clone(health));
        let clock = Arc::clone(clock);
        Box::new(move || {
            let mut watched = watches.0.lock().unwrap_or_else(PoisonError::into_inner);
            for journey in watched.iter_mut() {
                journey.show(&metrics, &health, clock.elapsed());
            }
            show_files(&metrics, &watched);
        })
    }
}

/// What the files of all journals take, what can still be written, and since when every partition
/// has had a complete snapshot, whoever took it. Before a journal is open nothing is known of it.
fn show_files(metrics: &Metrics, watched: &[Watched]) {
    let journal = &metrics.journal;
    let histories = || watched.iter().map(|journey| &journey.history);
    journal
        .size_bytes
        .set(histories().map(History::size_bytes).sum());
    // The partitions stand on one disk, or the fullest one counts.
    let free = histories().filter_map(|history| history.free_bytes().ok());
    if let Some(free) = free.min() {
        journal.free_bytes.set(free);
    }
    // The partition that has waited longest; one without a snapshot has waited for ever.
    let taken = histories().map(|history| newest_snapshot(history.disk()).unwrap_or_default());
    if let Some(taken) = taken.min() {
        journal.snapshot_timestamp.set_seconds(taken);
    }
}

/// When the newest snapshot of a directory was complete, since 1970.
fn newest_snapshot(disk: &OsDisk) -> Option<Duration> {
    let newest = *snapshot::list(disk).ok()?.first()?;
    let file = disk.describe(&snapshot::file_name(newest));
    let written = std::fs::metadata(file).ok()?.modified().ok()?;
    written.duration_since(UNIX_EPOCH).ok()
}

impl Watched {
    fn show(&mut self, metrics: &Metrics, health: &Health, now: Duration) {
        let Some(partition) = metrics.partition(self.partition) else {
            return;
        };
        let (unacknowledged, oldest) = self.unacknowledged.look();
        partition.unacked.set(unacknowledged);
        let age = oldest.map(|received| now.saturating_sub(received));
        partition
            .oldest_unacked
            .set_seconds(age.unwrap_or_default());
        let stale = self.acks.stale.load(Ordering::Relaxed);
        metrics
            .stations
            .stale_acknowledgements
            .increment(stale.saturating_sub(self.stale));
        self.stale = stale;
        let durable = self.frontier.position().0;
        partition.durable_sequence.set(durable);
        if let Some(shown) = health.partition(self.partition) {
            shown.unacked.store(unacknowledged, Ordering::Relaxed);
            shown.position.store(durable, Ordering::Relaxed);
        }
        let handles = self.rings.iter().zip(&partition.rings);
        for ((ring, handle), seen) in handles.zip(&mut self.full_waits) {
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
    pace: Pace,
    jump_max: Duration,
}

impl ClockWatch {
    /// Compare with the clocks as they are now, or, if they stand before the last record, as they
    /// are when they have been corrected.
    pub fn new(clock: &dyn Clock, jump_max: Duration, recorded_at: Timestamp) -> Self {
        Self {
            pace: Pace::start(clock, jump_max, recorded_at),
            jump_max,
        }
    }

    /// Why nothing should be recorded now, if the wall clock has run away from the monotonic one.
    pub fn look(&mut self, clock: &dyn Clock) -> Option<String> {
        match self.pace.look(clock) {
            Pacing::Together | Pacing::Early => None,
            Pacing::Jumped(apart) => Some(format!(
                "the clock of the machine jumped by {} s; correct it or restart",
                apart.as_secs()
            )),
        }
    }
}

/// Why nothing may be taken at a time that lies so long before what was recorded last: an entry
/// would get a time, and perhaps a day, that are not its own.
pub fn behind(now: Timestamp, recorded_at: Timestamp, jump_max: Duration) -> Option<String> {
    before(now, recorded_at, jump_max).map(|by| {
        format!(
            "the clock of the machine stands {} s before the last record, {recorded_at}; \
             correct it",
            by.as_secs()
        )
    })
}

/// Hold intake while the wall clock may not be believed.
pub async fn clock(
    clock: Arc<dyn Clock>,
    mut watch: ClockWatch,
    holds: Vec<(watch::Sender<Option<String>>, Timestamp)>,
) {
    loop {
        tokio::time::sleep(CLOCK_PERIOD).await;
        let jumped = watch.look(&*clock);
        for (hold, recorded_at) in &holds {
            let behind = || behind(clock.now(), *recorded_at, watch.jump_max);
            let reason = jumped.clone().or_else(behind);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_before_the_last_record_holds_intake() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let recorded = at("2027-01-01T12:00:00Z");
        let held = |now| behind(at(now), recorded, Duration::from_secs(60));
        assert_eq!(held("2027-01-01T11:59:00Z"), None);
        assert_eq!(held("2027-01-01T12:30:00Z"), None);
        let reason = held("2027-01-01T11:58:59Z").unwrap();
        assert!(reason.contains("61 s before the last record"), "{reason}");
    }
}
