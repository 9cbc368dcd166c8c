//! Every case file through the real queue: each case is a book of one daemon, its jobs are
//! published to a broker, and what came of them must be what the case expects.
//!
//! Outcomes, events and dead letters are taken from the broker as they come out. Entries, balances,
//! documents and answers to questions are read from the state directory beside the daemon, as the
//! commands of an operator do. The comparison is that of `kontor rehearse`, held first against what
//! the case names and then against all that the rehearsal saw.
//!
//! All cases share one clock, which stands until it is moved. A case that has ended is not looked
//! at any more: what the clock makes due in its book later is not its own to tell.

mod course;
mod mail;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kontor::engine::Engine;
use kontor::ids::Position;
use kontor::ledger::{Commit, NameTable, Record};
use kontor::rehearsal::seen::came;
use kontor::rehearsal::{Case, Standing, rehearse};
use kontor::time::Timestamp;
use kontor::wire::outcome;

use crate::support::books::Replica;
use crate::support::daemon::Site;
use crate::support::{PATIENCE, beside_others};
use course::Course;
use mail::Mail;

const NOT_BUILT: &str = include_str!("../cases/not_built.txt");
/// A book of no case. A daemon that has nothing to do looks at the clock once a minute, so a clock
/// that was moved is brought to its notice by a job.
const BELL: &str = "bell";
/// Pause between two looks at the journal.
const PAUSE: Duration = Duration::from_millis(5);

#[tokio::test(flavor = "multi_thread")]
async fn every_case_passes_through_a_broker() {
    let _beside = beside_others().await;
    let mut courses = Courses::of(courses());
    let mut site = Site::new("cases")
        .with("broker.trusted_front_ends", r#"["guest"]"#)
        // The clock stands while the machine's goes on.
        .with("clock.jump_max_s", "86400");
    let books = courses.all.iter().map(Course::settings);
    site.books = books
        .chain([format!("[[book]]\nname = \"{BELL}\"\n")])
        .collect();
    let instants = courses.all.iter().flat_map(Course::instants);
    let instants: BTreeSet<Timestamp> = instants.collect();
    site.clock_at(*instants.first().expect("an instant"));
    let mut daemon = site.run().await;
    let mut mail = Mail::of(&site).await;
    let mut replica = Replica::of(&site.partition());
    let half = instants.len() / 2;
    for (at, now) in instants.into_iter().enumerate() {
        site.clock_at(now);
        if at == half {
            // What the cases in progress have begun must be there for the next process too.
            daemon.stop().await;
            daemon = site.run().await;
        }
        while courses.begin(now) {
            mail.publish(courses.all.iter().flat_map(Course::letters))
                .await;
            mail.ring(BELL, now).await;
            courses.settle(&mut replica, &mut mail, now).await;
            for course in &mut courses.all {
                course.end(&replica, &mail);
            }
        }
    }
    daemon.stop().await;
    replica.follow(replica.told(), |_, _| {});
    let failures: Vec<String> = courses
        .all
        .into_iter()
        .filter_map(Course::failure)
        .collect();
    let count = failures.len();
    assert!(
        failures.is_empty(),
        "{count} cases:\n{}",
        failures.join("\n")
    );
    mail.nothing_else(&replica).await;
}

/// All cases, and what is known of the journal that they share.
struct Courses {
    all: Vec<Course>,
    by_book: BTreeMap<String, usize>,
    names: NameTable,
    /// Ids of outcomes by the positions of their records.
    ids: BTreeMap<Position, String>,
}

impl Courses {
    fn of(all: Vec<Course>) -> Self {
        let books = all.iter().map(|course| course.book().to_owned());
        let by_book: BTreeMap<String, usize> = books.zip(0..).collect();
        assert_eq!(by_book.len(), all.len(), "two cases want the same book");
        Self {
            all,
            by_book,
            names: NameTable::default(),
            ids: BTreeMap::new(),
        }
    }

    /// Begin what comes next at an instant; whether there is anything.
    fn begin(&mut self, now: Timestamp) -> bool {
        let begun = self.all.iter_mut().filter_map(|course| course.begin(now));
        begun.count() > 0
    }

    /// Wait until everything that was sent has come back, and nothing is due.
    async fn settle(&mut self, replica: &mut Replica, mail: &mut Mail, now: Timestamp) {
        let since = Instant::now();
        loop {
            let known = replica.known();
            replica.follow(known, |engine, commit| self.learn(engine, commit));
            mail.collect(PAUSE).await;
            let missing = self.all.iter().find_map(|course| course.missing(mail));
            if missing.is_none() && !replica.engine.is_due(now) {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "still missing: {missing:?}");
        }
    }

    fn learn(&mut self, engine: &Engine, commit: &Commit) {
        self.names.learn(commit);
        for (position, record, came) in came(commit) {
            let id = outcome::message_id(record, commit, &self.names);
            self.ids.insert(position, id.clone());
            let book = engine.book(record.book).expect("its book").name();
            if let Some(place) = self.by_book.get(book) {
                self.all[*place].record((engine, commit), record, came, id);
            }
        }
        for record in &commit.records {
            if let Record::Duplicate(record) = record {
                let book = engine.book(record.book).expect("its book").name();
                let id = self.ids[&record.first].clone();
                self.all[self.by_book[book]].repeated(record, id);
            }
        }
    }
}

/// The cases whose kinds are built.
fn courses() -> Vec<Course> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut courses = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).expect("below the cases");
        let name = name.to_str().expect("text").to_owned();
        let case = Case::read(&std::fs::read(&file).expect("a case")).expect("a case");
        let rehearsed = rehearse(&case).expect("a case");
        match (rehearsed.standing, rehearsed.run) {
            (Standing::NotBuilt(_), _) => {
                assert!(NOT_BUILT.lines().any(|line| line == name), "{name}");
            }
            (_, Some(run)) => courses.push(Course::of(name, case, run.seen)),
            (standing, None) => panic!("{name}: {standing:?}"),
        }
    }
    courses
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
}
