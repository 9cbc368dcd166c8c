//! hledger and Beancount as outside judges: they share nothing with kontor and agree on every
//! balance of a month that has every kind of job.

mod every_case;
mod month;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};

use kontor::broker::package;
use kontor::ids::KindCode;
use kontor::jobs::{JobData, kind_name};
use kontor::time::{ManualClock, Timestamp};
use serde_json::Value as Json;

use crate::support::house::House;
use crate::support::{exits, json, kontor, out};

/// The state directory with the month, made once for all tests.
fn books() -> &'static Path {
    static BOOKS: OnceLock<tempfile::TempDir> = OnceLock::new();
    BOOKS.get_or_init(written).path()
}

fn written() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let instant = |text: &str| Timestamp::parse(text).unwrap();
    let clock = ManualClock::at(instant("2026-03-01T08:00:00Z"));
    let mut house = House::open_by(Arc::new(clock.clone()), dir.path(), month::BOOK);
    let mut taken = BTreeSet::new();
    for (due, second) in month::jobs().into_iter().zip(0..) {
        clock.set(Timestamp(instant(&due.at).0 + second * 1_000_000_000));
        let outcome = house.send(&due.job).json();
        let refused = outcome
            .get("status")
            .is_none_or(|status| status == "rejected");
        assert!(!refused, "{} became {outcome}", due.job);
        taken.insert(due.kind);
    }
    house.stop();
    for code in JobData::BUILT {
        let kind = kind_name(KindCode(*code)).unwrap();
        assert!(
            taken.contains(kind),
            "give {kind} a job in tests/suite/judges/month.rs"
        );
    }
    dir
}

