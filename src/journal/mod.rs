//! The durable book of original entry.

pub mod file;
