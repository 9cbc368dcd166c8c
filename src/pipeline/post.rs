//! Post: a batch of parcels to one commit.
//!
//! The one thread that owns the engine. It takes what is there, applies it in order and hands the
//! commit on before the disk knows of it; nothing leaves kontor from here.

use std::sync::Arc;
use std::time::Duration;

use super::cold::{ColdFiles, NoFiles};
use super::decode::{DeadPart, Item};
use super::parcel::{Again, Batch, Parcel, Posted};
use super::sabotage::strike;
use crate::engine::due::DueFault;
use crate::engine::{Engine, Repeated, Verdict};
use crate::ids::{AccountIndex, BookIndex, EntryNo, Position};
use crate::jobs::Job;
use crate::jobs::job::Looked;
use crate::journal::JournalFault;
use crate::journal::marker::{Mark, Markers, Pen, Station};
use crate::ledger::commit::{DuplicateRecord, Extent};
use crate::ledger::plan::{Movement, PastEntry, PastNeeded};
use crate::ledger::weight::{weight_of_effects, weight_of_job};
use crate::ledger::{Commit, Inconsistent, Record};
use crate::limits::{BATCH_BYTES_MAX, DUE_JOBS_MAX};
use crate::time::Timestamp;

/// Jobs of a message that the engine is shown before they are applied.
pub const LOOK_AHEAD: usize = 64;

