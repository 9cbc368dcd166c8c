//! kontor

pub mod lenient;
pub mod wire;
pub mod ring;
pub mod vault;
