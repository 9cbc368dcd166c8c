//! Journals of a small book, as they are.

use serde_json::json;

use super::*;
use crate::jobs::desk::Desk;
use crate::ledger::Effect;

/// A book in which names meet, with an entry on each of two days and its reversal.
fn desk() -> Desk {
    let rows = [
        ("bank/main", "EUR", "asset", "100.00", None),
        ("bank/main/a_b", "EUR", "asset", "5.00", None),
        ("bank/main/a-b", "EUR", "asset", "0.00", None),
        ("income/x", "EUR", "income", "0.00", None),
        ("x", "EUR", "income", "0.00", None),
    ];
    let mut desk = Desk::new(&rows, &[]);
    desk.run(
        "entry.post",
        &json!({ "booking_date": "2026-11-30", "document_ref": "a, \"b\" \\", "legs": [
            { "dr": "bank/main", "amount": "12.50", "value_date": "2026-12-01" },
            { "cr": "income/x", "amount": "12.50" },
        ] }),
    );
    desk.run(
        "entry.post",
        &json!({ "booking_date": "2026-12-15", "value_date": "2026-12-16", "legs": [
            { "dr": "bank/main/a-b", "amount": "3.00" },
            { "cr": "x", "amount": "3.00" },
        ] }),
    );
    desk.run(
        "entry.reverse",
        &json!({ "entry": 1, "booking_date": "2026-12-15", "reason": "twice" }),
    );
    desk
}

fn exported(desk: &Desk, form: Form, from: &str) -> String {
    let from = Date::parse(from);
    let mut export = Export::new(form, desk.book(), Span { from, to: None });
    let posts = || {
        desk.commits.iter().flat_map(|commit| {
            let posts = commit.effects.iter().filter_map(Effect::as_post);
            posts.map(move |post| (post, commit))
        })
    };
    if export.needs_past() {
        for (post, commit) in posts() {
            export.before(post, commit.legs(&post.legs));
        }
    }
    let mut out = export.head().unwrap();
    for (post, commit) in posts() {
        let entry = Entry {
            post,
            legs: commit.legs(&post.legs),
            kind: "entry.post",
            key: "k-1",
            document: post.document_ref.as_deref(),
            recorded_at: Timestamp::parse("2027-01-01T00:00:00Z").unwrap(),
        };
        out += &export.entry(&entry).unwrap();
    }
    out + &export.tail()
}

#[test]
fn hledger_begins_with_what_stood_and_ends_with_assertions() {
    let expected = r"; The book main, exported by kontor: credits are negative.
decimal-mark .

commodity 0.00 EUR

account assets:bank:main  ; account:bank/main
account equity:opening:EUR  ; account:opening/EUR
account assets:bank:main:a_b  ; account:bank/main/a_b
account assets:bank:main:a-b  ; account:bank/main/a-b
account income:x  ; account:income/x
account income:x-2  ; account:x

2026-11-30 * opening balances
    assets:bank:main                                    112.50 EUR
    equity:opening:EUR                                 -105.00 EUR
    assets:bank:main:a_b                                  5.00 EUR
    income:x                                            -12.50 EUR

2026-12-15 * (2) entry.post
    ; key:k-1, recorded:2027-01-01T00:00:00.000000000Z, value-date:2026-12-16
    assets:bank:main:a-b                                  3.00 EUR
    income:x-2                                           -3.00 EUR

2026-12-15 * (3) entry.post
    ; key:k-1, recorded:2027-01-01T00:00:00.000000000Z, reverses:1
    assets:bank:main                                    -12.50 EUR
    income:x                                             12.50 EUR

2026-12-15 * balances
    assets:bank:main                                      0.00 EUR == 100.00 EUR
    equity:opening:EUR                                    0.00 EUR == -105.00 EUR
    assets:bank:main:a_b                                  0.00 EUR == 5.00 EUR
    assets:bank:main:a-b                                  0.00 EUR == 3.00 EUR
    income:x                                              0.00 EUR == 0.00 EUR
    income:x-2                                            0.00 EUR == -3.00 EUR
";
    assert_eq!(exported(&desk(), Form::Hledger, "2026-12-01"), expected);
    let whole = exported(&desk(), Form::Hledger, "");
    let tags = "    ; key:k-1, recorded:2027-01-01T00:00:00.000000000Z, document:a  \"b\" \\\n";
    assert!(whole.contains(tags), "{whole}");
    assert!(
        whole.contains("12.50 EUR  ; value-date:2026-12-01\n"),
        "{whole}"
    );
}

