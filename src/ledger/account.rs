//! Accounts and their counters.

use std::collections::BTreeMap;

use hashbrown::HashTable;
use smol_str::SmolStr;

use super::digest::name_number;
use super::leg::Side;
use crate::ids::{AccountIndex, UnitIndex};
use crate::money::Minor;

macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal $text:literal $side:ident;)*) => {
        /// Class of an account; it fixes the normal side.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AccountClass { $($(#[$doc])* $variant,)* }

        impl AccountClass {
            /// All classes.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// As it is written outside.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The number under which journals keep it.
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)* }
            }

            /// The side on which the class grows.
            pub const fn normal_side(self) -> Side {
                match self { $(Self::$variant => Side::$side,)* }
            }

            /// Whether what stands on it is a result, which closing a period takes away.
            pub const fn is_result(self) -> bool {
                matches!(self, Self::Income | Self::Expense)
            }

            /// The class of its text.
            pub fn of_text(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|class| class.text() == text)
            }

            /// The class of a number kept in a journal.
            pub fn of_number(number: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|class| class.number() == number)
            }
        }
    };
}

classes! {
    /// What the company owns or is owed.
    Asset = 1 "asset" Debit;
    /// What the company owes.
    Liability = 2 "liability" Credit;
    /// What belongs to the owners.
    Equity = 3 "equity" Credit;
    /// What the company earns.
    Income = 4 "income" Credit;
    /// What the company spends.
    Expense = 5 "expense" Debit;
    /// Off-ledger figures that grow on the debit side.
    MemoDr = 6 "memo_dr" Debit;
    /// Off-ledger figures that grow on the credit side.
    MemoCr = 7 "memo_cr" Credit;
}

/// Which sides of an account are frozen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freeze {
    /// None.
    #[default]
    None,
    /// Debits are refused.
    Debit,
    /// Credits are refused.
    Credit,
    /// Both are refused.
    Both,
}

impl Freeze {
    /// Whether the side is frozen.
    pub fn stops(self, side: Side) -> bool {
        matches!(
            (self, side),
            (Self::Both, _) | (Self::Debit, Side::Debit) | (Self::Credit, Side::Credit)
        )
    }

    /// As it is written outside.
    pub const fn text(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Debit => "debit",
            Self::Credit => "credit",
            Self::Both => "both",
        }
    }

    /// The number under which journals keep it.
    pub const fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Debit => 1,
            Self::Credit => 2,
            Self::Both => 3,
        }
    }

    /// The freeze of a number kept in a journal.
    pub fn of_number(number: u8) -> Option<Self> {
        [Self::None, Self::Debit, Self::Credit, Self::Both]
            .into_iter()
            .find(|freeze| freeze.number() == number)
    }
}

/// The four totals of an account: they only grow on their side, held ones shrink when a hold ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Debits posted.
    pub debits_posted: Minor,
    /// Credits posted.
    pub credits_posted: Minor,
    /// Debits held.
    pub debits_held: Minor,
    /// Credits held.
    pub credits_held: Minor,
}

impl Counters {
    /// The balance on a side: what stands there beyond the other side.
    pub fn balance(&self, side: Side) -> Minor {
        match side {
            Side::Debit => self.debits_posted - self.credits_posted,
            Side::Credit => self.credits_posted - self.debits_posted,
        }
    }

    /// What may still leave an account that grows on `side`: live holds against it count.
    pub fn available(&self, side: Side) -> Minor {
        match side {
            Side::Debit => self.balance(side) - self.credits_held,
            Side::Credit => self.balance(side) - self.debits_held,
        }
    }

    /// The balance if all holds that increase it were posted.
    pub fn exposure(&self, side: Side) -> Minor {
        match side {
            Side::Debit => self.balance(side) + self.debits_held,
            Side::Credit => self.balance(side) + self.credits_held,
        }
    }

    /// The counters as a list, in the order of their canonical form.
    pub fn list(&self) -> [Minor; 4] {
        [
            self.debits_posted,
            self.credits_posted,
            self.debits_held,
            self.credits_held,
        ]
    }
}

/// What few accounts have; kept apart so that the many stay small.
#[derive(Clone, Debug, Default)]
struct Rare {
    /// Debits and credits posted that do not fit beside the others.
    posted: [Minor; 2],
    /// Debits and credits held.
    held: [Minor; 2],
    extra: Option<AccountExtra>,
}

impl Rare {
    fn is_empty(&self) -> bool {
        self.posted == [0; 2] && self.held == [0; 2] && self.extra.is_none()
    }
}

/// What an account has beyond unit and class, once somebody has set any of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountExtra {
    /// Available may not fall below it.
    pub min_available: Option<Minor>,
    /// Exposure may not rise above it.
    pub max_balance: Option<Minor>,
    /// Short codes for reports.
    pub labels: BTreeMap<String, String>,
    /// Personal text, sealed under the subject's key.
    pub text: Option<Box<[u8]>>,
    /// Version of the record, counted from 1.
    pub version: u32,
}

