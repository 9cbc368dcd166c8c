//! What the demo has running, and how it ends.
//!
//! Whatever is started is put here at once, so that a stop at any moment finds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::page;
use super::site::Site;
use crate::broker::package::PackageFault;
use crate::broker::private::{PrivateBroker, PrivateFault};
use crate::command::Unexpected;

/// How often it is looked whether everything still runs.
const LOOK: Duration = Duration::from_millis(300);

/// Everything that has to be ended.
#[derive(Default)]
pub(super) struct Place {
    /// Set to give up the start of the broker.
    pub(super) stop: Arc<AtomicBool>,
    /// An installation that is under way.
    pub(super) installing: Option<JoinHandle<Result<(), PackageFault>>>,
    /// A broker on its way.
    pub(super) starting: Option<JoinHandle<Result<PrivateBroker, PrivateFault>>>,
    /// The broker.
    pub(super) broker: Option<PrivateBroker>,
    /// The daemon with its folder.
    pub(super) site: Option<Site>,
}

impl Place {
    /// End everything and remove it.
    pub(super) async fn clear(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(mut site) = self.site.take() {
            site.stop();
        }
        if let Some(installing) = self.installing.take() {
            page::aside("Waiting for apt to finish, so that the package system stays whole.");
            // How it ended does not matter any more.
            drop(installing.await);
        }
        if let Some(starting) = self.starting.take()
            && let Ok(Ok(broker)) = starting.await
        {
            self.broker = Some(broker);
        }
        drop(self.broker.take());
    }

    /// Wait until the daemon is gone, which nobody has asked of it.
    pub(super) async fn gone(&mut self) -> Unexpected {
        while self.site.as_mut().is_some_and(Site::runs) {
            tokio::time::sleep(LOOK).await;
        }
        Unexpected("the daemon has ended, and nobody asked it to".to_owned())
    }

    /// Show the end of the daemon's log to whoever looks for the reason.
    pub(super) fn last_words(&self) {
        if let Some(words) = self.site.as_ref().and_then(Site::last_words) {
            page::aside(&format!("The daemon's last words:\n{words}"));
        }
    }
}
