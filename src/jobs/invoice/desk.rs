//! A desk to try kinds of receivables at: one book, the real engine, jobs as JSON text, and a
//! second engine that replays every commit and must agree.
//!
//! Unlike the desk of all kinds it shows legs, documents and refusals as case files do, and sets up
//! open items, series and limits.

use serde_json::{Value as Json, json};

use crate::engine::{Engine, Secrets, Verdict};
use crate::ids::{AccountIndex, BookIndex, Hash128, KindCode, SchemaVersion, UnitIndex};
use crate::jobs::job::{Cold, Looked};
use crate::jobs::{Body, Job, JobData, JobKind, KindInfo, kind_code};
use crate::ledger::account::AccountClass;
use crate::ledger::commit::SetupRecord;
use crate::ledger::effect::{AccountChange, AccountOpened, DocumentChange, Effect, Nature, Post};
use crate::ledger::plan::NaturalKeys;
use crate::ledger::reference::Record as ReferenceRecord;
use crate::ledger::{
    Book, Commit, DocumentKind, DocumentState, Envelope, JobRecord, Leg, Record, Rejection, Side,
    Value,
};
use crate::money::print_minor;
use crate::raw_json::RawJson;
use crate::time::{Date, Timestamp};

/// The desk: what is set up before the first job, then the engine.
pub(crate) struct Desk {
    engine: Engine,
    replica: Engine,
    setup: Vec<Effect>,
    legs: Vec<Leg>,
    accounts: u32,
    units: Vec<String>,
    functional: Option<&'static str>,
    ready: bool,
    jobs: u128,
}

impl Desk {
    pub(crate) fn new(functional: Option<&'static str>) -> Self {
        Self {
            engine: engine(),
            replica: engine(),
            setup: Vec::new(),
            legs: Vec::new(),
            accounts: 0,
            units: Vec::new(),
            functional,
            ready: false,
            jobs: 0,
        }
    }

