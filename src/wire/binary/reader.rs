//! Bytes to values.

use std::borrow::Cow;

use bincode::{BorrowDecode, Decode};
use serde::Deserializer;
use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{BinaryFault, config};
use crate::wire::text::normal;

type Read<T> = Result<T, BinaryFault>;

/// Reads from the front of its bytes.
pub(super) struct Reader<'de> {
    bytes: &'de [u8],
    at: usize,
}

impl<'de> Reader<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn rest(&self) -> &'de [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn malformed(&self, reason: &'static str) -> BinaryFault {
        BinaryFault::Malformed {
            offset: self.at,
            reason,
        }
    }

    fn take<T: Decode<()>>(&mut self, reason: &'static str) -> Read<T> {
        let decoded = bincode::decode_from_slice(self.rest(), config());
        let Ok((value, length)) = decoded else {
            return Err(self.malformed(reason));
        };
        self.at += length;
        Ok(value)
    }

    fn take_borrowed<T: BorrowDecode<'de, ()>>(&mut self, reason: &'static str) -> Read<T> {
        let decoded = bincode::borrow_decode_from_slice(self.rest(), config());
        let Ok((value, length)) = decoded else {
            return Err(self.malformed(reason));
        };
        self.at += length;
        Ok(value)
    }

    fn text(&mut self) -> Read<Cow<'de, str>> {
        let start = self.at;
        let length = self.take::<u64>("the bytes end in a length")?;
        let rest = self.rest();
        let text = usize::try_from(length)
            .ok()
            .and_then(|length| rest.get(..length));
        let text = text.and_then(|text| std::str::from_utf8(text).ok());
        let Some(text) = text else {
            self.at = start;
            return Err(self.malformed("no text, or longer than what follows"));
        };
        self.at += text.len();
        Ok(normal(text))
    }

    /// The number of elements; every element takes at least a byte.
    fn count(&mut self) -> Read<usize> {
        let start = self.at;
        let count = self.take::<u64>("the bytes end in a length")?;
        match usize::try_from(count) {
            Ok(count) if count <= self.rest().len() => Ok(count),
            _ => {
                self.at = start;
                Err(self.malformed("a list longer than what follows"))
            }
        }
    }
}

/// The methods in which serde asks for a number.
macro_rules! numbers {
    ($($method:ident $visit:ident $number:ty),+) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
                visitor.$visit(self.take::<$number>("the bytes end in a number")?)
            }
        )+
    };
}

/// What only a form that describes itself can answer, and what no job has.
macro_rules! refuse {
    ($($method:ident)+) => {
        $(
            fn $method<V: Visitor<'de>>(self, _visitor: V) -> Read<V::Value> {
                Err(BinaryFault::Type(stringify!($method).to_owned()))
            }
        )+
    };
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = BinaryFault;

    fn is_human_readable(&self) -> bool {
        false
    }

    numbers! {
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_u128 visit_u128 u128,
        deserialize_bool visit_bool bool, deserialize_char visit_char char
    }

    refuse! {
        deserialize_any deserialize_ignored_any deserialize_identifier
        deserialize_f32 deserialize_f64
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.text()? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_borrowed_bytes(self.take_borrowed("bytes longer than what follows")?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let start = self.at;
        match self.take::<u8>("the bytes end before an optional member")? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(self),
            _ => {
                self.at = start;
                Err(self.malformed("an optional member is neither absent (0) nor present (1)"))
            }
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let count = self.count()?;
        visitor.visit_seq(Elements {
            reader: self,
            index: 0,
            count,
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, count: usize, visitor: V) -> Read<V::Value> {
        visitor.visit_seq(Elements {
            reader: self,
            index: 0,
            count,
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        count: usize,
        visitor: V,
    ) -> Read<V::Value> {
        self.deserialize_tuple(count, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let left = self.count()?;
        visitor.visit_map(Members {
            reader: self,
            left,
            name: None,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_seq(Fields {
            reader: self,
            names: names.iter(),
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_enum(Choice {
            reader: self,
            variants,
            name: "",
        })
    }
}

/// The elements of a list.
struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    index: usize,
    count: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = BinaryFault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Read<Option<S::Value>> {
        if self.index == self.count {
            return Ok(None);
        }
        let element = seed.deserialize(&mut *self.reader);
        let element = element.map_err(|fault| fault.within(&self.index.to_string()))?;
        self.index += 1;
        Ok(Some(element))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.count - self.index)
    }
}

/// The members of a struct, all of them, in the order they are declared.
struct Fields<'r, 'de> {
    reader: &'r mut Reader<'de>,
    names: std::slice::Iter<'static, &'static str>,
}

impl<'de> SeqAccess<'de> for Fields<'_, 'de> {
    type Error = BinaryFault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Read<Option<S::Value>> {
        let Some(name) = self.names.next() else {
            return Ok(None);
        };
        seed.deserialize(&mut *self.reader)
            .map(Some)
            .map_err(|fault| fault.within(name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.names.len())
    }
}

/// The members of a map, names ascending.
struct Members<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: usize,
    /// The name read last.
    name: Option<Cow<'de, str>>,
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = BinaryFault;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Read<Option<S::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let mut ahead = Reader {
            bytes: self.reader.bytes,
            at: self.reader.at,
        };
        let name = ahead.text()?;
        if self.name.as_ref().is_some_and(|before| *before >= name) {
            return Err(self.reader.malformed("names must ascend, none twice"));
        }
        let key = seed
            .deserialize(&mut *self.reader)
            .map_err(|fault| fault.within(&name))?;
        self.name = Some(name);
        Ok(Some(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Read<S::Value> {
        let name = self.name.as_deref().unwrap_or_default();
        seed.deserialize(&mut *self.reader)
            .map_err(|fault| fault.within(name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// One of an enum's choices: its number, then what it carries.
struct Choice<'r, 'de> {
    reader: &'r mut Reader<'de>,
    variants: &'static [&'static str],
    /// The one chosen, for paths; that of the JSON form.
    name: &'static str,
}

impl<'de> EnumAccess<'de> for Choice<'_, 'de> {
    type Error = BinaryFault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(mut self, seed: S) -> Read<(S::Value, Self)> {
        let index = self.reader.take::<u32>("the bytes end in a choice")?;
        let name = usize::try_from(index)
            .ok()
            .and_then(|index| self.variants.get(index));
        let Some(name) = name else {
            return Err(<BinaryFault as serde::de::Error>::unknown_variant(
                "",
                self.variants,
            ));
        };
        self.name = name;
        let number: U32Deserializer<BinaryFault> = index.into_deserializer();
        Ok((seed.deserialize(number)?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'_, 'de> {
    type Error = BinaryFault;

    fn unit_variant(self) -> Read<()> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Read<S::Value> {
        seed.deserialize(self.reader)
            .map_err(|fault| fault.within(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, count: usize, visitor: V) -> Read<V::Value> {
        let read = self.reader.deserialize_tuple(count, visitor);
        read.map_err(|fault| fault.within(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        let read = visitor.visit_seq(Fields {
            reader: self.reader,
            names: names.iter(),
        });
        read.map_err(|fault| fault.within(self.name))
    }
}
