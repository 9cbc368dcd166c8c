//! What the stations tell the metrics: counted in batches, and nothing as posted before it is
//! durable.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::parcel::Batch;
use super::persist::Persisted;
use crate::broker::Delivery;
use crate::code::Code;
use crate::ids::KindCode;
use crate::jobs::kind_name;
use crate::ledger::{Commit, JobRecord, Record};
use crate::telemetry::Metrics;
use crate::time::{Clock, Timestamp};

/// One partition's way to the metrics.
#[derive(Clone)]
pub struct Observer {
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    partition: u16,
}

/// What became of the jobs of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    posted: u64,
    entries: u64,
    duplicates: u64,
}

/// Few kinds make up a batch.
type Tallies = BTreeMap<KindCode, Tally>;

impl Observer {
    /// An observer of a partition.
    pub fn new(metrics: Arc<Metrics>, clock: Arc<dyn Clock>, partition: u16) -> Self {
        Self {
            metrics,
            clock,
            partition,
        }
    }

    /// The metrics themselves.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The partition's number.
    pub fn number(&self) -> u16 {
        self.partition
    }

    /// The partition's handles.
    pub fn partition(&self) -> Option<&crate::telemetry::metrics::Partition> {
        self.metrics.partition(self.partition)
    }

    /// A delivery arrived.
    pub fn arrived(&self, delivery: &Delivery) {
        if let Some(partition) = self.partition() {
            let counter = if delivery.redelivered {
                &partition.deliveries_again
            } else {
                &partition.deliveries_first
            };
            counter.increment(1);
        }
        // The property has whole seconds; a clock of the producer's that runs ahead counts as zero.
        if let Some(sent) = delivery
            .properties
            .timestamp
            .and_then(|sent| i64::try_from(sent).ok())
        {
            let sent = Timestamp(sent.saturating_mul(1_000_000_000));
            self.metrics
                .stations
                .queue_age
                .record(since(sent, self.clock.now()));
        }
    }

    /// Messages were decoded into so many jobs.
    pub fn decoded(&self, jobs: usize, messages: u64, took: Duration) {
        if let Some(partition) = self.partition() {
            partition
                .jobs_received
                .increment(u64::try_from(jobs).unwrap_or(u64::MAX));
        }
        self.metrics
            .stations
            .decode_duration
            .record_many(took, messages);
    }

    /// Outcomes recorded at this time were published.
    pub fn published(&self, recorded_at: Timestamp) {
        self.metrics.outbox.latency.record(self.age(recorded_at));
    }

    /// A part of a message has arrived among the dead letters.
    pub fn set_aside(&self, code: Code) {
        self.metrics.dead_letters(code.text()).increment(1);
    }

    /// How long ago something was recorded.
    pub fn age(&self, recorded_at: Timestamp) -> Duration {
        since(recorded_at, self.clock.now())
    }

    /// A batch was applied.
    pub fn posted(&self, jobs: usize, took: Duration) {
        self.metrics
            .stations
            .batch_jobs
            .record(u64::try_from(jobs).unwrap_or(u64::MAX));
        self.metrics.stations.post_duration.record(took);
    }

    /// Batches are durable.
    pub fn persisted(&self, persisted: &Persisted, bytes: u64, took: Duration) {
        self.metrics.stations.persist_duration.record(took);
        self.metrics.journal.bytes.increment(bytes);
        if let Some(partition) = self.partition() {
            partition.durable_sequence.set(persisted.proof.position().0);
        }
        let now = self.clock.elapsed();
        let mut tallies = Tallies::new();
        for batch in &persisted.batches {
            self.tally(batch, &mut tallies);
            self.complete(batch);
            for posted in &batch.posted {
                let age = now.saturating_sub(posted.received);
                self.metrics
                    .stations
                    .job_latency
                    .record_many(age, u64::from(posted.jobs.max(1)));
            }
        }
        for (kind, tally) in tallies {
            let Some(handles) = kind_name(kind).and_then(|name| self.metrics.kind(name)) else {
                continue;
            };
            handles.posted.increment(tally.posted);
            handles.entries.increment(tally.entries);
            handles.duplicate.increment(tally.duplicates);
        }
    }

