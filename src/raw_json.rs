//! A JSON value that is kept as text: reference records, whose shape follows from their type.
//!
//! This file alone, below the wire, knows `serde_json`, so that the ledger can keep and read
//! records without knowing how JSON is read.

use std::fmt;

use serde::de::{DeserializeOwned, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::lenient::{self, Lenient, lenient as read_any};

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

    /// What the value is, one level deep; none if the text is not JSON or names a member twice.
    pub fn parts(&self) -> Option<Parts> {
        match self.0.as_bytes().first()? {
            b'{' => {
                let members: MembersOnce = serde_json::from_str(&self.0).ok()?;
                Some(Parts::Object(members.0))
            }
            b'[' => {
                let items: Vec<Box<RawValue>> = serde_json::from_str(&self.0).ok()?;
                Some(Parts::List(
                    items.iter().map(|item| Self::of(item)).collect(),
                ))
            }
            b'"' => serde_json::from_str(&self.0).ok().map(Parts::Text),
            b't' | b'f' => serde_json::from_str(&self.0).ok().map(Parts::Bool),
            b'n' => Some(Parts::Null),
            _digit_or_sign => Some(Parts::Number(self.0.to_string())),
        }
    }

    fn of(value: &RawValue) -> Self {
        Self::new(value.get())
    }
}

/// A JSON value taken apart one level deep, in the order in which it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parts {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it was written.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<RawJson>),
    /// An object.
    Object(Vec<(String, RawJson)>),
}

/// Members in order, none of them twice.
struct MembersOnce(Vec<(String, RawJson)>);

impl<'de> Deserialize<'de> for MembersOnce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = MembersOnce;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<(String, RawJson)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
            members.push((name, RawJson::of(&value)));
        }
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(A::Error::custom("a member stands twice"));
        }
        Ok(MembersOnce(members))
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match read_any(deserializer)? {
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
                let text: String = self.read().map_err(serde::ser::Error::custom)?;
                return lenient::serialize(&Lenient::text(&text), serializer);
            }
            Some(b't' | b'f') => "boolean",
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
        schemars::json_schema!({
            "type": ["object", "array", "string", "number", "boolean"],
            "description": "Any JSON value but null; its shape follows from the record."
        })
    }
}
