//! One life of the daemon: the real stations, driven step by step instead of by threads and tasks.
//!
//! What the daemon's threads, rings and tasks carry from station to station stands here in plain
//! queues. Each step is one that a thread or a task would make; who makes the next one is decided
//! by the caller.

mod bench;
mod held;
mod looking;
mod outlet;
mod poison;
mod saving;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::sabotage::{Early, Sabotage};
use super::terms::Terms;
use crate::broker::{ConsumerCommand, ConsumerEvent, Epoch};
use crate::daemon::assemble::{decoding, publisher};
use crate::daemon::watch::{ClockWatch, behind};
use crate::ids::Position;
use crate::journal::{History, marker};
use crate::ledger::{Record, StateDigest};
use crate::partition::{Claim, Earlier, Event, OpenFault, Opened, Partition, Secrets, Snapshots};
use crate::pipeline::cold::{ColdFiles, NoFiles};
use crate::pipeline::dispatch::{Dispatch, Owed};
use crate::pipeline::intake::{Arrivals, Unacknowledged, reason_to_pause};
use crate::pipeline::observe::Observer;
use crate::pipeline::parcel::{Arrived, Parcel, Tag};
use crate::pipeline::persist::Persist;
use crate::pipeline::post::Post;
use crate::pipeline::stations::{Decoding, StationFault};
use crate::pipeline::timer::Timer;
use crate::simulator::broker::Broker;
use crate::simulator::clock::SimulatedClock;
use crate::simulator::disk::SimulatedDisk;
use crate::time::Timestamp;
use bench::{Bench, ToBench};
pub(super) use held::Held;
use looking::Looking;
pub(super) use poison::Poisons;
use poison::{Felled, Felling, felled};
use saving::{Saver, Saving};

type Disk = SimulatedDisk;

/// How far a stop in order has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stopping {
    /// Nobody has asked.
    No,
    /// The lane was told to drain.
    Asked,
    /// Nothing more is delivered.
    Drained,
    /// The end stands in the journal, or is about to.
    Noted,
    /// The journal has ended.
    Ended,
    /// Everything is published, or the budget was over; the lanes are closed.
    Closed,
}

/// A life.
pub(super) struct Process {
    decoding: Decoding<Felled>,
    post: Post<Looking>,
    bench: Rc<RefCell<Bench>>,
    dispatch: Dispatch<Saver>,
    saver: Saver,
    outcomes: History<Disk>,
    earlier: Earlier<Disk>,
    snapshots: Snapshots<Disk>,
    arrivals: Arrivals,
    arrived: VecDeque<Arrived>,
    parcels: VecDeque<Parcel>,
    reading: Option<Vec<Owed>>,
    observer: Observer,
    watch: ClockWatch,
    began_behind: Timestamp,
    /// Why intake is paused.
    paused: Option<String>,
    /// So many messages are still to go alone.
    alone: u64,
    stopping: Stopping,
    sabotage: Option<Sabotage>,
    redelivered: Vec<Tag>,
    epoch: Epoch,
    jobs_max: usize,
    slots: usize,
    jump_max: Duration,
    timer: Timer,
    held: Held,
    /// What the secrets of the journal are, for whoever reads beside.
    pub(super) secrets: Secrets,
    /// Digest of the books as they were opened.
    pub(super) opened: StateDigest,
    /// Whether the run before had stopped in order.
    pub(super) after_clean_stop: bool,
    /// Snapshots that could not be used, in words.
    pub(super) passed_over: Vec<String>,
}

