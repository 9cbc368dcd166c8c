//! How to reach the broker, asked anew for every connection.
//!
//! A lane lives longer than a password or a certificate. So it does not keep how it was connected;
//! it asks, each time, and what it was told is gone with the connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::super::fault::BrokerFault;
use super::connection::ConnectOptions;

/// The first pause before a reconnect. A broker that was restarted is back within seconds.
const FIRST: Duration = Duration::from_millis(100);
/// The longest one: small enough that a broker which is back is noticed soon.
const LONGEST: Duration = Duration::from_secs(5);

type Ask = dyn Fn() -> Result<ConnectOptions, BrokerFault> + Send + Sync;

/// How to reach the broker, and how patiently.
#[derive(Clone)]
pub struct Reach {
    ask: Arc<Ask>,
    pauses: (Duration, Duration),
}

impl Reach {
    /// Ask for every connection; files may be read for the answer. `pauses` are the first and the
    /// longest one between two attempts.
    pub fn asked(
        pauses: (Duration, Duration),
        ask: impl Fn() -> Result<ConnectOptions, BrokerFault> + Send + Sync + 'static,
    ) -> Self {
        Self {
            ask: Arc::new(ask),
            pauses,
        }
    }

    /// How to reach the broker now.
    pub(super) async fn options(&self) -> Result<ConnectOptions, BrokerFault> {
        let ask = Arc::clone(&self.ask);
        let answer = tokio::task::spawn_blocking(move || ask()).await;
        answer.unwrap_or_else(|gone| {
            let reason = gone.to_string();
            Err(BrokerFault::CredentialsUnreadable { reason })
        })
    }

    /// The first and the longest pause between two attempts.
    pub(super) fn pauses(&self) -> (Duration, Duration) {
        self.pauses
    }
}

impl From<ConnectOptions> for Reach {
    fn from(options: ConnectOptions) -> Self {
        Self::asked((FIRST, LONGEST), move || Ok(options.clone()))
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach")
            .field("pauses", &self.pauses)
            .finish_non_exhaustive()
    }
}
