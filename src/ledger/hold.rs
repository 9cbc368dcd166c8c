//! Holds: legs promised but not posted.
//!
//! There may be millions, so a hold is small and stands at the place of its number. One that is
//! over keeps its number and its state for ever, so that a late capture learns what became of it,
//! and nothing else.

use std::collections::BTreeSet;

use super::digest::Canonical;
use super::leg::{Leg, Side};
use crate::ids::{AccountIndex, DueCode};
use crate::time::Timestamp;

/// The series that numbers holds.
pub const HOLD_SERIES: &str = "H";

/// The work of giving back a hold whose time is over.
pub const HOLD_EXPIRY: DueCode = DueCode(1);

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

/// One leg of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldLeg {
    /// The account.
    pub account: AccountIndex,
    /// The side.
    pub side: Side,
    /// Minor units when it was placed.
    pub placed: i64,
    /// Minor units that are still held.
    pub rest: i64,
}

/// What few holds have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HoldExtra {
    /// The document whose own jobs alone may end the hold.
    pub owner: Option<Box<str>>,
    /// Reference to a document outside.
    pub document_ref: Option<Box<str>>,
}

/// A hold: what is left of its legs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Where it stands.
    pub state: HoldState,
    /// Digits of its number as written.
    digits: u8,
    /// When it expires.
    expires_at: Timestamp,
    /// Its legs; none once it is over.
    pub legs: Box<[HeldLeg]>,
    /// Owner and reference, if it has any.
    pub extra: Option<Box<HoldExtra>>,
}

/// Stands for a hold that does not expire.
const NEVER: Timestamp = Timestamp(i64::MAX);

impl Hold {
    /// When it expires or expired, if it does.
    pub fn expires_at(&self) -> Option<Timestamp> {
        (self.expires_at != NEVER).then_some(self.expires_at)
    }

    /// The document whose own jobs alone may end the hold.
    pub fn owner(&self) -> Option<&str> {
        self.extra.as_ref()?.owner.as_deref()
    }

    /// Reference to a document outside.
    pub fn document_ref(&self) -> Option<&str> {
        self.extra.as_ref()?.document_ref.as_deref()
    }

    fn text(&self, number: u64) -> String {
        let width = usize::from(self.digits);
        format!("{HOLD_SERIES}-{number:0>width$}")
    }
}

/// What a hold begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placing<'a> {
    /// The legs.
    pub legs: &'a [Leg],
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// The document that owns it.
    pub owner: Option<&'a str>,
    /// Reference to a document outside.
    pub document_ref: Option<&'a str>,
}

/// The facts that a change takes out of the digest and puts into it.
pub(super) struct Facts {
    pub(super) before: Option<u128>,
    pub(super) after: u128,
}

/// The holds of a book, by ascending number.
#[derive(Clone, Debug, Default)]
pub struct Holds {
    list: Vec<(u64, Hold)>,
    expiring: BTreeSet<(Timestamp, u64)>,
    open: u64,
}

impl Holds {
    /// The hold of a number.
    pub fn get(&self, number: &str) -> Option<&Hold> {
        let (number, digits) = parse(number)?;
        let place = self.place(number).ok()?;
        let (_, hold) = self.list.get(place)?;
        (hold.digits == digits).then_some(hold)
    }

    /// All holds by ascending number.
    pub fn iter(&self) -> impl Iterator<Item = (String, &Hold)> {
        let list = self.list.iter();
        list.map(|(number, hold)| (hold.text(*number), hold))
    }

    /// How many still hold something.
    pub fn open(&self) -> u64 {
        self.open
    }

