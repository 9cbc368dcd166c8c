//! What became of a case, in the shape in which a case says what it expects.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::case::Case;
use super::run::RehearsalFault;
use super::{functions, verify};
use crate::engine::Engine;
use crate::ids::{BookIndex, Position};
use crate::ledger::value::Members;
use crate::ledger::{Book, Commit, Effect, JobRecord, Leg, Post, Side, Value};
use crate::money::{Minor, print_minor};
use crate::time::Month;
use crate::wire::outcome::write_value;

/// The lists that grow with the jobs.
#[derive(Debug, Default)]
pub struct Seen {
    entries: Vec<Json>,
    outcomes: Vec<Json>,
    rejections: Vec<Json>,
    events: Vec<Json>,
    numbers: BTreeMap<String, Vec<u64>>,
    /// By which job a document, a hold or an entry came into the book.
    causes: BTreeMap<String, u64>,
    by_period: BTreeMap<Month, BTreeMap<String, (Minor, u8)>>,
}

/// Members as JSON, as the encoder of outcomes writes them.
pub(super) fn shown(members: &Members) -> Map<String, Json> {
    let member = |(name, value): &(_, Value)| {
        let name: &std::borrow::Cow<'static, str> = name;
        (name.to_string(), shown_value(value))
    };
    members.iter().map(member).collect()
}

fn shown_value(value: &Value) -> Json {
    let mut text = Vec::new();
    write_value(value, &mut text);
    // The encoder writes JSON; its own tests hold that.
    serde_json::from_slice(&text).unwrap_or_default()
}

/// How a record came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// A producer sent the job.
    Sent,
    /// It waited in the book, and the job before decided it.
    SetOff,
    /// The engine did it by itself, because it was due.
    ByItself,
}

/// The jobs' records of a commit with their positions, and how each came about.
pub fn came(commit: &Commit) -> impl Iterator<Item = (Position, &JobRecord, Came)> {
    let mut before = Came::Sent;
    commit.positions().filter_map(move |(position, record)| {
        let record = record.as_job()?;
        before = match (record.follows(), before) {
            (true, Came::ByItself) => Came::ByItself,
            (true, Came::Sent | Came::SetOff) => Came::SetOff,
            (false, _) if record.event.is_some() => Came::ByItself,
            (false, _) => Came::Sent,
        };
        Some((position, record, before))
    })
}

/// What an effect brings into the book that work of the engine's own may be about.
fn begun(effect: &Effect) -> Option<String> {
    if let Effect::Document(change) = effect {
        Some(change.number.to_string())
    } else if let Effect::Hold(hold) = effect {
        Some(hold.number.to_string())
    } else {
        effect.as_post().map(|post| post.number.to_string())
    }
}

impl Seen {
    /// Take in an outcome as published: among the rejections if it is one.
    pub fn outcome(&mut self, job: u64, mut outcome: Map<String, Json>, duplicate: bool) {
        outcome.insert("job".to_owned(), json!(job));
        if duplicate {
            outcome.insert("duplicate".to_owned(), json!(true));
        }
        if outcome.get("status") == Some(&json!("rejected")) {
            self.rejections.push(Json::Object(outcome));
        } else {
            self.outcomes.push(Json::Object(outcome));
        }
    }

    /// Take in what was set aside instead of getting an outcome.
    pub fn set_aside(
        &mut self,
        job: u64,
        code: &str,
        message: &str,
        path: Option<&str>,
        mut detail: Map<String, Json>,
    ) {
        detail.insert("dead_letter".to_owned(), json!(true));
        self.rejections.push(json!({
            "job": job,
            "code": code,
            "message": message,
            "path": path,
            "detail": detail,
        }));
    }

    /// Take in what the engine did by itself.
    pub fn event(&mut self, mut outcome: Map<String, Json>) {
        if let Some(name) = outcome.get("event").cloned() {
            outcome.insert("type".to_owned(), name);
        }
        self.events.push(Json::Object(outcome));
    }

    /// The job that caused what the engine does by itself: the one by which the thing came into the
    /// book that the work is about.
    pub fn cause(&self, record: &JobRecord) -> u64 {
        let about = String::from_utf8_lossy(&record.envelope.content);
        self.causes.get(&*about).copied().unwrap_or_default()
    }

    /// Take in the effects of a job's record.
    pub fn effects(&mut self, job: u64, record: &JobRecord, commit: &Commit, book: &Book) {
        for effect in commit.effects(&record.effects) {
            if let Some(begun) = begun(effect) {
                self.causes.entry(begun).or_insert(job);
            }
            if let Effect::Number { series, number } = effect {
                let numbers = self.numbers.entry(series.to_string()).or_default();
                numbers.push(*number);
            }
            if let Some(post) = effect.as_post().filter(|post| !post.opening) {
                self.entry(job, post, commit.legs(&post.legs), book);
            }
        }
    }

