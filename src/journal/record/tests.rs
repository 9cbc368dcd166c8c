use super::*;
use crate::code::Code;
use crate::ids::{AccountIndex, Lineage, Position, UnitIndex};
use crate::ledger::commit::{CutRecord, LetterAct, LettersRecord};
use crate::ledger::effect::{AccountChange, AccountOpened};
use crate::ledger::{AccountClass, Effect, Leg, Record, Rejection, StateDigest, Value};
use crate::time::Timestamp;

fn letters(act: LetterAct) -> Record {
    Record::Letters(Box::new(LettersRecord {
        act,
        user: 1_000,
        operator: "alice".into(),
        letters: vec![("id".to_owned(), "UNKNOWN_KIND".to_owned())],
    }))
}

fn sample() -> Commit {
    Commit {
        recorded_at: Timestamp(1_767_225_600_000_000_001),
        lineage: Lineage(2),
        first: Position(7),
        records: vec![
            Record::Stop,
            Record::Cut(CutRecord {
                lineage: Lineage(2),
                kept: Position(6),
                known: Position(9),
                missing: 3,
            }),
            Record::Accepted {
                lineage: Lineage(2),
            },
            letters(LetterAct::Requeue),
            letters(LetterAct::Drop),
        ],
        effects: vec![Effect::AccountOpened(Box::new(AccountOpened {
            name: "bank/main".into(),
            unit: UnitIndex(0),
            class: AccountClass::Asset,
            change: AccountChange {
                min_available: Some(-5),
                ..AccountChange::default()
            },
        }))],
        legs: vec![Leg::debit(AccountIndex(1), 500)],
        balances: vec![(AccountIndex(1), -500)],
        digest: StateDigest(9),
    }
}

#[test]
fn a_commit_comes_back_as_it_was() {
    let mut bytes = Vec::new();
    encode(&sample(), &mut bytes).unwrap();
    assert_eq!(decode(&bytes), Ok(sample()));
}

#[test]
fn no_prefix_and_no_longer_form_is_a_commit() {
    let mut bytes = Vec::new();
    encode(&sample(), &mut bytes).unwrap();
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length]).is_err(), "{length} bytes");
    }
    bytes.push(0);
    assert!(decode(&bytes).is_err());
}

#[test]
fn a_later_version_is_named() {
    let fault = decode(&[2, 0, 1, 2, 3]).unwrap_err();
    assert_eq!(fault, RecordFault::Version(2));
}

#[test]
fn a_length_that_lies_asks_for_no_memory() {
    let mut bytes = RECORD_VERSION.to_le_bytes().to_vec();
    bytes.extend_from_slice(&[0; 16]);
    bytes.extend_from_slice(&u64::MAX.to_le_bytes());
    assert!(decode(&bytes).is_err());
}

#[test]
fn a_rejection_keeps_the_sentence_it_was_told_with() {
    use super::v1::testing::round_trip;
    let told = Rejection::new(Code::AmountZero)
        .at("/legs/0/amount")
        .with("n", Value::Int(1))
        .saying("As it was said then.".to_owned());
    assert_eq!(round_trip(&told), told);
}
