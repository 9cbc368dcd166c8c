//! Holds what became of a stream against the model, and against what becomes of the same stream
//! when jobs come again or refused ones do not come at all.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::Finding;
use super::chart::CLOSING;
use super::model::{Act, Entry, Model};
use super::stage::{Played, Told, play, replayed};

/// What a stream has shown: kinds with their statuses, codes, and things that happened.
pub(super) type Shown = BTreeSet<String>;

const REUSED: &str = "IDEMPOTENCY_KEY_REUSED";

/// Judge a case.
pub(super) fn judge(case: &Json) -> Result<Shown, Finding> {
    let played = play(case)?;
    let mut shown = heard(case, &played)?;
    again(case, &played)?;
    without_refused(case, &played)?;
    for outcome in &played.outcomes {
        let word = |name: &str| outcome[name].as_str().unwrap_or_default();
        shown.insert(format!("{} {}", word("kind"), word("status")));
        shown.insert(format!("{} {}", word("event"), word("code")));
        shown.insert(format!("by {}", word("basis")));
        if outcome["status"] != "rejected" && outcome["units"].is_object() {
            shown.insert("a revaluation of all units".to_owned());
        }
    }
    for schedule in played.documents.as_object().unwrap().values() {
        for name in ["every", "roll", "until"] {
            if let Some(word) = schedule[name].as_str() {
                let day = if name == "until" { "some day" } else { word };
                shown.insert(format!("{name} {day}"));
            }
        }
    }
    for job in jobs(case).iter().filter(|job| is_question(job)) {
        shown.insert(job["kind"].as_str().unwrap().to_owned());
    }
    Ok(shown)
}

/// Judge one run of a case by itself.
pub(super) fn heard(case: &Json, played: &Played) -> Result<Shown, Finding> {
    let chain = &played.chain;
    if chain != "valid" {
        return Err(Finding::new("I14", format!("the chain is {chain}")));
    }
    replayed(played)?;
    keys(case, played)?;
    follow(case, played)
}

fn jobs(case: &Json) -> &[Json] {
    case["jobs"].as_array().unwrap()
}

fn is_question(job: &Json) -> bool {
    job.get("key").is_none()
}

/// What makes a job the same as another one of its key.
fn content(job: &Json) -> String {
    format!("{} {}", job["kind"], job["data"])
}

/// I5: one key leads to one outcome, whatever is delivered and how often.
fn keys(case: &Json, played: &Played) -> Result<(), Finding> {
    let fault = |what: String| Err(Finding::new("I5", what));
    let mut known: BTreeMap<&str, (String, &Json)> = BTreeMap::new();
    let mut awaited: BTreeMap<&str, String> = BTreeMap::new();
    let inner: BTreeMap<&str, &Json> = played
        .outcomes
        .iter()
        .filter(|outcome| outcome["event"] == "job.decided")
        .map(|outcome| (outcome["key"].as_str().unwrap(), outcome))
        .collect();
    for (job, told) in deliveries(case, played) {
        let key = job["key"].as_str().unwrap();
        let answer = &told.answer;
        if answer["detail"]["dead_letter"] == true {
            continue;
        }
        let waited = awaited.get(key).filter(|_| !known.contains_key(key));
        match (known.get(key), waited) {
            (Some((first, outcome)), _) if *first == content(job) => {
                if !told.duplicate || answer != *outcome {
                    return fault(format!("{key} leads to {answer}, and before to {outcome}"));
                }
            }
            (None, Some(first)) if *first == content(job) => {
                let decided = inner.get(key).copied();
                let waits = answer["status"] == "pending_approval" && !told.duplicate;
                let is_decided = told.duplicate && Some(answer) == decided;
                if !waits && !is_decided {
                    return fault(format!("{key} waits and is told {answer}"));
                }
            }
            (Some(_), _) | (None, Some(_)) => {
                if told.duplicate || answer["code"] != REUSED {
                    return fault(format!("{key} with other content is told {answer}"));
                }
            }
            (None, None) => {
                if told.duplicate {
                    return fault(format!("{key} was never there and is a duplicate"));
                }
                known.insert(key, (content(job), answer));
            }
        }
        let accepted = answer["status"] != "rejected" && !told.duplicate;
        if job["kind"] == "approval.request" && accepted {
            let carried = &job["data"]["job"];
            awaited.insert(carried["key"].as_str().unwrap(), content(carried));
        }
    }
    Ok(())
}

/// Every job but questions with what it was told.
fn deliveries<'c>(
    case: &'c Json,
    played: &'c Played,
) -> impl Iterator<Item = (&'c Json, &'c Told)> {
    let told: BTreeMap<u64, &Told> = played.told.iter().map(|one| (one.job, one)).collect();
    let jobs = jobs(case).iter().filter(|job| !is_question(job));
    jobs.map(move |job| (job, told[&job["n"].as_u64().unwrap()]))
}

