//! One case on its way through the daemon.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use kontor::engine::Engine;
use kontor::ids::BookIndex;
use kontor::ledger::commit::DuplicateRecord;
use kontor::ledger::{Commit, JobRecord, Reply};
use kontor::rehearsal::compare::compare;
use kontor::rehearsal::past::Past;
use kontor::rehearsal::question::ask;
use kontor::rehearsal::seen::{Came, Seen};
use kontor::rehearsal::step::Message;
use kontor::rehearsal::{Case, Mismatch};
use kontor::time::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::mail::{Letter, Mail};
use crate::support::books::Replica;
use crate::support::client::Seen as Received;

/// The book of a case whose jobs name one.
const MAIN: &str = "main";

/// What the journal says came of a message: an outcome by its id, for the first time or again.
#[derive(Debug)]
struct Told {
    /// What its reply carries: the message's own name, or the job's key in a message of many.
    correlation: String,
    id: String,
    again: bool,
}

/// A case, how far it has come, and what was seen of it.
pub(super) struct Course {
    name: String,
    book: String,
    case: Case,
    rehearsed: Map<String, Json>,
    /// Instant and message of each job; no message for a question.
    steps: Vec<(Timestamp, Option<Message>)>,
    /// The jobs on their way: messages, and behind them questions.
    under_way: Range<usize>,
    /// None once the case has ended.
    seen: Option<Seen>,
    told: BTreeMap<u64, Vec<Told>>,
    /// Outcomes of what happened by itself and of what a job set off.
    events: Vec<String>,
    set_off: Vec<String>,
    /// The job of the record before.
    last: u64,
    mismatches: Vec<Mismatch>,
}

impl Course {
    pub(super) fn of(name: String, case: Case, rehearsed: Map<String, Json>) -> Self {
        let mut clock = case.begins().expect("an instant");
        let steps = case.steps().expect("jobs").into_iter().map(|step| {
            // A clock does not go back, and a case cannot make it.
            clock = clock.max(step.now);
            (clock, step.message)
        });
        let steps: Vec<_> = steps.collect();
        let names_a_book = case.jobs.iter().any(|job| job.book().is_some());
        let book = name
            .trim_end_matches(".json")
            .replace('/', "-")
            .to_lowercase();
        Self {
            book: if names_a_book { MAIN.to_owned() } else { book },
            name,
            case,
            rehearsed,
            steps,
            under_way: 0..0,
            seen: Some(Seen::default()),
            told: BTreeMap::new(),
            events: Vec::new(),
            set_off: Vec::new(),
            last: 0,
            mismatches: Vec::new(),
        }
    }

    pub(super) fn book(&self) -> &str {
        &self.book
    }

    pub(super) fn has_ended(&self) -> bool {
        self.seen.is_none()
    }

    pub(super) fn instants(&self) -> impl Iterator<Item = Timestamp> {
        self.steps.iter().map(|(now, _)| *now)
    }

    /// The `[[book]]` of the case, as an operator would write it.
    pub(super) fn settings(&self) -> String {
        let mut members = self.case.given.members();
        // A case that names none has none; the setting has a default.
        members.entry("functional_unit").or_insert(json!(""));
        let mut text = format!("[[book]]\nname = \"{}\"\n", self.book);
        for (name, value) in &members {
            writeln!(text, "{name} = {}", toml(value)).expect("text");
        }
        text
    }

    /// Begin what comes next at this instant: jobs until the next questions, and these; none if
    /// nothing does.
    pub(super) fn begin(&mut self, now: Timestamp) -> Option<()> {
        let begin = self.under_way.end;
        let rest = &self.steps[begin..];
        let here = rest.iter().take_while(|(instant, _)| *instant == now);
        let here: Vec<bool> = here.map(|(_, message)| message.is_some()).collect();
        let jobs = here.iter().take_while(|is_job| **is_job).count();
        let asked = here[jobs..].iter().take_while(|is_job| !**is_job).count();
        self.under_way = begin..begin + jobs + asked;
        (!self.under_way.is_empty()).then_some(())
    }

