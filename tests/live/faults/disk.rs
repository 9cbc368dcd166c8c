//! A disk that fails or is slow, a process that stands still, a clock that jumps: for the real
//! daemon, by a library between it and the system.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::daemon::{Daemon, Site};
use crate::support::shim::{Dial, Shim};
use crate::support::trial::{Trial, UNACKED};
use crate::support::{beside_others, eventually};

const EIO: i64 = 5;
const ENOSPC: i64 = 28;

/// A figure of the metrics page.
fn figure(daemon: &Daemon, series: &str) -> f64 {
    let (_, page) = daemon.get("/metrics").unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(series));
    line.unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_once_ends_it_and_nothing_of_it_was_acknowledged() {
    let _beside = beside_others().await;
    for error in [EIO, ENOSPC] {
        let mut site = Site::new("sync");
        let Some(shim) = Shim::before(&mut site) else {
            return;
        };
        let (mut trial, daemon) = Trial::begin(site).await;
        trial.send(50).await;
        trial.settled(&daemon).await;
        let mut daemon = daemon;
        shim.set(Dial::SyncError, error);
        // The next sync would succeed; whoever asked again would believe it.
        trial.send(50).await;
        let status = daemon.ended().await;
        assert_eq!(status.code(), Some(74), "{}", daemon.log());
        let said = daemon.log();
        let text = std::io::Error::from_raw_os_error(i32::try_from(error).unwrap());
        assert!(said.contains(&text.to_string()), "{said}");
        assert_eq!(shim.read(Dial::TriedAgain), 0, "the sync was tried again");
        eventually("what was not acknowledged is back", async || {
            trial.depth().await > 0
        })
        .await;
        let daemon = trial.site.run().await;
        trial.judge(daemon).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_finds_no_space_ends_it_and_costs_nothing() {
    let _beside = beside_others().await;
    let mut site = Site::new("write");
    let Some(shim) = Shim::before(&mut site) else {
        return;
    };
    let (mut trial, mut daemon) = Trial::begin(site).await;
    trial.send(50).await;
    trial.settled(&daemon).await;
    shim.set(Dial::WriteError, ENOSPC);
    trial.send(50).await;
    let status = daemon.ended().await;
    assert_eq!(status.code(), Some(74), "{}", daemon.log());
    // As long as that lasts no start succeeds, and none takes anything.
    let (code, said) = trial.site.refused(true).await;
    assert_eq!(code, 74, "{said}");
    shim.set(Dial::WriteError, 0);
    let daemon = trial.site.run().await;
    trial.judge(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_disk_makes_it_slower_and_nothing_else() {
    let _beside = beside_others().await;
    let mut site = Site::new("slow").with("broker.heartbeat_s", "1");
    let Some(shim) = Shim::before(&mut site) else {
        return;
    };
    let (mut trial, daemon) = Trial::begin(site).await;
    let took = "kontor_fdatasync_duration_seconds";
    let before = figure(&daemon, &format!("{took}_sum "));
    let syncs = shim.read(Dial::Syncs);
    shim.set(Dial::SyncDelayMs, 500);
    let producing = trial.produce(250, Duration::from_millis(200));
    while !producing.is_finished() {
        assert_eq!(daemon.get("/livez").unwrap().0, 200, "{}", daemon.log());
        assert!(daemon.is_ready(), "{}", daemon.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    producing.await.unwrap();
    trial.settled(&daemon).await;
    let syncs = shim.read(Dial::Syncs) - syncs;
    let slower = figure(&daemon, &format!("{took}_sum ")) - before;
    assert!(syncs >= 2 && slower >= 1.0, "{slower} s in {syncs} syncs");
    assert!(syncs < 250, "a sync for every job");
    let reconnects = "kontor_amqp_reconnects_total{role=\"intake\"} ";
    assert_eq!(daemon.metric(reconnects), Some(0));
    shim.set(Dial::SyncDelayMs, 0);
    trial.judge(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn standing_still_beyond_the_heartbeat_it_acknowledges_nothing_of_before() {
    let _beside = beside_others().await;
    let mut site = Site::new("frozen").with("broker.heartbeat_s", "1");
    let Some(shim) = Shim::before(&mut site) else {
        return;
    };
    let (mut trial, daemon) = Trial::begin(site).await;
    // It holds deliveries that are not durable when it stands still.
    shim.set(Dial::SyncDelayMs, 1_500);
    trial.send(25).await;
    eventually("deliveries under way", async || {
        daemon.metric(UNACKED) > Some(0)
    })
    .await;
    daemon.signal(Signal::STOP);
    eventually("the broker takes everything back", async || {
        trial.depth().await == 25
    })
    .await;
    daemon.signal(Signal::CONT);
    shim.set(Dial::SyncDelayMs, 0);
    trial.settled(&daemon).await;
    let again = "kontor_deliveries_total{partition=\"0\",redelivered=\"true\"} ";
    // All are in the queue again, as seen above; what had left it comes marked.
    assert!(daemon.metric(again) > Some(0), "nothing came again");
    let judged = trial.judge(daemon).await;
    assert_eq!(judged.books.starts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_holds_intake_until_it_is_back() {
    let _beside = beside_others().await;
    let mut site = Site::new("clock");
    let Some(shim) = Shim::before(&mut site) else {
        return;
    };
    let (mut trial, daemon) = Trial::begin(site).await;
    for jump in [3_600, -3_600] {
        shim.set(Dial::ClockS, jump);
        let reason = daemon.unready().await;
        assert!(reason.contains("clock of the machine"), "{reason}");
        trial.send(10).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(
            trial.depth().await,
            10,
            "taken at a time that is not believed"
        );
        shim.set(Dial::ClockS, 0);
        daemon.ready().await;
        trial.settled(&daemon).await;
    }
    daemon.stop().await;
    // At a start that is an hour early nothing is taken either.
    shim.set(Dial::ClockS, -3_600);
    let daemon = trial.site.start();
    let reason = daemon.unready().await;
    eventually("the clock is named", async || {
        let answer = daemon.get("/readyz");
        answer.is_some_and(|(_, reason)| reason.contains("before the last record"))
    })
    .await;
    assert!(!reason.is_empty());
    trial.send(10).await;
    assert_eq!(trial.depth().await, 10);
    shim.set(Dial::ClockS, 0);
    let judged = trial.judge(daemon).await;
    let times = judged.outcomes.iter();
    let hour: Vec<_> = times
        .map(|seen| seen.json()["recorded_at"].to_string())
        .collect();
    let mut ascending = hour.clone();
    ascending.sort();
    assert_eq!(hour, ascending);
}