/// Let the model follow every outcome in order.
fn follow(case: &Json, played: &Played) -> Result<Shown, Finding> {
    let (openings, entries): (Vec<Entry>, Vec<Entry>) = played
        .entries
        .iter()
        .map(Entry::read)
        .partition(|entry| entry.number == 0);
    for (entry, number) in entries.iter().zip(1..) {
        if entry.number != number {
            return Err(Finding::new(
                "I4",
                format!("entry {} is {number}th", entry.number),
            ));
        }
    }
    let mut model = Model::new(&case["given"]["accounts"], &openings, CLOSING)?;
    let by_sequence: BTreeMap<u64, &Json> = deliveries(case, played)
        .filter(|(_, told)| !told.duplicate)
        .filter_map(|(job, told)| Some((told.answer["sequence"].as_u64()?, job)))
        .collect();
    let mut left = entries.as_slice();
    let mut questions = asked(case, played);
    for (outcome, sequence) in played.outcomes.iter().zip(1..) {
        if outcome["sequence"] != sequence {
            return Err(Finding::new(
                "I4",
                format!("outcome {sequence} is {outcome}"),
            ));
        }
        for answer in questions.remove(&(sequence - 1)).unwrap_or_default() {
            model.answered(&answer)?;
        }
        let own = claim(outcome, &mut left)?;
        let key = outcome["key"].as_str().unwrap();
        let waited = || {
            let decided = outcome["event"] == "job.decided";
            let (job, actor) = model.waited(key).filter(|_| decided)?;
            Some((job["data"].clone(), actor.map(str::to_owned)))
        };
        let sent = by_sequence.get(&sequence).map(|job| {
            let actor = job["actor"].as_str().map(str::to_owned);
            (job["data"].clone(), actor)
        });
        let (data, actor) = sent.or_else(waited).unwrap_or_default();
        model.follow(&Act {
            outcome,
            data: &data,
            actor: actor.as_deref(),
            entries: own,
        })?;
    }
    for answer in questions.into_values().flatten() {
        model.answered(&answer)?;
    }
    if let Some(entry) = left.first() {
        return Err(Finding::new(
            "I6",
            format!("no outcome tells of entry {}", entry.number),
        ));
    }
    model.moved(&played.by_period)?;
    model.ended(&played.documents, &played.held)?;
    Ok(model.seen().into_iter().map(str::to_owned).collect())
}

/// Answers of questions by the sequence at which they were asked.
fn asked(case: &Json, played: &Played) -> BTreeMap<u64, Vec<Json>> {
    let told: BTreeMap<u64, &Told> = played.told.iter().map(|one| (one.job, one)).collect();
    let mut all: BTreeMap<u64, Vec<Json>> = BTreeMap::new();
    for job in jobs(case).iter().filter(|job| is_question(job)) {
        let mut answer = told[&job["n"].as_u64().unwrap()].answer.clone();
        answer["dated"] = json!(job["data"].get("as_of").is_some());
        answer["asked"] = job["data"].clone();
        let sequence = answer["sequence"].as_u64().unwrap();
        all.entry(sequence).or_default().push(answer);
    }
    all
}

/// The entries that an outcome tells of: those of its key that come next, and no others.
fn claim<'e>(outcome: &Json, left: &mut &'e [Entry]) -> Result<&'e [Entry], Finding> {
    let fault = |what: String| Finding::new("I4", what);
    let Some(first) = outcome["entry_no"].as_u64() else {
        return Ok(&[]);
    };
    let count = outcome["entries"].as_u64().unwrap_or(1);
    let count = usize::try_from(count).unwrap();
    let next = left.first().map(|entry| entry.number);
    if next != Some(first) || left.len() < count {
        return Err(fault(format!(
            "{outcome} tells of {first}, next is {next:?}"
        )));
    }
    let (own, rest) = left.split_at(count);
    let kind = outcome["kind"].as_str().unwrap();
    // What is approved posts under its own key, of which its own outcome tells next.
    let key = outcome["key"].as_str().unwrap();
    if kind.starts_with("approval.") && own.iter().all(|entry| entry.key != key) {
        return Ok(&[]);
    }
    if own.iter().any(|entry| entry.key != key) {
        return Err(fault(format!("entries of others: {outcome}")));
    }
    *left = rest;
    Ok(own)
}