    pub(super) fn letters(&self) -> impl Iterator<Item = Letter<'_>> {
        self.under_way.clone().filter_map(|at| {
            Some(Letter {
                book: &self.book,
                correlation: self.correlation(at),
                message: self.steps[at].1.as_ref()?,
            })
        })
    }

    fn correlation(&self, at: usize) -> String {
        format!("{}/{}", self.book, self.case.jobs[at].n)
    }

    /// The step that a reply is owed to, and what the reply carries.
    fn owed(&self, reply: &Reply, key: &str) -> (u64, String) {
        let Some(correlation) = reply.correlation_id.as_deref() else {
            return (self.of_many(key), key.to_owned());
        };
        let (book, number) = correlation.rsplit_once('/').expect("a job's name");
        assert_eq!(book, self.book);
        (number.parse().expect("a number"), correlation.to_owned())
    }

    /// The step under way whose message of many jobs has this key.
    fn of_many(&self, key: &str) -> u64 {
        let has = |at: &usize| {
            self.steps[*at].1.as_ref().is_some_and(|message| {
                let many = message.content_type != "application/json";
                let mut windows = message.body.windows(key.len());
                many && windows.any(|window| window == key.as_bytes())
            })
        };
        let found: Vec<usize> = self.under_way.clone().filter(has).collect();
        assert_eq!(found.len(), 1, "{key} in {}", self.name);
        self.case.jobs[found[0]].n
    }

    /// Take in a record of its book, whose outcome has this id.
    pub(super) fn record(
        &mut self,
        (engine, commit): (&Engine, &Commit),
        record: &JobRecord,
        came: Came,
        id: String,
    ) {
        let sent = record
            .envelope
            .reply
            .as_deref()
            .filter(|_| came == Came::Sent);
        let sent = sent.map(|reply| self.owed(reply, &record.envelope.key));
        let Some(seen) = &mut self.seen else {
            return;
        };
        let number = match came {
            Came::Sent => sent.as_ref().expect("every job asks for a reply").0,
            Came::SetOff => self.last,
            Came::ByItself => seen.cause(record),
        };
        self.last = number;
        let book = engine.book(record.book).expect("its book");
        seen.effects(number, record, commit, book);
        match came {
            Came::Sent => {
                let (_, correlation) = sent.expect("every job asks for a reply");
                let told = Told {
                    correlation,
                    id,
                    again: false,
                };
                self.told.entry(number).or_default().push(told);
            }
            Came::SetOff => self.set_off.push(id),
            Came::ByItself => self.events.push(id),
        }
    }

    /// Take in a job that came again; its first outcome has this id.
    pub(super) fn repeated(&mut self, record: &DuplicateRecord, id: String) {
        let (number, correlation) = self.owed(&record.reply, &record.key);
        let told = Told {
            correlation,
            id,
            again: true,
        };
        self.told.entry(number).or_default().push(told);
    }

    /// What should have come by now and has not.
    pub(super) fn missing(&self, mail: &Mail) -> Option<String> {
        for at in self
            .under_way
            .clone()
            .filter(|at| self.steps[*at].1.is_some())
        {
            let (job, correlation) = (&self.case.jobs[at], self.correlation(at));
            let told = self.told.get(&job.n).map_or(&[][..], Vec::as_slice);
            let (came, due) = (
                told.len() + mail.dead(&correlation).count(),
                self.due(job.n),
            );
            if came < due {
                return Some(format!("{correlation}: {came} of {due}: {told:?}"));
            }
            let reply = |told: &&Told| {
                mail.reply(&told.correlation, &told.id, told.again)
                    .is_none()
            };
            if let Some(told) = told.iter().find(reply) {
                return Some(format!("{correlation}: the reply {told:?}"));
            }
        }
        let more = self.events.iter().chain(&self.set_off);
        let missing = more.clone().find(|id| mail.outcome(id).is_none());
        missing.map(|id| format!("the outcome {id}"))
    }

    /// How many outcomes and dead letters a rehearsal saw of a job.
    fn due(&self, number: u64) -> usize {
        let lists = ["outcomes", "rejections"].map(|name| self.rehearsed[name].as_array());
        let all = lists.into_iter().flatten().flatten();
        all.filter(|item| item["job"] == json!(number)).count()
    }

    /// Take in what has come, ask what is asked, and compare once the case has ended.
    pub(super) fn end(&mut self, replica: &Replica, mail: &Mail) {
        let Some(mut seen) = self.seen.take() else {
            return;
        };
        let books = replica.engine.books().iter();
        let place = books.clone().position(|book| book.name() == self.book);
        let index = BookIndex(u16::try_from(place.expect("its book")).expect("few books"));
        let book = replica.engine.book(index).expect("its book");
        for id in self.events.drain(..) {
            seen.event(mail.outcome(&id).expect("it was waited for"));
        }
        for at in self.under_way.clone() {
            let (job, correlation) = (&self.case.jobs[at], self.correlation(at));
            if self.steps[at].1.is_none() {
                let past = Past::of(&replica.commits, index);
                let today = book.zone().date(self.steps[at].0);
                let texts = replica.texts(book.name());
                let answer = ask(job, book, &past, &texts, today).expect("a readable past");
                seen.outcome(job.n, answer, false);
                continue;
            }
            for told in self.told.remove(&job.n).unwrap_or_default() {
                let Told {
                    correlation,
                    id,
                    again,
                } = told;
                let reply = mail.reply(&correlation, &id, again);
                seen.outcome(job.n, reply.expect("it was waited for"), again);
            }
            for letter in mail.dead(&correlation) {
                self.set_aside(job.n, letter, &mut seen);
            }
        }
        if self.under_way.end < self.steps.len() {
            self.seen = Some(seen);
            return;
        }
        let all = seen.finish(&self.case, &replica.engine, &replica.commits, index);
        let mut all = all.expect("a journal in memory");
        all.values_mut().for_each(to_the_microsecond);
        for mut expected in [self.case.expect.clone(), comparable(&self.rehearsed)] {
            expected.values_mut().for_each(to_the_microsecond);
            self.mismatches.extend(compare(&expected, &all));
        }
    }

    /// A dead letter says in words what the rehearsal also has as members. With the same words the
    /// members are taken for the same.
    fn set_aside(&self, number: u64, letter: &Received, seen: &mut Seen) {
        let header = |name| letter.header_text(name);
        let code = header("kontor-reason").expect("a reason");
        let message = header("kontor-detail").expect("a detail");
        let path = header("kontor-path");
        let same = |known: &&Json| {
            known["job"] == json!(number)
                && known["code"] == json!(code)
                && known["message"] == json!(message)
                && known["path"] == json!(path)
        };
        let known = self.rehearsed["rejections"].as_array().expect("a list");
        let detail = known.iter().find(same).map(|known| &known["detail"]);
        let detail = detail
            .and_then(Json::as_object)
            .cloned()
            .unwrap_or_default();
        seen.set_aside(number, &code, &message, path.as_deref(), detail);
    }

    /// What differs, if anything does.
    pub(super) fn failure(self) -> Option<String> {
        assert!(self.has_ended(), "{} has not come to its end", self.name);
        let mut text = String::new();
        for Mismatch {
            path,
            expected,
            got,
        } in &self.mismatches
        {
            let got = got.as_ref().map_or("nothing".to_owned(), Json::to_string);
            write!(
                text,
                "\n  {path}\n    expected {expected}\n    got      {got}"
            )
            .expect("text");
        }
        (!text.is_empty()).then(|| format!("{}: {}{text}", self.name, self.case.title))
    }
}

