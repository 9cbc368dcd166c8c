//! Where the demo's daemon lives: a folder with its settings, its state and its log; and its
//! process.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::command::Unexpected;
use crate::guarded::{self, Guarded};

/// Longer than a daemon needs to get ready, even beside a compiler.
const READY_PATIENCE: Duration = Duration::from_secs(60);
/// How long the daemon gets to finish what it has taken.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);
/// A daemon that has not answered by now stands still, or is as good as that.
const SILENCE: Duration = Duration::from_secs(1);
/// Longer than an answer over loopback takes.
const HTTP_PATIENCE: Duration = Duration::from_secs(5);
/// Lines of the log that are shown when something went wrong.
const LAST_LINES: usize = 12;

/// A folder with a daemon in it; dropping it ends the daemon and removes the folder.
pub(super) struct Site {
    dir: PathBuf,
    http: u16,
    process: Option<Guarded>,
}

impl Site {
    /// Make the folder and its settings; `book` are the tables of the book.
    pub(super) fn new(broker: &str, book: &str) -> anyhow::Result<Self> {
        let random = getrandom::u64().map_err(std::io::Error::from);
        let name = format!("kontor-demo-{:016x}", random.context("no random numbers")?);
        let dir = std::env::temp_dir().join(name);
        let mut builder = fs::DirBuilder::new();
        let made = builder.mode(0o700).create(&dir);
        made.with_context(|| format!("cannot make the folder {}", dir.display()))?;
        let site = Self {
            http: free_port().context("cannot find a free port")?,
            process: None,
            dir,
        };
        fs::write(site.config(), site.settings(broker, book))
            .with_context(|| format!("cannot write {}", site.config().display()))?;
        Ok(site)
    }

    fn settings(&self, broker: &str, book: &str) -> String {
        // What is a string in JSON is one in TOML.
        let state = serde_json::Value::from(self.state().to_string_lossy());
        let http = self.http;
        format!(
            "# Written by `kontor demo`; it goes when the demo ends.\n\
             [broker]\nuri = \"{broker}\"\n\n\
             [journal]\ndir = {state}\nsegment_bytes = 8388608\nfree_bytes_min = 33554432\n\n\
             [http]\nlisten = \"127.0.0.1:{http}\"\n\n{book}"
        )
    }

    /// Start the daemon, also after an earlier one has ended.
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        command.arg("--config").arg(self.config());
        command.args(["run", "--apply-topology"]);
        for (name, _) in std::env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("KONTOR__"))
            {
                command.env_remove(name);
            }
        }
        command.env_remove("NOTIFY_SOCKET");
        let process = Guarded::start(&command, &self.dir.join("log"), Some(&self.dir));
        self.process = Some(process.context("cannot start the daemon")?);
        Ok(())
    }

    /// Wait until it takes jobs; how long that took.
    pub(super) async fn ready(&mut self) -> anyhow::Result<Duration> {
        let since = Instant::now();
        loop {
            if let Some((200, _)) = self.get("/readyz").await {
                return Ok(since.elapsed());
            }
            let problem = if !self.runs() {
                "the daemon ended before it took jobs".to_owned()
            } else if since.elapsed() > READY_PATIENCE {
                let seconds = READY_PATIENCE.as_secs();
                format!("the daemon takes no jobs after {seconds} s")
            } else {
                tokio::time::sleep(POLL).await;
                continue;
            };
            return Err(Unexpected(problem).into());
        }
    }

    /// True as long as the daemon runs.
    pub(super) fn runs(&mut self) -> bool {
        self.process
            .as_mut()
            .is_some_and(|process| !process.ended())
    }

    /// Let the daemon stand still, and wait until it does.
    pub(super) async fn halt(&mut self) -> anyhow::Result<()> {
        if let Some(process) = self.process.as_mut() {
            process.halt().context("cannot halt the daemon")?;
        }
        let since = Instant::now();
        while let Ok(answer) = tokio::time::timeout(SILENCE, self.get("/livez")).await {
            if answer.is_none() || since.elapsed() > READY_PATIENCE {
                return Err(Unexpected("the daemon does not stand still".to_owned()).into());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// End the daemon as a power cut would.
    pub(super) fn kill(&mut self) {
        self.process = None;
    }

    /// Let the daemon finish what it has, and remove the folder.
    pub(super) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop(STOP_PATIENCE);
        }
    }

    /// Ask over HTTP; nothing if it does not answer.
    pub(super) async fn get(&self, path: &str) -> Option<(u16, String)> {
        let asked = async {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.http))
                .await
                .ok()?;
            let request = format!("GET {path} HTTP/1.0\r\n\r\n");
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            let (head, body) = answer.split_once("\r\n\r\n")?;
            let status = head.split(' ').nth(1)?.parse().ok()?;
            Some((status, body.to_owned()))
        };
        tokio::time::timeout(HTTP_PATIENCE, asked).await.ok()?
    }

    /// The value of a series of the metrics, by its name with labels.
    pub(super) async fn metric(&self, series: &str) -> Option<u64> {
        let (_, page) = self.get("/metrics").await?;
        let line = page.lines().find_map(|line| line.strip_prefix(series))?;
        line.trim().parse().ok()
    }

    /// The address of a page.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.http)
    }

    /// The settings file.
    pub(super) fn config(&self) -> PathBuf {
        self.dir.join("kontor.toml")
    }

    /// The state directory.
    pub(super) fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// The folder.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The end of the daemon's log, if it has said anything.
    pub(super) fn last_words(&self) -> Option<String> {
        let log = fs::read_to_string(self.dir.join("log")).ok()?;
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(LAST_LINES)..)?;
        (!last.is_empty()).then(|| last.join("\n"))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill();
        guarded::remove(&self.dir);
    }
}

/// A port that nobody listens on.
fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
