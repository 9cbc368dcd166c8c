//! The books of a state directory, opened beside whoever writes to it.
//!
//! Reading takes no lock, cuts nothing and writes nothing. It goes as far as the writer has said
//! that everything is synced; without a writer's word as far as whole frames go.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Globals, Unusable};
use crate::ids::{BookIndex, Position};
use crate::jobs::query::{Entries, PastUnreadable};
use crate::journal::file::disk::{OsDisk, is_ours};
use crate::journal::file::{Until, known};
use crate::journal::{History, JournalFault};
use crate::ledger::{Book, Leg, Post};
use crate::partition::{KeysWanted, Loaded, OpenFault, Progress, Secrets, load};
use crate::settings::Settings;
use crate::vault::{JournalSecret, SECRET_FILE};

/// What a partition's directory is called, before its number.
const PARTITION: &str = "p";

/// Which books to read.
#[derive(Debug, Args)]
pub struct Where {
    /// Book; may be left out if there is only one
    #[arg(long, value_name = "BOOK")]
    pub book: Option<String>,
    #[command(flatten)]
    /// Which directory.
    pub dir: Directory,
}

/// Which state directory to read.
#[derive(Clone, Debug, Args)]
pub struct Directory {
    /// State directory, or the directory of one partition [default: journal.dir of the settings]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Archive of old segments [default: journal.archive_dir of the settings]
    #[arg(long, value_name = "DIR")]
    pub archive_dir: Option<PathBuf>,
}

/// A book of a journal that was read.
pub struct OpenBook {
    /// Everything that was read.
    pub loaded: Loaded,
    /// Secrets of the journal, by which keys are found.
    pub secrets: Secrets,
    /// Its commits.
    pub history: History<OsDisk>,
    /// Its directory, where the keys of personal texts are.
    pub disk: OsDisk,
    /// Which of the books.
    pub index: BookIndex,
}

/// A journal to be read.
pub struct OpenJournal {
    /// Its directory.
    pub path: PathBuf,
    /// The same for reading.
    pub disk: OsDisk,
    /// Its secrets.
    pub secrets: Secrets,
    /// How far it may be read.
    pub until: Until,
}

impl Directory {
    /// The journals of the partitions found there, in order.
    pub fn journals(&self, globals: &Globals) -> anyhow::Result<Vec<OpenJournal>> {
        let archive = self.archive(globals);
        let base = match &self.dir {
            Some(dir) => dir.clone(),
            None => globals.settings()?.journal.dir,
        };
        let paths = partitions(&base)?;
        let open = |path| OpenJournal::open(path, archive.as_deref());
        paths.into_iter().map(open).collect()
    }

    /// Where old segments are, as far as anybody says. It is looked into only for those that are
    /// not in the directory.
    fn archive(&self, globals: &Globals) -> Option<PathBuf> {
        let settings = || globals.settings().ok()?.journal.archive_dir;
        self.archive_dir.clone().or_else(settings)
    }
}

/// The number of the partition whose directory has this name.
pub(super) fn partition_number(path: &Path) -> Option<u16> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix(PARTITION)?.parse().ok()
}

/// The settings with which the directory of one partition is opened for writing, wherever it
/// stands, and its number.
pub(super) fn settings_of(path: &Path, settings: &Settings) -> Result<(Settings, u16), Unusable> {
    let (Some(partition), Some(above)) = (partition_number(path), path.parent()) else {
        let words = format!("{} is not called as partitions are (p0)", path.display());
        return Err(Unusable(words));
    };
    let mut there = settings.clone();
    above.clone_into(&mut there.journal.dir);
    Ok((there, partition))
}

/// Refuse to write in a directory of another user: the daemon could not read what this one makes.
pub(super) fn owned(path: &Path) -> anyhow::Result<()> {
    let ours = is_ours(path).with_context(|| format!("{} cannot be looked at", path.display()))?;
    if ours {
        return Ok(());
    }
    let words = format!(
        "{} belongs to another user, who could not read what this one writes; run this as its \
         owner (sudo -u kontor kontor …)",
        path.display()
    );
    Err(Unusable(words).into())
}

