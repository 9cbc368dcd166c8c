//! How a command ends: the answer, or the fault and the exit code that it stands for.

use crate::journal::JournalFault;
use crate::journal::file::Fault;
use crate::settings::SettingsFault;

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
}

impl Done {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => NO,
            Self::Damaged => DAMAGED,
            Self::Misconfigured => CONFIGURATION,
        }
    }
}

/// What was named on the command line cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub String);

/// The exit code of a fault: that of the first cause that has one.
pub(super) fn code(fault: &anyhow::Error) -> u8 {
    fault.chain().find_map(code_of).unwrap_or(JOURNAL)
}

fn code_of(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if cause.is::<Unusable>() {
        return Some(USAGE);
    }
    if let Some(fault) = cause.downcast_ref::<crate::daemon::DaemonFault>() {
        return Some(fault.exit_code());
    }
    if cause.is::<SettingsFault>() {
        return Some(CONFIGURATION);
    }
    if let Some(fault) = cause.downcast_ref::<crate::broker::BrokerFault>() {
        use crate::broker::FaultClass;
        return Some(match fault.class() {
            FaultClass::Configuration | FaultClass::Missing => CONFIGURATION,
            FaultClass::Transient => UNAVAILABLE,
        });
    }
    if let Some(fault) = cause.downcast_ref::<JournalFault>() {
        let damaged = matches!(fault, JournalFault::Damaged(_));
        return Some(if damaged { DAMAGED } else { JOURNAL });
    }
    if let Some(fault) = cause.downcast_ref::<Fault>() {
        let damaged = matches!(fault, Fault::Damaged(_));
        return Some(if damaged { DAMAGED } else { JOURNAL });
    }
    None
}

/// Whether nobody reads what is printed any more.
pub(super) fn is_closed_pipe(fault: &anyhow::Error) -> bool {
    fault
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|fault| fault.kind() == std::io::ErrorKind::BrokenPipe)
}
