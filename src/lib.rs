//! kontor

pub mod ring;