impl Process {
    /// Open the state directory and put the stations together.
    pub(super) fn open(
        disk: &Disk,
        terms: &Terms,
        clock: &SimulatedClock,
        observer: &Observer,
        sabotage: Option<Sabotage>,
        held: &Held,
        poisons: &Poisons,
    ) -> Result<Self, OpenFault> {
        let settings = &terms.settings;
        match sabotage {
            // What the disk says of it is said again below.
            Some(Sabotage::ForgetMarker) => drop(marker::forget(disk)),
            Some(Sabotage::IgnoreBoot) => disk.hide_boots(),
            Some(_) | None => {}
        }
        let opened = Partition::open(settings, Claim::on(disk.clone(), 0)?, clock, &mut |_| {})?;
        let Opened {
            engine,
            vault,
            store,
            frontier,
            past,
            outcomes,
            cursor,
            earlier,
            snapshots,
            secrets,
            names,
            published,
            ending,
            markers,
            cold,
            passed_over,
            ..
        } = opened;
        let saver = Saver(Arc::new(Mutex::new(Saving {
            wanted: cursor.position(),
            cursor,
            fault: None,
            ahead: (sabotage == Some(Sabotage::CursorAhead)).then(|| frontier.clone()),
        })));
        let snapshots = match sabotage.and_then(Sabotage::snapshot) {
            Some(mistake) => snapshots.with_mistake(mistake),
            None => snapshots,
        };
        let bench = Rc::new(RefCell::new(Bench {
            persist: Persist::new(Early::new(store, sabotage), frontier.position(), frontier),
            batches: VecDeque::new(),
            group: None,
            is_ending: sabotage == Some(Sabotage::LeaveWhenFull),
            persisted: VecDeque::new(),
            observer: observer.clone(),
            sabotage,
        }));
        let felling = Felling {
            poisons: poisons.clone(),
            disk: disk.clone(),
        };
        let markers = markers.as_ref();
        let looking = Looking {
            felling: felling.clone(),
            bench: Rc::clone(&bench),
            history: past,
            disk: disk.clone(),
        };
        let unacknowledged = Arc::new(Unacknowledged::default());
        let jobs_max = settings.pipeline.batch_jobs_max;
        let old: Box<dyn ColdFiles> = Box::new(cold.clone());
        let cold: Box<dyn ColdFiles> = if sabotage == Some(Sabotage::ForgetOldKeys) {
            Box::new(NoFiles)
        } else {
            Box::new(cold)
        };
        let began_behind = engine.last_recorded_at();
        Ok(Self {
            decoding: felled(
                decoding(settings, &secrets, vault, cold, engine.books()).with_marker(markers),
                felling,
            ),
            opened: engine.digest(),
            began_behind,
            post: Post::new(engine, looking, jobs_max)
                .with_old_keys(old)
                .with_marker(markers),
            bench,
            dispatch: Dispatch::new(
                publisher(settings, names, published),
                saver.clone(),
                settings.outcomes.backlog_bytes_max,
                observer.clone(),
                Arc::clone(&unacknowledged),
            ),
            saver,
            outcomes,
            earlier,
            snapshots,
            arrivals: Arrivals::new(observer.clone(), unacknowledged),
            arrived: VecDeque::new(),
            parcels: VecDeque::new(),
            reading: None,
            observer: observer.clone(),
            watch: ClockWatch::new(clock, settings.clock_jump_max, began_behind),
            paused: None,
            alone: markers.map_or(0, |_| u64::from(settings.broker.prefetch)),
            stopping: Stopping::No,
            sabotage,
            redelivered: Vec::new(),
            epoch: Epoch(0),
            jobs_max,
            slots: terms.slots,
            jump_max: settings.clock_jump_max,
            held: Held::clone(held),
            timer: Timer::start(clock, settings.clock_jump_max, began_behind),
            secrets,
            after_clean_stop: ending.clean,
            passed_over,
        })
    }

    /// How far a stop has come.
    pub(super) fn stopping(&self) -> Stopping {
        self.stopping
    }

    /// Up to where the journal is durable, as this life has been told.
    pub(super) fn told(&self) -> Position {
        let bench = self.bench.borrow();
        bench.persist.frontier().position()
    }

    /// How far the clock is behind the last record that was there at the start.
    pub(super) fn late(&self) -> Duration {
        let late = self.began_behind.0 - self.observer.clock().now().0;
        Duration::from_nanos(u64::try_from(late).unwrap_or_default())
    }

