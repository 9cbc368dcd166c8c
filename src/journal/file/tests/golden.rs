//! Bytes of a released format are bytes for ever: what is here was written by version 1.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use super::{COMMIT, read};
use crate::journal::file::disk::OsDisk;
use crate::journal::file::{Evidence, FileJournal, FrameHead, Frontier, Options, Until};
use crate::simulator::disk::SimulatedDisk;

const OPTIONS: Options = Options {
    segment_bytes: 4096,
};

/// Two groups and a seal, over three segments.
fn write() -> (SimulatedDisk, Frontier) {
    let disk = SimulatedDisk::new(1);
    let (mut journal, _) = FileJournal::open(disk.clone(), OPTIONS, Evidence::default()).unwrap();
    let mut append = |kind, count, payload: &[u8]| {
        let head = FrameHead {
            kind,
            first_position: journal.next_position(),
            count,
        };
        journal.append(head, payload).unwrap();
    };
    append(COMMIT, 2, b"two records");
    append(7, 0, b"");
    append(COMMIT, 1, &[0xa5; 3_700]);
    journal.flush().unwrap();
    let head = FrameHead {
        kind: COMMIT,
        first_position: 4,
        count: 1_000,
    };
    journal
        .append(head, b"a thousand records in the second segment")
        .unwrap();
    let frontier = journal.seal().unwrap();
    (disk, frontier)
}

/// Bytes as lines of sixteen, with their offset; lines of zeros and repeated lines are left out.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut before: &[u8] = &[0; 16];
    for (line, row) in bytes.chunks(16).enumerate() {
        if row != before {
            write!(text, "{:06x} ", line * 16).unwrap();
            for byte in row {
                write!(text, " {byte:02x}").unwrap();
            }
            text.push('\n');
        }
        before = row;
    }
    text
}

/// The bytes that such lines stand for.
fn unhex(text: &str, length: usize) -> Vec<u8> {
    let mut rows: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    for line in text.lines() {
        let (offset, bytes) = line.split_once(' ').unwrap();
        let bytes = bytes
            .split_whitespace()
            .map(|byte| u8::from_str_radix(byte, 16).unwrap());
        rows.insert(usize::from_str_radix(offset, 16).unwrap(), bytes.collect());
    }
    let zeros = vec![0; 16];
    let row = |offset| {
        rows.range(..=offset)
            .next_back()
            .map_or(&zeros, |(_, row)| row)
    };
    (0..length)
        .step_by(16)
        .flat_map(|offset| row(offset).clone())
        .collect()
}

const FILES: [(&str, usize); 4] = [
    ("segment-0000000001", 4096),
    ("segment-0000000002", 4096),
    ("segment-0000000003", 4096),
    ("frontier", 64),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/journal-v1")
}

#[test]
fn the_bytes_of_version_1_do_not_change() {
    let (disk, _) = write();
    let mut differing = Vec::new();
    for (name, _) in FILES {
        let bytes = hex(&disk.bytes(name).unwrap());
        let golden = fs::read_to_string(folder().join(format!("{name}.hex")));
        if golden.unwrap_or_default() != bytes {
            fs::write(folder().join(format!("{name}.hex.new")), bytes).unwrap();
            differing.push(name);
        }
    }
    assert!(
        differing.is_empty(),
        "compare with the .hex.new of {differing:?}"
    );
}

#[test]
fn a_journal_of_version_1_can_be_read_and_continued() {
    let directory = tempfile::tempdir().unwrap();
    for (name, length) in FILES {
        let golden = fs::read_to_string(folder().join(format!("{name}.hex"))).unwrap();
        fs::write(directory.path().join(name), unhex(&golden, length)).unwrap();
    }
    let (written, frontier) = write();
    let disk = OsDisk::new(directory.path());
    assert_eq!(Frontier::read(&disk).unwrap(), Some(frontier));
    let frames = read(&disk, Until::Frontier(frontier)).unwrap();
    assert_eq!(frames, read(&written, Until::Frontier(frontier)).unwrap());
    assert_eq!(frames.len(), 4);
    let (mut journal, recovered) =
        FileJournal::open(disk.clone(), OPTIONS, Evidence::default()).unwrap();
    assert_eq!(recovered.frontier, frontier);
    let head = FrameHead {
        kind: COMMIT,
        first_position: 1_004,
        count: 1,
    };
    journal.append(head, b"by a later release").unwrap();
    let frontier = journal.flush().unwrap();
    assert_eq!(read(&disk, Until::Frontier(frontier)).unwrap().len(), 5);
}