/// The month as a journal of another program, and the names of accounts in it.
fn exported(form: &str, days: &[&str]) -> (tempfile::TempDir, PathBuf, BTreeMap<String, String>) {
    let path = books().to_str().unwrap();
    let output = kontor(&[&["journal", "export", "--as", form, "--dir", path], days].concat());
    exits(&output, 0);
    let text = out(&output);
    let mut names = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some((name, of)) = line
            .strip_prefix("account ")
            .and_then(|line| line.split_once("  ; account:"))
        {
            names.insert(name.to_owned(), of.to_owned());
        } else if let Some((_, rest)) = line.split_once(" open ") {
            let of = lines
                .next()
                .unwrap()
                .trim()
                .strip_prefix("account: ")
                .unwrap();
            let name = rest.split(' ').next().unwrap();
            names.insert(name.to_owned(), of.trim_matches('"').to_owned());
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(format!("main.{form}"));
    std::fs::write(&file, text).unwrap();
    (dir, file, names)
}

/// Debian's packages of the judges, and a program of each.
const PACKAGES: [(&str, &str); 2] = [("hledger", "hledger"), ("beancount", "bean-check")];

/// Ask a judge, installed if it is missing and this may.
fn asked(program: &str, arguments: &[&str], file: &Path) -> Output {
    static HERE: OnceLock<()> = OnceLock::new();
    HERE.get_or_init(|| {
        for (package, program) in PACKAGES {
            if Command::new(program).arg("--version").output().is_err() {
                let installed = package::install(package);
                installed.unwrap_or_else(|fault| panic!("apt-get install {package}: {fault}"));
            }
        }
    });
    let mut command = Command::new(program);
    if program == "hledger" {
        command.arg("--file").arg(file).args(arguments);
    } else {
        command.args(arguments.iter().take(2)).arg(file);
        command.args(arguments.iter().skip(2));
    }
    command.env("LC_ALL", "C.UTF-8").output().unwrap()
}

fn is_nothing(amount: &str) -> bool {
    amount.bytes().all(|byte| b"0.-".contains(&byte))
}

/// Balances by account as kontor has them, debits positive, without what is nothing.
fn ours(day: Option<&str>) -> BTreeMap<String, String> {
    let path = books().to_str().unwrap();
    let mut command = vec!["--format", "json", "trial-balance", "--dir", path];
    command.extend(day.into_iter().flat_map(|day| ["--as-of", day]));
    let answer = json(&kontor(&command));
    let rows = answer.get("rows").and_then(Json::as_array).unwrap();
    let rows = rows.iter().filter_map(|row| {
        let text = |name: &str| row.get(name).and_then(Json::as_str).map(str::to_owned);
        let credit = || text("credit").map(|credit| format!("-{credit}"));
        let amount = text("debit").or_else(credit).unwrap();
        (!is_nothing(&amount)).then(|| (text("account").unwrap(), amount))
    });
    rows.collect()
}

/// Balances by account as a judge lists them: `name,amount unit` a line.
fn theirs(output: &Output, names: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    exits(output, 0);
    let text = out(output);
    let rows = text.lines().skip(1).filter_map(|line| {
        let (name, amount) = line.split_once(',').unwrap();
        let of = &names[name.trim().trim_matches('"')];
        let amount = amount.trim().trim_matches('"').split(' ').next().unwrap();
        (!is_nothing(amount)).then(|| (of.clone(), amount.to_owned()))
    });
    rows.collect()
}

const HLEDGER: [&str; 7] = [
    "balance",
    "--flat",
    "--no-total",
    "--empty",
    "--output-format",
    "csv",
    "--end",
];

/// Days at whose end balances are compared, and the day after; the last is now.
const DAYS: [(&str, Option<&str>); 3] = [
    ("2026-03-16", Some("2026-03-15")),
    ("2026-04-01", Some("2026-03-31")),
    ("2027-01-01", None),
];

/// What is asked for if the journal begins and ends within the month, with the same two.
const PART: (&[&str], &str, &str) = (
    &["--from", "2026-03-11", "--to", "2026-03-20"],
    "2026-03-21",
    "2026-03-20",
);

fn hledger(file: &Path, names: &BTreeMap<String, String>, end: &str) -> BTreeMap<String, String> {
    let listed = asked("hledger", &[&HLEDGER[..], &[end]].concat(), file);
    theirs(&listed, names)
}

fn beancount(file: &Path, names: &BTreeMap<String, String>, end: &str) -> BTreeMap<String, String> {
    let query = format!("SELECT account, sum(position) AS sum WHERE date < {end} GROUP BY account");
    let listed = asked("bean-query", &["--format", "csv", &query], file);
    theirs(&listed, names)
}

#[test]
fn hledger_agrees_on_every_balance() {
    let (_dir, file, names) = exported("hledger", &[]);
    exits(&asked("hledger", &["check", "--strict"], &file), 0);
    for (end, day) in DAYS {
        assert_eq!(hledger(&file, &names, end), ours(day), "{day:?}");
    }
    let (days, end, day) = PART;
    let (_dir, file, names) = exported("hledger", days);
    exits(&asked("hledger", &["check", "--strict"], &file), 0);
    assert_eq!(hledger(&file, &names, end), ours(Some(day)));
}

#[test]
fn beancount_agrees_on_every_balance() {
    let (_dir, file, names) = exported("beancount", &[]);
    exits(&asked("bean-check", &[], &file), 0);
    for (end, day) in DAYS {
        assert_eq!(beancount(&file, &names, end), ours(day), "{day:?}");
    }
    let (days, end, day) = PART;
    let (_dir, file, names) = exported("beancount", days);
    exits(&asked("bean-check", &[], &file), 0);
    assert_eq!(beancount(&file, &names, end), ours(Some(day)));
}

/// An entry that balances and has a cent too much is what only the assertions can find.
#[test]
fn a_cent_too_much_is_found_by_both() {
    for (form, program, arguments) in [
        ("hledger", "hledger", &["check"][..]),
        ("beancount", "bean-check", &[]),
    ] {
        let (_dir, file, _) = exported(form, &[]);
        let text = std::fs::read_to_string(&file).unwrap();
        let (before, behind) = text.split_once(" 107.05 USD").unwrap();
        let (between, behind) = behind.split_once("-107.05 USD").unwrap();
        let wrong = format!("{before} 107.06 USD{between}-107.06 USD{behind}");
        std::fs::write(&file, wrong).unwrap();
        exits(&asked(program, arguments, &file), 1);
    }
}

/// The rows of CSV and the lines of JSON say the same as the trial balance, and leave none out.
#[test]
fn rows_and_lines_add_up_to_the_trial_balance() {
    let path = books().to_str().unwrap();
    let csv = kontor(&["journal", "export", "--as", "csv", "--dir", path]);
    let mut sums: BTreeMap<String, (i64, u32)> = BTreeMap::new();
    for row in csv::Reader::from_reader(csv.stdout.as_slice()).deserialize() {
        let row: BTreeMap<String, String> = row.unwrap();
        let amount: i64 = row["amount_minor"].parse().unwrap();
        let (sum, scale) = sums.entry(row["account"].clone()).or_default();
        *sum += if row["side"] == "debit" {
            amount
        } else {
            -amount
        };
        *scale = row["scale"].parse().unwrap();
    }
    let shown = sums.into_iter().filter(|(_, (sum, _))| *sum != 0);
    let shown = shown.map(|(name, (sum, scale))| {
        let scale = u8::try_from(scale).unwrap();
        (name, kontor::money::print_minor(sum.into(), scale))
    });
    assert_eq!(shown.collect::<BTreeMap<_, _>>(), ours(None));

    let lines = kontor(&["journal", "export", "--as", "json", "--dir", path]);
    let lines = out(&lines);
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let (opening, entries): (Vec<Json>, Vec<Json>) =
        lines.partition(|line: &Json| line["opening"] == true);
    assert!(!opening.is_empty());
    for (entry, number) in entries.iter().zip(1..) {
        assert_eq!(entry["entry_no"], number);
    }
    let closing = entries.iter().filter(|entry| entry["nature"] == "closing");
    assert!(closing.count() > 0, "the month is closed");
    let legs: usize = opening
        .iter()
        .chain(&entries)
        .map(|one| one["legs"].as_array().unwrap().len())
        .sum();
    assert_eq!(out(&csv).lines().count(), legs + 1);
}

#[test]
fn an_export_takes_days_in_order() {
    let path = books().to_str().unwrap();
    let asked = |more: &[&str]| kontor(&[&["journal", "export", "--dir", path], more].concat());
    exits(
        &asked(&[
            "--as",
            "hledger",
            "--from",
            "2026-03-02",
            "--to",
            "2026-03-01",
        ]),
        64,
    );
    exits(&asked(&["--as", "hledger", "--from", "2026-02-30"]), 64);
    exits(&asked(&["--as", "parquet"]), 64);
    exits(&asked(&["--as", "csv", "--book", "other"]), 64);
}