    /// Ask for a stop in order.
    pub(super) fn stop(&mut self, broker: &mut Broker) {
        if self.stopping == Stopping::No {
            self.stopping = Stopping::Asked;
            broker.command(ConsumerCommand::Drain);
        }
    }

    /// Whether messages go one at a time, because the lives before got nowhere.
    pub(super) fn goes_alone(&self) -> bool {
        self.alone > 0
    }

    /// Whether the first ring has room for a delivery.
    pub(super) fn may_take(&self) -> bool {
        self.arrived.len() < self.slots
    }

    /// Intake: take an event of the consuming lane.
    pub(super) fn take(&mut self, event: ConsumerEvent, broker: &mut Broker) {
        match event {
            ConsumerEvent::Opened { epoch } => {
                self.epoch = epoch;
                self.arrivals.opened(epoch);
            }
            ConsumerEvent::Delivery(delivery) => {
                if delivery.redelivered {
                    self.redelivered.push(Tag {
                        epoch: delivery.epoch,
                        tag: delivery.tag,
                    });
                }
                let mut arrived = self.arrivals.arrived(delivery);
                if let Some(left) = self.alone.checked_sub(1) {
                    (self.alone, arrived.alone) = (left, true);
                    if left == 0 {
                        broker.command(ConsumerCommand::Widen);
                    }
                }
                self.arrived.push_back(arrived);
            }
            ConsumerEvent::Drained => self.stopping = self.stopping.max(Stopping::Drained),
            ConsumerEvent::Closed { .. } | ConsumerEvent::Refused { .. } => {}
        }
    }

    /// The gate: pause or go on, as the disk, the outbox and the clock say.
    pub(super) fn turn_gate(&mut self, broker: &mut Broker) -> Result<(), StationFault> {
        let clock = self.observer.clock();
        let late = || behind(clock.now(), self.began_behind, self.jump_max);
        let hold = self.watch.look(clock).or_else(late);
        let room = self.bench.borrow_mut().persist.room()?;
        let crowded = self.dispatch.crowded();
        let reason = reason_to_pause(&room, crowded.as_ref(), hold.as_ref());
        if reason.is_some() != self.paused.is_some() {
            broker.command(match reason {
                Some(_) => ConsumerCommand::Pause,
                None => ConsumerCommand::Resume,
            });
        }
        self.paused = reason;
        Ok(())
    }

    /// Whether there is something to decode and room for it.
    pub(super) fn may_decode(&self) -> bool {
        !self.arrived.is_empty() && self.parcels.len() < self.slots
    }

    /// Decode some messages.
    pub(super) fn decode(&mut self, most: usize) -> Result<(), StationFault> {
        let some = self.arrived.drain(..most.min(self.arrived.len()));
        let mut parcels = self.decoding.parcels(some)?;
        if self.sabotage == Some(Sabotage::ForgetKey) {
            let again = parcels
                .iter_mut()
                .filter(|parcel| self.redelivered.contains(&parcel.tag));
            again.for_each(Sabotage::parcel);
        }
        self.parcels.extend(parcels);
        Ok(())
    }

    /// Whether there is something to post and room for it. Behind the end of a run nothing is
    /// posted, whatever becomes due.
    pub(super) fn may_post(&self) -> bool {
        self.stopping < Stopping::Noted
            && (!self.parcels.is_empty() || self.is_due())
            && self.bench.borrow().batches.len() < self.slots
    }

    /// Whether the timer would wake `post`.
    pub(super) fn is_due(&self) -> bool {
        let (clock, mut timer) = (self.observer.clock(), self.timer);
        timer.believes(clock) && self.post.engine().is_due(clock.now())
    }

