//! The past of a case: its commits, as questions and rules ask for them.

use crate::ids::{BookIndex, EntryNo};
use crate::jobs::job::Looked;
use crate::jobs::query::{Entries, PastUnreadable};
use crate::ledger::plan::{PastEntry, PastNeeded};
use crate::ledger::{Commit, Leg, Movements, Post};

/// Commits in memory, of the one book of a case.
pub(super) struct Commits<'c>(pub(super) &'c [Commit]);

impl Commits<'_> {
    /// What a rule needs of the past; none if it is not there.
    pub(super) fn look_up(&self, needed: PastNeeded) -> Option<Looked> {
        match needed {
            PastNeeded::Entry(entry) => {
                let past = self.entry(entry)?;
                Some(Looked::Found(Box::new(past)))
            }
            PastNeeded::Movements(account) => {
                let mut movements = Movements::of(account);
                self.visit(&mut |post, legs| movements.add(post, legs));
                Some(Looked::Movements(movements.list()))
            }
        }
    }

    fn entry(&self, entry: EntryNo) -> Option<PastEntry> {
        let mut found = None;
        self.visit(&mut |post, legs| {
            if post.number == entry && !post.opening {
                let (post, legs) = (post.clone(), legs.to_vec());
                found = Some(PastEntry { post, legs });
            }
        });
        found
    }

    fn visit(&self, visit: &mut dyn FnMut(&Post, &[Leg])) {
        for commit in self.0 {
            commit.entries_of(BookIndex(0), visit);
        }
    }
}

impl Entries for Commits<'_> {
    fn each(&self, visit: &mut dyn FnMut(&Post, &[Leg])) -> Result<(), PastUnreadable> {
        self.visit(visit);
        Ok(())
    }
}
