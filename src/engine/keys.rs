//! The young keys of a partition: those that no file holds yet.
//!
//! Keys are remembered without a horizon, but not all of them here. What a snapshot has put into
//! key files is looked up there before a job comes to the engine; the answer and the position up to
//! which the files are complete come along with the job. The engine holds every key behind that
//! position, so together the two miss none, and the engine reads no disk.
//!
//! A key is found by 128 bits of a keyed hash of book and key; with it stand half of the
//! fingerprint of its first content and the position of its first outcome: 30 bytes. The table is
//! split into many small ones by the lowest bits of the hash, so that growing and forgetting touch
//! few entries at a time and no batch waits for a large copy. Each is sorted: an entry stands at
//! the place that its hash points to, or as little behind it as the order allows.
//!
//! Half of the fingerprint is enough: it is keyed and only ever compared with that of the same key,
//! so another content passes for the first one once in 2^64 attempts.

use crate::ids::{Hash128, Position};
use crate::jobs::job::KnownKey;

/// Tables that a partition's keys are split into.
const SHARDS: usize = 1_024;
/// Of so many slots of a table that an entry may be placed at, …
const LOAD_OF: usize = 25;
/// … so many are taken before it grows.
const LOAD: usize = 23;
/// Slots behind the last place, for entries that are pushed over the end.
const TAIL_MAX: usize = 40;
/// Places of the smallest table.
const PLACES_MIN: usize = 8;

/// What is remembered of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// Hash of book and key.
    pub key: Hash128,
    /// What it leads to.
    pub known: KnownKey,
}

/// The keys of a partition that the engine holds.
#[derive(Debug)]
pub struct Keys {
    shards: Vec<Shard>,
    count: u64,
    /// Keys up to here may be forgotten.
    forgotten: Position,
    /// The shard that is swept next, and how many are left to sweep.
    sweep: (usize, usize),
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            count: 0,
            forgotten: Position(0),
            sweep: (0, 0),
        }
    }
}

impl Keys {
    /// What is remembered of a key.
    pub fn get(&self, key: Hash128) -> Option<KnownKey> {
        self.shards.get(shard(key))?.get(key)
    }

    /// Read where a key would stand, so that it is near when it is asked for.
    pub fn near(&self, key: Hash128) -> u64 {
        let shard = self.shards.get(shard(key));
        let home = shard.and_then(|shard| shard.slots.get(shard.home(key.0)));
        home.map_or(0, |slot| slot.fingerprint)
    }

    /// Remember a key; the first content stays.
    pub fn insert(&mut self, entry: KeyEntry) {
        if let Some(shard) = self.shards.get_mut(shard(entry.key)) {
            self.count = self.count.saturating_add(u64::from(shard.insert(&entry)));
        }
    }

    /// Keys up to a position are looked up elsewhere from now on. They go bit by bit: a call sweeps
    /// one of the tables.
    pub fn forget(&mut self, through: Position) {
        if through > self.forgotten {
            self.forgotten = through;
            self.sweep.1 = SHARDS;
        }
        let (next, left) = self.sweep;
        if left == 0 {
            return;
        }
        if let Some(shard) = self.shards.get_mut(next) {
            let gone = shard.forget(self.forgotten);
            self.count = self.count.saturating_sub(gone);
        }
        self.sweep = (next.saturating_add(1) % SHARDS, left.saturating_sub(1));
    }

    /// All of them, ascending by hash.
    pub fn sorted(&self) -> Vec<KeyEntry> {
        let mut all: Vec<KeyEntry> = self.shards.iter().flat_map(Shard::entries).collect();
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
        let slots: usize = self.shards.iter().map(|shard| shard.slots.capacity()).sum();
        slots.saturating_mul(size_of::<Slot>())
    }
}

/// Shard by the low bits; the place in it is by the high half. The hash is uniform already.
fn shard(key: Hash128) -> usize {
    usize::try_from(key.0 % 1_024).unwrap_or_default()
}

/// An entry as it is kept. A position of 0, which no record has, marks an empty slot.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, packed(2))]
struct Slot {
    key: u128,
    fingerprint: u64,
    position: u32,
    position_high: u16,
}

const _: () = assert!(size_of::<Slot>() == 30, "what the module's text says");

