//! `kontor journal verify`: everything that a journal promises, checked from its bytes alone.
//!
//! The reader checks checksums, the chain of hashes and that positions have no gap. On top of that
//! each commit is replayed, its digest compared, and what the books promise is counted
//! independently of the engine: entries that balance, entry numbers and sequences without a gap,
//! time that only grows. Snapshots beside the journal are held against it, and every key that their
//! files should hold is looked up in them.

use std::collections::BTreeMap;
use std::io::Write;

use clap::Args;
use serde_json::{Value as Json, json};

use super::snapshots::Snapshots;
use crate::command::open_books::{Directory, OpenJournal, bar, show};
use crate::command::{Done, Globals};
use crate::engine::Engine;
use crate::ids::{BookIndex, EntryNo, Position, Sequence, UnitIndex};
use crate::journal::file::Until;
use crate::journal::{Commits, Cursor};
use crate::ledger::{Book, Commit, Effect, Leg, Post, Record, Side};
use crate::money::Minor;
use crate::partition::Progress;
use crate::report::Format;
use crate::time::Timestamp;

/// Keys that replay collects here for nothing are let go from so many on.
const KEYS_HELD_MAX: u64 = 1_000_000;
/// So many findings are told; what is beyond them is counted.
const FINDINGS_MAX: usize = 100;

/// Check checksums, hash chain, sums, numbers and the digest of every commit
///
/// Exit 1 with findings, 65 with damage. It may run beside the daemon: never a lock, never a write.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor journal verify
  kontor --format json journal verify --dir /var/lib/kontor")]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    dir: Directory,
}

/// Run the command.
pub(super) fn run(
    args: &VerifyArgs,
    globals: &Globals,
    out: &mut impl Write,
) -> anyhow::Result<Done> {
    let (mut clean, mut all) = (true, Vec::new());
    for journal in args.dir.journals(globals)? {
        let verified = verify(&journal)?;
        clean &= verified.findings.is_empty();
        if globals.format() == Format::Json {
            all.push(verified.as_json(&journal));
        } else {
            verified.print(&journal, out)?;
        }
    }
    if globals.format() == Format::Json {
        writeln!(out, "{:#}", json!({ "clean": clean, "journals": all }))?;
    }
    Ok(if clean { Done::Yes } else { Done::No })
}

/// What was found in a journal.
pub(in crate::command) struct Verified {
    position: Position,
    jobs: u64,
    entries: u64,
    hash: String,
    findings: Vec<String>,
    untold: u64,
}

/// What the next records of a book must say.
#[derive(Debug, Default)]
struct Next {
    entry: EntryNo,
    sequence: Sequence,
}

struct Checker {
    engine: Engine,
    snapshots: Snapshots,
    books: BTreeMap<BookIndex, Next>,
    recorded_at: Timestamp,
    verified: Verified,
}

/// Check everything that a journal promises.
pub(in crate::command) fn verify(journal: &OpenJournal) -> anyhow::Result<Verified> {
    // Nothing of it is needed here, but a start refuses one that cannot be read.
    Cursor::read(&journal.disk)?;
    let mut commits = Commits::from_position(journal.disk.clone(), Position(1), journal.until)?;
    let mut checker = Checker {
        engine: journal.secrets.engine(),
        snapshots: Snapshots::open(journal)?,
        books: BTreeMap::new(),
        recorded_at: Timestamp(i64::MIN),
        verified: Verified {
            position: Position(0),
            jobs: 0,
            entries: 0,
            hash: String::new(),
            findings: Vec::new(),
            untold: 0,
        },
    };
    let bar = bar("verifying");
    while let Some(found) = commits.next()? {
        let done = found.commit.last().0;
        let of = match journal.until {
            Until::Frontier(frontier) => frontier.position,
            Until::End => done,
        };
        show(&bar, Progress { done, of });
        checker.verified.hash = hex(&found.hash);
        if let Err(fault) = checker.engine.replay(&found.commit) {
            checker.find(format!("position {}: {fault}", found.commit.first));
            // The books are not what the journal means any more: nothing behind can be judged.
            break;
        }
        checker.commit(&found.commit);
        checker
            .snapshots
            .commit(&found.commit, &checker.engine, &journal.secrets)?;
        if checker.engine.keys().len() >= KEYS_HELD_MAX {
            checker.engine.take_keys();
        }
    }
    bar.finish_and_clear();
    checker.sums();
    for finding in checker.snapshots.findings() {
        checker.find(finding);
    }
    Ok(checker.verified)
}

impl Checker {
    fn find(&mut self, finding: String) {
        if self.verified.findings.len() < FINDINGS_MAX {
            self.verified.findings.push(finding);
        } else {
            self.verified.untold += 1;
        }
    }

