//! The timer: says how long `post` may sleep, so that what becomes due is done in time.
//!
//! It decides nothing: what is due is the engine's to say, by the time that a commit is stamped
//! with. It only knows when the next thing is due, and whether the clock may be believed: by a
//! clock that has jumped nothing becomes due, or one wrong date would expire every hold.

use std::time::Duration;

use crate::time::{Clock, Pace, Pacing, Timestamp};

/// Longest sleep while something waits: the wall clock may be set forward meanwhile.
const SLEEP_MAX: Duration = Duration::from_mins(1);
/// How often the clock is looked at again while it is not believed.
const DISTRUST_LOOK: Duration = Duration::from_secs(1);

/// The timer of a partition.
#[derive(Clone, Copy, Debug)]
pub struct Timer {
    pace: Pace,
}

impl Timer {
    /// A timer that believes the clock as it is now, unless it stands before the last record, and
    /// later as long as its two sides stay together.
    pub fn start(clock: &dyn Clock, jump_max: Duration, recorded_at: Timestamp) -> Self {
        Self {
            pace: Pace::start(clock, jump_max, recorded_at),
        }
    }

    /// Whether the wall clock has stayed with the monotonic one.
    pub fn believes(&mut self, clock: &dyn Clock) -> bool {
        self.pace.look(clock) == Pacing::Together
    }

    /// How long to sleep at most before looking again; without end while nothing waits.
    pub fn patience(&mut self, next_due: Option<Timestamp>, clock: &dyn Clock) -> Option<Duration> {
        let due = next_due?;
        if !self.believes(clock) {
            return Some(DISTRUST_LOOK);
        }
        let left = due.0.saturating_sub(clock.now().0);
        let left = Duration::from_nanos(u64::try_from(left).unwrap_or_default());
        Some(left.min(SLEEP_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::load::engine;
    use crate::bench::rig::NoPast;
    use crate::ids::AccountIndex;
    use crate::ledger::commit::SetupRecord;
    use crate::ledger::effect::HoldPlaced;
    use crate::ledger::{Effect, Leg, Record};
    use crate::limits::DUE_JOBS_MAX;
    use crate::pipeline::parcel::Batch;
    use crate::pipeline::post::{Next, Post};
    use crate::time::clock::Sides;
    use std::sync::Mutex;

    #[test]
    fn sleep_ends_when_the_next_thing_is_due_and_after_a_minute_at_the_latest() {
        let clock = Sides(Mutex::new((1_000, 0)));
        let mut timer = Timer::start(&clock, Duration::from_secs(60), Timestamp(0));
        let due = |seconds: i64| Some(Timestamp(seconds * 1_000_000_000));
        assert_eq!(timer.patience(None, &clock), None);
        assert_eq!(
            timer.patience(due(1_010), &clock),
            Some(Duration::from_secs(10))
        );
        assert_eq!(timer.patience(due(900), &clock), Some(Duration::ZERO));
        assert_eq!(timer.patience(due(9_000), &clock), Some(SLEEP_MAX));
    }

    #[test]
    fn a_clock_that_jumped_is_not_believed_until_it_is_back() {
        let clock = Sides(Mutex::new((1_000, 0)));
        let mut timer = Timer::start(&clock, Duration::from_secs(60), Timestamp(0));
        for (wall, steady, believed) in [(1_060, 0, true), (1_061, 0, false), (900, 40, false)] {
            *clock.0.lock().unwrap() = (wall, steady);
            assert_eq!(timer.believes(&clock), believed, "{wall} {steady}");
        }
        assert_eq!(
            timer.patience(Some(Timestamp(0)), &clock),
            Some(DISTRUST_LOOK)
        );
        *clock.0.lock().unwrap() = (1_040, 40);
        assert!(timer.believes(&clock));
    }

    /// Counts the records of the commits that were handed on, each with its time.
    #[derive(Default)]
    struct Kept(Vec<(usize, i64)>);

    impl Next for Kept {
        fn hand_on(&mut self, batch: Batch) -> bool {
            let commit = batch.commit.unwrap();
            self.0.push((commit.records.len(), commit.recorded_at.0));
            true
        }
    }

    /// When the books of the benchmarks begin.
    const BEGUN: i64 = 1_767_225_600_000_000_000;

    /// A station whose book has so many holds that expire 100 nanoseconds after it has begun.
    fn station(holds: usize) -> Post<NoPast> {
        let (mut engine, setup) = engine(2).unwrap();
        let records = setup.into_iter().flat_map(|commit| commit.records);
        let record = records.into_iter().find_map(|record| match record {
            Record::Setup(setup) => Some(*setup),
            _ => None,
        });
        let mut commit = engine.begin(Timestamp(BEGUN + 1));
        commit.legs = vec![
            Leg::debit(AccountIndex(0), 1),
            Leg::credit(AccountIndex(1), 1),
        ];
        for number in 1..=holds {
            commit.effects.push(Effect::Hold(Box::new(HoldPlaced {
                number: format!("H-{number:06}").into(),
                legs: 0..2,
                expires_at: Some(Timestamp(BEGUN + 100)),
                owner: None,
                document_ref: None,
            })));
        }
        let setup = SetupRecord {
            effects: 0..u32::try_from(holds).unwrap(),
            ..record.unwrap()
        };
        engine.set_up(setup, &mut commit).unwrap();
        Post::new(engine, NoPast, 10)
    }

    #[test]
    fn the_timer_alone_brings_what_is_due_and_no_more_than_a_commit_takes() {
        let mut station = station(DUE_JOBS_MAX + 1);
        let mut kept = Kept::default();
        station.batch([], Timestamp(BEGUN + 99), &mut kept).unwrap();
        assert_eq!(kept.0, [], "nothing is due yet");
        station
            .batch([], Timestamp(BEGUN + 100), &mut kept)
            .unwrap();
        assert_eq!(kept.0, [(DUE_JOBS_MAX, BEGUN + 100), (1, BEGUN + 101)]);
        assert_eq!(station.engine().next_due(), None);
    }

    #[test]
    fn nothing_becomes_due_by_a_clock_that_is_not_believed() {
        let mut station = station(1);
        let mut kept = Kept::default();
        station.hold_due(true);
        station
            .batch([], Timestamp(BEGUN + 900), &mut kept)
            .unwrap();
        assert_eq!(kept.0, []);
        station.hold_due(false);
        station
            .batch([], Timestamp(BEGUN + 200), &mut kept)
            .unwrap();
        assert_eq!(kept.0, [(1, BEGUN + 200)]);
    }
}
