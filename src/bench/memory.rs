//! Memory: what an account, a hold, a document and a remembered key take in this process.
//!
//! Resident memory before and after so many of them, divided by their number. Nothing is freed in
//! between: what an allocator keeps for later would make the next thing look cheaper. So what makes
//! the least rubbish comes first: keys, then accounts, then what jobs make.

use std::path::Path;
use std::time::Instant;

use super::books::{Opening, empty, reader_of};
use super::figure::{Figure, Target, Unit};
use super::rig::NoTexts;
use super::site::Site;
use super::{BenchFault, Measured, resident_bytes};
use crate::engine::keys::{KeyEntry, Keys};
use crate::engine::{Engine, Verdict};
use crate::ids::{Hash128, Position};
use crate::jobs::job::KnownKey;
use crate::partition::Opened;
use crate::pipeline::decode::{ContentType, Item, decode, seal};
use crate::pipeline::stations::StationFault;
use crate::simulator::Chance;
use crate::time::Timestamp;
use crate::wire::message::{Head, JobReader};

/// Jobs of a commit.
const BATCH: u64 = 1_000;
/// Targets in bytes.
const ACCOUNT_MAX: u64 = 160;
const HOLD_MAX: u64 = 160;
const KEY_MAX: u64 = 40;
/// What the books of documents have besides: a customer, and where invoices are booked.
const BOOK: &str = "\
[book.accounts.\"ar/cust-1\"]\nunit = \"EUR\"\nclass = \"asset\"\n\
[book.accounts.\"rev/sales_19\"]\nunit = \"EUR\"\nclass = \"income\"\n\
[book.accounts.\"tax/vat_19\"]\nunit = \"EUR\"\nclass = \"liability\"\n\
[book.accounts.\"wallet/1\"]\nunit = \"EUR\"\nclass = \"liability\"\n\
[book.taxes.DE19]\ncategory = \"S\"\nrate = \"19\"\n";

/// Measure so many accounts, and so many of each other thing.
pub fn measure(dir: &Path, accounts: u32, things: u64) -> Result<Measured, BenchFault> {
    let began = Instant::now();
    let (keys, _kept_keys) = keys(things);
    let (accounts_bytes, _kept_accounts) = account(accounts)?;
    let site = Site::begin(dir, BOOK)?;
    let Opened {
        engine,
        secrets,
        store: _held,
        ..
    } = site.open()?;
    let mut desk = Desk {
        engine,
        reader: reader_of(1, secrets.fingerprint),
        number: 0,
    };
    let holds = desk.bytes_of(things, &|number| {
        format!(
            "{{\"key\":\"hold-{number}\",\"kind\":\"hold.place\",\"book\":\"main\",\"data\":{{\
             \"debit\":\"bank/main\",\"credit\":\"wallet/1\",\"amount\":\"1.00\"}}}}\n"
        )
    })?;
    let documents = desk.bytes_of(things, &|number| {
        format!(
            "{{\"key\":\"invoice-{number}\",\"kind\":\"invoice.issue\",\"book\":\"main\",\"data\":\
             {{\"customer\":\"cust-1\",\"series\":\"RE\",\"currency\":\"EUR\",\"lines\":[{{\
             \"quantity\":\"1\",\"price\":\"100.00\",\"tax\":\"DE19\"}}]}}}}\n"
        )
    })?;
    let count = things.saturating_mul(3).saturating_add(accounts.into());
    let mut measured = Measured::new("memory", count, began.elapsed());
    let figure = |what, bytes| Figure::new(what, Unit::Bytes, vec![bytes]);
    measured.figures = vec![
        figure("resident per account, with its name", accounts_bytes)
            .aiming_at(Target::AtMost(ACCOUNT_MAX)),
        figure("resident per open hold", holds).aiming_at(Target::AtMost(HOLD_MAX)),
        figure("resident per open document", documents),
        figure("resident per recent key", keys).aiming_at(Target::AtMost(KEY_MAX)),
    ];
    measured.note("accounts", accounts);
    measured.note("of each other thing", things);
    Ok(measured)
}

/// Makes things by jobs.
struct Desk {
    engine: Engine,
    reader: JobReader,
    number: u64,
}

