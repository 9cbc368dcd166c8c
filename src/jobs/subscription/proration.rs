//! What of a period is left, and what two prices make of it.
//!
//! | Figure         | Formula                                                    |
//! |----------------|------------------------------------------------------------|
//! | credit line    | round(old price × rest / length)                           |
//! | charge line    | round(new price × rest / length)                           |
//! | net            | `per_line`: charge − credit                                |
//! |                | `difference`: round((new − old) × rest / length)           |
//!
//! By days the day of the change belongs to the new plan; days are those of the book's zone. By
//! seconds a day may have 23 or 25 hours, as the clock in the book's zone has it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::{Minor, Price, Ratio, Rounding};
use crate::time::{Date, Timestamp, Zone};

const SECOND_NANOSECONDS: i64 = 1_000_000_000;

/// What the rest of a period is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// Days.
    Day,
    /// Seconds.
    Second,
}

/// What is rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NetRounding {
    /// Each printed line; the net is their sum.
    #[default]
    PerLine,
    /// The difference of the prices.
    Difference,
}

/// Rest and length of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) rest: i64,
    pub(super) length: i64,
}

impl Left {
    /// What is left of a period at an instant; none outside it.
    pub(super) fn of(
        zone: &Zone,
        (from, to): (Date, Date),
        at: Timestamp,
        granularity: Granularity,
    ) -> Option<Self> {
        let days = |from: Date, to: Date| i64::from(to.days()) - i64::from(from.days());
        let left = match granularity {
            Granularity::Day => Self {
                rest: days(zone.date(at), to),
                length: days(from, to),
            },
            Granularity::Second => {
                let seconds = |instant: Timestamp| instant.0.div_euclid(SECOND_NANOSECONDS);
                let end = seconds(zone.start_of(to));
                Self {
                    rest: end - seconds(at),
                    length: end - seconds(zone.start_of(from)),
                }
            }
        };
        (0 < left.rest && left.rest <= left.length).then_some(left)
    }

    fn share(self) -> Option<Ratio> {
        Ratio::new(i128::from(self.rest), i128::from(self.length))
    }
}

/// The lines of a change and their net.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) credit: Minor,
    pub(super) charge: Minor,
    pub(super) net: Minor,
}

impl Lines {
    /// The lines of a change from one price to another; none if a figure does not fit.
    pub(super) fn of(
        (old, new): (Price, Price),
        left: Left,
        decimals: u8,
        net: NetRounding,
        mode: Rounding,
    ) -> Option<Self> {
        let share = left.share()?;
        let exact = |price: Price| price.minor_ratio(decimals)?.times(share);
        let (old, new) = (exact(old)?, exact(new)?);
        let (credit, charge) = (old.round(mode), new.round(mode));
        let net = match net {
            NetRounding::PerLine => charge - credit,
            NetRounding::Difference => new.and(old.negated())?.round(mode),
        };
        Some(Self {
            credit,
            charge,
            net,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600;

    /// Documented of `java.time.Period` and `Duration`: from 18:00 on the evening before a gap of
    /// one hour it is 24 hours to 19:00 on the following day, and one day, of 23 hours, to 18:00.
    #[test]
    fn a_day_with_a_gap_has_23_hours_as_documented() {
        let zone = Zone::find("Europe/Berlin").unwrap();
        let day = |text: &str| Date::parse(text).unwrap();
        let period = (day("2026-03-28"), day("2026-03-30"));
        let left = |at: &str| {
            let at = Timestamp::parse(at).unwrap();
            Left::of(&zone, period, at, Granularity::Second).unwrap()
        };
        let evening = left("2026-03-28T18:00:00+01:00");
        assert_eq!(evening.length, (24 + 23) * HOUR);
        assert_eq!(
            evening.rest - left("2026-03-29T19:00:00+02:00").rest,
            24 * HOUR
        );
        assert_eq!(
            evening.rest - left("2026-03-29T18:00:00+02:00").rest,
            23 * HOUR
        );
        // By days the gap is none.
        let at = Timestamp::parse("2026-03-29T00:00:00+01:00").unwrap();
        let by_days = Left::of(&zone, period, at, Granularity::Day).unwrap();
        assert_eq!((by_days.rest, by_days.length), (1, 2));
    }
}
