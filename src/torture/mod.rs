//! Tortures kontor: the whole journey in one thread, on a machine and with a broker that break.
//!
//! Every choice comes from one seed, so the same seed does the same, to the byte. The stations, the
//! journal, recovery, snapshots and the vault are the daemon's own; what the daemon's threads and
//! tasks do with them is done here step by step, in an order that chance picks.
//!
//! | File | Does |
//! |---|---|
//! | `calendar.rs` | days and instants, counted once more |
//! | `kinds.rs` | the kinds of jobs, one line each |
//! | `work/` | draws jobs and messages |
//! | `model/` | the books as somebody else would keep them |
//! | `witness/` | sees what is durable, published and acknowledged, and says what must not be |
//! | `process.rs` | one life of the daemon |
//! | `world.rs`, `act.rs`, `look.rs` | everything around it, what can happen next, what is seen |
//! | `letters.rs`, `restore.rs` | what an operator does: dead letters, backups and the way back |
//! | `fault.rs`, `terms.rs` | what a seed decides |
//! | `sabotage.rs` | mistakes that must be found |
//! | `run.rs`, `many.rs` | a seed from beginning to end, and many of them |
//!
//! It does not test threads, the network or RabbitMQ itself: the live tests do.

#![expect(
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::unnecessary_wraps,
    clippy::collapsible_match,
    clippy::format_push_string,
    clippy::match_same_arms,
    clippy::single_match_else,
    reason = "a second opinion about the books, written down as plainly as possible"
)]

pub mod calendar;
pub mod kinds;
pub mod model;
pub mod work;
pub mod witness;
pub mod fault;
pub mod terms;
pub mod sabotage;
mod process;
mod world;
mod look;
mod letters;
mod lies;
mod restore;
mod act;
mod run;
pub mod many;

pub use run::{Bench, Report, run};
