//! RabbitMQ over AMQP 0-9-1: the only folder that names the client library.
//!
//! Four traps of that library shape the code here:
//! - Its automatic recovery numbers deliveries anew on the same channel object, so an old tag
//!   would acknowledge another job. It stays off; every reconnect is a new connection.
//! - It can attach a returned message to the confirm of another one ([`mod@publish`]).
//! - A channel that the broker closes may take its connection along, so nothing shares one.
//! - It logs returned messages, bodies included ([`SILENCED_LOG_TARGETS`]).

pub mod connection;
pub mod consume;
pub mod look;
pub mod publish;
pub mod replies;
pub mod topology;
pub mod walk;

mod ack_window;
mod backoff;
mod confirms;
mod convert;
mod inequivalence;
mod reach;
mod subscription;

pub use connection::ConnectOptions;
pub use consume::{AckCounters, ConsumerLane, ConsumerOptions, consume};
pub use publish::{PublishCounters, PublisherLane, PublisherOptions, publish};
pub use reach::Reach;
pub use replies::Replies;
pub use walk::Walk;

/// Log targets of the client library that would show what is in a message. Whoever sets up
/// logging must switch them off.
pub const SILENCED_LOG_TARGETS: [&str; 1] = ["lapin::returned_messages"];
