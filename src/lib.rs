//! kontor
pub mod broker;
