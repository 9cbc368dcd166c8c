//! Business days: weekends, rules and single days, and how a date rolls to one.
//!
//! A calendar is a value. Which calendar a name means on a date is the book's to say
//! (`ledger::calendars`); this file knows the rules and the one calendar that everybody shares.

use serde::{Deserialize, Serialize};

use super::date::Date;

/// How a date that is not a business day moves to one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Convention {
    /// It does not move: the date is refused.
    #[default]
    None,
    /// To the next business day.
    Following,
    /// To the next business day, unless that lies in another month: then to the one before.
    ModifiedFollowing,
    /// To the business day before.
    Preceding,
}

/// A calendar of business days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Calendar {
    /// Every day is a business day.
    EveryDay,
    /// The TARGET system: closed on Saturdays, Sundays, 1 January, Good Friday, Easter Monday, 1
    /// May, 25 and 26 December (European Central Bank, 14 December 2000, from 2002).
    Target,
    /// A calendar of a company's own: closed weekdays (1 Monday to 7 Sunday) and single closed
    /// days.
    Own {
        /// Closed weekdays.
        weekdays: Vec<i8>,
        /// Closed single days, ascending.
        days: Vec<Date>,
    },
    /// Several at once: closed whenever one of them is.
    Joint(Vec<Calendar>),
}

/// Longest run of closed days that a roll looks across.
const ROLL_DAYS_MAX: i32 = 366;

/// Weekdays closed in a calendar that does not name any.
const WEEKEND: [i8; 2] = [6, 7];

/// A calendar as configured: closed weekdays and days of its own, with or without a base.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarRecord {
    /// A calendar that everybody shares, whose closed days are closed here too.
    pub base: Option<String>,
    /// Closed weekdays, 1 Monday to 7 Sunday; without a base Saturday and Sunday by default.
    pub weekends: Option<Vec<i8>>,
    /// Closed single days.
    pub closed: Option<Vec<String>>,
}

impl CalendarRecord {
    /// The calendar, or what is wrong with the record.
    pub fn calendar(&self) -> Result<Calendar, String> {
        let base = match self.base.as_deref() {
            None => None,
            Some(name) => Some(Calendar::shared(name).ok_or("base must be TARGET")?),
        };
        let default: &[i8] = if base.is_some() { &[] } else { &WEEKEND };
        let weekdays = self.weekends.as_deref().unwrap_or(default).to_vec();
        if weekdays.iter().any(|day| !(1..=7).contains(day)) {
            return Err("weekends are numbers from 1 (Monday) to 7 (Sunday)".to_owned());
        }
        if (1..=7).all(|day| weekdays.contains(&day)) {
            return Err("weekends must leave a weekday open".to_owned());
        }
        let closed = self.closed.iter().flatten().map(|text| Date::parse(text));
        let mut days: Vec<Date> = closed.collect::<Option<_>>().ok_or("closed lists dates")?;
        days.sort_unstable();
        let own = Calendar::Own { weekdays, days };
        Ok(match base {
            None => own,
            Some(base) => Calendar::Joint(vec![base, own]),
        })
    }
}

impl Calendar {
    /// A calendar that everybody shares, by its name.
    pub fn shared(name: &str) -> Option<Self> {
        (name == "TARGET").then_some(Self::Target)
    }

    /// Whether business is done on the day.
    pub fn is_business_day(&self, date: Date) -> bool {
        let weekday = date.civil().weekday().to_monday_one_offset();
        match self {
            Self::EveryDay => true,
            Self::Target => weekday < 6 && !target_holiday(date),
            Self::Own { weekdays, days } => {
                !weekdays.contains(&weekday) && days.binary_search(&date).is_err()
            }
            Self::Joint(calendars) => calendars.iter().all(|one| one.is_business_day(date)),
        }
    }

    /// Move a date to a business day; none if the convention forbids moving or none is near.
    pub fn roll(&self, date: Date, convention: Convention) -> Option<Date> {
        if self.is_business_day(date) {
            return Some(date);
        }
        match convention {
            Convention::None => None,
            Convention::Following => self.search(date, 1),
            Convention::Preceding => self.search(date, -1),
            Convention::ModifiedFollowing => self
                .search(date, 1)
                .filter(|rolled| rolled.month() == date.month())
                .or_else(|| self.search(date, -1)),
        }
    }

    /// The business day `count` business days after a date.
    pub fn add_business_days(&self, date: Date, count: u32) -> Option<Date> {
        let mut date = date;
        for _ in 0..count {
            date = self.search(date, 1)?;
        }
        Some(date)
    }

    fn search(&self, from: Date, step: i32) -> Option<Date> {
        (1..=ROLL_DAYS_MAX)
            .filter_map(|days| from.plus_days(days.checked_mul(step)?))
            .find(|date| self.is_business_day(*date))
    }
}

