//! The journal's history and cursor as the stations ask for them.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::ids::{AccountIndex, BookIndex, EntryNo, Position};
use crate::journal::file::disk::Disk;
use crate::journal::{Commits, Cursor, History, JournalFault};
use crate::ledger::Commit;
use crate::ledger::plan::{Movement, PastEntry};
use crate::pipeline::dispatch;
use crate::pipeline::post::Past;

/// Commits that wait for the publisher while it catches up.
const EARLIER_MAX: usize = 16;

impl<D: Disk> Past for History<D> {
    fn entry(
        &mut self,
        book: BookIndex,
        entry: EntryNo,
        after: Position,
    ) -> Result<Option<PastEntry>, String> {
        if !self.wait_for(after) {
            return Err(format!(
                "the journal ended before position {after} was durable"
            ));
        }
        Self::entry(self, book, entry).map_err(|fault| fault.to_string())
    }

    fn movements(
        &mut self,
        book: BookIndex,
        account: AccountIndex,
        after: Position,
    ) -> Result<Vec<Movement>, String> {
        if !self.wait_for(after) {
            return Err(format!(
                "the journal ended before position {after} was durable"
            ));
        }
        Self::movements(self, book, account, after).map_err(|fault| fault.to_string())
    }
}

impl<D: Disk> dispatch::Outcomes for History<D> {
    fn commit_at(&self, position: Position) -> Result<Arc<Commit>, String> {
        match Self::commit_at(self, position) {
            Ok(Some(commit)) => Ok(commit),
            Ok(None) => Err(format!("position {position} is not durable")),
            Err(fault) => Err(fault.to_string()),
        }
    }
}

impl<D: Disk> dispatch::Cursor for Cursor<D> {
    fn save(&mut self, position: Position, _sync: bool) -> Result<(), JournalFault> {
        Self::save(self, position)
    }
}

/// Commits of before the start whose outcomes are not confirmed, in order.
#[derive(Debug)]
pub struct Earlier<D: Disk> {
    history: History<D>,
    /// The reader, once begun.
    commits: Option<Commits<D>>,
    published: Position,
    until: Position,
}

impl<D: Disk> Earlier<D> {
    /// Those behind `published`, up to `until`.
    pub(super) fn new(history: History<D>, published: Position, until: Position) -> Self {
        Self {
            history,
            commits: None,
            published,
            until,
        }
    }

    /// The next one.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would have to be told to stop at a fault"
    )]
    pub fn next(&mut self) -> Result<Option<Arc<Commit>>, JournalFault> {
        if self.published >= self.until {
            return Ok(None);
        }
        let commits = match &mut self.commits {
            Some(commits) => commits,
            none => none.insert(self.history.commits_from(self.published.next())?),
        };
        let found = commits.next()?.map(|found| found.commit);
        Ok(found
            .filter(|commit| commit.first <= self.until)
            .map(Arc::new))
    }

    /// Give them from a thread of their own: a long backlog of outcomes must not keep the daemon
    /// from beginning.
    pub fn hand_over(
        mut self,
    ) -> std::io::Result<mpsc::Receiver<Result<Arc<Commit>, JournalFault>>> {
        let (to, earlier) = mpsc::channel(EARLIER_MAX);
        let work = move || {
            while let Some(next) = self.next().transpose() {
                let is_last = next.is_err();
                // The other end has gone if the process is ending already.
                if to.blocking_send(next).is_err() || is_last {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("kontor-earlier".to_owned())
            .spawn(work)?;
        Ok(earlier)
    }
}
