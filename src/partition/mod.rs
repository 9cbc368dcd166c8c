//! A partition's state directory: opened under its lock, recovered, replayed, ready to be written.
//!
//! ```text
//! p0/
//!   lock frontier segment-… spare    the journal's
//!   secret                           of hashes; without it no key can be found again
//!   kek subjects.keys                keys of personal texts
//!   cursor                           how far outcomes are confirmed
//!   marker                           after two falls in a row: the job that is being tried alone
//!   snapshot-… keys-…                what bounds the time of a start
//!   building                         who writes these two
//!   orders                           a socket: what commands want recorded while a daemon runs
//!   missing-…                        after a restore: outcomes that it had to leave out
//! ```
//!
//! Nothing is believed before the lock is held, and nothing is consumed before this returns. The
//! order matters: other durable files are read first, because they are evidence of what the journal
//! must have; then the journal is recovered; then the books are rebuilt from it.
//!
//! It does not run anything: stations, lanes and timers are the daemon's.

mod accept;
mod books;
mod building;
mod carried;
mod claim;
mod cold;
mod config;
mod load;
mod reading;
mod recorder;
mod saver;
mod secrets;
mod siblings;
mod snapshots;
mod texts;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use accept::{accept, missing_file};
pub use books::{BookFault, SetUpFault, Wanted};
pub use claim::{Claim, MANIFEST_FILE, Place};
pub use cold::{KeyLookup, Shelf};
pub use config::{mistakes_of, setup_of};
pub use load::{KeysWanted, LastCommit, LoadFault, Loaded, Progress, Tell, load};
pub use reading::Earlier;
pub use recorder::Recorder;
pub use saver::Saver;
pub use secrets::Secrets;
pub use snapshots::{BuildFault, Built, Event, Schedule, Snapshots, Taker, build};
pub use texts::AccountTexts;

use building::Building;
use config::Config;
use snapshots::catch_up;

use crate::engine::Engine;
use crate::ids::{Lineage, Position};
use crate::journal::ending::Ending;
use crate::journal::file::disk::{Disk, OsDisk};
use crate::journal::file::{self, FileJournal, JournalId, Options, Recovered, Until};
use crate::journal::marker::{self, Markers};
use crate::journal::snapshot::{self, SnapshotFault};
use crate::journal::{Cursor, History, JournalFault, Store, Told};
use crate::ledger::{Inconsistent, NameTable};
use crate::pipeline::persist::Frontier;
use crate::settings::Settings;
use crate::time::Clock;
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
    /// The directory is a backup: a daemon that went on there would give its numbers again.
    #[error("{} is a backup; `kontor restore` makes a state directory of it", path.display())]
    Backup {
        /// The directory.
        path: PathBuf,
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
    #[error(
        "could not {doing} {}: {source}; journal.dir must lie on a local disk that kontor may \
         write to", path.display()
    )]
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
            Self::Load(LoadFault::Keys(fault)) | Self::Snapshot(fault) if fault.is_damage() => 65,
            Self::Book(_)
            | Self::NotAccepted { .. }
            | Self::Backup { .. }
            | Self::NotLocal { .. } => 78,
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
    /// Secrets derived from the journal's.
    pub secrets: Secrets,
    /// Keys of personal texts.
    pub vault: Vault<D>,
    /// The journal.
    pub store: Store<D>,
    /// Up to where it is durable.
    pub frontier: Frontier,
    /// Reads past entries.
    pub past: History<D>,
    /// Looks up keys that the engine does not hold.
    pub cold: KeyLookup<D>,
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
    /// The marker, if messages must go one at a time because these runs got nowhere.
    pub markers: Option<Markers>,
    /// A torn tail that was cut, in words.
    pub cut: Option<String>,
    /// Whether neither of the files that say how far the journal reaches was there.
    pub unwitnessed: bool,
    /// What differs between configuration and books, in words.
    pub warnings: Vec<String>,
    /// Snapshots that could not be used or written, in words.
    pub passed_over: Vec<String>,
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
        let (partition, disk) = (claim.partition, claim.disk.clone());
        let Rebuilt {
            file,
            recovered,
            told,
            unwitnessed,
            secret,
            secrets,
            loaded,
            newest,
        } = rebuild(settings, claim, progress)?;
        let vault = vault(&disk, &secret, &recovered, &loaded.ending)?;
        let Loaded {
            mut engine,
            snapshot,
            waypoints,
            ending,
            setups,
            replayed_jobs,
            passed_over,
            cold,
            ..
        } = loaded;
        let free_bytes_min = settings.journal.free_bytes_min;
        let mut store = Store::new(file, disk.clone(), waypoints, free_bytes_min);
        let config = Config::of(settings, partition)?;
        let warnings = config.check(&engine, &setups)?;
        siblings::check(settings, partition, &config.new_books(&engine)?)?;
        config.begin(&mut engine, &mut store, clock.now(), &ending)?;
        let markers = markers(&disk, &ending, settings.broker.prefetch)?;
        let cursor = Cursor::open(&disk, recovered.journal, told, Position(0))?;
        let history = store.history();
        let until = Position(history.durable().position);
        let earlier = Earlier::new(history.clone(), cursor.position(), until);
        let shelf = Arc::new(Shelf::holding(cold));
        let cold = KeyLookup::new(Arc::clone(&shelf), history.clone());
        let snapshots = Snapshots::new(history.clone(), secrets.clone(), schedule(settings), shelf)
            .behind(newest.0, newest.1);
        Ok(Opened {
            journal_id: hex(recovered.journal),
            names: NameTable::of_books(engine.books()).known_until(until),
            engine,
            secrets,
            vault,
            store,
            frontier: Frontier::at(until),
            past: history.clone(),
            cold,
            outcomes: history,
            published: cursor.position(),
            cursor,
            earlier,
            ending,
            markers,
            cut: recovered.cut.as_ref().map(cut_in_words),
            unwitnessed,
            warnings,
            passed_over,
            replayed_jobs,
            snapshot,
            snapshots,
        })
    }
}

