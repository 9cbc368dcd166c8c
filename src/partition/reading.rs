//! The journal's history and cursor as the stations ask for them.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::ids::{BookIndex, EntryNo, Position};
use crate::journal::file::disk::Disk;
use crate::journal::{Cursor, History, JournalFault};
use crate::ledger::Commit;
use crate::ledger::plan::PastEntry;
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

/// Hand the commits behind `published` over, up to `until`, from a thread of their own: a long
/// backlog of outcomes must not keep the daemon from beginning.
pub(super) fn hand_over<D: Disk>(
    history: History<D>,
    published: Position,
    until: Position,
) -> std::io::Result<mpsc::Receiver<Result<Arc<Commit>, JournalFault>>> {
    let (to, earlier) = mpsc::channel(EARLIER_MAX);
    if published < until {
        let work = move || {
            if let Err(fault) = give(&history, published, until, &to) {
                // The other end has gone if the process is ending already.
                drop(to.blocking_send(Err(fault)));
            }
        };
        std::thread::Builder::new()
            .name("kontor-earlier".to_owned())
            .spawn(work)?;
    }
    Ok(earlier)
}

fn give<D: Disk>(
    history: &History<D>,
    published: Position,
    until: Position,
    to: &mpsc::Sender<Result<Arc<Commit>, JournalFault>>,
) -> Result<(), JournalFault> {
    let mut commits = history.commits_from(published.next())?;
    while let Some(found) = commits.next()? {
        let over = found.commit.first > until;
        if over || to.blocking_send(Ok(Arc::new(found.commit))).is_err() {
            break;
        }
    }
    Ok(())
}
