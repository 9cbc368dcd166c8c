//! Instants of system time and the zones that turn them into dates.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::date::Date;
use crate::lenient::{Lenient, lenient, serialize};

const DAY_NANOSECONDS: i64 = 86_400_000_000_000;

/// Nanoseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timestamp(pub i64);

/// Why a text is no instant of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFault {
    /// Not of RFC 3339, or a day or time that no calendar has.
    Form,
    /// A year that kontor does not book in.
    Range,
}

impl Timestamp {
    /// Read an RFC 3339 instant.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text).ok()
    }

    /// Read an RFC 3339 instant: date, `T`, time with seconds, and `Z` or an offset.
    pub fn read(text: &str) -> Result<Self, TimestampFault> {
        if !is_rfc_3339(text) {
            return Err(TimestampFault::Form);
        }
        let date = text.get(..10).and_then(Date::parse);
        if !date.ok_or(TimestampFault::Form)?.in_range() {
            return Err(TimestampFault::Range);
        }
        let instant: jiff::Timestamp = text.parse().map_err(|_fault| TimestampFault::Form)?;
        let nanoseconds = i64::try_from(instant.as_nanosecond());
        nanoseconds.map(Self).map_err(|_far| TimestampFault::Range)
    }

    /// The instant so many days of 24 hours later.
    pub fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days.saturating_mul(DAY_NANOSECONDS)))
    }

    /// As it is written where it need not line up: without the zeros behind the point.
    pub fn short(self) -> String {
        let instant = jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or_default();
        instant.to_string()
    }

    /// The next instant that a journal can tell apart.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Whether a text has the shape of RFC 3339; `jiff` reads more of ISO 8601 than that.
fn is_rfc_3339(text: &str) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_digit);
    let Some((whole, rest)) = text.as_bytes().split_at_checked(19) else {
        return false;
    };
    let shaped = whole.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        10 => matches!(byte, b'T' | b't'),
        13 | 16 => *byte == b':',
        _ => byte.is_ascii_digit(),
    });
    let fraction = rest.strip_prefix(b".").map(|rest| {
        let end = rest.iter().position(|byte| !byte.is_ascii_digit());
        rest.split_at(end.unwrap_or(rest.len()))
    });
    let (fraction, offset) = fraction.unwrap_or((b"0", rest));
    let offset = match offset {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => digits(&[*h1, *h2, *m1, *m2]),
        _ => false,
    };
    shaped && !fraction.is_empty() && offset
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or_default();
        write!(f, "{instant:.9}")
    }
}

/// A member that should be an instant, kept as it was written: a wrong one has a code of its own
/// that comes after the schema in the order of checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstantText {
    read: Result<Timestamp, TimestampFault>,
    raw: Lenient<'static>,
}

impl InstantText {
    /// The instant, or why it is none.
    pub fn read(&self) -> Result<Timestamp, TimestampFault> {
        self.read
    }

    /// What was written, if it is short and shaped like an instant.
    pub fn shown(&self) -> Option<&str> {
        match &self.raw {
            Lenient::Text(text) => {
                let plain = |byte: u8| byte.is_ascii_digit() || b"-/.:TZ+".contains(&byte);
                (text.len() <= 40 && text.bytes().all(plain)).then_some(&**text)
            }
            Lenient::Other { .. } => None,
        }
    }
}

impl<'de> Deserialize<'de> for InstantText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = match lenient(deserializer)? {
            Lenient::Text(text) => Lenient::Text(text.into_owned().into()),
            Lenient::Other { kind, raw } => Lenient::Other { kind, raw },
        };
        let read = match &raw {
            Lenient::Text(text) => Timestamp::read(text),
            Lenient::Other { .. } => Err(TimestampFault::Form),
        };
        Ok(Self { read, raw })
    }
}

impl Serialize for InstantText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.raw, serializer)
    }
}

