use serde_json::{Value as Json, json};

use crate::jobs::desk::{Desk, Row};
use crate::ledger::reference::Record;

/// A seller with 600 shares and a buyer with 30,000.00.
const PARTIES: [Row<'static>; 5] = [
    ("cash/B", "EUR", "liability", "30000.00", Some("0.00")),
    ("cash/S", "EUR", "liability", "0.00", Some("0.00")),
    ("secu/B", "SHR", "liability", "0", Some("0")),
    ("secu/S", "SHR", "liability", "600", Some("0")),
    ("secu/depository", "SHR", "asset", "600", None),
];

fn desk() -> Desk {
    Desk::new(&PARTIES, &[])
}

/// 1,000 shares against 25,000.00, with some members set otherwise; a null takes a member away.
fn dvp(changes: &Json) -> Json {
    let mut data = json!({
        "trade": "T-1", "type": "DVP", "deliverer": "S", "receiver": "B",
        "security": "SHR", "quantity": "1000",
        "cash": { "amount": "25000.00", "currency": "EUR" },
        "settlement_date": "2026-05-04",
    });
    let members = data.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        members.insert(name.clone(), value.clone());
    }
    members.retain(|_, value| !value.is_null());
    data
}

fn instruct(desk: &mut Desk, changes: &Json) -> Json {
    desk.run("settlement.instruct", &dvp(changes))
}

fn attempt(desk: &mut Desk) -> Json {
    let data = json!({ "instruction": "SI-000001" });
    desk.run("settlement.attempt", &data)
}

/// Shares come in at a party.
fn deliver(desk: &mut Desk, party: &str, shares: &str) {
    let legs = json!([
        { "dr": "secu/depository", "amount": shares },
        { "cr": format!("secu/{party}"), "amount": shares },
    ]);
    let outcome = desk.run("entry.post", &json!({ "legs": legs }));
    shows(&outcome, &json!({ "status": "posted" }));
}

/// Everything that is named is there and equal.
#[track_caller]
fn shows(outcome: &Json, expected: &Json) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&outcome[name], value, "{name} of {outcome:#}");
    }
}

#[track_caller]
fn refused(outcome: &Json, code: &str, path: &str, detail: &Json) {
    let expected = json!({ "status": "rejected", "code": code, "path": path });
    shows(outcome, &expected);
    assert_eq!(&outcome["detail"], detail, "{outcome:#}");
}

#[test]
fn an_instruction_waits_under_a_number_and_posts_nothing() {
    let mut desk = desk();
    let outcome = instruct(&mut desk, &json!({}));
    let expected = json!({
        "status": "accepted", "instruction": "SI-000001", "settlement_date": "2026-05-04",
        "state": "pending", "entry_no": null,
    });
    shows(&outcome, &expected);
    let document = desk.book().documents().get("SI-000001").unwrap();
    assert_eq!((document.open, document.count("priority")), (1_000, 4));
    assert_eq!(document.text("partial"), "not_allowed");
}

#[test]
fn what_is_short_fails_and_is_tried_again_until_it_settles() {
    let mut desk = desk();
    instruct(&mut desk, &json!({}));
    let failing = json!({
        "status": "failing", "instruction": "SI-000001", "reason": "LACK_OF_SECURITIES",
        "short": "400", "state": "failing", "attempts": 1, "remaining": "1000", "entry_no": null,
    });
    shows(&attempt(&mut desk), &failing);
    deliver(&mut desk, "S", "400");
    let settled = json!({
        "status": "settled", "quantity": "1000", "cash": "25000.00", "remaining": "0",
        "state": "settled", "attempts": 2, "entry_no": 2, "booking_date": "2027-01-01",
    });
    shows(&attempt(&mut desk), &settled);
    for (account, balance) in [
        ("cash/B", "5000.00"),
        ("cash/S", "25000.00"),
        ("secu/B", "1000"),
    ] {
        assert_eq!(desk.balance(account), balance);
    }
    let expected = ["pending", "failing", "partially_settled"];
    let detail = json!({ "state": "settled", "expected": expected });
    refused(
        &attempt(&mut desk),
        "DOCUMENT_STATE",
        "/data/instruction",
        &detail,
    );
}

