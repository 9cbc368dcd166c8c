//! A partition's state directory: opened, recovered, replayed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::engine::{Engine, Secrets};
use crate::ids::{BookIndex, EntryNo, Position};
use crate::journal::file::disk::OsDisk;
use crate::journal::file::{Evidence, FileJournal, Frontier as Durable, Lock, Options};
use crate::journal::store::{Commits, Store};
use crate::journal::{Journal as _, JournalFault};
use crate::ledger::commit::{SetupRecord, StartRecord};
use crate::ledger::plan::{NaturalKeys, PastEntry};
use crate::ledger::{Commit, Inconsistent, NameTable, Record};
use crate::pipeline::outlet::{Cursor, Outcomes};
use crate::pipeline::persist::Frontier;
use crate::pipeline::post::Past;
use crate::settings::Settings;
use crate::time::Clock;
use crate::vault::{JournalSecret, Vault, VaultFault};
use crate::wire::message::key_hash;

/// Why a partition cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// The journal.
    #[error("{0}")]
    Journal(#[from] JournalFault),
    /// Keys and secrets.
    #[error("{0}")]
    Vault(#[from] VaultFault),
    /// Replay.
    #[error("{0}")]
    Inconsistent(#[from] Inconsistent),
    /// The directory.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl From<crate::journal::file::Fault> for OpenFault {
    fn from(fault: crate::journal::file::Fault) -> Self {
        Self::Journal(fault.into())
    }
}

impl OpenFault {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Journal(JournalFault::Damaged(_)) | Self::Inconsistent(_) => 65,
            Self::Journal(_) | Self::Vault(_) | Self::Io { .. } => 74,
        }
    }
}

/// An open partition.
pub struct Opened {
    /// Name of the journal.
    pub journal_id: String,
    /// The engine with its books.
    pub engine: Engine,
    /// Secret of key hashes and fingerprints.
    pub secret: [u8; 32],
    /// Keys of personal texts.
    pub vault: Vault,
    /// The journal.
    pub store: Store<OsDisk>,
    /// Up to where it is durable.
    pub frontier: Frontier,
    /// Reads past entries.
    pub past: ReadBack,
    /// Reads first outcomes.
    pub outcomes: ReadBack,
    /// Names.
    pub names: NameTable,
    /// Up to where outcomes are published.
    pub published: Position,
    /// The cursor.
    pub cursor: CursorFile,
    /// Commits whose outcomes are not published.
    pub earlier: mpsc::Receiver<Arc<Commit>>,
}

/// Opens partitions.
pub struct Partition;