/// What a rehearsal saw, but for what depends on the way: the name of the book, the digests of what
/// was approved, which are keyed, and when the clock of all cases made something due.
fn comparable(rehearsed: &Map<String, Json>) -> Map<String, Json> {
    let mut all = rehearsed.clone();
    for list in ["outcomes", "rejections", "events"] {
        for item in all.get_mut(list).into_iter().flat_map(members) {
            item.retain(|name, _| !matches!(name.as_str(), "book" | "recorded_at"));
        }
    }
    for document in all.get_mut("documents").into_iter().flat_map(members) {
        document.remove("digest");
        for decided in document.get_mut("decided").into_iter().flat_map(members) {
            decided.remove("digest");
        }
    }
    all
}

/// The objects of a list, or those of an object.
fn members(value: &mut Json) -> Vec<&mut Map<String, Json>> {
    match value {
        Json::Array(items) => items.iter_mut().filter_map(Json::as_object_mut).collect(),
        Json::Object(items) => items.values_mut().filter_map(Json::as_object_mut).collect(),
        _ => Vec::new(),
    }
}

/// Without nanoseconds: while the clock stands, each commit has the next one, and all cases share
/// the commits.
fn to_the_microsecond(value: &mut Json) {
    match value {
        Json::String(text) => {
            if let Some(Timestamp(instant)) = Timestamp::parse(text) {
                *text = Timestamp(instant - instant % 1_000).short();
            }
        }
        Json::Array(items) => items.iter_mut().for_each(to_the_microsecond),
        Json::Object(items) => items.values_mut().for_each(to_the_microsecond),
        _ => {}
    }
}

/// A value as TOML, on one line.
fn toml(value: &Json) -> String {
    match value {
        Json::Null => panic!("there is no null in TOML"),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => value.to_string(),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(members) => {
            let member = |(name, value)| format!("{} = {}", json!(name), toml(value));
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{ {} }}", members.join(", "))
        }
    }
}
