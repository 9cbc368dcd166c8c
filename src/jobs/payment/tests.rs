//! Payments through the real engine.

use serde_json::{Value as Json, json};

use crate::jobs::invoice::desk::{Answer, Desk, assert_has};
use crate::ledger::account::Freeze;
use crate::ledger::effect::AccountChange;

/// A desk with three open items of one customer and one of another.
fn desk() -> Desk {
    Desk::new(None)
        .account("ar/cust-1", "EUR", "asset", AccountChange::default())
        .opening(43_000)
        .account("ar/cust-2", "EUR", "asset", AccountChange::default())
        .opening(11_900)
        .accounts(
            "bank/main EUR asset
            credit/cust-1 EUR liability
            credit/cust-2 EUR liability
            suspense/unallocated EUR liability
            bank/usd USD asset",
        )
        .item("RE-3", "cust-1", "2026-06-01", 8_000)
        .item("RE-1", "cust-1", "2026-05-01", 10_000)
        .item("RE-2", "cust-1", "2026-05-15", 25_000)
        .item("RE-2026-000009", "cust-2", "2026-03-31", 11_900)
}

/// Places of accounts in the desk.
const BANK: u32 = 4;
const SUSPENSE: u32 = 7;

fn receive(desk: &mut Desk, more: &Json) -> Answer {
    let mut data = json!({ "bank": "bank/main", "amount": "119.00", "currency": "EUR" });
    for (name, value) in more.as_object().unwrap() {
        data[name] = value.clone();
    }
    desk.run("payment.receive", &data)
}

fn allocate(desk: &mut Desk, source: &str, list: &Json, back: bool) -> Answer {
    let (member, name) = source.split_once(' ').unwrap();
    let mut data = json!({ "allocations": list });
    data[member] = json!(name);
    if back {
        data["unallocate"] = json!(true);
    }
    desk.run("payment.allocate", &data)
}

fn one(document: &str, amount: &str) -> Json {
    json!([{ "document": document, "amount": amount }])
}

#[test]
fn the_oldest_items_are_paid_first_and_the_rest_is_credit() {
    let mut desk = desk();
    let more = json!({ "customer": "cust-1", "amount": "400.00", "value_date": "2026-06-10",
        "allocation": "oldest_first" });
    let answer = receive(&mut desk, &more);
    assert_eq!(
        answer.legs,
        json!(["dr bank/main 400.00", "cr ar/cust-1 400.00"])
    );
    let allocated = json!([
        { "document": "RE-1", "amount": "100.00" },
        { "document": "RE-2", "amount": "250.00" },
        { "document": "RE-3", "amount": "50.00" }
    ]);
    let outcome = json!({ "status": "posted", "payment": "PAY-000001", "allocated": allocated,
        "credit": "0.00", "unallocated": "0.00" });
    assert_has(&answer.outcome, &outcome);
    assert_has(
        &desk.document("RE-3"),
        &json!({ "state": "partly_paid", "open": "30.00" }),
    );

    let more = json!({ "customer": "cust-1", "amount": "50.00", "allocation": "oldest_first" });
    let answer = receive(&mut desk, &more);
    let legs = json!([
        "dr bank/main 50.00",
        "cr ar/cust-1 30.00",
        "cr credit/cust-1 20.00"
    ]);
    assert_eq!(answer.legs, legs);
    let outcome = json!({ "allocated": [{ "document": "RE-3", "amount": "30.00" }],
        "credit": "20.00" });
    assert_has(&answer.outcome, &outcome);
    assert_has(
        &desk.document("RE-3"),
        &json!({ "state": "paid", "open": "0.00" }),
    );
    let payment = json!({ "state": "allocated", "amount": "50.00", "credit": "20.00" });
    assert_has(&desk.document("PAY-000002"), &payment);
}

