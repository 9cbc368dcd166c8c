//! The posting engine: a deterministic state machine with one door.
//!
//! [`Engine::apply`] takes a batch of decoded jobs and gives back a commit: every job's outcome and
//! effects. It reads no clock and no disk and draws no chance; the same state and the same batch
//! give the same commit. Before the jobs of a commit comes what has become due by its time:
//! [`Engine::apply_due`]. [`Engine::replay`] takes a commit from the journal and applies its
//! effects without running a rule. All of them change the books through [`Book::apply`] only.

pub mod admit;
mod approval;
pub mod due;
pub mod keys;
mod record;

use crate::code::Code;
use crate::ids::{BookIndex, KindCode, Lineage, Position};
use crate::jobs::approval::policy::check_alone;
use crate::jobs::job::{DeadLetter, KnownKey, Looked};
use crate::jobs::{Body, Job, JobData};
use crate::ledger::digest::Canonical;
use crate::ledger::plan::{NaturalKeys, PastNeeded, key_hash};
use crate::ledger::value::member;
use crate::ledger::{
    Book, Commit, Facts, Inconsistent, JobRecord, Outcome, Plan, Record, Rejection, Reply,
    StateDigest, Value,
};
use crate::time::{Date, Timestamp};

use keys::{KeyEntry, Keys};
use record::Author;

/// What the engine made of one job of a batch.
#[derive(Debug)]
pub enum Verdict {
    /// It has an outcome of its own at this position.
    Recorded(Position),
    /// It came before.
    Duplicate(Repeated),
    /// It must be set aside; its key stays free.
    Dead(DeadLetter),
    /// The rule needs something that must be read from the journal first. Nothing was done: the
    /// caller makes everything before durable, looks it up and offers the job again.
    NeedsPast(PastNeeded),
}

/// A job that came before, as far as somebody waits for an answer to it.
#[derive(Debug)]
pub struct Repeated {
    /// Where its first outcome stands.
    pub first: Position,
    /// Its book.
    pub book: BookIndex,
    /// Its key.
    pub key: Box<str>,
    /// Its kind.
    pub kind: KindCode,
    /// An answer owed.
    pub reply: Option<Box<Reply>>,
}

/// Secrets of a journal that keep its hashes from being guessed.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Natural keys.
    pub natural: NaturalKeys,
    /// Of the hashes by which keys are remembered.
    pub keys: [u8; 32],
    /// Seed of the tables that find accounts by name.
    pub seed: u64,
}

/// Reads the content of a job from the form in which it is journaled. The engine is given it,
/// because forms are the wire's.
pub type ReadContent = fn(KindCode, &[u8]) -> Result<JobData, Rejection>;

/// The engine of one partition.
#[derive(Debug)]
pub struct Engine {
    books: Vec<Book>,
    keys: Keys,
    secrets: Secrets,
    content: ReadContent,
    next: Position,
    lineage: Lineage,
    last_recorded_at: Timestamp,
    /// The date of the commit in each book's zone.
    today: Vec<Date>,
    plan: Plan,
    admission: admit::Admission,
    /// Accounts that jobs ahead ask for: books and hashes of names.
    ahead: Vec<(BookIndex, u64)>,
}

impl Engine {
    /// An engine without books.
    pub fn new(secrets: Secrets, content: ReadContent) -> Self {
        Self {
            books: Vec::new(),
            keys: Keys::default(),
            secrets,
            content,
            next: Position(1),
            lineage: Lineage::default(),
            last_recorded_at: Timestamp::default(),
            today: Vec::new(),
            plan: Plan::default(),
            admission: admit::Admission::default(),
            ahead: Vec::new(),
        }
    }

    /// The books of the partition.
    pub fn books(&self) -> &[Book] {
        &self.books
    }

    /// A book by its index.
    pub fn book(&self, index: BookIndex) -> Option<&Book> {
        self.books.get(index.slot())
    }

    /// The keys remembered.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Position of the next record.
    pub fn next_position(&self) -> Position {
        self.next
    }

