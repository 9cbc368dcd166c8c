//! The built binary, and a state directory with books in it that was written as the daemon writes.

pub(crate) mod house;
pub(crate) mod place;
pub(crate) mod rust;
pub(crate) mod tree;

use std::path::Path;
use std::process::{Command, Output};

use kontor::daemon::sealer::VaultSealer;
use kontor::engine::{Engine, Verdict};
use kontor::ids::BookIndex;
use kontor::journal::file::disk::OsDisk;
use kontor::journal::{History, Journal as _, Store};
use kontor::ledger::Book;
use kontor::ledger::reference::PanPolicy;
use kontor::partition::Partition;
use kontor::pipeline::decode::{ContentType, Item, decode, seal};
use kontor::settings::Settings;
use kontor::time::{Clock, SystemClock, Timestamp};
use kontor::wire::message::{BookRules, Head, JobReader};
use serde_json::Value as Json;

/// Run the built binary.
pub(crate) fn kontor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kontor"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

/// Standard output as text.
pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Standard error as text.
pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Exit code, with what was said in the message if it is another one.
#[track_caller]
pub(crate) fn exits(output: &Output, code: i32) {
    let (out, err) = (out(output), err(output));
    assert_eq!(
        output.status.code(),
        Some(code),
        "stdout: {out}\nstderr: {err}"
    );
}

/// Standard output as JSON.
pub(crate) fn json(output: &Output) -> Json {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|fault| panic!("{fault}: {}", out(output)))
}

/// Writes books into a state directory; it holds the lock until it is dropped.
pub(crate) struct Writer {
    engine: Engine,
    store: Store<OsDisk>,
    reader: JobReader,
    sealer: VaultSealer<OsDisk>,
    now: Timestamp,
}

impl Writer {
    /// Open the partition of a directory, or begin it; `books` are tables of the configuration.
    pub(crate) fn open(dir: &Path, books: &str) -> Self {
        let journal = format!(
            "[journal]\ndir = \"{}\"\nsegment_bytes = 1048576\n",
            dir.display()
        );
        let settings = Settings::parse(Path::new("kontor.toml"), &(journal + books)).unwrap();
        let clock = SystemClock::new();
        let claim = house::claim(&settings);
        let opened = Partition::open(&settings, claim, &clock, &mut |_| {}).unwrap();
        let rules = |(book, index): (&Book, u16)| BookRules {
            name: book.name().into(),
            index: BookIndex(index),
            pan_policy: PanPolicy::Reject,
        };
        let rules = opened.engine.books().iter().zip(0..).map(rules).collect();
        Self {
            reader: JobReader::new(rules, opened.secrets.fingerprint),
            sealer: VaultSealer::new(opened.vault, opened.engine.books()),
            engine: opened.engine,
            store: opened.store,
            now: clock.now(),
        }
    }

    /// A reader beside the writer.
    pub(crate) fn history(&self) -> History<OsDisk> {
        self.store.history()
    }

    /// Post jobs of the book `main`, one commit and one sync for all. Every actor is vouched for.
    pub(crate) fn post(&mut self, jobs: &[Json]) {
        self.post_by(None, jobs);
    }

    /// The same for jobs of a publisher that the broker knows, and who speaks for nobody else.
    pub(crate) fn post_by(&mut self, principal: Option<&str>, jobs: &[Json]) {
        let mut commit = self.engine.begin(self.now);
        for job in jobs {
            let head = Head {
                book: Some("main"),
                principal,
                trusted: principal.is_none(),
                ..Head::default()
            };
            let (body, mut items) = (job.to_string(), Vec::new());
            let json = Ok(ContentType::Json);
            decode(
                &mut self.reader,
                json,
                &head,
                body.as_bytes(),
                1 << 20,
                &mut items,
            );
            seal(items.iter_mut(), &mut self.sealer).unwrap();
            for item in items {
                let Item::Job { job: unsealed, .. } = item else {
                    panic!("{job} is a dead letter: {item:?}");
                };
                let verdict = self.engine.apply(unsealed.job, &mut commit).unwrap();
                assert!(
                    matches!(verdict, Verdict::Recorded(_)),
                    "{job}: {verdict:?}"
                );
            }
        }
        self.engine.finish(&mut commit);
        self.store.append(&commit).unwrap();
        self.store.flush().unwrap();
    }
}
