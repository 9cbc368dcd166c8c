//! The daemon: one process that runs the journeys of its partitions until it is told to stop.
//!
//! It assembles what the other folders make and decides only about beginnings and ends: what is
//! checked before the first delivery is taken, in which order things stop, and with which exit
//! code.

pub mod connect;
pub mod reload;
pub mod sealer;
pub mod watch;

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch as channel};

use crate::broker::{BrokerFault, FaultClass, Topology};
use crate::code::Code;
use crate::jobs::JobData;
use crate::jobs::catalogue::kind_name;
use crate::journal::JournalFault;
use crate::journal::file::disk::OsDisk;
use crate::partition::{Event, OpenFault, Opened, Partition, Snapshots, Taker};
use crate::pipeline::gauges;
use crate::pipeline::journey::{Journey, Outgoing, Parts, Shared};
use crate::pipeline::observe::Observer;
use crate::pipeline::persist::{Frontier, Persist};
use crate::pipeline::post::{Post, PostFault};
use crate::pipeline::publish::{Mode, Publisher, Targets};
use crate::pipeline::stations::{Decoding, StationFault};
use crate::settings::memory::{Demand, allow, cgroup_limit};
use crate::settings::{OutcomesMode, Settings};
use crate::telemetry::http::{Shown, router, serve};
use crate::telemetry::{Health, Known, Metrics};
use crate::time::{Clock, SystemClock};
use crate::wire::message::{BookRules, JobReader};
use crate::{ids::KindCode, notify};

/// How long a start waits for a broker that does not answer.
const BROKER_PATIENCE: Duration = Duration::from_secs(10);
/// Pause between attempts while it waits.
const BROKER_PAUSE: Duration = Duration::from_millis(500);
/// How long a station may stand still before `/livez` says so.
const STATION_PATIENCE: Duration = Duration::from_secs(15);
/// How long tasks get to close what they have when the process ends by a fault.
const FAREWELL: Duration = Duration::from_millis(200);

/// What the command line asks of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Make the topology before checking it.
    pub apply_topology: bool,
    /// Wait for the lock instead of giving up.
    pub standby: bool,
}

