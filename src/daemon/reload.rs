//! SIGHUP: read the settings again, apply what can change while running, name what cannot.

use std::sync::Arc;

use tokio::signal::unix::Signal;

use crate::notify;
use crate::settings::{Reload, Settings, Sources};
use crate::telemetry::tracing::LogControl;
use crate::telemetry::{Health, Metrics};

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
        settings: Arc<Settings>,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
    ) {
        metrics.config_reload_success.set(1);
        while hangup.recv().await.is_some() {
            notify::reloading();
            let good = self.reload(&settings);
            metrics.config_reload_success.set_switch(good);
            notify::ready(health.role().text());
        }
    }

    fn reload(&self, settings: &Settings) -> bool {
        let new = match Settings::load(&self.sources) {
            Ok(new) => new,
            Err(fault) => {
                tracing::error!(%fault, "the settings were not reloaded; the old ones stay");
                return false;
            }
        };
        for difference in settings.differences(&new) {
            match difference.reload {
                Reload::Live => tracing::info!(key = difference.key, "applied"),
                Reload::Restart => {
                    tracing::warn!(key = difference.key, "changed; restart to apply it");
                }
            }
        }
        // Credentials and certificates are read anew for every connection.
        if let Err(fault) = self.log.set_level(new.log.level) {
            tracing::warn!(%fault, "the log level was not changed");
        }
        true
    }
}
