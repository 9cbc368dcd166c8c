//! A partition's state directory: opened under its lock, recovered, replayed, ready to be written.
//!
//! ```text
//! p0/
//!   lock frontier segment-… spare    the journal's
//!   secret                           of hashes; without it no key can be found again
//!   kek subjects.keys                keys of personal texts
//!   cursor                           how far outcomes are confirmed
//!   snapshot-… keys-…                what bounds the time of a start
//! ```
//!
//! Nothing is believed before the lock is held, and nothing is consumed before this returns. The
//! order matters: other durable files are read first, because they are evidence of what the journal
//! must have; then the journal is recovered; then the books are rebuilt from it.
//!
//! It does not run anything: stations, lanes and timers are the daemon's.

mod books;
mod carried;
mod claim;
mod load;
mod reading;
mod saver;
mod secrets;
mod snapshots;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

pub use books::{BookFault, SetUpFault, Wanted};
pub use claim::{Claim, Place};
pub use load::{KeysWanted, LastCommit, LoadFault, Loaded, Progress, Tell, load};
pub use reading::Earlier;
pub use saver::Saver;
pub use secrets::Secrets;
pub use snapshots::{BuildFault, Built, Event, Schedule, Snapshots, Taker, build};

use crate::engine::Engine;
use crate::ids::{Lineage, Position};
use crate::jobs::setup::{self, Setup, SetupFault};
use crate::journal::ending::Ending;
use crate::journal::file::disk::{Disk, OsDisk};
use crate::journal::file::{self, FileJournal, JournalId, Options, Recovered, Until};
use crate::journal::snapshot::{self, SnapshotFault};
use crate::journal::{Cursor, History, Journal as _, JournalFault, Store};
use crate::ledger::commit::StartRecord;
use crate::ledger::{Inconsistent, NameTable, Record};
use crate::pipeline::persist::Frontier;
use crate::raw_json::RawJson;
use crate::settings::{self, Settings};
use crate::time::Clock;
use crate::time::Timestamp;
use crate::vault::{Before, JournalSecret, SECRET_FILE, Vault, VaultFault};

/// Why a partition cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// Another process writes there.
    #[error(transparent)]
    Locked(file::Fault),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalFault),
    /// Its commits.
    #[error(transparent)]
    Load(#[from] LoadFault),
    /// Keys and secrets.
    #[error(transparent)]
    Vault(#[from] VaultFault),
    /// The snapshots cannot be looked at.
    #[error(transparent)]
    Snapshot(#[from] SnapshotFault),
    /// The configuration contradicts the journal.
    #[error(transparent)]
    Book(#[from] BookFault),
    /// A new book could not be set up.
    #[error("{0}; this is a mistake of kontor's")]
    Inconsistent(#[from] Inconsistent),
    /// There are records that only the lost secret can be matched with.
    #[error(
        "{} is missing beside a journal with records; restore it from its backup: with another one \
         every key sent before would look new", path.display()
    )]
    SecretMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The directory was restored, and nobody has looked yet at what is missing.
    #[error(
        "{} was restored (lineage {lineage}) and not accepted: run `kontor restore --accept`, \
         which prints what was acknowledged and is now missing", path.display()
    )]
    NotAccepted {
        /// The directory.
        path: PathBuf,
        /// The lineage that the restore began.
        lineage: Lineage,
    },
    /// The directory is on another machine.
    #[error(
        "{} is on {system}, a file system over the network: its locks and syncs cannot be relied \
         on; use a local disk", path.display()
    )]
    NotLocal {
        /// The directory.
        path: PathBuf,
        /// What the file system is called.
        system: &'static str,
    },
    /// The directory.
    #[error("could not {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl From<file::Fault> for OpenFault {
    fn from(fault: file::Fault) -> Self {
        if matches!(fault, file::Fault::Locked { .. }) {
            Self::Locked(fault)
        } else {
            Self::Journal(fault.into())
        }
    }
}

