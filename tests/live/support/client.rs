//! Producers and readers as a company has them: a plain client library and nothing of kontor's.

use futures_lite::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, BasicRejectOptions,
    ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use serde_json::{Value, json};

use super::PATIENCE;
use super::daemon::Site;

/// A client with one channel.
pub(crate) struct Client {
    connection: Connection,
    pub(crate) channel: Channel,
    prefix: String,
}

/// A message that came out of kontor.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn json_message() -> BasicProperties {
    message_of("application/json")
}

pub(crate) fn message_of(content_type: &str) -> BasicProperties {
    BasicProperties::default()
        .with_content_type(content_type.into())
        .with_delivery_mode(2)
}

/// A job of the book `main`.
pub(crate) fn job(key: &str, kind: &str, data: &Value) -> Value {
    json!({ "key": key, "kind": kind, "book": "main", "data": data })
}

/// Opens an account in euro; a lower limit of what is available, if given.
pub(crate) fn account(name: &str, class: &str, min_available: Option<&str>) -> Value {
    let mut data = json!({ "account": name, "unit": "EUR", "class": class });
    if let Some(min) = min_available {
        data["min_available"] = min.into();
    }
    job(&format!("open:{name}"), "account.open", &data)
}

/// Posts an entry of two legs.
pub(crate) fn entry(key: &str, debit: &str, credit: &str, amount: &str) -> Value {
    let legs = json!([{ "dr": debit, "amount": amount }, { "cr": credit, "amount": amount }]);
    let data = json!({ "booking_date": "2026-11-23", "legs": legs });
    job(key, "entry.post", &data)
}

impl Client {
    pub(crate) async fn of(site: &Site) -> Self {
        Self::at(&site.uri, &site.prefix).await
    }

    pub(crate) async fn at(uri: &str, prefix: &str) -> Self {
        let connection = Connection::connect(uri, ConnectionProperties::default()).await;
        let connection = connection.expect("a connection");
        let channel = connection.create_channel().await.expect("a channel");
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        confirms.await.expect("confirms");
        Self {
            connection,
            channel,
            prefix: prefix.to_owned(),
        }
    }

    /// A durable queue of its own at the outcomes, from now on.
    pub(crate) async fn watch_outcomes(&self) -> String {
        let queue = format!("{}.seen", self.prefix);
        self.declare(&queue).await;
        let exchange = format!("{}.outcomes", self.prefix);
        let options = QueueBindOptions::default();
        let bound = self.channel.queue_bind(
            queue.as_str().into(),
            exchange.as_str().into(),
            "#".into(),
            options,
            FieldTable::default(),
        );
        bound.await.expect("bound");
        queue
    }

    pub(crate) async fn declare(&self, queue: &str) {
        let options = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let queue = queue.into();
        let declared = self
            .channel
            .queue_declare(queue, options, FieldTable::default());
        declared.await.expect("a queue");
    }

    /// Publish to the jobs, confirmed.
    pub(crate) async fn send(&self, routing_key: &str, properties: BasicProperties, body: &[u8]) {
        let exchange = format!("{}.jobs", self.prefix);
        let options = BasicPublishOptions::default();
        let published = self.channel.basic_publish(
            exchange.as_str().into(),
            routing_key.into(),
            options,
            body,
            properties,
        );
        let confirmed = published
            .await
            .expect("published")
            .await
            .expect("an answer");
        assert!(
            matches!(confirmed, Confirmation::Ack(None)),
            "{confirmed:?}"
        );
    }

    pub(crate) async fn send_job(&self, job: &Value) {
        self.send("main", json_message(), job.to_string().as_bytes())
            .await;
    }

    pub(crate) async fn send_jobs(&self, jobs: &[Value]) {
        let lines: String = jobs.iter().map(|job| format!("{job}\n")).collect();
        let properties = message_of("application/x-ndjson");
        self.send("main", properties, lines.as_bytes()).await;
    }

