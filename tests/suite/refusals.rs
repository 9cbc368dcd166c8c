//! Every refusal says what is wrong, where, and what to do; and every code that a built kind can
//! raise is raised.

use std::collections::{BTreeMap, BTreeSet};

use kontor::code::Code;
use kontor::ids::KindCode;
use kontor::jobs::{
    JobData, JobKind, KindInfo, KindVisitor, Question, QuestionData, QuestionVisitor, kind_code,
};
use kontor::rehearsal::case::CaseJob;
use kontor::rehearsal::{Case, rehearse};
use serde_json::{Value as Json, json};

use crate::support::tree::{File, files, read};
use crate::support::{Writer, json, kontor};
use crate::tidy::hold;

/// Groups whose codes must all be raised.
const GROUPS: [&str; 12] = [
    "Transport",
    "Schema",
    "Key and time",
    "Amount",
    "Account and unit",
    "Entry",
    "Funds",
    "Hold",
    "Approval",
    "Document",
    "Receivables",
    "Settlement",
];

/// Codes of these groups that no built kind can raise, with the kind that will. Rows go when it
/// comes; none may be added.
const LATER: &[(&str, &str)] = &[
    ("CYCLE_STATE", "netting.open"),
    ("PARTICIPANT_UNKNOWN", "netting.open"),
    ("NET_POSITION_UNFUNDED", "netting.close"),
    ("NET_DEBIT_CAP_EXCEEDED", "netting.obligation"),
    ("SPLIT_EXCEEDS_AMOUNT", "payout.sale"),
    ("NOTHING_TO_SETTLE", "payout.settle"),
];

/// Raised by what happens around the jobs: the live tests provoke them, and the last test here.
const LIVE: [&str; 2] = ["CRASHED_WORKER", "ACTOR_NOT_TRUSTED"];

/// About a message as a whole, so that no place in it is wrong.
const PLACELESS: [Code; 2] = [Code::MessageTooLarge, Code::ContentTypeUnsupported];

/// A refusal of a case with the job that it is about.
struct Refusal {
    place: String,
    job: Option<Json>,
    shown: Json,
}

/// What the case files refuse, as far as this release can rehearse them.
fn refusals(all: &[File], not_built: &str) -> Vec<Refusal> {
    let mut found = Vec::new();
    for file in all.iter().filter(|file| file.extension() == "json") {
        let name = file.path.strip_prefix("tests/cases/").unwrap();
        if not_built.lines().any(|line| line == name) {
            continue;
        }
        let case = Case::read(file.text.as_bytes()).unwrap();
        let run = rehearse(&case).unwrap().run;
        let run = run.unwrap_or_else(|| panic!("{} cannot be rehearsed", file.path));
        let rejections = run.seen.get("rejections").and_then(Json::as_array);
        for shown in rejections.unwrap() {
            let job = case.jobs.iter().find(|job| json!(job.n) == shown["job"]);
            let job = job.filter(|job| job.kind != "raw").map(CaseJob::message);
            found.push(Refusal {
                place: format!("{} job {}", file.path, shown["job"]),
                job: job.map(|job| serde_json::from_slice(&job).unwrap()),
                shown: shown.clone(),
            });
        }
    }
    found
}

/// What a refusal owes whoever sent the job.
fn faults(refusal: &Refusal) -> Vec<String> {
    let Refusal { place, job, shown } = refusal;
    let text = |name: &str| shown[name].as_str().unwrap_or_default();
    let Some(code) = Code::of_text(text("code")) else {
        return vec![format!("{place}: {} is no code", shown["code"])];
    };
    let mut found = Vec::new();
    // A message that cannot be read may be told in a sentence of its own what to do.
    let own = code == Code::MessageMalformed && text("message").contains(". ");
    if !own && !text("message").ends_with(code.advice()) {
        found.push(format!(
            "{place}: {code} does not say what to do: {}",
            shown["message"]
        ));
    }
    match shown["path"].as_str() {
        None if PLACELESS.contains(&code) => {}
        None => found.push(format!("{place}: {code} has no path; say where")),
        Some(path) => {
            // A member that is missing has no value, but the value around it is there.
            let around = path.rsplit_once('/').map_or("", |(around, _)| around);
            if job
                .as_ref()
                .is_some_and(|job| job.pointer(around).is_none())
            {
                found.push(format!(
                    "{place}: {code} is at {path}, which is not in the job"
                ));
            }
        }
    }
    found
}

#[test]
fn every_refusal_says_where_and_what_to_do() {
    let all = refusals(&files("tests/cases"), &read("tests/cases/not_built.txt"));
    assert!(all.len() > 300, "only {} refusals were seen", all.len());
    hold(&all.iter().flat_map(faults).collect::<Vec<_>>());
}