    /// What came in against what became of it. A message whose jobs became durable in two groups is
    /// out for the moment in between; when all is done the difference is nothing, or a job was
    /// lost.
    fn complete(&self, batch: &Batch) {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let taken: u64 = batch.posted.iter().map(|p| u64::from(p.items)).sum();
        let dead: usize = batch.posted.iter().map(|posted| posted.dead.len()).sum();
        let records = batch.commit.iter().flat_map(|commit| &commit.records);
        // What the engine did by itself did not come in.
        let came = |record: &&Record| record.as_job().is_some_and(|job| job.event.is_none());
        let outcomes = records.filter(came).count();
        let done = count(
            dead.saturating_add(outcomes)
                .saturating_add(batch.again.len()),
        );
        let difference = &self.metrics.completeness_difference;
        if taken > done {
            difference.add(taken - done);
        } else if done > taken {
            difference.subtract(done - taken);
        }
    }

    fn tally(&self, batch: &Batch, tallies: &mut Tallies) {
        for again in &batch.again {
            tally_of(tallies, again.kind).duplicates += 1;
        }
        let Some(commit) = &batch.commit else { return };
        let mut legs = 0_usize;
        for effect in &commit.effects {
            legs = legs.saturating_add(effect.as_post().map_or(0, |post| post.legs.len()));
        }
        self.metrics
            .stations
            .legs
            .increment(u64::try_from(legs).unwrap_or(u64::MAX));
        for record in &commit.records {
            if let Record::Job(job) = record {
                self.tally_job(job, commit, tallies);
            }
        }
    }

    fn tally_job(&self, job: &JobRecord, commit: &Commit, tallies: &mut Tallies) {
        if let Some(occurred) = job.envelope.occurred_at {
            let days = since(occurred, commit.recorded_at)
                .as_secs()
                .div_euclid(86_400);
            self.metrics.stations.booking_lag_days.record(days);
        }
        let Some(rejection) = &job.outcome.rejection else {
            let tally = tally_of(tallies, job.envelope.kind);
            tally.posted += 1;
            // An approval shows the entries of the job that it approved, which has its own record.
            let effects = commit.effects(&job.effects).iter();
            let entries = effects.filter(|effect| effect.as_post().is_some()).count();
            tally.entries += u64::try_from(entries).unwrap_or(u64::MAX);
            return;
        };
        // A name that the catalogue does not have came from outside and makes no series.
        let kind = kind_name(job.envelope.kind).unwrap_or("unknown");
        self.metrics
            .rejected(kind, rejection.code().text())
            .increment(1);
    }
}

fn tally_of(tallies: &mut Tallies, kind: KindCode) -> &mut Tally {
    tallies.entry(kind).or_default()
}

fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::from_nanos(u64::try_from(now.0.saturating_sub(then.0)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bench::rig::observer;
    use crate::broker::Epoch;
    use crate::ids::Position;
    use crate::jobs::desk::Desk;
    use crate::pipeline::parcel::{Posted, Tag};

    #[test]
    fn an_approval_counts_once_and_what_it_approved_did_not_come_in() {
        let config = json!({
            "users": { "carla": ["controller"] },
            "approval_policy": [
                { "kind": "entry.post", "tiers": [{ "approvals": 1, "by": ["controller"] }] },
            ],
        });
        let account = json!({ "unit": "EUR", "class": "asset", "opening": "0.00" });
        let mut desk = Desk::given(&json!({ "a": account, "b": account }), &config);
        let legs = json!([{ "dr": "a", "amount": "1.00" }, { "cr": "b", "amount": "1.00" }]);
        let job = json!({ "kind": "entry.post", "key": "pay", "data": { "legs": legs } });
        desk.run_as(Some("anna"), "approval.request", &json!({ "job": job }));
        let decision = json!({ "request": "APR-000001", "decision": "approve" });
        desk.run_as(Some("carla"), "approval.decide", &decision);
        let observer = observer();
        let mut tallies = Tallies::new();
        for commit in desk.commits.split_off(desk.commits.len() - 2) {
            let posted = Posted {
                tag: Tag {
                    epoch: Epoch(1),
                    tag: 1,
                },
                received: Duration::ZERO,
                after: Position(0),
                items: 1,
                jobs: 1,
                dead: Vec::new(),
                original: None,
            };
            let batch = Batch {
                commit: Some(Arc::new(commit)),
                posted: vec![posted],
                again: Vec::new(),
            };
            observer.complete(&batch);
            observer.tally(&batch, &mut tallies);
        }
        let text = observer.metrics().render();
        assert!(
            text.contains("kontor_completeness_difference 0\n"),
            "{text}"
        );
        let entries = |kind| {
            let tally = tallies[&crate::jobs::kind_code(kind).unwrap()];
            (tally.posted, tally.entries)
        };
        assert_eq!(entries("approval.request"), (1, 0));
        assert_eq!(entries("approval.decide"), (1, 0));
        assert_eq!(entries("entry.post"), (1, 1));
    }
}
