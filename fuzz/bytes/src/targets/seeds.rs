//! What a run begins with, made from what is in the repository anyway: the case files, their jobs
//! in all forms, their commits, the configuration as it is shipped. Nothing binary is kept.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kontor::ids::BookIndex;
use kontor::jobs::job::Body;
use kontor::journal::record;
use kontor::pipeline::decode::{ContentType, Item, decode};
use kontor::rehearsal::{Case, run};
use kontor::wire::client::{BinaryEnvelope, JobsMessage};
use kontor::wire::message::{BookRules, Head, JobReader, SCHEMA_VERSION};
use serde_json::Value as Json;

use super::jobs::Shape;

/// Commits that are longer teach nothing that the shorter ones do not.
const RECORD_BYTES_MAX: usize = 1024;

/// The root of the repository, from wherever this is compiled.
fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    while !root.join("tests/cases").is_dir() {
        assert!(root.pop(), "not in the repository");
    }
    root
}

fn read(path: &Path) -> Vec<u8> {
    match fs::read(path) {
        Ok(bytes) => bytes,
        Err(fault) => panic!("{}: {fault}", path.display()),
    }
}

/// All files below a folder that end so, in order.
pub(crate) fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
    found
}

/// The inputs that a target begins with, each once.
pub(crate) fn of(target: &str) -> BTreeSet<Vec<u8>> {
    let mut seeds = kept(target);
    match target {
        "case" => seeds.extend(cases()),
        "jobs" => cases().iter().for_each(|case| jobs(case, &mut seeds)),
        "record" => cases().iter().for_each(|case| records(case, &mut seeds)),
        "settings" => settings(&mut seeds),
        _ => {}
    }
    seeds
}

/// What is kept of earlier runs: files as they are, or lists of inputs in hexadecimal digits, each
/// over as many lines as it needs and a blank one behind it.
pub(crate) fn kept(target: &str) -> BTreeSet<Vec<u8>> {
    let corpus = root().join("fuzz/bytes/corpus");
    let mut kept: BTreeSet<Vec<u8>> = files(&corpus.join(target), "")
        .iter()
        .map(|path| read(path))
        .collect();
    let list = corpus.join(format!("{target}.hex"));
    if list.is_file() {
        let text = String::from_utf8_lossy(&read(&list)).into_owned();
        kept.extend(text.split("\n\n").map(unhex));
    }
    kept
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks_exact(2);
    let byte = |pair: &[u8]| u8::from_str_radix(&String::from_utf8_lossy(pair), 16);
    pairs.filter_map(|pair| byte(pair).ok()).collect()
}

fn cases() -> Vec<Vec<u8>> {
    let cases = files(&root().join("tests/cases"), ".json");
    cases.iter().map(|path| read(path)).collect()
}

/// The jobs of a case one by one as JSON, as lines, and in binary form.
fn jobs(case: &[u8], seeds: &mut BTreeSet<Vec<u8>>) {
    let Ok(case) = Case::read(case) else { return };
    let Ok(steps) = case.steps() else { return };
    let mut lines = Vec::new();
    let mut message = JobsMessage::new();
    for body in steps.into_iter().filter_map(|step| step.message) {
        let body = body.body;
        lines.extend(body.iter().copied().filter(|byte| *byte != b'\n'));
        lines.push(b'\n');
        binary(&body, &mut message);
        seeds.insert(body);
    }
    seeds.insert(lines);
    seeds.insert(message.finish());
}

fn binary(body: &[u8], message: &mut JobsMessage) {
    let rules = BookRules {
        name: "main".into(),
        index: BookIndex(0),
        pan_policy: kontor::ledger::reference::PanPolicy::Off,
    };
    let head = Head {
        book: Some("main"),
        ..Head::default()
    };
    let mut items = Vec::new();
    let reader = &mut JobReader::new(vec![rules], [7; 32]);
    decode(
        reader,
        Ok(ContentType::Json),
        &head,
        body,
        1 << 20,
        &mut items,
    );
    let Some(Item::Job { job, .. }) = items.first() else {
        return;
    };
    if let Body::Data(data) = &job.job.body {
        let envelope = BinaryEnvelope {
            key: (&*job.job.envelope.key).into(),
            actor: job.job.envelope.actor.as_deref().map(str::to_owned),
            ..BinaryEnvelope::default()
        };
        let (kind, version) = (data.code().0, SCHEMA_VERSION.0);
        let pushed = message.push(kind, version, &envelope, &Shape(data));
        assert!(pushed.is_ok(), "{pushed:?}");
    }
}

/// The commits of a case.
fn records(case: &[u8], seeds: &mut BTreeSet<Vec<u8>>) {
    let Ok(case) = Case::read(case) else { return };
    let Ok(Ok(run)) = run(&case) else { return };
    for commit in &run.commits {
        let mut bytes = Vec::new();
        if record::encode(commit, &mut bytes).is_ok() && bytes.len() <= RECORD_BYTES_MAX {
            seeds.insert(bytes);
        }
    }
}

/// The configuration as it is shipped, whole and section by section, and the books of the cases.
fn settings(seeds: &mut BTreeSet<Vec<u8>>) {
    let text = read(&root().join("config/kontor.toml"));
    let text = String::from_utf8_lossy(&text).into_owned();
    let told = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let bare = text.lines().filter(told).collect::<Vec<_>>().join("\n");
    for section in bare.split("\n[") {
        seeds.insert(format!("[{}\n", section.trim_start_matches('[')).into_bytes());
    }
    seeds.insert(bare.into_bytes());
    for case in cases() {
        if let Ok(case) = Case::read(&case) {
            let mut book = String::from("[[book]]\nname = \"main\"\ntime_zone = \"UTC\"\n");
            for (name, value) in &case.given.members() {
                member(name, value, &mut book);
                book.push('\n');
            }
            seeds.insert(book.into_bytes());
        }
    }
}

fn member(name: &str, value: &Json, out: &mut String) {
    out.push_str(&Json::from(name).to_string());
    out.push_str(" = ");
    inline(value, out);
}

/// JSON as TOML on one line. TOML has nothing for `null`, and any other value teaches as much.
fn inline(value: &Json, out: &mut String) {
    match value {
        Json::Object(members) => {
            out.push('{');
            for (at, (name, value)) in (0..).zip(members) {
                out.push_str(if at > 0 { ", " } else { "" });
                member(name, value, out);
            }
            out.push('}');
        }
        Json::Array(items) => {
            out.push('[');
            for (at, value) in (0..).zip(items) {
                out.push_str(if at > 0 { ", " } else { "" });
                inline(value, out);
            }
            out.push(']');
        }
        Json::Null => out.push('0'),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => out.push_str(&value.to_string()),
    }
}
