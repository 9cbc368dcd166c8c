//! Names of accounts and units as the other program has them.
//!
//! An account stands below its class, and a step of its name is a step there. What the other
//! program does not take is replaced. If two names become one, the account that was opened later
//! gets a number behind it, so that names stay what they were in every later export.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{AccountIndex, UnitIndex};
use crate::ledger::{AccountClass, Book};

/// Longest code of a commodity in Beancount.
const COMMODITY_CHARS_MAX: usize = 24;

/// Names by index.
#[derive(Debug, Default)]
pub(super) struct Names {
    accounts: Vec<String>,
    units: Vec<String>,
    /// The accounts of the same unit below an account that has others below it.
    below: BTreeMap<AccountIndex, Vec<AccountIndex>>,
}

impl Names {
    /// As hledger takes them.
    pub(super) fn hledger(book: &Book) -> Self {
        Self::of(book, hledger_account, HLEDGER_UNIT)
    }

    /// As Beancount takes them.
    pub(super) fn beancount(book: &Book) -> Self {
        Self::of(book, beancount_account, BEANCOUNT_UNIT)
    }

    fn of(book: &Book, account: fn(AccountClass, &str) -> String, unit: Unit) -> Self {
        let mut taken = BTreeSet::new();
        let all = book.accounts().iter();
        let accounts: Vec<String> = all
            .map(|(_, one)| unique(&mut taken, &account(one.class, &one.name), usize::MAX))
            .collect();
        let mut taken = BTreeSet::new();
        let units = book.units().iter();
        let units = units
            .map(|one| (unit.quote)(&unique(&mut taken, &(unit.name)(&one.code), unit.longest)))
            .collect();
        let below = below(book, &accounts);
        Self {
            accounts,
            units,
            below,
        }
    }

    /// Name of an account.
    pub(super) fn account(&self, account: AccountIndex) -> &str {
        self.accounts.get(account.slot()).map_or("", String::as_str)
    }

    /// Name of a unit.
    pub(super) fn unit(&self, unit: UnitIndex) -> &str {
        self.units.get(unit.slot()).map_or("", String::as_str)
    }

    /// The accounts of the same unit below an account.
    pub(super) fn below(&self, account: AccountIndex) -> &[AccountIndex] {
        self.below.get(&account).map_or(&[], Vec::as_slice)
    }
}

/// How units are named.
#[derive(Clone, Copy)]
struct Unit {
    name: fn(&str) -> String,
    longest: usize,
    quote: fn(&str) -> String,
}

fn below(book: &Book, names: &[String]) -> BTreeMap<AccountIndex, Vec<AccountIndex>> {
    let indexes = || book.accounts().iter().map(|(index, _)| index);
    let known: BTreeMap<&str, AccountIndex> =
        names.iter().map(String::as_str).zip(indexes()).collect();
    let unit = |index| book.accounts().get(index).map(|account| account.unit);
    let mut below: BTreeMap<AccountIndex, Vec<AccountIndex>> = BTreeMap::new();
    for (name, index) in names.iter().zip(indexes()) {
        let mut above = name.as_str();
        while let Some((step, _)) = above.rsplit_once(':') {
            above = step;
            if let Some(parent) = known.get(above).filter(|one| unit(**one) == unit(index)) {
                below.entry(*parent).or_default().push(index);
            }
        }
    }
    below
}

/// A name that nobody has yet, and takes it.
fn unique(taken: &mut BTreeSet<String>, wanted: &str, longest: usize) -> String {
    let cut = |suffix: &str| {
        let room = longest.saturating_sub(suffix.len());
        let kept: String = wanted.chars().take(room).collect();
        kept + suffix
    };
    let mut name = cut("");
    for number in 2_u64.. {
        if taken.insert(name.clone()) {
            break;
        }
        name = cut(&format!("-{number}"));
    }
    name
}

/// The steps of an account's name below its class, whose own name is not said twice.
fn steps<'n>(name: &'n str, class: &str) -> impl Iterator<Item = &'n str> {
    let rest = name.strip_prefix(class);
    let rest = rest.and_then(|rest| rest.strip_prefix('/'));
    rest.filter(|rest| !rest.is_empty())
        .unwrap_or(name)
        .split('/')
}

fn hledger_account(class: AccountClass, name: &str) -> String {
    let top = match class {
        AccountClass::Asset => "assets",
        AccountClass::Liability => "liabilities",
        AccountClass::Equity => "equity",
        AccountClass::Income => "income",
        AccountClass::Expense => "expenses",
        // Neither a balance sheet nor an income statement of hledger's takes it in.
        AccountClass::MemoDr | AccountClass::MemoCr => "memo",
    };
    steps(name, top).fold(top.to_owned(), |path, step| {
        path + ":" + if step.is_empty() { "_" } else { step }
    })
}

