use super::*;
use crate::ids::{AccountIndex, BookIndex, EntryNo};
use crate::journal::Journal as _;
use crate::ledger::Record;
use crate::time::{ManualClock, Timestamp};

const SETTINGS: &str = r#"
[journal]
dir = "DIR"
segment_bytes = 1048576
[[book]]
name = "main"
functional_unit = "EUR"
time_zone = "Europe/Berlin"
"#;

fn settings(dir: &Path, change: impl Fn(String) -> String) -> Settings {
    let text = SETTINGS.replace("DIR", &dir.display().to_string());
    Settings::parse(Path::new("kontor.toml"), &change(text)).unwrap()
}

fn open_with(dir: &Path, change: impl Fn(String) -> String) -> Result<Opened, OpenFault> {
    let settings = settings(dir, change);
    let claim = Claim::take(&settings, 0)?;
    Partition::open(&settings, claim, &ManualClock::default(), &mut |_| {})
}

fn open(dir: &Path) -> Opened {
    open_with(dir, |text| text).unwrap()
}

fn fault(dir: &Path, change: impl Fn(String) -> String) -> OpenFault {
    match open_with(dir, change) {
        Ok(_) => panic!("it opened"),
        Err(fault) => fault,
    }
}

#[test]
fn a_book_is_begun_once_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    assert_eq!(first.engine.books().len(), 1);
    assert_eq!(first.store.history().durable().position, 2);
    let (digest, journal) = (first.engine.digest(), first.journal_id.clone());
    drop(first);
    let second = open(dir.path());
    assert_eq!(second.engine.digest(), digest);
    assert_eq!(second.journal_id, journal);
    assert_eq!(second.store.history().durable().position, 3);
    assert_eq!(second.names.book(BookIndex(0)), "main");
    assert!(second.warnings.is_empty() && second.cut.is_none());
}

/// Commits whose outcomes are not published are handed to the publisher, which learns names from
/// each; the names in them are in the table already and must not enter it again.
#[test]
fn commits_that_are_handed_over_bring_no_name_twice() {
    let dir = tempfile::tempdir().unwrap();
    let book = "[book.accounts.\"bank/main\"]\nunit = \"EUR\"\nclass = \"asset\"\n";
    let mut opened = open_with(dir.path(), |text| text + book).unwrap();
    let mut handed = 0;
    while let Some(commit) = opened.earlier.next().transpose() {
        let commit = commit.unwrap();
        opened.names.learn(&commit);
        handed += commit.records.len();
    }
    assert_eq!(handed, 2, "a start and a beginning");
    let name = |at| opened.names.account(BookIndex(0), AccountIndex(at));
    assert_eq!((name(0), name(1)), (Some(("bank/main", 2)), None));
}

#[test]
fn a_journal_without_witnesses_of_its_length_is_told() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!open(dir.path()).unwitnessed, "it is new");
    let without = |names: &[&str]| {
        for name in names {
            std::fs::remove_file(dir.path().join("p0").join(name)).unwrap();
        }
        open(dir.path()).unwitnessed
    };
    assert!(!without(&[]));
    assert!(!without(&["frontier"]));
    assert!(!without(&["cursor"]));
    assert!(without(&["frontier", "cursor"]));
    assert!(!without(&[]), "both are made again");
}

#[test]
fn an_unclean_stop_is_told_from_a_clean_one() {
    let dir = tempfile::tempdir().unwrap();
    assert!(open(dir.path()).ending.clean);
    let mut opened = open(dir.path());
    assert!(!opened.ending.clean && !opened.ending.after_unclean);
    let mut commit = opened.engine.begin(Timestamp(9));
    opened.engine.note(Record::Stop, &mut commit);
    opened.engine.finish(&mut commit);
    opened.store.append(&commit).unwrap();
    opened.store.flush().unwrap();
    drop(opened);
    assert!(open(dir.path()).ending.clean);
}

#[test]
fn a_second_process_is_told_who_holds_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let _held = open(dir.path());
    let fault = fault(dir.path(), |text| text);
    assert_eq!(fault.exit_code(), 74);
    let holder = format!("process {}", std::process::id());
    assert!(fault.to_string().contains(&holder), "{fault}");
}

