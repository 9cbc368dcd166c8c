//! Keeps personal text unreadable without its subject's key, and forgets a subject by its key.
//!
//! The journal may never change, and people may ask to be forgotten. So what a job says about a
//! person (names, remittance text) enters journal, snapshots and indexes only encrypted, each data
//! subject under a key of its own; the keys stand in `subjects.keys` next to the journal, outside
//! its chain. To erase a subject is to destroy its key: the ciphertext stays, the chain verifies,
//! and nobody can read it.
//!
//! ```text
//!   text ──seal──▶ ciphertext ─▶ journal      kek ──wraps──▶ subjects.keys
//!                     ▲                                           │
//!                     └────────── key of the subject ◀────────────┘
//! ```
//!
//! * A key is durable before anything is sealed with it: [`Vault::ensure`] returns after its sync,
//!   and [`Vault::seal`] refuses a subject without a key. So no ciphertext reaches the journal
//!   whose key a crash could take.
//! * The keys are themselves encrypted by a key-encrypting key in the file `kek`, which belongs
//!   outside the backups of the journal, or an old backup brings the erased back.
//! * A subject is known here by a keyed hash, so the key file names nobody.
//! * Keys in memory are bounded; 16 bytes and a number a subject are kept for finding them.
//!
//! It has no lock of its own: the partition's lock keeps a second writer out, and a reading command
//! opens it with [`Vault::open_read_only`]. It does not decide who may erase or read.

mod cipher;
mod disk;
mod keyring;
mod secret;
mod subjects;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use crate::journal::file::disk::Disk;

use self::cipher::NONCE_BYTES;
pub use self::cipher::SEALED_OVERHEAD_BYTES;
use self::keyring::{Found, Keyring};
pub use self::secret::JournalSecret;
use self::secret::{Key, Role, random};
use self::subjects::{Place, Record};

/// Name of the file of keys in a partition's directory.
pub const SUBJECTS_FILE: &str = "subjects.keys";
/// Name of the file with the key that encrypts keys.
pub const KEK_FILE: &str = "kek";
/// Name of the file with the journal's secret.
pub const SECRET_FILE: &str = "secret";

/// A data subject, as everything durable knows it: a keyed hash of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectId(pub [u8; 16]);

/// What became of a sealed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// The text.
    Text(Vec<u8>),
    /// The subject was erased; show `[erased]`.
    Erased,
    /// Not sealed for this subject and purpose, damaged, or sealed under a key that is not here (a
    /// journal restored next to an older key file).
    Unreadable,
}

/// Why the vault cannot do its work. An incident each, never an answer to a job.
#[derive(Debug, thiserror::Error)]
pub enum VaultFault {
    /// The file system said no.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("no randomness from the operating system: {0}")]
    NoRandomness(io::Error),
    /// Others than the owner could read keys.
    #[error(
        "{} is open to other users; chmod 600 it, and think about who may have read it",
        path.display()
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
    },
    /// A file of a single key is not what was written.
    #[error("{} is damaged or not a key file; restore it from its backup", path.display())]
    KeyDamaged {
        /// The file.
        path: PathBuf,
    },
    /// There are records whose texts nobody could read any more.
    #[error(
        "{} is missing beside a journal with records; restore it from the backup of keys, or every \
         personal text in the journal is unreadable", path.display()
    )]
    SubjectsMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// There are encrypted keys and nothing to decrypt them with.
    #[error(
        "{} is missing, and the keys of the data subjects need it; restore it from its backup",
        path.display()
    )]
    KekMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The key-encrypting key belongs to another installation.
    #[error(
        "the key-encrypting key does not fit {}; configure the one it was written with",
        path.display()
    )]
    WrongKek {
        /// The file of keys.
        path: PathBuf,
    },
    /// The file of keys is damaged where it was durable.
    #[error("{} is damaged{}; restore it from its backup", path.display(),
        record.map(|number| format!(" at record {number}")).unwrap_or_default())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which record; the head if none.
        record: Option<u32>,
    },
    /// An earlier write failed, so what is on the disk is not known any more.
    #[error("the key file could not be written before; restart to read what is durable")]
    Poisoned,
    /// Opened for reading only.
    #[error("the vault was opened for reading only")]
    ReadOnly,
    /// More than the file's numbers can count.
    #[error("the key file holds as many data subjects as it can")]
    TooManySubjects,
    /// Sealing without [`Vault::ensure`].
    #[error("this data subject has no key yet")]
    NoKey,
    /// Sealing for somebody who was forgotten.
    #[error("this data subject was erased")]
    Erased,
    /// Beyond what the cipher takes.
    #[error("the text is too long to be encrypted")]
    TextTooLong,
}

