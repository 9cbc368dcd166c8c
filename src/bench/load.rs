//! The load of the benchmarks: two-leg entries between many accounts, each job with a key of its own.

use std::fmt::Write as _;

use crate::engine::{Engine, Secrets};
use crate::ids::{BookIndex, UnitIndex};
use crate::jobs::entry;
use crate::ledger::commit::SetupRecord;
use crate::ledger::effect::{AccountChange, AccountOpened};
use crate::ledger::plan::NaturalKeys;
use crate::ledger::reference::PanPolicy;
use crate::ledger::{AccountClass, Effect, Inconsistent};
use crate::simulator::Chance;
use crate::time::Timestamp;
use crate::wire::client::{BinaryEnvelope, JobsMessage};
use crate::wire::message::{BookRules, JobReader};
use crate::wire::{tree, typed};

/// Name of the book that the benchmarks use.
pub const BOOK: &str = "main";
/// Keyed hashes of the benchmarks use this secret; nothing real is behind it.
pub const SECRET: [u8; 32] = [7; 32];

/// Makes jobs.
#[derive(Debug)]
pub struct Load {
    accounts: u64,
    chance: Chance,
    number: u64,
}

impl Load {
    /// Entries between so many accounts, the same for the same seed.
    pub fn new(accounts: u32, seed: u64) -> Self {
        Self {
            accounts: u64::from(accounts.max(2)),
            chance: Chance::new(seed),
            number: 0,
        }
    }

    /// The next job as JSON.
    pub fn json(&mut self, out: &mut String) {
        let (debit, credit, cents) = self.next();
        let (whole, part) = (cents.div_euclid(100), cents % 100);
        let number = self.number;
        // Writing to a string cannot fail.
        let _infallible = write!(
            out,
            "{{\"key\":\"bench-{number:012}\",\"kind\":\"entry.post\",\"book\":\"{BOOK}\",\"data\":{{\"legs\":[\
             {{\"dr\":\"wallet/{debit}\",\"amount\":\"{whole}.{part:02}\"}},\
             {{\"cr\":\"wallet/{credit}\",\"amount\":\"{whole}.{part:02}\"}}]}}}}"
        );
    }

    /// A message of so many jobs, one a line.
    pub fn lines(&mut self, jobs: u32) -> Vec<u8> {
        let mut text = String::new();
        for _ in 0..jobs {
            self.json(&mut text);
            text.push('\n');
        }
        text.into_bytes()
    }

    /// A message of so many jobs in binary form; none if the form cannot hold them.
    pub fn binary(&mut self, jobs: u32) -> Option<Vec<u8>> {
        let mut message = JobsMessage::new();
        let mut text = String::new();
        for _ in 0..jobs {
            text.clear();
            self.json(&mut text);
            let tree = tree::read(text.as_bytes()).ok()?;
            let data: entry::Post = typed::read(tree.get("data")?).ok()?;
            let envelope = BinaryEnvelope {
                key: tree.get("key")?.text()?.to_owned().into(),
                book: Some(BOOK.to_owned()),
                ..BinaryEnvelope::default()
            };
            message.push(ENTRY_POST, 1, &envelope, &data).ok()?;
        }
        Some(message.finish())
    }

    fn next(&mut self) -> (u64, u64, u64) {
        self.number = self.number.saturating_add(1);
        let debit = self.chance.up_to(self.accounts.saturating_sub(1));
        let step = 1 + self.chance.up_to(self.accounts.saturating_sub(2));
        let credit = (debit + step) % self.accounts;
        (debit, credit, 1 + self.chance.up_to(99_999))
    }
}

/// Code of `entry.post`.
const ENTRY_POST: u16 = 201;

/// An engine with one book of so many accounts in EUR, none of them limited.
pub fn engine(accounts: u32) -> Result<Engine, Inconsistent> {
    let secrets = Secrets {
        natural: NaturalKeys(SECRET),
        seed: 7,
    };
    let mut engine = Engine::new(secrets);
    let mut commit = engine.begin(Timestamp(1_767_225_600_000_000_000));
    commit.effects.push(Effect::Unit {
        code: "EUR".into(),
        decimals: 2,
        until: None,
    });
    commit.effects.extend((0..accounts).map(|number| {
        Effect::AccountOpened(Box::new(AccountOpened {
            name: format!("wallet/{number}").into(),
            unit: UnitIndex(0),
            class: AccountClass::Liability,
            change: AccountChange::default(),
        }))
    }));
    let setup = SetupRecord {
        book: BookIndex(0),
        name: BOOK.into(),
        functional_unit: Some("EUR".into()),
        time_zone: "Europe/Berlin".into(),
        file_hash: [0; 32],
        effects: 0..u32::try_from(commit.effects.len()).unwrap_or(u32::MAX),
    };
    engine.set_up(setup, &mut commit)?;
    engine.finish(&mut commit);
    Ok(engine)
}

/// A reader of jobs for that book.
pub fn reader() -> JobReader {
    let rules = BookRules {
        name: BOOK.into(),
        index: BookIndex(0),
        pan_policy: PanPolicy::Reject,
    };
    JobReader::new(vec![rules], SECRET)
}