#[test]
fn parts_settle_by_cumulative_share_and_add_up() {
    let mut desk = desk();
    instruct(&mut desk, &json!({ "partial": "allowed" }));
    let first = json!({
        "status": "partially_settled", "quantity": "600", "cash": "15000.00", "remaining": "400",
        "state": "partially_settled",
    });
    shows(&attempt(&mut desk), &first);
    // Nothing is left to deliver: the attempt fails, the instruction stays settled in part.
    let nothing = json!({
        "status": "failing", "reason": "LACK_OF_SECURITIES", "short": "400", "quantity": "0",
        "cash": "0.00", "state": "partially_settled", "attempts": 2,
    });
    shows(&attempt(&mut desk), &nothing);
    deliver(&mut desk, "S", "400");
    let rest = json!({
        "status": "settled", "quantity": "400", "cash": "10000.00", "remaining": "0",
    });
    shows(&attempt(&mut desk), &rest);
    let document = desk.book().documents().get("SI-000001").unwrap();
    assert_eq!(document.minor("settled_quantity"), 1_000);
    assert_eq!(document.minor("settled_cash"), 2_500_000);
    assert_eq!((document.count("attempts"), document.open), (3, 0));
}

#[test]
fn parts_of_an_uneven_price_are_exact_at_the_end() {
    let mut desk = Desk::new(
        &[
            ("cash/B", "EUR", "liability", "100.00", None),
            ("cash/S", "EUR", "liability", "0.00", None),
            ("secu/B", "SHR", "liability", "0", None),
            ("secu/S", "SHR", "liability", "1", None),
            ("secu/depository", "SHR", "asset", "1", None),
        ],
        &[],
    );
    let cash = json!({ "amount": "100.00", "currency": "EUR" });
    instruct(
        &mut desk,
        &json!({ "quantity": "3", "cash": cash, "partial": "allowed" }),
    );
    for paid in ["33.33", "33.34", "33.33"] {
        shows(
            &attempt(&mut desk),
            &json!({ "quantity": "1", "cash": paid }),
        );
        deliver(&mut desk, "S", "1");
    }
    assert_eq!(desk.balance("cash/S"), "100.00");
}

#[test]
fn a_part_without_its_cash_fails_too() {
    let mut desk = desk();
    let cash = json!({ "amount": "60000.00", "currency": "EUR" });
    instruct(&mut desk, &json!({ "cash": cash, "partial": "allowed" }));
    // 600 of 1,000 cost 36,000.00; 30,000.00 are there.
    let failing = json!({
        "status": "failing", "reason": "LACK_OF_CASH", "short": "6000.00", "state": "failing",
    });
    shows(&attempt(&mut desk), &failing);
    assert_eq!(
        desk.balance("secu/S"),
        "600",
        "securities stay where they are"
    );
}

#[test]
fn limits_say_how_far_an_account_may_go() {
    let rows = |min: Option<&'static str>| {
        [
            ("cash/B", "EUR", "liability", "10.00", min),
            ("cash/S", "EUR", "liability", "0.00", None),
        ]
    };
    let payment = json!({
        "type": "PAYMENT", "security": null, "quantity": null,
        "cash": { "amount": "30.00", "currency": "EUR" },
    });
    for (min, short) in [
        (None, "20.00"),
        (Some("5.00"), "25.00"),
        (Some("-15.00"), "5.00"),
    ] {
        let mut desk = Desk::new(&rows(min), &[]);
        instruct(&mut desk, &payment);
        let failing = json!({
            "status": "failing", "reason": "LACK_OF_CASH", "short": short, "remaining": "30.00",
        });
        shows(&attempt(&mut desk), &failing);
    }
    let mut desk = Desk::new(&rows(Some("-20.00")), &[]);
    instruct(&mut desk, &payment);
    let settled = json!({ "status": "settled", "cash": "30.00", "remaining": "0.00" });
    let outcome = attempt(&mut desk);
    shows(&outcome, &settled);
    assert!(
        outcome.get("quantity").is_none(),
        "a payment has no quantity"
    );
}

#[test]
fn securities_move_alone_free_of_payment_and_cash_in_parts() {
    let mut fop = desk();
    instruct(
        &mut fop,
        &json!({ "type": "FOP", "cash": null, "quantity": "500" }),
    );
    let outcome = attempt(&mut fop);
    shows(
        &outcome,
        &json!({ "status": "settled", "quantity": "500", "remaining": "0" }),
    );
    assert!(outcome.get("cash").is_none(), "nothing is paid");

    let mut payment = desk();
    let cash = json!({ "amount": "40000.00", "currency": "EUR" });
    let data = json!({
        "type": "PAYMENT", "security": null, "quantity": null, "cash": cash, "partial": "allowed",
    });
    instruct(&mut payment, &data);
    let part = json!({
        "status": "partially_settled", "cash": "30000.00", "remaining": "10000.00",
    });
    shows(&attempt(&mut payment), &part);
}

