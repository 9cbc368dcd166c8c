//! What lessens a receivable besides money: discounts taken, write-offs.
//!
//! Such a correction gives back the tax that was charged, at the document's own rates: the amount
//! is split over the tax groups by what each is worth with tax (largest remainder), of each part
//! the tax share is round(part × tax / gross), and the rest is the net.
//!
//! A document also remembers from which value date on how much less was open (`reductions`),
//! because late interest runs on what was open on each day.

use super::currency::Currency;
use super::exchange::{Earned, Exchange, Part, PartKind};
use super::invoice::tax_account;
use super::postings::Postings;
use crate::code::Code;
use crate::ids::AccountIndex;
use crate::ledger::plan::echo;
use crate::ledger::value::{Members, member};
use crate::ledger::{Book, Document, DocumentState, Plan, Rejection, Value};
use crate::money::share::largest_remainder;
use crate::money::{Minor, Ratio, Rounding};
use crate::time::Date;

/// States in which something of a document is open.
pub(crate) const OPEN: [DocumentState; 2] = [DocumentState::Open, DocumentState::PartlyPaid];

/// Member of a document: from which value date on how much less is open.
const REDUCTIONS: &str = "reductions";

/// Member of a receivable: its customer disputes it, so nobody is dunned for it.
pub(crate) const DISPUTED: &str = "disputed";

/// Member of an invoice: what was credited, with tax.
pub(crate) const CREDITED: &str = "credited";

/// Member of a document: what was taken of it as discounts for early payment.
pub(crate) const DISCOUNT_TAKEN: &str = "discount_taken";

/// Member of a document: what of it was written off.
pub(crate) const WRITTEN_OFF: &str = "written_off";

/// What was taken back of a document so far: credited, written off, or taken as discount for early
/// payment.
pub(crate) fn taken_back(document: &Document) -> Minor {
    let members = [CREDITED, DISCOUNT_TAKEN, WRITTEN_OFF];
    members.map(|name| document.minor(name)).iter().sum()
}

/// The document of a number, with the number as the book keeps it, if customers pay it.
pub(crate) fn find<'a>(book: &'a Book, number: &str) -> Option<(&'a str, &'a Document)> {
    let found = book.documents().find(number);
    found.filter(|(_, document)| document.is_receivable())
}

/// The currency of a document; one that nobody knows if there is no document.
pub(crate) fn currency<'a>(book: &'a Book, found: Option<(&str, &Document)>) -> Currency<'a> {
    let unit = found.map(|(_, document)| document.unit);
    Currency::of(book, unit.map_or("", |unit| book.units().code(unit)))
}

/// The refusal of a number that names no document of the kind asked for.
pub(crate) fn not_found(number: &str, path: &str) -> Rejection {
    Rejection::new(Code::DocumentNotFound)
        .at(path)
        .with_text("document", echo(number))
}

/// A tax group as a document keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group<'a> {
    /// Tax code; empty for what is not taxed.
    pub(crate) code: &'a str,
    /// Category of EN 16931; empty for what is not taxed.
    pub(crate) category: &'a str,
    /// Rate as written.
    pub(crate) rate: &'a str,
    /// Account of the tax, if the code named one.
    pub(crate) account: Option<&'a str>,
    /// Without tax.
    pub(crate) base: Minor,
    /// The tax.
    pub(crate) tax: Minor,
}

impl<'a> Group<'a> {
    /// One of a list that a document keeps.
    pub(crate) fn of(value: &'a Value) -> Option<Self> {
        let Value::Object(members) = value else {
            return None;
        };
        let text = |name: &str| match member(members, name) {
            Some(Value::Text(text)) => Some(&**text),
            Some(_) | None => None,
        };
        let minor = |name: &str| member(members, name).and_then(Value::minor);
        Some(Self {
            code: text("tax")?,
            category: text("category").unwrap_or_default(),
            rate: text("rate").unwrap_or_default(),
            account: text("account"),
            base: minor("base").unwrap_or_default(),
            tax: minor("amount").unwrap_or_default(),
        })
    }

    /// With tax.
    pub(crate) fn gross(&self) -> Minor {
        self.base + self.tax
    }