#[test]
fn beancount_asserts_a_month_on_the_next_morning_with_what_is_below() {
    let whole = exported(&desk(), Form::Beancount, "");
    let parts = [
        r#"
1899-12-31 open Assets:Bank:Main:A-b-2 EUR
  account: "bank/main/a-b"
"#,
        r#"
2026-11-30 * "entry.post"
  entry: 1
  key: "k-1"
  recorded: "2027-01-01T00:00:00.000000000Z"
  document: "a, \"b\" \\"
  Assets:Bank:Main                                     12.50 EUR
    value-date: 2026-12-01
  Income:X                                            -12.50 EUR
"#,
        r"
2026-12-01 balance Assets:Bank:Main                                    117.50 ~ 0 EUR
2026-12-01 balance Income:X                                            -12.50 ~ 0 EUR

2026-12-16 balance Assets:Bank:Main                                    108.00 ~ 0 EUR
2026-12-16 balance Equity:Opening:EUR                                 -105.00 ~ 0 EUR
2026-12-16 balance Assets:Bank:Main:A-b                                  5.00 ~ 0 EUR
2026-12-16 balance Assets:Bank:Main:A-b-2                                3.00 ~ 0 EUR
2026-12-16 balance Income:X                                              0.00 ~ 0 EUR
2026-12-16 balance Income:X-2                                           -3.00 ~ 0 EUR
",
    ];
    for part in parts {
        assert!(whole.contains(part), "{part} is not in {whole}");
    }
}

#[test]
fn rows_and_lines_name_what_an_entry_has() {
    let csv = exported(&desk(), Form::Csv, "2026-12-15");
    let expected = "\
book,entry_no,leg_no,system_time,booking_date,value_date,account,unit,side,amount_minor,scale,\
document,kind,key,reversal_of,nature
main,2,1,2027-01-01T00:00:00.000000000Z,2026-12-15,2026-12-16,bank/main/a-b,EUR,debit,300,2,,\
entry.post,k-1,,
main,2,2,2027-01-01T00:00:00.000000000Z,2026-12-15,2026-12-16,x,EUR,credit,300,2,,\
entry.post,k-1,,
main,3,1,2027-01-01T00:00:00.000000000Z,2026-12-15,2026-12-15,bank/main,EUR,credit,1250,2,,\
entry.post,k-1,1,
main,3,2,2027-01-01T00:00:00.000000000Z,2026-12-15,2026-12-15,income/x,EUR,debit,1250,2,,\
entry.post,k-1,1,
";
    assert_eq!(csv, expected);
    let lines = exported(&desk(), Form::Json, "");
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 5);
    let legs = json!([
        { "account": "bank/main", "side": "debit", "amount": "12.50", "unit": "EUR",
          "value_date": "2026-12-01" },
        { "account": "income/x", "side": "credit", "amount": "12.50", "unit": "EUR" },
    ]);
    let entry = json!({ "book": "main", "entry_no": 1, "kind": "entry.post", "key": "k-1",
        "system_time": "2027-01-01T00:00:00.000000000Z", "booking_date": "2026-11-30",
        "value_date": "2026-11-30", "document": "a, \"b\" \\", "legs": legs });
    assert_eq!(lines[2], entry);
    assert_eq!(
        (&lines[0]["opening"], &lines[4]["reversal_of"]),
        (&json!(true), &json!(1))
    );
}
