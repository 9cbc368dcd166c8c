//! A running digest of the state: the same facts give the same digest on every machine.
//!
//! The digest is the sum, modulo 2^128, of one number per fact. A fact is a name (what it is about)
//! and its value in a canonical form. Changing a fact takes its old number out and puts the new one
//! in, so the digest costs nothing per fact that stands still, and the order of changes does not
//! matter. It finds mistakes of ours; tampering is found by the hash chain of the journal.
//!
//! Version 1 of the form: numbers little-endian, texts with their length in front.

use smallvec::SmallVec;

/// Version of the canonical form and of the mixing below. A later version is a second
/// implementation beside this one, never a change of it: old journals carry digests of this one.
pub const DIGEST_VERSION: u16 = 1;

/// Digest of a whole state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateDigest(pub u128);

impl StateDigest {
    /// Put a fact in.
    pub fn add(&mut self, fact: u128) {
        self.0 = self.0.wrapping_add(fact);
    }

    /// Take a fact out.
    pub fn remove(&mut self, fact: u128) {
        self.0 = self.0.wrapping_sub(fact);
    }
}

impl std::fmt::Display for StateDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "v{DIGEST_VERSION}:{:032x}", self.0)
    }
}

/// Odd constants: the first decimals of pi, which nobody chose.
const MIX: [u64; 8] = [
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7345,
    0xa409_3822_299f_31d1,
    0x082e_fa98_ec4e_6c89,
    0x4528_21e6_38d0_1377,
    0xbe54_66cf_34e9_0c6d,
    0xc0ac_29b7_c97c_50dd,
    0x3f84_d5b5_b547_0917,
];

fn fold(a: u64, b: u64) -> u64 {
    let [low, high] = halves(u128::from(a).wrapping_mul(u128::from(b)));
    low ^ high
}

fn halves(value: u128) -> [u64; 2] {
    let bytes = value.to_le_bytes();
    let (low, high) = bytes.split_at(8);
    [word(low), word(high)]
}

fn word(bytes: &[u8]) -> u64 {
    let mut padded = [0_u8; 8];
    for (place, byte) in padded.iter_mut().zip(bytes) {
        *place = *byte;
    }
    u64::from_le_bytes(padded)
}

/// The number of an account's counters: name and four totals.
pub fn counters_fact(name: u64, counters: [i128; 4]) -> u128 {
    let mut state = name;
    for (counter, pair) in counters.into_iter().zip(MIX.chunks_exact(2)) {
        let [low, high] = halves(counter.cast_unsigned());
        let [first, second] = pair else { continue };
        state = fold(state ^ low ^ first, high ^ second);
    }
    u128::from(state ^ MIX[0]).wrapping_mul(u128::from(name | 1) << 32 | u128::from(MIX[1]))
}

/// The number of a name, used where a name stands for a thing for ever.
pub fn name_number(kind: &str, name: &str) -> u64 {
    let mut form = Form::new();
    for part in [kind.as_bytes(), &[0], name.as_bytes()] {
        form.extend_from_slice(part);
    }
    word(blake3::hash(&form).as_bytes())
}

/// Bytes to be hashed; those of most facts need no memory of their own, and hashing them at once
/// costs less than piece by piece.
type Form = SmallVec<[u8; 256]>;

/// A canonical form under construction.
#[derive(Debug)]
pub struct Canonical(Form);

impl Canonical {
    /// Begin a fact of a kind.
    pub fn fact(kind: &str) -> Self {
        let mut form = Self(Form::new());
        form.text(kind);
        form
    }

    /// Add a number.
    pub fn number(&mut self, number: impl Into<i128>) -> &mut Self {
        self.0.extend_from_slice(&number.into().to_le_bytes());
        self
    }

    /// Add a text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// The number of the fact.
    pub fn finish(&self) -> u128 {
        let bytes = blake3::hash(&self.0);
        let mut low = [0_u8; 16];
        for (place, byte) in low.iter_mut().zip(bytes.as_bytes()) {
            *place = *byte;
        }
        u128::from_le_bytes(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_come_and_go_without_a_trace() {
        let mut digest = StateDigest::default();
        let (a, b) = (
            counters_fact(1, [1, 0, 0, 0]),
            Canonical::fact("x").number(7).finish(),
        );
        digest.add(a);
        digest.add(b);
        digest.remove(a);
        assert_eq!(digest, StateDigest(b));
    }

    #[test]
    fn every_counter_and_the_name_matter() {
        let base = counters_fact(9, [5, 6, 7, 8]);
        for other in [[6, 5, 7, 8], [5, 6, 8, 7], [5, 6, 7, 9], [1 << 70, 6, 7, 8]] {
            assert_ne!(base, counters_fact(9, other));
        }
        assert_ne!(base, counters_fact(10, [5, 6, 7, 8]));
    }

    #[test]
    fn version_one_is_frozen() {
        assert_eq!(counters_fact(1, [2, 3, 4, 5]), FROZEN_COUNTERS);
        assert_eq!(
            Canonical::fact("period").text("2026-01").number(1).finish(),
            FROZEN_FACT
        );
    }

    const FROZEN_COUNTERS: u128 = 17_170_063_201_673_404_086_249_156_435_843_763_620;
    const FROZEN_FACT: u128 = 171_237_129_181_470_900_015_810_327_889_063_234_885;
}
