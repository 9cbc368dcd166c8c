//! Measurements that an operator can repeat: `kontor bench`.
//!
//! Each file answers one question. Figures are throughputs of one run; what is compared is measured in
//! the same run, side by side, because machines differ and are noisy.

pub mod load;
pub mod engine;
pub mod decode;

use std::time::Duration;

/// One measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// What was measured.
    pub what: String,
    /// How many things.
    pub count: u64,
    /// In how long.
    pub took: Duration,
    /// Further facts, as they are shown.
    pub notes: Vec<(String, String)>,
}

impl Measured {
    /// Things per second.
    pub fn per_second(&self) -> u64 {
        let nanos = self.took.as_nanos().max(1);
        let rate = u128::from(self.count)
            .saturating_mul(1_000_000_000)
            .checked_div(nanos);
        u64::try_from(rate.unwrap_or_default()).unwrap_or(u64::MAX)
    }
}
