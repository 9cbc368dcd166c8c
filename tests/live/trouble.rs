//! Bad situations, brought about for real: what the daemon says, how it ends, and that nothing is
//! lost.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use kontor::broker::Topology;
use kontor::broker::private::Options;
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::books::Books;
use crate::support::client::{Client, open_accounts, payment};
use crate::support::daemon::Site;
use crate::support::{PATIENCE, apply, beside_others, dead_port, eventually, private_node};

/// Everything sent is in the books, once.
fn assert_booked(site: &Site, payments: usize) {
    let books = Books::of(&site.partition());
    assert_eq!(books.jobs.len(), payments + 2);
    let cents = i128::try_from(payments).unwrap() * 100;
    assert_eq!(books.balance("bank/main"), cents);
    assert_eq!(books.balance("equity/owner"), cents);
}

/// A small file system of its own, unmounted when dropped; none where mounting is not permitted.
pub(crate) struct Mount(PathBuf);

impl Mount {
    pub(crate) fn new(path: &Path, options: &str) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "kontor-test"])
            .arg(path)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(path.to_owned())),
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr).into_owned();
                eprintln!("SKIPPED: no file system of its own could be mounted: {why}");
                None
            }
            Err(fault) => {
                eprintln!("SKIPPED: mount could not be run: {fault}");
                None
            }
        }
    }
}

impl Mount {
    /// Mount it again with another option: `ro`, `rw`.
    pub(crate) fn remount(&self, option: &str) {
        let mounted = Command::new("mount")
            .args(["-o", &format!("remount,{option}")])
            .arg(&self.0)
            .status();
        assert!(mounted.unwrap().success(), "{option}");
    }
}

