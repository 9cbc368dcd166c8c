//! The journal of hledger.
//!
//! Balances are asserted by a transaction that moves nothing, at the end of the file: hledger takes
//! assertions by date and, within a day, in the order of the file, and the entries of a book come
//! in the order of their numbers and not of their dates.

use std::fmt::Write as _;

use super::{Amount, Entry, Export, signed};
use crate::ledger::effect::Nature;
use crate::money::print_minor;

/// Units and accounts, and what stood before the first day.
pub(super) fn head(export: &Export<'_>) -> String {
    let book = export.book;
    let mut out = format!(
        "; The book {}, exported by kontor: credits are negative.\ndecimal-mark .\n\n",
        book.name()
    );
    for (unit, index) in book.units().iter().zip(0..) {
        let name = export.names.unit(crate::ids::UnitIndex(index));
        let mut sample = print_minor(0, unit.decimals);
        if unit.decimals == 0 {
            sample.push('.');
        }
        // Writing to a string cannot fail, here and below.
        let _infallible = writeln!(out, "commodity {sample} {name}");
    }
    out.push('\n');
    for (index, account) in book.accounts().iter() {
        let name = export.names.account(index);
        let _infallible = writeln!(out, "account {name}  ; account:{}", account.name);
    }
    if let Some(day) = export.opening_day() {
        let _infallible = write!(out, "\n{day} * opening balances\n");
        for (account, sum) in export.balances.before() {
            let amount = export.amount(account, sum);
            posting(&mut out, export.names.account(account), &amount, "");
        }
    }
    out
}

/// A transaction.
pub(super) fn entry(export: &Export<'_>, entry: &Entry<'_>) -> String {
    let post = entry.post;
    let mut out = format!("\n{} *", post.booking_date);
    if post.opening {
        out.push_str(" opening\n");
    } else {
        let _infallible = write!(
            out,
            " ({}) {}\n    ; key:{}",
            post.number, entry.kind, entry.key
        );
        let _infallible = write!(out, ", recorded:{}", entry.recorded_at);
        if let Some(document) = entry.document {
            let _infallible = write!(out, ", document:{}", tag(document));
        }
        if post.value_date != post.booking_date {
            let _infallible = write!(out, ", value-date:{}", post.value_date);
        }
        if let Some(other) = post.reverses {
            let _infallible = write!(out, ", reverses:{other}");
        }
        if post.nature != Nature::Plain {
            let _infallible = write!(out, ", nature:{}", post.nature.text());
        }
        out.push('\n');
    }
    for leg in entry.legs {
        let amount = export.amount(leg.account, signed(leg));
        let value = leg.value_date.filter(|day| *day != post.value_date);
        let value = value.map_or(String::new(), |day| format!("  ; value-date:{day}"));
        posting(&mut out, export.names.account(leg.account), &amount, &value);
    }
    out
}

/// The assertions.
pub(super) fn tail(export: &Export<'_>) -> String {
    let mut out = String::new();
    export.balances.points(export.span.to, &mut |point| {
        let _infallible = write!(out, "\n{} * balances\n", point.day);
        for account in &point.accounts {
            let balance = point.all.get(account).copied().unwrap_or_default();
            let (nothing, balance) = (export.amount(*account, 0), export.amount(*account, balance));
            let asserted = format!(" == {} {}", balance.figure, balance.unit);
            posting(
                &mut out,
                export.names.account(*account),
                &nothing,
                &asserted,
            );
        }
    });
    out
}

fn posting(out: &mut String, name: &str, amount: &Amount<'_>, behind: &str) {
    let Amount { figure, unit } = amount;
    let _infallible = writeln!(out, "    {name:<40}  {figure:>16} {unit}{behind}");
}

/// A text as the value of a tag, which a comma or the end of the line would end.
fn tag(text: &str) -> String {
    let plain = |letter: char| {
        let ends = letter == ',' || letter.is_control();
        if ends { ' ' } else { letter }
    };
    text.chars().map(plain).collect()
}
