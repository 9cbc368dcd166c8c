//! kontor
pub mod settings;
