//! Requests for approval, and what is decided about them.

use serde_json::Value;

use super::book::{Entry, Hold, number};
use super::due::{Alarm, Rung, Work};
use super::policies::{self, Needs};
use super::{Answer, Book, Leg, Ruled, holds, need, text};
use crate::torture::calendar::{self, SECOND};
use crate::torture::kinds;

const DAY: i64 = 86_400 * SECOND;

/// A job that waits, or waited, for approval.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Its kind.
    pub kind: &'static str,
    /// Its key.
    pub key: String,
    /// Its data.
    pub data: Value,
    /// Who asked for it.
    pub by: String,
    /// What it needs.
    pub needs: Needs,
    /// Who decided, and whether for it.
    pub decided: Vec<(String, bool)>,
    /// The state.
    pub state: &'static str,
    /// When it expires.
    pub expires: i64,
    /// The hold that reserves what it moves.
    pub hold: Option<String>,
}

/// What became of a job that waited.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Its kind.
    pub kind: &'static str,
    /// Its key.
    pub key: String,
    /// What makes it the same job as another of its key.
    pub content: String,
    /// What it came to.
    pub ruled: Ruled,
}

impl Request {
    /// What makes the job the same as another of its key.
    pub fn content(&self) -> String {
        format!("{} {}", self.kind, self.data)
    }

    fn decided(&self, ruled: Ruled) -> Decided {
        Decided {
            kind: self.kind,
            key: self.key.clone(),
            content: self.content(),
            ruled,
        }
    }

    fn alarm(&self, name: &str) -> Alarm {
        Alarm {
            at: self.expires,
            work: Work::Request,
            about: name.to_owned(),
        }
    }
}

impl Book {
    /// The request that keeps the job of a key, as long as it waits.
    pub fn awaited(&self, key: &str) -> Option<(&String, &Request)> {
        let waits = |(_, one): &(&String, &Request)| one.state == "pending" && one.key == key;
        self.requests.iter().find(waits)
    }
}

/// The job inside a request.
pub fn inside(data: &Value) -> Option<(&'static str, &str, &Value)> {
    let job = data.get("job")?;
    let kind = kinds::find(need(job, "kind"))?;
    Some((kind.name, need(job, "key"), job.get("data")?))
}

/// A job as it would go now, for whoever asked for it.
struct Draft {
    needs: Needs,
    /// The books behind it and its answer, or what an account has too little or too much of.
    done: Result<(Book, Answer), &'static str>,
}

fn draft(book: &Book, request: &Request, given_back: &[Leg]) -> Result<Draft, &'static str> {
    let kind = kinds::find(request.kind).ok_or("UNKNOWN_KIND")?;
    let mut tried = book.clone();
    tried.begins(&request.key, Some(&request.by));
    tried.given_back = given_back.to_vec();
    let ruled = (kind.rule)(&mut tried, &request.data);
    tried.given_back.clear();
    if let Err(code) = ruled
        && !policies::is_last(code)
    {
        return Err(code);
    }
    Ok(Draft {
        needs: book.needs(request.kind, &request.data, &tried)?,
        done: ruled.map(|answer| (tried, answer)),
    })
}

/// `approval.request`.
pub fn request(book: &mut Book, data: &Value) -> Ruled {
    let (kind, key, job) = inside(data).ok_or("SCHEMA_INVALID")?;
    if book.keys.contains_key(key) || book.awaited(key).is_some() {
        return Err("IDEMPOTENCY_KEY_REUSED");
    }
    let expires = text(data, "expires_at").map(calendar::read);
    if expires.is_some_and(|at| at <= book.now || at > book.now + 400 * DAY) {
        return Err("DATE_OUT_OF_RANGE");
    }
    let mut request = Request {
        kind,
        key: key.to_owned(),
        data: job.clone(),
        by: book.actor.clone().unwrap_or_default(),
        state: "pending",
        expires: expires.unwrap_or(book.now + 7 * DAY),
        ..Request::default()
    };
    let draft = draft(book, &request, &[])?;
    request.needs = draft.needs;
    let (mut tried, answer) = draft.done?;
    let name = format!("APR-{:06}", number(book.requests.len()).saturating_add(1));
    if request.needs.approvals == 0 {
        let answer = answer.with("request", name.clone());
        tried.decided = Some(request.decided(Ok(answer.clone())));
        request.state = "approved";
        tried.requests.insert(name, request);
        *book = tried;
        return Ok(answer);
    }
    let mut answer = Answer::of("pending_approval")
        .with("request", name.clone())
        .with("needs", request.needs.shown())
        .with("expires_at", calendar::print(request.expires));
    if let Some(amount) = request.needs.measured() {
        answer = answer.with("amount", amount);
    }
    if data.get("reserve").and_then(Value::as_bool) == Some(true) {
        request.hold = reserve(book, tried.entries.get(book.entries.len()..))?;
        answer = match &request.hold {
            Some(hold) => answer.with("hold", hold.clone()),
            None => answer,
        };
    }
    book.alarms.insert(request.alarm(&name));
    book.requests.insert(name, request);
    Ok(answer)
}

