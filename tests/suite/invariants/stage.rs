//! Takes a stream through decoder, engine and record format, and gives back what became of it: as
//! published, as exported, as reported. This is the only file here that touches the engine.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use kontor::engine::{Engine, Secrets};
use kontor::ids::{AccountIndex, BookIndex};
use kontor::journal::record;
use kontor::ledger::plan::NaturalKeys;
use kontor::ledger::{Commit, NameTable, Record};
use kontor::rehearsal::{self, Case};
use kontor::report::export::{Entry, Export, Form, Span};
use kontor::wire::message::read_binary;
use kontor::wire::outcome;
use serde_json::Value as Json;

use super::Finding;

/// What became of one job of a stream.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// Number of the job in the stream.
    pub(super) job: u64,
    /// The outcome, the answer or the dead letter.
    pub(super) answer: Json,
    /// Whether it had been given before.
    pub(super) duplicate: bool,
}

/// What became of a stream.
#[derive(Debug)]
pub(super) struct Played {
    /// Every outcome as published, in the order of its book.
    pub(super) outcomes: Vec<Json>,
    /// The journal as `journal export --as json` writes it.
    pub(super) entries: Vec<Json>,
    /// What each delivery was told, in the order of the jobs.
    pub(super) told: Vec<Told>,
    /// Documents, balances and held amounts at the end, by number and by account.
    pub(super) documents: Json,
    pub(super) balances: Json,
    pub(super) held: Json,
    /// Movements of every account by month.
    pub(super) by_period: Json,
    /// Whether the chain of the journal verifies.
    pub(super) chain: Json,
    /// The journal, and every outcome as its message has it.
    pub(super) commits: Vec<Commit>,
    pub(super) published: Vec<Vec<u8>>,
}

/// Play a case.
pub(super) fn play(case: &Json) -> Result<Played, Finding> {
    let fault = |what: String| Finding::new("I3", what);
    let case = Case::read(case.to_string().as_bytes()).map_err(|one| fault(one.to_string()))?;
    let run = catch_unwind(AssertUnwindSafe(|| rehearsal::run(&case)));
    let run = run.map_err(|_told| fault("kontor fell".to_owned()))?;
    let run = run.map_err(|one| fault(one.to_string()))?;
    let run = run.map_err(|one| fault(one.to_string()))?;
    let published = published(&run.engine, &run.commits);
    let part = |name: &str| run.seen.get(name).cloned().unwrap_or_default();
    Ok(Played {
        entries: exported(&run.engine, &run.commits)?,
        told: told(&run),
        documents: part("documents"),
        balances: part("balances"),
        held: part("held"),
        by_period: part("by_period"),
        chain: run.seen["checks"]["hash_chain"].clone(),
        outcomes: published.iter().map(|one| read(one)).collect(),
        commits: run.commits,
        published,
    })
}

fn read(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).unwrap()
}

/// Every outcome, in order, as its message has it.
fn published(engine: &Engine, commits: &[Commit]) -> Vec<Vec<u8>> {
    let names = NameTable::of_books(engine.books());
    let mut all = Vec::new();
    for commit in commits {
        for record in &commit.records {
            if let Record::Job(job) = record {
                let mut bytes = Vec::new();
                outcome::encode(job, commit, &names, &mut bytes);
                all.push(bytes);
            }
        }
    }
    all
}

/// I3: the same effects under other secrets, from the bytes of the journal alone, make the same
/// books and the same outcomes.
pub(super) fn replayed(played: &Played) -> Result<(), Finding> {
    let fault = |what: String| Finding::new("I3", what);
    let secrets = Secrets {
        natural: NaturalKeys([1; 32]),
        keys: [2; 32],
        seed: 3,
    };
    let (mut engine, mut commits) = (Engine::new(secrets, read_binary), Vec::new());
    for commit in &played.commits {
        let mut bytes = Vec::new();
        record::encode(commit, &mut bytes).map_err(|one| fault(one.to_string()))?;
        let read = record::decode(&bytes).map_err(|one| fault(one.to_string()))?;
        let replayed = engine.replay(&read);
        replayed.map_err(|one| fault(one.to_string()))?;
        if engine.digest() != commit.digest {
            return Err(fault(format!("other books after {}", commit.first)));
        }
        commits.push(read);
    }
    if published(&engine, &commits) != played.published {
        return Err(fault("outcomes are other ones from the journal".to_owned()));
    }
    Ok(())
}

/// A journal in which the last leg stands on another account.
pub(super) fn tampered(played: &mut Played) -> Option<()> {
    let mut posted = played.commits.iter_mut().rev();
    let leg = posted.find_map(|commit| commit.legs.last_mut())?;
    leg.account = AccountIndex(u32::from(leg.account.0 == 0));
    Some(())
}

fn exported(engine: &Engine, commits: &[Commit]) -> Result<Vec<Json>, Finding> {
    let book = engine.book(BookIndex(0)).unwrap();
    let (mut export, mut lines) = (
        Export::new(Form::Json, book, Span::default()),
        String::new(),
    );
    for commit in commits {
        for (job, post) in commit.posts_of(BookIndex(0)) {
            let entry = Entry {
                post,
                legs: commit.legs(&post.legs),
                kind: job.map_or("", |job| outcome::kind(job)),
                key: job.map_or("", |job| &job.envelope.key),
                document: post.document_ref.as_deref(),
                recorded_at: commit.recorded_at,
            };
            let line = export.entry(&entry);
            lines += &line.map_err(|one| Finding::new("I1", one.to_string()))?;
        }
    }
    Ok(lines.lines().map(|line| read(line.as_bytes())).collect())
}

/// What each delivery was told.
fn told(run: &rehearsal::Run) -> Vec<Told> {
    let lists = ["outcomes", "rejections"].map(|name| run.seen[name].as_array().unwrap());
    let mut by_job: BTreeMap<u64, Told> = BTreeMap::new();
    for one in lists.into_iter().flatten() {
        let job = one["job"].as_u64().unwrap();
        let duplicate = one["duplicate"] == true;
        let mut answer = one.clone();
        let members = answer.as_object_mut().unwrap();
        members.remove("job");
        members.remove("duplicate");
        by_job.insert(
            job,
            Told {
                job,
                answer,
                duplicate,
            },
        );
    }
    by_job.into_values().collect()
}
