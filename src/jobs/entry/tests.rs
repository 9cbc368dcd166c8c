use serde_json::{Value as Json, json};

use crate::jobs::desk::{Desk, shows};
use crate::ledger::effect::Nature;
use crate::ledger::{Effect, Side};

fn desk(config: &Json) -> Desk {
    let accounts = json!({
        "bank/main": { "unit": "EUR", "class": "asset", "opening": "1000.00" },
        "exp/office": { "unit": "EUR", "class": "expense" },
        "exp/travel": { "unit": "EUR", "class": "expense", "freeze": "both" },
        "bank/yen": { "unit": "JPY", "class": "asset" },
        "old/kuna": { "unit": "HRK", "class": "asset" },
        "old/other": { "unit": "HRK", "class": "equity" },
    });
    Desk::given(&accounts, config)
}

fn entry(debit: &str, credit: &str, amount: &str) -> Json {
    json!({
        "booking_date": "2026-12-01",
        "legs": [{ "dr": debit, "amount": amount }, { "cr": credit, "amount": amount }],
    })
}

fn office(amount: &str) -> Json {
    entry("exp/office", "bank/main", amount)
}

fn reverse(desk: &mut Desk, entry: u64, date: &str) -> Json {
    let data = json!({ "entry": entry, "booking_date": date, "reason": "wrong cost type" });
    desk.run("entry.reverse", &data)
}

#[track_caller]
fn refused(outcome: &Json, code: &str, path: &str, detail: &Json) {
    let expected = json!({ "status": "rejected", "code": code, "path": format!("/data{path}") });
    shows(outcome, &expected);
    shows(&outcome["detail"], detail);
}

#[test]
fn a_reversal_mirrors_every_leg_and_is_linked_both_ways() {
    let mut desk = desk(&json!({}));
    desk.run("entry.post", &office("80.00"));
    let data = json!({ "entry": 1, "reason": "wrong", "general_reversal": true });
    let outcome = desk.run("entry.reverse", &data);
    let expected = json!({
        "status": "posted", "entry_no": 2, "reverses": 1, "booking_date": "2027-01-01",
        "value_date": "2027-01-01", "balances": { "exp/office": "0.00", "bank/main": "1000.00" },
    });
    shows(&outcome, &expected);
    assert_eq!(
        desk.book().reversed_by(crate::ids::EntryNo(1)).unwrap().0,
        2
    );
    let commit = desk.commits.last().unwrap();
    let post = commit.effects.iter().find_map(Effect::as_post).unwrap();
    assert_eq!(
        (post.reverses.unwrap().0, post.nature),
        (1, Nature::GeneralReversal)
    );
    let sides: Vec<Side> = commit.legs(&post.legs).iter().map(|leg| leg.side).collect();
    assert_eq!(sides, [Side::Credit, Side::Debit]);
}

#[test]
fn an_entry_is_reversed_once_and_a_reversal_never() {
    let mut desk = desk(&json!({}));
    desk.run("entry.post", &office("80.00"));
    reverse(&mut desk, 1, "2026-12-02");
    let again = reverse(&mut desk, 1, "2026-12-02");
    refused(
        &again,
        "ALREADY_REVERSED",
        "/entry",
        &json!({ "entry": 1, "by": 2 }),
    );
    let back = reverse(&mut desk, 2, "2026-12-02");
    refused(
        &back,
        "NOT_REVERSIBLE",
        "/entry",
        &json!({ "entry": 2, "reverses": 1 }),
    );
    for unknown in [0, 3, u64::from(u32::MAX)] {
        let outcome = reverse(&mut desk, unknown, "2026-12-02");
        refused(
            &outcome,
            "ENTRY_NOT_FOUND",
            "/entry",
            &json!({ "entry": unknown }),
        );
    }
}

#[test]
fn what_a_document_owns_is_not_reversed_here() {
    let mut desk = desk(&json!({}));
    desk.owned("exp/office", "bank/main", 500);
    let outcome = reverse(&mut desk, 1, "2026-12-02");
    refused(&outcome, "NOT_REVERSIBLE", "/entry", &json!({ "entry": 1 }));
}

#[test]
fn the_period_comes_before_the_entry_and_its_state() {
    let mut desk = desk(&json!({}));
    desk.run("entry.post", &office("80.00"));
    reverse(&mut desk, 1, "2026-12-02");
    desk.close("2026-11");
    let closed = json!({ "period": "2026-11" });
    let late = reverse(&mut desk, 1, "2026-11-30");
    refused(&late, "PERIOD_CLOSED", "/booking_date", &closed);
    let unknown = reverse(&mut desk, 9, "2026-11-30");
    refused(&unknown, "PERIOD_CLOSED", "/booking_date", &closed);
    let no_date = reverse(&mut desk, 9, "2026-02-31");
    refused(
        &no_date,
        "DATE_INVALID",
        "/booking_date",
        &json!({ "value": "2026-02-31" }),
    );
    let silent = desk.run("entry.reverse", &json!({ "entry": 1 }));
    shows(&silent, &json!({ "code": "SCHEMA_INVALID" }));
}

