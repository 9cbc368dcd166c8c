//! Any type that serde knows, in bincode's layout: integers of fixed width, little endian.
//!
//! The layout is bincode's; what serde asks for is answered here, not by bincode's own bridge. That
//! one knows no path, so that a binary job would be refused without the reader's learning where;
//! it leaves out a member that serde skips, after which nothing fits any more; and it takes maps
//! with a name twice. Its numbers are used as they are, and the bytes are the same
//! (a test holds that against bincode's own derived form).
//!
//! * What is left over after the value is a fault, and so is any value that could also have been
//!   written otherwise: names of a map ascend and none comes twice.
//! * Text comes out in normal form C, as from JSON.
//! * `#[serde(skip_serializing_if = "Option::is_none")]` is written as the `None` it is; do not
//!   skip anything but an `Option`.
//! * Nothing describes itself: `untagged`, `flatten`, internal tags and `deserialize_any` are
//!   refused, as are floats.
//!
//! bincode is no longer maintained upstream; only this folder and the journal's record name it, its
//! version is pinned, and golden bytes hold the layout, so that it can be replaced without a trace.

mod reader;
mod writer;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize, de, ser};
use std::fmt;

use self::reader::Reader;
use self::writer::Writer;
use super::schema::SchemaFault;

/// Longest text or list inside a value, in bytes: that of a whole message. A length is believed no
/// further, so a damaged one cannot ask for memory.
const BYTES_MAX: usize = 1024 * 1024;

const fn config() -> bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Fixint,
    bincode::config::Limit<BYTES_MAX>,
> {
    bincode::config::standard()
        .with_little_endian()
        .with_fixed_int_encoding()
        .with_limit::<BYTES_MAX>()
}

/// Why a value could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BinaryFault {
    /// The bytes are not a value of this type.
    #[error("not readable as binary at byte {offset}: {reason}")]
    Malformed {
        /// Where, from the start of the value.
        offset: usize,
        /// What was found.
        reason: &'static str,
    },
    /// The bytes are a value, and it does not fit its schema.
    #[error(transparent)]
    Schema(#[from] SchemaFault),
    /// A type of ours that this form cannot hold; found by the kinds' examples.
    #[error("this type has no binary form: {0}")]
    Type(String),
}

/// Append the value. After a fault nothing was appended.
pub fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), BinaryFault> {
    let start = out.len();
    let result = value.serialize(Writer { out: &mut *out });
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Read a value that takes up all the bytes.
pub fn decode<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, BinaryFault> {
    let (value, rest) = decode_first(bytes)?;
    if rest.is_empty() {
        return Ok(value);
    }
    let offset = bytes.len() - rest.len();
    Err(BinaryFault::Malformed {
        offset,
        reason: "more bytes than the value has",
    })
}

/// Read the value that the bytes begin with, and hand back the rest.
pub fn decode_first<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
) -> Result<(T, &'de [u8]), BinaryFault> {
    let mut reader = Reader::new(bytes);
    let value = T::deserialize(&mut reader)?;
    Ok((value, reader.rest()))
}

impl BinaryFault {
    /// The same fault as seen from one container further out.
    fn within(self, step: &str) -> Self {
        match self {
            Self::Schema(fault) => Self::Schema(fault.within(step)),
            inner @ (Self::Malformed { .. } | Self::Type(_)) => inner,
        }
    }
}

impl de::Error for BinaryFault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Schema(SchemaFault::custom(message))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::Schema(SchemaFault::unknown_variant(variant, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Schema(SchemaFault::missing_field(field))
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::Schema(SchemaFault::invalid_type(unexpected, expected))
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::Schema(SchemaFault::invalid_value(unexpected, expected))
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Self {
        Self::Schema(SchemaFault::invalid_length(length, expected))
    }
}

impl ser::Error for BinaryFault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Type(message.to_string())
    }
}
