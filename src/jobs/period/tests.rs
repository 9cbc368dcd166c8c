use serde_json::{Value as Json, json};

use crate::jobs::desk::{Desk, shows};

fn accounts() -> Json {
    json!({
        "bank/main": { "unit": "EUR", "class": "asset", "opening": "100.00" },
        "exp/office": { "unit": "EUR", "class": "expense" },
    })
}

fn desk() -> Desk {
    Desk::given(&accounts(), &json!({}))
}

fn close(desk: &mut Desk, period: &str, mode: &str) -> Json {
    desk.run("period.close", &json!({ "period": period, "mode": mode }))
}

fn open(desk: &mut Desk, period: &str) -> Json {
    desk.run("period.open", &json!({ "period": period }))
}

fn post(desk: &mut Desk, actor: Option<&str>, date: &str) -> Json {
    let legs = json!([
        { "dr": "exp/office", "amount": "1.00" },
        { "cr": "bank/main", "amount": "1.00" },
    ]);
    desk.run_as(
        actor,
        "entry.post",
        &json!({ "booking_date": date, "legs": legs }),
    )
}

#[track_caller]
fn refused(outcome: &Json, code: &str, period: &str) {
    let expected = json!({ "status": "rejected", "code": code, "path": "/data/period" });
    shows(outcome, &expected);
    assert_eq!(outcome["detail"]["period"], json!(period), "{outcome:#}");
}

#[test]
fn a_soft_lock_keeps_entries_out_until_it_is_undone() {
    let mut desk = desk();
    let locked = desk.run("period.close", &json!({ "period": "2026-12" }));
    shows(&locked, &json!({ "status": "closed", "period": "2026-12" }));
    let kept_out = post(&mut desk, None, "2026-12-31");
    shows(
        &kept_out,
        &json!({ "code": "PERIOD_CLOSED", "path": "/data/booking_date" }),
    );
    assert_eq!(kept_out["detail"], json!({ "period": "2026-12" }));
    refused(
        &close(&mut desk, "2026-12", "soft_lock"),
        "PERIOD_STATE",
        "2026-12",
    );
    shows(
        &close(&mut desk, "2026-12", "reopen"),
        &json!({ "status": "opened" }),
    );
    shows(
        &post(&mut desk, None, "2026-12-31"),
        &json!({ "status": "posted" }),
    );
    refused(
        &close(&mut desk, "2026-12", "reopen"),
        "PERIOD_STATE",
        "2026-12",
    );
}

#[test]
fn a_year_stands_for_its_months() {
    let mut desk = desk();
    close(&mut desk, "2026-03", "soft_lock");
    shows(
        &close(&mut desk, "2026", "soft_lock"),
        &json!({ "status": "closed" }),
    );
    let december = post(&mut desk, None, "2026-12-31");
    assert_eq!(
        december["detail"],
        json!({ "period": "2026-12" }),
        "the month, not the year"
    );
    refused(
        &close(&mut desk, "2026", "soft_lock"),
        "PERIOD_STATE",
        "2026",
    );
    shows(
        &post(&mut desk, None, "2027-01-01"),
        &json!({ "status": "posted" }),
    );
    shows(
        &close(&mut desk, "2026", "reopen"),
        &json!({ "status": "opened" }),
    );
    shows(
        &post(&mut desk, None, "2026-03-01"),
        &json!({ "status": "posted" }),
    );
}

#[test]
fn a_month_that_has_begun_is_open_and_a_later_one_is_opened_once() {
    let mut desk = desk();
    refused(&open(&mut desk, "2027-01"), "PERIOD_STATE", "2027-01");
    refused(&open(&mut desk, "2026"), "PERIOD_STATE", "2026");
    let opened = json!({ "status": "opened", "period": "2027-02", "auto_reversals": 0 });
    shows(&open(&mut desk, "2027-02"), &opened);
    refused(&open(&mut desk, "2027-02"), "PERIOD_STATE", "2027-02");
    shows(&open(&mut desk, "2027"), &json!({ "status": "opened" }));
    refused(&open(&mut desk, "2027"), "PERIOD_STATE", "2027");
    close(&mut desk, "2027-03", "soft_lock");
    refused(&open(&mut desk, "2027-03"), "PERIOD_STATE", "2027-03");
}