#[test]
fn a_reference_names_its_document_and_customer() {
    for reference in [
        "RE-2026-000009",
        " RE-2026-000009 ",
        "RF47RE2026000009",
        "rf47 re20 2600 0009",
    ] {
        let mut desk = desk();
        let more = json!({ "reference": reference, "amount": "120.00" });
        let answer = receive(&mut desk, &more);
        let legs = json!([
            "dr bank/main 120.00",
            "cr ar/cust-2 119.00",
            "cr credit/cust-2 1.00"
        ]);
        assert_eq!(answer.legs, legs, "{reference}");
        assert_has(
            &answer.outcome,
            &json!({ "customer": "cust-2", "credit": "1.00" }),
        );
        assert_has(
            &desk.document("RE-2026-000009"),
            &json!({ "state": "paid" }),
        );
    }
}

#[test]
fn nothing_is_guessed() {
    let mut desk = desk();
    for reference in [
        "RE-2O26-000009",
        "re-2026-000009",
        "RF18RE2026000009",
        "PAY-000001",
    ] {
        let answer = receive(&mut desk, &json!({ "reference": reference }));
        let legs = json!(["dr bank/main 119.00", "cr suspense/unallocated 119.00"]);
        assert_eq!(answer.legs, legs, "{reference}");
        assert_has(
            &answer.outcome,
            &json!({ "allocated": [], "unallocated": "119.00" }),
        );
    }
    assert_has(
        &desk.document("PAY-000001"),
        &json!({ "state": "unallocated", "open": "119.00" }),
    );
}

#[test]
fn two_numbers_of_one_structured_form_match_neither() {
    let mut desk = desk().item("RE2-026000009", "cust-2", "2026-03-31", 0);
    let answer = receive(&mut desk, &json!({ "reference": "RF47RE2026000009" }));
    assert_eq!(answer.legs[1], json!("cr suspense/unallocated 119.00"));
}

#[test]
fn a_known_customer_gets_credit_for_what_matches_nothing() {
    for more in [
        json!({}),
        json!({ "allocation": "none" }),
        json!({ "allocation": "by_reference", "reference": "RE-77" }),
        // Another customer's invoice was not meant.
        json!({ "reference": "RE-2026-000009" }),
    ] {
        let mut data = more.clone();
        data["customer"] = json!("cust-1");
        let answer = receive(&mut desk(), &data);
        let legs = json!(["dr bank/main 119.00", "cr credit/cust-1 119.00"]);
        assert_eq!(answer.legs, legs, "{more}");
        assert_has(
            &answer.outcome,
            &json!({ "credit": "119.00", "unallocated": "0.00" }),
        );
    }
    // A paid invoice still tells whose money it is.
    let mut desk = desk().item("RE-0", "cust-2", "2026-01-01", 0);
    let answer = receive(&mut desk, &json!({ "reference": "RE-0" }));
    assert_eq!(answer.legs[1], json!("cr credit/cust-2 119.00"));
}

#[test]
fn oldest_first_needs_a_customer() {
    let answer = receive(&mut desk(), &json!({ "allocation": "oldest_first" }));
    assert_eq!(answer.legs[1], json!("cr suspense/unallocated 119.00"));
    let more = json!({ "allocation": "oldest_first", "reference": "RE-2" });
    let answer = receive(&mut desk(), &more);
    let allocated = json!([
        { "document": "RE-1", "amount": "100.00" },
        { "document": "RE-2", "amount": "19.00" }
    ]);
    assert_has(&answer.outcome, &json!({ "allocated": allocated }));
}

#[test]
fn an_explicit_list_is_followed() {
    let mut desk = desk();
    let list = json!([
        { "document": "RE-3", "amount": "40.00" },
        { "document": "RE-1", "amount": "50.00" },
        { "document": "RE-3", "amount": "4.00" }
    ]);
    let more = json!({ "allocation": "explicit", "allocations": list });
    let answer = receive(&mut desk, &more);
    let legs = json!([
        "dr bank/main 119.00",
        "cr ar/cust-1 94.00",
        "cr credit/cust-1 25.00"
    ]);
    assert_eq!(answer.legs, legs);
    assert_has(
        &answer.outcome,
        &json!({ "allocated": list, "credit": "25.00" }),
    );
    assert_has(
        &desk.document("RE-3"),
        &json!({ "state": "partly_paid", "open": "36.00" }),
    );
    let own = json!([
        { "document": "RE-3", "amount": "44.00" },
        { "document": "RE-1", "amount": "50.00" }
    ]);
    assert_has(&desk.document("PAY-000001"), &json!({ "allocated": own }));
    // Without a mode a list says enough.
    let answer = receive(&mut desk, &json!({ "allocations": one("RE-3", "36.00") }));
    assert_has(&answer.outcome, &json!({ "credit": "83.00" }));
}

