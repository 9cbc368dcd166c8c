//! What an acknowledged batch costs the disk: one sync, however many commits are under it.
//!
//! Counted where the journal meets the operating system, and held against the metric that operators
//! see. What is prepared on the side, the next segment, is nobody's wait and is not counted.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use kontor::bench::books;
use kontor::bench::rig::observer;
use kontor::engine::Engine;
use kontor::ids::Position;
use kontor::journal::Store;
use kontor::journal::file::disk::{Boot, Disk, DiskFile, Errand, OsDisk};
use kontor::journal::file::{Evidence, FileJournal, Options};
use kontor::journal::waypoints::Waypoints;
use kontor::ledger::Record;
use kontor::pipeline::parcel::Batch;
use kontor::pipeline::persist::{Frontier, Persist};
use kontor::pipeline::stations::persist;
use kontor::time::Timestamp;

/// How often the writer waited for the disk.
#[derive(Debug, Default)]
struct Syncs {
    waited: AtomicU64,
    on_the_side: AtomicBool,
}

impl Syncs {
    fn note(&self) {
        if !self.on_the_side.load(Ordering::Relaxed) {
            self.waited.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(&self) -> u64 {
        self.waited.swap(0, Ordering::Relaxed)
    }
}

/// A directory whose syncs are counted.
#[derive(Clone, Debug)]
struct Counted {
    disk: OsDisk,
    syncs: Arc<Syncs>,
}

#[derive(Debug)]
struct CountedFile {
    file: File,
    syncs: Arc<Syncs>,
}

impl Counted {
    fn counting(&self, file: File) -> CountedFile {
        let syncs = Arc::clone(&self.syncs);
        CountedFile { file, syncs }
    }
}

impl Disk for Counted {
    type File = CountedFile;
    type Lock = File;

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn create(&self, name: &str) -> io::Result<CountedFile> {
        Ok(self.counting(self.disk.create(name)?))
    }

    fn open(&self, name: &str) -> io::Result<CountedFile> {
        Ok(self.counting(self.disk.open(name)?))
    }

    fn open_to_read(&self, name: &str) -> io::Result<CountedFile> {
        Ok(self.counting(self.disk.open_to_read(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.syncs.note();
        self.disk.sync_directory()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes()
    }

    fn lock(&self, name: &str) -> io::Result<Result<File, String>> {
        self.disk.lock(name)
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        self.disk.random(bytes)
    }

    fn archive(&self) -> Option<Self> {
        None
    }

    fn boot(&self) -> Boot {
        self.disk.boot()
    }

    fn is_private(&self, name: &str) -> io::Result<bool> {
        self.disk.is_private(name)
    }

    fn describe(&self, name: &str) -> String {
        self.disk.describe(name)
    }

    fn errand<T, W>(&self, work: W) -> io::Result<Errand<T>>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        self.syncs.on_the_side.store(true, Ordering::Relaxed);
        let done = work();
        self.syncs.on_the_side.store(false, Ordering::Relaxed);
        Ok(Errand::done(done))
    }
}

impl DiskFile for CountedFile {
    fn length(&self) -> io::Result<u64> {
        DiskFile::length(&self.file)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        DiskFile::read_exact_at(&self.file, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        DiskFile::write_all_at(&self.file, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.syncs.note();
        self.file.sync()
    }
}

/// A station over a counted disk, with segments of so many bytes.
fn station(dir: &std::path::Path, segment_bytes: u64) -> (Persist<Store<Counted>>, Arc<Syncs>) {
    let disk = Counted {
        disk: OsDisk::new(dir),
        syncs: Arc::default(),
    };
    let syncs = Arc::clone(&disk.syncs);
    let options = Options { segment_bytes };
    let (file, _new) = FileJournal::open(disk.clone(), options, Evidence::default()).unwrap();
    let store = Store::new(file, disk, Waypoints::default(), 0);
    syncs.take();
    (Persist::new(store, Position(0), Frontier::default()), syncs)
}

/// A batch with a commit of so many records.
fn batch(engine: &mut Engine, records: usize) -> Batch {
    let mut commit = engine.begin(Timestamp(1));
    for _ in 0..records {
        engine.note(Record::Stop, &mut commit);
    }
    engine.finish(&mut commit);
    Batch {
        commit: Some(Arc::new(commit)),
        posted: Vec::new(),
        again: Vec::new(),
    }
}

/// The value of a metric without labels.
fn metric(page: &str, name: &str) -> u64 {
    let line = page
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    value
        .unwrap_or_else(|| panic!("no {name}"))
        .parse()
        .unwrap()
}

#[test]
fn a_group_costs_one_sync_however_many_commits_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let (mut station, syncs) = station(dir.path(), 16 << 20);
    let mut engine = books::empty();
    let observer = observer();
    let groups = [1, 1, 2, 5, 64, 1];
    for commits in groups {
        let batches: Vec<_> = (0..commits).map(|_| batch(&mut engine, 3)).collect();
        let persisted = persist(&mut station, &mut batches.into(), &observer).unwrap();
        let last = engine.next_position().0 - 1;
        assert_eq!(persisted.proof.position(), Position(last));
        assert_eq!(syncs.take(), 1, "a group of {commits} commits");
    }
    let page = observer.metrics().render();
    let seen = metric(&page, "kontor_fdatasync_duration_seconds_count");
    assert_eq!(
        seen,
        u64::try_from(groups.len()).unwrap(),
        "operators see it"
    );
}

#[test]
fn a_group_without_a_commit_costs_none() {
    let dir = tempfile::tempdir().unwrap();
    let (mut station, syncs) = station(dir.path(), 16 << 20);
    let nothing = Batch {
        commit: None,
        posted: Vec::new(),
        again: Vec::new(),
    };
    persist(&mut station, &mut vec![nothing].into(), &observer()).unwrap();
    assert_eq!(syncs.take(), 0);
}

/// The old segment whole, the header of the next, its name, and the group: once a segment.
#[test]
fn only_a_new_segment_costs_more_and_only_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut station, syncs) = station(dir.path(), 1 << 20);
    let mut engine = books::empty();
    let (mut groups, mut dear) = (0_u64, Vec::new());
    while dear.len() < 2 {
        let mut group = vec![batch(&mut engine, 500)].into();
        persist(&mut station, &mut group, &observer()).unwrap();
        groups += 1;
        assert!(groups < 100_000, "no segment was filled");
        match syncs.take() {
            1 => {}
            more => dear.push((groups, more)),
        }
    }
    assert!(dear.iter().all(|(_, syncs)| *syncs <= 4), "{dear:?}");
    assert!(dear[1].0 - dear[0].0 > 10, "{dear:?}: a segment holds many");
}
