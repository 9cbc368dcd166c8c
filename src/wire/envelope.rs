//! What a job says around its data, and what its message says about it.
//!
//! The book, the key and the kind decide whether there can be an outcome at all: without them the
//! job is a dead letter. Actor and instants are refused under the key, as the data are.

use super::message::{BookRules, Head, SCHEMA_VERSION};
use super::pointer;
use super::tree::Json;
use crate::code::Code;
use crate::ids::{KindCode, SchemaVersion, is_book_name, is_key};
use crate::jobs::JobData;
use crate::jobs::job::{DeadLetter, Job};
use crate::ledger::plan::echo;
use crate::ledger::{Rejection, Value};
use crate::lenient::Lenient;
use crate::time::{Timestamp, TimestampFault};

pub(super) fn malformed(reason: impl Into<String>) -> DeadLetter {
    let reason = reason.into();
    let mut letter = DeadLetter::new(Code::MessageMalformed, reason.clone());
    letter.detail.push(("reason".into(), Value::text(reason)));
    letter
}

/// What to do about a binary message that cannot be read.
pub const AS_LAID_OUT: &str = "Build the message as docs/wire.md lays it out.";

/// The members of a job as they were written, gathered in one pass.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written<'j> {
    key: Option<Json<'j>>,
    kind: Option<Json<'j>>,
    book: Option<Json<'j>>,
    schema_version: Option<Json<'j>>,
    occurred_at: Option<Json<'j>>,
    expires_at: Option<Json<'j>>,
    actor: Option<Json<'j>>,
    pub(super) data: Option<Json<'j>>,
    /// The first that no job has.
    unknown: Option<&'j str>,
}

impl<'j> Written<'j> {
    /// None if it is no object.
    fn of(json: Json<'j>) -> Option<Self> {
        let Json::Object(members) = json else {
            return None;
        };
        let mut written = Self::default();
        for (name, value) in members {
            match written.place(name) {
                Some(place) => *place = Some(value),
                None => written.unknown = written.unknown.or(Some(name)),
            }
        }
        Some(written)
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<Json<'j>>> {
        Some(match name {
            "key" => &mut self.key,
            "kind" => &mut self.kind,
            "book" => &mut self.book,
            "schema_version" => &mut self.schema_version,
            "occurred_at" => &mut self.occurred_at,
            "expires_at" => &mut self.expires_at,
            "actor" => &mut self.actor,
            "data" => &mut self.data,
            _ => return None,
        })
    }
}

/// What a dead letter depends on, and the members to go on with.
#[derive(Clone, Copy)]
pub(super) struct Members<'j> {
    pub(super) book: &'j BookRules,
    pub(super) key: &'j str,
    pub(super) kind: &'j str,
    pub(super) written: Written<'j>,
}

pub(super) fn question() -> DeadLetter {
    malformed("a question; publish it to the exchange of questions")
        .at("/kind")
        .advising("It is answered to reply_to; on the queue of jobs there are jobs only.")
}

/// The members around the data, as far as a dead letter depends on them.
pub(super) fn members<'j>(
    json: Json<'j>,
    head: &Head<'_>,
    single: bool,
    books: &'j [BookRules],
) -> Result<Members<'j>, DeadLetter> {
    let Some(written) = Written::of(json) else {
        return Err(malformed("a job is a JSON object").at(""));
    };
    let named = match written.book {
        None => None,
        Some(Json::String(name)) => Some(name),
        Some(_other) => return Err(malformed("book is not a string").at("/book")),
    };
    let book = book(books, named, head)?;
    let key = match written.key {
        None => key(None)?,
        Some(Json::String(text)) => key(Some(text))?,
        Some(_other) => {
            let letter = DeadLetter::new(Code::KeyInvalid, "the key is not a string");
            return Err(letter.at("/key"));
        }
    };
    let kind = match written.kind {
        Some(Json::String(kind)) => kind,
        Some(_) | None => "",
    };
    let differs = |property: Option<&str>, member: &str| {
        single && property.is_some_and(|property| property != member)
    };
    if differs(head.message_id, key) {
        return Err(malformed("message_id and key differ")
            .at("/key")
            .advising("Set message_id to the key, or leave it out."));
    }
    if differs(head.kind, kind) {
        return Err(malformed("type and kind differ")
            .at("/kind")
            .advising("Set type to the kind, or leave it out."));
    }
    Ok(Members {
        book,
        key,
        kind,
        written,
    })
}

