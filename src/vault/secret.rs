//! A key in a file of its own: the journal's secret, and the key that encrypts keys.
//!
//! ```text
//! offset 0  magic     6 bytes   "kontor"
//!        6  role      1 byte    'S' secret of a journal, 'K' key-encrypting key
//!        7  version   1 byte    1
//!        8  key      32 bytes   random
//!       40  checksum  u32       CRC-32C of all before, little endian
//! ```
//!
//! Made once, of the operating system's randomness, mode 0600, durable before it is used. A file
//! that is open to others, damaged, or of the other role is refused rather than used.

use std::io;

use zeroize::Zeroizing;

use super::{SECRET_FILE, VaultFault, disk};
use crate::journal::file::disk::{Disk, DiskFile};

/// A key; wiped from memory when it goes.
pub(super) type Key = Zeroizing<[u8; 32]>;

const FILE_BYTES: usize = 44;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Secret,
    KeyEncrypting,
}

impl Role {
    const fn magic(self) -> [u8; 8] {
        match self {
            Self::Secret => *b"kontorS\x01",
            Self::KeyEncrypting => *b"kontorK\x01",
        }
    }
}

/// Random bytes that nobody can guess.
pub(super) fn random<D: Disk, const N: usize>(disk: &D) -> Result<[u8; N], VaultFault> {
    let mut bytes = [0; N];
    disk.random(&mut bytes).map_err(VaultFault::NoRandomness)?;
    Ok(bytes)
}

/// Read a key; `None` if there is no such file.
pub(super) fn load<D: Disk>(disk: &D, name: &str, role: Role) -> Result<Option<Key>, VaultFault> {
    let fault = |doing, fault| VaultFault::io(doing, disk, name, fault);
    let file = match disk.open_to_read(name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault("open", error)),
    };
    if !disk
        .is_private(name)
        .map_err(|error| fault("look at", error))?
    {
        return Err(VaultFault::OpenToOthers {
            path: disk.describe(name).into(),
        });
    }
    let damaged = || VaultFault::KeyDamaged {
        path: disk.describe(name).into(),
    };
    let length = file.length().map_err(|error| fault("look at", error))?;
    if usize::try_from(length) != Ok(FILE_BYTES) {
        return Err(damaged());
    }
    let mut bytes = Zeroizing::new([0; FILE_BYTES]);
    file.read_exact_at(bytes.as_mut_slice(), 0)
        .map_err(|error| fault("read", error))?;
    parse(bytes.as_slice(), role).map(Some).ok_or_else(damaged)
}

fn parse(bytes: &[u8], role: Role) -> Option<Key> {
    let (checked, checksum) = bytes.split_last_chunk::<4>()?;
    let (magic, key) = checked.split_first_chunk::<8>()?;
    let key: &[u8; 32] = key.try_into().ok()?;
    let good = *magic == role.magic() && u32::from_le_bytes(*checksum) == crc32c::crc32c(checked);
    good.then(|| Zeroizing::new(*key))
}

/// Make a key and its file.
pub(super) fn create<D: Disk>(disk: &D, name: &str, role: Role) -> Result<Key, VaultFault> {
    let key = Zeroizing::new(random::<D, 32>(disk)?);
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&role.magic()), key.as_slice());
    let mut bytes = Zeroizing::new([0; FILE_BYTES]);
    let checksum = checksum.to_le_bytes();
    let parts = role.magic().into_iter().chain(*key).chain(checksum);
    bytes
        .iter_mut()
        .zip(parts)
        .for_each(|(to, from)| *to = from);
    let written = disk::replace(disk, name, |file| file.put(bytes.as_slice()));
    written.map_err(|fault| VaultFault::io("write", disk, name, fault))?;
    Ok(key)
}

/// The secret of a journal. Every keyed hash of the journal hangs on it: without it neither
/// fingerprints nor data subjects can be found again, so it is kept and backed up with the journal.
pub struct JournalSecret(Key);

impl JournalSecret {
    /// Read it; `None` if there is none. A journal that has records and no secret is not to be
    /// opened: a new one would make every old key look unused.
    pub fn load<D: Disk>(disk: &D) -> Result<Option<Self>, VaultFault> {
        Ok(load(disk, SECRET_FILE, Role::Secret)?.map(Self))
    }

    /// Make it, for a new journal.
    pub fn create<D: Disk>(disk: &D) -> Result<Self, VaultFault> {
        create(disk, SECRET_FILE, Role::Secret).map(Self)
    }

    /// A key for one purpose, so that hashes for different purposes cannot be compared.
    pub fn key_for(&self, purpose: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("kontor journal secret 1");
        hasher.update(self.0.as_slice());
        hasher.update(purpose.as_bytes());
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::file::disk::OsDisk;
    use crate::simulator::disk::SimulatedDisk;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_was_made_is_read_again_and_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let (disk, path) = (
            OsDisk::new(directory.path()),
            directory.path().join("secret"),
        );
        assert!(JournalSecret::load(&disk).unwrap().is_none());
        let made = JournalSecret::create(&disk).unwrap();
        let read = JournalSecret::load(&disk).unwrap().unwrap();
        assert_eq!(made.key_for("fingerprint"), read.key_for("fingerprint"));
        assert_ne!(made.key_for("fingerprint"), made.key_for("subject"));
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_secrets_differ() {
        let disk = SimulatedDisk::new(1);
        let one = JournalSecret::create(&disk).unwrap();
        let two = JournalSecret::create(&disk).unwrap();
        assert_ne!(one.key_for("x"), two.key_for("x"));
    }

    #[test]
    fn damaged_open_or_mistaken_files_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (disk, path) = (
            OsDisk::new(directory.path()),
            directory.path().join("secret"),
        );
        JournalSecret::create(&disk).unwrap();
        assert!(matches!(
            load(&disk, SECRET_FILE, Role::KeyEncrypting),
            Err(VaultFault::KeyDamaged { .. })
        ));

        let good = fs::read(&path).unwrap();
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert!(matches!(
                load(&disk, SECRET_FILE, Role::Secret),
                Err(VaultFault::KeyDamaged { .. })
            ));
        }
        for bad in [&good[..43], b"", &[good.as_slice(), b"x"].concat()] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(
                load(&disk, SECRET_FILE, Role::Secret),
                Err(VaultFault::KeyDamaged { .. })
            ));
        }

        fs::write(&path, &good).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            load(&disk, SECRET_FILE, Role::Secret),
            Err(VaultFault::OpenToOthers { .. })
        ));
    }
}