/// An account. What an entry needs of it lies in one line of the cache, short names included.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Account {
    /// Name, unique in the book.
    pub name: SmolStr,
    /// Number of its name in digests.
    pub(super) name_number: u64,
    /// Debits and credits posted, each 0 if it needs more than 64 bits.
    posted: [i64; 2],
    rare: Option<Box<Rare>>,
    /// Unit.
    pub unit: UnitIndex,
    /// Class.
    pub class: AccountClass,
    /// Frozen sides.
    pub freeze: Freeze,
    /// Whether it is closed for ever.
    pub closed: bool,
    /// Whether a hard close asks what stood on it at the end of a month.
    pub by_month: bool,
}

const _: () = assert!(size_of::<Account>() == 64, "what its text says");

impl Account {
    /// A new account without movements.
    pub fn new(name: &str, unit: UnitIndex, class: AccountClass) -> Self {
        Self {
            name: name.into(),
            name_number: name_number("account", name),
            posted: [0; 2],
            rare: None,
            unit,
            class,
            freeze: Freeze::None,
            closed: false,
            by_month: class.is_result() || BY_MONTH.iter().any(|start| name.starts_with(start)),
        }
    }

    /// The four totals.
    pub fn counters(&self) -> Counters {
        let [debits, credits] = self.posted.map(Minor::from);
        let Some(rare) = &self.rare else {
            return Counters {
                debits_posted: debits,
                credits_posted: credits,
                ..Counters::default()
            };
        };
        let ([more_debits, more_credits], [debits_held, credits_held]) = (rare.posted, rare.held);
        Counters {
            debits_posted: debits + more_debits,
            credits_posted: credits + more_credits,
            debits_held,
            credits_held,
        }
    }

    pub(super) fn set_counters(&mut self, counters: &Counters) {
        let posted = [counters.debits_posted, counters.credits_posted];
        let held = [counters.debits_held, counters.credits_held];
        self.posted = posted.map(|total| i64::try_from(total).unwrap_or_default());
        let large = posted.map(|total| i64::try_from(total).map_or(total, |_fits| 0));
        if self.rare.is_none() && large == [0; 2] && held == [0; 2] {
            return;
        }
        let rare = self.rare.get_or_insert_default();
        (rare.posted, rare.held) = (large, held);
        if rare.is_empty() {
            self.rare = None;
        }
    }

    /// The balance on the normal side.
    pub fn balance(&self) -> Minor {
        self.counters().balance(self.class.normal_side())
    }

    /// What may still leave the account.
    pub fn available(&self) -> Minor {
        self.counters().available(self.class.normal_side())
    }

    /// Balance and holds that increase it.
    pub fn exposure(&self) -> Minor {
        self.counters().exposure(self.class.normal_side())
    }

    /// What is held on the account, both sides summed.
    pub fn held(&self) -> Minor {
        let counters = self.counters();
        counters.debits_held + counters.credits_held
    }

    /// Limits, labels and text, if it has any.
    pub fn extra(&self) -> Option<&AccountExtra> {
        self.rare.as_ref()?.extra.as_ref()
    }

    pub(super) fn extra_mut(&mut self) -> &mut AccountExtra {
        self.rare
            .get_or_insert_default()
            .extra
            .get_or_insert_default()
    }

    /// Lower limit of available.
    pub fn min_available(&self) -> Option<Minor> {
        self.extra()?.min_available
    }

    /// Upper limit of exposure.
    pub fn max_balance(&self) -> Option<Minor> {
        self.extra()?.max_balance
    }
}

/// The accounts of a book: dense by index, found by name.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    accounts: Vec<Account>,
    by_name: HashTable<AccountIndex>,
    seed: u64,
    /// Accounts that people watch every day.
    watched: Vec<AccountIndex>,
}

/// Accounts below these names should be empty at the end of a day, or show a position.
const WATCHED: [&str; 4] = [SUSPENSE, "transit/", "rounding/", "fxpos/"];

/// What accounts begin with that are no income or expense, and that a hard close judges as well:
/// money that nobody has explained, and currency positions with their values.
const BY_MONTH: [&str; 3] = [SUSPENSE, "fxpos/", "fxeq/"];

/// What the accounts of money that nobody has explained begin with.
pub const SUSPENSE: &str = "suspense/";

impl Accounts {
    /// No accounts yet; names are found with a secret seed so that nobody can choose colliding
    /// ones.
    pub fn new(seed: u64) -> Self {
        Self {
            accounts: Vec::new(),
            by_name: HashTable::new(),
            seed,
            watched: Vec::new(),
        }
    }

    /// The index of a name.
    pub fn find(&self, name: &str) -> Option<AccountIndex> {
        let is_it =
            |index: &AccountIndex| self.get(*index).is_some_and(|account| account.name == name);
        self.by_name
            .find(name_hash(self.seed, name), is_it)
            .copied()
    }

