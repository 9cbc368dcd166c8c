//! What a metric is: name, type, unit, labels, help. The metrics themselves stand in
//! [`super::catalogue`].

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name, with unit and `_total` as Prometheus wants them.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// What one of it is.
    pub unit: &'static str,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// Whether this release feeds it.
    pub fed: bool,
    /// What it says.
    pub help: &'static str,
}

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows, until a restart.
    Counter,
    /// A level.
    Gauge,
    /// A distribution.
    Histogram(Buckets),
}

/// The upper bounds of a distribution, ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buckets {
    /// Given in nanoseconds, shown in seconds.
    Seconds(&'static [u64]),
    /// Shown as they are.
    Numbers(&'static [u64]),
}

impl Metric {
    /// The upper bounds of its buckets; none if it is not a distribution.
    pub(super) fn bounds(&self) -> &'static [u64] {
        match self.kind {
            Kind::Histogram(Buckets::Seconds(bounds) | Buckets::Numbers(bounds)) => bounds,
            Kind::Counter | Kind::Gauge => &[],
        }
    }

    /// A bucket's upper bound as Prometheus reads it.
    pub(super) fn bound_text(&self, bound: u64) -> String {
        match self.kind {
            Kind::Histogram(Buckets::Seconds(_)) => std::time::Duration::from_nanos(bound)
                .as_secs_f64()
                .to_string(),
            Kind::Histogram(Buckets::Numbers(_)) | Kind::Counter | Kind::Gauge => bound.to_string(),
        }
    }
}