    /// Post some parcels.
    pub(super) fn post(&mut self, most: usize, broker: &mut Broker) -> Result<(), StationFault> {
        let now = self.observer.clock().now();
        let most = most.min(self.parcels.len()).min(self.jobs_max.max(1));
        let some: Vec<Parcel> = self.parcels.drain(..most).collect();
        let last = some.last().map(|parcel| parcel.tag);
        let bench = Rc::clone(&self.bench);
        let believed = self.timer.believes(self.observer.clock());
        let skips = self.sabotage == Some(Sabotage::SkipDue);
        self.post.hold_due(!believed || skips);
        let first = self.post.engine().next_position();
        self.held.note(first, !believed);
        self.post.batch(some, now, &mut ToBench(&bench))?;
        if self.sabotage == Some(Sabotage::AcknowledgeEarly)
            && let Some(Tag { epoch, tag }) = last
        {
            broker.command(ConsumerCommand::AckUpTo {
                epoch,
                tag,
                multiple: true,
            });
        }
        if self.sabotage == Some(Sabotage::PublishEarly) {
            let batches = &bench.borrow().batches;
            let commits = batches.iter().filter_map(|batch| batch.commit.clone());
            commits.for_each(|commit| self.dispatch.earlier(Some(commit)));
        }
        Ok(())
    }

    /// Whether the stop has come so far that the journal may say so.
    pub(super) fn may_note_stop(&self) -> bool {
        self.stopping == Stopping::Drained && self.arrived.is_empty() && self.parcels.is_empty()
    }

    /// Make a record of the daemon's own; its place.
    pub(super) fn note(&mut self, record: Record) -> Result<Position, StationFault> {
        let now = self.observer.clock().now();
        let bench = Rc::clone(&self.bench);
        self.post.note(record, now, &mut ToBench(&bench))?;
        let next = self.post.engine().next_position();
        Ok(Position(next.0.saturating_sub(1)))
    }

    /// Write the end of the run.
    pub(super) fn note_stop(&mut self) -> Result<(), StationFault> {
        self.note(Record::Stop)?;
        let bench = &self.bench;
        bench.borrow_mut().is_ending = true;
        self.stopping = Stopping::Noted;
        Ok(())
    }

    /// Whether there is something to persist.
    pub(super) fn may_persist(&self) -> bool {
        self.bench.borrow().has_work()
    }

    /// Make some batches durable.
    pub(super) fn persist(&mut self, most: usize) -> Result<(), StationFault> {
        self.bench.borrow_mut().persist(most)
    }

    /// Whether the end of the journal could be sealed.
    pub(super) fn may_rest(&self) -> bool {
        let bench = self.bench.borrow();
        !bench.has_work() && (!bench.persist.has_rested() || self.stopping == Stopping::Noted)
    }

    /// Seal the end of the journal, because nothing has come for a while.
    pub(super) fn rest(&mut self) -> Result<(), StationFault> {
        let mut bench = self.bench.borrow_mut();
        bench.persist.rest()?;
        if self.stopping == Stopping::Noted && !bench.has_work() {
            drop(bench);
            self.stopping = Stopping::Ended;
        }
        Ok(())
    }

    /// Take a snapshot if one is due.
    pub(super) fn snapshot(&mut self) -> Result<(), StationFault> {
        let stop = AtomicBool::new(false);
        match self.snapshots.look(self.observer.clock(), &stop) {
            Some(Event::Fault(fault)) => Err(StationFault::Rebuilt(fault.to_string())),
            Some(Event::Taken { .. } | Event::Failed(_)) | None => Ok(()),
        }
    }

    /// Whether nothing is inside and nothing is owed.
    pub(super) fn is_idle(&self) -> bool {
        self.arrived.is_empty()
            && self.parcels.is_empty()
            && !self.may_persist()
            && !self.may_dispatch()
            && self.dispatch.is_clean()
            && !self.dispatch.wants_earlier()
    }

    /// What is inside, for a finding about a journey that stands still.
    pub(super) fn inside(&self) -> String {
        format!(
            "{} arrived, {} decoded, {} posted, paused: {:?}, clean: {}, stopping: {:?}, {} to go \
             alone, durable up to {}, earlier: {}, saved: {}",
            self.arrived.len(),
            self.parcels.len(),
            self.bench.borrow().batches.len(),
            self.paused,
            self.dispatch.is_clean(),
            self.stopping,
            self.alone,
            self.told(),
            self.dispatch.wants_earlier(),
            self.saver.lock().wanted
        )
    }
}
