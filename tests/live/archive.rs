//! A daemon whose old segments move to an archive on another file system: whoever reads goes on
//! over both, and a missing archive is named.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::client::{Client, Seen, job, open_accounts, payment};
use crate::support::daemon::Site;
use crate::support::{beside_others, eventually};

/// Payments of one message.
const BATCH: usize = 500;
/// So many are more than the first segments hold.
const PAYMENTS_MAX: usize = 60_000;

/// How many files of a directory are called so.
fn count(dir: &Path, beginning: &str) -> usize {
    let names = fs::read_dir(dir).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with(beginning)).count()
}

/// A directory on another file system than the state, where there is one.
fn elsewhere() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// The outcome of a job that is sent now.
async fn answered(client: &Client, seen: &str, job: &Value) -> Seen {
    client.send_job(job).await;
    client.take(seen, 1).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moved_to_the_archive_is_there_for_everybody() {
    let _beside = beside_others().await;
    let (room, away) = (elsewhere(), tempfile::tempdir().unwrap());
    let archive = room.path().join("archive");
    let mut site = Site::new("archive");
    site.set("journal.segment_bytes", "1048576");
    site.set("journal.snapshot_jobs", "1000");
    site.set("journal.archive_dir", archive.to_str().unwrap());
    let daemon = site.run().await;
    let client = Client::of(&site).await;
    let seen = open_accounts(&client).await;
    let moved = archive.join("p0");
    let mut sent = 0;
    while count(&moved, "segment-") < 2 {
        assert!(sent < PAYMENTS_MAX, "nothing moved");
        let jobs: Vec<Value> = (sent..sent + BATCH).map(payment).collect();
        client.send_jobs(&jobs).await;
        client.take(&seen, BATCH).await;
        sent += BATCH;
    }
    assert!(!site.partition().join("segment-0000000001").exists());

    // An entry that a rule must read, and the first outcome of an old key.
    let undo = job(
        "undo",
        "entry.reverse",
        &json!({ "entry": 1, "reason": "twice" }),
    );
    let undone = answered(&client, &seen, &undo).await.json();
    assert_eq!(
        (&undone["status"], &undone["reverses"]),
        (&json!("posted"), &json!(1))
    );
    let again = answered(&client, &seen, &payment(0)).await;
    assert!(again.is_duplicate(), "{}", again.text());
    assert_eq!(again.json()["entry_no"], 1);
    // Beside the daemon, and without it.
    let backup = away.path().join("backup");
    let backup = backup.to_str().unwrap();
    let taken = site.operate(&["backup", backup]).await.json();
    assert_eq!(taken["backups"][0]["doubts"], json!([]));
    daemon.stop().await;
    for arguments in [
        &["journal", "verify"][..],
        &["journal", "show", "--limit", "3"],
        &["entry", "1"],
        &["outcome", "pay-0"],
        &["statement", "bank/main"],
        &["restore", "--drill", backup],
    ] {
        let said = site.operate(arguments).await;
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
    }
    let whole = Path::new(backup).join("p0");
    assert!(
        whole.join("segment-0000000001").exists(),
        "a backup is whole"
    );

    // Books and files of keys from the journal alone.
    for name in fs::read_dir(site.partition()).unwrap() {
        let path = name.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("snapshot-") || name.starts_with("keys-") {
            fs::remove_file(&path).unwrap();
        }
    }
    let daemon = site.run().await;
    let again = answered(&client, &seen, &payment(1)).await;
    assert!(again.is_duplicate(), "{}", again.text());
    daemon.stop().await;

    // Without the archive nobody pretends.
    let hidden = room.path().join("hidden");
    fs::rename(&archive, &hidden).unwrap();
    let (code, said) = site.refused(false).await;
    assert_eq!(code, 74, "{said}");
    assert!(
        said.contains("mount the archive or correct journal.archive_dir"),
        "{said}"
    );
    let verified = site.operate(&["journal", "verify"]).await;
    assert_eq!(verified.code, 74, "{verified:?}");
    assert!(verified.err.contains("journal.archive_dir"), "{verified:?}");
    fs::rename(&hidden, &archive).unwrap();
    let daemon = site.run().await;
    eventually("a metric", async || {
        let size = daemon.metric("kontor_journal_size_bytes ");
        size.is_some_and(|bytes| bytes > 0)
    })
    .await;
    daemon.stop().await;
}
