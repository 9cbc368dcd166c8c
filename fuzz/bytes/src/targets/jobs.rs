//! A message in each of the three forms that jobs come in.
//!
//! Bytes with the magic of binary jobs are taken for such, all others for one job as JSON and for
//! lines. A job whose data fit their schema is then written in the other forms, which must say the
//! same: the same fingerprint and the same content.

use std::convert::Infallible;

use kontor::code::Code;
use kontor::ids::{BookIndex, Hash128};
use kontor::jobs::JobData;
use kontor::jobs::job::{Body, DeadLetter, Job};
use kontor::ledger::reference::PanPolicy;
use kontor::pipeline::decode::{ContentType, Item, Sealer, Subject, decode, part, seal};
use kontor::wire::client::{BinaryEnvelope, JobsMessage};
use kontor::wire::message::{BookRules, Head, JobReader, SCHEMA_VERSION, content, read_binary};
use serde::Serialize;
use serde_json::{Value as Json, json};

const BOOK: &str = "main";
const BYTES_MAX: usize = 1 << 20;

pub(super) fn run(input: &[u8]) {
    let forms: &[ContentType] = if input.starts_with(b"kontorj\0") {
        &[ContentType::Binary]
    } else {
        &[ContentType::Json, ContentType::Ndjson]
    };
    for form in forms {
        for policy in [PanPolicy::Off, PanPolicy::Mask, PanPolicy::Reject] {
            let mut reader = reader(policy);
            let items = read(&mut reader, *form, input);
            assert!(!items.is_empty(), "a message that is nothing");
            for item in &items {
                alone(&mut reader, *form, input, item);
                // What is masked has the fingerprint of what it was.
                if let (Item::Job { job, .. }, PanPolicy::Off) = (item, policy) {
                    same_in_all_forms(&mut reader, &job.job);
                }
            }
            sealed(items);
        }
    }
}

fn reader(pan_policy: PanPolicy) -> JobReader {
    let rules = BookRules {
        name: BOOK.into(),
        index: BookIndex(0),
        pan_policy,
    };
    JobReader::new(vec![rules], [7; 32])
}

fn read(reader: &mut JobReader, form: ContentType, body: &[u8]) -> Vec<Item> {
    let head = Head {
        book: Some(BOOK),
        trusted: true,
        ..Head::default()
    };
    let mut items = Vec::new();
    decode(reader, Ok(form), &head, body, BYTES_MAX, &mut items);
    items
}

/// What tells one item from another.
fn print(item: &Item) -> Result<(Hash128, Hash128), &DeadLetter> {
    match item {
        Item::Job { job, .. } => Ok((job.job.key_hash, job.job.envelope.fingerprint)),
        Item::Dead(dead) => Err(&dead.letter),
    }
}

/// A part of a message, sent again alone, is what it was among others.
fn alone(reader: &mut JobReader, form: ContentType, body: &[u8], item: &Item) {
    if item.line() == 0 {
        return;
    }
    let Some(bytes) = part(form, body, item.line()) else {
        panic!("line {} is no part of its message", item.line());
    };
    let again = read(reader, form, &bytes);
    let again: Vec<_> = again.iter().map(print).collect();
    assert_eq!(again, [print(item)]);
}

pub(super) struct Shape<'a>(pub(super) &'a JobData);

impl Serialize for Shape<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// The data of a job whose version is known, and whether the job is refused by what it says alone.
fn data(job: &Job) -> Option<(&JobData, bool)> {
    match &job.body {
        Body::Data(data) => Some((data, false)),
        Body::Refused { data, .. } => data.as_ref().map(|data| (data, true)),
        Body::Dead(_) => None,
    }
}

fn bytes(data: &JobData) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = content(data, &mut bytes);
    assert!(written.is_ok(), "a kind without a binary form: {written:?}");
    bytes
}

/// What is not there is not written in JSON, where a `null` is something.
fn without_nulls(json: &mut Json) {
    match json {
        Json::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Json::Array(items) => items.iter_mut().for_each(without_nulls),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn is_too_long(job: &Job) -> bool {
    matches!(&job.body, Body::Refused { refusal, data: None }
        if refusal.code() == Code::FieldTooLong)
}

fn same_in_all_forms(reader: &mut JobReader, job: &Job) {
    let Some((first, refused)) = data(job) else {
        return;
    };
    let wanted = (job.key_hash, job.envelope.fingerprint);
    let key = &*job.envelope.key;
    let kind = kontor::jobs::kind_name(first.code());
    let mut data = json!(Shape(first));
    without_nulls(&mut data);
    let as_json = json!({ "key": key, "kind": kind, "data": data }).to_string();
    let mut message = JobsMessage::new();
    let envelope = BinaryEnvelope {
        key: key.into(),
        ..BinaryEnvelope::default()
    };
    let pushed = message.push(first.code().0, SCHEMA_VERSION.0, &envelope, &Shape(first));
    assert!(pushed.is_ok(), "{pushed:?}");
    for (form, body) in [
        (ContentType::Json, as_json.as_bytes()),
        (ContentType::Ndjson, as_json.as_bytes()),
        (ContentType::Binary, &message.finish()),
    ] {
        let items = read(reader, form, body);
        let [Item::Job { job: again, .. }] = items.as_slice() else {
            panic!("{form:?}: {items:?}");
        };
        // A value that is no text where text must be is remembered and refused later. JSON made of
        // it has it as text: the one thing that another job may have instead, if that is not too
        // long for one.
        if form != ContentType::Binary && is_too_long(&again.job) {
            continue;
        }
        let Some((data, also_refused)) = self::data(&again.job) else {
            panic!("{form:?}: {again:?}");
        };
        let lenient = form != ContentType::Binary && bytes(data) != bytes(first);
        if lenient {
            assert_eq!(json!(Shape(data)), json!(Shape(first)), "{form:?}");
            continue;
        }
        let found = (again.job.key_hash, again.job.envelope.fingerprint);
        assert_eq!(found, wanted, "{form:?}: {as_json}");
        assert_eq!(bytes(data), bytes(first), "{form:?}: {as_json}");
        assert!(refused || !also_refused, "{form:?}: {again:?}");
    }
}

/// Puts a hash in the place of each text.
struct Hashes;

impl Sealer for Hashes {
    type Fault = Infallible;

    fn ensure(&mut self, _: &[Subject]) -> Result<(), Infallible> {
        Ok(())
    }

    fn seal(&mut self, _: &Subject, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, Infallible> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(purpose.as_bytes()).update(plain);
        Ok(hasher.finalize().as_bytes().to_vec())
    }
}

/// What is journaled of a job can be read again: a restart does.
fn sealed(mut items: Vec<Item>) {
    let Ok(()) = seal(items.iter_mut(), &mut Hashes);
    for item in &items {
        let Item::Job { job, .. } = item else {
            continue;
        };
        let envelope = &job.job.envelope;
        if data(&job.job).is_some() {
            assert!(!envelope.sealed);
            match read_binary(envelope.kind, &envelope.content) {
                Ok(read) => assert_eq!(bytes(&read), envelope.content),
                Err(fault) => panic!("{fault:?}"),
            }
        }
    }
}
