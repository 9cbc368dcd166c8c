//! The load of the benchmarks: two-leg entries between many accounts, each job with a key of its
//! own.

use std::fmt::Write as _;

use crate::engine::{Engine, Secrets};
use crate::ids::{BookIndex, UnitIndex};
use crate::jobs::entry;
use crate::ledger::commit::SetupRecord;
use crate::ledger::effect::{AccountChange, AccountOpened};
use crate::ledger::plan::NaturalKeys;
use crate::ledger::reference::PanPolicy;
use crate::ledger::{AccountClass, Commit, Effect, Inconsistent};
use crate::simulator::Chance;
use crate::time::Timestamp;
use crate::wire::client::{BinaryEnvelope, JobsMessage};
use crate::wire::message::{BookRules, JobReader, read_binary};
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
        let (debit, credit, minor) = self.next();
        let (whole, part) = (minor.div_euclid(100), minor % 100);
        let number = self.number;
        // Writing to a string cannot fail.
        let _infallible = write!(
            out,
            "{{\"key\":\"bench-{number:012}\",\"kind\":\"entry.post\",\"book\":\"{BOOK}\",\
             \"data\":{{\"legs\":[{{\"dr\":\"wallet/{debit}\",\"amount\":\"{whole}.{part:02}\"}},\
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
            let data: entry::Post = typed::read(tree.root().get("data")?).ok()?;
            let envelope = BinaryEnvelope {
                key: tree.root().get("key")?.text()?.to_owned().into(),
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

/// Messages made once and given again and again, each time with fresh keys: so that a run of
/// millions of jobs neither holds them all in memory nor pays for their making.
#[derive(Debug)]
pub struct Stock {
    messages: Vec<Message>,
    turn: usize,
    number: u64,
}

#[derive(Debug)]
struct Message {
    body: Vec<u8>,
    /// Where the digits of the keys stand, in order.
    digits: Vec<usize>,
}

impl Stock {
    /// A stock of these messages, which [`Load`] made.
    pub fn new(bodies: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let messages = bodies
            .into_iter()
            .map(|body| {
                let digits = body
                    .windows(KEY_PREFIX.len())
                    .enumerate()
                    .filter(|(_, window)| *window == KEY_PREFIX)
                    .map(|(at, _)| at.saturating_add(KEY_PREFIX.len()))
                    .collect();
                Message { body, digits }
            })
            .collect();
        Self {
            messages,
            turn: 0,
            number: 0,
        }
    }

    /// The same stock with keys from a number on.
    pub fn starting_at(mut self, number: u64) -> Self {
        self.number = number;
        self
    }

    /// The next message; none if the stock is empty.
    pub fn message(&mut self) -> Option<Vec<u8>> {
        let message = self.messages.get(self.turn)?;
        let mut body = message.body.clone();
        for at in &message.digits {
            self.number = self.number.saturating_add(1);
            write_digits(
                self.number,
                body.get_mut(*at..at.saturating_add(KEY_DIGITS))?,
            );
        }
        self.turn = self.turn.saturating_add(1) % self.messages.len();
        Some(body)
    }
}

fn write_digits(number: u64, into: &mut [u8]) {
    let mut rest = number;
    for place in into.iter_mut().rev() {
        let digit = u8::try_from(rest % 10).unwrap_or_default();
        *place = b'0'.saturating_add(digit);
        rest = rest.div_euclid(10);
    }
}

/// Every key of the load begins so and goes on with digits.
const KEY_PREFIX: &[u8] = b"bench-";
/// Digits of a key.
const KEY_DIGITS: usize = 12;
/// Code of `entry.post`.
const ENTRY_POST: u16 = 201;

/// An engine with one book of so many accounts in EUR, none of them limited, and the commit that
/// made it so.
pub fn engine(accounts: u32) -> Result<(Engine, Commit), Inconsistent> {
    let secrets = Secrets {
        natural: NaturalKeys(SECRET),
        keys: SECRET,
        seed: 7,
    };
    let mut engine = Engine::new(secrets, read_binary);
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
    Ok((engine, commit))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::decode::{ContentType, Item, decode};
    use crate::wire::message::Head;
    use std::collections::BTreeSet;

    #[test]
    fn every_job_of_a_stock_has_a_key_of_its_own() {
        let mut load = Load::new(10, 1);
        let mut stock = Stock::new([load.lines(3), load.lines(2)]);
        let mut keys = BTreeSet::new();
        for _ in 0..4 {
            let mut items = Vec::new();
            let body = stock.message().unwrap();
            let head = Head::default();
            let ndjson = Ok(ContentType::Ndjson);
            decode(&mut reader(), ndjson, &head, &body, usize::MAX, &mut items);
            for item in items {
                let Item::Job { job, .. } = item else {
                    panic!("the load makes jobs only");
                };
                assert!(keys.insert(job.job.envelope.key.to_string()));
            }
        }
        assert_eq!(keys.len(), 10);
        assert!(keys.contains("bench-000000000010"));
    }

    #[test]
    fn binary_jobs_say_the_same_as_lines() {
        let (mut text, mut binary) = (Load::new(10, 1), Load::new(10, 1));
        let prints = |content_type, body: &[u8]| {
            let (mut items, head) = (Vec::new(), Head::default());
            decode(
                &mut reader(),
                Ok(content_type),
                &head,
                body,
                usize::MAX,
                &mut items,
            );
            let print = |item| match item {
                Item::Job { job, .. } => job.job.envelope.fingerprint,
                Item::Dead(part) => panic!("{part:?}"),
            };
            items.into_iter().map(print).collect::<Vec<_>>()
        };
        let lines = prints(ContentType::Ndjson, &text.lines(5));
        assert_eq!(lines.len(), 5);
        assert_eq!(
            lines,
            prints(ContentType::Binary, &binary.binary(5).unwrap())
        );
    }
}
