//! Decode: a message's bytes to jobs, with every personal text sealed.
//!
//! The second station. It works ahead of the engine on its own thread and does everything that needs
//! only the message and the rules of its book. What cannot be read becomes a dead letter; nothing here
//! refuses a job, because only the engine knows whether its key is known.

use crate::code::Code;
use crate::jobs::job::{Body, DeadLetter, Job};
use crate::jobs::{JobData, Text};
use crate::ledger::Value;
use crate::limits::{MESSAGE_BYTES_MAX, MESSAGE_JOBS_MAX};
use crate::wire::container::{self, Container, ContainerFault};
use crate::wire::message::{Head, JobReader, Unsealed, content};
use crate::wire::ndjson;

/// Seals personal texts under the keys of the people they are about.
pub trait Sealer {
    /// Why sealing failed: an incident, never a job's fault.
    type Fault;

    /// Seal bytes under a subject's key, which is made if the subject is new.
    fn seal(&mut self, subject: &str, plain: &[u8]) -> Result<Vec<u8>, Self::Fault>;
}

/// The content types that jobs come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// One job as JSON.
    Json,
    /// Many jobs, one JSON object a line.
    Ndjson,
    /// Many jobs in binary form.
    Binary,
}

impl ContentType {
    /// The content type of a message; parameters other than the character set UTF-8 are refused.
    pub fn of(content_type: Option<&str>, encoding: Option<&str>) -> Result<Self, DeadLetter> {
        let unsupported = |reason: &str| DeadLetter::new(Code::ContentTypeUnsupported, reason);
        if encoding.is_some_and(|encoding| !encoding.is_empty() && encoding != "identity") {
            return Err(unsupported("content_encoding is not supported"));
        }
        let text = content_type.unwrap_or_default().to_ascii_lowercase();
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let utf8 = |part: &str| matches!(part, "charset=utf-8" | "charset=\"utf-8\"");
        if !parts.all(utf8) {
            return Err(unsupported(
                "the only parameter understood is charset=utf-8",
            ));
        }
        match media {
            "application/json" => Ok(Self::Json),
            "application/x-ndjson" => Ok(Self::Ndjson),
            container::CONTENT_TYPE => Ok(Self::Binary),
            "" => Err(unsupported("the message has no content_type")),
            _other => Err(unsupported(
                "the content_type is not one of the three for jobs",
            )),
        }
    }
}

/// One thing in a message: a job, or what is set aside of it.
#[derive(Debug)]
pub enum Item {
    /// A job ready for the engine.
    Job {
        /// The job.
        job: Box<Job>,
        /// Its place in the message, counted from 1; 0 if it is the whole message.
        line: u32,
    },
    /// A dead letter, with the part of the message it is about.
    Dead(DeadPart),
}

/// What is set aside, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadPart {
    /// Why.
    pub letter: DeadLetter,
    /// Place of the part in the message, counted from 1; 0 for the whole.
    pub line: u32,
}

/// Decode a message into items, in order.
///
/// `bytes_max` bounds the message; a fault is the sealer's, and then nothing of the message may go on.
pub fn decode<S: Sealer>(
    reader: &mut JobReader,
    sealer: &mut S,
    content_type: Result<ContentType, DeadLetter>,
    head: &Head<'_>,
    body: &[u8],
    items: &mut Vec<Item>,
) -> Result<(), S::Fault> {
    let whole = |letter| Item::Dead(DeadPart { letter, line: 0 });
    if body.len() > MESSAGE_BYTES_MAX {
        items.push(whole(too_large("bytes", MESSAGE_BYTES_MAX)));
        return Ok(());
    }
    match content_type {
        Err(letter) => items.push(whole(letter)),
        Ok(ContentType::Json) => match reader.json(body, head, true) {
            Ok(unsealed) => items.push(Item::Job {
                job: seal(unsealed, sealer)?,
                line: 0,
            }),
            Err(letter) => items.push(whole(letter)),
        },
        Ok(ContentType::Ndjson) => decode_lines(reader, sealer, head, body, items)?,
        Ok(ContentType::Binary) => decode_container(reader, sealer, head, body, items)?,
    }
    Ok(())
}

fn decode_lines<S: Sealer>(
    reader: &mut JobReader,
    sealer: &mut S,
    head: &Head<'_>,
    body: &[u8],
    items: &mut Vec<Item>,
) -> Result<(), S::Fault> {
    let whole = |letter| Item::Dead(DeadPart { letter, line: 0 });
    match ndjson::lines(body)
        .take(MESSAGE_JOBS_MAX.saturating_add(1))
        .count()
    {
        0 => items.push(whole(DeadLetter::new(
            Code::MessageMalformed,
            "no job in the message",
        ))),
        count if count > MESSAGE_JOBS_MAX => items.push(whole(too_large("jobs", MESSAGE_JOBS_MAX))),
        _some => {
            for ndjson::Line { number, bytes } in ndjson::lines(body) {
                let line = u32::try_from(number).unwrap_or(u32::MAX);
                items.push(match reader.json(bytes, head, false) {
                    Ok(unsealed) => Item::Job {
                        job: seal(unsealed, sealer)?,
                        line,
                    },
                    Err(letter) => Item::Dead(DeadPart { letter, line }),
                });
            }
        }
    }
    Ok(())
}