impl schemars::JsonSchema for InstantText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "Instant of RFC 3339, such as 2026-03-31T12:00:00Z."
        })
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

    /// The first instant of a day in this zone. Where clocks are set forward over midnight, the day
    /// begins later.
    pub fn start_of(&self, date: Date) -> Timestamp {
        let start = self.zone.to_ambiguous_zoned_datetime(date.civil().into());
        let instant = start.compatible().map(|zoned| zoned.timestamp());
        let nanoseconds = instant.unwrap_or_default().as_nanosecond();
        Timestamp(i64::try_from(nanoseconds).unwrap_or(i64::MAX))
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

    /// RFC 3339, section 5.8: 16:39:57 on 19 December 1996, eight hours behind UTC, is 20 December
    /// in UTC.
    #[test]
    fn one_instant_falls_on_the_day_of_its_zone() {
        let written = Timestamp::parse("1996-12-19T16:39:57-08:00").unwrap();
        assert_eq!(Some(written), Timestamp::parse("1996-12-20T00:39:57Z"));
        let date = |zone| Zone::find(zone).unwrap().date(written).to_string();
        assert_eq!(date("America/Los_Angeles"), "1996-12-19");
        assert_eq!(date("UTC"), "1996-12-20");
    }

    #[test]
    fn a_date_begins_where_its_zone_says() {
        let berlin = Zone::find("Europe/Berlin").unwrap();
        for (date, start) in [
            ("2027-01-01", "2026-12-31T23:00:00Z"),
            ("2027-07-01", "2027-06-30T22:00:00Z"),
            ("2199-12-31", "2199-12-30T23:00:00Z"),
        ] {
            let date = Date::parse(date).unwrap();
            let instant = berlin.start_of(date);
            assert_eq!(Some(instant), Timestamp::parse(start));
            assert_eq!(berlin.date(instant), date);
            assert_ne!(berlin.date(Timestamp(instant.0 - 1)), date);
        }
    }

    #[test]
    fn instants_are_those_of_rfc_3339() {
        for good in [
            "2026-11-23T10:15:00Z",
            "2026-11-23t10:15:00z",
            "2026-11-23T10:15:00.5+01:00",
            "2026-11-23T10:15:00.123456789-00:00",
        ] {
            assert!(Timestamp::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "2026-11-23",
            "2026-11-23T10:15Z",
            "2026-11-23 10:15:00Z",
            "2026-11-23T10:15:00",
            "2026-11-23T10:15:00.Z",
            "2026-11-23T10:15:00+0100",
            "2026-11-23T10:15:00Z[Europe/Berlin]",
            "20261123T101500Z",
            "2026-02-30T00:00:00Z",
            "2026-11-23T25:00:00Z",
            "２026-11-23T10:15:00Z",
        ] {
            assert_eq!(Timestamp::read(bad), Err(TimestampFault::Form), "{bad}");
        }
        for far in [
            "1899-12-31T23:59:59Z",
            "2200-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(Timestamp::read(far), Err(TimestampFault::Range), "{far}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_of_its_zone() {
        let berlin = Zone::find("Europe/Berlin").unwrap();
        let start = |year, month, day| {
            let date = Date::new(year, month, day).unwrap();
            berlin.start_of(date).short()
        };
        assert_eq!(start(2026, 4, 1), "2026-03-31T22:00:00Z");
        assert_eq!(start(2026, 1, 1), "2025-12-31T23:00:00Z");
        // In Beirut the clocks go forward at midnight: the day begins at one.
        let beirut = Zone::find("Asia/Beirut").unwrap();
        let day = Date::new(2026, 3, 29).unwrap();
        assert_eq!(beirut.start_of(day).short(), "2026-03-28T22:00:00Z");
        assert_eq!(beirut.date(beirut.start_of(day)), day);
    }

    #[test]
    fn instants_print_with_nine_digits() {
        let instant = Timestamp::parse("2026-11-23T09:15:00.123456789Z").unwrap();
        assert_eq!(instant.to_string(), "2026-11-23T09:15:00.123456789Z");
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000000000Z");
    }
}
