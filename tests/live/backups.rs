//! Backups of a daemon that works, and what comes back from them after it was killed.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use kontor::ids::Position;
use kontor::journal::commits::Commits;
use kontor::journal::file::Until;
use kontor::journal::file::disk::OsDisk;
use serde_json::Value;

use crate::support::books::Books;
use crate::support::client::{Client, open_accounts, payment};
use crate::support::daemon::Site;
use crate::support::{beside_others, eventually};
use crate::trouble::Mount;

/// Payments of one message.
const BATCH: usize = 20;

async fn pay(client: &Client, numbers: std::ops::Range<usize>) {
    let jobs: Vec<Value> = numbers.map(payment).collect();
    client.send_jobs(&jobs).await;
}

/// The digest that a journal has at the end of the commit with this last position.
fn digest_at(dir: &Path, position: u64) -> String {
    let mut commits = Commits::from_position(OsDisk::new(dir), Position(position), Until::End);
    let found = commits.as_mut().unwrap().next().unwrap().unwrap();
    assert_eq!(found.commit.last(), Position(position));
    found.commit.digest.to_string()
}

async fn balance(site: &Site, dir: &str) -> usize {
    let said = site.operate(&["balance", "bank/main", "--dir", dir]).await;
    let said = said.json();
    let text = said["rows"][0]["balance"].as_str().unwrap();
    text.strip_suffix(".00").unwrap().parse().unwrap()
}

