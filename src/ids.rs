//! Names and numbers that identify things, each with its own type.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
            Serialize, Deserialize,
        )]
        pub struct $name(pub $inner);

        impl $name {
            /// The next one.
            pub fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

numbers! {
    /// Place of a record in a partition's journal, counted from 1.
    Position(u64);
    /// Place of an outcome among the outcomes of its book, counted from 1 without a gap.
    Sequence(u64);
    /// Number of an entry in its book, counted from 1 without a gap; 0 marks openings.
    EntryNo(u64);
    /// Place of a book in the books of its partition.
    BookIndex(u16);
    /// Place of an account in its book, in order of opening.
    AccountIndex(u32);
    /// Place of a unit in its book, in order of first use.
    UnitIndex(u16);
    /// Number of a job kind: stable for ever, hundreds are families.
    KindCode(u16);
    /// Version of a job kind's schema.
    SchemaVersion(u16);
    /// How many restores a journal has gone through: what was recorded after the n-th is of lineage
    /// n.
    Lineage(u32);
    /// Number of a work that the engine does by itself: stable for ever. Of what is due at one
    /// instant the lower number goes first.
    DueCode(u8);
}

impl AccountIndex {
    /// As an index into a list.
    pub fn slot(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl UnitIndex {
    /// As an index into a list.
    pub fn slot(self) -> usize {
        usize::from(self.0)
    }
}

impl BookIndex {
    /// As an index into a list.
    pub fn slot(self) -> usize {
        usize::from(self.0)
    }
}

/// 128 bits of a keyed hash: of a job key, of a job's content, of a natural key.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hash128(pub u128);

impl Hash128 {
    /// The first half of a hash of 32 bytes.
    pub fn first_half(hash: &[u8; 32]) -> Self {
        Self(hash.first_chunk().copied().map_or(0, u128::from_le_bytes))
    }
}

impl fmt::Debug for Hash128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for Hash128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Whether a text may be a job key: 1 to 128 of `[A-Za-z0-9._:/-]`.
pub fn is_key(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

/// Whether a text may name a book: 1 to 64 of `[a-z0-9_-]`.
pub fn is_book_name(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Most characters of an account's name.
pub const ACCOUNT_CHARS_MAX: usize = 96;

/// Whether a text may name an account: 1 to 96 of `[a-z0-9_/.-]`, upper case only after the first
/// `/`.
pub fn is_account_name(text: &str) -> bool {
    if !(1..=ACCOUNT_CHARS_MAX).contains(&text.len()) {
        return false;
    }
    let mut below_first_slash = false;
    text.bytes().all(|byte| {
        let allowed = byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || b"_/.-".contains(&byte)
            || (below_first_slash && byte.is_ascii_uppercase());
        below_first_slash |= byte == b'/';
        allowed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_books_and_accounts_have_closed_alphabets() {
        assert!(is_key("pay-2026:000123/a.b_c") && !is_key("") && !is_key("a b"));
        assert!(!is_key(&"x".repeat(129)) && is_key(&"x".repeat(128)));
        assert!(is_book_name("main") && !is_book_name("Main") && !is_book_name("kontor.jobs.0"));
        assert!(is_account_name("stock/wh-1/BOX-A4") && is_account_name("settle_receivable"));
        assert!(!is_account_name("BOX/a") && !is_account_name("a b") && !is_account_name(""));
    }
}
