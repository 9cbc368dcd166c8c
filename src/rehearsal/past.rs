//! The past of a book: its commits, as questions and rules ask for them.

use crate::ids::{BookIndex, EntryNo};
use crate::jobs::job::Looked;
use crate::jobs::query::{Entries, PastUnreadable};
use crate::ledger::plan::{PastEntry, PastNeeded};
use crate::ledger::{Commit, Leg, Movements, Post, Side};
use crate::money::Minor;

/// Commits in memory, and the book that is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Past<'c> {
    commits: &'c [Commit],
    book: BookIndex,
}

impl<'c> Past<'c> {
    /// What of the commits is about a book.
    pub fn of(commits: &'c [Commit], book: BookIndex) -> Self {
        Self { commits, book }
    }

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
        for commit in self.commits {
            commit.entries_of(self.book, visit);
        }
    }

    /// What each account of the book opened with, by its index: debits less credits.
    pub(super) fn openings(&self, accounts: usize) -> Vec<Minor> {
        let mut opened = vec![Minor::default(); accounts];
        self.visit(&mut |post, legs| {
            for leg in legs.iter().filter(|_| post.opening) {
                if let Some(balance) = opened.get_mut(leg.account.slot()) {
                    let amount = Minor::from(leg.amount);
                    *balance += if leg.side == Side::Debit {
                        amount
                    } else {
                        -amount
                    };
                }
            }
        });
        opened
    }
}

impl Entries for Past<'_> {
    fn each(&self, visit: &mut dyn FnMut(&Post, &[Leg])) -> Result<(), PastUnreadable> {
        self.visit(visit);
        Ok(())
    }
}
