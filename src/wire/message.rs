//! A message to its jobs: everything that needs only the message and the rules of its book.
//!
//! The order of checks is that of the catalogue, section 4. What cannot be read becomes a dead
//! letter; what can be read but is wrong in itself becomes a job that is refused, unless its key is
//! known: that only the engine can say. Personal texts are handed over plain here and sealed by the
//! caller before anything goes on.

use super::canonical::{Fingerprinter, RULE_VERSION};
use super::container::Item;
use super::schema::{SchemaCode, SchemaFault};
use super::tree::{self, Json};
use super::{binary, typed};
use crate::code::Code;
use crate::ids::{BookIndex, Hash128, KindCode, SchemaVersion, is_book_name, is_key};
use crate::jobs::catalogue::{FIRST_QUESTION, KindInfo, info, kind_code};
use crate::jobs::contract::JobKind;
use crate::jobs::fields::{Text, TextFault, card_numbers};
use crate::jobs::job::{Body, DeadLetter, Job, Looked};
use crate::jobs::{JobData, KindVisitor};
use crate::ledger::plan::echo;
use crate::ledger::reference::PanPolicy;
use crate::ledger::{Envelope, Rejection, Reply, Value};
use crate::time::Timestamp;

/// The schema version that this release knows of every kind.
pub const SCHEMA_VERSION: SchemaVersion = SchemaVersion(1);

/// What decoding must know of a book.
#[derive(Clone, Debug)]
pub struct BookRules {
    /// Its name.
    pub name: Box<str>,
    /// Its index.
    pub index: BookIndex,
    /// What happens with card numbers in texts.
    pub pan_policy: PanPolicy,
}

/// What a message says besides its body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// The book that the routing key names, if it names one.
    pub book: Option<&'a str>,
    /// The publisher that the broker vouched for.
    pub principal: Option<&'a str>,
    /// Whether that publisher may speak for other actors.
    pub trusted: bool,
    /// `message_id`, for one job a message.
    pub message_id: Option<&'a str>,
    /// `type`, for one job a message.
    pub kind: Option<&'a str>,
    /// Queue that wants an answer.
    pub reply_to: Option<&'a str>,
    /// The message's own correlation id.
    pub correlation_id: Option<&'a str>,
    /// Trace context.
    pub traceparent: Option<&'a str>,
}

/// A job, or why it is set aside without asking the engine.
pub type Decoded = Result<Unsealed, DeadLetter>;

/// A decoded job whose texts are still plain.
#[derive(Debug)]
pub struct Unsealed {
    /// The job; its envelope has no content yet.
    pub job: Box<Job>,
    /// The content as it came, if it failed its schema: to be sealed whole.
    pub whole: Option<Vec<u8>>,
}

/// Reads jobs for the books of a partition.
pub struct JobReader {
    books: std::sync::Arc<[BookRules]>,
    fingerprinter: Fingerprinter,
    secret: [u8; 32],
}

/// Hash of book and key under a journal's secret: how a key is remembered.
pub fn key_hash(secret: &[u8; 32], book: &str, key: &str) -> Hash128 {
    let mut hasher = blake3::Hasher::new_keyed(secret);
    hasher
        .update(book.as_bytes())
        .update(&[0])
        .update(key.as_bytes());
    let mut low = [0_u8; 16];
    hasher.finalize_xof().fill(&mut low);
    Hash128(u128::from_le_bytes(low))
}

fn malformed(reason: impl Into<String>) -> DeadLetter {
    let reason = reason.into();
    let mut letter = DeadLetter::new(Code::MessageMalformed, reason.clone());
    letter.detail.push(("reason".into(), Value::text(reason)));
    letter
}

/// The members of a job around its data.
struct Members<'j, 'a> {
    book: &'j BookRules,
    key: &'j str,
    kind: &'j str,
    json: &'j Json<'a>,
}

impl JobReader {
    /// A reader for these books, with the secret of their journal.
    pub fn new(books: Vec<BookRules>, secret: [u8; 32]) -> Self {
        Self {
            books: books.into(),
            fingerprinter: Fingerprinter::new(secret),
            secret,
        }
    }

