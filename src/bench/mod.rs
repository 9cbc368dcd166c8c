//! Measurements that an operator can repeat: `kontor bench`.
//!
//! Each file answers one question. Figures are throughputs of one run; what is compared is measured
//! in the same run, side by side, because machines differ and are noisy.

pub mod figure;
pub mod machine;
pub mod room;
pub mod limits;
pub mod books;
pub mod load;
pub mod stock;
pub mod rig;
pub mod engine;
pub mod rings;
pub mod decode;
pub mod journal;
pub mod feeder;
pub mod pipeline;
pub mod contrast;
pub mod keys;
pub mod site;
pub mod cold;
pub mod recovery;
pub mod snapshot;
pub mod memory;
pub mod served;
pub mod render;
pub mod plot;
pub mod results;

use std::fmt::Display;
use std::time::Duration;

use self::figure::{Figure, Series};

use crate::journal::JournalFault;
use crate::journal::file::Fault;
use crate::journal::snapshot::SnapshotFault;
use crate::ledger::Inconsistent;
use crate::partition::{BuildFault, LoadFault, OpenFault};
use crate::pipeline::stations::StationFault;
use crate::settings::SettingsFault;
use crate::vault::VaultFault;

/// Why a measurement ended without a figure.
#[derive(Debug, thiserror::Error)]
pub enum BenchFault {
    /// The built-in settings.
    #[error("the built-in settings cannot be read: {0}")]
    Settings(#[from] SettingsFault),
    /// The engine.
    #[error("{0}")]
    Engine(#[from] Inconsistent),
    /// The file journal.
    #[error("{0}")]
    File(#[from] Fault),
    /// The journal.
    #[error("{0}")]
    Journal(#[from] JournalFault),
    /// A station.
    #[error("{0}")]
    Station(#[from] StationFault),
    /// A state directory.
    #[error("{0}")]
    Open(#[from] Box<OpenFault>),
    /// Books rebuilt from a journal.
    #[error("{0}")]
    Rebuild(#[from] LoadFault),
    /// A snapshot.
    #[error("{0}")]
    Build(#[from] BuildFault),
    /// Key files.
    #[error("{0}")]
    Keys(#[from] SnapshotFault),
    /// The secret of a state directory.
    #[error("{0}")]
    Vault(#[from] VaultFault),
    /// The operating system.
    #[error("the system refused a thread or a file: {0}")]
    System(#[from] std::io::Error),
    /// A station ended before the last job.
    #[error("a station ended before its work was done")]
    Stopped,
    /// The load is not what it should be.
    #[error("a job of the load was not taken as a job: the benchmark itself is wrong")]
    Load,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// What was measured.
    pub what: String,
    /// How many things.
    pub count: u64,
    /// In how long.
    pub took: Duration,
    /// Further facts, as they are shown.
    pub notes: Vec<(String, String)>,
    /// What counts of it, beside its targets.
    pub figures: Vec<Figure>,
    /// Curves of it.
    pub series: Vec<Series>,
}

impl Measured {
    /// So many things in so long.
    pub fn new(what: impl Into<String>, count: u64, took: Duration) -> Self {
        Self {
            what: what.into(),
            count,
            took,
            notes: Vec::new(),
            figures: Vec::new(),
            series: Vec::new(),
        }
    }

    /// Add a fact.
    pub fn note(&mut self, name: &str, value: impl Display) {
        self.notes.push((name.to_owned(), value.to_string()));
    }

    /// How long `count` of them take at the measured rate, for a caller that wanted just so many.
    pub fn time_of(&self, count: u64) -> Duration {
        let share = self.took.as_nanos().saturating_mul(u128::from(count));
        let nanos = share.checked_div(u128::from(self.count.max(1)));
        Duration::from_nanos(u64::try_from(nanos.unwrap_or_default()).unwrap_or(u64::MAX))
    }

    /// Things per second.
    pub fn per_second(&self) -> u64 {
        per_second(self.count, self.took)
    }
}

/// How many of so many are in a second.
pub fn per_second(count: u64, took: Duration) -> u64 {
    let nanos = took.as_nanos().max(1);
    let rate = u128::from(count)
        .saturating_mul(1_000_000_000)
        .div_euclid(nanos);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// The value below which so many of a hundred lie, of values in order.
pub fn quantile(ordered: &[Duration], percent: usize) -> Duration {
    let last = ordered.len().saturating_sub(1);
    let at = last.saturating_mul(percent).div_euclid(100);
    ordered.get(at).copied().unwrap_or_default()
}

/// Memory of this process that is resident; 0 where the system does not say.
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or_default().saturating_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_quantiles_are_those_of_the_values() {
        let measured = Measured::new("x", 3_000, Duration::from_millis(1_500));
        assert_eq!(measured.per_second(), 2_000);
        let values: Vec<Duration> = (0..=100).map(Duration::from_millis).collect();
        assert_eq!(quantile(&values, 50), Duration::from_millis(50));
        assert_eq!(quantile(&values, 99), Duration::from_millis(99));
        assert_eq!(quantile(&[], 99), Duration::ZERO);
        assert!(resident_bytes() > 1 << 20);
    }
}
