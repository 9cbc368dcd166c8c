//! SIGHUP: read the settings again, apply what can change while running, name what cannot.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::signal::unix::Signal;

use crate::notify;
use crate::settings::{Reload, Settings, Sources};
use crate::telemetry::tracing::LogControl;
use crate::telemetry::{Health, Metrics};

/// The settings as they count now: a reload takes some of them over.
#[derive(Clone, Debug)]
pub struct Current(Arc<RwLock<Arc<Settings>>>);

impl Current {
    /// At the start.
    pub fn new(settings: Arc<Settings>) -> Self {
        Self(Arc::new(RwLock::new(settings)))
    }

    /// As they are now.
    pub fn get(&self) -> Arc<Settings> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, settings: Settings) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }
}

/// What a reload works with.
pub struct Reloading {
    /// Where the settings come from.
    pub sources: Sources,
    /// The log.
    pub log: LogControl,
}

impl Reloading {
    /// Reload at every signal. A bad file changes nothing and shows in the metrics.
    pub async fn run(
        self,
        mut hangup: Signal,
        current: Current,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
    ) {
        metrics.config_reload_success.set(1);
        while hangup.recv().await.is_some() {
            notify::reloading();
            let good = self.reload(&current);
            metrics.config_reload_success.set_switch(good);
            notify::ready(health.role().text());
        }
    }

    fn reload(&self, current: &Current) -> bool {
        let new = match Settings::load(&self.sources) {
            Ok(new) => new,
            Err(fault) => {
                tracing::error!(%fault, "the settings were not reloaded; the old ones stay");
                return false;
            }
        };
        let old = current.get();
        for difference in old.differences(&new) {
            match difference.reload {
                Reload::Live => tracing::info!(key = difference.key, "applied"),
                Reload::Restart => {
                    tracing::warn!(key = difference.key, "changed; restart to apply it");
                }
            }
        }
        // Lanes ask for credentials and certificates with every connection.
        current.set(old.taking_over(&new));
        if let Err(fault) = self.log.set_level(new.log.level) {
            tracing::warn!(%fault, "the log level was not changed");
        }
        true
    }
}
