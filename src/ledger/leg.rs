//! One line of an entry: an account, a side and a positive amount.

use crate::ids::AccountIndex;
use crate::time::Date;

/// The two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Soll.
    Debit,
    /// Haben.
    Credit,
}

impl Side {
    /// The other side.
    pub fn opposite(self) -> Self {
        match self {
            Self::Debit => Self::Credit,
            Self::Credit => Self::Debit,
        }
    }

    /// As it is written outside.
    pub fn text(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Credit => "credit",
        }
    }
}

/// One leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The account.
    pub account: AccountIndex,
    /// The side.
    pub side: Side,
    /// Minor units of the account's unit, above zero.
    pub amount: i64,
    /// Value date of this leg, if it differs from the entry's.
    pub value_date: Option<Date>,
}

impl Leg {
    /// A debit.
    pub fn debit(account: AccountIndex, amount: i64) -> Self {
        Self {
            account,
            side: Side::Debit,
            amount,
            value_date: None,
        }
    }

    /// A credit.
    pub fn credit(account: AccountIndex, amount: i64) -> Self {
        Self {
            account,
            side: Side::Credit,
            amount,
            value_date: None,
        }
    }
}
