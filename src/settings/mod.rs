//! The configuration: found, read, checked, and said in one go what is wrong with it.
//!
//! Flag over environment over file over default. Every setting stands once, in [`table`]; an
//! unknown key is a mistake, whether in the file or in a `KONTOR__…` variable. What is handed out
//! has been checked: nobody behind this module looks at a bound again.
//!
//! What stands under `[[book]]` beyond name, unit, zone and partition is not understood here; it is
//! handed on as it stands, for the record that brings it into the journal.

pub mod memory;
pub mod table;

mod book;
mod check;
mod document;
mod mistake;
mod node;
mod reader;
mod reply_to;
mod secret;
mod setting;
mod source;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use book::Book;
pub use document::{page, reference};
pub use mistake::{Mistake, Place, SettingsFault, lines};
pub use reader::Resolved;
pub use reply_to::ReplyTo;
pub use secret::{BrokerUri, Secret};
pub use setting::{Reload, Rule, Section, Setting};
pub use source::{Flag, Origin, PLACES, Sources};
pub use written::{TakenOut, Written};

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where jobs come from and outcomes go to.
    pub broker: Broker,
    /// Where the book of original entry is kept.
    pub journal: Journal,
    /// The partitions this process serves, ascending.
    pub partitions: Vec<u16>,
    /// How much may be under way.
    pub pipeline: Pipeline,
    /// What is published.
    pub outcomes: Outcomes,
    /// Where metrics and health are served.
    pub listen: SocketAddr,
    /// How far the wall clock is believed.
    pub clock_jump_max: Duration,
    /// What is logged.
    pub log: Log,
    /// All books of the configuration, also those of partitions run elsewhere.
    pub books: Vec<Book>,
    /// The file all this came from.
    pub origin: Origin,
    /// Every setting as it counts, by key, with its place.
    pub resolved: BTreeMap<&'static str, Resolved>,
}

/// `[broker]`.
#[derive(Debug, Clone)]
pub struct Broker {
    /// Address, its password hidden when printed.
    pub uri: BrokerUri,
    /// First word of every exchange and queue.
    pub prefix: String,
    /// Deliveries open per partition, before memory is looked at (see [`memory`]).
    pub prefetch: u16,
    /// How far it may be lowered.
    pub prefetch_min: u16,
    /// Largest body that is read.
    pub message_bytes_max: usize,
    /// Memory that open deliveries may take.
    pub intake_bytes_max: u64,
    /// User name, if not the one in the address.
    pub username: Option<String>,
    password: Secret,
    password_file: Option<PathBuf>,
    /// Authorities for TLS, if not those of the system.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate chain and its key.
    pub client_identity: Option<ClientIdentity>,
    /// Heartbeat.
    pub heartbeat: Duration,
    /// Longest attempt to connect.
    pub connect_timeout: Duration,
    /// First and longest pause between attempts.
    pub reconnect: (Duration, Duration),
    /// Which queues may get replies.
    pub reply_to: ReplyTo,
    /// Users that may vouch for an actor.
    pub trusted_front_ends: Vec<String>,
    /// Whether there is a stream of all outcomes.
    pub outcomes_log: bool,
}

/// Certificate and key for SASL EXTERNAL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// PEM chain.
    pub cert_file: PathBuf,
    /// PEM key, PKCS#8.
    pub key_file: PathBuf,
}

/// `[journal]`. There is one kind so far, the file journal.
#[derive(Debug, Clone)]
pub struct Journal {
    /// State directory.
    pub dir: PathBuf,
    /// Where old segments go, if anywhere.
    pub archive_dir: Option<PathBuf>,
    /// Size of a segment.
    pub segment_bytes: u64,
    /// Jobs between snapshots.
    pub snapshot_jobs: u64,
    /// Journal bytes between snapshots.
    pub snapshot_bytes: u64,
    /// Idle time before a seal.
    pub seal_idle: Duration,
    /// Free space below which intake stops.
    pub free_bytes_min: u64,
}

/// `[pipeline]`.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// Jobs per commit.
    pub batch_jobs_max: usize,
    /// Slots between decode and post.
    pub ring_jobs: usize,
    /// Slots between post and persist.
    pub ring_commits: usize,
    /// How long a stop may take.
    pub drain_budget: Duration,
}

/// `[outcomes]`.
#[derive(Debug, Clone)]
pub struct Outcomes {
    /// How outcomes are published.
    pub mode: OutcomesMode,
    /// Bytes that may wait for the broker.
    pub backlog_bytes_max: u64,
    /// Messages that may wait for a confirm.
    pub unconfirmed_max: usize,
}

/// How outcomes are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomesMode {
    /// One message per outcome.
    Each,
    /// Many outcomes of one book per message.
    Batched,
    /// Journaled only; replies are still sent.
    Off,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Least severe line.
    pub level: tracing::Level,
    /// Shape of a line.
    pub format: LogFormat,
}

/// Shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A setting that two configurations disagree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its key; `book` for anything under `[[book]]`.
    pub key: &'static str,
    /// Whether the running daemon takes it over.
    pub reload: Reload,
}

