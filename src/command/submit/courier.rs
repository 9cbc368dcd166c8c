//! Carries jobs to the broker and waits for their outcomes.
//!
//! Nothing is lost silently. A message whose fate is unknown goes again: its jobs have the same
//! keys, so they have one effect. A message the broker refuses goes again for a while; one that no
//! queue takes is reported. When the queue of the answers breaks, what is unanswered goes again as
//! well.
//!
//! After a lost connection messages may overtake each other; the order inside a message always
//! holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::broker::rabbit::{
    ConnectOptions, PublisherLane, PublisherOptions, Replies, look, publish,
};
use crate::broker::{
    BrokerFault, ConfirmResult, Confirmed, Delivery, FaultClass, HeaderValue, Properties, Publish,
    Topology,
};
use crate::time::clock::of_this_process;

/// Messages without a confirm at a time; beyond it nothing is gained.
const WINDOW: usize = 512;
/// How often a message goes again before it is given up.
const ATTEMPTS_MAX: u8 = 10;
/// Pause after a refusal: the queue is full, or has no leader at the moment.
const REFUSAL_PAUSE: Duration = Duration::from_millis(300);
/// How long the broker may say nothing at all while messages wait for it.
const BROKER_PATIENCE: Duration = Duration::from_secs(30);

/// The header of an outcome that was there before.
const DUPLICATE: &str = "kontor-duplicate";

/// A message: one job, or many as lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// What the body is.
    pub content_type: &'static str,
    /// Names the message in returns; with one job its key.
    pub message_id: String,
    /// The kind of the job if it is one.
    pub kind: Option<String>,
    /// The user that vouches for an actor in it; must be who is logged in.
    pub user_id: Option<String>,
    /// The book, which is the routing key.
    pub book: String,
    /// Keys of its jobs, for each of which an outcome is expected.
    pub keys: Vec<String>,
    /// The bytes.
    pub body: Vec<u8>,
}

/// The outcome of one job.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Its book.
    pub book: String,
    /// Its key.
    pub key: String,
    /// `posted`, `rejected` and so on.
    pub status: String,
    /// The code of a refusal.
    pub code: Option<String>,
    /// Whether the job had been there before.
    pub duplicate: bool,
    /// The whole outcome.
    pub body: Value,
}

/// What happens on the way.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// The broker has a message with so many jobs.
    Confirmed(usize),
    /// A job is answered.
    Answered(Answer),
    /// Something is in the way; it is being tried again.
    Trouble(String),
}

/// What became of the messages, by their place in the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// Jobs the broker has.
    pub confirmed: usize,
    /// Messages no queue takes.
    pub unroutable: Vec<usize>,
    /// Messages the broker refused again and again.
    pub refused: Vec<usize>,
    /// Messages that cannot be expressed in AMQP.
    pub unsendable: Vec<usize>,
    /// Messages that went more than once because their fate was unknown.
    pub repeated: usize,
    /// Jobs that nobody answered in time: book and key.
    pub unanswered: Vec<(String, String)>,
}

/// How to carry.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Wait for outcomes, with so much patience for the next one.
    pub wait: Option<Duration>,
    /// Most jobs per second.
    pub rate: Option<u32>,
}

/// A connection to publish over and, if outcomes are waited for, one to hear them.
#[derive(Debug)]
pub struct Courier {
    connect: ConnectOptions,
    exchange: String,
    lane: PublisherLane,
    replies: Option<Replies>,
}

impl Courier {
    /// Connect. The queue for answers stands before the first job goes.
    pub async fn open(
        connect: ConnectOptions,
        prefix: &str,
        replies: Option<&str>,
    ) -> Result<Self, BrokerFault> {
        let exchange = Topology::jobs_exchange(prefix);
        look::exchange(&connect, &exchange).await?;
        let replies = match replies {
            Some(name) => {
                let queue = format!("{prefix}.replies.{name}");
                Some(Replies::open(&connect, &queue, "kontor replies").await?)
            }
            None => None,
        };
        let options = PublisherOptions {
            connection_name: "kontor submit".to_owned(),
            window: WINDOW,
        };
        let lane = publish(connect.clone(), options);
        Ok(Self {
            connect,
            exchange,
            lane,
            replies,
        })
    }

