//! Takes any value in for members whose mistakes have codes of their own.
//!
//! An amount sent as a number is `AMOUNT_FORMAT`, not `SCHEMA_INVALID`, and that is decided several
//! checks later than the schema. So the types of amounts, quantities, rates and dates read whatever
//! stands there and remember it; when their turn comes they answer with their own code.
//!
//! ```ignore
//! impl<'de> Deserialize<'de> for DecimalText {
//!     fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
//!         Ok(match lenient(deserializer)? {
//!             Lenient::Text(text) => Self::parse(&text),
//!             Lenient::Other { kind, raw } => Self::unreadable(kind, raw),
//!         })
//!     }
//! }
//! impl Serialize for DecimalText {
//!     fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
//!         serialize_decimal(&Lenient::text(self.as_str()), serializer)
//!     }
//! }
//! ```
//!
//! How it reaches the bytes: the JSON reader (`wire/typed.rs`) knows the name [`LENIENT`], as
//! `serde_json` knows the one of its raw values; forms that are not for people carry a pair of tag
//! and text. A `null` is refused by either: absent is how one says nothing.
//!
//! It lives down here because types of money and time need it and may not know the wire.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserializer, Serialize, Serializer};

/// Name by which a lenient value asks a reader for whatever stands there.
pub const LENIENT: &str = "$kontor::lenient";

/// Name by which a decimal tells the fingerprint (`wire/canonical.rs`) that `10` and `10.00` are
/// the same.
pub const NORMAL_DECIMAL: &str = "$kontor::decimal";

/// Kinds of values that are not text. The place is the tag in the binary form, counted from one;
/// zero is text.
const KINDS: [&str; 4] = ["boolean", "number", "array", "object"];

/// What stood there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lenient<'a> {
    /// A string, as it should be.
    Text(Cow<'a, str>),
    /// Something else.
    Other {
        /// `boolean`, `number`, `array` or `object`.
        kind: &'static str,
        /// As JSON: numbers as they were written, members sorted.
        raw: String,
    },
}

impl<'a> Lenient<'a> {
    /// A view of text, for serialising.
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

/// Read whatever stands there.
pub fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Lenient<'de>, D::Error> {
    if deserializer.is_human_readable() {
        deserializer.deserialize_newtype_struct(LENIENT, AnyVisitor)
    } else {
        deserializer.deserialize_tuple(2, AnyVisitor)
    }
}

/// Write it as it was read.
pub fn serialize<S: Serializer>(value: &Lenient<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(LENIENT, value)
}

/// Write a decimal as it was read; its fingerprint is that of its value.
pub fn serialize_decimal<S: Serializer>(
    value: &Lenient<'_>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    // Only text has a decimal in it. A number was written by somebody who did not follow the
    // contract and counts as what was written.
    let name = if matches!(value, Lenient::Text(_)) {
        NORMAL_DECIMAL
    } else {
        LENIENT
    };
    serializer.serialize_newtype_struct(name, value)
}

/// For people: the text, or the JSON of the other value as text (it is shown, never read again).
/// Else: the pair of tag and text.
impl Serialize for Lenient<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (tag, text) = match self {
            Lenient::Text(text) => (0, text.as_ref()),
            Lenient::Other { kind, raw } => (tag_of(kind), raw.as_str()),
        };
        if serializer.is_human_readable() {
            return serializer.serialize_str(text);
        }
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&tag)?;
        pair.serialize_element(text)?;
        pair.end()
    }
}

/// The tag of a kind of value that is not text.
pub fn tag_of(kind: &str) -> u8 {
    let place = KINDS.iter().position(|known| *known == kind);
    place
        .and_then(|place| u8::try_from(place + 1).ok())
        .unwrap_or(u8::MAX)
}

fn kind_of(tag: u8) -> Option<&'static str> {
    KINDS.get(usize::from(tag).checked_sub(1)?).copied()
}

/// Understands our own readers, which hand over text or a pair of tag and text, and falls back on
/// [`ForeignVisitor`] where another reader does not know the name.
struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Lenient<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Lenient::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Lenient::Text(Cow::Borrowed(text)))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Lenient::Text(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Self::Value, A::Error> {
        let tag: Option<u8> = pair.next_element()?;
        let text = pair.next_element_seed(TextSeed)?;
        match (tag, text) {
            (Some(0), Some(text)) => Ok(Lenient::Text(text)),
            (Some(tag), Some(raw)) => match kind_of(tag) {
                Some(kind) => Ok(Lenient::Other {
                    kind,
                    raw: raw.into_owned(),
                }),
                None => Err(A::Error::custom("unknown tag of a value")),
            },
            _ => Err(A::Error::custom("a value without its tag")),
        }
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(ForeignVisitor)
    }
}

/// Reads text, borrowed where that is possible.
struct TextSeed;

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for TextSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }
}

/// For readers that are not ours (examples, tests): text is exact, of other values the kind is
/// known and numbers have their text; arrays and objects are not kept.
struct ForeignVisitor;

fn other<'de>(kind: &'static str, raw: impl Into<String>) -> Lenient<'de> {
    Lenient::Other {
        kind,
        raw: raw.into(),
    }
}

impl<'de> Visitor<'de> for ForeignVisitor {
    type Value = Lenient<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value that is not null")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(other("boolean", value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(other("number", value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(other("number", value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(other("number", value.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Lenient::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Lenient::Text(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(other("array", "[]"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            // serde_json hands a number over as an object of this one member.
            if name == "$serde_json::private::Number" {
                return Ok(other("number", members.next_value::<String>()?));
            }
            members.next_value::<IgnoredAny>()?;
        }
        Ok(other("object", "{}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(text: &str) -> Option<Lenient<'_>> {
        lenient(&mut serde_json::Deserializer::from_str(text)).ok()
    }

    #[test]
    fn other_readers_give_text_and_kinds() {
        assert_eq!(foreign("\"1.0\""), Some(Lenient::text("1.0")));
        assert_eq!(foreign("1.50"), Some(other("number", "1.50")));
        assert_eq!(foreign("true"), Some(other("boolean", "true")));
        assert_eq!(foreign("[1, [2]]"), Some(other("array", "[]")));
        assert_eq!(foreign("{\"a\": 1}"), Some(other("object", "{}")));
        assert_eq!(foreign("null"), None);
    }

    #[test]
    fn for_people_it_is_its_text() {
        assert_eq!(
            serde_json::to_string(&Lenient::text("1.0")).unwrap(),
            "\"1.0\""
        );
    }

    #[test]
    fn tags_and_kinds_are_each_others_inverse() {
        for (tag, kind) in [(1, "boolean"), (2, "number"), (3, "array"), (4, "object")] {
            assert_eq!((tag_of(kind), kind_of(tag)), (tag, Some(kind)));
        }
        assert_eq!((kind_of(0), kind_of(5)), (None, None));
    }
}
