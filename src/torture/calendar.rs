//! Days and instants as the model and the producers count them, in the zones of the two books.
//!
//! Written from the calendar, not from `time`: a mistake there is not made here again.

/// Nanoseconds of a second.
pub const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// Where a book is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Greenwich, all year.
    #[default]
    Greenwich,
    /// Berlin, with summer time.
    Berlin,
}

/// Days since 1970-01-01 of a date as it is written.
pub fn number(date: &str) -> i64 {
    let mut parts = date.split('-').map(|part| part.parse().unwrap_or_default());
    let mut next = || parts.next().unwrap_or(1);
    let (year, month, day) = (next(), next(), next());
    days(year, month, day)
}

/// Years begin with March here, so that the odd day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = match month {
        3.. => (year, month - 3),
        _ => (year - 1, month + 9),
    };
    let leap = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap + (153 * month + 2).div_euclid(5) + day - 719_469
}

/// Year, month and day of a number of days.
fn parts(number: i64) -> (i64, i64, i64) {
    let mut year = 1970 + number.div_euclid(366);
    while days(year + 1, 1, 1) <= number {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days(year, month + 1, 1) <= number {
        month += 1;
    }
    (year, month, number - days(year, month, 1) + 1)
}

/// A date as it is written.
pub fn date(number: i64) -> String {
    let (year, month, day) = parts(number);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The day so many months after another one; the last one of a month that is too short.
pub fn months_later(date_text: &str, months: i64) -> String {
    let (year, month, day) = parts(number(date_text));
    let month = month - 1 + months;
    let (year, month) = (year + month.div_euclid(12), month.rem_euclid(12) + 1);
    date(days(year, month, day.min(length(year, month))))
}

/// The last day of the month of a date.
pub fn month_end(date_text: &str) -> String {
    let (year, month, _) = parts(number(date_text));
    date(days(year, month, length(year, month)))
}

fn length(year: i64, month: i64) -> i64 {
    let next = if month == 12 {
        days(year + 1, 1, 1)
    } else {
        days(year, month + 1, 1)
    };
    next - days(year, month, 1)
}

/// How far a place is ahead of Greenwich at an instant.
fn ahead(place: Place, instant: i64) -> i64 {
    if place == Place::Greenwich {
        return 0;
    }
    let (year, _, _) = parts(instant.div_euclid(DAY));
    // The last Sundays of March and October, at one o'clock in Greenwich. 1970 began on a Thursday.
    let change = |month| {
        let last = days(year, month, 31);
        (last - (last + 4).rem_euclid(7)) * DAY + HOUR
    };
    if (change(3)..change(10)).contains(&instant) {
        2 * HOUR
    } else {
        HOUR
    }
}

/// The date at an instant.
pub fn today(place: Place, instant: i64) -> String {
    date((instant + ahead(place, instant)).div_euclid(DAY))
}

/// The instant at which a date begins. No clock changes at midnight.
pub fn begins(place: Place, date: &str) -> i64 {
    let midnight = number(date) * DAY;
    midnight - ahead(place, midnight - 2 * HOUR)
}

/// An instant as outcomes write it: in Greenwich, without zeros behind the point.
pub fn print(instant: i64) -> String {
    let (day, time) = (instant.div_euclid(DAY), instant.rem_euclid(DAY));
    let seconds = time.div_euclid(SECOND);
    let (hour, minute) = (
        seconds.div_euclid(3_600),
        seconds.div_euclid(60).rem_euclid(60),
    );
    let whole = format!(
        "{}T{hour:02}:{minute:02}:{:02}",
        date(day),
        seconds.rem_euclid(60)
    );
    let rest = format!("{:09}", time.rem_euclid(SECOND));
    match rest.trim_end_matches('0') {
        "" => format!("{whole}Z"),
        rest => format!("{whole}.{rest}Z"),
    }
}

/// An instant as `print` writes it.
pub fn read(text: &str) -> i64 {
    let mut parts = text.trim_end_matches('Z').split(['T', ':', '.']);
    let day = number(parts.next().unwrap_or_default());
    let mut count = || parts.next().and_then(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (count(), count(), count());
    let seconds = hour.unwrap_or_default() * 3_600
        + minute.unwrap_or_default() * 60
        + second.unwrap_or_default();
    let part = text
        .split_once('.')
        .map(|(_, part)| part.trim_end_matches('Z'));
    let nanos = part.and_then(|part| format!("{part:0<9}").parse::<i64>().ok());
    day * DAY + seconds * SECOND + nanos.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Date, Timestamp, Zone};

    #[test]
    fn days_and_instants_are_those_of_everybody() {
        let berlin = Zone::find("Europe/Berlin").unwrap();
        for day in (18_000..30_000).step_by(13) {
            let text = Date::from_days(i32::try_from(day).unwrap()).to_string();
            assert_eq!((date(day), number(&text)), (text.clone(), day));
            let begin = begins(Place::Berlin, &text);
            let known = Date::parse(&text).unwrap();
            assert_eq!(berlin.start_of(known), Timestamp(begin), "{text}");
            for instant in [begin - 1, begin, begin + 9_000 * SECOND + 1_020_000] {
                let known = berlin.date(Timestamp(instant)).to_string();
                assert_eq!(today(Place::Berlin, instant), known);
                assert_eq!(print(instant), Timestamp(instant).short());
                assert_eq!(read(&print(instant)), instant);
            }
        }
        assert_eq!(months_later("2027-01-31", 1), "2027-02-28");
        assert_eq!(months_later("2027-11-30", 3), "2028-02-29");
        assert_eq!(month_end("2028-02-03"), "2028-02-29");
    }
}
