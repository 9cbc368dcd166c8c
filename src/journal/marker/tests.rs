//! Tests of the marker on a simulated disk.

use super::*;
use crate::simulator::disk::{Accident, SimulatedDisk};

fn mark(message: u128, line: u32) -> Mark {
    let message = Hash128(message);
    Mark { message, line }
}

fn begin(disk: &SimulatedDisk) -> Markers {
    Markers::begin(disk).unwrap()
}

/// A run that tries one job and ends as told.
fn run(disk: &SimulatedDisk, tried: Mark, end: impl FnOnce(&mut Pen)) {
    let mut pen = begin(disk).pen(Station::Posting);
    pen.trying(tried).unwrap();
    end(&mut pen);
}

#[test]
fn what_panics_is_condemned_at_once_and_until_it_is_forgotten() {
    let disk = SimulatedDisk::new(1);
    run(&disk, mark(7, 3), |_| report_panic());
    for _ in 0..3 {
        assert_eq!(begin(&disk).condemned(), [mark(7, 3)]);
    }
    // Others come and go in the meantime.
    run(&disk, mark(8, 0), |pen| pen.done().unwrap());
    run(&disk, mark(9, 1), |pen| pen.fell().unwrap());
    assert_eq!(begin(&disk).condemned(), [mark(7, 3), mark(9, 1)]);
    forget(&disk).unwrap();
    forget(&disk).unwrap();
    assert!(begin(&disk).condemned().is_empty());
}

#[test]
fn what_ends_without_a_word_is_condemned_the_second_time() {
    let disk = SimulatedDisk::new(1);
    run(&disk, mark(7, 0), |_| {});
    assert!(begin(&disk).condemned().is_empty());
    // The run between was ended before the job came again.
    assert!(begin(&disk).condemned().is_empty());
    run(&disk, mark(7, 0), |_| {});
    assert_eq!(begin(&disk).condemned(), [mark(7, 0)]);
}

#[test]
fn jobs_that_come_by_turns_are_all_found() {
    let disk = SimulatedDisk::new(1);
    let turn = |disk: &SimulatedDisk| {
        for message in 1..=16 {
            run(disk, mark(message, 2), |_| {});
        }
    };
    turn(&disk);
    assert!(begin(&disk).condemned().is_empty());
    run(&disk, mark(9, 2), |pen| pen.done().unwrap());
    turn(&disk);
    // The last six; those before have been set aside in the meantime, but for the one that
    // was posted well.
    let last: Vec<Mark> = (11..=16).map(|message| mark(message, 2)).collect();
    assert_eq!(begin(&disk).condemned(), last);
    run(&disk, mark(9, 2), |_| {});
    assert_eq!(begin(&disk).condemned().last(), Some(&mark(9, 2)));
}

#[test]
fn what_was_read_well_keeps_its_strike_until_it_is_posted() {
    let disk = SimulatedDisk::new(1);
    run(&disk, mark(7, 0), |_| {});
    let markers = begin(&disk);
    let mut reading = markers.pen(Station::Reading);
    reading.trying(mark(7, 0)).unwrap();
    reading.done().unwrap();
    // Another job fells the process before this one is posted.
    run(&disk, mark(8, 0), |_| {});
    run(&disk, mark(7, 0), |_| {});
    assert_eq!(begin(&disk).condemned(), [mark(7, 0)]);
}

#[test]
fn what_is_left_for_a_moment_keeps_its_strike_and_gets_none() {
    let disk = SimulatedDisk::new(1);
    let again = |pen: &mut Pen| {
        pen.pause().unwrap();
        pen.trying(mark(7, 0)).unwrap();
    };
    run(&disk, mark(7, 0), again);
    // Ended while something else was done for it.
    for _ in 0..3 {
        run(&disk, mark(7, 0), |pen| pen.pause().unwrap());
        assert!(begin(&disk).condemned().is_empty());
    }
    run(&disk, mark(7, 0), again);
    assert_eq!(begin(&disk).condemned(), [mark(7, 0)]);
}

#[test]
fn what_was_tried_well_in_between_begins_anew() {
    let disk = SimulatedDisk::new(1);
    run(&disk, mark(7, 0), |_| {});
    run(&disk, mark(7, 0), |pen| {
        pen.done().unwrap();
        pen.trying(mark(7, 0)).unwrap();
    });
    assert!(begin(&disk).condemned().is_empty());
    run(&disk, mark(8, 0), |_| {});
    assert!(begin(&disk).condemned().is_empty());
}

#[test]
fn a_panic_elsewhere_condemns_nobody() {
    let disk = SimulatedDisk::new(1);
    run(&disk, mark(7, 0), |pen| {
        pen.done().unwrap();
        report_panic();
    });
    run(&disk, mark(8, 0), |_| {
        std::thread::spawn(report_panic).join().unwrap();
    });
    assert!(begin(&disk).condemned().is_empty());
}

