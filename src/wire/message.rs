//! A message to its jobs: everything that needs only the message and the rules of its book.
//!
//! The order of checks is drawn in `docs/codes.md`. What cannot be read becomes a dead
//! letter; what can be read but is wrong in itself becomes a job that is refused, unless its key is
//! known: that only the engine can say. Personal texts are handed over plain here and sealed by the
//! caller before anything goes on.

use super::canonical::{Fingerprinter, RULE_VERSION};
use super::container::Item;
use super::envelope::{
    AS_LAID_OUT, Members, book, envelope, key, malformed, members, question, set_actor, set_times,
    unknown_kind, unknown_version, version_of,
};
use super::schema::{SchemaCode, SchemaFault};
use super::texts::{check_texts, mask_cards};
use super::tree::{Json, Tree};
use super::{binary, typed};
use crate::code::Code;
use crate::ids::{BookIndex, Hash128, KindCode, SchemaVersion};
use crate::jobs::approval::InnerJob;
use crate::jobs::catalogue::{FIRST_QUESTION, KindInfo, info, kind_code};
use crate::jobs::contract::JobKind;
use crate::jobs::job::{Body, CarriedJob, Cold, DeadLetter, Job, Looked};
use crate::jobs::{JobData, KindVisitor};
use crate::ledger::plan::echo;
pub use crate::ledger::plan::key_hash;
use crate::ledger::reference::PanPolicy;
use crate::ledger::{Envelope, Rejection, Reply};
use crate::lenient::Lenient;

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
    /// Memory for the next message.
    tree: Tree<'static>,
}

impl JobReader {
    /// A reader for these books, with the secret of their journal.
    pub fn new(books: Vec<BookRules>, secret: [u8; 32]) -> Self {
        Self {
            books: books.into(),
            fingerprinter: Fingerprinter::new(secret),
            secret,
            tree: Tree::default(),
        }
    }

    /// Read one job as JSON; `single` if it is the whole message, so that the properties must
    /// agree.
    pub fn json(&mut self, bytes: &[u8], head: &Head<'_>, single: bool) -> Decoded {
        let tree = std::mem::take(&mut self.tree);
        let tree = tree.read(bytes).map_err(|fault| {
            let mut letter = malformed(fault.problem.to_string());
            letter.reason = fault.to_string();
            letter.path = Some(fault.path);
            letter
        })?;
        let books = std::sync::Arc::clone(&self.books);
        let members = members(tree.root(), head, single, &books);
        let decoded = members.and_then(|members| self.job(&members, head));
        self.tree = tree.emptied();
        decoded
    }