#[test]
fn the_entry_belongs_to_the_instruction() {
    let mut desk = desk();
    instruct(&mut desk, &json!({ "quantity": "600" }));
    attempt(&mut desk);
    let commit = desk.commits.last().unwrap();
    let post = commit.effects.iter().find_map(|effect| effect.as_post());
    assert!(post.unwrap().owned);
}

#[test]
fn nothing_settles_before_its_day_or_on_hold() {
    let states = ["pending", "failing", "partially_settled"];
    let mut desk = desk();
    desk.at("2026-05-03T21:59:59Z");
    instruct(&mut desk, &json!({ "quantity": "600" }));
    let early = json!({
        "state": "pending", "expected": states, "settlement_date": "2026-05-04",
    });
    refused(
        &attempt(&mut desk),
        "DOCUMENT_STATE",
        "/data/instruction",
        &early,
    );
    // Midnight in the book's zone.
    desk.at("2026-05-03T22:00:00Z");
    shows(
        &attempt(&mut desk),
        &json!({ "status": "settled", "attempts": 1 }),
    );

    let mut desk = self::desk();
    instruct(&mut desk, &json!({ "on_hold": true }));
    let held = json!({ "state": "pending", "expected": states, "on_hold": true });
    refused(
        &attempt(&mut desk),
        "DOCUMENT_STATE",
        "/data/instruction",
        &held,
    );
}

#[test]
fn a_trade_has_one_instruction_and_numbers_have_no_gap() {
    let mut desk = desk();
    instruct(&mut desk, &json!({}));
    let again = instruct(&mut desk, &json!({ "quantity": "1" }));
    refused(
        &again,
        "TRADE_DUPLICATE",
        "/data/trade",
        &json!({ "trade": "T-1" }),
    );
    for (trade, number) in [(json!("T-2"), "SI-000002"), (Json::Null, "SI-000003")] {
        let outcome = instruct(&mut desk, &json!({ "trade": trade }));
        shows(
            &outcome,
            &json!({ "status": "accepted", "instruction": number }),
        );
    }
}

#[test]
fn dates_roll_to_business_days_or_are_refused() {
    let own = r#"{"base":"TARGET","closed":["2026-05-05"]}"#;
    let records = [
        (Record::Calendar, "own", own),
        (Record::BookCalendar, "book_calendar", "\"own\""),
    ];
    let mut desk = Desk::new(&PARTIES, &records);
    let mut run = |changes: Json| {
        let mut changes = changes;
        changes["trade"] = Json::Null;
        instruct(&mut desk, &changes)
    };
    let refusal = run(json!({ "settlement_date": "2026-05-05" }));
    let detail = json!({ "value": "2026-05-05" });
    refused(
        &refusal,
        "NOT_A_BUSINESS_DAY",
        "/data/settlement_date",
        &detail,
    );
    let refusal = run(json!({ "settlement_date": "2026-05-03", "calendar": "TARGET" }));
    let detail = json!({ "value": "2026-05-03", "calendar": "TARGET" });
    refused(
        &refusal,
        "NOT_A_BUSINESS_DAY",
        "/data/settlement_date",
        &detail,
    );
    for (date, calendar, convention, rolled) in [
        ("2026-05-05", Json::Null, "following", "2026-05-06"),
        ("2026-05-05", json!("TARGET"), "none", "2026-05-05"),
        ("2026-05-05", json!("TARGET+own"), "preceding", "2026-05-04"),
        ("2026-05-03", json!("none"), "none", "2026-05-03"),
        (
            "2026-05-31",
            json!("TARGET"),
            "modified_following",
            "2026-05-29",
        ),
        ("2014-06-28", json!("TARGET"), "following", "2014-06-30"),
    ] {
        let changes = json!({
            "settlement_date": date, "calendar": calendar, "convention": convention,
        });
        let accepted = json!({ "status": "accepted", "settlement_date": rolled });
        shows(&run(changes), &accepted);
    }
}

