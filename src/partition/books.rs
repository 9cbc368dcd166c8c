//! The books of the configuration against the books of the journal.
//!
//! A book that the journal does not have is set up by a journaled record before its first job. One
//! that it has is what the journal says: what may never change is refused, other differences are
//! named and left to `reference.set`.

use crate::engine::Engine;
use crate::ids::BookIndex;
use crate::jobs::setup::SetupFault;
use crate::ledger::commit::SetupRecord;
use crate::ledger::{Book, Commit, Effect, Inconsistent, Leg};

/// A book as configured, in the engine's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// The unit it is kept in, if any.
    pub functional_unit: Option<String>,
    /// Its time zone.
    pub time_zone: String,
    /// What it begins with.
    pub effects: Vec<Effect>,
    /// Legs of the effects.
    pub legs: Vec<Leg>,
}

/// A configuration that contradicts the journal: exit 78.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookFault {
    /// A member that fixes what the amounts and dates in the journal mean.
    #[error(
        "the book {book} was begun with {member} {journaled:?}, the configuration says \
         {configured:?}; a book with records keeps it: put it back, or begin another book"
    )]
    Fixed {
        /// The book.
        book: String,
        /// The member.
        member: &'static str,
        /// In the journal.
        journaled: String,
        /// In the configuration.
        configured: String,
    },
    /// A book whose records are in another partition's journal.
    #[error(
        "the book {book} has records in partition {journaled}, the configuration puts it into \
         {configured}; a book with records stays where it is"
    )]
    Moved {
        /// The book.
        book: String,
        /// Where its records are.
        journaled: u16,
        /// Where the configuration puts it.
        configured: u16,
    },
    /// A member that a book cannot begin with.
    #[error("book {book}: {source}")]
    Setup {
        /// The book.
        book: String,
        /// The member and what is wrong with it.
        source: SetupFault,
    },
    /// More books than a partition numbers.
    #[error("a partition holds at most 65536 books")]
    TooMany,
}

/// Compare the books that the journal has with the configuration's; the books that must be set up.
pub(super) fn new_books<'a>(
    engine: &Engine,
    wanted: &'a [Wanted],
) -> Result<Vec<&'a Wanted>, BookFault> {
    let mut new = Vec::new();
    for wanted in wanted {
        match engine
            .books()
            .iter()
            .find(|book| book.name() == wanted.name)
        {
            Some(book) => check_fixed(book, wanted)?,
            None => new.push(wanted),
        }
    }
    Ok(new)
}

/// Set a book up: its record goes into the commit.
pub(super) fn set_up(
    engine: &mut Engine,
    wanted: &Wanted,
    file_hash: [u8; 32],
    commit: &mut Commit,
) -> Result<(), SetUpFault> {
    let index = u16::try_from(engine.books().len()).map_err(|_many| BookFault::TooMany)?;
    let end = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let (first_effect, first_leg) = (end(commit.effects.len()), end(commit.legs.len()));
    commit.legs.extend_from_slice(&wanted.legs);
    let effects = wanted.effects.iter().cloned();
    commit
        .effects
        .extend(effects.map(|effect| effect.shifted(first_leg)));
    let record = SetupRecord {
        book: BookIndex(index),
        name: wanted.name.as_str().into(),
        functional_unit: wanted.functional_unit.as_deref().map(Into::into),
        time_zone: wanted.time_zone.as_str().into(),
        file_hash,
        effects: first_effect..end(commit.effects.len()),
    };
    Ok(engine.set_up(record, commit)?)
}

/// Why a book cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpFault {
    /// The configuration.
    #[error(transparent)]
    Book(#[from] BookFault),
    /// An effect does not fit an empty book.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistent),
}

/// What a book's configuration says otherwise than the book: for a warning, since only
/// `reference.set` changes a book that has begun.
pub(super) fn differences(book: &Book, wanted: &Wanted) -> Vec<String> {
    let differs = |effect: &Effect| match effect {
        Effect::Reference {
            record,
            name,
            valid_from,
            value,
        } => {
            let versions = book.reference().versions(*record, name);
            let same = versions
                .iter()
                .any(|version| version.valid_from == *valid_from && version.value == *value);
            (!same).then(|| format!("{} {name}", record.text()))
        }
        Effect::Series { name, width, .. } => {
            let known = book.series_table().get(name);
            let same = known.is_some_and(|series| series.width == *width);
            (!same).then(|| format!("series {name}"))
        }
        Effect::AccountOpened(opened) => {
            let missing = book.accounts().find(&opened.name).is_none();
            missing.then(|| format!("account {}", opened.name))
        }
        Effect::Unit { code, decimals, .. } => {
            let known = book.units().find(code);
            let same = known.is_some_and(|unit| unit.decimals == *decimals);
            (!same).then(|| format!("unit {code}"))
        }
        Effect::Document(change) => {
            let known = book.documents().holder(change.kind, &change.number);
            let missing = known.is_none();
            missing.then(|| format!("document {}", change.number))
        }
        Effect::Post(_)
        | Effect::Hold(_)
        | Effect::Release { .. }
        | Effect::Number { .. }
        | Effect::AccountChanged { .. }
        | Effect::Period { .. }
        | Effect::NaturalKey(_)
        | Effect::Reversed { .. }
        | Effect::Alarm { .. }
        | Effect::Keep { .. }
        | Effect::Carried(_) => None,
    };
    let mut found: Vec<String> = wanted.effects.iter().filter_map(differs).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn check_fixed(book: &Book, wanted: &Wanted) -> Result<(), BookFault> {
    let unit = |unit: Option<&str>| unit.unwrap_or_default().to_owned();
    let pairs = [
        (
            "functional_unit",
            unit(book.functional_unit()),
            unit(wanted.functional_unit.as_deref()),
        ),
        (
            "time_zone",
            book.zone().name().to_owned(),
            wanted.time_zone.clone(),
        ),
    ];
    for (member, journaled, configured) in pairs {
        if journaled != configured {
            return Err(BookFault::Fixed {
                book: wanted.name.clone(),
                member,
                journaled,
                configured,
            });
        }
    }
    Ok(())
}
