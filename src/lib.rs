//! # kontor
//!
//! Jobs come in from RabbitMQ and leave as entries in a durable journal.
//!
//! ```text
//!   intake ─▶ decode ─▶ [ring] ─▶ post ─▶ [ring] ─▶ persist ─┬▶ acknowledge
//!   broker    wire                engine            journal  └▶ publish
//! ```
//!
//! A pure state machine stands in the middle; everything else carries bytes to it and facts away
//! from it. Read the modules in this order: [`ledger`], [`jobs`], [`engine`], [`journal`],
//! [`pipeline`].

#![cfg_attr(
    test,
    allow(
        clippy::wildcard_enum_match_arm,
        clippy::integer_division,
        clippy::unnecessary_wraps,
        reason = "a test that is wrong fails; these guard code that must not be"
    )
)]

pub mod lenient;
pub mod raw_json;
pub mod time;
pub mod money;
pub mod ids;
pub mod limits;
pub mod code;
pub mod ledger;
pub mod jobs;
pub mod wire;
mod atoms;
pub mod ring;
pub mod engine;
pub mod journal;
pub mod guarded;
pub mod broker;
pub mod vault;
pub mod settings;
pub mod telemetry;
pub mod notify;
pub mod pipeline;
pub mod report;
pub mod simulator;
pub mod partition;
pub mod backup;
pub mod daemon;
pub mod torture;
pub mod bench;
pub mod rehearsal;
pub mod command;