/// A partition whose books are as its journal says, and nothing written behind it yet.
struct Rebuilt<D: Disk> {
    file: FileJournal<D>,
    recovered: Recovered,
    told: Option<Told>,
    unwitnessed: bool,
    secret: JournalSecret,
    secrets: Secrets,
    loaded: Loaded,
    /// The newest snapshot, and the bytes of records behind it.
    newest: (Option<Position>, u64),
}

/// Recover the journal, with the other durable files as evidence, and rebuild the books from it.
fn rebuild<D: Disk>(
    settings: &Settings,
    claim: Claim<D>,
    progress: &mut dyn FnMut(u64),
) -> Result<Rebuilt<D>, OpenFault> {
    let Claim { disk, lock, .. } = claim;
    let told = Cursor::read(&disk)?;
    let of_cursor = told.map(|told| told.evidence()).unwrap_or_default();
    let evidence = of_cursor.and(snapshot::evidence(&disk)?);
    let options = Options {
        segment_bytes: settings.journal.segment_bytes,
    };
    let said = file::Frontier::read(&disk).map_err(JournalFault::from)?;
    let (file, recovered) = FileJournal::open_locked(disk.clone(), lock, options, evidence)?;
    file::check_archive(&disk).map_err(JournalFault::from)?;
    let has_records = recovered.frontier.position > 0;
    let unwitnessed = has_records && told.is_none() && said.is_none();
    let secret = journal_secret(&disk, &recovered)?;
    let secrets = Secrets::of(&secret);
    let until = Until::Frontier(recovered.frontier);
    let mut tell = |at: Progress| {
        progress(at.percent());
        ControlFlow::Continue(())
    };
    // While a command takes a snapshot, or on a disk without room for the lock, keys that are too
    // many for a file of their own stay in memory.
    let building = Building::begin(&disk);
    let keys = match building {
        Ok(_) => KeysWanted::Kept,
        Err(_) => KeysWanted::Found,
    };
    let mut loaded = load(&disk, &secrets, until, keys, &mut tell)?;
    let mut newest = (loaded.snapshot, loaded.replayed_bytes);
    if keys == KeysWanted::Kept {
        newest = catch_up(&disk, &mut loaded, schedule(settings))?;
    }
    drop(building);
    Ok(Rebuilt {
        file,
        recovered,
        told,
        unwitnessed,
        secret,
        secrets,
        loaded,
        newest,
    })
}

/// When snapshots are due.
fn schedule(settings: &Settings) -> Schedule {
    Schedule {
        jobs: settings.journal.snapshot_jobs,
        bytes: settings.journal.snapshot_bytes,
    }
}

/// The state directory of a partition.
pub fn directory(settings: &Settings, partition: u16) -> PathBuf {
    settings.journal.dir.join(format!("p{partition}"))
}

/// Where the old segments of a partition go, if anywhere.
pub fn archive_of(settings: &Settings, partition: u16) -> Option<PathBuf> {
    let archive = settings.journal.archive_dir.as_ref()?;
    Some(archive.join(format!("p{partition}")))
}

/// The state directory of a partition for reading and writing, with its archive.
pub fn disk_of(settings: &Settings, partition: u16) -> OsDisk {
    OsDisk::new(directory(settings, partition)).with_archive(archive_of(settings, partition))
}

/// The marker, if one window of messages must go one at a time: the runs before got nowhere, or the
/// last one ended in the middle of a job that went alone, however many had gone well before it.
fn markers<D: Disk>(
    disk: &D,
    ending: &Ending,
    prefetch: u16,
) -> Result<Option<Markers>, JournalFault> {
    let nowhere = ending.got_nowhere(u64::from(prefetch));
    if nowhere || !ending.clean && marker::names_a_job(disk)? {
        return Markers::begin(disk).map(Some);
    }
    marker::forget(disk)?;
    Ok(None)
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