impl Slot {
    fn of(entry: &KeyEntry) -> Self {
        let position = entry.known.position.0;
        Self {
            key: entry.key.0,
            fingerprint: entry.known.fingerprint,
            position: u32::try_from(position & u64::from(u32::MAX)).unwrap_or_default(),
            // 2^48 records are more than a century at a million a second.
            position_high: u16::try_from(position >> 32).unwrap_or(u16::MAX),
        }
    }

    fn is_empty(&self) -> bool {
        self.position() == Position(0)
    }

    fn position(&self) -> Position {
        Position(u64::from(self.position) | u64::from(self.position_high) << 32)
    }

    fn entry(&self) -> KeyEntry {
        let fingerprint = self.fingerprint;
        KeyEntry {
            key: Hash128(self.key),
            known: KnownKey {
                fingerprint,
                position: self.position(),
            },
        }
    }
}

/// A table: sorted by key, with empty slots between.
#[derive(Debug, Default)]
struct Shard {
    slots: Vec<Slot>,
    /// Slots that a hash may point to; the others lie behind them.
    places: usize,
    count: usize,
}

impl Shard {
    /// A table that holds so many entries and has room for some more.
    fn with_room_for(count: usize) -> Self {
        // A quarter more than what is full, so that growing is rare and little is empty.
        let full = count.saturating_mul(LOAD_OF).div_euclid(LOAD);
        let places = full.saturating_mul(5).div_euclid(4).max(PLACES_MIN);
        let tail = places.div_euclid(16).clamp(4, TAIL_MAX);
        let mut slots = Vec::new();
        slots.reserve_exact(places.saturating_add(tail));
        slots.resize(places.saturating_add(tail), Slot::default());
        Self {
            slots,
            places,
            count: 0,
        }
    }

    /// The slot that a hash points to.
    fn home(&self, key: u128) -> usize {
        let places = u128::try_from(self.places).unwrap_or_default();
        usize::try_from(((key >> 64) * places) >> 64).unwrap_or_default()
    }

    fn get(&self, key: Hash128) -> Option<KnownKey> {
        let behind = self.slots.get(self.home(key.0)..)?;
        for slot in behind {
            if slot.is_empty() || slot.key > key.0 {
                return None;
            }
            if slot.key == key.0 {
                return Some(slot.entry().known);
            }
        }
        None
    }

    /// Put an entry in its place; whether it was new.
    fn insert(&mut self, entry: &KeyEntry) -> bool {
        loop {
            match self.try_insert(entry) {
                Some(new) => return new,
                None => *self = self.rebuilt(self.count.saturating_add(1), Position(0)),
            }
        }
    }

    /// None if there is no room.
    fn try_insert(&mut self, entry: &KeyEntry) -> Option<bool> {
        let home = self.home(entry.key.0);
        let is_full = self.count.saturating_mul(LOAD_OF) >= self.places.saturating_mul(LOAD);
        let behind = self.slots.get_mut(home..)?;
        let before = |slot: &Slot| !slot.is_empty() && slot.key < entry.key.0;
        let at = behind.iter().take_while(|slot| before(slot)).count();
        let (_, behind) = behind.split_at_mut(at);
        if behind
            .first()
            .is_some_and(|slot| !slot.is_empty() && slot.key == entry.key.0)
        {
            return Some(false);
        }
        let gap = behind.iter().position(Slot::is_empty)?;
        if is_full {
            return None;
        }
        // The entries up to the gap move one on, and the gap comes to the front.
        let moved = behind.get_mut(..=gap)?;
        moved.rotate_right(1);
        *moved.first_mut()? = Slot::of(entry);
        self.count = self.count.saturating_add(1);
        Some(true)
    }

    /// Drop what lies at or before a position; how many went.
    fn forget(&mut self, through: Position) -> u64 {
        let stays = |slot: &&Slot| !slot.is_empty() && slot.position() > through;
        let staying = self.slots.iter().filter(stays).count();
        let gone = self.count.saturating_sub(staying);
        if gone > 0 {
            // As large as it was, for as many keys will come again before the next snapshot.
            let keep = self.count.max(staying);
            *self = self.rebuilt(keep, through);
        }
        u64::try_from(gone).unwrap_or(u64::MAX)
    }