#[test]
fn shapes_that_do_not_fit_their_type_are_refused() {
    let cases = [
        (json!({ "type": "PVP" }), "UNSUPPORTED_OPTION", "/type"),
        (json!({ "type": "FOP" }), "SCHEMA_INVALID", "/cash"),
        (json!({ "type": "PAYMENT" }), "SCHEMA_INVALID", "/security"),
        (json!({ "type": "SWAP" }), "SCHEMA_INVALID", "/type"),
        (json!({ "cash": null }), "SCHEMA_INVALID", "/cash"),
        (json!({ "quantity": null }), "SCHEMA_INVALID", "/quantity"),
        (json!({ "priority": 5 }), "SCHEMA_INVALID", "/priority"),
        (json!({ "priority": "1" }), "SCHEMA_INVALID", "/priority"),
        (json!({ "partial": "maybe" }), "SCHEMA_INVALID", "/partial"),
        (json!({ "calendar": "MOON" }), "SCHEMA_INVALID", "/calendar"),
        (json!({ "colour": "red" }), "SCHEMA_INVALID", "/colour"),
    ];
    for (changes, code, path) in cases {
        let outcome = instruct(&mut desk(), &changes);
        let expected = json!({ "code": code, "path": format!("/data{path}") });
        shows(&outcome, &expected);
        assert_eq!(outcome["detail"]["path"], path, "{outcome:#}");
    }
    let cases = [
        (
            json!({ "date": "2026-05-04" }),
            "UNSUPPORTED_OPTION",
            "/date",
        ),
        (json!({}), "SCHEMA_INVALID", "/instruction"),
        (
            json!({ "instruction": "SI-1", "date": "2026-05-04" }),
            "SCHEMA_INVALID",
            "/date",
        ),
    ];
    for (data, code, path) in cases {
        let outcome = desk().run("settlement.attempt", &data);
        shows(&outcome, &json!({ "code": code }));
        assert_eq!(outcome["detail"]["path"], path, "{outcome:#}");
    }
}

/// Each change of the instruction is refused with its code, place and detail.
#[track_caller]
fn all_refused(cases: &[(Json, &str, &str, Json)]) {
    for (changes, code, path, detail) in cases {
        let outcome = instruct(&mut desk(), changes);
        refused(&outcome, code, &format!("/data{path}"), detail);
    }
}

#[test]
fn dates_and_quantities_say_what_is_wrong_with_them() {
    let invalid = |quantity: Json, reason: &str| {
        let detail = json!({ "reason": reason });
        (
            json!({ "quantity": quantity }),
            "QUANTITY_INVALID",
            "/quantity",
            detail,
        )
    };
    let date = |date: &str, code: &'static str| {
        let detail = json!({ "value": date });
        (
            json!({ "settlement_date": date }),
            code,
            "/settlement_date",
            detail,
        )
    };
    let unit = json!({ "unit": "SHR", "decimals": 0 });
    all_refused(&[
        date("2026-02-30", "DATE_INVALID"),
        date("2200-01-01", "DATE_OUT_OF_RANGE"),
        invalid(json!(5), "number, not string"),
        invalid(json!("0"), "not above zero"),
        invalid(json!("-1"), "not above zero"),
        invalid(json!("0.0000000001"), "more than 9 decimals or 18 digits"),
        (
            json!({ "quantity": "1.5" }),
            "AMOUNT_PRECISION",
            "/quantity",
            unit,
        ),
    ]);
}

#[test]
fn cash_and_units_say_what_is_wrong_with_them() {
    let cash = |amount: Json, code: &'static str, detail: Json| {
        let cash = json!({ "amount": amount, "currency": "EUR" });
        (json!({ "cash": cash }), code, "/cash/amount", detail)
    };
    let (none, euro) = (Json::Null, json!({ "unit": "EUR", "decimals": 2 }));
    let form = json!({ "reason": "number, not string" });
    let unknown = json!({ "cash": { "amount": "1.005", "currency": "EURO" } });
    all_refused(&[
        cash(json!(1), "AMOUNT_FORMAT", form),
        cash(json!("-1.00"), "AMOUNT_NEGATIVE", none.clone()),
        cash(json!("0.00"), "AMOUNT_ZERO", none.clone()),
        cash(json!("1.005"), "AMOUNT_PRECISION", euro),
        cash(json!("99999999999999999999.00"), "AMOUNT_OVERFLOW", none),
        (
            json!({ "security": "XYZ9" }),
            "CURRENCY_UNKNOWN",
            "/security",
            json!({ "unit": "XYZ9" }),
        ),
        (
            unknown,
            "CURRENCY_UNKNOWN",
            "/cash/currency",
            json!({ "unit": "EURO" }),
        ),
        (
            json!({ "receiver": "S" }),
            "ENTRY_SAME_ACCOUNT",
            "/receiver",
            json!({ "account": "secu/S" }),
        ),
    ]);
}

