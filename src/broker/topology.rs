//! The exchanges, queues and bindings kontor needs, as one value.
//!
//! Everything that makes, compares, prints or exports the topology reads this value, so the
//! definitions file, `kontor topology show` and the broker cannot drift apart.
//!
//! It deliberately does not speak to a broker; [`super::rabbit::topology`] does.

use serde_json::{Value, json};

/// How often a job may come back before the broker sets it aside: the backstop behind kontor's
/// own handling of jobs that crash it.
const JOB_DELIVERIES_MAX: i64 = 20;
/// Life of an unanswered question; its sender has long given up by then.
const QUERY_TTL_MS: i64 = 30_000;
/// The replayable feed of outcomes: a week, or as much as 10 GB.
const OUTCOMES_AGE_MAX: &str = "7D";
const OUTCOMES_BYTES_MAX: i64 = 10_000_000_000;
/// Looking at a dead letter and putting it back counts as a delivery. RabbitMQ 4 drops a message
/// after 20 of them by default and 3.x knows no "unlimited", so the limit is out of reach.
const DEAD_DELIVERIES_MAX: i64 = 1_000_000_000;

/// Arguments whose value an operator may choose otherwise without breaking a promise.
const LIMITS: [&str; 8] = [
    "x-delivery-limit",
    "x-message-ttl",
    "x-max-age",
    "x-max-length",
    "x-max-length-bytes",
    "x-stream-max-segment-size-bytes",
    "x-quorum-initial-group-size",
    "x-initial-cluster-size",
];

/// One partition and the books it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionBooks {
    /// Number of the partition.
    pub partition: u32,
    /// Names of its books.
    pub books: Vec<String>,
}

/// All the broker must hold for kontor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// In order of creation: what others refer to comes first.
    pub exchanges: Vec<Exchange>,
    /// All queues.
    pub queues: Vec<Queue>,
    /// Which queue takes what from which exchange.
    pub bindings: Vec<Binding>,
    /// Bindings that an earlier topology made and that would be wrong now.
    pub outdated: Vec<Binding>,
}

/// A durable exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Its name.
    pub name: String,
    /// How it routes.
    pub kind: ExchangeKind,
    /// Its arguments by name.
    pub arguments: Vec<(&'static str, Argument)>,
}

/// How an exchange routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeKind {
    /// By patterns of the routing key.
    Topic,
    /// To every queue bound.
    Fanout,
}

/// A durable queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its arguments by name, the queue type among them.
    pub arguments: Vec<(&'static str, Argument)>,
}

/// A queue takes messages from an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The exchange.
    pub exchange: String,
    /// The queue.
    pub queue: String,
    /// Pattern of the routing key.
    pub routing_key: String,
}

/// The value of a queue or exchange argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// True or false.
    Flag(bool),
}

/// One line of `kontor topology show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Name of the object; `exchange → queue` for a binding.
    pub object: String,
    /// What it is.
    pub kind: &'static str,
    /// Its settings in words of the broker.
    pub settings: String,
}

/// A difference between the broker and this topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The exchange or queue.
    pub object: String,
    /// What differs.
    pub difference: String,
    /// What to do.
    pub remedy: String,
}

/// The result of comparing a broker with a topology.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Check {
    /// Differences that forbid running.
    pub mismatches: Vec<Mismatch>,
    /// What exists but could not be compared, because the user may not configure it.
    pub unverified: Vec<String>,
}

impl Topology {
    /// The topology for a prefix, its partitions and their books.
    pub fn new(prefix: &str, partitions: &[PartitionBooks], outcomes_log: bool) -> Self {
        let name = |suffix: &str| format!("{prefix}.{suffix}");
        let (jobs, queries) = (name("jobs"), name("queries"));
        let (outcomes, dead) = (name("outcomes"), name("dead"));
        let mut topology = Self {
            exchanges: vec![
                exchange(&dead, ExchangeKind::Fanout, Vec::new()),
                exchange(
                    &jobs,
                    ExchangeKind::Topic,
                    vec![("alternate-exchange", text(&dead))],
                ),
                exchange(&queries, ExchangeKind::Topic, Vec::new()),
                exchange(&outcomes, ExchangeKind::Topic, Vec::new()),
            ],
            queues: vec![dead_queue(&dead)],
            bindings: vec![binding(&dead, &dead, "")],
            outdated: Vec::new(),
        };
        for partition in partitions {
            let books = if partitions.len() == 1 {
                vec!["#".to_owned()]
            } else {
                partition.books.clone()
            };
            topology.add(job_queue(&jobs, partition.partition, &dead), &jobs, &books);
            topology.add(query_queue(&queries, partition.partition), &queries, &books);
        }
        if partitions.len() > 1 {
            // As long as there was one partition it took every book.
            for PartitionBooks { partition, .. } in partitions {
                let of_jobs = Self::job_queue(prefix, *partition);
                let of_queries = Self::query_queue(prefix, *partition);
                for (exchange, queue) in [(&jobs, &of_jobs), (&queries, &of_queries)] {
                    topology.outdated.push(binding(exchange, queue, "#"));
                }
            }
        }
        if outcomes_log {
            topology.add(log_queue(&outcomes), &outcomes, &["#".to_owned()]);
        }
        topology
    }

