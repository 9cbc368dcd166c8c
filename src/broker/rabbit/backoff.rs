//! How long to wait before the next attempt to connect.
//!
//! Doubling with a cap, and half of every delay is chance: after a broker restart many clients
//! come back, and they must not all come at once.

use std::time::Duration;

/// A connection that lived this long was a good one: the next delay starts small again.
pub(super) const STABLE_AFTER: Duration = Duration::from_secs(1);

/// Delays between attempts.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) fn new((first, longest): (Duration, Duration)) -> Self {
        let next = first;
        Self {
            first,
            longest,
            next,
        }
    }

    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }

    /// The delay before the next attempt.
    pub(super) fn delay(&mut self) -> Duration {
        // Without a random number the delay is still right, only less spread.
        self.delay_with(getrandom::u64().unwrap_or(0))
    }

    fn delay_with(&mut self, random: u64) -> Duration {
        let whole = self.next;
        self.next = whole.saturating_mul(2).min(self.longest);
        let half = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX) >> 1;
        Duration::from_millis(half + random % half.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

    #[test]
    fn delays_grow_to_the_cap_and_start_again() {
        let mut backoff = Backoff::new(PAUSES);
        let delays: Vec<u128> = (0..8).map(|_| backoff.delay_with(0).as_millis()).collect();
        assert_eq!(delays, [50, 100, 200, 400, 800, 1600, 2500, 2500]);
        backoff.reset();
        assert_eq!(backoff.delay_with(0).as_millis(), 50);
    }

    #[test]
    fn chance_never_exceeds_the_whole_delay() {
        for random in [0, 1, 49, 50, u64::MAX] {
            let delay = Backoff::new(PAUSES).delay_with(random);
            assert!(delay >= PAUSES.0 / 2 && delay < PAUSES.0, "{delay:?}");
        }
    }
}
