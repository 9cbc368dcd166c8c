//! kontor
pub mod settings;
pub mod telemetry;
pub mod notify;
