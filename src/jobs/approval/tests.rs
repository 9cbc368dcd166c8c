use std::convert::Infallible;

use serde_json::{Value as Json, json};

use super::InnerJob;
use crate::ids::BookIndex;
use crate::jobs::desk::{Desk, shows};
use crate::ledger::effect::{Effect, KeptJob};
use crate::ledger::reference::PanPolicy;
use crate::pipeline::decode::{Item, Sealer, Subject, seal};
use crate::wire::message::{BookRules, Head, JobReader};
use crate::wire::{binary, tree, typed};

const TIERS: &str = r#"[
    { "kind": "entry.post", "tiers": [
        { "up_to": "1000.00", "approvals": 0 }, { "approvals": 2, "by": ["controller"] }
    ] },
    { "kind": "entry.adjust", "tiers": [{ "approvals": 1, "by": ["clerk", "controller"] }] }
]"#;

fn desk() -> Desk {
    let policy: Json = serde_json::from_str(TIERS).unwrap();
    let config = json!({
        "users": {
            "anna": ["clerk"], "carla": ["controller", "clerk"], "dora": ["controller"],
            "emil": ["clerk"],
        },
        "approval_policy": policy,
    });
    let accounts = json!({
        "bank": { "unit": "EUR", "class": "asset", "opening": "90000.00" },
        "ap": { "unit": "EUR", "class": "liability", "opening": "90000.00" },
    });
    Desk::given(&accounts, &config)
}

fn entry(amount: &str) -> Json {
    json!({ "legs": [{ "dr": "ap", "amount": amount }, { "cr": "bank", "amount": amount }] })
}

fn request(desk: &mut Desk, key: &str, amount: &str) -> Json {
    let job = json!({ "kind": "entry.post", "key": key, "data": entry(amount) });
    desk.run_as(Some("anna"), "approval.request", &json!({ "job": job }))
}

fn decide(desk: &mut Desk, actor: &str, request: &str) -> Json {
    let data = json!({ "request": request, "decision": "approve" });
    desk.run_as(Some(actor), "approval.decide", &data)
}

#[test]
fn a_snapshot_carries_what_waits() {
    let mut desk = desk();
    request(&mut desk, "pay", "5000.00");
    let carried = desk.carried();
    assert_eq!(carried.awaited("pay"), Some("APR-000001"));
    assert_eq!(carried.kept("APR-000001"), desk.book().kept("APR-000001"));
    decide(&mut desk, "carla", "APR-000001");
    assert_eq!(desk.carried().awaited("pay"), Some("APR-000001"));
    decide(&mut desk, "dora", "APR-000001");
    assert_eq!(desk.carried().awaited("pay"), None);
    assert_eq!(desk.book().awaited("pay"), None);
    assert_eq!(desk.book().next_due(), None);
}

#[test]
fn several_roles_are_one_person() {
    let mut desk = desk();
    request(&mut desk, "pay", "5000.00");
    let first = decide(&mut desk, "carla", "APR-000001");
    shows(
        &first,
        &json!({ "status": "accepted", "approved_by": ["carla"] }),
    );
    let again = decide(&mut desk, "carla", "APR-000001");
    shows(&again, &json!({ "code": "ALREADY_DECIDED" }));
    assert_eq!(desk.balance("bank"), "90000.00");
}

#[test]
fn an_approval_of_another_content_does_not_count() {
    let mut desk = desk();
    request(&mut desk, "pay", "5000.00");
    request(&mut desk, "more", "6000.00");
    decide(&mut desk, "carla", "APR-000001");
    // Somebody exchanges what was approved.
    let kept = desk.book().kept("APR-000001").unwrap().clone();
    let other = desk.book().kept("APR-000002").unwrap().content.clone();
    assert_ne!(kept.content, other);
    let exchanged = Effect::Keep {
        document: "APR-000001".into(),
        job: Some(Box::new(KeptJob {
            content: other,
            ..kept
        })),
    };
    desk.set_up_with(vec![exchanged], Vec::new());
    let second = decide(&mut desk, "dora", "APR-000001");
    shows(
        &second,
        &json!({ "status": "accepted", "approved_by": ["dora"] }),
    );
    assert_eq!(desk.balance("bank"), "90000.00");
}