    /// Carry all messages and, if wished, wait until each of their jobs is answered.
    pub async fn carry(
        &mut self,
        parcels: &[Parcel],
        wishes: &Wishes,
        mut tell: impl FnMut(News),
    ) -> Result<Carried, BrokerFault> {
        let wait = wishes.wait.filter(|_| self.replies.is_some());
        let mut round = Round::new(parcels, wait.is_some(), wishes.rate);
        while let Some(patience) = round.patience(wait) {
            let reply_to = self
                .replies
                .as_ref()
                .map(|replies| replies.queue().to_owned());
            let next = tokio::select! {
                biased;
                confirmed = self.lane.confirms.recv() => Next::Confirmed(confirmed),
                answer = hear(&mut self.replies), if wait.is_some() => Next::Heard(answer),
                permit = self.lane.publishes.reserve(), if round.ready().is_some() => {
                    if let (Ok(permit), Some(at)) = (permit, round.take()) {
                        permit.send(message(&round, at, &self.exchange, reply_to));
                    }
                    continue;
                }
                () = tokio::time::sleep_until(round.until(patience)) => Next::Silence,
            };
            match next {
                Next::Confirmed(Some(confirmed)) => {
                    self.settle(&mut round, confirmed, &mut tell)?;
                }
                Next::Confirmed(None) => return Err(self.lane.silence("the lane ended")),
                Next::Heard(Ok(delivery)) => round.answer(&delivery, &mut tell),
                Next::Heard(Err(fault)) => self.ask_again(&mut round, &fault, &mut tell).await?,
                Next::Silence if round.until(patience) > Instant::now() => {}
                Next::Silence if round.sending() => {
                    return Err(self.lane.silence("it says nothing"));
                }
                Next::Silence => break,
            }
        }
        Ok(round.finish())
    }

    /// Say goodbye.
    pub async fn close(self) {
        drop(self.lane.publishes);
        // It has nothing left to send; a panic in it would have been seen as missing confirms.
        self.lane.task.await.ok();
        if let Some(replies) = self.replies {
            replies.close().await;
        }
    }

    fn settle(
        &self,
        round: &mut Round<'_>,
        confirmed: Confirmed,
        tell: &mut impl FnMut(News),
    ) -> Result<(), BrokerFault> {
        let lost = confirmed.result == ConfirmResult::Lost;
        let fault = self.lane.status.borrow().fault.clone();
        if let Some(fault) = fault.filter(|fault| lost && fault.class() != FaultClass::Transient) {
            return Err(fault);
        }
        round.settle(confirmed, tell);
        Ok(())
    }

    /// The queue of the answers is gone, and what was in it: make it again and ask again.
    async fn ask_again(
        &mut self,
        round: &mut Round<'_>,
        fault: &BrokerFault,
        tell: &mut impl FnMut(News),
    ) -> Result<(), BrokerFault> {
        tell(News::Trouble(format!(
            "{fault}; asking again for the outcomes that are missing"
        )));
        let Some(old) = self.replies.take() else {
            return Ok(());
        };
        let queue = old.queue().to_owned();
        drop(old);
        let deadline = Instant::now() + BROKER_PATIENCE;
        loop {
            match Replies::open(&self.connect, &queue, "kontor replies").await {
                Ok(replies) => {
                    self.replies = Some(replies);
                    round.repeat_unanswered();
                    return Ok(());
                }
                Err(fault) if Instant::now() >= deadline => return Err(fault),
                Err(_fault) => tokio::time::sleep(REFUSAL_PAUSE).await,
            }
        }
    }
}

/// What a turn of the loop brought.
#[expect(clippy::large_enum_variant, reason = "lives for one turn")]
enum Next {
    Confirmed(Option<Confirmed>),
    Heard(Result<Delivery, BrokerFault>),
    Silence,
}

