//! Crashes on demand, so that tests can prove what follows one.
//!
//! `KONTOR_SABOTAGE=STATION:HOW:KEY` makes the job with that key fell the process while it is read
//! or posted, by a panic or without a word; with a [`Moment`] in place of the station it falls
//! behind that moment. It exists only where debug assertions are compiled in, as in tests: a
//! release has no code that could obey, whatever its environment says. A cargo feature would be one
//! flag away from production, and the tests of every day would not have it.

use super::persist::Persisted;
use crate::journal::marker::Station;
use crate::ledger::Record;

/// So long what was begun has to leave the process before it falls.
#[cfg(debug_assertions)]
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(1);

/// A moment of a job behind which the process may be made to fall, without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// `durable`: it is on stable storage, and nobody knows.
    Durable,
    /// `acknowledged`: the broker has its acknowledgement; its outcome was not published.
    Acknowledged,
    /// `published`: its outcome was published, and the confirm was not heard.
    Published,
}

/// What the environment asks for.
#[cfg(debug_assertions)]
fn wanted() -> Option<&'static str> {
    static WANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    WANTED
        .get_or_init(|| std::env::var("KONTOR_SABOTAGE").ok())
        .as_deref()
}

/// Fell the process, if this is the job to do it.
#[cfg(debug_assertions)]
pub(super) fn strike(station: Station, key: &str) {
    let Some(wanted) = wanted() else {
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

/// Whether the process is to fall behind this moment of one of these jobs.
#[cfg(debug_assertions)]
pub(super) fn falls<'a>(moment: Moment, keys: impl IntoIterator<Item = &'a str>) -> bool {
    let moment = match moment {
        Moment::Durable => "durable",
        Moment::Acknowledged => "acknowledged",
        Moment::Published => "published",
    };
    wanted().is_some_and(|wanted| {
        let is_it = |key: &str| *wanted == format!("{moment}:silence:{key}");
        keys.into_iter().any(is_it)
    })
}

/// A release cannot be sabotaged.
#[cfg(not(debug_assertions))]
pub(super) fn falls<'a>(_moment: Moment, _keys: impl IntoIterator<Item = &'a str>) -> bool {
    false
}

/// Fall, once what was begun has left the process, if it is to fall.
#[cfg(debug_assertions)]
pub(super) async fn fall(falls: bool) {
    if falls {
        tokio::time::sleep(LAST_WORDS).await;
        std::process::abort();
    }
}

/// A release cannot be sabotaged.
#[cfg(not(debug_assertions))]
pub(super) async fn fall(_falls: bool) {}

/// Fall at once, if these jobs became durable and that is the moment.
pub(super) fn strike_durable(persisted: &Persisted) {
    if falls(Moment::Durable, keys(persisted)) {
        std::process::abort();
    }
}

/// The keys of the jobs in batches that became durable.
pub(super) fn keys(persisted: &Persisted) -> impl Iterator<Item = &str> {
    let commits = persisted.batches.iter().filter_map(|b| b.commit.as_deref());
    commits.flat_map(|commit| &commit.records).filter_map(key)
}

fn key(record: &Record) -> Option<&str> {
    if let Record::Job(job) = record {
        return Some(&job.envelope.key);
    }
    None
}
