//! The daemon as an operator runs it: the real binary, a directory and a prefix of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use kontor::time::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{PATIENCE, broker, eventually};

/// Below the ports that systems give to outgoing connections, so nobody is faster.
static PORTS: AtomicU16 = AtomicU16::new(21_000);

/// Kills the daemon when this process ends without having done so: the pipe it reads closes.
const GUARD: &str = r#"read -r line; kill -KILL "$1" 2>/dev/null"#;

/// The environment that makes a job fell the process.
const SABOTAGE: &str = "KONTOR_SABOTAGE";
/// The environment that names a file in which the time stands.
const CLOCK: &str = "KONTOR_CLOCK";

/// Where a daemon runs: its settings and its state, which outlive it.
pub(crate) struct Site {
    dir: TempDir,
    pub(crate) prefix: String,
    pub(crate) uri: String,
    pub(crate) http: u16,
    pub(crate) books: String,
    overrides: Vec<(String, String)>,
}

impl Site {
    /// A site at the shared node, with small segments and quick reconnects.
    pub(crate) fn new(name: &str) -> Self {
        Self::at(name, broker().uri())
    }

    pub(crate) fn at(name: &str, uri: String) -> Self {
        let site = Self {
            dir: tempfile::tempdir().expect("a directory"),
            prefix: super::prefix(name),
            uri,
            http: free_port(),
            books: "[[book]]\nname = \"main\"\n".to_owned(),
            overrides: Vec::new(),
        };
        site.with("journal.segment_bytes", "4194304")
            .with("broker.reconnect_ms_min", "50")
            .with("broker.reconnect_ms_max", "500")
            .with("broker.prefetch", "300")
    }

