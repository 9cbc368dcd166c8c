//! The invariants of the books, over generated streams of all kinds of jobs.
//!
//! A stream is a case file that a seed draws: good jobs and refused ones, keys that come twice,
//! months that are locked, a clock that moves over days, so that holds expire and accruals are
//! undone. What became of it is followed by a model that sees outcomes as published and entries as
//! exported, and shares no code with kontor.
//!
//! | File        | Duty                                                          |
//! |-------------|---------------------------------------------------------------|
//! | `chart.rs`  | the book of a stream                                          |
//! | `draw/`     | a drawer for every kind                                       |
//! | `stream.rs` | the jobs of a seed, one after the other                       |
//! | `stage.rs`  | takes them through the engine, and replays the journal        |
//! | `model/`    | accounts, holds, documents and parts as somebody else keeps them |
//! | `lies.rs`   | what kontor might say and must not                            |
//! | `judge.rs`  | compares, also with runs in which jobs come again or never     |
//!
//! `KONTOR_STREAMS` sets how many streams are run and `KONTOR_STREAM` the first. A stream that
//! breaks an invariant is shortened as far as it still breaks it, and printed as a case file that
//! `kontor rehearse --explain` shows.

#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON that a stream was made of or kontor published"
)]

mod chart;
mod draw;
mod judge;
mod lies;
mod model;
mod stage;
mod stream;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value as Json;

use crate::support::tree::files;
use crate::tidy::built;
use judge::{Shown, judge};

/// Streams run when nobody says how many.
const STREAMS: u64 = 120;

/// An invariant that does not hold, by the number that the safety document gives it.
#[derive(Debug)]
struct Finding {
    invariant: &'static str,
    what: String,
}

impl Finding {
    fn new(invariant: &'static str, what: String) -> Self {
        Self { invariant, what }
    }
}

fn number_from(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The same stream with as few jobs as still break the invariant.
fn shortened(mut case: Json, invariant: &str) -> Json {
    let breaks = |case: &Json| judge(case).is_err_and(|found| found.invariant == invariant);
    let mut size = case["jobs"].as_array().unwrap().len();
    while size > 0 {
        let mut at = 0;
        while at < case["jobs"].as_array().unwrap().len() {
            let mut fewer = case.clone();
            let jobs = fewer["jobs"].as_array_mut().unwrap();
            let last = jobs.len().min(at + size);
            jobs.drain(at..last);
            if breaks(&fewer) {
                case = fewer;
            } else {
                at += size;
            }
        }
        size = size.div_euclid(2);
    }
    case
}

/// What to say of a stream that breaks an invariant: what it was, its jobs, and its case file.
fn told(seed: u64, case: Json, found: Finding) -> String {
    let case = shortened(case, found.invariant);
    let Finding { invariant, what } = judge(&case).err().unwrap_or(found);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("stream-{seed}.json"));
    std::fs::write(&file, case.to_string()).unwrap();
    let jobs = case["jobs"].as_array().unwrap();
    let jobs: String = jobs.iter().map(|job| format!("\n    {job}")).collect();
    format!(
        "stream {seed} breaks {invariant}: {what}{jobs}\n    in {}",
        file.display()
    )
}

/// Run streams on all cores; what they showed, and what was found.
fn run(first: u64, count: u64) -> (Shown, Vec<String>) {
    let next = AtomicU64::new(first);
    let all = Mutex::new((BTreeSet::new(), Vec::new()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || all.lock().unwrap().1.len() >= 5 {
                        return;
                    }
                    let case = stream::of_seed(seed);
                    match judge(&case) {
                        Ok(mut shown) => all.lock().unwrap().0.append(&mut shown),
                        Err(found) => {
                            let told = told(seed, case, found);
                            all.lock().unwrap().1.push(told);
                        }
                    }
                }
            });
        }
    });
    all.into_inner().unwrap()
}

/// Things that the streams must have shown, or they show nothing.
const SHOWN: &[&str] = &[
    "hold.expired ",
    "accrual.reversed ",
    "recurring.posted ",
    "approval.expired ",
    "job.decided ",
    " IDEMPOTENCY_KEY_REUSED",
    " INSUFFICIENT_FUNDS",
    " LIMIT_EXCEEDED",
    " PERIOD_CLOSED",
    "a change on its day",
    "a hard close",
    "a hold that expired",
    "a lock undone",
    "a part of many legs",
    "a reserve let go",
    "a revaluation of all units",
    "an entry behind a soft lock",
    "settlement.attempt partially_settled",
    "by 30E/360",
    "by ACT/ACT.ICMA",
    "every quarter",
    "every year",
    "query.price",
    "query.statement",
    "query.stock",
    "reference.changed ",
    "report.variance",
    "risk.check",
    "roll modified_following",
    "until some day",
];

#[test]
fn invariants_hold_over_streams_of_all_kinds() {
    let first = number_from("KONTOR_STREAM").unwrap_or_default();
    let count = number_from("KONTOR_STREAMS").unwrap_or(STREAMS);
    let (shown, found) = run(first, count);
    assert!(found.is_empty(), "{}", found.join("\n"));
    if count < STREAMS {
        return;
    }
    for kind in built() {
        let drawn = draw::DRAWERS.iter().any(|drawer| drawer.kind == kind);
        assert!(
            drawn,
            "give {kind} a drawer in tests/suite/invariants/draw.rs"
        );
        let of_kind = shown
            .iter()
            .filter(|one| one.starts_with(&format!("{kind} ")));
        let (refused, done): (Vec<&String>, Vec<&String>) =
            of_kind.partition(|one| one.ends_with(" rejected"));
        assert!(!done.is_empty(), "no stream has a {kind} that was done");
        assert!(
            !refused.is_empty(),
            "no stream has a {kind} that was refused"
        );
    }
    for thing in SHOWN {
        assert!(
            shown.contains(*thing),
            "no stream shows {thing}: {shown:#?}"
        );
    }
}

#[test]
fn what_is_wrong_is_seen() {
    for (invariant, lie) in lies::LIES {
        let found = (0..99).map(stream::of_seed).find_map(|case| {
            let mut played = stage::play(&case).ok()?;
            lie(&mut played)?;
            Some(judge::heard(&case, &played).err())
        });
        let found = found.map(|found| found.map(|found| found.invariant));
        assert_eq!(found, Some(Some(*invariant)));
    }
}

#[test]
fn a_seed_draws_the_same_stream() {
    assert_eq!(stream::of_seed(7), stream::of_seed(7));
    assert_ne!(stream::of_seed(7), stream::of_seed(8));
}

#[test]
fn the_model_shares_no_code_with_kontor() {
    let model = files("tests/suite/invariants/model");
    assert!(model.len() > 4, "the model is not there");
    for file in model {
        assert!(!file.text.contains("kontor::"), "{} uses kontor", file.path);
    }
}
