//! A key leads to its first outcome for ever: also when only a file remembers it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use kontor::journal::file::disk::OsDisk;
use kontor::journal::snapshot;
use kontor::time::{ManualClock, Timestamp};
use serde_json::{Value as Json, json};

use crate::support::house::{Answer, House, partition};
use crate::support::{err, exits, json, kontor, out};

const BOOK: &str = r#"
[[book]]
name = "main"
functional_unit = "EUR"
[book.accounts]
"bank/main" = { unit = "EUR", class = "asset", opening = "100.00", min_available = "0.00" }
"exp/office" = { unit = "EUR", class = "expense", opening = "0.00" }
"#;

fn entry(key: &str, amount: &str) -> Json {
    let debit = json!({ "dr": "exp/office", "amount": amount });
    let credit = json!({ "cr": "bank/main", "amount": amount });
    json!({ "key": key, "kind": "entry.post", "data": { "legs": [debit, credit] } })
}

/// Post entries, the last of them refused, and say what became of each.
fn post(house: &mut House, round: u32) -> Vec<(Json, Answer)> {
    let jobs = (0..9).map(|number| entry(&format!("job-{round}-{number}"), "0.10"));
    let refused = entry(&format!("job-{round}-9"), "1000.00");
    jobs.chain([refused])
        .map(|job| {
            let answer = house.send(&job);
            assert!(!answer.duplicate, "{job}");
            (job, answer)
        })
        .collect()
}

fn all_are_remembered(house: &mut House, answers: &[(Json, Answer)]) {
    for (job, answer) in answers {
        assert_eq!(house.send(job), answer.again(), "{job}");
        let key = job.get("key").and_then(Json::as_str).unwrap();
        let refused = house.send(&entry(key, "0.11")).json();
        let code = refused.get("code").and_then(Json::as_str);
        assert_eq!(code, Some("IDEMPOTENCY_KEY_REUSED"), "{job}");
    }
}

fn key_files(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(partition(dir)).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("keys-")).collect();
    names.sort();
    names
}

fn path(dir: &tempfile::TempDir) -> &str {
    dir.path().to_str().unwrap()
}

#[test]
fn a_key_that_only_a_file_remembers_leads_to_its_first_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let mut answers = Vec::new();
    for round in 0..7 {
        let mut house = House::open(dir.path(), BOOK);
        assert!(house.warnings.is_empty(), "{:?}", house.warnings);
        answers.extend(post(&mut house, round));
        assert!(house.snapshot());
        house.stop();
    }
    let mut house = House::open(dir.path(), BOOK);
    assert!(house.engine().keys().is_empty(), "they are in files");
    assert_eq!(house.replayed_jobs, 0);
    all_are_remembered(&mut house, &answers);
    assert!(
        key_files(dir.path()).len() <= 5,
        "{:?}",
        key_files(dir.path())
    );
    drop(house);

    let told = kontor(&[
        "--format",
        "json",
        "outcome",
        "job-0-9",
        "--dir",
        path(&dir),
    ]);
    exits(&told, 0);
    assert!(out(&told).contains("INSUFFICIENT_FUNDS"), "{}", out(&told));
    exits(&kontor(&["outcome", "job-0-10", "--dir", path(&dir)]), 1);
    exits(&kontor(&["journal", "verify", "--dir", path(&dir)]), 0);
}

#[test]
fn a_start_writes_the_snapshot_that_the_last_run_owed() {
    let dir = tempfile::tempdir().unwrap();
    let books = format!("snapshot_jobs = 1000\n{BOOK}");
    let mut house = House::open(dir.path(), &books);
    let answers: Vec<_> = (0..101).flat_map(|round| post(&mut house, round)).collect();
    drop(house);
    let disk = OsDisk::new(partition(dir.path()));
    assert!(snapshot::list(&disk).unwrap().is_empty());

    let mut house = House::open(dir.path(), &books);
    assert!(house.warnings.is_empty(), "{:?}", house.warnings);
    assert_eq!(house.replayed_jobs, 1_010);
    assert!(house.engine().keys().is_empty(), "they are in a file");
    assert_eq!(snapshot::list(&disk).unwrap().len(), 1);
    assert_eq!(key_files(dir.path()).len(), 1);
    all_are_remembered(&mut house, answers.get(..30).unwrap());
    drop(house);

    // What is owed once is not written twice.
    let house = House::open(dir.path(), &books);
    assert!(house.replayed_jobs < 100, "{}", house.replayed_jobs);
    assert_eq!(snapshot::list(&disk).unwrap().len(), 1);
}

#[test]
fn work_of_the_engine_meets_the_keys_of_years_ago() {
    let dir = tempfile::tempdir().unwrap();
    let day = |date: &str| Timestamp::parse(&format!("{date}T12:00:00Z")).unwrap();
    let clock = ManualClock::at(day("2026-03-01"));
    let open = || House::open_by(Arc::new(clock.clone()), dir.path(), BOOK);
    let mut house = open();
    let first = house.send(&entry("rent/2", "0.10"));
    assert!(house.snapshot());
    house.stop();

    let mut house = open();
    assert!(house.engine().keys().is_empty(), "they are in files");
    let debit = json!({ "dr": "exp/office", "amount": "5.00" });
    let credit = json!({ "cr": "bank/main", "amount": "5.00" });
    let legs = [debit, credit];
    let data = json!({ "first": "2026-03-02", "every": "day", "count": 3, "legs": legs });
    house.send(&json!({ "key": "rent", "kind": "recurring.post", "data": data }));
    clock.set(day("2026-03-04"));
    house.send(&entry("rent/4", "0.10"));
    let book = &house.engine().books()[0];
    let office = book.accounts().by_name("exp/office").unwrap();
    // 0.10 and 0.10, and three runs: the second has another key, for its own was another job's.
    assert_eq!(office.balance(), 1_520);
    assert_eq!(book.documents().get("RS-000001").unwrap().count("runs"), 3);
    assert_eq!(house.send(&entry("rent/2", "0.10")), first.again());
    let run = house.send(&entry("rent/3", "5.00")).json();
    assert_eq!(run.get("code"), Some(&json!("IDEMPOTENCY_KEY_REUSED")));
}

