//! kontor
pub mod settings;
pub mod telemetry;
