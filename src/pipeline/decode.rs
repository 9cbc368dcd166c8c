//! Decode: a message's bytes to jobs, with every personal text sealed.
//!
//! The second station: it works ahead of the engine on its own thread and does everything that
//! needs only the message and the rules of its book. What cannot be read becomes a dead letter;
//! nothing here refuses a job, because only the engine knows whether its key is known.

use std::convert::Infallible;

use super::sabotage::strike;
use crate::code::Code;
use crate::ids::BookIndex;
use crate::jobs::approval::INNER_DATA;
use crate::jobs::job::{Body, DeadLetter, Job};
use crate::jobs::{JobData, Text};
use crate::journal::marker::Station;
use crate::ledger::Value;
use crate::limits::MESSAGE_JOBS_MAX;
use crate::wire::AS_LAID_OUT;
use crate::wire::container::{self, Container, ContainerFault};
use crate::wire::message::{Head, JobReader, Unsealed, content};
use crate::wire::ndjson;

/// Whom a text is about, by a name that its book knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The book.
    pub book: BookIndex,
    /// `subject` for a customer or an account, `key` for a job that names neither.
    pub what: &'static str,
    /// Its name.
    pub name: String,
}

/// Seals personal texts under the keys of the people they are about.
pub trait Sealer {
    /// Why sealing failed: an incident, never a job's fault.
    type Fault;

    /// A job is about to be sealed. For simulations, in which the process may end here.
    fn sealing(&mut self, _key: &str) {}

    /// Make keys for the subjects that have none; they are durable when this returns.
    fn ensure(&mut self, subjects: &[Subject]) -> Result<(), Self::Fault>;

    /// Seal bytes under a subject's key. The purpose is the place of the text in the job.
    fn seal(
        &mut self,
        subject: &Subject,
        purpose: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, Self::Fault>;
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
        if encoding.is_some_and(|encoding| !encoding.is_empty()) {
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
        /// The job and what of it is to be sealed.
        job: Unsealed,
        /// Its place in the message, counted from 1; 0 if it is the whole message.
        line: u32,
    },
    /// A dead letter, with the part of the message it is about.
    Dead(DeadPart),
}

impl Item {
    /// The job, if it is one.
    pub fn job(&self) -> Option<&Job> {
        match self {
            Self::Job { job, .. } => Some(&job.job),
            Self::Dead(_) => None,
        }
    }

    /// Its place in the message, counted from 1; 0 if it is the whole message.
    pub fn line(&self) -> u32 {
        match self {
            Self::Job { line, .. } => *line,
            Self::Dead(part) => part.line,
        }
    }
}

/// What is set aside, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadPart {
    /// Why.
    pub letter: DeadLetter,
    /// Place of the part in the message, counted from 1; 0 for the whole.
    pub line: u32,
}

