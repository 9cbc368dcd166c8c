use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::simulator::Chance;
use crate::simulator::disk::{Accident, SimulatedDisk};

const ID: JournalId = JournalId([7; 16]);
static GO_ON: AtomicBool = AtomicBool::new(false);

fn rows(chance: &mut Chance, first: u64, count: u64) -> Vec<KeyRow> {
    let mut rows: Vec<KeyRow> = (first..first + count)
        .map(|position| KeyRow {
            key: Hash128(u128::from(chance.number()) << 64 | u128::from(chance.number())),
            fingerprint: chance.number(),
            position: Position(position),
        })
        .collect();
    rows.sort_unstable_by_key(|row| row.key);
    rows
}

/// As a snapshot does it: the files that stay, and one with the new keys and those merged.
fn add(disk: &SimulatedDisk, files: &mut Vec<KeyFile>, young: &[KeyRow], last: u64) {
    let at = first_to_merge(files, on_disk(young.len()));
    let merged = files.split_off(at);
    let first = merged.first().map_or_else(
        || files.last().map_or(Position(1), |file| file.last.next()),
        |file| file.first,
    );
    let source = Source {
        young,
        files: &merged,
    };
    files.push(write(disk, ID, (first, Position(last)), &source, &GO_ON).unwrap());
}

fn open(disk: &SimulatedDisk, files: &[KeyFile], through: u64) -> ColdKeys {
    ColdKeys::open(disk, ID, files, Position(through), &ColdKeys::default()).unwrap()
}

#[test]
fn every_key_is_found_and_no_other() {
    let mut chance = Chance::new(1);
    let disk = SimulatedDisk::new(1);
    let mut files = Vec::new();
    let mut model: BTreeMap<u128, KeyRow> = BTreeMap::new();
    let mut last = 0;
    for round in 0..40 {
        let young = rows(&mut chance, last + 1, 1 + chance_of(round));
        last += on_disk(young.len());
        model.extend(young.iter().map(|row| (row.key.0, *row)));
        add(&disk, &mut files, &young, last);
    }
    // Each is more than twice as large as the next.
    let counts: Vec<u64> = files.iter().map(|file| file.count).collect();
    assert!(
        counts.windows(2).all(|pair| pair[0] >= 2 * pair[1]),
        "{counts:?}"
    );
    assert!(files.len() <= 8 && files[0].first == Position(1));
    assert!(files.windows(2).all(|pair| pair[0].last < pair[1].first));
    let cold = open(&disk, &files, last);
    assert_eq!((cold.len(), cold.through()), (last, Position(last)));
    let mut page = Vec::new();
    for row in model.values() {
        assert_eq!(cold.find(row.key, &mut page).unwrap(), Some(*row));
        let other = Hash128(row.key.0 ^ 1 << 20);
        assert_eq!(cold.find(other, &mut page).unwrap(), None);
    }
    for file in &files {
        file.verify(&disk, ID).unwrap();
    }
    let each = cold.bytes() / model.len();
    assert!(each <= 3, "{each} bytes in memory a key");
}

fn chance_of(round: u64) -> u64 {
    (round * 7_919) % 997
}

#[test]
fn keys_that_share_their_first_half_are_told_apart() {
    let disk = SimulatedDisk::new(1);
    // Over three blocks, with others before and behind.
    let young: Vec<KeyRow> = (0..600_u64)
        .map(|number| KeyRow {
            key: Hash128(u128::from(100 + number / 400) << 64 | u128::from(number) << 20),
            fingerprint: number,
            position: Position(number + 1),
        })
        .collect();
    let mut files = Vec::new();
    add(&disk, &mut files, &young, 600);
    let cold = open(&disk, &files, 600);
    let mut page = Vec::new();
    for row in &young {
        assert_eq!(cold.find(row.key, &mut page).unwrap(), Some(*row));
        let other = Hash128(row.key.0 + 1);
        assert_eq!(cold.find(other, &mut page).unwrap(), None);
    }
}

#[test]
fn files_that_are_open_are_taken_over() {
    let mut chance = Chance::new(2);
    let disk = SimulatedDisk::new(2);
    let mut files = Vec::new();
    add(&disk, &mut files, &rows(&mut chance, 1, 1_000), 1_000);
    let cold = open(&disk, &files, 1_000);
    add(&disk, &mut files, &rows(&mut chance, 1_001, 10), 1_010);
    assert_eq!(files.len(), 2);
    disk.spoil(&files[0].name());
    let later = ColdKeys::open(&disk, ID, &files, Position(1_010), &cold).unwrap();
    assert_eq!(later.files(), 2);
}