impl Mount {
    /// Bytes that leave so many of those that are free now.
    fn all_but(&self, left: u64) -> usize {
        let system = rustix::fs::statvfs(&self.0).unwrap();
        usize::try_from(system.f_bavail * system.f_frsize - left).unwrap()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a daemon that is killed a moment later may still hold it.
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_it_waits_a_while_and_ends_with_69() {
    let port = dead_port();
    let site = Site::at("absent", format!("amqp://guest:guest@127.0.0.1:{port}/%2f"));
    let (code, said) = site.refused(true).await;
    assert_eq!(code, 69, "{said}");
    let expected = format!("no broker answers at 127.0.0.1:{port}");
    assert!(said.contains(&expected), "{said}");
    assert!(said.contains("start it or correct broker.uri"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_a_matter_of_configuration() {
    let _beside = beside_others().await;
    let mut site = Site::new("password");
    site.uri = site.uri.replace("guest:guest", "guest:hunter2");
    let (code, said) = site.refused(true).await;
    assert_eq!(code, 78, "{said}");
    assert!(said.contains("refused the login of \"guest\""), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_different_topology_is_named_by_object() {
    let _beside = beside_others().await;
    let site = Site::new("mismatch");
    let (code, said) = site.refused(false).await;
    assert_eq!(code, 78, "{said}");
    let queue = Topology::job_queue(&site.prefix, 0);
    assert!(said.contains(&queue), "{said}");
    assert!(said.contains("kontor topology apply"), "{said}");

    apply(&site.prefix).await;
    let client = Client::of(&site).await;
    let deleted = client
        .channel
        .queue_delete(queue.as_str().into(), QueueDeleteOptions::default());
    deleted.await.unwrap();
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let classic =
        client
            .channel
            .queue_declare(queue.as_str().into(), options, FieldTable::default());
    classic.await.unwrap();
    for apply_topology in [false, true] {
        let (code, said) = site.refused(apply_topology).await;
        assert_eq!(code, 78, "{said}");
        assert!(said.contains(&queue), "{said}");
        assert!(said.contains("quorum"), "{said}");
    }
    assert!(!site.partition().exists(), "nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_and_comes_back_costs_nothing() {
    let started = tokio::task::spawn_blocking(|| private_node(&Options::default()));
    let mut node = started.await.unwrap().unwrap();
    let site = Site::at("gone", node.uri());
    let daemon = site.run().await;
    let client = Client::of(&site).await;
    open_accounts(&client).await;
    let before: Vec<Value> = (0..500).map(payment).collect();
    client.send_jobs(&before[..250]).await;
    for job in &before[250..] {
        client.send_job(job).await;
    }
    drop(client);
    let node = tokio::task::spawn_blocking(move || {
        node.stop().unwrap();
        node
    });
    let mut node = node.await.unwrap();
    let reason = daemon.unready().await;
    assert!(
        reason.contains("connection to the broker is down"),
        "{reason}"
    );
    let node = tokio::task::spawn_blocking(move || {
        node.restart(|_| {}).unwrap();
        node
    });
    let node = node.await.unwrap();
    daemon.ready().await;
    let client = Client::of(&site).await;
    let after: Vec<Value> = (400..800).map(payment).collect();
    client.send_jobs(&after).await;
    let seen = format!("{}.seen", site.prefix);
    eventually("all outcomes", async || client.depth(&seen).await >= 900).await;
    daemon.stop().await;
    let count = client.depth(&seen).await;
    let outcomes = client.take(&seen, count).await;
    let ids: std::collections::BTreeSet<&str> = outcomes
        .iter()
        .map(super::support::client::Seen::id)
        .collect();
    assert_eq!(ids.len(), 800, "every payment has an outcome");
    assert_booked(&site, 800);
    drop(node);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_intake_and_room_lets_it_go_on() {
    let _beside = beside_others().await;
    let mut site = Site::new("full");
    site.set("journal.free_bytes_min", "8388608");
    let Some(disk) = Mount::new(&site.state(), "size=40m") else {
        return;
    };
    let daemon = site.run().await;
    let client = Client::of(&site).await;
    let seen = open_accounts(&client).await;
    let filler = disk.0.join("filler");
    // Room for less than the minimum is left.
    std::fs::write(&filler, vec![1; disk.all_but(4_000_000)]).unwrap();
    // It is others who fill it: nothing has come that would make the journal look.
    let reason = daemon.unready().await;
    assert!(reason.contains("bytes left"), "{reason}");

    let jobs: Vec<Value> = (0..1_000).map(payment).collect();
    for chunk in jobs.chunks(10) {
        client.send_jobs(chunk).await;
    }
    let queue = Topology::job_queue(&site.prefix, 0);
    assert!(client.depth(&queue).await > 0 || !daemon.is_ready());
    assert!(!daemon.is_ready());
    std::fs::remove_file(&filler).unwrap();
    daemon.ready().await;
    client.take(&seen, 1_000).await;
    daemon.stop().await;
    assert_booked(&site, 1_000);
}

/// What is inside when the last byte of the disk goes to somebody else waits there.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_under_load_holds_what_is_inside() {
    let _beside = beside_others().await;
    let mut site = Site::new("fullload");
    site.set("journal.free_bytes_min", "1048576");
    let Some(disk) = Mount::new(&site.state(), "size=96m") else {
        return;
    };
    let daemon = site.run().await;
    let client = Client::of(&site).await;
    let seen = open_accounts(&client).await;
    let filler = disk.0.join("filler");
    let taken = disk.all_but(500_000);
    let filled = tokio::task::spawn_blocking({
        let filler = filler.clone();
        move || std::fs::write(&filler, vec![1; taken])
    });
    // What the segments that are there already can take is taken; it waits when the next one is
    // due. More comes then, and what was sent before is not all booked yet.
    let since = Instant::now();
    let (mut sent, mut beyond) = (0, 0);
    while beyond < 5_000 {
        assert!(since.elapsed() < PATIENCE, "it books on, on a full disk");
        let is_ready = daemon.is_ready();
        if is_ready && sent - client.depth(&seen).await > 10_000 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        let jobs: Vec<Value> = (sent..sent + 1_000).map(payment).collect();
        client.send_jobs(&jobs).await;
        sent += jobs.len();
        if !is_ready {
            beyond += jobs.len();
        }
    }
    filled.await.unwrap().ok();
    daemon.unready().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let live = daemon.get("/livez").map(|(status, _)| status);
    assert_eq!(live, Some(200), "it waits and lives");
    std::fs::remove_file(&filler).unwrap();
    daemon.ready().await;
    eventually("everything booked", async || {
        client.depth(&seen).await >= sent
    })
    .await;
    daemon.stop().await;
    assert_booked(&site, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_at_the_start_lets_nothing_in() {
    let _beside = beside_others().await;
    let mut site = Site::new("fullstart");
    let Some(disk) = Mount::new(&site.state(), "size=40m") else {
        return;
    };
    site.set("journal.free_bytes_min", "1048576");
    let daemon = site.run().await;
    let client = Client::of(&site).await;
    let seen = open_accounts(&client).await;
    daemon.stop().await;
    let jobs: Vec<Value> = (0..100).map(payment).collect();
    client.send_jobs(&jobs).await;
    // What was enough is not any more.
    site.set("journal.free_bytes_min", "1073741824");
    let daemon = site.start();
    eventually("a reason of the disk", async || {
        let answer = daemon.get("/readyz");
        answer.is_some_and(|(_, body)| body.contains("bytes left"))
    })
    .await;
    // Time enough to subscribe.
    eventually("the connection for jobs", async || {
        daemon.metric("kontor_amqp_connected{role=\"intake\"}") == Some(1)
    })
    .await;
    let taken = |redelivered: bool| {
        let series = "kontor_deliveries_total{partition=\"0\",redelivered=";
        daemon.metric(&format!("{series}\"{redelivered}\"}}"))
    };
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!((taken(false), taken(true)), (Some(0), Some(0)));
    }
    let queue = Topology::job_queue(&site.prefix, 0);
    assert_eq!(client.depth(&queue).await, 1);
    daemon.stop().await;

    site.set("journal.free_bytes_min", "1048576");
    let daemon = site.run().await;
    client.take(&seen, 100).await;
    daemon.stop().await;
    assert_booked(&site, 100);
    drop(disk);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_written_ends_it_with_74() {
    let _beside = beside_others().await;
    let site = Site::new("readonly");
    let Some(_disk) = Mount::new(&site.state(), "size=1m,ro") else {
        return;
    };
    let (code, said) = site.refused(true).await;
    assert_eq!(code, 74, "{said}");
    assert!(said.contains(site.state().to_str().unwrap()), "{said}");
    assert!(said.to_lowercase().contains("read-only"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_a_directory_ends_with_74_and_names_the_first() {
    let _beside = beside_others().await;
    let site = Site::new("first");
    let daemon = site.run().await;
    let mut second = Site::new("second");
    second.prefix.clone_from(&site.prefix);
    second.set("journal.dir", site.state().to_str().unwrap());
    let (code, said) = second.refused(true).await;
    assert_eq!(code, 74, "{said}");
    assert!(said.contains(&format!("process {}", daemon.id())), "{said}");
    let client = Client::of(&site).await;
    open_accounts(&client).await;
    daemon.stop().await;
    assert_booked(&site, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_ends_it_with_65_and_says_where() {
    let _beside = beside_others().await;
    let site = Site::new("damage");
    let daemon = site.run().await;
    let client = Client::of(&site).await;
    let seen = open_accounts(&client).await;
    for number in 0..50 {
        client.send_job(&payment(number)).await;
    }
    client.take(&seen, 50).await;
    daemon.stop().await;
    let segment = first_segment(&site.partition());
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes
        .windows(6)
        .position(|bytes| bytes == b"pay-25")
        .unwrap();
    bytes[at] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    client.send_job(&payment(50)).await;
    let (code, said) = site.refused(true).await;
    assert_eq!(code, 65, "{said}");
    assert!(said.contains(segment.to_str().unwrap()), "{said}");
    let offset = said.split("byte ").nth(1).and_then(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()
    });
    let offset = offset.unwrap_or_else(|| panic!("no offset in: {said}"));
    assert!(offset <= at && at - offset < 4_096, "{offset} for {at}");
    assert_eq!(
        std::fs::read(&segment).unwrap(),
        bytes,
        "nothing was touched"
    );

    // The job that came meanwhile waits, and is booked when the damage is repaired.
    bytes[at] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let daemon = site.run().await;
    client.take(&seen, 1).await;
    daemon.stop().await;
    assert_booked(&site, 51);
}

fn first_segment(dir: &Path) -> PathBuf {
    let mut names: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("segment")
        })
        .collect();
    names.sort();
    names.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_the_configuration_end_it_with_78_and_a_line() {
    let site = Site::at("mistake", "amqp://127.0.0.1:1/%2f".to_owned());
    let text = "[broker]\nheartbeat_s = \"many\"\nprefech = 10\n[[book]]\nname = \"Main\"\n";
    std::fs::write(site.config(), text).unwrap();
    let (code, said) = site.refused_as_it_lies(true).await;
    assert_eq!(code, 78, "{said}");
    let config = site.config();
    let config = config.to_str().unwrap();
    for place in [":2:", ":3:", ":5:"] {
        assert!(
            said.contains(&format!("{config}{place}")),
            "{place} in {said}"
        );
    }
    assert!(said.contains("prefech"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_ends_it_with_74() {
    let _beside = beside_others().await;
    let site = Site::new("taken");
    let _listener = std::net::TcpListener::bind(("127.0.0.1", site.http)).unwrap();
    let (code, said) = site.refused(true).await;
    assert_eq!(code, 74, "{said}");
    assert!(said.contains(&format!("127.0.0.1:{}", site.http)), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_broker_is_absent_is_obeyed_at_once() {
    let port = dead_port();
    let site = Site::at("early", format!("amqp://guest:guest@127.0.0.1:{port}/%2f"));
    let daemon = site.start();
    eventually("life", async || daemon.get("/livez").is_some()).await;
    let since = Instant::now();
    daemon.signal(Signal::INT);
    daemon.stop().await;
    assert!(since.elapsed() < Duration::from_secs(3));
}
