//! Civil dates and months.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::lenient::{Lenient, lenient, serialize};

/// First year a date of ours may lie in.
pub const YEAR_MIN: i16 = 1900;
/// Last year a date of ours may lie in.
pub const YEAR_MAX: i16 = 2199;

/// A civil date, kept as days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

impl Date {
    /// The date of year, month and day, if there is one.
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        jiff::civil::Date::new(year, month, day)
            .ok()
            .and_then(Self::from_civil)
    }

    /// The date so many days after (before) 1970-01-01.
    pub const fn from_days(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    pub const fn days(self) -> i32 {
        self.0
    }

    /// Read `YYYY-MM-DD`; anything else, or a day the calendar does not have, is none.
    pub fn parse(text: &str) -> Option<Self> {
        let shape = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !shape {
            return None;
        }
        let year = text.get(0..4)?.parse().ok()?;
        let month = text.get(5..7)?.parse().ok()?;
        let day = text.get(8..10)?.parse().ok()?;
        Self::new(year, month, day)
    }

    /// Whether the year is one that kontor books in.
    pub fn in_range(self) -> bool {
        (YEAR_MIN..=YEAR_MAX).contains(&self.year())
    }

    /// The date so many days later; none beyond the calendar.
    pub fn plus_days(self, days: i32) -> Option<Self> {
        self.0.checked_add(days).map(Self)
    }

    /// The same day so many months later; the last day of a month that is too short for it.
    pub fn plus_months(self, months: u32) -> Option<Self> {
        let span = jiff::Span::new().try_months(months).ok()?;
        self.civil()
            .checked_add(span)
            .ok()
            .and_then(Self::from_civil)
    }

    /// The month this date lies in.
    pub fn month(self) -> Month {
        let (year, month, _) = self.parts();
        Month { year, month }
    }

    /// The year this date lies in.
    pub fn year(self) -> i16 {
        self.parts().0
    }

    /// Year, month and day, by integers alone: posting asks for the month of every entry.
    ///
    /// Counts in years that begin in March, so that the leap day is the last one, from 0000-03-01.
    fn parts(self) -> (i16, i8, i8) {
        let days = i64::from(self.0) + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let leap_days =
            of_era.div_euclid(1_460) - of_era.div_euclid(36_524) + of_era.div_euclid(146_096);
        let year_of_era = (of_era - leap_days).div_euclid(365);
        let before_year =
            365 * year_of_era + year_of_era.div_euclid(4) - year_of_era.div_euclid(100);
        let of_year = of_era - before_year;
        let from_march = (5 * of_year + 2).div_euclid(153);
        let day = of_year - (153 * from_march + 2).div_euclid(5) + 1;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (
            i16::try_from(year).unwrap_or(i16::MAX),
            i8::try_from(month).unwrap_or(1),
            i8::try_from(day).unwrap_or(1),
        )
    }

    pub(crate) fn civil(self) -> jiff::civil::Date {
        let (year, month, day) = self.parts();
        jiff::civil::Date::new(year, month, day).unwrap_or_default()
    }

    pub(crate) fn from_civil(date: jiff::civil::Date) -> Option<Self> {
        let epoch = jiff::civil::Date::constant(1970, 1, 1);
        epoch.until(date).ok().map(|span| Self(span.get_days()))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.civil())
    }
}

/// A calendar month: the booking period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    /// Year.
    pub year: i16,
    /// Month of the year, 1 to 12.
    pub month: i8,
}

impl Month {
    /// Read `YYYY-MM`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 7 {
            return None;
        }
        Date::parse(&format!("{text}-01")).map(Date::month)
    }

    /// The first day.
    pub fn first_day(self) -> Option<Date> {
        Date::new(self.year, self.month, 1)
    }

    /// The last day.
    pub fn last_day(self) -> Option<Date> {
        self.first_day()?.plus_months(1)?.plus_days(-1)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// A member that should be a date, kept even if it is not one: a wrong date has a code of its own
/// that comes after the schema in the order of checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateText {
    parsed: Option<Date>,
    raw: Option<Box<Lenient<'static>>>,
}

