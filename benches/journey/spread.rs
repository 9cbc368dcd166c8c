//! How latencies are spread: an HDR histogram of microseconds.

use std::time::Duration;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

/// Longest latency that is told apart.
const MICROS_MAX: u64 = 600_000_000;
/// Digits that are kept of each.
const DIGITS: u8 = 3;

/// Latencies of one run.
pub(crate) struct Spread(Histogram<u64>);

impl Spread {
    /// Of nothing yet.
    pub(crate) fn new() -> Result<Self> {
        let histogram = Histogram::new_with_bounds(1, MICROS_MAX, DIGITS);
        Ok(Self(histogram.context("no histogram")?))
    }

    /// One more.
    pub(crate) fn record(&mut self, took: Duration) -> Result<()> {
        let micros = u64::try_from(took.as_micros())?;
        self.0.record(micros.clamp(1, MICROS_MAX))?;
        Ok(())
    }

    /// Half of them took no longer.
    pub(crate) fn median(&self) -> u64 {
        self.0.value_at_quantile(0.5)
    }

    /// One in a hundred took longer.
    pub(crate) fn p99(&self) -> u64 {
        self.0.value_at_quantile(0.99)
    }

    /// How many there were.
    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }
}
