//! Which directories a restore reads and writes. What is restored stands under a passing name until
//! it is whole, so that nobody finds half of it.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::command::Unusable;
use crate::command::open_books::{owned, partition_number};
use crate::journal::file::disk::OsDisk;
use crate::partition::MANIFEST_FILE;
use crate::vault::KEK_FILE;

/// The backup of one partition.
#[derive(Debug)]
pub(super) struct Source {
    /// Its number.
    pub(super) partition: u16,
    /// Its directory.
    pub(super) path: PathBuf,
}

/// Where one is restored.
#[derive(Debug)]
pub(super) struct Target {
    /// The directory when it is whole.
    pub(super) path: PathBuf,
    /// The directory until then.
    pub(super) work: PathBuf,
    base: PathBuf,
    /// Whether what stands under the passing name is of no use to anybody.
    unfinished: bool,
}

/// The key that opens the keys of texts, in a file.
#[derive(Debug)]
pub(super) struct Kek(PathBuf);

/// The partitions of a backup, in order.
pub(super) fn sources(base: &Path, only: Option<u16>) -> anyhow::Result<Vec<Source>> {
    let is_backup = |path: &Path| path.join(MANIFEST_FILE).exists();
    let mut found = Vec::new();
    if is_backup(base) {
        found.push(Source {
            partition: partition_number(base).unwrap_or_default(),
            path: base.to_owned(),
        });
    } else {
        let listed = fs::read_dir(base).map_err(|fault| {
            let words = format!("{} cannot be read: {fault}", base.display());
            Unusable(words)
        })?;
        for entry in listed {
            let path = entry?.path();
            if let Some(partition) = partition_number(&path).filter(|_| is_backup(&path)) {
                found.push(Source { partition, path });
            }
        }
    }
    found.retain(|source| only.is_none_or(|only| only == source.partition));
    found.sort_by_key(|source| source.partition);
    if found.is_empty() {
        let words = match only {
            Some(only) => format!("{} has no backup of partition {only}", base.display()),
            None => format!(
                "{} holds no backup; `kontor backup` makes one",
                base.display()
            ),
        };
        return Err(Unusable(words).into());
    }
    Ok(found)
}

impl Target {
    /// A place in a state directory for a partition that is not there yet.
    pub(super) fn below(base: &Path, source: &Source) -> anyhow::Result<Self> {
        let name = format!("p{}", source.partition);
        let (path, work) = (base.join(&name), base.join(format!("{name}.restoring")));
        let occupied = match fs::read_dir(&path) {
            Ok(mut entries) => entries.next().is_some(),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => false,
            Err(fault) => return Err(fault).context(format!("{} cannot be read", path.display())),
        };
        if occupied {
            let words = format!(
                "{} is not empty; a restore goes into an empty directory: move it away first, and \
                 keep it",
                path.display()
            );
            return Err(Unusable(words).into());
        }
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(base);
        made.with_context(|| format!("could not make {}", base.display()))?;
        owned(base)?;
        match fs::DirBuilder::new().mode(0o700).create(&work) {
            Ok(()) => Ok(Self {
                path,
                work,
                base: base.to_owned(),
                unfinished: true,
            }),
            Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {
                let words = format!(
                    "{} is there: another restore is at work, or was killed; remove it if none is",
                    work.display()
                );
                Err(Unusable(words).into())
            }
            Err(fault) => Err(fault).context(format!("could not make {}", work.display())),
        }
    }

    /// Give it its name, durably.
    pub(super) fn finish(&mut self) -> anyhow::Result<()> {
        fs::rename(&self.work, &self.path)
            .and_then(|()| fs::File::open(&self.base)?.sync_all())
            .with_context(|| format!("could not put {} in its place", self.path.display()))?;
        self.unfinished = false;
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if self.unfinished {
            // Why it was not finished has been told.
            let _left = fs::remove_dir_all(&self.work);
        }
    }
}

impl Kek {
    /// The one that the command line names for a partition.
    pub(super) fn given(path: Option<&Path>, source: &Source) -> Option<Self> {
        let path = path?;
        let below = path.join(format!("p{}", source.partition)).join(KEK_FILE);
        Some(Self(if path.is_dir() {
            below
        } else {
            path.to_owned()
        }))
    }

    /// The one in a state directory, if it is there.
    pub(super) fn in_state(dir: &Path, source: &Source) -> Option<Self> {
        let kek = Self::given(Some(dir), source);
        kek.filter(|kek| kek.0.exists())
    }

    /// As a directory and a name in it.
    pub(super) fn on_disk(self) -> (OsDisk, String) {
        let name = self.0.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let directory = self
            .0
            .parent()
            .filter(|above| !above.as_os_str().is_empty());
        (OsDisk::new(directory.unwrap_or(Path::new("."))), name)
    }
}
