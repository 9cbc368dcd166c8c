//! Units and accounts with their openings.
//!
//! Openings are booked against `opening/<unit>` (equity), dated before every period and without entry
//! number, so that the first job that posts gets entry 1.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Setup, SetupFault, fault};
use crate::ids::{AccountIndex, EntryNo, UnitIndex, is_account_name};
use crate::jobs::account::{ClassCode, FreezeCode};
use crate::ledger::account::AccountClass;
use crate::ledger::effect::{AccountChange, AccountOpened, Post};
use crate::ledger::{Effect, Leg, Side};
use crate::money::currency::currency;
use crate::money::minor::{DECIMALS_MAX, signed_minor};
use crate::money::{DecimalText, Number};
use crate::raw_json::RawJson;
use crate::time::Date;

/// The day of openings: before every period.
const OPENING_DAY: Option<Date> = Some(Date::from_days(-25_568));

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    unit: String,
    class: ClassCode,
    opening: Option<DecimalText>,
    min_available: Option<DecimalText>,
    max_balance: Option<DecimalText>,
    freeze: Option<FreezeCode>,
}

/// A unit in use.
#[derive(Clone, Debug)]
struct UsedUnit {
    code: String,
    decimals: u8,
    until: Option<Date>,
}

/// An account with its amounts in minor units.
#[derive(Clone, Debug)]
struct OpenedAccount {
    name: String,
    unit: UnitIndex,
    class: AccountClass,
    opening: i64,
    change: AccountChange,
}

/// The chart of a book before its first job.
#[derive(Clone, Debug, Default)]
pub(super) struct Chart {
    units: Vec<UsedUnit>,
    accounts: Vec<OpenedAccount>,
}

impl Chart {
    /// Read the members `units` and `accounts`.
    pub(super) fn read(
        units: Option<&RawJson>,
        accounts: Option<&RawJson>,
    ) -> Result<Self, SetupFault> {
        let mut chart = Self::default();
        let own: BTreeMap<String, u8> = read(units, "units")?;
        for (code, decimals) in own {
            if decimals > DECIMALS_MAX {
                return Err(fault(
                    format!("units.{code}"),
                    "a unit has at most 18 decimals",
                ));
            }
            if currency(&code).is_some() {
                return Err(fault(
                    format!("units.{code}"),
                    "a currency of ISO 4217 needs no entry",
                ));
            }
            chart.units.push(UsedUnit {
                code,
                decimals,
                until: None,
            });
        }
        let rows: BTreeMap<String, Row> = read(accounts, "accounts")?;
        for row in rows.values() {
            chart.know_unit(&row.unit, &rows);
        }
        for (name, row) in &rows {
            let account = chart.account(name, row)?;
            chart.accounts.push(account);
        }
        Ok(chart)
    }

    /// Index and decimals of the unit of an account; none if there is no such account.
    pub(super) fn unit_of(&self, account: &str) -> Option<(UnitIndex, u8)> {
        let found = self.accounts.iter().find(|known| known.name == account)?;
        Some((found.unit, self.units.get(found.unit.slot())?.decimals))
    }

    /// Index and decimals of a unit in use.
    pub(super) fn unit(&self, code: &str) -> Option<(UnitIndex, u8)> {
        let slot = self.units.iter().position(|unit| unit.code == code)?;
        let index = u16::try_from(slot).ok().map(UnitIndex)?;
        Some((index, self.units.get(slot)?.decimals))
    }

    /// Write the effects: units, accounts, then one opening entry a unit.
    pub(super) fn compile(&self, setup: &mut Setup) {
        for UsedUnit {
            code,
            decimals,
            until,
        } in &self.units
        {
            let (decimals, until) = (*decimals, *until);
            setup.effects.push(Effect::Unit {
                code: code.as_str().into(),
                decimals,
                until,
            });
        }
        for account in &self.accounts {
            setup.effects.push(open(
                &account.name,
                account.unit,
                account.class,
                account.change.clone(),
            ));
        }
        let mut next = u32::try_from(self.accounts.len()).unwrap_or(u32::MAX);
        for (slot, unit) in (0..).zip(&self.units) {
            let opened = self.openings(UnitIndex(slot));
            if opened.is_empty() {
                continue;
            }
            let name = format!("opening/{}", unit.code);
            let change = AccountChange::default();
            setup
                .effects
                .push(open(&name, UnitIndex(slot), AccountClass::Equity, change));
            post(opened, AccountIndex(next), setup);
            next = next.saturating_add(1);
        }
    }

