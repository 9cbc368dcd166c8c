//! A job inside another one: a kind, a key, and the data of that kind.

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{KindCode, is_key};
use crate::jobs::catalogue::{KindInfo, kind_code, kind_name};
use crate::jobs::contract::JobKind;
use crate::jobs::fields::{IN_ORDER, Id};
use crate::jobs::{JobData, KindVisitor};

/// Members of an inner job, in the order in which they must be read: the kind says what the data
/// are.
const FIELDS: &[&str] = &["kind", "key", "data"];

/// The first word of kinds that approve: an approval is not itself approved.
const APPROVALS: &str = "approval.";

/// A job that waits inside another one.
#[derive(Debug)]
pub struct InnerJob {
    /// Its key.
    pub key: Id,
    /// Its data.
    pub data: JobData,
}

impl InnerJob {
    /// The name of its kind.
    pub fn kind_name(&self) -> &'static str {
        kind_name(self.data.code()).unwrap_or_default()
    }
}

impl Serialize for InnerJob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct(IN_ORDER, FIELDS.len())?;
        members.serialize_field("kind", self.kind_name())?;
        members.serialize_field("key", &self.key)?;
        members.serialize_field("data", &Shape(&self.data))?;
        members.end()
    }
}

/// Data as a value to serialise.
struct Shape<'a>(&'a JobData);

impl Serialize for Shape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// The kind of an inner job.
struct Kind(KindCode);

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name.starts_with(APPROVALS) {
            return Err(D::Error::custom("an approval is not itself approved"));
        }
        let code = kind_code(&name);
        let built = code.filter(|code| JobData::BUILT.binary_search(&code.0).is_ok());
        built
            .map(Self)
            .ok_or_else(|| D::Error::custom("this release does not know the kind"))
    }
}

/// The key of an inner job.
struct Key(Id);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = Id::deserialize(deserializer)?;
        if is_key(&key) {
            Ok(Self(key))
        } else {
            Err(D::Error::custom("a key is 1 to 128 of [A-Za-z0-9._:/-]"))
        }
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Kind,
    Key,
    Data,
}

/// Reads the data of a kind.
struct DataOf(KindCode);

impl<'de> DeserializeSeed<'de> for DataOf {
    type Value = JobData;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<JobData, D::Error> {
        let mut reading = Reading {
            deserializer: Some(deserializer),
            lifetime: PhantomData,
        };
        JobData::visit(self.0, &mut reading)
            .unwrap_or_else(|| Err(D::Error::custom("this release does not know the kind")))
    }
}

struct Reading<'de, D> {
    deserializer: Option<D>,
    lifetime: PhantomData<&'de ()>,
}

impl<'de, D: Deserializer<'de>> KindVisitor for Reading<'de, D> {
    type Made = Result<JobData, D::Error>;

    fn visit<K: JobKind>(
        &mut self,
        _: &'static KindInfo,
        wrap: fn(Box<K>) -> JobData,
    ) -> Self::Made {
        let deserializer = self.deserializer.take();
        let deserializer = deserializer.ok_or_else(|| D::Error::custom("the data were read"))?;
        K::deserialize(deserializer).map(|data| wrap(Box::new(data)))
    }
}

struct InnerVisitor;

impl<'de> Visitor<'de> for InnerVisitor {
    type Value = InnerJob;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a job with kind, key and data")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<InnerJob, A::Error> {
        let missing = A::Error::missing_field;
        let Kind(kind) = members.next_element()?.ok_or_else(|| missing("kind"))?;
        let Key(key) = members.next_element()?.ok_or_else(|| missing("key"))?;
        let data = members.next_element_seed(DataOf(kind))?;
        let data = data.ok_or_else(|| missing("data"))?;
        Ok(InnerJob { key, data })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<InnerJob, A::Error> {
        let missing = A::Error::missing_field;
        let (mut kind, mut key, mut data) = (None, None, None);
        while let Some(field) = members.next_key()? {
            match field {
                Field::Kind => kind = Some(members.next_value::<Kind>()?.0),
                Field::Key => key = Some(members.next_value::<Key>()?.0),
                Field::Data => {
                    let kind = kind.ok_or_else(|| missing("kind"))?;
                    data = Some(members.next_value_seed(DataOf(kind))?);
                }
            }
        }
        kind.ok_or_else(|| missing("kind"))?;
        Ok(InnerJob {
            key: key.ok_or_else(|| missing("key"))?,
            data: data.ok_or_else(|| missing("data"))?,
        })
    }
}

impl<'de> Deserialize<'de> for InnerJob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct(IN_ORDER, FIELDS, InnerVisitor)
    }
}

impl JsonSchema for InnerJob {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "InnerJob".into()
    }

    /// What the data are follows from the kind: the schema of its own, in the file beside this one.
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let built = JobData::BUILT.iter();
        let names = built.filter_map(|code| kind_name(KindCode(*code)));
        let names: Vec<&str> = names.filter(|name| !name.starts_with(APPROVALS)).collect();
        let data: Vec<schemars::Schema> = names
            .iter()
            .map(|name| {
                let schema = format!("{name}.schema.json#/properties/data");
                schemars::json_schema!({
                    "if": { "properties": { "kind": { "const": name } } },
                    "then": { "properties": { "data": { "$ref": schema } } },
                })
            })
            .collect();
        schemars::json_schema!({
            "type": "object",
            "description": "A job of any kind but an approval.",
            "properties": {
                "kind": { "type": "string", "enum": names, "description": "Kind of the job." },
                "key": {
                    "type": "string",
                    "description": "Key of the job, unique in its book.",
                    "pattern": "^[A-Za-z0-9._:/-]{1,128}$"
                },
                "data": { "type": "object", "description": "Data of that kind." }
            },
            "allOf": data,
            "required": ["kind", "key", "data"],
            "additionalProperties": false
        })
    }
}
