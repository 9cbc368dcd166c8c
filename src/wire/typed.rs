//! Fills a job's struct from a JSON tree, and says exactly where it does not fit.
//!
//! The standard way from a tree to a struct (`serde_json::Value`) says what is wrong but not where,
//! lets `null` stand for absent and numbers for floats. Here every fault carries the pointer to its
//! value, `null` is refused wherever it stands (an absent member and one that says nothing would
//! have different fingerprints), and no float is ever made.
//!
//! Members are visited in the order they were written, so the first fault is the first in the text.
//! A member that is missing shows only at the end of its object.
//!
//! Enums are externally tagged: a string, or an object of one member. `#[serde(flatten)]`,
//! `untagged` and internal tags buffer values inside `serde`, where paths and raw numbers are lost;
//! do not use them for jobs.

use std::borrow::Cow;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::{Deserialize, Deserializer};

use super::schema::SchemaFault;
use super::tree::{Items, Json};
use crate::jobs::fields::IN_ORDER;
use crate::lenient::{LENIENT, tag_of};

/// Read a value of the type from a tree.
pub fn read<'t, T: Deserialize<'t>>(json: Json<'t>) -> Result<T, SchemaFault> {
    T::deserialize(Value(json))
}

/// The methods in which serde asks for what is the same to us.
macro_rules! forward_to_forms {
    ($($to:ident: $($from:ident)+);+) => {
        $($(
            fn $from<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, SchemaFault> {
                self.$to(visitor)
            }
        )+)+
    };
}

/// A value about to be read.
#[derive(Clone, Copy)]
struct Value<'t>(Json<'t>);

impl<'t> Value<'t> {
    /// Not what was asked for.
    fn unfit(self, expected: &str) -> SchemaFault {
        SchemaFault::new(match self.0 {
            Json::Null => Cow::Borrowed("null is not allowed"),
            Json::Bool(_) => Cow::Owned(format!("expected {expected}, got a boolean")),
            Json::Number(_) => Cow::Owned(format!("expected {expected}, got a number")),
            Json::String(_) => Cow::Owned(format!("expected {expected}, got a string")),
            Json::Array(_) => Cow::Owned(format!("expected {expected}, got an array")),
            Json::Object(_) => Cow::Owned(format!("expected {expected}, got an object")),
        })
    }

    fn whole_number<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, SchemaFault> {
        let Json::Number(text) = self.0 else {
            return Err(self.unfit("a whole number"));
        };
        if let Ok(number) = text.parse::<i64>() {
            visitor.visit_i64(number)
        } else if let Ok(number) = text.parse::<u64>() {
            visitor.visit_u64(number)
        } else if text.contains(['.', 'e', 'E']) {
            Err(SchemaFault::new(
                "expected a whole number, got a fraction or an exponent",
            ))
        } else {
            Err(SchemaFault::new("the number is out of range"))
        }
    }

    fn text<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, SchemaFault> {
        let Json::String(text) = self.0 else {
            return Err(self.unfit("a string"));
        };
        visitor.visit_borrowed_str(text)
    }

    fn array<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, SchemaFault> {
        let Json::Array(items) = self.0 else {
            return Err(self.unfit("an array"));
        };
        let mut elements = Elements { items, index: 0 };
        let value = visitor.visit_seq(&mut elements)?;
        if elements.items.len() == 0 {
            return Ok(value);
        }
        Err(SchemaFault::new(format!(
            "expected {} elements, got {}",
            elements.index,
            items.len()
        )))
    }

    fn object<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, SchemaFault> {
        let Json::Object(members) = self.0 else {
            return Err(self.unfit("an object"));
        };
        visitor.visit_map(Fields {
            members,
            current: None,
        })
    }

