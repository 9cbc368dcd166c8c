//! The journey on a real RabbitMQ: one private node for all tests of this binary, each test with
//! a prefix of its own.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::too_many_lines,
    clippy::integer_division,
    clippy::print_stderr,
    reason = "helpers of tests, which clippy.toml knows only inside of test functions"
)]

mod archive;
mod backups;
mod broker;
mod cases;
mod credentials;
mod dead;
mod demo;
mod due;
mod faults;
mod four_eyes;
mod journey;
mod metrics;
mod outcomes;
mod poison;
mod proof;
mod rates;
mod readme;
mod standby;
mod support;
mod tls;
mod trouble;