/// Decode a message into items, in order. Their texts are still plain: [`seal`] comes before
/// anything goes on.
pub fn decode(
    reader: &mut JobReader,
    content_type: Result<ContentType, DeadLetter>,
    head: &Head<'_>,
    body: &[u8],
    bytes_max: usize,
    items: &mut Vec<Item>,
) {
    let reading = &mut |_line| Ok::<_, Infallible>(None);
    match decode_each(reader, content_type, head, body, bytes_max, reading, items) {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

/// Decode a message, and ask before each part of it whether it may be read at all: first for the
/// whole (0), then for each line or item.
pub fn decode_each<F>(
    reader: &mut JobReader,
    content_type: Result<ContentType, DeadLetter>,
    head: &Head<'_>,
    body: &[u8],
    bytes_max: usize,
    reading: Reading<'_, F>,
    items: &mut Vec<Item>,
) -> Result<(), F> {
    let whole = |letter| Item::Dead(DeadPart { letter, line: 0 });
    if body.len() > bytes_max {
        items.push(whole(too_large("bytes", bytes_max)));
        return Ok(());
    }
    if let Some(letter) = reading(0)? {
        items.push(whole(letter));
        return Ok(());
    }
    // In a message of many jobs the reply to each carries its key.
    let of_many = Head {
        correlation_id: None,
        ..*head
    };
    match content_type {
        Err(letter) => items.push(whole(letter)),
        Ok(ContentType::Json) => match reader.json(body, head, true) {
            Ok(job) => items.push(Item::Job { job, line: 0 }),
            Err(letter) => items.push(whole(letter)),
        },
        Ok(ContentType::Ndjson) => decode_lines(reader, &of_many, body, reading, items)?,
        Ok(ContentType::Binary) => decode_container(reader, &of_many, body, reading, items)?,
    }
    Ok(())
}

/// Asked before a part is read: a dead letter if it must not be.
pub type Reading<'r, F> = &'r mut dyn FnMut(u32) -> Result<Option<DeadLetter>, F>;

fn decode_lines<F>(
    reader: &mut JobReader,
    head: &Head<'_>,
    body: &[u8],
    reading: Reading<'_, F>,
    items: &mut Vec<Item>,
) -> Result<(), F> {
    let whole = |letter| Item::Dead(DeadPart { letter, line: 0 });
    match ndjson::lines(body)
        .take(MESSAGE_JOBS_MAX.saturating_add(1))
        .count()
    {
        0 => items.push(whole(no_job())),
        count if count > MESSAGE_JOBS_MAX => items.push(whole(too_large("jobs", MESSAGE_JOBS_MAX))),
        _some => {
            for ndjson::Line { number, bytes } in ndjson::lines(body) {
                let line = u32::try_from(number).unwrap_or(u32::MAX);
                let read = match reading(line)? {
                    None => reader.json(bytes, head, false),
                    Some(letter) => Err(letter),
                };
                items.push(match read {
                    Ok(job) => Item::Job { job, line },
                    Err(letter) => Item::Dead(DeadPart { letter, line }),
                });
            }
        }
    }
    Ok(())
}

fn decode_container<F>(
    reader: &mut JobReader,
    head: &Head<'_>,
    body: &[u8],
    reading: Reading<'_, F>,
    items: &mut Vec<Item>,
) -> Result<(), F> {
    let whole = |letter| Item::Dead(DeadPart { letter, line: 0 });
    let container = match Container::open(body) {
        Ok(container) => container,
        Err(ContainerFault::TooManyItems { .. }) => {
            items.push(whole(too_large("jobs", MESSAGE_JOBS_MAX)));
            return Ok(());
        }
        Err(fault) => {
            let letter =
                DeadLetter::new(Code::MessageMalformed, fault.to_string()).advising(AS_LAID_OUT);
            items.push(whole(letter.at("")));
            return Ok(());
        }
    };
    if container.count() == 0 {
        items.push(whole(no_job()));
    }
    for item in container.items() {
        let line = item.index.saturating_add(1);
        let read = match reading(line)? {
            None => reader.binary(&item, head),
            Some(letter) => Err(letter),
        };
        items.push(match read {
            Ok(job) => Item::Job { job, line },
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

fn no_job() -> DeadLetter {
    DeadLetter::new(Code::MessageMalformed, "no job in the message").at("")
}

fn too_large(what: &str, limit: usize) -> DeadLetter {
    let mut letter = DeadLetter::new(
        Code::MessageTooLarge,
        format!("a message has at most {limit} {what}"),
    );
    letter.detail.push(("limit".into(), Value::count(limit)));
    letter
}

/// Seal the texts of decoded jobs and give every job its content. All new keys are made durable
/// with one sync before anything is sealed with them; after a fault nothing of the items may go on.
pub fn seal<'i, S: Sealer>(
    items: impl Iterator<Item = &'i mut Item> + 'i,
    sealer: &mut S,
) -> Result<(), S::Fault> {
    let mut jobs: Vec<&mut Unsealed> = jobs(items)
        .inspect(|unsealed| {
            strike(Station::Reading, &unsealed.job.envelope.key);
            sealer.sealing(&unsealed.job.envelope.key);
        })
        .collect();
    let subjects: Vec<Subject> = jobs.iter_mut().filter_map(|job| subject(job)).collect();
    if !subjects.is_empty() {
        sealer.ensure(&subjects)?;
    }
    let mut subjects = subjects.into_iter();
    let mut encoded = Vec::new();
    for job in jobs {
        seal_job(job, &mut subjects, sealer, &mut encoded)?;
    }
    Ok(())
}

/// Whom the texts of decoded jobs are about.
pub fn subjects<'i>(items: impl Iterator<Item = &'i mut Item> + 'i) -> Vec<Subject> {
    jobs(items).filter_map(subject).collect()
}

fn jobs<'i>(
    items: impl Iterator<Item = &'i mut Item> + 'i,
) -> impl Iterator<Item = &'i mut Unsealed> + 'i {
    items.filter_map(|item| match item {
        Item::Job { job, .. } => Some(job),
        Item::Dead(_) => None,
    })
}

/// Whom the texts of a job are about; none if it has no texts.
fn subject(unsealed: &mut Unsealed) -> Option<Subject> {
    let Unsealed { job, whole } = unsealed;
    let of_key = |job: &Job| {
        let inside = job.inside.as_ref().map(|inside| &inside.key);
        Some(Subject {
            book: job.book,
            what: "key",
            name: inside.unwrap_or(&job.envelope.key).to_string(),
        })
    };
    if whole.is_some() {
        return of_key(job);
    }
    let (Body::Data(data)
    | Body::Refused {
        data: Some(data), ..
    }) = &mut job.body
    else {
        return None;
    };
    let mut any = false;
    data.texts(&mut |_, text| any |= text.plain().is_some());
    if !any {
        return None;
    }
    match data.subject().map(str::to_owned) {
        Some(name) => Some(Subject {
            book: job.book,
            what: "subject",
            name,
        }),
        None => of_key(job),
    }
}

fn seal_job<S: Sealer>(
    unsealed: &mut Unsealed,
    subjects: &mut impl Iterator<Item = Subject>,
    sealer: &mut S,
    encoded: &mut Vec<u8>,
) -> Result<(), S::Fault> {
    let Unsealed { job, whole } = unsealed;
    if let Some(whole) = whole.take() {
        if let Some(subject) = subjects.next() {
            job.envelope.content = sealer.seal(&subject, "", &whole)?;
            job.envelope.sealed = true;
        }
        return Ok(());
    }
    if let Body::Data(data)
    | Body::Refused {
        data: Some(data), ..
    } = &mut job.body
    {
        seal_texts(data, subjects, sealer)?;
        // That every kind has a binary form is found by the kinds' own examples in the tests.
        encoded.clear();
        let written = content(data, encoded);
        assert!(written.is_ok(), "a kind without a binary form: {written:?}");
        // Copied once its length is known, so that it takes one piece of memory of its size.
        job.envelope.content.clone_from(encoded);
        if let Some((inside, inner)) = job.inside.as_mut().zip(data.inside()) {
            let written = content(&inner.data, &mut inside.content);
            assert!(written.is_ok(), "a kind without a binary form: {written:?}");
        }
    }
    Ok(())
}

fn seal_texts<S: Sealer>(
    data: &mut JobData,
    subjects: &mut impl Iterator<Item = Subject>,
    sealer: &mut S,
) -> Result<(), S::Fault> {
    let mut subject = None;
    let mut fault = None;
    data.texts(&mut |path, text| {
        let Some(plain) = text.plain() else { return };
        if subject.is_none() {
            subject = subjects.next();
        }
        let Some(subject) = &subject else { return };
        // What a job inside says is read where that job's own record stands.
        let purpose = path.strip_prefix(INNER_DATA).unwrap_or(path);
        match sealer.seal(subject, purpose, plain.as_bytes()) {
            Ok(sealed) => *text = Text::Sealed(sealed),
            Err(found) => fault = Some(found),
        }
    });
    fault.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::load::reader;

    const ENTRY: &str = r#"{"key":"k-1","kind":"entry.post","data":{"legs":[
        {"dr":"a","amount":"1.00"},{"cr":"b","amount":"1.00"}]}MORE}"#;

    fn read(content_type: ContentType, body: &str) -> Box<Job> {
        let head = Head {
            book: Some("main"),
            reply_to: Some("shop"),
            correlation_id: Some("night-run"),
            ..Head::default()
        };
        let mut items = Vec::new();
        let body = body.as_bytes();
        decode(
            &mut reader(),
            Ok(content_type),
            &head,
            body,
            usize::MAX,
            &mut items,
        );
        match items.pop() {
            Some(Item::Job { job, .. }) => job.job,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_reply_to_a_single_job_carries_the_correlation_of_its_message() {
        let one = ENTRY.replace("MORE", "").replace('\n', "");
        for (content_type, correlation) in [
            (ContentType::Json, Some("night-run")),
            (ContentType::Ndjson, None),
        ] {
            let reply = read(content_type, &one).envelope.reply.unwrap();
            assert_eq!(reply.correlation_id.as_deref(), correlation);
        }
    }

    #[test]
    fn what_is_wrong_around_the_data_does_not_make_them_another_order() {
        let print = |more: &str| {
            let job = read(ContentType::Json, &ENTRY.replace("MORE", more));
            (job.envelope.fingerprint, matches!(job.body, Body::Data(_)))
        };
        let (as_it_should_be, fits) = print("");
        assert!(fits);
        for more in [
            r#","colour":"red""#,
            r#","actor":7"#,
            r#","occurred_at":null"#,
        ] {
            assert_eq!(print(more), (as_it_should_be, false), "{more}");
        }
    }

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
        for encoding in ["gzip", "identity"] {
            assert!(ContentType::of(Some("application/json"), Some(encoding)).is_err());
        }
    }
}
