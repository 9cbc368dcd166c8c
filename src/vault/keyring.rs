//! The keys at hand: where each subject's key stands, and the ones used lately, decrypted.
//!
//! Keys in memory are bounded in two halves: a key that is used goes to the young half; when that
//! is full it becomes the old one and what was old is forgotten. So what is in use stays, and
//! nothing needs to be counted or linked.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::SubjectId;
use super::cipher;
use super::secret::Key;
use super::subjects::{self, Place};
use crate::journal::file::disk::DiskFile;

/// Keys in each half: with their place in the tree some 5 MiB in all.
const HALF_KEYS_MAX: usize = 32_768;

/// What is known of a subject's key.
pub(super) enum Found {
    Key(Key),
    Erased,
    /// No record, or one that cannot be decrypted.
    Nothing,
}

pub(super) struct Keyring<F> {
    file: Arc<F>,
    places: BTreeMap<SubjectId, Place>,
    young: BTreeMap<SubjectId, Key>,
    old: BTreeMap<SubjectId, Key>,
    half_keys_max: usize,
}

impl<F: DiskFile> Keyring<F> {
    pub(super) fn new(file: F, places: BTreeMap<SubjectId, Place>) -> Self {
        Self {
            file: Arc::new(file),
            places,
            young: BTreeMap::new(),
            old: BTreeMap::new(),
            half_keys_max: HALF_KEYS_MAX,
        }
    }

    /// The file, for a write that must not hold up those who seal.
    pub(super) fn file(&self) -> Arc<F> {
        Arc::clone(&self.file)
    }

    pub(super) fn count(&self) -> usize {
        self.places.len()
    }

    pub(super) fn knows(&self, subject: SubjectId) -> bool {
        self.places.contains_key(&subject)
    }

    pub(super) fn place(&self, subject: SubjectId) -> Option<Place> {
        self.places.get(&subject).copied()
    }

    /// Take in a subject whose record is durable.
    pub(super) fn add(&mut self, subject: SubjectId, place: Place, key: Key) {
        self.places.insert(subject, place);
        self.remember(subject, key);
    }

    pub(super) fn find(&mut self, subject: SubjectId, kek: &Key) -> io::Result<Found> {
        let number = match self.place(subject) {
            None => return Ok(Found::Nothing),
            Some(Place::Erased) => return Ok(Found::Erased),
            Some(Place::Record(number)) => number,
        };
        if let Some(key) = self.young.get(&subject) {
            return Ok(Found::Key(key.clone()));
        }
        let key = match self.old.remove(&subject) {
            Some(key) => Some(key),
            None => subjects::key_at(&*self.file, number, subject)?
                .and_then(|wrapped| cipher::unwrap(kek, subject, &wrapped)),
        };
        let Some(key) = key else {
            return Ok(Found::Nothing);
        };
        self.remember(subject, key.clone());
        Ok(Found::Key(key))
    }

    fn remember(&mut self, subject: SubjectId, key: Key) {
        if self.young.len() >= self.half_keys_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(subject, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::disk::SimulatedDisk;
    use zeroize::Zeroizing;

    #[test]
    fn keys_in_memory_are_bounded_and_the_others_are_read_again() {
        let disk = SimulatedDisk::new(1);
        let kek = Zeroizing::new([1; 32]);
        let subject = |number: u8| SubjectId([number; 16]);
        let record = |number: u8| {
            let key = Zeroizing::new([number; 32]);
            let key = cipher::wrap(&kek, [number; 24], subject(number), &key).unwrap();
            subjects::Record {
                subject: subject(number),
                key: Some(key),
            }
        };
        let records: Vec<_> = (0..20).map(record).collect();
        subjects::write_anew(&disk, &kek, &records).unwrap();
        let loaded = subjects::load(&disk, &kek, false).unwrap();
        let mut keyring = Keyring::new(loaded.file, loaded.places);
        keyring.half_keys_max = 3;
        for number in (0..20).chain(0..20).rev() {
            let Found::Key(key) = keyring.find(subject(number), &kek).unwrap() else {
                panic!("no key for {number}");
            };
            assert_eq!(*key, [number; 32]);
            assert!(keyring.young.len() + keyring.old.len() <= 6);
        }
    }
}
