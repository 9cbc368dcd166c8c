//! The outlet: the task behind `persist` that acknowledges and publishes.
//!
//! Both are pure bookkeeping ([`Window`], [`Publisher`]); this file carries their messages to the two
//! lanes. It never waits for the publishing lane before it takes what became durable, so a broker that
//! blocks publishers does not hold up acknowledgements; when too much is unpublished it closes the gate
//! of intake instead.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::acknowledge::Window;
use super::intake::Unacknowledged;
use super::observe::Observer;
use super::parcel::{Again, Posted};
use super::persist::Persisted;
use super::publish::{Aside, Publisher, Repeat, approximate_bytes};
use super::stations::Faults;
use crate::broker::{ConfirmResult, Confirmed, ConsumerCommand, Epoch, Publish};
use crate::ids::Position;
use crate::journal::JournalFault;
use crate::ledger::commit::DuplicateRecord;
use crate::ledger::{Commit, Record, Reply};

/// Things taken at a time, so that all get their turn.
const TAKE_MAX: usize = 256;
/// How often lost messages are tried again and the cursor is written.
const TICK: Duration = Duration::from_millis(100);
/// Duplicates whose first outcomes wait to be read; beyond them the ones without reply are left out,
/// which is what "best effort" means.
const AGAIN_MAX: usize = 65_536;
/// Messages that wait in the publisher; beyond them no first outcomes are read for duplicates, so that
/// a flood of these ends in the queue of duplicates, which has a bound, and not in memory.
const REPEATS_MAX: usize = 4_096;

/// Reads first outcomes back from the durable journal.
pub trait Outcomes: Clone + Send + 'static {
    /// The commit that holds a position.
    fn commit_at(&self, position: Position) -> Result<Arc<Commit>, String>;
}

/// Keeps the cursor of published outcomes.
pub trait Cursor: Send + 'static {
    /// Remember that everything up to a position is published; `sync` makes it durable.
    fn save(&mut self, position: Position, sync: bool) -> Result<(), String>;
}

/// The task.
pub struct Outlet<O, C> {
    /// What became durable.
    pub persisted: mpsc::Receiver<Persisted>,
    /// Commits of before the start whose outcomes are not confirmed; closed when all were handed over.
    pub earlier: mpsc::Receiver<Result<Arc<Commit>, JournalFault>>,
    /// The consuming lane's commands.
    pub commands: mpsc::Sender<ConsumerCommand>,
    /// The publishing lane.
    pub publishes: mpsc::Sender<Publish>,
    /// Its results.
    pub confirms: mpsc::Receiver<Confirmed>,
    /// Bookkeeping of outcomes.
    pub publisher: Publisher,
    /// Reads first outcomes.
    pub outcomes: O,
    /// The cursor's file.
    pub cursor: C,
    /// Bytes of unpublished outcomes at which intake stops.
    pub backlog_bytes_max: u64,
    /// Closes the gate of intake.
    pub backlog: watch::Sender<Option<String>>,
    /// For metrics.
    pub observer: Observer,
    /// Shared with intake.
    pub unacknowledged: Arc<Unacknowledged>,
    /// How long publishing may go on after the last commit.
    pub drain_budget: Duration,
    /// Where faults are reported.
    pub faults: Faults,
}

/// A first outcome to be read and published again.
#[derive(Debug)]
struct Owed {
    first: Position,
    reply: Option<Reply>,
}

struct State {
    window: Window,
    /// Commits that became durable while earlier ones are still handed over.
    held: VecDeque<Arc<Commit>>,
    held_bytes: u64,
    again: VecDeque<Owed>,
    reading: Option<JoinHandle<Vec<Repeat>>>,
    earlier_done: bool,
    saved: Position,
}

