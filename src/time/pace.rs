//! Whether the wall clock has stayed with the monotonic one.
//!
//! A clock that jumps while we run is not believed until it is back. One that stands before the
//! last record at the start is wrong from the beginning: it is believed once it has been corrected,
//! and is compared from then on. The correction is no jump.

use std::time::Duration;

use super::clock::Clock;
use super::instant::Timestamp;

/// Both sides of a clock when they were last in agreement.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    wall: Timestamp,
    steady: Duration,
    jump_max: Duration,
    /// The last record of before the start, while the clock stands before it.
    early: Option<Timestamp>,
}

impl Pace {
    /// Believe a clock as it is now, unless it stands before what was recorded last.
    pub fn start(clock: &dyn Clock, jump_max: Duration, recorded_at: Timestamp) -> Self {
        let early = before(clock.now(), recorded_at, jump_max);
        Self {
            wall: clock.now(),
            steady: clock.elapsed(),
            jump_max,
            early: early.map(|_by| recorded_at),
        }
    }

    /// How far the two sides are apart, and whether that is too far. A clock that has stood before
    /// the last record and does not any more is compared anew.
    pub fn look(&mut self, clock: &dyn Clock) -> Pacing {
        if let Some(recorded_at) = self.early {
            if before(clock.now(), recorded_at, self.jump_max).is_some() {
                return Pacing::Early;
            }
            *self = Self::start(clock, self.jump_max, recorded_at);
        }
        let walked = i128::from(clock.now().0) - i128::from(self.wall.0);
        let passed = clock.elapsed().saturating_sub(self.steady).as_nanos();
        let passed = i128::try_from(passed).unwrap_or(i128::MAX);
        let apart = u64::try_from(walked.abs_diff(passed)).unwrap_or(u64::MAX);
        let apart = Duration::from_nanos(apart);
        if apart > self.jump_max {
            Pacing::Jumped(apart)
        } else {
            Pacing::Together
        }
    }
}

/// What a look at both sides says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// The clock is believed.
    Together,
    /// The clock stood before the last record at the start and still does.
    Early,
    /// The wall clock has run away, so far.
    Jumped(Duration),
}

/// How far a time lies before another, if that is further than a clock may jump.
pub fn before(now: Timestamp, recorded_at: Timestamp, jump_max: Duration) -> Option<Duration> {
    let by = i128::from(recorded_at.0) - i128::from(now.0);
    let by = Duration::from_nanos(u64::try_from(by).unwrap_or_default());
    (by > jump_max).then_some(by)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::time::clock::Sides;

    #[test]
    fn a_clock_that_was_early_at_the_start_is_believed_once_it_is_corrected() {
        let clock = Sides(Mutex::new((1_000, 0)));
        let recorded_at = Timestamp(5_000 * 1_000_000_000);
        let minute = Duration::from_secs(60);
        let mut pace = Pace::start(&clock, minute, recorded_at);
        for (wall, steady, found) in [
            (1_010, 10, Pacing::Early),
            (4_939, 20, Pacing::Early),
            (4_940, 30, Pacing::Together),
            (4_950, 40, Pacing::Together),
            (4_800, 50, Pacing::Jumped(Duration::from_secs(160))),
            (9_000, 60, Pacing::Jumped(Duration::from_secs(4_030))),
            (5_000, 90, Pacing::Together),
        ] {
            *clock.0.lock().unwrap() = (wall, steady);
            assert_eq!(pace.look(&clock), found, "{wall} {steady}");
        }
    }
}
