//! What it means that data do not fit their schema: one fault, whichever way the data came.
//!
//! The readers of both forms raise it, and `serde`'s derived code raises it through them. Reasons
//! are made from what was expected, never from what was sent: they are published, and what was
//! sent may be somebody's name in the wrong place. The exception is the name of a member, without
//! which nobody finds it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::pointer;

/// Which code the fault has in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaCode {
    /// Unknown, missing or of another type.
    SchemaInvalid,
    /// Text longer than its member takes.
    FieldTooLong,
    /// Text with characters its member does not take.
    TextInvalid,
}

impl SchemaCode {
    /// The code as it is published, and as a type's own check may put it before its reason:
    /// `TEXT_INVALID: a control character`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SchemaInvalid => "SCHEMA_INVALID",
            Self::FieldTooLong => "FIELD_TOO_LONG",
            Self::TextInvalid => "TEXT_INVALID",
        }
    }
}

/// The first place where data do not fit their schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at {path:?}")]
pub struct SchemaFault {
    /// Its code.
    pub code: SchemaCode,
    /// JSON pointer, relative to what was read (the job's `data`); empty for the whole.
    pub path: String,
    /// What is wrong, without what was sent.
    pub reason: Cow<'static, str>,
}

impl SchemaFault {
    pub(super) fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: SchemaCode::SchemaInvalid,
            path: String::new(),
            reason: reason.into(),
        }
    }

    /// The same fault as seen from one container further out.
    pub(super) fn within(mut self, step: &str) -> Self {
        pointer::enter(&mut self.path, step);
        self
    }

    /// The same fault as seen from the array around it.
    pub(super) fn within_index(self, index: usize) -> Self {
        self.within(&index.to_string())
    }
}

impl de::Error for SchemaFault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        for code in [SchemaCode::FieldTooLong, SchemaCode::TextInvalid] {
            let reason = message
                .strip_prefix(code.as_str())
                .and_then(|it| it.strip_prefix(": "));
            if let Some(reason) = reason {
                let fault = Self::new(reason.to_owned());
                return Self { code, ..fault };
            }
        }
        Self::new(message)
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, got {}", name_of(unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        if let Unexpected::Unsigned(_) | Unexpected::Signed(_) = unexpected {
            return Self::new("the number is out of range");
        }
        Self::new(format!(
            "expected {expected}, got another {}",
            noun_of(unexpected)
        ))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, got {length} elements"))
    }

    fn unknown_variant(_variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("expected one of {}", expected.join(", ")))
    }

    fn unknown_field(field: &str, _expected: &'static [&'static str]) -> Self {
        Self::new("unknown field").within(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("missing field").within(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new("duplicate member").within(field)
    }
}

/// A kind of value with its article.
pub(super) fn name_of(unexpected: Unexpected<'_>) -> &'static str {
    match unexpected {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::UnitVariant => "a string",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "an array",
        Unexpected::NewtypeStruct
        | Unexpected::Map
        | Unexpected::Enum
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant => "an object",
        Unexpected::Other(_) => "another value",
    }
}

fn noun_of(unexpected: Unexpected<'_>) -> &'static str {
    let name = name_of(unexpected);
    name.split_once(' ').map_or(name, |(_, noun)| noun)
}
