//! The keys a partition remembers, without a horizon.
//!
//! A key is found by 128 bits of a keyed hash of book and key; with it stand the fingerprint of its
//! first content and the position of its first outcome: 40 bytes, and one byte of the table. The
//! table is split in many small ones by the first bits of the hash, so that growing moves few
//! entries at a time and no batch waits for a large copy.

use hashbrown::HashTable;

use crate::ids::{Hash128, Position};

/// Tables that a partition's keys are split into.
const SHARDS: usize = 1_024;

/// What is remembered of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// Hash of book and key.
    pub key: Hash128,
    /// Fingerprint of the first content.
    pub fingerprint: Hash128,
    /// Where the first outcome stands.
    pub position: Position,
}

/// The keys of a partition.
#[derive(Debug)]
pub struct Keys {
    shards: Vec<HashTable<KeyEntry>>,
    count: u64,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| HashTable::new()).collect(),
            count: 0,
        }
    }
}

impl Keys {
    /// What is remembered of a key.
    pub fn get(&self, key: Hash128) -> Option<KeyEntry> {
        let (shard, hash) = place(key);
        self.shards
            .get(shard)?
            .find(hash, |entry| entry.key == key)
            .copied()
    }

    /// Remember a key; the first content stays.
    pub fn insert(&mut self, entry: KeyEntry) {
        let (shard, hash) = place(entry.key);
        let Some(table) = self.shards.get_mut(shard) else {
            return;
        };
        if table.find(hash, |known| known.key == entry.key).is_none() {
            table.insert_unique(hash, entry, |known| place(known.key).1);
            self.count = self.count.saturating_add(1);
        }
    }

    /// All of them, ascending by hash.
    pub fn sorted(&self) -> Vec<KeyEntry> {
        let mut all: Vec<KeyEntry> = self.shards.iter().flatten().copied().collect();
        all.sort_unstable_by_key(|entry| entry.key);
        all
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes that the tables take.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(HashTable::allocation_size).sum()
    }
}

/// Shard by the low bits, place in the shard by the high half: the hash is uniform already.
fn place(key: Hash128) -> (usize, u64) {
    let shard = usize::try_from(key.0 % 1_024).unwrap_or_default();
    (shard, u64::try_from(key.0 >> 64).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_content_of_a_key_stays() {
        let mut keys = Keys::default();
        let entry = |fingerprint, position| KeyEntry {
            key: Hash128(77),
            fingerprint: Hash128(fingerprint),
            position: Position(position),
        };
        keys.insert(entry(1, 10));
        keys.insert(entry(2, 20));
        assert_eq!(keys.get(Hash128(77)), Some(entry(1, 10)));
        assert_eq!((keys.len(), keys.get(Hash128(78))), (1, None));
    }
}
