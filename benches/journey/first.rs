//! The worker one would write first: a message, a transaction, an acknowledgement.
//!
//! It keeps the key, the entry and two balances, so that a message that comes twice has one effect.
//! It does not check periods, limits or freezes, keeps no history that can be verified and sends no
//! outcome.

use anyhow::{Context, Result};
use futures_lite::StreamExt;
use lapin::options::BasicAckOptions;
use serde_json::Value;
use tokio_postgres::{Client, Statement};

use super::postgres::Cluster;
use super::queue::Queue;
use super::window::{Took, Window};

/// Take so many messages.
pub(crate) async fn run(
    queue: &Queue,
    cluster: &Cluster,
    messages: u32,
    prefetch: u16,
) -> Result<Took> {
    let mut database = Database::open(cluster).await?;
    let (connection, _channel, mut consumer) = queue.consume(prefetch).await?;
    let mut window = Window::of(std::process::id(), u64::from(messages));
    let mut done = 0_u64;
    let took = loop {
        let delivery = consumer.next().await.context("the consumer ended")??;
        let job: Value = serde_json::from_slice(&delivery.data)?;
        database.post(&job).await?;
        delivery.acker.ack(BasicAckOptions::default()).await?;
        done = done.saturating_add(1);
        if let Some(took) = window.done(done)? {
            break took;
        }
    };
    connection.close(200, "done".into()).await?;
    Ok(took)
}

/// The worker's side of the database.
pub(crate) struct Database {
    client: Client,
    key: Statement,
    entry: Statement,
    debit: Statement,
    credit: Statement,
}

impl Database {
    /// Connect, and prepare what is done for each message.
    pub(crate) async fn open(cluster: &Cluster) -> Result<Self> {
        let client = cluster.connect().await?;
        let key = "INSERT INTO job VALUES ($1) ON CONFLICT DO NOTHING";
        let entry = "INSERT INTO entry (key, debit, credit, amount) VALUES ($1, $2, $3, $4)";
        let debit = "UPDATE balance SET debits = debits + $2 WHERE account = $1";
        let credit = "UPDATE balance SET credits = credits + $2 WHERE account = $1";
        Ok(Self {
            key: client.prepare(key).await?,
            entry: client.prepare(entry).await?,
            debit: client.prepare(debit).await?,
            credit: client.prepare(credit).await?,
            client,
        })
    }

    /// Keep a job, once.
    pub(crate) async fn post(&mut self, job: &Value) -> Result<()> {
        let text = |path: &str| {
            job.pointer(path)
                .and_then(Value::as_str)
                .context("not a job")
        };
        let (key, debit) = (text("/key")?, text("/data/legs/0/dr")?);
        let (credit, amount) = (text("/data/legs/1/cr")?, text("/data/legs/0/amount")?);
        let cents: i64 = amount.replace('.', "").parse()?;
        let transaction = self.client.transaction().await?;
        if transaction.execute(&self.key, &[&key]).await? == 1 {
            transaction
                .execute(&self.entry, &[&key, &debit, &credit, &cents])
                .await?;
            // In the order of the accounts: two at once would else wait for each other for ever.
            let mut sides = [(debit, &self.debit), (credit, &self.credit)];
            sides.sort_unstable_by_key(|(account, _)| *account);
            for (account, side) in sides {
                transaction.execute(side, &[&account, &cents]).await?;
            }
        }
        Ok(transaction.commit().await?)
    }
}
