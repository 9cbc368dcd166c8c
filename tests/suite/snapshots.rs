//! Snapshots: the same books as the whole journal gives, in less time, and never in its place.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use kontor::ids::Position;
use kontor::journal::file::Until;
use kontor::journal::file::disk::{Disk as _, OsDisk};
use kontor::ledger::StateDigest;
use kontor::partition::{Built, KeysWanted, Loaded, Secrets, build, load};
use kontor::time::Timestamp;
use kontor::vault::JournalSecret;
use serde_json::{Value as Json, json};

use crate::support::{Writer, err, exits, json, kontor};

pub(crate) const BOOK: &str = r#"
[[book]]
name = "main"
functional_unit = "EUR"
time_zone = "Europe/Berlin"
[book.accounts]
"ar/c-1" = { unit = "EUR", class = "asset", opening = "0.00" }
"bank/main" = { unit = "EUR", class = "asset", opening = "1000.00", min_available = "0.00" }
"cash/B" = { unit = "EUR", class = "liability", opening = "100.00" }
"cash/S" = { unit = "EUR", class = "liability", opening = "0.00" }
"credit/c-1" = { unit = "EUR", class = "liability", opening = "0.00" }
"exp/office" = { unit = "EUR", class = "expense", opening = "0.00" }
"rev/sales" = { unit = "EUR", class = "income", opening = "0.00" }
"secu/B" = { unit = "SHR", class = "liability", opening = "0" }
"secu/S" = { unit = "SHR", class = "liability", opening = "2" }
"secu/depository" = { unit = "SHR", class = "asset", opening = "2" }
"tax/vat_out" = { unit = "EUR", class = "liability", opening = "0.00" }
[book.taxes]
DE19 = { category = "S", rate = "19" }
"#;

fn job(key: &str, kind: &str, data: &Json) -> Json {
    json!({ "key": key, "kind": kind, "actor": "user:anna", "data": data })
}

pub(crate) fn entry(key: &str, amount: &str) -> Json {
    let legs = json!([
        { "dr": "exp/office", "amount": amount },
        { "cr": "bank/main", "amount": amount, "text": "for Erika" },
    ]);
    job(
        key,
        "entry.post",
        &json!({ "booking_date": "2026-03-02", "legs": legs }),
    )
}

/// One job of every kind that leaves something in the books, and some that are refused.
pub(crate) fn work() -> Vec<Json> {
    let lines = json!([{ "quantity": "1", "price": "100.00", "tax": "DE19" }]);
    let invoice = json!({ "customer": "c-1", "series": "RE", "currency": "EUR",
        "external_ref": "x-1", "lines": lines });
    let instruction = json!({ "trade": "T-1", "type": "DVP", "deliverer": "S", "receiver": "B",
        "security": "SHR", "quantity": "3", "cash": { "amount": "99.00", "currency": "EUR" },
        "settlement_date": "2026-03-02", "partial": "allowed" });
    vec![
        entry("e-1", "10.00"),
        entry("e-2", "99999.00"),
        job(
            "o-1",
            "account.open",
            &json!({ "account": "w/1", "unit": "CHF", "class": "liability",
            "labels": { "region": "north" }, "text": "Erika" }),
        ),
        job(
            "o-2",
            "account.open",
            &json!({ "account": "w/2", "unit": "EUR", "class": "asset" }),
        ),
        job(
            "u-1",
            "account.update",
            &json!({ "account": "w/1", "freeze": "debit" }),
        ),
        job("x-1", "account.close", &json!({ "account": "w/2" })),
        job(
            "r-1",
            "reference.set",
            &json!({ "record": "tax", "name": "DE7", "reason": "new",
            "value": { "category": "S", "rate": "7" } }),
        ),
        job("i-1", "invoice.issue", &invoice),
        job("i-2", "invoice.issue", &invoice),
        job(
            "p-1",
            "payment.receive",
            &json!({ "bank": "bank/main", "amount": "150.00",
            "currency": "EUR", "customer": "c-1", "allocation": "oldest_first",
            "bank_ref": "b-1" }),
        ),
        job("s-1", "settlement.instruct", &instruction),
        job(
            "s-2",
            "settlement.attempt",
            &json!({ "instruction": "SI-000001" }),
        ),
        job("l-1", "period.close", &json!({ "period": "2026-02" })),
    ]
}

