//! A machine that breaks on purpose, from a seed: the same seed breaks it the same way.

pub mod disk;
mod chance;
mod names;
mod sectors;

pub use chance::Chance;
