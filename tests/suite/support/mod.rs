//! The built binary, and a state directory with books in it that was written as the daemon writes.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use kontor::engine::Verdict;
use kontor::ids::BookIndex;
use kontor::jobs::job::{Job, Looked};
use kontor::journal::Journal;
use kontor::ledger::reference::PanPolicy;
use kontor::partition::{Opened, Partition};
use kontor::pipeline::decode::{ContentType, Item, decode, seal};
use kontor::settings::Settings;
use kontor::time::{Clock, SystemClock, Timestamp};
use kontor::wire::message::{BookRules, Head, JobReader};
use serde_json::Value as Json;

/// Run the built binary.
pub fn kontor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kontor"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

/// Standard output as text.
pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Standard error as text.
pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Exit code, with what was said in the message if it is another one.
#[track_caller]
pub fn exits(output: &Output, code: i32) {
    let (out, err) = (out(output), err(output));
    assert_eq!(
        output.status.code(),
        Some(code),
        "stdout: {out}\nstderr: {err}"
    );
}

/// Standard output as JSON.
pub fn json(output: &Output) -> Json {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|fault| panic!("{fault}: {}", out(output)))
}

/// Writes books into a state directory: the lock is held until it is dropped.
pub struct Writer {
    opened: Opened,
    reader: JobReader,
    sealer: kontor::daemon::sealer::VaultSealer,
    now: Timestamp,
}

impl Writer {
    /// Open the partition of a directory, or begin it.
    pub fn open(dir: &Path, books: &str) -> Self {
        let text = format!(
            "[journal]\ndir = {:?}\nsegment_bytes = 1048576\n{books}",
            dir.to_str().unwrap()
        );
        let settings = Settings::parse(Path::new("kontor.toml"), &text).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let mut opened = Partition::open(&settings, 0, &clock, false, &mut |_| {}).unwrap();
        let rules = opened
            .engine
            .books()
            .iter()
            .zip(0..)
            .map(|(book, index)| BookRules {
                name: book.name().into(),
                index: BookIndex(index),
                pan_policy: PanPolicy::Reject,
            });
        let reader = JobReader::new(rules.collect(), opened.secret);
        // The vault goes to the sealer, as in the daemon; what stays behind is never asked.
        let vault = opened.vault.take().unwrap();
        let sealer = kontor::daemon::sealer::VaultSealer::new(vault, opened.engine.books());
        Self {
            opened,
            reader,
            sealer,
            now: clock.now(),
        }
    }
}
