//! Everything that the fuzzer begins with and everything that it found, tried once: what was
//! found is not found again, and the targets work without the fuzzer as well.

#[path = "../../fuzz/bytes/src/targets/mod.rs"]
mod targets;

use targets::{TARGETS, seeds};

/// Seeds of a target that the suite tries; the fuzzer tries all of them.
const SEEDS_MAX: usize = 400;

fn try_all(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.unwrap();
    let kept = seeds::kept(name);
    let all = seeds::of(name);
    let step = all.len().div_ceil(SEEDS_MAX).max(1);
    let seeds: Vec<_> = all.iter().step_by(step).chain(&kept).collect();
    assert!(!seeds.is_empty(), "{name} begins with nothing");
    for seed in seeds
        .into_iter()
        .filter(|seed| seed.len() <= target.bytes_max)
    {
        (target.run)(seed);
    }
}

#[test]
fn what_is_kept_of_jobs_holds() {
    try_all("jobs");
}

#[test]
fn what_is_kept_of_record_holds() {
    try_all("record");
}

#[test]
fn what_is_kept_of_journal_holds() {
    try_all("journal");
}

#[test]
fn what_is_kept_of_snapshot_holds() {
    try_all("snapshot");
}

#[test]
fn what_is_kept_of_settings_holds() {
    try_all("settings");
}

#[test]
fn what_is_kept_of_case_holds() {
    try_all("case");
}
