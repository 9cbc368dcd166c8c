//! Backups on disks that fail: whatever happens, what is there is the backup of before or the new
//! one, and both can be restored.

use std::ops::ControlFlow;
use std::path::Path;

use super::*;
use crate::ids::Lineage;
use crate::journal::Journal as _;
use crate::journal::file::disk::Disk as _;
use crate::ledger::{Record, StateDigest};
use crate::partition::{Claim, OpenFault, Opened, Partition, accept};
use crate::settings::Settings;
use crate::simulator::disk::{Accident, SimulatedDisk};
use crate::time::{ManualClock, Timestamp};

const SEGMENT_BYTES: u64 = 4_096;

fn settings() -> Settings {
    let text = "[[book]]\nname = \"main\"\n";
    let mut settings = Settings::parse(Path::new("kontor.toml"), text).unwrap();
    settings.journal.segment_bytes = SEGMENT_BYTES;
    settings
}

fn open(disk: &SimulatedDisk) -> Result<Opened<SimulatedDisk>, OpenFault> {
    let clock = ManualClock::default();
    let claim = Claim::on(disk.clone(), 0)?;
    Partition::open(&settings(), claim, &clock, &mut |_| {})
}

/// A journal that is written to.
struct Source {
    disk: SimulatedDisk,
    opened: Opened<SimulatedDisk>,
}

impl Source {
    fn new() -> Self {
        let disk = SimulatedDisk::new(1);
        let opened = open(&disk).unwrap();
        let mut source = Self { disk, opened };
        source.write(20);
        source
    }

    /// So many commits of two records, over several segments.
    fn write(&mut self, commits: usize) {
        for _ in 0..commits {
            let mut commit = self.opened.engine.begin(Timestamp(9));
            for _ in 0..2 {
                self.opened.engine.note(Record::Stop, &mut commit);
            }
            self.opened.engine.finish(&mut commit);
            self.opened.store.append(&commit).unwrap();
            self.opened.store.flush().unwrap();
        }
    }

    fn position(&self) -> Position {
        Position(self.opened.store.history().durable().position)
    }

    fn digest(&self) -> StateDigest {
        self.opened.engine.digest()
    }

    fn back_up(&self, to: &SimulatedDisk) -> Result<Taken, BackupFault> {
        take(&self.disk, to, true, Timestamp(77), &mut |_| {
            ControlFlow::Continue(())
        })
    }
}

fn wanted(at: At) -> Wanted {
    Wanted {
        at,
        lineage: None,
        kek: None,
        without_snapshots: false,
        segment_bytes: SEGMENT_BYTES,
        now: Timestamp(1_000),
    }
}

fn restored(backup: &SimulatedDisk, at: At) -> Result<(Restored, SimulatedDisk), BackupFault> {
    let to = SimulatedDisk::new(2);
    let go_on = &mut |_| ControlFlow::Continue(());
    restore(backup, &to, &wanted(at), go_on).map(|restored| (restored, to))
}

/// The backup can be restored to its end.
fn assert_whole(backup: &SimulatedDisk, digest: StateDigest) -> Position {
    let manifest = Manifest::read(backup).unwrap().unwrap();
    let (restored, to) = restored(backup, At::End).unwrap();
    assert_eq!(restored.cut.kept, manifest.position());
    assert_eq!((restored.cut.missing, restored.digest), (0, digest));
    assert!(matches!(open(&to), Err(OpenFault::NotAccepted { .. })));
    manifest.position()
}

#[test]
fn a_later_backup_copies_only_what_is_new() {
    let mut source = Source::new();
    let backup = SimulatedDisk::new(3);
    let first = source.back_up(&backup).unwrap();
    assert_eq!((first.before, first.doubts.len()), (Position(0), 0));
    let nothing = source.back_up(&backup).unwrap();
    assert_eq!(
        (nothing.before, nothing.copied_bytes),
        (source.position(), 0)
    );
    source.write(3);
    let second = source.back_up(&backup).unwrap();
    assert_eq!(second.before, first.manifest.position());
    assert!(
        second.copied_bytes > 0 && second.copied_bytes * 3 < first.copied_bytes,
        "{} after {}",
        second.copied_bytes,
        first.copied_bytes
    );
    assert_eq!(assert_whole(&backup, source.digest()), source.position());
}

