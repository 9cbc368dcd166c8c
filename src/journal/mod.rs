//! The journal: the durable book of original entry.

pub mod record;