    /// A unit that is not a currency has the decimals of the openings in it.
    fn know_unit(&mut self, code: &str, rows: &BTreeMap<String, Row>) {
        if self.unit(code).is_some() {
            return;
        }
        let listed = currency(code);
        let scale = |row: &Row| {
            let opening = row.opening.as_ref()?.number().ok()?;
            (row.unit == code).then_some(opening.scale)
        };
        let decimals = listed.map_or_else(
            || rows.values().filter_map(scale).max().unwrap_or_default(),
            |listed| listed.decimals,
        );
        let until = listed.and_then(|listed| listed.until);
        self.units.push(UsedUnit {
            code: code.to_owned(),
            decimals,
            until,
        });
    }

    fn account(&self, name: &str, row: &Row) -> Result<OpenedAccount, SetupFault> {
        let at = |member: &str| format!("accounts.{name}.{member}");
        if !is_account_name(name) {
            return Err(fault(
                format!("accounts.{name}"),
                "not a name an account may have",
            ));
        }
        let (unit, decimals) = self
            .unit(&row.unit)
            .ok_or_else(|| fault(at("unit"), "no such unit"))?;
        let minor = |text: &Option<DecimalText>, member: &str| match text {
            None => Ok(None),
            Some(text) => text
                .number()
                .ok()
                .and_then(|number: Number| signed_minor(number, decimals).ok())
                .map(Some)
                .ok_or_else(|| fault(at(member), "not an amount of the account's unit")),
        };
        let change = AccountChange {
            min_available: minor(&row.min_available, "min_available")?.map(i128::from),
            max_balance: minor(&row.max_balance, "max_balance")?.map(i128::from),
            freeze: row.freeze.map(Into::into),
            ..AccountChange::default()
        };
        let opening = minor(&row.opening, "opening")?.unwrap_or_default();
        Ok(OpenedAccount {
            name: name.to_owned(),
            unit,
            class: row.class.into(),
            opening,
            change,
        })
    }

    /// Accounts of a unit with an opening that is not zero: index, class and opening.
    fn openings(&self, unit: UnitIndex) -> Vec<Leg> {
        let of_unit = (0..).map(AccountIndex).zip(&self.accounts);
        of_unit
            .filter(|(_, account)| account.unit == unit && account.opening != 0)
            .map(|(index, account)| leg(index, account.class.normal_side(), account.opening.into()))
            .collect()
    }
}

fn open(name: &str, unit: UnitIndex, class: AccountClass, change: AccountChange) -> Effect {
    Effect::AccountOpened(Box::new(AccountOpened {
        name: name.into(),
        unit,
        class,
        change,
    }))
}

/// A leg of a signed amount: a negative one stands on the other side.
fn leg(account: AccountIndex, side: Side, amount: i128) -> Leg {
    let side = if amount < 0 { side.opposite() } else { side };
    let amount = i64::try_from(amount.unsigned_abs()).unwrap_or(i64::MAX);
    Leg {
        account,
        side,
        amount,
        value_date: None,
    }
}

/// The opening entry of one unit, with its counter leg on `opening/<unit>`.
fn post(legs: Vec<Leg>, counter: AccountIndex, setup: &mut Setup) {
    let signed = |leg: &Leg| match leg.side {
        Side::Debit => i128::from(leg.amount),
        Side::Credit => -i128::from(leg.amount),
    };
    let debits: i128 = legs.iter().map(signed).sum();
    let start = u32::try_from(setup.legs.len()).unwrap_or(u32::MAX);
    setup.legs.extend(legs);
    // A balanced chart needs no counter leg.
    if debits != 0 {
        setup.legs.push(leg(counter, Side::Credit, debits));
    }
    let day = OPENING_DAY.unwrap_or(Date::from_days(0));
    setup.effects.push(Effect::Post(Post {
        number: EntryNo(0),
        booking_date: day,
        value_date: day,
        legs: start..u32::try_from(setup.legs.len()).unwrap_or(u32::MAX),
        reverses: None,
        owned: true,
        opening: true,
        general_reversal: false,
        document_ref: None,
    }));
}

fn read<T: serde::de::DeserializeOwned + Default>(
    value: Option<&RawJson>,
    member: &str,
) -> Result<T, SetupFault> {
    value.map_or_else(
        || Ok(T::default()),
        |value| value.read().map_err(|what| fault(member, what)),
    )
}
