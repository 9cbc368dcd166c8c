//! A distribution as the daemon's metrics show it.

use anyhow::{Context, Result, ensure};

/// Counts of samples up to each bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Buckets {
    /// Bounds in microseconds, ascending, and how many samples were not above them.
    upto: Vec<(u64, u64)>,
}

impl Buckets {
    /// Of a metric on a page.
    pub(crate) fn of(page: &str, name: &str) -> Result<Self> {
        let prefix = format!("{name}_bucket{{le=\"");
        let mut upto = Vec::new();
        for line in page.lines() {
            let Some(rest) = line.strip_prefix(&prefix) else {
                continue;
            };
            let (bound, count) = rest
                .split_once("\"} ")
                .context("a bucket without a count")?;
            let bound = if bound == "+Inf" {
                u64::MAX
            } else {
                micros(bound)?
            };
            upto.push((bound, count.trim().parse()?));
        }
        ensure!(!upto.is_empty(), "no {name} on the page");
        Ok(Self { upto })
    }

    /// What came after an earlier look.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let pairs = self.upto.iter().zip(&before.upto);
        let upto = pairs.map(|((bound, now), (_, then))| (*bound, now.saturating_sub(*then)));
        Self {
            upto: upto.collect(),
        }
    }

    /// The bound that so many of a hundred samples do not exceed.
    pub(crate) fn quantile(&self, percent: u64) -> Result<u64> {
        let all = self
            .upto
            .last()
            .map(|(_, count)| *count)
            .unwrap_or_default();
        ensure!(all > 0, "no samples");
        let wanted = all.saturating_mul(percent).div_ceil(100);
        let found = self.upto.iter().find(|(_, count)| *count >= wanted);
        Ok(found.context("no bucket")?.0)
    }
}

/// A decimal of seconds, in microseconds.
fn micros(seconds: &str) -> Result<u64> {
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, ""));
    let part: String = part.chars().chain("000000".chars()).take(6).collect();
    Ok(whole.parse::<u64>()? * 1_000_000 + part.parse::<u64>()?)
}