    fn entry(&mut self, job: u64, post: &Post, legs: &[Leg], book: &Book) {
        let mut entry = Map::new();
        entry.insert("job".to_owned(), json!(job));
        entry.insert("entry_no".to_owned(), json!(post.number.0));
        entry.insert(
            "booking_date".to_owned(),
            json!(post.booking_date.to_string()),
        );
        entry.insert("value_date".to_owned(), json!(post.value_date.to_string()));
        if let Some(reversed) = post.reverses {
            entry.insert("reverses".to_owned(), json!(reversed.0));
        }
        if let Some(reference) = &post.document_ref {
            entry.insert("document_ref".to_owned(), json!(reference));
        }
        let legs: Vec<Json> = legs
            .iter()
            .filter_map(|leg| self.leg(post, leg, book))
            .collect();
        entry.insert("legs".to_owned(), Json::Array(legs));
        self.entries.push(Json::Object(entry));
    }

    fn leg(&mut self, post: &Post, leg: &Leg, book: &Book) -> Option<Json> {
        let account = book.accounts().get(leg.account)?;
        let decimals = book.units().decimals(account.unit);
        let side = if leg.side == Side::Debit { "dr" } else { "cr" };
        let amount = Minor::from(leg.amount);
        let month = self.by_period.entry(post.booking_date.month()).or_default();
        let moved = month
            .entry(account.name.to_string())
            .or_insert((0, decimals));
        moved.0 += if leg.side == account.class.normal_side() {
            amount
        } else {
            -amount
        };
        let mut shown = Map::new();
        shown.insert(side.to_owned(), json!(&*account.name));
        shown.insert("amount".to_owned(), json!(print_minor(amount, decimals)));
        shown.insert("unit".to_owned(), json!(book.units().code(account.unit)));
        if let Some(date) = leg.value_date {
            shown.insert("value_date".to_owned(), json!(date.to_string()));
        }
        Some(Json::Object(shown))
    }

    /// Everything that the case can name, with what stands in the book at the end; nothing if there
    /// is no such book.
    pub fn finish(
        self,
        case: &Case,
        engine: &Engine,
        commits: &[Commit],
        index: BookIndex,
    ) -> Result<Map<String, Json>, RehearsalFault> {
        let Some(book) = engine.book(index) else {
            return Ok(Map::new());
        };
        let mut all = self.all(book);
        if let Some(named) = case.expect.get("checks") {
            let checks = verify::checks(named, commits, book, index)?;
            all.insert("checks".to_owned(), checks);
        }
        if let Some(Json::Array(checks)) = case.expect.get("function_checks") {
            let made = checks.iter().map(functions::check).collect();
            all.insert("function_checks".to_owned(), Json::Array(made));
        }
        Ok(all)
    }

    fn all(self, book: &Book) -> Map<String, Json> {
        let (mut balances, mut held) = (Map::new(), Map::new());
        for (_, account) in book.accounts().iter() {
            let decimals = book.units().decimals(account.unit);
            let name = account.name.to_string();
            balances.insert(
                name.clone(),
                json!(print_minor(account.balance(), decimals)),
            );
            held.insert(name, json!(print_minor(account.held(), decimals)));
        }
        let mut documents = Map::new();
        for (number, document) in book.documents().iter() {
            let decimals = book.units().decimals(document.unit);
            let mut members = shown(&document.members);
            members.insert("state".to_owned(), json!(document.state.text()));
            members.insert(
                "open".to_owned(),
                json!(print_minor(document.open, decimals)),
            );
            // A name that is a number as well is told apart by its kind.
            let name = if documents.contains_key(number) {
                format!("{} {number}", document.kind.text())
            } else {
                number.to_owned()
            };
            documents.insert(name, Json::Object(members));
        }
        let series = self.numbers.iter().map(|(name, numbers)| {
            let (first, last) = (numbers.first().copied(), numbers.last().copied());
            let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
            let count = u64::try_from(numbers.len()).unwrap_or(u64::MAX);
            let gaps = last
                .saturating_sub(first)
                .saturating_add(1)
                .saturating_sub(count);
            let facts = json!({ "first": first, "last": last, "count": count, "gaps": gaps });
            (name.clone(), facts)
        });
        let by_period = self.by_period.iter().map(|(month, accounts)| {
            let moved = accounts.iter().map(|(name, (moved, decimals))| {
                (name.clone(), json!(print_minor(*moved, *decimals)))
            });
            (month.to_string(), Json::Object(moved.collect()))
        });
        let mut all = Map::new();
        all.insert("documents".to_owned(), Json::Object(documents));
        all.insert("series".to_owned(), Json::Object(series.collect()));
        all.insert("by_period".to_owned(), Json::Object(by_period.collect()));
        all.insert("balances".to_owned(), Json::Object(balances));
        all.insert("held".to_owned(), Json::Object(held));
        all.insert("entries".to_owned(), Json::Array(self.entries));
        all.insert("outcomes".to_owned(), Json::Array(self.outcomes));
        all.insert("rejections".to_owned(), Json::Array(self.rejections));
        all.insert("events".to_owned(), Json::Array(self.events));
        all
    }
}