/// The directories of partitions in a state directory; the directory itself if it is one.
pub(super) fn partitions(base: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if base.join(SECRET_FILE).exists() {
        return Ok(vec![base.to_owned()]);
    }
    let unreadable = |fault: std::io::Error| {
        let base = base.display();
        let missing = fault.kind() == std::io::ErrorKind::NotFound;
        JournalFault::Io(if missing {
            format!(
                "{base} is not there: name the state directory with --dir; the first `kontor run` \
                 begins one"
            )
        } else {
            format!("{base} cannot be read: {fault}")
        })
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(base).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if let Some(number) = partition_number(&path) {
            found.push((number, path));
        }
    }
    found.sort();
    if found.is_empty() {
        let problem = format!(
            "{} holds no partition (p0, p1, …): name the state directory with --dir",
            base.display()
        );
        return Err(JournalFault::Io(problem).into());
    }
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

impl OpenJournal {
    /// What its directory is called among those of a state directory.
    pub fn partition_name(&self) -> String {
        let number = partition_number(&self.path).unwrap_or_default();
        format!("{PARTITION}{number}")
    }

    /// One in a directory, with the archive of its state directory if it has one.
    pub fn open(path: PathBuf, archive: Option<&Path>) -> anyhow::Result<Self> {
        let archive = archive.zip(path.file_name());
        let archive = archive.map(|(archive, name)| archive.join(name));
        let disk = OsDisk::new(&path).with_archive(archive);
        let secret = JournalSecret::load(&disk)?;
        let until = known(&disk).map(Until::Frontier);
        let secret = secret.ok_or_else(|| {
            let path = path.join(SECRET_FILE);
            if until.is_ok() {
                return anyhow::Error::new(OpenFault::SecretMissing { path });
            }
            let words = format!("{} is missing: no journal begun there", path.display());
            JournalFault::Io(words).into()
        })?;
        let until = until?;
        Ok(Self {
            path,
            disk,
            secrets: Secrets::of(&secret),
            until,
        })
    }

    /// Rebuild its books, with a progress bar if that takes long and somebody watches.
    pub fn load(&self, keys: KeysWanted) -> anyhow::Result<Loaded> {
        let bar = bar("reading");
        let loaded = load(&self.disk, &self.secrets, self.until, keys, &mut |at| {
            show(&bar, at);
            ControlFlow::Continue(())
        });
        bar.finish_and_clear();
        loaded.with_context(|| format!("{} cannot be read", self.path.display()))
    }
}

/// A progress bar on standard error; it shows only on a terminal.
pub fn bar(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(what);
    match ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_fault) => bar,
    }
}

/// Move a bar along.
pub fn show(bar: &ProgressBar, at: Progress) {
    bar.set_length(at.of);
    bar.set_position(at.done);
}

impl Where {
    /// Read the journal that holds the book.
    pub fn open(&self, globals: &Globals) -> anyhow::Result<OpenBook> {
        self.open_with(globals, KeysWanted::None)
    }

    /// Read it and, if wanted, what leads from keys to outcomes.
    pub fn open_with(&self, globals: &Globals, keys: KeysWanted) -> anyhow::Result<OpenBook> {
        let mut known = Vec::new();
        let mut found = Vec::new();
        for journal in self.dir.journals(globals)? {
            let loaded = journal.load(keys)?;
            let books = loaded.engine.books().iter().map(Book::name);
            let books: Vec<String> = books.map(str::to_owned).collect();
            let wanted = |name: &String| self.book.as_ref().is_none_or(|book| book == name);
            let place = books.iter().position(wanted);
            known.extend(books);
            if let Some(index) = place.and_then(|place| u16::try_from(place).ok()) {
                found.push(OpenBook::of(journal, loaded, BookIndex(index))?);
                if self.book.is_some() {
                    break;
                }
            }
        }
        match found.pop() {
            Some(book) if self.book.is_some() || known.len() == 1 => Ok(book),
            Some(_) | None => Err(self.not_found(&known).into()),
        }
    }

    fn not_found(&self, known: &[String]) -> Unusable {
        let books = known.join(", ");
        Unusable(match &self.book {
            Some(book) => format!("there is no book {book:?}; there are: {books}"),
            None if known.is_empty() => "the journal has no book yet".to_owned(),
            None => format!("which book? name it with --book; there are: {books}"),
        })
    }
}

impl OpenBook {
    fn of(journal: OpenJournal, mut loaded: Loaded, index: BookIndex) -> anyhow::Result<Self> {
        let waypoints = std::mem::take(&mut loaded.waypoints);
        let durable = match (journal.until, loaded.frontier) {
            (Until::Frontier(frontier), _) | (Until::End, Some(frontier)) => frontier,
            (Until::End, None) => return Err(anyhow::anyhow!("the journal has no end")),
        };
        let history = History::read_only(journal.disk.clone(), waypoints, durable);
        Ok(Self {
            loaded,
            secrets: journal.secrets,
            history,
            disk: journal.disk,
            index,
        })
    }

    /// The book.
    pub fn book(&self) -> anyhow::Result<&Book> {
        let book = self.loaded.engine.book(self.index);
        book.context("the book is not among those that were read; report this")
    }
}

impl Entries for OpenBook {
    fn each(&self, visit: &mut dyn FnMut(&Post, &[Leg])) -> Result<(), PastUnreadable> {
        let unreadable = |fault: JournalFault| PastUnreadable {
            reason: fault.to_string(),
        };
        let mut commits = self.history.commits_from(Position(1)).map_err(unreadable)?;
        while let Some(found) = commits.next().map_err(unreadable)? {
            found.commit.entries_of(self.index, visit);
        }
        Ok(())
    }
}