#[test]
fn while_it_runs_the_engine_lets_go_of_what_is_in_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut house = House::open(dir.path(), BOOK);
    let mut answers = post(&mut house, 0);
    assert!(house.snapshot());
    assert!(!house.snapshot(), "there is nothing behind it");
    // Each message sweeps a part of the table.
    for number in 0..1_100 {
        house.send(&entry(&format!("other-{number}"), "0.01"));
    }
    assert_eq!(house.engine().keys().len(), 1_100);
    answers.extend(post(&mut house, 1));
    all_are_remembered(&mut house, &answers);
}

#[test]
fn a_key_file_that_changed_is_noticed_and_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut house = House::open(dir.path(), BOOK);
    let answers = post(&mut house, 0);
    assert!(house.snapshot());
    house.stop();
    let [name] = &key_files(dir.path())[..] else {
        panic!("one file")
    };
    let file = partition(dir.path()).join(name);
    let good = fs::read(&file).unwrap();

    // In a block of keys: nobody reads it before a key leads there.
    let mut bad = good.clone();
    bad[4_096 + 20] ^= 1;
    fs::write(&file, &bad).unwrap();
    let mut house = House::open(dir.path(), BOOK);
    let said = answers
        .iter()
        .find_map(|(job, _)| house.deliver(job).err())
        .expect("a fault")
        .to_string();
    assert!(said.contains(name), "{said}");
    drop(house);
    let verified = kontor(&["journal", "verify", "--dir", path(&dir)]);
    exits(&verified, 1);
    assert!(out(&verified).contains(name), "{}", out(&verified));

    // In its filter: the start does not go on with it, and makes the keys again.
    let mut bad = good.clone();
    bad[2 * 4_096 + 3] ^= 1;
    fs::write(&file, &bad).unwrap();
    let mut house = House::open(dir.path(), BOOK);
    assert!(house.warnings[0].contains(name), "{:?}", house.warnings);
    all_are_remembered(&mut house, &answers);
    house.stop();

    // Gone altogether: so as well, and what cannot be used any more is gone with it.
    for name in key_files(dir.path()) {
        fs::remove_file(partition(dir.path()).join(name)).unwrap();
    }
    let verified = kontor(&["journal", "verify", "--dir", path(&dir)]);
    exits(&verified, 1);
    let said = out(&verified);
    assert!(
        said.contains("is missing, and a snapshot names it"),
        "{said}"
    );
    let backup = tempfile::tempdir().unwrap();
    let backup = backup.path().join("b");
    let backup = backup.to_str().unwrap();
    let doubted = kontor(&["backup", backup, "--dir", path(&dir)]);
    exits(&doubted, 1);
    assert!(
        out(&doubted).contains("it is not in the backup"),
        "{}",
        out(&doubted)
    );
    let mut house = House::open(dir.path(), BOOK);
    assert!(house.engine().keys().is_empty(), "they are in a file again");
    assert_eq!(key_files(dir.path()).len(), 1);
    all_are_remembered(&mut house, &answers);
    house.stop();
    exits(&kontor(&["backup", backup, "--dir", path(&dir)]), 0);
    let mut house = House::open(dir.path(), BOOK);
    assert!(house.warnings.is_empty() && house.engine().keys().is_empty());
    all_are_remembered(&mut house, &answers);
    drop(house);
    let verified = kontor(&["journal", "verify", "--dir", path(&dir)]);
    exits(&verified, 0);
    assert!(err(&verified).is_empty());
}

#[test]
fn verify_names_keys_that_a_file_should_hold_and_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut house = House::open(dir.path(), BOOK);
    post(&mut house, 0);
    assert!(house.snapshot());
    post(&mut house, 1);
    assert!(house.snapshot());
    house.stop();
    let disk = OsDisk::new(partition(dir.path()));
    let newest = snapshot::list(&disk).unwrap()[0];
    // A file of the older snapshot under the name that the newer one asks for.
    let names = key_files(dir.path());
    assert_eq!(names.len(), 2, "{names:?}");
    let named = snapshot::Reader::open(&disk, newest).unwrap();
    let wanted = named.head().key_files[0].name();
    let other = names.iter().find(|name| **name != wanted).unwrap();
    let partition = partition(dir.path());
    fs::copy(partition.join(other), partition.join(wanted)).unwrap();
    let verified = kontor(&["--format", "json", "journal", "verify", "--dir", path(&dir)]);
    exits(&verified, 1);
    let findings = json(&verified)["journals"][0]["findings"].to_string();
    assert!(findings.contains("is damaged"), "{findings}");
}