async fn hear(replies: &mut Option<Replies>) -> Result<Delivery, BrokerFault> {
    match replies {
        Some(replies) => replies.next().await,
        None => std::future::pending().await,
    }
}

/// Nanoseconds: what a message is dated in, and what a clock says.
const SECOND: i64 = 1_000_000_000;

fn message(round: &Round<'_>, at: usize, exchange: &str, reply_to: Option<String>) -> Publish {
    let parcel = round.parcels.get(at);
    let text = |text: &str| Some(text.to_owned());
    Publish {
        token: u64::try_from(at).unwrap_or(u64::MAX),
        exchange: exchange.to_owned(),
        routing_key: parcel.map_or(String::new(), |parcel| parcel.book.clone()),
        mandatory: true,
        properties: Properties {
            content_type: parcel.and_then(|parcel| text(parcel.content_type)),
            message_id: parcel.and_then(|parcel| text(&parcel.message_id)),
            kind: parcel.and_then(|parcel| parcel.kind.clone()),
            user_id: parcel.and_then(|parcel| parcel.user_id.clone()),
            reply_to,
            delivery_mode: Some(2),
            app_id: text("kontor"),
            timestamp: u64::try_from(of_this_process().now().0.div_euclid(SECOND)).ok(),
            ..Properties::default()
        },
        body: parcel.map_or(Vec::new(), |parcel| parcel.body.clone()),
        after_losses: None,
    }
}

/// The state of one [`Courier::carry`].
struct Round<'a> {
    parcels: &'a [Parcel],
    /// Messages to be sent, in order.
    todo: VecDeque<usize>,
    /// Messages given to the lane and not settled yet.
    under_way: usize,
    attempts: Vec<u8>,
    /// Outcomes expected by [`name`]: a key may stand in a file twice.
    expected: BTreeMap<String, usize>,
    pace: Pace,
    last_word: Instant,
    carried: Carried,
}

impl<'a> Round<'a> {
    fn new(parcels: &'a [Parcel], wait: bool, rate: Option<u32>) -> Self {
        let mut expected = BTreeMap::new();
        for parcel in parcels.iter().filter(|_| wait) {
            for key in &parcel.keys {
                *expected.entry(name(&parcel.book, key)).or_default() += 1;
            }
        }
        let now = Instant::now();
        Self {
            parcels,
            todo: (0..parcels.len()).collect(),
            under_way: 0,
            attempts: vec![0; parcels.len()],
            expected,
            pace: Pace { rate, next: now },
            last_word: now,
            carried: Carried::default(),
        }
    }

    fn sending(&self) -> bool {
        !self.todo.is_empty() || self.under_way > 0
    }

    /// How long silence is borne at this stage; nothing if all is done.
    fn patience(&self, wait: Option<Duration>) -> Option<Duration> {
        if self.sending() {
            return Some(BROKER_PATIENCE);
        }
        wait.filter(|_| !self.expected.is_empty())
    }

    /// When to wake up without a word: to send at the agreed pace, or because patience ends.
    fn until(&self, patience: Duration) -> Instant {
        let end = self.last_word + patience;
        if self.todo.is_empty() || self.ready().is_some() {
            end
        } else {
            self.pace.next.min(end)
        }
    }

    /// The next message, if it may go now.
    fn ready(&self) -> Option<usize> {
        let may = self.pace.next <= Instant::now();
        self.todo.front().copied().filter(|_| may)
    }

    fn take(&mut self) -> Option<usize> {
        let at = self.todo.pop_front()?;
        self.under_way += 1;
        self.pace
            .sent(self.parcels.get(at).map_or(1, |parcel| parcel.keys.len()));
        if self.pace.rate.is_some() {
            // Waiting for its turn is no silence of the broker.
            self.last_word = Instant::now();
        }
        Some(at)
    }

