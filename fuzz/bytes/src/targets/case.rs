//! Case files through the real decoder, engine and record format. The rehearsal itself reads every
//! commit back from its bytes and replays it into a second set of books; what it finds wrong with
//! kontor is a finding here, and so is a second rehearsal with other commits.

use kontor::rehearsal::explain::explain;
use kontor::rehearsal::{Case, Run, Standing, rehearse};

/// Jobs of a case that is tried: what they cost together is what one input may cost.
const JOBS_MAX: usize = 48;
/// Time between its first and last instant: what is due every day is done for each of them.
const NANOSECONDS_MAX: i64 = 400 * 24 * 3_600 * 1_000_000_000;

fn is_small(case: &Case) -> bool {
    let Ok(steps) = case.steps() else { return true };
    let times = || steps.iter().map(|step| step.now.0);
    let span = times()
        .max()
        .unwrap_or(0)
        .abs_diff(times().min().unwrap_or(0));
    steps.len() <= JOBS_MAX && span <= NANOSECONDS_MAX.unsigned_abs()
}

fn taken_through(case: &Case) -> Option<Run> {
    let rehearsed = rehearse(case).ok()?;
    if let Standing::Broken(fault) = rehearsed.standing {
        panic!("{fault}");
    }
    rehearsed.run
}

pub(super) fn run(input: &[u8]) {
    let Ok(case) = Case::read(input) else { return };
    if !is_small(&case) {
        return;
    }
    let Some(first) = taken_through(&case) else {
        return;
    };
    let again = taken_through(&case).map(|run| run.commits);
    assert_eq!(Some(&first.commits), again.as_ref(), "not the same again");
    let tables = explain(&case, &first.seen);
    assert!(!tables.is_empty(), "nothing to show of {}", case.title);
}
