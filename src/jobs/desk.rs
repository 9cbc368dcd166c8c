//! A desk to try kinds at: jobs go in as JSON and their outcomes come out as JSON, through the real
//! reader, engine and encoder, and every commit is replayed into a second engine that must agree.

use serde_json::{Value as Json, json};

use crate::engine::due::NoOldKeys;
use crate::engine::{Engine, Secrets, Verdict};
use crate::ids::{AccountIndex, BookIndex, EntryNo, Position, UnitIndex};
use crate::jobs::Job;
use crate::jobs::job::Looked;
use crate::ledger::account::AccountClass;
use crate::ledger::commit::SetupRecord;
use crate::ledger::effect::{AccountChange, AccountOpened, Effect, HoldPlaced, Nature, Post};
use crate::ledger::period::PeriodState;
use crate::ledger::plan::{NaturalKeys, PastEntry, PastNeeded};
use crate::ledger::reference::Record;
use crate::ledger::{Book, Commit, Leg, Movements, NameTable, Side};
use crate::limits::DUE_JOBS_MAX;
use crate::money::Number;
use crate::money::currency::currency;
use crate::money::minor::signed_minor;
use crate::pipeline::decode::{Item, Sealer, Subject, seal};
use crate::raw_json::RawJson;
use crate::time::{Date, Month, Timestamp};
use crate::wire::message::{BookRules, Head, JobReader, Unsealed, read_binary};
use crate::wire::outcome;

const SECRET: [u8; 32] = [7; 32];

/// An account before the first job: name, unit, class, opening, lower limit.
pub(crate) type Row<'a> = (&'a str, &'a str, &'a str, &'a str, Option<&'a str>);

/// A book with its engine, and what became of its jobs.
pub(crate) struct Desk {
    engine: Engine,
    replica: Engine,
    reader: JobReader,
    now: Timestamp,
    jobs: usize,
    /// Every commit so far.
    pub(crate) commits: Vec<Commit>,
    /// Outcomes of what the engine did by itself.
    pub(crate) events: Vec<Json>,
}

struct Plain;

impl Sealer for Plain {
    type Fault = std::convert::Infallible;

    fn ensure(&mut self, _: &[Subject]) -> Result<(), Self::Fault> {
        Ok(())
    }

    fn seal(&mut self, _: &Subject, _: &str, plain: &[u8]) -> Result<Vec<u8>, Self::Fault> {
        Ok(plain.to_vec())
    }
}

fn engine() -> Engine {
    let secrets = Secrets {
        natural: NaturalKeys(SECRET),
        keys: SECRET,
        seed: 7,
    };
    Engine::new(secrets, read_binary)
}