impl From<SetUpFault> for OpenFault {
    fn from(fault: SetUpFault) -> Self {
        match fault {
            SetUpFault::Book(fault) => Self::Book(fault),
            SetUpFault::Inconsistent(fault) => Self::Inconsistent(fault),
        }
    }
}

impl OpenFault {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Journal(JournalFault::Damaged(_))
            | Self::Load(
                LoadFault::Journal(JournalFault::Damaged(_))
                | LoadFault::Inconsistent { .. }
                | LoadFault::Digest { .. },
            )
            | Self::Inconsistent(_)
            | Self::SecretMissing { .. } => 65,
            Self::Vault(fault) if fault.is_damage() => 65,
            Self::Book(_) | Self::NotAccepted { .. } | Self::NotLocal { .. } => 78,
            Self::Locked(_)
            | Self::Journal(_)
            | Self::Load(_)
            | Self::Vault(_)
            | Self::Snapshot(_)
            | Self::Io { .. } => 74,
        }
    }
}

/// An open partition.
pub struct Opened<D: Disk = OsDisk> {
    /// Name of the journal.
    pub journal_id: String,
    /// The engine with its books.
    pub engine: Engine,
    /// Secret of key hashes and fingerprints.
    pub secret: [u8; 32],
    /// Keys of personal texts.
    pub vault: Vault<D>,
    /// The journal.
    pub store: Store<D>,
    /// Up to where it is durable.
    pub frontier: Frontier,
    /// Reads past entries.
    pub past: History<D>,
    /// Reads first outcomes.
    pub outcomes: History<D>,
    /// Names.
    pub names: NameTable,
    /// Up to where outcomes are published.
    pub published: Position,
    /// The cursor.
    pub cursor: Cursor<D>,
    /// Commits whose outcomes are not published.
    pub earlier: Earlier<D>,
    /// How the runs before this one ended.
    pub ending: Ending,
    /// A torn tail that was cut, in words.
    pub cut: Option<String>,
    /// What differs between configuration and books, in words.
    pub warnings: Vec<String>,
    /// Jobs replayed behind the snapshot.
    pub replayed_jobs: u64,
    /// The snapshot that the start began with.
    pub snapshot: Option<Position>,
    /// Takes further snapshots, once started.
    pub snapshots: Snapshots<D>,
}

/// Opens partitions.
#[derive(Debug)]
pub struct Partition;

