//! The signals that end the daemon.

use tokio::signal::unix::{SignalKind, signal};

use super::DaemonFault;

pub(super) fn listen(kind: SignalKind) -> Result<tokio::signal::unix::Signal, DaemonFault> {
    signal(kind).map_err(|source| DaemonFault::System {
        doing: "listen for signals".to_owned(),
        source,
    })
}

/// The signals that end the daemon.
pub(super) struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Stop {
    pub(super) fn listen() -> Result<Self, DaemonFault> {
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
