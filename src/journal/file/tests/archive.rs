//! Old segments on their way to the archive, and readers that go on whatever ends that on its way.

use std::sync::atomic::AtomicBool;

use super::{Kept, append, frame, read, read_to};
use crate::journal::file::{
    Evidence, Fault, FileJournal, Frontier, Location, Lookup, Moved, Options, Reader, Until,
    archive, begins_with, check_archive, has_archived, oldest_segment,
};
use crate::simulator::disk::{Accident, SimulatedDisk};

const OPTIONS: Options = Options {
    segment_bytes: 4096,
};
const SEGMENT_1: &str = "segment-0000000001";

/// A journal of many segments beside an empty archive, and what is in it.
struct Site {
    disk: SimulatedDisk,
    kept: Vec<Kept>,
    places: Vec<Location>,
    frontier: Frontier,
}

fn site(seed: u64) -> Site {
    let archive = SimulatedDisk::new(seed + 100);
    let disk = SimulatedDisk::new(seed).with_archive(archive);
    let (mut journal, _) = FileJournal::open(disk.clone(), OPTIONS, Evidence::default()).unwrap();
    let (mut kept, mut places) = (Vec::new(), Vec::new());
    for tag in 0..30 {
        let next = frame(&journal, 1, tag, 900);
        places.push(append(&mut journal, &next).unwrap());
        kept.push(next);
        journal.flush().unwrap();
    }
    let frontier = journal.seal().unwrap();
    drop(journal);
    Site {
        disk: disk.kill(),
        kept,
        places,
        frontier,
    }
}

fn moved(disk: &SimulatedDisk, position: u64) -> Result<Moved, Fault> {
    archive(disk, position, &AtomicBool::new(false))
}

fn segments(disk: &SimulatedDisk) -> Vec<String> {
    let names = disk.names().into_iter();
    names.filter(|name| name.starts_with("segment-")).collect()
}

/// The archive of a disk, as it is now.
fn archive_of(disk: &SimulatedDisk) -> SimulatedDisk {
    use crate::journal::file::disk::Disk as _;
    disk.archive().unwrap()
}

#[test]
fn old_segments_move_and_every_reader_goes_on() {
    let Site {
        disk,
        kept,
        places,
        frontier,
        ..
    } = site(1);
    assert_eq!(moved(&disk, 1).unwrap(), Moved::default());
    assert!(!has_archived(&disk).unwrap());
    let found = moved(&disk, 20).unwrap();
    assert!(
        found.segments > 3 && found.bytes == found.segments * 4096,
        "{found:?}"
    );
    let (here, there) = (segments(&disk), segments(&archive_of(&disk)));
    assert!(!here.contains(&SEGMENT_1.to_owned()) && there.contains(&SEGMENT_1.to_owned()));
    assert!(
        here.iter().all(|name| !there.contains(name)),
        "{here:?} {there:?}"
    );
    assert!(has_archived(&disk).unwrap());

    assert_eq!(read_to(&disk, frontier).unwrap(), kept);
    assert_eq!(read(&disk, Until::End).unwrap(), kept);
    let mut lookup = Lookup::new(disk.clone());
    for (kept, place) in kept.iter().zip(&places).rev() {
        assert_eq!(lookup.read_at(*place).unwrap().payload, kept.payload);
    }
    for position in 1..=30 {
        let until = Until::Frontier(frontier);
        let mut reader = Reader::from_position(disk.clone(), position, until).unwrap();
        assert_eq!(
            reader.next().unwrap().unwrap().head.first_position,
            position
        );
    }
    assert_eq!(oldest_segment(&disk).unwrap(), Some(1));
    assert!(begins_with(&disk, frontier, frontier).unwrap());
    // The writer goes on, and there is nothing more to move.
    let (mut journal, recovered) =
        FileJournal::open(disk.clone(), OPTIONS, frontier.into()).unwrap();
    assert_eq!(recovered.frontier.position, 30);
    let next = frame(&journal, 1, 99, 900);
    append(&mut journal, &next).unwrap();
    journal.flush().unwrap();
    assert_eq!(moved(&disk, 20).unwrap(), Moved::default());
    assert_eq!(read(&disk, Until::End).unwrap().len(), 31);
}