#[test]
fn what_is_closed_for_ever_says_so() {
    let mut desk = desk();
    desk.close("2026-11");
    refused(&open(&mut desk, "2026-11"), "PERIOD_CLOSED", "2026-11");
    refused(
        &close(&mut desk, "2026-11", "soft_lock"),
        "PERIOD_CLOSED",
        "2026-11",
    );
    refused(
        &close(&mut desk, "2026-11", "reopen"),
        "PERIOD_CLOSED",
        "2026-11",
    );
    shows(
        &close(&mut desk, "2026", "soft_lock"),
        &json!({ "status": "closed" }),
    );
}

#[test]
fn no_such_period_and_no_such_mode() {
    let mut desk = desk();
    for name in [
        "2026-13",
        "2026-00",
        "26",
        "2026-3",
        "1899",
        "2200-01",
        "20x6",
        "2026-03-01",
    ] {
        refused(&open(&mut desk, name), "PERIOD_UNKNOWN", name);
    }
    let hard = close(&mut desk, "2026-13", "hard_close");
    refused(&hard, "PERIOD_UNKNOWN", "2026-13");
    let unknown = close(&mut desk, "2026-01", "slam");
    shows(
        &unknown,
        &json!({ "code": "SCHEMA_INVALID", "path": "/data/mode" }),
    );
    let number = desk.run("period.open", &json!({ "period": 2026 }));
    shows(
        &number,
        &json!({ "code": "SCHEMA_INVALID", "path": "/data/period" }),
    );
    let retained = json!({ "period": "2026-01", "retained": "equity/none" });
    let missing = desk.run("period.close", &retained);
    shows(
        &missing,
        &json!({ "code": "ACCOUNT_NOT_FOUND", "path": "/data/retained" }),
    );
}

#[test]
fn users_with_roles_answer_for_periods() {
    let users = json!({ "users": { "anna": ["clerk"], "dora": ["closing"] } });
    let mut desk = Desk::given(&accounts(), &users);
    let lock = json!({ "period": "2026-12" });
    shows(
        &desk.run("period.close", &lock),
        &json!({ "code": "ACTOR_MISSING" }),
    );
    let unknown = json!({ "period": "never" });
    shows(
        &desk.run("period.open", &unknown),
        &json!({ "code": "ACTOR_MISSING" }),
    );
    let locked = desk.run_as(Some("anna"), "period.close", &lock);
    shows(&locked, &json!({ "status": "closed" }));

    let kept_out = json!({ "code": "PERIOD_CLOSED" });
    shows(&post(&mut desk, Some("anna"), "2026-12-31"), &kept_out);
    shows(&post(&mut desk, None, "2026-12-31"), &kept_out);
    let posted = json!({ "status": "posted" });
    shows(&post(&mut desk, Some("dora"), "2026-12-31"), &posted);

    let reopen = json!({ "period": "2026-12", "mode": "reopen" });
    let clerk = desk.run_as(Some("anna"), "period.close", &reopen);
    refused(&clerk, "PERIOD_STATE", "2026-12");
    assert_eq!(clerk["detail"]["role"], json!("closing"));
    let opened = desk.run_as(Some("dora"), "period.close", &reopen);
    shows(&opened, &json!({ "status": "opened" }));
    shows(&post(&mut desk, None, "2026-12-31"), &posted);
}

#[test]
fn a_role_given_today_posts_into_a_month_before_it() {
    let mut desk = Desk::given(&accounts(), &json!({ "users": { "anna": ["clerk"] } }));
    desk.run_as(
        Some("anna"),
        "period.close",
        &json!({ "period": "2026-11" }),
    );
    let role = json!({
        "record": "user", "name": "bert", "value": ["closing"], "reason": "year end",
    });
    let set = desk.run_as(Some("anna"), "reference.set", &role);
    shows(&set, &json!({ "status": "accepted" }));
    let posted = post(&mut desk, Some("bert"), "2026-11-30");
    shows(&posted, &json!({ "status": "posted" }));
}
