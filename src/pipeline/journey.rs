//! The whole journey of one partition: its rings, threads, tasks and lanes, and the order of its
//! end.
//!
//! It ends along the way of a job: stop taking, finish what was taken, persist, acknowledge,
//! publish within the budget, close. Each station ends when the one before it has; a fault ends all
//! of them at once, and nothing more is acknowledged.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle as Task;

use super::decode::Sealer;
use super::dispatch::{Cursor, Dispatch, Outcomes};
use super::intake::{Arrivals, Intake, Unacknowledged, reason_to_pause};
use super::lanes::{Role, follow};
use super::notes::{Notes, notes};
use super::observe::Observer;
use super::outlet::Outlet;
use super::parcel::Arrived;
use super::persist::{Frontier, Persist, Persisted};
use super::post::{Past, Post};
use super::publish::Publisher;
use super::stations::{Decoding, Faults, InOrder, Persisting, Posting, StationFault, post};
use super::timer::Timer;
use crate::broker::LaneStatus;
use crate::broker::rabbit::{
    AckCounters, ConsumerLane, ConsumerOptions, PublisherLane, PublisherOptions, Reach, consume,
    publish as publish_lane,
};
use crate::journal::{Journal, JournalFault, Room};
use crate::ledger::Commit;
use crate::ring::{Producer, RingWatch, ring};
use crate::settings::Settings;
use crate::telemetry::Health;
use crate::time::Timestamp;
use crate::vault::VaultFault;

/// Most batches under one sync.
const GROUP_BATCHES_MAX: usize = 64;
/// Persisted groups on their way to the outlet.
const GROUPS_MAX: usize = 64;

/// What a partition's journey is made of, once its books are open.
pub struct Parts<S, P, J, O, C> {
    /// The partition.
    pub partition: u16,
    /// Decoding, with its vault.
    pub decoding: Decoding<S>,
    /// Posting, with its engine.
    pub post: Post<P>,
    /// Persisting, with its journal.
    pub persist: Persist<J>,
    /// The queue.
    pub queue: String,
    /// What leaves: outcomes, replies, dead letters.
    pub outgoing: Outgoing<O, C>,
    /// Whether the journal has room.
    pub room: Room,
    /// A reason not to take anything yet.
    pub held: Option<String>,
    /// So many messages go alone first: one window after two falls, otherwise none.
    pub alone: u64,
}

/// What the outlet is made of.
pub struct Outgoing<O, C> {
    /// Outcomes, from the cursor on.
    pub publisher: Publisher,
    /// Reads first outcomes of duplicates.
    pub outcomes: O,
    /// The cursor's file.
    pub cursor: C,
    /// Commits whose outcomes were not confirmed before the start.
    pub earlier: mpsc::Receiver<Result<Arc<Commit>, JournalFault>>,
}

/// A running journey.
pub struct Journey {
    /// Turns true to end it.
    stop: watch::Sender<bool>,
    /// Tasks of intake and outlet, and of the lanes.
    tasks: Vec<Task<()>>,
    /// Keeps trying while the broker is away; the outlet's budget ends it.
    publishing: Task<()>,
    threads: Vec<JoinHandle<()>>,
    /// The rings, for metrics.
    pub rings: [RingWatch; 3],
    /// Up to where the journal is durable.
    pub frontier: Frontier,
    /// Asks for records of the daemon's own.
    pub notes: Notes,
    /// What is not acknowledged.
    pub unacknowledged: Arc<Unacknowledged>,
    /// What the consuming lane counts of acknowledgements.
    pub acks: Arc<AckCounters>,
    /// The consuming lane's state.
    pub consuming: watch::Receiver<LaneStatus>,
    /// Closes intake for a reason of the daemon's own (a clock that jumped).
    pub hold: watch::Sender<Option<String>>,
    /// When the last commit of before the start was recorded.
    pub recorded_at: Timestamp,
}

/// What all stations of a process share.
pub struct Shared {
    /// Settings.
    pub settings: Arc<Settings>,
    /// How to reach the broker.
    pub reach: Reach,
    /// For metrics.
    pub observer: Observer,
    /// For readiness and status.
    pub health: Arc<Health>,
    /// Where faults are reported.
    pub faults: Faults,
}

/// The ends of the channels between threads and tasks.
struct Ends {
    arrived: Producer<Arrived>,
    persisted: mpsc::Receiver<Persisted>,
    room: watch::Receiver<Room>,
    notes: Notes,
}

type Station = Box<dyn FnOnce() -> Result<(), StationFault> + Send>;