pub(super) fn book<'b>(
    books: &'b [BookRules],
    named: Option<&str>,
    head: &Head<'_>,
) -> Result<&'b BookRules, DeadLetter> {
    if let (Some(named), Some(routed)) = (named, head.book)
        && named != routed
    {
        return Err(malformed("book and routing key name different books")
            .at("/book")
            .advising("Give both the same book, or leave book out."));
    }
    let name = named.or(head.book).unwrap_or_default();
    books
        .iter()
        .find(|book| &*book.name == name)
        .ok_or_else(|| {
            let mut letter =
                DeadLetter::new(Code::BookUnknown, "this partition holds no such book").at("/book");
            if is_book_name(name) {
                letter
                    .detail
                    .push(("book".into(), Value::text(name.to_owned())));
            }
            letter
        })
}

pub(super) fn key(text: Option<&str>) -> Result<&str, DeadLetter> {
    match text {
        None | Some("") => {
            let letter = DeadLetter::new(Code::KeyMissing, "the job has no key");
            Err(letter.at("/key"))
        }
        Some(key) if is_key(key) => Ok(key),
        Some(_) => {
            let reason = "a key is 1 to 128 of [A-Za-z0-9._:/-]";
            Err(DeadLetter::new(Code::KeyInvalid, reason).at("/key"))
        }
    }
}

pub(super) fn version_of(written: &Written<'_>) -> Option<DeadLetter> {
    match written.schema_version {
        None => None,
        Some(Json::Number(number)) => unknown_version(SchemaVersion(number.parse().unwrap_or(0))),
        Some(_other) => unknown_version(SchemaVersion(0)),
    }
}

pub(super) fn unknown_version(version: SchemaVersion) -> Option<DeadLetter> {
    (version != SCHEMA_VERSION).then(|| {
        let reason = format!("this release knows schema version {SCHEMA_VERSION} only");
        DeadLetter::new(Code::SchemaVersionUnsupported, reason).at("/schema_version")
    })
}

pub(super) fn unknown_kind(kind: &str, code: Option<KindCode>) -> Option<DeadLetter> {
    let built = code.is_some_and(|code| JobData::BUILT.binary_search(&code.0).is_ok());
    (!built).then(|| {
        if kind.is_empty() {
            return DeadLetter::new(Code::UnknownKind, "the job names no kind").at("/kind");
        }
        let reason = "this release does not know the kind";
        let mut letter = DeadLetter::new(Code::UnknownKind, reason).at("/kind");
        letter.detail.push(("kind".into(), Value::text(echo(kind))));
        letter
    })
}

/// The refusal of a member outside the data.
fn at_root(code: Code, path: &str, reason: impl Into<String>) -> Rejection {
    Rejection::new(code)
        .at_root(path)
        .with_text("reason", reason)
}

/// The members that a job may have.
pub const ENVELOPE: [&str; 8] = [
    "key",
    "kind",
    "book",
    "schema_version",
    "occurred_at",
    "expires_at",
    "actor",
    "data",
];

