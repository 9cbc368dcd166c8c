//! The disk must break the way disks do, or what is tested on it proves little.

use super::*;
use crate::journal::file::disk::{Disk, DiskFile};

impl SimulatedDisk {
    /// The bytes of a file as this disk is seen.
    fn read(&self, name: &str) -> Vec<u8> {
        let file = self.open_to_read(name).unwrap();
        let mut bytes = vec![0; place(file.length().unwrap())];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }
}

/// A file with a synced name and synced bytes.
fn with_file(seed: u64, bytes: &[u8]) -> (SimulatedDisk, SimulatedFile) {
    let disk = SimulatedDisk::new(seed);
    let file = disk.create("file").unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.sync().unwrap();
    disk.sync_directory().unwrap();
    (disk, file)
}

#[test]
fn what_was_synced_survives_and_what_was_not_may() {
    let (mut lost, mut kept, mut torn) = (0, 0, 0);
    for seed in 0..300 {
        let (disk, file) = with_file(seed, &[1; 1_024]);
        file.write_all_at(&[2; 512], 512).unwrap();
        let bytes = disk.restart().bytes("file").unwrap();
        assert_eq!(bytes.len(), 1_024);
        assert_eq!(bytes[..512], [1; 512]);
        match bytes[512..]
            .iter()
            .map(|byte| usize::from(*byte == 2))
            .sum()
        {
            0 => lost += 1,
            512 => kept += 1,
            _ => torn += 1,
        }
    }
    assert!(
        lost > 30 && kept > 30 && torn > 30,
        "{lost} lost, {kept} kept, {torn} torn"
    );
}

#[test]
fn sectors_survive_in_any_order() {
    let survived = |seed| {
        let (disk, file) = with_file(seed, &[1; 1_024]);
        file.write_all_at(&[2; 512], 0).unwrap();
        file.write_all_at(&[3; 512], 512).unwrap();
        let bytes = disk.restart().bytes("file").unwrap();
        (bytes[..512] == [2; 512], bytes[512..] == [3; 512])
    };
    for wanted in [(true, true), (true, false), (false, true), (false, false)] {
        assert!(
            (0..300).any(|seed| survived(seed) == wanted),
            "never {wanted:?}"
        );
    }
}

#[test]
fn names_that_were_not_synced_may_be_lost_or_kept() {
    let survived = |seed| {
        let (disk, _file) = with_file(seed, b"old");
        let file = disk.create("new").unwrap();
        file.write_all_at(b"new", 0).unwrap();
        file.sync().unwrap();
        disk.rename("new", "file").unwrap();
        disk.restart().bytes("file").unwrap()
    };
    assert!((0..50).any(|seed| survived(seed) == b"old"));
    assert!((0..50).any(|seed| survived(seed) == b"new"));
}

#[test]
fn a_failed_sync_drops_the_bytes_although_they_can_still_be_read() {
    let (disk, file) = with_file(1, b"old");
    file.write_all_at(b"new", 0).unwrap();
    disk.plan([(1, Accident::Error)]);
    file.sync().unwrap_err();
    file.sync().unwrap();
    assert_eq!(disk.bytes("file").unwrap(), b"new");
    let left = disk.certain().read("file");
    assert!(!left.is_empty() && left != b"new");
    for seed in 0..50 {
        assert_eq!(disk.fork(seed).restart().bytes("file").unwrap(), left);
        // The cache may have given up the page in the meantime.
        let killed = disk.fork(seed).kill().bytes("file").unwrap();
        assert!(killed == b"new" || killed == left);
    }
}

#[test]
fn a_failed_sync_may_have_written_a_part() {
    let left = |seed| {
        let (disk, file) = with_file(seed, &[1; 1_024]);
        file.write_all_at(&[2; 1_024], 0).unwrap();
        disk.plan([(1, Accident::Error)]);
        file.sync().unwrap_err();
        let bytes = disk.restart().bytes("file").unwrap();
        (bytes[..512] == [2; 512], bytes[512..] == [2; 512])
    };
    for wanted in [(true, true), (true, false), (false, true), (false, false)] {
        assert!(
            (0..300).any(|seed| left(seed) == wanted),
            "never {wanted:?}"
        );
    }
}

#[test]
fn a_lie_is_found_out_by_a_power_cut_only() {
    let (disk, file) = with_file(3, b"old");
    disk.plan([(2, Accident::Lie)]);
    file.write_all_at(b"new", 0).unwrap();
    file.sync().unwrap();
    assert_eq!(disk.bytes("file").unwrap(), b"new");
    assert_eq!(disk.certain().read("file"), b"old");
    assert!((0..50).any(|seed| disk.fork(seed).restart().bytes("file").unwrap() == b"old"));
}

#[test]
fn what_is_certain_follows_the_syncs_and_nothing_else() {
    let (disk, file) = with_file(1, b"old");
    let certain = disk.certain();
    file.write_all_at(b"new", 0).unwrap();
    assert_eq!(certain.read("file"), b"old");
    file.sync().unwrap();
    assert_eq!(certain.read("file"), b"new");
    disk.rename("file", "other").unwrap();
    assert_eq!(certain.list().unwrap(), ["file"]);
    disk.sync_directory().unwrap();
    assert_eq!(certain.list().unwrap(), ["other"]);
}

#[test]
fn a_full_disk_refuses_growth_and_nothing_else() {
    let (disk, file) = with_file(1, &[1; 100]);
    disk.set_capacity(100);
    file.write_all_at(&[2; 100], 0).unwrap();
    let refused = file.write_all_at(&[2; 1], 100).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.free_bytes().unwrap(), 0);
}

#[test]
fn after_a_power_cut_nothing_works_until_the_restart() {
    let (disk, file) = with_file(1, b"old");
    disk.plan([(2, Accident::PowerCut)]);
    file.write_all_at(b"new", 0).unwrap();
    file.sync().unwrap_err();
    assert!(disk.is_down());
    assert!(file.length().is_err() && disk.list().is_err() && file.sync().is_err());
    assert_eq!(disk.restart().list().unwrap(), ["file"]);
}
