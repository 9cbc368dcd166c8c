//! What the configuration says about a partition's books: checked against those that have begun,
//! and what new ones begin with.

use super::OpenFault;
use super::books::{self, BookFault, Wanted};
use crate::engine::Engine;
use crate::jobs::setup::{self, Setup, SetupFault};
use crate::journal::ending::Ending;
use crate::journal::file::disk::Disk;
use crate::journal::{Journal as _, Store};
use crate::ledger::Record;
use crate::ledger::commit::StartRecord;
use crate::raw_json::RawJson;
use crate::settings::{self, Mistake, Place, Settings, TakenOut};
use crate::time::Timestamp;

/// What the configuration says about a partition's books.
pub(super) struct Config {
    partition: u16,
    wanted: Vec<Wanted>,
    elsewhere: Vec<(String, u16)>,
    file_hash: [u8; 32],
}

impl Config {
    pub(super) fn of(settings: &Settings, partition: u16) -> Result<Self, BookFault> {
        let elsewhere = settings
            .books
            .iter()
            .filter(|book| book.partition != partition)
            .map(|book| (book.name.clone(), book.partition));
        Ok(Self {
            partition,
            wanted: settings
                .books_of(partition)
                .map(wanted)
                .collect::<Result<_, _>>()?,
            elsewhere: elsewhere.collect(),
            file_hash: settings.origin.blake3,
        })
    }

    /// Refuse what may not change and name what differs.
    pub(super) fn check(
        &self,
        engine: &Engine,
        setups: &[[u8; 32]],
    ) -> Result<Vec<String>, BookFault> {
        let mut warnings = Vec::new();
        for (book, setup) in engine.books().iter().zip(setups) {
            let moved = self.elsewhere.iter().find(|(name, _)| name == book.name());
            if let Some((name, configured)) = moved {
                return Err(BookFault::Moved {
                    book: name.clone(),
                    journaled: self.partition,
                    configured: *configured,
                });
            }
            let Some(wanted) = self.wanted.iter().find(|one| one.name == book.name()) else {
                warnings.push(format!(
                    "the book {} has records but is not configured; its jobs are still taken",
                    book.name()
                ));
                continue;
            };
            if *setup != self.file_hash {
                let differences = books::differences(book, wanted);
                if !differences.is_empty() {
                    warnings.push(format!(
                        "the configuration of book {} differs from the book in: {}; use \
                         reference.set to change a book that has begun",
                        book.name(),
                        differences.join(", ")
                    ));
                }
            }
        }
        Ok(warnings)
    }

    /// The books that are to begin.
    pub(super) fn new_books(&self, engine: &Engine) -> Result<Vec<&Wanted>, BookFault> {
        books::new_books(engine, &self.wanted)
    }

    /// Note the start, set new books up, and make both durable.
    pub(super) fn begin<D: Disk>(
        &self,
        engine: &mut Engine,
        store: &mut Store<D>,
        now: Timestamp,
        ending: &Ending,
    ) -> Result<(), OpenFault> {
        let new = self.new_books(engine)?;
        let mut commit = engine.begin(now);
        let start = StartRecord {
            version: env!("CARGO_PKG_VERSION").into(),
            build: option_env!("KONTOR_COMMIT").unwrap_or("unknown").into(),
            after_unclean_stop: !ending.clean,
        };
        engine.note(Record::Start(start), &mut commit);
        for wanted in new {
            books::set_up(engine, wanted, self.file_hash, &mut commit)?;
        }
        engine.finish(&mut commit);
        store.append(&commit)?;
        store.flush()?;
        Ok(())
    }
}

/// A book of the settings in the engine's words.
fn wanted(book: &settings::Book) -> Result<Wanted, BookFault> {
    let setup = setup_of(book)?;
    Ok(Wanted {
        name: book.name.clone(),
        functional_unit: book.functional_unit.clone(),
        time_zone: book.time_zone.clone(),
        effects: setup.effects,
        legs: setup.legs,
    })
}

/// What a book begins with, from its members in the configuration.
///
/// A member that would promise a protection which this release does not give is refused: whoever
/// wrote it would rely on it. So is personal text, which has no place in a file for everybody.
pub fn setup_of(book: &settings::Book) -> Result<Setup, BookFault> {
    let unit = book.functional_unit.iter();
    // A code has no letter that JSON would write otherwise.
    let unit = unit.map(|code| ("functional_unit".to_owned(), format!("\"{code}\"")));
    let members = book.reference.iter();
    let members = members.map(|(name, value)| (name.clone(), value.to_string()));
    compiled(unit.chain(members).collect()).map_err(|source| BookFault::Setup {
        book: book.name.clone(),
        source,
    })
}

/// Members that name what stands in others: once one of these is left out, they prove nothing.
const NAMING: [&str; 4] = ["open_items", "invoices", "subscriptions", "personal_text"];

/// Every mistake in what a book is to begin with, in the order in which they are found.
pub fn mistakes_of(book: &settings::Book) -> Vec<Mistake> {
    let mut written = book.written.clone();
    let mut mistakes: Vec<Mistake> = Vec::new();
    let mut whole = true;
    while let Err(SetupFault { member, path, what }) = compiled(written.members()) {
        let first = path.split('/').nth(1).unwrap_or_default();
        let follows = !whole && NAMING.contains(&first);
        let Some(TakenOut { place, key, itself }) = written.take_out(&path) else {
            // It is the whole that is wrong.
            let (place, key) = (Place::Default, format!("book.{member}"));
            mistakes.push(Mistake {
                place,
                key,
                problem: what,
            });
            break;
        };
        // What was taken out is missing now, which is not a mistake of the operator's.
        let known = mistakes.iter().any(|said| {
            let rest = said.key.strip_prefix(&key);
            let below = rest.is_some_and(|rest| rest.starts_with(['.', '[']));
            (!itself && said.key == key) || (below && what.contains("missing"))
        });
        if !known && !follows {
            let problem = what;
            mistakes.push(Mistake {
                place,
                key,
                problem,
            });
        }
        whole &= itself && path.matches('/').count() > 2;
    }
    mistakes
}

/// The effects of members, if this release obeys all of them.
fn compiled(members: Vec<(String, String)>) -> Result<Setup, SetupFault> {
    let refused = |member: &str, what: &str| {
        let (path, what) = (format!("/{member}"), what.to_owned());
        let member = member.to_owned();
        Err(SetupFault { member, path, what })
    };
    let members = members.into_iter();
    let members: Vec<(String, RawJson)> = members
        .map(|(name, value)| (name, RawJson::new(value)))
        .collect();
    let setup = setup::compile(&members)?;
    if let Some(member) = setup.unobeyed.first() {
        return refused(
            member,
            "not built yet; take it out, this release would not obey it",
        );
    }
    if !setup.personal.is_empty() {
        let what = "personal text does not belong into a configuration; send it by account.update";
        return refused("personal_text", what);
    }
    Ok(setup)
}
