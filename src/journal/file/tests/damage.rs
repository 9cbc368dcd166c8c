//! Damage to real files: refused with the place named, or cut if nobody was told of it.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{append, frame, read, read_to};
use crate::journal::file::disk::OsDisk;
use crate::journal::file::{
    Damage, Evidence, Fault, FileJournal, Finding, Frontier, Options, Recovered, Until,
};

const OPTIONS: Options = Options {
    segment_bytes: 16 << 10,
};

struct Site {
    directory: tempfile::TempDir,
    frontier: Frontier,
}

impl Site {
    /// A journal of groups with two frames each; every frame takes 1,152 bytes.
    fn new(groups: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (mut journal, _) =
            FileJournal::open(OsDisk::new(directory.path()), OPTIONS, Evidence::default()).unwrap();
        for tag in 0..groups * 2 {
            let kept = frame(&journal, 1, tag, 1_000);
            append(&mut journal, &kept).unwrap();
            if tag % 2 == 1 {
                journal.flush().unwrap();
            }
        }
        let frontier = journal.frontier();
        Self {
            directory,
            frontier,
        }
    }

    fn disk(&self) -> OsDisk {
        OsDisk::new(self.directory.path())
    }

    fn segment(&self, number: u64) -> PathBuf {
        self.directory.path().join(format!("segment-{number:010}"))
    }

    /// Takes the hint away, as a power cut can.
    fn forget_frontier(&self) {
        fs::remove_file(self.directory.path().join("frontier")).unwrap();
    }

    fn open(&self) -> Result<Recovered, Fault> {
        self.open_with(Evidence::default())
    }

    fn open_with(&self, evidence: Evidence) -> Result<Recovered, Fault> {
        FileJournal::open(self.disk(), OPTIONS, evidence).map(|(_, recovered)| recovered)
    }

    fn damage(&self) -> Damage {
        damage_of(self.open().unwrap_err())
    }

    fn read_damage(&self) -> Damage {
        damage_of(read_to(&self.disk(), self.frontier).unwrap_err())
    }
}

fn damage_of(fault: Fault) -> Damage {
    let Fault::Damaged(damage) = fault else {
        panic!("{fault:?}")
    };
    damage
}

fn flip(path: &Path, offset: u64) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

fn zero(path: &Path, from: u64, length: usize) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&vec![0; length], from).unwrap();
}

/// Where the n-th frame of the first segment begins.
fn at(frame: u64) -> u64 {
    128 + (frame - 1) * 1_152
}

#[test]
fn a_flipped_bit_before_a_later_group_is_damage_at_its_place() {
    for inside in [0, 4, 9, 12, 16, 24, 64, 96, 120, 124, 128, 1_127] {
        let site = Site::new(4);
        site.forget_frontier();
        flip(&site.segment(1), at(3) + inside);
        let damage = site.damage();
        assert_eq!(damage.offset, at(3), "byte {inside}");
        assert!(
            matches!(damage.what, Finding::LaterGroup { .. }),
            "byte {inside}: {damage}"
        );
        assert!(damage.file.ends_with("segment-0000000001"));
        assert_eq!(site.read_damage().offset, at(3));
        // Refused, and left as it was found.
        assert_eq!(site.damage(), damage);
    }
}

#[test]
fn a_bad_frame_of_the_last_group_is_cut_unless_something_names_it() {
    for (bad, left) in [(7, 6), (8, 7)] {
        let site = Site::new(4);
        site.forget_frontier();
        flip(&site.segment(1), at(bad) + 500);
        for evidence in [
            Evidence {
                frame: bad,
                position: 0,
            },
            Evidence {
                frame: 0,
                position: bad,
            },
            Evidence {
                frame: 0,
                position: 8,
            },
        ] {
            let fault = site.open_with(evidence).unwrap_err();
            assert!(matches!(fault, Fault::Damaged(Damage { offset, .. }) if offset == at(bad)));
        }
        let recovered = site
            .open_with(Evidence {
                frame: left,
                position: left,
            })
            .unwrap();
        assert_eq!(recovered.frontier.frame, left);
        let cut = recovered.cut.unwrap();
        assert_eq!((cut.offset, cut.frame), (at(bad), bad));
        assert_eq!(
            cut.bytes,
            at(9) - at(bad) - 24,
            "up to the padding of the last frame"
        );
        assert_eq!(
            read(&site.disk(), Until::End).unwrap().len(),
            usize::try_from(left).unwrap()
        );
    }
}

#[test]
fn the_frontier_file_is_evidence_unless_it_is_torn() {
    let site = Site::new(4);
    flip(&site.segment(1), at(8) + 500);
    let damage = site.damage();
    assert_eq!(
        damage.what,
        Finding::EndsEarly {
            last: 7,
            durable: 8
        }
    );
    assert_eq!(
        damage.to_string(),
        format!(
            "{} is damaged at byte {}: the journal ends with frame 7, but frame 8 was durable; \
             keep the directory as it is and restore from a backup",
            site.segment(1).display(),
            at(8),
        )
    );
    flip(&site.directory.path().join("frontier"), 10);
    assert_eq!(site.open().unwrap().frontier.frame, 7);
}

#[test]
fn a_seal_makes_the_last_group_damage_too() {
    let site = Site::new(4);
    let (mut journal, _) = FileJournal::open(site.disk(), OPTIONS, Evidence::default()).unwrap();
    journal.seal().unwrap();
    drop(journal);
    site.forget_frontier();
    flip(&site.segment(1), at(8) + 500);
    assert_eq!(site.damage().what, Finding::LaterGroup { offset: at(9) });
}