fn beancount_account(class: AccountClass, name: &str) -> String {
    let (top, word) = match class {
        AccountClass::Asset => ("Assets", "assets"),
        AccountClass::Liability => ("Liabilities", "liabilities"),
        AccountClass::Equity => ("Equity", "equity"),
        AccountClass::Income => ("Income", "income"),
        AccountClass::Expense => ("Expenses", "expenses"),
        // There are five roots and no other; what is off the ledger balances by itself.
        AccountClass::MemoDr | AccountClass::MemoCr => ("Equity:Memo", "memo"),
    };
    steps(name, word).fold(top.to_owned(), |path, step| path + ":" + &component(step))
}

/// A step as Beancount takes it: letters, digits and dashes, the first no small letter.
fn component(step: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    };
    let mut letters = step.chars().map(plain);
    match letters.next() {
        Some(first) if first != '-' => std::iter::once(first.to_ascii_uppercase())
            .chain(letters)
            .collect(),
        first => "X".chars().chain(first).chain(letters).collect(),
    }
}

const HLEDGER_UNIT: Unit = Unit {
    name: hledger_unit,
    longest: usize::MAX,
    quote: |code| {
        if code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            code.to_owned()
        } else {
            format!("\"{code}\"")
        }
    },
};

const BEANCOUNT_UNIT: Unit = Unit {
    name: beancount_unit,
    longest: COMMODITY_CHARS_MAX,
    quote: str::to_owned,
};

/// A unit as hledger takes it between quotes.
fn hledger_unit(code: &str) -> String {
    let plain = |letter: char| {
        let taken = matches!(letter, '"' | ';') || letter.is_control();
        if taken { '_' } else { letter }
    };
    code.chars().map(plain).collect()
}

/// A unit as Beancount takes it: capital letters, digits and some signs, between a letter and one
/// that is no sign.
fn beancount_unit(code: &str) -> String {
    let plain = |letter: char| match letter.to_ascii_uppercase() {
        letter if letter.is_ascii_alphanumeric() || ".-_'".contains(letter) => letter,
        _other => '-',
    };
    let code: String = code.chars().map(plain).collect();
    let begins = code.starts_with(|first: char| first.is_ascii_uppercase());
    let ends = code.ends_with(|last: char| last.is_ascii_alphanumeric());
    let word = matches!(code.as_str(), "TRUE" | "FALSE" | "NULL") || code.len() < 2;
    let front = if begins && !word { "" } else { "X" };
    let back = if ends || code.is_empty() { "" } else { "X" };
    let longest = COMMODITY_CHARS_MAX.saturating_sub(front.len() + back.len());
    let kept: String = code.chars().take(longest).collect();
    format!("{front}{kept}{back}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_a_name_are_steps_below_the_class() {
        let names = [
            (
                AccountClass::Asset,
                "bank/main",
                "assets:bank:main",
                "Assets:Bank:Main",
            ),
            (
                AccountClass::Income,
                "income/interest",
                "income:interest",
                "Income:Interest",
            ),
            (
                AccountClass::Income,
                "income",
                "income:income",
                "Income:Income",
            ),
            (
                AccountClass::Income,
                "rev/sales_19",
                "income:rev:sales_19",
                "Income:Rev:Sales-19",
            ),
            (
                AccountClass::Equity,
                "stock/out/BOX.A4",
                "equity:stock:out:BOX.A4",
                "Equity:Stock:Out:BOX-A4",
            ),
            (
                AccountClass::Liability,
                "a//-b/9",
                "liabilities:a:_:-b:9",
                "Liabilities:A:X:X-b:9",
            ),
            (AccountClass::Expense, "/", "expenses:_:_", "Expenses:X:X"),
            (
                AccountClass::MemoDr,
                "memo/plan",
                "memo:plan",
                "Equity:Memo:Plan",
            ),
        ];
        for (class, name, hledger, beancount) in names {
            assert_eq!(hledger_account(class, name), hledger);
            assert_eq!(beancount_account(class, name), beancount);
        }
    }

    #[test]
    fn units_become_commodities() {
        let units = [
            ("EUR", "EUR", "EUR"),
            ("BOX-A4", "\"BOX-A4\"", "BOX-A4"),
            ("kWh", "kWh", "KWH"),
            ("0700", "\"0700\"", "X0700"),
            ("h", "h", "XH"),
            ("true", "true", "XTRUE"),
            ("m\";²-", "\"m__²-\"", "M----X"),
            (
                "A LONG NAME OF SOME UNIT OF OURS",
                "\"A LONG NAME OF SOME UNIT OF OURS\"",
                "A-LONG-NAME-OF-SOME-UNIT",
            ),
        ];
        for (code, hledger, beancount) in units {
            assert_eq!((HLEDGER_UNIT.quote)(&hledger_unit(code)), hledger);
            assert_eq!(beancount_unit(code), beancount);
        }
    }

    #[test]
    fn a_name_is_given_once() {
        let mut taken = BTreeSet::new();
        let given: Vec<String> = ["Ab", "Ab", "Ab-2", "Abcd", "Abcde"]
            .iter()
            .map(|name| unique(&mut taken, name, 4))
            .collect();
        assert_eq!(given, ["Ab", "Ab-2", "Ab-3", "Abcd", "Ab-4"]);
    }
}