    /// Read one job as JSON; `single` if it is the whole message, so that the properties must
    /// agree.
    pub fn json(&mut self, bytes: &[u8], head: &Head<'_>, single: bool) -> Decoded {
        let json = tree::read(bytes).map_err(|fault| {
            let mut letter = malformed(fault.problem.to_string());
            letter.reason = fault.to_string();
            letter.path = Some(fault.path);
            letter
        })?;
        let books = std::sync::Arc::clone(&self.books);
        let members = members(&json, head, single, &books)?;
        self.job(&members, head)
    }

    /// Read one job of a message of binary jobs.
    pub fn binary(&mut self, item: &Item<'_>, head: &Head<'_>) -> Decoded {
        let (envelope, body) = item.open().map_err(|fault| malformed(fault.to_string()))?;
        let books = std::sync::Arc::clone(&self.books);
        let book = book(&books, envelope.book.as_deref(), head)?;
        let key = key(Some(&envelope.key))?;
        let code = KindCode(item.kind);
        let info = info(code);
        let mut job = blank(book, key, info.map(|info| info.code), head);
        job.key_hash = key_hash(&self.secret, &book.name, key);
        if code >= FIRST_QUESTION && info.is_some() {
            return Err(question());
        }
        let kind = info.map_or("", |info| info.name);
        let version = SchemaVersion(item.schema_version);
        let dead =
            unknown_version(version).or_else(|| unknown_kind(kind, info.map(|info| info.code)));
        if let Some(dead) = dead {
            job.envelope.fingerprint = Hash128(self.fingerprinter.bytes(kind, body));
            job.body = Body::Dead(dead);
            return Ok(Unsealed {
                job: Box::new(job),
                whole: None,
            });
        }
        let policy = book.pan_policy;
        let times = [
            ("/occurred_at", &envelope.occurred_at),
            ("/expires_at", &envelope.expires_at),
        ];
        let read = read_times(times.map(|(path, text)| (path, text.as_deref())), &mut job)
            .and_then(|()| {
                job.envelope.actor = envelope.actor.as_deref().map(Into::into);
                job.actor_vouched = vouched(&job, head);
                read_binary(code, body)
            });
        Ok(self.typed(job, kind, read, policy, |fingerprinter| {
            (fingerprinter.bytes(kind, body), body.to_vec())
        }))
    }

    fn job(&mut self, members: &Members<'_, '_>, head: &Head<'_>) -> Decoded {
        let Members {
            book,
            key,
            kind,
            json,
        } = *members;
        let code = kind_code(kind);
        if code.is_some_and(|code| code >= FIRST_QUESTION) {
            return Err(question());
        }
        let data = json.get("data");
        let mut job = blank(book, key, code, head);
        job.key_hash = key_hash(&self.secret, &book.name, key);
        job.unknown_kind = code.is_none().then(|| echo(kind).into());
        if let Some(dead) = version_of(json).or_else(|| unknown_kind(kind, code)) {
            let print = self.fingerprinter.tree(kind, data.unwrap_or(&Json::Null));
            job.envelope.fingerprint = Hash128(print);
            job.body = Body::Dead(dead);
            return Ok(Unsealed {
                job: Box::new(job),
                whole: None,
            });
        }
        let read = envelope(json, &mut job, head).and_then(|()| match data {
            None => Err(at_root(Code::SchemaInvalid, "/data", "missing field")),
            Some(data @ Json::Object(_)) => read_json(code.unwrap_or_default(), data),
            Some(_other) => Err(at_root(Code::SchemaInvalid, "/data", "expected an object")),
        });
        Ok(
            self.typed(job, kind, read, book.pan_policy, |fingerprinter| {
                let data = data.unwrap_or(&Json::Null);
                let mut text = String::new();
                data.write_sorted(&mut text);
                (
                    fingerprinter.tree(kind, data),
                    mask_cards(&text).into_bytes(),
                )
            }),
        )
    }

