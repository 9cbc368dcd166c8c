//! Booking periods: months that are open, soft-locked or closed.

use std::collections::BTreeMap;

use crate::time::Month;

/// Where a month stands. A month that no period job has named is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PeriodState {
    /// Everybody may post.
    #[default]
    Open,
    /// Only the role `closing` may post.
    SoftLocked,
    /// Nobody may post, ever.
    Closed,
}

impl PeriodState {
    /// As it is written outside.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::SoftLocked => "soft_locked",
            Self::Closed => "closed",
        }
    }

    /// The number under which journals keep it.
    pub const fn number(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::SoftLocked => 1,
            Self::Closed => 2,
        }
    }

    /// The state of a number kept in a journal.
    pub fn of_number(number: u8) -> Option<Self> {
        [Self::Open, Self::SoftLocked, Self::Closed]
            .into_iter()
            .find(|state| state.number() == number)
    }
}

/// The months that a period job has named.
pub type Periods = BTreeMap<Month, PeriodState>;
