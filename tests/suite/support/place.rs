//! A machine with books, a backup of them, and a place to restore it to.

use std::fs;
use std::path::{Path, PathBuf};

use kontor::partition::{OpenFault, Partition};
use kontor::time::SystemClock;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::house::{claim, settings};
use super::{Writer, err, exits, json, kontor, out};

pub(crate) const BOOK: &str = r#"
[[book]]
name = "main"
functional_unit = "EUR"
time_zone = "Europe/Berlin"
[book.accounts]
"bank/main" = { unit = "EUR", class = "asset", opening = "100.00" }
"exp/office" = { unit = "EUR", class = "expense", opening = "0.00" }
"#;

pub(crate) fn entry(key: &str, amount: &str) -> Json {
    let legs = json!([
        { "dr": "exp/office", "amount": amount },
        { "cr": "bank/main", "amount": amount, "text": "for Erika" },
    ]);
    json!({ "key": key, "kind": "entry.post",
        "data": { "booking_date": "2026-03-02", "legs": legs } })
}

/// A machine: its state directory, its backup, and what is restored.
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.at(name).to_str().unwrap().to_owned()
    }

    /// Jobs a to e: the first three in commits of their own, the others together.
    pub(crate) fn with_books() -> Self {
        let place = Self::new();
        let mut writer = Writer::open(&place.at("state"), BOOK);
        for (key, amount) in [("a", "1.00"), ("b", "2.00"), ("c", "4.00")] {
            writer.post(&[entry(key, amount)]);
        }
        writer.post(&[entry("d", "8.00"), entry("e", "16.00"), entry("f", "32.00")]);
        place
    }

    pub(crate) fn back_up(&self) -> Json {
        let backup = self.text("backup");
        let state = self.text("state");
        let said = kontor(&["--format", "json", "backup", &backup, "--dir", &state]);
        exits(&said, 0);
        json(&said).pointer("/backups/0").unwrap().clone()
    }

    pub(crate) fn arguments(&self, more: &[&str]) -> Vec<String> {
        let all = ["--format", "json", "restore", &self.text("backup")];
        let kek = self.text("state/p0/kek");
        let rest = ["--kek", &kek, "--dir", &self.text("restored")];
        let all = all.iter().chain(&rest).chain(more);
        all.map(|argument| (*argument).to_owned()).collect()
    }

    pub(crate) fn restore(&self, more: &[&str]) -> Json {
        let arguments = self.arguments(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = kontor(&arguments);
        exits(&said, 0);
        json(&said).pointer("/restored/0").unwrap().clone()
    }

    /// A restore that fails: its code, what it said, and that nothing is left of it.
    #[track_caller]
    pub(crate) fn refused(&self, more: &[&str], code: i32) -> String {
        let arguments = self.arguments(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = kontor(&arguments);
        exits(&said, code);
        let left = fs::read_dir(self.at("restored")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "something is left after: {}", err(&said));
        err(&said)
    }

    pub(crate) fn accept(&self) -> String {
        let said = kontor(&["restore", "--accept", "--dir", &self.text("restored")]);
        exits(&said, 0);
        out(&said)
    }
}

pub(crate) fn balance(dir: &str, account: &str) -> String {
    let said = kontor(&["--format", "json", "balance", account, "--dir", dir]);
    exits(&said, 0);
    let balance = json(&said).pointer("/rows/0/balance").cloned().unwrap();
    balance.as_str().unwrap().to_owned()
}

pub(crate) fn records(dir: &str) -> Vec<Json> {
    let said = kontor(&["journal", "show", "--dir", dir]);
    exits(&said, 0);
    let lines = out(&said);
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

pub(crate) fn opens(dir: &Path) -> Result<(), OpenFault> {
    let settings = settings(dir, BOOK);
    Partition::open(
        &settings,
        claim(&settings),
        &SystemClock::new(),
        &mut |_| {},
    )
    .map(|_opened| ())
}