    /// The lineage that commits are recorded in.
    pub fn lineage(&self) -> Lineage {
        self.lineage
    }

    /// Begin a lineage: the journal was cut behind everything applied so far.
    pub fn begin_lineage(&mut self, lineage: Lineage) {
        self.lineage = lineage;
    }

    /// When the last commit was recorded.
    pub fn last_recorded_at(&self) -> Timestamp {
        self.last_recorded_at
    }

    /// Digest of all books.
    pub fn digest(&self) -> StateDigest {
        let mut form = Canonical::fact("books");
        for book in &self.books {
            let [low, high] = [book.digest().0, book.digest().0 >> 64];
            form.text(book.name());
            form.number(i128::try_from(low & u128::from(u64::MAX)).unwrap_or_default());
            form.number(i128::try_from(high).unwrap_or_default());
        }
        StateDigest(form.finish())
    }

    /// Begin a commit recorded at `now`, or just after the last one if the clock stands or went
    /// back.
    pub fn begin(&mut self, now: Timestamp) -> Commit {
        self.last_recorded_at = now.max(self.last_recorded_at.next());
        self.today.clear();
        self.today.extend(
            self.books
                .iter()
                .map(|book| book.zone().date(self.last_recorded_at)),
        );
        Commit {
            recorded_at: self.last_recorded_at,
            lineage: self.lineage,
            first: self.next,
            ..Commit::default()
        }
    }

    /// What of the past a job's rule needs to see and has not seen yet, if the book has it.
    pub fn needs_past(&self, job: &Job) -> Option<PastNeeded> {
        let (Body::Data(data), Looked::Not) = (&job.body, &job.entry) else {
            return None;
        };
        let kept = self.kept(job.book, data).and_then(Result::ok);
        let data = kept.as_ref().unwrap_or(data);
        let needed = match (data.entry_needed(), data.movements_needed()) {
            (Some(entry), _) => PastNeeded::Entry(entry),
            (None, Some(account)) => {
                let book = self.books.get(job.book.slot())?;
                PastNeeded::Movements(book.accounts().find(account)?)
            }
            (None, None) => return None,
        };
        let book = self.books.get(job.book.slot())?;
        let there = match needed {
            PastNeeded::Entry(entry) => entry.0 > 0 && entry < book.next_entry(),
            PastNeeded::Movements(_) => true,
        };
        (there && self.known(job).is_none()).then_some(needed)
    }

    /// From now on jobs come with what files say about keys up to a position: the engine may let
    /// go of those, bit by bit.
    pub fn forget(&mut self, through: Position) {
        self.keys.forget(through);
    }

    /// The first outcome of a job's key: in memory if it is young, else as it was looked up.
    fn known(&self, job: &Job) -> Option<KnownKey> {
        self.keys.get(job.key_hash).or(job.cold.key)
    }

