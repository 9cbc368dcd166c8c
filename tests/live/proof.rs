//! The proof that nothing is lost or doubled: a producer sends, the daemon is killed and cut off at
//! moments that chance picks, and afterwards every job has one effect and one outcome.
//!
//! `KONTOR_PROOF_JOBS` sets how many jobs; `KONTOR_PROOF_SEED` repeats a run.

mod model;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use kontor::broker::rabbit::{ConnectOptions, publish};
use kontor::broker::{ConfirmResult, Publish, Topology};
use kontor::simulator::Chance;

use crate::support::books::Books;
use crate::support::client::{Client, Seen};
use crate::support::daemon::{Daemon, Site};
use crate::support::trial::single_outcomes;
use crate::support::{alone, ctl, eventually, publisher_options};
use model::{Model, differences};
use work::{Mix, Work, account_name, openings};

/// Messages that may be sent beyond a moment before what is planned for it has happened.
const AHEAD: usize = 400;

/// What happens to the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// SIGKILL and a restart; once more while it recovers, if a delay is given.
    Kill { again_after: Option<Duration> },
    /// All connections of the broker are closed, the producer's too.
    Cut,
    /// SIGTERM and a restart.
    Stop,
}

/// A blow, so many messages into the work and a moment later.
#[derive(Clone, Copy, Debug)]
struct Event {
    at: usize,
    delay: Duration,
    blow: Blow,
}

fn events(blows: &[Blow], messages: usize, chance: &mut Chance) -> Vec<Event> {
    let last = u64::try_from(messages).expect("a count") * 9 / 10;
    let mut moments: Vec<usize> = blows
        .iter()
        .map(|_| usize::try_from(chance.up_to(last)).expect("a count"))
        .collect();
    moments.sort_unstable();
    let mut order = blows.to_vec();
    let mut events = Vec::new();
    for at in moments {
        let left = u64::try_from(order.len()).expect("a count") - 1;
        let blow = order.remove(usize::try_from(chance.up_to(left)).expect("a place"));
        let delay = Duration::from_millis(chance.up_to(250));
        events.push(Event { at, delay, blow });
    }
    events
}

