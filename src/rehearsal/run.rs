//! Takes the jobs of a case through decoder, engine and record format, one after the other.
//!
//! Every job is a commit of its own. Its bytes are read back and replayed into a second engine,
//! whose digest must be that of the first: a case that passes has also shown that its effects alone
//! give the same books.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::case::{Case, CaseFault, CaseJob};
use super::past::Past;
use super::question::ask;
use super::seen::{Seen, came, shown};
use super::step::{Message, Step};
use crate::code::Code;
use crate::engine::due::NoOldKeys;
use crate::engine::{Engine, Secrets, Verdict};
use crate::ids::{BookIndex, Position};
use crate::jobs::job::{DeadLetter, Job};
use crate::jobs::query::{Opened, PastUnreadable, Texts};
use crate::jobs::setup::Setup;
use crate::journal::record::{self, RecordFault};
use crate::ledger::commit::SetupRecord;
use crate::ledger::plan::NaturalKeys;
use crate::ledger::{Book, Commit, Inconsistent, JobRecord, NameTable};
use crate::limits::{DUE_JOBS_MAX, MESSAGE_BYTES_MAX};
use crate::pipeline::decode::{ContentType, Item, Sealer, Subject, decode, seal};
use crate::time::Timestamp;
use crate::wire::message::{BookRules, Head, JobReader, read_binary};
use crate::wire::outcome;

/// The one book of a case.
const BOOK: &str = "main";
/// Where it stands.
const TIME_ZONE: &str = "Europe/Berlin";
/// Cases hold nothing secret; a fixed secret makes every run the same.
const SECRET: [u8; 32] = *b"kontor rehearses with no secrets";
/// The book is set up so long before the first job.
const BEFORE_NANOSECONDS: i64 = 1_000_000_000;

