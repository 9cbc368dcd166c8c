//! Crashes on demand, so that tests can prove what follows one.
//!
//! `KONTOR_SABOTAGE=STATION:HOW:KEY` makes the job with that key fell the process while it is read
//! or posted, by a panic or without a word. It exists only where debug assertions are compiled in,
//! as in tests: a release has no code that could obey, whatever its environment says. A cargo
//! feature would be one flag away from production, and the tests of every day would not have it.

use crate::journal::marker::Station;

/// Fell the process, if this is the job to do it.
#[cfg(debug_assertions)]
pub(super) fn strike(station: Station, key: &str) {
    static WANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let Some(wanted) = WANTED.get_or_init(|| std::env::var("KONTOR_SABOTAGE").ok()) else {
        return;
    };
    let station = match station {
        Station::Reading => "read",
        Station::Posting => "post",
    };
    assert!(
        *wanted != format!("{station}:panic:{key}"),
        "sabotage: the job {key} fells the process"
    );
    if *wanted == format!("{station}:silence:{key}") {
        std::process::abort();
    }
}

/// A release cannot be sabotaged.
#[cfg(not(debug_assertions))]
pub(super) fn strike(_station: Station, _key: &str) {}