fn target_holiday(date: Date) -> bool {
    let civil = date.civil();
    if matches!((civil.month(), civil.day()), (1 | 5, 1) | (12, 25 | 26)) {
        return true;
    }
    let Some(easter) = easter_sunday(civil.year()) else {
        return false;
    };
    // Good Friday and Easter Monday.
    [-2, 1]
        .into_iter()
        .any(|days| easter.plus_days(days) == Some(date))
}

/// Easter Sunday of the Gregorian calendar (the anonymous algorithm of 1876).
fn easter_sunday(year: i16) -> Option<Date> {
    let year = i32::from(year);
    let (golden, century, in_century) = (year % 19, div(year, 100), year % 100);
    let (skipped, leap_rest) = (div(century, 4), century % 4);
    let moon_shift = div(century - div(century + 8, 25) + 1, 3);
    let epact = (19 * golden + century - skipped - moon_shift + 15) % 30;
    let to_sunday = (32 + 2 * leap_rest + 2 * div(in_century, 4) - epact - in_century % 4) % 7;
    let correction = div(golden + 11 * epact + 22 * to_sunday, 451);
    let of_march = epact + to_sunday - 7 * correction + 114;
    let (month, day) = (div(of_march, 31), of_march % 31 + 1);
    Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    )
}

fn div(dividend: i32, divisor: i32) -> i32 {
    dividend.checked_div_euclid(divisor).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    #[test]
    fn easter_falls_where_the_almanac_says() {
        for (year, easter) in [
            (2014, "2014-04-20"),
            (2024, "2024-03-31"),
            (2026, "2026-04-05"),
            (2038, "2038-04-25"),
        ] {
            assert_eq!(easter_sunday(year), Some(date(easter)));
        }
    }

    #[test]
    fn target_days_of_published_cases() {
        let target = Calendar::Target;
        let add = |from: &str, days| target.add_business_days(date(from), days).unwrap();
        assert_eq!(add("2026-04-02", 2), date("2026-04-08"));
        assert_eq!(add("2026-12-23", 2), date("2026-12-28"));
        assert_eq!(add("2026-04-30", 1), date("2026-05-04"));
        assert_eq!(
            target.roll(date("2014-06-28"), Convention::Following),
            Some(date("2014-06-30"))
        );
        assert_eq!(target.roll(date("2014-06-28"), Convention::None), None);
    }

    #[test]
    fn modified_following_stays_in_the_month() {
        let target = Calendar::Target;
        // 2026-05-31 is a Sunday; the next business day lies in June.
        let rolled = target.roll(date("2026-05-31"), Convention::ModifiedFollowing);
        assert_eq!(rolled, Some(date("2026-05-29")));
    }

    fn record(json: &str) -> Result<Calendar, String> {
        let record: CalendarRecord = serde_json::from_str(json).unwrap();
        record.calendar()
    }

    #[test]
    fn a_company_closes_on_its_own_days_too() {
        let closed = r#""closed": ["2026-12-31", "2026-12-24"]"#;
        let plain = record(&format!("{{ {closed} }}")).unwrap();
        let based = record(&format!(r#"{{ "base": "TARGET", {closed} }}"#)).unwrap();
        let open = |calendar: &Calendar, day| calendar.is_business_day(date(day));
        assert!(open(&plain, "2026-12-25") && !open(&based, "2026-12-25"));
        for calendar in [plain, based] {
            assert!(!open(&calendar, "2026-12-24") && !open(&calendar, "2026-12-31"));
            assert!(!open(&calendar, "2026-12-26"), "a Saturday");
            assert!(open(&calendar, "2026-12-30"));
        }
        let no_weekend = record(r#"{ "weekends": [] }"#).unwrap();
        assert!(open(&no_weekend, "2026-12-26"));
    }

    #[test]
    fn a_joint_calendar_is_closed_when_one_of_them_is() {
        let friday = record(r#"{ "weekends": [5] }"#).unwrap();
        let joint = Calendar::Joint(vec![Calendar::Target, friday]);
        // Thursday 2026-12-24 is open; Christmas, Saturday, Sunday are not; Monday is.
        let next = joint.add_business_days(date("2026-12-24"), 1);
        assert_eq!(next, Some(date("2026-12-28")));
        assert!(!joint.is_business_day(date("2026-12-18")), "a Friday");
    }

    #[test]
    fn records_that_are_no_calendars_say_why() {
        for (json, says) in [
            (r#"{ "base": "NARNIA" }"#, "base"),
            (r#"{ "weekends": [0] }"#, "1 (Monday)"),
            (r#"{ "weekends": [1, 2, 3, 4, 5, 6, 7] }"#, "open"),
            (r#"{ "closed": ["2026-02-30"] }"#, "dates"),
        ] {
            assert!(record(json).unwrap_err().contains(says), "{json}");
        }
    }
}
