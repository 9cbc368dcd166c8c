//! Dispatch: what leaves once it is durable, and what the broker's answers move.
//!
//! The bookkeeping behind `persist` as plain calls: the window of deliveries, the publisher,
//! commits of before the start, duplicates whose first outcomes must be read, the cursor. It has no
//! thread, task or lane and never waits; `outlet.rs` carries its messages, and a simulation can do
//! the same.

use std::collections::VecDeque;
use std::sync::Arc;

use super::acknowledge::Window;
use super::intake::Unacknowledged;
use super::observe::Observer;
use super::parcel::{Again, Posted};
use super::persist::Persisted;
use super::publish::{Aside, Publisher, Repeat, approximate_bytes};
use crate::broker::{ConfirmResult, Confirmed, ConsumerCommand, Epoch, Publish};
use crate::ids::Position;
use crate::journal::JournalFault;
use crate::ledger::commit::DuplicateRecord;
use crate::ledger::{Commit, Record, Reply};
use crate::telemetry::{Figure, Figures};

/// First outcomes read at a time.
const READ_MAX: usize = 256;
/// Duplicates whose first outcomes wait to be read; beyond them the ones without reply are left
/// out, which is what "best effort" means.
const AGAIN_MAX: usize = 65_536;
/// Messages that wait in the publisher; beyond them no first outcomes are read for duplicates, so
/// that a flood of these ends in the queue of duplicates, which has a bound, and not in memory.
const REPEATS_MAX: usize = 4_096;

/// Reads first outcomes back from the durable journal.
pub trait Outcomes: Clone + Send + 'static {
    /// The commit that holds a position.
    fn commit_at(&self, position: Position) -> Result<Arc<Commit>, String>;
}

/// Keeps the cursor of published outcomes.
pub trait Cursor: Send + 'static {
    /// Remember that everything up to a position is published, durable some time later; with `sync`
    /// when this returns. After a fault it is not known what is remembered: the process ends.
    fn save(&mut self, position: Position, sync: bool) -> Result<(), JournalFault>;
}

/// A first outcome to be read and published again.
#[derive(Debug)]
pub struct Owed {
    first: Position,
    reply: Option<Reply>,
}

/// The bookkeeping.
pub struct Dispatch<C> {
    window: Window,
    publisher: Publisher,
    cursor: C,
    /// What the cursor's file says.
    saved: Position,
    /// Commits that became durable while earlier ones are still handed over.
    held: VecDeque<Arc<Commit>>,
    held_bytes: u64,
    earlier_done: bool,
    again: VecDeque<Owed>,
    is_reading: bool,
    backlog_bytes_max: u64,
    is_crowded: bool,
    /// Replies that were not sent, as far as they are counted.
    refused: u64,
    observer: Observer,
    unacknowledged: Arc<Unacknowledged>,
}

impl<C: Cursor> Dispatch<C> {
    /// At the start, when nothing has been delivered yet. Intake is to stop when so many bytes of
    /// outcomes are not published.
    pub fn new(
        publisher: Publisher,
        cursor: C,
        backlog_bytes_max: u64,
        observer: Observer,
        unacknowledged: Arc<Unacknowledged>,
    ) -> Self {
        Self {
            window: Window::open(Epoch(0)),
            saved: publisher.cursor(),
            publisher,
            cursor,
            held: VecDeque::new(),
            held_bytes: 0,
            earlier_done: false,
            again: VecDeque::new(),
            is_reading: false,
            backlog_bytes_max,
            is_crowded: false,
            refused: 0,
            observer,
            unacknowledged,
        }
    }

    /// Whether everything known has left and the cursor says so.
    pub fn is_clean(&self) -> bool {
        self.publisher.is_idle()
            && self.again.is_empty()
            && !self.is_reading
            && self.saved == self.publisher.cursor()
    }

    /// Batches became durable; what may be acknowledged by that.
    pub fn durable(&mut self, persisted: Persisted) -> Option<ConsumerCommand> {
        let Persisted { proof, batches } = persisted;
        for batch in batches {
            for posted in &batch.posted {
                if posted.tag.epoch > self.window.epoch() {
                    self.window.reopen(posted.tag.epoch);
                }
                self.window.durable(proof, posted);
                self.set_aside(posted);
            }
            if let Some(commit) = batch.commit {
                // An answer that somebody asks for again may go out before the held commits do.
                self.publisher.learn(&commit);
                if self.earlier_done {
                    self.publisher.durable(commit);
                } else {
                    let bytes = approximate_bytes(&commit);
                    self.held_bytes = self.held_bytes.saturating_add(bytes);
                    self.held.push_back(commit);
                }
            }
            let room = AGAIN_MAX.saturating_sub(self.again.len());
            let wanted = batch.again.into_iter().enumerate();
            self.again.extend(
                wanted
                    .filter(|(at, again)| *at < room || again.reply.is_some())
                    .map(|(_, Again { first, reply, .. })| Owed { first, reply }),
            );
        }
        self.acknowledge()
    }

    /// A commit of before the start, or their end: then what became durable meanwhile follows.
    pub fn earlier(&mut self, commit: Option<Arc<Commit>>) {
        if let Some(commit) = commit {
            owed_again(&commit, &mut self.again);
            self.publisher.durable(commit);
            return;
        }
        self.earlier_done = true;
        self.held_bytes = 0;
        for commit in self.held.drain(..) {
            self.publisher.durable(commit);
        }
    }

    /// Whether commits of before the start are still to come and the backlog has room for them.
    pub fn wants_earlier(&self) -> bool {
        !self.earlier_done && self.publisher.backlog_bytes() < self.backlog_bytes_max
    }

