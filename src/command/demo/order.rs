//! A job as the company orders it: what it says, and what the company expects to hear of it.
//!
//! It travels in one of the three forms: one JSON object a message, many as lines, many in binary.

use anyhow::Context;
use serde_json::{Map, Value as Json, json};

use crate::code::Code;
use crate::command::Unexpected;
use crate::command::submit::courier::{Answer, Parcel};
use crate::command::submit::pack;
use crate::command::submit::rows::{self, Row};
use crate::jobs::{entry, kind_code};
use crate::limits::MESSAGE_JOBS_MAX;
use crate::wire::client::{self, BinaryEnvelope, JobsMessage};

/// The book that everything happens in.
pub(super) const BOOK: &str = "main";
/// The user of the private broker: the only one who can be an actor there.
pub(super) const USER: &str = "guest";

/// A job and what is expected of it.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// Its key: it has one effect for ever, however often it is sent.
    pub(super) key: String,
    /// Its kind.
    pub(super) kind: &'static str,
    data: Json,
    actor: bool,
    wish: Wish,
    /// Members of the outcome that the company has worked out itself.
    members: Vec<(&'static str, String)>,
}

/// What the outcome must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Status(&'static str),
    Refusal(Code),
}

/// How orders travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Each in a message of its own, as JSON.
    Each,
    /// Many in a message, one a line.
    Lines,
    /// Many in a message, in binary.
    Binary,
}

impl Order {
    /// A job that is expected to be posted.
    pub(super) fn new(key: impl Into<String>, kind: &'static str, data: Json) -> Self {
        Self {
            key: key.into(),
            kind,
            data,
            actor: false,
            wish: Wish::Status("posted"),
            members: Vec::new(),
        }
    }

    /// A job that opens an account.
    pub(super) fn account(name: &str, unit: &str, class: &str) -> Self {
        let data = json!({ "account": name, "unit": unit, "class": class });
        Self::new(format!("open:{name}"), "account.open", data).wished("accepted")
    }

    /// A job that posts an entry of two legs; amounts are decimal strings.
    pub(super) fn entry(key: impl Into<String>, debit: &str, credit: &str, amount: &str) -> Self {
        let legs = json!([{ "dr": debit, "amount": amount }, { "cr": credit, "amount": amount }]);
        Self::new(key, "entry.post", json!({ "legs": legs }))
    }

    /// The same under another key.
    pub(super) fn under(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    /// With another status expected.
    pub(super) fn wished(mut self, status: &'static str) -> Self {
        self.wish = Wish::Status(status);
        self
    }

    /// With a refusal expected.
    pub(super) fn refused(mut self, code: Code) -> Self {
        self.wish = Wish::Refusal(code);
        self.members.clear();
        self
    }

    /// With a member of the outcome expected.
    pub(super) fn hears(mut self, member: &'static str, value: impl Into<String>) -> Self {
        self.members.push((member, value.into()));
        self
    }

    /// With a further member of its data.
    pub(super) fn with(mut self, member: &str, value: impl Into<Json>) -> Self {
        if let Json::Object(data) = &mut self.data {
            data.insert(member.to_owned(), value.into());
        }
        self
    }

    /// In the name of a person; the broker vouches that the sender is that user.
    pub(super) fn signed(mut self) -> Self {
        self.actor = true;
        self
    }

    /// The job as it is published.
    pub(super) fn message(&self) -> String {
        let mut job = Map::new();
        job.insert("key".to_owned(), json!(self.key));
        job.insert("kind".to_owned(), json!(self.kind));
        if self.actor {
            job.insert("actor".to_owned(), json!(USER));
        }
        job.insert("data".to_owned(), self.data.clone());
        Json::Object(job).to_string()
    }

    /// Whether an answer is what was expected.
    pub(super) fn check(&self, answer: &Answer) -> Result<(), Unexpected> {
        let expected = match self.wish {
            Wish::Status(status) => (status, None),
            Wish::Refusal(code) => ("rejected", Some(code.text())),
        };
        let got = (answer.status.as_str(), answer.code.as_deref());
        if got != expected {
            let words = |(status, code): (&str, Option<&str>)| match code {
                Some(code) => format!("{status} with {code}"),
                None => status.to_owned(),
            };
            let said = member(&answer.body, "message").unwrap_or_default();
            return Err(self.unexpected(&words(expected), &format!("{} {said}", words(got))));
        }
        for (name, value) in &self.members {
            let got = member(&answer.body, name).unwrap_or("nothing");
            if got != value {
                return Err(self.unexpected(&format!("{name} {value}"), got));
            }
        }
        Ok(())
    }

    fn unexpected(&self, expected: &str, got: &str) -> Unexpected {
        let Self { key, kind, .. } = self;
        Unexpected(format!(
            "the outcome of {kind} {key}: expected {expected}, got {}",
            got.trim()
        ))
    }
}

/// A text member of an outcome.
pub(super) fn member<'a>(outcome: &'a Json, name: &str) -> Option<&'a str> {
    outcome.get(name).and_then(Json::as_str)
}

/// Orders as messages.
pub(super) fn parcels(orders: &[Order], form: Form) -> anyhow::Result<Vec<Parcel>> {
    let rows: Result<Vec<Row>, _> = orders
        .iter()
        .zip(1..)
        .map(|(order, line)| rows::row(line, &order.message()))
        .collect();
    let rows = rows.map_err(|mistake| Unexpected(format!("a job of the demo: {mistake}")))?;
    let batch = match form {
        Form::Each => 1,
        Form::Lines | Form::Binary => MESSAGE_JOBS_MAX,
    };
    let packed = pack(&rows, batch, Some(BOOK));
    let mut parcels =
        packed.map_err(|mistake| Unexpected(format!("a message of the demo: {mistake}")))?;
    let signed = orders.iter().any(|order| order.actor);
    for parcel in &mut parcels {
        parcel.user_id = signed.then(|| USER.to_owned());
    }
    if let (Form::Binary, Some(parcel)) = (form, parcels.first_mut()) {
        parcel.content_type = client::CONTENT_TYPE;
        parcel.body = binary(orders)?;
    }
    Ok(parcels)
}

/// Entries as one binary message.
fn binary(orders: &[Order]) -> anyhow::Result<Vec<u8>> {
    let code = kind_code("entry.post").context("the catalogue has no entry.post")?;
    let mut message = JobsMessage::new();
    for order in orders {
        let data: entry::Post = client::data(&order.data.to_string())
            .map_err(|fault| Unexpected(format!("an entry of the demo: {fault:?}")))?;
        let envelope = BinaryEnvelope {
            key: order.key.as_str().into(),
            book: Some(BOOK.to_owned()),
            ..BinaryEnvelope::default()
        };
        message.push(code.0, 1, &envelope, &data)?;
    }
    Ok(message.finish())
}
