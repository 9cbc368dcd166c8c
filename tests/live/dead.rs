//! Dead letters: looked at without a trace, sent again without a loss, dropped with a record.

use kontor::broker::{HeaderValue, Properties, Publish};
use lapin::BasicProperties;
use serde_json::{Value, json};

use crate::support::books::Books;
use crate::support::client::{Client, json_message};
use crate::support::daemon::{Operated, Site};
use crate::support::{beside_others, dead_port, eventually};

/// A job of a book that is configured later.
fn account(number: usize) -> Value {
    json!({ "key": format!("open-{number}"), "kind": "account.open", "book": "second",
        "data": { "account": format!("bank/{number}"), "unit": "EUR", "class": "asset" } })
}

async fn depth(site: &Site, client: &Client, letters: usize) {
    let queue = format!("{}.dead", site.prefix);
    let what = format!("{letters} dead letters");
    eventually(&what, async || client.depth(&queue).await == letters).await;
}

/// A site with a daemon's letters: so many of a book that is not there, in front of two that are
/// not JSON; and nobody runs.
async fn with_letters(site: &Site, accounts: usize) -> Client {
    let daemon = site.run().await;
    let client = Client::of(site).await;
    for number in 0..accounts {
        let body = account(number).to_string();
        let properties = json_message().with_reply_to("somebody".into());
        client.send("second", properties, body.as_bytes()).await;
        depth(site, &client, number + 1).await;
    }
    client.send("main", json_message(), b"not JSON").await;
    client.send("main", json_message(), &[0xff, 0x00]).await;
    depth(site, &client, accounts + 2).await;
    daemon.stop().await;
    client
}

fn with_the_book(site: &mut Site) {
    site.books.push_str("[[book]]\nname = \"second\"\n");
}

fn rows(listed: &Operated) -> Vec<Value> {
    listed.json()["rows"].as_array().unwrap().clone()
}

/// Ids in the order of the queue.
async fn ids(site: &Site) -> Vec<String> {
    let listed = site.operate(&["dead", "list", "--each"]).await;
    let rows = rows(&listed);
    let ids = rows
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned());
    ids.collect()
}

