//! The three stations that have threads of their own: decode, post, persist.
//!
//! Each takes what is there, does its work and hands it on; the rings between them are bounded, so
//! a slow station holds up the ones before it and nothing grows. A station that meets a fault says
//! so once and ends; its neighbours end by the closed rings.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::alone::Alone;
use super::cold::{ColdFiles, look_up};
use super::decode::{ContentType, Item, Reading, Sealer, decode_each, seal};
use super::gauges;
use super::notes::Note;
use super::observe::Observer;
use super::parcel::{Arrived, Batch, Parcel, Tag};
use super::persist::{Group, Persist, Persisted};
use super::post::{Next, Past, Post, PostFault};
use super::sabotage::strike_durable;
use super::timer::Timer;
use crate::broker::message_hash;
use crate::ids::{Hash128, Position, is_book_name};
use crate::jobs::Body;
use crate::journal::marker::{Mark, Markers};
use crate::journal::{Journal, JournalFault, Room};
use crate::ledger::Record;
use crate::limits::TRACEPARENT_BYTES_MAX;
use crate::ring::{Consumer, Producer, Taken};
use crate::telemetry::Pulse;
use crate::vault::VaultFault;
use crate::wire::message::{Head, JobReader};

/// How often the books' gauges are brought up to date, at most.
const GAUGES_EVERY: Duration = Duration::from_secs(1);
/// How often they are looked at again while nothing comes: ages move with the day.
const GAUGES_IDLE: Duration = Duration::from_mins(1);
/// How often the disk is looked at while there is no room and nothing comes.
const ROOM_LOOK: Duration = Duration::from_millis(500);
/// Messages decoded before their new subjects' keys are made durable together.
const DECODE_MESSAGES_MAX: usize = 256;

