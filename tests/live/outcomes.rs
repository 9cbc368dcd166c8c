//! Durable outcomes once more, the same messages as before.

use serde_json::json;

use crate::support::client::{Client, open_accounts, payment};
use crate::support::daemon::Site;
use crate::support::{beside_others, dead_port};

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_come_again_with_their_ids_and_bytes() {
    let _beside = beside_others().await;
    let mut site = Site::new("replayed");
    let daemon = site.run().await;
    let client = Client::of(&site).await;
    let seen = open_accounts(&client).await;
    for number in 0..4 {
        client.send_job(&payment(number)).await;
    }
    let before = client.take(&seen, 4).await;
    let replay = ["outcomes", "replay", "--from", "main/4", "--to", "5"];
    let tried = site.operate(&[&replay[..], &["--dry-run"]].concat()).await;
    assert_eq!(tried.json()["outcomes"], 2);
    assert_eq!(client.depth(&seen).await, 0);
    let said = site.operate(&replay).await.json();
    assert_eq!(said["to"], 5);
    assert_eq!(
        (&said["outcomes"], &said["nobody_bound"]),
        (&json!(2), &json!(0))
    );
    let again = client.take(&seen, 2).await;
    for (again, before) in again.iter().zip(&before[1..]) {
        assert_eq!(again.body, before.body);
        assert_eq!(again.properties, before.properties);
    }
    // To the end, also while nobody runs.
    daemon.stop().await;
    let said = site
        .operate(&["outcomes", "replay", "--from", "main/3"])
        .await;
    assert_eq!(said.json()["outcomes"], 4);
    let again = client.take(&seen, 4).await;
    let ids = |seen: &[crate::support::client::Seen]| -> Vec<String> {
        seen.iter().map(|seen| seen.id().to_owned()).collect()
    };
    assert_eq!(ids(&again), ids(&before));

    for (from, code) in [("main/7", 1), ("nobody/1", 64), ("main", 64), ("17", 64)] {
        let refused = site.operate(&["outcomes", "replay", "--from", from]).await;
        assert_eq!(refused.code, code, "{from}: {refused:?}");
    }
    assert_eq!(client.depth(&seen).await, 0);
    let nobody = format!("amqp://guest:guest@127.0.0.1:{}/%2f", dead_port());
    site.set("broker.uri", &nobody);
    assert_eq!(site.operate(&replay).await.code, 69);
}
