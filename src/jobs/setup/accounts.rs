//! Units, accounts and their openings.

use crate::ids::{AccountIndex, EntryNo, UnitIndex};
use crate::jobs::setup::Setup;
use crate::ledger::account::{AccountClass, Freeze};
use crate::ledger::effect::{AccountChange, AccountOpened, Effect, Nature, Post};
use crate::ledger::shape::{Node, ShapeFault};
use crate::ledger::{Leg, Side};
use crate::limits::LABELS_MAX;
use crate::money::currency::currency;
use crate::money::minor::{AmountFault, DECIMALS_MAX, signed_minor};
use crate::money::{Minor, Number};
use crate::time::Date;

/// The day of openings: before the first booking date that any job can have.
const OPENING_DAY: (i16, i8, i8) = (1899, 12, 31);

/// Classes as they are written.
const CLASSES: [&str; 7] = [
    "asset",
    "liability",
    "equity",
    "income",
    "expense",
    "memo_dr",
    "memo_cr",
];

/// The units and accounts that a book begins with, by their places.
#[derive(Debug, Default)]
pub(super) struct Chart {
    units: Vec<(String, u8)>,
    /// Decimals of units of the book's own, which are no units in use yet.
    own: Vec<(String, u8)>,
    accounts: Vec<(String, UnitIndex, AccountClass)>,
}

/// One account as it is written.
struct Row {
    name: String,
    place: Node,
    unit: Node,
    class: AccountClass,
    opening: Option<Node>,
    min_available: Option<Node>,
    max_balance: Option<Node>,
    freeze: Option<Freeze>,
    labels: Option<Vec<(String, String)>>,
}

impl Row {
    fn read(name: String, place: &Node) -> Result<Self, ShapeFault> {
        if !crate::ids::is_account_name(&name) {
            return Err(place.fault("the name of an account is 1 to 96 of [a-z0-9_/.-]"));
        }
        let mut members = place.object()?;
        let class = members.need("class")?.word(&CLASSES)?;
        let row = Self {
            unit: members.need("unit")?,
            class: AccountClass::of_text(class).unwrap_or(AccountClass::Asset),
            opening: members.take("opening"),
            min_available: members.take("min_available"),
            max_balance: members.take("max_balance"),
            freeze: members.optional("freeze", freeze)?,
            labels: members.optional("labels", labels)?,
            name,
            place: place.clone(),
        };
        members.end()?;
        Ok(row)
    }
}

fn freeze(node: &Node) -> Result<Freeze, ShapeFault> {
    let word = node.word(&["none", "debit", "credit", "both"])?;
    let all = [Freeze::None, Freeze::Debit, Freeze::Credit, Freeze::Both];
    let known = all.into_iter().find(|freeze| freeze.text() == word);
    Ok(known.unwrap_or_default())
}

fn labels(node: &Node) -> Result<Vec<(String, String)>, ShapeFault> {
    let names = node.names()?;
    if names.len() > LABELS_MAX {
        return Err(node.fault(format!("an account has at most {LABELS_MAX} labels")));
    }
    let label = |(name, value): (String, Node)| Ok((name, value.id()?));
    names.into_iter().map(label).collect()
}

impl Chart {
    /// Read units and accounts and write what they begin with.
    pub(super) fn read(
        units: Option<&Node>,
        accounts: Option<&Node>,
        parts: &mut Setup,
    ) -> Result<Self, ShapeFault> {
        let mut chart = Self::default();
        if let Some(units) = units {
            chart.own_units(units, parts)?;
        }
        let named = accounts.map_or(Ok(Vec::new()), Node::names)?;
        let rows = named
            .into_iter()
            .map(|(name, place)| Row::read(name, &place));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        chart.units_of_openings(&rows)?;
        for row in &rows {
            chart.open(row, parts)?;
        }
        chart.openings(&rows, parts)?;
        Ok(chart)
    }

    /// An account by its name.
    pub(super) fn account(
        &self,
        name: &str,
        place: &Node,
    ) -> Result<(AccountIndex, UnitIndex), ShapeFault> {
        self.find(name)
            .map(|(index, unit, _)| (index, unit))
            .ok_or_else(|| place.fault("accounts has no account of this name"))
    }

    /// Decimals of a unit in use.
    pub(super) fn decimals(&self, unit: UnitIndex) -> u8 {
        self.units
            .get(unit.slot())
            .map_or(0, |(_, decimals)| *decimals)
    }

