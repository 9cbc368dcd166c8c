//! Faults of the broker, the network, the disk and the process, one at a time, and the same
//! judgement at the end of each. docs/faults.md has the table.

pub(crate) mod alarms;
mod cluster;
mod disk;
mod kills;
mod messages;
mod network;
mod node;
mod rights;
mod topology;

/// How often or how many, in a longer form that the environment asks for.
fn number_from(name: &str, short: usize) -> usize {
    let wanted = std::env::var(name).ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(short)
}
