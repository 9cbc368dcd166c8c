//! A machine that breaks on purpose, from a seed: the same seed breaks it the same way.

pub mod broker;
pub mod clock;
pub mod disk;
mod chance;

pub use chance::Chance;
