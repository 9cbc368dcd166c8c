//! The built binary: what it prints, and with which code it ends.

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::support::house::House;
use crate::support::{Writer, err, exits, json, kontor, out};

const BOOK: &str = r#"
[[book]]
name = "main"
functional_unit = "EUR"
time_zone = "Europe/Berlin"
[book.accounts]
"bank/main" = { unit = "EUR", class = "asset", opening = "100.00", min_available = "0.00" }
"exp/office" = { unit = "EUR", class = "expense", opening = "0.00" }
"#;

fn entry(key: &str, day: &str, amount: &str) -> Json {
    let legs = json!([
        { "dr": "exp/office", "amount": amount },
        { "cr": "bank/main", "amount": amount },
    ]);
    json!({ "key": key, "kind": "entry.post",
        "data": { "booking_date": day, "text": "for Erika", "legs": legs } })
}

/// A state directory with three jobs, the last of them refused.
fn books() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path(), BOOK);
    writer.post(&[
        entry("a", "2026-03-31", "10.00"),
        entry("b", "2026-04-30", "5.00"),
    ]);
    writer.post(&[entry("c", "2026-05-31", "1000.00")]);
    let path = dir.path().to_str().unwrap().to_owned();
    (dir, path)
}

/// Every file below a directory with its bytes and its last change.
fn everything(dir: &Path) -> Vec<(String, Vec<u8>, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else if path.ends_with("spare") {
            // The next segment, which the writer fills on the side while we look.
        } else {
            let changed = path.metadata().unwrap().modified().unwrap();
            found.push((
                path.display().to_string(),
                fs::read(&path).unwrap(),
                changed,
            ));
        }
    }
    found.sort();
    found
}

#[test]
fn usage_is_64_and_help_names_every_command() {
    for wrong in [
        &["--colour"][..],
        &[],
        &["balance", "--as-of"],
        &["nonsense"],
    ] {
        let output = kontor(wrong);
        exits(&output, 64);
        assert!(
            out(&output).is_empty() && !err(&output).is_empty(),
            "{wrong:?}"
        );
    }
    let help = kontor(&["--help"]);
    exits(&help, 0);
    for command in [
        "run",
        "demo",
        "check-config",
        "rehearse",
        "balance",
        "statement",
        "trial-balance",
        "open-items",
        "price",
        "variance",
        "entry",
        "outcome",
        "document",
        "journal",
        "snapshot",
        "dead",
        "outcomes",
        "docs",
    ] {
        assert!(
            out(&help).contains(&format!("  {command} ")),
            "{command} is not in the help"
        );
    }
}

#[test]
fn check_config_names_file_line_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        let file = dir.path().join("kontor.toml");
        fs::write(&file, text).unwrap();
        kontor(&["--config", file.to_str().unwrap(), "check-config"])
    };
    exits(&check(BOOK), 0);
    let unknown = check("[broker]\nprefech = 1\n");
    exits(&unknown, 78);
    assert!(err(&unknown).contains("kontor.toml:2:1: broker.prefech: unknown key"));
    let tax = check("[[book]]\nname = \"main\"\n[book.taxes.X]\ncategory = \"Q\"\nrate = \"7\"\n");
    exits(&tax, 78);
    assert!(
        err(&tax).contains("kontor.toml:4:12: book.taxes.X.category: expected one of"),
        "{}",
        err(&tax)
    );
    let many = check(
        "[broker]\nprefetch = 0\npassword_file = \"/nowhere/password\"\n[[book]]\n\
         name = \"main\"\ntaxs = {}\n[book.series]\nRE = { next = 0, width = 99 }\n\
         [book.taxes.DE19]\ncategory = \"S\"\nrate = \"19\"\nfoo = 1\n\
         [book.users]\nanna = [\"a\", 5, \"b\", 6]\n\
         [book.taxes.DE7]\ncategory = \"S\"\nrate = \"x\"\n",
    );
    exits(&many, 78);
    let said = err(&many);
    for mistake in [
        "kontor.toml:2:12: broker.prefetch: found 0",
        "kontor.toml:6:8: book.taxs: ",
        "kontor.toml:8:15: book.series.RE.next: ",
        "kontor.toml:8:26: book.series.RE.width: ",
        "kontor.toml:12:7: book.taxes.DE19.foo: ",
        "kontor.toml:14:14: book.users.anna[1]: ",
        "kontor.toml:14:22: book.users.anna[3]: ",
        "kontor.toml:17:8: book.taxes.DE7.rate: ",
    ] {
        assert!(said.contains(mistake), "{mistake} in {said}");
    }
    assert_eq!(said.matches("kontor.toml:").count(), 8, "{said}");
    let file = check("[broker]\npassword_file = \"/nowhere/password\"\n");
    exits(&file, 78);
    assert!(err(&file).contains("kontor.toml:2:17: broker.password_file: cannot read"));
    let memory = check("[broker]\nintake_bytes_max = 1048576\n");
    exits(&memory, 78);
    assert!(!out(&memory).contains("good"), "{}", out(&memory));
    exits(&kontor(&["--config", "/nowhere.toml", "check-config"]), 78);
}

