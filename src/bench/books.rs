//! The books that the benchmarks post in: many accounts in EUR, none of them limited.

use super::BenchFault;
use super::load::{account_name, book_name};
use crate::engine::{Engine, Secrets};
use crate::ids::{BookIndex, UnitIndex};
use crate::ledger::commit::SetupRecord;
use crate::ledger::effect::{AccountChange, AccountOpened};
use crate::ledger::plan::NaturalKeys;
use crate::ledger::reference::PanPolicy;
use crate::ledger::{AccountClass, Commit, Effect, Inconsistent};
use crate::time::Timestamp;
use crate::wire::message::{BookRules, JobReader, read_binary};

/// Name of the first book of the benchmarks.
pub const BOOK: &str = "main";
/// Keyed hashes of the benchmarks use this secret; nothing real is behind it.
pub const SECRET: [u8; 32] = [7; 32];
/// Accounts that one commit opens: what fits a frame with room to spare.
const AT_ONCE: u32 = 10_000;
/// Time zone of the books.
const ZONE: &str = "Europe/Berlin";

/// What is to be opened.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// Books.
    pub books: u32,
    /// Accounts of each.
    pub accounts: u32,
    /// The books are there, with their unit.
    pub begun: bool,
    /// Hash of the file that the books come from.
    pub file_hash: [u8; 32],
}

impl Opening {
    /// One new book with so many accounts.
    pub fn one_book(accounts: u32) -> Self {
        Self {
            books: 1,
            accounts,
            begun: false,
            file_hash: [0; 32],
        }
    }

    /// Open them. `keep` gets every commit.
    pub fn open(
        self,
        engine: &mut Engine,
        keep: &mut dyn FnMut(Commit) -> Result<(), BenchFault>,
    ) -> Result<(), BenchFault> {
        for book in 0..self.books {
            for first in (0..self.accounts).step_by(usize::try_from(AT_ONCE).unwrap_or(1)) {
                let last = first.saturating_add(AT_ONCE).min(self.accounts);
                keep(self.part(engine, book, first, last)?)?;
            }
        }
        Ok(())
    }

    fn part(
        self,
        engine: &mut Engine,
        book: u32,
        first: u32,
        last: u32,
    ) -> Result<Commit, Inconsistent> {
        let now = engine.last_recorded_at().max(BEGIN);
        let mut commit = engine.begin(now);
        if first == 0 && !self.begun {
            commit.effects.push(Effect::Unit {
                code: "EUR".into(),
                decimals: 2,
                until: None,
            });
        }
        let all = u64::from(self.accounts.max(2));
        commit.effects.extend((first..last).map(|number| {
            Effect::AccountOpened(Box::new(AccountOpened {
                name: account_name(u64::from(number), all).into(),
                unit: UnitIndex(0),
                class: AccountClass::Liability,
                change: AccountChange::default(),
            }))
        }));
        let setup = SetupRecord {
            book: index(book),
            name: book_name(u64::from(book)).into(),
            functional_unit: Some("EUR".into()),
            time_zone: ZONE.into(),
            file_hash: self.file_hash,
            effects: 0..u32::try_from(commit.effects.len()).unwrap_or(u32::MAX),
        };
        engine.set_up(setup, &mut commit)?;
        engine.finish(&mut commit);
        Ok(commit)
    }
}

/// When the books begin.
const BEGIN: Timestamp = Timestamp(1_767_225_600_000_000_000);

fn index(book: u32) -> BookIndex {
    BookIndex(u16::try_from(book).unwrap_or(u16::MAX))
}

/// An engine without books.
pub fn empty() -> Engine {
    let secrets = Secrets {
        natural: NaturalKeys(SECRET),
        keys: SECRET,
        seed: 7,
    };
    Engine::new(secrets, read_binary)
}

/// An engine with one book of so many accounts, and the commits that made it so.
pub fn engine(accounts: u32) -> Result<(Engine, Vec<Commit>), BenchFault> {
    let mut engine = empty();
    let mut commits = Vec::new();
    Opening::one_book(accounts).open(&mut engine, &mut |commit| {
        commits.push(commit);
        Ok(())
    })?;
    Ok((engine, commits))
}

/// A reader of jobs for that book.
pub fn reader() -> JobReader {
    reader_of(1, SECRET)
}

/// A reader of jobs for so many books under a secret.
pub fn reader_of(books: u32, secret: [u8; 32]) -> JobReader {
    let rules = (0..books).map(|book| BookRules {
        name: book_name(u64::from(book)).into(),
        index: index(book),
        pan_policy: PanPolicy::Reject,
    });
    JobReader::new(rules.collect(), secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Book;

    #[test]
    fn many_accounts_are_opened_in_commits_that_a_replica_takes() {
        let (live, commits) = engine(25_000).unwrap();
        assert_eq!(commits.len(), 3);
        let mut replica = empty();
        for commit in &commits {
            replica.replay(commit).unwrap();
            assert_eq!(commit.digest, replica.digest());
        }
        assert_eq!(live.digest(), replica.digest());
        let book = live.book(BookIndex(0)).unwrap();
        assert!(book.accounts().find("wallet/24999").is_some());
        assert!(book.accounts().find("wallet/25000").is_none());
    }

    #[test]
    fn books_are_begun_one_after_the_other() {
        let mut engine = empty();
        let opening = Opening {
            books: 3,
            ..Opening::one_book(4)
        };
        opening.open(&mut engine, &mut |_| Ok(())).unwrap();
        let names: Vec<&str> = engine.books().iter().map(Book::name).collect();
        assert_eq!(names, ["main", "book-00001", "book-00002"]);
    }
}
