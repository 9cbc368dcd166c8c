//! Backup, restore and drill as an operator types them: what comes back is what was there.

use std::fs;
use std::path::{Path, PathBuf};

use kontor::ids::{Position, Sequence};
use kontor::journal::Cursor;
use kontor::journal::file::disk::OsDisk;
use kontor::journal::snapshot;
use kontor::partition::{Claim, OpenFault, Partition};
use kontor::time::SystemClock;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::support::house::{House, settings};
use crate::support::{Writer, err, exits, json, kontor, out};

const BOOK: &str = r#"
[[book]]
name = "main"
functional_unit = "EUR"
time_zone = "Europe/Berlin"
[book.accounts]
"bank/main" = { unit = "EUR", class = "asset", opening = "100.00" }
"exp/office" = { unit = "EUR", class = "expense", opening = "0.00" }
"#;

fn entry(key: &str, amount: &str) -> Json {
    let legs = json!([
        { "dr": "exp/office", "amount": amount },
        { "cr": "bank/main", "amount": amount, "text": "for Erika" },
    ]);
    json!({ "key": key, "kind": "entry.post",
        "data": { "booking_date": "2026-03-02", "legs": legs } })
}

/// A machine: its state directory, its backup, and what is restored.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.at(name).to_str().unwrap().to_owned()
    }

    /// Jobs a to e: the first three in commits of their own, the others together.
    fn with_books() -> Self {
        let place = Self::new();
        let mut writer = Writer::open(&place.at("state"), BOOK);
        for (key, amount) in [("a", "1.00"), ("b", "2.00"), ("c", "4.00")] {
            writer.post(&[entry(key, amount)]);
        }
        writer.post(&[entry("d", "8.00"), entry("e", "16.00"), entry("f", "32.00")]);
        place
    }

    fn back_up(&self) -> Json {
        let backup = self.text("backup");
        let state = self.text("state");
        let said = kontor(&["--format", "json", "backup", &backup, "--dir", &state]);
        exits(&said, 0);
        json(&said).pointer("/backups/0").unwrap().clone()
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let all = ["--format", "json", "restore", &self.text("backup")];
        let kek = self.text("state/p0/kek");
        let rest = ["--kek", &kek, "--dir", &self.text("restored")];
        let all = all.iter().chain(&rest).chain(more);
        all.map(|argument| (*argument).to_owned()).collect()
    }

    fn restore(&self, more: &[&str]) -> Json {
        let arguments = self.arguments(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = kontor(&arguments);
        exits(&said, 0);
        json(&said).pointer("/restored/0").unwrap().clone()
    }

    /// A restore that fails: its code, what it said, and that nothing is left of it.
    #[track_caller]
    fn refused(&self, more: &[&str], code: i32) -> String {
        let arguments = self.arguments(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = kontor(&arguments);
        exits(&said, code);
        let left = fs::read_dir(self.at("restored")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "something is left after: {}", err(&said));
        err(&said)
    }

    fn accept(&self) -> String {
        let said = kontor(&["restore", "--accept", "--dir", &self.text("restored")]);
        exits(&said, 0);
        out(&said)
    }
}

fn balance(dir: &str, account: &str) -> String {
    let said = kontor(&["--format", "json", "balance", account, "--dir", dir]);
    exits(&said, 0);
    let balance = json(&said).pointer("/rows/0/balance").cloned().unwrap();
    balance.as_str().unwrap().to_owned()
}

fn records(dir: &str) -> Vec<Json> {
    let said = kontor(&["journal", "show", "--dir", dir]);
    exits(&said, 0);
    let lines = out(&said);
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

fn opens(dir: &Path) -> Result<(), OpenFault> {
    let settings = settings(dir, BOOK);
    let claim = Claim::take(&settings, 0)?;
    Partition::open(&settings, claim, &SystemClock::new(), &mut |_| {}).map(|_opened| ())
}

#[test]
fn what_was_backed_up_comes_back_and_waits_to_be_accepted() {
    let place = Place::with_books();
    let taken = place.back_up();
    assert_eq!(taken["doubts"], json!([]));
    let restored = place.restore(&[]);
    for same in ["position", "digest", "recorded_at"] {
        assert_eq!(restored[same], taken[same], "{same}");
    }
    assert_eq!(
        (&restored["missing"], &restored["lineage"]),
        (&json!(0), &json!(1))
    );
    let (state, there) = (place.text("state"), place.text("restored"));
    assert_eq!(balance(&there, "exp/office"), "63.00");
    assert_eq!(balance(&there, "exp/office"), balance(&state, "exp/office"));

    let fault = opens(&place.at("restored")).unwrap_err();
    assert_eq!(fault.exit_code(), 78);
    assert!(fault.to_string().contains("restore --accept"), "{fault}");
    assert!(place.accept().contains("0 outcomes"));
    opens(&place.at("restored")).unwrap();
    let again = kontor(&["restore", "--accept", "--dir", &there]);
    exits(&again, 1);
    exits(&kontor(&["journal", "verify", "--dir", &there]), 0);
    // Restored are the texts as well: the daemon seals for the same people on.
    let mut house = House::open(&place.at("restored"), BOOK);
    assert!(house.send(&entry("a", "1.00")).duplicate);
    let next = house.send(&entry("g", "64.00"));
    assert_eq!(next.id, "main/7.1");
}

#[test]
fn a_restore_goes_to_an_outcome_a_position_or_a_time() {
    let place = Place::with_books();
    place.back_up();
    let all = records(&place.text("state"));
    let of_key = |key: &str| all.iter().find(|record| record["key"] == key).unwrap();
    let position = |key: &str| of_key(key)["position"].to_string();
    let recorded_at = of_key("b")["recorded_at"].as_str().unwrap();
    let (of_b, of_d) = (position("b"), position("d"));
    // Outcomes d to f are of one commit; a point in the middle of it is a point like any other.
    let points = [
        ("main/1", "1.00", 5),
        (of_b.as_str(), "3.00", 4),
        (recorded_at, "3.00", 4),
        ("main/4", "15.00", 2),
        (of_d.as_str(), "15.00", 2),
        ("main/5", "31.00", 1),
        ("main/6", "63.00", 0),
        ("2100-01-01T00:00:00Z", "63.00", 0),
    ];
    for (point, expected, missing) in points {
        let restored = place.restore(&["--at", point]);
        let there = place.text("restored");
        assert_eq!(balance(&there, "exp/office"), expected, "{point}");
        assert_eq!(restored["missing"], missing, "{point}");
        exits(&kontor(&["journal", "verify", "--dir", &there]), 0);
        let said = place.accept();
        for (key, kept) in [("a", true), ("f", missing == 0)] {
            let outcome = kontor(&["outcome", key, "--dir", &there]);
            exits(&outcome, i32::from(!kept));
            assert_eq!(
                said.contains(&format!("entry.post  {key}\n")),
                !kept,
                "{said}"
            );
        }
        opens(&place.at("restored")).unwrap();
        // What was cut may be sent again, and its number is told from the one before.
        let mut house = House::open(&place.at("restored"), BOOK);
        let next = house.send(&entry("f", "32.00"));
        let number = 7 - missing;
        let expected = format!("main/{number}.1");
        assert_eq!(
            (next.duplicate, next.id == expected),
            (missing == 0, missing > 0)
        );
        drop(house);
        fs::remove_dir_all(place.at("restored")).unwrap();
    }
    for beyond in ["main/7", "other/1", "99", "0", "2001-01-01T00:00:00Z"] {
        place.refused(&["--at", beyond], 64);
    }
    place.refused(&["--at", "yesterday"], 64);
}

/// The digest at a point is that of books in which nothing else ever happened.
#[test]
fn a_point_in_the_middle_of_a_commit_has_the_books_of_that_moment() {
    let place = Place::with_books();
    place.back_up();
    let restored = place.restore(&["--at", "main/4"]);
    let other = Place::new();
    let mut writer = Writer::open(&other.at("state"), BOOK);
    for (key, amount) in [("a", "1.00"), ("b", "2.00"), ("c", "4.00"), ("d", "8.00")] {
        writer.post(&[entry(key, amount)]);
    }
    assert_eq!(other.back_up()["digest"], restored["digest"]);
    let all = records(&place.text("restored"));
    let last = all.last().unwrap();
    assert_eq!(
        (&last["record"], &last["missing"], &last["lineage"]),
        (&json!("cut"), &json!(2), &json!(1))
    );
    let segment = fs::read(place.at("restored/p0/segment-0000000001")).unwrap();
    let holds = |text: &[u8]| segment.windows(text.len()).any(|window| window == text);
    // Amounts are not searched for, keys are: nothing of what was cut is in the journal.
    assert!(holds(b"bank/main"));
    let keys = all.iter().filter_map(|record| record["key"].as_str());
    assert_eq!(keys.collect::<Vec<_>>(), ["a", "b", "c", "d"]);
}

#[test]
fn a_flipped_bit_anywhere_in_a_backup_is_found() {
    let place = Place::with_books();
    exits(&kontor(&["snapshot", "--dir", &place.text("state")]), 0);
    place.back_up();
    let mut names = Vec::new();
    for found in fs::read_dir(place.at("backup/p0")).unwrap() {
        let path = found.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if ["lock", "frontier"].contains(&name.as_str()) {
            continue;
        }
        let whole = fs::read(&path).unwrap();
        let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
        for place_of_bit in [0, used.div_euclid(2), used] {
            let mut bytes = whole.clone();
            *bytes.get_mut(place_of_bit).unwrap() ^= 4;
            fs::write(&path, bytes).unwrap();
            let said = place.refused(&[], 65);
            assert!(said.contains(&name), "{name}: {said}");
            let optional = name.starts_with("snapshot-") || name.starts_with("keys-");
            if optional {
                assert!(said.contains("--without-snapshots"), "{said}");
                place.restore(&["--without-snapshots"]);
                fs::remove_dir_all(place.at("restored")).unwrap();
            }
        }
        fs::write(&path, whole).unwrap();
        names.push(name);
    }
    for expected in [
        "manifest",
        "secret",
        "segment-",
        "subjects-",
        "snapshot-",
        "keys-",
    ] {
        assert!(
            names.iter().any(|name| name.starts_with(expected)),
            "{names:?}"
        );
    }
    place.restore(&[]);
}

#[test]
fn a_backup_grows_with_its_journal_and_keeps_the_newest_snapshots() {
    let place = Place::with_books();
    let state = place.text("state");
    let snapshots = || {
        let disk = OsDisk::new(place.at("backup/p0"));
        snapshot::list(&disk).unwrap().len()
    };
    for round in 0..4 {
        let mut writer = Writer::open(&place.at("state"), BOOK);
        writer.post(&[entry(&format!("more-{round}"), "1.00")]);
        drop(writer);
        exits(&kontor(&["snapshot", "--dir", &state]), 0);
        let taken = place.back_up();
        assert_eq!(taken["before"].as_u64() > Some(0), round > 0);
        assert_eq!(snapshots(), 2.min(round + 1));
        // The backup is read by the same commands as a state directory.
        exits(
            &kontor(&["journal", "verify", "--dir", &place.text("backup")]),
            0,
        );
        let restored = place.restore(&[]);
        assert_eq!(restored["digest"], taken["digest"]);
        let disk = OsDisk::new(place.at("restored/p0"));
        assert_eq!(snapshot::list(&disk).unwrap().len(), snapshots());
        fs::remove_dir_all(place.at("restored")).unwrap();
    }
    // A point before the newest snapshot does without it.
    place.restore(&["--at", "main/7"]);
    let disk = OsDisk::new(place.at("restored/p0"));
    let newest = snapshot::list(&disk).unwrap().first().copied();
    assert!(newest.is_none_or(|newest| newest.0 < 20), "{newest:?}");
}

#[test]
fn outcomes_that_were_not_confirmed_by_the_backup_are_published_again() {
    let place = Place::with_books();
    let disk = OsDisk::new(place.at("state/p0"));
    let told = Cursor::read(&disk).unwrap().unwrap();
    let mut cursor = Cursor::open(&disk, told.journal, Some(told), Position(0)).unwrap();
    cursor.save(Position(4)).unwrap();
    drop(cursor);
    assert_eq!(place.back_up()["published"], 4);
    for (at, published) in [("main/6", 4), ("3", 3), ("4", 4)] {
        assert_eq!(place.restore(&["--at", at])["published"], published);
        let told = Cursor::read(&OsDisk::new(place.at("restored/p0")));
        assert_eq!(told.unwrap().unwrap().position, Position(published));
        fs::remove_dir_all(place.at("restored")).unwrap();
    }
}

#[test]
fn a_restore_goes_nowhere_else_and_from_nothing_else() {
    let place = Place::with_books();
    place.refused(&[], 64);
    place.back_up();
    let backup = place.text("backup");
    // The key of keys is kept apart, and without it nobody could read the texts.
    assert!(!place.at("backup/p0/kek").exists());
    let there = place.text("restored");
    let without = kontor(&["restore", &backup, "--dir", &there]);
    exits(&without, 64);
    assert!(err(&without).contains("--kek"), "{}", err(&without));
    let other = Place::with_books();
    let foreign = other.text("state/p0/kek");
    let wrong = kontor(&["restore", &backup, "--dir", &there, "--kek", &foreign]);
    exits(&wrong, 65);
    assert!(
        err(&wrong).contains("key-encrypting key"),
        "{}",
        err(&wrong)
    );
    assert_eq!(fs::read_dir(place.at("restored")).unwrap().count(), 0);

    let said = place.refused(&["--lineage", "0"], 64);
    assert!(said.contains("the next one is 1"), "{said}");
    assert_eq!(place.restore(&["--lineage", "5"])["lineage"], 5);
    let occupied = kontor(&["restore", &backup, "--dir", &there]);
    exits(&occupied, 64);
    assert!(err(&occupied).contains("not empty"), "{}", err(&occupied));

    let into_other = kontor(&["backup", &backup, "--dir", &other.text("state")]);
    exits(&into_other, 64);
    assert!(
        err(&into_other).contains("another journal"),
        "{}",
        err(&into_other)
    );
    fs::create_dir_all(place.at("letters/p0")).unwrap();
    fs::write(place.at("letters/p0/letter"), b"Dear Erika").unwrap();
    let letters = kontor(&[
        "backup",
        &place.text("letters"),
        "--dir",
        &place.text("state"),
    ]);
    exits(&letters, 64);
    assert_eq!(fs::read_dir(place.at("letters/p0")).unwrap().count(), 2);
    exits(&kontor(&["restore"]), 64);
    exits(&kontor(&["restore", &backup, "--accept"]), 64);
}

#[test]
fn a_drill_says_what_would_be_lost_and_leaves_nothing() {
    let place = Place::with_books();
    place.back_up();
    let mut writer = Writer::open(&place.at("state"), BOOK);
    writer.post(&[entry("g", "1.00")]);
    fs::create_dir(place.at("scratch")).unwrap();
    let config = place.at("kontor.toml");
    let text = format!("[journal]\ndir = \"{}\"\n{BOOK}", place.text("state"));
    fs::write(&config, text).unwrap();
    let drill = |format: &str| {
        let (config, backup) = (config.to_str().unwrap(), place.text("backup"));
        let scratch = place.text("scratch");
        kontor(&[
            "--config", config, "--format", format, "restore", "--drill", &backup, "--dir",
            &scratch,
        ])
    };
    let said = drill("json");
    exits(&said, 0);
    let drilled = json(&said);
    assert_eq!(drilled["clean"], true);
    let drilled = drilled.pointer("/drills/0").unwrap();
    // A start and a job.
    assert_eq!(drilled["records_since"], 2, "{drilled}");
    assert!(drilled["rpo_seconds"].as_u64() < Some(600), "{drilled}");
    let said = drill("text");
    exits(&said, 0);
    assert!(out(&said).contains("the drill went well"), "{}", out(&said));

    let segment = place.at("backup/p0/segment-0000000001");
    let mut bytes = fs::read(&segment).unwrap();
    *bytes.get_mut(3_000).unwrap() ^= 1;
    fs::write(&segment, bytes).unwrap();
    exits(&drill("text"), 65);
    assert_eq!(fs::read_dir(place.at("scratch")).unwrap().count(), 0);
    // The live directory was looked at and not touched.
    writer.post(&[entry("h", "1.00")]);
}

#[test]
fn sequences_have_no_gap_over_a_cut() {
    let place = Place::with_books();
    place.back_up();
    place.restore(&["--at", "main/3"]);
    place.accept();
    let mut house = House::open(&place.at("restored"), BOOK);
    for (key, number) in [("x", 4), ("y", 5)] {
        let answer = house.send(&entry(key, "1.00"));
        assert_eq!(answer.json()["sequence"], number);
    }
    let next = house.engine().books().first().unwrap().next_sequence();
    assert_eq!(next, Sequence(6));
    house.stop();
    exits(
        &kontor(&["journal", "verify", "--dir", &place.text("restored")]),
        0,
    );
    // The n-th restore begins lineage n.
    let second = Place::new();
    let state = place.text("restored");
    exits(
        &kontor(&["backup", &second.text("backup"), "--dir", &state]),
        0,
    );
    fs::create_dir_all(second.at("state/p0")).unwrap();
    fs::copy(place.at("state/p0/kek"), second.at("state/p0/kek")).unwrap();
    let restored = second.restore(&[]);
    assert_eq!(restored["lineage"], 2);
}