impl<O: Outcomes, C: Cursor> Outlet<O, C> {
    /// Run until everything durable is acknowledged and published, or the budget is over.
    pub async fn run(mut self) {
        let mut state = State {
            window: Window::open(Epoch(0)),
            held: VecDeque::new(),
            held_bytes: 0,
            again: VecDeque::new(),
            reading: None,
            earlier_done: false,
            saved: self.publisher.cursor(),
        };
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut persisted = Vec::new();
        let mut confirms = Vec::new();
        let mut deadline: Option<Instant> = None;
        loop {
            let idle =
                self.publisher.is_idle() && state.again.is_empty() && state.reading.is_none();
            let clean = idle && state.saved == self.publisher.cursor();
            if deadline.is_some_and(|at| clean || Instant::now() >= at) {
                break;
            }
            tokio::select! {
                biased;
                count = self.persisted.recv_many(&mut persisted, TAKE_MAX), if deadline.is_none() => {
                    if count == 0 {
                        deadline = Some(Instant::now() + self.drain_budget);
                    }
                    for batch in persisted.drain(..) {
                        self.durable(batch, &mut state).await;
                    }
                }
                count = self.confirms.recv_many(&mut confirms, TAKE_MAX) => {
                    if count == 0 {
                        // The publishing lane has ended; nothing more can be confirmed.
                        break;
                    }
                    for confirmed in confirms.drain(..) {
                        self.confirmed(confirmed, &mut state).await;
                    }
                }
                commit = self.earlier.recv(), if !state.earlier_done && self.has_room() => {
                    if let Err(fault) = self.earlier(commit, &mut state) {
                        // What cannot be read must not be passed over: the cursor stays before it.
                        // Somebody else may have reported first; one reason to stop is enough.
                        drop(self.faults.try_send(fault.into()));
                        return;
                    }
                }
                read = finished(&mut state.reading), if state.reading.is_some() => {
                    state.reading = None;
                    for repeat in read {
                        self.publisher.repeat(repeat);
                    }
                }
                _ = tick.tick(), if !clean => self.tick(&mut state),
            }
            self.read_again(&mut state);
            self.publish().await;
            self.turn_gate(state.held_bytes);
        }
        self.save(&mut state, true);
        // A lane that has ended needs no command.
        let _lane_ended = self.commands.send(ConsumerCommand::Close).await;
    }

    /// A commit of before the start, or their end: then what became durable meanwhile follows.
    fn earlier(
        &mut self,
        commit: Option<Result<Arc<Commit>, JournalFault>>,
        state: &mut State,
    ) -> Result<(), JournalFault> {
        if let Some(commit) = commit.transpose()? {
            owed_again(&commit, &mut state.again);
            self.publisher.durable(commit);
            return Ok(());
        }
        state.earlier_done = true;
        state.held_bytes = 0;
        for commit in state.held.drain(..) {
            self.publisher.durable(commit);
        }
        Ok(())
    }

    /// Whether the backlog leaves room for commits of before the start.
    fn has_room(&self) -> bool {
        self.publisher.backlog_bytes() < self.backlog_bytes_max
    }

    async fn durable(&mut self, persisted: Persisted, state: &mut State) {
        let Persisted { proof, batches } = persisted;
        for batch in batches {
            for posted in &batch.posted {
                if posted.tag.epoch > state.window.epoch() {
                    state.window.reopen(posted.tag.epoch);
                }
                state.window.durable(proof, posted);
                self.set_aside(posted);
            }
            if let Some(commit) = batch.commit {
                if state.earlier_done {
                    self.publisher.durable(commit);
                } else {
                    let bytes = approximate_bytes(&commit);
                    state.held_bytes = state.held_bytes.saturating_add(bytes);
                    state.held.push_back(commit);
                }
            }
            let room = AGAIN_MAX.saturating_sub(state.again.len());
            let wanted = batch.again.into_iter().enumerate();
            state.again.extend(
                wanted
                    .filter(|(at, again)| *at < room || again.reply.is_some())
                    .map(|(_, Again { first, reply, .. })| Owed { first, reply }),
            );
        }
        self.acknowledge(state).await;
    }

    fn set_aside(&mut self, posted: &Posted) {
        let Some(original) = &posted.original else {
            return;
        };
        for part in &posted.dead {
            tracing::warn!(
                code = part.letter.code.text(),
                line = part.line,
                "set aside as a dead letter"
            );
            self.publisher.set_aside(Aside {
                tag: posted.tag,
                original: Arc::clone(original),
                part: part.clone(),
                received_at: self.observer.clock().now().to_string(),
            });
        }
    }

    async fn confirmed(&mut self, confirmed: Confirmed, state: &mut State) {
        let outbox = &self.observer.metrics().outbox;
        match confirmed.result {
            ConfirmResult::Acked => outbox.acked.increment(1),
            ConfirmResult::Nacked | ConfirmResult::Lost => outbox.nacked.increment(1),
            ConfirmResult::Returned | ConfirmResult::Unsendable => outbox.returned.increment(1),
        }
        let answered = self.publisher.confirmed(confirmed);
        if let Some(recorded_at) = answered.recorded_at {
            self.observer.published(recorded_at);
        }
        if let Some(proof) = answered.set_aside {
            state.window.set_aside(&proof);
            self.acknowledge(state).await;
        }
    }