#[test]
fn a_fault_at_any_call_leaves_the_backup_of_before_or_the_new_one() {
    let mut source = Source::new();
    let before = SimulatedDisk::new(3);
    source.back_up(&before).unwrap();
    let (old, digest) = (source.position(), source.digest());
    source.write(7);
    let calls = {
        let disk = before.fork(4);
        disk.plan([]);
        source.back_up(&disk).unwrap();
        disk.calls()
    };
    let accidents = [
        Accident::PowerCut,
        Accident::Error,
        Accident::ShortWrite,
        Accident::NoSpace,
    ];
    for call in 1..=calls {
        for (seed, accident) in (call * 10..).zip(accidents) {
            let disk = before.fork(seed);
            disk.plan([(call, accident)]);
            let done = source.back_up(&disk).is_ok();
            let disk = if disk.is_down() { disk.restart() } else { disk };
            disk.plan([]);
            let found = assert_whole(&disk, digest);
            assert!(
                found == source.position() || (found == old && !done),
                "{found} after {accident:?} at call {call}"
            );
            source.back_up(&disk).unwrap();
            assert_eq!(assert_whole(&disk, digest), source.position());
        }
    }
}

#[test]
fn a_first_backup_that_fails_leaves_nothing_that_could_be_taken_for_one() {
    let source = Source::new();
    let calls = {
        let disk = SimulatedDisk::new(4);
        source.back_up(&disk).unwrap();
        disk.calls()
    };
    for call in 1..=calls {
        for (seed, accident) in (call * 10..).zip([Accident::PowerCut, Accident::NoSpace]) {
            let disk = SimulatedDisk::new(seed);
            disk.plan([(call, accident)]);
            let done = source.back_up(&disk).is_ok();
            let disk = if disk.is_down() { disk.restart() } else { disk };
            disk.plan([]);
            match restored(&disk, At::End) {
                Ok((restored, _)) => assert_eq!(restored.cut.kept, source.position()),
                Err(fault) => {
                    let nothing = matches!(fault, BackupFault::Missing { .. });
                    assert!(
                        nothing && !done,
                        "{fault} after {accident:?} at call {call}"
                    );
                }
            }
            source.back_up(&disk).unwrap();
            assert_whole(&disk, source.digest());
        }
    }
}

#[test]
fn what_is_cut_is_in_no_file_of_the_restored_journal_and_a_lineage_begins() {
    let source = Source::new();
    let backup = SimulatedDisk::new(3);
    source.back_up(&backup).unwrap();
    let last = source.position();
    // The first commit has a start and a book, each later one two stops.
    for kept in 2..=last.0 {
        let (restored, to) = restored(&backup, At::Position(Position(kept))).unwrap();
        let cut = restored.cut;
        assert_eq!((cut.kept, cut.known), (Position(kept), last));
        assert_eq!(cut.lineage, Lineage(1));
        assert_eq!(restored.digest, source.digest());
        let claim = Claim::on(to.clone(), 0).unwrap();
        let mut shown = None;
        let accepted = accept(&settings(), claim, &ManualClock::default(), |_, cut| {
            shown = Some(*cut);
            Ok::<(), OpenFault>(())
        });
        assert_eq!((accepted.unwrap(), shown), (Some(cut), Some(cut)));
        let opened = open(&to).unwrap();
        // The cut, its acceptance and the start.
        assert_eq!(opened.engine.next_position(), Position(kept + 4));
        assert_eq!(opened.engine.lineage(), Lineage(1));
    }
    for beyond in [0, last.0 + 1] {
        let fault = restored(&backup, At::Position(Position(beyond))).unwrap_err();
        assert_eq!(fault.exit_code(), 64, "{fault}");
    }
}