impl VaultFault {
    /// Whether a file is not what was written or is gone: a restart does not help.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::KeyDamaged { .. }
            | Self::SubjectsMissing { .. }
            | Self::KekMissing { .. }
            | Self::WrongKek { .. }
            | Self::Damaged { .. } => true,
            Self::Io { .. }
            | Self::NoRandomness(_)
            | Self::OpenToOthers { .. }
            | Self::Poisoned
            | Self::ReadOnly
            | Self::TooManySubjects
            | Self::NoKey
            | Self::Erased
            | Self::TextTooLong => false,
        }
    }

    fn io<D: Disk>(doing: &'static str, disk: &D, name: &str, source: io::Error) -> Self {
        Self::Io {
            doing,
            path: disk.describe(name).into(),
            source,
        }
    }
}

/// What the journal says that the vault must know before it believes its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// Whether the journal has records: then the vault has a file.
    pub has_records: bool,
    /// Whether the run before this one ended in order: then every write of it was synced.
    pub ended_in_order: bool,
}

/// The keys of a partition's data subjects, and what can be done with them.
pub struct Vault<D: Disk> {
    disk: D,
    kek: Key,
    /// For hashing names of subjects.
    naming: [u8; 32],
    keyring: Mutex<Keyring<D::File>>,
    /// Held over a write and its sync, while sealing and opening go on.
    writer: Mutex<Writer>,
    torn_bytes: u64,
}

/// The end of the file that is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// Number of whole records.
    Ready(u32),
    /// A write failed.
    Poisoned,
    /// Not ours to write.
    ReadOnly,
}

impl<D: Disk> Vault<D> {
    /// Open the vault of a partition's directory, or make it if there is none. The key-encrypting
    /// key is made only together with the file of keys.
    pub fn open(disk: &D, secret: &JournalSecret, before: Before) -> Result<Self, VaultFault> {
        let fault = |doing, fault| VaultFault::io(doing, disk, SUBJECTS_FILE, fault);
        let is_there = is_there(disk)?;
        if !is_there && before.has_records {
            return Err(VaultFault::SubjectsMissing {
                path: disk.describe(SUBJECTS_FILE).into(),
            });
        }
        let kek = match secret::load(disk, KEK_FILE, Role::KeyEncrypting)? {
            Some(kek) => kek,
            None if is_there => {
                return Err(VaultFault::KekMissing {
                    path: disk.describe(KEK_FILE).into(),
                });
            }
            None => secret::create(disk, KEK_FILE, Role::KeyEncrypting)?,
        };
        if !is_there {
            subjects::create(disk, &kek)?;
        }
        let loaded = subjects::load(disk, &kek, true)?;
        let torn_bytes = loaded.torn_bytes;
        let believed = before.ended_in_order && torn_bytes == 0;
        let mut loaded = if believed {
            loaded
        } else {
            let records = subjects::read_all(&loaded.file, loaded.records)
                .map_err(|error| fault("read", error))?;
            subjects::write_anew(disk, &kek, &records)?;
            subjects::load(disk, &kek, true)?
        };
        if !loaded.sealed {
            subjects::seal(&loaded.file, loaded.records)
                .map_err(|error| fault("append to", error))?;
            let after = loaded.records.checked_add(1);
            loaded.records = after.ok_or(VaultFault::TooManySubjects)?;
        }
        let writer = Writer::Ready(loaded.records);
        loaded.torn_bytes = torn_bytes;
        Ok(Self::new(disk, kek, secret, loaded, writer))
    }