    /// Bring near what the next jobs will need, all at once: one after the other each would wait
    /// for memory by itself. Changes nothing.
    pub fn look_ahead<'j>(&mut self, jobs: impl Iterator<Item = &'j Job>) {
        self.ahead.clear();
        let mut seen = 0;
        for job in jobs {
            seen ^= self.keys.near(job.key_hash);
            if let (Body::Data(data), Some(book)) = (&job.body, self.books.get(job.book.slot())) {
                data.accounts(&mut |name| self.ahead.push((job.book, book.accounts().hash(name))));
            }
        }
        for (book, hash) in &self.ahead {
            let book = self.books.get(book.slot());
            seen ^= book.map_or(0, |book| book.accounts().near(*hash));
        }
        std::hint::black_box(seen);
    }

    /// Apply one job to the state and write its record into the commit.
    ///
    /// An `Inconsistent` is a mistake of ours: the state may not be believed any more.
    pub fn apply(&mut self, job: Box<Job>, commit: &mut Commit) -> Result<Verdict, Inconsistent> {
        if let Some(known) = self.known(&job) {
            return self.known_key(job, known, commit);
        }
        if self.is_awaited(&job) {
            return self.awaited(job, commit);
        }
        let data = match job.body {
            Body::Dead(dead) => return Ok(Verdict::Dead(dead)),
            Body::Refused { ref refusal, .. } => {
                let outcome = Outcome::rejected(refusal.clone());
                return self.record(job.into(), outcome, commit);
            }
            Body::Data(ref data) => data,
        };
        if let Some(needed) = self.needs_past(&job) {
            return Ok(Verdict::NeedsPast(needed));
        }
        let Some(book) = self.books.get(job.book.slot()) else {
            let dead = DeadLetter::new(Code::BookUnknown, "this partition holds no such book");
            return Ok(Verdict::Dead(dead));
        };
        self.plan.clear();
        let today = self.today.get(job.book.slot()).copied();
        let today = today.unwrap_or_else(|| book.zone().date(commit.recorded_at));
        let others = self.others(&job, data)?;
        let planned = plan(
            (data, &others),
            &job,
            book,
            &self.secrets,
            (commit.recorded_at, today),
            &mut self.plan,
        );
        let planned = check_alone(data, book, &self.plan, today, planned).and_then(|()| {
            let actor = job.envelope.actor.as_deref();
            approval::admit(&mut self.admission, book, &mut self.plan, actor, today)
        });
        match planned {
            Ok(()) => self.record_plan(job.into(), commit),
            Err(refusal) => {
                let refusal = placed(refusal, data);
                self.record(job.into(), Outcome::rejected(refusal), commit)
            }
        }
    }

    /// Apply what a configuration or a case file gives a book before its first job.
    pub fn set_up(
        &mut self,
        record: crate::ledger::commit::SetupRecord,
        commit: &mut Commit,
    ) -> Result<(), Inconsistent> {
        self.apply_setup(&record, commit)?;
        commit.records.push(Record::Setup(Box::new(record)));
        self.next = self.next.next();
        Ok(())
    }

    /// Write a record without effects (start, stop, cut, duplicate) into the commit.
    pub fn note(&mut self, record: Record, commit: &mut Commit) {
        commit.records.push(record);
        self.next = self.next.next();
    }

    /// End a commit: its digest is that of the state after it.
    pub fn finish(&self, commit: &mut Commit) {
        commit.digest = self.digest();
    }

    /// Apply a commit of the journal: effects only.
    pub fn replay(&mut self, commit: &Commit) -> Result<(), Inconsistent> {
        self.next = commit.first;
        self.lineage = commit.lineage;
        for (position, record) in commit.positions() {
            match record {
                Record::Job(job) => self.replay_job(job, position, commit)?,
                Record::Setup(setup) => self.apply_setup(setup, commit)?,
                Record::Duplicate(_)
                | Record::Start(_)
                | Record::Stop
                | Record::Cut(_)
                | Record::Accepted { .. }
                | Record::Letters(_) => {}
            }
            self.next = position.next();
        }
        self.last_recorded_at = commit.recorded_at;
        Ok(())
    }

    /// Go on behind what a snapshot carried: its books have been set up from it.
    pub fn resume(&mut self, next: Position, last_recorded_at: Timestamp, lineage: Lineage) {
        self.next = next;
        self.last_recorded_at = last_recorded_at;
        self.lineage = lineage;
    }

    /// Hand over all keys that are held: they have been put into a file, or nobody will ask.
    pub fn take_keys(&mut self) -> Keys {
        std::mem::take(&mut self.keys)
    }

    fn known_key(
        &mut self,
        job: Box<Job>,
        known: KnownKey,
        commit: &mut Commit,
    ) -> Result<Verdict, Inconsistent> {
        if known.is_of(job.envelope.fingerprint) {
            return Ok(Verdict::Duplicate(Repeated {
                first: known.position,
                book: job.book,
                key: job.envelope.key,
                kind: job.envelope.kind,
                reply: job.envelope.reply,
            }));
        }
        let refusal = Rejection::new(Code::IdempotencyKeyReused).at_root("/key");
        let mut author = Author::from(job);
        author.owns_key = false;
        self.record(author, Outcome::rejected(refusal), commit)
    }

    fn apply_setup(
        &mut self,
        record: &crate::ledger::commit::SetupRecord,
        commit: &Commit,
    ) -> Result<(), Inconsistent> {
        let odd = |what: &str| Inconsistent {
            book: record.name.to_string(),
            what: what.into(),
        };
        if record.book.slot() == self.books.len() {
            let zone = crate::time::Zone::find(&record.time_zone)
                .ok_or_else(|| odd("its time zone is not in the bundled data"))?;
            let unit = record.functional_unit.as_deref();
            self.books
                .push(Book::new(&record.name, unit, zone, self.secrets.seed));
        }
        let book = self
            .books
            .get_mut(record.book.slot())
            .ok_or_else(|| odd("books are out of order"))?;
        for effect in commit.effects(&record.effects) {
            book.apply(effect, &commit.legs)?;
        }
        Ok(())
    }

    fn replay_job(
        &mut self,
        job: &JobRecord,
        position: Position,
        commit: &Commit,
    ) -> Result<(), Inconsistent> {
        let Some(book) = self.books.get_mut(job.book.slot()) else {
            let what = "a job stands before its book".to_owned();
            return Err(Inconsistent {
                book: job.book.to_string(),
                what,
            });
        };
        for effect in commit.effects(&job.effects) {
            book.apply(effect, &commit.legs)?;
        }
        book.apply_outcome(job.sequence)?;
        if job.owns_key {
            let key = key_hash(&self.secrets.keys, book.name(), &job.envelope.key);
            let fingerprint = KnownKey::fingerprint_of(job.envelope.fingerprint);
            self.keys.insert(KeyEntry {
                key,
                known: KnownKey {
                    fingerprint,
                    position,
                },
            });
        }
        Ok(())
    }
}

