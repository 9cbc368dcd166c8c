//! The journal in a directory of this machine.

use super::{COMMIT, Kept, append, frame, read, read_to};
use crate::journal::file::disk::OsDisk;
use crate::journal::file::{
    Evidence, Fault, FileJournal, FrameHead, Frontier, KIND_SEAL, Options, Reader, Space, Until,
    known,
};

const OPTIONS: Options = Options {
    segment_bytes: 64 << 10,
};

fn open(directory: &tempfile::TempDir) -> (FileJournal<OsDisk>, OsDisk) {
    let disk = OsDisk::new(directory.path());
    let (journal, _) = FileJournal::open(disk.clone(), OPTIONS, Evidence::default()).unwrap();
    (journal, disk)
}

fn fill(journal: &mut FileJournal<OsDisk>, frames: u64) -> Vec<Kept> {
    (0..frames)
        .map(|tag| {
            let kept = frame(journal, 3, tag, 5_000);
            append(journal, &kept).unwrap();
            kept
        })
        .collect()
}

#[test]
fn frames_come_back_in_order_over_segments_and_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, disk) = open(&directory);
    let mut kept = fill(&mut journal, 30);
    let frontier = journal.flush().unwrap();
    assert_eq!(read_to(&disk, frontier).unwrap(), kept);
    assert!(
        journal.size_bytes() > OPTIONS.segment_bytes,
        "several segments"
    );
    drop(journal);

    let (mut journal, recovered) =
        FileJournal::open(disk.clone(), OPTIONS, Evidence::from(frontier)).unwrap();
    assert_eq!(recovered.frontier, frontier);
    assert_eq!((recovered.cut, recovered.created), (None, false));
    kept.extend(fill(&mut journal, 30));
    let frontier = journal.flush().unwrap();
    assert_eq!(read_to(&disk, frontier).unwrap(), kept);
    assert_eq!(Frontier::read(&disk).unwrap(), Some(frontier));
    assert_eq!(frontier.position, 180);
}

#[test]
fn a_reader_begins_at_the_frame_that_holds_a_position() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, disk) = open(&directory);
    let kept = fill(&mut journal, 40);
    let frontier = journal.flush().unwrap();
    for position in 1..=120 {
        let until = Until::Frontier(frontier);
        let mut reader = Reader::from_position(disk.clone(), position, until).unwrap();
        let found = reader.next().unwrap().unwrap();
        let wanted = kept
            .iter()
            .find(|kept| position < kept.head.first_position + u64::from(kept.head.count))
            .unwrap();
        assert_eq!(
            (found.head, found.payload),
            (wanted.head, wanted.payload.as_slice())
        );
    }
    let mut behind = Reader::from_position(disk, 121, Until::Frontier(frontier)).unwrap();
    assert_eq!(behind.next().unwrap(), None);
}

#[test]
fn a_reader_stops_at_the_frontier_and_goes_on_when_it_moves() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, disk) = open(&directory);
    fill(&mut journal, 1);
    let first = journal.flush().unwrap();
    let mut reader = Reader::from_position(disk, 1, Until::Frontier(first)).unwrap();
    assert!(reader.next().unwrap().is_some());
    for _ in 0..40 {
        let kept = fill(&mut journal, 1);
        assert_eq!(
            reader.next().unwrap(),
            None,
            "what is not flushed is not read"
        );
        let frontier = journal.flush().unwrap();
        assert_eq!(reader.next().unwrap(), None);
        reader.read_until(Until::Frontier(frontier));
        assert_eq!(reader.next().unwrap().unwrap().payload, kept[0].payload);
        assert_eq!(reader.frontier(), frontier);
        assert_eq!(reader.next().unwrap(), None);
    }
}

#[test]
fn a_reader_to_the_end_follows_a_writer() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, disk) = open(&directory);
    let mut reader = Reader::from_position(disk, 1, Until::End).unwrap();
    assert_eq!(reader.next().unwrap(), None);
    for _ in 0..40 {
        let kept = fill(&mut journal, 2);
        journal.flush().unwrap();
        assert_eq!(reader.next().unwrap().unwrap().payload, kept[0].payload);
        assert_eq!(reader.next().unwrap().unwrap().payload, kept[1].payload);
        assert_eq!(reader.next().unwrap(), None);
    }
}

#[test]
fn a_reader_goes_on_after_a_restart_has_replaced_the_segment() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, disk) = open(&directory);
    fill(&mut journal, 1);
    let frontier = journal.flush().unwrap();
    let mut reader = Reader::from_position(disk.clone(), 1, Until::Frontier(frontier)).unwrap();
    assert!(reader.next().unwrap().is_some());
    drop(journal);
    let (mut journal, _) = open(&directory);
    let kept = fill(&mut journal, 1);
    reader.read_until(Until::Frontier(journal.flush().unwrap()));
    assert_eq!(reader.next().unwrap().unwrap().payload, kept[0].payload);
}

#[test]
fn a_second_process_is_refused_and_told_who_has_the_lock() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, disk) = open(&directory);
    let refused = FileJournal::open(disk.clone(), OPTIONS, Evidence::default()).unwrap_err();
    let Fault::Locked {
        holder,
        directory: named,
    } = &refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(*named, directory.path().display().to_string());
    assert!(
        holder.starts_with(&format!("process {} on ", std::process::id())),
        "{holder}"
    );
    drop(journal);
    FileJournal::open(disk, OPTIONS, Evidence::default()).unwrap();
}

