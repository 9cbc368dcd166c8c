//! kontor

pub mod journal;
pub mod simulator;