    /// With another value of a setting.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.set(key, value);
        self
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) {
        let name = format!("KONTOR__{}", key.replace('.', "__").to_uppercase());
        self.overrides.retain(|(known, _)| *known != name);
        self.overrides.push((name, value.to_owned()));
    }

    /// Make a job fell the process; see `src/pipeline/sabotage.rs`. Nothing for no sabotage.
    pub(crate) fn sabotage(&mut self, what: &str) {
        self.overrides.retain(|(known, _)| known != SABOTAGE);
        if !what.is_empty() {
            self.environment(SABOTAGE, what);
        }
    }

    /// Let the daemon's clock stand at an instant; see `src/time/stand_in.rs`. A running daemon
    /// whose clock stood already goes on at once as if the time between had passed.
    pub(crate) fn clock_at(&mut self, now: Timestamp) {
        let (clock, next) = (self.dir.path().join("clock"), self.dir.path().join("next"));
        std::fs::write(&next, now.to_string()).expect("an instant");
        std::fs::rename(&next, &clock).expect("a clock");
        self.environment(CLOCK, clock.to_str().expect("a path"));
    }

    /// Start its processes with this in their environment.
    pub(crate) fn environment(&mut self, name: &str, value: &str) {
        self.overrides.retain(|(known, _)| known != name);
        self.overrides.push((name.to_owned(), value.to_owned()));
    }

    /// The state directory.
    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The directory of the first partition.
    pub(crate) fn partition(&self) -> PathBuf {
        self.state().join("p0")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("kontor.toml")
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    pub(crate) fn write_config(&self) {
        let text = format!(
            "[broker]\nuri = \"{}\"\nprefix = \"{}\"\n[journal]\ndir = \"{}\"\n\
             [http]\nlisten = \"127.0.0.1:{}\"\n{}",
            self.uri,
            self.prefix,
            self.state().display(),
            self.http,
            self.books
        );
        std::fs::write(self.config(), text).expect("the configuration");
    }

    /// The one place that knows the command line.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kontor"));
        command.arg("--config").arg(self.config()).args(arguments);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|n| n.starts_with("KONTOR__")) {
                command.env_remove(name);
            }
        }
        command
            .env_remove("NOTIFY_SOCKET")
            .envs(self.overrides.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Run a command of the operator's beside the daemon; with it tables as JSON.
    pub(crate) async fn operate(&self, arguments: &[&str]) -> Operated {
        let mut command = self.command(&["--format", "json"]);
        command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let run = tokio::task::spawn_blocking(move || command.output());
        let output = run.await.expect("joined").expect("the command");
        Operated {
            code: output.status.code().expect("an exit code"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Start a command of the operator's that is not waited for.
    pub(crate) fn operating(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stderr(Stdio::null()).spawn().expect("the command")
    }

    /// Start the daemon and let it find its way.
    pub(crate) fn start(&self) -> Daemon {
        self.write_config();
        self.launch(true)
    }

    /// Start a process that waits for the one that runs.
    pub(crate) fn stand_by(&self) -> Daemon {
        self.write_config();
        self.spawn(&["run", "--apply-topology", "--standby"])
    }

    /// Start with the configuration file as it lies there.
    pub(crate) fn launch(&self, apply_topology: bool) -> Daemon {
        if apply_topology {
            self.spawn(&["run", "--apply-topology"])
        } else {
            self.spawn(&["run"])
        }
    }

    fn spawn(&self, arguments: &[&str]) -> Daemon {
        let log = self.log_file();
        let file = File::options().create(true).append(true).open(&log);
        let mut child = self
            .command(arguments)
            .stderr(file.expect("a log"))
            .spawn()
            .expect("the daemon");
        let guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "guard", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(guard) = guard else {
            child.kill().expect("killed");
            panic!("no guard of the daemon");
        };
        Daemon {
            child,
            guard,
            log,
            http: self.http,
        }
    }

    /// Start the daemon and wait until it takes jobs.
    pub(crate) async fn run(&self) -> Daemon {
        let daemon = self.start();
        daemon.ready().await;
        daemon
    }

    /// Start a daemon that must not run; how it ended and what it said.
    pub(crate) async fn refused(&self, apply_topology: bool) -> (i32, String) {
        self.write_config();
        self.refused_as_it_lies(apply_topology).await
    }

    pub(crate) async fn refused_as_it_lies(&self, apply_topology: bool) -> (i32, String) {
        let before = log_text(&self.log_file()).len();
        let mut daemon = self.launch(apply_topology);
        let status = daemon.ended().await;
        let said = daemon.log().split_off(before);
        (status.code().expect("an exit code"), said)
    }
}

/// How a command ended and what it said.
#[derive(Debug)]
pub(crate) struct Operated {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Operated {
    /// What it said, if it ended well.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).expect("JSON")
    }
}

/// A running daemon; dropping it kills it.
pub(crate) struct Daemon {
    child: Child,
    guard: Child,
    log: PathBuf,
    http: u16,
}

impl Daemon {
    /// Wait until it says that it is ready.
    pub(crate) async fn ready(&self) {
        let since = Instant::now();
        while !self.is_ready() {
            assert!(since.elapsed() < PATIENCE, "not ready:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.get("/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// Wait until it says that it is not, and give its reason.
    pub(crate) async fn unready(&self) -> String {
        let reason = std::cell::RefCell::new(String::new());
        eventually("unreadiness", async || match self.get("/readyz") {
            Some((503, body)) => {
                *reason.borrow_mut() = body;
                true
            }
            Some(_) | None => false,
        })
        .await;
        reason.into_inner()
    }

    /// Ask over HTTP; nothing if it does not answer.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.http)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }

    /// What it is for its state directory, as `/status` says it.
    pub(crate) fn role(&self) -> Option<String> {
        let (_, body) = self.get("/status")?;
        let status: serde_json::Value = serde_json::from_str(&body).ok()?;
        Some(status["role"].as_str()?.to_owned())
    }

    /// The value of a series, by its name with labels.
    pub(crate) fn metric(&self, series: &str) -> Option<u64> {
        let (_, page) = self.get("/metrics")?;
        let line = page.lines().find_map(|line| line.strip_prefix(series))?;
        line.trim().parse().ok()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        let pid = Pid::from_raw(id).expect("a process id");
        // It may have ended by itself.
        kill_process(pid, signal).ok();
    }

    /// End it as the kernel would, at once.
    pub(crate) async fn kill(mut self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }

    /// Ask it to stop and see it end well.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.ended().await;
        assert_eq!(status.code(), Some(0), "{}", self.log());
    }

    /// Whether it has not ended.
    pub(crate) fn lives(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Wait for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "it runs on:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Everything the daemons of this site have said.
    pub(crate) fn log(&self) -> String {
        log_text(&self.log)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The guard first: it must not kill whoever gets the number next.
        for child in [&mut self.guard, &mut self.child] {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} said:\n{}", self.prefix, log_text(&self.log_file()));
        }
    }
}

fn log_text(path: &Path) -> String {
    std::fs::read(path).map_or_else(
        |_| String::new(),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}

fn free_port() -> u16 {
    let start = u16::try_from(std::process::id() % 8_000).expect("small");
    loop {
        let port = PORTS.fetch_add(1, Ordering::Relaxed) + start;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
