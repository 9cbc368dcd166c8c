//! Calendars by name: which business days a book means on a date.
//!
//! A record of the book comes first, then the calendars that everybody shares. Names joined by `+`
//! mean all of them at once. Nothing here decides what a rule does with a closed day.

use super::reference::{Record, Reference};
use crate::time::{Calendar, CalendarRecord, Date};

/// Stands between the names of a joint calendar.
const JOINT: char = '+';

impl Reference {
    /// The calendar of a name on a date; none if there is none of that name.
    pub fn calendar(&self, name: &str, on: Date) -> Option<Calendar> {
        if !name.contains(JOINT) {
            return self.one_calendar(name, on);
        }
        let each = name.split(JOINT).map(|name| self.one_calendar(name, on));
        each.collect::<Option<_>>().map(Calendar::Joint)
    }

    /// The calendar of the book itself; every day is a business day in a book that has none.
    pub fn book_calendar(&self, on: Date) -> Calendar {
        self.iter()
            .find(|(record, ..)| *record == Record::BookCalendar)
            .and_then(|(record, name, _)| self.value(record, name, on))
            .and_then(|value| value.read::<String>().ok())
            .and_then(|name| self.calendar(&name, on))
            .unwrap_or(Calendar::EveryDay)
    }

    fn one_calendar(&self, name: &str, on: Date) -> Option<Calendar> {
        let versions = self.versions(Record::Calendar, name);
        // A date before the first version is served by the first one: closed days are facts of the
        // world, and an instruction for last year must not fail because the record is younger.
        let value = self
            .value(Record::Calendar, name, on)
            .or_else(|| versions.first().map(|version| &version.value));
        match value {
            Some(value) => value.read::<CalendarRecord>().ok()?.calendar().ok(),
            None => Calendar::shared(name),
        }
    }
}
