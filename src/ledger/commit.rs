//! One engine batch as it goes to the journal.

use std::ops::Range;

use super::digest::StateDigest;
use super::effect::{Effect, Post};
use super::leg::Leg;
use super::outcome::Outcome;
use crate::ids::{
    AccountIndex, BookIndex, Hash128, KindCode, Lineage, Position, SchemaVersion, Sequence,
};
use crate::money::Minor;
use crate::time::Timestamp;

/// Where an answer is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Queue.
    pub to: Box<str>,
    /// The asking message's own correlation id.
    pub correlation_id: Option<Box<str>>,
}

/// What a job carried besides its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Key, unique in the book.
    pub key: Box<str>,
    /// Kind.
    pub kind: KindCode,
    /// Version of the kind's schema.
    pub schema_version: SchemaVersion,
    /// Fingerprint of kind and content.
    pub fingerprint: Hash128,
    /// Version of the rule that made the fingerprint.
    pub fingerprint_rule: u16,
    /// Content, in binary form with sealed texts; sealed whole if it failed its schema.
    pub content: Vec<u8>,
    /// Whether the content is sealed whole.
    pub sealed: bool,
    /// The publisher the broker vouched for.
    pub principal: Option<Box<str>>,
    /// The person or system that acts.
    pub actor: Option<Box<str>>,
    /// Answer owed.
    pub reply: Option<Box<Reply>>,
    /// Trace context of the message.
    pub traceparent: Option<Box<str>>,
    /// When the producer says it occurred.
    pub occurred_at: Option<Timestamp>,
}

/// What happened to a job that waited in a book when another one decided it: the event of its
/// record, which stands right behind that of the other and is never parted from it.
pub const JOB_DECIDED: &str = "job.decided";

/// A job with its outcome and effects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRecord {
    /// Its book.
    pub book: BookIndex,
    /// Its place among the outcomes of the book.
    pub sequence: Sequence,
    /// Whether the key leads to this outcome for ever; not so for a refused reuse of a key.
    pub owns_key: bool,
    /// What it carried.
    pub envelope: Envelope,
    /// The kind's name, if the catalogue does not have it (a key reused with a kind nobody knows).
    pub unknown_kind: Option<Box<str>>,
    /// Its outcome.
    pub outcome: Outcome,
    /// What happened by itself, if the engine made the job (`hold.expired`).
    pub event: Option<Box<str>>,
    /// Its effects, a range of [`Commit::effects`].
    pub effects: Range<u32>,
    /// Balances after the job, a range of [`Commit::balances`].
    pub balances: Range<u32>,
}

impl JobRecord {
    /// Whether the job's outcome came about by the record before, which decided it.
    pub fn follows(&self) -> bool {
        self.event.as_deref() == Some(JOB_DECIDED)
    }
}

/// A duplicate that asked for a reply: kept so that a crash does not lose the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateRecord {
    /// Its book.
    pub book: BookIndex,
    /// Key of the job.
    pub key: Box<str>,
    /// Where its first outcome stands.
    pub first: Position,
    /// Answer owed.
    pub reply: Reply,
}

/// What the configuration or a case file gives a book before its first job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupRecord {
    /// The book.
    pub book: BookIndex,
    /// Name of the book.
    pub name: Box<str>,
    /// Functional unit, if it has one.
    pub functional_unit: Option<Box<str>>,
    /// Time zone.
    pub time_zone: Box<str>,
    /// Hash of the file it came from.
    pub file_hash: [u8; 32],
    /// Its effects, a range of [`Commit::effects`].
    pub effects: Range<u32>,
}

/// A daemon began to run on this journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRecord {
    /// Version of the program.
    pub version: Box<str>,
    /// Commit it was built from.
    pub build: Box<str>,
    /// Whether the run before ended without saying so.
    pub after_unclean_stop: bool,
}

/// A restore: what was kept, and what is known to be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutRecord {
    /// The lineage that begins here.
    pub lineage: Lineage,
    /// Last position kept.
    pub kept: Position,
    /// Last position that what was restored from knew of.
    pub known: Position,
    /// Outcomes between the two: they may have been published and are not in these books.
    pub missing: u64,
}

/// What is done with dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterAct {
    /// Sent again to where they came from.
    Requeue,
    /// Thrown away.
    Drop,
}

impl LetterAct {
    /// Its name.
    pub fn text(self) -> &'static str {
        match self {
            Self::Requeue => "requeue",
            Self::Drop => "drop",
        }
    }
}

/// What somebody ordered for dead letters, recorded before it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LettersRecord {
    /// What.
    pub act: LetterAct,
    /// The user of the machine, as its kernel knows it.
    pub user: u32,
    /// Who that is, as told and not vouched for.
    pub operator: Box<str>,
    /// The letters: id and reason of each.
    pub letters: Vec<(String, String)>,
}

/// One thing in a commit. Every record has a position of its own.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every record is a job; a box each would cost more"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A job and its outcome.
    Job(JobRecord),
    /// A duplicate that asked for a reply.
    Duplicate(Box<DuplicateRecord>),
    /// A book's beginning.
    Setup(Box<SetupRecord>),
    /// A start of the daemon.
    Start(StartRecord),
    /// A clean end of the daemon.
    Stop,
    /// A restore cut the journal here and began a lineage.
    Cut(CutRecord),
    /// An operator was shown what the cut left out, and the lineage may be used.
    Accepted {
        /// The lineage.
        lineage: Lineage,
    },
    /// Somebody acts on dead letters.
    Letters(Box<LettersRecord>),
}