impl Partition {
    /// Open the directory of a partition for writing, or begin it.
    pub fn open<D: Disk>(
        settings: &Settings,
        claim: Claim<D>,
        clock: &dyn Clock,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Opened<D>, OpenFault> {
        let Claim {
            partition,
            disk,
            lock,
        } = claim;
        let told = Cursor::read(&disk)?;
        let of_cursor = told.map(|told| told.evidence()).unwrap_or_default();
        let evidence = of_cursor.and(snapshot::evidence(&disk)?);
        let options = Options {
            segment_bytes: settings.journal.segment_bytes,
        };
        let (file, recovered) = FileJournal::open_locked(disk.clone(), lock, options, evidence)?;
        let secret = journal_secret(&disk, &recovered)?;
        let secrets = Secrets::of(&secret);
        let until = Until::Frontier(recovered.frontier);
        let mut tell = |at: Progress| {
            progress(at.percent());
            ControlFlow::Continue(())
        };
        let loaded = load(&disk, &secrets, until, KeysWanted::All, &mut tell)?;
        let vault = vault(&disk, &secret, &recovered, &loaded.ending)?;
        let (snapshot, behind_bytes) = (loaded.snapshot, loaded.replayed_bytes);
        let Loaded {
            mut engine,
            waypoints,
            ending,
            setups,
            replayed_jobs,
            passed_over,
            ..
        } = loaded;
        let free_bytes_min = settings.journal.free_bytes_min;
        let mut store = Store::new(file, disk.clone(), waypoints, free_bytes_min);
        let config = Config::of(settings, partition)?;
        let mut warnings = config.check(&engine, &setups)?;
        warnings.extend(passed_over);
        config.begin(&mut engine, &mut store, clock.now(), &ending)?;
        let cursor = Cursor::open(&disk, recovered.journal, told, Position(0))?;
        let history = store.history();
        let until = Position(history.durable().position);
        let earlier = Earlier::new(history.clone(), cursor.position(), until);
        let schedule = Schedule {
            jobs: settings.journal.snapshot_jobs,
            bytes: settings.journal.snapshot_bytes,
        };
        let snapshots = Snapshots::new(history.clone(), secrets.clone(), schedule)
            .behind(snapshot, behind_bytes);
        Ok(Opened {
            journal_id: hex(recovered.journal),
            names: NameTable::of_books(engine.books()).known_until(until),
            engine,
            secret: secrets.fingerprint,
            vault,
            store,
            frontier: Frontier::at(until),
            past: history.clone(),
            outcomes: history,
            published: cursor.position(),
            cursor,
            earlier,
            ending,
            cut: recovered.cut.as_ref().map(cut_in_words),
            warnings,
            replayed_jobs,
            snapshot,
            snapshots,
        })
    }
}

/// The state directory of a partition.
pub fn directory(settings: &Settings, partition: u16) -> PathBuf {
    settings.journal.dir.join(format!("p{partition}"))
}

/// What the configuration says about a partition's books.
struct Config {
    partition: u16,
    wanted: Vec<Wanted>,
    elsewhere: Vec<(String, u16)>,
    file_hash: [u8; 32],
}

impl Config {
    fn of(settings: &Settings, partition: u16) -> Result<Self, BookFault> {
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
    fn check(&self, engine: &Engine, setups: &[[u8; 32]]) -> Result<Vec<String>, BookFault> {
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

    /// Note the start, set new books up, and make both durable.
    fn begin<D: Disk>(
        &self,
        engine: &mut Engine,
        store: &mut Store<D>,
        now: Timestamp,
        ending: &Ending,
    ) -> Result<(), OpenFault> {
        let new = books::new_books(engine, &self.wanted)?;
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
    let fault = |source| BookFault::Setup {
        book: book.name.clone(),
        source,
    };
    let refused = |member: &str, what: &str| {
        let (member, what) = (member.to_owned(), what.to_owned());
        Err(fault(SetupFault { member, what }))
    };
    let members = book.reference.iter();
    let members: Vec<(String, RawJson)> = members
        .map(|(name, value)| (name.clone(), RawJson::new(value.to_string())))
        .collect();
    let setup = setup::compile(&members).map_err(fault)?;
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

/// The journal's secret; made only for a journal that has no records yet.
fn journal_secret<D: Disk>(disk: &D, recovered: &Recovered) -> Result<JournalSecret, OpenFault> {
    match JournalSecret::load(disk)? {
        Some(secret) => Ok(secret),
        None if recovered.frontier.position == 0 => Ok(JournalSecret::create(disk)?),
        None => Err(OpenFault::SecretMissing {
            path: disk.describe(SECRET_FILE).into(),
        }),
    }
}

/// The keys of personal texts, unless nobody may use the directory yet.
fn vault<D: Disk>(
    disk: &D,
    secret: &JournalSecret,
    recovered: &Recovered,
    ending: &Ending,
) -> Result<Vault<D>, OpenFault> {
    if let Some(lineage) = ending.cut {
        let path = disk.describe("").into();
        return Err(OpenFault::NotAccepted { path, lineage });
    }
    let before = Before {
        has_records: recovered.frontier.position > 0,
        ended_in_order: ending.clean,
    };
    Ok(Vault::open(disk, secret, before)?)
}

fn cut_in_words(cut: &file::Cut) -> String {
    let file::Cut {
        file,
        offset,
        bytes,
        frame,
    } = cut;
    format!(
        "{file}: {bytes} bytes from byte {offset} on, frame {frame}, were not whole and are left \
         out"
    )
}

fn hex(id: JournalId) -> String {
    format!("{:032x}", u128::from_be_bytes(id.0))
}

fn io(doing: &'static str, path: &Path, source: std::io::Error) -> OpenFault {
    OpenFault::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
