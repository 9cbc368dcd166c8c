//! What every kind refuses, whatever it is about: the codes of the schema, the key and the dates,
//! brought about from the example of each kind, so that a new kind is held to them by itself.

#![expect(
    clippy::indexing_slicing,
    reason = "a member that is not there is a mistake of the test"
)]

use kontor::ids::KindCode;
use kontor::jobs::{JobData, JobKind, KindInfo, KindVisitor};
use kontor::rehearsal::{Case, rehearse};
use serde_json::{Value as Json, json};

use crate::tidy::hold;

/// When the jobs come.
const CLOCK: &str = "2026-03-02T08:00:00Z";

struct Example;

impl KindVisitor for Example {
    type Made = (&'static str, &'static str);

    fn visit<K: JobKind>(
        &mut self,
        info: &'static KindInfo,
        _: fn(Box<K>) -> JobData,
    ) -> Self::Made {
        (info.name, K::EXAMPLE)
    }
}

/// A job that is wrong in one way.
struct Wrong {
    what: &'static str,
    job: Json,
    /// The place that is wrong.
    path: String,
    /// The codes that it may be refused with: the first is that of the fault, the others are those
    /// of members with a form of their own.
    codes: &'static [&'static str],
}

/// The pointers of all strings in some data.
fn strings(data: &Json, path: &str, found: &mut Vec<String>) {
    match data {
        Json::String(_) => found.push(path.to_owned()),
        Json::Array(list) => {
            for (at, one) in list.iter().enumerate() {
                strings(one, &format!("{path}/{at}"), found);
            }
        }
        Json::Object(members) => {
            for (name, one) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                strings(one, &format!("{path}/{name}"), found);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// What a text is by its form: a date, an instant, or something else.
fn form(text: &str) -> usize {
    let is_date = |text: &str| {
        let shape = |(at, byte): (usize, u8)| match at {
            4 | 7 => byte == b'-',
            _digit => byte.is_ascii_digit(),
        };
        text.len() == 10 && text.bytes().enumerate().all(|(at, byte)| shape((at, byte)))
    };
    match text.split_once('T') {
        None if is_date(text) => 1,
        Some((day, _)) if is_date(day) => 2,
        None | Some(_) => 0,
    }
}

/// Texts that no member takes.
fn texts(data: &Json) -> Vec<Wrong> {
    let mut places = Vec::new();
    strings(data, "", &mut places);
    let mut wrong = Vec::new();
    for place in places {
        let text = data.pointer(&place).unwrap().as_str().unwrap().to_owned();
        let mut with = |what, text: &str, codes| {
            let mut data = data.clone();
            *data.pointer_mut(&place).unwrap() = json!(text);
            let (job, path) = (json!({ "data": data }), format!("/data{place}"));
            wrong.push(Wrong {
                what,
                job,
                path,
                codes,
            });
        };
        let others = &["FIELD_TOO_LONG", "DATE_INVALID", "SCHEMA_INVALID"];
        with("a long text", &"7".repeat(600), others);
        let others: &[&str] = &[
            "TEXT_INVALID",
            "AMOUNT_FORMAT",
            "QUANTITY_INVALID",
            "RATE_INVALID",
            "DATE_INVALID",
            "SCHEMA_INVALID",
        ];
        with("a control character", "a\u{7}b", others);
        // A date among reference data is a matter of their shape.
        let invalid = &["DATE_INVALID", "SCHEMA_INVALID"];
        let beyond = &["DATE_OUT_OF_RANGE", "SCHEMA_INVALID"];
        match form(&text) {
            1 => {
                with("no day", "2026-02-30", invalid);
                with("a day before all", "1899-12-31", beyond);
                with("a day behind all", "2200-01-01", beyond);
            }
            2 => {
                with("no instant", "2026-02-30T00:00:00Z", invalid);
                with("an instant behind all", "2200-01-02T00:00:00Z", beyond);
            }
            _other => {}
        }
    }
    wrong
}

/// Everything wrong about a kind, in the order in which it is sent.
fn wrongs(data: &Json) -> Vec<Wrong> {
    let mut unknown = data.clone();
    unknown["surprise"] = json!(true);
    let mut wrong = vec![
        Wrong {
            what: "an unknown member",
            job: json!({ "key": "k", "data": unknown }),
            path: "/data/surprise".to_owned(),
            codes: &["SCHEMA_INVALID"],
        },
        Wrong {
            what: "other data under the same key",
            job: json!({ "key": "k", "data": data }),
            path: "/key".to_owned(),
            codes: &["IDEMPOTENCY_KEY_REUSED"],
        },
        Wrong {
            what: "a job that comes too late",
            job: json!({ "expires_at": "2026-03-02T07:59:59Z", "data": data }),
            path: "/expires_at".to_owned(),
            codes: &["JOB_EXPIRED"],
        },
    ];
    wrong.extend(texts(data));
    wrong
}

/// What a kind takes, or refuses otherwise than it should.
fn faults(kind: &str, example: &str) -> Vec<String> {
    let data: Json = serde_json::from_str(example).unwrap();
    let wrongs = wrongs(&data);
    let jobs = wrongs.iter().zip(1..).map(|(wrong, n)| {
        let mut job = wrong.job.clone();
        let key = format!("key-{n}");
        let members = job.as_object_mut().unwrap();
        members.entry("key").or_insert(json!(key));
        for (name, value) in [("n", json!(n)), ("kind", json!(kind)), ("at", json!(CLOCK))] {
            members.insert(name.to_owned(), value);
        }
        members.insert("actor".to_owned(), json!("user:anna"));
        job
    });
    let jobs: Vec<Json> = jobs.collect();
    let case = json!({ "title": kind, "jobs": jobs });
    let case = Case::read(case.to_string().as_bytes()).unwrap();
    let run = rehearse(&case).unwrap().run.unwrap();
    let refused = run.seen["rejections"].as_array().unwrap();
    let mut found = Vec::new();
    for (wrong, n) in wrongs.iter().zip(1..) {
        let Wrong {
            what, path, codes, ..
        } = wrong;
        let got = refused.iter().find(|one| one["job"] == n);
        let text = |name: &str| got.map_or("", |got| got[name].as_str().unwrap_or_default());
        if !codes.contains(&text("code")) || text("path") != path {
            let (code, at) = (text("code"), text("path"));
            found.push(format!("{kind} with {what} at {path}: {code:?} at {at:?}"));
        }
    }
    let texts = [
        ("a long text", "FIELD_TOO_LONG"),
        ("a control character", "TEXT_INVALID"),
    ];
    for (what, code) in texts {
        let of_text = wrongs
            .iter()
            .zip(1..)
            .filter(|(wrong, _)| wrong.what == what);
        let mut codes = of_text.filter_map(|(_, n)| refused.iter().find(|one| one["job"] == n));
        if !codes.any(|one| one["code"] == code) {
            found.push(format!("{kind}: no {what} is refused with {code}"));
        }
    }
    found
}

#[test]
fn every_kind_refuses_what_no_kind_takes() {
    let kinds = JobData::BUILT.iter();
    let examples = kinds.filter_map(|code| JobData::visit(KindCode(*code), &mut Example));
    let found: Vec<String> = examples
        .flat_map(|(kind, example)| faults(kind, example))
        .collect();
    hold(&found);
}

#[test]
fn forms_are_told_apart() {
    assert_eq!(form("2026-03-02"), 1);
    assert_eq!(form("2026-03-02T00:00:00Z"), 2);
    for other in ["2026-03", "meter-7/2026-03", "T", "2026/03/02"] {
        assert_eq!(form(other), 0, "{other}");
    }
}
