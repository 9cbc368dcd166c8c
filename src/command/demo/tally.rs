//! What became of all jobs of the day, counted by kind, status and code.

use std::collections::BTreeMap;

use super::order::member;
use super::page::count;
use crate::command::submit::courier::Answer;
use crate::report::Column;

/// Counts by kind, status and code.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: BTreeMap<[String; 3], [usize; 2]>,
}

impl Tally {
    /// Count an answer.
    pub(super) fn add(&mut self, answer: &Answer) {
        let kind = member(&answer.body, "kind").unwrap_or_default().to_owned();
        let code = answer.code.clone().unwrap_or_default();
        let place = [kind, answer.status.clone(), code];
        let [jobs, duplicates] = self.counts.entry(place).or_default();
        *jobs += 1;
        *duplicates += usize::from(answer.duplicate);
    }

    /// All answers.
    pub(super) fn jobs(&self) -> usize {
        self.counts.values().map(|[jobs, _]| jobs).sum()
    }

    /// Answers that a job had been given before.
    pub(super) fn duplicates(&self) -> usize {
        self.counts.values().map(|[_, duplicates]| duplicates).sum()
    }

    /// Answers that say no.
    pub(super) fn rejected(&self) -> usize {
        let refused = self
            .counts
            .iter()
            .filter(|([_, status, _], _)| status == "rejected");
        refused.map(|(_, [jobs, _])| jobs).sum()
    }

    /// The columns of [`Self::rows`].
    pub(super) fn columns() -> Vec<Column> {
        vec![
            Column::words("kind"),
            Column::words("status"),
            Column::words("code"),
            Column::figures("jobs"),
        ]
    }

    /// As rows of a table.
    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        let row = |([kind, status, code], [jobs, _]): (&[String; 3], &[usize; 2])| {
            vec![kind.clone(), status.clone(), code.clone(), count(jobs)]
        };
        self.counts.iter().map(row).collect()
    }
}
