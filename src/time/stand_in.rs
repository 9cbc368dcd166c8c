//! A clock that stands where a file says, so that tests can move the clock of a running daemon.
//!
//! `KONTOR_CLOCK=FILE` names the file; in it stands one instant of RFC 3339. Whoever moves the
//! clock renames another file over it. The monotonic side goes along, so that to the daemon a day
//! set forward is a day that passed. As with `pipeline/sabotage.rs` this exists only where debug
//! assertions are compiled in: a release reads the clock of its machine, whatever its environment
//! says.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::clock::{Clock, SystemClock};
use super::instant::Timestamp;

/// The clock that stands in for the machine's, if one is named.
pub(super) fn named() -> Option<Arc<dyn Clock>> {
    let file = std::env::var_os("KONTOR_CLOCK")?;
    Some(Arc::new(StandIn::new(file.into())))
}

struct StandIn {
    file: PathBuf,
    machine: SystemClock,
    first: Timestamp,
}

impl StandIn {
    fn new(file: PathBuf) -> Self {
        Self {
            first: read(&file),
            machine: SystemClock::new(),
            file,
        }
    }
}

fn read(file: &PathBuf) -> Timestamp {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let instant = Timestamp::parse(text.trim());
    assert!(
        instant.is_some(),
        "KONTOR_CLOCK: {} holds no instant such as 2027-01-01T00:00:00Z",
        file.display()
    );
    instant.unwrap_or_default()
}

impl Clock for StandIn {
    fn now(&self) -> Timestamp {
        read(&self.file)
    }

    fn elapsed(&self) -> Duration {
        let moved = self.now().0.saturating_sub(self.first.0);
        let moved = Duration::from_nanos(u64::try_from(moved).unwrap_or_default());
        self.machine.elapsed().saturating_add(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_until_the_file_says_otherwise_and_both_sides_move() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("clock");
        std::fs::write(&file, "2027-01-01T00:00:00Z\n").unwrap();
        let clock = StandIn::new(file.clone());
        let (began, steady) = (clock.now(), clock.elapsed());
        assert_eq!(began.short(), "2027-01-01T00:00:00Z");
        assert_eq!(clock.now(), began);
        std::fs::write(&file, "2027-01-03T00:00:00Z").unwrap();
        assert_eq!(clock.now(), began.plus_days(2));
        let passed = clock.elapsed().saturating_sub(steady);
        let days = Duration::from_hours(48);
        assert!((days..days * 2).contains(&passed), "{passed:?}");
    }

    #[test]
    #[should_panic(expected = "holds no instant")]
    fn a_file_without_an_instant_is_no_clock() {
        StandIn::new("/nowhere/clock".into());
    }
}