    /// Open accounts `name unit class`, one a line.
    pub(crate) fn accounts(mut self, rows: &str) -> Self {
        for row in rows.lines().map(str::trim).filter(|row| !row.is_empty()) {
            let [name, unit, class] = row.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{row}");
            };
            self = self.account(name, unit, class, AccountChange::default());
        }
        self
    }

    pub(crate) fn account(
        mut self,
        name: &str,
        unit: &str,
        class: &str,
        change: AccountChange,
    ) -> Self {
        let unit = self.unit(unit);
        self.setup
            .push(Effect::AccountOpened(Box::new(AccountOpened {
                name: name.into(),
                unit,
                class: AccountClass::of_text(class).unwrap(),
                change,
            })));
        self.accounts += 1;
        self
    }

    fn unit(&mut self, code: &str) -> UnitIndex {
        if !self.units.iter().any(|known| known == code) {
            self.units.push(code.to_owned());
            let listed = crate::money::currency::currency(code);
            self.setup.push(Effect::Unit {
                code: code.into(),
                decimals: listed.map_or(2, |listed| listed.decimals),
                until: listed.and_then(|listed| listed.until),
            });
        }
        let place = self.units.iter().position(|known| known == code).unwrap();
        UnitIndex(u16::try_from(place).unwrap())
    }

    /// Set a reference record.
    pub(crate) fn record(mut self, record: ReferenceRecord, name: &str, value: &str) -> Self {
        self.setup.push(Effect::Reference {
            record,
            name: name.into(),
            valid_from: None,
            value: RawJson::new(value),
        });
        self
    }

    pub(crate) fn tax(self, code: &str, value: &str) -> Self {
        self.record(ReferenceRecord::Tax, code, value)
    }

    pub(crate) fn series(mut self, name: &str, next: u64, width: u8) -> Self {
        self.setup.push(Effect::Series {
            name: name.into(),
            next,
            width,
        });
        self
    }

    /// An opening of the account opened last, in minor units, on its debit side, against
    /// `opening/…`.
    pub(crate) fn opening(mut self, amount: i64) -> Self {
        let account = AccountIndex(self.accounts - 1);
        let Some(Effect::AccountOpened(opened)) = self.setup.last() else {
            panic!("no account was opened");
        };
        let unit = self.units[opened.unit.slot()].clone();
        let name = format!("opening/{}", opened.name);
        self = self.account(&name, &unit, "equity", AccountChange::default());
        let start = u32::try_from(self.legs.len()).unwrap();
        for (account, side) in [
            (account, Side::Debit),
            (AccountIndex(self.accounts - 1), Side::Credit),
        ] {
            self.legs.push(Leg {
                account,
                side: if amount < 0 { side.opposite() } else { side },
                amount: amount.abs(),
                value_date: None,
            });
        }
        self.setup.push(Effect::Post(Post {
            number: crate::ids::EntryNo(0),
            booking_date: Date::new(1900, 1, 1).unwrap(),
            value_date: Date::new(1900, 1, 1).unwrap(),
            legs: start..start + 2,
            reverses: None,
            owned: false,
            opening: true,
            nature: Nature::Plain,
            document_ref: None,
        }));
        self
    }

    /// An open item: `number customer due open` with the amount in minor units.
    pub(crate) fn item(mut self, number: &str, party: &str, due: &str, open: i64) -> Self {
        let unit = self.unit("EUR");
        self.setup.push(Effect::Document(Box::new(DocumentChange {
            number: number.into(),
            kind: DocumentKind::Invoice,
            state: if open == 0 {
                DocumentState::Paid
            } else {
                DocumentState::Open
            },
            version: 1,
            unit,
            party: party.into(),
            due: Date::parse(due),
            open: i128::from(open),
            set: Vec::new(),
        })));
        self
    }

    /// A month's state, before or between the jobs.
    pub(crate) fn lock(mut self, month: &str) -> Self {
        self.setup.push(Effect::Period {
            month: crate::time::Month::parse(month).unwrap(),
            state: crate::ledger::period::PeriodState::SoftLocked,
        });
        self
    }

    /// Change an account that is open.
    pub(crate) fn change(mut self, account: u32, change: AccountChange) -> Self {
        self.setup.push(Effect::AccountChanged {
            account: AccountIndex(account),
            change: Box::new(change),
        });
        self
    }

    pub(crate) fn book(&self) -> &Book {
        self.engine.book(BookIndex(0)).unwrap()
    }

    /// A document as a case file shows it.
    pub(crate) fn document(&self, number: &str) -> Json {
        let book = self.book();
        let document = book.documents().get(number).unwrap();
        let decimals = book.units().decimals(document.unit);
        let mut shown = members(&document.members);
        shown["state"] = json!(document.state.text());
        shown["open"] = json!(print_minor(document.open, decimals));
        shown
    }

    /// The balance of an account on its normal side.
    pub(crate) fn balance(&self, name: &str) -> String {
        let account = self.book().accounts().by_name(name).unwrap();
        print_minor(
            account.balance(),
            self.book().units().decimals(account.unit),
        )
    }

    fn set_up(&mut self) {
        let mut commit = self.engine.begin(now());
        commit.effects = std::mem::take(&mut self.setup);
        commit.legs = std::mem::take(&mut self.legs);
        let record = SetupRecord {
            book: BookIndex(0),
            name: "main".into(),
            functional_unit: self.functional.map(Into::into),
            time_zone: "Europe/Berlin".into(),
            file_hash: [0; 32],
            effects: 0..u32::try_from(commit.effects.len()).unwrap(),
        };
        self.engine.set_up(record, &mut commit).unwrap();
        self.keep(&mut commit);
        self.ready = true;
    }

    /// What replays differently would be lost with the next restart.
    fn keep(&mut self, commit: &mut Commit) {
        self.engine.finish(commit);
        self.replica.replay(commit).unwrap();
        assert_eq!(self.replica.digest(), commit.digest, "replay differs");
    }

    /// Run a job and show what became of it.
    pub(crate) fn run(&mut self, kind: &str, data: &Json) -> Answer {
        if !self.ready {
            self.set_up();
        }
        self.jobs += 1;
        let code = kind_code(kind).unwrap();
        let read = Read(data.to_string());
        let data: JobData = JobData::visit(code, &mut { read }).unwrap();
        let body = match data.options() {
            Ok(()) => Body::Data(data),
            Err(refusal) => Body::Refused {
                refusal,
                data: Some(data),
            },
        };
        let job = Job {
            book: BookIndex(0),
            key_hash: Hash128(self.jobs),
            envelope: envelope(code, self.jobs),
            unknown_kind: None,
            actor_vouched: true,
            expires_at: None,
            time_fault: None,
            body,
            entry: Looked::Not,
            cold: Cold::default(),
            inside: None,
        };
        let mut commit = self.engine.begin(now());
        let verdict = self.engine.apply(Box::new(job), &mut commit).unwrap();
        assert!(matches!(verdict, Verdict::Recorded(_)), "{verdict:?}");
        self.keep(&mut commit);
        let Some(Record::Job(record)) = commit.records.pop() else {
            panic!("a job leaves a record");
        };
        assert_balanced(self.book());
        Answer::of(self.book(), &record, &commit)
    }
}