    fn settle(&mut self, confirmed: Confirmed, tell: &mut impl FnMut(News)) {
        self.under_way = self.under_way.saturating_sub(1);
        let at = usize::try_from(confirmed.token).unwrap_or(usize::MAX);
        let Some(parcel) = self.parcels.get(at) else {
            return;
        };
        match confirmed.result {
            ConfirmResult::Acked => {
                self.carried.confirmed += parcel.keys.len();
                self.last_word = Instant::now();
                tell(News::Confirmed(parcel.keys.len()));
            }
            ConfirmResult::Returned => self.give_up(at, |carried| &mut carried.unroutable),
            ConfirmResult::Unsendable => self.give_up(at, |carried| &mut carried.unsendable),
            ConfirmResult::Nacked | ConfirmResult::Lost | ConfirmResult::Unsent => {
                let nacked = confirmed.result == ConfirmResult::Nacked;
                let Some(attempts) = self.attempts.get_mut(at) else {
                    return;
                };
                *attempts = attempts.saturating_add(1);
                if *attempts >= ATTEMPTS_MAX {
                    return self.give_up(at, |carried| &mut carried.refused);
                }
                if nacked {
                    self.pace.next = Instant::now() + REFUSAL_PAUSE;
                } else {
                    self.carried.repeated += 1;
                }
                if *attempts == 1 && nacked {
                    tell(News::Trouble(format!(
                        "the broker refuses {}",
                        parcel.message_id
                    )));
                }
                self.todo.push_back(at);
            }
        }
    }

    fn give_up(&mut self, at: usize, list: impl FnOnce(&mut Carried) -> &mut Vec<usize>) {
        list(&mut self.carried).push(at);
        // Nobody will answer it.
        if let Some(parcel) = self.parcels.get(at) {
            for key in &parcel.keys {
                self.expected.remove(&name(&parcel.book, key));
            }
        }
    }

    fn answer(&mut self, delivery: &Delivery, tell: &mut impl FnMut(News)) {
        let Some(answer) = Answer::read(delivery) else {
            tell(News::Trouble(
                "an outcome cannot be read; is something else sending?".to_owned(),
            ));
            return;
        };
        self.last_word = Instant::now();
        let name = name(&answer.book, &answer.key);
        // One that nobody waits for answers a message that went twice.
        let Some(owed) = self.expected.get_mut(&name) else {
            return;
        };
        *owed = owed.saturating_sub(1);
        if *owed == 0 {
            self.expected.remove(&name);
        }
        tell(News::Answered(answer));
    }

    /// Send again whatever has a job without an answer and does not wait for its turn anyway.
    fn repeat_unanswered(&mut self) {
        let waiting: BTreeSet<usize> = self.todo.iter().copied().collect();
        for (at, parcel) in self
            .parcels
            .iter()
            .enumerate()
            .filter(|(at, _)| !waiting.contains(at))
        {
            let missing = |key: &String| self.expected.contains_key(&name(&parcel.book, key));
            if parcel.keys.iter().any(missing) {
                self.carried.repeated += 1;
                self.todo.push_back(at);
            }
        }
    }

    fn finish(mut self) -> Carried {
        let pair = |(book, key): (&str, &str)| (book.to_owned(), key.to_owned());
        let unanswered = self
            .expected
            .keys()
            .filter_map(|name| name.split_once(' ').map(pair));
        self.carried.unanswered = unanswered.collect();
        self.carried
    }
}

/// A job's book and key as one word; neither has a blank.
fn name(book: &str, key: &str) -> String {
    format!("{book} {key}")
}

/// Spreads jobs over time.
struct Pace {
    rate: Option<u32>,
    next: Instant,
}

impl Pace {
    fn sent(&mut self, jobs: usize) {
        let Some(rate) = self.rate.filter(|rate| *rate > 0) else {
            return;
        };
        let jobs = u32::try_from(jobs).unwrap_or(u32::MAX);
        let each = Duration::from_secs(1).checked_div(rate).unwrap_or_default();
        // Time that was not used is gone: after a pause there is no burst.
        self.next = self.next.max(Instant::now()) + each.saturating_mul(jobs);
    }
}

