//! The real journal on a simulated disk that loses power at every call.

use super::{Kept, append, frame, read_to};
use crate::journal::file::{
    Evidence, Fault, FileJournal, Frontier, Lookup, Options, Recovered, Space,
};
use crate::simulator::Chance;
use crate::simulator::disk::{Accident, SimulatedDisk};

/// Small, so that a few frames roll it.
const OPTIONS: Options = Options {
    segment_bytes: 4096,
};

/// What must be in the journal, and what may be.
#[derive(Debug, Default)]
struct Model {
    /// Everything appended, in order.
    appended: Vec<Kept>,
    /// How many of these a flush has returned for.
    flushed: usize,
    frontier: Option<Frontier>,
    tag: u64,
}

impl Model {
    /// The evidence that other files could hold: what was flushed.
    fn evidence(&self) -> Evidence {
        self.frontier.map(Evidence::from).unwrap_or_default()
    }

    /// Appends groups of frames until the disk fails or all is done.
    fn live(
        &mut self,
        disk: &SimulatedDisk,
        groups: u64,
        chance: &mut Chance,
    ) -> Result<(), Fault> {
        let (mut journal, recovered) = FileJournal::open(disk.clone(), OPTIONS, self.evidence())?;
        self.check(disk, &recovered);
        for _ in 0..groups {
            for _ in 0..=chance.up_to(3) {
                self.tag += 1;
                let length = if chance.once_in(16) {
                    6_000
                } else {
                    chance.up_to(1_400)
                };
                let count = u32::try_from(chance.up_to(3)).unwrap();
                let kept = frame(&journal, count, self.tag, usize::try_from(length).unwrap());
                self.appended.push(kept.clone());
                append(&mut journal, &kept)?;
            }
            self.frontier = Some(journal.flush()?);
            self.flushed = self.appended.len();
            if chance.once_in(3) {
                self.frontier = Some(journal.seal()?);
            }
        }
        Ok(())
    }

    /// Compares what was recovered, and takes it for what was appended: the rest is gone.
    fn check(&mut self, disk: &SimulatedDisk, recovered: &Recovered) {
        let found = read_to(disk, recovered.frontier).expect("recovered frames can be read");
        assert!(
            found.len() >= self.flushed,
            "{} of {} flushed",
            found.len(),
            self.flushed
        );
        assert!(
            found.len() <= self.appended.len(),
            "frames that nobody appended"
        );
        assert_eq!(
            found,
            self.appended[..found.len()],
            "other frames than were appended"
        );
        let positions: u64 = found.iter().map(|kept| u64::from(kept.head.count)).sum();
        assert_eq!(recovered.frontier.position, positions);
        self.appended.truncate(found.len());
        self.flushed = found.len();
        self.frontier = Some(recovered.frontier);
    }
}

/// Lives on until the disk has not failed for one life; the power may go in every one before.
fn live_on(disk: &SimulatedDisk, model: &mut Model, chance: &mut Chance, cuts: u32) {
    let mut disk = disk.restart();
    for _ in 0..cuts {
        disk.plan([(1 + chance.up_to(60), Accident::PowerCut)]);
        let lived = model.live(&disk, 4, chance);
        assert!(lived.is_ok() || disk.is_down(), "{lived:?}");
        disk = disk.restart();
    }
    model.live(&disk, 4, chance).expect("a disk without faults");
    model
        .live(&disk.kill(), 0, chance)
        .expect("a restart without a power cut");
}

#[test]
fn a_power_cut_at_any_call_loses_nothing_flushed() {
    for seed in 0..6 {
        for call in 1.. {
            let disk = SimulatedDisk::new(seed);
            let mut chance = Chance::new(seed);
            let mut model = Model::default();
            disk.plan([(call, Accident::PowerCut)]);
            let lived = model.live(&disk, 8, &mut chance);
            if !disk.is_down() {
                lived.expect("a life without a power cut");
                assert!(call > 60, "the life had only {call} calls");
                break;
            }
            live_on(&disk, &mut model, &mut Chance::new(seed ^ (call << 8)), 3);
        }
    }
}