    /// The hash by which a name is found.
    pub fn hash(&self, name: &str) -> u64 {
        name_hash(self.seed, name)
    }

    /// Read the account that a hash most likely leads to, so that it is near when it is asked for.
    pub fn near(&self, hash: u64) -> u64 {
        let likely = self.by_name.find(hash, |_| true);
        let account = likely.and_then(|index| self.get(*index));
        account.map_or(0, |account| account.name_number)
    }

    /// The account at an index.
    pub fn get(&self, index: AccountIndex) -> Option<&Account> {
        self.accounts.get(index.slot())
    }

    /// The account of a name.
    pub fn by_name(&self, name: &str) -> Option<&Account> {
        self.find(name).and_then(|index| self.get(index))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// All accounts in order of opening.
    pub fn iter(&self) -> impl Iterator<Item = (AccountIndex, &Account)> {
        self.accounts.iter().enumerate().map(|(slot, account)| {
            (
                AccountIndex(u32::try_from(slot).unwrap_or(u32::MAX)),
                account,
            )
        })
    }

    /// Suspense, transit, rounding and currency positions, in order of opening.
    pub fn watched(&self) -> impl Iterator<Item = &Account> {
        self.watched.iter().filter_map(|index| self.get(*index))
    }

    pub(super) fn get_mut(&mut self, index: AccountIndex) -> Option<&mut Account> {
        self.accounts.get_mut(index.slot())
    }

    pub(super) fn add(&mut self, account: Account) -> Option<AccountIndex> {
        let index = AccountIndex(u32::try_from(self.accounts.len()).ok()?);
        let hash = name_hash(self.seed, &account.name);
        if WATCHED.iter().any(|name| account.name.starts_with(name)) {
            self.watched.push(index);
        }
        self.accounts.push(account);
        let (accounts, seed) = (&self.accounts, self.seed);
        let rehash = |index: &AccountIndex| {
            accounts
                .get(index.slot())
                .map_or(0, |account| name_hash(seed, &account.name))
        };
        self.by_name.insert_unique(hash, index, rehash);
        Some(index)
    }
}

/// A short keyed hash of a name: eight bytes a step, folded by multiplication.
fn name_hash(seed: u64, name: &str) -> u64 {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    let mut step = |word: [u8; 8]| {
        let product = u128::from(state ^ u64::from_le_bytes(word)) * 0x2d35_8dcc_aa6c_78a5_u128;
        let [low, high] = [product, product >> 64].map(low_word);
        state = low ^ high ^ seed;
    };
    let bytes = name.as_bytes();
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        step(*word);
    }
    if !rest.is_empty() {
        // The last eight bytes, some of them again, where there are as many.
        step(
            bytes
                .last_chunk()
                .copied()
                .unwrap_or_else(|| short_word(rest)),
        );
    }
    let length = u64::try_from(name.len()).unwrap_or_default();
    let product = u128::from(state ^ length) * 0x8bb8_4b93_962e_acc9_u128;
    low_word(product) ^ low_word(product >> 64)
}

fn short_word(bytes: &[u8]) -> [u8; 8] {
    let mut word = [0_u8; 8];
    for (place, byte) in word.iter_mut().zip(bytes) {
        *place = *byte;
    }
    word
}

fn low_word(value: u128) -> u64 {
    u64::try_from(value & u128::from(u64::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name_only() {
        let mut accounts = Accounts::new(7);
        for number in 0..1_000 {
            let name = format!("wallet/{number}");
            accounts
                .add(Account::new(&name, UnitIndex(0), AccountClass::Liability))
                .unwrap();
        }
        assert_eq!(accounts.find("wallet/999"), Some(AccountIndex(999)));
        assert_eq!(accounts.find("wallet/1000"), None);
    }

    #[test]
    fn totals_of_any_size_come_back_as_they_were() {
        let mut account = Account::new("a", UnitIndex(0), AccountClass::Asset);
        let large = Minor::from(i64::MAX) + 1;
        for total in [0, 1, Minor::from(i64::MAX), large, large * large, 7, 0] {
            for held in [0, 5, large, 0] {
                let counters = Counters {
                    debits_posted: total,
                    credits_posted: total / 2,
                    debits_held: held,
                    credits_held: held / 3,
                };
                account.set_counters(&counters);
                assert_eq!(account.counters(), counters);
            }
        }
        assert!(account.rare.is_none(), "what is over takes no memory");
        account.extra_mut().version = 1;
        account.set_counters(&Counters::default());
        assert_eq!(account.extra().unwrap().version, 1);
    }

    #[test]
    fn holds_that_would_help_do_not_count_as_available() {
        let counters = Counters {
            debits_posted: 0,
            credits_posted: 100,
            debits_held: 30,
            credits_held: 50,
        };
        assert_eq!(counters.available(Side::Credit), 70);
        assert_eq!(counters.exposure(Side::Credit), 150);
        assert_eq!(counters.balance(Side::Debit), -100);
    }
}