#[test]
fn what_a_book_was_begun_with_cannot_change() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    for (from, to) in [("Europe/Berlin", "UTC"), ("EUR", "USD")] {
        let fault = fault(dir.path(), |text| text.replace(from, to));
        assert_eq!(fault.exit_code(), 78, "{fault}");
        assert!(fault.to_string().contains(to), "{fault}");
    }

    let added = open_with(dir.path(), |text| {
        text.replace(
            "time_zone = \"Europe/Berlin\"",
            "time_zone = \"Europe/Berlin\"\n[[book]]\nname = \"other\"",
        )
    });
    assert_eq!(added.unwrap().engine.books().len(), 2);
    let beside = settings(dir.path(), |text| {
        let moved = text.replace("name = \"main\"", "name = \"main\"\npartition = 1");
        moved + "[partitions]\nrun = [1]\n"
    });
    let claim = Claim::take(&beside, 1).unwrap();
    let opened = Partition::open(&beside, claim, &ManualClock::default(), &mut |_| {});
    let fault_beside = opened.err().unwrap();
    assert_eq!(fault_beside.exit_code(), 78, "{fault_beside}");
    assert!(
        fault_beside.to_string().contains("partition 0"),
        "{fault_beside}"
    );
    let moved = fault(dir.path(), |text| {
        let moved = text.replace("name = \"main\"", "name = \"main\"\npartition = 1");
        moved + "[[book]]\nname = \"other\"\n"
    });
    assert!(
        matches!(moved, OpenFault::Book(BookFault::Moved { .. })),
        "{moved}"
    );
}

#[test]
fn a_lost_secret_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    std::fs::remove_file(dir.path().join("p0/secret")).unwrap();
    let fault = fault(dir.path(), |text| text);
    assert_eq!(fault.exit_code(), 65);
}

#[test]
fn a_journal_that_lost_what_the_cursor_names_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = open(dir.path());
    opened.cursor.save(Position(99)).unwrap();
    drop(opened);
    let fault = fault(dir.path(), |text| text);
    assert_eq!(fault.exit_code(), 65);
    assert!(fault.to_string().contains("99"), "{fault}");
}

#[test]
fn the_directory_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let mode = std::fs::metadata(dir.path().join("p0"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn what_was_not_published_is_handed_over() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let mut opened = open(dir.path());
    let mut positions = Vec::new();
    while let Some(commit) = opened.earlier.next().transpose() {
        positions.extend(commit.unwrap().positions().map(|(position, _)| position.0));
    }
    assert_eq!(positions, [1, 2, 3]);
    assert_eq!(opened.past.entry(BookIndex(0), EntryNo(1)).unwrap(), None);
}

/// Append a commit of one record and make it durable.
fn note(opened: &mut Opened, record: Record) {
    let mut commit = opened.engine.begin(Timestamp(9));
    opened.engine.note(record, &mut commit);
    opened.engine.finish(&mut commit);
    opened.store.append(&commit).unwrap();
    opened.store.flush().unwrap();
}

#[test]
fn a_restored_directory_is_refused_until_somebody_has_accepted_it() {
    use crate::ledger::commit::CutRecord;
    let dir = tempfile::tempdir().unwrap();
    let mut opened = open(dir.path());
    let lineage = Lineage(1);
    opened.engine.begin_lineage(lineage);
    let cut = CutRecord {
        lineage,
        kept: Position(2),
        known: Position(2),
        missing: 0,
    };
    note(&mut opened, Record::Cut(cut));
    drop(opened);
    let fault = fault(dir.path(), |text| text);
    assert_eq!(fault.exit_code(), 78);
    assert!(fault.to_string().contains("restore --accept"), "{fault}");

    // Accepted by a program that may: as the command does it, behind the daemon's back.
    let disk = OsDisk::new(dir.path().join("p0"));
    let options = Options {
        segment_bytes: 1 << 20,
    };
    let evidence = snapshot::evidence(&disk).unwrap();
    let (file, recovered) = FileJournal::open(disk.clone(), options, evidence).unwrap();
    let secret = JournalSecret::load(&disk).unwrap();
    let secrets = Secrets::of(&secret.unwrap());
    let until = Until::Frontier(recovered.frontier);
    let mut loaded = load(&disk, &secrets, until, KeysWanted::Kept, &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap();
    let mut store = Store::new(file, disk, loaded.waypoints, 0);
    let mut commit = loaded.engine.begin(Timestamp(9));
    loaded
        .engine
        .note(Record::Accepted { lineage }, &mut commit);
    loaded.engine.finish(&mut commit);
    store.append(&commit).unwrap();
    store.flush().unwrap();
    drop(store);
    let mut opened = open(dir.path());
    assert_eq!(opened.engine.lineage(), lineage);
    assert_eq!(opened.engine.begin(Timestamp(9)).lineage, lineage);
}

#[test]
fn a_snapshot_names_its_position_even_if_its_bytes_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let name = snapshot::file_name(Position(99));
    std::fs::write(dir.path().join("p0").join(name), b"nothing of a snapshot").unwrap();
    let fault = fault(dir.path(), |text| text);
    assert_eq!(fault.exit_code(), 65);
    assert!(fault.to_string().contains("99"), "{fault}");
}

#[test]
fn lost_keys_of_subjects_are_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    std::fs::remove_file(dir.path().join("p0/subjects.keys")).unwrap();
    let fault = fault(dir.path(), |text| text);
    assert_eq!(fault.exit_code(), 65, "{fault}");
}
