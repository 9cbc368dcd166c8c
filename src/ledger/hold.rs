//! Holds: legs promised but not posted.

use std::collections::BTreeMap;

use super::leg::Leg;
use crate::time::Timestamp;

macro_rules! states {
    ($($(#[$doc:meta])* $variant:ident = $number:literal $text:literal;)*) => {
        /// Where a hold stands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum HoldState { $($(#[$doc])* $variant,)* }

        impl HoldState {
            /// As it is written outside.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The number under which journals keep it.
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)* }
            }

            /// The state of a number kept in a journal.
            pub fn of_number(number: u8) -> Option<Self> {
                [$(Self::$variant,)*].into_iter().find(|state| state.number() == number)
            }
        }
    };
}

states! {
    /// Some of it is still held.
    Placed = 1 "placed";
    /// Captured; nothing is held any more.
    Captured = 2 "captured";
    /// Given back.
    Voided = 3 "voided";
    /// Given back because its time was over.
    Expired = 4 "expired";
}

/// A hold: what is left of its legs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Where it stands.
    pub state: HoldState,
    /// The legs as placed.
    pub placed: Vec<Leg>,
    /// What of each leg is still held, in the same order.
    pub rest: Vec<i64>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
}

/// The holds of a book by number.
pub type Holds = BTreeMap<Box<str>, Hold>;