#[test]
fn of_two_faults_the_earlier_step_gives_the_code() {
    let form = json!({ "reason": "only digits, one point and a leading minus are allowed" });
    all_refused(&[
        (
            json!({ "settlement_date": "soon", "quantity": "x" }),
            "DATE_INVALID",
            "/settlement_date",
            Json::Null,
        ),
        (
            json!({ "quantity": "x", "security": "XYZ9" }),
            "QUANTITY_INVALID",
            "/quantity",
            form,
        ),
        (
            json!({ "security": "XYZ9", "receiver": "S" }),
            "CURRENCY_UNKNOWN",
            "/security",
            json!({ "unit": "XYZ9" }),
        ),
    ]);
}

#[test]
fn an_attempt_needs_its_instruction_and_accounts() {
    let mut desk = desk();
    let detail = json!({ "document": "SI-000001" });
    refused(
        &attempt(&mut desk),
        "DOCUMENT_NOT_FOUND",
        "/data/instruction",
        &detail,
    );
    instruct(&mut desk, &json!({ "receiver": "C" }));
    let detail = json!({ "account": "secu/C" });
    refused(
        &attempt(&mut desk),
        "ACCOUNT_NOT_FOUND",
        "/data/instruction",
        &detail,
    );
}

#[test]
fn an_attempt_needs_accounts_of_the_instructions_units() {
    let mut rows = PARTIES;
    rows[1] = ("cash/S", "USD", "liability", "0.00", None);
    let mut desk = Desk::new(&rows, &[]);
    instruct(&mut desk, &json!({}));
    let detail = json!({ "account": "cash/S", "expected": "USD", "got": "EUR" });
    refused(
        &attempt(&mut desk),
        "CURRENCY_MISMATCH",
        "/data/instruction",
        &detail,
    );
}

#[test]
fn an_attempt_is_booked_today_and_its_period_must_be_open() {
    let mut desk = desk();
    instruct(&mut desk, &json!({ "quantity": "600" }));
    desk.close("2027-01");
    let detail = json!({ "period": "2027-01" });
    refused(&attempt(&mut desk), "PERIOD_CLOSED", "/data", &detail);
    // The period comes before the document.
    let unknown = desk.run("settlement.attempt", &json!({ "instruction": "SI-9" }));
    shows(&unknown, &json!({ "code": "PERIOD_CLOSED" }));
}

#[test]
fn accounts_come_before_the_state_and_limits_last() {
    let mut rows = PARTIES.to_vec();
    rows.retain(|(name, ..)| *name != "cash/S");
    let mut desk = Desk::new(&rows, &[]);
    let full = json!({
        "account": "cash/S", "unit": "EUR", "class": "liability", "max_balance": "14999.99",
    });
    desk.run("account.open", &full);
    let frozen = json!({
        "account": "secu/F", "unit": "SHR", "class": "liability", "freeze": "credit",
    });
    desk.run("account.open", &frozen);
    let cash = json!({ "amount": "15000.00", "currency": "EUR" });
    instruct(&mut desk, &json!({ "quantity": "600", "cash": cash }));
    let detail = json!({
        "account": "cash/S", "exposure": "0.00", "requested": "15000.00", "limit": "14999.99",
    });
    let outcome = attempt(&mut desk);
    shows(
        &outcome,
        &json!({ "code": "LIMIT_EXCEEDED", "detail": detail }),
    );
    let document = desk.book().documents().get("SI-000001").unwrap();
    assert_eq!(
        document.count("attempts"),
        0,
        "a rejected attempt does not count"
    );

    // On hold and with a frozen account: step 7 comes before step 11.
    let held = json!({ "trade": null, "type": "FOP", "cash": null, "receiver": "F",
        "on_hold": true });
    instruct(&mut desk, &held);
    let outcome = desk.run("settlement.attempt", &json!({ "instruction": "SI-000002" }));
    let detail = json!({ "account": "secu/F", "side": "credit" });
    refused(&outcome, "ACCOUNT_FROZEN", "/data/instruction", &detail);
}
