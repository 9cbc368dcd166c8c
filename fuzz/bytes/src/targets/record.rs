//! A commit as the payload of a frame.
//!
//! Frames have checksums and a chain of hashes, so such bytes come from our own writer. All the
//! same whatever reads them says no to what it cannot believe, and asks for no memory that a
//! length promises.

use kontor::engine::{Engine, Secrets};
use kontor::journal::record;
use kontor::ledger::plan::NaturalKeys;
use kontor::ledger::{Commit, NameTable, Record};
use kontor::wire::message::read_binary;
use kontor::wire::outcome;

pub(super) fn run(input: &[u8]) {
    let Ok(commit) = record::decode(input) else {
        return;
    };
    let mut bytes = Vec::new();
    let written = record::encode(&commit, &mut bytes);
    assert!(written.is_ok(), "{written:?}");
    assert_eq!(bytes, input, "two forms of one commit");
    assert_eq!(record::decode(&bytes).as_ref(), Ok(&commit));
    shown(&commit);
    replayed(&commit);
}

/// Its outcomes as they would be published.
fn shown(commit: &Commit) {
    let mut names = NameTable::default();
    names.learn(commit);
    for record in &commit.records {
        if let Record::Job(job) = record {
            let mut text = Vec::new();
            outcome::encode(job, commit, &names, &mut text);
            let json = serde_json::from_slice::<serde::de::IgnoredAny>(&text);
            assert!(json.is_ok(), "{json:?}: {}", String::from_utf8_lossy(&text));
        }
    }
}

/// It fits books that have not begun, or it is refused.
fn replayed(commit: &Commit) {
    let secrets = Secrets {
        natural: NaturalKeys([1; 32]),
        keys: [2; 32],
        seed: 3,
    };
    let mut engine = Engine::new(secrets, read_binary);
    let _may_not_fit = engine.replay(commit);
}