    /// The account of its tax.
    pub(crate) fn tax_account(&self, book: &Book, path: &str) -> Result<AccountIndex, Rejection> {
        tax_account(book, self.account, self.rate, path)
    }
}

/// The tax groups of a document, in its order; what is not taxed comes last.
pub(crate) fn groups(document: &Document) -> Vec<Group<'_>> {
    let list = match document.member("tax") {
        Some(Value::List(list)) => list.as_slice(),
        Some(_) | None => &[],
    };
    let mut groups: Vec<_> = list.iter().filter_map(Group::of).collect();
    let taxed: Minor = groups.iter().map(Group::gross).sum();
    let untaxed = document.minor("tax_inclusive") - taxed;
    if untaxed != 0 || groups.is_empty() {
        groups.push(Group {
            base: untaxed,
            ..Group::default()
        });
    }
    groups
}

/// How the amounts of a document are rounded.
pub(crate) fn mode(book: &Book, document: &Document) -> Rounding {
    let mode = document.text("tax_rounding_mode");
    Rounding::of_text(mode).unwrap_or_else(|| book.reference().rounding())
}

/// What of an amount falls on each group, and how much of that is tax.
pub(crate) fn shares(
    groups: &[Group<'_>],
    amount: Minor,
    mode: Rounding,
) -> Option<Vec<(Minor, Minor)>> {
    let weights: Vec<Minor> = groups.iter().map(|group| group.gross().max(0)).collect();
    let parts = match groups {
        [_only] => vec![amount],
        _ if amount == 0 => vec![0; groups.len()],
        _ => largest_remainder(amount, &weights)?,
    };
    let share = |(group, part): (&Group<'_>, Minor)| {
        let tax = if group.tax == 0 || part == 0 {
            0
        } else {
            let share = Ratio::new(group.tax, group.gross())?;
            share.times(Ratio::whole(part))?.round(mode)
        };
        Some((part, tax))
    };
    groups.iter().zip(parts).map(share).collect()
}

/// What a correction posts against the receivable.
#[derive(Debug)]
pub(crate) struct Correction<'a> {
    amount: Minor,
    exchange: Option<Exchange<'a>>,
    earned: Earned,
}