#[test]
fn a_missing_archive_says_what_to_do_and_the_end_can_be_read_without_it() {
    let Site { disk, frontier, .. } = site(2);
    moved(&disk, 20).unwrap();
    let archive = archive_of(&disk);
    let lost = disk.fork(7).with_archive(SimulatedDisk::new(8));
    let until = Until::Frontier(frontier);
    for fault in [
        check_archive(&lost).unwrap_err(),
        read_to(&lost, frontier).unwrap_err(),
        oldest_segment(&lost).unwrap_err(),
        moved(&lost, 25).unwrap_err(),
    ] {
        assert!(matches!(fault, Fault::ArchiveMissing { .. }), "{fault:?}");
        assert!(fault.to_string().contains("journal.archive_dir"), "{fault}");
    }
    let mut reader = Reader::from_position(lost, 25, until).unwrap();
    assert_eq!(reader.next().unwrap().unwrap().head.first_position, 25);
    // One of them is gone.
    archive.lose("segment-0000000002");
    let fault = check_archive(&disk).unwrap_err();
    assert!(
        matches!(fault, Fault::ArchiveMissing { segment: 2, .. }),
        "{fault:?}"
    );
}

#[test]
fn an_accident_at_any_call_leaves_each_segment_somewhere() {
    let accidents = [
        Accident::PowerCut,
        Accident::Kill,
        Accident::Error,
        Accident::ShortWrite,
        Accident::NoSpace,
    ];
    for (seed, accident) in (0..).zip(accidents) {
        for in_archive in [false, true] {
            for call in 1.. {
                let site = site(seed);
                let disk = &site.disk;
                let failing = if in_archive {
                    archive_of(disk)
                } else {
                    disk.clone()
                };
                failing.plan([(call, accident)]);
                let ended = moved(disk, 20);
                if failing.calls() < call {
                    ended.unwrap();
                    assert!(call > 8, "only {call} calls");
                    break;
                }
                let disk = if accident == Accident::PowerCut {
                    disk.restart()
                } else {
                    disk.kill()
                };
                let wanted = (accident, in_archive, call);
                assert_eq!(
                    read_to(&disk, site.frontier).unwrap(),
                    site.kept,
                    "{wanted:?}"
                );
                moved(&disk, 20).unwrap();
                assert_eq!(
                    read_to(&disk, site.frontier).unwrap(),
                    site.kept,
                    "{wanted:?}"
                );
                let (here, there) = (segments(&disk), segments(&archive_of(&disk)));
                assert!(here.iter().all(|name| !there.contains(name)), "{wanted:?}");
            }
        }
    }
}

#[test]
fn what_is_damaged_stays_and_is_named() {
    let Site { disk, .. } = site(3);
    assert!(disk.flip("segment-0000000002", 700, 4));
    let fault = moved(&disk, 20).unwrap_err();
    assert!(matches!(&fault, Fault::Damaged(_)), "{fault:?}");
    assert!(fault.to_string().contains("segment-0000000002"), "{fault}");
    let here = segments(&disk);
    assert!(here.contains(&"segment-0000000002".to_owned()) && !here.contains(&SEGMENT_1.into()));
}

#[test]
fn a_flipped_bit_in_the_archive_is_found_by_reading() {
    let Site { disk, frontier, .. } = site(4);
    moved(&disk, 20).unwrap();
    assert!(archive_of(&disk).flip(SEGMENT_1, 700, 4));
    let fault = read_to(&disk, frontier).unwrap_err();
    assert!(matches!(&fault, Fault::Damaged(_)), "{fault:?}");
}

#[test]
fn an_archive_of_another_history_is_left_alone() {
    let (ours, other) = (site(5), site(6));
    moved(&other.disk, 20).unwrap();
    let disk = ours.disk.with_archive(archive_of(&other.disk));
    let fault = moved(&disk, 20).unwrap_err();
    assert!(matches!(fault, Fault::ArchiveForeign { .. }), "{fault:?}");
    assert_eq!(read_to(&disk, ours.frontier).unwrap(), ours.kept);
    assert!(segments(&disk).contains(&SEGMENT_1.to_owned()));
}
