//! The outlet: the task behind `persist` that acknowledges and publishes.
//!
//! What is to be done says [`Dispatch`]; this file carries its messages to the two lanes. It never
//! waits for the publishing lane before it takes what became durable, so a broker that blocks
//! publishers does not hold up acknowledgements; when too much is unpublished it closes the gate of
//! intake instead.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::dispatch::{Cursor, Dispatch, Outcomes, first_outcomes};
use super::persist::Persisted;
use super::publish::Repeat;
use super::sabotage::{Moment, fall, falls, keys};
use super::stations::Faults;
use crate::broker::{Confirmed, ConsumerCommand, Publish};
use crate::journal::JournalFault;
use crate::ledger::Commit;

/// Things taken at a time, so that all get their turn.
const TAKE_MAX: usize = 256;
/// How often lost messages are tried again and the cursor is written.
const TICK: Duration = Duration::from_millis(100);

/// The task.
pub struct Outlet<O, C> {
    /// What became durable.
    pub persisted: mpsc::Receiver<Persisted>,
    /// Commits of before the start whose outcomes are not confirmed; closed when all were handed
    /// over.
    pub earlier: mpsc::Receiver<Result<Arc<Commit>, JournalFault>>,
    /// The consuming lane's commands.
    pub commands: mpsc::Sender<ConsumerCommand>,
    /// The publishing lane.
    pub publishes: mpsc::Sender<Publish>,
    /// Its results.
    pub confirms: mpsc::Receiver<Confirmed>,
    /// What is to be done.
    pub dispatch: Dispatch<C>,
    /// Reads first outcomes.
    pub outcomes: O,
    /// Closes the gate of intake.
    pub backlog: watch::Sender<Option<String>>,
    /// How long publishing may go on after the last commit.
    pub drain_budget: Duration,
    /// Where faults are reported.
    pub faults: Faults,
}

/// First outcomes that are being read, off the task.
type Reading = Option<JoinHandle<Vec<Repeat>>>;

impl<O: Outcomes, C: Cursor> Outlet<O, C> {
    /// Run until everything durable is acknowledged and published, or the budget is over.
    pub async fn run(mut self) {
        let mut reading: Reading = None;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut persisted = Vec::new();
        let mut confirms = Vec::new();
        let mut deadline: Option<Instant> = None;
        let mut shown_clean = false;
        loop {
            let clean = self.dispatch.is_clean();
            if deadline.is_some_and(|at| clean || Instant::now() >= at) {
                break;
            }
            tokio::select! {
                biased;
                count = self.persisted.recv_many(&mut persisted, TAKE_MAX),
                    if deadline.is_none() =>
                {
                    if count == 0 {
                        deadline = Some(Instant::now() + self.drain_budget);
                    }
                    for batch in persisted.drain(..) {
                        let falls = falls(Moment::Acknowledged, keys(&batch));
                        let due = self.dispatch.durable(batch);
                        self.acknowledge(due).await;
                        fall(falls).await;
                    }
                }
                count = self.confirms.recv_many(&mut confirms, TAKE_MAX) => {
                    if count == 0 {
                        // The publishing lane has ended; nothing more can be confirmed.
                        break;
                    }
                    for confirmed in confirms.drain(..) {
                        let due = self.dispatch.confirmed(confirmed);
                        self.acknowledge(due).await;
                    }
                }
                commit = self.earlier.recv(), if self.dispatch.wants_earlier() => {
                    match commit.transpose() {
                        Ok(commit) => self.dispatch.earlier(commit),
                        // What cannot be read must not be passed over: the cursor stays before it.
                        Err(fault) => return self.report(fault),
                    }
                }
                repeats = finished(&mut reading), if reading.is_some() => {
                    reading = None;
                    self.dispatch.read(repeats);
                }
                _ = tick.tick(), if !clean || !shown_clean => {
                    if let Err(fault) = self.dispatch.tick() {
                        return self.report(fault);
                    }
                    // Once more when all is done, so that the gauges go back to nothing.
                    shown_clean = clean;
                }
            }
            self.read_again(&mut reading);
            self.publish().await;
            self.turn_gate();
        }
        if let Err(fault) = self.dispatch.save(true) {
            self.report(fault);
        }
        // A lane that has ended needs no command.
        let _lane_ended = self.commands.send(ConsumerCommand::Close).await;
    }

    /// End the process. Somebody else may have reported first; one reason to stop is enough.
    fn report(&self, fault: JournalFault) {
        drop(self.faults.try_send(fault.into()));
    }

    async fn acknowledge(&mut self, due: Option<ConsumerCommand>) {
        if let Some(command) = due {
            // If the lane has ended, the deliveries come again to whoever consumes next.
            let _lane_ended = self.commands.send(command).await;
        }
    }

    /// Hand messages to the lane as long as it has room.
    async fn publish(&mut self) {
        for _ in 0..TAKE_MAX {
            let Ok(permit) = self.publishes.try_reserve() else {
                return;
            };
            match self.dispatch.next_message() {
                Some(publish) => {
                    let key = publish.properties.correlation_id.as_deref();
                    let falls = falls(Moment::Published, key);
                    permit.send(publish);
                    fall(falls).await;
                }
                None => return,
            }
        }
        // There may be more: let the others have their turn and come back at once.
        tokio::task::yield_now().await;
    }

    /// Read first outcomes of duplicates, off this task.
    fn read_again(&mut self, reading: &mut Reading) {
        if let Some(again) = self.dispatch.unread() {
            let outcomes = self.outcomes.clone();
            *reading = Some(tokio::task::spawn_blocking(move || {
                first_outcomes(&outcomes, again)
            }));
        }
    }

    fn turn_gate(&mut self) {
        let reason = self.dispatch.crowded();
        self.backlog.send_if_modified(|closed| {
            let turned = closed.is_some() != reason.is_some();
            if turned {
                closed.clone_from(&reason);
            }
            turned
        });
    }
}

async fn finished(reading: &mut Reading) -> Vec<Repeat> {
    match reading {
        // A reader that panicked read nothing; best effort is all that was promised.
        Some(handle) => handle.await.unwrap_or_default(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
