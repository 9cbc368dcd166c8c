//! The fingerprint of a job: is this the same order again, or another one under the same key?
//!
//! A key that comes again with the same fingerprint gets its first outcome again; with another one
//! it is `IDEMPOTENCY_KEY_REUSED`. So two forms of one order must agree, whichever way they were
//! written down: members in any order, text in any composition, `10` and `10.00`, JSON or binary.
//! And two orders must differ: another order of lines, a member that is absent and one that is
//! there with its default.
//!
//! ```text
//! fingerprint = first 16 bytes, little endian, of BLAKE3 keyed with the journal's secret over
//!               "kontor" | rule | source | kind | data
//!
//! rule    one byte, RULE_VERSION; kept in the record, for older rules are never forgotten
//! source  one byte: T what was read into its struct, J a JSON tree that fits no struct, B bytes
//! kind    as text below: the wire name of the job's kind
//! data    one value:
//!           -                    nothing (inside arrays only; an absent member leaves no trace)
//!           f t                  false, true
//!           i len bytes          a whole number, little endian, in as few bytes as it takes: of an
//!                                integer z the double if it is not negative, else -2z - 1
//!           u int:16             a whole number that needs the unsigned range of 128 bits
//!           n len bytes          a JSON number as it was written
//!           s len bytes          text in normal form C
//!           d len bytes          a decimal without zeros at its end
//!           b len bytes          bytes
//!           [ value… ]           an array
//!           { (s name, value)… } an object or struct, names ascending by their bytes
//!
//! len     one byte up to 254; else 255 and eight bytes, little endian
//! ```
//!
//! A value that takes anything in ([`crate::lenient`]) is the array of its tag and its text; a
//! decimal that is text is that text alone. The form is as short as that because the hash works in
//! blocks of 64 bytes: an entry of two legs takes two of them.
//!
//! Every value begins with a byte that no end has, and every length stands before what it measures,
//! so two different values never give the same bytes. The hash is keyed: whoever reads a
//! fingerprint cannot try out which name or amount gave it.
//!
//! A member added to a kind later leaves the fingerprints of jobs without it as they were, as long
//! as it is an `Option`. A type with a default loses the difference between absent and default
//! before it comes here; do not use one for a member of a job.

mod bytes;
mod serializer;

#[cfg(test)]
mod tests;

use serde::Serialize;
use serde::ser;

use self::bytes::Canonical;
use super::tree::Json;
use crate::ids::Hash128;

/// Which rule gave a fingerprint. A new rule is a new number, next to the old one.
pub const RULE_VERSION: u8 = 1;

/// Why a value has no fingerprint. Always a mistake in a type of ours, found by the kinds'
/// examples.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalFault {
    /// A float has no canonical form worth the name.
    #[error("a floating point number has no fingerprint; use a decimal or an integer")]
    Float,
    /// The name of a member is not text.
    #[error("the name of a member must be text")]
    NameNotText,
    /// The type itself refused to be written.
    #[error("a value cannot be written: {0}")]
    Type(String),
}

impl ser::Error for CanonicalFault {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Type(message.to_string())
    }
}

/// Makes fingerprints; keeps its buffers for the next one.
pub struct Fingerprinter {
    secret: [u8; 32],
    buffer: Canonical,
}

impl Fingerprinter {
    /// One for a journal, keyed with its secret.
    pub fn new(secret: [u8; 32]) -> Self {
        Self {
            secret,
            buffer: Canonical::default(),
        }
    }

    /// Of data that fit their schema.
    pub fn typed<T: Serialize + ?Sized>(
        &mut self,
        kind: &str,
        data: &T,
    ) -> Result<u128, CanonicalFault> {
        self.begin(b'T', kind);
        data.serialize(&mut self.buffer)?;
        Ok(self.finish())
    }

    /// Of JSON data that do not: members sorted, else as they came.
    pub fn tree(&mut self, kind: &str, data: Json<'_>) -> u128 {
        self.begin(b'J', kind);
        self.buffer.tree(data);
        self.finish()
    }

    /// Of binary data that do not.
    pub fn bytes(&mut self, kind: &str, data: &[u8]) -> u128 {
        self.begin(b'B', kind);
        self.buffer.sized(b'b', data);
        self.finish()
    }

    fn begin(&mut self, source: u8, kind: &str) {
        self.buffer.clear();
        self.buffer.out.extend_from_slice(b"kontor");
        self.buffer.out.push(RULE_VERSION);
        self.buffer.out.push(source);
        self.buffer.sized(b's', kind.as_bytes());
    }

    fn finish(&self) -> u128 {
        let hash = blake3::keyed_hash(&self.secret, &self.buffer.out);
        Hash128::first_half(hash.as_bytes()).0
    }
}
