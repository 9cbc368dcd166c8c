//! A commit as bytes: the payload of a journal frame.
//!
//! Together with `wire/binary.rs` this folder is the only place that names bincode. What is written
//! are structs of their own ([`v1`]), never the types the program works with, so that those can
//! change while old bytes stay readable. A version is never changed once released: a new one is
//! added beside it with a way up, and golden bytes of every version are kept by the tests.

mod v1;

use crate::ledger::Commit;

/// Version written by this release; it stands in the frame's payload in front of everything else.
pub const RECORD_VERSION: u16 = 1;

/// Bytes that are no commit of any known version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// A version of a later release.
    #[error(
        "the record has version {0}, this release reads up to {RECORD_VERSION}; use a newer kontor"
    )]
    Version(u16),
    /// Not what the version says.
    #[error("the record cannot be read: {0}")]
    Malformed(String),
}

/// Write a commit behind what is in `out`.
pub fn encode(commit: &Commit, out: &mut Vec<u8>) -> Result<(), RecordFault> {
    out.extend_from_slice(&RECORD_VERSION.to_le_bytes());
    v1::encode(commit, out)
}

/// Read a commit; every byte must belong to it.
pub fn decode(bytes: &[u8]) -> Result<Commit, RecordFault> {
    let version = bytes.first_chunk().map(|chunk| u16::from_le_bytes(*chunk));
    match (version, bytes.get(2..)) {
        (Some(RECORD_VERSION), Some(body)) => v1::decode(body),
        (Some(other), _) => Err(RecordFault::Version(other)),
        (None, _) => Err(RecordFault::Malformed("too short".to_owned())),
    }
}

#[cfg(test)]
mod tests;