impl Answer {
    /// Read an outcome as it was published.
    pub fn read(delivery: &Delivery) -> Option<Self> {
        let body: Value = serde_json::from_slice(&delivery.body).ok()?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            book: text("book")?,
            key: text("key")?,
            status: text("status")?,
            code: text("code"),
            duplicate: delivery.properties.header(DUPLICATE) == Some(&HeaderValue::Bool(true)),
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(keys: &[&str]) -> Parcel {
        Parcel {
            content_type: "application/json",
            message_id: "m".to_owned(),
            kind: None,
            user_id: None,
            book: "main".to_owned(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            body: Vec::new(),
        }
    }

    fn outcome(key: &str) -> Delivery {
        let body = format!(r#"{{"book":"main","key":"{key}","status":"posted"}}"#);
        Delivery {
            epoch: crate::broker::Epoch(0),
            tag: 1,
            body: body.into_bytes(),
            properties: Properties::default(),
            exchange: String::new(),
            routing_key: String::new(),
            redelivered: false,
            delivery_count: None,
        }
    }

    fn said(token: u64, result: ConfirmResult) -> Confirmed {
        Confirmed { token, result }
    }

    fn drain(round: &mut Round<'_>) -> Vec<usize> {
        std::iter::from_fn(|| round.take()).collect()
    }

    #[test]
    fn what_is_lost_or_refused_goes_again_until_it_is_given_up() {
        let parcels = [parcel(&["a"]), parcel(&["b"])];
        let mut round = Round::new(&parcels, true, None);
        assert_eq!(drain(&mut round), [0, 1]);
        round.settle(said(0, ConfirmResult::Lost), &mut |_| ());
        round.settle(said(1, ConfirmResult::Acked), &mut |_| ());
        assert_eq!(drain(&mut round), [0]);
        for _ in 1..ATTEMPTS_MAX {
            assert!(round.sending());
            round.settle(said(0, ConfirmResult::Nacked), &mut |_| ());
            drain(&mut round);
        }
        round.answer(&outcome("b"), &mut |_| ());
        assert!(round.patience(Some(Duration::from_secs(1))).is_none());
        let carried = round.finish();
        assert_eq!((carried.confirmed, carried.refused), (1, vec![0]));
        assert_eq!((carried.repeated, carried.unanswered), (1, vec![]));
    }

    #[test]
    fn each_delivery_of_a_key_has_an_answer_and_no_more() {
        let parcels = [parcel(&["a", "b"]), parcel(&["a"])];
        let mut round = Round::new(&parcels, true, None);
        let mut heard = 0;
        for _ in 0..3 {
            round.answer(&outcome("a"), &mut |_| heard += 1);
        }
        assert_eq!(heard, 2);
        assert_eq!(
            round.finish().unanswered,
            [("main".to_owned(), "b".to_owned())]
        );
    }

    #[test]
    fn only_what_is_unanswered_is_asked_again() {
        let parcels = [parcel(&["a"]), parcel(&["b"]), parcel(&["c"])];
        let mut round = Round::new(&parcels, true, None);
        assert_eq!((round.take(), round.take()), (Some(0), Some(1)));
        for token in [0, 1] {
            round.settle(said(token, ConfirmResult::Acked), &mut |_| ());
        }
        round.answer(&outcome("a"), &mut |_| ());
        round.repeat_unanswered();
        assert_eq!(drain(&mut round), [2, 1]);
    }

    #[test]
    fn a_rate_spreads_jobs_and_allows_no_burst() {
        let parcels = [parcel(&["a", "b"]), parcel(&["c"])];
        let mut round = Round::new(&parcels, false, Some(10));
        let start = Instant::now();
        assert_eq!(round.ready(), Some(0));
        round.take();
        assert_eq!(round.ready(), None);
        let next = round.until(BROKER_PATIENCE);
        assert!(
            next >= start + Duration::from_millis(200),
            "{:?}",
            next - start
        );
        assert!(next < start + Duration::from_secs(5));
    }
}