#[test]
fn every_code_of_the_built_kinds_is_raised() {
    let all = refusals(&files("tests/cases"), &read("tests/cases/not_built.txt"));
    let raised: BTreeSet<&str> = all
        .iter()
        .filter_map(|refusal| refusal.shown["code"].as_str())
        .collect();
    let later: BTreeMap<&str, &str> = LATER.iter().copied().collect();
    let is_built = |kind: &str| {
        let code = kind_code(kind).unwrap();
        JobData::BUILT.contains(&code.0)
    };
    let mut found = Vec::new();
    for code in Code::ALL
        .iter()
        .filter(|code| GROUPS.contains(&code.group()))
    {
        let text = code.text();
        match (raised.contains(text), later.get(text)) {
            (true, None) | (false, Some(_)) => {}
            (true, Some(_)) => found.push(format!(
                "{text} is raised: take it out of LATER in tests/suite/refusals.rs"
            )),
            (false, None) if LIVE.contains(&text) => {}
            (false, None) => found.push(format!("{text}: no case below tests/cases raises it")),
        }
        if let Some(kind) = later.get(text).filter(|kind| is_built(kind)) {
            found.push(format!("{kind} is built: a case has to raise {text} now"));
        }
    }
    hold(&found);
}

/// The codes that a kind says it can refuse a job with, besides those of every job.
struct OwnCodes;

impl KindVisitor for OwnCodes {
    type Made = (&'static str, &'static [Code]);

    fn visit<K: JobKind>(
        &mut self,
        info: &'static KindInfo,
        _: fn(Box<K>) -> JobData,
    ) -> Self::Made {
        (info.name, K::REFUSALS)
    }
}

impl QuestionVisitor for OwnCodes {
    type Made = (&'static str, &'static [Code]);

    fn visit<Q: Question>(
        &mut self,
        info: &'static KindInfo,
        _: fn(Box<Q>) -> QuestionData,
    ) -> Self::Made {
        (info.name, Q::REFUSALS)
    }
}

/// A page that names a code which nobody can show would be a promise without a test.
#[test]
fn every_kind_is_refused_with_each_of_its_own_codes() {
    let all = refusals(&files("tests/cases"), &read("tests/cases/not_built.txt"));
    let raised: BTreeSet<(&str, &str)> = all
        .iter()
        .filter_map(|refusal| {
            let kind = refusal.job.as_ref()?["kind"].as_str()?;
            Some((kind, refusal.shown["code"].as_str()?))
        })
        .collect();
    let jobs = JobData::BUILT.iter();
    let jobs = jobs.filter_map(|code| JobData::visit(KindCode(*code), &mut OwnCodes));
    let questions = QuestionData::BUILT.iter();
    let questions =
        questions.filter_map(|code| QuestionData::visit(KindCode(*code), &mut OwnCodes));
    let (mut found, mut held) = (Vec::new(), 0);
    for (kind, codes) in jobs.chain(questions) {
        for code in codes {
            held += 1;
            if !raised.contains(&(kind, code.text())) {
                found.push(format!(
                    "{kind}: no case has it refused with {code}; write one, or take the code out \
                     of its REFUSALS"
                ));
            }
        }
    }
    assert!(held > 100, "only {held} codes of kinds");
    hold(&found);
}

/// The actor of a case counts as vouched for, so this code needs a message with a principal.
#[test]
fn an_actor_that_nobody_vouches_for_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path(), "[[book]]\nname = \"main\"\n");
    let open = |key: &str, actor: Option<&str>| {
        let mut job = json!({ "key": key, "kind": "account.open",
            "data": { "account": format!("wallet/{key}"), "unit": "EUR", "class": "asset" } });
        if let Some(actor) = actor {
            job["actor"] = json!(actor);
        }
        job
    };
    let jobs = [
        open("a", Some("user:anna")),
        open("b", Some("user:bert")),
        open("c", None),
    ];
    writer.post_by(Some("user:anna"), &jobs);
    let path = dir.path().to_str().unwrap();
    let outcome = |key| {
        json(&kontor(&[
            "--format", "json", "outcome", key, "--dir", path,
        ]))
    };
    assert_eq!(outcome("a")["status"], "accepted");
    assert_eq!(outcome("c")["status"], "accepted");
    let refused = outcome("b");
    assert_eq!(
        (&refused["code"], &refused["path"]),
        (&json!("ACTOR_NOT_TRUSTED"), &json!("/actor"))
    );
    let place = "job b".to_owned();
    let refusal = Refusal {
        place,
        job: Some(open("b", Some("user:bert"))),
        shown: refused,
    };
    hold(&faults(&refusal));
}