#[test]
fn a_failed_call_poisons_and_a_new_process_recovers() {
    for (seed, accident) in [
        (1, Accident::Error),
        (2, Accident::ShortWrite),
        (3, Accident::Error),
    ] {
        for call in 1.. {
            let disk = SimulatedDisk::new(seed);
            let mut chance = Chance::new(seed);
            let mut model = Model::default();
            disk.plan([(call, accident)]);
            let lived = model.live(&disk, 8, &mut chance);
            if disk.calls() < call {
                lived.expect("a life without a fault");
                break;
            }
            // A short write only exists for writes; other calls fail.
            lived.expect_err("a failed call is a fault");
            // The new process sees the page cache of the old one. It must not believe it: what it
            // vouches for has to survive a power cut that follows.
            let cached = disk.kill();
            let mut chance = Chance::new(seed ^ (call << 8));
            cached.plan([]);
            model
                .live(&cached, 2, &mut chance)
                .expect("the disk works again");
            live_on(&cached, &mut model, &mut chance, 1);
        }
    }
}

#[test]
fn a_poisoned_journal_gives_the_first_fault_for_ever() {
    let disk = SimulatedDisk::new(9);
    let (mut journal, _) = FileJournal::open(disk.clone(), OPTIONS, Evidence::default()).unwrap();
    let kept = frame(&journal, 1, 1, 100);
    append(&mut journal, &kept).unwrap();
    // The write succeeds, the sync fails, and the system would let a second sync succeed.
    disk.plan([(2, Accident::Error)]);
    let first = journal.flush().unwrap_err();
    assert!(
        matches!(first, Fault::Io { action: "sync", .. }),
        "{first:?}"
    );
    for _ in 0..3 {
        assert_eq!(journal.flush().unwrap_err().to_string(), first.to_string());
    }
    assert_eq!(
        append(&mut journal, &kept).unwrap_err().to_string(),
        first.to_string()
    );
    assert_eq!(journal.seal().unwrap_err().to_string(), first.to_string());
    assert_eq!(journal.space().unwrap_err().to_string(), first.to_string());
    assert_eq!(disk.calls(), 2, "nothing more reaches the disk");
    assert_eq!(
        journal.frontier().frame,
        0,
        "what was not synced is not durable"
    );
}

#[test]
fn a_full_disk_is_known_before_a_write_breaks() {
    let disk = SimulatedDisk::new(4);
    // Two segments, the spare among them, and the frontier; no third.
    disk.set_capacity(3 * 4096 - 1);
    let (mut journal, _) = FileJournal::open(disk.clone(), OPTIONS, Evidence::default()).unwrap();
    assert_eq!(journal.space().unwrap(), Space::Ready);
    let mut kept = Vec::new();
    let full = loop {
        let next = frame(&journal, 1, 1, 900);
        match append(&mut journal, &next) {
            Ok(_) => kept.push(next),
            Err(fault) => break fault,
        }
        journal.flush().unwrap();
        if journal.size_bytes() == 2 * 4096 {
            assert_eq!(journal.space().unwrap(), Space::Exhausted);
            assert!(
                journal.room_bytes() > 0,
                "there is still room for what is under way"
            );
        }
    };
    assert!(
        matches!(full, Fault::SpaceExhausted { bytes: 4096, .. }),
        "{full:?}"
    );
    assert!(full.is_recoverable());
    assert_eq!(journal.reserve().unwrap(), Space::Exhausted);
    disk.set_capacity(u64::MAX);
    assert_eq!(journal.reserve().unwrap(), Space::Ready);
    let next = frame(&journal, 1, 2, 900);
    append(&mut journal, &next).unwrap();
    kept.push(next);
    let frontier = journal.flush().unwrap();
    assert_eq!(read_to(&disk, frontier).unwrap(), kept);
}

#[test]
fn a_torn_group_keeps_its_whole_frames_and_is_reported() {
    let mut cuts = 0;
    for seed in 0..64 {
        let disk = SimulatedDisk::new(seed);
        let (mut journal, _) =
            FileJournal::open(disk.clone(), OPTIONS, Evidence::default()).unwrap();
        let kept: Vec<Kept> = (0..3)
            .map(|tag| {
                let kept = frame(&journal, 1, tag, 700);
                append(&mut journal, &kept).unwrap();
                kept
            })
            .collect();
        // Call 1 writes the group, call 2 syncs it.
        disk.plan([(2, Accident::PowerCut)]);
        journal.flush().unwrap_err();
        let disk = disk.restart();
        let (journal, recovered) =
            FileJournal::open(disk.clone(), OPTIONS, Evidence::default()).unwrap();
        let found = read_to(&disk, recovered.frontier).unwrap();
        assert_eq!(found, kept[..found.len()]);
        if let Some(cut) = &recovered.cut {
            cuts += 1;
            assert_eq!(cut.frame, u64::try_from(found.len()).unwrap() + 1);
            assert_eq!(cut.offset, recovered.frontier.end.offset);
            assert!(cut.bytes > 0);
        }
        drop(journal);
        let (_, again) = FileJournal::open(disk, OPTIONS, Evidence::default()).unwrap();
        assert_eq!(again.cut, None, "the copy has no torn tail");
        assert_eq!(again.frontier, recovered.frontier);
    }
    assert!(cuts > 20, "only {cuts} of 64 seeds tear");
}

