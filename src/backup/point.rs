//! The point at which a restore cuts: named by the operator, found in the journal of the backup.

use super::{BackupFault, Manifest, Tell};
use crate::ids::{Position, Sequence};
use crate::journal::Commits;
use crate::journal::file::disk::Disk;
use crate::journal::file::{Frontier, Until};
use crate::ledger::{Commit, JobRecord, NameTable, Record, StateDigest};
use crate::partition::Progress;
use crate::time::Timestamp;

/// Up to where a restore goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// To the end of the backup.
    End,
    /// Up to a position.
    Position(Position),
    /// Up to an outcome of a book.
    Outcome {
        /// The book.
        book: String,
        /// The outcome's number.
        sequence: Sequence,
    },
    /// Up to what was recorded by a time.
    Time(Timestamp),
}

/// Where a journal is cut, and what is left out.
#[derive(Debug)]
pub(super) struct Point {
    /// The last whole frame that is kept.
    pub(super) kept: Frontier,
    /// Digest of the books after it.
    pub(super) digest: StateDigest,
    /// The first records of the commit behind it, and how far that whole commit goes.
    pub(super) part: Option<(Commit, Frontier)>,
    /// The last position that is kept.
    pub(super) position: Position,
    /// When that was recorded; none if nothing is kept.
    pub(super) recorded_at: Option<Timestamp>,
    /// Outcomes that are left out.
    pub(super) missing: u64,
}

/// Hears of every outcome that is left out.
pub(super) type LeftOut<'a> =
    &'a mut dyn FnMut(&JobRecord, &Commit, &NameTable) -> Result<(), BackupFault>;

/// How much of a commit is kept.
enum Keeps {
    All,
    /// All, and nothing behind it.
    AllAndNoMore,
    First(usize),
    Nothing,
}

