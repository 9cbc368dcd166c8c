//! The messages of the contract: what stands in them, around them, and an example of each.

use serde_json::{Map, Value as Json, json};

use super::super::{page, schema};
use super::{BINDINGS, Told};
use crate::code::Code;
use crate::ledger::outcome::Status;

/// Messages that hold many jobs, with their content types.
pub(super) const MANY: [(&str, &str); 2] = [
    ("jobs.ndjson", "application/x-ndjson"),
    ("jobs.binary", "application/vnd.kontor.jobs.v1+bincode"),
];

/// All messages by name.
pub(super) fn messages(kinds: &[Told<'_>]) -> Json {
    let mut messages = Map::new();
    for told in kinds {
        let name = told.kind.info.name;
        messages.insert(name.to_owned(), of_kind(told));
    }
    for (name, content_type) in MANY {
        let lines = content_type == "application/x-ndjson";
        let about = if lines {
            "Many jobs, one a line; each stands for itself."
        } else {
            "Many jobs in binary form, drawn in docs/wire.md."
        };
        messages.insert(
            name.to_owned(),
            json!({
                "name": name, "title": name, "summary": about, "contentType": content_type,
                "headers": reference("jobHeaders"),
                "payload": { "type": "string", "format": if lines { "ndjson" } else { "binary" } },
            }),
        );
    }
    let examples = |refused: bool| -> Vec<Json> {
        let jobs = kinds.iter().filter(|told| !told.kind.question);
        let of = jobs.filter(|told| (told.became.outcome.get("code").is_some()) == refused);
        of.map(|told| json!({ "name": told.kind.info.name, "payload": told.became.outcome }))
            .collect()
    };
    let single = |name: &str, about: &str, refused: bool| {
        let mut message = json!({
            "name": name, "title": name, "summary": about, "contentType": "application/json",
            "description": "The message id is `<book>/<sequence>`, after a restore \
                `<book>/<sequence>.<lineage>`; the correlation id is the job's key, in a reply the \
                correlation id of the job's message; the type is the kind.",
            "correlationId": { "location": "$message.payload#/key" },
            "headers": reference("outcomeHeaders"),
            "payload": reference(name),
        });
        let examples = examples(refused);
        if let (Json::Object(members), false) = (&mut message, examples.is_empty()) {
            members.insert("examples".to_owned(), Json::Array(examples));
        }
        message
    };
    let took = single("outcome", "What became of a job that the book took.", false);
    let refused = single("refusal", "A job that the book refused, and why.", true);
    messages.insert("outcome".to_owned(), took);
    messages.insert("refusal".to_owned(), refused);
    messages.insert(
        "outcomes.ndjson".to_owned(),
        json!({
            "name": "outcomes.ndjson", "title": "outcomes.ndjson",
            "summary": "Outcomes of one book from one commit, one a line.",
            "description": "The message id is `<book>/<first>-<last>`.",
            "contentType": "application/x-ndjson",
            "payload": { "type": "string", "format": "ndjson" },
        }),
    );
    messages.insert("deadLetter".to_owned(), json!({
        "name": "deadLetter", "title": "deadLetter",
        "summary": "What could not be read, or could not be tried: its bytes as they came.",
        "description": "Content type, message id, type, correlation id and timestamp are those of \
            the original. What the broker sets aside by itself has none of these headers.",
        "headers": reference("deadLetterHeaders"),
        "payload": {},
    }));
    Json::Object(messages)
}

/// The message of a kind.
fn of_kind(told: &Told<'_>) -> Json {
    let name = told.kind.info.name;
    // The page's own example is JSON; a test of the pages holds that.
    let example: Json = serde_json::from_str(&page::example(told.kind)).unwrap_or_default();
    let mut message = json!({
        "name": name,
        "title": name,
        "summary": told.kind.summary,
        "contentType": "application/json",
        "headers": reference("jobHeaders"),
        "payload": reference(name),
        "bindings": { "amqp": { "messageType": name, "bindingVersion": BINDINGS } },
        "description": format!("Its page: docs/jobs/{name}.md."),
        "examples": [{ "payload": example }],
    });
    if let (Json::Object(members), false) = (&mut message, told.kind.question) {
        let location = json!({ "location": "$message.payload#/key" });
        members.insert("correlationId".to_owned(), location);
    }
    message
}

/// All schemas by name.
pub(super) fn schemas(kinds: &[Told<'_>]) -> Json {
    let mut schemas = Map::new();
    for told in kinds {
        let name = told.kind.info.name;
        schema::bring(name, told.schema.clone(), &mut schemas);
    }
    schemas.insert(
        "jobHeaders".to_owned(),
        json!({
            "type": "object",
            "properties": {
                "traceparent": { "type": "string", "description": "Trace context (W3C)." },
                "tracestate": { "type": "string", "description": "Trace context (W3C)." },
            },
        }),
    );
    schemas.insert(
        "outcomeHeaders".to_owned(),
        json!({
            "type": "object",
            "properties": {
                "kontor-status": { "type": "string", "enum": statuses(|_| true) },
                "kontor-duplicate": {
                    "type": "boolean",
                    "description": "True if the job came again and this is its first outcome.",
                },
                "traceparent": { "type": "string", "description": "That of the job." },
            },
            "required": ["kontor-status"],
        }),
    );
    schemas.insert("outcome".to_owned(), outcome(false));
    schemas.insert("refusal".to_owned(), outcome(true));
    schemas.insert("deadLetterHeaders".to_owned(), dead_letter_headers());
    Json::Object(schemas)
}

/// What all outcomes have in common; a kind adds members of its own.
fn outcome(refused: bool) -> Json {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let date = |about: &str| json!({ "type": "string", "format": "date", "description": about });
    let count = |about: &str| json!({ "type": "integer", "minimum": 1, "description": about });
    let mut properties = json!({
        "book": text("The book."),
        "sequence": count("Place among the outcomes of the book, without a gap."),
        "key": text("Key of the job."),
        "kind": text("Kind of the job."),
        "event": text("What happened, if the engine made the job by itself."),
        "recorded_at": {
            "type": "string", "format": "date-time", "description": "When it was recorded.",
        },
    });
    let more = if refused {
        let codes = Code::ALL.iter().filter(|code| !code.is_dead_letter());
        let codes: Vec<&str> = codes.map(|code| code.text()).collect();
        json!({
            "status": { "const": Status::Rejected.text() },
            "code": { "type": "string", "enum": codes, "description": "See docs/codes.md." },
            "message": text("What is wrong and what to do."),
            "path": text("JSON pointer from the root of the job."),
            "detail": { "type": "object", "description": "Figures that help to act." },
        })
    } else {
        let taken = |status| !matches!(status, Status::Rejected | Status::Answered);
        json!({
            "status": { "type": "string", "enum": statuses(taken) },
            "booking_date": date("Booking date."),
            "value_date": date("Value date."),
            "entry_no": count("Number of the first entry posted."),
            "entries": {
                "type": "integer", "minimum": 0,
                "description": "How many entries were posted, if not one.",
            },
            "balances": {
                "type": "object",
                "additionalProperties": { "type": "string" },
                "description": "Balances of the accounts touched, on their normal side.",
            },
        })
    };
    if let (Json::Object(all), Json::Object(more)) = (&mut properties, more) {
        all.extend(more);
    }
    let mut required = vec!["book", "sequence", "key", "kind", "status", "recorded_at"];
    required.extend(refused.then_some("code"));
    required.extend(refused.then_some("message"));
    json!({ "type": "object", "properties": properties, "required": required })
}

fn dead_letter_headers() -> Json {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let codes = Code::ALL.iter().filter(|code| code.is_dead_letter());
    let codes: Vec<&str> = codes.map(|code| code.text()).collect();
    json!({
        "type": "object",
        "properties": {
            "kontor-reason": { "type": "string", "enum": codes },
            "kontor-detail": text("What is wrong and what to do."),
            "kontor-path": text("JSON pointer to the culprit."),
            "kontor-line": {
                "type": "integer", "minimum": 1,
                "description": "Number of the line or item in a message of many.",
            },
            "kontor-received-at": { "type": "string", "format": "date-time" },
            "kontor-delivery-count": { "type": "integer", "minimum": 0 },
            "kontor-dead-id": text("The same for the same bytes at the same line."),
            "kontor-original-exchange": text("Where it was published."),
            "kontor-original-routing-key": text("With which routing key."),
            "kontor-original-user-id": text("Who the broker says has sent it."),
            "kontor-original-reply-to": text("Where an answer was wanted."),
            "kontor-original-expiration": text("Its life time."),
        },
        "required": ["kontor-reason", "kontor-detail", "kontor-received-at", "kontor-dead-id"],
    })
}

/// What can become of a job, as far as it is wanted.
pub(super) fn statuses(wanted: impl Fn(Status) -> bool) -> Vec<&'static str> {
    let all = Status::ALL.iter().filter(|status| wanted(**status));
    all.map(|status| status.text()).collect()
}

fn reference(schema: &str) -> Json {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}
