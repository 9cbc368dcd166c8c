//! Where things stand in the journal, sparsely: one stop for every stretch of about 64 KiB.
//!
//! A position or an entry is found by the stop before it and a walk over the frames behind. A
//! stretch never crosses a segment, so the walk needs no directory. What it costs: 24 bytes a
//! stretch, and 16 for every book that posted in it, so about 40 MB for 64 GB of journal.
//!
//! An index of what the journal says and nothing else: it can always be made again by reading.

use std::collections::BTreeMap;

use super::file::Location;
use super::file::bytes::{Fields, Layout};
use crate::ids::{BookIndex, EntryNo, Position};
use crate::ledger::{Commit, Record};

/// Bytes of journal from one stop to the next, at the least.
const STRETCH_BYTES: u64 = 64 << 10;
/// Bytes of a row as snapshots keep it.
const ROW_BYTES: usize = 25;
const ROW_STOP: u8 = 1;
const ROW_ENTRY: u8 = 2;
const ROW_LAST_ENTRY: u8 = 3;
const ROW_LAST_POSITION: u8 = 4;

/// A frame that is known by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stop {
    first: Position,
    location: Location,
}

/// The first entry that a book posted in a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FirstEntry {
    entry: EntryNo,
    stop: u32,
}

/// The entries of a book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entries {
    firsts: Vec<FirstEntry>,
    /// The last one; what lies behind it is not looked for.
    last: EntryNo,
}

/// The stops of a journal, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waypoints {
    stops: Vec<Stop>,
    entries: BTreeMap<BookIndex, Entries>,
    last: Position,
}

impl Waypoints {
    /// Learn where a commit stands. Commits come in order.
    pub fn note(&mut self, commit: &Commit, location: Location) {
        let in_stretch = self.stops.last().is_some_and(|stop| {
            stop.location.segment == location.segment
                && location.offset.saturating_sub(stop.location.offset) < STRETCH_BYTES
        });
        if !in_stretch {
            let first = commit.first;
            self.stops.push(Stop { first, location });
        }
        let stop = u32::try_from(self.stops.len().saturating_sub(1)).unwrap_or(u32::MAX);
        for record in &commit.records {
            if let Record::Job(job) = record
                && let Some(entry) = job.outcome.entry_no
            {
                let entries = self.entries.entry(job.book).or_default();
                let more = u64::from(job.outcome.entries.saturating_sub(1));
                entries.note(FirstEntry { entry, stop }, more);
            }
        }
        self.last = commit.last();
    }

    /// Where to begin to look for a position that was noted; none for others.
    pub fn of_position(&self, position: Position) -> Option<Location> {
        if position > self.last {
            return None;
        }
        let behind = self.stops.partition_point(|stop| stop.first <= position);
        let stop = self.stops.get(behind.checked_sub(1)?)?;
        Some(stop.location)
    }

    /// Where to begin to look for an entry of a book that was noted; none for others.
    pub fn of_entry(&self, book: BookIndex, entry: EntryNo) -> Option<Location> {
        let Entries { firsts, last } = self.entries.get(&book)?;
        if entry > *last {
            return None;
        }
        let behind = firsts.partition_point(|first| first.entry <= entry);
        let first = firsts.get(behind.checked_sub(1)?)?;
        let stop = self.stops.get(usize::try_from(first.stop).ok()?)?;
        Some(stop.location)
    }

    /// Bytes that the index takes in memory.
    pub fn bytes(&self) -> usize {
        let entries: usize = self
            .entries
            .values()
            .map(|entries| entries.firsts.capacity())
            .sum();
        self.stops.capacity() * size_of::<Stop>() + entries * size_of::<FirstEntry>()
    }

