use std::time::Duration;

use super::*;
use crate::ids::{AccountIndex, BookIndex, EntryNo};
use crate::journal::file::{Evidence, Options};
use crate::journal::testing::entry_commit;
use crate::ledger::Leg;
use crate::simulator::disk::{Accident, SimulatedDisk};
use crate::time::Date;

/// Small segments, so that a few commits fill several.
const OPTIONS: Options = Options {
    segment_bytes: 16 << 10,
};

fn store(disk: &SimulatedDisk) -> Store<SimulatedDisk> {
    let (file, _) = FileJournal::open(disk.clone(), OPTIONS, Evidence::default()).unwrap();
    Store::new(file, disk.clone(), Waypoints::default(), 0)
}

fn filled(disk: &SimulatedDisk, commits: u64) -> Store<SimulatedDisk> {
    let mut store = store(disk);
    for number in 1..=commits {
        store.append(&entry_commit(number, number)).unwrap();
        if number % 7 == 0 {
            store.flush().unwrap();
        }
        if number % 31 == 0 {
            store.rest().unwrap();
        }
    }
    store.flush().unwrap();
    store
}

#[test]
fn commits_come_back_in_order() {
    let disk = SimulatedDisk::new(1);
    let store = filled(&disk, 200);
    let mut commits = store.history().commits_from(Position(1)).unwrap();
    for number in 1..=200 {
        let found = commits.next().unwrap().unwrap();
        assert_eq!(found.commit, entry_commit(number, number));
    }
    assert_eq!(commits.next().unwrap(), None);
}

#[test]
fn every_position_and_every_entry_is_found() {
    let disk = SimulatedDisk::new(1);
    let history = filled(&disk, 200).history();
    for number in (1..=200).rev() {
        let commit = history.commit_at(Position(number)).unwrap().unwrap();
        assert_eq!(*commit, entry_commit(number, number));
        let entry = history
            .entry(BookIndex(0), EntryNo(number))
            .unwrap()
            .unwrap();
        let amount = i64::try_from(number).unwrap();
        assert_eq!(entry.post.number, EntryNo(number));
        assert_eq!(
            entry.legs,
            [
                Leg::debit(AccountIndex(0), amount),
                Leg::credit(AccountIndex(1), amount)
            ]
        );
    }
    assert_eq!(history.commit_at(Position(201)).unwrap(), None);
    assert_eq!(history.entry(BookIndex(0), EntryNo(201)).unwrap(), None);
    assert_eq!(history.entry(BookIndex(1), EntryNo(1)).unwrap(), None);
}

#[test]
fn the_movements_of_an_account_are_summed_by_value_date() {
    let disk = SimulatedDisk::new(1);
    let history = filled(&disk, 200).history();
    let moved = |book: u16, account: u32, until: u64| {
        let until = Position(until);
        let list = history.movements(BookIndex(book), AccountIndex(account), until);
        list.unwrap()
    };
    let day = Date::from_days(20_000);
    // 1 + 2 + … + 150.
    assert_eq!(moved(0, 0, 150), [(day, 11_325)]);
    assert_eq!(moved(0, 1, 200), [(day, -20_100)]);
    assert_eq!((moved(0, 2, 200), moved(1, 0, 200)), (vec![], vec![]));
}

#[test]
fn what_is_not_durable_is_not_there() {
    let disk = SimulatedDisk::new(1);
    let mut store = filled(&disk, 3);
    store.append(&entry_commit(4, 4)).unwrap();
    let history = store.history();
    assert_eq!(history.commit_at(Position(4)).unwrap(), None);
    assert_eq!(history.entry(BookIndex(0), EntryNo(4)).unwrap(), None);
    store.flush().unwrap();
    assert!(history.commit_at(Position(4)).unwrap().is_some());
}

#[test]
fn a_reader_waits_until_the_writer_has_synced_or_is_gone() {
    let disk = SimulatedDisk::new(1);
    let mut store = filled(&disk, 3);
    store.append(&entry_commit(4, 4)).unwrap();
    let history = store.history();
    std::thread::scope(|threads| {
        let waits = threads.spawn(|| history.wait_for(Position(4)));
        std::thread::sleep(Duration::from_millis(20));
        store.flush().unwrap();
        assert!(waits.join().unwrap());
        let waits = threads.spawn(|| history.wait_for(Position(5)));
        drop(store);
        assert!(!waits.join().unwrap());
    });
}

#[test]
fn after_a_failed_sync_nothing_is_taken_any_more() {
    let disk = SimulatedDisk::new(1);
    let mut store = filled(&disk, 3);
    store.append(&entry_commit(4, 4)).unwrap();
    // The write of the group, then its sync.
    disk.plan([(2, Accident::Error)]);
    assert!(matches!(store.flush(), Err(JournalFault::Io(_))));
    assert!(store.append(&entry_commit(5, 5)).is_err());
    assert!(store.flush().is_err());
    // While intake is held nobody appends: whoever looks for room must hear of it.
    assert!(store.room().is_err());
    assert_eq!(store.history().durable().position, 3);
}

#[test]
fn a_full_disk_says_so_before_a_write_breaks() {
    let disk = SimulatedDisk::new(1);
    let mut store = store(&disk);
    assert_eq!(store.room(), Ok(Room::Enough));
    disk.set_capacity(40 << 10);
    let mut number = 0;
    while store.room() == Ok(Room::Enough) {
        number += 1;
        assert!(number < 1_000, "the disk never fills");
        store.append(&entry_commit(number, number)).unwrap();
        store.flush().unwrap();
    }
    disk.set_capacity(80 << 10);
    assert_eq!(store.room(), Ok(Room::Enough));
    store.append(&entry_commit(number + 1, number + 1)).unwrap();
    store.flush().unwrap();
}

#[test]
fn too_little_free_space_is_named_with_its_setting() {
    let disk = SimulatedDisk::new(1);
    let (file, _) = FileJournal::open(disk.clone(), OPTIONS, Evidence::default()).unwrap();
    let mut store = Store::new(file, disk.clone(), Waypoints::default(), 1 << 30);
    disk.set_capacity(1 << 20);
    let Ok(Room::Exhausted { reason }) = store.room() else {
        panic!("there is not a GiB left")
    };
    assert!(reason.contains("journal.free_bytes_min"), "{reason}");
}
