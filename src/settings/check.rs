//! From gathered values to [`Settings`], with the rules that concern more than one setting.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::book::{self, Book};
use super::mistake::SettingsFault;
use super::reader::Reader;
use super::reply_to::ReplyTo;
use super::secret::BrokerUri;
use super::source::Gathered;
use super::{
    Broker, ClientIdentity, Journal, Log, LogFormat, Outcomes, OutcomesMode, Pipeline, Settings,
};

/// Everything is read before anything is refused.
pub(super) fn settings(gathered: Gathered) -> Result<Settings, SettingsFault> {
    let Gathered {
        values,
        books,
        origin,
        mistakes,
    } = gathered;
    let mut reader = Reader::new(values, mistakes);
    let broker = broker(&mut reader);
    let journal = journal(&mut reader);
    let pipeline = pipeline(&mut reader);
    let outcomes = outcomes(&mut reader);
    let listen = listen(&mut reader);
    let clock_jump_max = Duration::from_secs(reader.number("clock.jump_max_s"));
    let log = log(&mut reader);
    let books = book::read(books.as_ref(), &mut reader.mistakes);
    let partitions = partitions(&mut reader, &books);
    let Reader {
        mistakes, resolved, ..
    } = reader;
    match (broker, listen, mistakes.is_empty()) {
        (Some(broker), Some(listen), true) => Ok(Settings {
            broker,
            journal,
            partitions,
            pipeline,
            outcomes,
            listen,
            clock_jump_max,
            log,
            books,
            origin,
            resolved,
        }),
        _ => Err(SettingsFault::mistakes(mistakes).beside(books)),
    }
}

fn broker(reader: &mut Reader) -> Option<Broker> {
    let uri = uri(reader);
    let prefix = prefix(reader);
    let reply_to = reply_to(reader, &prefix);
    let tls = uri.as_ref().is_some_and(BrokerUri::is_tls);
    let (password, password_file) = (
        reader.secret("broker.password"),
        file(reader, PASSWORD_FILE),
    );
    if !password.is_empty() && password_file.is_some() {
        reader.refuse(PASSWORD_FILE, "password is set too; give one of them");
    }
    let ca_file = file(reader, "broker.ca_file");
    if ca_file.is_some() && !tls {
        reader.refuse("broker.ca_file", "is for amqps:// only; broker.uri is not");
    }
    let client_identity = client_identity(reader, tls);
    let broker = Broker {
        uri: uri?,
        prefix,
        prefetch: reader.number("broker.prefetch"),
        prefetch_min: reader.number("broker.prefetch_min"),
        message_bytes_max: reader.number("broker.message_bytes_max"),
        intake_bytes_max: reader.number("broker.intake_bytes_max"),
        username: Some(reader.text("broker.username")).filter(|name| !name.is_empty()),
        password,
        password_file,
        ca_file,
        client_identity,
        heartbeat: Duration::from_secs(reader.number("broker.heartbeat_s")),
        connect_timeout: millis(reader, "broker.connect_timeout_ms"),
        reconnect: (millis(reader, RECONNECT_MIN), millis(reader, RECONNECT_MAX)),
        reply_to: reply_to?,
        trusted_front_ends: reader.texts("broker.trusted_front_ends"),
        outcomes_log: reader.switch("broker.outcomes_log"),
    };
    if broker.reconnect.0 > broker.reconnect.1 {
        let most = format!(
            "must not be above reconnect_ms_max ({:?})",
            broker.reconnect.1
        );
        reader.refuse(RECONNECT_MIN, most);
    }
    Some(broker)
}

const PASSWORD_FILE: &str = "broker.password_file";
const RECONNECT_MIN: &str = "broker.reconnect_ms_min";
const RECONNECT_MAX: &str = "broker.reconnect_ms_max";

fn uri(reader: &mut Reader) -> Option<BrokerUri> {
    let uri = BrokerUri::parse(&reader.text("broker.uri"));
    if uri.is_none() {
        let problem = "allowed is amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps:// for TLS; a / \
                       in password or virtual host is written %2f";
        reader.refuse("broker.uri", problem);
    }
    uri
}

fn prefix(reader: &mut Reader) -> String {
    let prefix = reader.text("broker.prefix");
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
    let long = (1..=32).contains(&prefix.len());
    if !long || !prefix.chars().all(letter) || prefix.starts_with("amq.") {
        let problem = format!(
            "found {prefix:?}, allowed is 1 to 32 of a-z, 0-9, '.', '_' and '-', not beginning \
             with amq."
        );
        reader.refuse("broker.prefix", problem);
    }
    prefix
}

fn reply_to(reader: &mut Reader, prefix: &str) -> Option<ReplyTo> {
    match ReplyTo::new(&reader.text("broker.reply_to"), prefix) {
        Ok(rule) => Some(rule),
        Err(error) => {
            // The crate draws the pattern over several lines; the last one says what is wrong.
            let error = error.to_string();
            let why = error
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            reader.refuse(
                "broker.reply_to",
                format!("not a regular expression: {why}"),
            );
            None
        }
    }
}

