//! Version 1 of the bytes: integers little-endian and fixed in width, lengths as 64 bits, options
//! and alternatives with a leading byte of ours.
//!
//! The lists of fields below *are* the format: their order is the order of the bytes. A field that
//! the program gains or loses does not compile until somebody decides what version 1 says about it.

use std::ops::Range;

use bincode::de::{Decode, Decoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};

use super::RecordFault;
use crate::code::Code;
use crate::ids::{
    AccountIndex, BookIndex, DueCode, EntryNo, Hash128, KindCode, Lineage, Position, SchemaVersion,
    Sequence, UnitIndex,
};
use crate::ledger::account::{AccountClass, Freeze};
use crate::ledger::commit::{
    CutRecord, DuplicateRecord, LetterAct, LettersRecord, SetupRecord, StartRecord,
};
use crate::ledger::effect::{
    AccountChange, AccountOpened, Carried, DocumentChange, HoldPlaced, KeptJob, Nature,
};
use crate::ledger::hold::HoldState;
use crate::ledger::period::PeriodState;
use crate::ledger::reference::Record as ReferenceKind;
use crate::ledger::value::Name;
use crate::ledger::{
    Commit, DocumentKind, DocumentState, Effect, Envelope, JobRecord, Leg, Outcome, Post, Record,
    Rejection, Reply, Side, StateDigest, Status, Value,
};
use crate::limits::FRAME_BYTES_MAX;
use crate::raw_json::RawJson;
use crate::time::{Date, Month, Timestamp};

type Config = bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Fixint,
    bincode::config::Limit<FRAME_BYTES_MAX>,
>;

fn config() -> Config {
    bincode::config::standard()
        .with_fixed_int_encoding()
        .with_limit::<FRAME_BYTES_MAX>()
}

pub(super) fn encode(commit: &Commit, out: &mut Vec<u8>) -> Result<(), RecordFault> {
    bincode::encode_into_std_write(Written(commit), out, config())
        .map(|_written| ())
        .map_err(|fault| RecordFault::Malformed(fault.to_string()))
}

pub(super) fn decode(bytes: &[u8]) -> Result<Commit, RecordFault> {
    let (commit, consumed): (Read<Commit>, usize) = bincode::decode_from_slice(bytes, config())
        .map_err(|fault| RecordFault::Malformed(fault.to_string()))?;
    match bytes.len().checked_sub(consumed) {
        Some(0) => Ok(commit.0),
        rest => Err(RecordFault::Malformed(format!(
            "{} bytes too many",
            rest.unwrap_or(0)
        ))),
    }
}

/// Something about to be written.
struct Written<'a, T>(&'a T);
/// Something as read.
struct Read<T>(T);

impl<T: V1> Encode for Written<'_, T> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.put(encoder)
    }
}

impl<T: V1, Context> Decode<Context> for Read<T> {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        T::take(decoder).map(Self)
    }
}

/// Something that has a form in version 1.
trait V1: Sized {
    fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError>;
    fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError>;
}

fn unknown(what: &'static str) -> DecodeError {
    DecodeError::Other(what)
}

macro_rules! plain {
    ($($type:ty)*) => {$(
        impl V1 for $type {
            fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
                self.encode(encoder)
            }
            fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError> {
                Self::decode(decoder)
            }
        }
    )*};
}
plain! { u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 bool String Vec<u8> [u8; 32] [i128; 4] }

/// Types that are one number, and types whose number leads back to them.
macro_rules! numbers {
    ($($type:ident($inner:ty))*) => {$(
        impl V1 for $type {
            fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
                self.0.put(encoder)
            }
            fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError> {
                <$inner>::take(decoder).map(Self)
            }
        }
    )*};
}
numbers! {
    Position(u64) Sequence(u64) EntryNo(u64) BookIndex(u16) AccountIndex(u32) UnitIndex(u16)
    KindCode(u16) SchemaVersion(u16) DueCode(u8) Hash128(u128) Timestamp(i64) StateDigest(u128)
    Lineage(u32)
}

