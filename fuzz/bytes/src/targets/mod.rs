//! What bytes are thrown at, and what must be true whatever they are.
//!
//! | File          | Bytes are                       | What must hold                    |
//! |---------------|---------------------------------|-----------------------------------|
//! | `jobs.rs`     | a message in one of three forms | a job is the same in all forms    |
//! | `record.rs`   | a commit as it is journaled     | it is written as it was read      |
//! | `journal.rs`  | what a journal goes through     | nothing synced lost, nothing new  |
//! | `snapshot.rs` | what a snapshot goes through    | the same books all the same       |
//! | `settings.rs` | a configuration                 | every mistake has its place       |
//! | `case.rs`     | a case file                     | effects alone give the same books |
//!
//! A panic is a finding. The fuzzer runs these functions, guided by what the bytes reach
//! (`fuzz/run`); `tests/suite/fuzzed.rs` runs them over everything that is kept.

mod case;
mod jobs;
mod journal;
mod record;
mod script;
pub(crate) mod seeds;
mod settings;
mod snapshot;

/// One thing that reads bytes.
pub(crate) struct Target {
    /// Its name.
    pub(crate) name: &'static str,
    /// Longest input that is tried: what bounds the time of one.
    pub(crate) bytes_max: usize,
    /// Tries one input.
    pub(crate) run: fn(&[u8]),
}

const fn target(name: &'static str, bytes_max: usize, run: fn(&[u8])) -> Target {
    Target {
        name,
        bytes_max,
        run,
    }
}

/// All of them.
pub(crate) const TARGETS: [Target; 6] = [
    target("jobs", 4096, jobs::run),
    target("record", 2048, record::run),
    target("journal", 512, journal::run),
    target("snapshot", 512, snapshot::run),
    target("settings", 4096, settings::run),
    target("case", 8192, case::run),
];