    /// What comes after reading the data, whichever form they had.
    fn typed(
        &mut self,
        mut job: Job,
        kind: &str,
        read: Result<JobData, Rejection>,
        policy: PanPolicy,
        whole: impl FnOnce(&mut Fingerprinter) -> (u128, Vec<u8>),
    ) -> Unsealed {
        let unfit = |refusal, (print, whole): (u128, Vec<u8>), mut job: Job| {
            job.envelope.fingerprint = Hash128(print);
            job.body = Body::Refused {
                refusal,
                data: None,
            };
            Unsealed {
                job: Box::new(job),
                whole: Some(whole),
            }
        };
        let mut data = match read {
            Ok(data) => data,
            Err(refusal) => return unfit(refusal, whole(&mut self.fingerprinter), job),
        };
        match self.fingerprinter.typed(kind, &Shape(&data)) {
            Ok(print) => job.envelope.fingerprint = Hash128(print),
            // A value that has no canonical form has no place in a journal either.
            Err(fault) => {
                let refusal = at_root(Code::SchemaInvalid, "/data", fault.to_string());
                return unfit(refusal, whole(&mut self.fingerprinter), job);
            }
        }
        job.body = match check_texts(&mut data, policy).and_then(|()| data.options()) {
            Ok(()) => Body::Data(data),
            Err(refusal) => Body::Refused {
                refusal,
                data: Some(data),
            },
        };
        Unsealed {
            job: Box::new(job),
            whole: None,
        }
    }
}

/// The data as a value to serialise.
struct Shape<'a>(&'a JobData);

impl serde::Serialize for Shape<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// The content of typed data, with their texts sealed, as it is journaled.
pub fn content(data: &JobData, out: &mut Vec<u8>) -> Result<(), binary::BinaryFault> {
    binary::encode(&Shape(data), out)
}

fn question() -> DeadLetter {
    malformed("a question; publish it to the exchange of questions")
}

/// The members around the data, as far as a dead letter depends on them.
fn members<'j, 'a>(
    json: &'j Json<'a>,
    head: &Head<'_>,
    single: bool,
    books: &'j [BookRules],
) -> Result<Members<'j, 'a>, DeadLetter> {
    if !matches!(json, Json::Object(_)) {
        return Err(malformed("a job is a JSON object"));
    }
    let named = match json.get("book") {
        None => None,
        Some(Json::String(name)) => Some(&**name),
        Some(_other) => return Err(malformed("book is not a string")),
    };
    let book = book(books, named, head)?;
    let key = match json.get("key") {
        None => key(None)?,
        Some(Json::String(text)) => key(Some(text))?,
        Some(_other) => return Err(DeadLetter::new(Code::KeyInvalid, "the key is not a string")),
    };
    let kind = match json.get("kind") {
        Some(Json::String(kind)) => &**kind,
        Some(_) | None => "",
    };
    let differs = |property: Option<&str>, member: &str| {
        single && property.is_some_and(|property| property != member)
    };
    if differs(head.message_id, key) {
        return Err(malformed("message_id and key differ"));
    }
    if differs(head.kind, kind) {
        return Err(malformed("type and kind differ"));
    }
    Ok(Members {
        book,
        key,
        kind,
        json,
    })
}

fn book<'b>(
    books: &'b [BookRules],
    named: Option<&str>,
    head: &Head<'_>,
) -> Result<&'b BookRules, DeadLetter> {
    if let (Some(named), Some(routed)) = (named, head.book)
        && named != routed
    {
        return Err(malformed("book and routing key name different books"));
    }
    let name = named.or(head.book).unwrap_or_default();
    books
        .iter()
        .find(|book| &*book.name == name)
        .ok_or_else(|| {
            let mut letter =
                DeadLetter::new(Code::BookUnknown, "this partition holds no such book");
            if is_book_name(name) {
                letter
                    .detail
                    .push(("book".into(), Value::text(name.to_owned())));
            }
            letter
        })
}

fn key(text: Option<&str>) -> Result<&str, DeadLetter> {
    match text {
        None | Some("") => Err(DeadLetter::new(Code::KeyMissing, "the job has no key")),
        Some(key) if is_key(key) => Ok(key),
        Some(_) => Err(DeadLetter::new(
            Code::KeyInvalid,
            "a key is 1 to 128 of [A-Za-z0-9._:/-]",
        )),
    }
}