    /// The broker's word on the oldest message sent; what may be acknowledged by that.
    pub fn confirmed(&mut self, confirmed: Confirmed) -> Option<ConsumerCommand> {
        let outbox = &self.observer.metrics().outbox;
        match confirmed.result {
            ConfirmResult::Acked => outbox.acked.increment(1),
            ConfirmResult::Nacked | ConfirmResult::Lost => outbox.nacked.increment(1),
            ConfirmResult::Returned | ConfirmResult::Unsendable => outbox.returned.increment(1),
            // The broker has not seen it.
            ConfirmResult::Unsent => {}
        }
        let answered = self.publisher.confirmed(confirmed);
        if let Some(recorded_at) = answered.recorded_at {
            self.observer.published(recorded_at);
        }
        let set_aside = answered.set_aside?;
        self.observer.set_aside(set_aside.code());
        self.window.set_aside(&set_aside);
        self.acknowledge()
    }

    /// The next message to publish, if there is one.
    pub fn next_message(&mut self) -> Option<Publish> {
        let next = self.publisher.next_message();
        let refused = self.publisher.results().replies_refused;
        let outbox = &self.observer.metrics().outbox;
        outbox
            .replies_refused
            .increment(refused.saturating_sub(self.refused));
        self.refused = refused;
        next
    }

    /// Duplicates whose first outcomes are to be read now, unless some are being read.
    pub fn unread(&mut self) -> Option<Vec<Owed>> {
        let crowded = self.publisher.waiting() >= REPEATS_MAX;
        if self.is_reading || self.again.is_empty() || crowded {
            return None;
        }
        self.is_reading = true;
        Some(self.again.drain(..self.again.len().min(READ_MAX)).collect())
    }

    /// The first outcomes that were read.
    pub fn read(&mut self, repeats: Vec<Repeat>) {
        self.is_reading = false;
        for repeat in repeats {
            self.publisher.repeat(repeat);
        }
    }

    /// Called now and then: lost messages are tried again, the cursor is written.
    pub fn tick(&mut self) -> Result<(), JournalFault> {
        self.publisher.retry();
        let mut figures = Figures::default();
        let pending = u64::try_from(self.publisher.pending()).unwrap_or(u64::MAX);
        figures.put("kontor_outbox_pending", &[], Figure::Count(pending));
        let oldest = self.publisher.oldest();
        let age = oldest.map(|oldest| self.observer.age(oldest));
        let waiting = Figure::Waiting(age.unwrap_or_default());
        figures.put("kontor_outbox_oldest_seconds", &[], waiting);
        self.observer.metrics().put(self.observer.number(), figures);
        self.save(false)
    }

    /// Write the cursor if it moved; with `sync` in any case, and make it durable.
    pub fn save(&mut self, sync: bool) -> Result<(), JournalFault> {
        let cursor = self.publisher.cursor();
        if cursor != self.saved || sync {
            self.cursor.save(cursor, sync)?;
            self.saved = cursor;
        }
        Ok(())
    }

    /// Why intake should stop, if too much is not published. It may go on when half of it is.
    pub fn crowded(&mut self) -> Option<String> {
        let bytes = self
            .publisher
            .backlog_bytes()
            .saturating_add(self.held_bytes);
        let (full, half) = (self.backlog_bytes_max, self.backlog_bytes_max.div_euclid(2));
        self.is_crowded = bytes >= full || (self.is_crowded && bytes > half);
        self.is_crowded
            .then(|| format!("{bytes} bytes of outcomes are not published yet"))
    }

    fn set_aside(&mut self, posted: &Posted) {
        let Some(original) = &posted.original else {
            return;
        };
        for part in &posted.dead {
            tracing::warn!(
                partition = self.observer.number(),
                code = part.letter.code.text(),
                // A message of one job has no lines.
                line = (part.line > 0).then_some(part.line),
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

    fn acknowledge(&mut self) -> Option<ConsumerCommand> {
        let stale = self.window.take_stale();
        if stale > 0 {
            let stations = &self.observer.metrics().stations;
            stations.stale_acknowledgements.increment(stale);
        }
        let command = self.window.due()?;
        if let ConsumerCommand::AckUpTo {
            epoch,
            tag,
            multiple,
        } = command
        {
            self.unacknowledged.acknowledged(epoch, tag);
            if let Some(partition) = self.observer.partition() {
                let counter = if multiple {
                    &partition.acknowledgements_multiple
                } else {
                    &partition.acknowledgements_single
                };
                counter.increment(1);
            }
        }
        Some(command)
    }
}

/// Answers that a duplicate before the start asked for and perhaps never got.
fn owed_again(commit: &Commit, again: &mut VecDeque<Owed>) {
    let duplicates = commit.records.iter().filter_map(|record| match record {
        Record::Duplicate(duplicate) => Some(&**duplicate),
        Record::Job(_)
        | Record::Setup(_)
        | Record::Start(_)
        | Record::Stop
        | Record::Cut(_)
        | Record::Accepted { .. }
        | Record::Letters(_) => None,
    });
    let owed = duplicates.map(|DuplicateRecord { first, reply, .. }| Owed {
        first: *first,
        reply: Some(reply.clone()),
    });
    again.extend(owed);
}

/// Read the first outcomes of duplicates. One that cannot be read is left out: its sender asks
/// again.
pub fn first_outcomes<O: Outcomes>(outcomes: &O, again: Vec<Owed>) -> Vec<Repeat> {
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
    again.into_iter().filter_map(read).collect()
}