#[test]
fn roles_are_those_of_the_day() {
    let mut desk = desk();
    let user = json!({
        "record": "user", "name": "emil", "value": ["controller"], "valid_from": "2027-01-03",
        "reason": "promoted",
    });
    let job = json!({ "kind": "reference.set", "key": "promotion", "data": user });
    desk.run_as(Some("anna"), "approval.request", &json!({ "job": job }));
    shows(
        &decide(&mut desk, "carla", "APR-000001"),
        &json!({ "status": "accepted", "version": 2 }),
    );
    request(&mut desk, "pay", "5000.00");
    let early = decide(&mut desk, "emil", "APR-000002");
    shows(&early, &json!({ "code": "APPROVER_NOT_ENTITLED" }));
    desk.at("2027-01-03T12:00:00Z");
    shows(
        &decide(&mut desk, "emil", "APR-000002"),
        &json!({ "status": "accepted" }),
    );
    // The roles of whoever approved before count as they are with the last approval.
    let user = json!({
        "record": "user", "name": "emil", "value": ["clerk"], "reason": "left the team",
    });
    let job = json!({ "kind": "reference.set", "key": "left", "data": user });
    desk.run_as(Some("anna"), "approval.request", &json!({ "job": job }));
    decide(&mut desk, "carla", "APR-000003");
    let late = decide(&mut desk, "dora", "APR-000002");
    shows(
        &late,
        &json!({ "status": "accepted", "approved_by": ["dora"] }),
    );
    let last = decide(&mut desk, "carla", "APR-000002");
    shows(
        &last,
        &json!({ "status": "posted", "approved_by": ["dora", "carla"] }),
    );
}