/// Why the daemon ended, or did not begin.
#[derive(Debug, thiserror::Error)]
pub enum DaemonFault {
    /// The settings cannot be run.
    #[error("{0}")]
    Settings(String),
    /// The broker differs from what is expected.
    #[error("the broker's topology differs: {0}")]
    Topology(String),
    /// The broker.
    #[error("{0}")]
    Broker(BrokerFault),
    /// The state directory.
    #[error("{0}")]
    Open(#[from] OpenFault),
    /// A station.
    #[error("{0}")]
    Station(#[from] StationFault),
    /// The operating system.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was tried.
        doing: String,
        /// What it said.
        source: std::io::Error,
    },
}

impl DaemonFault {
    /// The exit code of DESIGN, section 11.
    pub fn exit_code(&self) -> u8 {
        let of_broker = |fault: &BrokerFault| match fault.class() {
            FaultClass::Configuration | FaultClass::Missing => 78,
            FaultClass::Transient => 69,
        };
        match self {
            Self::Settings(_) | Self::Topology(_) => 78,
            Self::Broker(fault) | Self::Station(StationFault::Broker(fault)) => of_broker(fault),
            Self::Open(fault) => fault.exit_code(),
            Self::Station(
                StationFault::Journal(JournalFault::Damaged(_)) | StationFault::Rebuilt(_),
            ) => 65,
            Self::Station(
                StationFault::Journal(_)
                | StationFault::Vault(_)
                | StationFault::Post(
                    PostFault::Inconsistent(_) | PostFault::Lookup { .. } | PostFault::Stopped,
                ),
            )
            | Self::System { .. } => 74,
        }
    }
}

/// Run until a signal or a fault ends it.
pub async fn run(
    settings: Settings,
    options: Options,
    reloading: reload::Reloading,
) -> Result<(), DaemonFault> {
    let process = Process::new(settings);
    let mut stop = Stop::listen()?;
    let hangup = listen(SignalKind::hangup())?;
    let (current, metrics) = (Arc::clone(&process.settings), Arc::clone(&process.metrics));
    tokio::spawn(reloading.run(hangup, current, metrics));
    let prefetch = prefetch(&process.settings)?;
    let http = process.listen().await;
    let topology = connect::topology(&process.settings);
    let (settings, apply) = (&process.settings, options.apply_topology);
    tokio::select! {
        ready = connect::ready(settings, &topology, apply, BROKER_PATIENCE, BROKER_PAUSE) => ready?,
        () = stop.asked() => return Ok(()),
    }
    let (faults, mut faulted) = mpsc::channel(1);
    let Some((journeys, takers)) = process
        .open_all(prefetch, options, &faults, &mut stop)
        .await?
    else {
        return Ok(());
    };
    // A second daemon on the same directory has the same address too; what it must hear about first
    // is the lock, so a taken address is reported only now.
    let http = http?;
    process.health.ready("start");
    notify::ready("consuming");
    tracing::info!(address = %process.settings.listen, "kontor runs");
    let watchdog = watch::watchdog(&process.health);
    let clock_watch = tokio::spawn(watch::clock(
        Arc::clone(&process.clock),
        watch::ClockWatch::new(&*process.clock, process.settings.clock_jump_max),
        journeys
            .iter()
            .map(|journey| journey.hold.clone())
            .collect(),
    ));
    let fault = tokio::select! {
        fault = faulted.recv() => fault,
        () = stop.asked() => None,
    };
    clock_watch.abort();
    if let Some(fault) = fault {
        // Nothing more is acknowledged: the process ends with what the broker has not heard.
        tracing::error!(%fault, "stopping at once");
        tokio::time::sleep(FAREWELL).await;
        return Err(fault.into());
    }
    drop(takers);
    drain(journeys, &process.health, &mut faulted, &mut stop).await?;
    http.end().await;
    drop(watchdog);
    tracing::info!("everything taken is durable and acknowledged");
    Ok(())
}

/// What a process has before its partitions are open.
struct Process {
    settings: Arc<Settings>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    watches: watch::Watches,
}

/// A running HTTP server.
struct Http {
    stop: channel::Sender<bool>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Http {
    async fn end(self) {
        self.stop.send_replace(true);
        // A server that failed has said so; there is nothing left to serve.
        let _served = self.task.await;
    }
}

impl Process {
    fn new(settings: Settings) -> Self {
        let settings = Arc::new(settings);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let metrics = Arc::new(Metrics::new(&known(&settings, &*clock)));
        let health = Arc::new(Health::new(env!("CARGO_PKG_VERSION"), &settings.partitions));
        Self {
            settings,
            clock,
            metrics,
            health,
            watches: watch::Watches::default(),
        }
    }

    async fn listen(&self) -> Result<Http, DaemonFault> {
        let listener = TcpListener::bind(self.settings.listen)
            .await
            .map_err(|source| DaemonFault::System {
                doing: format!("listen for HTTP on {}", self.settings.listen),
                source,
            })?;
        let (stop, stopped) = channel::channel(false);
        let shown = Shown {
            metrics: Arc::clone(&self.metrics),
            health: Arc::clone(&self.health),
            patience: STATION_PATIENCE,
            before_scrape: self.watches.before_scrape(&self.metrics, &self.health),
        };
        let task = tokio::spawn(serve(listener, router(Arc::new(shown)), ended(stopped)));
        Ok(Http { stop, task })
    }

    /// Open all partitions and start their journeys; none if the stop came first.
    async fn open_all(
        &self,
        prefetch: NonZeroU16,
        options: Options,
        faults: &mpsc::Sender<StationFault>,
        stop: &mut Stop,
    ) -> Result<Option<(Vec<Journey>, Vec<Taker>)>, DaemonFault> {
        let (mut journeys, mut takers) = (Vec::new(), Vec::new());
        for partition in self.settings.partitions.clone() {
            let began = self.clock.elapsed();
            let opened = open(&self.settings, partition, &self.clock, options, stop).await?;
            let Some(opened) = opened else {
                return Ok(None);
            };
            let took = self.clock.elapsed().saturating_sub(began);
            self.metrics.recovery_duration.set_seconds(took);
            report(partition, &opened);
            self.health.set_journal_id(opened.journal_id.clone());
            let (metrics, clock) = (Arc::clone(&self.metrics), Arc::clone(&self.clock));
            let shared = Shared {
                settings: Arc::clone(&self.settings),
                connect: connect::options(&self.settings)?,
                observer: Observer::new(metrics, clock, partition),
                health: Arc::clone(&self.health),
                faults: faults.clone(),
            };
            let (journey, snapshots) = start_journey(opened, partition, prefetch, &shared)?;
            self.watches.add(partition, &journey);
            takers.push(self.take_snapshots(partition, snapshots, faults)?);
            journeys.push(journey);
        }
        Ok(Some((journeys, takers)))
    }