impl At {
    /// `BOOK/SEQUENCE`, a position, or an instant of RFC 3339.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((book, sequence)) = text.rsplit_once('/') {
            let book = Some(book).filter(|book| crate::ids::is_book_name(book))?;
            return Some(Self::Outcome {
                book: book.to_owned(),
                sequence: Sequence(number(sequence)?),
            });
        }
        let position = number(text).map(|position| Self::Position(Position(position)));
        position.or_else(|| Timestamp::parse(text).map(Self::Time))
    }

    /// Whether it names a point of one partition only.
    pub fn is_of_one_partition(&self) -> bool {
        matches!(self, Self::Position(_) | Self::Outcome { .. })
    }

    fn keeps(&self, commit: &Commit, names: &NameTable) -> Keeps {
        match self {
            Self::End => Keeps::All,
            Self::Time(time) if commit.recorded_at <= *time => Keeps::All,
            Self::Time(_) => Keeps::Nothing,
            Self::Position(position) => up_to(*position, commit),
            Self::Outcome { book, sequence } => {
                let Some(book) = names.find_book(book) else {
                    return Keeps::All;
                };
                let is_it = |record: &Record| {
                    let job = record.as_job();
                    job.is_some_and(|job| job.book == book && job.sequence == *sequence)
                };
                let found = commit.positions().find(|(_, record)| is_it(record));
                found.map_or(Keeps::All, |(position, _)| up_to(position, commit))
            }
        }
    }

    /// Refuse a point that the backup does not have.
    fn check(&self, point: &Point, names: &NameTable, was_met: bool) -> Result<(), BackupFault> {
        let end = format!("it goes up to position {}", point.position);
        let beyond = |what: String| Err(BackupFault::NoSuchPoint(format!("{what}; {end}")));
        match self {
            Self::Outcome { book, .. } if names.find_book(book).is_none() => {
                beyond(format!("the backup has no book {book:?}"))
            }
            Self::Outcome { book, sequence } if !was_met => {
                beyond(format!("the backup has no outcome {book}/{sequence}"))
            }
            Self::Position(position) if !was_met => {
                beyond(format!("the backup has no position {position}"))
            }
            Self::Time(_) if point.recorded_at.is_none() => {
                beyond("the backup begins after that time".to_owned())
            }
            Self::End | Self::Position(_) | Self::Outcome { .. } | Self::Time(_) => Ok(()),
        }
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// How much of a commit lies at or before a position.
fn up_to(position: Position, commit: &Commit) -> Keeps {
    if commit.last() < position {
        return Keeps::All;
    }
    if commit.last() == position {
        return Keeps::AllAndNoMore;
    }
    let behind = commit.positions().skip_while(|(at, _)| *at <= position);
    let following =
        behind.take_while(|(_, record)| record.as_job().is_some_and(JobRecord::follows));
    let position = following.last().map_or(position, |(at, _)| at);
    if commit.last() == position {
        return Keeps::AllAndNoMore;
    }
    match position.next().0.checked_sub(commit.first.0) {
        Some(count) if count > 0 => Keeps::First(usize::try_from(count).unwrap_or(usize::MAX)),
        Some(_) | None => Keeps::Nothing,
    }
}

/// Find the point in a backup: every frame of it is read, and every outcome behind the point told.
pub(super) fn find<D: Disk>(
    backup: &D,
    manifest: &Manifest,
    at: &At,
    left_out: LeftOut<'_>,
    tell: Tell<'_>,
) -> Result<Point, BackupFault> {
    let until = Until::Frontier(manifest.frontier);
    let mut commits = Commits::from_position(backup.clone(), Position(1), until)?;
    if commits.journal() != manifest.journal {
        let path = backup.describe("");
        return Err(BackupFault::damaged(&path, "its journal is another one"));
    }
    let mut point = Point {
        kept: commits.frontier(),
        digest: StateDigest::default(),
        part: None,
        position: Position(0),
        recorded_at: None,
        missing: 0,
    };
    let (mut names, mut cut, mut was_met) = (NameTable::default(), false, false);
    while let Some(found) = commits.next()? {
        let done = found.commit.last().0;
        let of = manifest.frontier.position;
        if tell(Progress { done, of }).is_break() {
            return Err(BackupFault::GivenUp);
        }
        names.learn(&found.commit);
        let keeps = if cut {
            Keeps::Nothing
        } else {
            at.keeps(&found.commit, &names)
        };
        let kept = match keeps {
            Keeps::All | Keeps::AllAndNoMore => {
                was_met |= matches!(keeps, Keeps::AllAndNoMore);
                cut = was_met;
                point.kept = commits.frontier();
                point.digest = found.commit.digest;
                found.commit.records.len()
            }
            Keeps::First(count) => {
                (cut, was_met) = (true, true);
                let part = found.commit.clone().with_first(count);
                point.part = Some((part, commits.frontier()));
                count
            }
            Keeps::Nothing => {
                cut = true;
                0
            }
        };
        if let Some(more) = u64::try_from(kept).ok().filter(|kept| *kept > 0) {
            point.position = Position(found.commit.first.0.saturating_add(more).saturating_sub(1));
            point.recorded_at = Some(found.commit.recorded_at);
        }
        for record in found.commit.records.iter().skip(kept) {
            if let Record::Job(job) = record {
                point.missing = point.missing.saturating_add(1);
                left_out(job, &found.commit, &names)?;
            }
        }
    }
    if !commits.frontier().is_same_frame(&manifest.frontier) {
        let path = backup.describe("");
        return Err(BackupFault::damaged(&path, "its journal ends elsewhere"));
    }
    at.check(&point, &names, was_met)?;
    Ok(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_an_outcome_a_position_or_a_time() {
        let outcome = At::Outcome {
            book: "main".to_owned(),
            sequence: Sequence(42),
        };
        assert_eq!(At::parse("main/42"), Some(outcome));
        assert_eq!(At::parse("1042"), Some(At::Position(Position(1042))));
        let time = At::parse("2026-11-26T14:00:00+01:00");
        assert_eq!(time, Some(At::Time(Timestamp(1_795_698_000_000_000_000))));
        for wrong in [
            "",
            "main",
            "main/",
            "/42",
            "main/x",
            "Main/1",
            "-1",
            "2026-11-26",
        ] {
            assert_eq!(At::parse(wrong), None, "{wrong}");
        }
    }
}
