use serde_json::{Value as Json, json};

use crate::jobs::desk::{Desk, shows};
use crate::limits::DUE_JOBS_MAX;

fn desk() -> Desk {
    let accounts = json!({
        "wallet/w-1": {
            "unit": "EUR", "class": "liability", "opening": "1000.00", "min_available": "0.00",
        },
        "merchant/m-1": { "unit": "EUR", "class": "liability" },
    });
    let mut desk = Desk::given(&accounts, &json!({}));
    desk.at("2027-05-01T00:00:00Z");
    desk
}

fn place(desk: &mut Desk, amount: &str, expires_at: &str) -> Json {
    let data = json!({
        "debit": "wallet/w-1", "credit": "merchant/m-1", "amount": amount, "expires_at": expires_at,
    });
    desk.run("hold.place", &data)
}

fn capture(desk: &mut Desk, hold: &str, amount: &str) -> Json {
    let data = json!({ "hold": hold, "amount": amount, "final": false });
    desk.run("hold.capture", &data)
}

#[test]
fn a_hold_is_due_at_its_instant_and_not_before() {
    let mut desk = desk();
    place(&mut desk, "80.00", "2027-05-08T00:00:00Z");
    desk.at("2027-05-07T23:59:59.999999999Z");
    desk.due();
    assert!(desk.events.is_empty());
    desk.at("2027-05-08T00:00:00Z");
    desk.due();
    let expected = json!({
        "event": "hold.expired", "kind": "hold.expire", "status": "accepted",
        "key": "H-000001#expired", "hold": "H-000001", "amount": "80.00",
        "recorded_at": "2027-05-08T00:00:00.000000000Z",
        "balances": { "wallet/w-1": "1000.00", "merchant/m-1": "0.00" },
    });
    shows(&desk.events[0], &expected);
    let record = desk.commits.last().unwrap().records[0].as_job().unwrap();
    assert_eq!(record.envelope.actor.as_deref(), Some("system"));
    assert_eq!(
        (desk.book().next_due(), desk.book().holds().open()),
        (None, 0)
    );
}

#[test]
fn what_is_captured_or_voided_does_not_expire() {
    let mut desk = desk();
    for _ in 0..3 {
        place(&mut desk, "10.00", "2027-05-08T00:00:00Z");
    }
    desk.run("hold.void", &json!({ "hold": "H-000001" }));
    capture(&mut desk, "H-000002", "10.00");
    capture(&mut desk, "H-000003", "4.00");
    desk.at("2027-06-01T00:00:00Z");
    desk.due();
    assert_eq!(desk.events.len(), 1, "{:?}", desk.events);
    shows(
        &desk.events[0],
        &json!({ "hold": "H-000003", "amount": "6.00" }),
    );
}

#[test]
fn a_commit_does_so_much_and_the_jobs_wait_behind_the_rest() {
    let mut desk = desk();
    let holds = DUE_JOBS_MAX + 3;
    for _ in 0..holds {
        place(&mut desk, "0.01", "2027-05-08T00:00:00Z");
    }
    let before = desk.commits.len();
    desk.at("2027-05-08T00:00:00Z");
    let outcome = capture(&mut desk, "H-000001", "0.01");
    shows(&outcome, &json!({ "code": "HOLD_EXPIRED" }));
    let sizes: Vec<usize> = desk.commits[before..]
        .iter()
        .map(|commit| commit.records.len())
        .collect();
    assert_eq!(sizes, [DUE_JOBS_MAX, 3, 1]);
    let sequences: Vec<&Json> = desk.events.iter().map(|event| &event["hold"]).collect();
    assert_eq!(sequences[0], "H-000001");
    assert_eq!(sequences[holds - 1], &json!(format!("H-{holds:06}")));
}

#[test]
fn a_hold_that_a_document_owns_is_ended_by_that_document_only() {
    let mut desk = desk();
    desk.hold_of(
        "H-000001",
        "APR-000001",
        ("wallet/w-1", "merchant/m-1"),
        1_000,
    );
    for (kind, data) in [
        ("hold.capture", json!({ "hold": "H-000001" })),
        ("hold.void", json!({ "hold": "H-000001" })),
    ] {
        let outcome = desk.run(kind, &data);
        shows(
            &outcome,
            &json!({ "code": "HOLD_STATE", "path": "/data/hold" }),
        );
        shows(
            &outcome["detail"],
            &json!({ "state": "placed", "document": "APR-000001" }),
        );
    }
}
