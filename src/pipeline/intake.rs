//! Intake: deliveries from the broker, no faster than the journey takes them.
//!
//! The first station, a task: one consuming lane, whose prefetch bounds what is inside. It stops
//! taking when somebody says why (no room on the disk, too many outcomes unpublished, a clock that
//! jumped) and goes on when all reasons are gone; nothing is given back to the broker for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use super::observe::Observer;
use super::parcel::Arrived;
use super::stations::{Faults, StationFault};
use crate::broker::{ConsumerCommand, ConsumerEvent, Delivery};
use crate::journal::Room;
use crate::ring::Producer;
use crate::telemetry::Health;

/// How many deliveries of the open channel came and were acknowledged.
#[derive(Debug, Default)]
pub struct Unacknowledged {
    /// Deliveries of the channel.
    pub delivered: AtomicU64,
    /// Of these acknowledged.
    pub acknowledged: AtomicU64,
}

impl Unacknowledged {
    /// How many are not acknowledged yet.
    pub fn count(&self) -> u64 {
        let delivered = self.delivered.load(Ordering::Relaxed);
        delivered.saturating_sub(self.acknowledged.load(Ordering::Relaxed))
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
    pub fn opened(&self) {
        self.unacknowledged.delivered.store(0, Ordering::Relaxed);
        self.unacknowledged.acknowledged.store(0, Ordering::Relaxed);
    }

    /// A delivery came.
    pub fn arrived(&self, delivery: Delivery) -> Arrived {
        self.observer.arrived(&delivery);
        self.unacknowledged
            .delivered
            .store(delivery.tag, Ordering::Relaxed);
        let received = self.observer.clock().elapsed();
        Arrived { delivery, received }
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
}

impl Intake {
    /// Run until everything that was prefetched at the stop has been handed on.
    pub async fn run(mut self) {
        let mut stopping = false;
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
                event = self.events.recv() => match event {
                    None => return,
                    Some(event) => if !self.event(event).await { return; },
                }
            }
        }
    }

    /// Pause or go on, as the gate says.
    async fn turn(&mut self) {
        let reason = self.gate.borrow_and_update().clone();
        let part = format!("p{}.intake", self.partition);
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
                let arrived = self.arrivals.arrived(delivery);
                self.arrived.push_async(arrived).await.is_ok()
            }
            ConsumerEvent::Opened { .. } => {
                self.arrivals.opened();
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
}
