//! Intake: deliveries from the broker, no faster than the journey takes them.
//!
//! The first station, a task: one consuming lane, whose prefetch bounds what is inside. It stops
//! taking when somebody says why (no room on the disk, too many outcomes unpublished, a clock that
//! jumped) and goes on when all reasons are gone; nothing is given back to the broker for that.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::observe::Observer;
use super::parcel::Arrived;
use super::stations::{Faults, StationFault};
use crate::broker::{ConsumerCommand, ConsumerEvent, Delivery, Epoch};
use crate::journal::Room;
use crate::ring::Producer;
use crate::telemetry::Health;

/// Events taken from the lane at once; between two takes the gate and the stop have their say.
const EVENTS_MAX: usize = 128;

/// The deliveries of the open channel that are not acknowledged yet, for whoever looks from
/// outside.
///
/// Kept by tag and under a lock of its own: intake writes at one end, the outlet at the other, a
/// scrape looks now and then. Nothing decides by it.
#[derive(Debug, Default)]
pub struct Unacknowledged(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    epoch: Epoch,
    /// Tag and time of receipt, oldest first. Bounded by the prefetch.
    deliveries: VecDeque<(u64, Duration)>,
}

impl Unacknowledged {
    /// A delivery arrived. The first one of a new channel makes those of the old one forgotten: the
    /// broker delivers them again.
    pub fn delivered(&self, epoch: Epoch, tag: u64, received: Duration) {
        let mut inside = self.inside();
        inside.reopen(epoch);
        inside.deliveries.push_back((tag, received));
    }

    /// A channel was opened.
    pub fn opened(&self, epoch: Epoch) {
        self.inside().reopen(epoch);
    }

    /// Everything up to a tag was acknowledged.
    pub fn acknowledged(&self, epoch: Epoch, tag: u64) {
        let mut inside = self.inside();
        if inside.epoch == epoch {
            let done = inside
                .deliveries
                .partition_point(|(known, _)| *known <= tag);
            inside.deliveries.drain(..done);
        }
    }

    /// How many are not acknowledged, and when the oldest of them was received.
    pub fn look(&self) -> (u64, Option<Duration>) {
        let inside = self.inside();
        let count = u64::try_from(inside.deliveries.len()).unwrap_or(u64::MAX);
        (
            count,
            inside.deliveries.front().map(|(_, received)| *received),
        )
    }

    /// A panic while the list was held leaves a list that is still good to look at.
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn reopen(&mut self, epoch: Epoch) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.deliveries.clear();
        }
    }
}

/// Deliveries as they come in, counted.
#[derive(Clone)]
pub struct Arrivals {
    observer: Observer,
    unacknowledged: Arc<Unacknowledged>,
}

impl Arrivals {
    /// Count for metrics and for the outlet.
    pub fn new(observer: Observer, unacknowledged: Arc<Unacknowledged>) -> Self {
        Self {
            observer,
            unacknowledged,
        }
    }

    /// A new channel counts from zero.
    pub fn opened(&self, epoch: Epoch) {
        self.unacknowledged.opened(epoch);
    }

    /// A delivery came.
    pub fn arrived(&self, delivery: Arc<Delivery>) -> Arrived {
        self.observer.arrived(&delivery);
        let received = self.observer.clock().elapsed();
        self.unacknowledged
            .delivered(delivery.epoch, delivery.tag, received);
        Arrived {
            delivery,
            received,
            alone: false,
        }
    }
}

/// Why no more may be taken: the first reason that the disk, the outbox or the daemon has.
pub fn reason_to_pause(
    room: &Room,
    backlog: Option<&String>,
    hold: Option<&String>,
) -> Option<String> {
    let crowded = match room {
        Room::Exhausted { reason } => Some(reason),
        Room::Enough => None,
    };
    crowded.or(backlog).or(hold).cloned()
}

/// Why intake should not take more; none if it may.
pub type Gate = watch::Receiver<Option<String>>;

/// What readiness calls the gate. It is not the connection, which may come back while the gate is
/// closed.
pub(super) fn gate_part(partition: u16) -> String {
    format!("p{partition}.gate")
}

