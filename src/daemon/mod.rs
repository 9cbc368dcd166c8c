//! The daemon: one process that runs the journeys of its partitions until it is told to stop.
//!
//! It assembles what the other folders make and decides only about beginnings and ends: what is
//! checked before the first delivery is taken, in which order things stop, and with which exit
//! code.

pub mod connect;
pub mod reload;
pub mod sealer;
pub mod watch;
pub mod assemble;
pub mod orders;
mod fault;
mod standby;
mod stop;

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::SignalKind;
use tokio::sync::{mpsc, watch as channel};

pub use fault::DaemonFault;

use crate::broker::LaneStatus;
use crate::journal::file::Moved;
use crate::journal::file::disk::OsDisk;
use crate::notify;
use crate::partition::{Claim, Event, Snapshots, Taker, directory};
use crate::pipeline::journey::{Journey, Shared};
use crate::pipeline::observe::Observer;
use crate::pipeline::stations::StationFault;
use crate::settings::Settings;
use crate::telemetry::http::{Shown, router, serve};
use crate::telemetry::{Health, Metrics, Role};
use crate::time::{Clock, clock};
use assemble::{known, open, prefetch, report, since_epoch, start_journey};
use orders::Orders;
use reload::Current;
use stop::{Stop, listen};

/// How long a start waits for a broker that does not answer.
pub(crate) const BROKER_PATIENCE: Duration = Duration::from_secs(10);
/// Shortest and longest pause between attempts while it waits.
const BROKER_PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));
/// How often an address is tried that a process before us is giving up, and the pause between.
const ADDRESS_LOOKS: u32 = 50;
const ADDRESS_PAUSE: Duration = Duration::from_millis(100);
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

/// Run until a signal or a fault ends it.
pub async fn run(
    settings: Settings,
    options: Options,
    reloading: reload::Reloading,
) -> Result<(), DaemonFault> {
    let process = Process::new(settings);
    let mut stop = Stop::listen()?;
    let hangup = listen(SignalKind::hangup())?;
    let (current, metrics) = (process.current.clone(), Arc::clone(&process.metrics));
    let health = Arc::clone(&process.health);
    tokio::spawn(reloading.run(hangup, current, metrics, health));
    let prefetch = prefetch(&process.settings)?;
    let watchdog = watch::watchdog(&process.health);
    let http = process.listen().await;
    let (faults, mut faulted) = mpsc::channel(1);
    let Some(Begun {
        journeys,
        beside,
        http,
    }) = process
        .begin(http, prefetch, options, &faults, &mut stop)
        .await?
    else {
        return Ok(());
    };
    process.health.ready("start");
    process.health.set_role(Role::Active);
    let ready = tokio::spawn(tell_ready(
        journeys
            .iter()
            .map(|journey| journey.consuming.clone())
            .collect(),
        process.settings.listen,
    ));
    let recorded_at = journeys.iter().map(|journey| journey.recorded_at).max();
    let clock_watch = tokio::spawn(watch::clock(
        Arc::clone(&process.clock),
        watch::ClockWatch::new(
            &*process.clock,
            process.settings.clock_jump_max,
            recorded_at.unwrap_or_default(),
        ),
        journeys
            .iter()
            .map(|journey| (journey.hold.clone(), journey.recorded_at))
            .collect(),
    ));
    let fault = tokio::select! {
        fault = faulted.recv() => fault,
        () = stop.asked() => None,
    };
    clock_watch.abort();
    ready.abort();
    if let Some(fault) = fault {
        // Nothing more is acknowledged: the process ends with what the broker has not heard.
        tracing::error!(%fault, "stopping at once");
        tokio::time::sleep(FAREWELL).await;
        return Err(fault.into());
    }
    drop(beside);
    drain(journeys, &process.health, &mut faulted, &mut stop).await?;
    http.end().await;
    drop(watchdog);
    tracing::info!("everything taken is durable and acknowledged");
    Ok(())
}

/// Tell systemd and the log once every partition consumes. A broker that went away since it was
/// looked at keeps the start waiting, which systemd bounds.
async fn tell_ready(lanes: Vec<channel::Receiver<LaneStatus>>, address: SocketAddr) {
    for mut lane in lanes {
        if lane.wait_for(|status| status.connected).await.is_err() {
            return;
        }
    }
    notify::ready("consuming");
    tracing::info!(%address, "kontor runs");
}

