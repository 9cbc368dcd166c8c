use serde_json::{Value as Json, json};

use crate::jobs::desk::{Desk, shows};

fn desk() -> Desk {
    let accounts = json!({
        "bank/main": { "unit": "EUR", "class": "asset", "opening": "100.00" },
        "ar/c-1": { "unit": "EUR", "class": "asset", "opening": "80.00", "max_balance": "100.00" },
        "ar/c-2": { "unit": "EUR", "class": "asset" },
        "wallet/x": { "unit": "EUR", "class": "liability" },
    });
    let items = json!([
        { "document": "RE-1", "customer": "c-1", "open": "80.00" },
        { "document": "RE-2", "customer": "c-2", "open": "5.00" },
    ]);
    Desk::given(&accounts, &json!({ "open_items": items }))
}

#[track_caller]
fn refused(outcome: &Json, code: &str, path: &str, detail: &Json) {
    let expected = json!({ "status": "rejected", "code": code, "path": format!("/data{path}") });
    shows(outcome, &expected);
    shows(&outcome["detail"], detail);
}

fn open(desk: &mut Desk, changes: &Json) -> Json {
    let mut data = json!({ "account": "wallet/new", "unit": "EUR", "class": "liability" });
    for (name, value) in changes.as_object().unwrap() {
        data[name] = value.clone();
    }
    desk.run("account.open", &data)
}

#[test]
fn an_account_is_opened_once_in_a_known_unit() {
    let mut desk = desk();
    let outcome = open(
        &mut desk,
        &json!({ "freeze": "credit", "labels": { "team": "t1" } }),
    );
    let expected = json!({ "status": "accepted", "account": "wallet/new", "state": "open" });
    shows(&outcome, &expected);
    let account = desk.book().accounts().by_name("wallet/new").unwrap();
    let labels = &account.extra().unwrap().labels;
    assert_eq!(labels.get("team").map(String::as_str), Some("t1"));

    let again = open(&mut desk, &json!({ "unit": "EURO" }));
    refused(
        &again,
        "ACCOUNT_EXISTS",
        "/account",
        &json!({ "account": "wallet/new" }),
    );
    let unknown = open(&mut desk, &json!({ "account": "wallet/b", "unit": "EURO" }));
    refused(
        &unknown,
        "CURRENCY_UNKNOWN",
        "/unit",
        &json!({ "unit": "EURO" }),
    );
}

#[test]
fn names_labels_and_limits_have_their_bounds() {
    let mut desk = desk();
    let mut bad = |changes: Json, code, path: &str| {
        let outcome = open(&mut desk, &changes);
        let expected = json!({ "code": code, "path": format!("/data{path}") });
        shows(&outcome, &expected);
    };
    bad(json!({ "account": "Wallet" }), "SCHEMA_INVALID", "/account");
    bad(json!({ "class": "wealth" }), "SCHEMA_INVALID", "/class");
    bad(json!({ "freeze": "all" }), "SCHEMA_INVALID", "/freeze");
    bad(json!({ "colour": "red" }), "SCHEMA_INVALID", "/colour");
    bad(json!({ "text": null }), "SCHEMA_INVALID", "/text");
    bad(
        json!({ "labels": { "team": 1 } }),
        "SCHEMA_INVALID",
        "/labels/team",
    );
    let many: serde_json::Map<_, _> = (0..33).map(|at| (format!("l{at}"), json!("x"))).collect();
    bad(json!({ "labels": many }), "SCHEMA_INVALID", "/labels");
    bad(
        json!({ "min_available": 5 }),
        "AMOUNT_FORMAT",
        "/min_available",
    );
    bad(
        json!({ "max_balance": "1.001" }),
        "AMOUNT_PRECISION",
        "/max_balance",
    );
    let crossed = json!({ "min_available": "2.00", "max_balance": "1.00" });
    bad(crossed, "SCHEMA_INVALID", "/max_balance");
    bad(
        json!({ "unit": "EURO", "min_available": "1.001" }),
        "CURRENCY_UNKNOWN",
        "/unit",
    );
}