impl<'a> Correction<'a> {
    /// Step 7: the accounts of a correction. `role` names those of the net of a group: the first
    /// that the book has. A negative amount takes a correction back.
    pub(crate) fn of(
        book: &'a Book,
        currency: &Currency<'_>,
        document: &Document,
        amount: Minor,
        role: impl Fn(&Group<'_>) -> [String; 2],
        path: &str,
    ) -> Result<Self, Rejection> {
        let mode = mode(book, document);
        let overflow = || {
            Rejection::new(Code::AmountOverflow)
                .at(path)
                .with_text("path", path)
        };
        let groups = groups(document);
        let shares = shares(&groups, amount, mode).ok_or_else(overflow)?;
        let (mut nets, mut taxes) = (Vec::new(), Vec::new());
        let part = |account, amount: Minor, kind| Part {
            account,
            amount: -amount,
            path: path.to_owned(),
            kind,
        };
        for (group, (share, tax)) in groups.iter().zip(shares) {
            let net = share - tax;
            if net != 0 {
                let [first, last] = role(group);
                let account = super::postings::first_open(book, [&first, &last], path)?;
                nets.push(part(account, net, PartKind::Net));
            }
            if tax != 0 {
                let kind = PartKind::Tax { before: 0 };
                taxes.push(part(group.tax_account(book, path)?, tax, kind));
            }
        }
        nets.extend(taxes);
        let exchange = Exchange::of_document(book, currency, document, path, mode)?;
        let exchange = exchange.map(|exchange| exchange.after(taken_back(document)));
        let earned = Earned::of(&nets, exchange.as_ref())?;
        earned.postings.check_sides(book)?;
        Ok(Self {
            amount,
            exchange,
            earned,
        })
    }

    /// Step 8.
    pub(crate) fn check_units(
        &self,
        book: &Book,
        currency: &Currency<'_>,
    ) -> Result<(), Rejection> {
        self.earned
            .check_units(self.exchange.as_ref(), book, currency)
    }

    /// Its legs in the currency of the document, as far as they can be summed with others.
    pub(crate) fn postings(&self) -> Option<&Postings> {
        match self.exchange {
            None => Some(&self.earned.postings),
            Some(_) => None,
        }
    }

    /// The legs of a converted correction, with those that link the two units.
    pub(crate) fn write_converted(&self, plan: &mut Plan) -> Result<(), Rejection> {
        match &self.exchange {
            None => Ok(()),
            Some(exchange) => {
                exchange.write(plan, -self.amount, self.earned.sum)?;
                self.earned.postings.write_alone(plan)
            }
        }
    }
}

/// The reductions of a document with one more, as the member to set. A negative amount takes one
/// back.
pub(crate) fn reduced(
    document: &Document,
    date: Date,
    amount: Minor,
    decimals: u8,
) -> (&'static str, Value) {
    let mut known = reductions(document);
    match known.iter_mut().find(|(on, _)| *on == date) {
        Some((_, sum)) => *sum += amount,
        None => known.push((date, amount)),
    }
    known.retain(|(_, sum)| *sum != 0);
    known.sort_by_key(|(on, _)| *on);
    let shown = known.into_iter().map(|(on, sum)| {
        Value::Object(vec![
            ("value_date".into(), Value::Date(on)),
            ("amount".into(), Value::amount(sum, decimals)),
        ])
    });
    (REDUCTIONS, Value::List(shown.collect()))
}

/// From which value date on how much less of a document is open, by date.
pub(crate) fn reductions(document: &Document) -> Vec<(Date, Minor)> {
    let Some(Value::List(list)) = document.member(REDUCTIONS) else {
        return Vec::new();
    };
    let read = |one: &Value| {
        let Value::Object(members) = one else {
            return None;
        };
        let Some(Value::Date(date)) = member(members, "value_date") else {
            return None;
        };
        Some((*date, member(members, "amount").and_then(Value::minor)?))
    };
    list.iter().filter_map(read).collect()
}

/// The refusal of a document in a state in which a job cannot use it.
pub(crate) fn wrong_state(
    number: &str,
    document: &Document,
    expected: &[DocumentState],
    path: &str,
) -> Rejection {
    let states = expected.iter().map(|state| Value::text(state.text()));
    Rejection::new(Code::DocumentState)
        .at(path)
        .with_text("document", echo(number))
        .with_text("state", document.state.text())
        .with("expected", Value::List(states.collect()))
}

/// A change of a document that keeps everything but what is said.
pub(crate) fn changed(
    number: &str,
    document: &Document,
    state: DocumentState,
    open: Minor,
    set: Members,
) -> crate::ledger::effect::DocumentChange {
    crate::ledger::effect::DocumentChange {
        number: number.into(),
        kind: document.kind,
        state,
        version: document.version.saturating_add(1),
        unit: document.unit,
        party: document.party.clone(),
        due: document.due,
        open,
        set,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(base: Minor, tax: Minor) -> Group<'static> {
        Group {
            code: "X",
            rate: "19",
            base,
            tax,
            ..Group::default()
        }
    }

    #[test]
    fn an_amount_is_split_by_gross_and_its_tax_is_rounded_per_part() {
        // 34.50 of 1,190.00 and 535.00: 23.80 with 3.80 of tax, 10.70 with 0.70.
        let two = [group(100_000, 19_000), group(50_000, 3_500)];
        let got = shares(&two, 3_450, Rounding::HalfUp);
        assert_eq!(got, Some(vec![(2_380, 380), (1_070, 70)]));
        // Part of a single group: round(0.05 × 19 / 119) = 0.01.
        let one = [group(10_000, 1_900)];
        assert_eq!(shares(&one, 5, Rounding::HalfUp), Some(vec![(5, 1)]));
        assert_eq!(shares(&one, -5, Rounding::HalfUp), Some(vec![(-5, -1)]));
        // What is not taxed takes its part without tax; a group below zero takes none.
        let mixed = [
            group(10_000, 1_900),
            group(-1_000, -190),
            Group {
                base: 11_900,
                ..Group::default()
            },
        ];
        let got = shares(&mixed, 1_000, Rounding::HalfUp);
        assert_eq!(got, Some(vec![(500, 80), (0, 0), (500, 0)]));
    }
}
