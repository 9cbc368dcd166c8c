//! Why the daemon ended, or did not begin, and with which exit code.

use crate::broker::{BrokerFault, FaultClass};
use crate::journal::JournalFault;
use crate::partition::{BuildFault, LoadFault, OpenFault};
use crate::pipeline::post::PostFault;
use crate::pipeline::stations::StationFault;

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
    /// A second signal came before everything taken was finished.
    #[error(
        "stopped for the second time, before everything taken was finished: what is not \
         acknowledged comes again, and durable outcomes are published at the next start"
    )]
    Hurried,
    /// The operating system.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was tried.
        doing: String,
        /// What it said.
        source: std::io::Error,
    },
}

/// What a snapshot that cannot be built says about the journal.
pub(super) fn rebuilding(fault: BuildFault) -> StationFault {
    match fault {
        BuildFault::Load(LoadFault::Journal(fault)) => StationFault::Journal(fault),
        BuildFault::Load(fault) => StationFault::Rebuilt(fault.to_string()),
        BuildFault::Write(fault) => StationFault::Journal(JournalFault::Io(fault.to_string())),
    }
}

impl DaemonFault {
    /// The exit code, as `docs/operations.md` explains it.
    pub fn exit_code(&self) -> u8 {
        let of_broker = |fault: &BrokerFault| match fault.class() {
            FaultClass::Configuration | FaultClass::Missing => 78,
            FaultClass::Transient => 69,
        };
        match self {
            Self::Hurried => 1,
            Self::Settings(_) | Self::Topology(_) => 78,
            Self::Broker(fault) | Self::Station(StationFault::Broker(fault)) => of_broker(fault),
            Self::Open(fault) => fault.exit_code(),
            Self::Station(
                StationFault::Journal(JournalFault::Damaged(_))
                | StationFault::Post(PostFault::OldKeys(JournalFault::Damaged(_)))
                | StationFault::Rebuilt(_),
            ) => 65,
            Self::Station(
                StationFault::Journal(_)
                | StationFault::Vault(_)
                | StationFault::Post(
                    PostFault::Inconsistent(_)
                    | PostFault::Lookup { .. }
                    | PostFault::Stopped
                    | PostFault::OldKeys(_)
                    | PostFault::Marker(_),
                ),
            )
            | Self::System { .. } => 74,
        }
    }
}