/// What a process has before its partitions are open.
struct Process {
    /// As they were at the start; what may change since is in `current`.
    settings: Arc<Settings>,
    current: Current,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    watches: watch::Watches,
}

/// What runs once everything has begun.
struct Begun {
    journeys: Vec<Journey>,
    beside: Vec<Beside>,
    http: Http,
}

/// What runs beside a journey, until it is dropped.
struct Beside {
    _taker: Taker,
    _orders: Option<Orders>,
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
        let clock = clock::of_this_process();
        let metrics = Arc::new(Metrics::new(&known(&settings, &*clock)));
        let health = Arc::new(Health::new(env!("CARGO_PKG_VERSION"), &settings.partitions));
        Self {
            current: Current::new(Arc::clone(&settings)),
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
                doing: format!(
                    "listen for HTTP on {}; http.listen names the address",
                    self.settings.listen
                ),
                source,
            })?;
        let (stop, stopped) = channel::channel(false);
        let shown = Shown {
            metrics: Arc::clone(&self.metrics),
            health: Arc::clone(&self.health),
            patience: STATION_PATIENCE,
            before_scrape: self
                .watches
                .before_scrape(&self.metrics, &self.health, &self.clock),
        };
        let task = tokio::spawn(serve(listener, router(Arc::new(shown)), ended(stopped)));
        Ok(Http { stop, task })
    }

    /// Listen on an address that another process is just giving up.
    async fn listen_soon(&self) -> Result<Http, DaemonFault> {
        for _ in 0..ADDRESS_LOOKS {
            if let Ok(http) = self.listen().await {
                return Ok(http);
            }
            tokio::time::sleep(ADDRESS_PAUSE).await;
        }
        self.listen().await
    }

    /// Wait for what must be there, open all partitions and start their journeys; none if the stop
    /// came first.
    ///
    /// A standby looks at the broker only when it is its turn. Otherwise the broker comes first:
    /// a topology that does not fit is said before a directory is made.
    async fn begin(
        &self,
        http: Result<Http, DaemonFault>,
        prefetch: NonZeroU16,
        options: Options,
        faults: &mpsc::Sender<StationFault>,
        stop: &mut Stop,
    ) -> Result<Option<Begun>, DaemonFault> {
        let settings = &self.settings;
        let mut http = http;
        let mut claims = None;
        if options.standby {
            claims = standby::wait(self, stop).await?;
            if claims.is_none() {
                return Ok(None);
            }
            // The active process may have had the same address.
            if http.is_err() {
                http = self.listen_soon().await;
            }
        }
        let (topology, apply) = (connect::topology(settings), options.apply_topology);
        let ready = connect::ready(settings, &topology, apply, BROKER_PATIENCE, BROKER_PAUSES);
        tokio::select! {
            ready = ready => ready?,
            () = stop.asked() => return Ok(None),
        }
        let claims = match claims {
            Some(claims) => claims,
            None => standby::claim_all(settings)?,
        };
        // A second daemon on the same directory has the same address too; what it must hear about
        // first is the lock, so a taken address is reported only now.
        let http = http?;
        let opened = self.open_all(claims, prefetch, faults, stop).await?;
        Ok(opened.map(|(journeys, beside)| Begun {
            journeys,
            beside,
            http,
        }))
    }

    /// Open all partitions and start their journeys; none if the stop came first.
    async fn open_all(
        &self,
        claims: Vec<Claim>,
        prefetch: NonZeroU16,
        faults: &mpsc::Sender<StationFault>,
        stop: &mut Stop,
    ) -> Result<Option<(Vec<Journey>, Vec<Beside>)>, DaemonFault> {
        let (mut journeys, mut beside) = (Vec::new(), Vec::new());
        let mut recovering = Duration::ZERO;
        for claim in claims {
            let (partition, began) = (claim.partition(), self.clock.elapsed());
            let opened = open(&self.settings, claim, &self.clock, stop).await?;
            let Some(opened) = opened else {
                return Ok(None);
            };
            recovering += self.clock.elapsed().saturating_sub(began);
            self.metrics.recovery_duration.set_seconds(recovering);
            report(partition, &opened);
            self.health.set_journal_id(opened.journal_id.clone());
            let (metrics, clock) = (Arc::clone(&self.metrics), Arc::clone(&self.clock));
            let shared = Shared {
                settings: Arc::clone(&self.settings),
                reach: connect::reach(&self.current),
                observer: Observer::new(metrics, clock, partition),
                health: Arc::clone(&self.health),
                faults: faults.clone(),
            };
            let history = opened.outcomes.clone();
            let (journey, snapshots) = start_journey(opened, partition, prefetch, &shared)?;
            self.watches.add(partition, &journey, history);
            beside.push(Beside {
                _taker: self.take_snapshots(partition, snapshots, faults)?,
                _orders: take_orders(&directory(&self.settings, partition), &journey),
            });
            journeys.push(journey);
        }
        Ok(Some((journeys, beside)))
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
            Event::Taken {
                built,
                took,
                archived,
            } => {
                tracing::info!(
                    partition,
                    position = built.position.0,
                    ?took,
                    "snapshot taken"
                );
                metrics.journal.snapshot_duration.record(took);
                let now = since_epoch(clock.now());
                // A snapshot reads the journal anew, frame by frame, and compares digests.
                metrics.verified(partition, now);
                match archived {
                    Ok(moved) if moved == Moved::default() => {}
                    Ok(Moved { segments, bytes }) => {
                        tracing::info!(partition, segments, bytes, "old segments archived");
                    }
                    Err(fault) => tracing::error!(
                        partition,
                        %fault,
                        "old segments stay in the journal's directory; it is tried again behind \
                         the next snapshot"
                    ),
                }
            }
            Event::Failed(fault) => {
                tracing::warn!(partition, %fault, "no snapshot was taken; it is tried again");
            }
            // Somebody else may have reported first; one reason to stop is enough.
            Event::Fault(fault) => drop(faults.try_send(fault::rebuilding(fault))),
        };
        snapshots
            .start(Arc::clone(&self.clock), tell)
            .map_err(|source| DaemonFault::System {
                doing: "start a thread".to_owned(),
                source,
            })
    }
}