impl DateText {
    /// The date, if the text is one.
    pub fn date(&self) -> Option<Date> {
        self.parsed
    }

    /// What was written instead of a date, if it is short and shaped like one.
    pub fn shown(&self) -> Option<&str> {
        match self.raw.as_deref() {
            Some(Lenient::Text(text)) => {
                let plain = |byte: u8| byte.is_ascii_digit() || b"-/.:TZ+".contains(&byte);
                (text.len() <= 32 && text.bytes().all(plain)).then_some(&**text)
            }
            Some(Lenient::Other { .. }) | None => None,
        }
    }
}

impl From<Date> for DateText {
    fn from(date: Date) -> Self {
        Self {
            parsed: Some(date),
            raw: None,
        }
    }
}

impl<'de> Deserialize<'de> for DateText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = match lenient(deserializer)? {
            Lenient::Text(text) => match Date::parse(&text) {
                Some(date) => return Ok(Self::from(date)),
                None => Lenient::Text(text.into_owned().into()),
            },
            Lenient::Other { kind, raw } => Lenient::Other { kind, raw },
        };
        Ok(Self {
            parsed: None,
            raw: Some(Box::new(raw)),
        })
    }
}

impl Serialize for DateText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (&self.raw, self.parsed) {
            (Some(raw), _) => serialize(raw, serializer),
            (None, Some(date)) => serialize(&Lenient::text(&date.to_string()), serializer),
            (None, None) => serialize(&Lenient::text(""), serializer),
        }
    }
}

impl schemars::JsonSchema for DateText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "date",
            "description": "Calendar date, YYYY-MM-DD, 1900 to 2199."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_and_print_in_one_form_only() {
        assert_eq!(Date::parse("2026-02-28").unwrap().to_string(), "2026-02-28");
        for bad in [
            "2027-02-31",
            "2026-2-3",
            "26-02-03",
            "2026/02/03",
            "2026-02-03T00:00:00Z",
            "",
        ] {
            assert_eq!(Date::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn months_sort_and_know_their_first_day() {
        let month = Month::parse("2026-03").unwrap();
        assert_eq!(month.to_string(), "2026-03");
        assert_eq!(month.first_day(), Date::new(2026, 3, 1));
        assert!(month < Month::parse("2026-10").unwrap());
        assert_eq!(Month::parse("2026-13"), None);
        assert_eq!(Month::parse("2026"), None);
    }

    #[test]
    fn months_later_is_the_same_day_or_the_last_one() {
        let of = |text: &str| Date::parse(text).unwrap();
        let later = |months| of("2026-01-31").plus_months(months).unwrap().to_string();
        assert_eq!(later(1), "2026-02-28");
        assert_eq!(later(2), "2026-03-31");
        assert_eq!(later(25), "2028-02-29");
        assert_eq!(of("2024-02-10").month().last_day(), Some(of("2024-02-29")));
        assert_eq!(of("2026-12-01").month().last_day(), Some(of("2026-12-31")));
    }

    #[test]
    fn integers_and_the_calendar_agree_on_every_day() {
        let mut day = jiff::civil::Date::constant(1899, 12, 31);
        for days in -25_568..84_006 {
            let date = Date::from_days(days);
            assert_eq!(date.parts(), (day.year(), day.month(), day.day()), "{days}");
            assert_eq!(Date::from_civil(day), Some(date));
            day = day.tomorrow().unwrap();
        }
    }

    #[test]
    fn the_range_ends_with_2199() {
        assert!(Date::new(2199, 12, 31).unwrap().in_range());
        assert!(!Date::new(2200, 1, 1).unwrap().in_range());
        assert!(!Date::new(1899, 12, 31).unwrap().in_range());
    }
}
