//! The one source of chance in a simulation.

/// A small generator (SplitMix64): fast, and the same numbers from the same seed for ever.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Begins at a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to and with `last`.
    pub fn up_to(&mut self, last: u64) -> u64 {
        let number = self.number();
        last.checked_add(1).map_or(number, |count| number % count)
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.up_to(times.saturating_sub(1)) == 0
    }

    /// A place in a list of so many; 0 for an empty one.
    pub fn below(&mut self, count: usize) -> usize {
        let last = u64::try_from(count.saturating_sub(1)).unwrap_or(u64::MAX);
        usize::try_from(self.up_to(last)).unwrap_or_default()
    }

    /// One of a list; none of an empty one.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len()))
    }

    /// A number from one up to and with another.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first.saturating_add(self.up_to(last.saturating_sub(first)))
    }

    /// Another source, whose numbers do not depend on how often this one is asked later.
    #[must_use]
    pub fn split(&mut self) -> Self {
        Self::new(self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let numbers = |seed| -> Vec<u64> {
            let mut chance = Chance::new(seed);
            (0..100).map(|_| chance.up_to(9)).collect()
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        assert!((0..10).all(|wanted| numbers(7).contains(&wanted)));
    }
}
