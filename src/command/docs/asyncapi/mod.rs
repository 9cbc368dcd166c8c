//! The whole contract with the broker as one AsyncAPI 3.0 document: channels, messages, schemas.
//!
//! It is written from kontor's side, as AsyncAPI wants it: kontor receives jobs and sends outcomes.
//! Names of exchanges and queues come from the topology that `kontor topology` makes, schemas from
//! the kinds, examples from the engine.

mod messages;

use messages::{MANY, messages, schemas, statuses};
use serde_json::{Map, Value as Json, json};

use super::Kind;
use super::example::Became;
use crate::broker::topology::{PartitionBooks, Queue, Topology};
use crate::limits::{MESSAGE_BYTES_MAX, MESSAGE_JOBS_MAX};

/// The prefix and the partition that the configuration has by default.
const PREFIX: &str = "kontor";
/// The version of the AMQP bindings that is written here.
const BINDINGS: &str = "0.3.0";
/// A kind with its schema and what became of its example.
pub(super) struct Told<'k> {
    /// The kind.
    pub(super) kind: &'k Kind,
    /// The schema of the whole message.
    pub(super) schema: Json,
    /// What became of its example.
    pub(super) became: Became,
}

/// `asyncapi.json`.
pub(super) fn document(kinds: &[Told<'_>]) -> String {
    let document = json!({
        "asyncapi": "3.0.0",
        "info": info(),
        "defaultContentType": "application/json",
        "servers": { "rabbitmq": {
            "host": "127.0.0.1:5672",
            "protocol": "amqp",
            "protocolVersion": "0.9.1",
            "description": "RabbitMQ, by `broker.uri` of the configuration; amqps as well.",
            "security": [
                { "$ref": "#/components/securitySchemes/password" },
                { "$ref": "#/components/securitySchemes/certificate" },
            ],
        } },
        "channels": channels(kinds),
        "operations": operations(kinds),
        "components": {
            "messages": messages(kinds),
            "schemas": schemas(kinds),
            "securitySchemes": {
                "password": { "type": "userPassword" },
                "certificate": {
                    "type": "X509", "description": "A client certificate (SASL EXTERNAL).",
                },
            },
        },
    });
    format!("{document:#}\n")
}

fn info() -> Json {
    let about = format!(
        "Jobs come from RabbitMQ and become entries in a durable journal; outcomes tell what \
         became of each. A job is acknowledged after its record is durable. A key has one effect \
         and one outcome, however often it comes. A message has at most {MESSAGE_JOBS_MAX} jobs \
         and, unless configured otherwise, {MESSAGE_BYTES_MAX} bytes, and no content encoding. The \
         prefix \
         `{PREFIX}` of all names is configurable (`broker.prefix`)."
    );
    json!({
        "title": "kontor",
        "version": env!("CARGO_PKG_VERSION"),
        "description": about,
        "license": {
            "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0",
        },
    })
}

fn channels(kinds: &[Told<'_>]) -> Json {
    let partition = PartitionBooks {
        partition: 0,
        books: vec!["main".to_owned()],
    };
    let topology = Topology::new(PREFIX, &[partition], true);
    let mut channels = Map::new();
    if let (Json::Object(to_us), Json::Object(from_us)) =
        (to_us(&topology, kinds), from_us(&topology))
    {
        channels.extend(to_us);
        channels.extend(from_us);
    }
    Json::Object(channels)
}

/// Channels that kontor reads.
fn to_us(topology: &Topology, kinds: &[Told<'_>]) -> Json {
    let (jobs, questions) = (
        of_channel(&names(kinds, false)),
        of_channel(&names(kinds, true)),
    );
    let book = json!({ "book": { "description": "Name of the book." } });
    let (job_queue, query_queue) = (
        Topology::job_queue(PREFIX, 0),
        Topology::query_queue(PREFIX, 0),
    );
    json!({
        "jobs": {
            "address": "{book}",
            "title": "Jobs",
            "description":
                "The routing key is the book. A job for no book goes to the dead letters.",
            "parameters": &book,
            "messages": &jobs,
            "bindings": routed(topology, &Topology::jobs_exchange(PREFIX)),
        },
        "jobQueue": {
            "address": &job_queue,
            "title": "Jobs of a partition",
            "description": "A quorum queue with a single active consumer, one for each partition; \
                the number at its end is that of the partition.",
            "messages": jobs,
            "bindings": queued(topology, &job_queue),
        },
        "questions": {
            "address": "{book}",
            "title": "Questions",
            "description": "The routing key is the book.",
            "parameters": book,
            "messages": &questions,
            "bindings": routed(topology, &Topology::queries_exchange(PREFIX)),
        },
        "questionQueue": {
            "address": &query_queue,
            "title": "Questions of a partition",
            "description": "Made with the others; this release does not serve it yet.",
            "messages": questions,
            "bindings": queued(topology, &query_queue),
        },
    })
}

/// Channels that kontor writes.
fn from_us(topology: &Topology) -> Json {
    let outcomes = Topology::outcomes_exchange(PREFIX);
    let dead = Topology::dead_exchange(PREFIX);
    let log = format!("{outcomes}.log");
    let messages = of_channel(&words(&["outcome", "refusal", "outcomes.ndjson"]));
    json!({
        "outcomes": {
            "address": "{book}.{kind}.{status}",
            "title": "Outcomes",
            "description": "One message for each outcome, or with `outcomes.mode = \"batched\"` \
                many of a book in one, with the routing key `<book>.batch`.",
            "parameters": {
                "book": { "description": "Name of the book." },
                "kind": { "description": "Kind of the job, with its point." },
                "status": { "description": "What became of it.", "enum": statuses(|_| true) },
            },
            "messages": &messages,
            "bindings": routed(topology, &outcomes),
        },
        "outcomesLog": {
            "address": &log,
            "title": "Feed of outcomes",
            "description": "A stream of all outcomes, bounded by age and size, to be read again.",
            "messages": messages,
            "bindings": queued(topology, &log),
        },
        "replies": {
            "address": null,
            "title": "Replies",
            "description": "The queue that the job names in `reply_to`: direct reply-to, \
                `amq.gen-…`, or a name that `broker.reply_to` of the configuration allows.",
            "messages": of_channel(&words(&["outcome", "refusal"])),
        },
        "deadLetters": {
            "address": &dead,
            "title": "Dead letters",
            "description": "What could not be read, with its reason and its bytes as they came. \
                A fanout exchange of the same name leads to the queue.",
            "messages": of_channel(&words(&["deadLetter"])),
            "bindings": queued(topology, &dead),
        },
    })
}

/// The bindings of a channel that is an exchange.
fn routed(topology: &Topology, name: &str) -> Json {
    let exchange = topology.exchanges.iter().find(|one| one.name == name);
    let kind = exchange.map(|exchange| exchange.kind.name());
    json!({ "amqp": {
        "is": "routingKey",
        "exchange": { "name": name, "type": kind, "durable": true, "autoDelete": false },
        "bindingVersion": BINDINGS,
    } })
}

/// The bindings of a channel that is a queue, with its arguments.
fn queued(topology: &Topology, name: &str) -> Json {
    let queue = topology.queues.iter().find(|one| one.name == name);
    let arguments = |queue: &Queue| -> Map<String, Json> {
        let texts = queue.arguments.iter();
        texts
            .map(|(name, value)| ((*name).to_owned(), json!(value.to_string())))
            .collect()
    };
    json!({ "amqp": {
        "is": "queue",
        "queue": {
            "name": name, "durable": true, "exclusive": false, "autoDelete": false,
            "x-arguments": queue.map(arguments),
        },
        "bindingVersion": BINDINGS,
    } })
}

fn operations(kinds: &[Told<'_>]) -> Json {
    let durable = json!({ "amqp": {
        "deliveryMode": 2, "mandatory": true, "bindingVersion": BINDINGS,
    } });
    json!({
        "receiveJob": {
            "action": "receive",
            "channel": { "$ref": "#/channels/jobs" },
            "title": "Take a job into the books",
            "summary": "It is acknowledged once its record, or its dead letter, is durable.",
            "messages": of_operation("jobs", &names(kinds, false)),
            "bindings": { "amqp": { "deliveryMode": 2, "ack": true, "bindingVersion": BINDINGS } },
            "reply": {
                "address": {
                    "description": "The AMQP property `reply_to`; without one there is no reply.",
                    "location": "$message.header#/reply_to",
                },
                "channel": { "$ref": "#/channels/replies" },
                "messages": of_operation("replies", &words(&["outcome", "refusal"])),
            },
        },
        "sendOutcome": {
            "action": "send",
            "channel": { "$ref": "#/channels/outcomes" },
            "title": "Tell what became of a job",
            "summary": "At least once, with confirms; again with the same id and the same bytes.",
            "messages":
                of_operation("outcomes", &words(&["outcome", "refusal", "outcomes.ndjson"])),
            "bindings": &durable,
        },
        "sendDeadLetter": {
            "action": "send",
            "channel": { "$ref": "#/channels/deadLetters" },
            "title": "Set aside what cannot be read",
            "summary": "Confirmed before the original is acknowledged; the key stays free.",
            "messages": of_operation("deadLetters", &words(&["deadLetter"])),
            "bindings": durable,
        },
    })
}

/// The names of the messages of jobs, or of questions.
fn names(kinds: &[Told<'_>], questions: bool) -> Vec<String> {
    let of = kinds.iter().filter(|told| told.kind.question == questions);
    let mut names: Vec<String> = of.map(|told| told.kind.info.name.to_owned()).collect();
    if !questions {
        names.extend(MANY.map(|(name, _)| name.to_owned()));
    }
    names
}

fn words(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The messages of a channel, by name.
fn of_channel(names: &[String]) -> Json {
    let one = |name: &String| {
        let place = json!({ "$ref": format!("#/components/messages/{name}") });
        (name.clone(), place)
    };
    Json::Object(names.iter().map(one).collect())
}

/// The messages of an operation: some of those of its channel.
fn of_operation(channel: &str, names: &[String]) -> Json {
    let one = |name: &String| json!({ "$ref": format!("#/channels/{channel}/messages/{name}") });
    Json::Array(names.iter().map(one).collect())
}
