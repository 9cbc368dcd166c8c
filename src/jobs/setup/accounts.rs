//! Units, accounts and their openings.

use crate::ids::{AccountIndex, EntryNo, UnitIndex};
use crate::jobs::setup::SetupParts;
use crate::ledger::account::{AccountClass, Freeze};
use crate::ledger::effect::{AccountChange, AccountOpened, Effect, Post};
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
        parts: &mut SetupParts,
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
        // After all accounts: the account that openings stand against may be one of them.
        for row in &rows {
            chart.opening(row, parts)?;
        }
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

    /// The unit of a code, brought into use.
    pub(super) fn unit(
        &mut self,
        node: &Node,
        parts: &mut SetupParts,
    ) -> Result<UnitIndex, ShapeFault> {
        let code = node.id()?;
        if let Some(place) = self.units.iter().position(|(known, _)| *known == code) {
            return unit_index(place, node);
        }
        let own = self.own.iter().find(|(known, _)| *known == code);
        let listed = currency(&code);
        let (decimals, until) = match (own, listed) {
            (Some((_, decimals)), _) => (*decimals, None),
            (None, Some(listed)) => (listed.decimals, listed.until),
            (None, None) => {
                let what = "this unit is no currency; declare its decimals under units";
                return Err(node.fault(what));
            }
        };
        parts.effects.push(Effect::Unit {
            code: code.as_str().into(),
            decimals,
            until,
        });
        self.units.push((code, decimals));
        unit_index(self.units.len().saturating_sub(1), node)
    }

    /// `units`: decimals of the book's own units by code.
    fn own_units(&mut self, node: &Node, parts: &mut SetupParts) -> Result<(), ShapeFault> {
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

    /// Units that are declared nowhere have the decimals that their accounts' openings are written with.
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

    fn open(&mut self, row: &Row, parts: &mut SetupParts) -> Result<(), ShapeFault> {
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
        parts: &mut SetupParts,
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

    fn opening(&mut self, row: &Row, parts: &mut SetupParts) -> Result<(), ShapeFault> {
        let (Some(node), Some((account, unit, class))) = (&row.opening, self.find(&row.name))
        else {
            return Ok(());
        };
        let amount = self.amount(node, unit)?;
        if amount == 0 {
            return Ok(());
        }
        let against = self.opening_account(row, unit, parts)?;
        let side = class.normal_side();
        let side = if amount < 0 { side.opposite() } else { side };
        let amount = i64::try_from(amount.unsigned_abs()).unwrap_or(i64::MAX);
        let (debited, credited) = match side {
            Side::Debit => (account, against),
            Side::Credit => (against, account),
        };
        let start = u32::try_from(parts.legs.len()).unwrap_or(u32::MAX);
        parts.legs.push(Leg::debit(debited, amount));
        parts.legs.push(Leg::credit(credited, amount));
        let (year, month, day) = OPENING_DAY;
        let date = Date::new(year, month, day).unwrap_or(Date::from_days(i32::MIN));
        parts.effects.push(Effect::Post(Post {
            number: EntryNo(0),
            booking_date: date,
            value_date: date,
            legs: start..start.saturating_add(2),
            reverses: None,
            owned: false,
            opening: true,
            general_reversal: false,
            document_ref: None,
        }));
        Ok(())
    }

    /// The account that openings of a unit stand against: opened with the first of them.
    fn opening_account(
        &mut self,
        row: &Row,
        unit: UnitIndex,
        parts: &mut SetupParts,
    ) -> Result<AccountIndex, ShapeFault> {
        let name = format!("opening/{}", self.code(unit));
        if !crate::ids::is_account_name(&name) {
            return Err(row.unit.fault("a unit has 1 to 88 of [A-Za-z0-9_.-]"));
        }
        match self.find(&name) {
            Some((index, known, _)) if known == unit && name != row.name => Ok(index),
            Some(_) => {
                let what = format!("openings stand against {name}; it has none of its own");
                Err(row.place.fault(what))
            }
            None => {
                let change = AccountChange::default();
                Ok(self.add(&name, unit, AccountClass::Equity, change, parts))
            }
        }
    }
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