/// The station.
pub struct Intake {
    /// What the lane reports.
    pub events: tokio::sync::mpsc::Receiver<ConsumerEvent>,
    /// What the lane obeys.
    pub commands: tokio::sync::mpsc::Sender<ConsumerCommand>,
    /// The first ring.
    pub arrived: Producer<Arrived>,
    /// Reasons not to take more.
    pub gate: Gate,
    /// Turns true when the daemon stops.
    pub stop: watch::Receiver<bool>,
    /// Counts what comes.
    pub arrivals: Arrivals,
    /// For readiness and status.
    pub health: Arc<Health>,
    /// The partition.
    pub partition: u16,
    /// Where faults are reported.
    pub faults: Faults,
    /// So many messages are still to go alone; see [`alone`](super::alone).
    pub alone: u64,
}

impl Intake {
    /// Run until everything that was prefetched at the stop has been handed on.
    pub async fn run(mut self) {
        let mut stopping = false;
        let mut events = Vec::with_capacity(EVENTS_MAX);
        if self.gate.borrow().is_some() {
            self.turn().await;
        }
        loop {
            tokio::select! {
                biased;
                changed = self.stop.changed(), if !stopping => {
                    stopping = changed.is_err() || *self.stop.borrow();
                    if stopping && self.commands.send(ConsumerCommand::Drain).await.is_err() {
                        return;
                    }
                }
                changed = self.gate.changed(), if !stopping => {
                    if changed.is_ok() {
                        self.turn().await;
                    }
                }
                count = self.events.recv_many(&mut events, EVENTS_MAX) => {
                    if count == 0 {
                        return;
                    }
                    for event in events.drain(..) {
                        if !self.event(event).await {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Pause or go on, as the gate says.
    async fn turn(&mut self) {
        let reason = self.gate.borrow_and_update().clone();
        let part = gate_part(self.partition);
        let command = if let Some(reason) = reason {
            tracing::warn!(partition = self.partition, reason, "intake paused");
            self.health.not_ready(part, reason);
            ConsumerCommand::Pause
        } else {
            tracing::info!(partition = self.partition, "intake goes on");
            self.health.ready(&part);
            ConsumerCommand::Resume
        };
        // A lane that has ended reports that by its events.
        let _lane_ended = self.commands.send(command).await;
    }

    /// Handle one event; false if there will be no more deliveries.
    async fn event(&mut self, event: ConsumerEvent) -> bool {
        match event {
            ConsumerEvent::Delivery(delivery) => {
                let mut arrived = self.arrivals.arrived(delivery);
                arrived.alone = self.goes_alone().await;
                self.arrived.push_async(arrived).await.is_ok()
            }
            ConsumerEvent::Opened { epoch } => {
                self.arrivals.opened(epoch);
                true
            }
            // What the lane's status says of it is shown by `lanes.rs`.
            ConsumerEvent::Closed { .. } => true,
            ConsumerEvent::Drained => false,
            ConsumerEvent::Refused { fault } => {
                // Somebody else may have reported first; one reason to stop is enough.
                drop(self.faults.try_send(StationFault::Broker(fault)));
                false
            }
        }
    }

    /// Whether the next message goes alone. The last one of the window turns the lane back to
    /// normal; what was before it is settled, or it would not have come.
    async fn goes_alone(&mut self) -> bool {
        let Some(left) = self.alone.checked_sub(1) else {
            return false;
        };
        self.alone = left;
        if left == 0 {
            tracing::info!(
                partition = self.partition,
                "one window of messages has gone through alone: back to normal"
            );
            if let Some(partition) = self.health.partition(self.partition) {
                partition.one_at_a_time.store(false, Relaxed);
            }
            let _lane_ended = self.commands.send(ConsumerCommand::Widen).await;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_the_first_that_is_not_acknowledged() {
        let seen = Unacknowledged::default();
        let at = Duration::from_secs;
        for tag in 1..=4 {
            seen.delivered(Epoch(1), tag, at(tag));
        }
        assert_eq!(seen.look(), (4, Some(at(1))));
        seen.acknowledged(Epoch(1), 3);
        assert_eq!(seen.look(), (1, Some(at(4))));
        seen.opened(Epoch(2));
        seen.delivered(Epoch(2), 1, at(9));
        // What comes late for the old channel touches nothing.
        seen.acknowledged(Epoch(1), 4);
        assert_eq!(seen.look(), (1, Some(at(9))));
        seen.acknowledged(Epoch(2), 1);
        assert_eq!(seen.look(), (0, None));
    }
}
