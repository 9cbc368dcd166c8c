//! What the lanes say of themselves, to readiness, status and metrics.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use super::observe::Observer;
use crate::broker::LaneStatus;
use crate::telemetry::Health;
use crate::telemetry::metrics::Connection;

/// Which lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Consumes jobs.
    Intake,
    /// Publishes outcomes, replies and dead letters.
    Publish,
}

impl Role {
    fn text(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Publish => "publish",
        }
    }
}

/// Follow a lane's status until the lane ends.
pub async fn follow(
    role: Role,
    partition: u16,
    mut status: watch::Receiver<LaneStatus>,
    observer: Observer,
    health: Arc<Health>,
) {
    let mut known = LaneStatus::default();
    show(role, partition, &known, &known, &observer, &health);
    while status.changed().await.is_ok() {
        let now = status.borrow_and_update().clone();
        show(role, partition, &known, &now, &observer, &health);
        known = now;
    }
    show(
        role,
        partition,
        &known,
        &LaneStatus::default(),
        &observer,
        &health,
    );
}

fn show(
    role: Role,
    partition: u16,
    before: &LaneStatus,
    now: &LaneStatus,
    observer: &Observer,
    health: &Health,
) {
    let metrics = observer.metrics();
    let shown: &Connection = match role {
        Role::Intake => &metrics.intake,
        Role::Publish => &metrics.publish,
    };
    match (before.connected, now.connected) {
        (false, true) => shown.connected.add(1),
        (true, false) => shown.connected.subtract(1),
        (true, true) | (false, false) => {}
    }
    match (before.blocked.is_some(), now.blocked.is_some()) {
        (false, true) => shown.blocked.add(1),
        (true, false) => shown.blocked.subtract(1),
        (true, true) | (false, false) => {}
    }
    shown
        .reconnects
        .increment(now.reconnects.saturating_sub(before.reconnects));
    let part = format!("p{partition}.{}", role.text());
    if now.connected {
        health.ready(&part);
    } else {
        health.not_ready(
            part,
            format!("the {} connection to the broker is down", role.text()),
        );
    }
    let Some(shown) = health.partition(partition) else {
        return;
    };
    let link = match role {
        Role::Intake => &shown.intake,
        Role::Publish => &shown.publish,
    };
    link.connected.store(now.connected, Ordering::Relaxed);
    link.blocked.store(now.blocked.is_some(), Ordering::Relaxed);
    if now.connected != before.connected {
        tracing::info!(
            partition,
            role = role.text(),
            connected = now.connected,
            "broker connection"
        );
    }
    if let Some(reason) = now.blocked.as_ref().filter(|_| before.blocked.is_none()) {
        tracing::warn!(
            partition,
            role = role.text(),
            reason,
            "the broker does not read what we publish"
        );
    }
    if let Some(fault) = now.fault.as_ref().filter(|_| before.fault != now.fault) {
        tracing::warn!(partition, role = role.text(), %fault, "broker fault");
        shown.error(observer.clock().now(), fault.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rig::observer;
    use crate::pipeline::intake::gate_part;

    #[test]
    fn a_connection_that_is_up_does_not_speak_for_a_closed_gate() {
        let health = Health::new("test", &[0]);
        health.ready("start");
        health.not_ready(gate_part(0), "no room");
        let (down, up) = (
            LaneStatus::default(),
            LaneStatus {
                connected: true,
                ..LaneStatus::default()
            },
        );
        let said = |before, now| {
            show(Role::Intake, 0, before, now, &observer(), &health);
            health.reasons()
        };
        assert_eq!(said(&up, &down).len(), 2);
        assert_eq!(said(&down, &up), ["p0.gate: no room"]);
    }
}