fn blank(book: &BookRules, key: &str, code: Option<KindCode>, head: &Head<'_>) -> Job {
    let reply = head.reply_to.map(|to| {
        Box::new(Reply {
            to: to.into(),
            correlation_id: head.correlation_id.map(Into::into),
        })
    });
    Job {
        book: book.index,
        key_hash: Hash128::default(),
        envelope: Envelope {
            key: key.into(),
            kind: code.unwrap_or_default(),
            schema_version: SCHEMA_VERSION,
            fingerprint: Hash128::default(),
            fingerprint_rule: u16::from(RULE_VERSION),
            content: Vec::new(),
            sealed: false,
            principal: head.principal.map(Into::into),
            actor: None,
            reply,
            traceparent: head.traceparent.map(Into::into),
            occurred_at: None,
        },
        unknown_kind: None,
        actor_vouched: true,
        expires_at: None,
        body: Body::Dead(malformed("not decoded")),
        entry: Looked::Not,
    }
}

fn version_of(json: &Json<'_>) -> Option<DeadLetter> {
    match json.get("schema_version") {
        None => None,
        Some(Json::Number(number)) => unknown_version(SchemaVersion(number.parse().unwrap_or(0))),
        Some(_other) => unknown_version(SchemaVersion(0)),
    }
}

fn unknown_version(version: SchemaVersion) -> Option<DeadLetter> {
    (version != SCHEMA_VERSION).then(|| {
        let reason = format!("this release knows schema version {SCHEMA_VERSION} only");
        let mut letter = DeadLetter::new(Code::SchemaVersionUnsupported, reason);
        letter.path = Some("/schema_version".to_owned());
        letter
    })
}

fn unknown_kind(kind: &str, code: Option<KindCode>) -> Option<DeadLetter> {
    let built = code.is_some_and(|code| JobData::BUILT.binary_search(&code.0).is_ok());
    (!built).then(|| {
        let mut letter = DeadLetter::new(Code::UnknownKind, "this release does not know the kind");
        letter.path = Some("/kind".to_owned());
        letter.detail.push(("kind".into(), Value::text(echo(kind))));
        letter
    })
}

/// The refusal of a member outside the data.
fn at_root(code: Code, path: &str, reason: impl Into<String>) -> Rejection {
    Rejection::new(code)
        .at_root(path)
        .with_text("path", path)
        .with_text("reason", reason)
}

/// The members that a job may have besides its data.
const ENVELOPE: [&str; 9] = [
    "key",
    "kind",
    "book",
    "schema_version",
    "occurred_at",
    "expires_at",
    "actor",
    "data",
    "after_sequence",
];

fn envelope(json: &Json<'_>, job: &mut Job, head: &Head<'_>) -> Result<(), Rejection> {
    let Json::Object(members) = json else {
        return Ok(());
    };
    for (name, _) in members {
        if !ENVELOPE.contains(&&**name) || name == "after_sequence" {
            let mut path = String::new();
            super::pointer::enter(&mut path, name);
            return Err(at_root(Code::SchemaInvalid, &path, "unknown field"));
        }
    }
    let text = |name: &str, path: &'static str| match json.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(&**text)),
        Some(_other) => Err(at_root(Code::SchemaInvalid, path, "expected a string")),
    };
    let actor = text("actor", "/actor")?;
    let occurred = text("occurred_at", "/occurred_at")?;
    let expires = text("expires_at", "/expires_at")?;
    if let Some(actor) = actor {
        check_actor(actor)?;
        job.envelope.actor = Some(actor.into());
        job.actor_vouched = vouched(job, head);
    }
    read_times([("/occurred_at", occurred), ("/expires_at", expires)], job)
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

