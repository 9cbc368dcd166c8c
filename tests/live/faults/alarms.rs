//! Alarms of the broker: nobody may publish, and acknowledging goes on.

use std::time::{Duration, Instant};

use kontor::broker::private::PrivateBroker;
use tokio::task::block_in_place;

use crate::support::daemon::{Daemon, Site};
use crate::support::trial::{PENDING, Trial, UNACKED};
use crate::support::{eventually, troubled};

pub(crate) const MEMORY_ALARM: &[&str] = &["set_vm_memory_high_watermark", "absolute", "1MB"];
pub(crate) const MEMORY_CALM: &[&str] = &["set_vm_memory_high_watermark", "absolute", "1GB"];
const DISK_ALARM: &[&str] = &["set_disk_free_limit", "1000GB"];
const DISK_CALM: &[&str] = &["set_disk_free_limit", "50MB"];
pub(crate) const BLOCKED: &str = "kontor_amqp_blocked{role=\"publish\"} ";

/// Whatever becomes of a test, the next one finds no alarm.
pub(crate) struct Calm<'a>(pub(crate) &'a PrivateBroker);

impl Drop for Calm<'_> {
    fn drop(&mut self) {
        for arguments in [MEMORY_CALM, DISK_CALM] {
            self.0.ctl(arguments).ok();
        }
    }
}

pub(crate) fn say(node: &PrivateBroker, arguments: &[&str]) {
    block_in_place(|| node.ctl(arguments)).unwrap();
}

async fn blocked(daemon: &Daemon, is: u64) {
    eventually("blocked or not", async || {
        daemon.metric(BLOCKED) == Some(is)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_alarm_on_it_acknowledges_up_to_the_bound_and_stops_in_time() {
    let node = troubled().await;
    let _calm = Calm(&node);
    let site = Site::at("blocked", node.uri())
        .with("outcomes.backlog_bytes_max", "1048576")
        .with("pipeline.drain_budget_ms", "1500")
        // Not all of them at once: what was taken before the bound is worked off.
        .with("broker.prefetch", "50");
    let (mut trial, daemon) = Trial::begin_at(site, node.uri()).await;
    daemon.stop().await;
    for _ in 0..60 {
        trial.send_together(100).await;
    }
    trial.send(500).await;
    say(&node, MEMORY_ALARM);
    // The alarm is on at the start: it starts all the same, and takes work.
    let daemon = trial.site.start();
    blocked(&daemon, 1).await;
    let reason = daemon.unready().await;
    assert!(
        reason.contains("bytes of outcomes are not published"),
        "{reason}"
    );
    eventually("everything taken is acknowledged", async || {
        daemon.metric(UNACKED) == Some(0)
    })
    .await;
    let left = trial.depth().await;
    assert!(left > 0, "intake did not stop at its bound");
    assert!(daemon.metric(PENDING) > Some(0));
    assert_eq!(daemon.get("/livez").unwrap().0, 200);
    // A stop does not wait for the alarm.
    let since = Instant::now();
    daemon.stop().await;
    let took = since.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_eq!(trial.depth().await, left, "something came back");

    // The other alarm, before the first one is over: blocked until both are.
    say(&node, DISK_ALARM);
    say(&node, MEMORY_CALM);
    let daemon = trial.site.start();
    blocked(&daemon, 1).await;
    say(&node, DISK_CALM);
    blocked(&daemon, 0).await;
    daemon.ready().await;
    trial.judge(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_that_comes_under_load_holds_nothing_but_outcomes() {
    let node = troubled().await;
    let _calm = Calm(&node);
    let site = Site::at("alarmed", node.uri()).with("broker.prefetch", "50");
    let (mut trial, daemon) = Trial::begin_at(site, node.uri()).await;
    trial.send(20).await;
    // More than is worked off before the alarm, in the queue already: producers are blocked too.
    for _ in 0..40 {
        trial.send_together(50).await;
    }
    say(&node, DISK_ALARM);
    trial_is_taken(&trial, &daemon).await;
    say(&node, DISK_CALM);
    blocked(&daemon, 0).await;
    trial.send(20).await;
    trial.judge(daemon).await;
}

/// All that was in the queue is taken and acknowledged, whatever becomes of the outcomes.
async fn trial_is_taken(trial: &Trial, daemon: &Daemon) {
    eventually("the queue is empty", async || {
        trial.depth().await == 0 && daemon.metric(UNACKED) == Some(0)
    })
    .await;
}