impl Desk {
    /// A book with accounts and reference records (type, name, JSON value) on 2027-01-01.
    pub(crate) fn new(rows: &[Row<'_>], records: &[(Record, &str, &str)]) -> Self {
        let rules = BookRules {
            name: "main".into(),
            index: BookIndex(0),
            pan_policy: crate::ledger::reference::PanPolicy::Reject,
        };
        let mut desk = Self {
            engine: engine(),
            replica: engine(),
            reader: JobReader::new(vec![rules], SECRET),
            now: Timestamp::default(),
            jobs: 0,
            commits: Vec::new(),
            events: Vec::new(),
        };
        // Set up long before, so that tests may put the clock back to where their dates are.
        desk.at("2000-01-01T00:00:00Z");
        desk.set_up(rows, records);
        desk.at("2027-01-01T00:00:00Z");
        desk
    }

    /// A book that begins with accounts and settings as a case file gives them.
    pub(crate) fn given(accounts: &Json, config: &Json) -> Self {
        let mut members = vec![("accounts".to_owned(), RawJson::new(accounts.to_string()))];
        for (name, value) in config.as_object().unwrap() {
            members.push((name.clone(), RawJson::new(value.to_string())));
        }
        let parts = crate::jobs::setup::compile(&members).unwrap();
        let mut desk = Self::new(&[], &[]);
        desk.set_up_with(parts.effects, parts.legs);
        desk
    }

    /// Move the clock.
    pub(crate) fn at(&mut self, instant: &str) {
        self.now = Timestamp::parse(instant).unwrap();
    }

    /// The book.
    pub(crate) fn book(&self) -> &Book {
        self.engine.book(BookIndex(0)).unwrap()
    }

    /// Close a month for everybody.
    pub(crate) fn close(&mut self, month: &str) {
        let closed = Effect::Period {
            month: Month::parse(month).unwrap(),
            state: PeriodState::Closed,
        };
        self.set_up_with(vec![closed], Vec::new());
    }

    /// Run a job under a key of its own and give its outcome as it is published.
    pub(crate) fn run(&mut self, kind: &str, data: &Json) -> Json {
        self.run_as(None, kind, data)
    }

    /// Run a job of somebody.
    pub(crate) fn run_as(&mut self, actor: Option<&str>, kind: &str, data: &Json) -> Json {
        self.jobs += 1;
        let key = format!("job-{}", self.jobs);
        let mut job = json!({ "key": key, "kind": kind, "data": data });
        if let Some(actor) = actor {
            job["actor"] = json!(actor);
        }
        self.send(&job)
    }

    /// Run a job under the key that it names.
    pub(crate) fn send(&mut self, job: &Json) -> Json {
        let kind = &job["kind"];
        let job = job.to_string();
        let head = Head {
            book: Some("main"),
            trusted: true,
            ..Head::default()
        };
        let unsealed = self.reader.json(job.as_bytes(), &head, false).unwrap();
        let mut items = [Item::Job {
            job: unsealed,
            line: 0,
        }];
        let Ok(()) = seal(items.iter_mut(), &mut Plain);
        let [
            Item::Job {
                job: Unsealed { job, .. },
                ..
            },
        ] = items
        else {
            panic!("sealing makes no dead letters");
        };
        self.due();
        let job = Box::new(self.look_up(*job));
        let mut commit = self.engine.begin(self.now);
        let verdict = self.engine.apply(job, &mut commit).unwrap();
        let Verdict::Recorded(position) = verdict else {
            panic!("{kind} has no outcome of its own: {verdict:?}");
        };
        self.engine.finish(&mut commit);
        let outcome = self.published(&commit, position);
        self.keep(commit);
        outcome
    }

    /// Do what is due by now; outcomes go to `events`.
    pub(crate) fn due(&mut self) {
        while self.engine.is_due(self.now) {
            let mut commit = self.engine.begin(self.now);
            self.engine
                .apply_due(&mut commit, DUE_JOBS_MAX, &mut NoOldKeys)
                .unwrap();
            self.engine.finish(&mut commit);
            for (position, _) in commit.positions() {
                let outcome = self.published(&commit, position);
                self.events.push(outcome);
            }
            self.keep(commit);
        }
    }

    fn published(&self, commit: &Commit, position: Position) -> Json {
        let names = NameTable::of_books(self.engine.books());
        let mut text = Vec::new();
        let record = outcome::at(commit, position).unwrap();
        outcome::encode(record, commit, &names, &mut text);
        serde_json::from_slice(&text).unwrap()
    }

    /// Hold an amount, in minor units, as a hold of a kind would.
    pub(crate) fn hold(&mut self, number: &str, debit: &str, credit: &str, amount: i64) {
        self.hold_of(number, "", (debit, credit), amount);
    }

    /// The same for a document that owns it.
    pub(crate) fn hold_of(
        &mut self,
        number: &str,
        owner: &str,
        (debit, credit): (&str, &str),
        amount: i64,
    ) {
        let find = |name: &str| self.book().accounts().find(name).unwrap();
        let legs = vec![
            Leg::debit(find(debit), amount),
            Leg::credit(find(credit), amount),
        ];
        let hold = HoldPlaced {
            number: number.into(),
            legs: 0..2,
            expires_at: None,
            owner: (!owner.is_empty()).then(|| owner.into()),
            document_ref: None,
        };
        self.set_up_with(vec![Effect::Hold(Box::new(hold))], legs);
    }

    /// Post an entry, in minor units, that a document owns.
    pub(crate) fn owned(&mut self, debit: &str, credit: &str, amount: i64) {
        let find = |name: &str| self.book().accounts().find(name).unwrap();
        let legs = vec![
            Leg::debit(find(debit), amount),
            Leg::credit(find(credit), amount),
        ];
        let day = Date::parse("2026-12-01").unwrap();
        let post = Effect::Post(Post {
            number: self.book().next_entry(),
            booking_date: day,
            value_date: day,
            legs: 0..2,
            reverses: None,
            owned: true,
            opening: false,
            nature: Nature::Plain,
            document_ref: None,
        });
        self.set_up_with(vec![post], legs);
    }

    /// Give a job what it asks for of the past, out of the commits.
    fn look_up(&self, mut job: Job) -> Job {
        match self.engine.needs_past(&job) {
            None => {}
            Some(PastNeeded::Entry(number)) => {
                for commit in &self.commits {
                    let posts = commit.effects.iter().filter_map(Effect::as_post);
                    for post in posts.filter(|post| post.number == number) {
                        let legs = commit.legs(&post.legs).to_vec();
                        let post = post.clone();
                        job.entry = Looked::Found(Box::new(PastEntry { post, legs }));
                    }
                }
            }
            Some(PastNeeded::Movements(account)) => {
                let mut movements = Movements::of(account);
                for commit in &self.commits {
                    commit.entries_of(job.book, &mut |post, legs| movements.add(post, legs));
                }
                job.entry = Looked::Movements(movements.list());
            }
        }
        job
    }

    /// The balance of an account on its normal side.
    pub(crate) fn balance(&self, account: &str) -> String {
        let known = self.book().accounts().by_name(account).unwrap();
        let decimals = self.book().units().decimals(known.unit);
        crate::money::print_minor(known.balance(), decimals)
    }

    fn keep(&mut self, commit: Commit) {
        self.replica.replay(&commit).unwrap();
        assert_eq!(self.replica.digest(), commit.digest, "replay differs");
        self.commits.push(commit);
        // A desk that posts on and on has shown it by then.
        if self.commits.len() < 100 {
            self.check_carried();
        }
    }

    /// What a snapshot would write of the book rebuilds an equal one.
    fn check_carried(&self) {
        let (book, again) = (self.book(), self.carried());
        assert_eq!(again.digest(), book.digest(), "carried differs");
        assert_eq!(again.first_due(), book.first_due());
        assert!(again.months().iter().eq(book.months().iter()), "months");
    }

    /// The book as a snapshot would carry it on.
    pub(crate) fn carried(&self) -> Book {
        let book = self.book();
        let mut again = Book::new(book.name(), book.functional_unit(), book.zone().clone(), 7);
        let carried = book.carry(&mut |effect: Effect, legs: &[Leg]| again.apply(&effect, legs));
        carried.unwrap();
        again
    }

    fn set_up(&mut self, rows: &[Row<'_>], records: &[(Record, &str, &str)]) {
        let mut opening = Opening::default();
        for row in rows {
            opening.account(row);
        }
        for (record, name, value) in records {
            opening.effects.push(Effect::Reference {
                record: *record,
                name: (*name).into(),
                valid_from: None,
                value: RawJson::new(*value),
            });
        }
        self.set_up_with(opening.effects, opening.legs);
    }

    /// Apply effects as a setup does.
    pub(crate) fn set_up_with(&mut self, effects: Vec<Effect>, legs: Vec<Leg>) {
        let mut commit = self.engine.begin(self.now);
        (commit.effects, commit.legs) = (effects, legs);
        let record = SetupRecord {
            book: BookIndex(0),
            name: "main".into(),
            functional_unit: Some("EUR".into()),
            time_zone: "Europe/Berlin".into(),
            file_hash: [0; 32],
            effects: 0..u32::try_from(commit.effects.len()).unwrap(),
        };
        self.engine.set_up(record, &mut commit).unwrap();
        self.engine.finish(&mut commit);
        self.keep(commit);
    }
}

/// Everything that is named in the expected value is there and equal, one level deep.
#[track_caller]
pub(crate) fn shows(outcome: &Json, expected: &Json) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&outcome[name], value, "{name} of {outcome:#}");
    }
}

