//! The one seam between the journal and the operating system.
//!
//! [`OsDisk`] is a directory of a local file system; the simulator has another implementation that
//! loses, tears and refuses. The trait offers only what the journal needs, each operation with the
//! meaning POSIX gives it after a power cut: written bytes and changed names are there for certain
//! only after the sync of the file or of the directory has returned without an error.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rustix::fs::{FlockOperation, flock, statfs, statvfs};

/// Owner reads and writes, nobody else anything.
const PRIVATE: u32 = 0o600;

/// A directory and what can be done in it.
pub trait Disk: Clone + Send + Sync + 'static {
    /// An open file.
    type File: DiskFile;
    /// An exclusive lock; dropping it gives it up.
    type Lock: Debug + Send;

    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes an empty file that nobody but its owner may open; fails if there is one of that name.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// Opens a file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// Opens a file for reading only.
    fn open_to_read(&self, name: &str) -> io::Result<Self::File>;
    /// Gives a file another name, in place of the file that has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a name.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes all changes of names durable.
    fn sync_directory(&self) -> io::Result<()>;
    /// Bytes that can still be written here.
    fn free_bytes(&self) -> io::Result<u64>;
    /// Takes the exclusive lock on a file, or says what its holder wrote about itself.
    fn lock(&self, name: &str) -> io::Result<Result<Self::Lock, String>>;
    /// Fills bytes that nobody can guess and nobody had before.
    fn random(&self, bytes: &mut [u8]) -> io::Result<()>;
    /// The directory to which old segments move, if there is one.
    fn archive(&self) -> Option<Self>;
    /// The boot of the machine that the disk is on.
    fn boot(&self) -> Boot;
    /// Whether nobody but its owner may open a file.
    fn is_private(&self, name: &str) -> io::Result<bool>;
    /// The name as an operator finds it; the directory itself for an empty name.
    fn describe(&self, name: &str) -> String;
    /// Has something done on the side, if this disk has a side to do it on.
    fn errand<T, W>(&self, work: W) -> io::Result<Errand<T>>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static;
}

/// An open file of a [`Disk`].
pub trait DiskFile: Debug + Send + Sync + 'static {
    /// Bytes it has.
    fn length(&self) -> io::Result<u64>;
    /// Fills `buffer` from `offset` on.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`, or fails.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes the bytes durable, and the length if it changed. Never called again after it failed.
    fn sync(&self) -> io::Result<()>;
}

/// Tells a boot of the machine from all others. 0 stands for one that the system does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Boot(pub u128);

impl Boot {
    /// The one that a text names: 32 hexadecimal digits, with or without dashes.
    fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().replace('-', "");
        u128::from_str_radix(&digits, 16).ok().map(Self)
    }

    /// The one of this machine, as the kernel names it; the unit hides that file and says it in a
    /// variable.
    fn of_system() -> Self {
        let of_kernel = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let told = of_kernel.or_else(|| std::env::var("KONTOR_BOOT_ID").ok());
        told.as_deref().and_then(Self::parse).unwrap_or_default()
    }
}

/// Work that may still be going on. Dropping it waits for the end.
#[derive(Debug)]
pub struct Errand<T>(State<T>);

#[derive(Debug)]
enum State<T> {
    Done(T),
    Running(thread::JoinHandle<T>),
    Over,
}

impl<T> Errand<T> {
    /// Work that is done.
    pub fn done(result: T) -> Self {
        Self(State::Done(result))
    }

    /// Whether waiting for it would take no time.
    pub fn is_done(&self) -> bool {
        match &self.0 {
            State::Done(_) | State::Over => true,
            State::Running(thread) => thread.is_finished(),
        }
    }

    /// Waits for the result; `None` if the thread panicked.
    pub fn wait(mut self) -> Option<T> {
        match std::mem::replace(&mut self.0, State::Over) {
            State::Done(result) => Some(result),
            State::Running(thread) => thread.join().ok(),
            State::Over => None,
        }
    }
}

impl<T> Drop for Errand<T> {
    fn drop(&mut self) {
        if let State::Running(thread) = std::mem::replace(&mut self.0, State::Over) {
            // Its result is wanted by nobody, but its writes must not run into those of a
            // successor in the same directory.
            drop(thread.join());
        }
    }
}