impl Settings {
    /// Find, read and check.
    pub fn load(sources: &Sources) -> Result<Self, SettingsFault> {
        check::settings(sources.gather()?)
    }

    /// A file's text, without environment or flags; `path` is for messages only.
    pub fn parse(path: &Path, text: &str) -> Result<Self, SettingsFault> {
        check::settings(source::from_file(path, text)?)
    }

    /// What counts if nobody says anything.
    pub fn built_in() -> Result<Self, SettingsFault> {
        check::settings(source::Gathered::built_in())
    }

    /// All partitions that have books, also those run elsewhere: one alone takes every routing key.
    pub fn partitions_with_books(&self) -> BTreeSet<u16> {
        self.books.iter().map(|book| book.partition).collect()
    }

    /// The books of one partition.
    pub fn books_of(&self, partition: u16) -> impl Iterator<Item = &Book> {
        self.books
            .iter()
            .filter(move |book| book.partition == partition)
    }

    /// These settings with what of new ones a running daemon takes over.
    #[must_use]
    pub fn taking_over(&self, new: &Self) -> Self {
        let mut taken = self.clone();
        let (broker, from) = (&mut taken.broker, &new.broker);
        broker.username.clone_from(&from.username);
        broker.password.clone_from(&from.password);
        broker.password_file.clone_from(&from.password_file);
        broker.ca_file.clone_from(&from.ca_file);
        broker.client_identity.clone_from(&from.client_identity);
        taken.log.level = new.log.level;
        for setting in table::all().filter(|setting| setting.reload == Reload::Live) {
            if let Some(resolved) = new.resolved.get(setting.key) {
                taken.resolved.insert(setting.key, resolved.clone());
            }
        }
        taken
    }

    /// What a reload would change, and what it would have to leave for a restart.
    pub fn differences(&self, new: &Self) -> Vec<Difference> {
        let changed = |setting: &&Setting| {
            let (old, new) = (
                self.resolved.get(setting.key),
                new.resolved.get(setting.key),
            );
            match (old, new) {
                (Some(old), Some(new)) => !old.same_value(new),
                (old, new) => old.is_some() != new.is_some(),
            }
        };
        let settings = table::all().filter(changed);
        let mut found: Vec<_> = settings
            .map(|s| Difference {
                key: s.key,
                reload: s.reload,
            })
            .collect();
        if self.books != new.books {
            found.push(Difference {
                key: "book",
                reload: Reload::Restart,
            });
        }
        found
    }
}

impl Settings {
    /// The files named that cannot be read now. A start needs all of them.
    pub fn unreadable_files(&self) -> Vec<Mistake> {
        let broker = &self.broker;
        let identity = broker.client_identity.as_ref();
        let certificates = [
            ("broker.ca_file", broker.ca_file.as_deref()),
            (
                "broker.client_cert_file",
                identity.map(|id| id.cert_file.as_path()),
            ),
            (
                "broker.client_key_file",
                identity.map(|id| id.key_file.as_path()),
            ),
        ];
        let unreadable = |(key, path): (&'static str, Option<&Path>)| {
            let source = std::fs::read(path?).err()?;
            let path = path?.to_owned();
            Some((key, SettingsFault::Unreadable { path, source }))
        };
        let password = broker.password().err().map(|fault| (PASSWORD_FILE, fault));
        let faults = certificates.into_iter().filter_map(unreadable);
        let mistake = |(key, fault): (&'static str, SettingsFault)| {
            let resolved = self.resolved.get(key);
            Mistake {
                place: resolved.map_or(Place::Default, |value| value.place.clone()),
                key: key.to_owned(),
                problem: fault.to_string(),
            }
        };
        password.into_iter().chain(faults).map(mistake).collect()
    }
}

const PASSWORD_FILE: &str = "broker.password_file";

impl Broker {
    /// The password as it is now: the setting, else the file, else systemd's credential. None means
    /// that the address holds it. Ask again for every connection, so that a changed one is used.
    pub fn password(&self) -> Result<Option<Secret>, SettingsFault> {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        self.password_from(credentials.as_deref())
    }

    fn password_from(&self, credentials: Option<&Path>) -> Result<Option<Secret>, SettingsFault> {
        if !self.password.is_empty() {
            return Ok(Some(self.password.clone()));
        }
        if let Some(file) = &self.password_file {
            return read_secret(file).map(Some);
        }
        let Some(credential) = credentials.map(|dir| dir.join("amqp-password")) else {
            return Ok(None);
        };
        match read_secret(&credential) {
            Err(SettingsFault::Unreadable { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            // The unit sets an empty line where none was stored.
            found => found.map(|secret| Some(secret).filter(|secret| !secret.is_empty())),
        }
    }
}

/// A file with one secret; editors end it with a line end that is not part of it.
fn read_secret(path: &Path) -> Result<Secret, SettingsFault> {
    let unreadable = |source| SettingsFault::Unreadable {
        path: path.to_owned(),
        source,
    };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line)))
}

#[cfg(test)]
mod tests;
