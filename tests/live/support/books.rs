//! What a state directory holds, read back without the daemon: every frame checked against the
//! chain, every commit replayed by its effects, every digest compared.

use std::path::Path;

use kontor::engine::{Engine, Secrets};
use kontor::ids::{Position, Sequence};
use kontor::journal::commits::Commits;
use kontor::journal::file::disk::OsDisk;
use kontor::journal::file::{Frontier, Until};
use kontor::ledger::Record;
use kontor::ledger::plan::NaturalKeys;
use kontor::vault::JournalSecret;
use kontor::wire::message::read_binary;

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
        let secret = JournalSecret::load(&OsDisk::new(dir));
        let secret = secret.expect("a readable secret").expect("a secret");
        let secrets = Secrets {
            natural: NaturalKeys(secret.key_for("natural")),
            keys: secret.key_for("fingerprint"),
            seed: 1,
        };
        let mut engine = Engine::new(secrets, read_binary);
        let disk = OsDisk::new(dir);
        let frontier = Frontier::read(&disk)
            .expect("readable")
            .expect("a frontier");
        let mut commits = Commits::from_position(disk, Position(1), Until::Frontier(frontier))
            .expect("a journal");
        let (mut jobs, mut starts, mut stops) = (Vec::new(), 0, 0);
        while let Some(found) = commits.next().expect("an undamaged journal") {
            let commit = found.commit;
            engine.replay(&commit).expect("effects that fit");
            assert_eq!(
                engine.digest(),
                commit.digest,
                "the live digest and the one of the replay at {}",
                commit.first
            );
            for record in &commit.records {
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
        }
        Self {
            engine,
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
