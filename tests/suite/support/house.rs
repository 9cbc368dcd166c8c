//! The daemon's stations on a state directory, one message at a time and without a broker.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use kontor::broker::{Delivery, Epoch, Properties};
use kontor::daemon::sealer::VaultSealer;
use kontor::engine::Engine;
use kontor::ids::{BookIndex, Position};
use kontor::journal::file::disk::OsDisk;
use kontor::journal::{History, Store};
use kontor::ledger::reference::PanPolicy;
use kontor::ledger::{Book, Commit, NameTable, Record};
use kontor::partition::{Claim, Event, Opened, Partition, Snapshots};
use kontor::pipeline::parcel::{Arrived, Batch};
use kontor::pipeline::persist::Persist;
use kontor::pipeline::post::{Next, Post};
use kontor::pipeline::stations::{Decoding, StationFault};
use kontor::settings::Settings;
use kontor::time::{Clock, SystemClock};
use kontor::wire::message::{BookRules, JobReader};
use kontor::wire::outcome;
use serde_json::Value as Json;

/// The message that answers a job.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) id: String,
    pub(crate) bytes: Vec<u8>,
    /// Whether it had been given before.
    pub(crate) duplicate: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    /// The same outcome, given again.
    pub(crate) fn again(&self) -> Self {
        Self {
            duplicate: true,
            ..self.clone()
        }
    }
}

/// Stations in a row.
pub(crate) struct House {
    decoding: Decoding<VaultSealer<OsDisk>>,
    post: Post<History<OsDisk>>,
    persist: Persist<Store<OsDisk>>,
    snapshots: Snapshots<OsDisk>,
    history: History<OsDisk>,
    clock: Arc<dyn Clock>,
    tag: u64,
    pub(crate) replayed_jobs: u64,
    pub(crate) warnings: Vec<String>,
}

struct Kept(Vec<Batch>);

impl Next for Kept {
    fn hand_on(&mut self, batch: Batch) -> bool {
        self.0.push(batch);
        true
    }
}

/// Settings with a state directory and books.
pub(crate) fn settings(dir: &Path, books: &str) -> Settings {
    let journal = format!(
        "[journal]\ndir = \"{}\"\nsegment_bytes = 1048576\n",
        dir.display()
    );
    Settings::parse(Path::new("kontor.toml"), &(journal + books)).unwrap()
}

/// The directory of the first partition.
pub(crate) fn partition(dir: &Path) -> PathBuf {
    dir.join("p0")
}

/// Take a state directory. A child that another test starts at the same moment holds the lock of
/// the house before until it has begun its own program.
pub(crate) fn claim(settings: &Settings) -> Claim {
    for _ in 0..100 {
        if let Ok(claim) = Claim::take(settings, 0) {
            return claim;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Claim::take(settings, 0).unwrap()
}

impl House {
    /// Open the partition of a directory, or begin it.
    pub(crate) fn open(dir: &Path, books: &str) -> Self {
        Self::open_by(Arc::new(SystemClock::new()), dir, books)
    }

    /// The same by a clock of the test's.
    pub(crate) fn open_by(clock: Arc<dyn Clock>, dir: &Path, books: &str) -> Self {
        let settings = settings(dir, books);
        let claim = claim(&settings);
        let opened = Partition::open(&settings, claim, &*clock, &mut |_| {}).unwrap();
        let rules = |(book, index): (&Book, u16)| BookRules {
            name: book.name().into(),
            index: BookIndex(index),
            pan_policy: PanPolicy::Reject,
        };
        let rules = opened.engine.books().iter().zip(0..).map(rules).collect();
        let Opened {
            engine,
            secrets,
            vault,
            store,
            frontier,
            past,
            cold,
            outcomes,
            snapshots,
            replayed_jobs,
            mut warnings,
            passed_over,
            ..
        } = opened;
        warnings.extend(passed_over);
        Self {
            decoding: Decoding {
                reader: JobReader::new(rules, secrets.fingerprint),
                sealer: VaultSealer::new(vault, engine.books()),
                cold: Box::new(cold.clone()),
                jobs_exchange: "kontor.jobs".to_owned(),
                trusted: Vec::new(),
                bytes_max: 1 << 20,
                alone: None,
            },
            post: Post::new(engine, past, 8_192).with_old_keys(Box::new(cold)),
            persist: Persist::new(store, frontier.position(), frontier),
            snapshots,
            history: outcomes,
            clock,
            tag: 0,
            replayed_jobs,
            warnings,
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.post.engine()
    }

    /// Deliver a message with one job and make what became of it durable.
    pub(crate) fn deliver(&mut self, job: &Json) -> Result<Answer, StationFault> {
        self.tag += 1;
        let delivery = Delivery {
            epoch: Epoch(1),
            tag: self.tag,
            body: job.to_string().into_bytes(),
            properties: Properties {
                content_type: Some("application/json".to_owned()),
                // Whoever acts has sent it.
                user_id: job["actor"].as_str().map(str::to_owned),
                ..Properties::default()
            },
            exchange: "kontor.jobs".to_owned(),
            routing_key: "main".to_owned(),
            redelivered: false,
            delivery_count: None,
        };
        let arrived = Arrived {
            delivery: Arc::new(delivery),
            received: Duration::ZERO,
            alone: false,
        };
        let parcels = self.decoding.parcels(std::iter::once(arrived))?;
        let mut kept = Kept(Vec::new());
        self.post.batch(parcels, self.clock.now(), &mut kept)?;
        for batch in self.persist.persist(&mut kept.0.into())?.batches {
            if let Some(again) = batch.again.first() {
                let commit = self.history.commit_at(again.first)?.unwrap();
                return Ok(self.answer(&commit, again.first, true));
            }
            if let Some(commit) = &batch.commit {
                let job = |(position, record): (Position, &Record)| {
                    record.as_job().is_some().then_some(position)
                };
                let position = commit.positions().find_map(job).unwrap();
                return Ok(self.answer(commit, position, false));
            }
        }
        panic!("nothing became of {job}")
    }

    /// As [`House::deliver`], by whom nothing goes wrong.
    pub(crate) fn send(&mut self, job: &Json) -> Answer {
        self.deliver(job).unwrap()
    }

    /// Take a snapshot; whether there was anything to take.
    pub(crate) fn snapshot(&mut self) -> bool {
        match self.snapshots.take(&*self.clock, &AtomicBool::new(false)) {
            None => false,
            Some(Event::Taken { .. }) => true,
            Some(Event::Failed(fault)) => panic!("{fault}"),
            Some(Event::Fault(fault)) => panic!("{fault}"),
        }
    }

    /// End in order.
    pub(crate) fn stop(mut self) {
        let mut kept = Kept(Vec::new());
        let now = self.clock.now();
        self.post.note(Record::Stop, now, &mut kept).unwrap();
        self.persist.persist(&mut kept.0.into()).unwrap();
        self.persist.rest().unwrap();
    }

    fn answer(&self, commit: &Commit, position: Position, duplicate: bool) -> Answer {
        let names = NameTable::of_books(self.engine().books());
        let job = outcome::at(commit, position).unwrap();
        let mut bytes = Vec::new();
        outcome::encode(job, commit, &names, &mut bytes);
        Answer {
            id: outcome::message_id(job, commit, &names),
            bytes,
            duplicate,
        }
    }
}