#[test]
fn an_explicit_list_is_refused_for_what_it_asks() {
    let cases = [
        (
            json!({ "allocations": one("RE-3", "80.01") }),
            "ALLOCATION_EXCEEDS_OPEN /allocations/0/amount",
            json!({ "document": "RE-3", "open": "80.00", "requested": "80.01" }),
        ),
        (
            json!({ "allocations": [{ "document": "RE-3", "amount": "79.00" },
                                    { "document": "RE-3", "amount": "2.00" }] }),
            "ALLOCATION_EXCEEDS_OPEN /allocations/1/amount",
            json!({ "document": "RE-3", "open": "80.00", "requested": "81.00" }),
        ),
        (
            json!({ "allocations": one("RE-0", "119.01") }),
            "ALLOCATION_EXCEEDS_PAYMENT /allocations",
            json!({ "available": "119.00", "requested": "119.01" }),
        ),
        (
            json!({ "allocations": one("RE-77", "1.00") }),
            "DOCUMENT_NOT_FOUND /allocations/0/document",
            json!({ "document": "RE-77" }),
        ),
        (
            json!({ "allocations": one("RE-0", "1.00") }),
            "DOCUMENT_STATE /allocations/0/document",
            json!({ "document": "RE-0", "state": "paid", "expected": ["open", "partly_paid"] }),
        ),
        (
            json!({ "customer": "cust-2", "allocations": one("RE-3", "1.00") }),
            "DOCUMENT_STATE /allocations/0/document",
            json!({ "document": "RE-3", "state": "open", "expected": ["open", "partly_paid"],
                    "reason": "it belongs to another customer" }),
        ),
        (
            json!({ "allocations": one("RE-3", "0.00") }),
            "AMOUNT_ZERO /allocations/0/amount",
            json!({}),
        ),
    ];
    for (more, expected, detail) in cases {
        let mut desk = desk().item("RE-0", "cust-1", "2026-01-01", 0);
        let answer = receive(&mut desk, &more);
        let (code, path, got) = answer.refused();
        assert_eq!(format!("{code} {path}"), expected, "{more}");
        assert_eq!(got, detail, "{more}");
        assert_eq!(desk.balance("bank/main"), "0.00");
    }
}

#[test]
fn the_bank_books_once_per_reference() {
    let mut desk = desk();
    let more = json!({ "bank_ref": "2026-04-01/17" });
    receive(&mut desk, &more);
    let answer = receive(&mut desk, &more);
    let detail = json!({ "bank": "bank/main", "bank_ref": "2026-04-01/17" });
    assert_eq!(
        answer.refused(),
        ("DUPLICATE_REFERENCE", "/bank_ref", detail)
    );
    assert_eq!(desk.balance("bank/main"), "119.00");
}

#[test]
fn money_needs_its_accounts() {
    let frozen = |side| AccountChange {
        freeze: Some(side),
        ..AccountChange::default()
    };
    let closed = AccountChange {
        closed: true,
        ..AccountChange::default()
    };
    let cases = [
        (
            desk(),
            json!({ "bank": "bank/none" }),
            "ACCOUNT_NOT_FOUND /bank",
        ),
        (
            desk(),
            json!({ "customer": "cust-9" }),
            "ACCOUNT_NOT_FOUND /customer",
        ),
        (
            desk().change(BANK, frozen(Freeze::Debit)),
            json!({}),
            "ACCOUNT_FROZEN /bank",
        ),
        (
            desk().change(BANK, closed.clone()),
            json!({}),
            "ACCOUNT_CLOSED /bank",
        ),
        (
            desk().change(SUSPENSE, closed),
            json!({ "reference": "?" }),
            "ACCOUNT_CLOSED /reference",
        ),
        (
            desk(),
            json!({ "currency": "USD" }),
            "CURRENCY_MISMATCH /currency",
        ),
        (
            desk(),
            json!({ "bank": "bank/usd", "currency": "USD" }),
            "CURRENCY_MISMATCH /customer",
        ),
        (
            desk(),
            json!({ "currency": "XXX" }),
            "CURRENCY_UNKNOWN /currency",
        ),
        (
            desk(),
            json!({ "bank": "suspense/unallocated" }),
            "ENTRY_SAME_ACCOUNT /bank",
        ),
        (
            desk(),
            json!({ "bank": "bank/usd", "currency": "USD", "customer": "cust-1",
                    "allocations": one("RE-1", "119.00") }),
            "CURRENCY_MISMATCH /customer",
        ),
    ];
    for (mut desk, more, expected) in cases {
        let answer = receive(&mut desk, &more);
        let (code, path) = answer.code();
        assert_eq!(format!("{code} {path}"), expected, "{more}");
    }
}

