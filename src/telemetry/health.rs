//! Whether kontor lives, whether it is ready, and how its partitions stand.
//!
//! *Alive* is shown, not said: each station has a counter that it moves when it gets something done
//! and a flag that says it waits with nothing to do. A station that neither moves nor waits is
//! stuck, and so is one whose pulse was dropped without being retired. *Ready* is the absence of
//! reasons against it. The clock is an argument everywhere.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::time::Timestamp;
use serde_json::{Value, json};

/// What this process is for its state directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// It makes itself ready.
    #[default]
    Starting,
    /// It waits for another process to end, and takes over then.
    Standby,
    /// It takes jobs and writes.
    Active,
    /// It finishes what it took.
    Stopping,
}

impl Role {
    /// As `/status` says it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Standby => "standby",
            Self::Active => "active",
            Self::Stopping => "stopping",
        }
    }
}

/// The shared state behind `/livez`, `/readyz`, `/status` and the watchdog.
#[derive(Debug)]
pub struct Health {
    version: &'static str,
    role: Mutex<Role>,
    stations: Mutex<Vec<Watched>>,
    against: Mutex<BTreeMap<String, String>>,
    journal_id: Mutex<Option<String>>,
    partitions: BTreeMap<u16, PartitionHealth>,
}

/// A station's own end of its heartbeat.
#[derive(Debug)]
pub struct Pulse {
    beat: Arc<Beat>,
}

#[derive(Debug, Default)]
struct Beat {
    progress: AtomicU64,
    idle: AtomicBool,
    retired: AtomicBool,
    lost: AtomicBool,
}

#[derive(Debug)]
struct Watched {
    station: String,
    beat: Arc<Beat>,
    progress: u64,
    /// When the progress was last seen to differ.
    since: Option<Instant>,
}

/// A station that does not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// Its name.
    pub station: String,
    /// For how long it has not moved; none if it is gone.
    pub still: Option<Duration>,
}

/// One partition as `/status` shows it.
#[derive(Debug, Default)]
pub struct PartitionHealth {
    /// Position of the last durable record.
    pub position: AtomicU64,
    /// Deliveries taken and not yet acknowledged.
    pub unacked: AtomicU64,
    /// Messages go one at a time, because a job may be what felled the process.
    pub one_at_a_time: AtomicBool,
    /// The connection that jobs come in on.
    pub intake: Link,
    /// The connection that outcomes leave on.
    pub publish: Link,
    last_error: Mutex<Option<(Timestamp, String)>>,
}

/// One connection to the broker.
#[derive(Debug, Default)]
pub struct Link {
    /// It is up.
    pub connected: AtomicBool,
    /// The broker has blocked it.
    pub blocked: AtomicBool,
}

impl Pulse {
    /// Something got done.
    pub fn beat(&self) {
        self.beat.progress.fetch_add(1, Relaxed);
    }

    /// Nothing to do: about to wait for work. Also a wait for room in the next ring counts as work,
    /// not as this.
    pub fn idle(&self) {
        self.beat.idle.store(true, Relaxed);
    }

    /// Work has come. It counts as progress, so that a long rest is not held against the station.
    pub fn busy(&self) {
        self.beat();
        self.beat.idle.store(false, Relaxed);
    }

    /// The station has ended as it should.
    pub fn retire(self) {
        self.beat.retired.store(true, Relaxed);
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        if !self.beat.retired.load(Relaxed) {
            self.beat.lost.store(true, Relaxed);
        }
    }
}

impl PartitionHealth {
    /// Keep what went wrong last, for `/status`.
    pub fn error(&self, at: Timestamp, message: impl Into<String>) {
        *guard(&self.last_error) = Some((at, message.into()));
    }

