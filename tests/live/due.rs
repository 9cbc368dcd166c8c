//! What became due while the daemon was stopped is done before anything that waits in the queue,
//! oldest first, whatever it is.

use kontor::time::Timestamp;
use serde_json::{Value, json};

use crate::support::beside_others;
use crate::support::books::Books;
use crate::support::client::{Client, Seen, entry, job, json_message};
use crate::support::daemon::Site;

const BOOKS: &str = r#"[[book]]
name = "main"
[book.accounts]
"bank/main" = { unit = "EUR", class = "asset", opening = "1000.00" }
"exp/rent" = { unit = "EUR", class = "expense" }
"liab/accrued" = { unit = "EUR", class = "liability" }
"wallet/a" = { unit = "EUR", class = "liability", opening = "100.00" }
[book.users]
"guest" = ["clerk"]
[[book.approval_policy]]
kind = "entry.post"
tiers = [
  { up_to = "1000.00", approvals = 0 },
  { up_to = "9000.00", approvals = 1, by = ["controller"] },
]
"#;

/// What is sent, and the key of what becomes of it later, in the order in which it becomes due.
fn works() -> Vec<(Value, &'static str)> {
    let legs = |amount: &str| {
        let (dr, cr) = ("exp/rent", "liab/accrued");
        json!([{ "dr": dr, "amount": amount }, { "cr": cr, "amount": amount }])
    };
    let accrual = json!({ "booking_date": "2027-01-10", "auto_reverse": "2027-01-12",
        "legs": legs("5.00") });
    let hold = json!({ "expires_at": "2027-01-12T12:00:00Z", "legs": [
        { "dr": "wallet/a", "amount": "10.00" }, { "cr": "bank/main", "amount": "10.00" }] });
    let limit = json!({ "account": "wallet/a", "max_balance": "500.00",
        "valid_from": "2027-01-13" });
    let rent = json!({ "first": "2027-01-07", "every": "week", "count": 2, "legs": legs("7.00") });
    let rounding = json!({ "record": "rounding", "name": "rounding", "value": "half_even",
        "valid_from": "2027-01-15", "reason": "a new year" });
    let pay = json!({ "key": "pay", "kind": "entry.post", "data": { "legs": legs("2000.00") } });
    let request = json!({ "job": pay, "expires_at": "2027-01-15T12:00:00Z" });
    vec![
        (
            job("costs", "accrual.post", &accrual),
            "000000000001#accrual",
        ),
        (job("hold", "hold.place", &hold), "H-000001#expired"),
        (job("limit", "account.update", &limit), "limit#later"),
        (job("rent", "recurring.post", &rent), "rent/2"),
        (
            job("rounding", "reference.set", &rounding),
            "rounding#later",
        ),
        (
            job("request", "approval.request", &request),
            "APR-000001#expired",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_due_in_between_goes_before_the_queue() {
    let _beside = beside_others().await;
    let mut site = Site::new("due").with("broker.trusted_front_ends", r#"["guest"]"#);
    site.books = BOOKS.to_owned();
    let instant = |text| Timestamp::parse(text).unwrap();
    site.clock_at(instant("2027-01-10T08:00:00Z"));
    let daemon = site.run().await;
    let client = Client::of(&site).await;
    let seen = client.watch_outcomes().await;
    let works = works();
    for (mut job, _) in works.clone() {
        job["actor"] = json!("guest");
        let message = json_message().with_user_id("guest".into());
        client
            .send("main", message, job.to_string().as_bytes())
            .await;
        let outcome = client.take(&seen, 1).await.remove(0).json();
        assert_ne!(outcome["status"], "rejected", "{outcome}");
    }
    daemon.stop().await;

    client
        .send_job(&entry("after", "exp/rent", "bank/main", "1.00"))
        .await;
    site.clock_at(instant("2027-01-20T08:00:00Z"));
    let daemon = site.run().await;
    let outcomes = client.take(&seen, works.len() + 2).await;
    daemon.stop().await;

    let due = works.iter().map(|(_, due)| *due);
    // The job that waited for an approval is refused with the end of its request.
    let expected: Vec<&str> = due.chain(["pay", "after"]).collect();
    let told: Vec<Value> = outcomes.iter().map(Seen::json).collect();
    let keys: Vec<&Value> = told.iter().map(|outcome| &outcome["key"]).collect();
    assert_eq!(keys, expected);
    let refused = told
        .iter()
        .filter(|outcome| outcome["status"] == "rejected");
    let codes: Vec<&Value> = refused.map(|outcome| &outcome["code"]).collect();
    assert_eq!(codes, ["APPROVAL_EXPIRED"]);

    let books = Books::of(&site.partition());
    let booked = books.jobs.iter().skip(works.len());
    let booked: Vec<&str> = booked.map(|job| job.key.as_str()).collect();
    assert_eq!(booked, expected);
    // 5.00 accrued and taken back, two rents of 7.00, and what waited in the queue.
    assert_eq!(books.balance("exp/rent"), 1_500);
}