#[test]
fn a_refused_account_is_named() {
    let answer = receive(&mut desk(), &json!({ "currency": "USD" }));
    let detail = json!({ "path": "/currency", "account": "bank/main", "expected": "EUR",
        "got": "USD" });
    assert_eq!(answer.refused().2, detail);
    let answer = receive(&mut desk(), &json!({ "customer": "cust-9" }));
    assert_eq!(answer.refused().2, json!({ "account": "credit/cust-9" }));
}

#[test]
fn dates_and_amounts_come_first() {
    let cases = [
        (
            json!({ "value_date": "2026-02-30" }),
            "DATE_INVALID /value_date",
        ),
        (
            json!({ "booking_date": "1899-12-31" }),
            "DATE_OUT_OF_RANGE /booking_date",
        ),
        (
            json!({ "booking_date": "2028-01-03" }),
            "DATE_OUT_OF_RANGE /booking_date",
        ),
        (
            json!({ "booking_date": "2026-03-01" }),
            "PERIOD_CLOSED /booking_date",
        ),
        (json!({ "amount": 119 }), "AMOUNT_FORMAT /amount"),
        (json!({ "amount": "-1.00" }), "AMOUNT_NEGATIVE /amount"),
        (json!({ "amount": "0" }), "AMOUNT_ZERO /amount"),
        (json!({ "amount": "1.001" }), "AMOUNT_PRECISION /amount"),
        (
            json!({ "amount": "92233720368547758.08" }),
            "AMOUNT_OVERFLOW /amount",
        ),
    ];
    for (more, expected) in cases {
        let mut data = more;
        data["bank"] = json!("bank/none");
        let answer = receive(&mut desk().lock("2026-03"), &data);
        let (code, path) = answer.code();
        assert_eq!(format!("{code} {path}"), expected, "{data}");
    }
}

#[test]
fn options_that_contradict_themselves_are_refused() {
    let cases = [
        (json!({ "allocation": "explicit" }), "/allocations"),
        (
            json!({ "allocation": "oldest_first", "allocations": one("RE-1", "1.00") }),
            "/allocations",
        ),
        (
            json!({ "allocations": vec![one("RE-1", "0.01")[0].clone(); 1_001] }),
            "/allocations",
        ),
    ];
    for (more, path) in cases {
        assert_eq!(receive(&mut desk(), &more).code(), ("SCHEMA_INVALID", path));
    }
    let mut desk = desk();
    let both = json!({ "payment": "PAY-000001", "customer": "cust-1", "allocations": [] });
    let answer = desk.run("payment.allocate", &both);
    assert_eq!(answer.code(), ("SCHEMA_INVALID", "/customer"));
    let answer = desk.run("payment.allocate", &json!({ "allocations": [] }));
    assert_eq!(answer.code(), ("SCHEMA_INVALID", "/payment"));
}

