//! Rehearsing: a case file through the real decoder, engine and record format, in memory.
//!
//! A case says what stands in the books, which jobs come, and what must have become of them.
//! Nothing is simulated but the queue and the clock: the bytes of a job go through the same
//! decoder, engine and record encoder as in the daemon, and every commit is read back from its
//! bytes and replayed into a second set of books, which must agree with the first.
//!
//! What a case names must match exactly, what it leaves out is free. A case that needs a kind or an
//! option which this release has not built says so; it neither passes nor fails.
//!
//! What is sent, what was seen and how the two are compared does not depend on the way between:
//! `tests/live/cases.rs` takes the same cases through a broker and a running daemon.
//!
//! | File           | Duty                                                  |
//! |----------------|-------------------------------------------------------|
//! | `case.rs`      | reads a case file strictly                            |
//! | `step.rs`      | its jobs as they are sent, each at its instant        |
//! | `run.rs`       | takes the jobs through, one after the other           |
//! | `seen.rs`      | what became of them, in the shape of `expect`         |
//! | `past.rs`      | its commits, for rules and questions that look back   |
//! | `question.rs`  | its questions, answered by the book as it stands      |
//! | `verify.rs`    | `checks`: the journal's chain, balances as they opened   |
//! | `functions.rs` | the pure functions that `function_checks` names       |
//! | `compare.rs`   | what differs, with its place                          |
//! | `explain.rs`   | a case as tables for people                           |

pub mod case;
pub mod compare;
pub mod explain;
mod functions;
pub mod past;
pub mod question;
mod run;
pub mod seen;
pub mod step;
mod verify;

use std::collections::BTreeSet;

pub use case::{Case, CaseFault};
pub use compare::Mismatch;
pub use run::{RehearsalFault, Run, run};

/// How a case stands.
#[derive(Debug)]
pub enum Standing {
    /// Everything is as the case says.
    Passed,
    /// Something differs.
    Failed(Vec<Mismatch>),
    /// It needs what this release has not built.
    NotBuilt(BTreeSet<String>),
    /// kontor itself failed: a mistake of ours, never of the case.
    Broken(RehearsalFault),
}

/// A case and what became of it.
#[derive(Debug)]
pub struct Rehearsed {
    /// How it stands.
    pub standing: Standing,
    /// What was seen, if its jobs were taken through.
    pub run: Option<Run>,
}

/// Rehearse a case.
pub fn rehearse(case: &Case) -> Result<Rehearsed, CaseFault> {
    let kinds = case.kinds_not_built();
    if !kinds.is_empty() {
        return Ok(Rehearsed {
            standing: Standing::NotBuilt(kinds),
            run: None,
        });
    }
    let run = match run(case)? {
        Ok(run) => run,
        Err(fault) => {
            return Ok(Rehearsed {
                standing: Standing::Broken(fault),
                run: None,
            });
        }
    };
    let standing = if run.options_not_built.is_empty() {
        let mismatches = compare::compare(&case.expect, &run.seen);
        if mismatches.is_empty() {
            Standing::Passed
        } else {
            Standing::Failed(mismatches)
        }
    } else {
        Standing::NotBuilt(run.options_not_built.clone())
    };
    Ok(Rehearsed {
        standing,
        run: Some(run),
    })
}