/// The reasons that tasks may have to hold intake.
struct Holds {
    backlog: watch::Sender<Option<String>>,
    hold: watch::Sender<Option<String>>,
    gate: watch::Receiver<Option<String>>,
}

impl Holds {
    fn new(room: watch::Receiver<Room>, held: Option<String>) -> Self {
        let (backlog, backlog_seen) = watch::channel(None);
        let (hold, hold_seen) = watch::channel(held);
        Self {
            backlog,
            hold,
            gate: gate(room, backlog_seen, hold_seen),
        }
    }
}

impl Journey {
    /// Start all stations.
    pub fn start<S, P, J, O, C>(
        parts: Parts<S, P, J, O, C>,
        prefetch: NonZeroU16,
        shared: &Shared,
    ) -> std::io::Result<Self>
    where
        S: Sealer<Fault = VaultFault> + Send + 'static,
        P: Past + Send + 'static,
        J: Journal + Send + 'static,
        O: Outcomes,
        C: Cursor,
    {
        let Parts {
            partition,
            decoding,
            post,
            persist,
            queue,
            outgoing,
            room,
            held,
            alone,
        } = parts;
        let frontier = persist.frontier();
        let recorded_at = post.engine().last_recorded_at();
        let (threads, rings, ends) =
            threads(partition, prefetch, shared, room, (decoding, post, persist))?;
        let holds = Holds::new(ends.room, held);
        let (stop, stopped) = watch::channel(false);
        let unacknowledged = Arc::new(Unacknowledged::default());
        let options = ConsumerOptions {
            queue,
            prefetch,
            one_at_a_time: alone > 0,
            paused: holds.gate.borrow().is_some(),
            connection_name: format!("kontor p{partition} intake"),
        };
        let (lane, publishing) = lanes(partition, options, shared);
        let arrivals = Arrivals::new(shared.observer.clone(), Arc::clone(&unacknowledged));
        let intake = Intake {
            events: lane.events,
            commands: lane.commands.clone(),
            arrived: ends.arrived,
            gate: holds.gate,
            stop: stopped,
            arrivals,
            health: Arc::clone(&shared.health),
            partition,
            faults: shared.faults.clone(),
            alone,
        };
        let outlet = Outlet {
            persisted: ends.persisted,
            earlier: outgoing.earlier,
            commands: lane.commands,
            publishes: publishing.publishes,
            confirms: publishing.confirms,
            dispatch: dispatch(outgoing.publisher, outgoing.cursor, &unacknowledged, shared),
            outcomes: outgoing.outcomes,
            backlog: holds.backlog,
            drain_budget: shared.settings.pipeline.drain_budget,
            faults: shared.faults.clone(),
        };
        let tasks = vec![
            tokio::spawn(intake.run()),
            tokio::spawn(outlet.run()),
            lane.task,
        ];
        Ok(Self {
            stop,
            tasks,
            publishing: publishing.task,
            threads,
            rings,
            frontier,
            notes: ends.notes,
            unacknowledged,
            acks: lane.acks,
            consuming: lane.status,
            hold: holds.hold,
            recorded_at,
        })
    }

    /// Stop taking, finish what was taken, and wait until all stations have ended.
    pub async fn drain(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            // A task that panicked has said so; the others end by their closed channels.
            drop(task.await);
        }
        self.publishing.abort();
        for thread in self.threads {
            drop(thread.join());
        }
    }
}

fn dispatch<C: Cursor>(
    publisher: Publisher,
    cursor: C,
    unacknowledged: &Arc<Unacknowledged>,
    shared: &Shared,
) -> Dispatch<C> {
    let backlog_bytes_max = shared.settings.outcomes.backlog_bytes_max;
    let (observer, unacknowledged) = (shared.observer.clone(), Arc::clone(unacknowledged));
    Dispatch::new(
        publisher,
        cursor,
        backlog_bytes_max,
        observer,
        unacknowledged,
    )
}

/// Open the two lanes, whose states are shown.
fn lanes(
    partition: u16,
    consuming: ConsumerOptions,
    shared: &Shared,
) -> (ConsumerLane, PublisherLane) {
    let lane = consume(shared.reach.clone(), consuming);
    let options = PublisherOptions {
        connection_name: format!("kontor p{partition} publish"),
        window: shared.settings.outcomes.unconfirmed_max,
    };
    let publishing = publish_lane(shared.reach.clone(), options);
    let shown = [
        (Role::Intake, lane.status.clone()),
        (Role::Publish, publishing.status.clone()),
    ];
    for (role, status) in shown {
        let (observer, health) = (shared.observer.clone(), Arc::clone(&shared.health));
        tokio::spawn(follow(role, partition, status, observer, health));
    }
    (lane, publishing)
}

