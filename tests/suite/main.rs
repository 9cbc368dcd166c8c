//! What a reviewer would otherwise have to remember, and what the documents promise.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy.toml knows only inside of test functions"
)]

mod backups;
mod books;
mod cli;
mod common_codes;
mod contract;
mod every_kind;
mod fuzzed;
mod generated;
mod golden;
mod invariants;
mod judges;
mod keys_for_ever;
mod layers;
mod money;
mod order_of_checks;
mod questions;
mod readme;
mod refusals;
mod snapshots;
mod support;
mod syncs;
mod tidy;
mod walk;