    /// The same entries, but those up to a position, in a table of another size.
    fn rebuilt(&self, count: usize, without: Position) -> Self {
        let mut table = Self::with_room_for(count);
        let mut next = 0;
        for slot in &self.slots {
            if slot.is_empty() || slot.position() <= without {
                continue;
            }
            next = table.home(slot.key).max(next);
            match table.slots.get_mut(next) {
                Some(free) => *free = *slot,
                // Pushed over the end: the tail grows with it.
                None => table.slots.push(*slot),
            }
            next = next.saturating_add(1);
            table.count = table.count.saturating_add(1);
        }
        if next >= table.slots.len() {
            // Room for whoever is pushed over the end next.
            table.slots.push(Slot::default());
        }
        table
    }

    fn entries(&self) -> impl Iterator<Item = KeyEntry> {
        let taken = |slot: &&Slot| !slot.is_empty();
        self.slots.iter().filter(taken).map(Slot::entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::Chance;
    use std::collections::BTreeMap;

    fn entry(key: u128, fingerprint: u64, position: u64) -> KeyEntry {
        KeyEntry {
            key: Hash128(key),
            known: KnownKey {
                fingerprint,
                position: Position(position),
            },
        }
    }

    fn hash(chance: &mut Chance) -> u128 {
        u128::from(chance.number()) << 64 | u128::from(chance.number())
    }

    #[test]
    fn the_first_content_of_a_key_stays() {
        let mut keys = Keys::default();
        keys.insert(entry(77, 1, 10));
        keys.insert(entry(77, 2, 20));
        assert_eq!(keys.get(Hash128(77)), Some(entry(77, 1, 10).known));
        assert_eq!((keys.len(), keys.get(Hash128(78))), (1, None));
    }

    #[test]
    fn it_holds_what_a_map_holds() {
        for seed in 0..20 {
            let mut chance = Chance::new(seed);
            let mut keys = Keys::default();
            let mut model: BTreeMap<u128, KeyEntry> = BTreeMap::new();
            // Few distinct high halves, so that places are crowded and run over the end.
            let crowded = seed % 2 == 1;
            for position in 1..3_000 {
                let mut key = hash(&mut chance);
                if crowded {
                    key |= 0xffff_ffff_fff0 << 80;
                    key &= !1_023;
                }
                let large = position << 34 | 1;
                let entry = entry(key, chance.number(), large);
                keys.insert(entry);
                model.entry(key).or_insert(entry);
            }
            assert_eq!(keys.len(), u64::try_from(model.len()).unwrap());
            for entry in model.values() {
                assert_eq!(keys.get(entry.key), Some(entry.known));
                assert_eq!(keys.get(Hash128(entry.key.0 ^ 1 << 70)), None);
            }
            let sorted: Vec<KeyEntry> = model.into_values().collect();
            assert_eq!(keys.sorted(), sorted);
        }
    }

    #[test]
    fn forgetting_takes_what_lies_before_and_nothing_else() {
        let mut chance = Chance::new(3);
        let mut keys = Keys::default();
        let all: Vec<KeyEntry> = (1..=20_000)
            .map(|position| entry(hash(&mut chance), position, position))
            .collect();
        all.iter().for_each(|entry| keys.insert(*entry));
        for through in [5_000, 12_000] {
            for _ in 0..SHARDS {
                keys.forget(Position(through));
                // At every moment everything younger is there.
                let young = &all[usize::try_from(chance.up_to(7_999)).unwrap() + 12_000];
                assert_eq!(keys.get(young.key), Some(young.known));
            }
            assert_eq!(keys.len(), 20_000 - through);
        }
        assert_eq!(keys.get(all[11_999].key), None);
        assert_eq!(keys.sorted().len(), 8_000);
        keys.forget(Position(1));
        assert_eq!(keys.len(), 8_000, "an older answer changes nothing");
    }

    #[test]
    fn a_recent_key_takes_40_bytes() {
        let mut chance = Chance::new(1);
        let mut keys = Keys::default();
        let mut samples = Vec::new();
        for position in 1..=400_000_u64 {
            keys.insert(entry(hash(&mut chance), position, position));
            if position > 200_000 && position % 10_000 == 0 {
                samples.push(keys.bytes() / usize::try_from(position).unwrap());
            }
        }
        let mean = samples.iter().sum::<usize>() / samples.len();
        let most = samples.iter().max().copied().unwrap_or_default();
        assert!(mean <= 40 && most <= 44, "{samples:?}");
    }
}
