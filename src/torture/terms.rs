//! What a seed decides about sizes: books, batches, rings, segments, how outcomes are published.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::calendar::Place;
use super::kinds::{KINDS, Kind};
use super::model::{Account, Book, policies};
use super::work::{CUSTOMERS, PARTIES, approve};
use crate::settings::{OutcomesMode, Settings, SettingsFault};
use crate::simulator::Chance;
use crate::simulator::broker;
use crate::simulator::disk::SimulatedDisk;

/// Sizes of a run.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Books by name and unit.
    pub books: Vec<(&'static str, &'static str)>,
    /// Settings of the daemon.
    pub settings: Settings,
    /// Kinds of jobs that are sent.
    pub kinds: Vec<&'static Kind>,
    /// Whether the books begin with users and a policy about approvals.
    pub guarded: bool,
    /// Whether old segments go to an archive.
    pub archives: bool,
    /// Messages that producers send.
    pub messages: usize,
    /// Jobs among them that fell the process, at the most.
    pub poison: u64,
    /// Deliveries open with the consumer.
    pub prefetch: usize,
    /// Bounds of the hand-overs between stations.
    pub slots: usize,
    /// How often a delivery may come back.
    pub delivery_limit: u64,
    /// Bytes of all files while the disk is said to be full.
    pub tight_bytes: u64,
}

impl Terms {
    /// Draw them.
    pub fn draw(chance: &mut Chance, base: &Settings) -> Self {
        let mut settings = base.clone();
        let two_books = chance.once_in(3);
        if !two_books {
            settings.books.truncate(1);
        }
        settings.journal.segment_bytes = pick(chance, &[4 << 10, 8 << 10, 32 << 10, 256 << 10]);
        settings.journal.snapshot_jobs = pick(chance, &[10, 40, 200, u64::MAX]);
        settings.journal.free_bytes_min = 0;
        settings.pipeline.batch_jobs_max = place(pick(chance, &[1, 3, 10, 100]));
        settings.outcomes.mode = match chance.up_to(9) {
            0..=4 => OutcomesMode::Each,
            5..=8 => OutcomesMode::Batched,
            _ => OutcomesMode::Off,
        };
        settings.outcomes.unconfirmed_max = place(pick(chance, &[1, 4, 50]));
        settings.outcomes.backlog_bytes_max = pick(chance, &[4 << 10, 64 << 10, 64 << 20]);
        let prefetch = pick(chance, &[1, 2, 10, 100]);
        settings.broker.prefetch = u16::try_from(prefetch).unwrap_or(1);
        let guarded = chance.once_in(2);
        for book in settings.books.iter_mut().filter(|_| guarded) {
            book.reference.push(("users".to_owned(), users()));
            let policy = ("approval_policy".to_owned(), approve::strict());
            book.reference.push(policy);
        }
        let tight_bytes_max = pick(chance, &[2 << 10, 64 << 10]);
        let mut books = vec![("main", "EUR")];
        books.extend(two_books.then_some(("side", "USD")));
        Self {
            books,
            settings,
            kinds: kinds(chance),
            guarded,
            archives: chance.once_in(2),
            messages: place(chance.between(10, 60)),
            poison: if chance.once_in(4) {
                chance.between(1, 3)
            } else {
                0
            },
            prefetch: place(prefetch),
            slots: place(pick(chance, &[1, 4, 100])),
            delivery_limit: pick(chance, &[3, 20, 20, 1_000]),
            tight_bytes: chance.between(1, tight_bytes_max),
        }
    }

    /// A disk of the daemon's machine, with an archive beside it or not.
    pub fn disk(&self, chance: &mut Chance) -> SimulatedDisk {
        let disk = SimulatedDisk::new(chance.number());
        if self.archives {
            return disk.with_archive(SimulatedDisk::new(chance.number()));
        }
        disk
    }

    /// The broker that fits.
    pub fn broker(&self) -> broker::Terms {
        broker::Terms {
            jobs: "kontor.jobs".to_owned(),
            prefetch: self.prefetch,
            delivery_limit: self.delivery_limit,
            window: self.settings.outcomes.unconfirmed_max,
        }
    }

    /// The books as the configuration begins them.
    pub fn model(&self) -> impl Iterator<Item = Book> {
        let books = self.books.iter();
        books.map(|(name, unit)| begun(name, unit, self.guarded))
    }
}