    /// The index as rows of fixed length, which may be cut anywhere between two.
    pub fn rows(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.stops.len() * ROW_BYTES);
        for Stop { first, location } in &self.stops {
            Layout(&mut out)
                .u8(ROW_STOP)
                .u64(first.0)
                .u64(location.segment)
                .u64(location.offset);
        }
        for (book, entries) in &self.entries {
            let book = u64::from(book.0);
            for FirstEntry { entry, stop } in &entries.firsts {
                Layout(&mut out)
                    .u8(ROW_ENTRY)
                    .u64(book)
                    .u64(entry.0)
                    .u64(u64::from(*stop));
            }
            let last = entries.last.0;
            Layout(&mut out)
                .u8(ROW_LAST_ENTRY)
                .u64(book)
                .u64(last)
                .u64(0);
        }
        let last = self.last.0;
        Layout(&mut out)
            .u8(ROW_LAST_POSITION)
            .u64(last)
            .u64(0)
            .u64(0);
        out
    }

    /// Add rows; `None` if they are none.
    pub fn read_rows(&mut self, rows: &[u8]) -> Option<()> {
        for row in rows.chunks(ROW_BYTES) {
            let mut fields = Fields(row);
            let kind = fields.u8()?;
            let (first, second, third) = (fields.u64()?, fields.u64()?, fields.u64()?);
            match kind {
                ROW_STOP => self.stops.push(Stop {
                    first: Position(first),
                    location: Location {
                        segment: second,
                        offset: third,
                    },
                }),
                ROW_ENTRY | ROW_LAST_ENTRY => {
                    let book = BookIndex(u16::try_from(first).ok()?);
                    let (entry, stop) = (EntryNo(second), u32::try_from(third).ok()?);
                    let entries = self.entries.entry(book).or_default();
                    if kind == ROW_LAST_ENTRY {
                        entries.last = entry;
                    } else {
                        entries.firsts.push(FirstEntry { entry, stop });
                    }
                }
                ROW_LAST_POSITION => self.last = Position(first),
                _ => return None,
            }
        }
        Some(())
    }
}

impl Entries {
    /// An entry, and `more` behind it, were posted.
    fn note(&mut self, first: FirstEntry, more: u64) {
        self.last = EntryNo(first.entry.0.saturating_add(more));
        if self
            .firsts
            .last()
            .is_none_or(|last| last.stop != first.stop)
        {
            self.firsts.push(first);
        }
    }
}

/// Bytes of rows that one piece of a snapshot holds: a multiple of a row.
pub const ROWS_BYTES: usize = ROW_BYTES * 40_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::testing::entry_commit;

    fn place(segment: u64, offset: u64) -> Location {
        Location { segment, offset }
    }

    /// Commits with one entry each, 40 KB apart, in segments of 200 KB.
    fn noted() -> Waypoints {
        let mut waypoints = Waypoints::default();
        for number in 0..20 {
            let location = place(1 + number / 5, 128 + number % 5 * 40_000);
            waypoints.note(&entry_commit(number + 1, number + 1), location);
        }
        waypoints
    }

    #[test]
    fn a_stop_stands_at_or_before_what_is_looked_for_and_in_its_segment() {
        let waypoints = noted();
        for number in 1..=20 {
            let segment = 1 + (number - 1) / 5;
            let by_position = waypoints.of_position(Position(number)).unwrap();
            let by_entry = waypoints.of_entry(BookIndex(0), EntryNo(number)).unwrap();
            assert_eq!((by_position.segment, by_entry), (segment, by_position));
            let target = 128 + (number - 1) % 5 * 40_000;
            assert!(by_position.offset <= target && target - by_position.offset <= STRETCH_BYTES);
        }
        assert_eq!(waypoints.of_position(Position(0)), None);
        assert_eq!(waypoints.of_entry(BookIndex(1), EntryNo(1)), None);
        assert_eq!(waypoints.stops.len(), 12);
    }

    #[test]
    fn a_book_that_rests_for_long_is_found_where_it_goes_on() {
        let mut waypoints = noted();
        let far = place(9, 128);
        let mut other = entry_commit(21, 1);
        let Record::Job(job) = &mut other.records[0] else {
            panic!("a job")
        };
        job.book = BookIndex(1);
        waypoints.note(&other, place(8, 128));
        waypoints.note(&entry_commit(22, 21), far);
        assert_eq!(waypoints.of_entry(BookIndex(0), EntryNo(21)), Some(far));
        assert_eq!(
            waypoints.of_entry(BookIndex(1), EntryNo(1)),
            Some(place(8, 128))
        );
    }

    #[test]
    fn rows_bring_the_index_back() {
        let waypoints = noted();
        let mut read = Waypoints::default();
        for rows in waypoints.rows().chunks(ROW_BYTES * 3) {
            read.read_rows(rows).unwrap();
        }
        assert_eq!(read, waypoints);
        assert!(read.read_rows(&[9; ROW_BYTES]).is_none());
        assert!(read.read_rows(&[ROW_STOP; ROW_BYTES - 1]).is_none());
    }
}