#[test]
fn the_stations_do_not_write_over_each_other() {
    let disk = SimulatedDisk::new(1);
    let markers = begin(&disk);
    let mut reading = markers.pen(Station::Reading);
    let mut posting = markers.pen(Station::Posting);
    reading.trying(mark(1, 0)).unwrap();
    posting.trying(mark(2, 5)).unwrap();
    reading.fell().unwrap();
    posting.fell().unwrap();
    assert_eq!(begin(&disk).condemned(), [mark(1, 0), mark(2, 5)]);
}

#[test]
fn a_write_that_fails_blames_nobody() {
    for failing in [Accident::Error, Accident::ShortWrite, Accident::NoSpace] {
        let disk = SimulatedDisk::new(1);
        for _ in 0..3 {
            let mut pen = begin(&disk).pen(Station::Posting);
            pen.trying(mark(7, 0)).unwrap();
            disk.expect(1, failing);
            assert!(pen.done().is_err());
            let mut pen = begin(&disk).pen(Station::Reading);
            pen.trying(mark(7, 0)).unwrap();
            disk.expect(1, failing);
            assert!(pen.trying(mark(7, 1)).is_err());
        }
        assert!(begin(&disk).condemned().is_empty(), "{failing:?}");
    }
}

#[test]
fn a_disk_that_takes_nothing_more_blames_nobody() {
    let disk = SimulatedDisk::new(1);
    for _ in 0..4 {
        let mut pen = begin(&disk).pen(Station::Posting);
        pen.trying(mark(7, 0)).unwrap();
        disk.expect(1, Accident::NoSpace);
        disk.expect(2, Accident::ShortWrite);
        assert!(pen.done().is_err());
        assert_eq!(disk.bytes(FILE_NAME), None);
    }
    assert!(begin(&disk).condemned().is_empty());
}

#[test]
fn a_power_cut_blames_nobody() {
    for seed in 0..200 {
        let disk = SimulatedDisk::new(seed);
        let mut pen = begin(&disk).pen(Station::Reading);
        for message in 1..=3 {
            pen.trying(mark(message, 0)).unwrap();
            pen.done().unwrap();
        }
        pen.trying(mark(4, 0)).unwrap();
        assert!(begin(&disk.restart()).condemned().is_empty(), "{seed}");
    }
}

#[test]
fn power_cuts_in_a_row_blame_nobody() {
    for seed in 0..200 {
        let mut disk = SimulatedDisk::new(seed);
        for _ in 0..4 {
            let markers = begin(&disk);
            assert!(markers.condemned().is_empty(), "{seed}");
            let mut pen = markers.pen(Station::Posting);
            pen.trying(mark(7, 0)).unwrap();
            pen.done().unwrap();
            pen.trying(mark(8, 0)).unwrap();
            disk = disk.restart();
        }
    }
}

#[test]
fn a_kill_after_a_power_cut_is_the_first_strike() {
    for seed in 0..50 {
        let disk = SimulatedDisk::new(seed);
        // Killed, so that it has a strike, then tried well; the disk loses that.
        run(&disk, mark(7, 0), |_| {});
        run(&disk, mark(7, 0), |pen| pen.done().unwrap());
        let disk = disk.restart();
        run(&disk, mark(7, 0), |_| {});
        let disk = disk.kill();
        assert!(begin(&disk).condemned().is_empty(), "{seed}");
        run(&disk, mark(7, 0), |_| {});
        assert_eq!(begin(&disk.kill()).condemned(), [mark(7, 0)], "{seed}");
    }
}

#[test]
fn a_verdict_ends_with_the_boot_that_it_was_found_in() {
    for seed in 0..50 {
        let disk = SimulatedDisk::new(seed);
        run(&disk, mark(7, 3), |_| report_panic());
        assert_eq!(begin(&disk).condemned(), [mark(7, 3)]);
        // Removed, and nobody has synced that: the power brings it back.
        forget(&disk).unwrap();
        let disk = disk.restart();
        assert!(begin(&disk).condemned().is_empty(), "{seed}");
        // The job still fells the process: that is found again.
        run(&disk, mark(7, 3), |_| report_panic());
        assert_eq!(begin(&disk.kill()).condemned(), [mark(7, 3)], "{seed}");
    }
}

#[test]
fn a_slot_says_when_it_was_written_and_by_which_boot() {
    let slot = Slot {
        state: State::Trying,
        strikes: 1,
        mark: mark(0x0102_0304, 5),
    };
    let bytes = slot.bytes(Boot(0xb007));
    assert_eq!(bytes[..8], *b"KMRK\x01\x00\x01\x01");
    assert_eq!(bytes[28..44], 0xb007_u128.to_le_bytes());
    assert_eq!(bytes[44..60], [0; 16]);
    let whole: &[u8; SLOT_BYTES] = bytes.as_slice().try_into().unwrap();
    assert_eq!(Slot::parse(whole, Boot(0xb007)), Some(slot));
    assert_eq!(Slot::parse(whole, Boot(0xb008)), None);
}

#[test]
fn the_oldest_verdicts_give_way() {
    let disk = SimulatedDisk::new(1);
    for message in 1..=8 {
        run(&disk, mark(message, 0), |_| report_panic());
    }
    let last: Vec<Mark> = (3..=8).map(|message| mark(message, 0)).collect();
    assert_eq!(begin(&disk).condemned(), last);
}