    /// Take snapshots beside the live books.
    fn take_snapshots(
        &self,
        partition: u16,
        snapshots: Snapshots<OsDisk>,
        faults: &mpsc::Sender<StationFault>,
    ) -> Result<Taker, DaemonFault> {
        let (metrics, clock) = (Arc::clone(&self.metrics), Arc::clone(&self.clock));
        let faults = faults.clone();
        let tell = move |event| match event {
            Event::Taken { built, took } => {
                tracing::info!(
                    partition,
                    position = built.position.0,
                    ?took,
                    "snapshot taken"
                );
                metrics.journal.snapshot_duration.record(took);
                let seconds = u64::try_from(clock.now().0).unwrap_or_default();
                metrics
                    .journal
                    .snapshot_timestamp
                    .set_seconds(Duration::from_nanos(seconds));
            }
            Event::Failed(fault) => {
                tracing::warn!(partition, %fault, "no snapshot was taken; it is tried again");
            }
            // Somebody else may have reported first; one reason to stop is enough.
            Event::Fault(fault) => {
                drop(faults.try_send(StationFault::Rebuilt(fault.to_string())));
            }
        };
        snapshots
            .start(Arc::clone(&self.clock), tell)
            .map_err(|source| DaemonFault::System {
                doing: "start a thread".to_owned(),
                source,
            })
    }
}

/// Say what opening found.
fn report(partition: u16, opened: &Opened) {
    if let Some(cut) = &opened.cut {
        tracing::warn!(
            partition,
            cut,
            "an unfinished write was left out; nothing of it was acknowledged"
        );
    }
    for warning in &opened.warnings {
        tracing::warn!(
            partition,
            warning,
            "the configuration differs from the books"
        );
    }
    if opened.vault.torn_bytes() > 0 {
        tracing::warn!(
            partition,
            bytes = opened.vault.torn_bytes(),
            "an unfinished key was left out"
        );
    }
    let (jobs, position) = (opened.replayed_jobs, opened.frontier.position().0);
    tracing::info!(partition, jobs, position, "the books are open");
}

async fn drain(
    journeys: Vec<Journey>,
    health: &Health,
    faulted: &mut mpsc::Receiver<StationFault>,
    stop: &mut Stop,
) -> Result<(), DaemonFault> {
    health.not_ready("stop", "stopping");
    notify::stopping("finishing what was taken");
    tracing::info!("stopping: finishing what was taken");
    let drained = async {
        for journey in journeys {
            journey.drain().await;
        }
    };
    tokio::select! {
        () = drained => {}
        fault = faulted.recv() => if let Some(fault) = fault { return Err(fault.into()); },
        () = stop.asked() => tracing::warn!("stopped for the second time: not waiting any longer"),
    }
    // A fault may have been what ended the stations.
    faulted.try_recv().map_or(Ok(()), |fault| Err(fault.into()))
}

fn start_journey(
    opened: Opened,
    partition: u16,
    prefetch: NonZeroU16,
    shared: &Shared,
) -> Result<(Journey, Snapshots<OsDisk>), DaemonFault> {
    let settings = &shared.settings;
    let prefix = &settings.broker.prefix;
    let secret = opened.secret;
    let rules = opened
        .engine
        .books()
        .iter()
        .zip(0..)
        .map(|(book, index)| BookRules {
            name: book.name().into(),
            index: crate::ids::BookIndex(index),
            pan_policy: book.reference().pan_policy(),
        });
    let reader = JobReader::new(rules.collect(), secret);
    let targets = Targets {
        outcomes: Topology::outcomes_exchange(prefix),
        dead: Topology::dead_exchange(prefix),
        replies: settings.broker.reply_to.clone(),
    };
    let mode = match settings.outcomes.mode {
        OutcomesMode::Each => Mode::Each,
        OutcomesMode::Batched => Mode::Batched,
        OutcomesMode::Off => Mode::Off,
    };
    gauges::show(shared.observer.metrics(), opened.engine.books());
    let frontier: Frontier = opened.frontier;
    let parts = Parts {
        partition,
        decoding: Decoding {
            reader,
            sealer: sealer::VaultSealer::new(opened.vault, opened.engine.books()),
            jobs_exchange: Topology::jobs_exchange(prefix),
            trusted: settings.broker.trusted_front_ends.clone(),
            bytes_max: settings.broker.message_bytes_max,
        },
        post: Post::new(opened.engine, opened.past, settings.pipeline.batch_jobs_max),
        persist: Persist::new(opened.store, frontier.position(), frontier),
        queue: Topology::job_queue(prefix, u32::from(partition)),
        outgoing: Outgoing {
            publisher: Publisher::new(mode, targets, opened.names, opened.published),
            outcomes: opened.outcomes,
            cursor: opened.cursor,
            earlier: opened.earlier,
        },
    };
    let journey =
        Journey::start(parts, prefetch, shared).map_err(|source| DaemonFault::System {
            doing: "start a thread".to_owned(),
            source,
        })?;
    Ok((journey, opened.snapshots))
}

/// Open a partition off the async threads; none if the stop came first.
async fn open(
    settings: &Arc<Settings>,
    partition: u16,
    clock: &Arc<dyn Clock>,
    options: Options,
    stop: &mut Stop,
) -> Result<Option<Opened>, DaemonFault> {
    let (settings, clock) = (Arc::clone(settings), Arc::clone(clock));
    let opening = tokio::task::spawn_blocking(move || {
        let mut extension = notify::Extension::default();
        Partition::open(
            &settings,
            partition,
            &clock,
            options.standby,
            &mut |fraction| {
                let percent = fraction.min(100);
                extension.progress(std::time::Instant::now(), || {
                    format!("replaying {percent}%")
                });
            },
        )
    });
    tokio::select! {
        opened = opening => match opened {
            Ok(opened) => Ok(Some(opened?)),
            Err(panic) => Err(DaemonFault::System {
                doing: "open the state directory".to_owned(),
                source: std::io::Error::other(panic),
            }),
        },
        () = stop.asked() => Ok(None),
    }
}

/// The prefetch that memory allows.
fn prefetch(settings: &Settings) -> Result<NonZeroU16, DaemonFault> {
    let demand = Demand {
        prefetch: settings.broker.prefetch,
        prefetch_min: settings.broker.prefetch_min,
        partitions: settings.partitions.len(),
        message_bytes_max: settings.broker.message_bytes_max,
        intake_bytes_max: settings.broker.intake_bytes_max,
    };
    let allowance = allow(demand, cgroup_limit())
        .map_err(|too_large| DaemonFault::Settings(too_large.to_string()))?;
    if allowance.lowered {
        tracing::warn!(
            prefetch = allowance.prefetch,
            "broker.prefetch was lowered so that what is open fits the memory it may take"
        );
    }
    NonZeroU16::new(allowance.prefetch)
        .ok_or_else(|| DaemonFault::Settings("broker.prefetch must be above zero".to_owned()))
}

fn known(settings: &Settings, clock: &dyn Clock) -> Known {
    let since_epoch = u64::try_from(clock.now().0).unwrap_or_default();
    Known {
        version: env!("CARGO_PKG_VERSION"),
        commit: option_env!("KONTOR_COMMIT").unwrap_or("unknown"),
        started: Duration::from_nanos(since_epoch),
        partitions: settings.partitions.clone(),
        kinds: JobData::BUILT
            .iter()
            .filter_map(|code| kind_name(KindCode(*code)))
            .collect(),
        dead_letter_codes: Code::ALL
            .iter()
            .filter(|code| code.is_dead_letter())
            .map(|code| code.text())
            .collect(),
    }
}

async fn ended(mut stopped: channel::Receiver<bool>) {
    // An error means that the sender is gone: then it has ended as well.
    let _ended = stopped.wait_for(|stopped| *stopped).await;
}

fn listen(kind: SignalKind) -> Result<tokio::signal::unix::Signal, DaemonFault> {
    signal(kind).map_err(|source| DaemonFault::System {
        doing: "listen for signals".to_owned(),
        source,
    })
}

/// The signals that end the daemon.
struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> Result<Self, DaemonFault> {
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