/// Why a station ended before its time. The process ends with it.
#[derive(Debug, thiserror::Error)]
pub enum StationFault {
    /// Keys of data subjects could not be kept.
    #[error("the keys of personal texts: {0}")]
    Vault(#[from] VaultFault),
    /// The engine's state may not be believed any more.
    #[error("{0}")]
    Post(#[from] PostFault),
    /// The journal may not be believed any more.
    #[error("the journal: {0}")]
    Journal(#[from] JournalFault),
    /// Books rebuilt beside the live ones differ from what the journal says of them.
    #[error("books rebuilt from the journal are not the live ones: {0}")]
    Rebuilt(String),
    /// The broker will not let us consume, and waiting does not change that.
    #[error("{0}")]
    Broker(crate::broker::BrokerFault),
}

/// Where faults are reported; the first one counts.
pub type Faults = mpsc::Sender<StationFault>;

/// Set by `decode` once everything that came was handed on: only then did the run end in order. A
/// ring is also closed by a station that met a fault.
pub type InOrder = Arc<AtomicBool>;

/// What `decode` works with.
pub struct Decoding<S> {
    /// Reads jobs.
    pub reader: JobReader,
    /// Seals texts.
    pub sealer: S,
    /// Knows the keys that the engine has let go of.
    pub cold: Box<dyn ColdFiles>,
    /// Exchange whose routing keys name books.
    pub jobs_exchange: String,
    /// Principals that may name other actors.
    pub trusted: Vec<String>,
    /// Bytes of a message.
    pub bytes_max: usize,
    /// Reads messages that go alone; none if this run has none.
    pub alone: Option<Alone>,
}

impl<S: Sealer<Fault = VaultFault>> Decoding<S> {
    /// Read messages that go alone, with the marker of a run that has them.
    #[must_use]
    pub fn with_marker(mut self, markers: Option<&Markers>) -> Self {
        self.alone = markers.map(Alone::of);
        self
    }

    /// Run until the ring before is closed.
    pub fn run(
        mut self,
        mut arrived: Consumer<Arrived>,
        parcels: &Producer<Parcel>,
        observer: &Observer,
        pulse: Pulse,
        in_order: &InOrder,
    ) -> Result<(), StationFault> {
        let mut messages = Vec::new();
        loop {
            pulse.idle();
            if arrived.take(&mut messages, DECODE_MESSAGES_MAX) == Taken::Closed {
                in_order.store(true, Ordering::Release);
                pulse.retire();
                return Ok(());
            }
            pulse.busy();
            let began = observer.clock().elapsed();
            let count = u64::try_from(messages.len()).unwrap_or(u64::MAX);
            let decoded = self.parcels(messages.drain(..))?;
            let jobs = decoded.iter().map(|parcel| parcel.items.len()).sum();
            let took = observer.clock().elapsed().saturating_sub(began);
            observer.decoded(jobs, count, took);
            for parcel in decoded {
                if parcels.push(parcel).is_err() {
                    pulse.retire();
                    return Ok(());
                }
                pulse.beat();
            }
        }
    }

    /// Decode messages, seal their texts, with one sync for all keys that are new, and look up what
    /// the engine does not hold. After a fault nothing of them may go on.
    pub fn parcels(
        &mut self,
        messages: impl Iterator<Item = Arrived>,
    ) -> Result<Vec<Parcel>, StationFault> {
        let mut decoded = Vec::new();
        for arrived in messages {
            decoded.push(match self.alone.take() {
                Some(mut alone) if arrived.alone => {
                    let parcel = self.parcel_alone(arrived, &mut alone);
                    self.alone = Some(alone);
                    parcel?
                }
                others => {
                    self.alone = others;
                    self.parcel(arrived, &mut |_line| Ok(None))?
                }
            });
        }
        let together = decoded.iter_mut().filter(|parcel| parcel.alone.is_none());
        let items = together.flat_map(|parcel| &mut parcel.items);
        seal(items, &mut self.sealer)?;
        look_up(&mut *self.cold, &mut decoded)?;
        Ok(decoded)
    }

    /// Decode and seal one message, with every step of it named before.
    fn parcel_alone(
        &mut self,
        arrived: Arrived,
        alone: &mut Alone,
    ) -> Result<Parcel, StationFault> {
        let message = Hash128(message_hash(&arrived.delivery.body));
        let reading = &mut |line| alone.reading(Mark { message, line });
        let mut parcel = self.parcel(arrived, reading)?;
        let items = parcel.items.as_mut_slice();
        alone.seal(message, items, &mut self.sealer)??;
        parcel.alone = Some(message);
        Ok(parcel)
    }

    fn parcel(
        &mut self,
        arrived: Arrived,
        reading: Reading<'_, JournalFault>,
    ) -> Result<Parcel, JournalFault> {
        let Arrived {
            delivery, received, ..
        } = arrived;
        let properties = &delivery.properties;
        let routed = delivery.exchange == self.jobs_exchange && is_book_name(&delivery.routing_key);
        let principal = properties.user_id.as_deref();
        let head = Head {
            book: routed.then_some(delivery.routing_key.as_str()),
            principal,
            trusted: principal.is_some_and(|user| self.trusted.iter().any(|known| known == user)),
            message_id: properties.message_id.as_deref(),
            kind: properties.kind.as_deref(),
            reply_to: properties.reply_to.as_deref(),
            correlation_id: properties.correlation_id.as_deref(),
            traceparent: properties
                .traceparent()
                .filter(|trace| trace.len() <= TRACEPARENT_BYTES_MAX),
        };
        let encoding = properties.content_encoding.as_deref();
        let content_type = ContentType::of(properties.content_type.as_deref(), encoding);
        let mut items = Vec::with_capacity(1);
        decode_each(
            &mut self.reader,
            content_type,
            &head,
            &delivery.body,
            self.bytes_max,
            reading,
            &mut items,
        )?;
        let may_die = |item: &Item| match item {
            Item::Dead(_) => true,
            Item::Job { job, .. } => matches!(job.job.body, Body::Dead(_)),
        };
        let tag = Tag {
            epoch: delivery.epoch,
            tag: delivery.tag,
        };
        let original = items.iter().any(may_die).then_some(delivery);
        Ok(Parcel {
            tag,
            received,
            items,
            through: Position(0),
            original,
            alone: None,
        })
    }
}

/// Hands batches to `persist`.
pub struct ToPersist<'a> {
    batches: &'a Producer<Batch>,
}

impl Next for ToPersist<'_> {
    fn hand_on(&mut self, batch: Batch) -> bool {
        self.batches.push(batch).is_ok()
    }
}

/// What `post` takes at once, and when it wakes by itself.
pub struct Posting {
    /// Most parcels in one batch.
    pub batch_max: usize,
    /// Wakes it when something becomes due.
    pub timer: Timer,
    /// Records that the daemon is asked for.
    pub notes: mpsc::Receiver<Note>,
}

/// Run `post` until the ring before is closed; an end in order is a record too.
pub fn post<P: Past>(
    mut station: Post<P>,
    mut parcels: Consumer<Parcel>,
    batches: &Producer<Batch>,
    Posting {
        batch_max,
        mut timer,
        mut notes,
    }: Posting,
    observer: &Observer,
    pulse: Pulse,
    in_order: &InOrder,
) -> Result<(), StationFault> {
    let mut next = ToPersist { batches };
    let mut taken = Vec::new();
    let show = |station: &Post<P>, observer: &Observer| {
        let now = observer.clock().now();
        let books = station.engine().books();
        gauges::show(observer.metrics(), observer.number(), books, now);
    };
    let mut shown = observer.clock().elapsed();
    let mut changed = false;
    loop {
        pulse.idle();
        // What the last batch changed is shown soon, what the day changes now and then, and what
        // becomes due is done in time.
        let idle = if changed { GAUGES_EVERY } else { GAUGES_IDLE };
        let due = timer.patience(station.engine().next_due(), observer.clock());
        let patience = due.map_or(idle, |due| due.min(idle));
        let came = parcels.take_timeout(&mut taken, batch_max, patience);
        if came == Some(Taken::Closed) {
            break;
        }
        // It may have been nudged for a note alone.
        let came = !taken.is_empty();
        pulse.busy();
        if came || station.engine().is_due(observer.clock().now()) {
            let began = observer.clock().elapsed();
            let jobs = taken.iter().map(|parcel| parcel.items.len()).sum();
            station.hold_due(!timer.believes(observer.clock()));
            station.batch(taken.drain(..), observer.clock().now(), &mut next)?;
            if came {
                observer.posted(jobs, observer.clock().elapsed().saturating_sub(began));
            }
            changed = true;
        }
        while let Ok(Note { record, placed }) = notes.try_recv() {
            station.note(record, observer.clock().now(), &mut next)?;
            let place = station.engine().next_position().0.saturating_sub(1);
            // Nobody waits for it any more; it is recorded all the same.
            let _unheard = placed.send(Position(place));
        }
        let now = observer.clock().elapsed();
        if now.saturating_sub(shown) >= GAUGES_EVERY {
            show(&station, observer);
            (shown, changed) = (now, false);
        }
    }
    if in_order.load(Ordering::Acquire) {
        station.note(Record::Stop, observer.clock().now(), &mut next)?;
    }
    pulse.retire();
    Ok(())
}

/// What `persist` hands on to, and how it rests.
pub struct Persisting {
    /// The outlet: acknowledging and publishing.
    pub outlet: mpsc::Sender<Persisted>,
    /// Says when the journal has no room.
    pub room: watch::Sender<Room>,
    /// So long nothing must come before the end of the journal is sealed.
    pub seal_idle: Duration,
    /// Most batches under one sync.
    pub batches_max: usize,
}

impl Persisting {
    /// Run until the ring before is closed.
    pub fn run<J: Journal>(
        self,
        mut station: Persist<J>,
        mut batches: Consumer<Batch>,
        observer: &Observer,
        pulse: Pulse,
    ) -> Result<(), StationFault> {
        let mut waiting = Vec::new();
        loop {
            pulse.idle();
            // Others fill the disk too: it is looked at also while nothing comes.
            let patience = if station.has_rested() {
                ROOM_LOOK
            } else {
                self.seal_idle
            };
            let taken = batches.take_timeout(&mut waiting, self.batches_max, patience);
            pulse.busy();
            match taken {
                Some(Taken::Closed) => break,
                None if station.has_rested() => self.look_at_room(&mut station)?,
                None => {
                    station.rest()?;
                    self.look_at_room(&mut station)?;
                }
                Some(Taken::Some(_)) => {
                    let mut group = Group::from(std::mem::take(&mut waiting));
                    let persisted = loop {
                        match persist(&mut station, &mut group, observer) {
                            Err(JournalFault::NoRoom(reason)) if !batches.is_closed() => {
                                self.wait_for_room(reason, &pulse);
                            }
                            persisted => break persisted?,
                        }
                    };
                    strike_durable(&persisted);
                    self.look_at_room(&mut station)?;
                    if self.outlet.blocking_send(persisted).is_err() {
                        break;
                    }
                }
            }
        }
        station.rest()?;
        pulse.retire();
        Ok(())
    }