impl Desk {
    /// Resident bytes of each of so many things, without the keys of the jobs that made them.
    fn bytes_of(&mut self, things: u64, job: &dyn Fn(u64) -> String) -> Result<u64, BenchFault> {
        // The first ones make room for batches.
        self.make(BATCH, job)?;
        let before = (resident_bytes(), self.engine.keys().bytes());
        self.make(things, job)?;
        let grown = resident_bytes().saturating_sub(before.0);
        let keys = self.engine.keys().bytes().saturating_sub(before.1);
        let grown = grown.saturating_sub(u64::try_from(keys).unwrap_or_default());
        Ok(grown.div_euclid(things.max(1)))
    }

    fn make(&mut self, things: u64, job: &dyn Fn(u64) -> String) -> Result<(), BenchFault> {
        let mut made = 0;
        let mut items = Vec::new();
        while made < things {
            let batch = BATCH.min(things.saturating_sub(made));
            let lines: String = (0..batch)
                .map(|at| job(self.number.saturating_add(at)))
                .collect();
            self.number = self.number.saturating_add(batch);
            made = made.saturating_add(batch);
            decode(
                &mut self.reader,
                Ok(ContentType::Ndjson),
                &Head::default(),
                lines.as_bytes(),
                usize::MAX,
                &mut items,
            );
            seal(items.iter_mut(), &mut NoTexts).map_err(StationFault::from)?;
            self.post(items.drain(..))?;
        }
        Ok(())
    }

    fn post(&mut self, items: impl Iterator<Item = Item>) -> Result<(), BenchFault> {
        let now = self.engine.last_recorded_at();
        let mut commit = self.engine.begin(Timestamp(now.0.saturating_add(1)));
        for item in items {
            let Item::Job { job, .. } = item else {
                return Err(BenchFault::Load);
            };
            let Verdict::Recorded(_) = self.engine.apply(job.job, &mut commit)? else {
                return Err(BenchFault::Load);
            };
        }
        self.engine.finish(&mut commit);
        let mut jobs = commit.records.iter().filter_map(|record| record.as_job());
        if jobs.any(|job| job.outcome.rejection.is_some()) {
            return Err(BenchFault::Load);
        }
        Ok(())
    }
}

fn account(accounts: u32) -> Result<(u64, Engine), BenchFault> {
    let mut engine = empty();
    let before = resident_bytes();
    Opening::one_book(accounts).open(&mut engine, &mut |_commit| Ok(()))?;
    let grown = resident_bytes().saturating_sub(before);
    Ok((grown.div_euclid(u64::from(accounts.max(1))), engine))
}

fn keys(count: u64) -> (u64, Keys) {
    let mut chance = Chance::new(1);
    let mut keys = Keys::default();
    let before = resident_bytes();
    for position in 1..=count {
        keys.insert(KeyEntry {
            key: Hash128(u128::from(chance.number()) << 64 | u128::from(chance.number())),
            known: KnownKey {
                fingerprint: chance.number(),
                position: Position(position),
            },
        });
    }
    let grown = resident_bytes().saturating_sub(before);
    (grown.div_euclid(count.max(1)), keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is resident falls when other tests free theirs, so only the making is held here: a
    /// thing that is refused is a fault.
    #[test]
    fn every_thing_is_made_and_has_its_target() {
        let dir = tempfile::tempdir().unwrap();
        let measured = measure(dir.path(), 5_000, 1_500).unwrap();
        assert_eq!(measured.count, 5_000 + 3 * 1_500);
        let targets = measured.figures.iter().map(|figure| figure.target);
        let (at_most, none) = (|bytes| Some(Target::AtMost(bytes)), None);
        let wanted = [at_most(160), at_most(160), none, at_most(40)];
        assert_eq!(targets.collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn a_job_that_is_refused_is_a_fault() {
        let mut desk = Desk {
            engine: empty(),
            reader: reader_of(1, [7; 32]),
            number: 0,
        };
        let one = Opening::one_book(2);
        one.open(&mut desk.engine, &mut |_commit| Ok(())).unwrap();
        let job = |number| {
            format!(
                "{{\"key\":\"k-{number}\",\"kind\":\"hold.place\",\"data\":{{\"debit\":\"none\",\
                 \"credit\":\"wallet/1\",\"amount\":\"1.00\"}},\"book\":\"main\"}}\n"
            )
        };
        let refused = desk.make(1, &job);
        assert!(matches!(refused, Err(BenchFault::Load)), "{refused:?}");
    }
}
