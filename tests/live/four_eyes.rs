//! Four eyes over a real broker: who acts is whom the broker vouches for.

use serde_json::{Value, json};

use crate::support::client::{Client, Seen, entry, job, json_message};
use crate::support::daemon::Site;
use crate::support::{beside_others, ctl, eventually};

const BOOKS: &str = r#"[[book]]
name = "main"
[book.accounts]
"bank/main" = { unit = "EUR", class = "asset" }
"equity/own" = { unit = "EUR", class = "equity" }
[book.users]
"eyes-carla" = ["controller"]
[[book.approval_policy]]
kind = "entry.post"
tiers = [{ approvals = 1, by = ["controller"] }]
"#;

/// Publish a job in which an actor is named, perhaps with the user that the broker checks.
async fn send(client: &Client, user: Option<&str>, actor: &str, mut job: Value) {
    job["actor"] = json!(actor);
    let message = match user {
        Some(user) => json_message().with_user_id(user.into()),
        None => json_message(),
    };
    client
        .send("main", message, job.to_string().as_bytes())
        .await;
}

fn decide(key: &str) -> Value {
    let data = json!({ "request": "APR-000001", "decision": "approve" });
    job(key, "approval.decide", &data)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_vouches_for_whoever_approves() {
    let _beside = beside_others().await;
    let mut site = Site::new("eyes");
    site.books = BOOKS.to_owned();
    let daemon = site.run().await;
    ctl(&["add_user", "eyes-carla", "secret"]).await;
    ctl(&["set_permissions", "eyes-carla", "^$", ".*", ".*"]).await;
    let guest = Client::of(&site).await;
    site.uri = site.uri.replace("guest:guest@", "eyes-carla:secret@");
    let carla = Client::of(&site).await;
    let seen = guest.watch_outcomes().await;

    let mut pay = entry("pay", "bank/main", "equity/own", "10.00");
    guest.send_job(&pay).await;
    let alone = guest.take(&seen, 1).await.remove(0).json();
    assert_eq!(alone["code"], "APPROVAL_REQUIRED");

    pay["key"] = json!("pay-approved");
    pay.as_object_mut().unwrap().remove("book");
    let request = job("request", "approval.request", &json!({ "job": pay }));
    send(&guest, Some("guest"), "guest", request).await;
    let pending = guest.take(&seen, 1).await.remove(0).json();
    assert_eq!(
        (&pending["status"], &pending["request"]),
        (&json!("pending_approval"), &json!("APR-000001"))
    );
    let waiting = || daemon.metric("kontor_approvals_pending");
    eventually("a request waits", async || waiting() == Some(1)).await;

    // A name alone is nobody's word, and the broker's word is for its own user only.
    send(&guest, None, "eyes-carla", decide("d-1")).await;
    send(&guest, Some("guest"), "eyes-carla", decide("d-2")).await;
    send(&guest, Some("guest"), "guest", decide("d-3")).await;
    let refused: Vec<Value> = guest.take(&seen, 3).await.iter().map(Seen::json).collect();
    let codes: Vec<&Value> = refused.iter().map(|outcome| &outcome["code"]).collect();
    assert_eq!(
        codes,
        ["ACTOR_NOT_TRUSTED", "ACTOR_NOT_TRUSTED", "SELF_APPROVAL"]
    );

    send(&carla, Some("eyes-carla"), "eyes-carla", decide("d-4")).await;
    let decided: Vec<Value> = guest.take(&seen, 2).await.iter().map(Seen::json).collect();
    let [decision, posted] = decided.as_slice() else {
        panic!("two outcomes");
    };
    assert_eq!(
        (&decision["key"], &decision["status"], &decision["entry_no"]),
        (&json!("d-4"), &json!("posted"), &json!(1))
    );
    assert_eq!(decision["approved_by"], json!(["eyes-carla"]));
    assert_eq!(
        (&posted["key"], &posted["kind"], &posted["event"]),
        (
            &json!("pay-approved"),
            &json!("entry.post"),
            &json!("job.decided")
        )
    );
    eventually("nothing waits", async || waiting() == Some(0)).await;
    let difference = daemon.metric("kontor_completeness_difference");
    assert_eq!(difference, Some(0));
    carla.close().await;
    guest.close().await;
    daemon.stop().await;
}
