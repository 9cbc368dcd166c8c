//! In the broker's place: gives messages to the pipeline and takes the proofs of durability.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::stock::Stock;
use super::{BenchFault, quantile, resident_bytes};
use crate::broker::{Delivery, Epoch, Properties};
use crate::pipeline::observe::Observer;
use crate::pipeline::parcel::Arrived;
use crate::pipeline::persist::Persisted;
use crate::ring::Producer;
use crate::wire::container;

/// Exchange that messages of the benchmarks come from.
pub(super) const JOBS_EXCHANGE: &str = "kontor.jobs";
/// Memory is looked at so many times in a run.
const SAMPLES: u64 = 10;

/// Gives messages.
pub(super) struct Feeder {
    stock: Stock,
    routed: bool,
    tag: u64,
    per_message: u32,
}

/// A message that became durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// When it was received, or should have been.
    pub received: Duration,
    /// When it was durable.
    pub durable: Duration,
}

impl Age {
    /// Between the two.
    pub fn took(self) -> Duration {
        self.durable.saturating_sub(self.received)
    }
}

/// What came of feeding.
#[derive(Debug, Default)]
pub struct Fed {
    /// From the first message to the last proof.
    pub took: Duration,
    /// Jobs that are durable.
    pub durable: u64,
    /// Received to durable, message by message.
    pub ages: Vec<Age>,
    /// Jobs durable and bytes resident, at intervals.
    pub memory: Vec<(u64, u64)>,
}

impl Fed {
    /// The longest ways of so many of a hundred.
    pub fn quantile(&self, percent: usize) -> Duration {
        let mut all: Vec<Duration> = self.ages.iter().map(|age| age.took()).collect();
        all.sort_unstable();
        quantile(&all, percent)
    }

    /// Jobs in a second.
    pub fn per_second(&self) -> u64 {
        super::per_second(self.durable, self.took)
    }

    /// Take a group; how many messages it settles.
    fn take(&mut self, group: &Persisted, now: Duration) -> Result<usize, BenchFault> {
        let mut settled = 0_usize;
        for posted in group.batches.iter().flat_map(|batch| &batch.posted) {
            // A job of the load that came before would be no job at all.
            if !posted.dead.is_empty() || posted.jobs == 0 {
                return Err(BenchFault::Load);
            }
            self.ages.push(Age {
                received: posted.received,
                durable: now,
            });
            self.durable = self.durable.saturating_add(u64::from(posted.jobs));
            settled = settled.saturating_add(1);
        }
        Ok(settled)
    }
}

impl Feeder {
    /// `routed` messages come over the exchange of jobs, with their book in the routing key; others
    /// name the book of each job inside.
    pub(super) fn new(stock: Stock, per_message: u32, routed: bool) -> Self {
        Self {
            stock,
            routed,
            tag: 0,
            per_message,
        }
    }

    /// Keep so many messages inside, as a prefetch does, until so many jobs are durable.
    pub(super) fn fill(
        mut self,
        (jobs, prefetch): (u64, usize),
        arrived: &Producer<Arrived>,
        persisted: &mut mpsc::Receiver<Persisted>,
        observer: &Observer,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Fed, BenchFault> {
        let began = Instant::now();
        let mut fed = Fed::default();
        let (mut open, mut sample_at, mut sent) = (0_usize, 0, 0_u64);
        while fed.durable < jobs {
            while open < prefetch && sent < jobs {
                let received = observer.clock().elapsed();
                self.give(arrived, received)?;
                sent = sent.saturating_add(u64::from(self.per_message));
                open = open.saturating_add(1);
            }
            let group = persisted.blocking_recv().ok_or(BenchFault::Stopped)?;
            let settled = fed.take(&group, observer.clock().elapsed())?;
            open = open.saturating_sub(settled);
            if fed.durable >= sample_at {
                fed.memory.push((fed.durable, resident_bytes()));
                sample_at = fed.durable.saturating_add(jobs.div_euclid(SAMPLES));
                progress(fed.durable);
            }
        }
        fed.took = began.elapsed();
        Ok(fed)
    }

    /// Give messages at the times of a schedule, whatever becomes of them, until told to stop. A
    /// message counts from the time at which it should have come: one that had to wait because the
    /// pipeline stood still has waited.
    pub(super) fn pace(
        mut self,
        jobs_per_second: u64,
        arrived: Producer<Arrived>,
        persisted: &mut mpsc::Receiver<Persisted>,
        observer: &Observer,
        stop: &AtomicBool,
    ) -> Result<Fed, BenchFault> {
        let began = Instant::now();
        let step = u128::from(self.per_message)
            .saturating_mul(1_000_000_000)
            .div_euclid(u128::from(jobs_per_second.max(1)));
        let step = Duration::from_nanos(u64::try_from(step).unwrap_or(u64::MAX));
        thread::scope(|scope| {
            let giver = scope.spawn(move || {
                let mut due = observer.clock().elapsed();
                while !stop.load(Ordering::Acquire) {
                    let early = due.saturating_sub(observer.clock().elapsed());
                    if !early.is_zero() {
                        thread::sleep(early);
                    }
                    self.give(&arrived, due)?;
                    due = due.saturating_add(step);
                }
                Ok::<(), BenchFault>(())
            });
            let mut fed = Fed::default();
            // The stations end, and with them this, when the giver has dropped its end.
            let mut taken = Ok(());
            while let Some(group) = persisted.blocking_recv() {
                let now = observer.clock().elapsed();
                if taken.is_ok() {
                    taken = fed.take(&group, now).map(|_settled| ());
                }
            }
            giver.join().map_err(|_panic| BenchFault::Stopped)??;
            taken?;
            fed.took = began.elapsed();
            Ok(fed)
        })
    }

    fn give(&mut self, arrived: &Producer<Arrived>, received: Duration) -> Result<(), BenchFault> {
        self.tag = self.tag.saturating_add(1);
        let body = self.stock.message().ok_or(BenchFault::Load)?;
        let message = Arrived {
            delivery: Arc::new(delivery(self.tag, body, self.routed)),
            received,
            alone: false,
        };
        arrived.push(message).map_err(|_closed| BenchFault::Stopped)
    }
}

/// A message in binary form as the broker would deliver it.
pub(super) fn delivery(tag: u64, body: Vec<u8>, routed: bool) -> Delivery {
    let exchange = if routed { JOBS_EXCHANGE } else { "" };
    Delivery {
        epoch: Epoch(1),
        tag,
        body,
        properties: Properties {
            content_type: Some(container::CONTENT_TYPE.to_owned()),
            ..Properties::default()
        },
        exchange: exchange.to_owned(),
        routing_key: super::load::BOOK.to_owned(),
        redelivered: false,
        delivery_count: None,
    }
}
