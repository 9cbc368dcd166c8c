//! The books as somebody else would keep them.
//!
//! Plain maps and plain sums, written from the catalogue; no code of the engine, of the ledger or
//! of money is used, so a mistake there is not made here again. Amounts are minor units.

pub mod accounts;
pub mod accruals;
pub mod approvals;
pub mod book;
pub mod credits;
pub mod due;
pub mod entries;
pub mod holds;
pub mod invoices;
pub mod payments;
pub mod periods;
pub mod policies;
pub mod recurring;
pub mod settlements;

use std::collections::BTreeMap;

use serde_json::Value;

pub use book::{Account, Book, Leg};

use super::kinds::{self, Kind};
use super::work::Job;

/// What a job came to by a rule: its answer, or the code of its refusal.
pub type Ruled = Result<Answer, &'static str>;

/// A good answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: &'static str,
    /// Members that the outcome must have, with their values.
    pub members: Vec<(&'static str, Value)>,
}

impl Answer {
    /// An answer without members.
    pub fn of(status: &'static str) -> Self {
        Self {
            status,
            members: Vec::new(),
        }
    }

    /// With a member.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }
}

/// All books.
#[derive(Clone, Debug, Default)]
pub struct Model {
    books: BTreeMap<&'static str, Book>,
    /// What the next record must say: the job that was decided by the one before.
    decided: Option<Value>,
}

impl Model {
    /// With the books that the configuration begins.
    pub fn new(books: impl IntoIterator<Item = Book>) -> Self {
        Self {
            books: books.into_iter().map(|book| (book.name, book)).collect(),
            decided: None,
        }
    }

    /// A book.
    pub fn book(&self, name: &str) -> Option<&Book> {
        self.books.get(name)
    }

    /// All books.
    pub fn books(&self) -> impl Iterator<Item = &Book> {
        self.books.values()
    }

    /// What a job's record must say, and what the books are after it. An error is a record that
    /// should not be.
    pub fn judge(&mut self, job: &Job, now: i64) -> Result<Value, String> {
        let book = self
            .books
            .get_mut(job.book)
            .ok_or_else(|| format!("a record in the unknown book {}", job.book))?;
        book.at(now);
        book.begins(&job.key, job.actor);
        book.sequence = book.sequence.saturating_add(1);
        let content = job.content();
        let ruled = match book.keys.get(&job.key) {
            Some(known) if *known == content => {
                return Err(format!("{} has a second outcome of its own", job.key));
            }
            Some(_) => Err("IDEMPOTENCY_KEY_REUSED"),
            None => match book.awaited(&job.key) {
                Some((name, request)) if request.content() == content => {
                    Ok(Answer::of("pending_approval")
                        .with("request", name.clone())
                        .with("needs", request.needs.shown()))
                }
                Some(_) => Err("IDEMPOTENCY_KEY_REUSED"),
                None => {
                    book.keys.insert(job.key.clone(), content);
                    rule(book, job)
                }
            },
        };
        let said = outcome(book, &job.key, job.kind, ruled);
        self.decided = decided(book);
        Ok(said)
    }

    /// What the record behind the last one must say, if that one decided another job.
    pub fn take_decided(&mut self) -> Option<Value> {
        self.decided.take()
    }
}

/// The outcome of a job that waited and was decided, under its own key.
fn decided(book: &mut Book) -> Option<Value> {
    let decided = book.decided.take()?;
    book.sequence = book.sequence.saturating_add(1);
    let mut said = outcome(book, &decided.key, decided.kind, decided.ruled);
    if let Some(members) = said.as_object_mut() {
        members.insert("event".to_owned(), "job.decided".into());
    }
    book.keys.insert(decided.key, decided.content);
    Some(said)
}