    /// Hold everything before this until there may be room again. What is inside is not
    /// acknowledged, and nothing of it has been written. Once nothing more can come in the process
    /// is ending, and does not wait.
    fn wait_for_room(&self, reason: String, pulse: &Pulse) {
        self.tell_room(Room::Exhausted { reason });
        pulse.idle();
        std::thread::sleep(ROOM_LOOK);
        pulse.busy();
    }

    /// A journal that cannot say has met a fault on the side: waiting would not mend it.
    fn look_at_room<J: Journal>(&self, station: &mut Persist<J>) -> Result<(), JournalFault> {
        self.tell_room(station.room()?);
        Ok(())
    }

    fn tell_room(&self, room: Room) {
        self.room.send_if_modified(|known| {
            let changed = *known != room;
            *known = room;
            changed
        });
    }
}

/// Make a group durable and tell the metrics. What had no room may be handed in again.
pub fn persist<J: Journal>(
    station: &mut Persist<J>,
    group: &mut Group,
    observer: &Observer,
) -> Result<Persisted, JournalFault> {
    let began = observer.clock().elapsed();
    let before = station.journal().written_bytes();
    let persisted = station.persist(group)?;
    let bytes = station.journal().written_bytes().saturating_sub(before);
    if let Some(took) = station.journal().last_sync() {
        observer.metrics().stations.fdatasync_duration.record(took);
    }
    observer.persisted(
        &persisted,
        bytes,
        observer.clock().elapsed().saturating_sub(began),
    );
    Ok(persisted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::load::engine;
    use crate::bench::rig::{NoPast, observer};
    use crate::ring::ring;
    use crate::telemetry::Health;
    use crate::time::Timestamp;

    /// The records that `post` leaves when its ring is closed.
    fn left(in_order: bool) -> Vec<Record> {
        let (parcels_in, parcels) = ring("post", 4);
        drop(parcels_in);
        let (batches_in, mut batches) = ring("persist", 4);
        let (engine, _) = engine(2).unwrap();
        let pulse = Health::new("test", &[0]).station("post");
        let in_order = Arc::new(AtomicBool::new(in_order));
        let station = Post::new(engine, NoPast, 10);
        let observer = observer();
        let posting = Posting {
            batch_max: 10,
            timer: Timer::start(observer.clock(), Duration::MAX, Timestamp(0)),
            notes: mpsc::channel(1).1,
        };
        post(
            station,
            parcels,
            &batches_in,
            posting,
            &observer,
            pulse,
            &in_order,
        )
        .unwrap();
        drop(batches_in);
        let mut taken = Vec::new();
        batches.take(&mut taken, 10);
        let commits = taken.into_iter().filter_map(|batch: Batch| batch.commit);
        commits.flat_map(|commit| commit.records.clone()).collect()
    }

    #[test]
    fn a_note_is_made_although_no_job_comes() {
        let (parcels_in, parcels) = ring("post", 4);
        let (batches_in, mut batches) = ring("persist", 4);
        let (engine, _) = engine(2).unwrap();
        let pulse = Health::new("test", &[0]).station("post");
        let first = engine.next_position();
        let (notes, noted) = mpsc::channel(1);
        let watch = parcels_in.watch();
        let station = std::thread::spawn(move || {
            let observer = observer();
            let posting = Posting {
                batch_max: 10,
                timer: Timer::start(observer.clock(), Duration::MAX, Timestamp(0)),
                notes: noted,
            };
            let station = Post::new(engine, NoPast, 10);
            let ended = InOrder::default();
            post(
                station,
                parcels,
                &batches_in,
                posting,
                &observer,
                pulse,
                &ended,
            )
            .unwrap();
        });
        let (placed, place) = tokio::sync::oneshot::channel();
        let record = Record::Stop;
        notes.blocking_send(Note { record, placed }).unwrap();
        watch.nudge();
        assert_eq!(place.blocking_recv(), Ok(first));
        let mut taken = Vec::new();
        batches.take(&mut taken, 10);
        let commit = taken.remove(0).commit.unwrap();
        assert_eq!((commit.first, commit.records.len()), (first, 1));
        drop(parcels_in);
        station.join().unwrap();
    }

    #[test]
    fn only_a_run_that_handed_everything_on_ends_in_order() {
        assert_eq!(left(true), [Record::Stop]);
        assert_eq!(left(false), []);
    }
}
