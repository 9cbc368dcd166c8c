//! Time as data: dates, periods, calendars and the one clock.
//!
//! Nothing below the pipeline asks what time it is. A batch carries its `recorded_at`; dates come
//! with the job or follow from that instant in the book's time zone.

pub mod date;
pub mod instant;
pub mod calendar;
pub mod clock;
#[cfg(debug_assertions)]
mod stand_in;
pub mod pace;

pub use calendar::{Calendar, CalendarRecord, Convention};
pub use clock::{Clock, ManualClock, SystemClock};
pub use date::{Date, DateText, Month};
pub use instant::{InstantText, Timestamp, TimestampFault, Zone};
pub use pace::{Pace, Pacing};
