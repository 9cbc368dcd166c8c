//! What stands on accounts: from their counters now, or added up over the entries until a day.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entries, PastUnreadable};
use crate::ids::{AccountIndex, UnitIndex};
use crate::ledger::effect::Nature;
use crate::ledger::value::Members;
use crate::ledger::{Account, Book, Post, Side, Value};
use crate::money::Minor;
use crate::time::Date;

/// Which date of an entry decides whether it is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DateKind {
    /// The booking date of the entry.
    #[default]
    Booking,
    /// The value date of the leg.
    Value,
}

/// All accounts, in order of their names.
pub(super) fn by_name(book: &Book) -> Vec<AccountIndex> {
    let mut all: Vec<_> = book.accounts().iter().collect();
    all.sort_unstable_by(|(_, one), (_, other)| one.name.cmp(&other.name));
    all.into_iter().map(|(index, _)| index).collect()
}

/// What stands on an account: debits less credits.
#[derive(Clone, Copy)]
pub(super) struct Figure(Minor);

impl Figure {
    /// The side it stands on, and how much; nothing stands on the debit side.
    pub(super) fn side(self) -> (Side, Minor) {
        if self.0 < 0 {
            (Side::Credit, -self.0)
        } else {
            (Side::Debit, self.0)
        }
    }

    pub(super) fn on_normal_side(self, account: &Account) -> Minor {
        match account.class.normal_side() {
            Side::Debit => self.0,
            Side::Credit => -self.0,
        }
    }
}

/// Figures of accounts at one moment.
pub(super) struct Figures<'b> {
    book: &'b Book,
    as_of: Option<(Date, DateKind)>,
    asked: Vec<(AccountIndex, Figure)>,
}

impl<'b> Figures<'b> {
    /// From the counters, or by adding up the entries until a day.
    pub(super) fn take(
        book: &'b Book,
        asked: Vec<AccountIndex>,
        as_of: Option<(Date, DateKind)>,
        entries: &dyn Entries,
    ) -> Result<Self, PastUnreadable> {
        let now = |index| {
            let account = book.accounts().get(index);
            let figure = account.map(|account| account.counters().balance(Side::Debit));
            (index, Figure(figure.unwrap_or_default()))
        };
        let asked = match as_of {
            None => asked.into_iter().map(now).collect(),
            Some(_) => added_up(asked, as_of, entries, |_| true)?,
        };
        Ok(Self { book, as_of, asked })
    }

    /// By adding up all entries but those that close a period.
    pub(super) fn before_closing(
        book: &'b Book,
        asked: Vec<AccountIndex>,
        as_of: Option<(Date, DateKind)>,
        entries: &dyn Entries,
    ) -> Result<Self, PastUnreadable> {
        let counts = |post: &Post| post.nature != Nature::Closing;
        let asked = added_up(asked, as_of, entries, counts)?;
        Ok(Self { book, as_of, asked })
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (&Account, &Figure)> {
        let account = |index| self.book.accounts().get(index);
        self.asked
            .iter()
            .filter_map(move |(index, figure)| Some((account(*index)?, figure)))
    }

    pub(super) fn amount(&self, account: &Account, minor: Minor) -> Value {
        Value::amount(minor, self.book.units().decimals(account.unit))
    }

    /// Day and totals: per unit the sums of the balances by the side they stand on.
    pub(super) fn head(&self) -> Members {
        let mut head = Members::new();
        if let Some((date, by)) = self.as_of {
            head.push(("as_of".into(), Value::Date(date)));
            if by == DateKind::Value {
                head.push(("by".into(), Value::text("value")));
            }
        }
        let units = self.sums().into_iter().map(|(unit, [debit, credit])| {
            let decimals = self.book.units().decimals(unit);
            let sides = vec![
                ("debit".into(), Value::amount(debit, decimals)),
                ("credit".into(), Value::amount(credit, decimals)),
            ];
            let code = self.book.units().code(unit).to_owned();
            (code.into(), Value::Object(sides))
        });
        head.push(("report".into(), Value::Object(units.collect())));
        head
    }

    /// Debit and credit sums of every unit that has a row, in order of the units' first use.
    fn sums(&self) -> BTreeMap<UnitIndex, [Minor; 2]> {
        let mut sums = BTreeMap::new();
        for (account, figure) in self.rows() {
            let [debit, credit] = sums.entry(account.unit).or_insert([0, 0]);
            match figure.side() {
                (Side::Debit, amount) => *debit += amount,
                (Side::Credit, amount) => *credit += amount,
            }
        }
        sums
    }

    /// What every row of an account begins with.
    pub(super) fn row(&self, account: &Account, figure: Figure) -> Members {
        let unit = self.book.units().code(account.unit);
        vec![
            ("account".into(), Value::text(account.name.to_string())),
            ("unit".into(), Value::text(unit.to_owned())),
            ("class".into(), Value::text(account.class.text())),
            (
                "balance".into(),
                self.amount(account, figure.on_normal_side(account)),
            ),
        ]
    }
}

/// Debits less credits of accounts over the entries that count, until a day if there is one;
/// openings are always in.
fn added_up(
    asked: Vec<AccountIndex>,
    cutoff: Option<(Date, DateKind)>,
    entries: &dyn Entries,
    counts: fn(&Post) -> bool,
) -> Result<Vec<(AccountIndex, Figure)>, PastUnreadable> {
    let mut sums: Vec<(AccountIndex, Minor)> = asked.iter().map(|index| (*index, 0)).collect();
    sums.sort_unstable();
    entries.each(&mut |post, legs| {
        let legs = if counts(post) { legs } else { &[] };
        for leg in legs {
            let beyond = cutoff.is_some_and(|(until, by)| match by {
                DateKind::Booking => post.booking_date > until,
                DateKind::Value => leg.value_date.unwrap_or(post.value_date) > until,
            });
            if !post.opening && beyond {
                continue;
            }
            let place = sums.binary_search_by_key(&leg.account, |(index, _)| *index);
            if let Some((_, sum)) = place.ok().and_then(|place| sums.get_mut(place)) {
                *sum += match leg.side {
                    Side::Debit => Minor::from(leg.amount),
                    Side::Credit => -Minor::from(leg.amount),
                };
            }
        }
    })?;
    let sum = |index: AccountIndex| {
        let place = sums.binary_search_by_key(&index, |(known, _)| *known);
        let known = place.ok().and_then(|place| sums.get(place));
        Figure(known.map_or(0, |(_, sum)| *sum))
    };
    Ok(asked.into_iter().map(|index| (index, sum(index))).collect())
}
