//! # kontor
//!
//! Jobs come in from RabbitMQ and leave as entries in a durable journal.
//!
//! ```text
//!   intake ─▶ decode ─▶ gather ─▶ post ─▶ persist ─┬▶ acknowledge
//!   broker    wire      ring      engine   journal  └▶ publish
//! ```
//!
//! Read the modules in this order: [`ledger`], [`jobs`], [`engine`].

pub mod lenient;
pub mod raw_json;
pub mod money;
pub mod time;
pub mod ids;
pub mod limits;
pub mod code;
pub mod ledger;
pub mod jobs;
pub mod wire;
pub mod ring;
pub mod engine;
pub mod journal;
pub mod pipeline;
