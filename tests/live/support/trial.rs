//! A daemon that is about to be in trouble: what was sent to it, and the judgement at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use kontor::broker::rabbit::{ConnectOptions, publish};
use kontor::broker::{ConfirmResult, Properties, Publish, Topology};
use tokio::task::JoinHandle;

use super::books::Books;
use super::client::{Client, Seen, open_accounts, payment};
use super::daemon::{Daemon, Site};
use super::{broker, publisher_options};

/// How long a broker that was killed may take to find everything again.
const RECOVERY: Duration = Duration::from_mins(3);
/// Messages that a producer has under way at a time.
const ROUND: usize = 25;

/// A site with two open accounts and a queue of outcomes.
pub(crate) struct Trial {
    pub(crate) site: Site,
    pub(crate) seen: String,
    /// The broker itself, whatever is between it and the daemon.
    pub(crate) direct: String,
    /// Payments sent so far, or under way.
    pub(crate) sent: usize,
}

/// What was there at the end.
pub(crate) struct Judged {
    pub(crate) outcomes: Vec<Seen>,
    pub(crate) books: Books,
}

impl Trial {
    /// Start the daemon of a site and open the accounts.
    pub(crate) async fn begin(site: Site) -> (Self, Daemon) {
        Self::begin_at(site, broker().uri()).await
    }

    /// The same with a broker of one's own.
    pub(crate) async fn begin_at(site: Site, direct: String) -> (Self, Daemon) {
        let daemon = site.run().await;
        let mut trial = Self {
            site,
            seen: String::new(),
            direct,
            sent: 0,
        };
        let client = trial.client().await;
        trial.seen = open_accounts(&client).await;
        client.close().await;
        (trial, daemon)
    }

    /// A client that no fault of the network reaches.
    pub(crate) async fn client(&self) -> Client {
        Client::at(&self.direct, &self.site.prefix).await
    }

    /// Send so many more payments, a message each, confirmed.
    pub(crate) async fn send(&mut self, count: usize) {
        self.produce(count, Duration::ZERO).await.expect("sent");
    }

    /// Send so many more payments in one message, confirmed.
    pub(crate) async fn send_together(&mut self, count: usize) {
        let jobs: Vec<_> = self.next(count).map(payment).collect();
        let client = self.client().await;
        client.send_jobs(&jobs).await;
        client.close().await;
    }

    /// Send so many more payments beside, with a pause between rounds, each until it is confirmed.
    /// Gives how many had to go again.
    pub(crate) fn produce(&mut self, count: usize, pause: Duration) -> JoinHandle<usize> {
        let numbers = self.next(count);
        let options = ConnectOptions::parse(&self.direct).expect("an address");
        let prefix = self.site.prefix.clone();
        tokio::spawn(produce(options, prefix, numbers, pause))
    }

    fn next(&mut self, count: usize) -> Range<usize> {
        let first = self.sent;
        self.sent += count;
        first..self.sent
    }

    pub(crate) async fn depth(&self) -> usize {
        let client = self.client().await;
        let depth = client
            .depth(&Topology::job_queue(&self.site.prefix, 0))
            .await;
        client.close().await;
        depth
    }

