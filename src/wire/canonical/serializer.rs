//! Any type that serde can write, as canonical bytes.

use serde::Serialize;
use serde::ser;

use super::CanonicalFault;
use super::bytes::{Canonical, Member};
use crate::lenient::NORMAL_DECIMAL;

/// An array, object or struct in the making.
pub(super) struct Compound<'c> {
    canonical: &'c mut Canonical,
    /// Where its members begin among those of all objects that are open.
    first: usize,
    /// The member of a map whose name was written and whose value comes next.
    current: Option<Member>,
    /// Closed as well at the end: a choice is an object of one member around its content.
    choice: bool,
    /// A decimal: its text alone counts, not the tag that comes first.
    decimal: Decimal,
}

/// Where the pair of a decimal stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decimal {
    /// It is none.
    No,
    /// Its tag comes next.
    Tag,
    /// Its text comes next, or has come.
    Text,
}

impl<'c> Compound<'c> {
    fn new(canonical: &'c mut Canonical, opening: u8) -> Self {
        canonical.out.push(opening);
        Self {
            first: canonical.object_begins(),
            canonical,
            current: None,
            choice: false,
            decimal: Decimal::No,
        }
    }

    fn decimal(canonical: &'c mut Canonical) -> Self {
        Self {
            first: canonical.object_begins(),
            canonical,
            current: None,
            choice: false,
            decimal: Decimal::Tag,
        }
    }

    fn choice(canonical: &'c mut Canonical, name: &str, opening: u8) -> Self {
        canonical.out.push(b'{');
        canonical.sized(b's', name.as_bytes());
        Self {
            choice: true,
            ..Self::new(canonical, opening)
        }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalFault> {
        if self.decimal == Decimal::Tag {
            self.decimal = Decimal::Text;
            return Ok(());
        }
        value.serialize(&mut *self.canonical)
    }

    fn member<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        value: &T,
    ) -> Result<(), CanonicalFault> {
        let member = self.canonical.member_begins(name);
        value.serialize(&mut *self.canonical)?;
        self.canonical.member_ends(member);
        Ok(())
    }

    fn array_ends(self) {
        if self.decimal != Decimal::No {
            return;
        }
        self.canonical.out.push(b']');
        self.choice_ends();
    }

    fn object_ends(self) {
        self.canonical.object_ends(self.first);
        self.choice_ends();
    }

    fn choice_ends(self) {
        if self.choice {
            self.canonical.out.push(b'}');
        }
    }
}

/// The methods in which serde hands over what is the same to us.
macro_rules! whole_numbers {
    ($($name:ident $number:ty),+) => {
        $(
            fn $name(self, number: $number) -> Result<(), CanonicalFault> {
                self.signed(i128::from(number));
                Ok(())
            }
        )+
    };
}

/// Not for people: lenient values then come with their tag, so that the number `10` and the text
/// `10` differ.
impl<'c> ser::Serializer for &'c mut Canonical {
    type Ok = ();
    type Error = CanonicalFault;
    type SerializeSeq = Compound<'c>;
    type SerializeTuple = Compound<'c>;
    type SerializeTupleStruct = Compound<'c>;
    type SerializeTupleVariant = Compound<'c>;
    type SerializeMap = Compound<'c>;
    type SerializeStruct = Compound<'c>;
    type SerializeStructVariant = Compound<'c>;

    fn is_human_readable(&self) -> bool {
        false
    }

    whole_numbers! {
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_i128 i128, serialize_u8 u8, serialize_u16 u16, serialize_u32 u32,
        serialize_u64 u64
    }

    fn serialize_u128(self, number: u128) -> Result<(), CanonicalFault> {
        if let Ok(number) = i128::try_from(number) {
            self.signed(number);
        } else {
            self.out.push(b'u');
            self.out.extend_from_slice(&number.to_le_bytes());
        }
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> Result<(), CanonicalFault> {
        self.out.push(if value { b't' } else { b'f' });
        Ok(())
    }

    fn serialize_f32(self, _number: f32) -> Result<(), CanonicalFault> {
        Err(CanonicalFault::Float)
    }

    fn serialize_f64(self, _number: f64) -> Result<(), CanonicalFault> {
        Err(CanonicalFault::Float)
    }

    fn serialize_char(self, symbol: char) -> Result<(), CanonicalFault> {
        self.serialize_str(symbol.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), CanonicalFault> {
        self.text(text);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), CanonicalFault> {
        self.sized(b'b', bytes);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), CanonicalFault> {
        self.out.push(b'-');
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CanonicalFault> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), CanonicalFault> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), CanonicalFault> {
        self.serialize_none()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), CanonicalFault> {
        self.sized(b's', variant.as_bytes());
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), CanonicalFault> {
        self.decimal = name == NORMAL_DECIMAL;
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), CanonicalFault> {
        self.out.push(b'{');
        self.sized(b's', variant.as_bytes());
        value.serialize(&mut *self)?;
        self.out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Compound<'c>, CanonicalFault> {
        Ok(Compound::new(self, b'['))
    }

    fn serialize_tuple(self, _len: usize) -> Result<Compound<'c>, CanonicalFault> {
        if self.decimal {
            return Ok(Compound::decimal(self));
        }
        Ok(Compound::new(self, b'['))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Compound<'c>, CanonicalFault> {
        Ok(Compound::new(self, b'['))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Compound<'c>, CanonicalFault> {
        Ok(Compound::choice(self, variant, b'['))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Compound<'c>, CanonicalFault> {
        Ok(Compound::new(self, b'{'))
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Compound<'c>, CanonicalFault> {
        Ok(Compound::new(self, b'{'))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Compound<'c>, CanonicalFault> {
        Ok(Compound::choice(self, variant, b'{'))
    }
}

macro_rules! arrays {
    ($($form:ident $method:ident),+) => {
        $(
            impl ser::$form for Compound<'_> {
                type Ok = ();
                type Error = CanonicalFault;

                fn $method<T: Serialize + ?Sized>(
                    &mut self,
                    value: &T,
                ) -> Result<(), CanonicalFault> {
                    self.item(value)
                }

                fn end(self) -> Result<(), CanonicalFault> {
                    self.array_ends();
                    Ok(())
                }
            }
        )+
    };
}

arrays! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
}

macro_rules! structs {
    ($($form:ident),+) => {
        $(
            impl ser::$form for Compound<'_> {
                type Ok = ();
                type Error = CanonicalFault;

                fn serialize_field<T: Serialize + ?Sized>(
                    &mut self,
                    name: &'static str,
                    value: &T,
                ) -> Result<(), CanonicalFault> {
                    self.member(name, value)
                }

                fn end(self) -> Result<(), CanonicalFault> {
                    self.object_ends();
                    Ok(())
                }
            }
        )+
    };
}

structs! { SerializeStruct, SerializeStructVariant }

impl ser::SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = CanonicalFault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), CanonicalFault> {
        let start = self.canonical.out.len();
        name.serialize(&mut *self.canonical)?;
        if self.canonical.out.get(start) != Some(&b's') {
            return Err(CanonicalFault::NameNotText);
        }
        let name_end = self.canonical.out.len();
        self.current = Some(Member {
            start,
            name: name_end.saturating_sub(self.canonical.last_sized),
            name_end,
            end: 0,
        });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalFault> {
        let Some(member) = self.current.take() else {
            return Err(CanonicalFault::NameNotText);
        };
        value.serialize(&mut *self.canonical)?;
        self.canonical.member_ends(member);
        Ok(())
    }

    fn end(self) -> Result<(), CanonicalFault> {
        self.object_ends();
        Ok(())
    }
}