/// The records of acts in the journal.
async fn acts(site: &Site) -> Vec<Value> {
    let shown = site.operate(&["journal", "show"]).await;
    assert_eq!(shown.code, 0, "{shown:?}");
    let records = shown
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    records
        .filter(|record: &Value| record["record"] == "dead_letters")
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_leaves_the_letters_and_their_order_as_they_were() {
    let _beside = beside_others().await;
    let site = Site::new("looked");
    let client = with_letters(&site, 3).await;
    let before = ids(&site).await;
    assert_eq!(before.len(), 5);
    for _ in 0..12 {
        assert_eq!(
            site.operate(&["dead", "show", "--place", "2"]).await.code,
            0
        );
        assert_eq!(ids(&site).await, before);
        depth(&site, &client, 5).await;
    }
    let listed = site.operate(&["dead", "list"]).await;
    let json = listed.json();
    assert_eq!(json["letters"], 5);
    let groups: Vec<_> = rows(&listed)
        .iter()
        .map(|row| {
            (
                row["reason"].clone(),
                row["age"].clone(),
                row["letters"].clone(),
            )
        })
        .collect();
    let group = |reason: &str, letters| (json!(reason), json!("under 1 hour"), json!(letters));
    assert_eq!(
        groups,
        [group("BOOK_UNKNOWN", 3), group("MESSAGE_MALFORMED", 2)]
    );

    let shown = site.operate(&["dead", "show", "--place", "2"]).await.json();
    assert_eq!(shown["body"], account(1).to_string());
    assert_eq!(shown["reason"], "BOOK_UNKNOWN");
    assert_eq!(shown["from"], format!("{}.jobs second", site.prefix));
    assert_eq!(shown["headers"]["kontor-original-reply-to"], "somebody");
    let id = shown["id"].as_str().unwrap();
    let again = site
        .operate(&["dead", "show", id.split_at(8).0])
        .await
        .json();
    assert_eq!((&again["id"], &again["place"]), (&shown["id"], &json!(2)));
    let digits = site.operate(&["dead", "show", "--place", "5"]).await.json();
    assert_eq!(digits["body_hex"], "ff00");
    for nobody in [
        &["dead", "show", "00000000"][..],
        &["dead", "show", "--place", "6"],
    ] {
        let missing = site.operate(nobody).await;
        assert_eq!(missing.code, 1, "{missing:?}");
    }
    depth(&site, &client, 5).await;
    assert!(acts(&site).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_go_again_once_or_are_dropped_and_the_journal_knows() {
    let _beside = beside_others().await;
    let mut site = Site::new("again");
    let client = with_letters(&site, 3).await;
    with_the_book(&mut site);
    let daemon = site.run().await;
    let seen = client.watch_outcomes().await;
    let known = ids(&site).await;

    let requeue = [
        "dead",
        "requeue",
        "--reason",
        "BOOK_UNKNOWN",
        "--by",
        "alice",
    ];
    let tried = site.operate(&[&requeue[..], &["--dry-run"]].concat()).await;
    assert_eq!(tried.json()["rows"][0]["letters"], 3);
    assert_eq!(tried.json()["rows"][0]["done"], 0);
    depth(&site, &client, 5).await;
    assert!(acts(&site).await.is_empty());

    let first = site
        .operate(&[&requeue[..], &["--max", "1"]].concat())
        .await;
    assert_eq!(first.json()["rows"][0]["done"], 1);
    let others = site.operate(&requeue).await;
    assert_eq!(
        others.json()["rows"],
        json!([
            { "reason": "BOOK_UNKNOWN", "letters": 2, "done": 2, "left": 0 },
        ])
    );
    let outcomes = client.take(&seen, 3).await;
    let keys: Vec<_> = outcomes
        .iter()
        .map(|seen| seen.json()["key"].clone())
        .collect();
    assert_eq!(keys, [json!("open-0"), json!("open-1"), json!("open-2")]);
    depth(&site, &client, 2).await;

    let drop = ["dead", "drop", "--id", &known[3]];
    let refused = site.operate(&drop).await;
    assert_eq!(refused.code, 64, "{refused:?}");
    depth(&site, &client, 2).await;
    assert_eq!(
        site.operate(&[&drop[..], &["--yes"]].concat()).await.code,
        0
    );
    assert_eq!(
        site.operate(&[&drop[..], &["--yes"]].concat()).await.code,
        1
    );
    depth(&site, &client, 1).await;

    daemon.stop().await;
    // Nobody runs: the command takes the lock itself.
    let last = ["dead", "drop", "--yes", "--reason", "MESSAGE_MALFORMED"];
    assert_eq!(site.operate(&last).await.json()["rows"][0]["done"], 1);
    depth(&site, &client, 0).await;
    let acts = acts(&site).await;
    let told: Vec<_> = acts
        .iter()
        .map(|act| (act["act"].clone(), act["letters"].as_array().unwrap().len()))
        .collect();
    let (again, gone) = (json!("requeue"), json!("drop"));
    assert_eq!(
        told,
        [(again.clone(), 1), (again, 2), (gone.clone(), 1), (gone, 1)]
    );
    assert_eq!(acts[0]["operator"], "alice");
    assert_eq!(acts[0]["user"], rustix::process::geteuid().as_raw());
    assert!(
        acts[0]["letters"][0]["id"]
            .as_str()
            .unwrap()
            .starts_with(&known[0])
    );
    assert_eq!(acts[0]["letters"][0]["reason"], "BOOK_UNKNOWN");

    // The books go on behind such records, and verify.
    site.run().await.stop().await;
    let verified = site.operate(&["journal", "verify"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    assert_eq!(Books::of(&site.partition()).jobs.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_killed_loses_no_letter_and_posts_none_twice() {
    let _beside = beside_others().await;
    let mut site = Site::new("halfway");
    let client = with_letters(&site, 6).await;
    with_the_book(&mut site);
    let daemon = site.run().await;
    let requeue = ["dead", "requeue", "--reason", "BOOK_UNKNOWN"];
    let mut command = site.operating(&[&requeue[..], &["--rate", "2"]].concat());
    let jobs = "kontor_jobs_posted_total{kind=\"account.open\"} ";
    eventually("a first letter", async || daemon.metric(jobs) >= Some(1)).await;
    command.kill().unwrap();
    command.wait().unwrap();
    let queue = format!("{}.dead", site.prefix);
    eventually("what is left", async || client.depth(&queue).await >= 3).await;
    let rest = site.operate(&requeue).await;
    assert_eq!(rest.code, 0, "{rest:?}");
    depth(&site, &client, 2).await;
    eventually("all of them", async || daemon.metric(jobs) == Some(6)).await;
    daemon.stop().await;
    assert_eq!(Books::of(&site.partition()).jobs.len(), 6);
}

/// Put a letter of our own making into the queue.
async fn put(site: &Site, letter: Properties) {
    let options = crate::support::publisher_options(&site.prefix);
    let mut lane = kontor::broker::rabbit::publish(crate::support::connect_options(), options);
    let letter = Publish {
        exchange: format!("{}.dead", site.prefix),
        properties: letter,
        body: b"{}".to_vec(),
        ..Publish::default()
    };
    lane.publishes.send(letter).await.unwrap();
    let confirmed = lane.confirms.recv().await.unwrap();
    assert_eq!(confirmed.result, kontor::broker::ConfirmResult::Acked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_nobody_takes_stays() {
    let _beside = beside_others().await;
    let site = Site::new("stays");
    let daemon = site.run().await;
    let client = Client::of(&site).await;
    let mut nowhere = Properties::default()
        .with_text("kontor-reason", "UNKNOWN_KIND")
        .with_text("kontor-original-exchange", "")
        .with_text("kontor-original-routing-key", "nowhere");
    nowhere.set_header("kontor-line", HeaderValue::I64(1));
    put(&site, nowhere).await;
    put(&site, Properties::default()).await;
    depth(&site, &client, 2).await;
    let requeued = site.operate(&["dead", "requeue"]).await;
    assert_eq!(requeued.code, 1, "{requeued:?}");
    let said: Value = serde_json::from_str(&requeued.out).unwrap();
    assert_eq!(
        said["rows"],
        json!([
            { "reason": "UNKNOWN", "letters": 1, "done": 0, "left": 1 },
            { "reason": "UNKNOWN_KIND", "letters": 1, "done": 0, "left": 1 },
        ])
    );
    depth(&site, &client, 2).await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_code_and_touches_nothing() {
    let _beside = beside_others().await;
    let mut site = Site::new("refused");
    let drop = ["dead", "drop", "--yes"];
    // No journal to record it in.
    site.write_config();
    let refused = site.operate(&drop).await;
    assert_eq!(refused.code, 74, "{refused:?}");
    let client = with_letters(&site, 0).await;
    let daemon = site.run().await;
    // A daemon has the lock and takes no orders.
    std::fs::remove_file(site.partition().join("orders")).unwrap();
    let refused = site.operate(&drop).await;
    assert_eq!(refused.code, 74, "{refused:?}");
    assert!(
        refused.err.contains(&daemon.id().to_string()),
        "{refused:?}"
    );
    depth(&site, &client, 2).await;
    daemon.stop().await;
    // A socket that a killed daemon left is nobody.
    let daemon = site.run().await;
    daemon.kill().await;
    assert!(site.partition().join("orders").exists());
    let tried = site.operate(&["dead", "drop", "--yes", "--max", "1"]).await;
    assert_eq!(tried.code, 0, "{tried:?}");
    depth(&site, &client, 1).await;
    // No such queue, and no broker.
    site.set("broker.prefix", "nobody");
    let refused = site.operate(&["dead", "list"]).await;
    assert_eq!(refused.code, 78, "{refused:?}");
    let nobody = format!("amqp://guest:guest@127.0.0.1:{}/%2f", dead_port());
    site.set("broker.uri", &nobody);
    for arguments in [&["dead", "list"][..], &drop] {
        let refused = site.operate(arguments).await;
        assert_eq!(refused.code, 69, "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_set_aside_goes_again_too() {
    let _beside = beside_others().await;
    let mut site = Site::new("brokers");
    // Two partitions: a book of neither has no queue.
    site.books = "[[book]]\nname = \"main\"\npartition = 0\n\
                  [[book]]\nname = \"other\"\npartition = 1\n"
        .to_owned();
    let daemon = site.run().await;
    let client = Client::of(&site).await;
    let unrouted = BasicProperties::default().with_message_id("m-1".into());
    client.send("nobody", unrouted, b"{}").await;
    depth(&site, &client, 1).await;
    // What waits in a queue of the second partition, which nobody serves, is rejected by hand.
    client.send("other", json_message(), b"{}").await;
    let queue = format!("{}.jobs.1", site.prefix);
    client.reject(&queue).await;
    depth(&site, &client, 2).await;
    let listed = site.operate(&["dead", "list", "--each"]).await;
    let told: Vec<_> = rows(&listed)
        .iter()
        .map(|row| (row["reason"].clone(), row["from"].clone()))
        .collect();
    let from = |key: &str| json!(format!("{}.jobs {key}", site.prefix));
    assert_eq!(
        told,
        [
            (json!("UNROUTABLE"), from("nobody")),
            (json!("rejected"), from("other")),
        ]
    );
    let requeued = site
        .operate(&["dead", "requeue", "--reason", "rejected"])
        .await;
    assert_eq!(requeued.code, 0, "{requeued:?}");
    let back = client.take(&queue, 1).await.remove(0);
    assert_eq!(back.text(), "{}");
    assert!(back.header("x-death").is_none());
    depth(&site, &client, 1).await;
    daemon.stop().await;
}