#[test]
fn what_a_payment_left_is_allocated_later_and_taken_back() {
    let mut desk = desk();
    receive(&mut desk, &json!({ "reference": "?" }));
    let list = json!([
        { "document": "RE-2026-000009", "amount": "19.00" },
        { "document": "RE-1", "amount": "60.00" }
    ]);
    let answer = allocate(&mut desk, "payment PAY-000001", &list, false);
    let legs = json!([
        "dr suspense/unallocated 79.00",
        "cr ar/cust-2 19.00",
        "cr ar/cust-1 60.00"
    ]);
    assert_eq!(answer.legs, legs);
    assert_has(
        &answer.outcome,
        &json!({ "status": "posted", "unallocated": "40.00" }),
    );
    let payment = json!({ "state": "partly_allocated", "open": "40.00", "unallocated": "40.00",
        "allocated": list });
    assert_has(&desk.document("PAY-000001"), &payment);

    let answer = allocate(
        &mut desk,
        "payment PAY-000001",
        &one("RE-1", "40.00"),
        false,
    );
    assert_has(&answer.outcome, &json!({ "unallocated": "0.00" }));
    assert_has(
        &desk.document("RE-1"),
        &json!({ "state": "paid", "open": "0.00" }),
    );
    let answer = allocate(&mut desk, "payment PAY-000001", &one("RE-1", "0.01"), false);
    let detail = json!({ "available": "0.00", "requested": "0.01" });
    assert_eq!(
        answer.refused(),
        ("ALLOCATION_EXCEEDS_PAYMENT", "/allocations", detail)
    );

    let answer = allocate(
        &mut desk,
        "payment PAY-000001",
        &one("RE-1", "100.00"),
        true,
    );
    let legs = json!(["cr suspense/unallocated 100.00", "dr ar/cust-1 100.00"]);
    assert_eq!(answer.legs, legs);
    assert_has(&answer.outcome, &json!({ "unallocated": "100.00" }));
    assert_has(
        &desk.document("RE-1"),
        &json!({ "state": "open", "open": "100.00" }),
    );
    let rest = one("RE-2026-000009", "19.00");
    assert_has(&desk.document("PAY-000001"), &json!({ "allocated": rest }));
}

#[test]
fn credit_is_allocated_and_taken_back() {
    let mut desk = desk();
    receive(&mut desk, &json!({ "customer": "cust-1" }));
    let answer = allocate(&mut desk, "customer cust-1", &one("RE-2", "100.00"), false);
    assert_eq!(
        answer.legs,
        json!(["dr credit/cust-1 100.00", "cr ar/cust-1 100.00"])
    );
    assert_has(
        &answer.outcome,
        &json!({ "status": "posted", "credit": "19.00" }),
    );
    let answer = allocate(&mut desk, "customer cust-1", &one("RE-2", "19.01"), false);
    let detail = json!({ "available": "19.00", "requested": "19.01" });
    assert_eq!(
        answer.refused(),
        ("ALLOCATION_EXCEEDS_PAYMENT", "/allocations", detail)
    );

    // A payment of its own on the same document is not the credit's to take back.
    receive(
        &mut desk,
        &json!({ "reference": "RE-2", "amount": "50.00" }),
    );
    let answer = allocate(&mut desk, "customer cust-1", &one("RE-2", "100.01"), true);
    let detail = json!({ "document": "RE-2", "available": "100.00", "requested": "100.01" });
    let path = "/allocations/0/amount";
    assert_eq!(
        answer.refused(),
        ("ALLOCATION_EXCEEDS_PAYMENT", path, detail)
    );
    let answer = allocate(&mut desk, "customer cust-1", &one("RE-2", "100.00"), true);
    assert_eq!(
        answer.legs,
        json!(["cr credit/cust-1 100.00", "dr ar/cust-1 100.00"])
    );
    assert_has(&answer.outcome, &json!({ "credit": "119.00" }));
    assert_has(
        &desk.document("RE-2"),
        &json!({ "state": "partly_paid", "open": "200.00" }),
    );
}