/// Hold what entries would move; the number of the hold, if that is anything.
fn reserve(book: &mut Book, entries: Option<&[Entry]>) -> Result<Option<String>, &'static str> {
    let mut moved: Vec<(&str, i128)> = Vec::new();
    for leg in entries
        .unwrap_or_default()
        .iter()
        .flat_map(|entry| &entry.legs)
    {
        let amount = if leg.debit { leg.amount } else { -leg.amount };
        match moved
            .iter_mut()
            .find(|(account, _)| *account == leg.account)
        {
            Some((_, sum)) => *sum += amount,
            None => moved.push((&leg.account, amount)),
        }
    }
    let legs = moved.iter().filter(|(_, sum)| *sum != 0);
    let legs: Vec<Leg> = legs
        .map(|(account, sum)| Leg {
            account: (*account).to_owned(),
            debit: *sum > 0,
            amount: sum.abs(),
        })
        .collect();
    if legs.is_empty() {
        return Ok(None);
    }
    book.check_limits(&[], &legs, &[])?;
    book.hold(&legs, 1);
    let name = format!("H-{:06}", number(book.holds.len()).saturating_add(1));
    let debits = legs.iter().filter(|leg| leg.debit).map(|leg| leg.amount);
    let hold = Hold {
        rest: debits.sum(),
        state: "placed",
        reserved: legs,
        ..Hold::default()
    };
    book.holds.insert(name.clone(), hold);
    Ok(Some(name))
}

/// `approval.decide`.
pub fn decide(book: &mut Book, data: &Value) -> Ruled {
    let name = need(data, "request");
    let request = book.requests.get(name).ok_or("APPROVAL_NOT_FOUND")?;
    let mut request = request.clone();
    let waits = request.state == "pending";
    if request.state == "expired" || waits && request.expires <= book.now {
        return Err("APPROVAL_EXPIRED");
    }
    if !waits {
        return Err("APPROVAL_STATE");
    }
    let by = book.actor.clone().unwrap_or_default();
    if by == request.by {
        return Err("SELF_APPROVAL");
    }
    if request.decided.iter().any(|(who, _)| *who == by) {
        return Err("ALREADY_DECIDED");
    }
    let held = request.hold.as_ref().and_then(|hold| book.holds.get(hold));
    let held = held.map(|hold| hold.reserved.clone());
    let drafted = draft(book, &request, &held.unwrap_or_default());
    if let Ok(draft) = &drafted {
        request.needs.approvals = draft.needs.approvals;
        request.needs.by.clone_from(&draft.needs.by);
    }
    if !request.needs.entitles(&by, book) {
        return Err("APPROVER_NOT_ENTITLED");
    }
    let approves = need(data, "decision") == "approve";
    request.decided.push((by, approves));
    if !approves {
        let refused = request.decided(Err("APPROVAL_REQUIRED"));
        end(book, name, request, ("rejected", "voided"));
        book.decided = Some(refused);
        return Ok(Answer::of("accepted").with("request", name));
    }
    let counts = |(who, approved): &&(String, bool)| *approved && request.needs.entitles(who, book);
    let approved_by = request.decided.iter().filter(counts);
    let approved_by: Vec<String> = approved_by.map(|(who, _)| who.clone()).collect();
    if approved_by.len() < request.needs.approvals {
        let answer = Answer::of("accepted")
            .with("request", name)
            .with("needs", request.needs.shown());
        book.requests.insert(name.to_owned(), request);
        return Ok(answer.with("approved_by", approved_by));
    }
    let (tried, answer) = drafted?.done?;
    let answer = answer
        .with("request", name)
        .with("approved_by", approved_by);
    let posted = request.decided(Ok(answer.clone()));
    *book = tried;
    end(book, name, request, ("approved", "captured"));
    book.decided = Some(posted);
    Ok(answer)
}

/// The time of a request is over.
pub fn expire(book: &mut Book, name: &str) -> Option<Rung> {
    let request = book.requests.get(name)?.clone();
    let refused = request.decided(Err("APPROVAL_EXPIRED"));
    end(book, name, request, ("expired", "expired"));
    book.decided = Some(refused);
    Some(Rung {
        kind: "approval.request",
        key: format!("{name}#expired"),
        event: "approval.expired",
        answer: Answer::of("accepted").with("request", name),
    })
}

/// A request waits no more, and neither does its hold.
fn end(book: &mut Book, name: &str, mut request: Request, state: (&'static str, &'static str)) {
    book.alarms.remove(&request.alarm(name));
    if let Some(hold) = &request.hold {
        holds::end(book, hold, state.1);
    }
    request.state = state.0;
    book.requests.insert(name.to_owned(), request);
}