    fn to_json(&self, number: u16) -> Value {
        let link = |link: &Link| {
            json!({
                "connected": link.connected.load(Relaxed),
                "blocked": link.blocked.load(Relaxed),
            })
        };
        let both = self.intake.connected.load(Relaxed) && self.publish.connected.load(Relaxed);
        let either = self.intake.blocked.load(Relaxed) || self.publish.blocked.load(Relaxed);
        let last_error = guard(&self.last_error);
        let error = last_error.as_ref();
        let error = error.map(|(at, message)| json!({ "at": at.to_string(), "message": message }));
        json!({
            "partition": number,
            "position": self.position.load(Relaxed),
            "unacked": self.unacked.load(Relaxed),
            "one_at_a_time": self.one_at_a_time.load(Relaxed),
            "connected": both,
            "blocked": either,
            "connections": { "intake": link(&self.intake), "publish": link(&self.publish) },
            "last_error": error,
        })
    }
}

impl Health {
    /// Of a daemon that has just started: not ready, no stations.
    pub fn new(version: &'static str, partitions: &[u16]) -> Self {
        let against = BTreeMap::from([("start".to_owned(), "starting".to_owned())]);
        Self {
            version,
            role: Mutex::default(),
            stations: Mutex::default(),
            against: Mutex::new(against),
            journal_id: Mutex::default(),
            partitions: partitions
                .iter()
                .map(|n| (*n, PartitionHealth::default()))
                .collect(),
        }
    }

    /// Watch one more station. It counts as busy.
    pub fn station(&self, name: impl Into<String>) -> Pulse {
        let beat = Arc::new(Beat::default());
        let watched = Watched {
            station: name.into(),
            beat: Arc::clone(&beat),
            progress: 0,
            since: None,
        };
        guard(&self.stations).push(watched);
        Pulse { beat }
    }

    /// The stations that have not moved for longer than `patience`, or are gone.
    pub fn stuck(&self, now: Instant, patience: Duration) -> Vec<Stuck> {
        let mut stations = guard(&self.stations);
        stations.retain(|watched| !watched.beat.retired.load(Relaxed));
        stations
            .iter_mut()
            .filter_map(|watched| watched.judge(now, patience))
            .collect()
    }

    /// There is a reason not to be ready. `part` names who says so and can take it back.
    pub fn not_ready(&self, part: impl Into<String>, reason: impl Into<String>) {
        guard(&self.against).insert(part.into(), reason.into());
    }

    /// `part` has nothing against it any more. `start` is the part that is there from the
    /// beginning.
    pub fn ready(&self, part: &str) {
        guard(&self.against).remove(part);
    }

    /// All reasons against being ready, one line each; none means ready.
    pub fn reasons(&self) -> Vec<String> {
        guard(&self.against)
            .iter()
            .map(|(part, reason)| format!("{part}: {reason}"))
            .collect()
    }

    /// Say what this process is for its state directory.
    pub fn set_role(&self, role: Role) {
        *guard(&self.role) = role;
    }

    /// What it is.
    pub fn role(&self) -> Role {
        *guard(&self.role)
    }

    /// Tell which journal this process writes.
    pub fn set_journal_id(&self, id: impl Into<String>) {
        *guard(&self.journal_id) = Some(id.into());
    }

    /// A partition that was named at the start.
    pub fn partition(&self, number: u16) -> Option<&PartitionHealth> {
        self.partitions.get(&number)
    }

    /// The body of `/status`.
    pub fn status(&self) -> Value {
        let reasons = self.reasons();
        let partitions = self
            .partitions
            .iter()
            .map(|(n, partition)| partition.to_json(*n));
        json!({
            "version": self.version,
            "role": self.role().text(),
            "journal_id": *guard(&self.journal_id),
            "ready": reasons.is_empty(),
            "reasons": reasons,
            "partitions": partitions.collect::<Vec<_>>(),
        })
    }
}

impl Watched {
    fn judge(&mut self, now: Instant, patience: Duration) -> Option<Stuck> {
        let station = || self.station.clone();
        if self.beat.lost.load(Relaxed) {
            return Some(Stuck {
                station: station(),
                still: None,
            });
        }
        // The flag first: if work comes between the two reads, progress is seen to have moved.
        let idle = self.beat.idle.load(Relaxed);
        let progress = self.beat.progress.load(Relaxed);
        if idle || progress != self.progress || self.since.is_none() {
            self.progress = progress;
            self.since = Some(now);
            return None;
        }
        let still = now.saturating_duration_since(self.since?);
        (still > patience).then(|| Stuck {
            station: station(),
            still: Some(still),
        })
    }
}

