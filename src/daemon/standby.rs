//! Standing by: a second process that takes over when the one that has the state directory ends.
//!
//! Only the lock decides who is active. A process that stands by has no connection to the broker at
//! all, so the queue goes back to the active one whenever *its* connection was the one that broke,
//! and two can never consume. An active process that stands still keeps the lock: it may come back
//! and write, and nobody may write beside it.

use std::time::Duration;

use super::stop::Stop;
use super::{DaemonFault, Process};
use crate::notify;
use crate::partition::{Claim, OpenFault, Place};
use crate::settings::Settings;
use crate::telemetry::Role;

/// How often the lock is tried: takeover is meant to take seconds, not minutes.
const LOOK: Duration = Duration::from_millis(200);
/// Who says in `/readyz` that this process stands by.
const PART: &str = "standby";

/// The partitions in the order of their claims. It is the same everywhere, so that two processes
/// with several partitions never hold one each and wait for the other.
fn in_order(settings: &Settings) -> Vec<u16> {
    let mut partitions = settings.partitions.clone();
    partitions.sort_unstable();
    partitions
}

/// Claim every partition now, or say who has one.
pub(super) fn claim_all(settings: &Settings) -> Result<Vec<Claim>, OpenFault> {
    let partitions = in_order(settings).into_iter();
    partitions
        .map(|partition| Claim::take(settings, partition))
        .collect()
}

/// Claim every partition as soon as it is free; none if the stop came first.
pub(super) async fn wait(
    process: &Process,
    stop: &mut Stop,
) -> Result<Option<Vec<Claim>>, DaemonFault> {
    let mut claims = Vec::new();
    let mut waited = false;
    for partition in in_order(&process.settings) {
        let place = Place::of(&process.settings, partition)?;
        let mut holder = String::new();
        loop {
            match place.claim() {
                Ok(claim) => {
                    claims.push(claim);
                    break;
                }
                Err(OpenFault::Locked(held)) => {
                    waited = true;
                    let held = held.to_string();
                    if holder != held {
                        tell(process, partition, &held);
                        holder = held;
                    }
                }
                Err(fault) => return Err(fault.into()),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.asked() => return Ok(None),
            }
        }
    }
    if waited {
        tracing::info!("the state directory is free: taking over");
        notify::status("taking over");
    }
    process.health.set_role(Role::Starting);
    process.health.ready(PART);
    process.metrics.standby.set(0);
    Ok(Some(claims))
}

/// Say that this process stands by, and for whom. For the service manager it has started: waiting
/// is what it is there for.
fn tell(process: &Process, partition: u16, held: &str) {
    tracing::info!(partition, held, "standing by");
    process.health.set_role(Role::Standby);
    process.health.not_ready(PART, held);
    process.metrics.standby.set(1);
    notify::ready(&format!("standing by: {held}"));
}
