//! The books of every case file, before both judges at once.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use kontor::engine::Engine;
use kontor::ids::BookIndex;
use kontor::ledger::{Commit, Side};
use kontor::money::print_minor;
use kontor::rehearsal::{Case, rehearse};
use kontor::report::export::{Entry, Export, Form, Span};

use super::asked;
use crate::generated::cases;
use crate::support::exits;

/// Loads every file that it is given, and tells of each that is not right.
const LOAD: &str = "
import sys
from beancount import loader
wrong = 0
for name in sys.argv[1:]:
    _, errors, _ = loader.load_file(name)
    for error in errors:
        print(name, error.source, error.message)
    wrong += bool(errors)
sys.exit(1 if wrong else 0)
";

/// The books of a case as a journal; the number of its entries stands beside it.
fn exported(engine: &Engine, commits: &[Commit], form: Form) -> (String, usize) {
    let book = engine.book(BookIndex(0)).unwrap();
    let mut export = Export::new(form, book, Span::default());
    let (mut out, mut entries) = (export.head().unwrap(), 0);
    for commit in commits {
        commit.entries_of(BookIndex(0), &mut |post, legs| {
            let entry = Entry {
                post,
                legs,
                kind: "case",
                key: "case",
                document: post.document_ref.as_deref(),
                recorded_at: commit.recorded_at,
            };
            out += &export.entry(&entry).unwrap();
            entries += 1;
        });
    }
    (out + &export.tail(), entries)
}

/// What the engine itself says of every account, as one more assertion on a day after all others.
fn asserted(engine: &Engine, journal: &str) -> String {
    let book = engine.book(BookIndex(0)).unwrap();
    let mut out = String::from("\n2300-01-01 * the engine\n");
    let names = journal.lines().filter_map(|line| {
        let (name, of) = line.strip_prefix("account ")?.split_once("  ; account:")?;
        Some((name, book.accounts().by_name(of).unwrap()))
    });
    for (name, account) in names {
        let unit = book.units().get(account.unit).unwrap();
        let balance = print_minor(account.counters().balance(Side::Debit), unit.decimals);
        writeln!(
            out,
            "    {name}  0 \"{code}\" = {balance} \"{code}\"",
            code = unit.code
        )
        .unwrap();
    }
    out
}

#[test]
fn both_accept_the_books_of_every_case() {
    let dir = tempfile::tempdir().unwrap();
    let (mut hledger, mut beancount, mut all) = (Vec::new(), Vec::new(), 0);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for (path, number) in cases(&root).into_iter().zip(1..) {
        let case = Case::read(&std::fs::read(&path).unwrap()).unwrap();
        let Some(run) = rehearse(&case).unwrap().run else {
            continue;
        };
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let mut kept = |form: Form, more: &dyn Fn(&str) -> String| -> PathBuf {
            let (text, entries) = exported(&run.engine, &run.commits, form);
            all += entries;
            let file = dir.path().join(format!("{number}-{stem}.{form:?}"));
            std::fs::write(&file, format!("{text}{}", more(&text))).unwrap();
            file
        };
        hledger.push(kept(Form::Hledger, &|text| asserted(&run.engine, text)));
        beancount.push(kept(Form::Beancount, &|_| String::new()));
    }
    assert!(all > 1_000, "only {all} entries");
    let (first, rest) = hledger.split_first().unwrap();
    // One program for all: each file is judged by itself, with assertions of its own.
    let mut more = Vec::new();
    for file in rest {
        more.extend(["--file", file.to_str().unwrap()]);
    }
    more.extend(["check", "--strict"]);
    exits(&asked("hledger", &more, first), 0);
    let mut python = Command::new("/usr/bin/python3");
    exits(
        &python.args(["-c", LOAD]).args(&beancount).output().unwrap(),
        0,
    );
}