/// Why posting must stop: nothing after it may be believed.
#[derive(Debug, thiserror::Error)]
pub enum PostFault {
    /// An effect did not fit the state.
    #[error(
        "{0}; this is a mistake of kontor's: the process stops, and a restart replays the journal"
    )]
    Inconsistent(#[from] Inconsistent),
    /// What a rule needs of the past could not be read.
    #[error("{needed} could not be read from the journal: {reason}")]
    Lookup {
        /// What was needed.
        needed: PastNeeded,
        /// Why.
        reason: String,
    },
    /// The next station has stopped.
    #[error("the journal has stopped taking commits")]
    Stopped,
    /// It could not be asked whether a key came before.
    #[error("the files of old keys: {0}")]
    OldKeys(#[source] JournalFault),
    /// It could not be written down which job is being tried.
    #[error("the marker: {0}")]
    Marker(#[from] JournalFault),
}

/// Gives what rules need of the past, read from durable commits only.
pub trait Past {
    /// A job is about to be posted. For simulations, in which the process may end here.
    fn posting(&mut self, _key: &str) {}

    /// The entry, once everything up to `after` is durable; none if the book has no such entry.
    fn entry(
        &mut self,
        book: BookIndex,
        entry: EntryNo,
        after: Position,
    ) -> Result<Option<PastEntry>, String>;

    /// What moved on an account, by value date, once everything up to `after` is durable. The whole
    /// journal is read for it.
    fn movements(
        &mut self,
        book: BookIndex,
        account: AccountIndex,
        after: Position,
    ) -> Result<Vec<Movement>, String>;
}

/// Where finished batches go.
pub trait Next {
    /// Hand a batch on; `false` if the next station has stopped.
    fn hand_on(&mut self, batch: Batch) -> bool;
}

/// The batch being made.
#[derive(Debug, Default)]
struct Making {
    commit: Option<Commit>,
    /// Bytes of the jobs' contents in the commit.
    bytes: usize,
    posted: Vec<Posted>,
    again: Vec<Again>,
}

/// The station.
pub struct Post<P> {
    engine: Engine,
    past: P,
    old_keys: Box<dyn ColdFiles>,
    jobs_max: usize,
    due_held: bool,
    making: Making,
    last: Extent,
    pen: Option<Pen>,
}

impl<P: Past> Post<P> {
    /// A station with its engine; a commit has about so many jobs at the most.
    pub fn new(engine: Engine, past: P, jobs_max: usize) -> Self {
        Self {
            engine,
            past,
            old_keys: Box::new(NoFiles),
            jobs_max,
            due_held: false,
            making: Making::default(),
            last: Extent::default(),
            pen: None,
        }
    }

    /// Ask these files for keys that the engine has let go of, when it does something by itself.
    #[must_use]
    pub fn with_old_keys(mut self, files: Box<dyn ColdFiles>) -> Self {
        self.old_keys = files;
        self
    }

    /// Name the jobs of messages that go alone.
    #[must_use]
    pub fn with_marker(mut self, markers: Option<&Markers>) -> Self {
        self.pen = markers.map(|markers| markers.pen(Station::Posting));
        self
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Do nothing that is due while the clock is not believed, or go on with it.
    pub fn hold_due(&mut self, held: bool) {
        self.due_held = held;
    }

    /// Do what is due, apply parcels in order and hand the batch on.
    pub fn batch(
        &mut self,
        parcels: impl IntoIterator<Item = Parcel>,
        now: Timestamp,
        next: &mut impl Next,
    ) -> Result<(), PostFault> {
        // Nothing to post is a reason to come too: the timer has woken us.
        if self.making.commit.is_none() && !self.due_held && self.engine.is_due(now) {
            self.making.commit = Some(self.begin(now, next)?);
        }
        for parcel in parcels {
            self.parcel(parcel, now, next)?;
            if self
                .making
                .commit
                .as_ref()
                .is_some_and(|commit| commit.records.len() >= self.jobs_max)
            {
                self.hand_on(next)?;
            }
        }
        self.hand_on(next)
    }

    /// Hand on a record of the daemon's own (start, stop), in a commit of its own.
    pub fn note(
        &mut self,
        record: Record,
        now: Timestamp,
        next: &mut impl Next,
    ) -> Result<(), PostFault> {
        self.hand_on(next)?;
        let mut commit = self.engine.begin(now);
        self.engine.note(record, &mut commit);
        self.making.commit = Some(commit);
        self.hand_on(next)
    }

    /// Begin a commit with what is due at its time. What is more than one commit takes is handed on
    /// first: the jobs wait behind it.
    fn begin(&mut self, now: Timestamp, next: &mut impl Next) -> Result<Commit, PostFault> {
        loop {
            let mut commit = self.engine.begin(now);
            if self.due_held || !self.due(&mut commit)? {
                return Ok(commit);
            }
            self.making.commit = Some(commit);
            self.hand_on(next)?;
        }
    }

    /// Do what is due at the commit's time; whether more is.
    fn due(&mut self, commit: &mut Commit) -> Result<bool, PostFault> {
        let done = self
            .engine
            .apply_due(commit, DUE_JOBS_MAX, &mut *self.old_keys);
        done.map_err(|fault| match fault {
            DueFault::Inconsistent(fault) => PostFault::Inconsistent(fault),
            DueFault::OldKeys(fault) => PostFault::OldKeys(fault),
        })
    }

    fn parcel(
        &mut self,
        parcel: Parcel,
        now: Timestamp,
        next: &mut impl Next,
    ) -> Result<(), PostFault> {
        let Parcel {
            tag,
            received,
            items,
            through,
            original,
            alone,
        } = parcel;
        self.engine.forget(through);
        let mut posted = Posted {
            tag,
            received,
            after: Position(0),
            items: u32::try_from(items.len()).unwrap_or(u32::MAX),
            jobs: 0,
            dead: Vec::new(),
            original,
        };
        let mut items = items.into_iter();
        while items.len() > 0 {
            let ahead = items.as_slice().iter().take(LOOK_AHEAD);
            self.engine.look_ahead(ahead.filter_map(Item::job));
            for item in items.by_ref().take(LOOK_AHEAD) {
                match item {
                    Item::Dead(part) => posted.dead.push(part),
                    Item::Job { job, line } => {
                        let mark = alone.map(|message| Mark { message, line });
                        self.job(job.job, (line, mark), now, &mut posted, next)?;
                    }
                }
            }
        }
        if posted.dead.is_empty() {
            posted.original = None;
        }
        self.making.posted.push(posted);
        Ok(())
    }

    /// Apply a job; its place in the message, and the same for the marker if it goes alone.
    fn job(
        &mut self,
        job: Box<Job>,
        (line, mark): (u32, Option<Mark>),
        now: Timestamp,
        posted: &mut Posted,
        next: &mut impl Next,
    ) -> Result<(), PostFault> {
        let job = self.look_up(job, next)?;
        let bytes = weight_of_job(&job.envelope);
        if self.making.bytes.saturating_add(bytes) > BATCH_BYTES_MAX {
            self.hand_on(next)?;
        }
        let mut commit = match self.making.commit.take() {
            Some(commit) => commit,
            None => self.begin(now, next)?,
        };
        let before = commit.effects.len();
        let verdict = self.apply(job, mark, &mut commit)?;
        match verdict {
            Verdict::Recorded(position) => {
                if commit.records.len() == 1 {
                    self.last.reserve(&mut commit);
                }
                let bytes = bytes.saturating_add(weight_of_effects(&commit, before));
                self.making.bytes = self.making.bytes.saturating_add(bytes);
                posted.after = posted.after.max(position);
                posted.jobs = posted.jobs.saturating_add(1);
            }
            Verdict::Duplicate(repeated) => {
                let Repeated {
                    first,
                    book,
                    key,
                    kind,
                    reply,
                } = repeated;
                let reply = reply.map(|reply| *reply);
                if let Some(reply) = &reply {
                    let record = DuplicateRecord {
                        book,
                        key,
                        first,
                        reply: reply.clone(),
                    };
                    self.engine
                        .note(Record::Duplicate(Box::new(record)), &mut commit);
                }
                let noted = Position(self.engine.next_position().0.saturating_sub(1));
                posted.after = posted
                    .after
                    .max(if reply.is_some() { noted } else { first });
                self.making.again.push(Again { first, kind, reply });
            }
            Verdict::Dead(letter) => {
                posted.dead.push(DeadPart { letter, line });
            }
            Verdict::NeedsPast(needed) => {
                let reason = "it was asked for again after it had been looked up".to_owned();
                return Err(PostFault::Lookup { needed, reason });
            }
        }
        // A commit without records is not begun: the next job may begin it at a later time.
        self.making.commit = (!commit.records.is_empty()).then_some(commit);
        Ok(())
    }

    /// Apply a job, named in the marker meanwhile if it goes alone.
    fn apply(
        &mut self,
        job: Box<Job>,
        mark: Option<Mark>,
        commit: &mut Commit,
    ) -> Result<Verdict, PostFault> {
        let Some((pen, mark)) = self.pen.as_mut().zip(mark) else {
            strike(Station::Posting, &job.envelope.key);
            self.past.posting(&job.envelope.key);
            return Ok(self.engine.apply(job, commit)?);
        };
        pen.trying(mark)?;
        strike(Station::Posting, &job.envelope.key);
        self.past.posting(&job.envelope.key);
        let verdict = self.engine.apply(job, commit);
        match &verdict {
            Ok(_) => pen.done()?,
            // A mistake of ours that this job brings out, each time it comes.
            Err(_) => pen.fell()?,
        }
        Ok(verdict?)
    }

    /// Read what a job needs of the past, after everything before the job has been handed on.
    fn look_up(&mut self, mut job: Box<Job>, next: &mut impl Next) -> Result<Box<Job>, PostFault> {
        let Some(needed) = self.engine.needs_past(&job) else {
            return Ok(job);
        };
        self.hand_on(next)?;
        let after = Position(self.engine.next_position().0.saturating_sub(1));
        let looked = match needed {
            PastNeeded::Entry(entry) => {
                let found = self.past.entry(job.book, entry, after);
                found.and_then(|found| {
                    let past = found.ok_or_else(|| "the journal does not have it".to_owned())?;
                    Ok(Looked::Found(Box::new(past)))
                })
            }
            PastNeeded::Movements(account) => {
                let found = self.past.movements(job.book, account, after);
                found.map(Looked::Movements)
            }
        };
        job.entry = looked.map_err(|reason| PostFault::Lookup { needed, reason })?;
        Ok(job)
    }

    fn hand_on(&mut self, next: &mut impl Next) -> Result<(), PostFault> {
        let Making {
            commit,
            bytes: _,
            posted,
            again,
        } = std::mem::take(&mut self.making);
        if commit.is_none() && posted.is_empty() && again.is_empty() {
            return Ok(());
        }
        let commit = commit.map(|mut commit| {
            self.engine.finish(&mut commit);
            self.last = Extent::of(&commit);
            Arc::new(commit)
        });
        if next.hand_on(Batch {
            commit,
            posted,
            again,
        }) {
            Ok(())
        } else {
            Err(PostFault::Stopped)
        }
    }
}

/// How long a message has been inside, for latencies.
pub fn age(received: Duration, now: Duration) -> Duration {
    now.saturating_sub(received)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::load::engine;
    use crate::bench::rig::NoPast;
    use crate::broker::Epoch;
    use crate::code::Code;
    use crate::ids::{Hash128, KindCode, SchemaVersion};
    use crate::jobs::job::{Body, Cold};
    use crate::ledger::{Envelope, JobRecord, Rejection, Reply};
    use crate::pipeline::parcel::Tag;
    use crate::wire::message::Unsealed;

    struct Kept(Vec<Batch>);

    impl Next for Kept {
        fn hand_on(&mut self, batch: Batch) -> bool {
            self.0.push(batch);
            true
        }
    }

    fn refused(number: u128, bytes: usize) -> Item {
        let envelope = Envelope {
            key: format!("job-{number}").into(),
            kind: KindCode(201),
            schema_version: SchemaVersion(1),
            fingerprint: Hash128(number),
            fingerprint_rule: 1,
            content: vec![0; bytes],
            sealed: true,
            principal: None,
            actor: None,
            reply: None,
            traceparent: None,
            occurred_at: None,
        };
        let job = Job {
            book: BookIndex(0),
            key_hash: Hash128(number),
            envelope,
            unknown_kind: None,
            actor_vouched: false,
            expires_at: None,
            time_fault: None,
            body: Body::Refused {
                refusal: Rejection::new(Code::SchemaInvalid),
                data: None,
            },
            entry: Looked::Not,
            cold: Cold::default(),
            inside: None,
        };
        Item::Job {
            job: Unsealed {
                job: Box::new(job),
                whole: None,
            },
            line: 0,
        }
    }

    #[test]
    fn a_commit_stays_within_a_frame_however_large_its_jobs_are() {
        let contents = (1..=11).map(|number| refused(number, 3 << 20));
        held(contents.collect(), |job| job.envelope.content.len());
        // Nothing that is written for a job is free.
        let replies = (1..=11).map(|number| {
            let mut item = refused(number, 0);
            if let Item::Job { job, .. } = &mut item {
                let to = "x".repeat(3 << 20).into();
                let correlation_id = None;
                job.job.envelope.reply = Some(Box::new(Reply { to, correlation_id }));
            }
            item
        });
        held(replies.collect(), |job| {
            job.envelope
                .reply
                .as_ref()
                .map_or(0, |reply| reply.to.len())
        });
    }

    /// Eleven jobs of three MiB each, in commits of eight at the most.
    fn held(items: Vec<Item>, size: impl Fn(&JobRecord) -> usize) {
        let (engine, _) = engine(2).unwrap();
        let mut post = Post::new(engine, NoPast, 8_192);
        let parcel = Parcel {
            tag: Tag {
                epoch: Epoch(1),
                tag: 1,
            },
            received: Duration::ZERO,
            items,
            through: Position(0),
            original: None,
            alone: None,
        };
        let mut kept = Kept(Vec::new());
        post.batch([parcel], Timestamp(1), &mut kept).unwrap();
        let commits = kept.0.iter().filter_map(|batch| batch.commit.as_deref());
        let bytes = commits.map(|commit| {
            let jobs = commit.records.iter().filter_map(Record::as_job);
            jobs.map(&size).sum::<usize>()
        });
        let bytes: Vec<usize> = bytes.collect();
        assert_eq!(bytes.iter().sum::<usize>(), 33 << 20);
        assert!(
            bytes.iter().all(|bytes| *bytes <= BATCH_BYTES_MAX),
            "{bytes:?}"
        );
        // The message is settled with its last job.
        let posted: Vec<&Posted> = kept.0.iter().flat_map(|batch| &batch.posted).collect();
        let last = post.engine().next_position().0 - 1;
        assert_eq!((posted.len(), posted[0].after), (1, Position(last)));
    }
}
