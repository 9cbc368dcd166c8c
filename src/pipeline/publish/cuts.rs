//! Which outcomes of a commit travel together.

use super::Mode;
use crate::ids::BookIndex;
use crate::ledger::{Commit, JobRecord, NameTable};
use crate::limits::{MESSAGE_BYTES_MAX, MESSAGE_JOBS_MAX};
use crate::wire::outcome;

/// The runs of records that each become one message of outcomes.
pub(super) fn cuts(commit: &Commit, mode: Mode, names: &NameTable) -> Vec<(usize, usize)> {
    let jobs = commit
        .records
        .iter()
        .enumerate()
        .filter_map(|(at, record)| Some((at, record.as_job()?)));
    match mode {
        Mode::Off => Vec::new(),
        Mode::Each => jobs.map(|(at, _)| (at, at.saturating_add(1))).collect(),
        Mode::Batched => batched_cuts(commit, jobs, names),
    }
}

fn batched_cuts<'c>(
    commit: &'c Commit,
    jobs: impl Iterator<Item = (usize, &'c JobRecord)>,
    names: &NameTable,
) -> Vec<(usize, usize)> {
    struct Open {
        book: BookIndex,
        from: usize,
        to: usize,
        jobs: usize,
        bytes: usize,
    }
    let mut open: Vec<Open> = Vec::new();
    let mut done = Vec::new();
    let mut line = Vec::new();
    for (at, job) in jobs {
        line.clear();
        outcome::encode(job, commit, names, &mut line);
        let to = at.saturating_add(1);
        let fresh = Open {
            book: job.book,
            from: at,
            to,
            jobs: 1,
            bytes: line.len(),
        };
        match open.iter_mut().find(|run| run.book == job.book) {
            None => open.push(fresh),
            Some(run) => {
                let bytes = run.bytes.saturating_add(line.len()).saturating_add(1);
                if bytes > MESSAGE_BYTES_MAX || run.jobs >= MESSAGE_JOBS_MAX {
                    done.push((run.from, run.to));
                    *run = fresh;
                } else {
                    (run.to, run.jobs, run.bytes) = (to, run.jobs.saturating_add(1), bytes);
                }
            }
        }
    }
    done.extend(open.iter().map(|run| (run.from, run.to)));
    done.sort_unstable();
    done
}