/// What an outcome must say.
fn outcome(book: &Book, key: &str, kind: &str, ruled: Ruled) -> Value {
    let mut outcome = serde_json::Map::new();
    let mut set = |name: &str, value: Value| outcome.insert(name.to_owned(), value);
    set("book", book.name.into());
    set("sequence", book.sequence.into());
    set("key", key.into());
    set("kind", kind.into());
    match ruled {
        Ok(answer) => {
            set("status", answer.status.into());
            for (name, value) in answer.members {
                set(name, value);
            }
        }
        Err(code) => {
            set("status", "rejected".into());
            set("code", code.into());
        }
    }
    Value::Object(outcome)
}

/// The checks that all kinds share, in the order of the catalogue, then the kind's own.
fn rule(book: &mut Book, job: &Job) -> Ruled {
    let kind = kinds::find(job.kind).ok_or("UNKNOWN_KIND")?;
    if job.data.get("surprise").is_some() {
        return Err("SCHEMA_INVALID");
    }
    if job.expired {
        return Err("JOB_EXPIRED");
    }
    if kind.needs_actor && job.actor.is_none() {
        return Err("ACTOR_MISSING");
    }
    if job.actor.is_some() && job.actor != job.sender {
        return Err("ACTOR_NOT_TRUSTED");
    }
    if kind.family() == "approval" || !book.is_guarded(kind.name, &job.data) {
        return (kind.rule)(book, &job.data);
    }
    alone(book, kind, &job.data)
}

/// A job that comes by itself, where some need an approval.
fn alone(book: &mut Book, kind: &Kind, data: &Value) -> Ruled {
    let mut tried = book.clone();
    let ruled = (kind.rule)(&mut tried, data);
    let refused = ruled.as_ref().err().copied();
    if let Some(code) = refused
        && !policies::is_late(code)
    {
        return Err(code);
    }
    let needs = match book.needs(kind.name, data, &tried) {
        Ok(needs) => needs,
        // What nobody can approve is beyond a limit: the state of things comes before that.
        Err(above) => {
            return Err(refused
                .filter(|code| !policies::is_last(code))
                .unwrap_or(above));
        }
    };
    if needs.approvals > 0 {
        return Err("APPROVAL_REQUIRED");
    }
    if ruled.is_ok() {
        *book = tried;
    }
    ruled
}

/// A text member.
fn text<'v>(data: &'v Value, name: &str) -> Option<&'v str> {
    data.get(name)?.as_str()
}

/// A text member that the generator always draws.
fn need<'v>(data: &'v Value, name: &str) -> &'v str {
    text(data, name).unwrap_or_default()
}

/// The elements of a list member.
fn list<'v>(data: &'v Value, name: &str) -> &'v [Value] {
    let list = data.get(name).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

/// Minor units of an amount with so many decimals; the code of what is wrong with it otherwise.
fn minor(text: &str, decimals: u32) -> Result<i128, &'static str> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !are_digits(whole) || !are_digits(part) {
        return Err("AMOUNT_FORMAT");
    }
    let decimals = usize::try_from(decimals).unwrap_or_default();
    let part = part.trim_end_matches('0');
    if part.len() > decimals {
        return Err("AMOUNT_PRECISION");
    }
    let padded = format!("{whole}{part:0<decimals$}");
    let units: i128 = padded.parse().map_err(|_long| "AMOUNT_OVERFLOW")?;
    Ok(units * sign)
}

/// The same, and above zero.
fn positive(text: &str, decimals: u32) -> Result<i128, &'static str> {
    match minor(text, decimals)? {
        0 => Err("AMOUNT_ZERO"),
        negative if negative < 0 => Err("AMOUNT_NEGATIVE"),
        units => Ok(units),
    }
}

/// Minor units as the outcomes print them.
pub fn print(minor: i128, decimals: u32) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let scale = 10_u128.saturating_pow(decimals);
    let (whole, part) = (
        minor.unsigned_abs().div_euclid(scale),
        minor.unsigned_abs() % scale,
    );
    if decimals == 0 {
        return format!("{sign}{whole}");
    }
    let width = usize::try_from(decimals).unwrap_or_default();
    format!("{sign}{whole}.{part:0>width$}")
}
