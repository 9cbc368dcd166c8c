//! The process dies at a moment that the test picks, between two steps of a job.

use std::os::unix::process::ExitStatusExt;

use rustix::process::Signal;

use crate::support::client::Seen;
use crate::support::daemon::Site;
use crate::support::trial::Trial;
use crate::support::{beside_others, eventually};

/// Payments, of which the one in the middle is where the process dies.
const PAYMENTS: usize = 30;
const MARKED: &str = "pay-10";

/// Let the process die at a moment of the marked payment.
async fn died(moment: &str) -> Trial {
    let (mut trial, daemon) = Trial::begin(Site::new(moment)).await;
    daemon.stop().await;
    trial.send(PAYMENTS).await;
    trial.site.sabotage(&format!("{moment}:silence:{MARKED}"));
    let mut daemon = trial.site.start();
    let status = daemon.ended().await;
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{status}");
    trial.site.sabotage("");
    trial
}

/// How often the outcome of the marked payment came.
fn marked(outcomes: &[Seen]) -> usize {
    let marked = outcomes.iter().filter(|seen| seen.correlation() == MARKED);
    marked.count()
}

async fn seen_so_far(trial: &Trial) -> usize {
    let client = trial.client().await;
    client.depth(&trial.seen).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_durable_and_not_acknowledged_comes_again_and_counts_once() {
    let _beside = beside_others().await;
    let trial = died("durable").await;
    eventually("the marked one is back in the queue", async || {
        trial.depth().await >= PAYMENTS - 10
    })
    .await;
    let daemon = trial.site.run().await;
    trial.settled(&daemon).await;
    let again = daemon.metric("kontor_jobs_duplicate_total{kind=\"entry.post\"} ");
    assert!(again >= Some(1), "it was not durable: {again:?}");
    let judged = trial.judge(daemon).await;
    assert!(marked(&judged.outcomes) >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_and_not_published_is_published_by_the_next_start() {
    let _beside = beside_others().await;
    let trial = died("acknowledged").await;
    // The broker gives back what was not acknowledged; the marked one was.
    let (_connection, channel) = crate::support::plain_channel().await;
    let queue = kontor::broker::Topology::job_queue(&trial.site.prefix, 0);
    eventually("the consumer is gone", async || {
        crate::support::counts(&channel, &queue).await.1 == 0
    })
    .await;
    let left = trial.depth().await;
    assert!(left < PAYMENTS - 10, "{left} are left: not acknowledged");
    assert!(seen_so_far(&trial).await <= 10, "published before");
    let daemon = trial.site.run().await;
    let judged = trial.judge(daemon).await;
    assert_eq!(marked(&judged.outcomes), 1);
    let twice = |seen: &&Seen| seen.correlation() == MARKED && seen.is_duplicate();
    assert_eq!(judged.outcomes.iter().find(twice).map(Seen::id), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_and_not_confirmed_comes_twice_with_the_same_bytes() {
    let _beside = beside_others().await;
    let trial = died("published").await;
    eventually("the marked one was published", async || {
        seen_so_far(&trial).await >= 11
    })
    .await;
    let daemon = trial.site.run().await;
    // The judgement compares the bytes of all that came under one number.
    let judged = trial.judge(daemon).await;
    assert!(marked(&judged.outcomes) >= 2, "it came once");
}
