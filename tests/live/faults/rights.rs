//! What the broker's operator takes away while the daemon runs.

use rustix::process::Signal;

use crate::support::daemon::{Daemon, Site};
use crate::support::trial::{PENDING, Trial, UNACKED};
use crate::support::{beside_others, broker, ctl, eventually};

const USER: &str = "demoted";

async fn may(write: &str, read: &str) {
    ctl(&["set_permissions", USER, ".*", write, read]).await;
    // What a channel was allowed it stays allowed for a while.
    ctl(&["close_all_user_connections", USER, "a test"]).await;
}

async fn refusal(daemon: &Daemon) {
    eventually("the refusal is told", async || {
        let (_, status) = daemon.get("/status").unwrap();
        status.contains("refuses access")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_taken_away_holds_outcomes_and_ends_consuming() {
    let _beside = beside_others().await;
    ctl(&["add_user", USER, "secret"]).await;
    ctl(&["set_permissions", USER, ".*", ".*", ".*"]).await;
    let uri = broker().uri().replace("guest:guest", "demoted:secret");
    let (mut trial, daemon) = Trial::begin(Site::at("rights", uri)).await;
    may("^$", ".*").await;
    trial.send(40).await;
    eventually("everything is taken", async || {
        trial.depth().await == 0
            && daemon.metric(UNACKED) == Some(0)
            && daemon.metric(PENDING) == Some(40)
    })
    .await;
    refusal(&daemon).await;
    may(".*", ".*").await;
    trial.settled(&daemon).await;
    daemon.ready().await;

    let mut daemon = daemon;
    may(".*", "^$").await;
    let status = daemon.ended().await;
    assert_eq!(status.code(), Some(78), "{}", daemon.log());
    assert!(daemon.log().contains("refuses access"), "{}", daemon.log());
    trial.send(40).await;
    may(".*", ".*").await;
    let daemon = trial.site.run().await;
    trial.judge(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_wrong_are_not_taken_over() {
    let _beside = beside_others().await;
    let (mut trial, daemon) = Trial::begin(Site::new("reload")).await;
    let reloaded = "kontor_config_reload_success ";
    assert_eq!(daemon.metric(reloaded), Some(1));
    let good = std::fs::read_to_string(trial.site.config()).unwrap();
    let wrong = good.replace(
        "[broker]",
        "[broker]\nheartbeat_s = \"soon\"\n[log]\nlevle = 1",
    );
    std::fs::write(trial.site.config(), wrong).unwrap();
    daemon.signal(Signal::HUP);
    eventually("the metric says so", async || {
        daemon.metric(reloaded) == Some(0)
    })
    .await;
    let said = daemon.log();
    assert!(said.contains("the settings were not reloaded"), "{said}");
    assert!(said.contains("heartbeat_s"), "{said}");
    assert!(daemon.is_ready());
    trial.send(20).await;
    trial.settled(&daemon).await;
    std::fs::write(trial.site.config(), good).unwrap();
    daemon.signal(Signal::HUP);
    eventually("the metric says so", async || {
        daemon.metric(reloaded) == Some(1)
    })
    .await;
    trial.judge(daemon).await;
}
