//! Instants of system time and the zones that turn them into dates.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::date::Date;

/// Nanoseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Read an RFC 3339 instant.
    pub fn parse(text: &str) -> Option<Self> {
        let instant: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(instant.as_nanosecond()).ok().map(Self)
    }

    /// The next instant that a journal can tell apart.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or_default();
        write!(f, "{instant:.9}")
    }
}

/// A time zone from the data bundled with the binary, so that every machine resolves the same
/// dates.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    zone: jiff::tz::TimeZone,
}

impl Zone {
    /// The zone of an IANA name.
    pub fn find(name: &str) -> Option<Self> {
        let zone = jiff::tz::db().get(name).ok()?;
        Some(Self {
            name: name.to_owned(),
            zone,
        })
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The date that an instant falls on in this zone.
    pub fn date(&self, instant: Timestamp) -> Date {
        let instant = jiff::Timestamp::from_nanosecond(i128::from(instant.0)).unwrap_or_default();
        let civil = self.zone.to_datetime(instant).date();
        Date::from_civil(civil).unwrap_or(Date::from_days(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_years_eve_in_utc_is_new_year_in_berlin() {
        let berlin = Zone::find("Europe/Berlin").unwrap();
        let late = Timestamp::parse("2026-12-31T23:30:00Z").unwrap();
        assert_eq!(berlin.date(late), Date::new(2027, 1, 1).unwrap());
        assert_eq!(
            Zone::find("UTC").unwrap().date(late),
            Date::new(2026, 12, 31).unwrap()
        );
    }

    #[test]
    fn instants_print_with_nine_digits() {
        let instant = Timestamp::parse("2026-11-23T09:15:00.123456789Z").unwrap();
        assert_eq!(instant.to_string(), "2026-11-23T09:15:00.123456789Z");
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000000000Z");
    }
}
