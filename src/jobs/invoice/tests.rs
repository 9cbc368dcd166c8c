//! Invoices through the real engine.

use serde_json::{Value as Json, json};

use super::desk::{Answer, Desk, assert_has};
use crate::ledger::account::Freeze;
use crate::ledger::effect::AccountChange;
use crate::ledger::reference::Record;

/// A German desk: two rates, one customer.
fn desk() -> Desk {
    let accounts = "ar/cust-1 EUR asset
        rev/sales EUR income
        rev/sales_19 EUR income
        rev/charges EUR income
        rev/allowances EUR expense
        tax/vat_19 EUR liability
        tax/vat_out EUR liability
        rev/usd USD income
        tax/old EUR liability";
    Desk::new(Some("EUR"))
        .accounts(accounts)
        .tax("DE19", r#"{"category":"S","rate":"19"}"#)
        .tax("DE7", r#"{"category":"S","rate":"7"}"#)
        .tax(
            "AE",
            r#"{"category":"AE","rate":"19","reason":"reverse charge"}"#,
        )
        .tax(
            "OLD16",
            r#"{"category":"S","rate":"16","from":"2020-07-01","to":"2020-12-31"}"#,
        )
        .tax(
            "NOWHERE",
            r#"{"category":"S","rate":"5","account":"tax/none"}"#,
        )
}

/// An invoice of one line, with other members on top.
fn invoice(more: &Json) -> Json {
    let mut data = json!({
        "customer": "cust-1", "series": "RE", "currency": "EUR", "issue_date": "2026-03-02",
        "lines": [{ "quantity": "1", "price": "100.00", "tax": "DE19" }],
    });
    for (name, value) in more.as_object().unwrap() {
        data[name] = value.clone();
    }
    data
}

fn issue(more: &Json) -> Answer {
    desk().run("invoice.issue", &invoice(more))
}

/// One line of quantity 1, price 100.00 and 19 %, with other members on top.
fn line(more: &Json) -> Json {
    let mut line = json!({ "quantity": "1", "price": "100.00", "tax": "DE19" });
    for (name, value) in more.as_object().unwrap() {
        line[name] = value.clone();
    }
    json!({ "lines": [line] })
}

#[test]
fn a_negative_line_and_a_charge_as_published() {
    // Peppol BIS Billing 3.0, base example: 25 % on 2,800 − 1,500 + 25.
    let mut desk = Desk::new(None)
        .accounts("ar/cust-1 EUR asset\nrev/sales EUR income\nrev/charges EUR income")
        .accounts("tax/vat_out EUR liability")
        .tax("S25", r#"{"category":"S","rate":"25"}"#);
    let answer = desk.run(
        "invoice.issue",
        &json!({
            "customer": "cust-1", "series": "INV-2017", "issue_date": "2017-11-13",
            "due_date": "2017-12-01", "currency": "EUR", "tax_rounding": "document_group",
            "lines": [
                { "id": "1", "quantity": "7", "unit_code": "DAY", "price": "400", "tax": "S25" },
                { "id": "2", "quantity": "-3", "unit_code": "DAY", "price": "500", "tax": "S25" }
            ],
            "charges": [{ "reason": "Insurance", "amount": "25.00", "tax": "S25" }]
        }),
    );
    let legs = json!([
        "dr ar/cust-1 1656.25",
        "cr rev/sales 1300.00",
        "cr rev/charges 25.00",
        "cr tax/vat_out 331.25"
    ]);
    assert_eq!(answer.legs, legs);
    let outcome = json!({ "status": "posted", "document": "INV-2017-000001", "total": "1656.25" });
    assert_has(&answer.outcome, &outcome);
    assert!(
        answer.outcome.get("functional").is_none(),
        "the book has no functional unit"
    );
    let document = json!({
        "line_net": ["2800.00", "-1500.00"], "sum_lines": "1300.00", "charges": "25.00",
        "allowances": "0.00", "tax_exclusive": "1325.00",
        "tax": [{ "tax": "S25", "base": "1325.00", "amount": "331.25" }],
        "tax_inclusive": "1656.25", "total": "1656.25", "prepaid": "0.00",
        "payable": "1656.25", "open": "1656.25", "state": "open", "due_date": "2017-12-01",
        "tax_rounding": "document_group", "tax_rounding_mode": "half_up",
        "revenue": [{ "account": "rev/sales", "tax": "S25", "amount": "1300.00" }]
    });
    assert_has(&desk.document("INV-2017-000001"), &document);
}

#[test]
fn allowances_charges_and_a_group_without_tax_as_published() {
    // Peppol BIS Billing 3.0, allowance example, without its payment on account.
    let mut desk = desk()
        .tax(
            "S25",
            r#"{"category":"S","rate":"25","account":"tax/vat_out"}"#,
        )
        .tax("E0", r#"{"category":"E","rate":"0","reason":"exempt"}"#);
    let answer = desk.run(
        "invoice.issue",
        &invoice(&json!({
            "lines": [
                { "quantity": "10", "gross_price": "450", "price_discount": "40", "price": "410",
                  "charge": "1.00", "allowance": "101.00", "tax": "S25" },
                { "quantity": "10", "price": "200", "base_quantity": "2", "tax": "E0" },
                { "quantity": "10", "price": "100", "charge": "1.00", "allowance": "101.00",
                  "tax": "S25" }
            ],
            "charges": [{ "reason": "Cleaning", "percent": "20", "base": "1000.00",
                          "amount": "200.00", "tax": "S25" }],
            "allowances": [{ "reason": "Discount", "amount": "200.00", "tax": "S25" }]
        })),
    );
    let legs = json!([
        "dr ar/cust-1 7125.00",
        "cr rev/sales 5900.00",
        "dr rev/allowances 200.00",
        "cr rev/charges 200.00",
        "cr tax/vat_out 1225.00"
    ]);
    assert_eq!(answer.legs, legs);
    let tax = json!([
        { "tax": "S25", "category": "S", "rate": "25", "base": "4900.00", "amount": "1225.00" },
        { "tax": "E0", "reason": "exempt", "base": "1000.00", "amount": "0.00" }
    ]);
    assert_has(
        &answer.outcome,
        &json!({ "tax": tax, "functional": "7125.00" }),
    );
    assert_has(
        &answer.outcome,
        &json!({ "credit_applied": "0.00", "payable": "7125.00" }),
    );
}

#[test]
fn extras_without_tax_code_are_spread_over_the_groups() {
    let answer = issue(&json!({
        "lines": [
            { "quantity": "2", "price": "100.00", "tax": "DE19" },
            { "quantity": "1", "price": "100.00", "tax": "DE7" }
        ],
        "allowances": [{ "amount": "10.00" }]
    }));
    // 10.00 over 200 : 100 is 6.666… and 3.333…: 6.67 and 3.33.
    let tax = json!([
        { "tax": "DE19", "base": "193.33", "amount": "36.73" },
        { "tax": "DE7", "base": "96.67", "amount": "6.77" }
    ]);
    assert_has(&answer.outcome, &json!({ "tax": tax, "total": "333.50" }));
}

#[test]
fn the_mode_is_the_documents_else_the_books() {
    let mut desk = Desk::new(None)
        .accounts("ar/jp JPY asset\nrev/jp JPY income\ntax/jp JPY liability")
        .tax(
            "JP8",
            r#"{"category":"S","rate":"8","account":"tax/jp","revenue":"rev/jp"}"#,
        )
        .record(Record::Rounding, "", r#""up""#);
    let mut data = json!({
        "customer": "jp", "series": "JP", "currency": "JPY",
        "lines": [{ "quantity": "1", "price": "1982", "tax": "JP8" }],
    });
    // 158.56
    let up = desk.run("invoice.issue", &data);
    assert_has(
        &up.outcome,
        &json!({ "total": "2141", "due_date": "2027-01-01" }),
    );
    data["tax_rounding_mode"] = json!("down");
    let down = desk.run("invoice.issue", &data);
    assert_has(
        &down.outcome,
        &json!({ "total": "2140", "document": "JP-000002" }),
    );
    assert_has(
        &desk.document("JP-000002"),
        &json!({ "tax_rounding_mode": "down" }),
    );
    assert_eq!(desk.balance("tax/jp"), "317");
}

#[test]
fn reverse_charge_has_a_group_and_no_tax() {
    let answer = issue(&line(&json!({ "tax": "AE" })));
    let legs = json!(["dr ar/cust-1 100.00", "cr rev/sales_19 100.00"]);
    assert_eq!(answer.legs, legs);
    let tax = json!([{ "tax": "AE", "reason": "reverse charge", "amount": "0.00" }]);
    assert_has(&answer.outcome, &json!({ "tax": tax }));
}

#[test]
fn a_named_revenue_account_or_role_is_taken_as_named() {
    let answer = issue(&line(&json!({ "revenue": "charges" })));
    assert_eq!(answer.legs[1], json!("cr rev/charges 100.00"));
    let answer = issue(&line(&json!({ "revenue": "rev/sales" })));
    assert_eq!(answer.legs[1], json!("cr rev/sales 100.00"));
    let answer = issue(&line(&json!({ "revenue": "rev/none" })));
    let detail = json!({ "account": "rev/none" });
    assert_eq!(
        answer.refused(),
        ("ACCOUNT_NOT_FOUND", "/lines/0/revenue", detail)
    );
}

#[test]
fn a_negative_sum_of_an_account_turns_its_side() {
    let answer = issue(&json!({
        "lines": [
            { "quantity": "1", "price": "300.00", "tax": "DE19" },
            { "quantity": "-1", "price": "100.00", "tax": "DE7" }
        ]
    }));
    let legs = json!([
        "dr ar/cust-1 250.00",
        "cr rev/sales_19 300.00",
        "dr rev/sales 100.00",
        "cr tax/vat_19 57.00",
        "dr tax/vat_out 7.00"
    ]);
    assert_eq!(answer.legs, legs);
}

#[test]
fn an_invoice_of_zero_is_paid_at_once() {
    let mut desk = desk();
    let zero = json!({ "lines": [{ "quantity": "0", "price": "100.00", "tax": "DE19" }] });
    let answer = desk.run("invoice.issue", &invoice(&zero));
    assert_eq!(answer.legs, json!([]));
    assert_has(
        &answer.outcome,
        &json!({ "status": "accepted", "document": "RE-000001", "total": "0.00" }),
    );
    assert_has(
        &desk.document("RE-000001"),
        &json!({ "state": "paid", "open": "0.00" }),
    );
    // A whole discount leaves nothing to pay, but revenue and allowance are facts of their own.
    let answer = desk.run(
        "invoice.issue",
        &invoice(&json!({ "allowances": [{ "amount": "100.00" }] })),
    );
    let legs = json!(["cr rev/sales_19 100.00", "dr rev/allowances 100.00"]);
    assert_eq!(answer.legs, legs);
}

#[test]
fn dates_come_before_everything_else() {
    let bad = |more: Json| {
        let mut more = more;
        more["customer"] = json!("nobody");
        more["lines"] = json!([{ "quantity": "x", "price": 1, "tax": "?" }]);
        let answer = issue(&more);
        let (code, path) = answer.code();
        format!("{code} {path}")
    };
    let cases = [
        (
            json!({ "issue_date": "2026-02-30" }),
            "DATE_INVALID /issue_date",
        ),
        (
            json!({ "delivery_date": 20_260_302 }),
            "DATE_INVALID /delivery_date",
        ),
        (
            json!({ "due_date": "2200-01-01" }),
            "DATE_OUT_OF_RANGE /due_date",
        ),
        (
            json!({ "issue_date": "2028-01-03" }),
            "DATE_OUT_OF_RANGE /issue_date",
        ),
        (
            json!({ "issue_date": "2199-12-31", "terms": { "net_days": 1 } }),
            "DATE_OUT_OF_RANGE /terms/net_days",
        ),
        (
            json!({ "period": { "from": "2026-03-02", "to": "2026-03-01" } }),
            "DATE_INVALID /period/to",
        ),
        (json!({}), "QUANTITY_INVALID /lines/0/quantity"),
    ];
    for (more, expected) in cases {
        assert_eq!(bad(more.clone()), expected, "{more}");
    }
    let mut locked = desk().lock("2026-03");
    let answer = locked.run("invoice.issue", &invoice(&json!({})));
    let refused = (
        "PERIOD_CLOSED",
        "/issue_date",
        json!({ "period": "2026-03" }),
    );
    assert_eq!(answer.refused(), refused);
}

#[test]
fn numbers_are_refused_at_their_place() {
    let cases = [
        (
            line(&json!({ "quantity": 1 })),
            "QUANTITY_INVALID /lines/0/quantity",
        ),
        (
            line(&json!({ "quantity": "0.1234567891" })),
            "QUANTITY_INVALID /lines/0/quantity",
        ),
        (
            line(&json!({ "base_quantity": "0" })),
            "QUANTITY_INVALID /lines/0/base_quantity",
        ),
        (
            line(&json!({ "price": 100 })),
            "AMOUNT_FORMAT /lines/0/price",
        ),
        (
            line(&json!({ "price": "-1" })),
            "AMOUNT_NEGATIVE /lines/0/price",
        ),
        (
            line(&json!({ "price": "0.1234567890123" })),
            "AMOUNT_PRECISION /lines/0/price",
        ),
        (
            line(&json!({ "price": "1000000000000000001" })),
            "AMOUNT_OVERFLOW /lines/0/price",
        ),
        (
            line(&json!({ "allowance": "1.001" })),
            "AMOUNT_PRECISION /lines/0/allowance",
        ),
        (
            line(&json!({ "charge": "-1.00" })),
            "AMOUNT_NEGATIVE /lines/0/charge",
        ),
        (
            line(&json!({ "quantity": "1000000000", "price": "100000000" })),
            "AMOUNT_OVERFLOW /lines/0",
        ),
        // The net fits, with its tax it does not.
        (
            line(&json!({ "price": "80000000000000000" })),
            "AMOUNT_OVERFLOW /lines/0",
        ),
        (
            json!({ "allowances": [{ "amount": "1e2" }] }),
            "AMOUNT_FORMAT /allowances/0/amount",
        ),
        (
            json!({ "charges": [{ "amount": "1.00", "percent": "x" }] }),
            "AMOUNT_FORMAT /charges/0/percent",
        ),
        (
            json!({ "rate": { "base": "EUR", "quote": "USD", "rate": "0" } }),
            "RATE_INVALID /rate/rate",
        ),
    ];
    for (more, expected) in cases {
        let answer = issue(&more);
        let (code, path) = answer.code();
        assert_eq!(format!("{code} {path}"), expected, "{more}");
    }
    let answer = issue(&line(&json!({ "price": "0.1234567890123" })));
    assert_eq!(answer.refused().2, json!({ "unit": "EUR", "decimals": 12 }));
    let answer = issue(&line(&json!({ "price": "80000000000000000" })));
    assert_eq!(answer.refused().2, json!({ "path": "/lines/0" }));
}

#[test]
fn references_are_refused_in_the_order_of_the_fields() {
    let cases = [
        (
            json!({ "customer": "nobody", "series": "XX", "lines": [] }),
            "ACCOUNT_NOT_FOUND /customer",
            json!({ "account": "ar/nobody" }),
        ),
        (
            json!({ "series": "XX", "lines": [] }),
            "SERIES_UNKNOWN /series",
            json!({ "series": "XX" }),
        ),
        (
            json!({ "series": "FULL" }),
            "SERIES_EXHAUSTED /series",
            json!({ "series": "FULL" }),
        ),
        (
            line(&json!({ "tax": "DE99" })),
            "TAX_CODE_UNKNOWN /lines/0/tax",
            json!({ "tax": "DE99" }),
        ),
        (
            line(&json!({ "tax": "OLD16" })),
            "TAX_NOT_VALID_ON_DATE /lines/0/tax",
            json!({ "tax": "OLD16", "date": "2026-03-02", "from": "2020-07-01",
                    "to": "2020-12-31" }),
        ),
        (
            json!({ "charges": [{ "amount": "1.00", "tax": "DE98" }] }),
            "TAX_CODE_UNKNOWN /charges/0/tax",
            json!({ "tax": "DE98" }),
        ),
        (
            line(&json!({ "tax": "NOWHERE" })),
            "ACCOUNT_NOT_FOUND /lines/0/tax",
            json!({ "account": "tax/none" }),
        ),
        (
            json!({ "lines": [] }),
            "DOCUMENT_NO_LINES /lines",
            json!({}),
        ),
        (
            line(&json!({ "revenue": "rev/usd" })),
            "CURRENCY_MISMATCH /lines/0/revenue",
            json!({ "account": "rev/usd", "expected": "USD", "got": "EUR",
                    "path": "/lines/0/revenue" }),
        ),
    ];
    for (more, expected, detail) in cases {
        let mut desk = desk().series("RE", 1, 6).series("FULL", 10, 1);
        let answer = desk.run("invoice.issue", &invoice(&more));
        let (code, path, got) = answer.refused();
        assert_eq!(format!("{code} {path}"), expected, "{more}");
        assert_eq!(got, detail, "{more}");
        assert_eq!(
            desk.book().series("RE").unwrap().next,
            1,
            "no number is lost"
        );
    }
}

#[test]
fn the_day_of_delivery_decides_the_tax() {
    let old = json!([{ "quantity": "1", "price": "100.00", "tax": "OLD16" }]);
    let delivered = issue(&json!({ "delivery_date": "2020-12-31", "lines": old }));
    assert_has(&delivered.outcome, &json!({ "total": "116.00" }));
    let service = json!({ "from": "2020-12-01", "to": "2021-01-01" });
    let answer = issue(&json!({ "period": service, "lines": old }));
    assert_eq!(answer.code(), ("TAX_NOT_VALID_ON_DATE", "/lines/0/tax"));
}

#[test]
fn closed_and_frozen_accounts_are_refused() {
    let closed = AccountChange {
        closed: true,
        ..AccountChange::default()
    };
    let mut at = desk().change(2, closed);
    let answer = at.run("invoice.issue", &invoice(&json!({})));
    let detail = json!({ "account": "rev/sales_19" });
    assert_eq!(answer.refused(), ("ACCOUNT_CLOSED", "/lines/0/tax", detail));
    for (account, side, path) in [
        (0, Freeze::Debit, "/customer"),
        (5, Freeze::Credit, "/lines/0/tax"),
    ] {
        let frozen = AccountChange {
            freeze: Some(side),
            ..AccountChange::default()
        };
        let answer = desk()
            .change(account, frozen)
            .run("invoice.issue", &invoice(&json!({})));
        assert_eq!(answer.code(), ("ACCOUNT_FROZEN", path));
    }
}

#[test]
fn units_come_after_references() {
    let mut other = Desk::new(None)
        .accounts("ar/cust-1 EUR asset\nrev/sales EUR income\ntax/vat_out EUR liability")
        .accounts("ar/hr HRK asset")
        .tax("DE19", r#"{"category":"S","rate":"19"}"#);
    let answer = other.run("invoice.issue", &invoice(&json!({ "currency": "USD" })));
    let detail = json!({ "account": "ar/cust-1", "expected": "EUR", "got": "USD",
        "path": "/currency" });
    assert_eq!(answer.refused(), ("CURRENCY_MISMATCH", "/currency", detail));
    let more = json!({ "currency": "XXX", "lines": [
        { "quantity": "1", "price": "9", "tax": "DE19" }] });
    let answer = other.run("invoice.issue", &invoice(&more));
    let detail = json!({ "unit": "XXX" });
    assert_eq!(answer.refused(), ("CURRENCY_UNKNOWN", "/currency", detail));
    let more = json!({ "currency": "HRK", "customer": "hr" });
    let answer = other.run("invoice.issue", &invoice(&more));
    assert_eq!(answer.code(), ("CURRENCY_UNKNOWN", "/currency"));
}

#[test]
fn structure_is_refused_last() {
    let answer = issue(&line(&json!({ "quantity": "-1" })));
    let detail = json!({ "total": "-119.00" });
    assert_eq!(
        answer.refused(),
        ("DOCUMENT_TOTAL_NEGATIVE", "/lines", detail)
    );
    let answer = issue(&json!({
        "lines": [
            { "quantity": "0", "price": "1.00", "tax": "DE19" },
            { "quantity": "0", "price": "1.00", "tax": "DE7" }
        ],
        "charges": [{ "amount": "1.00" }]
    }));
    assert_eq!(answer.code(), ("DISCOUNT_INVALID", "/charges/0"));
    let answer = issue(&line(&json!({ "revenue": "ar/cust-1" })));
    let detail = json!({ "account": "ar/cust-1" });
    assert_eq!(
        answer.refused(),
        ("ENTRY_SAME_ACCOUNT", "/lines/0/revenue", detail)
    );
}

#[test]
fn the_credit_limit_is_the_receivables() {
    let limit = AccountChange {
        max_balance: Some(20_000),
        ..AccountChange::default()
    };
    let mut desk = desk().change(0, limit);
    desk.run("invoice.issue", &invoice(&json!({})));
    let answer = desk.run("invoice.issue", &invoice(&json!({})));
    let detail = json!({ "account": "ar/cust-1", "exposure": "119.00", "requested": "119.00",
        "limit": "200.00" });
    assert_eq!(answer.refused(), ("LIMIT_EXCEEDED", "/customer", detail));
    assert_eq!(desk.book().series("RE").unwrap().next, 2);
}

#[test]
fn an_external_reference_is_used_once_per_series() {
    let mut desk = desk();
    let more = json!({ "external_ref": "order-7" });
    desk.run("invoice.issue", &invoice(&more));
    let answer = desk.run("invoice.issue", &invoice(&more));
    let detail = json!({ "series": "RE", "external_ref": "order-7" });
    assert_eq!(
        answer.refused(),
        ("DUPLICATE_REFERENCE", "/external_ref", detail)
    );
    let other = json!({ "external_ref": "order-7", "series": "BR" });
    let answer = desk.run("invoice.issue", &invoice(&other));
    assert_has(&answer.outcome, &json!({ "document": "BR-000001" }));
}

#[test]
fn a_number_that_the_configuration_used_is_not_given_again() {
    let mut desk = desk().item("RE-000001", "cust-1", "2026-01-01", 0);
    let answer = desk.run("invoice.issue", &invoice(&json!({})));
    let detail = json!({ "document": "RE-000001" });
    assert_eq!(answer.refused(), ("DUPLICATE_REFERENCE", "/series", detail));
}

#[test]
fn data_that_contradict_themselves_are_a_matter_of_schema() {
    let unit = |more: Json| {
        let mut data = line(&more);
        data["tax_rounding"] = json!("unit");
        data
    };
    let priced = |price: &str, gross: &str, discount: &str| {
        line(&json!({ "price": price, "gross_price": gross, "price_discount": discount }))
    };
    let cases = [
        (priced("9.99", "12.00", "2.00"), "/lines/0/price"),
        (line(&json!({ "gross_price": "101.00" })), "/lines/0/price"),
        (line(&json!({ "price_discount": "1.00" })), "/lines/0/price"),
        (unit(json!({ "quantity": "1.5" })), "/lines/0/quantity"),
        (
            unit(json!({ "base_quantity": "2" })),
            "/lines/0/base_quantity",
        ),
        (unit(json!({ "allowance": "1.00" })), "/lines/0/allowance"),
        (unit(json!({ "charge": "1.00" })), "/lines/0/charge"),
        (
            json!({ "due_date": "2026-04-01", "terms": { "net_days": 1 } }),
            "/terms",
        ),
        (
            json!({ "delivery_date": "2026-04-01",
                    "period": { "from": "2026-04-01", "to": "2026-04-02" } }),
            "/period",
        ),
        (
            json!({ "lines": vec![json!({ "quantity": "1", "price": "1", "tax": "x" }); 1_001] }),
            "/lines",
        ),
    ];
    for (more, expected) in cases {
        assert_eq!(issue(&more).code(), ("SCHEMA_INVALID", expected));
    }
    let mut data = invoice(&json!({}));
    data.as_object_mut().unwrap().remove("lines");
    let answer = desk().run("invoice.issue", &data);
    assert_eq!(answer.code(), ("SCHEMA_INVALID", "/lines"));
    // 100.00 at 19 % is 19.00 a piece.
    let pieces = issue(&unit(json!({ "quantity": "3" })));
    assert_has(&pieces.outcome, &json!({ "total": "357.00" }));
}