fn number_from(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn seed() -> u64 {
    number_from("KONTOR_PROOF_SEED").unwrap_or_else(|| {
        let since = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .expect("a clock");
        u64::from(since.subsec_nanos())
    })
}

/// How far producer and blows are.
#[derive(Default)]
struct Progress {
    confirmed: AtomicUsize,
    sent: AtomicUsize,
    struck: AtomicUsize,
}

/// Publish everything until each message is confirmed; what was lost is sent again.
async fn produce(
    site: &Site,
    messages: &[Publish],
    events: &[Event],
    progress: &Progress,
) -> usize {
    let options = ConnectOptions::parse(&site.uri).unwrap();
    let mut lane = publish(
        options,
        publisher_options(&format!("{} producer", site.prefix)),
    );
    let mut resent = 0;
    let mut open: Vec<usize> = Vec::new();
    let mut next = 0;
    while next < messages.len() || !open.is_empty() {
        let (limit, step) = match events.get(progress.struck.load(SeqCst)) {
            Some(event) if next >= event.at => (event.at + AHEAD, 4),
            Some(event) => (event.at + AHEAD, 64),
            None => (messages.len(), 64),
        };
        let fresh = next..limit.min(messages.len()).min(next + step).max(next);
        next = fresh.end;
        open.extend(fresh);
        if step < 64 {
            // Slowly, so that something is under way when the blow falls.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for place in &open {
            lane.publishes.send(messages[*place].clone()).await.unwrap();
        }
        progress.sent.store(next, SeqCst);
        let mut lost = Vec::new();
        for place in &open {
            let confirmed = lane.confirms.recv().await.unwrap();
            assert_eq!(confirmed.token, messages[*place].token);
            match confirmed.result {
                ConfirmResult::Acked => {
                    progress.confirmed.fetch_add(1, SeqCst);
                }
                ConfirmResult::Lost | ConfirmResult::Nacked => lost.push(*place),
                other => panic!("a job was {other:?}"),
            }
        }
        resent += lost.len();
        open = lost;
    }
    resent
}

/// Strike as planned; the daemon that runs at the end.
async fn strike(site: &Site, mut daemon: Daemon, events: &[Event], progress: &Progress) -> Daemon {
    for event in events {
        while progress.sent.load(SeqCst) < event.at {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(event.delay).await;
        match event.blow {
            Blow::Kill { again_after } => {
                daemon.kill().await;
                if let Some(delay) = again_after {
                    let starting = site.start();
                    tokio::time::sleep(delay).await;
                    starting.kill().await;
                }
                daemon = site.run().await;
            }
            Blow::Cut => {
                ctl(&["close_all_connections", "the proof"]).await;
                daemon.ready().await;
            }
            Blow::Stop => {
                nothing_acknowledged_is_missing(site, daemon, event, progress).await;
                daemon = site.run().await;
            }
        }
        progress.struck.fetch_add(1, SeqCst);
    }
    daemon
}

/// After a stop: what was confirmed to the producer is in the queue or in the journal, to a
/// message.
async fn nothing_acknowledged_is_missing(
    site: &Site,
    daemon: Daemon,
    event: &Event,
    progress: &Progress,
) {
    daemon.stop().await;
    // The producer stands: it is not let further than this.
    eventually("the producer's pause", async || {
        let sent = progress.sent.load(SeqCst);
        sent == event.at + AHEAD && progress.confirmed.load(SeqCst) == sent
    })
    .await;
    let client = Client::of(site).await;
    let queue = Topology::job_queue(&site.prefix, 0);
    eventually("no consumer", async || {
        crate::support::counts(&client.channel, &queue).await.1 == 0
    })
    .await;
    // What a closed channel left is back by now, or it was acknowledged.
    let depth = client.depth(&queue).await;
    let books = Books::of(&site.partition());
    let posted = books.jobs.len() - openings().len();
    assert_eq!(depth + posted, progress.confirmed.load(SeqCst), "{event:?}");
    assert_eq!(books.starts, books.stops, "every run ended with a record");
    client.close().await;
}

/// Everything the run left behind, outside of the daemon.
struct Left {
    outcomes: Vec<Seen>,
    dead: Vec<Seen>,
    books: Books,
}

async fn run(name: &str, mix: Mix, blows: &[Blow], seed: u64) -> (Work, Left) {
    let mut chance = Chance::new(seed);
    let site = Arc::new(
        Site::new(name)
            .with("broker.prefetch", "200")
            .with("broker.prefetch_min", "200"),
    );
    let work = Work::new(&site.prefix, mix, &mut chance);
    let events = events(blows, work.messages.len(), &mut chance);
    eprintln!(
        "{name}: seed {seed}, {} messages, {events:?}",
        work.messages.len()
    );
    let daemon = site.run().await;
    let client = Client::of(&site).await;
    let seen = client.watch_outcomes().await;
    client.send_jobs(&openings()).await;
    eventually("the accounts", async || {
        client.depth(&seen).await == openings().len()
    })
    .await;
    client.close().await;

    let progress = Progress::default();
    let (daemon, resent) = tokio::join!(
        strike(&site, daemon, &events, &progress),
        produce(&site, &work.messages, &events, &progress),
    );
    let client = Client::of(&site).await;
    let queue = Topology::job_queue(&site.prefix, 0);
    eventually("an empty queue", async || {
        client.depth(&queue).await == 0
            && daemon.metric("kontor_unacked_deliveries{partition=\"0\"}") == Some(0)
    })
    .await;
    daemon.stop().await;
    assert_eq!(client.depth(&queue).await, 0, "nothing came back");
    let verified = site.operate(&["journal", "verify"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    let count = client.depth(&seen).await;
    let outcomes = client.take(&seen, count).await;
    let dead_queue = format!("{}.dead", site.prefix);
    let count = client.depth(&dead_queue).await;
    let dead = client.take(&dead_queue, count).await;
    client.close().await;
    eprintln!(
        "{name}: {resent} messages sent again, {} outcomes and {} dead letters seen",
        outcomes.len(),
        dead.len()
    );
    let books = Books::of(&site.partition());
    (
        work,
        Left {
            outcomes,
            dead,
            books,
        },
    )
}

fn check(work: &Work, left: &Left) {
    let outcomes = single_outcomes(&left.outcomes);
    let opened = u64::try_from(openings().len()).unwrap();
    let last = opened + u64::try_from(work.moves.len()).unwrap();
    let gapless: Vec<u64> = (1..=last).collect();
    assert_eq!(outcomes.keys().copied().collect::<Vec<_>>(), gapless);

    // The journal says the same as the outcomes: one record per key, in the same order.
    let journaled: BTreeMap<u64, &str> = left
        .books
        .jobs
        .iter()
        .map(|job| (job.sequence.0, job.key.as_str()))
        .collect();
    let published = outcomes
        .iter()
        .map(|(sequence, seen)| (*sequence, seen.correlation()));
    assert_eq!(journaled, published.collect());
    assert_eq!(left.books.jobs.len(), journaled.len());
    assert!(left.books.jobs.iter().all(|job| job.owns_key));

    let mut model = Model::new();
    let mut rejected = 0;
    for outcome in outcomes
        .values()
        .filter(|outcome| outcome.kind() == "entry.post")
    {
        let said = outcome.json();
        let expected = model.apply(work.moves[outcome.correlation()]);
        assert_eq!(differences(&said, &expected), [""; 0], "{}", outcome.id());
        rejected += usize::from(said["status"] == "rejected");
    }
    assert!(
        rejected * 50 > work.moves.len(),
        "only {rejected} without cover"
    );
    for (number, cents) in model.cents.iter().enumerate() {
        let account = account_name(number);
        assert_eq!(
            left.books.balance(&account),
            i128::from(*cents),
            "{account}"
        );
    }

    let dead: BTreeSet<String> = left
        .dead
        .iter()
        .map(|dead| dead.text().to_owned())
        .collect();
    assert_eq!(dead, work.unreadable);
    let ids: BTreeSet<_> = left
        .dead
        .iter()
        .map(|dead| {
            dead.header_text("kontor-dead-id")
                .expect("set aside by kontor")
        })
        .collect();
    assert_eq!(ids.len(), dead.len(), "a dead letter has one identity");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_cut_off_it_loses_nothing_and_doubles_nothing() {
    let _alone = alone().await;
    let jobs = number_from("KONTOR_PROOF_JOBS").unwrap_or(30_000);
    let mix = Mix {
        jobs: usize::try_from(jobs).unwrap(),
        mixed: true,
    };
    let seed = seed();
    let mut chance = Chance::new(!seed);
    // A message comes back with every blow and is set aside by its queue after twenty.
    let mut blows = vec![Blow::Cut; 4];
    blows.extend((0..8).map(|_| {
        Blow::Kill {
            again_after: chance
                .once_in(3)
                .then(|| Duration::from_millis(chance.up_to(400))),
        }
    }));
    let (work, left) = run("proof", mix, &blows, seed).await;
    check(&work, &left);
    let again: BTreeSet<&str> = left
        .outcomes
        .iter()
        .filter(|outcome| outcome.is_duplicate())
        .map(Seen::correlation)
        .filter(|key| !work.repeated.contains(*key))
        .collect();
    assert!(
        !again.is_empty(),
        "no blow came between journal and acknowledgement"
    );
    assert!(left.books.starts >= 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_and_started_it_acknowledges_only_what_is_durable() {
    let _alone = alone().await;
    let mix = Mix {
        jobs: 6_000,
        mixed: false,
    };
    let (work, left) = run("terminate", mix, &[Blow::Stop; 6], seed()).await;
    check(&work, &left);
    assert_eq!(
        left.outcomes.len(),
        left.books.jobs.len(),
        "nothing was published twice"
    );
    assert!(left.outcomes.iter().all(|outcome| !outcome.is_duplicate()));
    assert_eq!((left.books.starts, left.books.stops), (7, 7));
}
