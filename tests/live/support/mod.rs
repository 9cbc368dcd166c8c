//! What the live tests share: the private node, connections beside kontor's own, and patience.

pub(crate) mod books;
pub(crate) mod client;
pub(crate) mod daemon;
pub(crate) mod proxy;
pub(crate) mod raw;
pub(crate) mod shim;
pub(crate) mod trial;

use std::num::NonZeroU16;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use kontor::broker::package;
use kontor::broker::private::{Options, PACKAGE, PrivateBroker, PrivateFault};
use kontor::broker::rabbit::{ConnectOptions, ConsumerOptions, PublisherOptions};
use kontor::broker::{ConsumerEvent, PartitionBooks, Properties, Publish, Topology};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::sync::{Mutex, MutexGuard, OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Longer than anything healthy takes, even beside a compiler.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

static BROKER: OnceLock<PrivateBroker> = OnceLock::new();
static INSTALLED: OnceLock<()> = OnceLock::new();
static TROUBLED: OnceCell<Mutex<PrivateBroker>> = OnceCell::const_new();
static NODE: RwLock<()> = RwLock::const_new(());
static PREFIXES: AtomicU32 = AtomicU32::new(0);

/// The node of this test binary. A static is never dropped, so the guard ends it: when this
/// process ends, the pipe to the guard closes.
pub(crate) fn broker() -> &'static PrivateBroker {
    BROKER.get_or_init(|| private_node(&Options::default()).expect("a private broker"))
}

/// A second node, for those who stop it or change it as a whole, one at a time.
pub(crate) async fn troubled() -> MutexGuard<'static, PrivateBroker> {
    let node = TROUBLED.get_or_init(async || {
        let start = || private_node(&Options::default()).expect("a private broker");
        Mutex::new(tokio::task::spawn_blocking(start).await.expect("joined"))
    });
    node.await.lock().await
}

/// RabbitMQ is installed first if it is missing and may be.
pub(crate) fn installed() {
    INSTALLED.get_or_init(|| {
        if !PrivateBroker::installed() {
            let installed = package::install(PACKAGE);
            installed.expect("RabbitMQ: apt-get install rabbitmq-server");
        }
    });
}

/// A node of a test's own.
pub(crate) fn private_node(options: &Options) -> Result<PrivateBroker, PrivateFault> {
    installed();
    PrivateBroker::start(options, |_| {})
}

/// Held by a test that uses the node beside others.
pub(crate) async fn beside_others() -> RwLockReadGuard<'static, ()> {
    NODE.read().await
}

/// Held by a test that touches the node as a whole: alarms, cut connections.
pub(crate) async fn alone() -> RwLockWriteGuard<'static, ()> {
    NODE.write().await
}

pub(crate) fn prefix(name: &str) -> String {
    format!("{name}{}", PREFIXES.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn topology(prefix: &str) -> Topology {
    let books = vec!["main".to_owned()];
    Topology::new(
        prefix,
        &[PartitionBooks {
            partition: 0,
            books,
        }],
        true,
    )
}

pub(crate) fn connect_options() -> ConnectOptions {
    ConnectOptions::parse(&broker().uri()).expect("the node's own address")
}

pub(crate) fn consumer_options(prefix: &str, prefetch: u16) -> ConsumerOptions {
    ConsumerOptions {
        one_at_a_time: false,
        paused: false,
        queue: Topology::job_queue(prefix, 0),
        prefetch: NonZeroU16::new(prefetch).expect("a prefetch"),
        connection_name: format!("{prefix} intake"),
    }
}

pub(crate) fn publisher_options(prefix: &str) -> PublisherOptions {
    PublisherOptions {
        connection_name: format!("{prefix} publish"),
        window: 1024,
    }
}

pub(crate) async fn apply(prefix: &str) {
    let check =
        kontor::broker::rabbit::topology::apply(&connect_options(), &topology(prefix)).await;
    assert_eq!(check.expect("a topology").mismatches, []);
}

/// A connection as any other client would have it.
pub(crate) async fn plain_channel() -> (Connection, Channel) {
    let uri = broker().uri();
    let connection = Connection::connect(&uri, ConnectionProperties::default()).await;
    let connection = connection.expect("a connection");
    let channel = connection.create_channel().await.expect("a channel");
    (connection, channel)
}

/// Put messages `0..count` into a job queue, confirmed, with the number as body and id.
pub(crate) async fn fill(prefix: &str, count: u32) {
    let (connection, channel) = plain_channel().await;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .expect("confirms");
    let mut confirms = Vec::new();
    for n in 0..count {
        let text = n.to_string();
        let properties = BasicProperties::default()
            .with_message_id(text.as_str().into())
            .with_delivery_mode(2);
        let exchange = Topology::jobs_exchange(prefix);
        let published = channel.basic_publish(
            exchange.as_str().into(),
            "main".into(),
            BasicPublishOptions::default(),
            text.as_bytes(),
            properties,
        );
        confirms.push(published.await.expect("published"));
    }
    for confirm in confirms {
        assert!(confirm.await.expect("an answer").is_ack());
    }
    connection.close(200, "done".into()).await.expect("closed");
}

pub(crate) fn message(token: u64, exchange: &str, routing_key: &str) -> Publish {
    Publish {
        token,
        exchange: exchange.to_owned(),
        routing_key: routing_key.to_owned(),
        mandatory: true,
        properties: Properties {
            message_id: Some(format!("m{token}")),
            delivery_mode: Some(2),
            ..Properties::default()
        },
        body: token.to_string().into_bytes(),
        after_losses: None,
    }
}

/// The next event, within patience.
pub(crate) async fn next(lane: &mut kontor::broker::rabbit::ConsumerLane) -> ConsumerEvent {
    let event = tokio::time::timeout(PATIENCE, lane.events.recv()).await;
    event.expect("an event in time").expect("the lane lives")
}

/// Messages ready in a queue and its consumers, as the broker counts them.
pub(crate) async fn counts(channel: &Channel, queue: &str) -> (u32, u32) {
    let options = lapin::options::QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    let declared = channel.queue_declare(queue.into(), options, FieldTable::default());
    let queue = declared.await.expect("the queue");
    (queue.message_count(), queue.consumer_count())
}

/// Wait until a queue without consumers holds as many messages. The broker takes a moment to put
/// back what a closed channel left, and counts the consumer until then.
pub(crate) async fn holds(queue: &str, messages: u32) {
    let (_connection, channel) = plain_channel().await;
    let what = format!("{queue} holds {messages} messages");
    eventually(&what, async || {
        counts(&channel, queue).await == (messages, 0)
    })
    .await;
}

pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut check: impl FnMut() -> F) {
    let since = Instant::now();
    while !check().await {
        assert!(since.elapsed() < PATIENCE, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Run `rabbitmqctl` without blocking the runtime.
pub(crate) async fn ctl(arguments: &[&str]) -> String {
    let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        broker().ctl(&arguments)
    };
    let said = tokio::task::spawn_blocking(run).await;
    said.expect("joined").expect("rabbitmqctl")
}

/// A port on which nobody listens.
pub(crate) fn dead_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

/// Processes whose command line names `needle`.
pub(crate) fn processes_naming(needle: &str) -> usize {
    let output = Command::new("ps")
        .args(["-eo", "args"])
        .stderr(Stdio::null())
        .output()
        .expect("the list of processes");
    let list = String::from_utf8_lossy(&output.stdout).into_owned();
    list.lines().filter(|line| line.contains(needle)).count()
}