    /// Code of a unit in use.
    pub(super) fn code(&self, unit: UnitIndex) -> &str {
        self.units.get(unit.slot()).map_or("", |(code, _)| code)
    }

    /// Decimals of a currency or of a unit of the book's own, and the day on which it ends.
    pub(super) fn decimals_of(&self, node: &Node) -> Result<(u8, Option<Date>), ShapeFault> {
        let code = node.id()?;
        let mut own = self.units.iter().chain(&self.own);
        if let Some((_, decimals)) = own.find(|(known, _)| *known == code) {
            return Ok((*decimals, None));
        }
        let listed = currency(&code).map(|listed| (listed.decimals, listed.until));
        listed
            .ok_or_else(|| node.fault("this unit is no currency; declare its decimals under units"))
    }

    /// The unit of a code, brought into use.
    pub(super) fn unit(&mut self, node: &Node, parts: &mut Setup) -> Result<UnitIndex, ShapeFault> {
        let code = node.id()?;
        if let Some(place) = self.units.iter().position(|(known, _)| *known == code) {
            return unit_index(place, node);
        }
        let (decimals, until) = self.decimals_of(node)?;
        parts.effects.push(Effect::Unit {
            code: code.as_str().into(),
            decimals,
            until,
        });
        self.units.push((code, decimals));
        unit_index(self.units.len().saturating_sub(1), node)
    }

    /// `units`: decimals of the book's own units by code.
    fn own_units(&mut self, node: &Node, parts: &mut Setup) -> Result<(), ShapeFault> {
        for (code, decimals) in node.names()? {
            if currency(&code).is_some() {
                return Err(decimals.fault("this is a currency; its decimals are fixed"));
            }
            let places = decimals.whole(0, u64::from(DECIMALS_MAX))?;
            let places = u8::try_from(places).unwrap_or(DECIMALS_MAX);
            parts.effects.push(Effect::Unit {
                code: code.as_str().into(),
                decimals: places,
                until: None,
            });
            unit_index(self.units.len(), &decimals)?;
            self.units.push((code, places));
        }
        Ok(())
    }

    /// Units that are declared nowhere have the decimals that their accounts' openings are written
    /// with.
    fn units_of_openings(&mut self, rows: &[Row]) -> Result<(), ShapeFault> {
        for row in rows {
            let code = row.unit.id()?;
            let declared = self.units.iter().any(|(known, _)| *known == code);
            let Some(opening) = &row.opening else {
                continue;
            };
            let scale = opening.decimal()?.scale;
            if declared || currency(&code).is_some() {
                continue;
            }
            match self.own.iter_mut().find(|(known, _)| *known == code) {
                Some((_, decimals)) => *decimals = (*decimals).max(scale),
                None => self.own.push((code, scale)),
            }
        }
        Ok(())
    }

    fn open(&mut self, row: &Row, parts: &mut Setup) -> Result<(), ShapeFault> {
        let unit = self.unit(&row.unit, parts)?;
        let limit = |node: &Option<Node>| match node {
            None => Ok(None),
            Some(node) => self
                .amount(node, unit)
                .map(|minor| Some(Minor::from(minor))),
        };
        let change = AccountChange {
            min_available: limit(&row.min_available)?,
            max_balance: limit(&row.max_balance)?,
            freeze: row.freeze,
            labels: row.labels.clone(),
            ..AccountChange::default()
        };
        self.add(&row.name, unit, row.class, change, parts);
        Ok(())
    }

    fn add(
        &mut self,
        name: &str,
        unit: UnitIndex,
        class: AccountClass,
        change: AccountChange,
        parts: &mut Setup,
    ) -> AccountIndex {
        let opened = AccountOpened {
            name: name.into(),
            unit,
            class,
            change,
        };
        parts.effects.push(Effect::AccountOpened(Box::new(opened)));
        self.accounts.push((name.to_owned(), unit, class));
        account_index(self.accounts.len().saturating_sub(1))
    }

    fn find(&self, name: &str) -> Option<(AccountIndex, UnitIndex, AccountClass)> {
        let place = self.accounts.iter().position(|(known, ..)| known == name)?;
        let (_, unit, class) = self.accounts.get(place)?;
        Some((account_index(place), *unit, *class))
    }

    /// An amount of a unit.
    pub(super) fn amount(&self, node: &Node, unit: UnitIndex) -> Result<i64, ShapeFault> {
        minor(node, node.decimal()?, self.decimals(unit))
    }