/// The name of the file system that a directory is on, if that is one over the network: there a
/// lock may be lost without a word, and a sync may be somebody else's promise.
pub fn network_of(directory: &Path) -> io::Result<Option<&'static str>> {
    // The magic numbers of linux/magic.h and of the systems' own headers.
    const NETWORK: [(u64, &str); 6] = [
        (0x6969, "NFS"),
        (0x517b, "SMB"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB 2"),
        (0x00c3_6400, "Ceph"),
        (0x5346_414f, "AFS"),
    ];
    let found = statfs(directory)?.f_type;
    // A width that differs per target, and never a negative number: the lower half tells them
    // apart.
    let found = u64::from_le_bytes(found.to_le_bytes()) & u64::from(u32::MAX);
    let known = NETWORK.iter().find(|(magic, _)| *magic == found);
    Ok(known.map(|(_, name)| *name))
}

/// The user that runs this process, as the kernel counts.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether a directory belongs to the user that runs this process: files that another one makes in
/// it would be closed to its owner.
pub fn is_ours(directory: &Path) -> io::Result<bool> {
    let owner = std::fs::metadata(directory)?.uid();
    Ok(owner == user())
}

/// A directory of a local file system.
#[derive(Clone, Debug)]
pub struct OsDisk {
    directory: Arc<Path>,
    archive: Option<Arc<Path>>,
}

impl OsDisk {
    /// A directory; it must exist when the disk is used.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into().into(),
            archive: None,
        }
    }

    /// The same, with a directory for what is old; perhaps on another file system.
    #[must_use]
    pub fn with_archive(mut self, archive: Option<PathBuf>) -> Self {
        self.archive = archive.map(Into::into);
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Disk for OsDisk {
    type File = File;
    type Lock = File;

    fn list(&self) -> io::Result<Vec<String>> {
        let names = std::fs::read_dir(&self.directory)?
            .map(|entry| Ok(entry?.file_name().into_string().ok()))
            .collect::<io::Result<Vec<_>>>()?;
        Ok(names.into_iter().flatten().collect())
    }

    fn create(&self, name: &str) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(PRIVATE)
            .open(self.path(name))
    }

    fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.path(name))
    }

    fn open_to_read(&self, name: &str) -> io::Result<File> {
        File::open(self.path(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let space = statvfs(&*self.directory)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }

    fn lock(&self, name: &str) -> io::Result<Result<File, String>> {
        let path = self.path(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(PRIVATE)
            .open(&path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let holder = std::fs::read_to_string(&path)?;
                let unknown = "a process that has not said its name yet";
                let named = Some(holder.trim()).filter(|holder| !holder.is_empty());
                return Ok(Err(named.unwrap_or(unknown).to_owned()));
            }
            Err(error) => return Err(error.into()),
        }
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let holder = format!("process {} on {}\n", std::process::id(), host.trim());
        file.set_len(0)?;
        FileExt::write_all_at(&file, holder.as_bytes(), 0)?;
        Ok(Ok(file))
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        getrandom::fill(bytes).map_err(io::Error::other)
    }

    fn archive(&self) -> Option<Self> {
        let directory = Arc::clone(self.archive.as_ref()?);
        let archive = None;
        Some(Self { directory, archive })
    }

    fn boot(&self) -> Boot {
        Boot::of_system()
    }

    fn is_private(&self, name: &str) -> io::Result<bool> {
        let mode = std::fs::metadata(self.path(name))?.permissions().mode();
        let permissions = mode & 0o777;
        Ok(permissions & PRIVATE == permissions)
    }

    fn describe(&self, name: &str) -> String {
        let path = if name.is_empty() {
            self.directory.to_path_buf()
        } else {
            self.path(name)
        };
        path.display().to_string()
    }

    fn errand<T, W>(&self, work: W) -> io::Result<Errand<T>>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let thread = thread::Builder::new()
            .name("kontor-segment".to_owned())
            .spawn(work)?;
        Ok(Errand(State::Running(thread)))
    }
}

impl DiskFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_is_the_same_with_dashes_and_without() {
        let named = Boot::parse("6f9619ff-8b86-d011-b42d-00c04fc964ff\n");
        assert_eq!(named, Some(Boot(0x6f96_19ff_8b86_d011_b42d_00c0_4fc9_64ff)));
        assert_eq!(named, Boot::parse("6f9619ff8b86d011b42d00c04fc964ff"));
        assert_eq!(Boot::parse("(null)"), None);
    }

    #[test]
    fn this_machine_names_its_boot() {
        assert_ne!(Boot::of_system(), Boot::default());
        assert_eq!(Boot::of_system(), Boot::of_system());
    }
}