#[test]
fn synced_frames_that_turned_to_zeros_are_damage() {
    let site = Site::new(4);
    site.forget_frontier();
    zero(&site.segment(1), at(3), 2 * 1_152);
    let damage = site.damage();
    assert_eq!(
        (damage.offset, damage.what),
        (at(3), Finding::LaterGroup { offset: at(5) })
    );
}

#[test]
fn the_last_group_lost_whole_is_cut_without_a_trace() {
    let site = Site::new(4);
    site.forget_frontier();
    zero(&site.segment(1), at(7), 2 * 1_152);
    let recovered = site.open().unwrap();
    assert_eq!((recovered.frontier.frame, recovered.cut), (6, None));
}

#[test]
fn a_bad_frame_before_another_segment_is_found_by_reading() {
    let site = Site::new(10);
    flip(&site.segment(1), at(14) + 500);
    let damage = site.read_damage();
    assert_eq!(
        (damage.offset, damage.what),
        (at(14), Finding::FrameChecksum)
    );
    let Fault::Damaged(to_the_end) = read(&site.disk(), Until::End).unwrap_err() else {
        panic!()
    };
    assert_eq!(to_the_end, damage);
}

#[test]
fn a_truncated_segment_is_damage() {
    for (number, length) in [(1, 10_000), (2, 5_000), (2, 100)] {
        let site = Site::new(10);
        let file = OpenOptions::new()
            .write(true)
            .open(site.segment(number))
            .unwrap();
        file.set_len(length).unwrap();
        let damage = site.damage();
        let expected = if length < 128 {
            128
        } else {
            OPTIONS.segment_bytes
        };
        assert_eq!(
            damage.what,
            Finding::Truncated {
                expected,
                found: length
            }
        );
        assert!(damage.file.ends_with(&format!("{number}")));
    }
}

#[test]
fn a_missing_segment_is_damage() {
    let site = Site::new(30);
    fs::remove_file(site.segment(2)).unwrap();
    assert_eq!(site.damage().what, Finding::SegmentMissing { number: 2 });
    assert_eq!(
        site.read_damage().what,
        Finding::SegmentMissing { number: 2 }
    );

    let site = Site::new(30);
    fs::remove_file(site.segment(site.frontier.end.segment)).unwrap();
    assert!(matches!(
        site.damage().what,
        Finding::EndsEarly { durable: 60, .. }
    ));
}

#[test]
fn swapped_segments_are_damage() {
    let site = Site::new(30);
    fs::rename(site.segment(1), site.segment(9)).unwrap();
    fs::rename(site.segment(2), site.segment(1)).unwrap();
    fs::rename(site.segment(9), site.segment(2)).unwrap();
    assert_eq!(
        site.damage().what,
        Finding::PlaceForeign {
            segment: 2,
            offset: 0
        }
    );
}

#[test]
fn a_segment_of_another_journal_is_damage() {
    let (site, other) = (Site::new(30), Site::new(30));
    fs::copy(other.segment(2), site.segment(2)).unwrap();
    assert_eq!(site.damage().what, Finding::SegmentNotNext);
}

#[test]
fn an_empty_directory_with_evidence_is_damage() {
    let site = Site::new(1);
    fs::remove_file(site.segment(1)).unwrap();
    assert_eq!(site.damage().what, Finding::SegmentMissing { number: 1 });
    site.forget_frontier();
    assert!(site.open().unwrap().created);
}

#[test]
fn a_frame_of_a_later_release_is_named_as_such_and_never_cut() {
    let site = Site::new(2);
    site.forget_frontier();
    // A header that is whole under its checksum, with version 2.
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(site.segment(1))
        .unwrap();
    let mut header = [0; 128];
    file.read_exact_at(&mut header, at(4)).unwrap();
    header[4] = 2;
    let crc = crc32c::crc32c(&header[..120]).to_le_bytes();
    header[120..124].copy_from_slice(&crc);
    file.write_all_at(&header, at(4)).unwrap();
    let fault = site.open().unwrap_err();
    assert!(
        matches!(&fault, Fault::VersionUnknown { version: 2, offset, .. } if *offset == at(4) + 4),
        "{fault:?}"
    );
}

#[test]
fn a_directory_that_is_gone_is_a_fault_with_its_name() {
    let disk = OsDisk::new("/nowhere/to/be/found");
    let fault = FileJournal::open(disk, OPTIONS, Evidence::default()).unwrap_err();
    assert!(
        fault
            .to_string()
            .starts_with("could not lock /nowhere/to/be/found/lock: "),
        "{fault}"
    );
}

/// Changes the payload of a frame and makes its checksum match again.
fn tamper(site: &Site, frame: u64) {
    let path = site.segment(1);
    flip(&path, at(frame) + 500);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut bytes = vec![0; 128 + 1_000];
    file.read_exact_at(&mut bytes, at(frame)).unwrap();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..124]), &bytes[128..]);
    file.write_all_at(&crc.to_le_bytes(), at(frame) + 124)
        .unwrap();
}

#[test]
fn a_changed_frame_with_a_good_checksum_breaks_the_chain() {
    let site = Site::new(4);
    tamper(&site, 3);
    for damage in [site.damage(), site.read_damage()] {
        assert_eq!((damage.offset, damage.what), (at(4), Finding::ChainBroken));
    }

    // Also the last frame: the frontier knows its hash.
    let site = Site::new(4);
    tamper(&site, 8);
    let damage = site.read_damage();
    assert_eq!((damage.offset, damage.what), (at(8), Finding::ChainBroken));
}
