//! Members that take any JSON value, so that the rule and not the schema refuses a wrong one.
//!
//! Serde's data model has no way to hand a JSON number over as it was written. Types of ours ask their
//! deserializer for a newtype struct of a reserved name instead; the readers in `wire` know the names.

use std::fmt;

use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Asks a reader for "any value": a string as it is, everything else as kind and canonical JSON.
pub const ANY_VALUE: &str = "$kontor::any";
/// Marks a decimal, so that the canonical form can strip its trailing zeros.
pub const NORMAL_DECIMAL: &str = "$kontor::decimal";

/// Kinds of JSON values other than strings.
pub const KINDS: [&str; 5] = ["number", "boolean", "array", "object", "null"];

/// A member as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lenient {
    /// A string.
    Text(String),
    /// Another JSON value.
    Other {
        /// Which kind of value, one of [`KINDS`].
        kind: &'static str,
        /// The value as canonical JSON.
        raw: String,
    },
}

/// Read any value.
pub fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Lenient, D::Error> {
    deserializer.deserialize_newtype_struct(ANY_VALUE, LenientVisitor)
}

struct LenientVisitor;

impl<'de> Visitor<'de> for LenientVisitor {
    type Value = Lenient;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Lenient, D::Error> {
        if inner.is_human_readable() {
            return inner.deserialize_any(AnyVisitor);
        }
        // In binary form a pair: number of the kind (0 for a string) and the text.
        let (kind, text) = <(u8, String)>::deserialize(inner)?;
        of_pair(kind, text).ok_or_else(|| D::Error::custom("unknown kind of value"))
    }
}

fn of_pair(kind: u8, text: String) -> Option<Lenient> {
    let Some(place) = kind.checked_sub(1) else {
        return Some(Lenient::Text(text));
    };
    let kind = *KINDS.get(usize::from(place))?;
    Some(Lenient::Other { kind, raw: text })
}

/// Takes what a JSON reader hands over. Our own reader knows the reserved name and gives everything
/// that is not a string as bytes, number of the kind first; other readers give their native types.
struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Lenient;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Lenient, E> {
        Ok(Lenient::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Lenient, E> {
        Ok(Lenient::Text(text))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Lenient, E> {
        let pair = bytes
            .split_first()
            .and_then(|(kind, text)| of_pair(*kind, std::str::from_utf8(text).ok()?.to_owned()));
        pair.ok_or_else(|| E::custom("unknown kind of value"))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Lenient, E> {
        Ok(Lenient::Other {
            kind: "boolean",
            raw: flag.to_string(),
        })
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Lenient, E> {
        Ok(Lenient::Other {
            kind: "number",
            raw: number.to_string(),
        })
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Lenient, E> {
        Ok(Lenient::Other {
            kind: "number",
            raw: number.to_string(),
        })
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Lenient, E> {
        Ok(Lenient::Other {
            kind: "number",
            raw: number.to_string(),
        })
    }

    fn visit_unit<E: Error>(self) -> Result<Lenient, E> {
        Ok(Lenient::Other {
            kind: "null",
            raw: "null".to_owned(),
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Lenient, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Lenient::Other {
            kind: "array",
            raw: "[]".to_owned(),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Lenient, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Lenient::Other {
            kind: "object",
            raw: "{}".to_owned(),
        })
    }
}

impl Serialize for Lenient {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pair = match self {
            Self::Text(text) => (0_u8, text),
            Self::Other { kind, raw } => {
                let place = KINDS
                    .iter()
                    .position(|known| known == kind)
                    .unwrap_or_default();
                (
                    u8::try_from(place).unwrap_or_default().saturating_add(1),
                    raw,
                )
            }
        };
        serializer.serialize_newtype_struct(ANY_VALUE, &pair)
    }
}

/// A JSON value kept as canonical text: the value of a reference record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RawJson(Box<str>);

impl RawJson {
    /// Take canonical JSON text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The value as a type of ours, or what is wrong with it.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_str(&self.0).map_err(|error| error.to_string())
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match lenient(deserializer)? {
            Lenient::Text(text) => serde_json::to_string(&text)
                .map(Self::new)
                .map_err(D::Error::custom),
            Lenient::Other { raw, .. } => Ok(Self::new(raw)),
        }
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = match self.0.as_bytes().first() {
            Some(b'{') => "object",
            Some(b'[') => "array",
            Some(b'"') => {
                let text = self.read().map_err(serde::ser::Error::custom)?;
                return Lenient::Text(text).serialize(serializer);
            }
            Some(b't' | b'f') => "boolean",
            Some(b'n') => "null",
            Some(_) | None => "number",
        };
        Lenient::Other {
            kind,
            raw: self.0.to_string(),
        }
        .serialize(serializer)
    }
}

impl schemars::JsonSchema for RawJson {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "description": "Any JSON value; its shape follows from the record." })
    }
}