    fn add(&mut self, queue: Queue, exchange: &str, routing_keys: &[String]) {
        for key in routing_keys {
            self.bindings.push(binding(exchange, &queue.name, key));
        }
        self.queues.push(queue);
    }

    /// The name of the queue a partition consumes.
    pub fn job_queue(prefix: &str, partition: u32) -> String {
        format!("{prefix}.jobs.{partition}")
    }

    /// The name of the queue with a partition's questions.
    pub fn query_queue(prefix: &str, partition: u32) -> String {
        format!("{prefix}.queries.{partition}")
    }

    /// The name of the exchange producers publish to.
    pub fn jobs_exchange(prefix: &str) -> String {
        format!("{prefix}.jobs")
    }

    /// The name of the exchange questions are published to.
    pub fn queries_exchange(prefix: &str) -> String {
        format!("{prefix}.queries")
    }

    /// The name of the exchange outcomes are published to.
    pub fn outcomes_exchange(prefix: &str) -> String {
        format!("{prefix}.outcomes")
    }

    /// The name of the exchange, and of the queue, for what could not be read.
    pub fn dead_exchange(prefix: &str) -> String {
        format!("{prefix}.dead")
    }

    /// All objects, one row each.
    pub fn describe(&self) -> Vec<Row> {
        let exchanges = self.exchanges.iter().map(|x| Row {
            object: x.name.clone(),
            kind: x.kind.describe(),
            settings: settings(&x.arguments),
        });
        let queues = self.queues.iter().map(|q| Row {
            object: q.name.clone(),
            kind: q.describe(),
            settings: settings(&q.arguments),
        });
        let bindings = self.bindings.iter().map(|b| Row {
            object: format!("{} → {}", b.exchange, b.queue),
            kind: "binding",
            settings: format!("routing key {:?}", b.routing_key),
        });
        exchanges.chain(queues).chain(bindings).collect()
    }

    /// The same as a RabbitMQ definitions file, for `rabbitmqctl import_definitions`.
    pub fn definitions_json(&self, vhost: &str) -> Value {
        let exchanges: Vec<Value> = self
            .exchanges
            .iter()
            .map(|x| {
                json!({
                    "name": x.name, "vhost": vhost, "type": x.kind.name(), "durable": true,
                    "auto_delete": false, "internal": false, "arguments": arguments(&x.arguments),
                })
            })
            .collect();
        let queues: Vec<Value> = self
            .queues
            .iter()
            .map(|q| {
                json!({
                    "name": q.name, "vhost": vhost, "durable": true, "auto_delete": false,
                    "arguments": arguments(&q.arguments),
                })
            })
            .collect();
        let bindings: Vec<Value> = self
            .bindings
            .iter()
            .map(|b| {
                json!({
                    "source": b.exchange, "vhost": vhost, "destination": b.queue,
                    "destination_type": "queue", "routing_key": b.routing_key, "arguments": {},
                })
            })
            .collect();
        json!({ "exchanges": exchanges, "queues": queues, "bindings": bindings })
    }
}

impl ExchangeKind {
    /// The name in AMQP.
    pub fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Fanout => "fanout",
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Topic => "topic exchange",
            Self::Fanout => "fanout exchange",
        }
    }
}

impl Queue {
    fn describe(&self) -> &'static str {
        let kind = self
            .arguments
            .iter()
            .find(|(name, _)| *name == "x-queue-type");
        match kind {
            Some((_, Argument::Text(kind))) if kind == "quorum" => "quorum queue",
            Some((_, Argument::Text(kind))) if kind == "stream" => "stream queue",
            _ => "classic queue",
        }
    }
}

impl std::fmt::Display for Argument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

/// True if an operator may choose another value for the argument.
pub fn is_limit(argument: &str) -> bool {
    LIMITS.contains(&argument)
}

