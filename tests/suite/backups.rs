//! Backup, restore and drill as an operator types them: what comes back is what was there.

use std::fs;

use kontor::ids::{Position, Sequence};
use kontor::journal::Cursor;
use kontor::journal::file::disk::OsDisk;
use kontor::journal::snapshot;
use serde_json::json;

use crate::support::house::House;
use crate::support::place::{BOOK, Place, balance, entry, opens, records};
use crate::support::{Writer, err, exits, json, kontor, out};

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
fn a_restore_never_parts_a_decision_from_its_job() {
    let place = Place::new();
    let policy = r#"
[book.users]
"carla" = ["controller"]
[[book.approval_policy]]
kind = "entry.post"
tiers = [{ approvals = 1, by = ["controller"] }]
"#;
    let mut writer = Writer::open(&place.at("state"), &(BOOK.to_owned() + policy));
    let request = json!({ "key": "r", "kind": "approval.request", "actor": "anna",
        "data": { "job": entry("a", "1.00") } });
    let decide = json!({ "key": "d", "kind": "approval.decide", "actor": "carla",
        "data": { "request": "APR-000001", "decision": "approve" } });
    let late = json!({ "key": "x", "kind": "account.open",
        "data": { "account": "exp/late", "unit": "EUR", "class": "expense" } });
    writer.post(&[request, decide, late]);
    drop(writer);
    place.back_up();
    place.restore(&["--at", "main/1"]);
    let waiting = kontor(&["outcome", "a", "--dir", &place.text("restored")]);
    exits(&waiting, 1);
    let said = err(&waiting);
    assert!(said.contains("waits for approval: APR-000001"), "{said}");
    fs::remove_dir_all(place.at("restored")).unwrap();
    // The decision is outcome 2, the job that it approved outcome 3.
    let restored = place.restore(&["--at", "main/2"]);
    assert_eq!(restored["missing"], json!(1));
    let there = place.text("restored");
    assert_eq!(balance(&there, "exp/office"), "1.00");
    let outcome = kontor(&["--format", "json", "outcome", "a", "--dir", &there]);
    exits(&outcome, 0);
    assert_eq!(json(&outcome)["status"], "posted");
    exits(&kontor(&["journal", "verify", "--dir", &there]), 0);
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
fn several_partitions_are_restored_together_or_one_by_one() {
    let place = Place::with_books();
    // A second one, with the same books.
    fs::create_dir(place.at("state/p1")).unwrap();
    for found in fs::read_dir(place.at("state/p0")).unwrap() {
        let path = found.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        fs::copy(&path, place.at("state/p1").join(name)).unwrap();
    }
    place.back_up();
    let (backup, state, there) = (
        place.text("backup"),
        place.text("state"),
        place.text("restored"),
    );
    let restore = |more: &[&str]| {
        let all = ["restore", &backup, "--kek", &state, "--dir", &there];
        kontor(&[&all[..], more].concat())
    };
    for at in ["main/3", "5"] {
        let said = restore(&["--at", at]);
        exits(&said, 64);
        assert!(err(&said).contains("--partition"), "{}", err(&said));
    }
    exits(&restore(&["--partition", "2"]), 64);
    exits(&restore(&["--partition", "1", "--at", "main/3"]), 0);
    assert_eq!(balance(&place.text("restored/p1"), "exp/office"), "7.00");
    assert!(!place.at("restored/p0").exists());
    // Not over the one that is there, and not one of two.
    exits(&restore(&[]), 64);
    assert_eq!(fs::read_dir(place.at("restored")).unwrap().count(), 1);
    fs::remove_dir_all(place.at("restored")).unwrap();
    exits(&restore(&["--at", "2100-01-01T00:00:00Z"]), 0);
    for partition in ["restored/p0", "restored/p1"] {
        assert_eq!(balance(&place.text(partition), "exp/office"), "63.00");
    }
    let said = place.accept();
    assert_eq!(said.matches("accepted").count(), 2, "{said}");
}

#[test]
fn a_restore_that_was_killed_is_named_by_the_next_one() {
    let place = Place::with_books();
    place.back_up();
    fs::create_dir_all(place.at("restored/p0.restoring")).unwrap();
    let arguments = place.arguments(&[]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = kontor(&arguments);
    exits(&said, 64);
    assert!(err(&said).contains("p0.restoring"), "{}", err(&said));
    fs::remove_dir(place.at("restored/p0.restoring")).unwrap();
    place.restore(&[]);
}

#[test]
fn who_does_not_own_the_directory_is_sent_away() {
    use std::os::unix::fs::chown;
    const NOBODY: u32 = 65_534;
    let place = Place::with_books();
    place.back_up();
    place.restore(&[]);
    fs::create_dir(place.at("theirs")).unwrap();
    let theirs = ["state/p0", "restored/p0", "theirs"];
    let given = theirs.map(|name| chown(place.at(name), Some(NOBODY), None).is_ok());
    // Only the superuser may give a directory away, and only it could do harm here.
    if given != [true; 3] {
        return;
    }
    let (kek, backup) = (place.text("state/p0/kek"), place.text("backup"));
    let [state, restored, theirs] = ["state", "restored", "theirs"].map(|name| place.text(name));
    for command in [
        &["snapshot", "--dir", &state][..],
        &["restore", "--accept", "--dir", &restored],
        &["restore", &backup, "--kek", &kek, "--dir", &theirs],
    ] {
        let said = kontor(command);
        exits(&said, 64);
        let words = err(&said);
        assert!(words.contains("belongs to another user"), "{words}");
    }
    // Reading and copying harm nobody.
    exits(&kontor(&["backup", &backup, "--dir", &state]), 0);
}

#[test]
fn one_partition_may_be_named_to_be_accepted() {
    let place = Place::with_books();
    place.back_up();
    place.restore(&["--at", "1"]);
    let partition = place.text("restored/p0");
    exits(&kontor(&["restore", "--accept", "--dir", &partition]), 0);
    assert!(!place.at("restored/p0/p0").exists());
    // Position 1 is the start of the first run: the book that came with it was cut off, and is
    // begun again.
    let mut house = House::open(&place.at("restored"), BOOK);
    assert_eq!(house.send(&entry("a", "1.00")).id, "main/1.1");
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