impl Partition {
    /// Open one.
    pub fn open(
        settings: &Settings,
        partition: u16,
        clock: &Arc<dyn Clock>,
        _standby: bool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Opened, OpenFault> {
        let dir = settings.journal.dir.join(format!("p{partition}"));
        std::fs::create_dir_all(&dir).map_err(|source| OpenFault::Io {
            path: dir.clone(),
            source,
        })?;
        let disk = OsDisk::new(&dir);
        let lock = Lock::take(&disk)?;
        let evidence = Durable::read(&disk)?
            .map(Evidence::from)
            .unwrap_or_default();
        let options = Options {
            segment_bytes: settings.journal.segment_bytes,
        };
        let (file, recovered) = FileJournal::open_locked(disk.clone(), lock, options, evidence)?;
        let secret_path = dir.join("secret");
        let secret = match JournalSecret::load(&secret_path)? {
            Some(secret) => secret,
            None if recovered.frontier.position == 0 => JournalSecret::create(&secret_path)?,
            None => {
                let lost = "the file `secret` is missing beside a journal with records";
                return Err(OpenFault::Journal(JournalFault::Io(lost.into())));
            }
        };
        let vault = Vault::open(&dir, &dir.join("kek"), &secret)?;
        let hashes = secret.key_for("fingerprint");
        let seed = secret
            .key_for("accounts")
            .first_chunk()
            .map_or(1, |chunk| u64::from_le_bytes(*chunk));
        let natural = NaturalKeys(secret.key_for("natural"));
        let mut engine = Engine::new(Secrets { natural, seed });
        progress(0);
        let mut commits = Commits::from(disk.clone(), Position(1), recovered.frontier)?;
        while let Some(commit) = commits.next_commit()? {
            engine.replay(&commit, |book, key| key_hash(&hashes, book, key))?;
        }
        let mut store = Store::new(file);
        begin(&mut engine, &mut store, settings, partition, &**clock)?;
        let frontier = Frontier::at(Position(engine.next_position().0.saturating_sub(1)));
        let names = NameTable::of_books(engine.books());
        let cursor = CursorFile(dir.join("outcomes.cursor"));
        let published = cursor.load();
        let (earlier_in, earlier) = mpsc::channel(16);
        let until = frontier.position();
        let reader = ReadBack {
            disk,
            frontier: frontier.clone(),
        };
        let catch_up = reader.clone();
        std::thread::spawn(move || catch_up.hand_over(published, until, &earlier_in));
        Ok(Opened {
            journal_id: recovered
                .journal
                .0
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            engine,
            secret: hashes,
            vault,
            store,
            frontier,
            past: reader.clone(),
            outcomes: reader,
            names,
            published,
            cursor,
            earlier,
        })
    }
}

fn begin(
    engine: &mut Engine,
    store: &mut Store<OsDisk>,
    settings: &Settings,
    partition: u16,
    clock: &dyn Clock,
) -> Result<(), OpenFault> {
    let mut commit = engine.begin(clock.now());
    engine.note(
        Record::Start(StartRecord {
            version: env!("CARGO_PKG_VERSION").into(),
            build: "unknown".into(),
            after_unclean_stop: false,
        }),
        &mut commit,
    );
    for (index, book) in (0..).zip(settings.books_of(partition)) {
        if engine.book(BookIndex(index)).is_some() {
            continue;
        }
        let setup = SetupRecord {
            book: BookIndex(index),
            name: book.name.as_str().into(),
            functional_unit: book.functional_unit.as_deref().map(Into::into),
            time_zone: book.time_zone.as_str().into(),
            file_hash: [0; 32],
            effects: 0..0,
        };
        engine.set_up(setup, &mut commit)?;
    }
    engine.finish(&mut commit);
    store.append(&commit)?;
    store.flush()?;
    Ok(())
}

/// Reads durable commits back.
#[derive(Clone)]
pub struct ReadBack {
    disk: OsDisk,
    frontier: Frontier,
}

impl ReadBack {
    fn commits(&self, from: Position) -> Result<Commits<OsDisk>, String> {
        let frontier = Durable::read(&self.disk).map_err(|fault| fault.to_string())?;
        let frontier = frontier.ok_or("the journal has no frontier file")?;
        Commits::from(self.disk.clone(), from, frontier).map_err(|fault| fault.to_string())
    }

    fn hand_over(&self, published: Position, until: Position, to: &mpsc::Sender<Arc<Commit>>) {
        let Ok(mut commits) = self.commits(published.next()) else {
            return;
        };
        while let Ok(Some(commit)) = commits.next_commit() {
            if commit.first > until || to.blocking_send(commit).is_err() {
                return;
            }
        }
    }
}

impl Outcomes for ReadBack {
    fn commit_at(&self, position: Position) -> Result<Arc<Commit>, String> {
        let found = self
            .commits(position)?
            .next_commit()
            .map_err(|fault| fault.to_string())?;
        found.ok_or_else(|| "the journal ends before it".to_owned())
    }
}

impl Past for ReadBack {
    fn entry(
        &mut self,
        book: BookIndex,
        entry: EntryNo,
        after: Position,
    ) -> Result<Option<PastEntry>, String> {
        while self.frontier.position() < after {
            std::thread::sleep(Duration::from_micros(200));
        }
        let mut commits = self.commits(Position(1))?;
        while let Some(commit) = commits.next_commit().map_err(|fault| fault.to_string())? {
            for record in &commit.records {
                let Record::Job(job) = record else { continue };
                for effect in commit.effects(&job.effects) {
                    if let Some(post) = effect.as_post()
                        && post.number == entry
                        && job.book == book
                    {
                        let legs = commit.legs(&post.legs).to_vec();
                        return Ok(Some(PastEntry {
                            post: post.clone(),
                            legs,
                        }));
                    }
                }
            }
        }
        Ok(None)
    }
}

/// The cursor of published outcomes.
pub struct CursorFile(PathBuf);

impl CursorFile {
    fn load(&self) -> Position {
        std::fs::read_to_string(&self.0)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .map_or(Position(0), Position)
    }
}

impl Cursor for CursorFile {
    fn save(&mut self, position: Position, _sync: bool) -> Result<(), String> {
        let path: &Path = &self.0;
        std::fs::write(path, position.to_string()).map_err(|fault| fault.to_string())
    }
}