macro_rules! words {
    ($($type:ident($inner:ty) $what:literal)*) => {$(
        impl V1 for $type {
            fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
                self.number().put(encoder)
            }
            fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError> {
                Self::of_number(<$inner>::take(decoder)?).ok_or(unknown($what))
            }
        }
    )*};
}
words! {
    Status(u8) "no such status"
    Code(u16) "no such code"
    AccountClass(u8) "no such class"
    Freeze(u8) "no such freeze"
    HoldState(u8) "no such state of a hold"
    Nature(u8) "no such nature of an entry"
    PeriodState(u8) "no such state of a period"
    DocumentKind(u8) "no such kind of document"
    DocumentState(u8) "no such state of a document"
    ReferenceKind(u8) "no such type of record"
}

/// Structs: the fields in the order of the bytes.
macro_rules! structs {
    ($($type:ident { $($field:ident),* })*) => {$(
        impl V1 for $type {
            fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
                $(self.$field.put(encoder)?;)*
                Ok(())
            }
            fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError> {
                Ok(Self { $($field: V1::take(decoder)?),* })
            }
        }
    )*};
}
structs! {
    Commit { recorded_at, lineage, first, records, effects, legs, balances, digest }
    JobRecord {
        book, sequence, owns_key, envelope, unknown_kind, outcome, event, effects, balances
    }
    Envelope {
        key, kind, schema_version, fingerprint, fingerprint_rule, content, sealed, principal, actor,
        reply, traceparent, occurred_at
    }
    Reply { to, correlation_id }
    DuplicateRecord { book, key, first, reply }
    SetupRecord { book, name, functional_unit, time_zone, file_hash, effects }
    StartRecord { version, build, after_unclean_stop }
    CutRecord { lineage, kept, known, missing }
    LettersRecord { act, user, operator, letters }
    Outcome { status, booking_date, value_date, entry_no, entries, members, rejection }
    Leg { account, side, amount, value_date }
    Post {
        number, booking_date, value_date, legs, reverses, owned, opening, nature, document_ref
    }
    HoldPlaced { number, legs, expires_at, owner, document_ref }
    KeptJob { kind, key, fingerprint, content, principal, actor }
    AccountOpened { name, unit, class, change }
    AccountChange { min_available, max_balance, freeze, labels, text, closed }
    DocumentChange { number, kind, state, version, unit, party, due, open, set }
    Month { year, month }
}

/// Alternatives: a byte of ours, then the fields in the order of the bytes.
macro_rules! alternatives {
    ($($type:ident $what:literal {
        $($tag:literal $variant:ident $(($inner:ident))? $({ $($field:ident),* })?;)*
    })*) => {$(
        impl V1 for $type {
            fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
                match self {
                    $(Self::$variant $(($inner))? $({ $($field),* })? => {
                        $tag.put(encoder)?;
                        $($inner.put(encoder)?;)?
                        $($($field.put(encoder)?;)*)?
                    })*
                }
                Ok(())
            }
            fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError> {
                match u8::take(decoder)? {
                    $($tag => {
                        $(let $inner = V1::take(decoder)?;)?
                        $($(let $field = V1::take(decoder)?;)*)?
                        Ok(Self::$variant $(($inner))? $({ $($field),* })?)
                    })*
                    _tag => Err(unknown($what)),
                }
            }
        }
    )*};
}
alternatives! {
    Record "no such record" {
        1_u8 Job(job);
        2_u8 Duplicate(duplicate);
        3_u8 Setup(setup);
        4_u8 Start(start);
        6_u8 Stop;
        7_u8 Cut(cut);
        8_u8 Accepted { lineage };
        9_u8 Letters(letters);
    }
    Effect "no such effect" {
        1_u8 Unit { code, decimals, until };
        2_u8 Post(post);
        3_u8 Hold(hold);
        4_u8 Release { number, legs, state };
        5_u8 Number { series, number };
        6_u8 Document(change);
        7_u8 AccountOpened(opened);
        8_u8 AccountChanged { account, change };
        9_u8 Reference { record, name, valid_from, value };
        10_u8 Series { name, next, width };
        11_u8 Period { month, state };
        12_u8 NaturalKey(hash);
        13_u8 Reversed { entry, by };
        14_u8 Carried(carried);
        15_u8 Alarm { work, about, at };
        16_u8 Keep { document, job };
    }
    Carried "nothing that can be carried" {
        1_u8 Account { account, counters, version };
        2_u8 Series { name, next, width, first, listed };
        3_u8 Book { next_entry, next_sequence };
        4_u8 Month { month, moved };
    }
    Value "no such value" {
        1_u8 Bool(flag);
        2_u8 Int(count);
        3_u8 Text(text);
        4_u8 Amount { minor, decimals };
        5_u8 Date(date);
        6_u8 List(values);
        7_u8 Object(members);
    }
    LetterAct "nothing that is done with letters" {
        1_u8 Requeue;
        2_u8 Drop;
    }
    Side "no such side" {
        1_u8 Debit;
        2_u8 Credit;
    }
}

