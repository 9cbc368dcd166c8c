//! `checks`: whether the journal verifies and whether balances are as they opened.
//!
//! The chain is checked where it is made: the commits are appended to a real file journal on a
//! simulated disk, and a reader goes through all of it, as `kontor journal verify` does.

use serde_json::{Map, Value as Json, json};

use super::past::Past;
use super::run::RehearsalFault;
use crate::ids::BookIndex;
use crate::journal::file::{Evidence, Fault, FileJournal, FrameHead, Options, Reader, Until};
use crate::journal::record;
use crate::ledger::{Book, Commit, Side};
use crate::simulator::disk::SimulatedDisk;

/// Kind of the frames that hold commits.
const FRAME_KIND: u8 = 1;
/// A case is small, and so is its segment.
const SEGMENT_BYTES: u64 = 4 << 20;

/// The checks that a case names, as they are.
pub(super) fn checks(
    named: &Json,
    commits: &[Commit],
    book: &Book,
    index: BookIndex,
) -> Result<Json, RehearsalFault> {
    let mut made = Map::new();
    for name in named.as_object().into_iter().flat_map(Map::keys) {
        let value = match name.as_str() {
            "hash_chain" => json!(chain(commits)?),
            "balances_unchanged" => json!(is_as_opened(commits, book, index)),
            _ => Json::Null,
        };
        made.insert(name.clone(), value);
    }
    Ok(Json::Object(made))
}

fn chain(commits: &[Commit]) -> Result<&'static str, RehearsalFault> {
    let disk = SimulatedDisk::new(1);
    let options = Options {
        segment_bytes: SEGMENT_BYTES,
    };
    let (mut journal, _) = FileJournal::open(disk.clone(), options, Evidence::default())?;
    let mut written = Vec::new();
    for commit in commits {
        let mut bytes = Vec::new();
        record::encode(commit, &mut bytes)?;
        let head = FrameHead {
            kind: FRAME_KIND,
            first_position: commit.first.0,
            count: u32::try_from(commit.records.len()).unwrap_or(u32::MAX),
        };
        journal.append(head, &bytes)?;
        written.push(bytes);
    }
    let frontier = journal.flush()?;
    let mut reader = Reader::from_position(disk, 1, Until::Frontier(frontier))?;
    let mut wanted = written.iter();
    loop {
        match reader.next() {
            Ok(Some(frame)) if wanted.next().is_some_and(|bytes| bytes == frame.payload) => {}
            Ok(None) if wanted.next().is_none() => return Ok("valid"),
            Ok(_) | Err(Fault::Damaged(_)) => return Ok("broken"),
            Err(fault) => return Err(fault.into()),
        }
    }
}

/// Whether every account of a book stands where its opening put it.
fn is_as_opened(commits: &[Commit], book: &Book, index: BookIndex) -> bool {
    let opened = Past::of(commits, index).openings(book.accounts().len());
    let accounts = book.accounts().iter();
    let now = accounts.map(|(_, account)| account.counters().balance(Side::Debit));
    now.eq(opened)
}