fn exchange(name: &str, kind: ExchangeKind, arguments: Vec<(&'static str, Argument)>) -> Exchange {
    Exchange {
        name: name.to_owned(),
        kind,
        arguments,
    }
}

fn binding(exchange: &str, queue: &str, routing_key: &str) -> Binding {
    Binding {
        exchange: exchange.to_owned(),
        queue: queue.to_owned(),
        routing_key: routing_key.to_owned(),
    }
}

fn job_queue(jobs: &str, partition: u32, dead: &str) -> Queue {
    Queue {
        name: format!("{jobs}.{partition}"),
        arguments: vec![
            ("x-queue-type", text("quorum")),
            ("x-single-active-consumer", Argument::Flag(true)),
            ("x-dead-letter-exchange", text(dead)),
            // At-least-once needs reject-publish: with drop-head the broker silently falls back
            // to dead-lettering that may lose messages.
            ("x-dead-letter-strategy", text("at-least-once")),
            ("x-overflow", text("reject-publish")),
            ("x-delivery-limit", Argument::Number(JOB_DELIVERIES_MAX)),
        ],
    }
}

fn query_queue(queries: &str, partition: u32) -> Queue {
    Queue {
        name: format!("{queries}.{partition}"),
        arguments: vec![
            ("x-queue-type", text("classic")),
            ("x-message-ttl", Argument::Number(QUERY_TTL_MS)),
        ],
    }
}

fn log_queue(outcomes: &str) -> Queue {
    Queue {
        name: format!("{outcomes}.log"),
        arguments: vec![
            ("x-queue-type", text("stream")),
            ("x-max-age", text(OUTCOMES_AGE_MAX)),
            ("x-max-length-bytes", Argument::Number(OUTCOMES_BYTES_MAX)),
        ],
    }
}

fn dead_queue(dead: &str) -> Queue {
    Queue {
        name: dead.to_owned(),
        arguments: vec![
            ("x-queue-type", text("quorum")),
            ("x-delivery-limit", Argument::Number(DEAD_DELIVERIES_MAX)),
        ],
    }
}

fn text(value: &str) -> Argument {
    Argument::Text(value.to_owned())
}

fn settings(arguments: &[(&'static str, Argument)]) -> String {
    let shown: Vec<String> = std::iter::once("durable".to_owned())
        .chain(
            arguments
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        )
        .collect();
    shown.join(", ")
}

fn arguments(arguments: &[(&'static str, Argument)]) -> Value {
    let members = arguments.iter().map(|(name, value)| {
        let value = match value {
            Argument::Text(text) => json!(text),
            Argument::Number(number) => json!(number),
            Argument::Flag(flag) => json!(flag),
        };
        ((*name).to_owned(), value)
    });
    Value::Object(members.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(partition: u32, books: &[&str]) -> PartitionBooks {
        PartitionBooks {
            partition,
            books: books.iter().map(|b| (*b).to_owned()).collect(),
        }
    }

    fn keys_of(topology: &Topology, queue: &str) -> Vec<String> {
        let of_queue = topology.bindings.iter().filter(|b| b.queue == queue);
        of_queue.map(|b| b.routing_key.clone()).collect()
    }

    #[test]
    fn one_partition_takes_every_book_and_several_take_their_own() {
        let one = Topology::new("kontor", &[partition(0, &["main"])], true);
        assert_eq!(keys_of(&one, "kontor.jobs.0"), ["#"]);
        assert_eq!(one.outdated, []);
        let two = [partition(0, &["main"]), partition(1, &["de", "fr"])];
        let two = Topology::new("kontor", &two, true);
        assert_eq!(keys_of(&two, "kontor.jobs.0"), ["main"]);
        assert_eq!(keys_of(&two, "kontor.jobs.1"), ["de", "fr"]);
        assert_eq!(keys_of(&two, "kontor.queries.1"), ["de", "fr"]);
        let outdated = two.outdated.iter().map(|b| (&*b.queue, &*b.routing_key));
        let queues = ["jobs.0", "queries.0", "jobs.1", "queries.1"];
        let queues = queues.map(|queue| format!("kontor.{queue}"));
        assert!(outdated.eq(queues.iter().map(|queue| (&**queue, "#"))));
    }

    #[test]
    fn the_feed_of_outcomes_can_be_switched_off() {
        let with = Topology::new("k", &[partition(0, &[])], true);
        let without = Topology::new("k", &[partition(0, &[])], false);
        assert!(with.queues.iter().any(|q| q.name == "k.outcomes.log"));
        assert!(!without.queues.iter().any(|q| q.name == "k.outcomes.log"));
        assert!(without.exchanges.iter().any(|x| x.name == "k.outcomes"));
    }

    #[test]
    fn the_definitions_file_says_the_same() {
        let topology = Topology::new("kontor", &[partition(0, &["main"])], true);
        let file = topology.definitions_json("/");
        let queues = file["queues"].as_array().unwrap();
        let jobs = queues
            .iter()
            .find(|q| q["name"] == "kontor.jobs.0")
            .unwrap();
        assert_eq!(
            jobs["arguments"],
            json!({
                "x-queue-type": "quorum", "x-single-active-consumer": true,
                "x-dead-letter-exchange": "kontor.dead", "x-overflow": "reject-publish",
                "x-dead-letter-strategy": "at-least-once", "x-delivery-limit": 20,
            })
        );
        let exchanges = file["exchanges"].as_array().unwrap();
        let jobs = exchanges
            .iter()
            .find(|x| x["name"] == "kontor.jobs")
            .unwrap();
        assert_eq!(
            jobs["arguments"],
            json!({ "alternate-exchange": "kontor.dead" })
        );
        assert_eq!(
            file["bindings"].as_array().unwrap().len(),
            topology.bindings.len()
        );
    }

    #[test]
    fn every_object_is_shown_once() {
        let topology = Topology::new("kontor", &[partition(0, &["main"])], true);
        let rows = topology.describe();
        let objects = topology.exchanges.len() + topology.queues.len() + topology.bindings.len();
        assert_eq!(rows.len(), objects);
        let log = rows
            .iter()
            .find(|r| r.object == "kontor.outcomes.log")
            .unwrap();
        assert_eq!(log.kind, "stream queue");
        assert!(log.settings.contains("x-max-age=7D"), "{}", log.settings);
    }
}
