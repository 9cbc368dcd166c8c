//! Load that comes by a schedule, whatever becomes of it.
//!
//! Each message has the time at which it must be published. Latency is counted from that time and
//! not from when it was published: while something stands still, everybody whose time has come
//! waits, and is counted as waiting.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kontor::bench::load::Stock;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::daemon::Daemon;
use super::outcomes::Outcomes;
use super::queue::{Form, Queue, publish};
use super::spread::Spread;

/// Messages are due in bunches, so far apart at the least.
const BUNCH: Duration = Duration::from_micros(250);
/// How long a run may stand still.
const PATIENCE: Duration = Duration::from_secs(60);
/// Every key of the load begins so.
const KEY_PREFIX: &str = "bench-";

/// What a load brought out.
pub(crate) struct Loaded {
    /// From when a message was due to its outcome.
    pub(crate) outcome: Spread,
    /// Received to durable as the daemon counts it, in microseconds: half of the jobs took no more.
    pub(crate) durable_median: u64,
    /// All but one in a hundred took no longer; the bound of a bucket, never less than it was.
    pub(crate) durable_p99: u64,
}

/// When messages are due.
#[derive(Clone, Copy)]
struct Schedule {
    began: Instant,
    rate: u64,
    messages: u64,
}

impl Schedule {
    fn due(self, number: u64) -> Instant {
        let nanos = u128::from(number) * 1_000_000_000;
        let nanos = nanos.div_euclid(u128::from(self.rate.max(1)));
        self.began + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Say at the right times how many are due, from a thread of its own: a runtime's timer is a
    /// millisecond late.
    fn tell(self, due: &mpsc::Sender<u64>) {
        let mut told = 0;
        while told < self.messages {
            let now = Instant::now();
            let mut count = told;
            while count < self.messages && self.due(count) <= now {
                count += 1;
            }
            if count > told {
                if due.blocking_send(count).is_err() {
                    return;
                }
                told = count;
            }
            thread::sleep(BUNCH.max(self.due(told).saturating_duration_since(Instant::now())));
        }
    }
}

/// Send so many messages a second for a time. `first` is the number of the first key of the stock.
pub(crate) async fn run(
    daemon: &Daemon,
    queue: &Queue,
    (stock, first): (Stock, u64),
    rate: u64,
    time: Duration,
) -> Result<Loaded> {
    let running = daemon.start("each").await?;
    let mut outcomes = Outcomes::of(queue).await?;
    let (connection, channel) = queue.channel().await?;
    let before = running.latencies().await?;
    let schedule = Schedule {
        began: Instant::now() + Duration::from_millis(100),
        rate,
        messages: rate.saturating_mul(time.as_secs()).max(1),
    };
    let (tell, mut due) = mpsc::channel(64);
    let pacer = thread::spawn(move || schedule.tell(&tell));
    let name = queue.name().to_owned();
    let sender = tokio::spawn(async move {
        let (mut stock, mut sent) = (stock, 0);
        while let Some(count) = due.recv().await {
            while sent < count {
                let body = stock.message().context("the stock is empty")?;
                let form = Form::Single.content_type();
                publish(&channel, "", &name, form, &body).await.await?;
                sent += 1;
            }
        }
        connection.close(200, "done".into()).await?;
        Ok::<(), anyhow::Error>(())
    });
    let mut spread = Spread::new()?;
    while spread.len() < schedule.messages {
        let outcome = timeout(PATIENCE, outcomes.next()).await;
        let outcome = outcome.context("outcomes stopped coming")??;
        let now = Instant::now();
        let key = outcome.properties.correlation_id().as_ref();
        let number = key.and_then(|key| key.as_str().strip_prefix(KEY_PREFIX)?.parse::<u64>().ok());
        let number = number.context("an outcome without its key")?;
        let place = number.checked_sub(first + 1).context("a foreign outcome")?;
        ensure!(place < schedule.messages, "a foreign outcome");
        spread.record(now.saturating_duration_since(schedule.due(place)))?;
    }
    sender.await??;
    pacer.join().ok().context("the pacer fell")?;
    outcomes.close().await?;
    let counted = running.latencies().await?.since(&before);
    running.stop().await?;
    Ok(Loaded {
        outcome: spread,
        durable_median: counted.quantile(50)?,
        durable_p99: counted.quantile(99)?,
    })
}