/// What two sets of books must have in common.
#[derive(Debug, PartialEq)]
struct Books {
    digest: StateDigest,
    /// How many keys are remembered, in memory or in files.
    keys: u64,
    next: Position,
    recorded_at: Timestamp,
    sequences: Vec<u64>,
}

fn disk(dir: &Path) -> OsDisk {
    OsDisk::new(dir.join("p0"))
}

fn secrets(dir: &Path) -> Secrets {
    Secrets::of(&JournalSecret::load(&disk(dir)).unwrap().unwrap())
}

fn loaded(dir: &Path) -> Loaded {
    let mut tell = |_at| ControlFlow::Continue(());
    load(
        &disk(dir),
        &secrets(dir),
        Until::End,
        KeysWanted::Found,
        &mut tell,
    )
    .unwrap()
}

fn books(loaded: &Loaded) -> Books {
    let engine = &loaded.engine;
    Books {
        digest: engine.digest(),
        keys: engine.keys().len() + loaded.cold.len(),
        next: engine.next_position(),
        recorded_at: engine.last_recorded_at(),
        sequences: engine
            .books()
            .iter()
            .map(|book| book.next_sequence().0)
            .collect(),
    }
}

fn taken(dir: &Path, writer: &Writer) -> Option<Built> {
    let durable = writer.history().durable();
    build(&disk(dir), &secrets(dir), durable, &AtomicBool::new(false)).unwrap()
}

/// The files whose names begin so, oldest first.
fn files(dir: &Path, beginning: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(dir.join("p0"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let named = |path: &PathBuf| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with(beginning)
    };
    let mut found: Vec<PathBuf> = all.filter(named).collect();
    found.sort();
    found
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len().div_euclid(2);
    *bytes.get_mut(middle).unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_snapshot_gives_the_books_that_the_whole_journal_gives() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path(), BOOK);
    writer.post(&work());
    let whole = loaded(dir.path());
    assert_eq!(whole.snapshot, None);
    let built = taken(dir.path(), &writer).unwrap();
    assert!(built.keys > 10 && built.bytes > 0, "{built:?}");

    let short = loaded(dir.path());
    assert_eq!(
        (short.snapshot, short.replayed_jobs),
        (Some(built.position), 0)
    );
    assert_eq!(books(&short), books(&whole));
    assert!(short.engine.keys().is_empty(), "they are in a file now");
    for entry in whole.engine.keys().sorted() {
        let row = short
            .cold
            .find(entry.key, &mut Vec::new())
            .unwrap()
            .unwrap();
        assert_eq!(row.position, entry.known.position);
    }
    assert_eq!(
        taken(dir.path(), &writer),
        None,
        "there is nothing behind the last one"
    );

    writer.post(&[entry("e-3", "5.00")]);
    let next = taken(dir.path(), &writer).unwrap();
    let of_both = books(&loaded(dir.path()));
    for path in files(dir.path(), "snapshot-")
        .into_iter()
        .chain(files(dir.path(), "keys-"))
    {
        fs::remove_file(path).unwrap();
    }
    let of_journal = loaded(dir.path());
    assert_eq!(of_journal.snapshot, None);
    assert_eq!(books(&of_journal), of_both);
    assert!(next.position > built.position);
}

#[test]
fn a_damaged_snapshot_costs_time_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path(), BOOK);
    writer.post(&work());
    let first = taken(dir.path(), &writer).unwrap();
    writer.post(&[entry("e-3", "5.00")]);
    let second = taken(dir.path(), &writer).unwrap();
    let expected = books(&loaded(dir.path()));

    flip(files(dir.path(), "snapshot-").last().unwrap());
    let fallen_back = loaded(dir.path());
    assert_eq!(fallen_back.snapshot, Some(first.position));
    assert_eq!(
        (books(&fallen_back), fallen_back.passed_over.len()),
        (expected, 1)
    );

    let expected = books(&fallen_back);
    // A damaged block of a key file is found by whoever reads it; a file that is not there at once.
    for keys in files(dir.path(), "keys-") {
        fs::remove_file(keys).unwrap();
    }
    let of_journal = loaded(dir.path());
    assert_eq!(
        (of_journal.snapshot, of_journal.passed_over.len()),
        (None, 2)
    );
    assert_eq!(books(&of_journal), expected);
    assert!(second.position > first.position);
}

