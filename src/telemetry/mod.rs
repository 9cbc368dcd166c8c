//! What can be seen of kontor from outside: metrics, health, logs, and the server that shows them.
//!
//! Everything is handed over as handles; nothing here is global but the log. It only shows: no
//! station takes a decision from what stands here, and nothing here names a job's content.

pub mod catalogue;
pub mod health;
pub mod http;
pub mod metrics;
pub mod page;
pub mod tracing;

mod door;
mod histogram;
mod metric;
mod register;
mod shared;

#[cfg(test)]
mod alerts;

pub use ::metrics::Counter;
pub use health::{Health, Pulse, Role};
pub use histogram::{Durations, Numbers};
pub use metric::{Buckets, Kind, Metric};
pub use metrics::{Known, Metrics};
pub use register::Level;
pub use shared::{Figure, Figures};
