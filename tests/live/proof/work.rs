//! The work of the proof: jobs in all three forms, some sent twice, some without cover, some
//! unreadable; the same for the same seed.

use std::collections::{BTreeMap, BTreeSet};

use kontor::broker::{Properties, Publish, Topology};
use kontor::jobs::entry;
use kontor::simulator::Chance;
use kontor::wire::client::{BinaryEnvelope, CONTENT_TYPE, JobsMessage};
use kontor::wire::{tree, typed};
use serde_json::Value;

use crate::support::client::{account, entry as entry_job};

/// Wallets with a lower limit of zero; account 0 is the bank, which has none.
pub(crate) const WALLETS: u64 = 20;
/// Code of `entry.post`.
const ENTRY_POST: u16 = 201;

/// An entry of two legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) debit: usize,
    pub(crate) credit: usize,
    pub(crate) cents: i64,
}

/// Everything that will be sent.
pub(crate) struct Work {
    pub(crate) messages: Vec<Publish>,
    /// Every key with what it moves.
    pub(crate) moves: BTreeMap<String, Move>,
    /// Keys that are in more than one message.
    pub(crate) repeated: BTreeSet<String>,
    /// Lines that cannot be read.
    pub(crate) unreadable: BTreeSet<String>,
}

/// How the jobs are spread over messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix {
    pub(crate) jobs: usize,
    /// All forms, with repetitions and unreadable lines; else one job a message, each once.
    pub(crate) mixed: bool,
}

pub(crate) fn account_name(number: usize) -> String {
    match number {
        0 => "bank/main".to_owned(),
        wallet => format!("wallet/{wallet}"),
    }
}

/// Opens all accounts.
pub(crate) fn openings() -> Vec<Value> {
    let wallets = (1..=WALLETS).map(|number| {
        let name = account_name(usize::try_from(number).expect("small"));
        account(&name, "liability", Some("0.00"))
    });
    [account("bank/main", "asset", None)]
        .into_iter()
        .chain(wallets)
        .collect()
}

impl Work {
    pub(crate) fn new(prefix: &str, mix: Mix, chance: &mut Chance) -> Self {
        let mut work = Self {
            messages: Vec::new(),
            moves: BTreeMap::new(),
            repeated: BTreeSet::new(),
            unreadable: BTreeSet::new(),
        };
        while work.moves.len() < mix.jobs {
            let form = if mix.mixed { chance.up_to(99) } else { 0 };
            let (properties, body) = match form {
                0..95 => work.single(mix, chance),
                95..98 => work.lines(mix, chance),
                _ => work.binary(mix, chance),
            };
            work.messages.push(Publish {
                token: u64::try_from(work.messages.len()).expect("a count"),
                exchange: Topology::jobs_exchange(prefix),
                routing_key: "main".to_owned(),
                mandatory: true,
                properties,
                body,
                after_losses: None,
            });
        }
        work
    }

    fn single(&mut self, mix: Mix, chance: &mut Chance) -> (Properties, Vec<u8>) {
        let (key, job) = self.job(mix, chance);
        let mut properties = properties("application/json");
        if chance.once_in(2) {
            properties.message_id = Some(key);
            properties.kind = Some("entry.post".to_owned());
        }
        (properties, job.to_string().into_bytes())
    }

    fn lines(&mut self, mix: Mix, chance: &mut Chance) -> (Properties, Vec<u8>) {
        let mut text = String::new();
        let count = 20 + chance.up_to(60);
        let bad = chance.once_in(6).then(|| chance.up_to(count - 1));
        for line in 0..count {
            if bad == Some(line) {
                let unreadable = format!("{{\"key\":\"bad-{}\",", self.unreadable.len());
                text.push_str(&unreadable);
                text.push('\n');
                self.unreadable.insert(unreadable);
            }
            text.push_str(&self.job(mix, chance).1.to_string());
            text.push('\n');
        }
        (properties("application/x-ndjson"), text.into_bytes())
    }

    fn binary(&mut self, mix: Mix, chance: &mut Chance) -> (Properties, Vec<u8>) {
        let mut message = JobsMessage::new();
        for _ in 0..50 + chance.up_to(100) {
            let (key, job) = self.job(mix, chance);
            let text = job.to_string();
            let tree = tree::read(text.as_bytes()).expect("JSON");
            let data: entry::Post =
                typed::read(tree.root().get("data").expect("data")).expect("an entry");
            let envelope = BinaryEnvelope {
                key: key.into(),
                ..BinaryEnvelope::default()
            };
            message
                .push(ENTRY_POST, 1, &envelope, &data)
                .expect("an item");
        }
        (properties(CONTENT_TYPE), message.finish())
    }

    /// A new job, or now and then an old one again.
    fn job(&mut self, mix: Mix, chance: &mut Chance) -> (String, Value) {
        let known = u64::try_from(self.moves.len()).expect("a count");
        if mix.mixed && known > 0 && chance.once_in(20) {
            let key = key_of(chance.up_to(known - 1));
            self.repeated.insert(key.clone());
            let again = self.moves[&key];
            return (key.clone(), again.job(&key));
        }
        let key = key_of(known);
        let new = Move::any(chance);
        self.moves.insert(key.clone(), new);
        (key.clone(), new.job(&key))
    }
}

fn key_of(number: u64) -> String {
    format!("move-{number:07}")
}

fn properties(content_type: &str) -> Properties {
    Properties {
        content_type: Some(content_type.to_owned()),
        delivery_mode: Some(2),
        ..Properties::default()
    }
}

impl Move {
    /// A payment in, a payment out, or a transfer, often above what is there.
    fn any(chance: &mut Chance) -> Self {
        let wallet = 1 + chance.up_to(WALLETS - 1);
        let other = 1 + (wallet + chance.up_to(WALLETS - 2)) % WALLETS;
        let (debit, credit) = match chance.up_to(99) {
            0..20 => (0, wallet),
            20..55 => (wallet, 0),
            _ => (wallet, other),
        };
        let place = |number| usize::try_from(number).expect("small");
        Self {
            debit: place(debit),
            credit: place(credit),
            cents: 1 + i64::try_from(chance.up_to(99_999)).expect("small"),
        }
    }

    fn job(self, key: &str) -> Value {
        let (debit, credit) = (account_name(self.debit), account_name(self.credit));
        entry_job(key, &debit, &credit, &super::model::money(self.cents))
    }
}
