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

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use super::{VaultFault, disk};

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
pub(super) fn random<const N: usize>() -> Result<[u8; N], VaultFault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(VaultFault::NoRandomness)?;
    Ok(bytes)
}

/// Read a key; `None` if there is no such file.
pub(super) fn load(path: &Path, role: Role) -> Result<Option<Key>, VaultFault> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(VaultFault::io("open", path, fault)),
    };
    let open_to_others = disk::is_open_to_others(&file);
    if open_to_others.map_err(|fault| VaultFault::io("look at", path, fault))? {
        return Err(VaultFault::OpenToOthers {
            path: path.to_owned(),
        });
    }
    let mut bytes = Zeroizing::new([0; FILE_BYTES + 1]);
    let length = read_up_to(&mut file, bytes.as_mut_slice())
        .map_err(|fault| VaultFault::io("read", path, fault))?;
    let bytes = bytes.get(..length).unwrap_or_default();
    parse(bytes, role)
        .map(Some)
        .ok_or_else(|| VaultFault::KeyDamaged {
            path: path.to_owned(),
        })
}

fn read_up_to(file: &mut File, mut into: &mut [u8]) -> io::Result<usize> {
    let mut total = 0;
    loop {
        match file.read(into)? {
            0 => return Ok(total),
            length => {
                total += length;
                into = into.get_mut(length..).unwrap_or_default();
            }
        }
    }
}

fn parse(bytes: &[u8], role: Role) -> Option<Key> {
    let (checked, checksum) = bytes.split_last_chunk::<4>()?;
    let (magic, key) = checked.split_first_chunk::<8>()?;
    let key: &[u8; 32] = key.try_into().ok()?;
    let good = *magic == role.magic() && u32::from_le_bytes(*checksum) == crc32c::crc32c(checked);
    good.then(|| Zeroizing::new(*key))
}

/// Make a key and its file.
pub(super) fn create(path: &Path, role: Role) -> Result<Key, VaultFault> {
    let key = Zeroizing::new(random::<32>()?);
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&role.magic()), key.as_slice());
    disk::replace(path, |file| {
        file.write_all(&role.magic())?;
        file.write_all(key.as_slice())?;
        file.write_all(&checksum.to_le_bytes())
    })
    .map_err(|fault| VaultFault::io("write", path, fault))?;
    Ok(key)
}

/// The secret of a journal. Every keyed hash of the journal hangs on it: without it neither
/// fingerprints nor data subjects can be found again, so it is kept and backed up with the journal.
pub struct JournalSecret(Key);

impl JournalSecret {
    /// Read it; `None` if there is none. A journal that has records and no secret is not to be
    /// opened: a new one would make every old key look unused.
    pub fn load(path: &Path) -> Result<Option<Self>, VaultFault> {
        Ok(load(path, Role::Secret)?.map(Self))
    }

    /// Make it, for a new journal.
    pub fn create(path: &Path) -> Result<Self, VaultFault> {
        create(path, Role::Secret).map(Self)
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
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_was_made_is_read_again_and_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        assert!(JournalSecret::load(&path).unwrap().is_none());
        let made = JournalSecret::create(&path).unwrap();
        let read = JournalSecret::load(&path).unwrap().unwrap();
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
        let directory = tempfile::tempdir().unwrap();
        let one = JournalSecret::create(&directory.path().join("one")).unwrap();
        let two = JournalSecret::create(&directory.path().join("two")).unwrap();
        assert_ne!(one.key_for("x"), two.key_for("x"));
    }

    #[test]
    fn damaged_open_or_mistaken_files_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        JournalSecret::create(&path).unwrap();
        assert!(matches!(
            load(&path, Role::KeyEncrypting),
            Err(VaultFault::KeyDamaged { .. })
        ));

        let good = fs::read(&path).unwrap();
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert!(matches!(
                load(&path, Role::Secret),
                Err(VaultFault::KeyDamaged { .. })
            ));
        }
        for bad in [&good[..43], b"", &[good.as_slice(), b"x"].concat()] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(
                load(&path, Role::Secret),
                Err(VaultFault::KeyDamaged { .. })
            ));
        }

        fs::write(&path, &good).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            load(&path, Role::Secret),
            Err(VaultFault::OpenToOthers { .. })
        ));
    }
}
