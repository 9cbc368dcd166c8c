//! What goes to the daemon and what comes from it: a queue of outcomes, replies and dead letters.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_lite::StreamExt;
use kontor::ledger::{NameTable, Record};
use kontor::rehearsal::step::Message;
use kontor::time::Timestamp;
use kontor::wire::outcome;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueBindOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Consumer};
use serde_json::{Map, Value as Json, json};

use crate::support::books::Replica;
use crate::support::client::{Client, Seen, message_of};
use crate::support::daemon::Site;

/// A message, from whom, and where it goes.
pub(super) struct Letter<'l> {
    pub(super) book: &'l str,
    pub(super) correlation: String,
    pub(super) message: &'l Message,
}

/// A client that sends jobs and gets everything that is published.
pub(super) struct Mail {
    client: Client,
    jobs: String,
    dead_exchange: String,
    replies_queue: String,
    consumer: Consumer,
    /// First outcomes by their ids.
    outcomes: BTreeMap<String, Vec<u8>>,
    /// Replies by correlation and id, with whether they repeat.
    replies: BTreeMap<(String, String), (Vec<u8>, bool)>,
    /// Dead letters by correlation, in order of their lines.
    dead: BTreeMap<String, BTreeMap<i64, Seen>>,
}

impl Mail {
    pub(super) async fn of(site: &Site) -> Self {
        let client = Client::of(site).await;
        let name = |suffix: &str| format!("{}.{suffix}", site.prefix);
        let (queue, dead) = (name("replies.cases"), name("dead"));
        client.declare(&queue).await;
        for exchange in [&name("outcomes"), &dead] {
            let bound = client.channel.queue_bind(
                queue.as_str().into(),
                exchange.as_str().into(),
                "#".into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            );
            bound.await.expect("bound");
        }
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let table = FieldTable::default();
        let consumer =
            client
                .channel
                .basic_consume(queue.as_str().into(), "cases".into(), options, table);
        Self {
            consumer: consumer.await.expect("a consumer"),
            client,
            jobs: name("jobs"),
            dead_exchange: dead,
            replies_queue: queue,
            outcomes: BTreeMap::new(),
            replies: BTreeMap::new(),
            dead: BTreeMap::new(),
        }
    }

    /// Publish, and wait until the broker has everything.
    pub(super) async fn publish(&self, letters: impl Iterator<Item = Letter<'_>>) {
        let mut confirms = Vec::new();
        for letter in letters {
            let message = letter.message;
            let published = self.client.channel.basic_publish(
                self.jobs.as_str().into(),
                message.book.as_deref().unwrap_or(letter.book).into(),
                BasicPublishOptions::default(),
                &message.body,
                self.properties(&letter),
            );
            confirms.push(published.await.expect("published"));
        }
        for confirm in confirms {
            assert!(confirm.await.expect("an answer").is_ack());
        }
    }

    /// Send a job that means nothing, with a key that came before or not.
    pub(super) async fn ring(&self, book: &str, now: Timestamp) {
        let job =
            json!({ "key": now.short(), "kind": "account.close", "data": { "account": "a" } });
        let message = message_of("application/json");
        let body = job.to_string();
        self.client.send(book, message, body.as_bytes()).await;
    }

    fn properties(&self, letter: &Letter<'_>) -> BasicProperties {
        let properties = message_of(&letter.message.content_type)
            .with_reply_to(self.replies_queue.as_str().into())
            .with_correlation_id(letter.correlation.as_str().into());
        match letter.message.actor {
            // The broker vouches for this user, and kontor for whom this user speaks.
            Some(_) => properties.with_user_id("guest".into()),
            None => properties,
        }
    }

    /// Take in what has come, until nothing comes for a while.
    pub(super) async fn collect(&mut self, pause: Duration) {
        while let Ok(next) = tokio::time::timeout(pause, self.consumer.next()).await {
            let delivery = next.expect("a message").expect("a delivery");
            self.take_in(delivery);
        }
    }

    fn take_in(&mut self, delivery: Delivery) {
        let exchange = delivery.exchange.to_string();
        let seen = Seen::of(delivery);
        if exchange == self.dead_exchange {
            let line = seen
                .header("kontor-line")
                .and_then(AMQPValue::as_long_long_int);
            let letters = self.dead.entry(seen.correlation().to_owned()).or_default();
            let twice = letters.insert(line.unwrap_or_default(), seen);
            assert!(twice.is_none(), "a dead letter came twice: {twice:?}");
        } else if exchange.is_empty() {
            let names = (seen.correlation().to_owned(), seen.id().to_owned());
            let reply = (seen.body.clone(), seen.is_duplicate());
            let twice = self.replies.insert(names, reply);
            assert!(twice.is_none(), "a reply came twice: {seen:?}");
        } else if seen.is_duplicate() {
            assert_eq!(self.outcomes.get(seen.id()), Some(&seen.body), "{seen:?}");
        } else {
            let twice = self
                .outcomes
                .insert(seen.id().to_owned(), seen.body.clone());
            assert!(twice.is_none(), "an outcome came twice: {seen:?}");
        }
    }

    /// An outcome as it was published.
    pub(super) fn outcome(&self, id: &str) -> Option<Map<String, Json>> {
        Some(read(self.outcomes.get(id)?))
    }

    /// A reply as it was published. It has the bytes of the outcome.
    pub(super) fn reply(
        &self,
        correlation: &str,
        id: &str,
        again: bool,
    ) -> Option<Map<String, Json>> {
        let names = (correlation.to_owned(), id.to_owned());
        let (body, duplicate) = self.replies.get(&names)?;
        assert_eq!(*duplicate, again, "{names:?}");
        assert_eq!(self.outcomes.get(id)?, body, "{names:?}");
        Some(read(body))
    }

    /// What was set aside of a message.
    pub(super) fn dead(&self, correlation: &str) -> impl Iterator<Item = &Seen> {
        self.dead
            .get(correlation)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// See that what was published is what the journal holds, and no more.
    pub(super) async fn nothing_else(mut self, replica: &Replica) {
        self.collect(Duration::from_millis(100)).await;
        let names = NameTable::of_books(replica.engine.books());
        let (mut ids, mut owed) = (BTreeSet::new(), 0);
        for commit in &replica.commits {
            for record in &commit.records {
                match record {
                    Record::Job(job) => {
                        let id = outcome::message_id(job, commit, &names);
                        let mut body = Vec::new();
                        outcome::encode(job, commit, &names, &mut body);
                        assert_eq!(self.outcomes.get(&id), Some(&body), "{id}");
                        owed += usize::from(job.envelope.reply.is_some());
                        ids.insert(id);
                    }
                    Record::Duplicate(_) => owed += 1,
                    _ => {}
                }
            }
        }
        let more: Vec<&String> = self
            .outcomes
            .keys()
            .filter(|id| !ids.contains(*id))
            .collect();
        assert!(more.is_empty(), "no record has these outcomes: {more:?}");
        assert_eq!(self.replies.len(), owed);
        self.client.close().await;
    }
}

fn read(body: &[u8]) -> Map<String, Json> {
    serde_json::from_slice(body).expect("a JSON object")
}
