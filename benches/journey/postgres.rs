//! A private PostgreSQL cluster with its defaults, on its own port, gone afterwards.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kontor::bench::load::account_name;
use kontor::bench::machine::says;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// How long the start may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Unprivileged account to run under if we are root, which PostgreSQL refuses.
const USER: &str = "nobody";
/// What the worker keeps, and nothing more.
const TABLES: &str = "
    CREATE TABLE job (key text PRIMARY KEY);
    CREATE TABLE balance
        (account text PRIMARY KEY, debits bigint NOT NULL, credits bigint NOT NULL);
    CREATE TABLE entry (
        number bigserial PRIMARY KEY,
        key text NOT NULL,
        debit text NOT NULL,
        credit text NOT NULL,
        amount bigint NOT NULL,
        booked_at timestamptz NOT NULL DEFAULT now()
    );";

/// A running cluster. Dropping it ends the server and removes its files.
pub(crate) struct Cluster {
    server: Child,
    dir: TempDir,
}

impl Cluster {
    /// Make a cluster and the tables with so many accounts.
    pub(crate) async fn start(accounts: u32) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let root = rustix::process::geteuid().is_root();
        if root {
            own(dir.path())?;
        }
        let data = dir.path().join("data");
        let mut initdb = command("initdb", root)?;
        initdb
            .arg("-D")
            .arg(&data)
            .args(["-U", "bench", "-A", "trust"]);
        let output = initdb.output().context("initdb did not run")?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "initdb failed: {told}");
        let mut postgres = command("postgres", root)?;
        postgres
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-k"])
            .arg(dir.path());
        let log = std::fs::File::create(dir.path().join("log"))?;
        let server = postgres.stdout(Stdio::null()).stderr(log).spawn()?;
        let cluster = Self { server, dir };
        let client = cluster.patiently().await?;
        client.batch_execute(TABLES).await?;
        let mut rows = String::from("INSERT INTO balance VALUES ");
        for number in 0..accounts {
            let comma = if number == 0 { "" } else { "," };
            let account = account_name(number.into(), accounts.into());
            write!(rows, "{comma}('{account}', 0, 0)")?;
        }
        client.batch_execute(&rows).await?;
        Ok(cluster)
    }

    /// A connection.
    pub(crate) async fn connect(&self) -> Result<Client> {
        let options = format!(
            "host={} user=bench dbname=postgres",
            self.dir.path().display()
        );
        let (client, connection) = tokio_postgres::connect(&options, NoTls).await?;
        tokio::spawn(async move {
            // Its end is seen by the next statement.
            drop(connection.await);
        });
        Ok(client)
    }

    async fn patiently(&self) -> Result<Client> {
        let since = Instant::now();
        loop {
            match self.connect().await {
                Ok(client) => return Ok(client),
                Err(fault) if since.elapsed() > PATIENCE => return Err(fault),
                Err(_not_yet) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's fast shutdown.
        if let Some(pid) = i32::try_from(self.server.id()).ok().and_then(Pid::from_raw) {
            let _gone_already = kill_process(pid, Signal::INT);
        }
        drop(self.server.wait());
    }
}

/// Its version, if it is installed.
pub(crate) fn version() -> Option<String> {
    says(find("postgres")?.to_str()?, &["--version"])
}

/// A program of PostgreSQL, under another user if we are root.
fn command(program: &str, root: bool) -> Result<Command> {
    let path = find(program).with_context(|| format!("{program} of PostgreSQL was not found"))?;
    if !root {
        return Ok(Command::new(path));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", "nogroup", "--clear-groups"]);
    command.arg(path).current_dir("/");
    Ok(command)
}

/// Where Debian keeps it, newest first; else on the path.
fn find(program: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<PathBuf> = versions
        .map(|version| version.path().join("bin").join(program))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&paths).map(|dir| dir.join(program));
    found
        .pop()
        .or_else(|| on_path.into_iter().find(|path| path.is_file()))
}

fn own(dir: &Path) -> Result<()> {
    let owner = format!("{USER}:nogroup");
    let status = Command::new("chown").arg(owner).arg(dir).status()?;
    ensure!(status.success(), "chown failed");
    Ok(())
}