    /// When the next one expires.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.expiring.first().map(|(at, _)| *at)
    }

    /// The number of the one that expires next.
    pub fn next_expiring(&self) -> Option<String> {
        let (_, number) = self.expiring.first()?;
        let (_, hold) = self.list.get(self.place(*number).ok()?)?;
        Some(hold.text(*number))
    }

    fn place(&self, number: u64) -> Result<usize, usize> {
        // Numbers ascend: nearly always the place is behind the last one.
        match self.list.last() {
            Some((last, _)) if *last < number => Err(self.list.len()),
            Some(_) | None => self
                .list
                .binary_search_by_key(&number, |(number, _)| *number),
        }
    }

    /// Put a hold in its place; none if its number is no number of a hold or was given before.
    pub(super) fn put(&mut self, text: &str, placing: &Placing<'_>) -> Option<Facts> {
        let (number, digits) = parse(text)?;
        let place = self.place(number).err()?;
        let held = |leg: &Leg| HeldLeg {
            account: leg.account,
            side: leg.side,
            placed: leg.amount,
            rest: leg.amount,
        };
        let has_extra = placing.owner.is_some() || placing.document_ref.is_some();
        let hold = Hold {
            state: HoldState::Placed,
            digits,
            expires_at: placing.expires_at.unwrap_or(NEVER),
            legs: placing.legs.iter().map(held).collect(),
            extra: has_extra.then(|| {
                Box::new(HoldExtra {
                    owner: placing.owner.map(Into::into),
                    document_ref: placing.document_ref.map(Into::into),
                })
            }),
        };
        if hold.expires_at != NEVER {
            self.expiring.insert((hold.expires_at, number));
        }
        self.open = self.open.saturating_add(1);
        let after = fact(text, &hold);
        self.list.insert(place, (number, hold));
        let before = None;
        Some(Facts { before, after })
    }

    /// Take amounts off the legs of a live hold and bring it into a state; none if there is no such
    /// hold, it is over, or it has less than that.
    pub(super) fn take(&mut self, text: &str, legs: &[Leg], state: HoldState) -> Option<Facts> {
        let (number, digits) = parse(text)?;
        let place = self.place(number).ok()?;
        let (_, hold) = self.list.get_mut(place)?;
        if hold.digits != digits || hold.state != HoldState::Placed {
            return None;
        }
        let before = Some(fact(text, hold));
        for (held, leg) in hold.legs.iter_mut().zip(legs) {
            held.rest = held.rest.checked_sub(leg.amount)?;
            if held.rest < 0 || held.account != leg.account || held.side != leg.side {
                return None;
            }
        }
        hold.state = state;
        if state != HoldState::Placed {
            if hold.legs.iter().any(|leg| leg.rest != 0) {
                return None;
            }
            hold.legs = Box::default();
            self.expiring.remove(&(hold.expires_at, number));
            self.open = self.open.saturating_sub(1);
        }
        let after = fact(text, hold);
        Some(Facts { before, after })
    }
}

/// Number and digits of `H-000001`.
fn parse(text: &str) -> Option<(u64, u8)> {
    let digits = text.strip_prefix(HOLD_SERIES)?.strip_prefix('-')?;
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let count = u8::try_from(digits.len()).ok()?;
    all.then(|| digits.parse().ok())
        .flatten()
        .map(|number| (number, count))
}

fn fact(number: &str, hold: &Hold) -> u128 {
    let mut form = Canonical::fact("hold");
    form.text(number).number(hold.state.number());
    form.number(hold.expires_at.0);
    form.text(hold.owner().unwrap_or_default());
    form.text(hold.document_ref().unwrap_or_default());
    for leg in &hold.legs {
        form.number(leg.account.0)
            .number(u8::from(leg.side == Side::Debit))
            .number(leg.placed)
            .number(leg.rest);
    }
    form.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placing(legs: &[Leg], at: i64) -> Placing<'_> {
        Placing {
            legs,
            expires_at: Some(Timestamp(at)),
            owner: None,
            document_ref: None,
        }
    }

    #[test]
    fn holds_are_found_by_their_number_as_it_is_written() {
        let mut holds = Holds::default();
        for number in ["H-000002", "H-000001", "H-1000000"] {
            assert!(holds.put(number, &placing(&[], 5)).is_some());
        }
        assert!(
            holds.put("H-000001", &placing(&[], 5)).is_none(),
            "given before"
        );
        assert!(holds.get("H-000001").is_some() && holds.get("H-1000000").is_some());
        for other in ["H-1", "H-", "H-x", "SI-000001", "H-000003"] {
            assert!(holds.get(other).is_none(), "{other}");
        }
        let numbers: Vec<String> = holds.iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, ["H-000001", "H-000002", "H-1000000"]);
    }

    #[test]
    fn a_hold_that_is_over_does_not_expire_and_holds_nothing() {
        let mut holds = Holds::default();
        let legs = [
            Leg::debit(AccountIndex(0), 5),
            Leg::credit(AccountIndex(1), 5),
        ];
        holds.put("H-000001", &placing(&legs, 9));
        holds.put("H-000002", &placing(&legs, 7));
        assert_eq!(holds.next_expiring().as_deref(), Some("H-000002"));
        assert!(holds.take("H-000002", &legs, HoldState::Voided).is_some());
        assert_eq!((holds.open(), holds.next_expiry()), (1, Some(Timestamp(9))));
        assert!(holds.take("H-000002", &legs, HoldState::Voided).is_none());
        let part = [
            Leg::debit(AccountIndex(0), 4),
            Leg::credit(AccountIndex(1), 4),
        ];
        assert!(holds.take("H-000001", &part, HoldState::Placed).is_some());
        assert!(
            holds
                .clone()
                .take("H-000001", &part, HoldState::Placed)
                .is_none()
        );
        assert!(
            holds
                .clone()
                .take("H-000001", &[], HoldState::Captured)
                .is_none()
        );
    }

    #[test]
    fn a_hold_is_small() {
        assert!(size_of::<(u64, Hold)>() <= 48 && size_of::<HeldLeg>() <= 24);
    }
}
