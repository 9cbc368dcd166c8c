//! A Bloom filter in blocks: whether a file may hold a key, for one look at the memory.
//!
//! A key belongs to one block of 256 bits, chosen by the high half of its hash, and sets one bit in
//! each of the block's eight words, chosen by 32 of the lower bits. With a block for every 16 keys
//! about one in a thousand keys that are not there passes.

use crate::ids::Hash128;
use crate::journal::file::bytes::{Fields, Layout, in_memory, on_disk};

/// Keys for which there is a block.
const BLOCK_KEYS: u64 = 16;
const WORDS: usize = 8;
const BLOCK_BYTES: usize = 32;
/// Odd numbers that spread 32 bits of a hash differently for each word. Part of the format.
const SALTS: [u32; WORDS] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

/// One look at the memory never touches two cache lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(align(32))]
struct Block([u32; WORDS]);

/// The filter of a key file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    blocks: Vec<Block>,
}

impl Filter {
    /// An empty one for so many keys.
    pub(super) fn for_keys(count: u64) -> Self {
        let blocks = in_memory(count.div_ceil(BLOCK_KEYS));
        Self {
            blocks: vec![Block::default(); blocks],
        }
    }

    /// Bytes of a filter for so many keys.
    pub(super) fn bytes_for(count: u64) -> u64 {
        count
            .div_ceil(BLOCK_KEYS)
            .saturating_mul(on_disk(BLOCK_BYTES))
    }

    /// One as it was written.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        let block = |bytes: &[u8]| {
            let mut fields = Fields(bytes);
            Block(std::array::from_fn(|_| fields.u32().unwrap_or_default()))
        };
        Self {
            blocks: bytes.chunks(BLOCK_BYTES).map(block).collect(),
        }
    }

    /// Its bytes, piece by piece.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Vec<u8>> {
        const PIECE_BLOCKS: usize = 8_192;
        self.blocks.chunks(PIECE_BLOCKS).map(|blocks| {
            let mut bytes = Vec::with_capacity(blocks.len().saturating_mul(BLOCK_BYTES));
            for Block(words) in blocks {
                for word in words {
                    Layout(&mut bytes).u32(*word);
                }
            }
            bytes
        })
    }

    pub(super) fn add(&mut self, key: Hash128) {
        let mask = mask(key);
        let place = self.place(key);
        if let Some(Block(words)) = self.blocks.get_mut(place) {
            for (word, bit) in words.iter_mut().zip(mask) {
                *word |= bit;
            }
        }
    }

    /// `false` only for keys that were not added.
    pub(super) fn may_hold(&self, key: Hash128) -> bool {
        let Some(Block(words)) = self.blocks.get(self.place(key)) else {
            return false;
        };
        let missing = words.iter().zip(mask(key)).map(|(word, bit)| bit & !word);
        missing.fold(0, |all, bit| all | bit) == 0
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.capacity().saturating_mul(BLOCK_BYTES)
    }

    fn place(&self, key: Hash128) -> usize {
        let blocks = u128::from(on_disk(self.blocks.len()));
        usize::try_from(((key.0 >> 64) * blocks) >> 64).unwrap_or_default()
    }
}

fn mask(key: Hash128) -> [u32; WORDS] {
    // The lowest ten bits choose the engine's table of young keys; these are others.
    let bits = u32::try_from((key.0 >> 16) & u128::from(u32::MAX)).unwrap_or_default();
    SALTS.map(|salt| 1 << (bits.wrapping_mul(salt) >> 27))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::Chance;

    #[test]
    fn what_was_added_passes_and_little_else_does() {
        const KEYS: u64 = 50_000;
        let mut chance = Chance::new(5);
        let mut hash = || Hash128(u128::from(chance.number()) << 64 | u128::from(chance.number()));
        let keys: Vec<Hash128> = (0..KEYS).map(|_| hash()).collect();
        let mut filter = Filter::for_keys(KEYS);
        keys.iter().for_each(|key| filter.add(*key));
        let bytes: Vec<u8> = filter.pieces().flatten().collect();
        assert_eq!(on_disk(bytes.len()), Filter::bytes_for(KEYS));
        assert_eq!(Filter::of_bytes(&bytes), filter);
        assert!(keys.iter().all(|key| filter.may_hold(*key)));
        let passed = (0..100_000).filter(|_| filter.may_hold(hash())).count();
        assert!(passed < 300, "{passed} of 100,000 foreign keys pass");
    }

    #[test]
    fn an_empty_filter_holds_nothing() {
        let filter = Filter::for_keys(0);
        assert!(!filter.may_hold(Hash128(u128::MAX)));
    }
}
