//! How many instructions the hot kernels take for a job, held against `benches/instructions.toml`.
//!
//! Time on a shared machine moves by a third; a count of instructions by nothing. Each kernel runs
//! under `valgrind --tool=callgrind` twice, with one length and with double the length, in a
//! process of its own: what both have in common falls out. The build is the one that all tests use,
//! without optimisation, so a count is a yardstick for changes and no measure of a release.
//!
//! A kernel that takes over 3 % more than the file says fails. If that is right as it is:
//!
//! ```text
//! KONTOR_INSTRUCTIONS=renew cargo test --test instructions
//! ```
//!
//! Without valgrind, or with another compiler than the one that was counted with, it says so and
//! holds nothing.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that says why it holds nothing"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use kontor::bench::books::{engine, reader};
use kontor::bench::load::{Load, Stock};
use kontor::bench::rig::NoTexts;
use kontor::engine::Engine;
use kontor::journal::record;
use kontor::ledger::Commit;
use kontor::pipeline::decode::{ContentType, Item, decode, seal};
use kontor::time::Timestamp;
use kontor::wire::message::{Head, JobReader};

/// Where the counts are kept.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.toml");
/// Says how often a kernel runs.
const TURNS: &str = "KONTOR_TURNS";
/// Jobs of a turn.
const JOBS: u32 = 200;
/// Turns of the short run; the long one has as many more.
const SHORT: u64 = 2;
/// Hundredths that a count may grow by.
const MORE_MAX: u64 = 3;
/// Accounts of the books.
const ACCOUNTS: u32 = 1_000;

/// A kernel: its name, the test that runs it, and the kernel whose work it contains.
struct Kernel {
    name: &'static str,
    test: &'static str,
    without: Option<&'static str>,
}

const KERNELS: [Kernel; 4] = [
    Kernel {
        name: "decode_json",
        test: "kernels::decode_json",
        without: None,
    },
    Kernel {
        name: "decode_binary",
        test: "kernels::decode_binary",
        without: None,
    },
    Kernel {
        name: "apply",
        test: "kernels::decode_and_apply",
        without: Some("decode_binary"),
    },
    Kernel {
        name: "encode",
        test: "kernels::encode",
        without: None,
    },
];

/// The kernels themselves; they run under valgrind only.
mod kernels {
    use super::*;

    fn turns() -> u64 {
        std::env::var(TURNS).unwrap().parse().unwrap()
    }

    fn decoded(reader: &mut JobReader, stock: &mut Stock, form: ContentType) -> Vec<Item> {
        let (body, mut items) = (stock.message().unwrap(), Vec::new());
        let head = Head::default();
        decode(reader, Ok(form), &head, &body, usize::MAX, &mut items);
        seal(items.iter_mut(), &mut NoTexts).unwrap();
        assert_eq!(items.len(), usize::try_from(JOBS).unwrap());
        items
    }

    fn binary() -> Stock {
        let mut load = Load::new(ACCOUNTS, 1);
        Stock::new([load.binary(JOBS).unwrap(), load.binary(JOBS).unwrap()])
    }

    fn applied(engine: &mut Engine, items: Vec<Item>) -> Commit {
        let now = engine.last_recorded_at().0 + 1;
        let mut commit = engine.begin(Timestamp(now));
        for item in items {
            let Item::Job { job, .. } = item else {
                panic!("the load makes jobs only");
            };
            engine.apply(job.job, &mut commit).unwrap();
        }
        engine.finish(&mut commit);
        commit
    }

    #[test]
    #[ignore = "a kernel, run under valgrind by the test that counts"]
    fn decode_json() {
        let mut load = Load::new(ACCOUNTS, 1);
        let mut stock = Stock::new([load.lines(JOBS), load.lines(JOBS)]);
        let mut reader = reader();
        for _ in 0..turns() {
            decoded(&mut reader, &mut stock, ContentType::Ndjson);
        }
    }

    #[test]
    #[ignore = "a kernel, run under valgrind by the test that counts"]
    fn decode_binary() {
        let (mut stock, mut reader) = (binary(), reader());
        for _ in 0..turns() {
            decoded(&mut reader, &mut stock, ContentType::Binary);
        }
    }

    #[test]
    #[ignore = "a kernel, run under valgrind by the test that counts"]
    fn decode_and_apply() {
        let (mut stock, mut reader) = (binary(), reader());
        let (mut engine, _opened) = engine(ACCOUNTS).unwrap();
        for _ in 0..turns() {
            let items = decoded(&mut reader, &mut stock, ContentType::Binary);
            applied(&mut engine, items);
        }
    }

