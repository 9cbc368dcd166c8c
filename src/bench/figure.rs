//! A figure: what several rounds of one measurement gave, beside its target.
//!
//! Everything is a whole number of a small unit; a ratio counts hundredths. Nothing here is a
//! float, so what is printed is what was measured.

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things in a second.
    PerSecond(&'static str),
    /// Hundredths of another figure.
    Ratio,
    /// Hundredths of a percent.
    Percent,
    /// Nanoseconds.
    Nanos,
    /// Microseconds.
    Micros,
    /// Bytes.
    Bytes,
    /// Plain numbers.
    Count(&'static str),
}

impl Unit {
    /// As it is written behind a value.
    pub fn text(self) -> String {
        match self {
            Self::PerSecond(things) => format!("{things}/s"),
            Self::Ratio => "×".to_owned(),
            Self::Percent => "%".to_owned(),
            Self::Nanos => "ns".to_owned(),
            Self::Micros => "µs".to_owned(),
            Self::Bytes => "bytes".to_owned(),
            Self::Count(things) => things.to_owned(),
        }
    }

    /// A value as a decimal, for programs.
    pub fn decimal(self, value: u64) -> String {
        match self {
            Self::Ratio | Self::Percent => format!("{}.{:02}", value.div_euclid(100), value % 100),
            Self::PerSecond(_) | Self::Nanos | Self::Micros | Self::Bytes | Self::Count(_) => {
                value.to_string()
            }
        }
    }

    /// A value for people.
    pub fn shown(self, value: u64) -> String {
        match self {
            Self::Ratio | Self::Percent => self.decimal(value),
            Self::PerSecond(_) | Self::Nanos | Self::Micros | Self::Bytes | Self::Count(_) => {
                super::render::grouped(value)
            }
        }
    }
}

/// What a figure is meant to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// So much or more.
    AtLeast(u64),
    /// So much or less.
    AtMost(u64),
}

impl Target {
    /// Whether a value reaches it.
    pub fn is_reached_by(self, value: u64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

/// What the rounds of a measurement gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// What it counts.
    pub unit: Unit,
    /// The values, in order of size.
    values: Vec<u64>,
    /// What it is meant to reach; none if it is shown for comparison only.
    pub target: Option<Target>,
}

impl Figure {
    /// Of at least one round.
    pub fn new(what: impl Into<String>, unit: Unit, mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        Self {
            what: what.into(),
            unit,
            values,
            target: None,
        }
    }

    /// Of two sides measured by turns: the ratio within each round, because what a machine does to
    /// one side of a round it does to the other as well.
    pub fn ratio(what: impl Into<String>, ones: &[u64], others: &[u64]) -> Self {
        let pairs = ones.iter().zip(others);
        let ratios = pairs.map(|(one, other)| {
            let hundredfold = u128::from(*one).saturating_mul(100);
            let ratio = hundredfold.div_euclid(u128::from((*other).max(1)));
            u64::try_from(ratio).unwrap_or(u64::MAX)
        });
        Self::new(what, Unit::Ratio, ratios.collect())
    }

    /// With what it is meant to reach.
    #[must_use]
    pub fn aiming_at(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// The least value.
    pub fn least(&self) -> u64 {
        self.values.first().copied().unwrap_or_default()
    }

    /// The value in the middle.
    pub fn median(&self) -> u64 {
        let middle = self.values.len().div_euclid(2);
        self.values.get(middle).copied().unwrap_or_default()
    }

    /// The largest value.
    pub fn most(&self) -> u64 {
        self.values.last().copied().unwrap_or_default()
    }

    /// How many rounds.
    pub fn rounds(&self) -> usize {
        self.values.len()
    }

    /// Whether the median reaches the target; none without one.
    pub fn reached(&self) -> Option<bool> {
        self.target
            .map(|target| target.is_reached_by(self.median()))
    }

    /// The target in words.
    pub fn target_text(&self) -> Option<String> {
        let (sign, value) = match self.target? {
            Target::AtLeast(value) => ("≥", value),
            Target::AtMost(value) => ("≤", value),
        };
        Some(format!("{sign} {}", self.unit.shown(value)))
    }
}

/// Points of a curve: for each place on one axis a value on the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The plot that it stands in.
    pub name: String,
    /// Which line of the plot it is; nothing if it is the only one.
    pub line: String,
    /// What the first number of a point counts.
    pub across: &'static str,
    /// What the second one counts.
    pub up: &'static str,
    /// The points, from left to right.
    pub points: Vec<(u64, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_counts_and_the_ends_stand_beside_it() {
        let figure = Figure::new("x", Unit::Nanos, vec![30, 10, 20]);
        assert_eq!(
            (figure.least(), figure.median(), figure.most()),
            (10, 20, 30)
        );
        assert_eq!(figure.reached(), None);
        let at = |target| figure.clone().aiming_at(target).reached();
        assert_eq!(at(Target::AtMost(20)), Some(true));
        assert_eq!(at(Target::AtMost(19)), Some(false));
        assert_eq!(at(Target::AtLeast(21)), Some(false));
    }

    #[test]
    fn a_ratio_is_taken_within_a_round() {
        // A machine that halves its speed in the second round changes nothing.
        let figure = Figure::ratio("x", &[900, 450], &[1_000, 500]);
        let figure = figure.aiming_at(Target::AtLeast(95));
        assert_eq!((figure.least(), figure.most()), (90, 90));
        assert_eq!(figure.unit.decimal(figure.median()), "0.90");
        assert_eq!(figure.target_text().unwrap(), "≥ 0.95");
        assert_eq!(figure.reached(), Some(false));
        assert_eq!(Figure::ratio("x", &[1], &[0]).median(), 100);
    }
}