    /// Wait until nothing waits, nothing is unacknowledged and everything is published.
    pub(crate) async fn settled(&self, daemon: &Daemon) {
        let mut seen = (None, None, 0);
        let since = Instant::now();
        while since.elapsed() < RECOVERY {
            seen = (
                daemon.metric(UNACKED),
                daemon.metric(PENDING),
                self.depth().await,
            );
            if seen == (Some(0), Some(0), 0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("unacknowledged, unpublished and waiting are still {seen:?}");
    }

    /// Stop the daemon once all is settled, and hold what is there against what was sent: every
    /// payment in the books once, every outcome under one number with the same bytes, a journal
    /// that verifies.
    pub(crate) async fn judge(&self, daemon: Daemon) -> Judged {
        self.settled(&daemon).await;
        daemon.stop().await;
        assert_eq!(self.depth().await, 0, "something came back to the queue");
        let books = Books::of(&self.site.partition());
        assert!(books.jobs.iter().all(|job| job.owns_key));
        let keys: BTreeSet<&str> = books.jobs.iter().map(|job| job.key.as_str()).collect();
        assert_eq!(keys.len(), books.jobs.len(), "a key has two effects");
        assert_eq!(books.jobs.len(), self.sent + 2);
        for number in 0..self.sent {
            let key = format!("pay-{number}");
            assert!(keys.contains(key.as_str()), "{key} is not in the books");
        }
        let cents = i128::try_from(self.sent).unwrap() * 100;
        assert_eq!(books.balance("bank/main"), cents);
        assert_eq!(books.balance("equity/owner"), cents);
        let verified = self.site.operate(&["journal", "verify"]).await;
        assert_eq!(verified.code, 0, "{verified:?}");

        let client = self.client().await;
        let count = client.depth(&self.seen).await;
        let outcomes = client.take(&self.seen, count).await;
        client.close().await;
        let single = single_outcomes(&outcomes);
        let last = u64::try_from(self.sent).unwrap() + 2;
        let gapless: Vec<u64> = (3..=last).collect();
        // After a fall the first two, of the accounts, may come again.
        let seen: Vec<u64> = single
            .into_keys()
            .filter(|sequence| *sequence > 2)
            .collect();
        assert_eq!(seen, gapless);
        Judged { outcomes, books }
    }
}

/// Deliveries that are not acknowledged.
pub(crate) const UNACKED: &str = "kontor_unacked_deliveries{partition=\"0\"} ";
/// Outcomes that are not published.
pub(crate) const PENDING: &str = "kontor_outbox_pending ";

/// One outcome per sequence and per key, with the same bytes whenever it was seen.
pub(crate) fn single_outcomes(seen: &[Seen]) -> BTreeMap<u64, &Seen> {
    let mut by_sequence = BTreeMap::new();
    let mut by_key: BTreeMap<&str, u64> = BTreeMap::new();
    for outcome in seen {
        let sequence: u64 = outcome.id().strip_prefix("main/").unwrap().parse().unwrap();
        let first: &mut &Seen = by_sequence.entry(sequence).or_insert(outcome);
        assert_eq!(outcome.body, first.body, "the bytes of {}", outcome.id());
        let known = by_key.entry(outcome.correlation()).or_insert(sequence);
        assert_eq!(
            *known,
            sequence,
            "the outcomes of {}",
            outcome.correlation()
        );
    }
    by_sequence
}

async fn produce(
    options: ConnectOptions,
    prefix: String,
    numbers: Range<usize>,
    pause: Duration,
) -> usize {
    let mut lane = publish(options, publisher_options(&format!("{prefix} producer")));
    let numbers: Vec<usize> = numbers.collect();
    let mut again = 0;
    for round in numbers.chunks(ROUND) {
        let mut open = round.to_vec();
        while !open.is_empty() {
            for number in &open {
                let sent = lane.publishes.send(message_of(&prefix, *number)).await;
                sent.expect("the lane lives");
            }
            let mut lost = Vec::new();
            for number in open {
                let confirmed = lane.confirms.recv().await.expect("an answer");
                match confirmed.result {
                    ConfirmResult::Acked => {}
                    ConfirmResult::Lost | ConfirmResult::Nacked => lost.push(number),
                    other => panic!("a payment was {other:?}"),
                }
            }
            again += lost.len();
            open = lost;
        }
        tokio::time::sleep(pause).await;
    }
    again
}

fn message_of(prefix: &str, number: usize) -> Publish {
    Publish {
        token: u64::try_from(number).expect("a count"),
        exchange: Topology::jobs_exchange(prefix),
        routing_key: "main".to_owned(),
        mandatory: true,
        properties: Properties {
            content_type: Some("application/json".to_owned()),
            message_id: Some(format!("pay-{number}")),
            delivery_mode: Some(2),
            ..Properties::default()
        },
        body: payment(number).to_string().into_bytes(),
        after_losses: None,
    }
}
