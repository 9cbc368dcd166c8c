//! Bytes to jobs, and what must be equal about a job whichever way it came.
//!
//! | File | Duty |
//! |---|---|
//! | `tree.rs` | JSON text to a tree, strictly |
//! | `typed.rs` | a tree to a job's struct, each fault with its path |
//! | `ndjson.rs` | a message to its lines |
//! | `binary.rs` | the binary form, both ways; the only file here that names bincode |
//! | `container.rs` | many binary jobs in one message |
//! | `client.rs` | builds such messages; for producers written in Rust |
//! | `canonical.rs` | the fingerprint of a job: equal over all forms |
//!
//! The bytes are drawn in `docs/wire.md`.

pub mod canonical;
pub mod schema;
pub mod tree;
pub mod typed;

mod pointer;
mod text;