    #[test]
    #[ignore = "a kernel, run under valgrind by the test that counts"]
    fn encode() {
        let (mut stock, mut reader) = (binary(), reader());
        let (mut engine, _opened) = engine(ACCOUNTS).unwrap();
        let items = decoded(&mut reader, &mut stock, ContentType::Binary);
        let commit = applied(&mut engine, items);
        let mut bytes = Vec::new();
        for _ in 0..turns() {
            bytes.clear();
            record::encode(&commit, &mut bytes).unwrap();
        }
    }
}

/// Instructions of a run of a kernel.
fn collected(test: &str, turns: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--test-threads=1"])
        .env(TURNS, turns.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{test}: {said}");
    let line = said.lines().find_map(|line| line.split_once("Collected :"));
    let (_, count) = line.unwrap_or_else(|| panic!("{test}: {said}"));
    count.trim().parse().unwrap()
}

/// Instructions of each kernel for a job.
fn counted() -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for kernel in &KERNELS {
        let long = collected(kernel.test, SHORT * 2);
        let more = long.saturating_sub(collected(kernel.test, SHORT));
        let each = more.div_euclid(SHORT * u64::from(JOBS));
        let contained = kernel.without.and_then(|name| counts.get(name)).copied();
        counts.insert(kernel.name, each - contained.unwrap_or_default());
    }
    counts
}

fn first_line(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(ToOwned::to_owned)
}

/// The file of counts.
fn text_of(rustc: &str, counts: &BTreeMap<&str, u64>) -> String {
    let mut text = format!(
        "# Instructions of the hot kernels for a job of two legs, in the build of the tests.\n\
         # Renewed by: KONTOR_INSTRUCTIONS=renew cargo test --test instructions\n\n\
         rustc = \"{rustc}\"\n"
    );
    for (name, count) in counts {
        writeln!(text, "{name} = {count}").unwrap();
    }
    text
}

/// What is wrong with some counts beside those that were kept.
fn grown(counts: &BTreeMap<&str, u64>, kept: &toml::Table) -> Vec<String> {
    let mut found = Vec::new();
    for (name, count) in counts {
        let before = kept.get(*name).and_then(toml::Value::as_integer);
        let Some(before) = before.and_then(|before| u64::try_from(before).ok()) else {
            found.push(format!("{name}: no count is kept"));
            continue;
        };
        if count * 100 > before * (100 + MORE_MAX) {
            found.push(format!(
                "{name}: {count} instructions a job, {before} were kept"
            ));
        }
    }
    found
}

#[test]
fn the_hot_kernels_take_no_more_instructions_than_before() {
    let Some(rustc) = first_line("rustc", "--version") else {
        eprintln!("no rustc to ask for its version: nothing is counted");
        return;
    };
    if first_line("valgrind", "--version").is_none() {
        assert!(std::env::var_os("CI").is_none(), "no valgrind");
        eprintln!("skipped: no valgrind, so nothing is counted");
        return;
    }
    if std::env::var("KONTOR_INSTRUCTIONS").is_ok_and(|wish| wish == "renew") {
        std::fs::write(FILE, text_of(&rustc, &counted())).unwrap();
        return;
    }
    let kept: toml::Table = std::fs::read_to_string(FILE).unwrap().parse().unwrap();
    if kept.get("rustc").and_then(toml::Value::as_str) != Some(rustc.as_str()) {
        eprintln!("{FILE} was counted with another compiler than {rustc}: renew it");
        return;
    }
    let found = grown(&counted(), &kept);
    assert!(
        found.is_empty(),
        "{}\nmake it cheaper, or say why and renew the counts: \
         KONTOR_INSTRUCTIONS=renew cargo test --test instructions",
        found.join("\n")
    );
}

#[test]
fn a_count_that_grew_by_more_than_three_hundredths_is_named() {
    let kept: toml::Table = "apply = 1000\nencode = 1000".parse().unwrap();
    let counts = BTreeMap::from([("apply", 1_030), ("encode", 1_031)]);
    assert_eq!(
        grown(&counts, &kept),
        ["encode: 1031 instructions a job, 1000 were kept"]
    );
    assert_eq!(grown(&BTreeMap::from([("new", 1)]), &kept).len(), 1);
}