pub(super) fn envelope(
    written: &Written<'_>,
    job: &mut Job,
    head: &Head<'_>,
) -> Result<(), Rejection> {
    if let Some(name) = written.unknown {
        let mut path = String::new();
        pointer::enter(&mut path, name);
        return Err(at_root(Code::SchemaInvalid, &path, "unknown field"));
    }
    let actor = match written.actor {
        None => None,
        Some(Json::String(actor)) => Some(actor),
        Some(_other) => return Err(at_root(Code::SchemaInvalid, "/actor", "expected a string")),
    };
    set_actor(actor, job, head)?;
    let (occurred, expires) = (written.occurred_at, written.expires_at);
    for (path, json) in [("/occurred_at", occurred), ("/expires_at", expires)] {
        if matches!(json, Some(Json::Null)) {
            return Err(at_root(Code::SchemaInvalid, path, "null is not allowed"));
        }
    }
    set_times(occurred.map(lenient), expires.map(lenient), job);
    Ok(())
}

/// A member outside the data whose mistakes have a code of their own, later than the schema's.
fn lenient(json: Json<'_>) -> Lenient<'_> {
    match json {
        Json::String(text) => Lenient::text(text),
        other @ (Json::Null
        | Json::Bool(_)
        | Json::Number(_)
        | Json::Array(_)
        | Json::Object(_)) => Lenient::Other {
            kind: other.kind(),
            raw: String::new(),
        },
    }
}

pub(super) fn set_actor(
    actor: Option<&str>,
    job: &mut Job,
    head: &Head<'_>,
) -> Result<(), Rejection> {
    let Some(actor) = actor else { return Ok(()) };
    check_actor(actor)?;
    job.envelope.actor = Some(actor.into());
    job.actor_vouched = vouched(job, head);
    Ok(())
}

fn check_actor(actor: &str) -> Result<(), Rejection> {
    if actor.is_empty() {
        return Err(at_root(
            Code::SchemaInvalid,
            "/actor",
            "an actor has a name",
        ));
    }
    if actor.chars().count() > crate::limits::ID_CHARS_MAX {
        return Err(at_root(
            Code::FieldTooLong,
            "/actor",
            "an actor has at most 128 characters",
        ));
    }
    if actor.chars().any(char::is_control) {
        return Err(at_root(
            Code::TextInvalid,
            "/actor",
            "control characters are not allowed",
        ));
    }
    Ok(())
}

/// Whether somebody vouches for the actor: the broker itself, or a trusted front end.
fn vouched(job: &Job, head: &Head<'_>) -> bool {
    head.trusted
        || job
            .envelope
            .actor
            .as_deref()
            .is_none_or(|actor| head.principal == Some(actor))
}

/// Read the instants; the first that is none waits in the job until its turn among the checks.
pub(super) fn set_times(
    occurred: Option<Lenient<'_>>,
    expires: Option<Lenient<'_>>,
    job: &mut Job,
) {
    let mut read = |path: &'static str, written: Option<Lenient<'_>>| {
        let instant = match written? {
            Lenient::Text(text) => Timestamp::read(&text),
            Lenient::Other { .. } => Err(TimestampFault::Form),
        };
        let (code, reason) = match instant {
            Ok(instant) => return Some(instant),
            Err(TimestampFault::Form) => (Code::DateInvalid, "expected an RFC 3339 instant"),
            Err(TimestampFault::Range) => (Code::DateOutOfRange, "expected a year of 1900 to 2199"),
        };
        job.time_fault
            .get_or_insert_with(|| at_root(code, path, reason));
        None
    };
    let (occurred, expires) = (read("/occurred_at", occurred), read("/expires_at", expires));
    (job.envelope.occurred_at, job.expires_at) = (occurred, expires);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_fits_what_is_wrong() {
        for (letter, advice) in [
            (question(), "reply_to"),
            (malformed("a job is a JSON object"), "Send one JSON object"),
            (malformed("x").advising(AS_LAID_OUT), "docs/wire.md"),
        ] {
            let said = letter.message();
            assert!(said.contains(advice), "{said}");
            let general = "Send one JSON object";
            assert_eq!(said.contains(general), advice == general, "{said}");
        }
    }

    #[test]
    fn every_member_of_the_envelope_has_its_place() {
        let mut written = Written::default();
        for name in ENVELOPE {
            assert!(written.place(name).is_some(), "{name}");
        }
        assert!(written.place("date").is_none());
    }
}
