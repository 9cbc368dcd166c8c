//! From open books to a running journey: which part goes where, and what the settings say of it.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::DaemonFault;
use super::sealer::VaultSealer;
use super::stop::Stop;
use super::watch;
use crate::broker::Topology;
use crate::code::Code;
use crate::ids::{BookIndex, KindCode, Position};
use crate::jobs::JobData;
use crate::jobs::catalogue::kind_name;
use crate::journal::file::disk::{Disk, OsDisk};
use crate::ledger::{Book, NameTable};
use crate::notify;
use crate::partition::{Claim, Opened, Partition, Saver, Secrets, Snapshots};
use crate::pipeline::cold::ColdFiles;
use crate::pipeline::gauges;
use crate::pipeline::journey::{Journey, Outgoing, Parts, Shared};
use crate::pipeline::persist::{Frontier, Persist};
use crate::pipeline::post::Post;
use crate::pipeline::publish::{Mode, Publisher, Targets};
use crate::pipeline::stations::{Decoding, StationFault};
use crate::settings::memory::{Demand, allow, cgroup_limit};
use crate::settings::{OutcomesMode, Settings};
use crate::telemetry::Known;
use crate::time::{Clock, Timestamp};
use crate::vault::Vault;
use crate::wire::message::{BookRules, JobReader};

/// Say what opening found.
pub(super) fn report(partition: u16, opened: &Opened) {
    if let Some(cut) = &opened.cut {
        tracing::warn!(
            partition,
            cut,
            "an unfinished write was left out; nothing of it was acknowledged"
        );
    }
    if opened.unwitnessed {
        tracing::warn!(
            partition,
            "neither of the files `frontier` and `cursor` was beside the journal: whether \
             something durable is missing at its end cannot be told, and every outcome is \
             published again"
        );
    }
    for warning in &opened.warnings {
        tracing::warn!(
            partition,
            warning,
            "the configuration differs from the books"
        );
    }
    for fault in &opened.passed_over {
        tracing::warn!(partition, fault, "a snapshot is not used");
    }
    if let Some(markers) = &opened.markers {
        let condemned = markers.condemned().len();
        tracing::warn!(
            partition,
            condemned,
            "the last two runs were not stopped in order and recorded fewer jobs between them than \
             broker.prefetch: that many messages are taken one at a time, so that a job that fells \
             the process is found and set aside"
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

/// Put a partition's stations together and start them.
pub(super) fn start_journey(
    opened: Opened,
    partition: u16,
    prefetch: NonZeroU16,
    shared: &Shared,
) -> Result<(Journey, Snapshots<OsDisk>), DaemonFault> {
    let settings = &shared.settings;
    let now = shared.observer.clock().now();
    let metrics = shared.observer.metrics();
    gauges::show(metrics, partition, opened.engine.books(), now);
    // Opening has read everything behind the snapshot, frame by frame, and compared digests.
    metrics.verified(partition, since_epoch(now));
    let recorded_at = opened.engine.last_recorded_at();
    let held = watch::behind(now, recorded_at, settings.clock_jump_max);
    let no_thread = |source| DaemonFault::System {
        doing: "start a thread".to_owned(),
        source,
    };
    let cursor = Saver::start(opened.cursor).map_err(no_thread)?;
    let earlier = opened.earlier.hand_over().map_err(no_thread)?;
    let frontier: Frontier = opened.frontier;
    let mut persist = Persist::new(opened.store, frontier.position(), frontier);
    let room = persist.room().map_err(StationFault::from)?;
    let (vault, cold) = (opened.vault, Box::new(opened.cold));
    let old_keys = cold.clone();
    let markers = opened.markers.as_ref();
    if let Some(shown) = shared.health.partition(partition) {
        shown.one_at_a_time.store(markers.is_some(), Relaxed);
    }
    let parts = Parts {
        partition,
        decoding: decoding(
            settings,
            &opened.secrets,
            vault,
            cold,
            opened.engine.books(),
        )
        .with_marker(markers),
        post: Post::new(opened.engine, opened.past, settings.pipeline.batch_jobs_max)
            .with_old_keys(old_keys)
            .with_marker(markers),
        persist,
        queue: Topology::job_queue(&settings.broker.prefix, u32::from(partition)),
        outgoing: Outgoing {
            publisher: publisher(settings, opened.names, opened.published),
            outcomes: opened.outcomes,
            cursor,
            earlier,
        },
        room,
        held,
        alone: markers.map_or(0, |_| u64::from(prefetch.get())),
    };
    let journey = Journey::start(parts, prefetch, shared).map_err(no_thread)?;
    Ok((journey, opened.snapshots))
}

/// The station that reads jobs, with the rules of its books, the keys of personal texts, and the
/// files in which it looks up what the engine does not hold.
pub fn decoding<D: Disk>(
    settings: &Settings,
    secrets: &Secrets,
    vault: Vault<D>,
    cold: Box<dyn ColdFiles>,
    books: &[Book],
) -> Decoding<VaultSealer<D>> {
    let rules = books.iter().zip(0..).map(|(book, index)| BookRules {
        name: book.name().into(),
        index: BookIndex(index),
        pan_policy: book.reference().pan_policy(),
    });
    Decoding {
        reader: JobReader::new(rules.collect(), secrets.fingerprint),
        sealer: VaultSealer::new(vault, books),
        cold,
        jobs_exchange: Topology::jobs_exchange(&settings.broker.prefix),
        trusted: settings.broker.trusted_front_ends.clone(),
        bytes_max: settings.broker.message_bytes_max,
        alone: None,
    }
}

/// The station that publishes, with its targets.
pub fn publisher(settings: &Settings, names: NameTable, published: Position) -> Publisher {
    let prefix = &settings.broker.prefix;
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
    Publisher::new(mode, targets, names, published)
}

/// Open a partition off the async threads; none if the stop came first.
pub(super) async fn open(
    settings: &Arc<Settings>,
    claim: Claim,
    clock: &Arc<dyn Clock>,
    stop: &mut Stop,
) -> Result<Option<Opened>, DaemonFault> {
    let (settings, clock) = (Arc::clone(settings), Arc::clone(clock));
    let opening = tokio::task::spawn_blocking(move || {
        let mut extension = notify::Extension::default();
        Partition::open(&settings, claim, &*clock, &mut |fraction| {
            let percent = fraction.min(100);
            extension.progress(std::time::Instant::now(), || {
                format!("replaying {percent}%")
            });
        })
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
pub(super) fn prefetch(settings: &Settings) -> Result<NonZeroU16, DaemonFault> {
    let allowance = allow(Demand::of(settings), cgroup_limit())
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

pub(super) fn known(settings: &Settings, clock: &dyn Clock) -> Known {
    Known {
        version: env!("CARGO_PKG_VERSION"),
        commit: option_env!("KONTOR_COMMIT").unwrap_or("unknown"),
        started: since_epoch(clock.now()),
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

/// A point in time as metrics show it.
pub(super) fn since_epoch(instant: Timestamp) -> Duration {
    Duration::from_nanos(u64::try_from(instant.0).unwrap_or_default())
}