#[test]
fn a_group_gets_one_seal() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, disk) = open(&directory);
    assert_eq!(
        journal.seal().unwrap().frame,
        0,
        "an empty journal needs none"
    );
    let kept = fill(&mut journal, 2);
    let sealed = journal.seal().unwrap();
    assert_eq!((sealed.frame, sealed.group, sealed.position), (3, 3, 6));
    assert_eq!(journal.seal().unwrap(), sealed);
    drop(journal);
    let (mut journal, _) = open(&directory);
    assert_eq!(journal.seal().unwrap(), sealed, "also after a restart");
    assert_eq!(
        read(&disk, Until::End).unwrap(),
        kept,
        "seals are not the caller's"
    );
}

#[test]
fn wrong_calls_are_refused_without_effect() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, disk) = open(&directory);
    let head = FrameHead {
        kind: COMMIT,
        first_position: 1,
        count: 1,
    };
    let seal = FrameHead {
        kind: KIND_SEAL,
        ..head
    };
    let later = FrameHead {
        first_position: 2,
        ..head
    };
    let large = vec![0; crate::journal::file::PAYLOAD_BYTES_MAX + 1];
    for (head, payload, wanted) in [
        (
            seal,
            &[][..],
            "frame kind 255 belongs to the journal itself",
        ),
        (
            later,
            &[],
            "the next position is 1, the frame given begins at 2",
        ),
        (
            head,
            &large,
            "a payload of 67108865 bytes exceeds the 67108864 bytes",
        ),
    ] {
        let fault = journal.append(head, payload).unwrap_err();
        assert!(fault.to_string().starts_with(wanted), "{fault}");
        assert!(fault.is_recoverable());
    }
    journal.append(head, b"right").unwrap();
    let frontier = journal.flush().unwrap();
    assert_eq!(frontier.frame, 1);
    assert_eq!(read_to(&disk, frontier).unwrap()[0].payload, b"right");
    let small = Options {
        segment_bytes: 4095,
    };
    drop(journal);
    let fault = FileJournal::open(disk, small, Evidence::default()).unwrap_err();
    assert!(matches!(fault, Fault::SegmentSize { bytes: 4095, .. }));
}

#[test]
fn a_frame_larger_than_a_segment_gets_a_segment_of_its_size() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, disk) = open(&directory);
    let mut kept = fill(&mut journal, 1);
    let large = frame(&journal, 1, 9, 10 << 20);
    append(&mut journal, &large).unwrap();
    kept.push(large);
    kept.extend(fill(&mut journal, 1));
    let frontier = journal.flush().unwrap();
    assert_eq!(frontier.end.segment, 3);
    assert_eq!(read_to(&disk, frontier).unwrap(), kept);
    drop(journal);
    let (journal, _) = open(&directory);
    assert_eq!(journal.frontier(), frontier);
}

#[test]
fn the_next_segment_is_made_on_the_side() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(&directory);
    while journal.space().unwrap() == Space::Preparing {
        std::thread::yield_now();
    }
    assert_eq!(journal.space().unwrap(), Space::Ready);
    assert!(journal.free_bytes().unwrap() > journal.room_bytes());
}

#[test]
fn reading_an_empty_directory_says_that_there_is_no_journal() {
    let directory = tempfile::tempdir().unwrap();
    let disk = OsDisk::new(directory.path());
    let fault = Reader::from_position(disk, 1, Until::End).unwrap_err();
    assert!(matches!(fault, Fault::JournalMissing { .. }));
}

#[test]
fn readers_beside_a_writer_see_whole_frames_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, disk) = open(&directory);
    let total = 600;
    std::thread::scope(|scope| {
        for to_the_end in [true, false] {
            let disk = disk.clone();
            scope.spawn(move || {
                let mut reader = Reader::from_position(disk.clone(), 1, Until::End).unwrap();
                let mut next = 1;
                while next <= total {
                    if !to_the_end && let Some(frontier) = Frontier::read(&disk).unwrap() {
                        reader.read_until(Until::Frontier(frontier));
                    }
                    while let Some(frame) = reader.next().unwrap() {
                        assert_eq!(frame.head.first_position, next);
                        next += u64::from(frame.head.count);
                    }
                }
            });
        }
        while journal.next_position() <= total {
            fill(&mut journal, 2);
            journal.flush().unwrap();
        }
    });
}

#[test]
fn a_journal_can_move_to_the_thread_that_writes_it() {
    fn can_move<T: Send + 'static>() {}
    can_move::<FileJournal<OsDisk>>();
    can_move::<Reader<OsDisk>>();
    can_move::<Fault>();
}

#[test]
fn without_the_hint_a_reader_goes_no_further_than_the_journal_proves() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, disk) = open(&directory);
    let hint = directory.path().join("frontier");
    let mut synced = Vec::new();
    for tag in 0..40 {
        let kept = frame(&journal, 2, tag, 5_000);
        append(&mut journal, &kept).unwrap();
        let last = journal.flush().unwrap();
        assert_eq!(known(&disk).unwrap(), last, "the writer has said so");
        // The hint is gone: the last group may be on its way, the ones before are not.
        let told = std::fs::read(&hint).unwrap();
        std::fs::write(&hint, [0; 64]).unwrap();
        let before = synced.last().copied().unwrap_or_default();
        assert_eq!(known(&disk).unwrap().frame, before);
        synced.push(last.frame);
        std::fs::write(&hint, told).unwrap();
        if tag % 7 == 0 {
            journal.seal().unwrap();
            std::fs::write(&hint, [0; 64]).unwrap();
            assert_eq!(known(&disk).unwrap().frame, last.frame);
            synced.push(last.frame + 1);
        }
    }
    assert!(read_to(&disk, known(&disk).unwrap()).unwrap().len() >= 39);
}