/// Start the three stations that have threads.
fn threads<S, P, J>(
    partition: u16,
    prefetch: NonZeroU16,
    shared: &Shared,
    room: Room,
    (decoding, station, persist): (Decoding<S>, Post<P>, Persist<J>),
) -> std::io::Result<(Vec<JoinHandle<()>>, [RingWatch; 3], Ends)>
where
    S: Sealer<Fault = VaultFault> + Send + 'static,
    P: Past + Send + 'static,
    J: Journal + Send + 'static,
{
    let settings = &shared.settings;
    let recorded_at = station.engine().last_recorded_at();
    // Deliveries of an old channel may still be inside when a new one brings its first.
    let slots = usize::from(prefetch.get()).saturating_mul(2);
    let (arrived_in, arrived) = ring("decode", slots);
    let (parcels_in, parcels) = ring("post", settings.pipeline.ring_jobs);
    let (batches_in, batches) = ring("persist", settings.pipeline.ring_commits);
    let (notes, noted) = notes(parcels_in.watch(), persist.frontier());
    let rings = [arrived_in.watch(), parcels_in.watch(), batches_in.watch()];
    let (outlet, persisted) = mpsc::channel(GROUPS_MAX);
    let (room, room_seen) = watch::channel(room);
    let pulse = |station: &str| shared.health.station(format!("p{partition}.{station}"));

    let in_order = InOrder::default();
    let (see, beat) = (shared.observer.clone(), pulse("decode"));
    let ended = InOrder::clone(&in_order);
    let decode: Station = Box::new(move || decoding.run(arrived, &parcels_in, &see, beat, &ended));
    let (see, beat) = (shared.observer.clone(), pulse("post"));
    let posting = Posting {
        batch_max: settings.pipeline.batch_jobs_max,
        timer: Timer::start(see.clock(), settings.clock_jump_max, recorded_at),
        notes: noted,
    };
    let post: Station = Box::new(move || {
        post(
            station,
            parcels,
            &batches_in,
            posting,
            &see,
            beat,
            &in_order,
        )
    });
    let (see, beat) = (shared.observer.clone(), pulse("persist"));
    let seal_idle = settings.journal.seal_idle;
    let persisting = Persisting {
        outlet,
        room,
        seal_idle,
        batches_max: GROUP_BATCHES_MAX,
    };
    let persist: Station = Box::new(move || persisting.run(persist, batches, &see, beat));

    let mut threads = Vec::new();
    for (name, run) in [("decode", decode), ("post", post), ("persist", persist)] {
        let faults = shared.faults.clone();
        let name = format!("kontor-p{partition}-{name}");
        threads.push(std::thread::Builder::new().name(name).spawn(move || {
            if let Err(fault) = run() {
                // Somebody else may have reported first; one reason to stop is enough.
                drop(faults.try_send(fault));
            }
        })?);
    }
    let ends = Ends {
        arrived: arrived_in,
        persisted,
        room: room_seen,
        notes,
    };
    Ok((threads, rings, ends))
}

/// A reason of a task's own not to take more.
type Reason = watch::Receiver<Option<String>>;

/// One gate of many: closed while anybody has a reason.
fn gate(mut room: watch::Receiver<Room>, mut backlog: Reason, mut hold: Reason) -> Reason {
    let (closed, gate) = watch::channel(first_reason(&mut room, &mut backlog, &mut hold));
    tokio::spawn(async move {
        loop {
            let changed = tokio::select! {
                changed = room.changed() => changed,
                changed = backlog.changed() => changed,
                changed = hold.changed() => changed,
            };
            // When a station has ended there is nothing left to hold.
            if changed.is_err() || closed.is_closed() {
                return;
            }
            let reason = first_reason(&mut room, &mut backlog, &mut hold);
            closed.send_if_modified(|known| {
                let changed = *known != reason;
                known.clone_from(&reason);
                changed
            });
        }
    });
    gate
}

fn first_reason(
    room: &mut watch::Receiver<Room>,
    backlog: &mut Reason,
    hold: &mut Reason,
) -> Option<String> {
    reason_to_pause(
        &room.borrow_and_update(),
        backlog.borrow_and_update().as_ref(),
        hold.borrow_and_update().as_ref(),
    )
}
