//! Gauges that the partitions of a process share: each gives its own figures, and what is shown is
//! drawn from those of all. One that shows only the last figure would hide every other partition.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::register::{Level, Register};

/// Most series whose labels come from the books: units, document series, months, roles.
pub(super) const SERIES_SEEN_MAX: usize = 4_000;

/// What one partition says for a gauge, and with it what is shown of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// A number of things: the sum.
    Count(u64),
    /// Minor units of a unit with so many decimals: the sum.
    Amount(i128, u8),
    /// A number that was reached: the greatest.
    Reached(u64),
    /// How long something has been waiting: the longest.
    Waiting(Duration),
    /// When something was last done, since 1970: the earliest, which says it for all.
    Done(Duration),
    /// Whether something is so: whether it is anywhere.
    Is(bool),
}

/// The figures of one partition by metric and labels.
#[derive(Debug, Default)]
pub struct Figures(BTreeMap<Series, Figure>);

type Series = (&'static str, Vec<String>);

impl Figures {
    /// Add a figure. What stands there already is of another book, and both are drawn together.
    pub fn put(&mut self, metric: &'static str, labels: &[&str], figure: Figure) {
        let series = (metric, labels.iter().map(ToString::to_string).collect());
        let together = match self.0.get(&series) {
            Some(other) => other.with(figure),
            None => figure,
        };
        self.0.insert(series, together);
    }
}

impl Figure {
    /// Both drawn together. Figures of one metric are of one sort; of two sorts the later stands.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Count(one), Self::Count(two)) => Self::Count(one.saturating_add(two)),
            (Self::Amount(one, decimals), Self::Amount(two, _)) => {
                Self::Amount(one.saturating_add(two), decimals)
            }
            (Self::Reached(one), Self::Reached(two)) => Self::Reached(one.max(two)),
            (Self::Waiting(one), Self::Waiting(two)) => Self::Waiting(one.max(two)),
            (Self::Done(one), Self::Done(two)) => Self::Done(one.min(two)),
            (Self::Is(one), Self::Is(two)) => Self::Is(one || two),
            (_, other) => other,
        }
    }

    fn show(self, level: &Level) {
        match self {
            Self::Count(number) | Self::Reached(number) => level.set(number),
            Self::Amount(minor, decimals) => level.set_amount(minor, decimals),
            Self::Waiting(time) | Self::Done(time) => level.set_seconds(time),
            Self::Is(yes) => level.set_switch(yes),
        }
    }
}

/// The figures of all partitions.
#[derive(Default)]
pub(super) struct SharedLevels(Mutex<BTreeMap<Series, Drawn>>);

struct Drawn {
    level: Level,
    of: BTreeMap<u16, Figure>,
}

impl SharedLevels {
    /// Take a partition's figures and show what they make together with those of the others.
    pub(super) fn put(&self, register: &Register, partition: u16, figures: Figures) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (series, figure) in figures.0 {
            if all.len() >= SERIES_SEEN_MAX && !all.contains_key(&series) {
                register.left_out();
                continue;
            }
            let (metric, labels) = (series.0, series.1.clone());
            let drawn = all.entry(series).or_insert_with(|| {
                let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
                Drawn {
                    level: register.level(metric, &labels),
                    of: BTreeMap::new(),
                }
            });
            drawn.of.insert(partition, figure);
            if let Some(together) = drawn.of.values().copied().reduce(Figure::with) {
                together.show(&drawn.level);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sort_is_drawn_from_all_partitions() {
        let seconds = Duration::from_secs;
        for (one, two, both) in [
            (Figure::Count(3), Figure::Count(4), Figure::Count(7)),
            (
                Figure::Amount(-250, 2),
                Figure::Amount(100, 2),
                Figure::Amount(-150, 2),
            ),
            (Figure::Reached(9), Figure::Reached(4), Figure::Reached(9)),
            (
                Figure::Waiting(seconds(1)),
                Figure::Waiting(seconds(2)),
                Figure::Waiting(seconds(2)),
            ),
            (
                Figure::Done(seconds(70)),
                Figure::Done(seconds(60)),
                Figure::Done(seconds(60)),
            ),
            (Figure::Is(true), Figure::Is(false), Figure::Is(true)),
        ] {
            assert_eq!(one.with(two), both);
            assert_eq!(two.with(one), both);
        }
    }

    #[test]
    fn a_later_figure_of_a_partition_takes_the_place_of_its_earlier_one() {
        let (register, shared) = (Register::new(), SharedLevels::default());
        let put = |partition, accounts| {
            let mut figures = Figures::default();
            figures.put("kontor_accounts", &[], Figure::Count(accounts));
            shared.put(&register, partition, figures);
        };
        let shows = |sum: u64| {
            let page = register.handle().render();
            let line = format!("kontor_accounts {sum}");
            assert!(page.lines().any(|shown| shown == line), "{line} in\n{page}");
        };
        put(0, 10);
        put(3, 5);
        shows(15);
        put(0, 12);
        shows(17);
        put(3, 0);
        shows(12);
    }
}