    /// The opening of an account as a leg; none if it has nothing.
    fn opening(&self, row: &Row) -> Result<Option<Leg>, ShapeFault> {
        let (Some(node), Some((account, unit, class))) = (&row.opening, self.find(&row.name))
        else {
            return Ok(None);
        };
        let amount = Minor::from(self.amount(node, unit)?);
        signed_leg(account, class.normal_side(), amount, node)
    }

    /// One opening entry a unit: the accounts' legs, and what they differ by on `opening/<unit>`.
    fn openings(&mut self, rows: &[Row], parts: &mut Setup) -> Result<(), ShapeFault> {
        for place in 0..self.units.len() {
            let start = legs_end(parts);
            let mut debits: Minor = 0;
            let mut last = None;
            for row in rows {
                let of_unit = |(_, unit, _): &(_, UnitIndex, _)| unit.slot() == place;
                if !self.find(&row.name).as_ref().is_some_and(of_unit) {
                    continue;
                }
                if let Some(leg) = self.opening(row)? {
                    debits += signed(&leg);
                    parts.legs.push(leg);
                    last = Some(row);
                }
            }
            let Some(row) = last else { continue };
            if debits != 0 {
                let against = self.opening_account(row, parts)?;
                let leg = signed_leg(against, Side::Credit, debits, &row.place)?;
                parts.legs.extend(leg);
            }
            parts.effects.push(entry(start..legs_end(parts)));
        }
        Ok(())
    }

    /// The account that openings of a unit stand against, opened for that.
    fn opening_account(
        &mut self,
        row: &Row,
        parts: &mut Setup,
    ) -> Result<AccountIndex, ShapeFault> {
        let (code, unit) = (row.unit.id()?, self.unit(&row.unit, parts)?);
        let name = format!("opening/{code}");
        if !crate::ids::is_account_name(&name) {
            return Err(row.unit.fault("a unit has 1 to 88 of [A-Za-z0-9_.-]"));
        }
        if self.find(&name).is_some() {
            let what = format!("{name} is where openings stand against and cannot be given");
            return Err(row.place.fault(what));
        }
        let change = AccountChange::default();
        Ok(self.add(&name, unit, AccountClass::Equity, change, parts))
    }
}

fn legs_end(parts: &Setup) -> u32 {
    u32::try_from(parts.legs.len()).unwrap_or(u32::MAX)
}

fn signed(leg: &Leg) -> Minor {
    match leg.side {
        Side::Debit => Minor::from(leg.amount),
        Side::Credit => -Minor::from(leg.amount),
    }
}

/// A leg of an amount that may be negative: then it stands on the other side.
fn signed_leg(
    account: AccountIndex,
    side: Side,
    amount: Minor,
    node: &Node,
) -> Result<Option<Leg>, ShapeFault> {
    let side = if amount < 0 { side.opposite() } else { side };
    let amount = i64::try_from(amount.unsigned_abs()).map_err(|_beyond| {
        node.fault("the openings of this unit are beyond what a leg can hold")
    })?;
    let leg = Leg {
        account,
        side,
        amount,
        value_date: None,
    };
    Ok((amount > 0).then_some(leg))
}

/// The entry of openings: without number, before every period, not to be reversed.
fn entry(legs: std::ops::Range<u32>) -> Effect {
    let (year, month, day) = OPENING_DAY;
    let date = Date::new(year, month, day).unwrap_or(Date::from_days(i32::MIN));
    Effect::Post(Post {
        number: EntryNo(0),
        booking_date: date,
        value_date: date,
        legs,
        reverses: None,
        owned: true,
        opening: true,
        nature: Nature::Plain,
        document_ref: None,
    })
}

fn minor(node: &Node, number: Number, decimals: u8) -> Result<i64, ShapeFault> {
    signed_minor(number, decimals).map_err(|fault| match fault {
        AmountFault::Precision => node.fault(format!("the unit has only {decimals} decimals")),
        AmountFault::Format(_)
        | AmountFault::Negative
        | AmountFault::Zero
        | AmountFault::Overflow => node.fault("the amount is beyond what a leg can hold"),
    })
}

fn account_index(place: usize) -> AccountIndex {
    AccountIndex(u32::try_from(place).unwrap_or(u32::MAX))
}

fn unit_index(place: usize, node: &Node) -> Result<UnitIndex, ShapeFault> {
    let index = u16::try_from(place).map(UnitIndex);
    index.map_err(|_many| node.fault("a book has at most 65,536 units"))
}
