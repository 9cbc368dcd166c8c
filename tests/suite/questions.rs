//! Questions of one answer as commands: prices, and a plan against what was done.

use serde_json::{Value as Json, json};

use crate::support::house::House;
use crate::support::{err, exits, json, kontor, out};

const BOOK: &str = r#"
[[book]]
name = "main"
functional_unit = "EUR"
[book.accounts]
"bank/main" = { unit = "EUR", class = "asset", opening = "900.00" }
"equity/own" = { unit = "EUR", class = "equity", opening = "900.00" }
"exp/office" = { unit = "EUR", class = "expense", opening = "0.00" }
"memo/plan" = { unit = "EUR", class = "expense", opening = "0.00" }
"memo/counter" = { unit = "EUR", class = "income", opening = "0.00" }
[book.price_list.box]
currency = "EUR"
model = "volume"
tiers = [{ up_to = "5", price = "12.00" }, { price = "11.00" }]
"#;

fn entry(key: &str, debit: &str, credit: &str, amount: &str) -> Json {
    let legs = json!([{ "dr": debit, "amount": amount }, { "cr": credit, "amount": amount }]);
    let data = json!({ "booking_date": "2026-03-31", "legs": legs });
    json!({ "key": key, "kind": "entry.post", "data": data })
}

#[test]
fn a_price_and_a_variance_are_answered_in_every_form() {
    let dir = tempfile::tempdir().unwrap();
    let mut house = House::open(dir.path(), BOOK);
    for job in [
        entry("plan", "memo/plan", "memo/counter", "100.00"),
        entry("done", "exp/office", "bank/main", "80.00"),
    ] {
        let answer = house.send(&job).json();
        assert_eq!(answer["status"], "posted", "{answer}");
    }
    house.stop();
    let path = dir.path().to_str().unwrap();
    let ask = |format: &str, question: &[&str]| {
        kontor(&[&["--format", format], question, &["--dir", path]].concat())
    };

    let price = json(&ask("json", &["price", "box", "6"]));
    assert_eq!(
        (&price["total"], &price["book"]),
        (&json!("66.00"), &json!("main"))
    );
    let csv = ask("csv", &["price", "box", "6", "--customer", "c-1"]);
    exits(&csv, 0);
    assert!(out(&csv).contains("box,6,11.00,66.00,EUR"), "{}", out(&csv));
    assert!(out(&ask("text", &["price", "box", "5"])).contains("60.00"));
    let unknown = ask("text", &["price", "crate", "6"]);
    exits(&unknown, 1);
    assert!(
        err(&unknown).contains("PRICE_NOT_FOUND"),
        "{}",
        err(&unknown)
    );

    let year = ["variance", "--from", "2026-01-01", "--to", "2026-12-31"];
    let accounts = ["--baseline", "memo/plan", "--actual", "exp/office"];
    let variance = [&year[..], &accounts[..]].concat();
    let report = json(&ask("json", &variance))["report"].clone();
    assert_eq!(
        (&report["baseline"], &report["actual"]),
        (&json!("100.00"), &json!("80.00"))
    );
    let csv = out(&ask("csv", &variance));
    assert!(
        csv.starts_with("baseline,actual,variance,per_month\n100.00,80.00,"),
        "{csv}"
    );
    let text = out(&ask("text", &variance));
    for part in ["baseline", "100.00", "80.00", "20.00"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    exits(&ask("text", &year), 64);
}

/// The figures of a table as people read it, line by line and without the space between them.
#[test]
fn a_statement_says_the_text_of_its_account_to_whoever_has_the_keys() {
    let dir = tempfile::tempdir().unwrap();
    let mut house = House::open(dir.path(), BOOK);
    let data = json!({ "account": "bank/main", "text": "Erika Musterfrau" });
    let named = json!({ "key": "named", "kind": "account.update", "data": data });
    let answer = house.send(&named).json();
    assert_eq!(answer["status"], "accepted", "{answer}");
    house.stop();
    let path = dir.path().to_str().unwrap();
    let text = |account: &str| {
        let asked = ["--format", "json", "statement", account, "--dir", path];
        json(&kontor(&asked))["text"].clone()
    };
    assert_eq!(text("bank/main"), "Erika Musterfrau");
    assert_eq!(text("exp/office"), Json::Null);
    // As in a copy of the journal without its keys.
    std::fs::remove_file(dir.path().join("p0/kek")).unwrap();
    assert_eq!(text("bank/main"), "[sealed]");
}

fn table(text: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(words).collect()
}

#[test]
fn statements_and_open_items_are_tables_for_people_and_rows_for_programs() {
    let book = r#"
[[book]]
name = "main"
[book.accounts]
"ar/cust-1" = { unit = "EUR", class = "asset", opening = "15.00" }
"bank/main" = { unit = "EUR", class = "asset", opening = "100.00" }
"exp/office" = { unit = "EUR", class = "expense", opening = "0.00" }
[[book.open_items]]
document = "RE-1"
customer = "cust-1"
open = "15.00"
due = "2026-03-31"
"#;
    let dir = tempfile::tempdir().unwrap();
    let mut house = House::open(dir.path(), book);
    house.send(&entry("paid", "exp/office", "bank/main", "10.00"));
    let legs = json!([
        { "dr": "bank/main", "amount": "4.00" },
        { "cr": "exp/office", "amount": "4.00" },
    ]);
    let data = json!({ "adjusts": 1, "reason": "four too many", "legs": legs,
        "booking_date": "2026-03-31" });
    let adjusted = json!({ "key": "right", "kind": "entry.adjust", "data": data });
    let adjusted = house.send(&adjusted).json();
    assert_eq!(adjusted["status"], "posted", "{adjusted}");
    house.stop();
    let path = dir.path().to_str().unwrap();
    let ask = |format: &str, question: &[&str]| {
        let output = kontor(&[&["--format", format], question, &["--dir", path]].concat());
        exits(&output, 0);
        out(&output)
    };

    let statement = table(&ask("text", &["statement", "bank/main"]));
    for line in [
        "account: bank/main",
        "booking_date value_date entry_no debit credit balance nature",
        "opening 100.00",
        "2026-03-31 2026-03-31 1 10.00 90.00",
        "2026-03-31 2026-03-31 2 4.00 94.00 adjustment",
        "closing 94.00",
    ] {
        assert!(
            statement.iter().any(|shown| shown == line),
            "{line}: {statement:?}"
        );
    }

    let aged = ["open-items", "--as-of", "2026-05-01"];
    let items = table(&ask("text", &aged));
    for line in [
        "as_of: 2026-05-01",
        "RE-1 cust-1 2026-03-31 31 31-60 EUR 15.00",
        "total EUR 15.00",
    ] {
        assert!(items.iter().any(|shown| shown == line), "{line}: {items:?}");
    }
    let rows = "document,customer,due,days,bucket,unit,open\n\
        RE-1,cust-1,2026-03-31,31,31-60,EUR,15.00\n";
    assert_eq!(ask("csv", &aged), rows);
}