    /// Read one job of a message of binary jobs.
    pub fn binary(&mut self, item: &Item<'_>, head: &Head<'_>) -> Decoded {
        let unreadable =
            |fault: &dyn std::fmt::Display| malformed(fault.to_string()).advising(AS_LAID_OUT);
        let (envelope, body) = item.open().map_err(|fault| unreadable(&fault))?;
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
            let print = match read_binary(code, body).map(|data| self.typed_print(kind, &data)) {
                Ok(Some(print)) => print,
                Ok(None) | Err(_) => self.fingerprinter.bytes(kind, body),
            };
            job.envelope.fingerprint = Hash128(print);
            job.body = Body::Dead(dead);
            return Ok(Unsealed { job, whole: None });
        }
        let policy = book.pan_policy;
        let around = set_actor(envelope.actor.as_deref(), &mut job, head);
        let read = read_binary(code, body);
        let occurred = envelope.occurred_at.as_deref().map(Lenient::text);
        let expires = envelope.expires_at.as_deref().map(Lenient::text);
        set_times(occurred, expires, &mut job);
        Ok(
            self.typed(job, kind, (around, read), policy, |fingerprinter| {
                (fingerprinter.bytes(kind, body), body.to_vec())
            }),
        )
    }

    fn job(&mut self, members: &Members<'_>, head: &Head<'_>) -> Decoded {
        let Members {
            book,
            key,
            kind,
            ref written,
        } = *members;
        let code = kind_code(kind);
        if code.is_some_and(|code| code >= FIRST_QUESTION) {
            return Err(question());
        }
        let data = written.data;
        let mut job = blank(book, key, code, head);
        job.key_hash = key_hash(&self.secret, &book.name, key);
        job.unknown_kind = code.is_none().then(|| echo(kind).into());
        if let Some(dead) = version_of(written).or_else(|| unknown_kind(kind, code)) {
            let data = data.unwrap_or(Json::Null);
            let typed = code.and_then(|code| read_json(code, data).ok());
            let print = typed.and_then(|data| self.typed_print(kind, &data));
            let print = print.unwrap_or_else(|| self.fingerprinter.tree(kind, data));
            job.envelope.fingerprint = Hash128(print);
            job.body = Body::Dead(dead);
            return Ok(Unsealed { job, whole: None });
        }
        let around = envelope(written, &mut job, head);
        let read = match data {
            None => Err(Rejection::schema(Code::SchemaInvalid, "", "missing field")),
            Some(data) => read_json(code.unwrap_or_default(), data),
        };
        Ok(self.typed(
            job,
            kind,
            (around, read),
            book.pan_policy,
            |fingerprinter| {
                let data = data.unwrap_or(Json::Null);
                let mut text = String::new();
                data.write_sorted(&mut text);
                (
                    fingerprinter.tree(kind, data),
                    mask_cards(&text).into_bytes(),
                )
            },
        ))
    }

    /// The fingerprint of data that fit a schema of this release, whatever version they claim: a
    /// key that is known leads to its outcome before the version is looked at.
    fn typed_print(&mut self, kind: &str, data: &JobData) -> Option<u128> {
        self.fingerprinter.typed(kind, &Shape(data)).ok()
    }

    /// What the engine must know of a job inside another one. Its texts are sealed later.
    fn carried(&mut self, inner: &InnerJob, book: BookIndex) -> Option<CarriedJob> {
        let rules = self.books.iter().find(|rules| rules.index == book)?;
        let key_hash = key_hash(&self.secret, &rules.name, &inner.key);
        let print = self.typed_print(inner.kind_name(), &inner.data)?;
        Some(CarriedJob {
            key: inner.key.as_str().into(),
            key_hash,
            fingerprint: Hash128(print),
            content: Vec::new(),
        })
    }

    /// What comes after reading the data, whichever form they had. What is wrong around them is
    /// told first, and yet they have the fingerprint of their own: a key that is known leads to
    /// its outcome, whatever else is wrong.
    fn typed(
        &mut self,
        mut job: Box<Job>,
        kind: &str,
        (around, read): (Result<(), Rejection>, Result<JobData, Rejection>),
        policy: PanPolicy,
        whole: impl FnOnce(&mut Fingerprinter) -> (u128, Vec<u8>),
    ) -> Unsealed {
        let unfit = |refusal, (print, whole): (u128, Vec<u8>), mut job: Box<Job>| {
            job.envelope.fingerprint = Hash128(print);
            job.body = Body::Refused {
                refusal,
                data: None,
            };
            Unsealed {
                job,
                whole: Some(whole),
            }
        };
        let mut data = match read {
            Ok(data) => data,
            Err(refusal) => {
                let refusal = around.err().unwrap_or(refusal);
                return unfit(refusal, whole(&mut self.fingerprinter), job);
            }
        };
        match self.fingerprinter.typed(kind, &Shape(&data)) {
            Ok(print) => job.envelope.fingerprint = Hash128(print),
            // A value that has no canonical form has no place in a journal either.
            Err(fault) => {
                let refusal = Rejection::schema(Code::SchemaInvalid, "", fault.to_string());
                return unfit(refusal, whole(&mut self.fingerprinter), job);
            }
        }
        if let Some(inner) = data.inside() {
            job.inside = self.carried(inner, job.book).map(Box::new);
        }
        // Texts are looked through even if the job is refused: it is journaled all the same.
        let texts = check_texts(&mut data, policy);
        job.body = match around.and(texts).and_then(|()| data.options()) {
            Ok(()) => Body::Data(data),
            Err(refusal) => Body::Refused {
                refusal,
                data: Some(data),
            },
        };
        Unsealed { job, whole: None }
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

/// A job before its body is read. It is large: it stays where it is made.
fn blank(book: &BookRules, key: &str, code: Option<KindCode>, head: &Head<'_>) -> Box<Job> {
    let reply = head.reply_to.map(|to| {
        Box::new(Reply {
            to: to.into(),
            correlation_id: head.correlation_id.map(Into::into),
        })
    });
    Box::new(Job {
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
        time_fault: None,
        // Stands for the body until it is read; nothing is allocated for it.
        body: Body::Dead(DeadLetter::new(Code::MessageMalformed, String::new())),
        entry: Looked::Not,
        cold: Cold::default(),
        inside: None,
    })
}

/// Reads the data of one kind from JSON.
struct FromJson<'t>(Json<'t>);

impl KindVisitor for FromJson<'_> {
    type Made = Result<JobData, SchemaFault>;

    fn visit<K: JobKind>(
        &mut self,
        _: &'static KindInfo,
        wrap: fn(Box<K>) -> JobData,
    ) -> Self::Made {
        typed::read::<K>(self.0).map(|data| wrap(Box::new(data)))
    }
}

fn read_json(code: KindCode, data: Json<'_>) -> Result<JobData, Rejection> {
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
        Some(Err(fault)) => Err(Rejection::schema(
            Code::SchemaInvalid,
            "",
            fault.to_string(),
        )),
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