fn left_in(dir: &Path) -> usize {
    fs::read_dir(dir).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_brings_back_what_was_there() {
    let _beside = beside_others().await;
    let mut site = Site::new("backup");
    site.set("journal.segment_bytes", "1048576");
    let daemon = site.run().await;
    let client = Client::of(&site).await;
    let seen = open_accounts(&client).await;

    let (sent, stop) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (counted, told) = (Arc::clone(&sent), Arc::clone(&stop));
    let producer = tokio::spawn(async move {
        while !told.load(SeqCst) {
            let first = counted.load(SeqCst);
            pay(&client, first..first + BATCH).await;
            counted.store(first + BATCH, SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        client
    });
    let room = tempfile::tempdir().unwrap();
    let path = |name: &str| room.path().join(name).to_str().unwrap().to_owned();
    let backup = path("backup");
    let mut last = Value::Null;
    for round in 1..=4 {
        let wanted = sent.load(SeqCst) + 500;
        eventually("more work", async || sent.load(SeqCst) >= wanted).await;
        if round == 2 {
            let taken = site.operate(&["snapshot"]).await.json();
            assert_eq!(taken["snapshots"][0]["taken"], true);
        }
        let taken = site.operate(&["backup", &backup]).await.json();
        let taken = taken["backups"][0].clone();
        assert_eq!(taken["doubts"], serde_json::json!([]));
        assert!(
            taken["position"].as_u64() > last["position"].as_u64(),
            "{taken}"
        );
        last = taken;
    }
    daemon.kill().await;
    stop.store(true, SeqCst);
    let client = producer.await.unwrap();
    let kek = site.partition().join("kek").to_str().unwrap().to_owned();

    let drill = site.operate(&["restore", "--drill", &backup]).await.json();
    assert_eq!(drill["clean"], true);
    eprintln!("drilled: {}", drill["drills"][0]);
    let there = path("restored");
    let restore = async |more: &[&str]| {
        let all = [&["restore", &backup, "--kek", &kek, "--dir", &there], more].concat();
        let restored = site.operate(&all).await.json();
        restored["restored"][0].clone()
    };
    let restored = restore(&[]).await;
    let position = restored["position"].as_u64().unwrap();
    assert_eq!(Some(position), last["position"].as_u64());
    assert_eq!(restored["digest"], digest_at(&site.partition(), position));
    let sequence = {
        let of = site
            .operate(&["trial-balance", "--dir", &there])
            .await
            .json();
        of["sequence"].as_u64().unwrap()
    };
    let paid = usize::try_from(sequence).unwrap() - 2;
    assert_eq!(balance(&site, &there).await, paid);
    assert!(paid > 1_000, "{paid}");
    fs::remove_dir_all(&there).unwrap();

    // To a payment, to a position, to a time: the books of that moment.
    for number in [3, 502, paid + 1] {
        let at = format!("main/{number}");
        let restored = restore(&["--at", &at]).await;
        assert_eq!(balance(&site, &there).await, number - 2, "{at}");
        let again = restored["position"].to_string();
        let recorded_at = restored["recorded_at"].as_str().unwrap().to_owned();
        fs::remove_dir_all(&there).unwrap();
        let by_position = restore(&["--at", &again]).await;
        assert_eq!(by_position["digest"], restored["digest"]);
        fs::remove_dir_all(&there).unwrap();
        let by_time = restore(&["--at", &recorded_at]).await;
        assert!(by_time["position"].as_u64() >= restored["position"].as_u64());
        let position = by_time["position"].as_u64().unwrap();
        assert_eq!(by_time["digest"], digest_at(&site.partition(), position));
        fs::remove_dir_all(&there).unwrap();
    }

    // Elsewhere, from the last backup, and everything is sent again.
    let cut_at = paid / 2 + 2;
    restore(&["--at", &format!("main/{cut_at}")]).await;
    site.set("journal.dir", &there);
    let (code, said) = site.refused(true).await;
    assert_eq!(code, 78, "{said}");
    assert!(said.contains("restore --accept"), "{said}");
    let shown = site.operate(&["restore", "--accept"]).await;
    assert_eq!(shown.code, 0, "{shown:?}");
    assert_eq!(shown.out.lines().count(), 1 + paid + 2 - cut_at);
    let daemon = site.run().await;
    let total = sent.load(SeqCst);
    for first in (0..total).step_by(BATCH) {
        pay(&client, first..first + BATCH).await;
    }
    let partition = Path::new(&there).join("p0");
    eventually("all outcomes again", async || {
        let durable = daemon.metric("kontor_durable_sequence{partition=\"0\"} ");
        durable.is_some() && Books::of(&partition).jobs.len() == total + 2
    })
    .await;
    daemon.stop().await;
    let books = Books::of(&partition);
    assert_eq!(
        books.balance("bank/main"),
        i128::try_from(total).unwrap() * 100
    );
    let owners = books.jobs.iter().filter(|job| job.owns_key).count();
    assert_eq!(owners, total + 2);
    // The numbers behind the cut were given twice, and their ids say to which history they belong.
    let first_after = format!("main/{}.1", cut_at + 1);
    let waiting = client.depth(&seen).await;
    let ids = client.take(&seen, waiting).await;
    assert!(
        ids.iter().any(|seen| seen.id() == first_after),
        "no {first_after}"
    );
    let unmarked = format!("main/{}", cut_at + 1);
    assert!(
        ids.iter().any(|seen| seen.id() == unmarked),
        "no {unmarked}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_or_closed_target_leaves_nothing_half() {
    let _beside = beside_others().await;
    let site = Site::new("small");
    let daemon = site.run().await;
    let client = Client::of(&site).await;
    open_accounts(&client).await;
    for message in 0..10 {
        pay(&client, message * BATCH..(message + 1) * BATCH).await;
    }
    eventually("work", async || {
        Books::of(&site.partition()).jobs.len() == 202
    })
    .await;
    let room = tempfile::tempdir().unwrap();
    let path = |name: &str| room.path().join(name).to_str().unwrap().to_owned();
    let (small, backup) = (path("small"), path("backup"));
    fs::create_dir(&small).unwrap();
    let Some(mount) = Mount::new(Path::new(&small), "size=32k") else {
        return;
    };
    let kek = site.partition().join("kek").to_str().unwrap().to_owned();
    site.operate(&["backup", &backup]).await.json();
    let into = format!("{small}/target");
    let fails = async |arguments: &[&str], why: &str| {
        let failed = site.operate(arguments).await;
        assert_eq!(failed.code, 74, "{failed:?}");
        assert!(failed.err.contains(why), "{failed:?}");
        let left = left_in(Path::new(&into));
        assert_eq!(left, 0, "something half is left");
    };
    let restore = ["restore", &backup, "--kek", &kek, "--dir", &into];
    fails(&["backup", &into], "No space left").await;
    fails(&restore, "No space left").await;
    mount.remount("ro");
    fails(&["backup", &into], "Read-only").await;
    fails(&restore, "Read-only").await;
    daemon.stop().await;
}