    /// An object whose members are visited in the order of the fields, unknown ones last.
    fn in_order<V: Visitor<'t>>(
        self,
        fields: &[&str],
        visitor: V,
    ) -> Result<V::Value, SchemaFault> {
        let Json::Object(members) = self.0 else {
            return Err(self.unfit("an object"));
        };
        let mut members: Vec<_> = members.collect();
        let place = |name: &str| fields.iter().position(|field| *field == name);
        members.sort_by_key(|(name, _)| place(name).unwrap_or(fields.len()));
        visitor.visit_map(Fields {
            members: members.into_iter(),
            current: None,
        })
    }

    /// Whatever stands there: text as it is, other values as the pair of tag and raw text that
    /// [`crate::lenient`] takes.
    fn anything<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, SchemaFault> {
        match self.0 {
            Json::String(text) => visitor.visit_borrowed_str(text),
            Json::Null => Err(self.unfit("a value")),
            other @ (Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => {
                let mut raw = String::new();
                other.write_sorted(&mut raw);
                visitor.visit_seq(Pair {
                    tag: Some(tag_of(other.kind())),
                    raw: Some(raw),
                })
            }
        }
    }
}

/// The pair of tag and raw text.
struct Pair {
    tag: Option<u8>,
    raw: Option<String>,
}

impl<'t> SeqAccess<'t> for Pair {
    type Error = SchemaFault;

    fn next_element_seed<S: DeserializeSeed<'t>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, SchemaFault> {
        if let Some(tag) = self.tag.take() {
            seed.deserialize(tag.into_deserializer()).map(Some)
        } else if let Some(raw) = self.raw.take() {
            seed.deserialize(raw.into_deserializer()).map(Some)
        } else {
            Ok(None)
        }
    }
}

impl<'t> Deserializer<'t> for Value<'t> {
    type Error = SchemaFault;

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, SchemaFault> {
        match self.0 {
            Json::Null => Err(self.unfit("a value")),
            Json::Bool(value) => visitor.visit_bool(value),
            Json::Number(_) => self.whole_number(visitor),
            Json::String(_) => self.text(visitor),
            Json::Array(_) => self.array(visitor),
            Json::Object(_) => self.object(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, SchemaFault> {
        let Json::Bool(value) = self.0 else {
            return Err(self.unfit("true or false"));
        };
        visitor.visit_bool(value)
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, SchemaFault> {
        if matches!(self.0, Json::Null) {
            Err(self.unfit("a value"))
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, SchemaFault> {
        if name == LENIENT {
            self.anything(visitor)
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_tuple<V: Visitor<'t>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, SchemaFault> {
        self.array(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'t>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, SchemaFault> {
        self.array(visitor)
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, SchemaFault> {
        if name == IN_ORDER {
            self.in_order(fields, visitor)
        } else {
            self.object(visitor)
        }
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, SchemaFault> {
        match self.0 {
            Json::String(name) => visitor.visit_enum(Choice {
                name,
                content: None,
            }),
            Json::Object(mut members) => match (members.next(), members.next()) {
                (Some((name, content)), None) => visitor.visit_enum(Choice {
                    name,
                    content: Some(content),
                }),
                _ => Err(SchemaFault::new(
                    "expected an object of one member, its name the choice",
                )),
            },
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => {
                Err(self.unfit("a string"))
            }
        }
    }

    fn deserialize_seq<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, SchemaFault> {
        self.array(visitor)
    }

    fn deserialize_map<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, SchemaFault> {
        self.object(visitor)
    }

    fn deserialize_str<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, SchemaFault> {
        self.text(visitor)
    }

    fn deserialize_i64<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, SchemaFault> {
        self.whole_number(visitor)
    }

    fn deserialize_f64<V: Visitor<'t>>(self, _visitor: V) -> Result<V::Value, SchemaFault> {
        Err(SchemaFault::new(
            "floating point numbers are not part of any job",
        ))
    }

    fn deserialize_unit<V: Visitor<'t>>(self, _visitor: V) -> Result<V::Value, SchemaFault> {
        Err(self.unfit("nothing"))
    }

    forward_to_forms! {
        deserialize_str: deserialize_char deserialize_string deserialize_identifier;
        deserialize_i64: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_u8
            deserialize_u16 deserialize_u32 deserialize_u64;
        deserialize_f64: deserialize_f32;
        deserialize_any: deserialize_ignored_any;
        deserialize_seq: deserialize_bytes deserialize_byte_buf
    }

    fn deserialize_unit_struct<V: Visitor<'t>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, SchemaFault> {
        self.deserialize_unit(visitor)
    }
}

struct Elements<'t> {
    items: Items<'t>,
    index: usize,
}

impl<'t> SeqAccess<'t> for &mut Elements<'t> {
    type Error = SchemaFault;

    fn next_element_seed<S: DeserializeSeed<'t>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, SchemaFault> {
        let Some(item) = self.items.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        seed.deserialize(Value(item))
            .map(Some)
            .map_err(|fault| fault.within_index(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Fields<'t, I> {
    members: I,
    /// The member whose name was read and whose value comes next.
    current: Option<(&'t str, Json<'t>)>,
}

impl<'t, I: ExactSizeIterator<Item = (&'t str, Json<'t>)>> MapAccess<'t> for Fields<'t, I> {
    type Error = SchemaFault;

    fn next_key_seed<S: DeserializeSeed<'t>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, SchemaFault> {
        let Some(member) = self.members.next() else {
            return Ok(None);
        };
        self.current = Some(member);
        let name = member.0;
        let key = seed
            .deserialize(BorrowedStrDeserializer::new(name))
            .map_err(|fault: SchemaFault| {
                // A struct names the member it does not know; a key's own check does not.
                if fault.path.is_empty() {
                    fault.within(name)
                } else {
                    fault
                }
            })?;
        Ok(Some(key))
    }

    fn next_value_seed<S: DeserializeSeed<'t>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, SchemaFault> {
        let Some((name, value)) = self.current.take() else {
            return Err(SchemaFault::new("a value was asked for before its name"));
        };
        seed.deserialize(Value(value))
            .map_err(|fault| fault.within(name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.members.len())
    }
}

/// One of an enum's choices: its name, and what it carries.
struct Choice<'t> {
    name: &'t str,
    content: Option<Json<'t>>,
}

impl<'t> Choice<'t> {
    fn content(&self) -> Result<Value<'t>, SchemaFault> {
        let missing = || SchemaFault::new("expected an object, this choice has members");
        self.content.map(Value).ok_or_else(missing)
    }
}

impl<'t> EnumAccess<'t> for Choice<'t> {
    type Error = SchemaFault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'t>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), SchemaFault> {
        Ok((
            seed.deserialize(BorrowedStrDeserializer::<SchemaFault>::new(self.name))?,
            self,
        ))
    }
}