#[test]
fn a_frame_found_by_its_location_is_the_one_appended() {
    let disk = SimulatedDisk::new(5);
    let (mut journal, _) = FileJournal::open(disk.clone(), OPTIONS, Evidence::default()).unwrap();
    let mut chance = Chance::new(5);
    let kept: Vec<_> = (0..40)
        .map(|tag| {
            let kept = frame(
                &journal,
                2,
                tag,
                usize::try_from(chance.up_to(900)).unwrap(),
            );
            (append(&mut journal, &kept).unwrap(), kept)
        })
        .collect();
    journal.flush().unwrap();
    let mut lookup = Lookup::new(disk);
    for (location, kept) in kept.iter().rev() {
        let found = lookup.read_at(*location).unwrap();
        assert_eq!(
            (found.head, found.payload),
            (kept.head, kept.payload.as_slice())
        );
    }
    let (location, _) = kept[3];
    let beside = crate::journal::file::Location {
        offset: location.offset + 64,
        ..location
    };
    assert!(matches!(lookup.read_at(beside), Err(Fault::Damaged(_))));
}

#[test]
fn no_flipped_bit_changes_what_is_read() {
    let disk = SimulatedDisk::new(6);
    let (mut journal, _) = FileJournal::open(disk.clone(), OPTIONS, Evidence::default()).unwrap();
    let kept: Vec<Kept> = (0..12)
        .map(|tag| {
            let kept = frame(&journal, 1, tag, 600 + usize::try_from(tag).unwrap());
            append(&mut journal, &kept).unwrap();
            journal.flush().unwrap();
            kept
        })
        .collect();
    let frontier = journal.frontier();
    drop(journal);
    let (mut refused, mut cut) = (0, 0);
    for segment in 1..=frontier.end.segment {
        for offset in (0..4096).step_by(3) {
            let disk = disk.kill();
            assert!(disk.flip(&format!("segment-{segment:010}"), offset, 0x10));
            // A reader that knows the frontier gives everything or says what is damaged.
            match read_to(&disk, frontier) {
                Ok(found) => assert_eq!(found, kept, "segment {segment}, byte {offset}"),
                Err(fault) => {
                    refused += 1;
                    assert!(matches!(
                        fault,
                        Fault::Damaged(_) | Fault::VersionUnknown { .. }
                    ));
                }
            }
            // A start that knows nothing else may lose the last group and no other.
            disk.flip("frontier", 60, 1);
            let Ok((_, recovered)) = FileJournal::open(disk.clone(), OPTIONS, Evidence::default())
            else {
                continue;
            };
            if let Ok(found) = read_to(&disk, recovered.frontier) {
                assert!(
                    found == kept || found == kept[..11],
                    "segment {segment}, byte {offset}"
                );
                cut += u64::from(found.len() == 11);
            }
        }
    }
    assert!(refused > 2_000 && cut > 100, "{refused} refused, {cut} cut");
}

#[test]
fn what_cannot_be_read_is_never_taken_for_a_torn_tail() {
    let disk = SimulatedDisk::new(8);
    let (mut journal, _) = FileJournal::open(disk.clone(), OPTIONS, Evidence::default()).unwrap();
    let kept = frame(&journal, 1, 1, 100);
    append(&mut journal, &kept).unwrap();
    let frontier = journal.flush().unwrap();
    drop(journal);
    disk.spoil("segment-0000000001");
    let before = disk.bytes("segment-0000000001");
    let faults = [
        FileJournal::open(disk.clone(), OPTIONS, Evidence::default()).unwrap_err(),
        read_to(&disk, frontier).unwrap_err(),
    ];
    for fault in faults {
        assert!(
            matches!(fault, Fault::Io { action: "read", .. }),
            "{fault:?}"
        );
    }
    assert_eq!(disk.bytes("segment-0000000001"), before);
}