#[test]
fn frozen_accounts_come_before_the_state_of_the_entry() {
    let mut desk = desk(&json!({}));
    desk.run("entry.post", &office("80.00"));
    reverse(&mut desk, 1, "2026-12-02");
    desk.run(
        "account.update",
        &json!({ "account": "exp/office", "freeze": "credit" }),
    );
    let frozen = json!({ "account": "exp/office", "side": "credit" });
    refused(
        &reverse(&mut desk, 1, "2026-12-02"),
        "ACCOUNT_FROZEN",
        "/entry",
        &frozen,
    );
}

#[test]
fn a_reversal_may_not_overdraw_either() {
    let mut desk = desk(&json!({}));
    let limit = json!({ "account": "bank/main", "min_available": "0.00" });
    desk.run("account.update", &limit);
    desk.run("entry.post", &entry("bank/main", "exp/office", "500.00"));
    desk.run("entry.post", &office("1200.00"));
    let outcome = reverse(&mut desk, 1, "2026-12-02");
    shows(&outcome, &json!({ "code": "INSUFFICIENT_FUNDS" }));
    shows(
        &outcome["detail"],
        &json!({ "available": "300.00", "requested": "500.00" }),
    );
}

#[test]
fn legs_are_checked_in_their_order() {
    let mut desk = desk(&json!({}));
    let mut run = |data: Json| desk.run("entry.post", &data);
    let negative = run(office("-1.00"));
    refused(&negative, "AMOUNT_NEGATIVE", "/legs/0/amount", &json!({}));
    let zero = run(office("0.00"));
    refused(&zero, "AMOUNT_ZERO", "/legs/0/amount", &json!({}));
    let precise = run(office("1.001"));
    let decimals = json!({ "unit": "EUR", "decimals": 2 });
    refused(&precise, "AMOUNT_PRECISION", "/legs/0/amount", &decimals);
    let huge = run(office("92233720368547758.08"));
    refused(&huge, "AMOUNT_OVERFLOW", "/legs/0/amount", &json!({}));
    let number = run(json!({ "legs": [{ "dr": "exp/office", "amount": 1 }] }));
    refused(&number, "AMOUNT_FORMAT", "/legs/0/amount", &json!({}));
    let unknown = run(entry("exp/none", "exp/travel", "1.00"));
    refused(
        &unknown,
        "ACCOUNT_NOT_FOUND",
        "/legs/0/dr",
        &json!({ "account": "exp/none" }),
    );
    let frozen = run(entry("exp/office", "exp/travel", "1.00"));
    let side = json!({ "account": "exp/travel", "side": "credit" });
    refused(&frozen, "ACCOUNT_FROZEN", "/legs/1/cr", &side);
    let yen = run(entry("bank/yen", "bank/main", "100"));
    let apart = json!({ "unit": "JPY", "debit": "100", "credit": "0" });
    refused(&yen, "ENTRY_UNBALANCED", "/legs", &apart);
    let kuna = run(entry("old/kuna", "old/other", "1.00"));
    refused(
        &kuna,
        "CURRENCY_UNKNOWN",
        "/legs/0",
        &json!({ "unit": "HRK" }),
    );
    let alone = run(json!({ "legs": [] }));
    refused(&alone, "ENTRY_TOO_FEW_LEGS", "/legs", &json!({ "legs": 0 }));
    let same = run(entry("exp/office", "exp/office", "1.00"));
    shows(&same, &json!({ "code": "ENTRY_SAME_ACCOUNT" }));
    shows(&same["detail"], &json!({ "account": "exp/office" }));
    let mut other = office("1.00");
    other["legs"][1]["unit"] = json!("USD");
    let mismatch = json!({ "account": "bank/main", "expected": "EUR", "got": "USD" });
    refused(&run(other), "CURRENCY_MISMATCH", "/legs/1/unit", &mismatch);
}

#[test]
fn asserted_balances_hold_after_the_entry_or_nothing_is_posted() {
    let mut desk = desk(&json!({}));
    let asserted = |balance: &str| {
        let mut data = office("80.00");
        data["assert"] = json!([{ "account": "bank/main", "balance": balance }]);
        data
    };
    let wrong = desk.run("entry.post", &asserted("1000.00"));
    let detail = json!({ "account": "bank/main", "expected": "1000.00", "got": "920.00" });
    refused(&wrong, "ASSERTION_FAILED", "/assert/0/balance", &detail);
    let right = desk.run("entry.post", &asserted("920.00"));
    shows(&right, &json!({ "status": "posted", "entry_no": 1 }));
}

#[test]
fn a_reference_is_used_once_where_that_is_configured() {
    for (unique, second) in [(true, "rejected"), (false, "posted")] {
        let mut desk = desk(&json!({ "unique_document_ref": unique }));
        let mut data = office("1.00");
        data["document_ref"] = json!("bill-7");
        desk.run("entry.post", &data);
        let again = desk.run("entry.post", &data);
        shows(&again, &json!({ "status": second }));
        if unique {
            let detail = json!({ "document_ref": "bill-7" });
            refused(&again, "DUPLICATE_REFERENCE", "/document_ref", &detail);
        }
    }
}
