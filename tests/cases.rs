//! Every case file below `tests/cases`, as a test of its own name.
//!
//! Cases that need what this release has not built are named in `not_built.txt`. The list may only
//! shrink: a case that passes must leave it, and one that does not pass may not enter it unnoticed.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its file has failed"
)]

use std::path::Path;

use kontor::rehearsal::{Case, Standing, rehearse};

const NOT_BUILT: &str = include_str!("cases/not_built.txt");

/// The name under which the list holds a case.
fn name(path: &Path) -> String {
    let whole = path.to_str().unwrap().replace('\\', "/");
    let (_, name) = whole.split_once("cases/").unwrap();
    name.to_owned()
}

fn rehearsed(path: &Path) -> datatest_stable::Result<()> {
    let case = Case::read(&std::fs::read(path)?)?;
    let listed = NOT_BUILT.lines().any(|line| line == name(path));
    match (rehearse(&case)?.standing, listed) {
        (Standing::Passed, false) | (Standing::NotBuilt(_), true) => Ok(()),
        (Standing::Passed, true) => {
            Err("it passes: take it out of tests/cases/not_built.txt, which may only shrink".into())
        }
        (Standing::NotBuilt(missing), false) => {
            Err(format!("not built yet: {missing:?}, and the list may only shrink").into())
        }
        (Standing::Broken(fault), _) => Err(fault.into()),
        (Standing::Failed(mismatches), _) => Err(format!("{mismatches:#?}").into()),
    }
}

datatest_stable::harness! {
    { test = rehearsed, root = "tests/cases", pattern = r"\.json$" },
}