#[test]
fn a_run_does_not_take_the_key_that_waits() {
    let mut desk = desk();
    let schedule = json!({
        "first": "2027-01-05", "every": "day", "count": 2,
        "legs": [{ "dr": "ap", "amount": "1.00" }, { "cr": "bank", "amount": "1.00" }],
    });
    let job = json!({ "key": "rent", "kind": "recurring.post", "data": schedule });
    shows(&desk.send(&job), &json!({ "status": "accepted" }));
    request(&mut desk, "rent/1", "5000.00");
    desk.at("2027-01-06T12:00:00Z");
    desk.due();
    let events: Vec<(&str, &str)> = desk
        .events
        .iter()
        .map(|event| {
            (
                event["event"].as_str().unwrap(),
                event["key"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        events,
        [
            ("recurring.posted", "rent/1#RS-000001"),
            ("recurring.posted", "rent/2")
        ]
    );
    assert_eq!(desk.book().awaited("rent/1"), Some("APR-000001"));
}

#[test]
fn a_decision_is_an_outcome_and_its_job_another_one() {
    let mut desk = desk();
    request(&mut desk, "pay", "5000.00");
    decide(&mut desk, "carla", "APR-000001");
    decide(&mut desk, "dora", "APR-000001");
    let commit = desk.commits.last().unwrap();
    let jobs: Vec<_> = commit
        .records
        .iter()
        .filter_map(|record| record.as_job())
        .collect();
    let [decision, job] = jobs.as_slice() else {
        panic!("two records: {jobs:?}");
    };
    assert!(job.follows() && !decision.follows());
    assert_eq!(
        (&*job.envelope.key, job.envelope.actor.as_deref()),
        ("pay", Some("anna"))
    );
    assert!(job.owns_key && job.sequence == decision.sequence.next());
    // The entry is the job's, and both show it.
    let posts = |range| {
        commit
            .effects(range)
            .iter()
            .filter_map(Effect::as_post)
            .count()
    };
    assert_eq!((posts(&decision.effects), posts(&job.effects)), (0, 1));
    assert_eq!(decision.outcome, job.outcome);
}

/// Notes what is sealed for whom.
struct Noted(Vec<(String, String, String)>);

impl Sealer for Noted {
    type Fault = Infallible;

    fn ensure(&mut self, _: &[Subject]) -> Result<(), Infallible> {
        Ok(())
    }

    fn seal(
        &mut self,
        subject: &Subject,
        purpose: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, Infallible> {
        let plain = String::from_utf8(plain.to_vec()).unwrap();
        self.0
            .push((subject.name.clone(), purpose.to_owned(), plain));
        Ok(vec![1, 2, 3])
    }
}

fn decoded(job: &Json) -> Item {
    let rules = BookRules {
        name: "main".into(),
        index: BookIndex(0),
        pan_policy: PanPolicy::Reject,
    };
    let mut reader = JobReader::new(vec![rules], [7; 32]);
    let head = Head {
        book: Some("main"),
        trusted: true,
        ..Head::default()
    };
    let job = reader
        .json(job.to_string().as_bytes(), &head, true)
        .unwrap();
    Item::Job { job, line: 0 }
}

#[test]
fn texts_inside_are_sealed_as_if_their_job_came_alone() {
    let data = json!({ "entry": 3, "reason": "typed wrong" });
    let inner = json!({ "kind": "entry.reverse", "key": "undo", "data": data });
    let outer = json!({ "key": "r", "kind": "approval.request", "actor": "anna",
        "data": { "job": inner, "text": "please" } });
    let mut items = [decoded(&outer)];
    let mut noted = Noted(Vec::new());
    let Ok(()) = seal(items.iter_mut(), &mut noted);
    let text = |subject: &str, place: &str, plain: &str| {
        (subject.to_owned(), place.to_owned(), plain.to_owned())
    };
    let expected = [
        text("undo", "/reason", "typed wrong"),
        text("undo", "/text", "please"),
    ];
    assert_eq!(noted.0, expected);
    let [Item::Job { job: carrying, .. }] = items else {
        panic!("a job");
    };
    let inside = carrying.job.inside.unwrap();
    assert!(!inside.content.is_empty());

    let alone = json!({ "key": "undo", "kind": "entry.reverse", "data": data });
    let mut items = [decoded(&alone)];
    let Ok(()) = seal(items.iter_mut(), &mut Noted(Vec::new()));
    let [Item::Job { job: alone, .. }] = items else {
        panic!("a job");
    };
    assert_eq!(inside.key_hash, alone.job.key_hash);
    assert_eq!(inside.fingerprint, alone.job.envelope.fingerprint);
    assert_eq!(inside.content, alone.job.envelope.content);
}

fn read(text: &str) -> Result<InnerJob, (String, String)> {
    let json = tree::read(text.as_bytes()).unwrap();
    typed::read(json.root()).map_err(|fault| (fault.path, fault.reason.to_string()))
}

#[test]
fn the_kind_is_read_before_the_data_wherever_it_stands() {
    let text = r#"{"data":{"entry":3,"reason":"x"},"key":"undo","kind":"entry.reverse"}"#;
    let job = read(text).unwrap();
    assert_eq!(
        (job.kind_name(), job.key.as_str()),
        ("entry.reverse", "undo")
    );
    let mut bytes = Vec::new();
    binary::encode(&job, &mut bytes).unwrap();
    let again: InnerJob = binary::decode(&bytes).unwrap();
    let mut same = Vec::new();
    binary::encode(&again, &mut same).unwrap();
    assert_eq!(same, bytes);
}

#[test]
fn mistakes_inside_have_their_place() {
    let unfit = [
        (r#"{"kind":"entry.reverse","key":"u"}"#, "/data"),
        (r#"{"key":"u","data":{}}"#, "/kind"),
        (
            r#"{"kind":"entry.reverse","data":{"entry":3,"reason":"x"}}"#,
            "/key",
        ),
        (r#"{"kind":"x","key":"u","data":{}}"#, "/kind"),
        (r#"{"kind":"query.balance","key":"u","data":{}}"#, "/kind"),
        (
            r#"{"kind":"approval.request","key":"u","data":{}}"#,
            "/kind",
        ),
        (r#"{"kind":"entry.reverse","key":"a b","data":{}}"#, "/key"),
        (
            r#"{"kind":"entry.reverse","key":"u","data":{"entry":"3"}}"#,
            "/data/entry",
        ),
        (
            r#"{"kind":"entry.reverse","key":"u","data":{"no":1}}"#,
            "/data/no",
        ),
        (
            r#"{"kind":"entry.reverse","key":"u","actor":"b","data":{"entry":3,"reason":"x"}}"#,
            "/actor",
        ),
    ];
    for (text, place) in unfit {
        let (path, reason) = read(text).map(drop).unwrap_err();
        assert_eq!(path, place, "{text}: {reason}");
    }
}
