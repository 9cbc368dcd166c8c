//! The past of a case: its commits, as questions and rules ask for them.

use crate::ids::EntryNo;
use crate::jobs::query::{Entries, PastUnreadable};
use crate::ledger::plan::PastEntry;
use crate::ledger::{Commit, Leg, Post};

/// Commits in memory, of the one book of a case.
pub(super) struct Commits<'c>(pub(super) &'c [Commit]);

impl Commits<'_> {
    /// An entry by its number.
    pub(super) fn entry(&self, entry: EntryNo) -> Option<PastEntry> {
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
            for post in commit.effects.iter().filter_map(|effect| effect.as_post()) {
                visit(post, commit.legs(&post.legs));
            }
        }
    }
}

impl Entries for Commits<'_> {
    fn each(&self, visit: &mut dyn FnMut(&Post, &[Leg])) -> Result<(), PastUnreadable> {
        self.visit(visit);
        Ok(())
    }
}