    /// Open the vault next to the process that owns it. Keys that come later are found by
    /// opening it again.
    pub fn open_read_only(disk: &D, secret: &JournalSecret) -> Result<Self, VaultFault> {
        let kek = secret::load(disk, KEK_FILE, Role::KeyEncrypting)?;
        let kek = kek.ok_or_else(|| VaultFault::KekMissing {
            path: disk.describe(KEK_FILE).into(),
        })?;
        let loaded = subjects::load(disk, &kek, false)?;
        Ok(Self::new(disk, kek, secret, loaded, Writer::ReadOnly))
    }

    fn new(
        disk: &D,
        kek: Key,
        secret: &JournalSecret,
        loaded: subjects::Loaded<D::File>,
        writer: Writer,
    ) -> Self {
        let torn_bytes = loaded.torn_bytes;
        let keyring = Mutex::new(Keyring::new(loaded.file, loaded.places));
        let naming = secret.key_for("data subject");
        Self {
            disk: disk.clone(),
            kek,
            naming,
            keyring,
            writer: Mutex::new(writer),
            torn_bytes,
        }
    }

    /// Bytes of a torn batch that were found behind the durable records when it was opened.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// How many data subjects are known, erased ones included.
    pub fn subjects(&self) -> usize {
        self.keyring().count()
    }