#[test]
fn rehearse_says_what_differs_and_what_is_not_built() {
    let given = "tests/cases/given";
    let passes = kontor(&["rehearse", &format!("{given}/38-bad-entry-structure.json")]);
    exits(&passes, 0);
    assert!(out(&passes).ends_with("1 case: 1 passed, 0 failed, 0 not built yet\n"));
    let unbuilt = kontor(&[
        "rehearse",
        &format!("{given}/34-camt053-official-sample.json"),
    ]);
    exits(&unbuilt, 1);
    assert!(out(&unbuilt).contains("not built yet: bank.import"));

    let dir = tempfile::tempdir().unwrap();
    let wrong = dir.path().join("wrong.json");
    let case = fs::read_to_string(format!(
        "{}/{given}/38-bad-entry-structure.json",
        env!("CARGO_MANIFEST_DIR")
    ));
    let case = case
        .unwrap()
        .replacen("\"ENTRY_UNBALANCED\"", "\"ENTRY_BALANCED\"", 1);
    fs::write(&wrong, case).unwrap();
    let failed = kontor(&["rehearse", wrong.to_str().unwrap()]);
    exits(&failed, 1);
    let said = out(&failed);
    assert!(
        said.contains("/code\n    expected \"ENTRY_BALANCED\"\n    got      \"ENTRY_UNBALANCED\""),
        "{said}"
    );
    let shown = kontor(&["--format", "json", "rehearse", wrong.to_str().unwrap()]);
    exits(&shown, 1);
    let shown = json(&shown);
    assert_eq!(
        (&shown["failed"], &shown["cases"][0]["standing"]),
        (&json!(1), &json!("failed"))
    );
    assert_eq!(
        shown["cases"][0]["mismatches"][0]["got"],
        "ENTRY_UNBALANCED"
    );

    fs::write(&wrong, "{\"title\": \"x\",\n \"colour\": 1}").unwrap();
    let broken = kontor(&["rehearse", wrong.to_str().unwrap()]);
    exits(&broken, 64);
    assert!(
        err(&broken).contains("wrong.json: line 2"),
        "{}",
        err(&broken)
    );
}

#[test]
fn balances_are_read_now_and_of_a_day() {
    let (_dir, path) = books();
    let balance = kontor(&["--format", "json", "balance", "exp/office", "--dir", &path]);
    exits(&balance, 0);
    let balance = json(&balance);
    assert_eq!(balance["book"], "main");
    assert_eq!(balance["sequence"], 3);
    assert_eq!(balance["rows"][0]["balance"], "15.00");
    let then = [
        "--format",
        "json",
        "balance",
        "--as-of",
        "2026-03-31",
        "exp/office",
        "--dir",
        &path,
    ];
    assert_eq!(json(&kontor(&then))["rows"][0]["balance"], "10.00");
    let text = kontor(&["balance", "--dir", &path]);
    assert!(out(&text).contains("bank/main"), "{}", out(&text));

    let nowhere = kontor(&["balance", "exp/nowhere", "--dir", &path]);
    exits(&nowhere, 1);
    assert!(err(&nowhere).contains("exp/nowhere"), "{}", err(&nowhere));
    exits(
        &kontor(&["balance", "--as-of", "2026-02-30", "--dir", &path]),
        64,
    );
    exits(&kontor(&["balance", "--book", "other", "--dir", &path]), 64);
    exits(&kontor(&["balance", "--dir", "/nowhere"]), 74);
}

#[test]
fn the_trial_balance_has_both_sides() {
    let (_dir, path) = books();
    let output = kontor(&["--format", "json", "trial-balance", "--dir", &path]);
    exits(&output, 0);
    assert_eq!(
        json(&output)["report"],
        json!({ "EUR": { "debit": "100.00", "credit": "100.00" } })
    );
    let csv = kontor(&["--format", "csv", "trial-balance", "--dir", &path]);
    assert!(out(&csv).starts_with("account,class,unit,debit,credit\nbank/main,asset,EUR,85.00,\n"));
}