/// Every family of kinds is sent or not, by chance: what is there has more room then. Accounts and
/// entries are always there.
fn kinds(chance: &mut Chance) -> Vec<&'static Kind> {
    let mut families = BTreeMap::new();
    let mut is_sent = |kind: &&Kind| match kind.family() {
        "account" | "entry" => true,
        family => *families.entry(family).or_insert_with(|| !chance.once_in(4)),
    };
    KINDS.iter().filter(|kind| is_sent(kind)).collect()
}

fn pick(chance: &mut Chance, numbers: &[u64]) -> u64 {
    chance.pick(numbers).copied().unwrap_or_default()
}

fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The accounts of a book before its first job: name, class, unit, opening in minor units, and
/// whether it may not go below zero.
type Row = (String, &'static str, &'static str, i128, bool);

fn accounts(unit: &'static str) -> Vec<Row> {
    let row = |name: &str, class, opening| (name.to_owned(), class, unit, opening, false);
    let mut rows = vec![
        row("bank/main", "asset", 10_000_000),
        row("equity/capital", "equity", 10_000_000),
        row("rev/sales", "income", 0),
        row("tax/vat_out", "liability", 0),
        row("exp/bad_debt", "expense", 0),
        row("suspense/unallocated", "liability", 0),
    ];
    for customer in CUSTOMERS {
        rows.push(row(&format!("ar/{customer}"), "asset", 0));
        rows.push((format!("credit/{customer}"), "liability", unit, 0, true));
    }
    rows.push(("secu/depository".to_owned(), "asset", "SHR", 900, false));
    rows.push(row("cash/nostro", "asset", 60_000));
    for party in PARTIES {
        rows.push((format!("secu/{party}"), "liability", "SHR", 300, true));
        rows.push((format!("cash/{party}"), "liability", unit, 20_000, true));
    }
    rows
}

/// Users as a configuration lists them.
fn users() -> Value {
    let users = approve::USERS.iter();
    users
        .map(|(user, roles)| ((*user).to_owned(), json!(roles)))
        .collect()
}

fn begun(name: &'static str, unit: &'static str, guarded: bool) -> Book {
    let account = |(name, class, unit, opening, above_zero): Row| {
        let debit_side = matches!(class, "asset" | "expense");
        let (debits, credits) = if debit_side {
            (opening, 0)
        } else {
            (0, opening)
        };
        let account = Account {
            unit,
            decimals: if unit == "SHR" { 0 } else { 2 },
            debit_side,
            debits,
            credits,
            min: above_zero.then_some(0),
            ..Account::default()
        };
        (name, account)
    };
    let mut book = Book {
        name,
        unit,
        place: if name == "main" {
            Place::Berlin
        } else {
            Place::Greenwich
        },
        accounts: accounts(unit).into_iter().map(account).collect(),
        ..Book::default()
    };
    if guarded {
        let always = String::new;
        for (user, roles) in approve::USERS {
            policies::set(&mut book.users, user, always(), json!(roles));
            book.versions.insert(format!("user {user}"), 1);
        }
        let policy = "approval_policy";
        policies::set(&mut book.policies, policy, always(), approve::strict());
        book.versions.insert(format!("policy {policy}"), 1);
    }
    book
}

/// The configuration that all runs begin with.
pub fn settings() -> Result<Settings, SettingsFault> {
    let mut text = String::from("[broker]\ntrusted_front_ends = []\n");
    for (name, unit, zone) in [("main", "EUR", "Europe/Berlin"), ("side", "USD", "UTC")] {
        text.push_str(&format!(
            "[[book]]\nname = \"{name}\"\nfunctional_unit = \"{unit}\"\ntime_zone = \"{zone}\"\n\
             taxes = {{ S19 = {{ category = \"S\", rate = \"19\" }}, S7 = {{ category = \"S\", \
             rate = \"7\" }}, Z0 = {{ category = \"Z\", rate = \"0\" }} }}\n[book.accounts]\n"
        ));
        for (account, class, unit, opening, above_zero) in accounts(unit) {
            let decimals = if unit == "SHR" { 0 } else { 2 };
            let opening = super::model::print(opening, decimals);
            let zero = super::model::print(0, decimals);
            let min = if above_zero {
                format!(", min_available = \"{zero}\"")
            } else {
                String::new()
            };
            text.push_str(&format!(
                "\"{account}\" = {{ class = \"{class}\", unit = \"{unit}\", \
                 opening = \"{opening}\"{min} }}\n"
            ));
        }
    }
    Settings::parse(Path::new("kontor.toml"), &text)
}