impl V1 for Date {
    fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.days().put(encoder)
    }
    fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError> {
        i32::take(decoder).map(Self::from_days)
    }
}

impl V1 for Box<str> {
    fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        (**self).encode(encoder)
    }
    fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError> {
        String::take(decoder).map(Into::into)
    }
}

impl V1 for Name {
    fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        (**self).encode(encoder)
    }
    fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError> {
        String::take(decoder).map(Into::into)
    }
}

impl V1 for RawJson {
    fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.text().encode(encoder)
    }
    fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError> {
        String::take(decoder).map(Self::new)
    }
}

/// Code, place, facts and the sentence as it was said: a later release may say it better, but an
/// outcome is published with the same bytes for ever.
impl V1 for Rejection {
    fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.code().put(encoder)?;
        self.path().map(str::to_owned).put(encoder)?;
        self.is_at_root().put(encoder)?;
        self.detail().put(encoder)?;
        self.message().put(encoder)
    }
    fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError> {
        let mut rejection = Self::new(Code::take(decoder)?);
        let path: Option<String> = V1::take(decoder)?;
        let at_root = bool::take(decoder)?;
        rejection = match (path, at_root) {
            (Some(path), true) => rejection.at_root(path),
            (Some(path), false) => rejection.at(path),
            (None, _) => rejection,
        };
        let detail: Vec<(Name, Value)> = V1::take(decoder)?;
        for (name, value) in detail {
            rejection = rejection.with(name, value);
        }
        Ok(rejection.saying(String::take(decoder)?))
    }
}

impl V1 for Range<u32> {
    fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.start.put(encoder)?;
        self.end.put(encoder)
    }
    fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(u32::take(decoder)?..u32::take(decoder)?)
    }
}

impl<T: V1> V1 for Box<T> {
    fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        (**self).put(encoder)
    }
    fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError> {
        T::take(decoder).map(Self::new)
    }
}

impl<T: V1> V1 for Option<T> {
    fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.is_some().put(encoder)?;
        self.iter().try_for_each(|value| value.put(encoder))
    }
    fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError> {
        bool::take(decoder)?.then(|| T::take(decoder)).transpose()
    }
}

impl<A: V1, B: V1> V1 for (A, B) {
    fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.put(encoder)?;
        self.1.put(encoder)
    }
    fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok((A::take(decoder)?, B::take(decoder)?))
    }
}

/// Lists other than of bytes, which have a faster form of the same bytes.
macro_rules! lists {
    ($($type:ty),*) => {$(
        impl V1 for Vec<$type> {
            fn put<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
                u64::try_from(self.len()).unwrap_or(u64::MAX).put(encoder)?;
                self.iter().try_for_each(|item| item.put(encoder))
            }
            fn take<D: Decoder>(decoder: &mut D) -> Result<Self, DecodeError> {
                let count = usize::try_from(u64::take(decoder)?)
                    .map_err(|_large| unknown("a list too long"))?;
                // Every item has a byte at least: a length that lies asks for no memory.
                decoder.claim_bytes_read(count)?;
                decoder.unclaim_bytes_read(count);
                let mut items = Vec::with_capacity(count.min(RESERVED_ITEMS_MAX));
                for _ in 0..count {
                    items.push(V1::take(decoder)?);
                }
                Ok(items)
            }
        }
    )*};
}
lists! { Record, Effect, Leg, Value, (AccountIndex, i128), (Name, Value), (String, String) }

/// Most items that a list reserves room for before it has read them.
const RESERVED_ITEMS_MAX: usize = 65_536;

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    pub(in super::super) fn round_trip(rejection: &Rejection) -> Rejection {
        let bytes = bincode::encode_to_vec(Written(rejection), config()).unwrap();
        let (read, _): (Read<Rejection>, usize) =
            bincode::decode_from_slice(&bytes, config()).unwrap();
        read.0
    }
}