#[test]
fn a_statement_has_all_lines_and_running_balances() {
    let (_dir, path) = books();
    let lines = kontor(&["--format", "csv", "statement", "bank/main", "--dir", &path]);
    exits(&lines, 0);
    let expected = "booking_date,value_date,entry_no,debit,credit,balance,nature\n\
        opening,,,,,100.00,\n\
        2026-03-31,2026-03-31,1,,10.00,90.00,\n\
        2026-04-30,2026-04-30,2,,5.00,85.00,\n";
    assert_eq!(out(&lines), expected);
    let april = ["--from", "2026-04-01", "--to", "2026-04-30", "--dir", &path];
    let april = [&["--format", "json", "statement", "exp/office"], &april[..]].concat();
    let april = json(&kontor(&april));
    assert_eq!(
        (&april["book"], &april["opening"], &april["balance"]),
        (&json!("main"), &json!("10.00"), &json!("15.00"))
    );
    assert_eq!(april["lines"][0]["entry_no"], 2);
    let nowhere = kontor(&["statement", "exp/nowhere", "--dir", &path]);
    exits(&nowhere, 1);
}

#[test]
fn interest_on_a_balance_reads_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let income = "\"income/interest\" = { unit = \"EUR\", class = \"income\" }\n";
    let mut house = House::open(dir.path(), &format!("{BOOK}{income}"));
    house.send(&entry("a", "2026-03-31", "10.00"));
    // 100.00 until the value date of the entry, 90.00 from it on: 8,850.00 over all days.
    let data = json!({ "account": "bank/main", "rate": "36.5", "basis": "ACT/365F",
        "from": "2026-03-01", "to": "2026-06-04" });
    house.send(&json!({ "key": "i", "kind": "interest.charge", "data": data }));
    house.stop();
    let path = dir.path().to_str().unwrap();
    let outcome = ["--format", "json", "outcome", "i", "--dir", path];
    let outcome = json(&kontor(&outcome));
    assert_eq!(
        (&outcome["status"], &outcome["interest"]),
        (&json!("posted"), &json!("8.85"))
    );
}

#[test]
fn open_items_are_aged_on_the_day_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let book = r#"
[[book]]
name = "main"
[book.accounts]
"ar/cust-1" = { unit = "EUR", class = "asset", opening = "15.00" }
[[book.open_items]]
document = "RE-1"
customer = "cust-1"
open = "15.00"
due = "2026-03-31"
"#;
    drop(Writer::open(dir.path(), book));
    let path = dir.path().to_str().unwrap();
    let items = ["open-items", "--as-of", "2026-05-01", "--dir", path];
    let items = kontor(&[&["--format", "json"], &items[..]].concat());
    exits(&items, 0);
    let items = json(&items);
    assert_eq!(items["buckets"]["EUR"]["31-60"], "15.00");
    assert_eq!(
        (&items["rows"][0]["account"], &items["rows"][0]["days"]),
        (&json!("ar/cust-1"), &json!(31))
    );
    let others = [
        "--format",
        "csv",
        "open-items",
        "--customer",
        "cust-2",
        "--dir",
        path,
    ];
    assert_eq!(out(&kontor(&others)).lines().count(), 1);
}

#[test]
fn entries_and_outcomes_are_found() {
    let (_dir, path) = books();
    let entry = kontor(&["--format", "json", "entry", "2", "--dir", &path]);
    exits(&entry, 0);
    assert_eq!(
        json(&entry)["legs"][0],
        json!({ "dr": "exp/office", "amount": "5.00", "unit": "EUR" })
    );
    let none = kontor(&["entry", "3", "--dir", &path]);
    exits(&none, 1);
    assert!(
        err(&none).contains("has no entry 3; its last is 2"),
        "{}",
        err(&none)
    );

    let posted = kontor(&["--format", "json", "outcome", "b", "--dir", &path]);
    exits(&posted, 0);
    assert_eq!(
        (&json(&posted)["status"], &json(&posted)["entry_no"]),
        (&json!("posted"), &json!(2))
    );
    let refused = kontor(&["--format", "json", "outcome", "c", "--dir", &path]);
    exits(&refused, 0);
    assert_eq!(json(&refused)["code"], "INSUFFICIENT_FUNDS");
    exits(&kontor(&["outcome", "z", "--dir", &path]), 1);
    exits(&kontor(&["document", "RE-1", "--dir", &path]), 1);
}

