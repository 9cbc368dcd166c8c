//! What a state directory holds, read back without the daemon: every frame checked against the
//! chain, every commit replayed by its effects, every digest compared.

use std::path::Path;

use kontor::engine::{Engine, Secrets};
use kontor::ids::{Position, Sequence};
use kontor::journal::commits::Commits;
use kontor::journal::file::disk::OsDisk;
use kontor::journal::file::{Frontier, Until};
use kontor::ledger::plan::NaturalKeys;
use kontor::ledger::{Commit, Record};
use kontor::partition::AccountTexts;
use kontor::vault::JournalSecret;
use kontor::wire::message::read_binary;

/// Books that follow a journal, perhaps beside whoever writes it.
pub(crate) struct Replica {
    disk: OsDisk,
    pub(crate) engine: Engine,
    pub(crate) commits: Vec<Commit>,
}

impl Replica {
    /// Of a partition's directory, with nothing read yet.
    pub(crate) fn of(dir: &Path) -> Self {
        let secret = JournalSecret::load(&OsDisk::new(dir));
        let secret = secret.expect("a readable secret").expect("a secret");
        let secrets = Secrets {
            natural: NaturalKeys(secret.key_for("natural")),
            keys: secret.key_for("fingerprint"),
            seed: 1,
        };
        Self {
            disk: OsDisk::new(dir),
            engine: Engine::new(secrets, read_binary),
            commits: Vec::new(),
        }
    }

    /// Personal texts of a book.
    pub(crate) fn texts(&self, book: &str) -> AccountTexts<OsDisk> {
        AccountTexts::of(&self.disk, book)
    }

    /// Where the journal is durable, by what a stop or a writer has told.
    pub(crate) fn told(&self) -> Frontier {
        let frontier = Frontier::read(&self.disk).expect("readable");
        frontier.expect("a frontier")
    }

    /// Where the journal is durable, found out beside its writer as commands do.
    pub(crate) fn known(&self) -> Frontier {
        kontor::journal::file::known(&self.disk).expect("a readable journal")
    }

    /// Replay up to there, one commit at a time.
    pub(crate) fn follow(&mut self, frontier: Frontier, mut seen: impl FnMut(&Engine, &Commit)) {
        let next = self
            .commits
            .last()
            .map_or(Position(1), |last| last.last().next());
        if Position(frontier.position) < next {
            return;
        }
        let until = Until::Frontier(frontier);
        let commits = Commits::from_position(self.disk.clone(), next, until);
        let mut commits = commits.expect("a journal");
        while let Some(found) = commits.next().expect("an undamaged journal") {
            let commit = found.commit;
            self.engine.replay(&commit).expect("effects that fit");
            assert_eq!(
                self.engine.digest(),
                commit.digest,
                "the live digest and the one of the replay at {}",
                commit.first
            );
            seen(&self.engine, &commit);
            self.commits.push(commit);
        }
    }
}

/// Books rebuilt from their journal.
pub(crate) struct Books {
    pub(crate) engine: Engine,
    pub(crate) jobs: Vec<Booked>,
    pub(crate) starts: usize,
    pub(crate) stops: usize,
}

/// One job of the journal.
pub(crate) struct Booked {
    pub(crate) sequence: Sequence,
    pub(crate) key: String,
    pub(crate) owns_key: bool,
}

impl Books {
    /// Replay a partition's directory.
    pub(crate) fn of(dir: &Path) -> Self {
        let mut replica = Replica::of(dir);
        replica.follow(replica.told(), |_, _| {});
        let (mut jobs, mut starts, mut stops) = (Vec::new(), 0, 0);
        for record in replica.commits.iter().flat_map(|commit| &commit.records) {
            match record {
                Record::Job(job) => jobs.push(Booked {
                    sequence: job.sequence,
                    key: job.envelope.key.to_string(),
                    owns_key: job.owns_key,
                }),
                Record::Start(_) => starts += 1,
                Record::Stop => stops += 1,
                _ => {}
            }
        }
        Self {
            engine: replica.engine,
            jobs,
            starts,
            stops,
        }
    }

    /// Balance on the normal side of an account of the first book, in minor units.
    pub(crate) fn balance(&self, account: &str) -> i128 {
        let accounts = self.engine.books()[0].accounts();
        accounts.by_name(account).expect("the account").balance()
    }
}