#[test]
fn two_snapshots_stay_and_what_stands_before_them_is_still_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path(), BOOK);
    writer.post(&work());
    for at in 0..3 {
        writer.post(&[entry(&format!("more-{at}"), "1.00")]);
        taken(dir.path(), &writer).unwrap();
    }
    assert_eq!(files(dir.path(), "snapshot-").len(), 2);
    let path = dir.path().to_str().unwrap();
    let outcome = kontor(&["--format", "json", "outcome", "e-1", "--dir", path]);
    exits(&outcome, 0);
    assert_eq!(json(&outcome)["entry_no"], 1);
    exits(&kontor(&["entry", "1", "--dir", path]), 0);
    exits(&kontor(&["journal", "verify", "--dir", path]), 0);
}

fn snapshot_now(dir: &Path) -> Json {
    let path = dir.to_str().unwrap();
    let taken = kontor(&["--format", "json", "snapshot", "--dir", path]);
    exits(&taken, 0);
    json(&taken).pointer("/snapshots/0").unwrap().clone()
}

#[test]
fn a_snapshot_is_taken_on_demand_beside_the_writer_and_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path(), BOOK);
    writer.post(&work());
    let whole = books(&loaded(dir.path()));
    let now = snapshot_now(dir.path());
    assert_eq!(now["taken"], true, "{now}");
    let short = loaded(dir.path());
    assert_eq!(now["position"], short.snapshot.unwrap().0);
    assert_eq!((books(&short), short.replayed_jobs), (whole, 0));
    let again = snapshot_now(dir.path());
    assert_eq!(
        (&again["taken"], &again["position"]),
        (&json!(false), &now["position"])
    );

    // The writer goes on, and takes its own as ever.
    writer.post(&[entry("e-3", "5.00")]);
    let own = taken(dir.path(), &writer).unwrap();
    writer.post(&[entry("e-4", "5.00")]);
    drop(writer);
    let last = snapshot_now(dir.path());
    assert!(last["position"].as_u64() > Some(own.position.0), "{last}");
    assert_eq!(files(dir.path(), "snapshot-").len(), 2);
    let path = dir.path().to_str().unwrap();
    exits(&kontor(&["journal", "verify", "--dir", path]), 0);
}

#[test]
fn two_never_take_a_snapshot_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path(), BOOK);
    writer.post(&work());
    let held = disk(dir.path()).lock("building").unwrap().unwrap();
    let durable = writer.history().durable();
    let build = || {
        build(
            &disk(dir.path()),
            &secrets(dir.path()),
            durable,
            &AtomicBool::new(false),
        )
    };
    let refused = build().unwrap_err().to_string();
    assert!(refused.contains("is taking a snapshot"), "{refused}");
    assert!(files(dir.path(), "snapshot").is_empty());
    // A start does not wait for it, and needs none.
    drop(writer);
    writer = Writer::open(dir.path(), BOOK);
    writer.post(&[entry("e-3", "5.00")]);
    drop(held);
    assert!(build().unwrap().is_some());
}

#[test]
fn a_snapshot_of_nothing_or_of_damage_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path(), BOOK);
    writer.post(&work());
    let path = dir.path().to_str().unwrap();
    exits(&kontor(&["snapshot", "--dir", "/nowhere"]), 74);
    let segment = files(dir.path(), "segment-").remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[4_000] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let damaged = kontor(&["snapshot", "--dir", path]);
    exits(&damaged, 65);
    assert!(
        err(&damaged).contains("segment-0000000001"),
        "{}",
        err(&damaged)
    );
}