#[test]
fn a_backup_goes_on_from_its_own_journal_only() {
    let mut source = Source::new();
    let backup = SimulatedDisk::new(3);
    source.back_up(&backup).unwrap();

    let other = SimulatedDisk::new(5);
    let opened = open(&other).unwrap();
    let of_other = Source {
        disk: other,
        opened,
    };
    let fault = of_other.back_up(&backup).unwrap_err();
    assert!(matches!(fault, BackupFault::OtherJournal { .. }), "{fault}");

    // Restored to an earlier point, it goes another way.
    let (_, to) = restored(&backup, At::Position(Position(20))).unwrap();
    let claim = Claim::on(to.clone(), 0).unwrap();
    accept(&settings(), claim, &ManualClock::default(), |_, _| {
        Ok::<(), OpenFault>(())
    })
    .unwrap();
    let opened = open(&to).unwrap();
    let mut again = Source { disk: to, opened };
    for _ in 0..2 {
        let fault = again.back_up(&backup).unwrap_err();
        assert!(matches!(fault, BackupFault::OtherHistory { .. }), "{fault}");
        again.write(20);
    }
    // Into another directory it does, and its next lineage is another one.
    let fresh = SimulatedDisk::new(6);
    again.back_up(&fresh).unwrap();
    let (restored, _) = restored_into(&fresh);
    assert_eq!(restored.cut.lineage, Lineage(2));
    source.write(1);
    source.back_up(&backup).unwrap();

    let full = SimulatedDisk::new(7);
    full.create("letters").unwrap();
    let fault = source.back_up(&full).unwrap_err();
    assert!(matches!(fault, BackupFault::NotEmpty { .. }), "{fault}");
}

fn restored_into(backup: &SimulatedDisk) -> (Restored, SimulatedDisk) {
    restored(backup, At::End).unwrap()
}

#[test]
fn an_erased_person_is_in_no_backup_after_the_next_one() {
    let source = Source::new();
    let backup = SimulatedDisk::new(3);
    let vault = &source.opened.vault;
    let people = ["erika", "max"].map(|name| vault.subject("main", "customer", name));
    vault.ensure(&people).unwrap();
    let key_files = || {
        let names = backup.list().unwrap();
        let names = names.into_iter();
        names.filter(|name| name.starts_with("subjects-")).count()
    };
    source.back_up(&backup).unwrap();
    vault.destroy(&people[..1]).unwrap();
    source.back_up(&backup).unwrap();
    assert_eq!(
        key_files(),
        1,
        "the file with the key of the erased person stays"
    );
    let (restored, to) = restored(&backup, At::End).unwrap();
    assert_eq!(restored.subjects, 2);
    accepted(&to, true).unwrap();
    let vault = open(&to).unwrap().vault;
    assert!(vault.is_erased(people[0]) && !vault.is_erased(people[1]));
}

/// Accept a restored directory, as somebody who sees what is shown or does not.
fn accepted(disk: &SimulatedDisk, sees: bool) -> Result<(), Box<dyn std::error::Error>> {
    let claim = Claim::on(disk.clone(), 0)?;
    let accepted = accept(&settings(), claim, &ManualClock::default(), |_, _| {
        let shown: Result<(), Box<dyn std::error::Error>> = if sees {
            Ok(())
        } else {
            Err("nobody could read it".into())
        };
        shown
    })?;
    assert!(accepted.is_some());
    Ok(())
}

#[test]
fn what_was_not_shown_is_not_accepted() {
    let source = Source::new();
    let backup = SimulatedDisk::new(3);
    source.back_up(&backup).unwrap();
    let (_, to) = restored(&backup, At::Position(Position(9))).unwrap();
    accepted(&to, false).unwrap_err();
    assert!(matches!(open(&to), Err(OpenFault::NotAccepted { .. })));
    accepted(&to, true).unwrap();
    open(&to).unwrap();
}

#[test]
fn nobody_runs_on_a_backup() {
    let source = Source::new();
    let backup = SimulatedDisk::new(3);
    source.back_up(&backup).unwrap();
    let fault = open(&backup).err().unwrap();
    assert!(matches!(fault, OpenFault::Backup { .. }), "{fault}");
    assert_eq!(fault.exit_code(), 78);
}