impl<'t> VariantAccess<'t> for Choice<'t> {
    type Error = SchemaFault;

    fn unit_variant(self) -> Result<(), SchemaFault> {
        match self.content {
            None => Ok(()),
            Some(_) => Err(SchemaFault::new(
                "expected a string, this choice has no members",
            )),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'t>>(
        self,
        seed: S,
    ) -> Result<S::Value, SchemaFault> {
        seed.deserialize(self.content()?)
            .map_err(|fault| fault.within(self.name))
    }

    fn tuple_variant<V: Visitor<'t>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, SchemaFault> {
        self.content()?
            .array(visitor)
            .map_err(|fault| fault.within(self.name))
    }

    fn struct_variant<V: Visitor<'t>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, SchemaFault> {
        self.content()?
            .object(visitor)
            .map_err(|fault| fault.within(self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lenient::{Lenient, lenient};
    use crate::wire::schema::SchemaCode;
    use crate::wire::tree;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Invoice {
        customer: Short,
        #[serde(default)]
        note: Option<String>,
        #[serde(default)]
        lines: Vec<Line>,
        #[serde(default)]
        labels: BTreeMap<Short, String>,
        #[serde(default)]
        status: Option<Status>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        amount: Amount,
        #[serde(default)]
        count: Option<u16>,
        #[serde(default)]
        closing: Option<bool>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Status {
        Open,
        PaidBy(String),
        Partly { left: u64 },
    }

    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Short(String);

    impl<'de> Deserialize<'de> for Short {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            if text.len() > 8 {
                return Err(serde::de::Error::custom(
                    "FIELD_TOO_LONG: at most 8 characters",
                ));
            }
            if text.contains('\n') {
                return Err(serde::de::Error::custom(
                    "TEXT_INVALID: a control character",
                ));
            }
            Ok(Self(text))
        }
    }

    #[derive(Debug, PartialEq)]
    struct Amount(Lenient<'static>);

    impl<'de> Deserialize<'de> for Amount {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Ok(Self(match lenient(deserializer)? {
                Lenient::Text(text) => Lenient::Text(Cow::Owned(text.into_owned())),
                Lenient::Other { kind, raw } => Lenient::Other { kind, raw },
            }))
        }
    }

    fn invoice(text: &str) -> Result<Invoice, SchemaFault> {
        read(tree::read(text.as_bytes()).unwrap().root())
    }

    fn fault(text: &str) -> (SchemaCode, String, String) {
        let SchemaFault { code, path, reason } = invoice(text).expect_err(text);
        (code, path, reason.into_owned())
    }

    #[track_caller]
    fn invalid(text: &str, path: &str, reason: &str) {
        assert_eq!(
            fault(text),
            (SchemaCode::SchemaInvalid, path.into(), reason.into())
        );
    }

    #[test]
    fn fills_a_struct() {
        let text = r#"{"lines":[{"amount":"1.00","count":3,"closing":true}],
            "labels":{"b":"2","a":"1"},"customer":"cust-1","status":{"partly":{"left":7}}}"#;
        let amount = Amount(Lenient::text("1.00"));
        let expected = Invoice {
            customer: Short("cust-1".into()),
            note: None,
            lines: vec![Line {
                amount,
                count: Some(3),
                closing: Some(true),
            }],
            labels: [("a", "1"), ("b", "2")]
                .map(|(k, v)| (Short(k.into()), v.into()))
                .into(),
            status: Some(Status::Partly { left: 7 }),
        };
        assert_eq!(invoice(text), Ok(expected));
        let status = |text: &str| {
            invoice(&format!(r#"{{"customer":"c","status":{text}}}"#)).map(|it| it.status)
        };
        assert_eq!(status("\"open\""), Ok(Some(Status::Open)));
        assert_eq!(
            status(r#"{"paid_by":"x"}"#),
            Ok(Some(Status::PaidBy("x".into())))
        );
    }

    #[test]
    fn unknown_and_missing_members_have_their_own_path() {
        invalid(
            r#"{"customer":"c","surprise":1}"#,
            "/surprise",
            "unknown field",
        );
        invalid(r#"{"customer":"c","a/b":1}"#, "/a~1b", "unknown field");
        invalid(r#"{"lines":[]}"#, "/customer", "missing field");
        invalid(
            r#"{"lines":[{"amount":"1"},{}]}"#,
            "/lines/1/amount",
            "missing field",
        );
        invalid(
            r#"{"lines":[{"amount":"1","x":0}]}"#,
            "/lines/0/x",
            "unknown field",
        );
    }

    #[test]
    fn a_wrong_type_says_what_was_expected() {
        invalid("[]", "", "expected an object, got an array");
        invalid(
            r#"{"customer":1}"#,
            "/customer",
            "expected a string, got a number",
        );
        invalid(
            r#"{"note":{}}"#,
            "/note",
            "expected a string, got an object",
        );
        invalid(
            r#"{"lines":{}}"#,
            "/lines",
            "expected an array, got an object",
        );
        invalid(
            r#"{"lines":["x"]}"#,
            "/lines/0",
            "expected an object, got a string",
        );
        invalid(
            r#"{"labels":[]}"#,
            "/labels",
            "expected an object, got an array",
        );
        invalid(
            r#"{"labels":{"a":1}}"#,
            "/labels/a",
            "expected a string, got a number",
        );
        let line = |members: &str| format!(r#"{{"lines":[{{"amount":"1",{members}}}]}}"#);
        let fraction = "expected a whole number, got a fraction or an exponent";
        invalid(&line(r#""count":1.5"#), "/lines/0/count", fraction);
        invalid(&line(r#""count":1e2"#), "/lines/0/count", fraction);
        invalid(
            &line(r#""count":-1"#),
            "/lines/0/count",
            "the number is out of range",
        );
        invalid(
            &line(r#""count":70000"#),
            "/lines/0/count",
            "the number is out of range",
        );
        let huge = line(&format!("\"count\":{}", "9".repeat(99)));
        invalid(&huge, "/lines/0/count", "the number is out of range");
        let text = line(r#""count":"3""#);
        invalid(
            &text,
            "/lines/0/count",
            "expected a whole number, got a string",
        );
        let text = line(r#""closing":"yes""#);
        invalid(
            &text,
            "/lines/0/closing",
            "expected true or false, got a string",
        );
    }

    #[test]
    fn null_is_refused_wherever_it_stands() {
        for (text, path) in [
            ("null", ""),
            (r#"{"customer":null}"#, "/customer"),
            (r#"{"note":null}"#, "/note"),
            (r#"{"lines":null}"#, "/lines"),
            (r#"{"lines":[null]}"#, "/lines/0"),
            (r#"{"lines":[{"amount":null}]}"#, "/lines/0/amount"),
            (
                r#"{"lines":[{"amount":"1","count":null}]}"#,
                "/lines/0/count",
            ),
            (r#"{"labels":{"a":null}}"#, "/labels/a"),
            (r#"{"status":null}"#, "/status"),
        ] {
            invalid(text, path, "null is not allowed");
        }
    }

    #[test]
    fn choices_are_listed_and_what_was_sent_is_not_repeated() {
        let status = |text: &str| format!(r#"{{"status":{text}}}"#);
        let choices = "expected one of open, paid_by, partly";
        invalid(&status("\"John Doe\""), "/status", choices);
        invalid(&status(r#"{"John Doe":1}"#), "/status", choices);
        invalid(&status("7"), "/status", "expected a string, got a number");
        invalid(
            &status(r#"{"open":1}"#),
            "/status",
            "expected a string, this choice has no members",
        );
        invalid(
            &status("\"paid_by\""),
            "/status",
            "expected an object, this choice has members",
        );
        let text = status(r#"{"partly":{"left":"x"}}"#);
        invalid(
            &text,
            "/status/partly/left",
            "expected a whole number, got a string",
        );
    }

    #[test]
    fn a_types_own_check_chooses_the_code() {
        let long = (
            SchemaCode::FieldTooLong,
            "/customer".into(),
            "at most 8 characters".into(),
        );
        assert_eq!(fault(r#"{"customer":"123456789"}"#), long);
        let text = (
            SchemaCode::TextInvalid,
            "/customer".into(),
            "a control character".into(),
        );
        assert_eq!(fault(r#"{"customer":"a\nb"}"#), text);
        let key = (SchemaCode::FieldTooLong, "/labels/123456789".into(), long.2);
        assert_eq!(fault(r#"{"labels":{"123456789":""}}"#), key);
    }

    #[test]
    fn the_first_fault_in_the_text_counts() {
        assert_eq!(
            fault(r#"{"customer":"123456789","surprise":1}"#).1,
            "/customer"
        );
        assert_eq!(
            fault(r#"{"surprise":1,"customer":"123456789"}"#).1,
            "/surprise"
        );
    }

    #[test]
    fn lenient_members_take_anything_but_null() {
        let amount = |text: &str| {
            let invoice = invoice(&format!(
                r#"{{"customer":"c","lines":[{{"amount":{text}}}]}}"#
            ));
            invoice.unwrap().lines.remove(0).amount.0
        };
        let other = |kind, raw: &str| Lenient::Other {
            kind,
            raw: raw.into(),
        };
        assert_eq!(amount("\"x\""), Lenient::text("x"));
        assert_eq!(amount("10.00"), other("number", "10.00"));
        assert_eq!(amount("true"), other("boolean", "true"));
        assert_eq!(amount("[1, 2]"), other("array", "[1,2]"));
        assert_eq!(
            amount(r#"{"b":1,"a":null}"#),
            other("object", r#"{"a":null,"b":1}"#)
        );
    }
}
