//! A JSON value that is kept as text: reference records, whose shape follows from their type.
//!
//! This file alone, below the wire, knows `serde_json`, so that the ledger can keep and read records
//! without knowing how JSON is read.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
        schemars::json_schema!({ "description": "Any JSON value; its shape follows from the record." })
    }
}
