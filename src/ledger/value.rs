//! Values that outcomes, details and documents show: a small tree with money as money.

use std::borrow::Cow;

use crate::money::Minor;
use crate::time::Date;

/// Name of a member.
pub type Name = Cow<'static, str>;

/// Members in the order in which they are shown.
pub type Members = Vec<(Name, Value)>;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A count or a number of a thing.
    Int(i64),
    /// A word or an identifier.
    Text(Cow<'static, str>),
    /// An amount with the decimals of its unit.
    Amount {
        /// Minor units, signed.
        minor: Minor,
        /// Decimals of the unit.
        decimals: u8,
    },
    /// A civil date.
    Date(Date),
    /// Values in order.
    List(Vec<Value>),
    /// Named values in order.
    Object(Members),
}

impl Value {
    /// An amount in a unit with so many decimals.
    pub fn amount(minor: impl Into<Minor>, decimals: u8) -> Self {
        Self::Amount {
            minor: minor.into(),
            decimals,
        }
    }

    /// A text.
    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }

    /// A count; beyond what a 64-bit integer holds it stands at the largest.
    pub fn count(count: impl TryInto<i64>) -> Self {
        Self::Int(count.try_into().unwrap_or(i64::MAX))
    }

    /// The day, if this is a date.
    pub fn date(&self) -> Option<Date> {
        match self {
            Self::Date(day) => Some(*day),
            Self::Bool(_)
            | Self::Int(_)
            | Self::Text(_)
            | Self::Amount { .. }
            | Self::List(_)
            | Self::Object(_) => None,
        }
    }

    /// The minor units, if this is an amount.
    pub fn minor(&self) -> Option<Minor> {
        match self {
            Self::Amount { minor, .. } => Some(*minor),
            Self::Bool(_)
            | Self::Int(_)
            | Self::Text(_)
            | Self::Date(_)
            | Self::List(_)
            | Self::Object(_) => None,
        }
    }
}

/// The value of a member by its name.
pub fn member<'a>(members: &'a Members, name: &str) -> Option<&'a Value> {
    members
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}

/// Set a member: in its place if it is there, else at the end.
pub fn set_member(members: &mut Members, name: Name, value: Value) {
    match members.iter_mut().find(|(known, _)| *known == name) {
        Some((_, place)) => *place = value,
        None => members.push((name, value)),
    }
}