    async fn acknowledge(&mut self, state: &mut State) {
        let Some(command) = state.window.due() else {
            return;
        };
        if let ConsumerCommand::AckUpTo { tag, multiple, .. } = command {
            self.unacknowledged
                .acknowledged
                .store(tag, Ordering::Relaxed);
            if let Some(partition) = self.observer.partition() {
                let counter = if multiple {
                    &partition.acknowledgements_multiple
                } else {
                    &partition.acknowledgements_single
                };
                counter.increment(1);
                partition.unacked.set(self.unacknowledged.count());
            }
        }
        // If the lane has ended, the deliveries come again to whoever consumes next.
        let _lane_ended = self.commands.send(command).await;
    }

    /// Hand messages to the lane as long as it has room.
    async fn publish(&mut self) {
        for _ in 0..TAKE_MAX {
            let Ok(permit) = self.publishes.try_reserve() else {
                return;
            };
            match self.publisher.next_message() {
                Some(publish) => permit.send(publish),
                None => return,
            }
        }
        // There may be more: let the others have their turn and come back at once.
        tokio::task::yield_now().await;
    }

    fn tick(&mut self, state: &mut State) {
        self.publisher.retry();
        self.save(state, false);
        let outbox = &self.observer.metrics().outbox;
        outbox
            .pending
            .set(u64::try_from(self.publisher.pending()).unwrap_or(u64::MAX));
        let age = self
            .publisher
            .oldest()
            .map(|oldest| self.observer.age(oldest));
        outbox.oldest.set_seconds(age.unwrap_or_default());
    }

    fn save(&mut self, state: &mut State, sync: bool) {
        let cursor = self.publisher.cursor();
        if cursor == state.saved && !sync {
            return;
        }
        match self.cursor.save(cursor, sync) {
            Ok(()) => state.saved = cursor,
            // An older cursor publishes again after a restart; nothing is lost by it.
            Err(reason) => tracing::warn!(reason, "the cursor of outcomes could not be written"),
        }
    }

    /// Read first outcomes of duplicates, off this task.
    fn read_again(&self, state: &mut State) {
        let crowded = self.publisher.waiting() >= REPEATS_MAX;
        if state.reading.is_some() || state.again.is_empty() || crowded {
            return;
        }
        let some: Vec<Owed> = state
            .again
            .drain(..state.again.len().min(TAKE_MAX))
            .collect();
        let outcomes = self.outcomes.clone();
        state.reading = Some(tokio::task::spawn_blocking(move || {
            let read = |again: Owed| match outcomes.commit_at(again.first) {
                Ok(commit) => Some(Repeat {
                    commit,
                    position: again.first,
                    reply: again.reply,
                }),
                Err(reason) => {
                    tracing::warn!(
                        position = again.first.0,
                        reason,
                        "a first outcome was not read"
                    );
                    None
                }
            };
            some.into_iter().filter_map(read).collect()
        }));
    }

    fn turn_gate(&self, held_bytes: u64) {
        let bytes = self.publisher.backlog_bytes().saturating_add(held_bytes);
        self.backlog.send_if_modified(|closed| {
            let (full, half) = (self.backlog_bytes_max, self.backlog_bytes_max.div_euclid(2));
            if closed.is_none() && bytes >= full {
                *closed = Some(format!("{bytes} bytes of outcomes are not published yet"));
                true
            } else if closed.is_some() && bytes <= half {
                *closed = None;
                true
            } else {
                false
            }
        });
    }
}

/// Answers that a duplicate before the start asked for and perhaps never got.
fn owed_again(commit: &Commit, again: &mut VecDeque<Owed>) {
    let duplicates = commit.records.iter().filter_map(|record| match record {
        Record::Duplicate(duplicate) => Some(&**duplicate),
        Record::Job(_)
        | Record::Setup(_)
        | Record::Start(_)
        | Record::Marker { .. }
        | Record::Stop
        | Record::Cut { .. } => None,
    });
    let owed = duplicates.map(|DuplicateRecord { first, reply, .. }| Owed {
        first: *first,
        reply: Some(reply.clone()),
    });
    again.extend(owed);
}

async fn finished(reading: &mut Option<JoinHandle<Vec<Repeat>>>) -> Vec<Repeat> {
    match reading {
        // A reader that panicked read nothing; best effort is all that was promised.
        Some(handle) => handle.await.unwrap_or_default(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
