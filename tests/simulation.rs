//! The whole journey on a machine that breaks, seed by seed.
//!
//! `KONTOR_SEEDS` sets how many seeds are run and `KONTOR_SEED` the first; a failure says how to
//! repeat it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, which clippy.toml knows only inside of test functions"
)]

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use kontor::torture::sabotage::Sabotage;
use kontor::torture::{Bench, Report, run};

/// Seeds run when nobody says how many.
const SEEDS: u64 = 500;
/// Seeds that found something once.
const SEEDS_OF_A_FINDING: [u64; 23] = [
    102, 135, 183, 256, 266, 316, 373, 459, 1027, 2196, 2296, 3005, 3237, 3543, 4822, 6246, 10155,
    10226, 10443, 10680, 13192, 13601, 15077,
];
/// Seeds after which a word is said.
const PROGRESS: u64 = 50;
/// Seeds within which a mistake must be found.
const SEEDS_OF_A_MISTAKE: u64 = 400;

fn number_from(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Run seeds on all cores; those with a finding.
fn findings(first: u64, count: u64, sabotage: Option<Sabotage>, most: usize) -> Vec<Report> {
    let next = AtomicU64::new(first);
    let found = std::sync::Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                let bench = Bench::new().unwrap();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || found.lock().unwrap().len() >= most {
                        return;
                    }
                    let report = run(&bench, seed, sabotage);
                    if sabotage.is_none() && (seed + 1 - first).is_multiple_of(PROGRESS) {
                        // Past the capture of the harness: it takes minutes.
                        let (done, mut told) = (seed + 1 - first, std::io::stderr());
                        writeln!(told, "{done} of {count} seeds").unwrap();
                    }
                    if let Some(finding) = &report.finding {
                        if sabotage.is_none() {
                            println!("SEED={seed}: {finding}");
                        }
                        found.lock().unwrap().push(report);
                    }
                }
            });
        }
    });
    found.into_inner().unwrap()
}

#[test]
fn nothing_is_found_whatever_breaks() {
    let first = number_from("KONTOR_SEED").unwrap_or_default();
    let count = number_from("KONTOR_SEEDS").unwrap_or(SEEDS);
    let found = findings(first, count, None, 10);
    for Report {
        seed,
        steps,
        finding,
        tally,
        ..
    } in &found
    {
        let finding = finding.as_ref().unwrap();
        println!("SEED={seed} after {steps} steps: {finding}");
        let faults = tally
            .iter()
            .map(|(fault, times)| format!("{times} {}", fault.text()));
        println!("    beside {}", faults.collect::<Vec<_>>().join(", "));
        println!("    repeat it: cargo run --release -- torture --seed {seed}");
    }
    assert!(found.is_empty(), "{} seeds found something", found.len());
}

#[test]
fn what_was_found_once_is_not_found_again() {
    for seed in SEEDS_OF_A_FINDING {
        let found = findings(seed, 1, None, 1);
        assert_eq!(found.first().map(|report| &report.finding), None, "{seed}");
    }
}

#[test]
fn the_same_seed_does_the_same_to_the_byte() {
    let bench = Bench::new().unwrap();
    for seed in 0..12 {
        let (once, again) = (run(&bench, seed, None), run(&bench, seed, None));
        assert_eq!(once, again, "seed {seed}");
        assert_ne!(once.trace, run(&bench, seed + 1, None).trace);
    }
}

#[test]
fn every_mistake_that_is_put_in_is_found() {
    for sabotage in Sabotage::ALL {
        let found = findings(0, SEEDS_OF_A_MISTAKE, Some(*sabotage), 1);
        let Some(report) = found.first() else {
            panic!("{} is not found", sabotage.text());
        };
        let finding = report.finding.as_ref().unwrap();
        println!("{}: seed {}: {finding}", sabotage.text(), report.seed);
    }
}
