//! The journal of Beancount.
//!
//! Beancount asserts a balance at the beginning of a day, with the accounts below it summed in, and
//! would let a difference of one unit of the last digit pass: so a month is asserted on the first
//! day of the next one, for the sum, with a tolerance of nothing.

use std::fmt::Write as _;

use super::{Amount, Entry, Export, signed};
use crate::ledger::effect::Nature;
use crate::money::Minor;

/// Every account is open since openings are booked, before all entries.
const OPENED: &str = "1899-12-31";

/// Options, commodities and accounts, and what stood before the first day.
pub(super) fn head(export: &Export<'_>) -> String {
    let book = export.book;
    let mut out = format!(
        "; The book {}, exported by kontor: credits are negative.\noption \"title\" \"{}\"\n",
        book.name(),
        book.name()
    );
    let units = || book.units().iter().zip(0..);
    let name = |index| export.names.unit(crate::ids::UnitIndex(index));
    // Writing to a string cannot fail, here and below.
    for (_, index) in units().filter(|(unit, _)| book.functional_unit() == Some(&*unit.code)) {
        let _infallible = writeln!(out, "option \"operating_currency\" \"{}\"", name(index));
    }
    out.push('\n');
    for (unit, index) in units() {
        let code = text(&unit.code);
        let _infallible = write!(out, "{OPENED} commodity {}\n  unit: {code}\n", name(index));
    }
    out.push('\n');
    for (index, account) in book.accounts().iter() {
        let unit = export.names.unit(account.unit);
        let of = text(&account.name);
        let name = export.names.account(index);
        let _infallible = write!(out, "{OPENED} open {name} {unit}\n  account: {of}\n");
    }
    if let Some(day) = export.opening_day() {
        let _infallible = write!(out, "\n{day} * \"opening balances\"\n");
        for (account, sum) in export.balances.before() {
            posting(
                &mut out,
                export.names.account(account),
                &export.amount(account, sum),
            );
        }
    }
    out
}

/// A transaction.
pub(super) fn entry(export: &Export<'_>, entry: &Entry<'_>) -> String {
    let post = entry.post;
    let kind = if post.opening { "opening" } else { entry.kind };
    let mut out = format!("\n{} * {}\n", post.booking_date, text(kind));
    if !post.opening {
        let _infallible = write!(
            out,
            "  entry: {}\n  key: {}\n",
            post.number,
            text(entry.key)
        );
        let _infallible = writeln!(out, "  recorded: \"{}\"", entry.recorded_at);
    }
    if let Some(document) = entry.document {
        let _infallible = writeln!(out, "  document: {}", text(document));
    }
    if post.value_date != post.booking_date {
        let _infallible = writeln!(out, "  value-date: {}", post.value_date);
    }
    if let Some(other) = post.reverses {
        let _infallible = writeln!(out, "  reverses: {other}");
    }
    if post.nature != Nature::Plain {
        let _infallible = writeln!(out, "  nature: {}", text(post.nature.text()));
    }
    for leg in entry.legs {
        let amount = export.amount(leg.account, signed(leg));
        posting(&mut out, export.names.account(leg.account), &amount);
        if let Some(day) = leg.value_date.filter(|day| *day != post.value_date) {
            let _infallible = writeln!(out, "    value-date: {day}");
        }
    }
    out
}

/// The assertions.
pub(super) fn tail(export: &Export<'_>) -> String {
    let mut out = String::new();
    export.balances.points(export.span.to, &mut |point| {
        out.push('\n');
        let Some(day) = point.day.plus_days(1) else {
            return;
        };
        for account in &point.accounts {
            let of = |one| point.all.get(one).copied().unwrap_or_default();
            let below: Minor = export.names.below(*account).iter().map(of).sum();
            let Amount { figure, unit } = export.amount(*account, of(account) + below);
            let name = export.names.account(*account);
            let _infallible = writeln!(out, "{day} balance {name:<40}  {figure:>16} ~ 0 {unit}");
        }
    });
    out
}

fn posting(out: &mut String, name: &str, amount: &Amount<'_>) {
    let Amount { figure, unit } = amount;
    let _infallible = writeln!(out, "  {name:<40}  {figure:>16} {unit}");
}

/// A text between quotes.
fn text(plain: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in plain.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => quoted.push(' '),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