    fn commit(&mut self, commit: &Commit) {
        let first = commit.first;
        if first != self.verified.position.next() {
            self.find(format!(
                "position {first} follows {}",
                self.verified.position
            ));
        }
        if commit.recorded_at <= self.recorded_at {
            let (now, before) = (commit.recorded_at, self.recorded_at);
            self.find(format!(
                "position {first}: recorded at {now}, not after {before}"
            ));
        }
        let rebuilt = self.engine.digest();
        if rebuilt != commit.digest {
            let journaled = commit.digest;
            self.find(format!(
                "position {first}: digest {rebuilt}, the journal says {journaled}"
            ));
        }
        for (position, record) in commit.positions() {
            match record {
                Record::Job(job) => {
                    self.verified.jobs += 1;
                    let next = self.books.entry(job.book).or_default();
                    let wanted = next.sequence.next();
                    next.sequence = job.sequence;
                    if job.sequence != wanted {
                        let sequence = job.sequence;
                        self.find(format!(
                            "position {position}: sequence {sequence}, not {wanted}"
                        ));
                    }
                    self.effects(position, job.book, commit.effects(&job.effects), commit);
                }
                Record::Setup(setup) => {
                    self.effects(position, setup.book, commit.effects(&setup.effects), commit);
                }
                Record::Duplicate(_)
                | Record::Start(_)
                | Record::Stop
                | Record::Cut(_)
                | Record::Accepted { .. }
                | Record::Letters(_) => {}
            }
        }
        self.verified.position = commit.last();
        self.recorded_at = commit.recorded_at;
    }

    fn effects(&mut self, at: Position, book: BookIndex, effects: &[Effect], commit: &Commit) {
        for post in effects.iter().filter_map(Effect::as_post) {
            if !post.opening {
                self.verified.entries += 1;
                let next = self.books.entry(book).or_default();
                let wanted = next.entry.next();
                next.entry = post.number;
                if post.number != wanted {
                    self.find(format!(
                        "position {at}: entry {}, not {wanted}",
                        post.number
                    ));
                }
            }
            self.balance(at, book, post, commit.legs(&post.legs));
        }
    }

    /// Debits must equal credits in every unit of an entry.
    fn balance(&mut self, at: Position, book: BookIndex, post: &Post, legs: &[Leg]) {
        let Some(known) = self.engine.book(book) else {
            return;
        };
        let mut sums: BTreeMap<UnitIndex, Minor> = BTreeMap::new();
        for leg in legs {
            if let Some(account) = known.accounts().get(leg.account) {
                *sums.entry(account.unit).or_default() += signed(leg);
            }
        }
        if sums.values().any(|sum| *sum != 0) {
            self.find(format!(
                "position {at}: entry {} does not balance",
                post.number
            ));
        }
    }

    /// Debits must equal credits in every unit of a book.
    fn sums(&mut self) {
        let mut found = Vec::new();
        for book in self.engine.books() {
            for (unit, sum) in totals(book) {
                if sum != 0 {
                    let code = book.units().code(unit);
                    found.push(format!(
                        "book {}: debits and credits of {code} differ",
                        book.name()
                    ));
                }
            }
        }
        for finding in found {
            self.find(finding);
        }
    }
}

fn totals(book: &Book) -> BTreeMap<UnitIndex, Minor> {
    let mut sums = BTreeMap::new();
    for (_, account) in book.accounts().iter() {
        *sums.entry(account.unit).or_default() += account.counters().balance(Side::Debit);
    }
    sums
}

fn signed(leg: &Leg) -> Minor {
    let amount = Minor::from(leg.amount);
    if leg.side == Side::Debit {
        amount
    } else {
        -amount
    }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _infallible = std::fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
        text
    })
}

impl Verified {
    /// Whether nothing was found.
    pub(in crate::command) fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// What was found, in words.
    pub(in crate::command) fn findings(&self) -> &[String] {
        &self.findings
    }

    fn print(&self, journal: &OpenJournal, out: &mut impl Write) -> std::io::Result<()> {
        let Self {
            position,
            jobs,
            entries,
            hash,
            findings,
            untold,
        } = self;
        let path = journal.path.display();
        for finding in findings {
            writeln!(out, "{path}: {finding}")?;
        }
        if *untold > 0 {
            writeln!(out, "{path}: and {untold} more")?;
        }
        let verdict = if findings.is_empty() {
            "verified"
        } else {
            "NOT as it should be"
        };
        writeln!(
            out,
            "{path}: {verdict}: {position} positions, {jobs} jobs, {entries} entries, hash {hash}"
        )
    }

    fn as_json(&self, journal: &OpenJournal) -> Json {
        json!({
            "directory": journal.path.display().to_string(),
            "position": self.position.0,
            "jobs": self.jobs,
            "entries": self.entries,
            "hash": self.hash,
            "findings": self.findings,
            "further_findings": self.untold,
        })
    }
}