/// Take orders of commands. The daemon runs without them too, and the commands say so.
fn take_orders(directory: &Path, journey: &Journey) -> Option<Orders> {
    let listening = Orders::listen(directory, journey.notes.clone());
    if let Err(fault) = &listening {
        tracing::warn!(%fault, "no orders are taken in {}", directory.display());
    }
    listening.ok()
}

async fn drain(
    journeys: Vec<Journey>,
    health: &Health,
    faulted: &mut mpsc::Receiver<StationFault>,
    stop: &mut Stop,
) -> Result<(), DaemonFault> {
    health.not_ready("stop", "stopping");
    health.set_role(Role::Stopping);
    notify::stopping("finishing what was taken");
    tracing::info!("stopping: finishing what was taken");
    let drained = async {
        for journey in journeys {
            journey.drain().await;
        }
    };
    finish(drained, faulted, stop.asked()).await
}

/// Wait for the end of what was taken, unless a fault or a second signal comes first.
async fn finish(
    drained: impl Future<Output = ()>,
    faulted: &mut mpsc::Receiver<StationFault>,
    asked: impl Future<Output = ()>,
) -> Result<(), DaemonFault> {
    tokio::select! {
        () = drained => {}
        fault = faulted.recv() => if let Some(fault) = fault { return Err(fault.into()); },
        () = asked => return Err(DaemonFault::Hurried),
    }
    // A fault may have been what ended the stations.
    faulted.try_recv().map_or(Ok(()), |fault| Err(fault.into()))
}

async fn ended(mut stopped: channel::Receiver<bool>) {
    // An error means that the sender is gone: then it has ended as well.
    let _ended = stopped.wait_for(|stopped| *stopped).await;
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn a_second_signal_is_not_an_end_in_order() {
        let (faults, mut faulted) = mpsc::channel(1);
        let hurried = finish(pending(), &mut faulted, ready(()))
            .await
            .unwrap_err();
        assert_eq!(hurried.exit_code(), 1);
        assert!(hurried.to_string().contains("comes again"), "{hurried}");
        assert!(finish(ready(()), &mut faulted, pending()).await.is_ok());
        drop(faults);
    }
}