    /// Take so many messages out of a queue.
    pub(crate) async fn take(&self, queue: &str, count: usize) -> Vec<Seen> {
        let options = BasicConsumeOptions {
            no_ack: false,
            ..BasicConsumeOptions::default()
        };
        self.channel
            .basic_qos(1000, lapin::options::BasicQosOptions::default())
            .await
            .expect("a prefetch");
        let tag = format!("take-{queue}");
        let table = FieldTable::default();
        let consumer =
            self.channel
                .basic_consume(queue.into(), tag.as_str().into(), options, table);
        let mut consumer = consumer.await.expect("a consumer");
        let mut seen = Vec::with_capacity(count);
        while seen.len() < count {
            let next = tokio::time::timeout(PATIENCE, consumer.next()).await;
            let next = next.unwrap_or_else(|_| {
                panic!("{} of {count} messages came to {queue}", seen.len());
            });
            let delivery = next.expect("a message").expect("a delivery");
            delivery
                .acker
                .ack(lapin::options::BasicAckOptions::default())
                .await
                .expect("acknowledged");
            seen.push(Seen::of(delivery));
        }
        let cancelled = self
            .channel
            .basic_cancel(tag.as_str().into(), BasicCancelOptions::default());
        cancelled.await.expect("cancelled");
        // What was prefetched beyond the count goes back.
        let recovered = self
            .channel
            .basic_recover(lapin::options::BasicRecoverOptions { requeue: true });
        recovered.await.expect("recovered");
        seen
    }

    /// Refuse the first message of a queue, so that the broker sets it aside.
    pub(crate) async fn reject(&self, queue: &str) {
        let options = BasicConsumeOptions::default();
        let table = FieldTable::default();
        let consumer = self
            .channel
            .basic_consume(queue.into(), "reject".into(), options, table);
        let mut consumer = consumer.await.expect("a consumer");
        let next = tokio::time::timeout(PATIENCE, consumer.next()).await;
        let delivery = next.expect("in time").expect("a message");
        let delivery = delivery.expect("a delivery");
        let aside = BasicRejectOptions { requeue: false };
        delivery.acker.reject(aside).await.expect("rejected");
        let cancelled = self
            .channel
            .basic_cancel("reject".into(), BasicCancelOptions::default());
        cancelled.await.expect("cancelled");
    }

    /// How many messages wait in a queue that nobody consumes.
    pub(crate) async fn depth(&self, queue: &str) -> usize {
        let (ready, _) = super::counts(&self.channel, queue).await;
        usize::try_from(ready).expect("a count")
    }

    pub(crate) async fn close(self) {
        self.connection.close(200, "done".into()).await.ok();
    }
}

impl Seen {
    pub(crate) fn of(delivery: Delivery) -> Self {
        Self {
            properties: delivery.properties,
            body: delivery.data,
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn id(&self) -> &str {
        self.properties
            .message_id()
            .as_ref()
            .expect("an id")
            .as_str()
    }

    pub(crate) fn correlation(&self) -> &str {
        let id = self.properties.correlation_id().as_ref();
        id.expect("a correlation id").as_str()
    }

    pub(crate) fn kind(&self) -> &str {
        self.properties.kind().as_ref().expect("a type").as_str()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&AMQPValue> {
        self.properties.headers().as_ref()?.inner().get(name)
    }

    pub(crate) fn header_text(&self, name: &str) -> Option<String> {
        match self.header(name)? {
            AMQPValue::LongString(text) => Some(text.to_string()),
            AMQPValue::ShortString(text) => Some(text.to_string()),
            _ => None,
        }
    }

    pub(crate) fn is_duplicate(&self) -> bool {
        self.header("kontor-duplicate") == Some(&AMQPValue::Boolean(true))
    }
}

/// A payment of one, with a key of its number.
pub(crate) fn payment(number: usize) -> Value {
    let key = format!("pay-{number}");
    entry(&key, "bank/main", "equity/owner", "1.00")
}

/// Open two accounts and see them open; what they are answered goes to a queue of its own.
pub(crate) async fn open_accounts(client: &Client) -> String {
    let seen = client.watch_outcomes().await;
    let accounts = [
        account("bank/main", "asset", None),
        account("equity/owner", "equity", None),
    ];
    client.send_jobs(&accounts).await;
    client.take(&seen, accounts.len()).await;
    seen
}