#[test]
fn a_flipped_bit_is_found_when_it_matters() {
    let mut chance = Chance::new(3);
    let disk = SimulatedDisk::new(3);
    let young = rows(&mut chance, 1, 1_000);
    let mut files = Vec::new();
    add(&disk, &mut files, &young, 1_000);
    let name = files[0].name();
    let length = on_disk(disk.bytes(&name).unwrap().len());
    assert_eq!(length, Lengths::of(1_000).whole());
    let mut page = Vec::new();
    for _ in 0..400 {
        let offset = chance.up_to(length - 1);
        assert!(disk.flip(&name, offset, 1 << chance.up_to(7)));
        let hurt = files[0].verify(&disk, ID);
        // The zeros between the header and its page's end say nothing, but are part of the file.
        assert!(hurt.is_err(), "byte {offset}");
        match ColdKeys::open(&disk, ID, &files, Position(1_000), &ColdKeys::default()) {
            Ok(cold) => {
                for row in &young {
                    match cold.find(row.key, &mut page) {
                        Ok(found) => assert_eq!(found, Some(*row), "byte {offset}"),
                        Err(fault) => {
                            assert!(matches!(fault, SnapshotFault::Damaged { .. }), "{fault}");
                        }
                    }
                }
            }
            Err(fault) => assert!(matches!(fault, SnapshotFault::Damaged { .. }), "{fault}"),
        }
        // Flipped back by writing the file again.
        disk.remove(&name).unwrap();
        files.clear();
        add(&disk, &mut files, &young, 1_000);
    }
}

#[test]
fn another_file_of_the_same_name_is_not_taken() {
    let mut chance = Chance::new(4);
    let disk = SimulatedDisk::new(4);
    let mut files = Vec::new();
    add(&disk, &mut files, &rows(&mut chance, 1, 100), 100);
    let named = files[0];
    let mut other = Vec::new();
    add(&disk, &mut other, &rows(&mut chance, 1, 100), 100);
    assert_eq!(named.name(), other[0].name());
    assert!(named.verify(&disk, ID).is_err());
    let shorter = KeyFile { count: 99, ..named };
    assert!(shorter.check(&disk, ID).is_err());
    assert!(other[0].check(&disk, JournalId([8; 16])).is_err());
    other[0].check(&disk, ID).unwrap();
}

#[test]
fn a_power_cut_while_writing_leaves_the_old_files_and_no_half_one() {
    let young = rows(&mut Chance::new(5), 1, 500);
    let more = rows(&mut Chance::new(6), 501, 400);
    let calls = {
        let disk = SimulatedDisk::new(5);
        let mut files = Vec::new();
        add(&disk, &mut files, &young, 500);
        disk.plan([]);
        add(&disk, &mut files, &more, 900);
        disk.calls()
    };
    for call in 1..=calls {
        let disk = SimulatedDisk::new(call);
        let mut files = Vec::new();
        add(&disk, &mut files, &young, 500);
        disk.plan([(call, Accident::PowerCut)]);
        let source = Source {
            young: &more,
            files: &files,
        };
        let range = (Position(1), Position(900));
        write(&disk, ID, range, &source, &GO_ON).unwrap_err();
        let disk = disk.restart();
        files[0].verify(&disk, ID).unwrap();
        let named = list(&disk).unwrap();
        if named.contains(&range) {
            let lengths = Lengths::of(900).whole();
            let found = disk.bytes(&file_name(range.0, range.1)).unwrap();
            assert_eq!(on_disk(found.len()), lengths, "call {call}");
        }
    }
}

#[test]
fn a_stop_gives_the_work_up() {
    let disk = SimulatedDisk::new(7);
    let young = rows(&mut Chance::new(7), 1, 500);
    let source = Source {
        young: &young,
        files: &[],
    };
    let stop = AtomicBool::new(true);
    let given_up = write(&disk, ID, (Position(1), Position(500)), &source, &stop);
    assert_eq!(given_up, Err(SnapshotFault::GivenUp));
    assert!(list(&disk).unwrap().is_empty());
}