/// What two runs of a stream must have in common: everything but the numbers of the outcomes and
/// the last digits of the time.
fn essence(played: &Played, skip: impl Fn(&Json) -> bool) -> Json {
    let strip = |one: &Json| {
        let mut one = one.clone();
        let members = one.as_object_mut().unwrap();
        for name in ["sequence", "recorded_at", "system_time", "usage"] {
            members.remove(name);
        }
        to_the_second(&mut one);
        one
    };
    let outcomes = played.outcomes.iter().filter(|one| !skip(one)).map(strip);
    let entries = played.entries.iter().map(strip);
    let documents = played.documents.as_object().unwrap().iter();
    // What was used is numbered by its outcome, in the same order.
    let named = |(at, (number, one)): (usize, (&String, &Json))| {
        let counted = number.starts_with("usage.rate/0");
        let number = if counted {
            format!("usage.rate/{at:04}")
        } else {
            number.clone()
        };
        (number, strip(one))
    };
    let documents = documents.enumerate().map(named);
    json!({
        "outcomes": outcomes.collect::<Vec<_>>(),
        "entries": entries.collect::<Vec<_>>(),
        "documents": documents.collect::<serde_json::Map<_, _>>(),
        "balances": played.balances,
        "held": played.held,
    })
}

/// Instants without what follows the second: a job that did nothing still takes a nanosecond.
fn to_the_second(json: &mut Json) {
    match json {
        Json::String(text) if text.len() > 20 && text.ends_with('Z') => {
            if let Some((seconds, _)) = text.split_once('.') {
                *text = format!("{seconds}Z");
            }
        }
        Json::Array(all) => all.iter_mut().for_each(to_the_second),
        Json::Object(members) => members.values_mut().for_each(to_the_second),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// Whether two runs came to the same.
fn same(invariant: &'static str, one: &Json, other: &Json) -> Result<(), Finding> {
    for part in ["outcomes", "entries", "documents", "balances", "held"] {
        if one[part] != other[part] {
            let what = format!("other {part}: {} and {}", one[part], other[part]);
            return Err(Finding::new(
                invariant,
                first_difference(&one[part], &other[part], what),
            ));
        }
    }
    Ok(())
}

fn first_difference(one: &Json, other: &Json, whole: String) -> String {
    let pair = one.as_array().zip(other.as_array());
    let different = pair.and_then(|(one, other)| {
        let mut pairs = one.iter().zip(other);
        pairs.find(|(one, other)| one != other)
    });
    different.map_or(whole, |(one, other)| format!("{one}\n    and {other}"))
}

/// The jobs of a case with others between them, numbered anew.
fn with_jobs(case: &Json, mut jobs: Vec<Json>) -> Json {
    for (job, n) in jobs.iter_mut().zip(1..) {
        job["n"] = json!(n);
    }
    let mut case = case.clone();
    case["jobs"] = json!(jobs);
    case
}

/// I5: deliver a third of the jobs again, at once or later, and nothing is different.
fn again(case: &Json, played: &Played) -> Result<(), Finding> {
    let told: BTreeMap<u64, &Told> = played.told.iter().map(|one| (one.job, one)).collect();
    let (mut all, mut waiting): (Vec<Json>, Vec<Json>) = (Vec::new(), Vec::new());
    for (job, turn) in jobs(case).iter().zip(1..) {
        all.push(job.clone());
        let answer = &told[&job["n"].as_u64().unwrap()].answer;
        let waits = answer["status"] == "pending_approval" && job["kind"] != "approval.request";
        // What has no outcome of its own under its key is answered anew each time.
        let owns = answer["code"] != REUSED && !waits && answer["detail"]["dead_letter"] != true;
        if owns
            && job["key"]
                .as_str()
                .is_some_and(|key| key.len() % 3 == turn % 3)
        {
            let mut again = job.clone();
            again.as_object_mut().unwrap().remove("at");
            waiting.push(again);
        }
        if turn % 4 == 0 {
            waiting.reverse();
            all.append(&mut waiting);
        }
    }
    all.append(&mut waiting);
    let other = play(&with_jobs(case, all))?;
    replayed(&other)?;
    same(
        "I5",
        &essence(played, |_| false),
        &essence(&other, |_| false),
    )
}

/// I6: without the jobs that were refused, everything else is the same.
fn without_refused(case: &Json, played: &Played) -> Result<(), Finding> {
    let refused =
        |outcome: &Json| outcome["status"] == "rejected" && outcome.get("event").is_none();
    let outcomes = played.outcomes.iter().filter(|one| refused(one));
    // Another order under the key of one that was good stays: it is no job of that key.
    let keys: BTreeSet<&str> = outcomes
        .filter(|outcome| outcome["code"] != REUSED)
        .map(|outcome| outcome["key"].as_str().unwrap())
        .collect();
    let others = jobs(case).iter().map(|job| {
        let key = job["key"].as_str();
        if key.is_some_and(|key| keys.contains(key)) {
            let mut question = json!({ "kind": "query.balance", "data": { "accounts": [] } });
            if let Some(at) = job.get("at") {
                question["at"] = at.clone();
            }
            return question;
        }
        job.clone()
    });
    let other = play(&with_jobs(case, others.collect()))?;
    replayed(&other)?;
    same("I6", &essence(played, refused), &essence(&other, refused))
}
