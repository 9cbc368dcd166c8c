//! Names of books and accounts by index: what is needed to show a record without the books.
//!
//! Names are given once and never change, so a table that knows more than the record's time is
//! right for it too.

use smol_str::SmolStr;

use super::commit::{Commit, Record};
use super::effect::Effect;
use crate::ids::{AccountIndex, BookIndex, Position};

/// Name and decimals of an account.
type Shown = (SmolStr, u8);

/// The names of one book.
#[derive(Clone, Debug, Default)]
struct BookNames {
    name: Box<str>,
    decimals: Vec<u8>,
    accounts: Vec<Shown>,
}

/// The names of a partition.
#[derive(Clone, Debug, Default)]
pub struct NameTable {
    books: Vec<BookNames>,
    known: Position,
}

impl NameTable {
    /// The names that books have now.
    pub fn of_books<'a>(books: impl IntoIterator<Item = &'a super::Book>) -> Self {
        let books = books.into_iter().map(|book| {
            let units = book.units();
            BookNames {
                name: book.name().into(),
                decimals: units.iter().map(|unit| unit.decimals).collect(),
                accounts: book
                    .accounts()
                    .iter()
                    .map(|(_, account)| (account.name.clone(), units.decimals(account.unit)))
                    .collect(),
            }
        });
        Self {
            books: books.collect(),
            known: Position(0),
        }
    }

    /// The same table for a journal up to here: what stands in earlier commits is known.
    #[must_use]
    pub fn known_until(mut self, position: Position) -> Self {
        self.known = position;
        self
    }

    /// Learn the names that a commit brings. One that comes again brings nothing: an index is the
    /// place of a name, so a name learnt twice would move all that follow.
    pub fn learn(&mut self, commit: &Commit) {
        if commit.last() <= self.known {
            return;
        }
        self.known = commit.last();
        if commit.effects.iter().all(|effect| !brings_names(effect)) && !has_setup(commit) {
            return;
        }
        for record in &commit.records {
            match record {
                Record::Job(job) => self.learn_effects(job.book, commit.effects(&job.effects)),
                Record::Setup(setup) => {
                    if setup.book.slot() == self.books.len() {
                        let name = setup.name.clone();
                        self.books.push(BookNames {
                            name,
                            ..BookNames::default()
                        });
                    }
                    self.learn_effects(setup.book, commit.effects(&setup.effects));
                }
                Record::Duplicate(_)
                | Record::Start(_)
                | Record::Stop
                | Record::Cut(_)
                | Record::Accepted { .. }
                | Record::Letters(_) => {}
            }
        }
    }

    /// Name of a book.
    pub fn book(&self, book: BookIndex) -> &str {
        self.books.get(book.slot()).map_or("", |names| &*names.name)
    }

    /// Index of a book.
    pub fn find_book(&self, name: &str) -> Option<BookIndex> {
        let slot = self.books.iter().position(|names| &*names.name == name)?;
        u16::try_from(slot).ok().map(BookIndex)
    }

    /// Name and decimals of an account.
    pub fn account(&self, book: BookIndex, account: AccountIndex) -> Option<(&str, u8)> {
        let names = self.books.get(book.slot())?;
        names
            .accounts
            .get(account.slot())
            .map(|(name, decimals)| (&**name, *decimals))
    }

    fn learn_effects(&mut self, book: BookIndex, effects: &[Effect]) {
        let Some(names) = self.books.get_mut(book.slot()) else {
            return;
        };
        for effect in effects {
            if let Effect::Unit { decimals, .. } = effect {
                names.decimals.push(*decimals);
            }
            if let Effect::AccountOpened(opened) = effect {
                let decimals = names
                    .decimals
                    .get(opened.unit.slot())
                    .copied()
                    .unwrap_or_default();
                names.accounts.push(((&*opened.name).into(), decimals));
            }
        }
    }
}

fn brings_names(effect: &Effect) -> bool {
    matches!(effect, Effect::Unit { .. } | Effect::AccountOpened(_))
}

fn has_setup(commit: &Commit) -> bool {
    commit
        .records
        .iter()
        .any(|record| matches!(record, Record::Setup(_)))
}
