//! The field types that job data are made of.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;
use unicode_normalization::UnicodeNormalization;

use crate::limits::{ID_CHARS_MAX, TEXT_CHARS_MAX};

/// Name by which a struct asks a reader for its members in the order of its fields: what one of
/// them may be depends on another.
pub const IN_ORDER: &str = "$kontor::in_order";

/// An identifier, code or reference: 1 to 128 characters without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(SmolStr);

impl Id {
    /// An identifier that the books know already.
    pub(crate) fn known(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for Id {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(IdVisitor)
    }
}

/// Takes the text as it lies in the message: most identifiers need no memory of their own.
struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = Id;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Id, E> {
        if text.is_empty() {
            return Err(E::custom("an identifier may not be empty"));
        }
        if text.len() > ID_CHARS_MAX && text.chars().count() > ID_CHARS_MAX {
            return Err(E::custom(format!(
                "FIELD_TOO_LONG: an identifier has at most {ID_CHARS_MAX} characters"
            )));
        }
        if has_control(text) {
            return Err(E::custom(
                "TEXT_INVALID: control characters are not allowed",
            ));
        }
        Ok(Id(text.into()))
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl schemars::JsonSchema for Id {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": ID_CHARS_MAX })
    }
}

/// Whether a text has a control character. Nearly every text is printable ASCII, which is seen
/// without taking its characters apart.
fn has_control(text: &str) -> bool {
    let plain = text.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    !plain && text.chars().any(char::is_control)
}

/// Personal text: plain while it is checked, sealed under its subject's key before the engine sees
/// it.
#[derive(Clone, PartialEq, Eq)]
pub enum Text {
    /// As it came.
    Plain(String),
    /// Ciphertext.
    Sealed(Vec<u8>),
}

/// What is wrong with a plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFault {
    /// More than 500 characters.
    TooLong,
    /// Control characters, or bytes that claim to be sealed already.
    Invalid,
}

impl Text {
    /// Whether the text is one that may be kept.
    pub fn check(&self) -> Result<(), TextFault> {
        match self {
            Self::Plain(text) if text.chars().count() > TEXT_CHARS_MAX => Err(TextFault::TooLong),
            Self::Plain(text) if has_control(text) => Err(TextFault::Invalid),
            Self::Plain(_) => Ok(()),
            Self::Sealed(_) => Err(TextFault::Invalid),
        }
    }

    /// The plain text, as long as it is plain.
    pub fn plain(&self) -> Option<&str> {
        match self {
            Self::Plain(text) => Some(text),
            Self::Sealed(_) => None,
        }
    }

    /// The ciphertext, once sealed.
    pub fn sealed(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Sealed(bytes) => Some(bytes),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Personal text stays out of logs and panics.
        f.write_str("Text(…)")
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return String::deserialize(deserializer).map(Self::Plain);
        }
        let (sealed, bytes) = <(bool, Vec<u8>)>::deserialize(deserializer)?;
        if sealed {
            return Ok(Self::Sealed(bytes));
        }
        let text = String::from_utf8(bytes).map_err(D::Error::custom)?;
        Ok(Self::Plain(text.nfc().collect()))
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self, serializer.is_human_readable()) {
            (Self::Plain(text), true) => serializer.serialize_str(text),
            (Self::Plain(text), false) => (false, text.as_bytes()).serialize(serializer),
            (Self::Sealed(bytes), false) => (true, bytes).serialize(serializer),
            (Self::Sealed(_), true) => serializer.serialize_str("[sealed]"),
        }
    }
}

impl schemars::JsonSchema for Text {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "maxLength": TEXT_CHARS_MAX,
            "personal": true,
            "description": "Personal text, kept encrypted under the key of the person it is about."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_a_length_and_no_control_characters() {
        assert_eq!(Text::Plain("ä".repeat(500)).check(), Ok(()));
        assert_eq!(
            Text::Plain("ä".repeat(501)).check(),
            Err(TextFault::TooLong)
        );
        assert_eq!(
            Text::Plain("a\u{7}".into()).check(),
            Err(TextFault::Invalid)
        );
        assert_eq!(Text::Sealed(vec![1]).check(), Err(TextFault::Invalid));
    }
}