/// kontor failed at a case: a mistake of ours, never of the case.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalFault {
    /// An effect did not fit the state.
    #[error("{0}; this is a mistake of kontor's, report it with the case")]
    Inconsistent(#[from] Inconsistent),
    /// A commit could not be written or read back.
    #[error("{0}; this is a mistake of kontor's, report it with the case")]
    Record(#[from] RecordFault),
    /// The second set of books is another one than the first.
    #[error("after job {job} replaying the effects gives other books than posting did; report it")]
    ReplayDiffers {
        /// Number of the job.
        job: u64,
    },
    /// A past entry or the entries of the past are not there.
    #[error("job {job} needs {what}, which the commits do not have; report it with the case")]
    PastMissing {
        /// Number of the job.
        job: u64,
        /// What it needs.
        what: String,
    },
    /// The journal did not take or give back a commit.
    #[error("the journal in memory failed: {0}; report it with the case")]
    Journal(#[from] crate::journal::file::Fault),
}

/// What became of a case.
#[derive(Debug)]
pub struct Run {
    /// Everything that `expect` can name.
    pub seen: Map<String, Json>,
    /// Options that a job needed and this release has not built, unless the case expected that.
    pub options_not_built: BTreeSet<String>,
    /// The books as they were left.
    pub engine: Engine,
    /// Every commit, in order.
    pub commits: Vec<Commit>,
}

/// Take a case through. The outer fault is one of the case, the inner one is ours.
pub fn run(case: &Case) -> Result<Result<Run, RehearsalFault>, CaseFault> {
    let given = case.given.setup()?;
    let (steps, begins) = (case.steps()?, case.begins()?);
    let mut stage = Stage::new(begins);
    let unobeyed = given.unobeyed.iter();
    let options = unobeyed
        .map(|name| format!("given.config {name}"))
        .collect();
    if let Err(fault) = stage.set_up(given) {
        return Ok(Err(fault));
    }
    for step in steps {
        if let Err(fault) = stage.step(step) {
            return Ok(Err(fault));
        }
    }
    // What the last job made due at once is done like anything else.
    if let Err(fault) = stage.due() {
        return Ok(Err(fault));
    }
    Ok(stage.finish(case, options))
}

/// Replaces texts by their hash, and remembers which text had it.
#[derive(Default)]
struct Hashes(BTreeMap<Vec<u8>, String>);

impl Texts for Hashes {
    fn of_account(&self, _account: &str, sealed: &[u8]) -> Opened {
        let said = self.0.get(sealed).cloned();
        said.map_or(Opened::Sealed, Opened::Text)
    }
}

impl Sealer for Hashes {
    type Fault = std::convert::Infallible;

    fn ensure(&mut self, _: &[Subject]) -> Result<(), Self::Fault> {
        Ok(())
    }

    fn seal(&mut self, _: &Subject, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, Self::Fault> {
        let sealed = hash(purpose, plain);
        if let Ok(said) = std::str::from_utf8(plain) {
            self.0.insert(sealed.clone(), said.to_owned());
        }
        Ok(sealed)
    }
}

fn hash(purpose: &str, plain: &[u8]) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_keyed(&SECRET);
    hasher.update(purpose.as_bytes()).update(&[0]).update(plain);
    hasher.finalize().as_bytes().to_vec()
}

/// The books of a case while its jobs go through.
struct Stage {
    engine: Engine,
    replica: Engine,
    reader: JobReader,
    now: Timestamp,
    commits: Vec<Commit>,
    texts: Hashes,
    seen: Seen,
    /// Options that were missing: number of the job, its kind and the place.
    options: Vec<(u64, String, String)>,
}

fn engine() -> Engine {
    let secrets = Secrets {
        natural: NaturalKeys(SECRET),
        keys: SECRET,
        seed: 7,
    };
    Engine::new(secrets, read_binary)
}

impl Stage {
    fn new(now: Timestamp) -> Self {
        Self {
            engine: engine(),
            replica: engine(),
            reader: JobReader::new(Vec::new(), SECRET),
            now,
            commits: Vec::new(),
            texts: Hashes::default(),
            seen: Seen::default(),
            options: Vec::new(),
        }
    }

    fn set_up(&mut self, mut given: Setup) -> Result<(), RehearsalFault> {
        for personal in std::mem::take(&mut given.personal) {
            let sealed = hash("/text", personal.text.as_bytes());
            self.texts.0.insert(sealed.clone(), personal.text);
            given.seal(personal.account, sealed);
        }
        let mut commit = self
            .engine
            .begin(Timestamp(self.now.0.saturating_sub(BEFORE_NANOSECONDS)));
        (commit.effects, commit.legs) = (given.effects, given.legs);
        let record = SetupRecord {
            book: BookIndex(0),
            name: BOOK.into(),
            functional_unit: given.functional_unit.map(Into::into),
            time_zone: TIME_ZONE.into(),
            file_hash: [0; 32],
            effects: 0..u32::try_from(commit.effects.len()).unwrap_or(u32::MAX),
        };
        self.engine.set_up(record, &mut commit)?;
        self.keep(0, commit)?;
        let pan_policy = self.book().map(|book| book.reference().pan_policy());
        let rules = BookRules {
            name: BOOK.into(),
            index: BookIndex(0),
            pan_policy: pan_policy.unwrap_or_default(),
        };
        self.reader = JobReader::new(vec![rules], SECRET);
        Ok(())
    }

    fn book(&self) -> Option<&Book> {
        self.engine.book(BookIndex(0))
    }

    fn step(&mut self, Step { job, now, message }: Step<'_>) -> Result<(), RehearsalFault> {
        self.now = now;
        self.due()?;
        let Some(Message {
            book,
            actor: _,
            content_type,
            body,
        }) = message
        else {
            return self.question(job);
        };
        let head = Head {
            book: book.as_deref().or(Some(BOOK)),
            trusted: true,
            ..Head::default()
        };
        let content_type = ContentType::of(Some(&content_type), None);
        let mut items = Vec::new();
        decode(
            &mut self.reader,
            content_type,
            &head,
            &body,
            MESSAGE_BYTES_MAX,
            &mut items,
        );
        let Ok(()) = seal(items.iter_mut(), &mut self.texts);
        for item in items {
            match item {
                Item::Job { job: unsealed, .. } => self.post(job.n, unsealed.job)?,
                Item::Dead(part) => self.dead(job.n, &part.letter),
            }
        }
        Ok(())
    }

    fn post(&mut self, number: u64, mut job: Box<Job>) -> Result<(), RehearsalFault> {
        if let Some(needed) = self.engine.needs_past(&job) {
            let looked = Past::of(&self.commits, BookIndex(0)).look_up(needed);
            let what = needed.to_string();
            let missing = RehearsalFault::PastMissing { job: number, what };
            job.entry = looked.ok_or(missing)?;
        }
        let mut commit = self.engine.begin(self.now);
        match self.engine.apply(job, &mut commit)? {
            Verdict::Recorded(own) => {
                let commit = self.keep(number, commit)?;
                self.show(number, &commit, own);
                Ok(())
            }
            Verdict::Duplicate(repeated) => {
                let outcome = self
                    .commits
                    .iter()
                    .find_map(|commit| self.published(commit, repeated.first));
                self.seen.outcome(number, outcome.unwrap_or_default(), true);
                Ok(())
            }
            Verdict::Dead(letter) => {
                self.dead(number, &letter);
                Ok(())
            }
            Verdict::NeedsPast(needed) => Err(RehearsalFault::PastMissing {
                job: number,
                what: format!("{needed} a second time"),
            }),
        }
    }

    /// Write a commit, read it back, replay it, and give back what was read.
    fn keep(&mut self, number: u64, mut commit: Commit) -> Result<Commit, RehearsalFault> {
        self.engine.finish(&mut commit);
        let mut bytes = Vec::new();
        record::encode(&commit, &mut bytes)?;
        let read = record::decode(&bytes)?;
        self.replica.replay(&read)?;
        let mut again = Vec::new();
        record::encode(&read, &mut again)?;
        if again != bytes || self.replica.digest() != commit.digest {
            return Err(RehearsalFault::ReplayDiffers { job: number });
        }
        self.commits.push(read.clone());
        Ok(read)
    }

    /// Do what is due by now, before the next job.
    fn due(&mut self) -> Result<(), RehearsalFault> {
        while self.engine.is_due(self.now) {
            let mut commit = self.engine.begin(self.now);
            let all = &mut NoOldKeys;
            let done = self.engine.apply_due(&mut commit, DUE_JOBS_MAX, all);
            done.map_err(Inconsistent::from)?;
            let commit = self.keep(0, commit)?;
            for (position, record, _) in came(&commit) {
                let number = self.seen.cause(record);
                self.show_effects(number, record, &commit);
                self.seen
                    .event(self.published(&commit, position).unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Show what became of a job, whose own outcome stands at `own`. What it set off besides (a job
    /// that it approved) has an outcome of its own, which is not the case's to name.
    fn show(&mut self, number: u64, commit: &Commit, own: Position) {
        for (position, record, _) in came(commit) {
            self.show_effects(number, record, commit);
            let Some(outcome) = self.published(commit, position).filter(|_| position == own) else {
                continue;
            };
            self.note_option(number, outcome::kind(record), &outcome);
            self.seen.outcome(number, outcome, false);
        }
    }

    fn show_effects(&mut self, number: u64, record: &JobRecord, commit: &Commit) {
        if let Some(book) = self.engine.book(record.book) {
            self.seen.effects(number, record, commit, book);
        }
    }

    fn note_option(&mut self, number: u64, kind: &str, outcome: &Map<String, Json>) {
        if outcome.get("code") == Some(&json!(Code::UnsupportedOption.text())) {
            let path = outcome.get("path").and_then(Json::as_str);
            let path = path.unwrap_or_default();
            let place = path.strip_prefix("/data").unwrap_or(path);
            self.options
                .push((number, kind.to_owned(), place.to_owned()));
        }
    }

    /// The outcome at a position of a commit, as it is published.
    fn published(&self, commit: &Commit, position: Position) -> Option<Map<String, Json>> {
        let record = outcome::at(commit, position)?;
        let names = NameTable::of_books(self.engine.books());
        let mut text = Vec::new();
        outcome::encode(record, commit, &names, &mut text);
        serde_json::from_slice(&text).ok()
    }

    fn dead(&mut self, number: u64, letter: &DeadLetter) {
        let (code, message) = (letter.code.text(), letter.message());
        let path = letter.path.as_deref();
        self.seen
            .set_aside(number, code, &message, path, shown(&letter.detail));
    }

    fn question(&mut self, job: &CaseJob) -> Result<(), RehearsalFault> {
        let Some(book) = self.book() else {
            return Ok(());
        };
        let entries = Past::of(&self.commits, BookIndex(0));
        let today = book.zone().date(self.now);
        let answered = ask(job, book, &entries, &self.texts, today);
        let outcome = answered.map_err(|PastUnreadable { reason }| {
            let what = format!("the entries of the past: {reason}");
            RehearsalFault::PastMissing { job: job.n, what }
        })?;
        self.note_option(job.n, &job.kind, &outcome);
        self.seen.outcome(job.n, outcome, false);
        Ok(())
    }

    fn finish(self, case: &Case, mut options: BTreeSet<String>) -> Result<Run, RehearsalFault> {
        let expected = |number: u64| {
            let rejections = case.expect.get("rejections").and_then(Json::as_array);
            rejections.is_some_and(|rejections| {
                rejections.iter().any(|rejection| {
                    rejection.get("job") == Some(&json!(number))
                        && rejection.get("code") == Some(&json!(Code::UnsupportedOption.text()))
                })
            })
        };
        let unexpected = self
            .options
            .into_iter()
            .filter(|(number, ..)| !expected(*number));
        options.extend(unexpected.map(|(number, kind, place)| {
            let chosen = case.chosen(number, &place).unwrap_or_default();
            format!("{kind} {place} {chosen}").trim_end().to_owned()
        }));
        let (engine, commits) = (self.engine, self.commits);
        let seen = self.seen.finish(case, &engine, &commits, BookIndex(0))?;
        Ok(Run {
            seen,
            options_not_built: options,
            engine,
            commits,
        })
    }
}
