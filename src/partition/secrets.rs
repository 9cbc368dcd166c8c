//! What a partition derives from its journal's secret, and by which names. The names are part of
//! the format: another one would make every remembered key unknown.

use crate::engine;
use crate::ids::Hash128;
use crate::ledger::plan::NaturalKeys;
use crate::vault::JournalSecret;
use crate::wire::message::{key_hash, read_binary};

/// The derived secrets.
#[derive(Clone)]
pub struct Secrets {
    /// Of fingerprints and of the hashes by which keys are remembered.
    pub fingerprint: [u8; 32],
    engine: engine::Secrets,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// Those of a journal.
    pub fn of(secret: &JournalSecret) -> Self {
        let seed = secret.key_for("accounts");
        let natural = NaturalKeys(secret.key_for("natural"));
        let fingerprint = secret.key_for("fingerprint");
        Self {
            fingerprint,
            engine: engine::Secrets {
                natural,
                keys: fingerprint,
                seed: seed.first_chunk().copied().map_or(1, u64::from_le_bytes),
            },
        }
    }

    /// An engine without books.
    pub fn engine(&self) -> engine::Engine {
        engine::Engine::new(self.engine.clone(), read_binary)
    }

    /// How a key of a book is remembered.
    pub fn key_hash(&self, book: &str, key: &str) -> Hash128 {
        key_hash(&self.fingerprint, book, key)
    }
}

#[cfg(test)]
impl Secrets {
    /// Secrets that everybody knows.
    pub fn for_test() -> Self {
        Self {
            fingerprint: [1; 32],
            engine: engine::Secrets {
                natural: NaturalKeys([2; 32]),
                keys: [1; 32],
                seed: 3,
            },
        }
    }
}
