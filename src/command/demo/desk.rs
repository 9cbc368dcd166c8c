//! Sends the company's orders, hears the outcomes, and checks each against what was expected.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::order::{Form, Order, parcels};
use super::tally::Tally;
use crate::broker::rabbit::{ConnectOptions, look};
use crate::broker::{BrokerFault, Delivery, Topology};
use crate::command::Unexpected;
use crate::command::submit::courier::{Answer, Carried, Courier, News, Parcel, Wishes};
use crate::command::submit::progress::Progress;

/// First word of exchanges and queues: the default, as the broker is all ours.
const PREFIX: &str = "kontor";
/// How long the next outcome may take, also while the daemon starts again.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// Where orders go out and outcomes come in.
pub(super) struct Desk {
    connect: ConnectOptions,
    courier: Courier,
    /// What became of all orders so far.
    pub(super) tally: Tally,
    /// The highest sequence of an outcome so far.
    pub(super) sequence: u64,
}

/// Orders with their outcomes.
pub(super) struct Sent {
    /// One for each order, in their order.
    pub(super) answers: Vec<Answer>,
    /// From the first message to the last outcome.
    pub(super) took: Duration,
}

impl Desk {
    /// Connect to the broker.
    pub(super) async fn open(uri: &str) -> Result<Self, BrokerFault> {
        let connect = ConnectOptions::parse(uri)?;
        let courier = Courier::open(connect.clone(), PREFIX, Some("demo")).await?;
        Ok(Self {
            connect,
            courier,
            tally: Tally::default(),
            sequence: 0,
        })
    }

    /// Send orders and wait for their outcomes.
    pub(super) async fn send(&mut self, orders: &[Order], form: Form) -> anyhow::Result<Sent> {
        self.send_telling(orders, form, || ()).await
    }

    /// The same for one order.
    pub(super) async fn send_one(&mut self, order: Order) -> anyhow::Result<Answer> {
        let sent = self.send(&[order], Form::Each).await?;
        let answer = sent.answers.into_iter().next();
        answer.ok_or_else(|| Unexpected("an order without an outcome".to_owned()).into())
    }

    /// Send orders; `tell` hears of each outcome as it comes.
    pub(super) async fn send_telling(
        &mut self,
        orders: &[Order],
        form: Form,
        tell: impl FnMut(),
    ) -> anyhow::Result<Sent> {
        self.carry(&parcels(orders, form)?, orders, tell).await
    }

    /// Send messages that hold these orders, and perhaps something else.
    pub(super) async fn carry(
        &mut self,
        parcels: &[Parcel],
        orders: &[Order],
        mut tell: impl FnMut(),
    ) -> anyhow::Result<Sent> {
        let wishes = Wishes {
            wait: Some(PATIENCE),
            rate: None,
        };
        let mut progress = Progress::new(orders.len(), true);
        let mut heard: BTreeMap<String, VecDeque<Answer>> = BTreeMap::new();
        let note = |news: News| {
            progress.note(&news);
            if let News::Answered(answer) = news {
                heard
                    .entry(answer.key.clone())
                    .or_default()
                    .push_back(answer);
                tell();
            }
        };
        let since = Instant::now();
        let carried = self.courier.carry(parcels, &wishes, note).await;
        let took = since.elapsed();
        progress.finish();
        arrived(&carried?)?;
        let mut answers = Vec::with_capacity(orders.len());
        for order in orders {
            let answer = heard.get_mut(&order.key).and_then(VecDeque::pop_front);
            let answer =
                answer.ok_or_else(|| Unexpected(format!("{} has no outcome", order.key)))?;
            order.check(&answer)?;
            self.tally.add(&answer);
            let sequence = answer
                .body
                .get("sequence")
                .and_then(serde_json::Value::as_u64);
            self.sequence = self.sequence.max(sequence.unwrap_or_default());
            answers.push(answer);
        }
        Ok(Sent { answers, took })
    }

    /// Another way to the same broker, for messages whose outcomes nobody waits for.
    pub(super) fn beside(&self) -> Beside {
        Beside(self.connect.clone())
    }

    /// Wait until so many dead letters lie there, and look at them.
    pub(super) async fn dead_letters(&self, count: u32) -> anyhow::Result<Vec<Delivery>> {
        let queue = Topology::dead_exchange(PREFIX);
        let since = Instant::now();
        loop {
            let found = look::depth(&self.connect, &queue).await?;
            if found >= count || since.elapsed() > PATIENCE {
                let most = usize::try_from(count).unwrap_or(usize::MAX);
                let letters = look::peek(&self.connect, &queue, most.saturating_add(1)).await?;
                if letters.len() == most {
                    return Ok(letters);
                }
                let problem = format!("{count} dead letters expected, {} found", letters.len());
                return Err(Unexpected(problem).into());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Say goodbye.
    pub(super) async fn close(self) -> Tally {
        self.courier.close().await;
        self.tally
    }
}

/// Where orders go out while a desk is busy.
pub(super) struct Beside(ConnectOptions);

impl Beside {
    /// Send orders, each until the broker has it.
    pub(super) async fn send(&self, orders: &[Order]) -> anyhow::Result<()> {
        let mut courier = Courier::open(self.0.clone(), PREFIX, None).await?;
        let wishes = Wishes {
            wait: None,
            rate: None,
        };
        let parcels = parcels(orders, Form::Each)?;
        let carried = courier.carry(&parcels, &wishes, |_| ()).await;
        courier.close().await;
        Ok(arrived(&carried?)?)
    }
}

/// Whether every message was taken and every job answered.
fn arrived(carried: &Carried) -> Result<(), Unexpected> {
    let lost = [
        (carried.unroutable.len(), "messages found no queue"),
        (carried.refused.len(), "messages were refused by the broker"),
        (carried.unsendable.len(), "messages do not fit into AMQP"),
        (carried.unanswered.len(), "jobs have no outcome"),
    ];
    let problems = lost.into_iter().filter(|(count, _)| *count > 0);
    let problems: Vec<String> = problems
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Unexpected(problems.join(", ")))
}