fn engine() -> Engine {
    let secrets = Secrets {
        natural: NaturalKeys([7; 32]),
        keys: [7; 32],
        seed: 7,
    };
    Engine::new(secrets, crate::wire::message::read_binary)
}

/// Every unit balances over the whole book, and customers' open items make up their receivables.
fn assert_balanced(book: &Book) {
    for (place, unit) in book.units().iter().enumerate() {
        let of_unit = book
            .accounts()
            .iter()
            .filter(|(_, account)| account.unit.slot() == place);
        let sum: i128 = of_unit
            .map(|(_, account)| account.counters().balance(Side::Debit))
            .sum();
        assert_eq!(sum, 0, "{}", unit.code);
    }
    for (_, account) in book.accounts().iter() {
        if let Some(customer) = account.name.strip_prefix("ar/") {
            let open = book.documents().open_items(customer);
            let sum: i128 = open.map(|(_, item)| item.open).sum();
            assert_eq!(account.balance(), sum, "{}", account.name);
        }
    }
}

fn now() -> Timestamp {
    Timestamp::parse("2027-01-01T00:00:00Z").unwrap()
}

fn envelope(kind: KindCode, number: u128) -> Envelope {
    Envelope {
        key: format!("job-{number}").into(),
        kind,
        schema_version: SchemaVersion(1),
        fingerprint: Hash128(number),
        fingerprint_rule: 1,
        content: Vec::new(),
        sealed: false,
        principal: None,
        actor: None,
        reply: None,
        traceparent: None,
        occurred_at: None,
    }
}

struct Read(String);

impl crate::jobs::KindVisitor for Read {
    type Made = JobData;

    fn visit<K: JobKind>(&mut self, _: &'static KindInfo, wrap: fn(Box<K>) -> JobData) -> JobData {
        wrap(Box::new(serde_json::from_str(&self.0).unwrap()))
    }
}

/// What became of a job.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status and members, as outcomes show them.
    pub(crate) outcome: Json,
    /// Legs of its entries, as case files show them.
    pub(crate) legs: Json,
    /// The refusal, if it was refused.
    pub(crate) refusal: Option<Rejection>,
}

impl Answer {
    fn of(book: &Book, record: &JobRecord, commit: &Commit) -> Self {
        let mut outcome = members(&record.outcome.members);
        outcome["status"] = json!(record.outcome.status.text());
        let mut legs = Vec::new();
        for post in commit.effects.iter().filter_map(Effect::as_post) {
            assert!(post.owned, "a document owns its entry");
            for leg in commit.legs(&post.legs) {
                let account = book.accounts().get(leg.account).unwrap();
                let decimals = book.units().decimals(account.unit);
                let side = if leg.side == Side::Debit { "dr" } else { "cr" };
                let amount = print_minor(i128::from(leg.amount), decimals);
                legs.push(json!(format!("{side} {} {amount}", account.name)));
            }
        }
        Self {
            outcome,
            legs: Json::Array(legs),
            refusal: record.outcome.rejection.clone(),
        }
    }

    /// Code, place and detail of the refusal.
    pub(crate) fn refused(&self) -> (&'static str, &str, Json) {
        let refusal = self.refusal.as_ref().unwrap_or_else(|| panic!("{self:?}"));
        let path = refusal.path().unwrap_or_default();
        (refusal.code().text(), path, members(refusal.detail()))
    }

    /// The same of a refusal whose detail does not matter.
    pub(crate) fn code(&self) -> (&'static str, &str) {
        let (code, path, _) = self.refused();
        (code, path)
    }
}

pub(crate) fn members(members: &crate::ledger::Members) -> Json {
    let shown = members
        .iter()
        .map(|(name, value)| (name.to_string(), shown(value)));
    Json::Object(shown.collect())
}

fn shown(value: &Value) -> Json {
    match value {
        Value::Bool(flag) => json!(flag),
        Value::Int(count) => json!(count),
        Value::Text(text) => json!(text),
        Value::Amount { minor, decimals } => json!(print_minor(*minor, *decimals)),
        Value::Date(date) => json!(date.to_string()),
        Value::List(values) => values.iter().map(shown).collect(),
        Value::Object(object) => members(object),
    }
}

/// Asserts that `got` has every member of `expected`, as case files compare.
pub(crate) fn assert_has(got: &Json, expected: &Json) {
    match (got, expected) {
        (Json::Object(got), Json::Object(expected)) => {
            for (name, value) in expected {
                let known = got
                    .get(name)
                    .unwrap_or_else(|| panic!("no {name} in {got:?}"));
                assert_has(known, value);
            }
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).for_each(|(a, b)| assert_has(a, b));
        }
        (got, expected) => assert_eq!(got, expected),
    }
}