fn client_identity(reader: &mut Reader, tls: bool) -> Option<ClientIdentity> {
    const CERT: &str = "broker.client_cert_file";
    const KEY: &str = "broker.client_key_file";
    match (file(reader, CERT), file(reader, KEY)) {
        (None, None) => None,
        (Some(_), None) => {
            reader.refuse(CERT, "needs client_key_file too");
            None
        }
        (None, Some(_)) => {
            reader.refuse(KEY, "needs client_cert_file too");
            None
        }
        (Some(cert_file), Some(key_file)) => {
            if !tls {
                reader.refuse(CERT, "is for amqps:// only; broker.uri is not");
            }
            Some(ClientIdentity {
                cert_file,
                key_file,
            })
        }
    }
}

fn journal(reader: &mut Reader) -> Journal {
    if reader.text("journal.kind") == "postgres" {
        reader.refuse(
            "journal.kind",
            "postgres is not built yet; allowed is \"file\"",
        );
    }
    if !reader.text("journal.url").is_empty() {
        reader.refuse(
            "journal.url",
            "is for kind = \"postgres\", which is not built yet",
        );
    }
    let dir = file(reader, "journal.dir");
    if dir.is_none() {
        reader.refuse(
            "journal.dir",
            "found \"\", allowed is the path of a directory",
        );
    }
    let dir = dir.unwrap_or_default();
    let archive_dir = file(reader, "journal.archive_dir");
    if let Some(archive) = &archive_dir
        && (archive.starts_with(&dir) || dir.starts_with(archive))
    {
        let problem = format!(
            "found {:?}, allowed is a directory that neither holds journal.dir, {:?}, nor lies \
             in it",
            archive.display().to_string(),
            dir.display().to_string()
        );
        reader.refuse("journal.archive_dir", problem);
    }
    Journal {
        dir,
        archive_dir,
        segment_bytes: reader.number("journal.segment_bytes"),
        snapshot_jobs: reader.number("journal.snapshot_jobs"),
        snapshot_bytes: reader.number("journal.snapshot_bytes"),
        seal_idle: millis(reader, "journal.seal_idle_ms"),
        free_bytes_min: reader.number("journal.free_bytes_min"),
    }
}

fn pipeline(reader: &mut Reader) -> Pipeline {
    let pipeline = Pipeline {
        batch_jobs_max: reader.number("pipeline.batch_jobs_max"),
        ring_jobs: reader.number("pipeline.ring_jobs"),
        ring_commits: reader.number("pipeline.ring_commits"),
        drain_budget: millis(reader, "pipeline.drain_budget_ms"),
    };
    if pipeline.ring_jobs < pipeline.batch_jobs_max {
        let least = pipeline.batch_jobs_max;
        let problem = format!("must hold at least one batch: batch_jobs_max is {least}");
        reader.refuse("pipeline.ring_jobs", problem);
    }
    pipeline
}

fn outcomes(reader: &mut Reader) -> Outcomes {
    let mode = match reader.text("outcomes.mode").as_str() {
        "batched" => OutcomesMode::Batched,
        "off" => OutcomesMode::Off,
        _ => OutcomesMode::Each,
    };
    Outcomes {
        mode,
        backlog_bytes_max: reader.number("outcomes.backlog_bytes_max"),
        unconfirmed_max: reader.number("outcomes.unconfirmed_max"),
    }
}

/// An address, not a name: where kontor listens must not depend on who answers for a name.
fn listen(reader: &mut Reader) -> Option<SocketAddr> {
    let text = reader.text("http.listen");
    let listen = text.parse().ok();
    if listen.is_none() {
        let problem = format!("found {text:?}, allowed is IP:PORT, such as \"127.0.0.1:9464\"");
        reader.refuse("http.listen", problem);
    }
    listen
}

fn log(reader: &mut Reader) -> Log {
    let level = reader
        .text("log.level")
        .parse()
        .unwrap_or(tracing::Level::INFO);
    let format = match reader.text("log.format").as_str() {
        "json" => LogFormat::Json,
        _ => LogFormat::Text,
    };
    Log { level, format }
}

fn partitions(reader: &mut Reader, books: &[Book]) -> Vec<u16> {
    const RUN: &str = "partitions.run";
    let named = reader.numbers(RUN);
    let mut partitions = named.clone();
    partitions.sort_unstable();
    partitions.dedup();
    if named.is_empty() {
        reader.refuse(RUN, "found an empty list, allowed is one partition or more");
    }
    if partitions.len() < named.len() {
        reader.refuse(RUN, "names a partition twice");
    }
    for partition in &partitions {
        // With mistakes among the books this one would only repeat them.
        if reader.mistakes.is_empty() && !books.iter().any(|book| book.partition == *partition) {
            let problem = format!("partition {partition} has no [[book]], so no job could post");
            reader.refuse(RUN, problem);
        }
    }
    partitions
}

fn file(reader: &mut Reader, key: &'static str) -> Option<PathBuf> {
    let text = reader.text(key);
    (!text.is_empty()).then(|| Path::new(&text).to_owned())
}

fn millis(reader: &mut Reader, key: &'static str) -> Duration {
    Duration::from_millis(reader.number(key))
}
