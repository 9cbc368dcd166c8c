//! Units of account of one book: currencies and units of its own, in order of first use.

use crate::ids::UnitIndex;
use crate::money::currency::currency;
use crate::time::Date;

/// A unit of account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its code.
    pub code: Box<str>,
    /// Decimals of its minor unit.
    pub decimals: u8,
    /// Last day of posting, if it ended.
    pub until: Option<Date>,
}

/// The units a book knows by index; currencies of the list enter when an account first uses them.
#[derive(Clone, Debug, Default)]
pub struct Units {
    units: Vec<Unit>,
}

impl Units {
    /// The unit at an index.
    pub fn get(&self, index: UnitIndex) -> Option<&Unit> {
        self.units.get(index.slot())
    }

    /// The index of a code in use.
    pub fn index(&self, code: &str) -> Option<UnitIndex> {
        let slot = self.units.iter().position(|unit| &*unit.code == code)?;
        u16::try_from(slot).ok().map(UnitIndex)
    }

    /// The unit of a code: one in use, else a currency of the list.
    pub fn find(&self, code: &str) -> Option<Unit> {
        self.units
            .iter()
            .find(|unit| &*unit.code == code)
            .cloned()
            .or_else(|| {
                currency(code).map(|listed| Unit {
                    code: listed.code.into(),
                    decimals: listed.decimals,
                    until: listed.until,
                })
            })
    }

    /// Decimals of the unit at an index.
    pub fn decimals(&self, index: UnitIndex) -> u8 {
        self.get(index).map_or(0, |unit| unit.decimals)
    }

    /// Code of the unit at an index.
    pub fn code(&self, index: UnitIndex) -> &str {
        self.get(index).map_or("", |unit| &*unit.code)
    }

    /// All units in use, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Unit> {
        self.units.iter()
    }

    pub(super) fn add(&mut self, unit: Unit) {
        if self.index(&unit.code).is_none() {
            self.units.push(unit);
        }
    }
}