/// Run the rule of a kind after the checks that all kinds share.
fn plan(
    (data, others): (&JobData, &approval::Others),
    job: &Job,
    book: &Book,
    secrets: &Secrets,
    (recorded_at, today): (Timestamp, Date),
    plan: &mut Plan,
) -> Result<(), Rejection> {
    let most = book.reference().legs_max();
    if let Some((path, _)) = data.lists().iter().find(|(_, length)| *length > most) {
        let reason = format!("at most {most} are allowed");
        return Err(Rejection::schema(Code::SchemaInvalid, path, reason));
    }
    if let Some(expires) = job.expires_at.filter(|expires| *expires < recorded_at) {
        return Err(Rejection::new(Code::JobExpired)
            .at_root("/expires_at")
            .with_text("expires_at", expires.to_string()));
    }
    let actor = job.envelope.actor.as_deref();
    if data.actor_needed() && actor.is_none() {
        return Err(Rejection::new(Code::ActorMissing).at_root("/actor"));
    }
    if actor.is_some() && !job.actor_vouched {
        return Err(Rejection::new(Code::ActorNotTrusted).at_root("/actor"));
    }
    if let Some(refusal) = &job.time_fault {
        return Err(refusal.clone());
    }
    let facts = Facts {
        recorded_at,
        today,
        key: &job.envelope.key,
        envelope: &job.envelope,
        actor,
        natural: &secrets.natural,
        approved: false,
        reserved: None,
        inside: others.inside(job),
        entry: match &job.entry {
            Looked::Found(entry) => Some(entry),
            Looked::Movements(_) | Looked::Not => None,
        },
        movements: match &job.entry {
            Looked::Movements(movements) => Some(movements),
            Looked::Found(_) | Looked::Not => None,
        },
    };
    data.plan(others.kept.as_ref(), &facts, book, plan)
}

/// The refusal with its place: rules common to all kinds know accounts, and the kind knows which of
/// its members named one.
fn placed(refusal: Rejection, data: &JobData) -> Rejection {
    if refusal.path().is_some() {
        return refusal;
    }
    let place = match member(refusal.detail(), "account") {
        Some(Value::Text(account)) => data.place(account),
        Some(_) | None => None,
    };
    refusal.at(place.unwrap_or_default())
}