/// The effects of a book's beginning.
#[derive(Default)]
struct Opening {
    effects: Vec<Effect>,
    legs: Vec<Leg>,
    units: Vec<(String, u8)>,
    accounts: Vec<String>,
}

impl Opening {
    fn account(&mut self, (name, unit, class, opening, min): &Row<'_>) {
        let index = self.unit(unit, opening);
        let decimals = self.units[index.slot()].1;
        let minor = |text: &str| signed_minor(Number::parse(text).unwrap(), decimals).unwrap();
        let class = AccountClass::of_text(class).unwrap();
        let account = self.open(name, index, class, min.map(|min| i128::from(minor(min))));
        let amount = minor(opening);
        if amount == 0 {
            return;
        }
        let against = self.open(
            &format!("opening/{unit}"),
            index,
            AccountClass::Equity,
            None,
        );
        let start = u32::try_from(self.legs.len()).unwrap();
        let (debited, credited) = if class.normal_side() == Side::Debit {
            (account, against)
        } else {
            (against, account)
        };
        self.legs.push(Leg::debit(debited, amount));
        self.legs.push(Leg::credit(credited, amount));
        let day = Date::parse("1900-01-01").unwrap();
        self.effects.push(Effect::Post(Post {
            number: EntryNo(0),
            booking_date: day,
            value_date: day,
            legs: start..start + 2,
            reverses: None,
            owned: false,
            opening: true,
            nature: Nature::Plain,
            document_ref: None,
        }));
    }

    fn unit(&mut self, code: &str, opening: &str) -> UnitIndex {
        let known = self.units.iter().position(|(known, _)| known == code);
        let place = known.unwrap_or_else(|| {
            let own = Number::parse(opening).unwrap().scale;
            let decimals = currency(code).map_or(own, |listed| listed.decimals);
            self.effects.push(Effect::Unit {
                code: code.into(),
                decimals,
                until: None,
            });
            self.units.push((code.to_owned(), decimals));
            self.units.len() - 1
        });
        UnitIndex(u16::try_from(place).unwrap())
    }

    fn open(
        &mut self,
        name: &str,
        unit: UnitIndex,
        class: AccountClass,
        min_available: Option<i128>,
    ) -> AccountIndex {
        if let Some(place) = self.accounts.iter().position(|known| known == name) {
            return AccountIndex(u32::try_from(place).unwrap());
        }
        let change = AccountChange {
            min_available,
            ..AccountChange::default()
        };
        self.effects
            .push(Effect::AccountOpened(Box::new(AccountOpened {
                name: name.into(),
                unit,
                class,
                change,
            })));
        self.accounts.push(name.to_owned());
        AccountIndex(u32::try_from(self.accounts.len() - 1).unwrap())
    }
}
