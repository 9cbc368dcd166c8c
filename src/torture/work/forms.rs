//! Jobs as messages: one as JSON, many as lines, many in binary form.

use std::collections::BTreeMap;

use serde_json::Value;

use super::unreadable;
use super::{Job, Part};
use crate::broker::Properties;
use crate::ids::KindCode;
use crate::jobs::contract::JobKind;
use crate::jobs::{JobData, KindInfo, KindVisitor, kind_code};
use crate::simulator::Chance;
use crate::wire::client::{BinaryEnvelope, CONTENT_TYPE, JobsMessage};
use crate::wire::{tree, typed};

/// Properties, body and parts of a message.
pub(super) type Formed = (Properties, Vec<u8>, BTreeMap<u32, Part>);

pub(super) fn properties(content_type: &str) -> Properties {
    Properties {
        content_type: Some(content_type.to_owned()),
        ..Properties::default()
    }
}

/// One job as JSON.
pub(super) fn single(chance: &mut Chance, job: Job) -> Formed {
    let mut properties = properties("application/json");
    if chance.once_in(3) {
        properties.message_id = Some(job.key.clone());
        properties.kind = Some(job.kind.to_owned());
    }
    let body = Value::Object(job.envelope()).to_string().into_bytes();
    let part = Part::Job {
        job: Box::new(job),
        bytes: body.clone(),
    };
    (properties, body, BTreeMap::from([(0, part)]))
}

/// Jobs as lines, with blank ones and unreadable ones between them.
pub(super) fn lines(chance: &mut Chance, jobs: Vec<Job>, message: usize) -> Formed {
    let (mut body, mut parts, mut line) = (Vec::new(), BTreeMap::new(), 0_u32);
    let mut put = |bytes: &[u8], part: Option<Part>| {
        line = line.saturating_add(1);
        body.extend_from_slice(bytes);
        body.push(b'\n');
        parts.extend(part.map(|part| (line, part)));
    };
    for job in jobs {
        if chance.once_in(9) {
            put(b"", None);
        }
        if chance.once_in(9) {
            let (bytes, code) = unreadable::line(chance, message);
            let dead = Part::Dead {
                code,
                bytes: bytes.clone(),
            };
            put(&bytes, Some(dead));
        }
        let bytes = Value::Object(job.envelope()).to_string().into_bytes();
        let part = Part::Job {
            job: Box::new(job),
            bytes: bytes.clone(),
        };
        put(&bytes, Some(part));
    }
    (properties("application/x-ndjson"), body, parts)
}

/// Jobs in binary form, with unknown kinds between them.
pub(super) fn items(chance: &mut Chance, jobs: Vec<Job>) -> Formed {
    let mut message = JobsMessage::new();
    let (mut parts, mut line) = (BTreeMap::new(), 0_u32);
    for job in jobs {
        if chance.once_in(9) {
            // A kind whose code the catalogue does not have.
            let envelope = BinaryEnvelope {
                key: format!("u-{}", chance.number()).into(),
                ..BinaryEnvelope::default()
            };
            if message.push(64_999, 1, &envelope, &()).is_ok() {
                line = line.saturating_add(1);
                let mut alone = JobsMessage::new();
                // It went in before, so it goes in again.
                let _same = alone.push(64_999, 1, &envelope, &());
                let dead = Part::Dead {
                    code: "UNKNOWN_KIND",
                    bytes: alone.finish(),
                };
                parts.insert(line, dead);
            }
        }
        if push(&mut message, &job) {
            line = line.saturating_add(1);
            let mut alone = JobsMessage::new();
            // It went in before, so it goes in again.
            let _same = push(&mut alone, &job);
            let part = Part::Job {
                job: Box::new(job),
                bytes: alone.finish(),
            };
            parts.insert(line, part);
        }
    }
    if parts.is_empty() {
        return unreadable::empty_container();
    }
    (properties(CONTENT_TYPE), message.finish(), parts)
}

/// Add a job; false if its data have no binary form.
fn push(message: &mut JobsMessage, job: &Job) -> bool {
    let envelope = BinaryEnvelope {
        key: job.key.as_str().into(),
        actor: job.actor.map(str::to_owned),
        expires_at: job.expired.then(|| "2020-01-01T00:00:00Z".to_owned()),
        ..BinaryEnvelope::default()
    };
    let Some(code) = kind_code(job.kind) else {
        return false;
    };
    let mut visitor = Pushing {
        message,
        envelope: &envelope,
        code,
        json: job.data.to_string(),
    };
    JobData::visit(code, &mut visitor).unwrap_or_default()
}

/// Reads a kind's data from JSON and writes them in binary form.
struct Pushing<'a> {
    message: &'a mut JobsMessage,
    envelope: &'a BinaryEnvelope<'a>,
    code: KindCode,
    json: String,
}

impl KindVisitor for Pushing<'_> {
    type Made = bool;

    fn visit<K: JobKind>(&mut self, _: &'static KindInfo, _: fn(Box<K>) -> JobData) -> bool {
        let Ok(tree) = tree::read(self.json.as_bytes()) else {
            return false;
        };
        let Ok(data) = typed::read::<K>(tree.root()) else {
            return false;
        };
        let pushed = self.message.push(self.code.0, 1, self.envelope, &data);
        pushed.is_ok()
    }
}