    /// The id of a data subject: what it is (`customer`, `account`, `key`) and its name in a book.
    pub fn subject(&self, book: &str, what: &str, name: &str) -> SubjectId {
        let mut hasher = blake3::Hasher::new_keyed(&self.naming);
        for part in [book, what, name] {
            // With its length in front, so that no two triples run into the same bytes.
            hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(hasher.finalize().as_bytes()) {
            *to = *from;
        }
        SubjectId(id)
    }

    /// Give keys to those who have none and were not erased; durable when it returns. One sync for
    /// all of them, none if all are known.
    pub fn ensure(&self, subjects: &[SubjectId]) -> Result<(), VaultFault> {
        let unknown = |keyring: &Keyring<D::File>| -> BTreeSet<SubjectId> {
            subjects
                .iter()
                .copied()
                .filter(|subject| !keyring.knows(*subject))
                .collect()
        };
        if unknown(&self.keyring()).is_empty() {
            return Ok(());
        }
        let mut writer = self.lock_writer();
        let records = writer.records()?;
        // Looked at again: another thread may have been faster.
        let unknown = unknown(&self.keyring());
        let mut batch = Vec::with_capacity(unknown.len());
        let mut places = Vec::with_capacity(unknown.len());
        for (number, subject) in (records..).zip(unknown) {
            let key = Zeroizing::new(random::<D, 32>(&self.disk)?);
            let nonce = random::<D, NONCE_BYTES>(&self.disk)?;
            batch.push(Record {
                subject,
                key: Some(cipher::wrap(&self.kek, nonce, subject, &key)?),
            });
            places.push((subject, Place::Record(number), key));
        }
        if batch.is_empty() {
            return Ok(());
        }
        let added = u32::try_from(batch.len())
            .ok()
            .and_then(|added| records.checked_add(added));
        let after = added.ok_or(VaultFault::TooManySubjects)?;
        let file = self.keyring().file();
        if let Err(fault) = subjects::append(&*file, records, &batch) {
            // After a failed sync the kernel may call the pages clean; only a restart reads the
            // truth.
            *writer = Writer::Poisoned;
            return Err(self.fault("append to", fault));
        }
        *writer = Writer::Ready(after);
        let mut keyring = self.keyring();
        for (subject, place, key) in places {
            keyring.add(subject, place, key);
        }
        Ok(())
    }

    /// Encrypt text of a subject that has a key. The purpose (the member's name) must be the same
    /// when it is opened.
    pub fn seal(
        &self,
        subject: SubjectId,
        purpose: &str,
        text: &[u8],
    ) -> Result<Vec<u8>, VaultFault> {
        match self.find(subject)? {
            Found::Key(key) => {
                let nonce = random::<D, NONCE_BYTES>(&self.disk)?;
                cipher::seal(&key, nonce, (subject, purpose), text)
            }
            Found::Erased => Err(VaultFault::Erased),
            Found::Nothing => Err(VaultFault::NoKey),
        }
    }

    /// Decrypt what was sealed.
    pub fn open_text(
        &self,
        subject: SubjectId,
        purpose: &str,
        sealed: &[u8],
    ) -> Result<Opened, VaultFault> {
        Ok(match self.find(subject)? {
            Found::Key(key) => match cipher::open(&key, subject, purpose, sealed) {
                Some(text) => Opened::Text(text),
                None => Opened::Unreadable,
            },
            Found::Erased => Opened::Erased,
            Found::Nothing => Opened::Unreadable,
        })
    }

    /// Whether a subject was erased.
    pub fn is_erased(&self, subject: SubjectId) -> bool {
        self.keyring().place(subject) == Some(Place::Erased)
    }

    /// Erase subjects for ever: their keys are in no file any more when it returns. They get no new
    /// ones, also if they had none yet.
    pub fn destroy(&self, subjects: &[SubjectId]) -> Result<(), VaultFault> {
        let mut writer = self.lock_writer();
        let records = writer.records()?;
        let file = self.keyring().file();
        let mut all =
            subjects::read_all(&*file, records).map_err(|fault| self.fault("read", fault))?;
        let mut left: BTreeSet<SubjectId> = subjects.iter().copied().collect();
        for record in &mut all {
            if left.remove(&record.subject) {
                record.key = None;
            }
        }
        all.extend(
            left.into_iter()
                .map(|subject| Record { subject, key: None }),
        );
        // Whether the old or the new file is in place after a fault is not known.
        *writer = Writer::Poisoned;
        subjects::write_anew(&self.disk, &self.kek, &all)?;
        let loaded = subjects::load(&self.disk, &self.kek, true)?;
        *self.keyring() = Keyring::new(loaded.file, loaded.places);
        *writer = Writer::Ready(loaded.records);
        Ok(())
    }

    fn find(&self, subject: SubjectId) -> Result<Found, VaultFault> {
        self.keyring()
            .find(subject, &self.kek)
            .map_err(|fault| self.fault("read", fault))
    }

    fn fault(&self, doing: &'static str, fault: io::Error) -> VaultFault {
        VaultFault::io(doing, &self.disk, SUBJECTS_FILE, fault)
    }

    fn keyring(&self) -> MutexGuard<'_, Keyring<D::File>> {
        // The keyring changes by single insertions, so it is whole even after a panic.
        self.keyring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether there is a file of keys.
/// The file of keys, to be copied, and how many of its bytes are whole. Whoever read before how far
/// the journal is durable finds every key that it needs.
pub fn whole_subjects<D: Disk>(disk: &D) -> Result<(D::File, u64), VaultFault> {
    subjects::whole(disk)
}

fn is_there<D: Disk>(disk: &D) -> Result<bool, VaultFault> {
    match disk.open_to_read(SUBJECTS_FILE) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(VaultFault::io("open", disk, SUBJECTS_FILE, error)),
    }
}

impl Writer {
    fn records(self) -> Result<u32, VaultFault> {
        match self {
            Self::Ready(records) => Ok(records),
            Self::Poisoned => Err(VaultFault::Poisoned),
            Self::ReadOnly => Err(VaultFault::ReadOnly),
        }
    }
}
