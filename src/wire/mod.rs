//! Bytes to jobs, and what must be equal about a job whichever way it came.
//!
//! | File | Duty |
//! |---|---|
//! | `tree.rs` | JSON text to a tree, strictly |
//! | `typed.rs` | a tree to a job's struct, each fault with its path |
//! | `schema.rs` | what a fault of the schema is, in either form |
//! | `ndjson.rs` | a message to its lines |
//! | `binary/` | the binary form, both ways; the only place here that names bincode |
//! | `container.rs` | many binary jobs in one message |
//! | `client.rs` | builds such messages; for producers written in Rust |
//! | `message.rs` | a message to its jobs, in the order of the checks |
//! | `envelope.rs` | what a job says around its data |
//! | `texts.rs` | checks of its personal texts |
//! | `question.rs` | the data of a question, from JSON |
//! | `canonical/` | the fingerprint of a job: equal over all forms |
//!
//! The bytes are drawn in `docs/wire.md`.

pub mod tree;
pub mod schema;
pub mod typed;
pub mod ndjson;
pub mod binary;
pub mod container;
pub mod client;
pub mod canonical;
pub mod message;
pub mod question;
pub mod outcome;

mod envelope;
mod pointer;
mod text;
mod texts;

pub use envelope::{AS_LAID_OUT, ENVELOPE};

#[cfg(test)]
mod cost;
