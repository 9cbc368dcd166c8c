//! Values to bytes.

use bincode::Encode;
use bincode::enc::EncoderImpl;
use bincode::enc::write::Writer as Sink;
use bincode::error::EncodeError;
use serde::Serialize;
use serde::ser;

use super::{BYTES_MAX, BinaryFault, config};

type Written = Result<(), BinaryFault>;

/// Appends values.
pub(super) struct Writer<'o> {
    pub(super) out: &'o mut Vec<u8>,
}

impl Sink for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

impl Writer<'_> {
    fn put<T: Encode + ?Sized>(&mut self, value: &T) -> Written {
        let sink = Writer {
            out: &mut *self.out,
        };
        let encoded = value.encode(&mut EncoderImpl::new(sink, config()));
        encoded.map_err(|fault| BinaryFault::Type(fault.to_string()))
    }

    fn again(&mut self) -> Writer<'_> {
        Writer {
            out: &mut *self.out,
        }
    }
}

/// The methods in which serde hands over a number.
macro_rules! numbers {
    ($($method:ident $number:ty),+) => {
        $(
            fn $method(mut self, number: $number) -> Written {
                self.put(&number)
            }
        )+
    };
}

impl ser::Serializer for Writer<'_> {
    type Ok = ();
    type Error = BinaryFault;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn is_human_readable(&self) -> bool {
        false
    }

    numbers! {
        serialize_bool bool, serialize_char char,
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_i128 i128, serialize_u8 u8, serialize_u16 u16, serialize_u32 u32,
        serialize_u64 u64, serialize_u128 u128
    }

    fn serialize_f32(self, _number: f32) -> Written {
        Err(BinaryFault::Type("a float".to_owned()))
    }

    fn serialize_f64(self, _number: f64) -> Written {
        Err(BinaryFault::Type("a float".to_owned()))
    }

    fn serialize_str(mut self, text: &str) -> Written {
        if text.len() > BYTES_MAX {
            return Err(BinaryFault::Type(format!("text above {BYTES_MAX} bytes")));
        }
        self.put(text)
    }

    fn serialize_bytes(mut self, bytes: &[u8]) -> Written {
        self.put(bytes)
    }

    fn serialize_none(mut self) -> Written {
        self.put(&0_u8)
    }

    fn serialize_some<T: Serialize + ?Sized>(mut self, value: &T) -> Written {
        self.put(&1_u8)?;
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Written {
        Ok(())
    }

    fn serialize_unit_variant(
        mut self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
    ) -> Written {
        self.put(&index)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Written {
        self.put(&index)?;
        value.serialize(self)
    }

    fn serialize_seq(mut self, count: Option<usize>) -> Result<Self, BinaryFault> {
        let count = count.and_then(|count| u64::try_from(count).ok());
        let unknown = || BinaryFault::Type("a list of unknown length".to_owned());
        self.put(&count.ok_or_else(unknown)?)?;
        Ok(self)
    }

    fn serialize_tuple(self, _count: usize) -> Result<Self, BinaryFault> {
        Ok(self)
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _count: usize,
    ) -> Result<Self, BinaryFault> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        mut self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _count: usize,
    ) -> Result<Self, BinaryFault> {
        self.put(&index)?;
        Ok(self)
    }

    fn serialize_map(self, count: Option<usize>) -> Result<Self, BinaryFault> {
        self.serialize_seq(count)
    }

    fn serialize_struct(self, _name: &'static str, _count: usize) -> Result<Self, BinaryFault> {
        Ok(self)
    }

    fn serialize_struct_variant(
        mut self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _count: usize,
    ) -> Result<Self, BinaryFault> {
        self.put(&index)?;
        Ok(self)
    }
}

macro_rules! lists {
    ($($form:ident $method:ident),+) => {
        $(
            impl ser::$form for Writer<'_> {
                type Ok = ();
                type Error = BinaryFault;

                fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
                    value.serialize(self.again())
                }

                fn end(self) -> Written {
                    Ok(())
                }
            }
        )+
    };
}

lists! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
}

macro_rules! structs {
    ($($form:ident),+) => {
        $(
            impl ser::$form for Writer<'_> {
                type Ok = ();
                type Error = BinaryFault;

                fn serialize_field<T: Serialize + ?Sized>(
                    &mut self,
                    _name: &'static str,
                    value: &T,
                ) -> Written {
                    value.serialize(self.again())
                }

                /// Every member has its place, so one that JSON leaves out is written as absent.
                fn skip_field(&mut self, _name: &'static str) -> Written {
                    self.put(&0_u8)
                }

                fn end(self) -> Written {
                    Ok(())
                }
            }
        )+
    };
}

structs! { SerializeStruct, SerializeStructVariant }

impl ser::SerializeMap for Writer<'_> {
    type Ok = ();
    type Error = BinaryFault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Written {
        name.serialize(self.again())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        value.serialize(self.again())
    }

    fn end(self) -> Written {
        Ok(())
    }
}