#[test]
fn a_limit_under_the_present_figure_is_accepted_and_reported() {
    let mut desk = desk();
    let update = |desk: &mut Desk, data: Json| desk.run("account.update", &data);
    let lower = update(
        &mut desk,
        json!({ "account": "ar/c-1", "max_balance": "70.00" }),
    );
    shows(
        &lower,
        &json!({ "status": "accepted", "over_limit": "10.00" }),
    );
    let within = update(
        &mut desk,
        json!({ "account": "ar/c-1", "max_balance": "80.00" }),
    );
    shows(
        &within,
        &json!({ "status": "accepted", "over_limit": null }),
    );
    let floor = update(
        &mut desk,
        json!({ "account": "ar/c-1", "min_available": "80.01" }),
    );
    shows(&floor, &json!({ "over_limit": "0.01" }));
    let other = update(&mut desk, json!({ "account": "ar/c-1", "freeze": "both" }));
    shows(&other, &json!({ "over_limit": null }));
}

#[test]
fn a_change_names_an_open_account_and_something_to_change() {
    let mut desk = desk();
    let mut update = |data: Json| desk.run("account.update", &data);
    let nothing = update(json!({ "account": "wallet/x", "reason": "none" }));
    refused(&nothing, "SCHEMA_INVALID", "", &json!({ "path": "" }));
    let unknown = update(json!({ "account": "wallet/none", "min_available": "1.0001" }));
    refused(
        &unknown,
        "ACCOUNT_NOT_FOUND",
        "/account",
        &json!({ "account": "wallet/none" }),
    );
    let form = update(json!({ "account": "wallet/none", "min_available": "1e3" }));
    refused(&form, "AMOUNT_FORMAT", "/min_available", &json!({}));
    let dated = |day: &str| json!({ "account": "wallet/x", "freeze": "none", "valid_from": day });
    shows(
        &update(dated("2027-01-01")),
        &json!({ "status": "accepted" }),
    );
    let early = json!({ "value": "2026-12-31" });
    refused(
        &update(dated("2026-12-31")),
        "DATE_OUT_OF_RANGE",
        "/valid_from",
        &early,
    );
    let wrong = json!({ "value": "2027-02-30" });
    refused(
        &update(dated("2027-02-30")),
        "DATE_INVALID",
        "/valid_from",
        &wrong,
    );
}

#[test]
fn only_an_empty_account_closes_and_then_for_ever() {
    let mut desk = desk();
    let close = |desk: &mut Desk, account: &str| {
        desk.run(
            "account.close",
            &json!({ "account": account, "reason": "over" }),
        )
    };
    let full = json!({ "account": "bank/main", "balance": "100.00" });
    refused(
        &close(&mut desk, "bank/main"),
        "ACCOUNT_NOT_EMPTY",
        "/account",
        &full,
    );
    let waiting = json!({ "balance": "0.00", "document": "RE-2" });
    refused(
        &close(&mut desk, "ar/c-2"),
        "ACCOUNT_NOT_EMPTY",
        "/account",
        &waiting,
    );
    let nowhere = json!({ "account": "wallet/y" });
    refused(
        &close(&mut desk, "wallet/y"),
        "ACCOUNT_NOT_FOUND",
        "/account",
        &nowhere,
    );

    let closed = json!({ "status": "accepted", "account": "wallet/x", "state": "closed" });
    shows(&close(&mut desk, "wallet/x"), &closed);
    let of_x = json!({ "account": "wallet/x" });
    refused(
        &close(&mut desk, "wallet/x"),
        "ACCOUNT_CLOSED",
        "/account",
        &of_x,
    );
    let update = json!({ "account": "wallet/x", "freeze": "none" });
    refused(
        &desk.run("account.update", &update),
        "ACCOUNT_CLOSED",
        "/account",
        &of_x,
    );
    refused(
        &open(&mut desk, &json!({ "account": "wallet/x" })),
        "ACCOUNT_EXISTS",
        "/account",
        &of_x,
    );
}

#[test]
fn live_holds_keep_an_account_open() {
    let mut desk = desk();
    desk.hold("H-000001", "bank/main", "wallet/x", 500);
    let outcome = desk.run("account.close", &json!({ "account": "wallet/x" }));
    refused(
        &outcome,
        "ACCOUNT_HAS_HOLDS",
        "/account",
        &json!({ "held": "5.00" }),
    );
}
