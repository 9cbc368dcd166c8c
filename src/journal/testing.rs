//! Small commits for the tests of this folder.

use crate::ids::Sequence;
use crate::ids::{AccountIndex, BookIndex, EntryNo, Hash128, KindCode, Position, SchemaVersion};
use crate::ledger::effect::Nature;
use crate::ledger::{Commit, Effect, Envelope, JobRecord, Leg, Outcome, Post, Record, Status};
use crate::time::{Date, Timestamp};

/// A commit of one job that posted one entry of book 0 over accounts 0 and 1.
pub(super) fn entry_commit(position: u64, entry: u64) -> Commit {
    let mut outcome = Outcome::of(Status::Posted);
    outcome.entry_no = Some(EntryNo(entry));
    outcome.entries = 1;
    let post = Post {
        number: EntryNo(entry),
        booking_date: Date::from_days(20_000),
        value_date: Date::from_days(20_000),
        legs: 0..2,
        reverses: None,
        owned: false,
        opening: false,
        nature: Nature::Plain,
        document_ref: None,
    };
    let amount = i64::try_from(entry).unwrap();
    Commit {
        recorded_at: Timestamp(i64::try_from(position).unwrap()),
        first: Position(position),
        records: vec![Record::Job(job(position, entry, outcome))],
        effects: vec![Effect::Post(post)],
        legs: vec![
            Leg::debit(AccountIndex(0), amount),
            Leg::credit(AccountIndex(1), amount),
        ],
        ..Commit::default()
    }
}

fn job(position: u64, sequence: u64, outcome: Outcome) -> JobRecord {
    JobRecord {
        book: BookIndex(0),
        sequence: Sequence(sequence),
        owns_key: true,
        envelope: Envelope {
            key: format!("job-{position}").into(),
            kind: KindCode(201),
            schema_version: SchemaVersion(1),
            fingerprint: Hash128(u128::from(position)),
            fingerprint_rule: 1,
            content: vec![0; 100],
            sealed: false,
            principal: None,
            actor: None,
            reply: None,
            traceparent: None,
            occurred_at: None,
        },
        unknown_kind: None,
        outcome,
        event: None,
        effects: 0..1,
        balances: 0..0,
    }
}