impl Record {
    /// The job, if this is one.
    pub fn as_job(&self) -> Option<&JobRecord> {
        if let Self::Job(job) = self {
            Some(job)
        } else {
            None
        }
    }
}

/// One batch as journaled: records with the effects, legs and balances they point into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// When it was recorded; strictly increasing.
    pub recorded_at: Timestamp,
    /// The lineage it was recorded in, which the ids of its outcomes name.
    pub lineage: Lineage,
    /// Position of the first record.
    pub first: Position,
    /// The records, in order.
    pub records: Vec<Record>,
    /// Effects of all records.
    pub effects: Vec<Effect>,
    /// Legs of all effects.
    pub legs: Vec<Leg>,
    /// Balances on the normal side after each record.
    pub balances: Vec<(AccountIndex, Minor)>,
    /// Digest of the state after the commit.
    pub digest: StateDigest,
}

/// What a commit holds. With its first record the next one gets room for as much as the last, so
/// that its lists do not grow, and move, record by record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extent {
    records: usize,
    effects: usize,
    legs: usize,
    balances: usize,
}

impl Extent {
    /// That of a commit.
    pub fn of(commit: &Commit) -> Self {
        Self {
            records: commit.records.len(),
            effects: commit.effects.len(),
            legs: commit.legs.len(),
            balances: commit.balances.len(),
        }
    }

    /// Make room for as much in another one.
    pub fn reserve(self, commit: &mut Commit) {
        commit.records.reserve_exact(self.records);
        commit.effects.reserve_exact(self.effects);
        commit.legs.reserve_exact(self.legs);
        commit.balances.reserve_exact(self.balances);
    }
}

impl Commit {
    /// Position of the last record.
    pub fn last(&self) -> Position {
        let count = u64::try_from(self.records.len()).unwrap_or(u64::MAX);
        Position(self.first.0.saturating_add(count).saturating_sub(1))
    }

    /// Its first records with what belongs to them; the digest is that of the whole.
    #[must_use]
    pub fn with_first(mut self, count: usize) -> Self {
        self.records.truncate(count);
        let (mut effects, mut balances) = (0, 0);
        for record in &self.records {
            match record {
                Record::Job(job) => {
                    effects = job.effects.end.max(effects);
                    balances = job.balances.end.max(balances);
                }
                Record::Setup(setup) => effects = setup.effects.end.max(effects),
                Record::Duplicate(_)
                | Record::Start(_)
                | Record::Stop
                | Record::Cut(_)
                | Record::Accepted { .. }
                | Record::Letters(_) => {}
            }
        }
        let place = |end: u32| usize::try_from(end).unwrap_or(usize::MAX);
        self.effects.truncate(place(effects));
        self.balances.truncate(place(balances));
        let legs = self.effects.iter_mut().filter_map(Effect::legs_mut);
        let legs = legs.map(|legs| legs.end).max().unwrap_or_default();
        self.legs.truncate(place(legs));
        self
    }

    /// The effects of a range.
    pub fn effects(&self, range: &Range<u32>) -> &[Effect] {
        slice(&self.effects, range)
    }

    /// The legs of a range.
    pub fn legs(&self, range: &Range<u32>) -> &[Leg] {
        slice(&self.legs, range)
    }

    /// The balances of a range.
    pub fn balances(&self, range: &Range<u32>) -> &[(AccountIndex, Minor)] {
        slice(&self.balances, range)
    }

    /// The entries of a book, openings included, in order, with the jobs that posted them.
    pub fn posts_of(&self, book: BookIndex) -> impl Iterator<Item = (Option<&JobRecord>, &Post)> {
        let of_book = self.records.iter().filter_map(move |record| match record {
            Record::Job(job) if job.book == book => Some((Some(job), &job.effects)),
            Record::Setup(setup) if setup.book == book => Some((None, &setup.effects)),
            Record::Job(_)
            | Record::Setup(_)
            | Record::Duplicate(_)
            | Record::Start(_)
            | Record::Stop
            | Record::Cut(_)
            | Record::Accepted { .. }
            | Record::Letters(_) => None,
        });
        of_book.flat_map(|(job, effects)| {
            let posts = self.effects(effects).iter().filter_map(Effect::as_post);
            posts.map(move |post| (job, post))
        })
    }

    /// The entries of a book with their legs, openings included, in order.
    pub fn entries_of(&self, book: BookIndex, visit: &mut dyn FnMut(&Post, &[Leg])) {
        for (_job, post) in self.posts_of(book) {
            visit(post, self.legs(&post.legs));
        }
    }

    /// Records with their positions.
    pub fn positions(&self) -> impl Iterator<Item = (Position, &Record)> {
        // A damaged frame may name the last position that there is.
        let mut next = self.first;
        let positions = std::iter::from_fn(move || {
            let position = next;
            next = position.next();
            Some(position)
        });
        positions.zip(&self.records)
    }
}

/// A range of a list; empty if it does not lie within.
pub fn slice<'a, T>(list: &'a [T], range: &Range<u32>) -> &'a [T] {
    let place = |end: u32| usize::try_from(end).unwrap_or(usize::MAX);
    list.get(place(range.start)..place(range.end))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_position_has_no_next() {
        let commit = Commit {
            first: Position(u64::MAX),
            records: vec![Record::Stop],
            ..Commit::default()
        };
        let positions: Vec<Position> = commit.positions().map(|(position, _)| position).collect();
        assert_eq!(positions, [Position(u64::MAX)]);
    }
}
