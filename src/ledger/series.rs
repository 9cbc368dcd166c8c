//! Number ranges.

use std::collections::BTreeMap;

/// A series: the next number it gives and how wide it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series {
    /// The next number.
    pub next: u64,
    /// Digits, filled with zeros.
    pub width: u8,
    /// The first number ever given, for reports.
    pub first: u64,
}

impl Series {
    /// A series that starts at `next`.
    pub fn starting_at(next: u64, width: u8) -> Self {
        Self {
            next,
            width,
            first: next,
        }
    }

    /// The largest number of the series' width.
    pub fn last_possible(self) -> u64 {
        10_u64
            .checked_pow(u32::from(self.width))
            .map_or(u64::MAX, |bound| bound - 1)
    }

    /// A number as it is written.
    pub fn print(self, name: &str, number: u64) -> String {
        format!("{name}-{number:0>width$}", width = usize::from(self.width))
    }
}

/// The series of a book by name.
pub type SeriesTable = BTreeMap<Box<str>, Series>;
