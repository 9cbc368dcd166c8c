//! kontor itself, as the process an operator runs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use kontor::bench::load::account_name;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::buckets::Buckets;
use super::queue::{Form, Queue};
use super::window::{Took, Window};

/// How often the daemon is asked how far it is. Each page it serves costs it about a millisecond,
/// which nobody asks of the other contenders.
const POLL: Duration = Duration::from_millis(50);
/// How long a start, a stop or a run without progress may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a good answer begins.
const OK: &str = "HTTP/1.1 200";

/// How to start it.
pub(crate) struct Daemon {
    dir: PathBuf,
    uri: String,
    prefetch: u16,
    port: u16,
}

/// A running one; killed if it is dropped.
pub(crate) struct Running {
    child: Child,
    port: u16,
}

impl Daemon {
    /// A daemon whose state is kept below a directory.
    pub(crate) fn new(dir: &Path, uri: &str, prefetch: u16) -> Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let dir = dir.canonicalize()?;
        Ok(Self {
            dir,
            uri: uri.to_owned(),
            prefetch,
            port,
        })
    }

    /// Start it with a mode of outcomes, on the state that earlier runs left. Runs are too short
    /// for snapshots: one that is begun in every run and finished in none would be measured, which
    /// is nobody's day.
    pub(crate) async fn start(&self, outcomes: &str) -> Result<Running> {
        let config = self.dir.join(format!("{outcomes}.toml"));
        let text = format!(
            "[broker]\nuri = \"{}\"\nprefetch = {}\n[journal]\ndir = \"{}\"\n\
             snapshot_jobs = 1000000000\nsnapshot_bytes = 1099511627776\n\
             [outcomes]\nmode = \"{outcomes}\"\n[http]\nlisten = \"127.0.0.1:{}\"\n\
             [log]\nlevel = \"warn\"\n",
            self.uri,
            self.prefetch,
            self.dir.join("state").display(),
            self.port,
        );
        std::fs::create_dir_all(self.dir.join("state"))?;
        std::fs::write(&config, text)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_kontor"));
        command
            .arg("run")
            .arg("--config")
            .arg(&config)
            .arg("--apply-topology");
        let child = command
            .stdout(Stdio::null())
            .spawn()
            .context("kontor did not start")?;
        let mut running = Running {
            child,
            port: self.port,
        };
        running
            .wait("ready", async |running| {
                // Answers that the connection is refused come before the page is served.
                Ok(running
                    .get("/readyz")
                    .await
                    .is_ok_and(|page| page.starts_with(OK)))
            })
            .await?;
        Ok(running)
    }

    /// Let it take everything in the queue; the rate counts from a tenth on.
    pub(crate) async fn run(&self, outcomes: &str, messages: u32) -> Result<Took> {
        let running = self.start(outcomes).await?;
        let all = u64::from(messages);
        let mut window = Window::of(running.child.id(), all);
        let (mut seen, mut moved) = (0, Instant::now());
        let took = loop {
            let done = running.acknowledged().await?;
            if let Some(took) = window.done(done)? {
                break took;
            }
            if done > seen {
                (seen, moved) = (done, Instant::now());
            }
            ensure!(
                moved.elapsed() < PATIENCE,
                "kontor stands still at {done} of {all}"
            );
            sleep(POLL).await;
        };
        running.stop().await?;
        Ok(took)
    }
}

impl Running {
    /// Open the accounts that the load uses, through the queue.
    pub(crate) async fn open_accounts(&self, queue: &Queue, accounts: u32) -> Result<()> {
        let lines: String = (0..accounts)
            .map(|number| {
                let account = account_name(number.into(), accounts.into());
                format!(
                    "{{\"key\":\"open-{number}\",\"kind\":\"account.open\",\"book\":\"main\",\
                     \"data\":{{\"account\":\"{account}\",\"class\":\"liability\",\
                     \"unit\":\"EUR\"}}}}\n"
                )
            })
            .collect();
        queue.send(Form::Lines, lines.as_bytes()).await?;
        let since = Instant::now();
        while self.acknowledged().await? < 1 {
            ensure!(since.elapsed() < PATIENCE, "the accounts were not opened");
            sleep(POLL).await;
        }
        Ok(())
    }

    /// End it as systemd does, and see that it ends well.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("no process")?, Signal::TERM)?;
        let wait = async |running: &mut Self| Ok(running.child.try_wait()?.is_some());
        self.wait("ended", wait).await?;
        let status = self.child.wait()?;
        ensure!(status.success(), "kontor ended with {status}");
        Ok(())
    }

    async fn wait(
        &mut self,
        what: &str,
        until: impl AsyncFn(&mut Self) -> Result<bool>,
    ) -> Result<()> {
        let since = Instant::now();
        while !until(self).await? {
            if what == "ready"
                && let Some(status) = self.child.try_wait()?
            {
                bail!("kontor ended with {status} before it was ready");
            }
            ensure!(
                since.elapsed() < PATIENCE,
                "kontor was not {what} after {PATIENCE:?}"
            );
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Its number.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// How long jobs took from received to durable, since the start.
    pub(crate) async fn latencies(&self) -> Result<Buckets> {
        Buckets::of(&self.get("/metrics").await?, "kontor_job_latency_seconds")
    }

    /// Messages delivered and acknowledged since the start.
    async fn acknowledged(&self) -> Result<u64> {
        let page = self.get("/metrics").await?;
        let delivered = sum(&page, "kontor_deliveries_total");
        Ok(delivered.saturating_sub(sum(&page, "kontor_unacked_deliveries")))
    }

    async fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n",
            self.port
        );
        stream.write_all(request.as_bytes()).await?;
        let mut page = String::new();
        stream.read_to_string(&mut page).await?;
        Ok(page)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already if all went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sum of all series of a metric.
fn sum(page: &str, name: &str) -> u64 {
    let values = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = match rest.strip_prefix('{') {
            Some(labels) => labels.split_once('}')?.1,
            None => rest.strip_prefix(' ')?,
        };
        value.trim().parse::<u64>().ok()
    });
    values.sum()
}
