use serde_json::{Value as Json, json};

use crate::jobs::desk::{Desk, shows};
use crate::ledger::reference::Record;
use crate::money::Rounding;
use crate::time::Date;

fn desk() -> Desk {
    let config = json!({
        "taxes": { "DE19": { "category": "S", "rate": "19" } },
        "series": { "RE": { "next": 7, "width": 4 } },
    });
    Desk::given(&json!({}), &config)
}

fn set(desk: &mut Desk, record: &str, name: &str, value: &Json) -> Json {
    let data = json!({ "record": record, "name": name, "value": value, "reason": "test" });
    desk.run_as(Some("anna"), "reference.set", &data)
}

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

#[test]
fn a_new_version_holds_from_its_first_day() {
    let mut desk = desk();
    let data = json!({
        "record": "tax", "name": "DE19", "value": { "category": "S", "rate": "20" },
        "valid_from": "2027-03-01", "reason": "a new law",
    });
    let outcome = desk.run_as(Some("anna"), "reference.set", &data);
    let expected = json!({
        "status": "accepted", "record": "tax", "name": "DE19", "version": 2,
        "valid_from": "2027-03-01",
    });
    shows(&outcome, &expected);
    let rate = |on| {
        desk.book()
            .reference()
            .tax("DE19", day(on))
            .unwrap()
            .rate_text
            .clone()
    };
    assert_eq!((&*rate("2027-02-28"), &*rate("2027-03-01")), ("19", "20"));
}

#[test]
fn without_a_day_it_holds_from_today_and_never_before() {
    let mut desk = desk();
    set(
        &mut desk,
        "tax",
        "DE19",
        &json!({ "category": "S", "rate": "16" }),
    );
    let rate = |on| {
        desk.book()
            .reference()
            .tax("DE19", day(on))
            .unwrap()
            .rate_text
            .clone()
    };
    assert_eq!((&*rate("2026-12-31"), &*rate("2027-01-01")), ("19", "16"));
    let third = set(
        &mut desk,
        "tax",
        "DE19",
        &json!({ "category": "S", "rate": "19" }),
    );
    shows(&third, &json!({ "version": 3 }));
}

#[test]
fn every_record_is_set_in_its_shape() {
    let mut desk = desk();
    let fitting = [
        ("rate", json!([{ "from": "2027-01-01", "rate": "1.27" }])),
        (
            "price",
            json!({ "currency": "EUR", "model": "volume", "tiers": [{ "price": "1" }] }),
        ),
        (
            "calendar",
            json!({ "base": "TARGET", "closed": ["2027-12-24"] }),
        ),
        ("series", json!({ "next": 1, "width": 6 })),
        ("role_account", json!({ "account": "rev/services" })),
        ("user", json!(["clerk"])),
        (
            "fee_plan",
            json!({ "percent": "2.9", "fixed": "0.30", "returned_on_refund": false }),
        ),
        ("retention", json!({ "books_years": 10 })),
        ("rounding", json!("half_even")),
    ];
    for (record, value) in &fitting {
        let outcome = set(&mut desk, record, "one", value);
        shows(&outcome, &json!({ "status": "accepted", "version": 1 }));
        let kind = Record::of_text(record).unwrap();
        let kept = desk
            .book()
            .reference()
            .value(kind, "one", day("2027-01-01"))
            .unwrap();
        let kept: Json = serde_json::from_str(kept.text()).unwrap();
        assert_eq!(&kept, value);
    }
    assert_eq!(desk.book().reference().rounding(), Rounding::HalfEven);
    assert_eq!(desk.book().series("one").unwrap().width, 6);
}

#[test]
fn a_value_of_another_shape_is_refused_at_its_place() {
    let mut desk = desk();
    let unfit = [
        ("tax", json!({ "category": "S", "rate": 19 }), "/value/rate"),
        ("tax", json!("19"), "/value"),
        ("user", json!({ "roles": [] }), "/value"),
        (
            "series",
            json!({ "next": 1, "width": 6, "step": 2 }),
            "/value/step",
        ),
        ("calendar", json!({ "weekends": [0] }), "/value/weekends/0"),
        ("rounding", json!("floor"), "/value"),
        ("colour", json!("red"), "/record"),
        (
            "policy",
            json!([{ "kind": "entry.pots", "tiers": [{ "approvals": 0 }] }]),
            "/value/0/kind",
        ),
        (
            "policy",
            json!([{ "class": "entrys", "tiers": [{ "approvals": 0 }] }]),
            "/value/0/class",
        ),
        (
            "policy",
            json!([{ "kind": "entry.post", "tiers": [{ "approvals": 1 }] }]),
            "/value/0/tiers/0",
        ),
    ];
    for (record, value, path) in &unfit {
        let outcome = set(&mut desk, record, "one", value);
        let expected = json!({ "code": "SCHEMA_INVALID", "path": format!("/data{path}") });
        shows(&outcome, &expected);
        assert_eq!(outcome["detail"]["path"], json!(path), "{outcome:#}");
    }
}

#[test]
fn a_series_goes_on_and_never_back() {
    let mut desk = desk();
    shows(
        &set(&mut desk, "series", "RE", &json!({ "next": 9, "width": 4 })),
        &json!({ "version": 2 }),
    );
    assert_eq!(desk.book().series("RE").unwrap().next, 9);
    let back = set(&mut desk, "series", "RE", &json!({ "next": 8, "width": 4 }));
    shows(
        &back,
        &json!({ "code": "SCHEMA_INVALID", "path": "/data/value/next" }),
    );
}

#[test]
fn days_reasons_and_actors_are_checked() {
    let mut desk = desk();
    let dated = |record: &str, value: Json, day: &str| {
        let mut data = json!({ "record": record, "name": "X", "value": value, "reason": "r" });
        data["valid_from"] = day.into();
        data
    };
    let tax = json!({ "category": "S", "rate": "19" });
    let mut run = |data: &Json| desk.run_as(Some("anna"), "reference.set", data);
    let early = run(&dated("tax", tax.clone(), "2026-12-31"));
    shows(
        &early,
        &json!({ "code": "DATE_OUT_OF_RANGE", "path": "/data/valid_from" }),
    );
    assert_eq!(early["detail"]["value"], json!("2026-12-31"));
    let wrong = run(&dated("tax", tax.clone(), "2026-02-30"));
    shows(&wrong, &json!({ "code": "DATE_INVALID" }));
    let later = run(&dated("rounding", json!("down"), "2027-06-01"));
    shows(
        &later,
        &json!({ "status": "accepted", "valid_from": "2027-06-01" }),
    );
    let silent = run(&json!({ "record": "tax", "name": "X", "value": tax }));
    shows(&silent, &json!({ "code": "SCHEMA_INVALID" }));
    let nobody = desk.run("reference.set", &dated("tax", tax, "2026-12-31"));
    shows(&nobody, &json!({ "code": "ACTOR_MISSING" }));
}