/// What these mutexes hold is replaced whole, so a panic elsewhere leaves nothing half done.
fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn stuck(health: &Health, start: Instant, seconds: u64) -> Vec<String> {
        let found = health.stuck(start + Duration::from_secs(seconds), PATIENCE);
        found.into_iter().map(|stuck| stuck.station).collect()
    }

    #[test]
    fn a_station_that_moves_or_waits_is_alive() {
        let (health, start) = (Health::new("1", &[]), Instant::now());
        let (post, persist) = (health.station("post"), health.station("persist"));
        for seconds in (0..100).step_by(8) {
            post.beat();
            persist.idle();
            assert!(stuck(&health, start, seconds).is_empty());
        }
    }

    #[test]
    fn a_station_that_does_neither_is_stuck_after_a_while() {
        let (health, start) = (Health::new("1", &[]), Instant::now());
        let pulse = health.station("persist");
        pulse.busy();
        assert!(stuck(&health, start, 0).is_empty());
        assert!(stuck(&health, start, 10).is_empty());
        assert_eq!(stuck(&health, start, 11), ["persist"]);
        pulse.beat();
        assert!(stuck(&health, start, 12).is_empty());
    }

    #[test]
    fn a_rest_is_not_held_against_the_work_after_it() {
        let (health, start) = (Health::new("1", &[]), Instant::now());
        let pulse = health.station("post");
        pulse.idle();
        assert!(stuck(&health, start, 0).is_empty());
        // Nobody asks for an hour; then work has just begun.
        pulse.busy();
        assert!(stuck(&health, start, 3_600).is_empty());
        assert_eq!(stuck(&health, start, 3_611), ["post"]);
    }

    #[test]
    fn a_lost_station_is_stuck_and_a_retired_one_is_not() {
        let (health, start) = (Health::new("1", &[]), Instant::now());
        let (lost, retired) = (health.station("lost"), health.station("retired"));
        lost.idle();
        drop(lost);
        retired.retire();
        assert_eq!(stuck(&health, start, 0), ["lost"]);
    }

    #[test]
    fn readiness_is_the_absence_of_reasons() {
        let health = Health::new("1", &[]);
        assert_eq!(health.reasons(), ["start: starting"]);
        health.not_ready("p0.broker", "no connection: refused");
        health.ready("start");
        assert_eq!(health.reasons(), ["p0.broker: no connection: refused"]);
        health.ready("p0.broker");
        assert_eq!(health.status()["ready"], true);
    }

    #[test]
    fn the_status_names_each_partition() {
        let health = Health::new("1.2.3", &[0, 3]);
        health.set_journal_id("7f3a");
        let partition = health.partition(3).unwrap();
        partition.position.store(42, Relaxed);
        partition.unacked.store(7, Relaxed);
        partition.intake.connected.store(true, Relaxed);
        partition.publish.blocked.store(true, Relaxed);
        let at = Timestamp::parse("2026-11-24T09:00:00Z").unwrap();
        partition.error(at, "publish: channel closed");
        let status = health.status();
        assert_eq!(status["journal_id"], "7f3a");
        assert_eq!(status["partitions"][0]["last_error"], Value::Null);
        let shown = &status["partitions"][1];
        assert_eq!(
            (&shown["partition"], &shown["position"]),
            (&json!(3), &json!(42))
        );
        assert_eq!(
            (&shown["connected"], &shown["blocked"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(shown["connections"]["intake"]["connected"], true);
        assert_eq!(shown["last_error"]["at"], "2026-11-24T09:00:00.000000000Z");
        partition.publish.connected.store(true, Relaxed);
        assert_eq!(health.status()["partitions"][1]["connected"], true);
    }
}