fn decode_container<S: Sealer>(
    reader: &mut JobReader,
    sealer: &mut S,
    head: &Head<'_>,
    body: &[u8],
    items: &mut Vec<Item>,
) -> Result<(), S::Fault> {
    let whole = |letter| Item::Dead(DeadPart { letter, line: 0 });
    let container = match Container::open(body) {
        Ok(container) => container,
        Err(ContainerFault::TooManyItems { .. }) => {
            items.push(whole(too_large("jobs", MESSAGE_JOBS_MAX)));
            return Ok(());
        }
        Err(fault) => {
            items.push(whole(DeadLetter::new(
                Code::MessageMalformed,
                fault.to_string(),
            )));
            return Ok(());
        }
    };
    if container.count() == 0 {
        items.push(whole(DeadLetter::new(
            Code::MessageMalformed,
            "no job in the message",
        )));
    }
    for item in container.items() {
        let line = item.index.saturating_add(1);
        items.push(match reader.binary(&item, head) {
            Ok(unsealed) => Item::Job {
                job: seal(unsealed, sealer)?,
                line,
            },
            Err(letter) => Item::Dead(DeadPart { letter, line }),
        });
    }
    Ok(())
}

/// The bytes of one part of a message, in a form that can be sent again alone; none for the whole.
pub fn part(content_type: ContentType, body: &[u8], line: u32) -> Option<Vec<u8>> {
    match content_type {
        ContentType::Json => None,
        ContentType::Ndjson => ndjson::lines(body)
            .find(|found| u32::try_from(found.number) == Ok(line))
            .map(|found| found.bytes.to_vec()),
        ContentType::Binary => {
            let container = Container::open(body).ok()?;
            container
                .items()
                .find(|item| item.index.checked_add(1) == Some(line))
                .map(|item| item.alone())
        }
    }
}

fn too_large(what: &str, limit: usize) -> DeadLetter {
    let mut letter = DeadLetter::new(
        Code::MessageTooLarge,
        format!("a message has at most {limit} {what}"),
    );
    letter.detail.push(("limit".into(), Value::count(limit)));
    letter
}

/// Seal the texts of a job and give it its content.
pub fn seal<S: Sealer>(unsealed: Unsealed, sealer: &mut S) -> Result<Box<Job>, S::Fault> {
    let Unsealed { mut job, whole } = unsealed;
    if let Some(whole) = whole {
        job.envelope.content = sealer.seal(&job.envelope.key, &whole)?;
        job.envelope.sealed = true;
        return Ok(job);
    }
    if let Body::Data(data)
    | Body::Refused {
        data: Some(data), ..
    } = &mut job.body
    {
        seal_texts(data, &job.envelope.key, sealer)?;
        if content(data, &mut job.envelope.content).is_err() {
            // Found by the kinds' own examples; such a type never leaves the tests.
            std::process::abort();
        }
    }
    Ok(job)
}

fn seal_texts<S: Sealer>(data: &mut JobData, key: &str, sealer: &mut S) -> Result<(), S::Fault> {
    let mut any = false;
    data.texts(&mut |_, _| any = true);
    if !any {
        return Ok(());
    }
    let subject = data.subject().unwrap_or(key).to_owned();
    let mut fault = None;
    data.texts(&mut |_, text| {
        let Some(plain) = text.plain() else { return };
        match sealer.seal(&subject, plain.as_bytes()) {
            Ok(sealed) => *text = Text::Sealed(sealed),
            Err(found) => fault = Some(found),
        }
    });
    fault.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_three_and_plain() {
        let of = |text: &str| ContentType::of(Some(text), None).map_err(|letter| letter.code);
        assert_eq!(of("application/json; charset=utf-8"), Ok(ContentType::Json));
        assert_eq!(of("Application/X-NDJSON"), Ok(ContentType::Ndjson));
        assert_eq!(of(container::CONTENT_TYPE), Ok(ContentType::Binary));
        for bad in [
            "",
            "text/plain",
            "application/json; charset=latin1",
            "application/json; v=1",
        ] {
            assert_eq!(of(bad), Err(Code::ContentTypeUnsupported), "{bad}");
        }
        assert!(ContentType::of(None, None).is_err());
        assert!(ContentType::of(Some("application/json"), Some("gzip")).is_err());
    }
}
