//! How a command ends: the answer, or the fault and the exit code that it stands for.

use crate::backup::BackupFault;
use crate::broker::private::PrivateFault;
use crate::broker::{BrokerFault, FaultClass};
use crate::daemon::DaemonFault;
use crate::journal::JournalFault;
use crate::journal::file::Fault;
use crate::journal::snapshot::SnapshotFault;
use crate::partition::{LoadFault, OpenFault};
use crate::settings::SettingsFault;
use crate::vault::VaultFault;

/// The answer is no.
const NO: u8 = 1;
/// The command line, or a file named on it.
pub(super) const USAGE: u8 = 64;
/// Damaged data.
const DAMAGED: u8 = 65;
/// The broker.
const UNAVAILABLE: u8 = 69;
/// The journal.
const JOURNAL: u8 = 74;
/// Configuration or topology.
const CONFIGURATION: u8 = 78;

/// What a command that ran to its end has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Done, or the answer is yes.
    Yes,
    /// The answer is no, and it has been said why.
    No,
    /// Damage was found, and it has been said where.
    Damaged,
    /// The broker or the configuration is not as it must be, and it has been said how.
    Misconfigured,
    /// A signal with this number ended it early, and that has been said.
    Stopped(i32),
}

impl Done {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => NO,
            Self::Damaged => DAMAGED,
            Self::Misconfigured => CONFIGURATION,
            // As shells count a command that a signal ended.
            Self::Stopped(signal) => u8::try_from(signal).map_or(NO, |signal| 128 | signal),
        }
    }
}

/// What was named on the command line cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub String);

/// What was asked for is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotFound(pub String);

/// Something did not come as it must.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unexpected(pub String);

/// There is no broker, and it has been said what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// The configuration can be read and cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Misconfigured(pub String);

/// The exit code of a fault: that of the first cause that has one.
pub(super) fn code(fault: &anyhow::Error) -> u8 {
    fault.chain().find_map(code_of).unwrap_or(JOURNAL)
}

/// A fault in words, with every cause that has not been said yet.
pub(super) fn words(fault: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in fault.chain() {
        let cause = cause.to_string();
        if said.contains(&cause) {
            continue;
        }
        if !said.is_empty() {
            said.push_str(": ");
        }
        said.push_str(&cause);
    }
    said
}

fn code_of(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    let of_journal = |damaged: bool| if damaged { DAMAGED } else { JOURNAL };
    if cause.is::<Unusable>() {
        Some(USAGE)
    } else if cause.is::<NotFound>() || cause.is::<Unexpected>() {
        Some(NO)
    } else if cause.is::<Unavailable>() || cause.is::<PrivateFault>() {
        Some(UNAVAILABLE)
    } else if cause.is::<SettingsFault>() || cause.is::<Misconfigured>() {
        Some(CONFIGURATION)
    } else if let Some(fault) = cause.downcast_ref::<BrokerFault>() {
        Some(match fault.class() {
            FaultClass::Configuration | FaultClass::Missing => CONFIGURATION,
            FaultClass::Transient => UNAVAILABLE,
        })
    } else if let Some(fault) = cause.downcast_ref::<JournalFault>() {
        Some(of_journal(matches!(fault, JournalFault::Damaged(_))))
    } else if let Some(fault) = cause.downcast_ref::<Fault>() {
        Some(of_journal(matches!(fault, Fault::Damaged(_))))
    } else if let Some(fault) = cause.downcast_ref::<SnapshotFault>() {
        let damaged = SnapshotFault::is_damage(fault);
        Some(of_journal(damaged))
    } else if let Some(fault) = cause.downcast_ref::<VaultFault>() {
        Some(of_journal(fault.is_damage()))
    } else if let Some(fault) = cause.downcast_ref::<LoadFault>() {
        let readable = matches!(fault, LoadFault::Journal(JournalFault::Io(_)));
        Some(of_journal(!readable))
    } else if let Some(fault) = cause.downcast_ref::<BackupFault>() {
        Some(fault.exit_code())
    } else if let Some(fault) = cause.downcast_ref::<OpenFault>() {
        Some(fault.exit_code())
    } else {
        let fault = cause.downcast_ref::<DaemonFault>();
        fault.map(DaemonFault::exit_code)
    }
}

/// Whether nobody reads what is printed any more.
pub(super) fn is_closed_pipe(fault: &anyhow::Error) -> bool {
    fault
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|fault| fault.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once_and_gives_the_code() {
        let damaged = JournalFault::Damaged("segment 1 is damaged".into());
        let fault = anyhow::Error::new(damaged).context("p0 cannot be read");
        assert_eq!(words(&fault), "p0 cannot be read: segment 1 is damaged");
        assert_eq!(code(&fault), 65);
        let io = JournalFault::Io("p0 is not there".into());
        let fault = anyhow::Error::new(OpenFault::Journal(io));
        assert_eq!(
            (words(&fault).as_str(), code(&fault)),
            ("p0 is not there", 74)
        );
        assert_eq!(code(&Unusable("x".into()).into()), 64);
        assert_eq!(code(&NotFound("x".into()).into()), 1);
        assert_eq!(code(&Misconfigured("x".into()).into()), 78);
        assert_eq!(code(&Unexpected("x".into()).into()), 1);
        assert_eq!(code(&Unavailable("x".into()).into()), 69);
        assert_eq!(code(&PrivateFault::NotInstalled.into()), 69);
        assert_eq!(
            (Done::Stopped(2).code(), Done::Stopped(15).code()),
            (130, 143)
        );
    }
}