fn read_times(times: [(&'static str, Option<&str>); 2], job: &mut Job) -> Result<(), Rejection> {
    for (path, text) in times {
        let Some(text) = text else { continue };
        let instant = Timestamp::parse(text)
            .ok_or_else(|| at_root(Code::DateInvalid, path, "expected an RFC 3339 instant"))?;
        if path == "/expires_at" {
            job.expires_at = Some(instant);
        } else {
            job.envelope.occurred_at = Some(instant);
        }
    }
    Ok(())
}

/// Reads the data of one kind from JSON.
struct FromJson<'t, 'a>(&'t Json<'a>);

impl KindVisitor for FromJson<'_, '_> {
    type Made = Result<JobData, SchemaFault>;

    fn visit<K: JobKind>(
        &mut self,
        _: &'static KindInfo,
        wrap: fn(Box<K>) -> JobData,
    ) -> Self::Made {
        typed::read::<K>(self.0).map(|data| wrap(Box::new(data)))
    }
}

fn read_json(code: KindCode, data: &Json<'_>) -> Result<JobData, Rejection> {
    match JobData::visit(code, &mut FromJson(data)) {
        Some(Ok(data)) => Ok(data),
        Some(Err(fault)) => Err(schema(&fault)),
        None => Err(Rejection::new(Code::UnknownKind)),
    }
}

/// Reads the data of one kind from binary.
struct FromBinary<'t>(&'t [u8]);

impl KindVisitor for FromBinary<'_> {
    type Made = Result<JobData, binary::BinaryFault>;

    fn visit<K: JobKind>(
        &mut self,
        _: &'static KindInfo,
        wrap: fn(Box<K>) -> JobData,
    ) -> Self::Made {
        binary::decode::<K>(self.0).map(|data| wrap(Box::new(data)))
    }
}

/// Typed data from their binary form: of a message, or of a record's content.
pub fn read_binary(code: KindCode, body: &[u8]) -> Result<JobData, Rejection> {
    match JobData::visit(code, &mut FromBinary(body)) {
        Some(Ok(data)) => Ok(data),
        Some(Err(binary::BinaryFault::Schema(fault))) => Err(schema(&fault)),
        Some(Err(fault)) => Err(at_root(Code::SchemaInvalid, "/data", fault.to_string())),
        None => Err(Rejection::new(Code::UnknownKind)),
    }
}

pub(super) fn schema(fault: &SchemaFault) -> Rejection {
    let code = match fault.code {
        SchemaCode::SchemaInvalid => Code::SchemaInvalid,
        SchemaCode::FieldTooLong => Code::FieldTooLong,
        SchemaCode::TextInvalid => Code::TextInvalid,
    };
    Rejection::schema(code, &fault.path, fault.reason.clone())
}

/// Check every personal text; card numbers are masked where they may not stay, even in a refused
/// job.
fn check_texts(data: &mut JobData, policy: PanPolicy) -> Result<(), Rejection> {
    let mut first: Option<Rejection> = None;
    data.texts(&mut |path, text| {
        let refusal = match text.check() {
            Ok(()) => None,
            Err(TextFault::TooLong) => Some(Rejection::schema(
                Code::FieldTooLong,
                path,
                "a text has at most 500 characters",
            )),
            Err(TextFault::Invalid) => Some(Rejection::schema(
                Code::TextInvalid,
                path,
                "control characters are not allowed",
            )),
        };
        let card = policy != PanPolicy::Off && mask(text);
        let card = (card && policy == PanPolicy::Reject).then(|| {
            Rejection::new(Code::CardDataForbidden)
                .at(path)
                .with_text("path", path)
        });
        if text.sealed().is_some() {
            // Bytes that claim to be sealed were sealed by nobody here: they are not kept.
            *text = Text::Plain(String::new());
        }
        if first.is_none() {
            first = refusal.or(card);
        }
    });
    first.map_or(Ok(()), Err)
}

/// Replace card numbers in a text; whether there was one.
fn mask(text: &mut Text) -> bool {
    let Some(masked) = text
        .plain()
        .and_then(|plain| (!card_numbers(plain).is_empty()).then(|| mask_cards(plain)))
    else {
        return false;
    };
    *text = Text::Plain(masked);
    true
}

fn mask_cards(text: &str) -> String {
    let mut masked = text.to_owned();
    for range in card_numbers(text) {
        let hidden: String = masked
            .get(range.clone())
            .unwrap_or_default()
            .chars()
            .map(|letter| if letter.is_ascii_digit() { '*' } else { letter })
            .collect();
        masked.replace_range(range, &hidden);
    }
    masked
}