#[test]
fn a_payment_given_to_the_wrong_customer_finds_the_right_one() {
    let mut desk = desk();
    receive(&mut desk, &json!({ "reference": "RE-2026-000009" }));
    allocate(
        &mut desk,
        "payment PAY-000001",
        &one("RE-2026-000009", "119.00"),
        true,
    );
    let answer = allocate(
        &mut desk,
        "payment PAY-000001",
        &one("RE-2", "119.00"),
        false,
    );
    assert_eq!(
        answer.legs,
        json!(["dr suspense/unallocated 119.00", "cr ar/cust-1 119.00"])
    );
    // A customer that the payment named owns it.
    receive(
        &mut desk,
        &json!({ "customer": "cust-2", "reference": "RE-2026-000009" }),
    );
    allocate(
        &mut desk,
        "payment PAY-000002",
        &one("RE-2026-000009", "119.00"),
        true,
    );
    let answer = allocate(&mut desk, "payment PAY-000002", &one("RE-2", "1.00"), false);
    assert_eq!(answer.code(), ("DOCUMENT_STATE", "/allocations/0/document"));
}

#[test]
fn an_allocation_is_refused_in_the_order_of_checks() {
    let unknown = |number| one(number, "1.00");
    let cases = [
        (
            "payment PAY-000009",
            one("RE-1", "1e1"),
            "AMOUNT_FORMAT /allocations/0/amount",
        ),
        (
            "payment PAY-000009",
            one("RE-1", "1.00"),
            "DOCUMENT_NOT_FOUND /payment",
        ),
        (
            "payment RE-1",
            one("RE-1", "1.00"),
            "DOCUMENT_NOT_FOUND /payment",
        ),
        (
            "customer cust-9",
            one("RE-1", "1.00"),
            "ACCOUNT_NOT_FOUND /customer",
        ),
        (
            "payment PAY-000001",
            unknown("RE-77"),
            "DOCUMENT_NOT_FOUND /allocations/0/document",
        ),
        (
            "payment PAY-000001",
            unknown("PAY-000001"),
            "DOCUMENT_NOT_FOUND /allocations/0/document",
        ),
        (
            "payment PAY-000001",
            json!([]),
            "DOCUMENT_NO_LINES /allocations",
        ),
        (
            "payment PAY-000001",
            one("RE-1", "1.001"),
            "AMOUNT_PRECISION /allocations/0/amount",
        ),
        // The source's rest is checked before state and open amount.
        (
            "payment PAY-000001",
            one("RE-0", "119.01"),
            "ALLOCATION_EXCEEDS_PAYMENT /allocations",
        ),
        (
            "payment PAY-000001",
            one("RE-0", "1.00"),
            "DOCUMENT_STATE /allocations/0/document",
        ),
        (
            "payment PAY-000001",
            one("RE-3", "80.01"),
            "ALLOCATION_EXCEEDS_OPEN /allocations/0/amount",
        ),
        (
            "customer cust-1",
            one("RE-1", "0.01"),
            "ALLOCATION_EXCEEDS_PAYMENT /allocations",
        ),
    ];
    let mut desk = desk().item("RE-0", "cust-1", "2026-01-01", 0);
    receive(&mut desk, &json!({}));
    for (source, list, expected) in cases {
        let answer = allocate(&mut desk, source, &list, false);
        let (code, path) = answer.code();
        assert_eq!(format!("{code} {path}"), expected, "{source} {list}");
    }
}

#[test]
fn what_was_never_allocated_cannot_be_taken_back() {
    let mut desk = desk();
    receive(&mut desk, &json!({}));
    let answer = allocate(&mut desk, "payment PAY-000001", &one("RE-1", "0.01"), true);
    assert_eq!(
        answer.code(),
        ("ALLOCATION_EXCEEDS_PAYMENT", "/allocations")
    );
    let answer = allocate(&mut desk, "customer cust-1", &one("RE-1", "0.01"), true);
    let detail = json!({ "document": "RE-1", "state": "open",
        "expected": ["partly_paid", "paid"] });
    let path = "/allocations/0/document";
    assert_eq!(answer.refused(), ("DOCUMENT_STATE", path, detail));
}

#[test]
fn an_allocation_is_booked_today() {
    let mut desk = desk().lock("2027-01");
    let answer = allocate(&mut desk, "customer cust-1", &one("RE-1", "1.00"), false);
    assert_eq!(
        answer.refused(),
        ("PERIOD_CLOSED", "", json!({ "period": "2027-01" }))
    );
}
