//! `kontor demo` as a newcomer runs it: what it prints, how it ends, and that nothing is left.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::installed;

/// Longer than a short day takes, even beside a compiler and other brokers.
const PATIENCE: Duration = Duration::from_mins(4);

/// A demo with a temporary directory of its own, so that whatever it leaves is found.
struct Demo {
    room: TempDir,
    child: Child,
}

impl Demo {
    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        installed();
        let room = tempfile::tempdir().unwrap();
        let temporary = room.path().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        let file = |name: &str| File::create(room.path().join(name)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_kontor"))
            .arg("demo")
            .args(arguments)
            .env("TMPDIR", &temporary)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .unwrap();
        Self { room, child }
    }

    fn said(&self, name: &str) -> String {
        std::fs::read_to_string(self.room.path().join(name)).unwrap()
    }

    fn temporary(&self) -> PathBuf {
        self.room.path().join("tmp")
    }

    /// Wait until it has printed something.
    fn prints(&mut self, what: &str) {
        let since = Instant::now();
        while !self.said("out").contains(what) {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "ended before {what:?}: {}",
                self.everything()
            );
            assert!(
                since.elapsed() < PATIENCE,
                "no {what:?}: {}",
                self.everything()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn ends(&mut self) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                since.elapsed() < PATIENCE,
                "it runs on: {}",
                self.everything()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn everything(&self) -> String {
        format!("{}\n{}", self.said("out"), self.said("err"))
    }

    /// Wait until nothing is left: what was killed takes a moment to go.
    fn leaves_nothing(&self) {
        let since = Instant::now();
        while !self.left().is_empty() {
            assert!(since.elapsed() < PATIENCE, "left: {:?}", self.left());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Files in its temporary directory, and processes that were started with it.
    fn left(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.temporary()).unwrap();
        let files = files.map(|entry| entry.unwrap().path().display().to_string());
        files.chain(processes_with(&self.temporary())).collect()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        // Its guards need the directory until they are done.
        if !std::thread::panicking() {
            self.leaves_nothing();
        }
    }
}

/// Processes that have a directory in their environment, as all have that a demo starts.
fn processes_with(directory: &Path) -> Vec<String> {
    let needle = directory.to_str().unwrap();
    let list = std::fs::read_dir("/proc").unwrap();
    let has = |path: PathBuf| {
        let environment = std::fs::read(path.join("environ")).ok()?;
        let found = String::from_utf8_lossy(&environment).contains(needle);
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        found.then(|| String::from_utf8_lossy(&line).replace('\0', " "))
    };
    list.filter_map(|entry| has(entry.unwrap().path()))
        .collect()
}

#[test]
fn a_short_day_comes_out_as_expected_and_leaves_nothing() {
    let mut demo = Demo::start(&["--fast", "--no-install"], &[]);
    let status = demo.ends();
    assert_eq!(status.code(), Some(0), "{}", demo.everything());
    let said = demo.said("out");
    let expected = [
        // The year of remote work: what would have been, what was, and the difference.
        "12 × 1,000.00              = 12,000.00 USD",
        "12 × 500.00                =  6,000.00 USD",
        "12 × (1,000.00 − 500.00)   =  6,000.00 USD",
        // An outcome as it was published.
        "\"bank/main\": \"245800.00\"",
        // Delivery against payment.
        "failing   LACK_OF_SECURITIES         40",
        "failing   LACK_OF_CASH         1,000.00",
        "40 shares, 1,000.00 EUR",
        // Refusals and dead letters.
        "ENTRY_UNBALANCED         /data/legs",
        "IDEMPOTENCY_KEY_REUSED",
        "MESSAGE_MALFORMED",
        "2   KEY_MISSING",
        "with the header kontor-duplicate",
        "killed without warning (SIGKILL)",
        "all 35 accounts hold what the company had worked out",
        "Everything came as expected",
    ];
    for words in expected {
        // Paragraphs are wrapped; what stands in a table is not.
        let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let words_flat = words.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(&words_flat), "{words:?} is not in:\n{said}");
    }
    for unit in ["EUR", "NORDLICHT", "USD"] {
        let line = said.lines().map(str::trim_start);
        let mut line = line.filter(|line| line.starts_with(unit) && line.contains("difference"));
        let line = line
            .next()
            .unwrap_or_else(|| panic!("no sum of {unit}:\n{said}"));
        assert!(line.ends_with("difference 0"), "{line}");
        let figures: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(figures[2], figures[4], "{line}");
    }
    assert!(
        said.lines().all(|line| line.chars().count() <= 100),
        "{said}"
    );
    assert!(!said.contains('\u{1b}'), "no colours where nobody looks on");
    demo.leaves_nothing();
}

#[test]
fn ctrl_c_in_the_middle_of_the_day_leaves_nothing() {
    let mut demo = Demo::start(&["--no-install"], &[]);
    demo.prints("600 invoices");
    demo.signal(Signal::INT);
    let status = demo.ends();
    assert_eq!(status.code(), Some(130), "{}", demo.everything());
    assert!(
        demo.said("err").contains("Stopped before the end."),
        "{}",
        demo.everything()
    );
    demo.leaves_nothing();
}

#[test]
fn a_stop_while_the_broker_starts_leaves_nothing() {
    let mut demo = Demo::start(&["--fast", "--no-install"], &[]);
    let since = Instant::now();
    while processes_with(&demo.temporary()).len() < 3 {
        assert!(
            since.elapsed() < PATIENCE,
            "no broker: {}",
            demo.everything()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    demo.signal(Signal::TERM);
    let status = demo.ends();
    assert_eq!(status.code(), Some(143), "{}", demo.everything());
    demo.leaves_nothing();
}

#[test]
fn a_demo_that_is_killed_takes_everything_along() {
    let mut demo = Demo::start(&["--fast", "--keep", "--no-install"], &[]);
    demo.prints("Everything runs on until Ctrl-C");
    assert!(processes_with(&demo.temporary()).len() > 3);
    demo.signal(Signal::KILL);
    demo.ends();
    demo.leaves_nothing();
}

#[test]
fn without_rabbitmq_it_says_what_to_do() {
    let nowhere = [("KONTOR_RABBITMQ_SCRIPTS", "/nowhere")];
    for (arguments, why) in [
        (&["--no-install"][..], "--no-install forbids to install it"),
        (&[], "KONTOR_RABBITMQ_SCRIPTS names another folder"),
    ] {
        let mut demo = Demo::start(arguments, &nowhere);
        let status = demo.ends();
        let said = demo.said("err");
        assert_eq!(status.code(), Some(69), "{said}");
        assert!(said.contains(why), "{said}");
        assert!(said.contains("apt-get install rabbitmq-server"), "{said}");
        demo.leaves_nothing();
    }
}