#[test]
fn a_journal_verifies_and_shows_no_personal_text() {
    let (_dir, path) = books();
    let verified = kontor(&["--format", "json", "journal", "verify", "--dir", &path]);
    exits(&verified, 0);
    let verified = json(&verified);
    assert_eq!(
        (&verified["clean"], &verified["journals"][0]["entries"]),
        (&json!(true), &json!(2))
    );

    let shown = kontor(&["journal", "show", "--dir", &path]);
    exits(&shown, 0);
    let shown = out(&shown);
    assert!(!shown.contains("Erika"), "{shown}");
    let records: Vec<Json> = shown
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let jobs: Vec<&Json> = records
        .iter()
        .filter(|record| record["record"] == "job")
        .collect();
    assert_eq!(jobs.len(), 3);
    assert_eq!(jobs[0]["data"]["text"], "[sealed]");
    assert_eq!(
        jobs[0]["entries"][0]["legs"][1],
        json!({ "cr": "bank/main", "amount": "10.00" })
    );
    assert_eq!(jobs[2]["outcome"]["status"], "rejected");
    let last = records.last().unwrap()["position"]
        .as_u64()
        .unwrap()
        .to_string();
    let one = kontor(&[
        "journal", "show", "--from", &last, "--limit", "5", "--dir", &path,
    ]);
    assert_eq!(out(&one).lines().count(), 1);
}

#[test]
fn damage_is_65_and_says_where() {
    let (dir, path) = books();
    let segment = fs::read_dir(dir.path().join("p0")).unwrap();
    let segment = segment.map(|entry| entry.unwrap().path());
    let is_segment = |path: &std::path::PathBuf| path.to_str().unwrap().contains("segment-");
    let segment = segment.into_iter().find(is_segment).unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let place = bytes
        .windows(10)
        .position(|window| window == b"exp/office")
        .unwrap();
    bytes[place] ^= 1;
    fs::write(&segment, bytes).unwrap();
    for command in [
        &["journal", "verify"][..],
        &["journal", "show"],
        &["journal", "export", "--as", "beancount"],
        &["trial-balance"],
    ] {
        let output = kontor(&[command, &["--dir", &path]].concat());
        exits(&output, 65);
        assert!(err(&output).contains("segment"), "{}", err(&output));
    }
}

/// What is gone is as bad as what is changed, and every command says it with the same code.
#[test]
fn a_lost_secret_or_segment_is_damage_too() {
    for lost in ["secret", "segment-"] {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(dir.path(), BOOK);
        writer.post(&[entry("a", "2026-03-31", "10.00")]);
        drop(writer);
        let path = dir.path().to_str().unwrap();
        for file in fs::read_dir(dir.path().join("p0")).unwrap() {
            let file = file.unwrap();
            if file.file_name().to_str().unwrap().starts_with(lost) {
                fs::remove_file(file.path()).unwrap();
            }
        }
        for command in [&["journal", "verify"][..], &["balance"]] {
            let output = kontor(&[command, &["--dir", path]].concat());
            exits(&output, 65);
        }
    }
    let dir = tempfile::tempdir().unwrap();
    drop(Writer::open(dir.path(), BOOK));
    fs::write(dir.path().join("p0/secret"), "not a key").unwrap();
    let output = kontor(&["journal", "verify", "--dir", dir.path().to_str().unwrap()]);
    exits(&output, 65);
}

#[test]
fn reading_takes_no_lock_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path(), BOOK);
    writer.post(&[entry("a", "2026-03-31", "10.00")]);
    let path = dir.path().to_str().unwrap();
    let before = everything(dir.path());
    let commands = [
        &["balance"][..],
        &["statement", "bank/main"],
        &["trial-balance", "--as-of", "2026-12-31"],
        &["open-items"],
        &["entry", "1"],
        &["outcome", "a"],
        &["journal", "verify"],
        &["journal", "show"],
        &["journal", "export", "--as", "hledger"],
    ];
    for command in commands {
        exits(&kontor(&[command, &["--dir", path]].concat()), 0);
    }
    assert!(
        everything(dir.path()) == before,
        "a reading command wrote something"
    );
    writer.post(&[entry("b", "2026-03-31", "10.00")]);
    exits(&kontor(&["entry", "2", "--dir", path]), 0);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_mistake() {
    let script = format!(
        "{} --help | head -1; exit ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_kontor")
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &script])
        .output()
        .unwrap();
    exits(&output, 0);
}
